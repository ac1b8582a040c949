"""What a published file says of its patients beside their results: the rule's answers, alerts, audit events, checks.

`write` answers for everybody. `rewrite` answers anew for the touched of `leuko.additions` and leaves the rows of all
others as they are, but for how long something was not done; both leave the same file.
"""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import date

import duckdb

from leuko import alerts, checks, count_units, listed, measures, rules
from leuko.protocols.tables import TABLES
from leuko.settings import Setting
from leuko.store import KEPT

READ = ("exposures", "events", "patients", "rejected")
OF_NOBODY = (*TABLES, "limits", "statuses")  # what the rule reads beside patients
ASIDE = {*alerts.READ, *measures.READ} - {*KEPT}
OF_COURSES = "checks"  # has no patient of its own: exchanged first, while the old courses are there
EVENTS = "audit_events"  # take as long to write as all others
STILL_NOT_DONE = "UPDATE base.audit_events SET seen = seen + ? WHERE seen IS NOT NULL AND pending = 'not yet due'"
COURSES = " UNION ".join(f"SELECT patient_id, course FROM base.{table}" for table in ("worklist", "episodes"))
WRITTEN = (OF_COURSES, *(name for name in KEPT if name != OF_COURSES), "alerts", *alerts.KEPT, *listed.TABLES)

OnStep = Callable[[float], None]  # is told which share is done, up to 1


def write(
    con: duckdb.DuckDBPyConnection, as_of: date, settings: dict[str, Setting], on_step: OnStep = lambda share: None
) -> None:
    """Answer for every patient in the canonical tables of `con`, as known on `as_of`."""
    ask_the_rule(con, as_of, settings, lambda share: on_step(0.4 * share))
    follow(con, as_of, settings, lambda share: on_step(0.4 + 0.4 * share))
    checks.write(con, as_of, count_units.chosen(settings), lambda share: on_step(0.8 + 0.2 * share))


def rewrite(
    con: duckdb.DuckDBPyConnection,
    was_on: date,
    as_of: date,
    settings: dict[str, Setting],
    on_step: OnStep = lambda share: None,
) -> None:
    """Answer anew for the touched of `leuko.additions`, in the catalog `base` that is in use and was asked on `was_on`.

    The catalog `anew` becomes a small database of them alone, in memory, whose answers take the place of those in
    `base`. A course keeps no number of its own from one answer to the next, only one that no other course has.
    """
    unit = count_units.chosen(settings)
    # a connection that is in use cannot be closed: the thread ends first, also where something fails here
    with closing(con.cursor()) as other, ThreadPoolExecutor(1) as beside:
        was = beside.submit(checks.found_before, other, was_on, unit)
        con.execute("USE anew")
        for table in READ:
            con.execute(f"CREATE TABLE {table} AS FROM base.{table} WHERE {checks.OF_TOUCHED}")
        for table in OF_NOBODY:
            con.execute(f"CREATE TABLE {table} AS FROM base.{table}")
        ask_the_rule(con, as_of, settings, lambda share: on_step(0.5 * share))
        now = beside.submit(checks.found_anew, other, as_of, unit)
        follow(con, as_of, settings, lambda share: on_step(0.5 + 0.5 * share))
        events = beside.submit(exchange_events, other, (as_of - was_on).days)
        exchange(con, WRITTEN)
        con.execute("USE base")
        now.result()
        checks.rewrite(con, as_of, was.result(), unit)
        events.result()


def exchange_events(con: duckdb.DuckDBPyConnection, days: int) -> None:
    """Exchange the events of the audit. Of all others, what was not done in its time is not done for `days` more."""
    exchange(con, [EVENTS])
    if days:
        con.execute(f"{STILL_NOT_DONE} AND patient_id NOT IN (FROM anew.touched)", [days])


def exchange(con: duckdb.DuckDBPyConnection, tables: Iterable[str]) -> None:
    """Put the rows of these tables in `anew` in the place of those that `base` holds of the touched patients."""
    highest = con.execute(f"SELECT coalesce(max(course), 0) FROM ({COURSES})").fetchall()[0][0]
    old = f"SELECT course FROM ({COURSES}) SEMI JOIN anew.touched USING (patient_id)"
    con.begin()
    for table in tables:
        whose = f"course IN ({old})" if table == OF_COURSES else "patient_id IN (FROM anew.touched)"
        con.execute(f"DELETE FROM base.{table} WHERE {whose}")
        con.execute(f"INSERT INTO base.{table} BY NAME {renumbered(con, table, highest)}")
    con.commit()


def ask_the_rule(
    con: duckdb.DuckDBPyConnection, as_of: date, settings: dict[str, Setting], on_step: OnStep
) -> None:
    unit = count_units.chosen(settings)
    rules.run(con, as_of, keep=KEPT, aside=tuple(ASIDE), unit=unit, on_step=on_step)


def follow(con: duckdb.DuckDBPyConnection, as_of: date, settings: dict[str, Setting], on_step: OnStep) -> None:
    """Write what rests on the rule's answers."""
    alerts.run(con, as_of, settings)
    measures.run(con, as_of, settings, on_step=on_step)
    listed.write(con)
    rules.drop(con, ASIDE)


def renumbered(con: duckdb.DuckDBPyConnection, table: str, highest: int) -> str:
    """The table of this name in `anew`, its courses counted on from the highest number in use."""
    columns = [name for name, *_ in con.execute(f"DESCRIBE anew.{table}").fetchall()]
    return f"SELECT *{f' REPLACE (course + {highest:d} AS course)' if 'course' in columns else ''} FROM anew.{table}"
