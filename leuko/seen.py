"""What a sight leaves of the data: within `narrowed`, every relation of a cursor holds only what may be seen.

This is the one lock that no query can forget: each table with a `patient_id` is shadowed by a temporary view of the
same name. A patient without a site is left only to those who see all sites. Whoever sees less than everything gets the
files that were loaded by number and the reasons by a table of our own: a file, or a record, may be called after a
patient.
"""

from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager

import duckdb

from leuko.access import EVERYTHING, Sight
from leuko.facts import read_rows

SEEN = "patients_that_may_be_seen"
REASONS = "set_aside_reasons"  # how a reason is told: by what it begins with, without words of the record
BEHIND = "{}_of_everybody"  # what a temporary table is called while its view stands before it
PERSONAL = ("name", "sought", "raw_record")  # say who a patient is; a row set aside is shown as it came
LITERATURE = ("alerts", "listed_alerts")  # relations with patients whose `source` is not a file and a row
# Columns by which a relation speaks of a patient, or of a file that may be called after one.
RELATIONS = f"""
    SELECT database_name, table_name, list(column_name)
    FROM duckdb_columns()
    WHERE database_name IN (current_database(), 'temp') AND NOT internal AND table_name NOT IN ('{SEEN}', '{REASONS}')
    GROUP BY ALL
    HAVING list_has_any(list(column_name), ['patient_id', 'raw_record', 'file', 'note'])
"""
# Every file by its place among those of its load; the name of a load stands before it where that was added to others.
FILES = """
    WITH named AS (
        SELECT number, file AS label, file FROM load_report WHERE NOT starts_with(file, 'load ' || number || ' ')
        UNION SELECT number, file, substr(file, length('load ' || number || ' ') + 1) FROM load_report
        WHERE starts_with(file, 'load ' || number || ' ')
        UNION SELECT number, 'load ' || number || ' ' || file, file FROM load_files
    ),

    placed AS (
        SELECT
            label, number, lower(regexp_extract(file, '[.]([A-Za-z]+)(?: [(][a-z]+[)])?$', 1)) AS type,
            dense_rank() OVER (PARTITION BY number ORDER BY replace(file, ';', ',')) AS place
        FROM named
    )

    SELECT
        label, min('file ' || place || ' of load ' || number || CASE
            WHEN type IN ('csv', 'parquet', 'xlsx', 'json', 'ndjson', 'txt', 'tsv', 'duckdb')
                THEN ' (' || upper(type) || ')'
            ELSE ''
        END)
    FROM placed
    GROUP BY label
"""
MACROS = (
    "CREATE OR REPLACE TEMP MACRO file_as_shown(label) AS coalesce(getvariable('files_as_shown')[label], 'a file')",
    r"""CREATE OR REPLACE TEMP MACRO row_as_shown(source) AS
        file_as_shown(regexp_extract(source, '^(.*) (row|line) \d+( part \d+)?$', 1))
        || regexp_extract(source, ' (row|line) \d+( part \d+)?$')""",
    """CREATE OR REPLACE TEMP MACRO source_as_shown(source) AS
        CASE WHEN NOT contains(source, '; ') THEN row_as_shown(source)
            ELSE array_to_string(list_transform(string_split(source, '; '), lambda row: row_as_shown(row)), '; ')
        END""",
    f"""CREATE OR REPLACE TEMP MACRO reason_as_shown(reason) AS
        coalesce((SELECT arg_max(shown, length(begins)) FROM temp.main.{REASONS} WHERE starts_with(reason, begins)),
            'another reason')""",
)
# What stands in a column in place of what may name somebody, by the relation; the words of a record come after a colon.
IN_PLACE = {
    "audit_events": {
        "reason": "regexp_replace(reason, '(for another reason): .*', '\\1', 's')",
        "fixed_reason": "regexp_replace(fixed_reason, '(for another reason): .*', '\\1', 's')",
    },
    "check_failures": {
        "words": """CASE WHEN "check" = 'units_missing' THEN 'a result without a unit'
            WHEN "check" = 'duplicates' AND starts_with(words, 'duplicate') THEN 'duplicate' ELSE words END"""
    },
    "labs": {  # what could be read is a number; what was withdrawn may be anything
        "raw_value": "CASE WHEN value IS NOT NULL THEN raw_value END",
        "raw_unit": "CASE WHEN value IS NOT NULL THEN raw_unit END",
    },
    "unmatched": {  # a drug that has a protocol is named as its protocol does
        "reason": """CASE WHEN starts_with(reason, 'no default protocol for ') THEN reason
            ELSE reason_as_shown(reason) END"""
    },
}


@contextmanager
def narrowed(
    cursor: duckdb.DuckDBPyConnection,
    sight: Sight,
    files: Mapping[str, str],
    copied: Collection[str] = (),
    *,
    counting: bool = False,
) -> Iterator[duckdb.DuckDBPyConnection]:
    """The cursor, on which each relation with patients holds only those that may be seen until the block ends.

    Names are missing where they may not be seen; for `files` see `files_as_shown`. Whatever the block evaluates is of
    these patients alone, so a worklist that others read too is evaluated before. Relations in `copied` are tables for
    as long, where a query asks for the numbers of their rows. With `counting` the rows of everybody stay, to be
    counted: without ids, names and records.
    """
    with ExitStack() as undone:
        narrow(cursor, sight, files, undone, copied, counting=counting)
        yield cursor


def narrow(
    cursor: duckdb.DuckDBPyConnection,
    sight: Sight,
    files: Mapping[str, str],
    undone: ExitStack,
    copied: Collection[str] = (),
    *,
    counting: bool = False,
) -> None:
    """As `narrowed`; `undone` learns how to give the cursor its whole sight back."""
    if sight == EVERYTHING:
        return
    if sight.sites is not None:
        write_seen(cursor, sight.sites, undone)
    write_shown(cursor, files, undone)
    found = cursor.execute(RELATIONS).fetchall()
    own = {name for database, name, _ in found if database == "temp"}
    for database, name, columns in found:
        if database == "temp" or name not in own:
            kind = "TABLE" if name in copied else "VIEW"
            rows = kept_rows(sight, columns, counting)
            shadow(cursor, kind, (database, name), in_place(sight, name, columns, counting), rows, undone)


def write_seen(cursor: duckdb.DuckDBPyConnection, sites: tuple[str, ...], undone: ExitStack) -> None:
    (file,) = cursor.execute("SELECT current_database()").fetchall()[0]
    cursor.execute(
        f"CREATE TEMP TABLE {SEEN} AS SELECT patient_id FROM {quoted(file)}.main.patients "
        "WHERE list_contains($sites, site)",
        {"sites": list(sites)},
    )
    undone.callback(cursor.execute, f"DROP TABLE temp.main.{SEEN}")


def files_as_shown(cursor: duckdb.DuckDBPyConnection) -> dict[str, str]:
    """What each file that was loaded is called where its name is not told: `file 1 of load 12 (CSV)`."""
    return dict(cursor.execute(FILES).fetchall())


def write_shown(cursor: duckdb.DuckDBPyConnection, files: Mapping[str, str], undone: ExitStack) -> None:
    """How files and reasons are told."""
    told = {"labels": [*files], "names": [*files.values()]}
    cursor.execute("SET VARIABLE files_as_shown = map($labels::VARCHAR[], $names::VARCHAR[])", told)
    undone.callback(cursor.execute, "RESET VARIABLE files_as_shown")
    rows = read_rows(REASONS)
    cursor.execute(
        f"CREATE TEMP TABLE {REASONS} AS SELECT unnest($begins) AS begins, unnest($shown) AS shown",
        {column: [row[column] for row in rows] for column in ("begins", "shown")},
    )
    undone.callback(cursor.execute, f"DROP TABLE temp.main.{REASONS}")
    for macro in MACROS:
        cursor.execute(macro)


def kept_rows(sight: Sight, columns: list[str], counting: bool) -> str:
    """Which rows of a relation stay: those that speak of nobody by id, in the words of whoever wrote them, do not."""
    if "patient_id" not in columns:
        return "false" if {"raw_record", "note"} & {*columns} else "true"
    if counting or sight.sites is None:
        return "true"
    return f"patient_id IN (SELECT patient_id FROM temp.main.{SEEN})"


def in_place(sight: Sight, name: str, columns: list[str], counting: bool) -> dict[str, str]:
    """What stands in the columns of a relation, in place of what is not to be told."""
    told = {}
    if not sight.names or counting:
        told = dict.fromkeys(PERSONAL, "NULL::VARCHAR") | IN_PLACE.get(name, {})
    if counting:
        told["patient_id"] = "NULL::VARCHAR"
    if name == "rejected":
        told["reason"] = "reason_as_shown(reason)"
    if name == "load_files":
        told["file"] = "file_as_shown('load ' || number || ' ' || file)"
    elif "file" in columns:
        told["file"] = "file_as_shown(file)"
    if "patient_id" in columns and name not in LITERATURE:
        told["source"] = "source_as_shown(source)"
        told["source_file"] = "NULL::VARCHAR"
    return {column: words for column, words in told.items() if column in columns}


def shadow(
    cursor: duckdb.DuckDBPyConnection, kind: str, relation: tuple[str, str], told: dict[str, str], rows: str,
    undone: ExitStack,
) -> None:  # fmt: skip
    """Put a view, or a table, before a relation; `undone` learns how to take it away again."""
    database, name = relation
    if not told and rows == "true":
        return
    behind = name
    if database == "temp":
        behind = BEHIND.format(name)
        cursor.execute(f"ALTER TABLE temp.main.{quoted(name)} RENAME TO {quoted(behind)}")
        undone.callback(cursor.execute, f"ALTER TABLE temp.main.{quoted(behind)} RENAME TO {quoted(name)}")
    replaced = ", ".join(f"{words} AS {column}" for column, words in told.items())
    shown = f"* REPLACE ({replaced})" if told else "*"
    cursor.execute(
        f"CREATE TEMP {kind} {quoted(name)} AS SELECT {shown} FROM {quoted(database)}.main.{quoted(behind)} "
        f"WHERE {rows}"
    )
    undone.callback(cursor.execute, f"DROP {kind} temp.main.{quoted(name)}")


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
