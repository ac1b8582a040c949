"""Reader of exports in any shape: CSV, Parquet and Excel files, and a mapping that says what stands where.

A mapping is a TOML file (or a folder with a `mapping.toml`): one section a raw file, and for each canonical table one
SELECT over the raw files. The SELECT is checked, then run by a connection that holds the raw files and nothing else.
docs/mapping.md has the keys and an example; `examples/` the mappings of three public data sets.

Every raw row ends loaded or set aside: what no SELECT takes stands in `rejected`, with the reason that the mapping
gives or "not taken by the mapping". A row that a SELECT took and that is refused later keeps its raw row beside the
mapped one.
"""

import tempfile
from pathlib import Path

from leuko import sources
from leuko.sources import SourceError
from leuko.sources.mapped.files import bring
from leuko.sources.mapped.mapping import read_mapping
from leuko.sources.mapped.selects import run_selects
from leuko.sources.notes import keep

HERE = Path(__file__).parent


def read(con, folder, mapping, *, dose_unit="mg", on_step=lambda share: None):
    """Read the files of a folder as the mapping says into the canonical tables of `con`.

    `mapping` is a TOML file or a folder with a `mapping.toml`. `dose_unit` holds for exposures that name none. Gives
    lines that say how each file was read ("labs.csv: semicolon, Windows-1252, decimal comma") and which files of the
    folder were not; they also stand in the table `load_notes` (file, note).
    Raises SourceError, one line a fault, where the mapping is refused or a file cannot be read.
    """
    wanted = read_mapping(mapping)
    with tempfile.TemporaryDirectory(dir=folder_of(con)) as place:
        raw = Path(place) / "raw.duckdb"
        notes = bring(raw, Path(folder), wanted)
        run_selects(raw, wanted)
        quoted = str(raw).replace("'", "''")
        con.execute(f"ATTACH '{quoted}' AS mapped (READ_ONLY)")
        try:
            _account(con, wanted)
            for kind in sources.COLUMNS:
                con.execute(f"CREATE OR REPLACE TEMP TABLE raw_{kind} AS FROM mapped.selected.{kind}")
            sources.canonical_tables(con, dose_unit=dose_unit, on_step=lambda share: on_step((1 + share) / 2))
            _keep_raw_rows(con)
        finally:
            con.execute("DETACH mapped")
    return keep(con, notes)


def folder_of(con):
    """Where the database of `con` stands: what a killed load leaves there is removed by the next. None in memory."""
    query = "SELECT path FROM duckdb_databases() WHERE database_name = current_database()"
    file = con.execute(query).fetchall()[0][0]
    return Path(file).parent if file else None


def _account(con, wanted):
    """Set aside the raw rows that no SELECT took; refuse a source that is no raw row."""
    sources.prepare(con)
    con.execute("INSERT INTO rows_read FROM mapped.as_read.rows_read")
    con.execute((HERE / "unmatched_rows.sql").read_text(encoding="utf-8"))
    strays = con.execute("SELECT kind, stray FROM unmatched_rows WHERE stray IS NOT NULL ORDER BY ALL LIMIT 1")
    for kind, stray in strays.fetchall():
        raise SourceError(f"{wanted.name}: {kind}: the source {stray} is no row of a raw file")
    con.execute("INSERT INTO malformed FROM mapped.as_read.malformed")
    for table, kind in _raw_tables(con):
        con.execute(
            f"""INSERT INTO malformed
            SELECT ?, raw.row_number, {_record()}, coalesce(why.reason, 'not taken by the mapping')
            FROM mapped.as_read.{table} AS raw
            JOIN unmatched_rows ON unmatched_rows.not_taken = raw.row_number
            LEFT JOIN reasons_aside AS why ON why.row = raw.row_number
            ORDER BY length(raw.row_number), raw.row_number""",
            [kind],
        )
    con.execute("DROP TABLE unmatched_rows; DROP TABLE reasons_aside")


def _keep_raw_rows(con):
    """Put beside the record of each refused row the raw rows that it was made of."""
    con.execute((HERE / "refused_rows.sql").read_text(encoding="utf-8"))
    for table, _ in _raw_tables(con):
        con.execute(
            f"""UPDATE refused_rows SET record = {_record()}
            FROM mapped.as_read.{table} AS raw WHERE raw.row_number = refused_rows.row"""
        )
    con.execute(
        """UPDATE rejected SET raw_record = json_merge_patch(raw_record, json_object('raw', raw.records))
        FROM (SELECT source, to_json(list(record ORDER BY place)) AS records FROM refused_rows GROUP BY source) AS raw
        WHERE rejected.source = raw.source"""
    )
    con.execute("DROP TABLE refused_rows")


def _raw_tables(con):
    return con.execute("SELECT raw_table, kind FROM mapped.as_read.raw_tables ORDER BY ALL").fetchall()


def _record():
    return "json_merge_patch('{}', to_json(raw), '{\"row_number\": null}')"
