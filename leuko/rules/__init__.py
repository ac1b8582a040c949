"""The rule: numbered SQL steps in this folder, run in reading order over all courses at once.

Each file is one SELECT and gives the table named after it: doses and courses, the counts they read, the draws that
can change a state, states, episodes, decisions, recommendations and the worklist. docs/rule.md says it in words.
"""

import re
from collections.abc import Callable, Collection
from datetime import date, timedelta
from pathlib import Path
from string import Template

import duckdb

from leuko.count_units import CELLS, CountUnit
from leuko.facts import write_facts

FOLDER = Path(__file__).parent
FILES = sorted(FOLDER.glob("*.sql"))
WORDS, *STEPS = ((path.stem.partition("_")[2], path.read_text(encoding="utf-8")) for path in FILES)
VIEWS = ("results",)
ANSWERS = ("episodes", "recommendations", "worklist", "unmatched")
# The last step that reads each step: millions of rows that nobody reads any more make room for the next.
LAST_READ = {
    name: [reader for reader, text in STEPS if reader == name or re.search(rf"(FROM|JOIN) {name}\b", text)][-1]
    for name, _ in STEPS
}
# A count of cells/µL in another unit, exactly: as a decimal, and only where that cannot hold it as a binary fraction.
IN_UNIT = """coalesce(
    number_words(TRY_CAST(CAST(cells AS VARCHAR) AS DECIMAL(34, 14)) * {one:f}), number_words(cells * {one:f})
)"""


def run(
    con: duckdb.DuckDBPyConnection,
    as_of: date,
    *,
    keep: tuple[str, ...] = ANSWERS,
    aside: tuple[str, ...] = (),
    temporary: bool = False,
    unit: CountUnit = CELLS,
    on_step: Callable[[float], None] = lambda share: None,
) -> None:
    """Evaluate every course in `con` as it was known on `as_of`.

    `con` holds the canonical tables (`labs`, `exposures`, `events`, `patients`) and the protocol tables. The steps
    named in `keep` stay as tables, temporary ones for a replay; those in `aside` stay as temporary ones, for what reads
    them next, and are dropped with `drop`; the others are dropped after the last step that reads them. Counts in
    sentences are in `unit`; every number is in cells/µL. `on_step` is told after each step which share of them is done,
    above 0 and up to 1.
    """
    days = {"as_of": as_of, "after": as_of + timedelta(days=1)}
    write_facts(con)
    write_words(con, unit)
    for number, (name, step) in enumerate(STEPS, start=1):
        kind = "TEMP VIEW" if name in VIEWS else "TABLE" if name in keep and not temporary else "TEMP TABLE"
        con.execute(f"CREATE OR REPLACE {kind} {name} AS\n{step}", named(step, days))
        drop(con, {read for read, last in LAST_READ.items() if last == name} - {*keep, *aside})
        on_step(number / len(STEPS))
    con.execute("DROP TABLE temp.limits; DROP TABLE temp.statuses")


def write_words(con: duckdb.DuckDBPyConnection, unit: CountUnit) -> None:
    """Tell `con` how a number, a day, a dose and a count are written in a sentence; counts in `unit`."""
    con.execute(words_in(unit))


def words_in(unit: CountUnit) -> str:
    """The macros that say so."""
    number = IN_UNIT.format(one=unit.exact(1)) if unit.power else "number_words(cells)"
    return Template(WORDS[1]).substitute(number=number, unit=unit.words, behind=unit.behind)


def named(query: str, known: dict) -> dict | None:
    """Only the parameters that a query names, since DuckDB refuses others; None where it names none."""
    return {name: value for name, value in known.items() if f"${name}" in query} or None


def drop(con: duckdb.DuckDBPyConnection, names: Collection[str]) -> None:
    """Drop these of the rule's temporary steps, a view before what it reads."""
    for name in [name for name, _ in reversed(STEPS) if name in names]:
        con.execute(f"DROP {'VIEW' if name in VIEWS else 'TABLE'} temp.{name}")
