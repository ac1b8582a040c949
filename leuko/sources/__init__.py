"""Readers of counts and doses: CSV and Parquet files or pandas frames in, the canonical tables out.

A reader only brings rows in, as text, into the temporary tables ``raw_labs``, ``raw_exposures``,
``raw_patients`` and ``raw_events``; the numbered SQL files beside this one turn them, all rows at
once, into ``labs``, ``exposures``, ``patients``, ``events``, ``rejected`` and ``load_report`` (and into
``other_cells``, what proves that a differential was counted). A row that cannot be used is never dropped:
it stands in ``rejected`` with its source, its own words and one reason.

Counts become cells/µL, percentages stay %, temperatures become °C. A value is converted by moving
its decimal point in the text and reading the text once, so 1.001 ×10⁹/L is exactly 1001. Units are
those of ``leuko/units.csv``; a missing or unknown unit is refused, never guessed.

The date and time of a result are the wall clock as written: an offset from UTC is kept in
``collected_offset`` and never converted. Rows are counted from 1, the first below the header.

``source`` says where a result stood. Of a CSV or Parquet file whose lines could all be read it is worked out from
``source_file`` and ``source_row``; else ``source_row`` is NULL, and ``source_file`` is the whole of it.
"""

import csv
import glob
import os
from pathlib import Path

import duckdb
import pandas

HERE = Path(__file__).parent
FACTS = HERE.parent

COLUMNS = {
    "labs": (
        "patient_id",
        "analyte",
        "value",
        "comparator",
        "unit",
        "raw_unit",
        "collected_at",
        "reported_at",
        "specimen",
        "status",
        "ref_low",
        "ref_high",
    ),
    "exposures": (
        "patient_id",
        "drug",
        "setting",
        "dose_mg",
        "dose_unit",
        "start_on",
        "end_on",
        "end_reason",
    ),
    "patients": (
        "patient_id",
        "name",
        "birth_date",
        "sex",
        "site",
        "clinician",
        "diagnosis",
        "duffy_null",
        "died_on",
        "left_on",
    ),
    "events": ("patient_id", "kind", "value", "occurred_at"),
}
REQUIRED = {
    "labs": ("patient_id", "analyte", "value", "collected_at"),
    "exposures": ("patient_id", "drug", "dose_mg", "start_on"),
    "patients": ("patient_id",),
    "events": ("patient_id", "kind", "occurred_at"),
}
MOMENTS = ("collected_at", "reported_at")  # of results; these may come as TIMESTAMP, without a way through text
# For who waits: the share of reading that bringing the rows in takes, and how long the longest step after it takes.
BRINGING = 0.25
TAKES = {"labs": 12}


class SourceError(ValueError):
    """A whole file or frame was refused: the message is one line that names it and what is wrong."""


def read_csv(
    con, *, labs=None, exposures=None, patients=None, events=None, dose_unit="mg", on_step=lambda share: None
):
    """Read CSV files (UTF-8; comma, semicolon, tab or bar between columns) into the tables of ``con``.

    Each is a path, or None (an empty table): what is added to others may be any one of them.
    ``dose_unit`` holds for exposures that name none. A line with too few or too many columns, broken
    quotes or bytes that are not UTF-8 ends in ``rejected`` with its line number. A file whose name ends in
    ``.parquet`` is read as Parquet: numbers and moments are taken as they are, in the columns of the same names.
    Two files of one name are told apart in ``source`` by the kind of their rows: "2024.csv (labs) row 1".
    ``on_step`` is told which share of the work is done, up to 1.
    Raises SourceError where a file is missing, unreadable or lacks a required column.
    """
    files = {"labs": labs, "exposures": exposures, "patients": patients, "events": events}
    labels = _labels(files)

    def bring(con, kind, path):
        _bring_file(con, kind, path, labels[kind])

    _read(con, files, bring, dose_unit, on_step)


def read_frames(con, *, labs, exposures, patients=None, events=None, dose_unit="mg"):
    """Read pandas DataFrames with the columns of the CSV files into the canonical tables of ``con``.

    Numbers, text, dates and timestamps all serve; NaN, None and NaT mean missing. ``patients`` and
    ``events`` may be None. Raises SourceError where a frame lacks a required column.
    """
    frames = {"labs": labs, "exposures": exposures, "patients": patients, "events": events}
    _read(con, frames, _bring_frame, dose_unit)


def _read(con, given, bring, dose_unit, on_step=lambda share: None):
    """Bring what was given of each kind into its raw table, nothing into the others, and build the canonical ones."""
    prepare(con)
    for place, (kind, rows) in enumerate(given.items(), start=1):
        if rows is None:
            empty(con, kind)
        else:
            bring(con, kind, rows)
        on_step(BRINGING * place / len(given))
    canonical_tables(con, dose_unit=dose_unit, on_step=lambda share: on_step(BRINGING + (1 - BRINGING) * share))


def canonical_tables(con, *, dose_unit="mg", on_step=lambda share: None):
    """Build the canonical tables of ``con`` from its temporary raw tables, then drop those.

    For readers of other formats: fill ``raw_labs``, ``raw_exposures``, ``raw_patients`` and ``raw_events``
    (the columns of COLUMNS, each TEXT, those of MOMENTS also TIMESTAMP; missing = NULL; and a ``source`` that no
    other row has), each a table or a view,
    ``malformed`` (kind, source, raw_record, reason) and ``rows_read`` (file, kind, rows), and call this.
    A ``raw_labs`` of many rows may have the parts of ``source``, "<file> row <number>", apart too: ``source_file`` and
    ``source_row``.
    """
    _mark_labs(con)
    con.execute("CREATE OR REPLACE TEMP TABLE known_dose_unit AS SELECT ? AS dose_unit", [dose_unit])
    for name in ("units", "codes", "limits"):
        _know(con, name)
    steps = {step.stem.partition("_")[2]: step for step in sorted(HERE.glob("*.sql"))}
    whole, done = sum(TAKES.get(name, 1) for name in steps), 0
    for name, step in steps.items():
        con.execute(step.read_text(encoding="utf-8"))
        if name in COLUMNS:
            _drop_raw(con, name)
        done += TAKES.get(name, 1)
        on_step(done / whole)


def _mark_labs(con):
    """Make the view ``marked_labs``: ``raw_labs`` with ``source_file`` and ``source_row`` (NULL: not known apart)."""
    columns = {name for name, *_ in con.execute("DESCRIBE raw_labs").fetchall()}
    parts = "" if "source_row" in columns else ", source AS source_file, CAST(NULL AS BIGINT) AS source_row"
    con.execute(f"CREATE OR REPLACE TEMP VIEW marked_labs AS SELECT *{parts} FROM raw_labs")


def derive_anc(con):
    """Add to ``labs`` the ANC that follow from differentials; ``other_cells`` proves that cells were counted."""
    _know(con, "limits")
    con.execute((HERE / "3_derived_anc.sql").read_text(encoding="utf-8"))


def _know(con, name):
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE known_{name} AS "
        "SELECT * FROM read_csv(?, header = true, delim = ',', quote = '\"', all_varchar = true)",
        [str(FACTS / f"{name}.csv")],
    )


def prepare(con):
    """Make the temporary tables that a reader fills beside the raw ones, empty; drop what a failed load left."""
    for kind in COLUMNS:
        _drop_raw(con, kind)
    con.execute(
        "CREATE OR REPLACE TEMP TABLE malformed (kind TEXT, source TEXT, raw_record TEXT, reason TEXT);"
        "CREATE OR REPLACE TEMP TABLE rows_read (file TEXT, kind TEXT, rows BIGINT)"
    )


def _drop_raw(con, kind):
    """Drop the raw rows of a kind: a table, or a view and the table of what the file brought."""
    left = con.execute(
        "SELECT table_name, table_type FROM information_schema.tables "
        "WHERE table_catalog = 'temp' AND table_name IN ($raw, $brought)",
        {"raw": f"raw_{kind}", "brought": f"brought_{kind}"},
    )
    for name, is_a in left.fetchall():
        con.execute(f"DROP {'VIEW' if is_a == 'VIEW' else 'TABLE'} temp.{name}")


def empty(con, kind):
    """Make the raw table of a kind, without rows."""
    columns = ", ".join(f"{name} TEXT" for name in COLUMNS[kind])
    con.execute(f"CREATE OR REPLACE TEMP TABLE raw_{kind} ({columns}, source TEXT)")


def _positions(names, kind, label):
    """Where each known column stands among ``names``; unknown columns are passed over."""
    cleaned = [str(name).replace("\ufeff", "").strip().lower() for name in names]
    if not any(cleaned):
        raise SourceError(f"{label}: no column names in the first line")
    for name in COLUMNS[kind]:
        if cleaned.count(name) > 1:
            raise SourceError(f"{label}: column {name} stands there twice")
    for name in REQUIRED[kind]:
        if name not in cleaned:
            raise SourceError(f"{label}: required column {name} is missing")
    return {name: cleaned.index(name) for name in COLUMNS[kind] if name in cleaned}


def _selected(kind, positions, types=None):
    """The SELECT list that turns columns c0, c1, … into the raw table's, all as text."""
    columns = dict.fromkeys(COLUMNS[kind], "CAST(NULL AS TEXT)")
    for name, place in positions.items():
        columns[name] = _as_text(name, f"c{place}", types[place] if types else "TEXT")
    return ", ".join(f"{expression} AS {name}" for name, expression in columns.items())


def _as_text(name, column, type_of):
    if name in MOMENTS and type_of == "TIMESTAMP":
        return column
    if type_of in ("DOUBLE", "FLOAT"):  # a whole number is the number: patient 101.0 is 101; NaN is missing
        is_whole = f"{column} = trunc({column}) AND abs({column}) < 1e15"
        whole, other = f"CAST(CAST({column} AS BIGINT) AS TEXT)", f"nullif(CAST({column} AS TEXT), 'nan')"
        return f"CASE WHEN {is_whole} THEN {whole} ELSE {other} END"
    if type_of == "TIMESTAMP WITH TIME ZONE":  # of which only the moment is kept, whatever zone is set here
        return f"CAST(timezone('UTC', {column}) AS TEXT) || '+00'"
    return f"CAST({column} AS TEXT)"


def _header(path, label):
    """The names in the first line of a CSV file, and the character that separates them."""
    try:
        with open(path, "rb") as file:
            line = file.readline().decode("utf-8-sig").strip("\r\n")
    except OSError as error:
        raise SourceError(f"{label}: cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise SourceError(f"{label}: the first line is not UTF-8 text") from error
    delimiter = max(",;\t|", key=line.count)
    try:
        return next(csv.reader([line], delimiter=delimiter), []), delimiter
    except csv.Error as error:
        raise SourceError(f"{label}: the first line is not a line of a CSV file ({error})") from error


def _labels(files):
    """What each file is called in `source`: its name, with the kind of its rows where two are of one name."""
    # sums name their rows with "; " between them
    names = {kind: os.path.basename(path).replace(";", ",") for kind, path in files.items() if path is not None}
    alike = {name for name in names.values() if [*names.values()].count(name) > 1}
    return {kind: f"{name} ({kind})" if name in alike else name for kind, name in names.items()}


def _bring_file(con, kind, path, label):
    try:
        if os.path.basename(path).lower().endswith(".parquet"):
            _bring_parquet(con, kind, path, label)
        else:
            _bring_csv(con, kind, path, label)
    except duckdb.Error as error:
        raise SourceError(f"{label}: {cause_of(error)}") from error
    _count_rows(con, kind, label)


def _bring_csv(con, kind, path, label):
    names, delimiter = _header(path, label)
    positions = _positions(names, kind, label)
    con.execute("DROP TABLE IF EXISTS bad_lines; DROP TABLE IF EXISTS bad_files")
    # the columns are given, not sniffed: DuckDB must never take a first result for a header
    _bring_rows(
        con,
        kind,
        [f"c{place}" for place in positions.values()],
        """read_csv($path, auto_detect = false, header = true, delim = $delimiter, quote = '"', escape = '"',
                    columns = $columns, ignore_errors = true, store_rejects = true, rejects_limit = 0,
                    rejects_table = 'bad_lines', rejects_scan = 'bad_files')""",
        {
            "path": glob.escape(str(path)),
            "delimiter": delimiter,
            "columns": {f"c{place}": "VARCHAR" for place in range(len(names))},
        },
    )
    has_bad_lines = con.execute("SELECT count(*) > 0 FROM bad_lines").fetchone()[0]
    _show_rows(con, kind, label, _selected(kind, positions), "TABLE" if has_bad_lines else "VIEW")
    keep_bad_lines(con, kind, label)


def _bring_parquet(con, kind, path, label):
    if not os.path.exists(path):
        raise SourceError(f"{label}: cannot be read (No such file or directory)")
    rows, given = "read_parquet($path, hive_partitioning = false)", {"path": glob.escape(str(path))}
    described = con.execute(f"DESCRIBE FROM {rows}", given).fetchall()
    positions = _positions([name for name, *_ in described], kind, label)
    columns = [f"{_quoted(described[place][0])} AS c{place}" for place in positions.values()]
    _bring_rows(con, kind, columns, rows, given)
    _show_rows(con, kind, label, _selected(kind, positions, [type_of for _, type_of, *_ in described]), "VIEW")


def _bring_rows(con, kind, columns, rows, given):
    """Fill `brought_<kind>` in the order of the file, by which rows are counted, whatever the connection is set to."""
    ((keeps_order,),) = con.execute("SELECT current_setting('preserve_insertion_order')").fetchall()
    if not keeps_order:
        con.execute("SET preserve_insertion_order = true")
    try:
        con.execute(f"CREATE TEMP TABLE brought_{kind} AS SELECT {', '.join(columns)} FROM {rows}", given)
    finally:
        if not keeps_order:
            con.execute("SET preserve_insertion_order = false")


def _show_rows(con, kind, label, selected, what):
    """Make `raw_<kind>`, a view or a table, of what was brought; a view costs nothing until a step reads a column.

    Rows of a table are numbered anew, past the lines that could not be read: their number does not stand apart.
    """
    quoted = label.replace("'", "''")
    parts = f", '{quoted}' AS source_file, rowid + 1 AS source_row" if what == "VIEW" else ""
    con.execute(
        f"CREATE TEMP {what} raw_{kind} AS "
        f"SELECT {selected}, '{quoted} row ' || (rowid + 1) AS source{parts} FROM brought_{kind}"
    )


def _quoted(name):
    return '"' + name.replace('"', '""') + '"'


def cause_of(error):
    """Why DuckDB could not read a file, in words."""
    if "invalid state" in str(error):
        return "cannot be read: its lines end in different ways (LF and CR LF), or its quotes are broken"
    return f"cannot be read ({str(error).splitlines()[0]})"


def keep_bad_lines(con, kind, label):
    """Put malformed lines aside, and count them in the row numbers of the good rows below them."""
    con.execute(
        """CREATE OR REPLACE TEMP TABLE bad_records AS
        SELECT line, arg_min(error_type, line_byte_position) AS error_type, any_value(csv_line) AS csv_line,
               line - 1 - row_number() OVER (ORDER BY line) AS good_before
        FROM bad_lines GROUP BY line"""
    )
    con.execute(
        """INSERT INTO malformed
        SELECT $kind, $label || ' line ' || line, to_json({'line': trim(csv_line, chr(10) || chr(13))}),
               'malformed line: ' || lower(CAST(error_type AS TEXT))
        FROM bad_records ORDER BY line""",
        {"kind": kind, "label": label},
    )
    if con.execute("SELECT count(*) FROM bad_records").fetchone()[0]:
        con.execute(
            f"""UPDATE raw_{kind} SET source = $label || ' row ' || numbered.place
            FROM (SELECT raw.source AS source, raw.read_order + bad.lines AS place
                  FROM (SELECT source, CAST(split_part(source, ' row ', -1) AS BIGINT) AS read_order
                        FROM raw_{kind}) AS raw
                  ASOF JOIN (SELECT good_before, max(count_so_far) AS lines
                             FROM (SELECT good_before, row_number() OVER (ORDER BY line) AS count_so_far
                                   FROM bad_records) GROUP BY good_before) AS bad
                  ON raw.read_order > bad.good_before) AS numbered
            WHERE numbered.source = raw_{kind}.source""",
            {"label": label},
        )
    con.execute("DROP TABLE bad_records; DROP TABLE IF EXISTS bad_lines; DROP TABLE IF EXISTS bad_files")


def _count_rows(con, kind, label):
    con.execute(
        f"""INSERT INTO rows_read SELECT $label, $kind, (SELECT count(*) FROM raw_{kind})
        + (SELECT count(*) FROM malformed WHERE kind = $kind)""",
        {"kind": kind, "label": label},
    )


def _bring_frame(con, kind, frame):
    positions = _positions(frame.columns, kind, kind)
    columns = {f"c{place}": _plain(frame.iloc[:, place]) for place in positions.values()}
    brought = pandas.DataFrame({**columns, "place": range(1, len(frame) + 1)})
    con.register("brought", brought)
    try:
        con.execute(
            f"""CREATE OR REPLACE TEMP TABLE raw_{kind} AS
            SELECT {_selected(kind, positions)}, '{kind} row ' || place AS source FROM brought"""
        )
    finally:
        con.unregister("brought")
    _count_rows(con, kind, kind)


def _plain(column):
    """The column as DuckDB can write it out in text: whole numbers without '.0', dates in ISO 8601."""
    kept = column.reset_index(drop=True)
    if pandas.api.types.is_float_dtype(kept.dtype):
        given = kept.dropna()
        # ids and codes turn into floats where a frame has a gap: 101.0 is patient 101
        whole = ((given % 1 == 0) & (given.abs() < 2**53)).all()
        return kept.astype("Int64") if whole else kept
    if pandas.api.types.is_integer_dtype(kept.dtype):
        return kept
    return kept.astype("string")
