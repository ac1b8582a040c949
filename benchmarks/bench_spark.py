"""The rule on Spark with two workers on this machine, beside DuckDB with two threads over the same Parquet files.

    python -m benchmarks.bench_spark [--rows 1000000 5000000] [--rounds 3]

The cohorts are those of bench_rule, nearly every patient with lows, in 16 buckets; one more has a patient with 100,000
of its results. Each is evaluated by Spark once to warm up and then `rounds` times, from Parquet to the three written
tables; what is printed are medians, and the peak memory of the process that Spark runs in. Needs `make test-spark`.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import duckdb
from pyspark.sql import SparkSession

import leuko
from benchmarks.bench_rule import AS_OF, COHORT, DOSES, RESULTS_EACH
from leuko import folders
from leuko import spark as on_spark
from leuko.evaluation import COLUMNS, read_folder

TABLES = ("labs", "exposures")
ANSWERS = ("episodes", "recommendations", "worklist")
SKEWED = 100_000
# Of one patient, all results of as many others: their moments are moved apart.
ONE_PATIENT = """
UPDATE labs SET patient_id = 'P0000000',
    collected_at = collected_at + to_minutes(CAST(substr(patient_id, 2) AS INTEGER)),
    reported_at = reported_at + to_minutes(CAST(substr(patient_id, 2) AS INTEGER))
WHERE CAST(substr(patient_id, 2) AS INTEGER) < {patients}
"""


def make(folder: Path, rows: int, *, skewed: bool) -> None:
    """Write the canonical tables of a cohort of so many results."""
    with tempfile.TemporaryDirectory() as place, duckdb.connect(str(Path(place) / "cohort.duckdb")) as con:
        con.execute("SET threads = 2")
        con.execute(COHORT.format(patients=rows // RESULTS_EACH, results=RESULTS_EACH, share=0.98))
        con.execute(DOSES.format(patients=rows // RESULTS_EACH))
        if skewed:
            con.execute(ONE_PATIENT.format(patients=SKEWED // RESULTS_EACH))
        folders.write(con, folder, {table: f"FROM {table}" for table in TABLES})


def with_spark(spark: SparkSession, given: Path, out: Path) -> float:
    started = time.perf_counter()
    on_spark.evaluate(spark, given / "labs", given / "exposures", as_of=AS_OF).write(out)
    return time.perf_counter() - started


def with_duckdb(given: Path, out: Path) -> float:
    started = time.perf_counter()
    with duckdb.connect() as con:
        con.execute("SET threads = 2")
        read_folder(con, given)
        result = leuko.evaluate(connection=con, as_of=AS_OF)
        folders.write(con, out, {name: result.query(name) for name in ANSWERS})
    return time.perf_counter() - started


def check_equal(first: Path, second: Path) -> int:
    """The number of rows in the three tables; AssertionError where the two folders hold different ones."""
    rows = 0
    for table in ANSWERS:
        names = ", ".join(COLUMNS[table])
        queries = [f"SELECT {names} FROM read_parquet('{place / table}/**/*.parquet')" for place in (first, second)]
        for one, other in (queries, reversed(queries)):
            assert not duckdb.sql(f"{one} EXCEPT ALL {other}").fetchall(), table
        rows += duckdb.sql(f"SELECT count(*) FROM ({queries[0]})").fetchall()[0][0]
    return rows


def peak_gb(spark: SparkSession) -> float:
    """The most memory that the process of Spark has held so far."""
    process = spark._jvm.java.lang.ProcessHandle.current().pid()
    status = Path(f"/proc/{process}/status").read_text(encoding="utf-8")
    return int(status.split("VmHWM:")[1].split()[0]) / 2**20


def measure(spark: SparkSession, rows: int, rounds: int, *, skewed: bool, place: Path) -> None:
    given = place / "given"
    make(given, rows, skewed=skewed)
    with_spark(spark, given, place / "warm")
    seconds = {"Spark": [], "DuckDB": []}
    for turn in range(rounds):
        seconds["Spark"].append(with_spark(spark, given, place / f"spark {turn}"))
        seconds["DuckDB"].append(with_duckdb(given, place / f"duckdb {turn}"))
    answered = check_equal(place / "warm", place / "duckdb 0")
    middle = {name: statistics.median(times) for name, times in seconds.items()}
    print(
        f"{rows:>11,} results{', one patient with 100,000' if skewed else '':<26}  "
        f"Spark {middle['Spark']:6.1f} s  DuckDB {middle['DuckDB']:5.1f} s  "
        f"{answered:,} rows of answers, equal; Spark's process {peak_gb(spark):.1f} GB",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000_000, 5_000_000])
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    spark = SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false").getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    for rows, skewed in [*((rows, False) for rows in chosen.rows), (chosen.rows[0], True)]:
        with tempfile.TemporaryDirectory() as place:
            measure(spark, rows, chosen.rounds, skewed=skewed, place=Path(place))
    spark.stop()


if __name__ == "__main__":
    main()
