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

FOLDER = Path(__file__).parent / "changed"
STATUSES, COUNTS = ((FOLDER / f"{name}.sql").read_text(encoding="utf-8") for name in ("statuses", "counts"))
COLUMNS = (
    "patient_id", "drug", "protocol", "status_before", "status", "dose_before_mg", "dose_mg", "dose_unit", "since",
    "counts", "why",
)  # fmt: skip
VIEWS = ("worklist_before", "worklist_now", "known_before", "known_now")
CHANGED = f"""
    SELECT changed.*, counts.counts
    FROM changed_statuses AS changed
    LEFT JOIN ({COUNTS}) AS counts
        ON counts.patient_id = changed.patient_id AND counts.drug = changed.drug AND counts.protocol = changed.protocol
"""


def write(con: duckdb.DuckDBPyConnection, as_of: date) -> None:
    """Write `changed_courses` of a load: what is another on `as_of` than in `before`, the version that it replaces."""
    before = con.execute("SELECT as_of FROM before.about").fetchall()[0][0]
    prepare(con, "before.worklist", known("before.labs", before), known("labs", as_of))
    con.execute(f"CREATE TABLE changed_courses AS {CHANGED}")
    drop(con)


def write_nothing(con: duckdb.DuckDBPyConnection) -> None:
    """Write an empty `changed_courses`, where no version stood before."""
    prepare(con, "worklist", "labs", "labs")
    con.execute(f"CREATE TABLE changed_courses AS {CHANGED} LIMIT 0")
    drop(con)


@contextmanager
def since(con: duckdb.DuckDBPyConnection, before: date, worklist: pandas.DataFrame, as_of: date) -> Iterator[str]:
    """A query for what is another in the worklist of `con`, of `as_of`, than in `worklist`, that of the day `before`.

    Columns: COLUMNS. A course that was not on the list on one of the days has no status there (None). `counts`: the
    last three results that were not known before, of what its protocol reads, in cells/µL; None where there is none and
    the day, a dose or an event changed it.
    """
    con.register("earlier", worklist)
    try:
        prepare(con, "earlier", known("labs", before), known("labs", as_of))
        yield CHANGED
    finally:
        drop(con)
        con.unregister("earlier")


def known(labs: str, as_of: date) -> str:
    """The results of a table that were known on a day."""
    return f"(FROM {labs} WHERE greatest(collected_at, reported_at) < DATE '{as_of + timedelta(days=1)}')"


def prepare(con: duckdb.DuckDBPyConnection, worklist_before: str, known_before: str, known_now: str) -> None:
    con.execute(rules.WORDS[1])
    for view, rows in zip(VIEWS, (worklist_before, "worklist", known_before, known_now), strict=True):
        con.execute(f"CREATE OR REPLACE TEMP VIEW {view} AS FROM {rows}")
    con.execute(f"CREATE OR REPLACE TEMP TABLE changed_statuses AS {STATUSES}")


def drop(con: duckdb.DuckDBPyConnection) -> None:
    con.execute("DROP TABLE IF EXISTS temp.changed_statuses")
    for view in VIEWS:
        con.execute(f"DROP VIEW IF EXISTS temp.{view}")
