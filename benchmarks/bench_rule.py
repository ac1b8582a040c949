"""The whole rule against what any answer must cost: sorting the same rows once and one `lag` window over them.

    python -m benchmarks.bench_rule [--patients 200000 | --from FOLDER] [--rounds 3] [--steps]

Each cohort runs in a process of its own: canonical tables with 50 shuffled ANC results a patient, on DuckDB with two
threads; or, with --from, the Parquet tables that data/generate.py wrote into a folder. The floor sorts the columns that
the rule reads; beside it stands the least that could be sorted, patient, time and value alone. They take turns;
what is printed are medians, ratios round by round, and the peak memory.
"""

import argparse
import multiprocessing
import resource
import statistics
import tempfile
import time
from datetime import date
from pathlib import Path

import duckdb

import leuko

AS_OF = date(2025, 1, 1)
RESULTS_EACH = 50
SHARES_LOW = {"nearly every patient has lows": 0.98, "2 % of patients have lows": 0.02}
GOALS = {"nearly every patient has lows": 1.5, "2 % of patients have lows": 0.5}

COHORT = """
CREATE TABLE labs AS
WITH drawn AS (
    SELECT
        patient, draw,
        TIMESTAMP '2023-01-01 08:00:00'
        + to_days(CAST(hash(patient, 9) % 300 + draw * 10 + hash(patient, draw, 4) % 7 AS INT))
        + to_minutes(CAST(hash(patient, draw, 5) % 600 AS INT)) AS collected_at
    FROM range({patients}) AS p (patient), range({results}) AS d (draw)
)
SELECT
    'P' || lpad(CAST(patient AS TEXT), 7, '0') AS patient_id, 'anc' AS analyte,
    CAST(CASE
        WHEN hash(patient, 1) % 10000 < {share} * 10000 AND hash(patient, draw // 5, 7) % 100 < 20
        THEN 150 + hash(patient, draw, 2) % 900
        ELSE 1000 + hash(patient, draw, 3) % 6000
    END AS DOUBLE) AS value,
    '' AS comparator, collected_at, collected_at + INTERVAL 4 HOUR AS reported_at, CAST(NULL AS TEXT) AS specimen,
    'final' AS status, CAST(NULL AS DOUBLE) AS ref_low, CAST(NULL AS DOUBLE) AS ref_high,
    CAST(NULL AS TEXT) AS raw_value, 'cells/µL' AS raw_unit, false AS derived, 'simulated' AS source
FROM drawn
ORDER BY hash(patient, draw, 11)
"""

DOSES = """
CREATE TABLE exposures AS
SELECT
    'P' || lpad(CAST(patient AS TEXT), 7, '0') AS patient_id, 'dasatinib' AS drug, CAST(NULL AS TEXT) AS setting,
    100.0 AS dose_mg, 'mg' AS dose_unit, DATE '2023-01-01' + CAST(hash(patient, 9) % 300 AS INT) AS start_on,
    CAST(NULL AS DATE) AS end_on, CAST(NULL AS TEXT) AS end_reason, 'simulated' AS source
FROM range({patients}) AS p (patient)
"""

READ = "patient_id, analyte, value, comparator, collected_at, reported_at, specimen, status, derived"
LEAST = "patient_id, collected_at, value"


def floor(con: duckdb.DuckDBPyConnection, columns: str) -> float:
    """Seconds to sort these columns of all results into a table, and one `lag` over them into another."""
    started = time.perf_counter()
    con.execute(f"CREATE OR REPLACE TABLE sorted AS SELECT {columns} FROM labs ORDER BY patient_id, collected_at")
    con.execute(
        f"""CREATE OR REPLACE TABLE lagged AS SELECT {columns},
            lag(value) OVER (PARTITION BY patient_id ORDER BY collected_at) AS before FROM labs"""
    )
    seconds = time.perf_counter() - started
    con.execute("DROP TABLE sorted; DROP TABLE lagged")
    return seconds


def rule(con: duckdb.DuckDBPyConnection, as_of: date | None) -> float:
    started = time.perf_counter()
    leuko.evaluate(connection=con, as_of=as_of)
    return time.perf_counter() - started


class Timed:
    """A connection that prints what each statement cost, for `--steps`."""

    def __init__(self, con):
        self.con = con

    def __getattr__(self, name):
        return getattr(self.con, name)

    def execute(self, statement, *parameters):
        started = time.perf_counter()
        result = self.con.execute(statement, *parameters)
        seconds = time.perf_counter() - started
        if seconds > 0.02:
            print(f"    {seconds:6.2f} s  {' '.join(statement.split())[:70]}")
        return result


def make(
    con: duckdb.DuckDBPyConnection, cohort: float | str, patients: int, results: int = RESULTS_EACH
) -> date | None:
    """Make the canonical tables, from a share of patients with lows or from a folder; gives the day to ask for."""
    if isinstance(cohort, str):
        for name in ("labs", "exposures", "patients", "events"):
            rows = f"read_parquet('{cohort}/{name}/*.parquet')"
            con.execute(f"CREATE TABLE {name} AS FROM {rows} ORDER BY hash(patient_id)")
        return None
    con.execute(COHORT.format(patients=patients, results=results, share=cohort))
    con.execute(DOSES.format(patients=patients))
    return AS_OF


def measure(cohort: float | str, patients: int, rounds: int, steps: bool, report) -> None:
    with tempfile.TemporaryDirectory() as folder:
        con = duckdb.connect(str(Path(folder) / "cohort.duckdb"))
        con.execute("SET threads = 2; SET memory_limit = '3GB'; SET preserve_insertion_order = false")
        con.execute("SET enable_progress_bar = false")
        as_of = make(con, cohort, patients)
        con.execute("CHECKPOINT")
        floors, least, rules = [], [], []
        for _ in range(rounds):
            floors.append(floor(con, READ))
            rules.append(rule(Timed(con) if steps else con, as_of))
            least.append(floor(con, LEAST))
        found = con.execute(
            "SELECT (SELECT count(*) FROM labs), (SELECT count(*) FROM episodes), (SELECT count(*) FROM worklist)"
        ).fetchall()[0]
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        report.put({"floor": floors, "least": least, "rule": rules, "found": found, "peak": peak})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--patients", type=int, default=200_000)
    parser.add_argument("--from", dest="folder", metavar="FOLDER", help="Parquet tables of data/generate.py instead")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", action="store_true", help="print what each step cost")
    chosen = parser.parse_args()
    spawn = multiprocessing.get_context("spawn")
    cohorts = {chosen.folder: chosen.folder} if chosen.folder else SHARES_LOW
    for name, cohort in cohorts.items():
        report = spawn.Queue()
        child = spawn.Process(target=measure, args=(cohort, chosen.patients, chosen.rounds, chosen.steps, report))
        child.start()
        answer = report.get()
        child.join()
        rows, episodes, courses = answer["found"]
        seconds = {part: statistics.median(answer[part]) for part in ("floor", "least", "rule")}
        print(f"{name}: {rows:,} lab rows, {courses:,} courses, {episodes:,} episodes")
        print("  " + ", ".join(f"{part} {value:.2f} s" for part, value in seconds.items()))
        print(f"  rule / floor {ratio(answer, 'floor')} {f'(goal at most {GOALS[name]})' if name in GOALS else ''}")
        print(f"  rule / least {ratio(answer, 'least')}")
        print(f"  peak memory {answer['peak']:.1f} GB", flush=True)


def ratio(answer: dict, name: str) -> str:
    """The median ratio of the rounds, with the lowest and the highest."""
    ratios = sorted(rule / other for rule, other in zip(answer["rule"], answer[name], strict=True))
    return f"{statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})"


if __name__ == "__main__":
    main()
