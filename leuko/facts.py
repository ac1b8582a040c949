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


def write_facts(con: duckdb.DuckDBPyConnection, *, temporary: bool = True) -> None:
    """Write what the rule reads beside protocols: `limits`, one row with a column each, and `statuses`."""
    kind = "TEMP TABLE" if temporary else "TABLE"
    limits = ", ".join(f"{row['value']} AS {row['name']}" for row in read_rows("limits"))
    con.execute(f"CREATE OR REPLACE {kind} limits AS SELECT {limits}")
    columns = "status TEXT, urgency INTEGER, word TEXT, to_do TEXT, tone TEXT, icon TEXT, need TEXT, asks TEXT"
    write_rows(con, kind, "statuses", columns)


def write_grades(con: duckdb.DuckDBPyConnection) -> None:
    """Write the CTCAE cuts as the table `grades`; counts in cells/µL, `below` a count or `lln`."""
    columns = "version TEXT, analyte TEXT, grade INTEGER, at_least DOUBLE, below TEXT"
    write_rows(con, "TABLE", "grades", f"{columns}, published TEXT, source TEXT")


def write_rows(con: duckdb.DuckDBPyConnection, kind: str, name: str, columns: str) -> None:
    con.execute(f"CREATE OR REPLACE {kind} {name} ({columns})")
    rows = [[cell or None for cell in row.values()] for row in read_rows(name)]
    con.executemany(f"INSERT INTO {name} VALUES ({', '.join('?' * len(rows[0]))})", rows)
