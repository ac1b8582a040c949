"""Loading and evaluating a file of lab results against DuckDB copying the same file into a table, in one run.

    python -m benchmarks.bench_load [--rows 10000000] [--rounds 3] [--steps]

The cohort is that of bench_rule, shuffled, once with lows in nearly every patient and once in 2 % of them, written as
the CSV and as the Parquet file that leuko reads. In turn: DuckDB copies the file into a table on disk (`copy`); leuko
reads it with its doses, makes the canonical tables of it and applies the rule with its alerts, on disk too (`load and
evaluate`); and `python -m leuko load` does all of that with audit, checks and publishing (`whole load`). What is
printed are medians and the ratios round by round.
"""

import argparse
import multiprocessing
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

import duckdb

from benchmarks.bench_rule import AS_OF, COHORT, DOSES, RESULTS_EACH, SHARES_LOW, Timed
from leuko import alerts, sources
from leuko.protocols import load_protocols, write_tables
from leuko.settings import default_settings

GOALS = {"csv": 4, "parquet": 6}
LABS = """SELECT
    patient_id, analyte, value, comparator, raw_unit AS unit, collected_at, reported_at, specimen, status, ref_low,
    ref_high
FROM labs"""
EXPOSURES = "SELECT patient_id, drug, setting, dose_mg, dose_unit, start_on, end_on, end_reason FROM exposures"


def write_files(folder: Path, ending: str, patients: int, share: float) -> dict[str, Path]:
    files = {"labs": folder / f"labs.{ending}", "exposures": folder / f"exposures.{ending}"}
    with closing(duckdb.connect(str(folder / "cohort.duckdb"))) as con:
        con.execute("SET enable_progress_bar = false")
        con.execute(COHORT.format(patients=patients, results=RESULTS_EACH, share=share))
        con.execute(DOSES.format(patients=patients))
        con.execute(f"COPY ({LABS}) TO '{files['labs']}'")
        con.execute(f"COPY ({EXPOSURES}) TO '{files['exposures']}'")
    (folder / "cohort.duckdb").unlink()
    return files


def copy(place: Path, files: dict[str, Path], ending: str) -> None:
    with closing(duckdb.connect(str(place / "copied.duckdb"))) as con:
        con.execute("SET enable_progress_bar = false")
        con.execute(f"CREATE TABLE labs AS FROM read_{ending}('{files['labs']}')")
        con.execute("CHECKPOINT")


def load_and_evaluate(place: Path, files: dict[str, Path], steps: bool) -> None:
    with closing(duckdb.connect(str(place / "evaluated.duckdb"))) as con:
        con.execute("SET enable_progress_bar = false")
        watched = Timed(con) if steps else con
        sources.read_csv(watched, **files)
        write_tables(con, load_protocols())
        alerts.answer(watched, AS_OF, default_settings())
        con.execute("CHECKPOINT")


def whole_load(place: Path, files: dict[str, Path]) -> None:
    named = [part for name, file in files.items() for part in (f"--{name}", str(file))]
    given = [*named, "--db", str(place / "published.duckdb"), "--as-of", AS_OF.isoformat()]
    subprocess.run([sys.executable, "-m", "leuko", "load", *given], check=True)


def measure(ending: str, share: float, rows: int, rounds: int, steps: bool, report) -> None:
    with tempfile.TemporaryDirectory() as folder:
        files = write_files(Path(folder), ending, rows // RESULTS_EACH, share)
        clock = {"copy": [], "load and evaluate": [], "whole load": []}
        for _ in range(rounds):
            for name, run in (
                ("copy", lambda place: copy(place, files, ending)),
                ("load and evaluate", lambda place: load_and_evaluate(place, files, steps)),
                ("whole load", lambda place: whole_load(place, files)),
            ):
                with tempfile.TemporaryDirectory(dir=folder) as place:
                    started = time.perf_counter()
                    run(Path(place))
                    clock[name].append(time.perf_counter() - started)
        size = files["labs"].stat().st_size
        peaks = [resource.getrusage(who).ru_maxrss / 2**20 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        report.put({"clock": clock, "size": size, "peaks": peaks})


def ratio(clock: dict[str, list[float]], name: str) -> str:
    """How many times as long as the copy: the median of the rounds, with the lowest and the highest."""
    ratios = sorted(seconds / copied for seconds, copied in zip(clock[name], clock["copy"], strict=True))
    return f"{statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", action="store_true", help="print what each step of load and evaluate cost")
    chosen = parser.parse_args()
    spawn = multiprocessing.get_context("spawn")
    for cohort, share in SHARES_LOW.items():
        for ending, goal in GOALS.items():
            report = spawn.Queue()
            given = (ending, share, chosen.rows, chosen.rounds, chosen.steps, report)
            child = spawn.Process(target=measure, args=given)
            child.start()
            answer = report.get()
            child.join()
            clock = answer["clock"]
            print(f"{cohort}, {ending}: {chosen.rows:,} lab rows, {answer['size'] / 2**20:,.0f} MB")
            print("  " + ", ".join(f"{name} {statistics.median(taken):.2f} s" for name, taken in clock.items()))
            print(f"  load and evaluate / copy {ratio(clock, 'load and evaluate')}; goal at most {goal}")
            print(f"  whole load / copy {ratio(clock, 'whole load')}")
            print("  peak memory {:.1f} GB, whole load {:.1f} GB".format(*answer["peaks"]), flush=True)


if __name__ == "__main__":
    main()
