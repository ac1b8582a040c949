"""Reader of an OMOP common data model (CDM 5.4): a folder of its tables, or a DuckDB file, into the canonical tables.

A folder holds files named as the tables of the model (`MEASUREMENT.csv`, `person.csv.gz`, `drug_exposure.parquet`), a
DuckDB file the tables themselves in schema `main` or `cdm`; names of tables and columns stand in any letter case, and
what is not known is passed over. `person` and `measurement` are required. Everything is read as text. A field that is
empty, `\\N` or NULL is missing; ids that a data frame turned into `33.0` are 33.

Rows of the vocabulary (`concept`, `concept_ancestor`, `drug_strength`) and of `care_site` and `provider` are looked up
and not counted; of them only lines that cannot be read are.

The model: https://ohdsi.github.io/CommonDataModel/cdm54.html
"""

import csv
import gzip
import zlib
from pathlib import Path

import duckdb

from leuko import sources
from leuko.sources import SourceError
from leuko.sources.notes import keep, not_read

HERE = Path(__file__).parent
ENDINGS = (".csv", ".csv.gz", ".parquet")
FACTS = ("units", "codes", "unit_codes", "drug_codes", "comparator_codes", "growth_factor_drugs")
NOTHING = ("\\N", "NULL")  # what databases write for a missing field
REQUIRED_TABLES = ("person", "measurement")

# The columns that are read of each table: what a row cannot be placed without, then the rest.
COLUMNS = {
    "person": (
        ("person_id",),
        (
            "gender_concept_id", "year_of_birth", "month_of_birth", "day_of_birth", "birth_datetime",
            "care_site_id", "provider_id",
        ),
    ),
    "measurement": (
        ("person_id", "measurement_concept_id", "measurement_date", "value_as_number"),
        (
            "measurement_id", "measurement_datetime", "measurement_time", "operator_concept_id", "unit_concept_id",
            "range_low", "range_high", "measurement_source_value", "unit_source_value", "value_source_value",
        ),
    ),
    "drug_exposure": (
        ("person_id", "drug_concept_id", "drug_exposure_start_date", "drug_exposure_end_date"),
        ("drug_exposure_id", "drug_type_concept_id", "quantity", "days_supply", "stop_reason"),
    ),
    "death": (("person_id", "death_date"), ()),
    "condition_occurrence": (
        ("person_id", "condition_concept_id"),
        ("condition_occurrence_id", "condition_start_date", "condition_source_value"),
    ),
    "care_site": (("care_site_id", "care_site_name"), ()),
    "provider": (("provider_id", "provider_name"), ()),
    "drug_strength": (
        ("drug_concept_id", "ingredient_concept_id", "amount_value", "amount_unit_concept_id"),
        ("numerator_value", "invalid_reason"),
    ),
    "concept_ancestor": (("ancestor_concept_id", "descendant_concept_id"), ()),
    "concept": (("concept_id", "concept_name"), ()),
}  # fmt: skip
# Tables whose rows are the patients' own: what they become, and the column that tells their rows apart.
RECORDS = {
    "person": ("patients", "person_id"),
    "measurement": ("labs", "measurement_id"),
    "drug_exposure": ("exposures", "drug_exposure_id"),
    "death": ("patients", "person_id"),
    "condition_occurrence": ("patients", "condition_occurrence_id"),
}
LOOKED_UP = {
    "care_site": "patients",
    "provider": "patients",
    "drug_strength": "exposures",
    "concept_ancestor": "exposures",
    "concept": "patients",
}
# A vocabulary has millions of rows; only those that the records name are kept.
KEPT = {
    "drug_strength": "drug_concept_id IN (SELECT drug_concept_id FROM raw_drug_exposure)",
    "concept_ancestor": "descendant_concept_id IN (SELECT drug_concept_id FROM raw_drug_exposure)",
    "concept": """concept_id IN (
        SELECT drug_concept_id FROM raw_drug_exposure UNION SELECT ingredient_concept_id FROM raw_drug_strength
        UNION SELECT condition_concept_id FROM raw_condition_occurrence)""",
}


def read(con, path, *, dose_unit="mg", on_step=lambda share: None):
    """Read the OMOP tables at `path` into the canonical tables of `con`.

    `path` is a folder or a DuckDB file, which is opened for reading only. Doses are mg a day: the amount of the drug's
    ingredient in one unit (`drug_strength`) × quantity / days_supply; a row for which this cannot be worked out is set
    aside with the reason. `dose_unit` is what the other readers take, and holds for no row here.
    `on_step` is told which share of the work is done, up to 1.
    Files of the folder that are no table of COLUMNS are named in a line that is given back (and in `load_notes`).
    Raises SourceError where a required table or column is missing or a file cannot be read.
    """
    path = Path(path)
    if not path.exists():
        raise SourceError(f"{path.name}: there is no such file or folder")
    sources.prepare(con)
    for name in FACTS:
        con.execute(
            f"CREATE OR REPLACE TEMP TABLE known_{name} AS "
            "SELECT * FROM read_csv(?, header = true, delim = ',', quote = '\"', all_varchar = true)",
            [str(sources.FACTS / f"{name}.csv")],
        )
    steps = sorted(HERE.glob("*.sql"))
    con.execute(steps[0].read_text(encoding="utf-8"))
    bring = _bring_folder if path.is_dir() else _bring_database
    files = bring(con, path)
    for table, (kind, own_id) in RECORDS.items():
        _set_repeats_aside(con, table, kind, own_id)
    for step in steps[1:]:
        con.execute(step.read_text(encoding="utf-8"))
    for table in COLUMNS:
        con.execute(f"DROP TABLE raw_{table}")
    sources.canonical_tables(con, dose_unit=dose_unit, on_step=lambda share: on_step((1 + share) / 2))
    # a dose that was set aside is still known to be a dose of this patient
    con.execute(
        """UPDATE rejected SET patient_id = json_extract_string(raw_record, '$.patient_id')
        WHERE kind = 'exposures' AND patient_id IS NULL"""
    )
    return keep(con, not_read(path, files))


def _bring_folder(con, folder):
    """Bring in the tables of a folder; gives the files that were read."""
    found = {}
    for file in sorted(folder.iterdir()):
        table, _ = _named(file.name)
        if table in COLUMNS:
            if table in found:
                raise SourceError(f"{folder.name}: {found[table].name} and {file.name} are one table")
            found[table] = file
    _require_tables(found, folder)
    for table in COLUMNS:
        file = found.get(table)
        if file is None:
            _bring_nothing(con, table)
        elif _named(file.name)[1] == ".parquet":
            _bring_parquet(con, table, file)
        else:
            _bring_csv(con, table, file)
    return list(found.values())


def _named(name):
    """The table that a file is named after and its ending, both in lower case; None, None for other files."""
    for ending in ENDINGS:
        if name.lower().endswith(ending):
            return name.lower().removesuffix(ending), ending
    return None, None


def _require_tables(found, place):
    for table in REQUIRED_TABLES:
        if table not in found:
            raise SourceError(f"{place.name}: there is no table {table}")


def _bring_nothing(con, table):
    columns = ", ".join(f"{name} TEXT" for part in COLUMNS[table] for name in part)
    con.execute(f"CREATE OR REPLACE TEMP TABLE raw_{table} ({columns}, source TEXT)")


def _bring_csv(con, table, file):
    names, delimiter = _header(file)
    places = _places(table, names, file.name)
    con.execute("DROP TABLE IF EXISTS bad_lines; DROP TABLE IF EXISTS bad_files")
    # files of the vocabulary are parted by tabs and never quoted: a quote in a name is a quote (OHDSI/ETL-CMS,
    # SQL/load_CDMv5_vocabulary.sql)
    quote = "" if delimiter == "\t" and table in KEPT else '"'
    rows = """read_csv($path, auto_detect = false, header = true, delim = $delimiter, quote = $quote, escape = $quote,
        compression = $compression, columns = $columns, nullstr = $nothing, ignore_errors = true, store_rejects = true,
        rejects_limit = 0, rejects_table = 'bad_lines', rejects_scan = 'bad_files')"""
    given = {
        "path": str(file),
        "delimiter": delimiter,
        "quote": quote,
        "compression": "gzip" if file.name.lower().endswith(".gz") else "none",
        "columns": {f"c{place}": "VARCHAR" for place in range(len(names))},
        "nothing": ["", *NOTHING],
    }
    _bring(con, table, file.name, rows, {name: f"c{place}" for name, place in places.items()}, given)
    sources.keep_bad_lines(con, table, file.name)
    _count(con, table, file.name)


def _header(file):
    """The names in the first line of a CSV file, and the character between them."""
    try:
        with (gzip.open if file.name.lower().endswith(".gz") else open)(file, "rb") as opened:
            line = opened.readline().decode("utf-8-sig").strip("\r\n")
        delimiter = max(",;\t|", key=line.count)
        return next(csv.reader([line], delimiter=delimiter), []), delimiter
    except UnicodeDecodeError as error:
        raise SourceError(f"{file.name}: the first line is not UTF-8 text") from error
    except (OSError, EOFError, zlib.error, csv.Error) as error:
        raise SourceError(f"{file.name}: cannot be read ({str(error).splitlines()[0]})") from error


def _bring_parquet(con, table, file):
    try:
        described = con.execute("DESCRIBE SELECT * FROM read_parquet(?)", [str(file)]).fetchall()
    except duckdb.Error as error:
        raise SourceError(f"{file.name}: {sources.cause_of(error)}") from error
    _bring_typed(con, table, file.name, described, "read_parquet($path)", {"path": str(file)})


def _bring_database(con, path):
    place = str(path).replace("'", "''")
    try:
        con.execute(f"ATTACH '{place}' AS omop_file (READ_ONLY, TYPE duckdb)")
    except duckdb.Error as error:
        raise SourceError(f"{path.name}: {sources.cause_of(error)}") from error
    try:
        _bring_attached(con, path)
    finally:
        con.execute("DETACH omop_file")
    return [path]


def _bring_attached(con, path):
    found = {}
    for schema, name in con.execute(
        """SELECT schema_name, table_name FROM duckdb_tables()
        WHERE database_name = 'omop_file' AND schema_name IN ('main', 'cdm') ORDER BY ALL"""
    ).fetchall():
        if name.lower() in COLUMNS:
            if name.lower() in found:
                raise SourceError(f"{path.name}: there are two tables {name.lower()}")
            found[name.lower()] = f"omop_file.{schema}.{_quoted(name)}"
    _require_tables(found, path)
    for table in COLUMNS:
        if table in found:
            described = con.execute(f"DESCRIBE {found[table]}").fetchall()
            _bring_typed(con, table, table, described, found[table], {})
        else:
            _bring_nothing(con, table)


def _bring_typed(con, table, label, described, rows, given):
    """Bring a table whose columns have types: a moment with a zone is written in UTC, whatever zone is set here."""
    names = [name for name, *_ in described]
    places = _places(table, names, label)
    columns = {}
    for name, place in places.items():
        zoned = described[place][1] == "TIMESTAMP WITH TIME ZONE"
        value = f"timezone('UTC', {_quoted(names[place])})" if zoned else _quoted(names[place])
        columns[name] = f"nullif(nullif(CAST({value} AS TEXT), '{NOTHING[0]}'), '{NOTHING[1]}')"
    _bring(con, table, label, rows, columns, given)
    _count(con, table, label)


def _bring(con, table, label, rows, columns, given):
    """Fill `raw_<table>` with the known columns as text, each row with its source; `columns`: name to expression."""
    selected = ", ".join(
        f"{'whole_id' if name.endswith('_id') else 'recorded'}(CAST({columns[name]} AS TEXT)) AS {name}"
        if name in columns
        else f"CAST(NULL AS TEXT) AS {name}"
        for part in COLUMNS[table]
        for name in part
    )
    try:
        con.execute(
            f"""CREATE OR REPLACE TEMP TABLE raw_{table} AS
            SELECT * FROM (SELECT {selected}, $label || ' row ' || row_number() OVER () AS source FROM {rows})
            WHERE {KEPT.get(table, 'true')}""",
            {"label": label, **given},
        )
    except duckdb.Error as error:
        raise SourceError(f"{label}: {sources.cause_of(error)}") from error


def _places(table, names, label):
    """Where each known column of a table stands among the names given."""
    cleaned = [str(name).replace("\ufeff", "").strip().lower() for name in names]
    required, others = COLUMNS[table]
    for name in required + others:
        if cleaned.count(name) > 1:
            raise SourceError(f"{label}: column {name} stands there twice")
    for name in required:
        if name not in cleaned:
            raise SourceError(f"{label}: required column {name} is missing")
    return {name: cleaned.index(name) for name in required + others if name in cleaned}


def _quoted(name):
    return '"' + name.replace('"', '""') + '"'


def _count(con, table, label):
    """Count the rows of a table; of one that is looked up only the lines that could not be read, if any."""
    ((unreadable,),) = con.execute("SELECT count(*) FROM malformed WHERE kind = ?", [table]).fetchall()
    ((read,),) = con.execute(f"SELECT count(*) FROM raw_{table}").fetchall()
    if table in RECORDS:
        kind = RECORDS[table][0]
        con.execute("INSERT INTO rows_read VALUES (?, ?, ?)", [label, kind, read + unreadable])
    elif unreadable:
        kind = LOOKED_UP[table]
        con.execute("INSERT INTO rows_read VALUES (?, ?, ?)", [label, kind, unreadable])
    else:
        return
    con.execute("UPDATE malformed SET kind = ? WHERE kind = ?", [kind, table])


def _set_repeats_aside(con, table, kind, own_id):
    """Keep the first of rows that are the same in every column read; only rows that share their id are compared."""
    columns = ", ".join(name for part in COLUMNS[table] for name in part)
    con.execute(
        f"""CREATE OR REPLACE TEMP TABLE repeats AS
        SELECT * FROM (
            SELECT *, first_value(source) OVER (PARTITION BY {columns} ORDER BY place_of(source)) AS first
            FROM raw_{table}
            WHERE {own_id} IS NULL
               OR {own_id} IN (SELECT {own_id} FROM raw_{table} GROUP BY {own_id} HAVING count(*) > 1))
        WHERE source <> first"""
    )
    con.execute(
        f"""INSERT INTO malformed
        SELECT '{kind}', source, as_read(to_json(repeats)), 'duplicate of ' || first FROM repeats;
        DELETE FROM raw_{table} WHERE source IN (SELECT source FROM repeats);
        DROP TABLE repeats"""
    )
