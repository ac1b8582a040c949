"""Building a DuckDB file and publishing it in one step.

A load writes a new file beside the old one, closes it, renames it, and re-points the symbolic link that
readers open. A crash at any moment leaves the old file whole; a reader never sees half of a load.
"""

import fcntl
import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import date
from pathlib import Path

import duckdb

from leuko import alerts, checks, measures, rules, sources
from leuko.audit import write_settings
from leuko.evaluation import last_day
from leuko.facts import write_facts, write_grades
from leuko.protocols import load_protocols, version, write_tables
from leuko.settings import Setting, read_settings
from leuko.store import KEPT, LAYOUT, QUERIES, StoreError

VERSIONS_KEPT = 2
VERSION = re.compile(r"\.v(\d+)-[0-9a-f]{8}")


def load_csv(
    db: str | os.PathLike,
    *,
    labs: str | os.PathLike,
    exposures: str | os.PathLike,
    patients: str | os.PathLike | None = None,
    events: str | os.PathLike | None = None,
    dose_unit: str = "mg",
    as_of: date | None = None,
    origin: dict | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> int:
    """Publish a new database at `db` from CSV files: see `load`."""

    def read(con: duckdb.DuckDBPyConnection) -> None:
        sources.read_csv(con, labs=labs, exposures=exposures, patients=patients, events=events, dose_unit=dose_unit)

    return load(db, read, as_of=as_of, origin=origin, say=say)


def load(
    db: str | os.PathLike,
    read: Callable[[duckdb.DuckDBPyConnection], None],
    *,
    as_of: date | None = None,
    origin: dict | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> int:
    """Publish a new database at `db` from what `read` brings in, evaluated for `as_of` (default: its last day).

    `read` is one of the readers of `leuko.sources`: it fills the canonical tables of the connection that it is given.
    `origin` may hold `title`, `simulated` and `note`, which every screen shows. `say` is told what is being done. Gives
    the number of rows that were set aside. Raises SourceError, ProtocolError or StoreError, and leaves the database as
    it was.
    """
    with only_load(Path(db)) as number, building_place(Path(db)) as building:
        with closing(duckdb.connect(str(building))) as con:
            say("Reading the files")
            read(con)
            say("Applying the rule")
            set_aside = finish(con, number, as_of, origin or {}, read_settings(Path(db).absolute().parent))
            con.execute("CHECKPOINT")
        say("Publishing")
        point_to(Path(db), building, number)
    return set_aside


@contextmanager
def building_place(db: Path) -> Iterator[Path]:
    """A file name in a folder of its own, where a killed load leaves DuckDB's log and spill files too."""
    folder = Path(f"{db}.building")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    try:
        yield folder / "new.duckdb"
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def finish(
    con: duckdb.DuckDBPyConnection, number: int, as_of: date | None, origin: dict, settings: dict[str, Setting]
) -> int:
    """Evaluate the canonical tables of `con`, write what a page reads, give the number of rows set aside."""
    protocols = load_protocols()
    write_tables(con, protocols)
    con.execute("CREATE OR REPLACE TABLE labs AS FROM labs ORDER BY patient_id, collected_at, analyte")
    day = as_of or last_day(con)
    aside = {*alerts.READ, *measures.READ} - {*KEPT}
    rules.run(con, day, keep=KEPT, aside=tuple(aside))
    alerts.run(con, day, settings)
    checks.write(con, day)
    measures.run(con, day, settings)
    rules.drop(con, aside)
    write_facts(con, temporary=False)
    write_grades(con)
    write_settings(con, settings)
    con.execute(
        """CREATE TABLE about AS SELECT
            CAST($as_of AS DATE) AS as_of,
            least(
                $as_of, (SELECT min(CAST(collected_at AS DATE)) FROM labs), (SELECT min(start_on) FROM exposures)
            ) AS first_day,
            greatest(
                $as_of, (SELECT max(CAST(greatest(collected_at, reported_at) AS DATE)) FROM labs),
                (SELECT max(start_on) FROM exposures)
            ) AS last_on,
            $title AS title, $simulated AS simulated, $note AS note,
            $version AS protocols_version, $layout AS layout, $number AS number""",
        {
            "as_of": day,
            "title": str(origin.get("title", "")),
            "simulated": bool(origin.get("simulated", False)),
            "note": str(origin.get("note", "")),
            "version": version(protocols),
            "number": number,
            "layout": LAYOUT,
        },
    )
    con.execute(
        f"""CREATE VIEW draws AS
        WITH known_labs AS (
            FROM labs WHERE CAST(greatest(collected_at, reported_at) AS DATE) <= (SELECT as_of FROM about)
        ), results_used AS ({QUERIES['results_used']}) {QUERIES['draws']}"""
    )
    counted = con.execute("SELECT (SELECT count(*) FROM rejected) + (SELECT count(*) FROM unmatched)")
    return counted.fetchall()[0][0]


@contextmanager
def only_load(db: Path) -> Iterator[int]:
    """The number of this load, while no other load of the same database runs; StoreError where one does."""
    if db.exists() and not db.is_symlink():
        raise StoreError(f"{db}: is a file that leuko did not publish; name another")
    if not db.absolute().parent.is_dir():
        raise StoreError(f"{db}: there is no folder {db.parent}")
    with open(f"{db}.lock", "w", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise StoreError(f"{db}: another load is running") from error
        yield max(published(db), default=0) + 1


def published(db: Path) -> dict[int, Path]:
    """The versions of a database that stand beside its name, by number."""
    beside = ((file, VERSION.fullmatch(file.name.removeprefix(db.name))) for file in db.parent.iterdir())
    return {int(version[1]): file for file, version in beside if version and file.name.startswith(db.name)}


def point_to(db: Path, built: Path, number: int) -> None:
    """Make the built file the one that readers open, in one step, and remove old versions.

    The name is never used again, also where all versions were removed by hand: caches are keyed by it.
    """
    final = db.with_name(f"{db.name}.v{number}-{secrets.token_hex(4)}")
    flush(built)
    os.replace(built, final)
    link = db.with_name(f"{db.name}.link")
    link.unlink(missing_ok=True)
    link.symlink_to(final.name)
    os.replace(link, db)
    flush(db.absolute().parent)
    versions = published(db)
    for old in sorted(versions)[:-VERSIONS_KEPT]:
        versions[old].unlink()


def flush(path: Path) -> None:
    """Wait until a file or folder is on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
