"""leuko's own CSV files with anything in them: no row is lost, no error but one clear line reaches a reader."""

import csv
import io

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from leuko import sources
from leuko.sources import COLUMNS, SourceError
from tests.accounted import every_row_is_accounted_for

GOOD = {
    "labs": "patient_id,analyte,value,unit,collected_at,comparator,status\r\n"
    'P1,anc,0.5,10*9/L,2024-03-01T08:00:00+01:00,,final\r\nP2,26499-4,"<5",K/uL,2024-03-02,<,\r\nMüller,wbc,1,%,x,,\r\n',
    "exposures": "patient_id;drug;dose_mg;start_on;end_on\nP1;dasatinib;100;2024-01-01;\nP2;;0;2024-02-01;2024-01-01\n",
    "patients": "patient_id\tname\tbirth_date\tdied_on\nP1\tAda \"A\"\t1960-01-01\t\nP1\t\t\t2024-02-30\n",
    "events": "patient_id,kind,value,occurred_at\nP1,fever,38.5,2024-03-01\nP1,,,\n",
}
CELLS = st.sampled_from([
    "", "P1", "anc", "platelets", "0.5", "1e3", "-1", "<0.1", "10*9/L", "%", "2024-03-01", "2024-02-30", "dasatinib",
    "fever", "cancelled", "Ü", "a,b", 'say "no"', "two\nlines", "two\rlines", ";", "\t", "NULL", "; ", " part 1",
])  # fmt: skip


def read(folder, contents):
    """A connection that has read these files, given by kind; labs and exposures are needed."""
    con = duckdb.connect()
    paths = {kind: folder / f"{kind}.csv" for kind in contents}
    for kind, content in contents.items():
        paths[kind].write_bytes(content)
    sources.read_csv(con, **{kind: paths.get(kind) for kind in COLUMNS})
    every_row_is_accounted_for(con)
    return con


@st.composite
def tables(draw):
    """The rows of each kind: any cells in the columns of its kind, in any order."""
    found = {}
    for kind, columns in COLUMNS.items():
        names = draw(st.permutations(columns))
        found[kind] = names, draw(st.lists(st.lists(CELLS, min_size=len(names), max_size=len(names)), max_size=6))
    return found


@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(given_tables=tables(), delimiter=st.sampled_from(",;\t|"))
def test_every_row_is_loaded_or_set_aside(tmp_path_factory, given_tables, delimiter):
    contents = {}
    for kind, (names, rows) in given_tables.items():
        text = io.StringIO()
        csv.writer(text, delimiter=delimiter, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows([names, *rows])
        contents[kind] = text.getvalue().encode()
    con = read(tmp_path_factory.mktemp("rows"), contents)
    counted = dict(con.execute("SELECT kind, rows_read FROM load_report").fetchall())
    assert counted == {kind: len(rows) for kind, (_, rows) in given_tables.items()}


def damaged(content, draw):
    """The content with a few bytes changed, cut out or put in."""
    damaged = bytearray(content)
    for _ in range(draw(st.integers(1, 5))):
        place = draw(st.integers(0, max(len(damaged) - 1, 0)))
        damaged[place : place + draw(st.integers(0, 3))] = draw(
            st.sampled_from([b'"', b"\n", b"\r", b"\r\n", b",", b";", b"\x00", b"\xff", b"\xef\xbb\xbf", b""])
            | st.binary(max_size=3)
        )
    return bytes(damaged)


@pytest.mark.parametrize("kind", GOOD)
@settings(max_examples=30, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_a_damaged_file_is_accounted_for_or_refused_in_one_line(tmp_path_factory, kind, data):
    contents = {name: text.encode() for name, text in GOOD.items()}
    contents[kind] = damaged(contents[kind], data.draw)
    try:
        read(tmp_path_factory.mktemp("damaged"), contents)
    except SourceError as refused:
        assert str(refused).startswith(f"{kind}.csv: ")
        assert "\n" not in str(refused)


def test_a_semicolon_in_the_name_of_a_file_parts_no_rows(tmp_path):
    con = duckdb.connect()
    files = {kind: tmp_path / f"a; {kind} row 1.csv" for kind in ("labs", "exposures")}
    for kind, file in files.items():
        file.write_text(GOOD[kind], encoding="utf-8", newline="")
    sources.read_csv(con, **files)
    every_row_is_accounted_for(con)
    report = con.execute("SELECT file, loaded, set_aside FROM load_report ORDER BY file").fetchall()
    assert report == [("a, exposures row 1.csv", 1, 1), ("a, labs row 1.csv", 2, 1)]
