"""Checks of the data: what a load read and took as it came, and what may be wrong with it all the same.

A check is a row of `checks.csv` and the SQL file of its name. That text gives a row for each thing it looks at:
`patient_id`, `source` (file and row), `day`, `words` (what was found) and `failed`. So the number of failing rows and
the rows themselves are one text. The numbered steps in `steps/` prepare what several of them read. A check changes
nothing: what it finds is read by the rule as before.

Four results exclude each other: `error` (the SQL could not run), `not applicable` (there was nothing to look at),
`failed` and `passed`.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import date
from pathlib import Path

import duckdb
import pandas

from leuko import rules
from leuko.count_units import CELLS, CountUnit
from leuko.facts import read_rows

FOLDER = Path(__file__).parent
CHECKS = {row["check"]: row for row in read_rows("checks/checks")}
TEXTS = {name: (FOLDER / f"{name}.sql").read_text(encoding="utf-8") for name in CHECKS}
WORDS = (FOLDER / "words.sql").read_text(encoding="utf-8")
STEPS = {path.stem[2:]: path.read_text(encoding="utf-8") for path in sorted((FOLDER / "steps").glob("*.sql"))}
VIEWS = ("standing_results",)
READ = ("labs", "exposures", "patients", "events", "rejected", "doses")  # tables of patients that the checks read
OF_TOUCHED = "patient_id IS NULL OR patient_id IN (FROM anew.touched)"  # and what names no patient
RESULTS = ("error", "failed", "passed", "not applicable")
MOST_ROWS = 1000  # of one check that are kept in the file: more than anybody reads on a screen
ROWS = {"patient_id": "TEXT", "day": "DATE", "words": "TEXT", "source": "TEXT"}
KEEP_MOST_ROWS = f"""
    DELETE FROM check_failures WHERE rowid IN (
        SELECT rowid FROM check_failures
        QUALIFY row_number() OVER (PARTITION BY "check" ORDER BY patient_id, day, source) > {MOST_ROWS:d}
    )
"""
ABOUT = ("counted", "means", "threshold", "unit", "source", "severity")


def run(
    con: duckdb.DuckDBPyConnection,
    as_of: date,
    unit: CountUnit = CELLS,
    on_step: Callable[[float], None] = lambda share: None,
) -> pandas.DataFrame:
    """What every check found in the tables of `con` for the day of the file, in the order of `checks.csv`.

    Columns: `check`, `title`, `result` (one of RESULTS), `looked_at` and `failing` (rows; 0 where it could not run),
    `error` (DuckDB's words and the line; None where there is none), then `counted` (what a row is), `means` (for care),
    `threshold`, `unit`, `source` and `severity` (`dangerous`, `doubtful`, `note`). `con` holds the canonical tables,
    `rejected`, the rule's `doses` and the `thresholds` of the protocols. Raises nothing where a check cannot run.
    """
    with prepared(con, unit):
        return results(con, as_of, on_step)


def failing(
    con: duckdb.DuckDBPyConnection, name: str, as_of: date, unit: CountUnit = CELLS, limit: int = MOST_ROWS
) -> pandas.DataFrame:
    """The failing rows of a check, at most `limit`, by patient and day, with the columns of ROWS; counts in `unit`.

    None or NaT where a row names no patient or day. Empty where the check could not run. Raises KeyError for a name
    that is no check.
    """
    with prepared(con, unit):
        query, known = failing_rows(name, limit), parameters(name, as_of)
        try:
            return con.execute(query, known).df()
        except duckdb.Error:
            return pandas.DataFrame(columns=list(ROWS))


def write(
    con: duckdb.DuckDBPyConnection,
    as_of: date,
    unit: CountUnit = CELLS,
    on_step: Callable[[float], None] = lambda share: None,
) -> None:
    """Write `check_results`, the frame of `run`, and `check_failures`: the failing rows, at most 1,000 of a check."""
    columns = ", ".join(f"{name} {kind}" for name, kind in ROWS.items())
    con.execute(f'CREATE OR REPLACE TABLE check_failures ("check" TEXT, {columns})')
    with prepared(con, unit):
        found = results(con, as_of, on_step, keep=True)
    write_results(con, found)


def write_results(con: duckdb.DuckDBPyConnection, found: pandas.DataFrame) -> None:
    con.register("found", found)
    con.execute("CREATE OR REPLACE TABLE check_results AS SELECT * REPLACE (CAST(error AS TEXT) AS error) FROM found")
    con.unregister("found")


def rewrite(
    con: duckdb.DuckDBPyConnection,
    as_of: date,
    was: pandas.DataFrame,
    unit: CountUnit = CELLS,
) -> None:
    """Write both anew where only the patients that `leuko.additions.merge` touched have other rows than in `before`.

    What was found in their rows as they were (`found_before`) is taken off, what is found in them now (both tables in
    `anew`) is added. Where a check could not run, all of them are run over everybody.
    """
    found, now = (con.execute(f"FROM {catalog}.check_results").df() for catalog in ("base", "anew"))
    if "error" in {*found["result"], *was["result"], *now["result"]} or found["check"].tolist() != list(CHECKS):
        write(con, as_of, unit)
        return
    for column in ("looked_at", "failing"):
        found[column] += now[column] - was[column]
    found["result"] = [result_of(*numbers) for numbers in found[["looked_at", "failing"]].itertuples(index=False)]
    write_results(con, found)
    con.execute(f"DELETE FROM check_failures WHERE {OF_TOUCHED}")
    con.execute("INSERT INTO check_failures FROM anew.check_failures")
    con.execute(KEEP_MOST_ROWS)


def found_before(con: duckdb.DuckDBPyConnection, as_of: date, unit: CountUnit) -> pandas.DataFrame:
    """The frame of `run` over the touched in the catalog `before`, and over its rows that name no patient.

    `con` is a connection of its own, so that this runs beside what is asked of the rows now. Their results are in the
    catalog `was`, which is left in use.
    """
    con.execute("USE was")
    for table in READ:
        if table != "labs":
            con.execute(f"CREATE TABLE {table} AS FROM before.{table} WHERE {OF_TOUCHED}")
    con.execute("CREATE TABLE thresholds AS FROM before.thresholds")
    with prepared(con, unit):
        return results(con, as_of)


def found_anew(con: duckdb.DuckDBPyConnection, as_of: date, unit: CountUnit) -> None:
    con.execute("USE anew")
    write(con, as_of, unit)


@contextmanager
def prepared(con: duckdb.DuckDBPyConnection, unit: CountUnit) -> Iterator[None]:
    """The steps as temporary tables, dropped at the end; sentences have counts in `unit`."""
    rules.write_words(con, unit)
    con.execute(WORDS)
    kinds = {name: "VIEW" if name in VIEWS else "TABLE" for name in STEPS}
    try:
        for name, step in STEPS.items():
            with suppress(duckdb.Error):  # each check that reads it then says that it is missing
                con.execute(f"CREATE OR REPLACE TEMP {kinds[name]} {name} AS\n{step}")
        yield
    finally:
        for name in reversed(STEPS):
            con.execute(f"DROP {kinds[name]} IF EXISTS temp.{name}")


def results(
    con: duckdb.DuckDBPyConnection,
    as_of: date,
    on_step: Callable[[float], None] = lambda share: None,
    *,
    keep: bool = False,
) -> pandas.DataFrame:
    """The frame of `run` where the steps are there; `keep`: the failing rows go into `check_failures`."""
    found = []
    for place, (name, row) in enumerate(CHECKS.items(), start=1):
        about = {column: row[column] or None for column in ABOUT}
        found.append({"check": name, "title": row["title"], **counted(con, name, as_of, keep), **about})
        on_step(place / len(CHECKS))
    return pandas.DataFrame(found).astype({"threshold": "float"})


def counted(con: duckdb.DuckDBPyConnection, name: str, as_of: date, keep: bool) -> dict:
    """The result of one check and its two numbers."""
    known = parameters(name, as_of)
    try:
        numbers = con.execute(f"SELECT count(*), count(*) FILTER (failed) FROM ({looked_at(name)})", known)
        rows, failed = numbers.fetchall()[0]
        if failed and keep:
            con.execute(f"INSERT INTO check_failures SELECT '{name}', * FROM ({failing_rows(name, MOST_ROWS)})", known)
    except duckdb.Error as error:
        return {"result": "error", "looked_at": 0, "failing": 0, "error": in_one_line(error)}
    return {"result": result_of(rows, failed), "looked_at": rows, "failing": failed, "error": None}


def result_of(looked_at: int, failing: int) -> str:
    return "failed" if failing else "passed" if looked_at else "not applicable"


def looked_at(name: str) -> str:
    """A check's text as a query with its five columns, on the lines that it has in its file."""
    return f"SELECT patient_id, source, day, words, failed FROM ({TEXTS[name]})"


def failing_rows(name: str, limit: int) -> str:
    columns = ", ".join(f"CAST({column} AS {kind}) AS {column}" for column, kind in ROWS.items())
    return f"SELECT {columns} FROM ({looked_at(name)}) WHERE failed ORDER BY patient_id, day, source LIMIT {limit:d}"


def parameters(name: str, as_of: date) -> dict | None:
    """What the text of a check names: the day of the file, the threshold of its row."""
    threshold = CHECKS[name]["threshold"]
    known = {"as_of": as_of, "threshold": float(threshold) if threshold else None}
    return {key: value for key, value in known.items() if f"${key}" in TEXTS[name]} or None


def in_one_line(error: duckdb.Error) -> str:
    """What DuckDB says first, and the line of the SQL where it names one."""
    first, *rest = str(error).splitlines()
    return " ".join([first, *[line.strip() for line in rest if line.startswith("LINE ")][:1]])
