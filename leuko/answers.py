"""What a published file says of its patients beside their results: the rule's answers, alerts, audit events, checks.

`write` answers for everybody. `rewrite` answers anew for the patients that a load touched and leaves the rows of all
others as they are; both leave the same file.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import date

import duckdb

from leuko import alerts, checks, count_units, listed, measures, rules
from leuko.settings import Setting
from leuko.store import KEPT

READ = ("exposures", "events", "patients", "rejected")
ASIDE = {*alerts.READ, *measures.READ} - {*KEPT}
OF_COURSES = "checks"  # has no patient of its own
COURSES = " UNION ".join(f"SELECT patient_id, course FROM base.{table}" for table in ("worklist", "episodes"))
WRITTEN = (*KEPT, "alerts", *alerts.KEPT, "audit_events", *listed.TABLES)

OnStep = Callable[[float], None]  # is told which share is done, up to 1


def write(
    con: duckdb.DuckDBPyConnection, as_of: date, settings: dict[str, Setting], on_step: OnStep = lambda share: None
) -> None:
    """Answer for every patient in the canonical tables of `con`, as known on `as_of`."""
    answer(con, as_of, settings, on_step=lambda share: on_step(0.8 * share))
    checks.write(con, as_of, count_units.chosen(settings), lambda share: on_step(0.8 + 0.2 * share))


def rewrite(
    con: duckdb.DuckDBPyConnection, as_of: date, settings: dict[str, Setting], on_step: OnStep = lambda share: None
) -> None:
    """Answer anew for the patients that `leuko.additions.merge` touched, in the catalog `base` that is in use.

    A course keeps no number of its own from one answer to the next, only one that no other course has.
    """
    unit = count_units.chosen(settings)
    # a connection that is in use cannot be closed: the thread ends first, also where something fails here
    with closing(con.cursor()) as other, ThreadPoolExecutor() as beside:
        was = beside.submit(checks.found_before, other, as_of, unit)
        for table in READ:
            con.execute(f"CREATE TEMP TABLE {table} AS {checks.OF_TOUCHED.format(f'base.{table}')}")
        con.execute("ALTER TABLE temp.labs_now RENAME TO labs")
        answer(con, as_of, settings, temporary=True, on_step=lambda share: on_step(0.8 * share))
        exchange(con)
        now = checks.found_now(con, as_of, unit, lambda share: on_step(0.8 + 0.2 * share))
        for table in (*READ, *WRITTEN):
            con.execute(f"DROP TABLE temp.{table}")
        con.execute("ALTER TABLE temp.labs RENAME TO labs_now")
        checks.rewrite(con, as_of, was.result(), now, unit)


def exchange(con: duckdb.DuckDBPyConnection) -> None:
    """Put the answers in temporary tables in the place of those that `base` holds of the touched patients."""
    con.execute(f"CREATE TEMP TABLE old_courses AS SELECT course FROM ({COURSES}) SEMI JOIN touched USING (patient_id)")
    highest = con.execute(f"SELECT coalesce(max(course), 0) FROM ({COURSES})").fetchall()[0][0]
    con.begin()
    for table in WRITTEN:
        whose = "course IN (FROM old_courses)" if table == OF_COURSES else "patient_id IN (FROM touched)"
        con.execute(f"DELETE FROM base.{table} WHERE {whose}")
        con.execute(f"INSERT INTO base.{table} BY NAME {renumbered(con, table, highest)}")
    con.commit()
    con.execute("DROP TABLE temp.old_courses")


def answer(
    con: duckdb.DuckDBPyConnection,
    as_of: date,
    settings: dict[str, Setting],
    *,
    temporary: bool = False,
    on_step: OnStep = lambda share: None,
) -> None:
    rules.run(
        con, as_of, keep=KEPT, aside=tuple(ASIDE), temporary=temporary, unit=count_units.chosen(settings),
        on_step=lambda share: on_step(share / 2),
    )  # fmt: skip
    alerts.run(con, as_of, settings, temporary=temporary)
    measures.run(con, as_of, settings, temporary=temporary, on_step=lambda share: on_step((1 + share) / 2))
    listed.write(con, temporary=temporary)
    rules.drop(con, ASIDE)


def renumbered(con: duckdb.DuckDBPyConnection, table: str, highest: int) -> str:
    """The temporary table of this name, its courses counted on from the highest number in use."""
    columns = [name for name, *_ in con.execute(f"DESCRIBE temp.{table}").fetchall()]
    return f"SELECT *{f' REPLACE (course + {highest:d} AS course)' if 'course' in columns else ''} FROM temp.{table}"
