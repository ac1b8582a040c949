"""The rule: numbered SQL steps in this folder, run in reading order over all courses at once.

Each file is one SELECT and gives the table named after it: doses and courses, the counts they read, the draws that
can change a state, states, episodes, decisions, recommendations and the worklist. docs/rule.md says it in words.
"""

from datetime import date, timedelta
from pathlib import Path

import duckdb

from leuko.facts import read_limits

FOLDER = Path(__file__).parent
WORDS = (FOLDER / "00_words.sql").read_text(encoding="utf-8")
STEPS = {path.stem.partition("_")[2]: path.read_text(encoding="utf-8") for path in sorted(FOLDER.glob("[0-9]*.sql"))[1:]}
RESULTS = ("episodes", "recommendations", "worklist")


def run(
    con: duckdb.DuckDBPyConnection, as_of: date, *, keep: tuple[str, ...] = RESULTS, temporary: bool = False
) -> None:
    """Evaluate every course in `con` as it was known on `as_of`.

    `con` holds the canonical tables (`labs`, `exposures`, `events`, `patients`) and the protocol tables. The steps named
    in `keep` stay as tables, temporary ones for a replay; every other step is dropped at the end.
    """
    days = {"as_of": as_of, "after": as_of + timedelta(days=1)}
    limits = ", ".join(f"{value} AS {name}" for name, value in read_limits().items())
    con.execute(f"CREATE OR REPLACE TEMP TABLE limits AS SELECT {limits}")
    con.execute(WORDS)
    for name, step in STEPS.items():
        kind = "TABLE" if name in keep and not temporary else "TEMP TABLE"
        named = {day: value for day, value in days.items() if f"${day}" in step}
        con.execute(f"CREATE OR REPLACE {kind} {name} AS\n{step}", named)
    for name in STEPS.keys() - set(keep) | {"limits"}:
        con.execute(f"DROP TABLE temp.{name}")
