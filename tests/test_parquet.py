"""Parquet files with the columns of the CSV files: read as the same rows, numbers and moments as they are."""

import datetime

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from leuko import inputs, sources
from leuko.sources import SourceError
from tests.accounted import every_row_is_accounted_for

TABLES = ("labs", "exposures", "patients", "events", "rejected", "load_report", "other_cells")
DOSES = "SELECT 'P1' AS patient_id, 'dasatinib' AS drug, 100 AS dose_mg, DATE '2024-01-01' AS start_on"
LAB = "'P1' AS patient_id, 'anc' AS analyte, 0.5 AS value, 'K/uL' AS unit, DATE '2024-03-01' AS collected_at"


@pytest.fixture
def con():
    with duckdb.connect() as con:
        yield con


@pytest.fixture
def write(tmp_path):
    """`write("labs", "SELECT …")` writes the rows of a query as a Parquet file and gives its path."""

    def write_rows(name, query, options=""):
        file = tmp_path / f"{name}.parquet"
        with duckdb.connect() as maker:
            maker.execute(f"COPY ({query}) TO '{file}' (FORMAT parquet {options})")
        return file

    return write_rows


def read(con, write, labs, exposures=DOSES):
    sources.read_csv(con, labs=write("labs", labs), exposures=write("exposures", exposures))
    every_row_is_accounted_for(con)


def columns(con, names, table="labs"):
    return con.execute(f"SELECT {names} FROM {table} ORDER BY source").fetchall()


def reasons(con):
    return dict(con.execute("SELECT source, reason FROM rejected").fetchall())


# ---- the same rows -----------------------------------------------------------------------------


def test_typed_columns_give_the_tables_that_the_same_csv_file_gives(con, write, tmp_path):
    queries = {
        "labs": """SELECT 'P' || range % 7 AS patient_id,
            CASE range % 5 WHEN 0 THEN 'wbc' WHEN 1 THEN 'xyz' ELSE 'anc' END AS analyte, (range % 90) / 8 AS value,
            CASE range % 11 WHEN 0 THEN '<' END AS comparator,
            CASE range % 13 WHEN 0 THEN NULL ELSE '10*9/L' END AS unit,
            TIMESTAMP '2024-01-01 08:00:00' + INTERVAL 7 HOUR * range AS collected_at,
            CASE range % 3 WHEN 0 THEN NULL ELSE TIMESTAMP '2024-01-01 09:30:00.5' + INTERVAL 7 HOUR * range END
            AS reported_at, 1.5 AS ref_low FROM range(500)""",
        "exposures": "SELECT 'P' || range AS patient_id, 'dasatinib' AS drug, 50.5 AS dose_mg, "
        "DATE '2024-01-01' AS start_on, NULL AS end_on FROM range(7)",
    }
    found = []
    for ending in ("csv", "parquet"):
        files = {}
        for name, query in queries.items():
            files[name] = tmp_path / f"{name}.{ending}"
            con.execute(f"COPY ({query}) TO '{files[name]}' (FORMAT {ending})")
        sources.read_csv(con, **files)
        every_row_is_accounted_for(con)
        rows = [con.execute(f"SELECT * FROM {table} ORDER BY ALL").fetchall() for table in TABLES]
        found.append(repr(rows).replace(f".{ending}", ""))
    assert len(found[0]) > 10_000
    # a whole number is written without its ".0", which a CSV file keeps as it was printed
    assert found[1] == found[0].replace(".0'", "'").replace('.0"', '"')


def test_rows_are_counted_in_the_order_of_the_file_whatever_the_connection_is_set_to(con, write):
    rows = f"SELECT * REPLACE (range AS value), range + 1 AS specimen FROM (SELECT {LAB}) CROSS JOIN range(300000)"
    file = write("labs", rows, ", ROW_GROUP_SIZE 2048")
    con.execute("SET threads = 4; SET preserve_insertion_order = false")
    sources.read_csv(con, labs=file, exposures=write("exposures", DOSES))
    assert con.execute("SELECT count(*) FROM labs WHERE source <> 'labs.parquet row ' || specimen").fetchone() == (0,)
    assert con.execute("SELECT current_setting('preserve_insertion_order')").fetchone() == (False,)


def test_the_results_of_a_patient_stand_together_however_many_threads_write_them(tmp_path, write):
    """So that his page and an addition read a small part of a large table."""
    patients = f"SELECT * REPLACE (hash(range) % 5000 AS patient_id) FROM (SELECT {LAB}) CROSS JOIN range(600000)"
    files = {"labs": write("labs", patients, ", ROW_GROUP_SIZE 2048"), "exposures": write("exposures", DOSES)}
    with duckdb.connect(tmp_path / "ward.duckdb") as con:
        con.execute("SET threads = 8")
        sources.read_csv(con, **files)
        places = "SELECT patient_id < lag(patient_id) OVER (ORDER BY rowid) AS falls FROM labs"
        assert con.execute(f"SELECT count(*), count(*) FILTER (falls) FROM ({places})").fetchone() == (600000, 0)


# ---- types -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "read_as", "as_it_came"),
    [
        ("CAST(0.5 AS DOUBLE)", 500, "0.5"),
        ("CAST(0.5 AS FLOAT)", 500, "0.5"),
        ("CAST(1.001 AS DOUBLE)", 1001, "1.001"),
        ("CAST(2 AS DOUBLE)", 2000, "2"),
        ("CAST(2 AS SMALLINT)", 2000, "2"),
        ("CAST(0.500 AS DECIMAL(9, 3))", 500, "0.500"),
        ("'<0.5'", 500, "<0.5"),
    ],
)
def test_counts_of_every_type_are_exact(con, write, value, read_as, as_it_came):
    read(con, write, f"SELECT {LAB}".replace("0.5 AS value", f"{value} AS value"))
    assert columns(con, "value, raw_value") == [(read_as, as_it_came)]


@pytest.mark.parametrize("value", ["CAST('nan' AS DOUBLE)", "CAST('inf' AS DOUBLE)", "CAST(NULL AS DOUBLE)"])
def test_a_count_that_is_no_number_is_set_aside(con, write, value):
    read(con, write, f"SELECT {LAB}".replace("0.5 AS value", f"{value} AS value"))
    assert reasons(con) == {"labs.parquet row 1": "not a number"}


def test_an_id_that_a_data_frame_turned_into_a_float_is_the_number(con, write):
    lab = LAB.partition(", ")[2]
    read(con, write, f"SELECT unnest([101.0, 'nan'::DOUBLE]) AS patient_id, {lab}")
    assert columns(con, "patient_id") == [("101",)]
    assert reasons(con) == {"labs.parquet row 2": "no patient"}


@pytest.mark.parametrize(
    ("moment", "read_as", "offset"),
    [
        ("TIMESTAMP '2024-03-01 08:15:30.25'", datetime.datetime(2024, 3, 1, 8, 15, 30, 250000), None),
        ("CAST('2024-03-01 08:15:30' AS TIMESTAMP_NS)", datetime.datetime(2024, 3, 1, 8, 15, 30), None),
        ("DATE '2024-03-01'", datetime.datetime(2024, 3, 1), None),
        ("TIMESTAMPTZ '2024-03-01 08:15:00+02:00'", datetime.datetime(2024, 3, 1, 6, 15), "+00"),
        ("'2024-03-01T08:15+02:00'", datetime.datetime(2024, 3, 1, 8, 15), "+02:00"),
    ],
)
def test_moments_of_every_type_whatever_zone_is_set(con, write, moment, read_as, offset):
    con.execute("SET TimeZone = 'Asia/Tokyo'")
    read(con, write, f"SELECT {LAB}, {moment} AS reported_at".replace("DATE '2024-03-01'", moment, 1))
    assert columns(con, "collected_at, reported_at, collected_offset") == [(read_as, read_as, offset)]


@pytest.mark.parametrize("moment", ["infinity", "-infinity", "10000-01-01", "0044-03-15 (BC)"])
@pytest.mark.parametrize("column", ["collected_at", "reported_at"])
def test_a_moment_that_no_calendar_of_ours_has_is_no_date(con, write, moment, column):
    other = "TIMESTAMP '2024-03-01'"
    moments = {"collected_at": other, "reported_at": other} | {column: f"TIMESTAMP '{moment}'"}
    lab = LAB.rpartition(",")[0]
    read(con, write, f"SELECT {lab}, " + ", ".join(f"{value} AS {name}" for name, value in moments.items()))
    assert reasons(con) == {"labs.parquet row 1": "no date"}


# ---- files -------------------------------------------------------------------------------------


def test_the_name_of_a_folder_is_no_column(con, write, tmp_path):
    (tmp_path / "site=North").mkdir()
    patients = write("patients", "SELECT 'P1' AS patient_id").rename(tmp_path / "site=North" / "patients.parquet")
    sources.read_csv(con, patients=patients)
    assert con.execute("SELECT patient_id, site FROM patients").fetchall() == [("P1", None)]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "labs.parquet: cannot be read (No such file or directory)"),
        (b"patient_id,analyte\n", "labs.parquet: cannot be read"),
        (b"", "labs.parquet: cannot be read"),
    ],
)
def test_what_is_no_parquet_file_is_refused_in_one_line(con, tmp_path, content, says):
    file = tmp_path / "labs.parquet"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(SourceError) as refusal:
        sources.read_csv(con, labs=file)
    assert str(refusal.value).startswith(says)
    assert "\n" not in str(refusal.value)


def test_a_column_that_is_needed_is_named(con, write):
    with pytest.raises(SourceError, match=r"^labs\.parquet: required column value is missing$"):
        sources.read_csv(con, labs=write("labs", "SELECT 'P1' AS patient_id, 'anc' AS analyte, 1 AS collected_at"))


def test_a_folder_holds_a_table_once_as_csv_or_as_parquet(con, write, tmp_path):
    write("labs", f"SELECT {LAB}")
    (tmp_path / "exposures.csv").write_text("patient_id,drug,dose_mg,start_on\nP1,dasatinib,100,2024-01-01\n")
    found = inputs.of_folder(tmp_path, inputs.Shape(), adding=False)
    assert [file.name for file in found.files] == ["labs.parquet", "exposures.csv"]
    found.read(con)
    assert columns(con, "source") == [("labs.parquet row 1",)]
    write("exposures", DOSES)
    with pytest.raises(SourceError, match=r"exposures\.csv and exposures\.parquet are one table$"):
        inputs.of_folder(tmp_path, inputs.Shape(), adding=False)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changed=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=6))
def test_a_damaged_file_is_accounted_for_or_refused_in_one_line(write, changed):
    content = bytearray(write("labs", f"SELECT {LAB}, 'final' AS status FROM range(20)").read_bytes())
    for place, byte in changed:
        content[int(place * len(content))] = byte
    file = write("labs", "SELECT 1 AS one")
    file.write_bytes(content)
    with duckdb.connect() as con:
        try:
            sources.read_csv(con, labs=file)
        except SourceError as refused:
            assert "\n" not in str(refused)
        else:
            every_row_is_accounted_for(con)
