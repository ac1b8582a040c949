"""What is new: courses of another status or dose than before, with the counts that changed it.

Before is the version that a load replaced (`write`, at the load) or a past day of the same file (`since`, when asked).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path

import duckdb
import pandas

from leuko import rules
from leuko.count_units import CELLS, CountUnit

FOLDER = Path(__file__).parent / "changed"
STATUSES, COUNTS = ((FOLDER / f"{name}.sql").read_text(encoding="utf-8") for name in ("statuses", "counts"))
COLUMNS = (
    "patient_id", "drug", "protocol", "status_before", "status", "dose_before_mg", "dose_mg", "dose_unit", "since",
    "counts", "why",
)  # fmt: skip
# Which version of a result is read: the same text as for the tables of counts.
RESULTS_USED = (FOLDER.parent / "queries" / "results_used.sql").read_text(encoding="utf-8")
READ = "patient_id, analyte, value, comparator, collected_at, reported_at, specimen, status, derived"
COMPARED = {
    "results_before": "TABLE", "results_now": "TABLE", "changed_statuses": "TABLE", "worklist_before": "VIEW",
    "worklist_now": "VIEW",
}  # fmt: skip
CHANGED = f"""
    SELECT changed.*, counts.counts
    FROM changed_statuses AS changed
    LEFT JOIN ({COUNTS}) AS counts
        ON counts.patient_id = changed.patient_id AND counts.drug = changed.drug AND counts.protocol = changed.protocol
"""


def write(
    con: duckdb.DuckDBPyConnection,
    as_of: date,
    unit: CountUnit,
    labs_before: str = "before.labs",
    labs: str = "labs",
) -> None:
    """Write `changed_courses` of a load: what is another on `as_of` than in `before`, the version that it replaces.

    `labs_before` and `labs` (a table, or a query in brackets) have the results of all who changed, at least those of
    the draws of which one is another.
    """
    before = con.execute("SELECT as_of FROM before.about").fetchall()[0][0]
    compare(con, unit, "before.worklist", known(labs_before, before), known(labs, as_of))
    con.execute(f"CREATE TABLE changed_courses AS {CHANGED}")
    drop(con)


def write_nothing(con: duckdb.DuckDBPyConnection) -> None:
    """Write an empty `changed_courses`, where no version stood before."""
    compare(con, CELLS, "worklist", "labs", "labs")
    con.execute(f"CREATE TABLE changed_courses AS {CHANGED}")
    drop(con)


@contextmanager
def since(
    con: duckdb.DuckDBPyConnection, before: date, worklist: pandas.DataFrame, as_of: date, unit: CountUnit
) -> Iterator[str]:
    """A query for what is another in the worklist of `con`, of `as_of`, than in `worklist`, that of the day `before`.

    Columns: COLUMNS. A course that was not on the list on one of the days has no status there (None). `counts`: the
    last three results, of what its protocol reads, that are read now and were not read before, or were withdrawn; in
    `unit`; None where there is none and the day, a dose or an event changed it.
    """
    con.register("earlier", worklist)
    try:
        compare(con, unit, "earlier", known("labs", before), known("labs", as_of))
        yield CHANGED
    finally:
        drop(con)
        con.unregister("earlier")


def known(labs: str, as_of: date) -> str:
    """The results of a table that were known on a day."""
    after = as_of + timedelta(days=1)
    return f"(SELECT {READ} FROM {labs} WHERE greatest(collected_at, reported_at) < DATE '{after}')"


def compare(
    con: duckdb.DuckDBPyConnection, unit: CountUnit, worklist_before: str, known_before: str, known_now: str
) -> None:
    """Write what CHANGED reads: the courses that changed, and the results that are read of them, on both sides."""
    rules.write_words(con, unit)
    con.execute(f"CREATE OR REPLACE TEMP VIEW worklist_before AS FROM {worklist_before}")
    con.execute("CREATE OR REPLACE TEMP VIEW worklist_now AS FROM worklist")
    con.execute(f"CREATE OR REPLACE TEMP TABLE changed_statuses AS {STATUSES}")
    for table, known_labs in (("results_before", known_before), ("results_now", known_now)):
        con.execute(
            f"""CREATE OR REPLACE TEMP TABLE {table} AS
            WITH known_labs AS (
                FROM {known_labs} AS known
                WHERE patient_id IN (SELECT patient_id FROM changed_statuses)
                    AND analyte IN (SELECT analyte FROM thresholds)
            ), results_used AS ({RESULTS_USED})
            FROM results_used WHERE used"""
        )


def drop(con: duckdb.DuckDBPyConnection) -> None:
    for name, kind in COMPARED.items():
        con.execute(f"DROP {kind} IF EXISTS temp.{name}")
