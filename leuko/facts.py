"""Named numbers and words that stand as tables beside the code, each row with its source."""

import csv
from functools import cache
from pathlib import Path

import duckdb

FOLDER = Path(__file__).parent


@cache
def read_rows(name: str) -> tuple[dict[str, str], ...]:
    """The rows of one of the tables beside this file, as text by column."""
    with open(FOLDER / f"{name}.csv", encoding="utf-8", newline="") as file:
        return tuple(csv.DictReader(file))


def write_facts(con: duckdb.DuckDBPyConnection) -> None:
    """Write what the rule reads beside protocols: `limits` (one row) and `statuses`, as temporary tables."""
    limits = ", ".join(f"{row['value']} AS {row['name']}" for row in read_rows("limits"))
    con.execute(f"CREATE OR REPLACE TEMP TABLE limits AS SELECT {limits}")
    con.execute(
        "CREATE OR REPLACE TEMP TABLE statuses "
        "(status TEXT, urgency INTEGER, word TEXT, to_do TEXT, tone TEXT, icon TEXT)"
    )
    con.executemany(
        "INSERT INTO statuses VALUES (?, ?, ?, ?, ?, ?)", [list(row.values()) for row in read_rows("statuses")]
    )
