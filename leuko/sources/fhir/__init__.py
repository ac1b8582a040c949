"""Reader of FHIR R4: bulk NDJSON, single Bundles and lists, gzip too, into the canonical tables.

DuckDB brings the raw lines in; the SQL in ``each_file`` takes the containers of one file apart (a Bundle, a list, a
DiagnosticReport with results in it), and the numbered files beside this module turn the resources of all files into
rows, all at once. A row is one resource: row n of a file is its n-th resource, which is the n-th line where every line
holds one. What is no result, dose, patient or condition that can be used is set aside with a reason.

Doses are those in mg, g and mcg (``dose_units.csv``); how often a day is told by ``timing.repeat`` or by a code of
``leuko/timings.csv``. Codes of results stand in ``leuko/codes.csv``, those of drugs in ``leuko/drug_codes.csv``; a site
adds its own codes of results in a file, and they win over the shipped ones.
"""

import glob
import gzip
import zlib
from pathlib import Path

import duckdb

from leuko.sources import COLUMNS, FACTS, SourceError, canonical_tables, empty, prepare
from leuko.sources.notes import keep, not_read

HERE = Path(__file__).parent
ENDINGS = (".ndjson", ".ndjson.gz", ".json", ".json.gz")
WORDS = {
    "known_units": FACTS / "units.csv",
    "known_codes": FACTS / "codes.csv",
    "known_drug_codes": FACTS / "drug_codes.csv",
    "known_growth_factor_drugs": FACTS / "growth_factor_drugs.csv",
    "known_timings": FACTS / "timings.csv",
    "known_dose_units": HERE / "dose_units.csv",
    "known_other_cells": HERE / "other_cells.csv",
}
OWN_CODES = ("system", "code", "analyte")
LONGEST_LINE = 16 * 2**20  # bytes; a longer line is set aside
LARGEST_DOCUMENT = 2**30  # bytes, unpacked; a larger file is read line by line alone
# JSON writes this sign only escaped, so that no line of it is cut in two
NEVER_IN_JSON = "\x1f"
LINES = """read_csv(
    $path, auto_detect = false, header = false, delim = $never, quote = '', escape = '',
    columns = {'text': 'VARCHAR', 'rest': 'VARCHAR'}, null_padding = true, strict_mode = false,
    max_line_size = $longest, ignore_errors = true, store_rejects = true, rejects_limit = 0,
    rejects_table = 'bad_lines', rejects_scan = 'bad_files')"""


def read(con, folder, *, dose_unit="mg", codes=None, on_step=lambda share: None):
    """Read the FHIR files of a folder (or one file) into the canonical tables of ``con``.

    Files are *.ndjson and *.json, plain or .gz; others are passed over, and named in a line that is given back (and in
    the table ``load_notes``). ``codes`` is a CSV file of the site's own codes (columns system, code, analyte; an empty
    system stands for codes that name none). ``dose_unit`` is for the canonical tables alone: FHIR doses name their
    unit, and one without is set aside. ``on_step`` is told which share of the work is done, up to 1.
    Raises SourceError where the folder or a file cannot be read, or ``codes`` names an unknown analyte.
    """
    files = _files(Path(folder))
    prepare(con)
    for kind in COLUMNS:
        empty(con, kind)
    for name, path in WORDS.items():
        _bring_table(con, name, path)
    _bring_own_codes(con, codes)
    first, *others = sorted(HERE.glob("*.sql"))
    _run(con, first)
    for place, path in enumerate(files, start=1):
        _bring_file(con, path)
        on_step(place / len(files) / 2)
    for step in others:
        _run(con, step)
    canonical_tables(con, dose_unit=dose_unit, on_step=lambda share: on_step((1 + share) / 2))
    return keep(con, not_read(Path(folder), files))


def _run(con, step):
    con.execute(step.read_text(encoding="utf-8"))


def _files(folder):
    if folder.is_file():
        return [folder]
    if not folder.is_dir():
        raise SourceError(f"{folder}: no such folder")
    files = sorted(path for path in folder.iterdir() if path.name.lower().endswith(ENDINGS) and path.is_file())
    if not files:
        raise SourceError(f"{folder}: no FHIR files ({', '.join('*' + ending for ending in ENDINGS)})")
    return files


def _bring_table(con, name, path):
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE {name} AS "
        "SELECT * FROM read_csv(?, header = true, delim = ',', quote = '\"', all_varchar = true)",
        [glob.escape(str(path))],
    )


def _bring_own_codes(con, path):
    """Bring in the site's own codes; every one must name an analyte that is known."""
    con.execute("CREATE OR REPLACE TEMP TABLE own_codes (system TEXT, code TEXT, analyte TEXT)")
    if path is None:
        return
    label = Path(path).name
    try:
        _bring_table(con, "brought_codes", path)
        con.execute(f"INSERT INTO own_codes SELECT {', '.join(OWN_CODES)} FROM brought_codes; DROP TABLE brought_codes")
    except duckdb.BinderException as error:
        raise SourceError(f"{label}: needs the columns {', '.join(OWN_CODES)}") from error
    except duckdb.Error as error:
        raise SourceError(f"{label}: cannot be read ({str(error).splitlines()[0]})") from error
    wrong = con.execute(
        """SELECT * FROM (SELECT row_number() OVER () AS place, code, analyte FROM own_codes)
        WHERE code IS NULL OR analyte IS NULL
           OR analyte NOT IN (SELECT analyte FROM known_codes UNION SELECT analyte FROM known_other_cells)
        ORDER BY place LIMIT 1"""
    ).fetchone()
    if wrong:
        place, code, analyte = wrong
        raise SourceError(f"{label} row {place}: code {code or '(none)'} has the unknown analyte {analyte or '(none)'}")


def _bring_file(con, path):
    """Read one file: its lines, what they contain, and how many rows that is."""
    label = path.name.replace(";", ",")  # sums name their rows with "; " between them
    is_json = path.name.lower().removesuffix(".gz").endswith(".json")
    document = _document(con, path, label) if is_json else None
    con.execute("CREATE OR REPLACE TEMP TABLE known_file AS SELECT ? AS label", [label])
    con.execute("DROP TABLE IF EXISTS bad_lines; DROP TABLE IF EXISTS bad_files")
    if document:
        _bring_lines(con, "(SELECT $document AS text, CAST(NULL AS TEXT) AS rest)", {"document": document})
        con.execute("CREATE TEMP TABLE bad_lines (line BIGINT, error_type TEXT, csv_line TEXT)")
    else:
        try:
            _bring_lines(con, LINES, {"path": glob.escape(str(path)), "never": NEVER_IN_JSON, "longest": LONGEST_LINE})
        except duckdb.Error as error:
            raise SourceError(f"{label}: cannot be read ({str(error).splitlines()[0]})") from error
        if is_json and not con.execute("SELECT count(said[1]) FROM fhir_lines").fetchone()[0]:
            raise SourceError(f"{label}: is not JSON")
    for step in sorted((HERE / "each_file").glob("*.sql")):
        _run(con, step)


def _bring_lines(con, lines, given):
    """The lines by number with what results say (NULL: no JSON). The text of a plain result is not needed any more."""
    con.execute(
        f"""CREATE OR REPLACE TEMP TABLE fhir_lines AS
        SELECT line, said, CASE WHEN said[1] IS DISTINCT FROM 'Observation' THEN text END AS text
        FROM (SELECT row_number() OVER () AS line, concat_ws(chr(31), text, rest) AS text,
                     CASE WHEN rest IS NULL THEN TRY(observed(text)) END AS said
              FROM {lines})""",
        given,
    )


def _document(con, path, label):
    """The text of a file that is one JSON document; None where it must be read line by line."""
    try:
        with (gzip.open if path.name.lower().endswith(".gz") else open)(path, "rb") as file:
            content = file.read(LARGEST_DOCUMENT + 1)
        if len(content) > LARGEST_DOCUMENT:
            return None
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None
    except (OSError, EOFError, zlib.error) as error:
        raise SourceError(f"{label}: cannot be read ({error})") from error
    return text if con.execute("SELECT json_valid(?)", [text]).fetchone()[0] else None
