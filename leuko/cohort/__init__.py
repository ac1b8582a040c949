"""The cohort: the courses that a reader chose, side by side from their first day on the drug.

The numbered steps in `steps/` prepare what several queries read: the chosen courses, their ANC day by day with band and
grade. Courses, doses and episodes are those of the rule. `leuko.cohort.findings` says what follows from the frames.
docs/cohort.md says it in words.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import duckdb
import pandas

from leuko import measures, rules
from leuko.count_units import CELLS, CountUnit
from leuko.facts import read_rows, write_rows

FOLDER = Path(__file__).parent
QUERIES = {path.stem: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.sql")}
OWN_STEPS = {path.stem[2:]: path.read_text(encoding="utf-8") for path in sorted((FOLDER / "steps").glob("*.sql"))}
STEPS = {
    "courses": dict(rules.STEPS)["courses"],
    "doses_read": measures.STEPS["doses_read"],
    "segments": measures.STEPS["segments"],
    "chosen": OWN_STEPS["chosen"],
    "known_labs": OWN_STEPS["known_labs"],
    "results_used": (FOLDER.parent / "queries" / "results_used.sql").read_text(encoding="utf-8"),
    "counts": OWN_STEPS["counts"],
    "anc_days": OWN_STEPS["anc_days"],
}
BANDS = "name TEXT, at_least DOUBLE, below DOUBLE, tone TEXT, source TEXT"
MOST_LINES = 300  # courses that are drawn line by line
MOST_ROWS = 60  # courses that are drawn row by row
WHOLE = 100_000  # days: longer than any course
CHOICES = ("site", "clinician", "drug", "dose", "diagnosis")


@dataclass(frozen=True)
class Scope:
    """The courses that a reader chose. None: everything. An empty text as a value: none recorded.

    `dose` is a drug with the dose a course began with, such as `dasatinib 100 mg`. `start` and `end` are days, both
    included, of the first dose of a course.
    """

    site: tuple[str, ...] | None = None
    clinician: tuple[str, ...] | None = None
    drug: tuple[str, ...] | None = None
    dose: tuple[str, ...] | None = None
    diagnosis: tuple[str, ...] | None = None
    start: date | None = None
    end: date | None = None

    def parameters(self) -> dict:
        return {name: list(value) if isinstance(value, tuple) else value for name, value in vars(self).items()}


EVERYTHING = Scope()


@dataclass(frozen=True)
class Cohort:
    """The chosen courses as frames; counts in cells/µL, days from 0 on the first day with a dose.

    `courses`: a row a course, with its patient, counts, grades, first episode and share of the starting dose; missing
    where it cannot be told. `lines`: the ANC of at most MOST_LINES of them by day. `quartiles`: those of the ANC that
    stood on each seventh day, over all of them. `cells`: the weeks of at most MOST_ROWS of them, those with the lowest
    counts. `grades_by_dose`: how many had which worst grade on which dose. `thresholds`: at which counts their
    protocols hold and resume. `without_protocol`: patients who would have been chosen, had a protocol fitted their
    doses. `last_day`: the last day of lines, quartiles and cells. `unit`: that in which the counts are shown.
    """

    courses: pandas.DataFrame
    lines: pandas.DataFrame
    quartiles: pandas.DataFrame
    cells: pandas.DataFrame
    grades_by_dose: pandas.DataFrame
    thresholds: pandas.DataFrame
    without_protocol: int
    last_day: int
    unit: CountUnit


def read(
    cursor: duckdb.DuckDBPyConnection,
    as_of: date,
    scope: Scope = EVERYTHING,
    sites: tuple[str, ...] | None = None,
    weeks: int | None = None,
    unit: CountUnit = CELLS,
) -> Cohort:
    """The cohort as known on `as_of`, of the sites that may be seen (None: all).

    `cursor` holds the canonical and the protocol tables, and the rule's `doses` and `episodes` of that day. Lines,
    quartiles and cells reach over the first `weeks` on the drug (None: over the whole of it). Counts are to be shown in
    `unit`.
    """
    known = parameters(as_of, scope, sites, weeks)
    with prepared(cursor, known):

        def asked(name: str) -> pandas.DataFrame:
            return cursor.execute(QUERIES[name], rules.named(QUERIES[name], known)).df()

        return Cohort(
            courses=asked("courses"),
            lines=asked("lines"),
            quartiles=asked("quartiles"),
            cells=asked("cells"),
            grades_by_dose=asked("grades_by_dose"),
            thresholds=asked("thresholds"),
            without_protocol=int(asked("without_protocol")["patients"].iat[0]),
            last_day=known["last_day"],
            unit=unit,
        )


def choices(
    cursor: duckdb.DuckDBPyConnection, as_of: date, sites: tuple[str, ...] | None = None
) -> dict[str, list[str]]:
    """What occurs among all courses, sorted, by the names of CHOICES; an empty text where one is not recorded."""
    known = parameters(as_of, EVERYTHING, sites, None)
    with prepared(cursor, known, ("courses", "chosen")):
        query = "SELECT DISTINCT coalesce({0}, '') AS value FROM chosen ORDER BY value"
        return {name: [value for (value,) in cursor.execute(query.format(name)).fetchall()] for name in CHOICES}


def parameters(as_of: date, scope: Scope, sites: tuple[str, ...] | None, weeks: int | None) -> dict:
    return {
        "as_of": as_of,
        "after": as_of + timedelta(days=1),
        "sites": None if sites is None else list(sites),
        "baseline_days": baseline_days(),
        "last_day": WHOLE if weeks is None else 7 * weeks - 1,
        "most_lines": MOST_LINES,
        "most_rows": MOST_ROWS,
    } | scope.parameters()


def baseline_days() -> int:
    """How many days before the first dose a count may be to stand for the time before the drug."""
    return next(int(row["value"]) for row in read_rows("limits") if row["name"] == "baseline_days")


@contextmanager
def prepared(
    cursor: duckdb.DuckDBPyConnection, known: dict, names: tuple[str, ...] = tuple(STEPS)
) -> Iterator[None]:
    """The steps as temporary tables, dropped at the end: others may read on the same cursor."""
    rules.write_words(cursor, CELLS)  # names of doses alone
    write_rows(cursor, "TEMP TABLE", "bands", BANDS)
    try:
        for name in names:
            cursor.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS\n{STEPS[name]}", rules.named(STEPS[name], known))
        yield
    finally:
        for name in (*names, "bands"):
            cursor.execute(f"DROP TABLE IF EXISTS temp.{name}")
