"""Adding a night's results to a database against loading all of them whole, in one run.

    python -m benchmarks.bench_add [--rows 10000000] [--rounds 3] [--steps]

The cohort is that of bench_rule where 2 % of patients have lows, or nearly all, as CSV. It is loaded whole; then 0.1 %
new rows are added. For the same day only the patients whom they touch are answered anew: once these are as few as where
each blood count brings four results (`blood counts`), once each row is of another patient (`one row each`). For the
next day all who are still treated are, too: in these cohorts everybody; in a third one patient in TREATED, who bring
the new rows, while the others were treated two years before. What is printed are medians and the ratios to the whole
load round by round.
"""

import argparse
import multiprocessing
import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path

import duckdb

from benchmarks.bench_load import write_files
from benchmarks.bench_rule import AS_OF, RESULTS_EACH, SHARES_LOW, Timed
from leuko import publish, sources

GOAL = 0.10
NEW = 0.001  # of the rows
TREATED = 10  # one patient in so many
COHORTS = {name: (share, 1) for name, share in SHARES_LOW.items()} | {
    f"2 % of patients have lows, one in {TREATED} is still treated": (0.02, TREATED)
}
# The day of each addition, and which analytes each of its patients brings.
NIGHTS = {
    "same day, blood counts": (AS_OF, ("anc", "wbc", "platelets", "granulocytes")),
    "same day, one row each": (AS_OF, ("anc",)),
    "next day, blood counts": (AS_OF + timedelta(days=1), ("anc", "wbc", "platelets", "granulocytes")),
    "next day, one row each": (AS_OF + timedelta(days=2), ("anc",)),
}
NIGHT = """
    COPY (
        SELECT
            'P' || lpad(CAST(patient AS TEXT), 7, '0') AS patient_id, unnest({analytes}) AS analyte,
            300 + hash(patient, '{name}') % 5000 AS value, 'cells/uL' AS unit,
            TIMESTAMP '{day} 08:00:00' AS collected_at, TIMESTAMP '{day} 12:00:00' AS reported_at
        FROM range({patients}) AS p (patient)
        WHERE patient % {one_in} = 0
        ORDER BY hash(patient, '{name}')
        LIMIT {rows}
    ) TO '{file}'
"""
# Of a file of CSV: who is not still treated was so two years before, for 600 days.
LONG_AGO = f"CAST(substr(patient_id, 2) AS INTEGER) % {TREATED} > 0"
LABS_THEN = f"""
    SELECT * REPLACE (
        CASE WHEN {LONG_AGO} THEN collected_at - INTERVAL 2 YEARS ELSE collected_at END AS collected_at,
        CASE WHEN {LONG_AGO} THEN reported_at - INTERVAL 2 YEARS ELSE reported_at END AS reported_at
    )
    FROM read_csv('{{file}}')
"""
EXPOSURES_THEN = f"""
    SELECT * REPLACE (
        CASE WHEN {LONG_AGO} THEN start_on - INTERVAL 2 YEARS ELSE start_on END AS start_on,
        CASE WHEN {LONG_AGO} THEN start_on - INTERVAL 130 DAYS END AS end_on
    )
    FROM read_csv('{{file}}')
"""


def end_most(files: dict[str, Path]) -> None:
    """Write the files anew so that all but one patient in TREATED are no longer treated."""
    with closing(duckdb.connect()) as con:
        con.execute("SET enable_progress_bar = false")
        for file, then in ((files["labs"], LABS_THEN), (files["exposures"], EXPOSURES_THEN)):
            written = file.with_suffix(".then")
            con.execute(f"COPY ({then.format(file=file)}) TO '{written}' (FORMAT csv)")
            written.replace(file)


def write_night(folder: Path, name: str, patients: int, rows: int, one_in: int) -> Path:
    file = folder / f"{name}.csv"
    day, analytes = NIGHTS[name]
    with closing(duckdb.connect()) as con:
        given = {
            "day": day, "analytes": list(analytes), "name": name, "patients": patients, "rows": rows, "file": file,
            "one_in": one_in,
        }
        con.execute(NIGHT.format(**given))
    return file


def add(db: Path, labs: Path, day: date) -> None:
    publish.add(db, lambda con: sources.read_csv(con, labs=labs), files=[labs], as_of=day)


def seconds(run: Callable[[], object]) -> float:
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


def measure(share: float, one_in: int, rows: int, rounds: int, steps: bool, report) -> None:
    patients = rows // RESULTS_EACH
    with tempfile.TemporaryDirectory() as folder:
        files = write_files(Path(folder), "csv", patients, share)
        if one_in > 1:
            end_most(files)
        nights = {name: write_night(Path(folder), name, patients, int(rows * NEW), one_in) for name in NIGHTS}
        clock = {name: [] for name in ("whole", *nights)}
        for _ in range(rounds):
            with tempfile.TemporaryDirectory(dir=folder) as place:
                db = Path(place) / "ward.duckdb"
                clock["whole"].append(seconds(lambda db=db: publish.load_csv(db, **files, as_of=AS_OF)))
                if steps:
                    watch_steps()
                for name, labs in nights.items():
                    print(f"  {name}" if steps else "", end="\n" if steps else "")
                    clock[name].append(seconds(lambda db=db, name=name, labs=labs: add(db, labs, NIGHTS[name][0])))
                size = db.stat().st_size / 2**20
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        report.put({"clock": clock, "size": size, "peak": peak})


def watch_steps() -> None:
    """Print from now on what each statement of every connection costs."""
    connect = duckdb.connect
    if connect.__name__ != "connect_timed":

        def connect_timed(*given, **named):
            return Timed(connect(*given, **named))

        duckdb.connect = connect_timed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", action="store_true", help="print what each statement of an addition cost")
    chosen = parser.parse_args()
    spawn = multiprocessing.get_context("spawn")
    for cohort, (share, one_in) in COHORTS.items():
        report = spawn.Queue()
        child = spawn.Process(target=measure, args=(share, one_in, chosen.rows, chosen.rounds, chosen.steps, report))
        child.start()
        answer = report.get()
        child.join()
        clock = answer["clock"]
        print(f"{cohort}: {chosen.rows:,} rows, {int(chosen.rows * NEW):,} added, {answer['size']:,.0f} MB")
        print(f"  whole load {statistics.median(clock['whole']):.2f} s")
        for name in NIGHTS:
            ratios = sorted(added / whole for added, whole in zip(clock[name], clock["whole"], strict=True))
            print(
                f"  added, {name}: {statistics.median(clock[name]):.2f} s, {statistics.median(ratios):.1%} of it "
                f"({ratios[0]:.1%} to {ratios[-1]:.1%}; goal at most {GOAL:.0%})"
            )
        print(f"  peak memory {answer['peak']:.1f} GB", flush=True)


if __name__ == "__main__":
    main()
