"""DuckDB and Spark give the same rows: of each construct of SQL that the rule may use, and of the whole rule.

`make test-spark` installs Spark and runs these; `make test` names them as skipped.
"""

import os
import random
import re
import sys
from datetime import date, timedelta

import duckdb
import pytest

import leuko
from leuko import rules, sources
from leuko.count_units import CELLS
from leuko.evaluation import COLUMNS
from leuko.sources import SourceError
from tests import cohorts, hospital, portable, wards
from tests.serving import ROOT

if "LEUKO_SPARK" not in os.environ:
    pytest.skip("Spark is large: `make test-spark` installs it and runs these", allow_module_level=True)

from pyspark.sql import SparkSession

from leuko import folders
from leuko import spark as on_spark

TABLES = ("labs", "exposures", "events", "patients")
ANSWERS = ("episodes", "recommendations", "worklist")
AS_OF = date(2024, 2, 29)
DEMONSTRATION_DAY = date(2026, 3, 31)
SCALE = (ROOT / "docs" / "scale.md").read_text(encoding="utf-8")
THINGS = """
    CREATE TABLE things AS
    SELECT
        CAST(id AS INTEGER) AS id, CAST(id % 4 AS INTEGER) AS part, words, CAST(number AS DOUBLE) AS number,
        CAST(whole AS INTEGER) AS whole, CAST(day AS DATE) AS day, CAST(moment AS TIMESTAMP) AS moment, yes
    FROM (VALUES
        (1, 'b', 430, 1, '2024-02-29', '2024-02-29 00:00:00', true),
        (2, ' B ', -0.5, -3, '2023-12-31', '2023-12-31 23:59:59.999999', false),
        (3, '', 0, 0, '2024-03-01', '2024-03-31 02:30:00', NULL),
        (4, NULL, NULL, NULL, NULL, NULL, NULL),
        (5, 'Z', 12345678.5, 7, '2024-02-29', '2024-10-27 02:30:00', true),
        (6, 'ä', 0.1, 2, '1899-12-31', '1899-12-31 08:05:00', false),
        (7, 'b', 430, 1, '2024-01-15', '2024-01-15 08:05:00', true),
        (8, 'β 2', 1e15, 2000000000, '2026-11-23', '2026-11-23 12:00:00', false),
        (9, NULL, 1e-5, 1, NULL, '2024-02-29 18:00:00', true),
        (10, 'b', NULL, NULL, '2024-02-29', NULL, NULL),
        (11, 'Ab', 430, 3, '2024-02-28', '2024-02-28 00:00:01', false),
        (12, '', 0.5, 2, '2024-03-01', '2024-03-01 00:00:00', true)
    ) AS given (id, words, number, whole, day, moment, yes)
"""
NUMBERS = (0.0, 0.1, 0.25, 1.0, 66.66666666666667, 99.5, 430.0, 999.0, 1000.0, 1000.5, 12345.678, 1e6, 12345678.5, 1e15)


@pytest.fixture(scope="module")
def spark():
    """Two workers in this process, in a zone whose clocks are put back: counts are dated by the wall clock."""
    settings = {
        "spark.ui.enabled": "false", "spark.sql.shuffle.partitions": "3", "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1", "spark.sql.session.timeZone": "Europe/Zurich",
    }  # fmt: skip
    session = SparkSession.builder.master("local[2]").config(map=settings).getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    yield session
    session.stop()


def plain(rows):
    return sorted(rows.fetchall(), key=str)


def arrow_rows(con, frame):
    answered = frame.toArrow()  # noqa: F841  DuckDB finds it by its name
    return plain(con.sql("FROM answered"))


# ---- construct by construct --------------------------------------------------------------------


@pytest.fixture(scope="module")
def things(spark, tmp_path_factory):
    file = tmp_path_factory.mktemp("things") / "things.parquet"
    with duckdb.connect() as con:
        con.execute(THINGS)
        con.execute(f"COPY things TO '{file}' (FORMAT parquet)")
        spark.read.parquet(str(file)).createOrReplaceTempView("leuko_things")
        rules.write_words(con, CELLS)
        yield con


@pytest.mark.parametrize("construct", portable.proven())
def test_each_construct_gives_the_same_rows(spark, things, construct):
    query, days = portable.proven()[construct], {"as_of": AS_OF, "after": AS_OF + timedelta(days=1)}
    expected = plain(things.execute(query, rules.named(query, days)))
    assert expected
    assert arrow_rows(things, spark.sql(on_spark.in_spark(query, days))) == expected


def test_numbers_are_written_alike(spark, things):
    rng = random.Random(1)
    numbers = [*NUMBERS, *(round(rng.uniform(0, 2000), rng.randint(0, 4)) for _ in range(500))]
    numbers += [rng.uniform(0, 400) for _ in range(500)]
    things.execute("CREATE OR REPLACE TEMP TABLE numbers AS SELECT unnest($numbers) AS number", {"numbers": numbers})
    spark.createDataFrame(things.sql("FROM numbers").to_arrow_table()).createOrReplaceTempView("leuko_numbers")
    query = "SELECT number, number_words(number) AS words, number_words(-number) AS below FROM numbers"
    assert arrow_rows(things, spark.sql(on_spark.in_spark(query, {}))) == plain(things.execute(query))


# ---- the whole rule ----------------------------------------------------------------------------


def canonical_files(con, folder):
    """The canonical tables of a connection as Parquet, by name."""
    for table in TABLES:
        con.execute(f"COPY {table} TO '{folder / table}.parquet' (FORMAT parquet)")
    return {table: folder / f"{table}.parquet" for table in TABLES}


def compare(con, answers):
    """The tables that the rule left in a DuckDB connection, against those of Spark."""
    for table in ANSWERS:
        names = ", ".join(COLUMNS[table])
        expected = plain(con.sql(f"SELECT {names} FROM {table}"))
        found = arrow_rows(con, getattr(answers, table))
        assert len(found) == len(expected), table
        assert [pair for pair in zip(found, expected, strict=True) if pair[0] != pair[1]][:2] == [], table
    unmatched = plain(con.sql(f"SELECT {', '.join(COLUMNS['rejected'])} FROM unmatched"))
    assert arrow_rows(con, answers.unmatched) == unmatched


@pytest.fixture
def uncompiled(spark):
    """Plans are interpreted: of few rows, most of the time would go into compiling each anew."""
    compiled = {"spark.sql.codegen.wholeStage": "true", "spark.sql.codegen.factoryMode": "FALLBACK"}
    spark.conf.set("spark.sql.codegen.wholeStage", "false")
    spark.conf.set("spark.sql.codegen.factoryMode", "NO_CODEGEN")
    yield
    for name, value in compiled.items():
        spark.conf.set(name, value)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.usefixtures("uncompiled")
def test_same_answer_on_wards_under_random_protocols(spark, tmp_path, seed):
    cohort = cohorts.ward(seed, patients=120)
    con = hospital.admit(cohort.labs, cohort.exposures, cohort.events, cohort.patients)
    protocols = hospital.read_protocols(cohort.protocols)
    files = canonical_files(con, tmp_path)
    answers = on_spark.evaluate(spark, **files, protocols=protocols, as_of=cohort.as_of)
    leuko.evaluate(connection=con, protocols=protocols, as_of=cohort.as_of)
    assert con.sql("FROM episodes").fetchall()
    compare(con, answers)


def test_same_answer_on_a_hospital_under_the_shipped_protocols(spark, tmp_path):
    con = duckdb.connect()
    sources.read_frames(con, **vars(wards.hospital(range(100, 116))))
    frames = {name: spark.read.parquet(str(file)) for name, file in canonical_files(con, tmp_path).items()}
    answers = on_spark.evaluate(spark, **frames)
    leuko.evaluate(connection=con)
    compare(con, answers)


def test_the_job_of_the_document_gives_the_same_answer_on_the_demonstration(spark, tmp_path, monkeypatch):
    con = duckdb.connect()
    sources.read_csv(con, **{table: ROOT / "data" / f"{table}.csv" for table in TABLES})
    folders.write(con, tmp_path / "given", {table: f"FROM {table}" for table in TABLES})
    leuko.evaluate(connection=con, as_of=DEMONSTRATION_DAY)
    (job,) = re.findall(r"```python\n(.*?)```", SCALE, re.DOTALL)
    given = ["evaluate.py", tmp_path / "given", tmp_path / "out", DEMONSTRATION_DAY]
    monkeypatch.setattr(sys, "argv", [str(word) for word in given])
    exec(job, {})
    for table in ANSWERS:
        written = f"read_parquet('{tmp_path}/out/{table}/*/*.parquet', hive_partitioning = true)"
        names = ", ".join(COLUMNS[table])
        assert plain(con.sql(f"SELECT {names} FROM {written}")) == plain(con.sql(f"SELECT {names} FROM {table}"))
        bucket = folders.BUCKET.format(buckets=folders.BUCKETS)
        assert con.sql(f"SELECT count(*) FROM {written} WHERE bucket <> {bucket}").fetchall() == [(0,)]


# ---- what is refused, what is left -------------------------------------------------------------


DOSES = "SELECT 'P' AS patient_id, 'dasatinib' AS drug, 100D AS dose_mg, DATE '2024-01-01' AS start_on"
LABS = "SELECT 'P' AS patient_id, 'anc' AS analyte, 400D AS value, TIMESTAMP '2024-02-01 23:30:00' AS collected_at"


def test_what_may_be_left_out_is_filled_in_and_the_day_is_the_last_one(spark):
    before = spark.catalog.listTables()
    (row,) = on_spark.evaluate(spark, spark.sql(LABS), spark.sql(DOSES)).worklist.collect()
    assert (row["status"], row["since"], row["last_anc"]) == ("hold", date(2024, 2, 1), 400)
    assert spark.catalog.listTables() == before


def test_raw_results_and_missing_columns_are_refused_by_name(spark):
    labs, doses = spark.sql(LABS), spark.sql(DOSES)
    with pytest.raises(SourceError, match="labs: has a column unit"):
        on_spark.evaluate(spark, labs.selectExpr("*", "'G/L' AS unit"), doses)
    with pytest.raises(SourceError, match="exposures: required column start_on is missing"):
        on_spark.evaluate(spark, labs, doses.drop("start_on"))
    with pytest.raises(SourceError, match="no day to evaluate"):
        on_spark.evaluate(spark, labs.limit(0), doses.limit(0))
