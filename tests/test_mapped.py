"""Exports in any shape: what is detected and said, what a mapping may not do, and no row lost."""

import csv
import datetime
import gzip
import io
import json
import re
import zipfile

import duckdb
import openpyxl
import pandas
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from leuko import publish
from leuko.sources import SourceError, mapped
from leuko.sources.mapped import excel, files, selects, texts
from leuko.sources.mapped.mapping import Mapping, RawFile, read_mapping
from leuko.sources.mapped.selects import run_selects
from tests.accounted import every_row_is_accounted_for
from tests.serving import ROOT

EXAMPLES = ROOT / "leuko" / "sources" / "mapped" / "examples"
DOCUMENT = (ROOT / "docs" / "mapping.md").read_text(encoding="utf-8")
COUNTS = """
SELECT patient AS patient_id, 'anc' AS analyte, anc AS value, 'G/L' AS unit, taken AS collected_at, row_number AS source
FROM raw"""
HEADER = "patient,taken,anc\n"
ROW = "P1,2024-03-01,0.45\n"


def mapping_of(select=COUNTS, file="labs.csv", keys="", more=""):
    """The text of a mapping with one raw table, `raw`, that fills labs."""
    return f'[files.raw]\nfile = "{file}"\n{keys}\n[labs]\nselect = """{select}"""\n{more}'


@pytest.fixture
def con():
    return duckdb.connect()


@pytest.fixture
def read(con, tmp_path):
    """`read(content, mapping)` reads a file of this content, or several by name; gives what was said of them."""

    def read_content(content, mapping=None, name="labs.csv"):
        folder = tmp_path / "export"
        folder.mkdir(exist_ok=True)
        for each, written in (content if isinstance(content, dict) else {name: content}).items():
            (folder / each).write_bytes(written.encode() if isinstance(written, str) else written)
        (tmp_path / "mapping.toml").write_text(mapping or mapping_of(file=name), encoding="utf-8")
        return mapped.read(con, folder, tmp_path)

    return read_content


def labs(con):
    return con.execute("SELECT patient_id, value, source FROM labs ORDER BY source").fetchall()


def values(con):
    return [value for _, value, _ in labs(con)]


def set_aside(con):
    return con.execute("SELECT source, reason FROM rejected ORDER BY source").fetchall()


def accounts(con):
    """(read, loaded, set aside) of each file."""
    rows = con.execute("SELECT file, rows_read, loaded, set_aside FROM load_report ORDER BY file").fetchall()
    return {file: tuple(counts) for file, *counts in rows}


def workbook(*sheets):
    """The bytes of an .xlsx with these sheets, each (title, rows)."""
    book = openpyxl.Workbook()
    book.remove(book.active)
    for title, rows in sheets:
        sheet = book.create_sheet(title)
        for row in rows:
            sheet.append(row)
    written = io.BytesIO()
    book.save(written)
    return written.getvalue()


def with_part(book, part, change):
    """The bytes of a workbook with the content of one of its parts changed, behind a sound zip."""
    with zipfile.ZipFile(io.BytesIO(book)) as read:
        parts = {name: read.read(name) for name in read.namelist()}
    parts[part] = change(parts[part])
    changed = io.BytesIO()
    with zipfile.ZipFile(changed, "w") as written:
        for name, content in parts.items():
            written.writestr(name, content)
    return changed.getvalue()


def parquet(tmp_path, query):
    file = tmp_path / "made.parquet"
    with duckdb.connect() as maker:
        maker.execute(f"COPY ({query}) TO '{file}' (FORMAT parquet)")
    return file.read_bytes()


def frame_as_parquet(tmp_path, frame):
    file = tmp_path / "frame.parquet"
    with duckdb.connect() as maker:
        maker.register("frame", frame)
        maker.execute(f"COPY (FROM frame) TO '{file}' (FORMAT parquet)")
    return file.read_bytes()


# ---- delimiter and encoding ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("delimiter", "word"), [(",", "comma"), (";", "semicolon"), ("\t", "tab"), ("|", "bar")]
)
def test_the_delimiter_is_detected_and_said(read, con, delimiter, word):
    said = read((HEADER + ROW).replace(",", delimiter))
    assert said == [f"labs.csv: {word}, UTF-8"]
    assert labs(con) == [("P1", 450, "labs.csv row 1")]


def test_a_comma_in_a_quoted_name_does_not_part_columns(read, con):
    said = read('patient;taken;anc;"a, b, c, d, e"\nP1;2024-03-01;0.45;x\n')
    assert said == ["labs.csv: semicolon, UTF-8"]
    assert values(con) == [450]


def test_the_mapping_may_fix_the_delimiter(read, con):
    read("patient;taken;anc;a,b,c,d,e\nP1;2024-03-01;0.45;x\n", mapping_of(keys='delimiter = ";"'))
    assert values(con) == [450]


@pytest.mark.parametrize(
    ("encoding", "word"),
    [
        ("ascii", "UTF-8"),
        ("utf-8", "UTF-8"),
        ("utf-8-sig", "UTF-8 with BOM"),
        ("windows-1252", "Windows-1252"),
        ("utf-16", "UTF-16"),
    ],
)
def test_the_encoding_is_detected_and_said(read, con, encoding, word):
    patient = "Muller" if encoding == "ascii" else "Müller"
    said = read((HEADER + ROW).replace("P1", patient).encode(encoding))
    assert said == [f"labs.csv: comma, {word}"]
    assert labs(con) == [(patient, 450, "labs.csv row 1")]


@pytest.mark.parametrize(("encoding", "patient"), [("windows-1252", "€1"), ("latin-1", "\x801")])
def test_the_mapping_may_fix_the_encoding(read, con, encoding, patient):
    read(HEADER.encode() + b"\x801,2024-03-01,0.45\n", mapping_of(keys=f'encoding = "{encoding}"'))
    assert labs(con)[0][0] == patient


def test_a_broken_line_in_a_utf_8_file_does_not_make_it_another_encoding(read, con):
    said = read((HEADER + ROW.replace("P1", "Müller")).encode() + b"M\xfcller,2024-03-02,0.5\n")
    assert said == ["labs.csv: comma, UTF-8"]
    assert labs(con) == [("Müller", 450, "labs.csv row 1")]
    assert set_aside(con) == [("labs.csv line 3", "malformed line: invalid encoding")]


def test_a_byte_that_the_encoding_does_not_have_sets_its_line_aside(read, con):
    read(HEADER.encode() + b"M\xfcller,2024-03-01,0.45\nP\x812,2024-03-01,0.5\nP3,2024-03-01,0.6\n")
    assert [patient for patient, *_ in labs(con)] == ["Müller", "P3"]
    assert set_aside(con) == [("labs.csv line 3", "malformed line: invalid encoding")]
    assert accounts(con) == {"labs.csv": (3, 2, 1)}


def test_half_a_character_of_utf_16_refuses_the_file(read):
    with pytest.raises(SourceError, match=r"^labs\.csv: is not UTF-16 text$"):
        read((HEADER + ROW).encode("utf-16") + b"\x00")


def test_utf_16_without_its_mark_is_asked_for(read, con):
    content = (HEADER + ROW).encode("utf-16-le")
    with pytest.raises(SourceError, match=r"^labs\.csv: is no text, or UTF-16 without its mark"):
        read(content)
    read(content, mapping_of(keys='encoding = "utf-16-le"'))
    assert values(con) == [450]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "windows-1252"])
@pytest.mark.parametrize("name", ["labs.csv.gz", "LABS.TXT.GZ"])
def test_a_packed_text_is_read_as_if_it_were_not_and_that_is_said(read, con, encoding, name):
    content = (HEADER + "Müller,2024-03-01,0.45\n").replace(",", ";").encode(encoding)
    (said,) = read(gzip.compress(content), name=name)
    assert said.startswith(f"{name}: gzip, semicolon, ")
    assert labs(con) == [("Müller", 450, f"{name} row 1")]


@pytest.mark.parametrize("content", [b"no gzip", gzip.compress(HEADER.encode())[:-6], b""])
def test_a_packed_text_that_is_not_whole_is_refused(read, content):
    with pytest.raises(SourceError, match=r"labs\.csv\.gz: ") as refused:
        read(content, name="labs.csv.gz")
    assert "\n" not in str(refused.value)


def test_a_packed_text_is_unpacked_up_to_a_limit(read, con, monkeypatch):
    content = HEADER + ROW
    monkeypatch.setattr(texts, "LARGEST_UNPACKED", len(content))
    read(gzip.compress(content.encode()), name="labs.csv.gz")
    assert values(con) == [450]
    with pytest.raises(SourceError, match=r"^labs\.csv\.gz: holds more than .* GB: load it in parts$"):
        read(gzip.compress((content + "\n").encode()), name="labs.csv.gz")


def test_files_that_the_mapping_does_not_name_are_said_packed_or_not(read):
    beside = {"more.csv.gz": b"", "more.xlsx": b"", "more.md": b""}
    assert read({"labs.csv": HEADER + ROW, **beside})[1:] == [
        "more.csv.gz: not read: the mapping does not name it",
        "more.xlsx: not read: the mapping does not name it",
    ]


def test_a_second_line_of_names_is_no_row(read, con):
    text = "a,b,c\n" + HEADER + ROW + "P2,2024-03-01\n" + ROW.replace("P1", "P3")
    read(text, mapping_of(keys="header = 2"))
    assert labs(con) == [("P1", 450, "labs.csv row 1"), ("P3", 450, "labs.csv row 3")]
    assert set_aside(con) == [("labs.csv line 4", "malformed line: missing columns")]


# ---- decimal comma --------------------------------------------------------------------------------

NUMBERS = 'numbers = ["anc"]'


def comma_file(*numbers):
    return "patient;taken;anc\n" + "".join(f"P{place};2024-03-01;{each}\n" for place, each in enumerate(numbers, 1))


@pytest.mark.parametrize(
    ("number", "value"), [("0,45", 450), ("12,5", 12500), ("1234,5678", 1234567.8), ("-0,45", None), ("<0,1", 100)]
)
def test_a_decimal_comma_is_detected_in_a_column_of_numbers(read, con, number, value):
    said = read(comma_file(number), mapping_of(keys=NUMBERS))
    assert said == ["labs.csv: semicolon, UTF-8, decimal comma"]
    # implausible as neutrophils, read as written
    assert value in (None, 1234567.8) or values(con) == [value]


def test_without_a_comma_the_decimal_sign_is_a_point(read, con):
    assert read(comma_file("0.45", "1.234", "2"), mapping_of(keys=NUMBERS)) == [
        "labs.csv: semicolon, UTF-8, decimal point"
    ]
    assert values(con) == [450, 1234, 2000]


@pytest.mark.parametrize(
    ("number", "decimal", "value"),
    [
        ("1,234", "", None),
        ("1,234", 'decimal = ","', 1234),
        ("1,234", 'decimal = "."', None),
        ("0,234", "", 234),
        ("12,34", "", 12340),
        ("1.234", 'decimal = ","', None),
        ("1.234", 'decimal = "."', 1234),
        ("1.234", "", 1234),
        ("0.234", 'decimal = ","', 234),
    ],
)
def test_a_number_that_may_be_thousands_is_set_aside_unless_the_mapping_says(read, con, number, decimal, value):
    read(comma_file(number), mapping_of(keys=f"{NUMBERS}\n{decimal}"))
    assert values(con) == ([] if value is None else [value])
    assert accounts(con)["labs.csv"] == (1, int(value is not None), int(value is None))
    if value is None and decimal != 'decimal = "."':
        assert set_aside(con) == [("labs.csv row 1", "decimal sign or thousands: cannot tell")]


def test_among_decimal_commas_a_point_may_part_thousands(read, con):
    read(comma_file("0,45", "1.234", "0.6"), mapping_of(keys=NUMBERS))
    assert values(con) == [450, 600]
    assert set_aside(con) == [("labs.csv row 2", "decimal sign or thousands: cannot tell")]


def test_what_is_set_aside_keeps_the_comma_it_came_with(read, con):
    read(comma_file("0,45", "1,234"), mapping_of(keys=NUMBERS))
    ((record,),) = con.execute("SELECT raw_record FROM rejected").fetchall()
    assert json.loads(record) == {"patient": "P2", "taken": "2024-03-01", "anc": "1,234"}


def test_columns_that_are_not_called_numbers_keep_their_commas(read, con):
    read("patient;taken;anc\n0,45;2024-03-01;0,45\n", mapping_of(keys=NUMBERS))
    assert labs(con) == [("0,45", 450, "labs.csv row 1")]
    read("patient;taken;anc\nP1;2024-03-01;0,45\n", mapping_of())
    assert set_aside(con) == [("labs.csv row 1", "not a number")]


def test_a_column_of_numbers_that_is_not_there_is_told(read):
    with pytest.raises(SourceError, match=r"^labs\.csv: there is no column ANC 2, which the mapping calls a number$"):
        read(HEADER + ROW, mapping_of(keys='numbers = ["ANC 2"]'))


# ---- Parquet and Excel ----------------------------------------------------------------------------


def test_parquet_values_are_read_as_they_are(read, con, tmp_path):
    content = parquet(
        tmp_path,
        """SELECT CAST(101 AS DOUBLE) AS patient, TIMESTAMP '2024-03-01 08:10:00' AS taken, 0.45::FLOAT AS anc
        UNION ALL SELECT 102, TIMESTAMP '2024-03-02', 1.001""",
    )
    assert read(content, mapping_of(file="labs.parquet"), "labs.parquet") == ["labs.parquet: Parquet"]
    assert labs(con) == [("101", 450, "labs.parquet row 1"), ("102", 1001, "labs.parquet row 2")]
    assert con.execute("SELECT min(collected_at) FROM labs").fetchall() == [(datetime.datetime(2024, 3, 1, 8, 10),)]


def test_cells_of_a_workbook_are_read_as_they_are_stored(read, con):
    sheet = [
        ["patient", "taken", "anc", None],
        [101, datetime.datetime(2024, 3, 1, 8, 10), 0.3, None],
        ["007", datetime.date(2024, 3, 2), "<0.5", None],
        [None, None, None, None],
        [103.0, "2024-03-03", 2, None],
    ]
    assert read(workbook(("Blood", sheet), ("Notes", [["x"]])), name="labs.xlsx") == ["labs.xlsx: Excel, sheet Blood"]
    rows = [("101", 300, "labs.xlsx row 1"), ("007", 500, "labs.xlsx row 2"), ("103", 2000, "labs.xlsx row 4")]
    assert labs(con) == rows
    moments = con.execute("SELECT collected_at FROM labs ORDER BY source").fetchall()
    assert moments[0] == (datetime.datetime(2024, 3, 1, 8, 10),)
    assert accounts(con) == {"labs.xlsx": (3, 3, 0)}


def test_the_noise_of_a_stored_sum_is_no_part_of_a_count(read, con):
    book = workbook(("A", [["patient", "taken", "anc"], ["P1", "2024-03-01", 0.3]]))
    noisy = with_part(book, "xl/worksheets/sheet1.xml", lambda xml: xml.replace(b">0.3<", b">0.30000000000000004<"))
    assert noisy != book
    read(noisy, name="labs.xlsx")
    assert con.execute("SELECT raw_value FROM labs").fetchall() == [("0.3",)]


def test_a_workbook_is_unpacked_up_to_a_limit(read, con, monkeypatch):
    book = workbook(("A", [["patient", "taken", "anc"], ["P1", "2024-03-01", 0.45]]))
    with zipfile.ZipFile(io.BytesIO(book)) as packed:
        size = sum(part.file_size for part in packed.infolist())
    monkeypatch.setattr(excel, "LARGEST_UNPACKED", size)
    read(book, name="labs.xlsx")
    assert values(con) == [450]
    monkeypatch.setattr(excel, "LARGEST_UNPACKED", size - 1)
    with pytest.raises(SourceError, match=r"^labs\.xlsx: is .* MB unpacked, more than .*: save it as CSV$"):
        read(book, name="labs.xlsx")


@pytest.mark.parametrize("far", ['<row r="99999999999"><c r="A99999999999"><v>1</v></c></row>', None])
def test_a_workbook_has_cells_up_to_a_limit_however_few_are_written(read, con, monkeypatch, far):
    monkeypatch.setattr(excel, "MOST_CELLS", 6)
    book = workbook(("A", [["patient", "taken", "anc"], ["P1", "2024-03-01", 0.45]]))
    read(book, name="labs.xlsx")
    assert values(con) == [450]
    if far:
        end = b"</sheetData>"
        book = with_part(book, "xl/worksheets/sheet1.xml", lambda part: part.replace(end, far.encode() + end))
    else:
        book = workbook(("A", [["patient", "taken", "anc"], ["P1", "2024-03-01", 0.45], ["P2"]]))
    with pytest.raises(SourceError, match=r"^labs\.xlsx: has more than 6 cells: save the sheet as CSV$"):
        read(book, name="labs.xlsx")


def test_two_sheets_of_a_workbook_are_two_raw_tables(con, read):
    book = workbook(("A", [["patient", "taken", "anc"], ["P1", "2024-03-01", 1]]), ("B", [["patient"], ["P1"]]))
    select = 'select = "SELECT patient AS patient_id, row_number AS source FROM people"'
    more = f'[files.people]\nfile = "labs.xlsx"\nsheet = "B"\n[patients]\n{select}'
    said = read(book, mapping_of(file="labs.xlsx", keys='sheet = "A"', more=more), "labs.xlsx")
    assert said == ["labs.xlsx [A]: Excel, sheet A", "labs.xlsx [B]: Excel, sheet B"]
    assert accounts(con) == {"labs.xlsx [A]": (1, 1, 0), "labs.xlsx [B]": (1, 1, 0)}


def test_a_row_wider_than_the_names_is_set_aside(con, read):
    read(workbook(("A", [["patient", "taken", "anc"], ["P1", "2024-03-01", 1, "x"]])), name="labs.xlsx")
    assert set_aside(con) == [("labs.xlsx line 2", "malformed line: too many columns")]
    assert accounts(con) == {"labs.xlsx": (1, 0, 1)}


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("labs.xlsx", b"PK not a workbook", "labs.xlsx: cannot be read as an Excel workbook"),
        ("labs.xlsx", workbook(("A", [])), "labs.xlsx: no column names in line 1"),
        ("labs.xls", b"\xd0\xcf\x11\xe0", "labs.xls: is of the old Excel format"),
        ("labs.parquet", b"PAR1", "labs.parquet: cannot be read"),
        ("labs.csv", b"", "labs.csv: no column names in line 1"),
        ("labs.csv", b"a,b,A\n", "labs.csv: column A stands there twice"),
        ("labs.csv", b"a,row_number\n", "labs.csv: column row_number has a name that leuko gives"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_in_one_line(read, name, content, message):
    with pytest.raises(SourceError) as refused:
        read(content, name=name)
    assert str(refused.value).startswith(message)
    assert "\n" not in str(refused.value)


# ---- the mapping ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("select", "reason"),
    [
        ("SELECT 1; SELECT 2", "must be exactly one SELECT"),
        ("", "String should match"),
        ("-- nothing", "must be exactly one SELECT"),
        ("SELEC patient", "cannot be parsed"),
        ("DELETE FROM raw", "must be exactly one SELECT"),
        ("COPY raw TO 'out.csv'", "must be exactly one SELECT"),
        ("ATTACH 'x.duckdb'", "must be exactly one SELECT"),
        ("PRAGMA version", "must be exactly one SELECT"),
        ("INSTALL httpfs", "must be exactly one SELECT"),
        ("SET threads = 1", "must be exactly one SELECT"),
        ("WITH gone AS (DELETE FROM raw RETURNING patient) SELECT * FROM gone", "holds another statement than SELECT"),
        ("DESCRIBE raw", "not DESCRIBE, SHOW or SUMMARIZE"),
        ("SELECT * FROM (SUMMARIZE raw)", "not DESCRIBE, SHOW or SUMMARIZE"),
        ("SELECT * FROM read_csv('/etc/passwd')", "must read the raw tables only, not read_csv()"),
        ("SELECT (SELECT content FROM read_text('/etc/passwd'))", "must read the raw tables only, not read_text()"),
        ("SELECT * FROM query('SELECT 1')", "must read the raw tables only, not query()"),
        ("SELECT * FROM duckdb_settings()", "must read the raw tables only, not duckdb_settings()"),
        ("SELECT * FROM '/etc/passwd'", "reads /etc/passwd, which is no raw table"),
        ("SELECT * FROM other", "reads other, which is no raw table"),
        ("SELECT * FROM as_read.raw_0", "reads raw_0, which is no raw table"),
        ("SELECT * FROM information_schema.tables", "reads tables, which is no raw table"),
        (f"{COUNTS} UNION ALL SELECT * FROM labs", "reads labs, which is no raw table"),
        (f"{COUNTS} TABLESAMPLE 10%", "takes a sample"),
        (COUNTS.replace("taken AS", "now() AS"), "now would give another answer on another day"),
        (COUNTS.replace("taken AS", "current_date AS"), "current_date would give another answer on another day"),
        (COUNTS.replace("anc AS", "random() AS"), "random would give another answer on another day"),
        (COUNTS.replace("anc AS", "nobody AS"), "Binder Error"),
        (COUNTS.replace("AS unit", "AS units"), "column units is not known"),
        (COUNTS.replace("AS value", "AS specimen"), "required column value is missing"),
        (COUNTS.replace("row_number AS source", "NULL AS specimen"), "required column source is missing"),
        (COUNTS.replace("row_number AS source", "'labs.csv row 9' AS source"), "row 9 is no row of a raw file"),
        (COUNTS.replace("row_number AS source", "NULL AS source"), "NULL is no row of a raw file"),
        (COUNTS.replace("anc AS value", "CAST(patient AS INTEGER) AS value"), "Conversion Error"),
    ],
)  # fmt: skip
def test_a_select_is_refused_with_the_mapping_the_table_and_the_reason(read, con, select, reason):
    with pytest.raises(SourceError) as refused:
        read(HEADER + ROW, mapping_of(select))
    message = str(refused.value)
    assert message.startswith("mapping.toml: labs") and reason in message
    assert "\n" not in message
    assert con.execute("SELECT count(*) FROM duckdb_tables() WHERE NOT temporary").fetchall() == [(0,)]


@pytest.mark.parametrize(
    "select",
    [
        f"{COUNTS};",
        f"WITH kept AS (SELECT * FROM raw WHERE patient <> '') {COUNTS.replace('FROM raw', 'FROM kept')}",
        COUNTS.replace("FROM raw", "FROM RAW"),
        COUNTS.replace("anc AS value", "unnest([anc]) AS value"),
        f"{COUNTS} -- the end",
        f"{COUNTS} ORDER BY patient",
    ],
)
def test_a_select_may_be_written_in_many_ways(read, con, select):
    read(HEADER + ROW, mapping_of(select))
    assert values(con) == [450]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[files.raw", "mapping.toml: is not valid TOML"),
        (mapping_of(keys='kind = "csv"'), "mapping.toml: files.raw.kind: is not a known key"),
        (mapping_of(more="[results]\n"), "mapping.toml: results: is not a known key"),
        (mapping_of(keys='delimiter = "::"'), "mapping.toml: files.raw.delimiter: Input should be ',', ';'"),
        (mapping_of(keys='encoding = "ebcdic"'), "mapping.toml: files.raw.encoding: Input should be"),
        (mapping_of(keys="header = 0"), "mapping.toml: files.raw.header: Input should be greater"),
        (mapping_of(file="../labs.csv"), "mapping.toml: files.raw: file must stand in the folder"),
        (mapping_of(file="/etc/passwd"), "mapping.toml: files.raw: file must stand in the folder"),
        (mapping_of(file="**.csv"), "mapping.toml: files.raw: **.csv is no pattern"),
        (mapping_of(file="other.csv"), "mapping.toml: files.raw: there is no file other.csv in export"),
        (mapping_of(keys="base_date = 2000-01-01"), "mapping.toml: files.raw: base_date and base_date_is go together"),
        (mapping_of(more='[files.more]\nfile = "labs.csv"'), "mapping.toml: files.more: no SELECT reads it"),
        (mapping_of(more='[files.RAW]\nfile = "labs.csv"'), "mapping.toml: two names of files differ only in"),
        ('[files.raw]\nfile = "labs.csv"', "mapping.toml: there is no SELECT for any of labs, exposures"),
        ("[labs]\nselect = 'SELECT 1'", "mapping.toml: files: is missing"),
    ],
)
def test_a_mapping_is_refused_with_its_key_and_the_reason(read, text, reason):
    with pytest.raises(SourceError) as refused:
        read(HEADER + ROW, text)
    assert str(refused.value).startswith(reason)
    assert "\n" not in str(refused.value)


def test_a_select_that_was_not_checked_still_reaches_no_other_file(tmp_path):
    secret = tmp_path / "secret.txt"
    secret.write_text("secret", encoding="utf-8")
    unchecked = Mapping("mapping.toml", {}, {"labs": f"SELECT content AS source FROM read_text('{secret}')"}, {})
    with pytest.raises(SourceError, match="labs: Permission Error"):
        run_selects(tmp_path / "raw.duckdb", unchecked)


def test_a_select_that_does_not_end_is_stopped(read, monkeypatch):
    monkeypatch.setattr(selects, "LONGEST_MINUTES", 0.005)
    with pytest.raises(SourceError) as refused:
        read(HEADER + ROW, mapping_of(COUNTS + ", range(1000000000000)"))
    assert str(refused.value) == "mapping.toml: labs: the SELECT takes longer than 0.005 minutes"


def test_every_fault_of_a_mapping_is_told_at_once(read):
    with pytest.raises(SourceError) as refused:
        read(HEADER + ROW, mapping_of("SELECT 1; SELECT 2", more='[events]\nselect = "FROM nothing"'))
    assert [line.split(": ")[1] for line in str(refused.value).splitlines()] == ["labs", "events"]


def test_a_mapping_that_is_not_there_is_told(con, tmp_path):
    with pytest.raises(SourceError, match=r"^mapping\.toml: cannot be read"):
        mapped.read(con, tmp_path, tmp_path)


def test_a_folder_that_is_not_there_is_told(con, tmp_path):
    (tmp_path / "mapping.toml").write_text(mapping_of(), encoding="utf-8")
    with pytest.raises(SourceError, match=r"^nowhere: no such folder"):
        mapped.read(con, tmp_path / "nowhere", tmp_path / "mapping.toml")


# ---- several files, offsets, accounts ----------------------------------------------------------------


def test_a_pattern_reads_several_files_of_the_same_columns(read, con):
    files = {"labs_1.csv": HEADER + ROW, "labs_2.csv": "anc;patient;taken\n0.5;P2;2024-03-01\n", "notes.txt": "x"}
    said = read(files, mapping_of(file="labs_*.csv"))
    assert said == [
        "labs_1.csv: comma, UTF-8", "labs_2.csv: semicolon, UTF-8", "notes.txt: not read: the mapping does not name it",
    ]  # fmt: skip
    assert labs(con) == [("P1", 450, "labs_1.csv row 1"), ("P2", 500, "labs_2.csv row 1")]


def test_brackets_in_the_name_of_a_file_are_no_pattern(read, con):
    read(HEADER + ROW, mapping_of(file="labs [1].csv"), "labs [1].csv")
    assert labs(con) == [("P1", 450, "labs [1].csv row 1")]


def test_files_of_other_columns_do_not_go_together(read):
    with pytest.raises(SourceError, match=r"^labs_2\.csv: its columns are not those of labs_1\.csv$"):
        read({"labs_1.csv": HEADER + ROW, "labs_2.csv": "patient\nP1\n"}, mapping_of(file="labs_*.csv"))


def test_days_count_from_the_base_date_which_is_said(read, con):
    select = COUNTS.replace("taken AS", "base_date + to_minutes(CAST(taken AS BIGINT)) AS")
    said = read(
        "patient,taken,anc\nP1,-169,0.45\n",
        mapping_of(select, keys='base_date = 2000-01-01\nbase_date_is = "invented"'),
    )
    assert said == ["labs.csv: comma, UTF-8", "labs.csv: dates count from 2000-01-01, which is invented"]
    assert con.execute("SELECT collected_at FROM labs").fetchall() == [(datetime.datetime(1999, 12, 31, 21, 11),)]
    assert con.execute("SELECT note FROM load_notes WHERE note LIKE 'dates%'").fetchall() == [
        ("dates count from 2000-01-01, which is invented",)
    ]


def test_rows_that_no_select_takes_are_set_aside_with_a_reason(read, con):
    text = HEADER + ROW + "P2,2024-03-01,1\nP3,2024-03-01,1\nP4,2024-03-01,none\n"
    aside = "[aside]\nselect = \"SELECT row_number AS source, 'left' AS reason FROM raw WHERE patient IN ('P1', 'P2')\""
    read(text, mapping_of(f"{COUNTS} WHERE patient NOT IN ('P2', 'P3')", more=aside))
    assert set_aside(con) == [
        ("labs.csv row 2", "left"), ("labs.csv row 3", "not taken by the mapping"), ("labs.csv row 4", "not a number"),
    ]  # fmt: skip
    assert accounts(con) == {"labs.csv": (4, 1, 3)}


def test_a_refused_row_keeps_its_raw_row_beside_what_it_was_mapped_to(read, con):
    read(HEADER + "P4,2024-03-01,none\n")
    ((record,),) = con.execute("SELECT raw_record FROM rejected").fetchall()
    assert json.loads(record)["analyte"] == "anc"
    assert json.loads(record)["raw"] == [{"patient": "P4", "taken": "2024-03-01", "anc": "none"}]


WIDE = """
SELECT patient AS patient_id, unnest(['anc', 'platelets']) AS analyte, unnest([anc, plt]) AS value, 'G/L' AS unit,
       taken AS collected_at, row_number AS source
FROM raw"""


def test_several_records_of_one_row_are_numbered_and_the_row_counts_once(read, con):
    read("patient,taken,anc,plt\nP1,2024-03-01,0.45,88\nP2,2024-03-01,0.5,none\n", mapping_of(WIDE))
    loaded = [source.removeprefix("labs.csv row ") for *_, source in labs(con)]
    assert loaded == ["1 part 1", "1 part 2", "2 part 1"]
    assert set_aside(con) == [("labs.csv row 2 part 2", "not a number")]
    assert accounts(con) == {"labs.csv": (2, 2, 0)}


LONG = """
SELECT patient AS patient_id, 'anc' AS analyte, max(written) FILTER (item = 'value') AS value,
       max(written) FILTER (item = 'unit') AS unit, taken AS collected_at, string_agg(row_number, '; ') AS source
FROM raw GROUP BY patient, taken"""


def test_rows_that_make_one_record_together_are_all_loaded(read, con):
    read(
        "patient,taken,item,written\nP1,2024-03-01,value,0.45\nP1,2024-03-01,unit,G/L\nP2,2024-03-01,value,none\n",
        mapping_of(LONG),
    )
    assert values(con) == [450]
    assert set_aside(con) == [("labs.csv row 3", "not a number")]
    assert accounts(con) == {"labs.csv": (3, 2, 1)}


PATIENTS = st.sampled_from(["P1", "P2", "", "Ü", '"q"', "a;b"])
DAYS = st.sampled_from(["2024-03-01", "1 March", ""])
CELLS = st.tuples(PATIENTS, DAYS, st.sampled_from(["0,45", "1,234", "1.5", "-1", "x", ""]))


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(CELLS, max_size=12), taken=PATIENTS, encoding=st.sampled_from(["utf-8", "utf-16", "windows-1252"]))
def test_no_row_is_lost(read, con, rows, taken, encoding):
    text = io.StringIO()
    csv.writer(text, delimiter=";", quoting=csv.QUOTE_ALL).writerows([("patient", "taken", "anc"), *rows])
    select = COUNTS + " WHERE patient <> '" + taken + "'"
    read(text.getvalue().encode(encoding), mapping_of(select, keys=NUMBERS))
    count, loaded, aside = accounts(con)["labs.csv"]
    assert count == len(rows) == loaded + aside
    every_row_is_accounted_for(con)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(CELLS, max_size=8), taken=PATIENTS, shape=st.sampled_from(["csv.gz", "parquet", "xlsx"]))
def test_no_row_is_lost_in_any_shape(read, con, tmp_path, rows, taken, shape):
    rows = [cells for cells in rows if any(cells)]  # an empty row of a workbook is no row
    names = ("patient", "taken", "anc")
    if shape == "xlsx":
        content = workbook(("A", [names, *rows]))
    elif shape == "parquet":
        content = frame_as_parquet(tmp_path, pandas.DataFrame(rows, columns=names, dtype=str))
    else:
        text = io.StringIO()
        csv.writer(text, quoting=csv.QUOTE_ALL).writerows([names, *rows])
        content = gzip.compress(text.getvalue().encode())
    select = COUNTS + " WHERE patient IS DISTINCT FROM '" + taken + "'"
    read(content, mapping_of(select, file=f"labs.{shape}", keys=NUMBERS), f"labs.{shape}")
    assert accounts(con)[f"labs.{shape}"][0] == len(rows)
    every_row_is_accounted_for(con)


GOOD_CSV = (HEADER + ROW + 'P2,2024-03-02,"0.6"\nMüller,2024-03-03,<0.5\n').encode()
GOOD_XLSX = workbook(("A", [["patient", "taken", "anc"], ["P1", datetime.date(2024, 3, 1), 0.45], ["Ü", "2024", "x"]]))


def damaged(content, draw):
    """The content with a few bytes changed, cut out or put in."""
    damaged = bytearray(content)
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, max(len(damaged) - 1, 0)))
        damaged[place : place + draw(st.integers(0, 3))] = draw(st.binary(max_size=3))
    return bytes(damaged)


def accounted_or_refused(read, con, content, name):
    try:
        read(content, name=name)
    except SourceError as refused:
        assert "\n" not in str(refused)
    else:
        every_row_is_accounted_for(con)


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_damaged_csv_is_accounted_for_or_refused_in_one_line(read, con, data):
    accounted_or_refused(read, con, damaged(GOOD_CSV, data.draw), "labs.csv")


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), inside=st.booleans())
def test_a_damaged_packed_csv_is_accounted_for_or_refused_in_one_line(read, con, data, inside):
    """The packing, or what is packed."""
    packed = gzip.compress(GOOD_CSV, mtime=0)  # without the time, so that a finding comes again
    content = gzip.compress(damaged(GOOD_CSV, data.draw)) if inside else damaged(packed, data.draw)
    accounted_or_refused(read, con, content, "labs.csv.gz")


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_damaged_parquet_file_is_accounted_for_or_refused_in_one_line(read, con, tmp_path, data):
    good = parquet(tmp_path, "FROM (VALUES ('P1', '2024-03-01', '0.45'), ('Ü', '2024', 'x')) AS t(patient, taken, anc)")
    accounted_or_refused(read, con, damaged(good, data.draw), "labs.parquet")


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_damaged_workbook_is_accounted_for_or_refused_in_one_line(read, con, data):
    accounted_or_refused(read, con, damaged(GOOD_XLSX, data.draw), "labs.xlsx")


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_workbook_whose_parts_are_damaged_is_accounted_for_or_refused_in_one_line(read, con, data):
    part = data.draw(st.sampled_from(zipfile.ZipFile(io.BytesIO(GOOD_XLSX)).namelist()))
    content = with_part(GOOD_XLSX, part, lambda content: damaged(content, data.draw))
    accounted_or_refused(read, con, content, "labs.xlsx")


def test_raw_rows_stand_in_the_folder_of_the_load_which_the_next_removes_after_a_kill(tmp_path, monkeypatch):
    (tmp_path / "labs.csv").write_text(HEADER + ROW, encoding="utf-8")
    (tmp_path / "mapping.toml").write_text(mapping_of(), encoding="utf-8")
    places = []

    def bring(raw, folder, wanted):
        places.append(raw)
        return files.bring(raw, folder, wanted)

    monkeypatch.setattr(mapped, "bring", bring)
    publish.load(tmp_path / "ward.duckdb", lambda con: mapped.read(con, tmp_path, tmp_path))
    assert [place.is_relative_to(tmp_path / "ward.duckdb.building") for place in places] == [True]


# ---- the document and the examples that ship ------------------------------------------------------------


def fenced(language):
    return re.findall(rf"```{language}\n(.*?)```", DOCUMENT, re.DOTALL)


def test_the_example_of_the_document_says_and_loads_what_stands_there(read, con):
    (export,), (mapping,) = fenced("csv"), fenced("toml")
    said = read(export.encode("windows-1252"), mapping, "export.csv")
    assert said == [line.strip() for line in re.findall(r"^    (export\.csv: .*)$", DOCUMENT, re.MULTILINE)]
    shown = re.findall(r"^\| (K\d) \| (\w+) \| (\d+) \| (\S+) \| (.+) \|$", DOCUMENT, re.MULTILINE)
    loaded = con.execute(
        """SELECT patient_id, analyte, CAST(value AS BIGINT), CAST(collected_at AS DATE), source
        FROM labs ORDER BY source"""
    ).fetchall()
    assert [tuple(str(cell) for cell in row) for row in loaded] == shown
    assert set_aside(con) == [("export.csv row 3", "K8 took no part")]


def test_the_document_lists_every_key():
    table = DOCUMENT.partition("| key of `[files.NAME]` |")[2].partition("\n\n")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == set(RawFile.model_fields)


def test_the_document_states_the_limits():
    for limit in (
        f"longer than {selects.LONGEST_MINUTES} minutes",
        f"more than {excel.LARGEST_UNPACKED >> 20} MB unpacked",
        f"more than {excel.MOST_CELLS:,}",
        f"up to {texts.LARGEST_UNPACKED >> 30} GB",
    ):
        assert limit in " ".join(DOCUMENT.split())


@pytest.mark.parametrize("example", sorted(EXAMPLES.glob("*.toml")), ids=lambda example: example.stem)
def test_every_example_is_a_mapping_that_the_document_names(example):
    assert f"`{example.stem}`" in DOCUMENT
    assert "labs" in read_mapping(example).selects


@pytest.fixture
def example(con, real_data):
    """`example(name)` reads a public data set by the mapping that ships for it."""

    def read_example(name):
        mapped.read(con, real_data / name, EXAMPLES / f"{name}.toml")
        for file, (count, loaded, aside) in accounts(con).items():
            assert count == loaded + aside > 0, file
        return con

    return read_example


def analytes(con):
    return dict(con.execute("SELECT analyte, count(*) FROM labs GROUP BY analyte").fetchall())


def one(con, query):
    return con.execute(query).fetchall()[0]


def test_mimic_counts(example):
    con = example("mimic3-demo")
    assert analytes(con) == {
        "wbc": 2021, "platelets": 2088, "segs_pct": 546, "bands_pct": 231, "granulocytes": 99, "anc": 546,
    }  # fmt: skip
    assert one(con, "SELECT count(*) FROM labs WHERE analyte = 'platelets' AND comparator = ''") == (2085,)
    assert one(con, "SELECT count(*) FROM labs WHERE analyte = 'anc' AND NOT derived") == (0,)
    assert one(con, "SELECT count(*) FROM labs WHERE analyte = 'granulocytes' AND value < 500") == (20,)
    neutrophils = "SELECT count(*) FROM rejected WHERE raw_record LIKE '%\"segs_pct\"%'"
    assert one(con, neutrophils) == (1,), "one of 547: COMPUTER NETWORK FAILURE"
    assert one(con, "SELECT min(value) FROM labs WHERE analyte = 'anc' AND patient_id = '40310'") == (0,)
    assert one(con, "SELECT count(*) FROM events WHERE kind = 'gcsf' AND patient_id = '40310'") == (4,)
    assert one(con, "SELECT count(*) FROM patients") == (100,)


def test_clinsight_counts(example):
    con = example("clinsight-edc")
    assert analytes(con) == {"anc": 58, "neutrophils_pct": 3, "platelets": 64}
    blank = "SELECT count(*) FROM rejected WHERE reason = 'not a number' AND raw_record LIKE '%\"anc\"%'"
    assert one(con, blank) == (1,), "58 + 3 + 1 are the 62 neutrophil results"
    assert one(con, "SELECT max(value) FROM labs WHERE analyte = 'anc'") == (169430,)
    assert one(con, "SELECT count(*) FROM exposures WHERE start_on = end_on") == (28,)
    assert one(con, "SELECT count(*), count(site) FROM patients") == (25, 25)


def test_eicu_counts(example):
    con = example("eicu-demo")
    assert analytes(con) == {"wbc": 861, "platelets": 863, "segs_pct": 511, "bands_pct": 47, "anc": 510}
    # of 25 spellings all but the bare 10
    assert one(con, "SELECT count(DISTINCT raw_unit) FROM labs WHERE analyte = 'wbc'") == (24,)
    assert one(con, "SELECT count(*) FROM load_notes WHERE note LIKE 'dates count from 2000-01-01, which is%'") == (1,)
    patients = "SELECT count(DISTINCT split_part(patient_id, ' ', 1)), count(DISTINCT site) FROM patients"
    assert one(con, patients) == (100, 79)
