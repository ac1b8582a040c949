"""The worklist as the screens read it: one table in the order of urgency, each row with its patient and its words.

It is made once for a day, so that a click joins nothing and sorts nothing, however many patients there are.
"""

from pathlib import Path

import duckdb

from leuko import rules

LISTED = (Path(__file__).parent / "queries" / "listed.sql").read_text(encoding="utf-8")


def write(con: duckdb.DuckDBPyConnection, *, temporary: bool = False) -> None:
    """Write `listed` from the answers, the patients and the vocabulary of statuses in `con`."""
    con.execute(rules.WORDS[1])
    con.execute(f"CREATE OR REPLACE {'TEMP TABLE' if temporary else 'TABLE'} listed AS\n{LISTED}")
