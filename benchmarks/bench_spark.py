"""The rule on Spark with two workers on this machine, beside DuckDB with two threads over the same Parquet files.

    python -m benchmarks.bench_spark [--rows 1000000 5000000] [--rounds 3]

The cohorts are those of bench_rule, nearly every patient with lows, in 16 buckets; one more has a patient with 100,000
of its results. Spark is warmed up on a small one. Each is evaluated `rounds` times in turn, from Parquet to the written
tables; what is printed are medians of the seconds by the clock and of the processor's, which other programs do not
lengthen, and the peak memory of the process that Spark runs in. Needs what `make test-spark` installs.
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
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


def with_spark(spark: SparkSession, given: Path, out: Path) -> None:
    on_spark.evaluate(spark, given / "labs", given / "exposures", as_of=AS_OF).write(out)


def with_duckdb(given: Path, out: Path) -> None:
    with duckdb.connect() as con:
        con.execute("SET threads = 2")
        read_folder(con, given)
        result = leuko.evaluate(connection=con, as_of=AS_OF)
        folders.write(con, out, {name: result.query(name) for name in ANSWERS})


def timed(work: Callable[[], None], process: int) -> tuple[float, float]:
    """Seconds by the clock and of the processor, this process and that of Spark together, that some work takes."""
    began, used = time.perf_counter(), time.process_time() + processor(process)
    work()
    return time.perf_counter() - began, time.process_time() + processor(process) - used


def processor(process: int) -> float:
    """The seconds of the processor that a process has used so far."""
    told = Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(told[11]) + int(told[12])) / os.sysconf("SC_CLK_TCK")


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


def peak_gb(process: int) -> float:
    """The most memory that a process has held so far."""
    status = Path(f"/proc/{process}/status").read_text(encoding="utf-8")
    return int(status.split("VmHWM:")[1].split()[0]) / 2**20


def measure(spark: SparkSession, rows: int, rounds: int, *, skewed: bool, place: Path) -> str:
    process = spark._jvm.java.lang.ProcessHandle.current().pid()
    make(place / "given", rows, skewed=skewed)
    found = {"Spark": [], "DuckDB": []}
    for turn in range(rounds):
        found["Spark"].append(timed(partial(with_spark, spark, place / "given", place / f"spark {turn}"), process))
        found["DuckDB"].append(timed(partial(with_duckdb, place / "given", place / f"duckdb {turn}"), process))
    middle = {name: [statistics.median(kind) for kind in zip(*times, strict=True)] for name, times in found.items()}
    said = [f"{name} {clock:.1f} s, {used:.1f} s of processor" for name, (clock, used) in middle.items()]
    answered = check_equal(place / "spark 0", place / "duckdb 0")
    which = ", one patient with 100,000" if skewed else ""
    return f"{rows:,} results{which}: {'; '.join(said)}; {answered:,} rows of answers, equal; {peak_gb(process):.1f} GB"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000_000, 5_000_000])
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    settings = {"spark.ui.enabled": "false", "spark.driver.memory": "4g", "spark.sql.shuffle.partitions": "16"}
    spark = SparkSession.builder.master("local[2]").config(map=settings).getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    cohorts = [(10_000, False), (chosen.rows[0], False), (chosen.rows[0], True)]
    for rows, skewed in [*cohorts, *((rows, False) for rows in chosen.rows[1:])]:
        with tempfile.TemporaryDirectory() as place:
            print(measure(spark, rows, chosen.rounds, skewed=skewed, place=Path(place)), flush=True)
    spark.stop()


if __name__ == "__main__":
    main()
