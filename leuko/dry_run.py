"""What would happen to a file if it were loaded: read by the reader of every load, and nothing is kept.

The reader reads files, so the bytes stand in the temporary folder of the machine until it has ended.
"""

import tempfile
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pandas

from leuko import sources
from leuko.sources import COLUMNS, SourceError

MEMORY = {"threads": "2", "memory_limit": "1GB", "autoinstall_known_extensions": "false"}


@dataclass(frozen=True)
class DryRun:
    """What a load would do with one file; `loaded` + `set_aside` = `rows_read`.

    `rejected` has the rows that would be set aside (kind, source, reason, patient_id, raw_record), `patients` those who
    would get a row: `patient_id` and `rows`, by id.
    """

    rows_read: int
    loaded: int
    set_aside: int
    rejected: pandas.DataFrame
    patients: pandas.DataFrame


def dry_run(
    kind: str, content: bytes, dose_unit: str = "mg", on_step: Callable[[float], None] = lambda share: None
) -> DryRun:
    """Read the bytes of one CSV file of a kind (`labs`, `exposures`, `patients`, `events`) as a load would.

    Together with nothing else: an ANC that would be derived from two files is not. Rows are named by `<kind>.csv`.
    Raises SourceError, in one line, where the whole file would be refused.
    """
    with tempfile.TemporaryDirectory() as folder, closing(duckdb.connect(config=MEMORY)) as con:
        file = Path(folder) / f"{kind}.csv"
        file.write_bytes(content)
        try:
            files = {name: file if name == kind else None for name in COLUMNS}
            sources.read_csv(con, **files, dose_unit=dose_unit, on_step=lambda share: on_step(0.9 * share))
            return found(con, kind)
        except duckdb.Error as error:
            raise SourceError(f"{file.name}: cannot be read ({str(error).splitlines()[0]})") from error
        finally:
            on_step(1.0)


def found(con: duckdb.DuckDBPyConnection, kind: str) -> DryRun:
    rows_read, loaded, set_aside = con.execute("SELECT rows_read, loaded, set_aside FROM load_report").fetchall()[0]
    own = "WHERE NOT derived" if kind == "labs" else ""
    return DryRun(
        rows_read,
        loaded,
        set_aside,
        con.execute("SELECT kind, source, reason, patient_id, raw_record FROM rejected ORDER BY source").df(),
        con.execute(
            f"SELECT patient_id, count(*) AS rows FROM {kind} {own} GROUP BY patient_id ORDER BY patient_id"
        ).df(),
    )
