"""What a sight leaves of the data: within `narrowed`, every relation of a cursor holds only what may be seen.

This is the one lock that no query can forget: each table with a `patient_id` is shadowed by a temporary view of the
same name. A patient without a site is left only to those who see all sites.
"""

from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager

import duckdb

from leuko.access import Sight

SEEN = "patients_that_may_be_seen"
BEHIND = "{}_of_everybody"  # what a temporary table is called while its view stands before it
PERSONAL = ("name", "raw_record")  # columns that say who a patient is; a row set aside is shown as it came
RELATIONS = """
    SELECT database_name, table_name, list(column_name)
    FROM duckdb_columns()
    WHERE database_name IN (current_database(), 'temp') AND NOT internal
    GROUP BY ALL
    HAVING list_contains(list(column_name), 'patient_id')
"""


@contextmanager
def narrowed(
    cursor: duckdb.DuckDBPyConnection, sight: Sight, copied: Collection[str] = ()
) -> Iterator[duckdb.DuckDBPyConnection]:
    """The cursor, on which each relation with patients holds only those that may be seen until the block ends.

    Names are missing where they may not be seen. Whatever the block evaluates is of these patients alone, so a worklist
    that others read too is evaluated before. Relations in `copied` are tables for as long, where a query asks for the
    numbers of their rows.
    """
    if sight.sites is None and sight.names:
        yield cursor
        return
    with ExitStack() as undone:
        if sight.sites is not None:
            write_seen(cursor, sight.sites)
            undone.callback(cursor.execute, f"DROP TABLE temp.main.{SEEN}")
        found = cursor.execute(RELATIONS).fetchall()
        own = {name for database, name, _ in found if database == "temp"}
        for database, name, columns in found:
            if name != SEEN and (database == "temp" or name not in own):
                kind = "TABLE" if name in copied else "VIEW"
                shadow(cursor, sight, kind, (database, name, columns), undone)
        yield cursor


def write_seen(cursor: duckdb.DuckDBPyConnection, sites: tuple[str, ...]) -> None:
    (file,) = cursor.execute("SELECT current_database()").fetchall()[0]
    cursor.execute(
        f"CREATE TEMP TABLE {SEEN} AS SELECT patient_id FROM {quoted(file)}.main.patients "
        "WHERE list_contains($sites, site)",
        {"sites": list(sites)},
    )


def shadow(
    cursor: duckdb.DuckDBPyConnection, sight: Sight, kind: str, relation: tuple[str, str, list[str]], undone: ExitStack
) -> None:
    """Put a view, or a table, before a relation; `undone` learns how to take it away again."""
    database, name, columns = relation
    hidden = [] if sight.names else [f"NULL::VARCHAR AS {column}" for column in PERSONAL if column in columns]
    if sight.sites is None and not hidden:
        return
    behind = name
    if database == "temp":
        behind = BEHIND.format(name)
        cursor.execute(f"ALTER TABLE temp.main.{quoted(name)} RENAME TO {quoted(behind)}")
        undone.callback(cursor.execute, f"ALTER TABLE temp.main.{quoted(behind)} RENAME TO {quoted(name)}")
    shown = f"* REPLACE ({', '.join(hidden)})" if hidden else "*"
    kept = "" if sight.sites is None else f"WHERE patient_id IN (SELECT patient_id FROM temp.main.{SEEN})"
    cursor.execute(
        f"CREATE TEMP {kind} {quoted(name)} AS SELECT {shown} FROM {quoted(database)}.main.{quoted(behind)} {kept}"
    )
    undone.callback(cursor.execute, f"DROP {kind} temp.main.{quoted(name)}")


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
