"""What holds after every load, whatever came: no row is lost, and what is set aside is kept as it came."""

import duckdb

ROWS_KEPT = r"""
    SELECT regexp_replace(row, ' (row|line) \d+$', '') AS file, count(*) AS rows
    FROM (SELECT DISTINCT regexp_replace(unnest(string_split(source, '; ')), ' part \d+$', '') AS row FROM rejected)
    GROUP BY ALL
"""


def every_row_is_accounted_for(con: duckdb.DuckDBPyConnection) -> None:
    """Loaded and set aside are what was read, in every file; each row set aside keeps its record and has a reason."""
    kept = dict(con.execute(ROWS_KEPT).fetchall())
    for file, rows, loaded, set_aside in con.execute(
        "SELECT file, rows_read, loaded, set_aside FROM load_report"
    ).fetchall():
        assert loaded + set_aside == rows, file
        assert set_aside <= kept.pop(file, 0), f"{file}: a row is counted as set aside and kept nowhere"
    assert kept == {}, "rows of a file that is not in the report"
    unkept = con.execute("SELECT count(*) FROM rejected WHERE raw_record IS NULL OR coalesce(reason, '') = ''")
    assert unkept.fetchall() == [(0,)]
