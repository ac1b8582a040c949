"""How many rows of the input were not used, in the same words on the command line and on every screen.

A row is set aside where nothing of it was loaded. Where it holds several records, a part may be set aside and the rest
loaded. An exposure that no protocol fits was loaded: it is counted apart.
"""

from dataclasses import dataclass

import duckdb

COUNTED = r"""
    WITH refused AS (
        SELECT count(DISTINCT row) AS rows
        FROM (SELECT regexp_replace(unnest(string_split(source, '; ')), ' part \d+$', '') AS row FROM rejected) AS parts
    ),

    nothing_loaded AS (
        SELECT CAST(coalesce(sum(set_aside), 0) AS BIGINT) AS rows FROM load_report
    )

    SELECT nothing_loaded.rows, refused.rows - nothing_loaded.rows, (SELECT count(*) FROM unmatched)
    FROM refused CROSS JOIN nothing_loaded
"""


@dataclass(frozen=True)
class Accounts:
    """Rows of the input that were set aside, loaded rows of which a part was, and exposures without a protocol."""

    set_aside: int
    in_part: int = 0
    unmatched: int = 0

    @property
    def set_aside_words(self) -> str:
        rows = "1 row was" if self.set_aside == 1 else f"{self.set_aside:,} rows were"
        return f"{rows} set aside at the load"

    @property
    def in_part_words(self) -> str:
        rows = "1 row was" if self.in_part == 1 else f"{self.in_part:,} rows were"
        return f"{rows} loaded in part"

    @property
    def unmatched_words(self) -> str:
        if self.unmatched == 1:
            return "1 loaded exposure fits no protocol and is judged by none"
        return f"{self.unmatched:,} loaded exposures fit no protocol and are judged by none"


def read(con: duckdb.DuckDBPyConnection) -> Accounts:
    """Count in what a load left in `con`: `rejected`, `load_report` and the rule's `unmatched`."""
    return Accounts(*con.execute(COUNTED).fetchall()[0])


def of_rule(con: duckdb.DuckDBPyConnection) -> Accounts:
    """What the rule could not use, where nothing is known of a load."""
    return Accounts(0, unmatched=con.execute("SELECT count(*) FROM unmatched").fetchall()[0][0])
