"""All adherence measures against the rule itself, on the same patients in one run.

    python -m benchmarks.bench_audit [--patients 200000] [--rounds 3] [--steps]

The cohort is that of bench_rule where 2 % of patients have lows, or nearly all; here each drug is stopped and given
again four times, and one result in fifty is reported three days late. Rule and audit take turns; what is printed are
medians and the ratio round by round.
"""

import argparse
import multiprocessing
import resource
import statistics
import tempfile
import time
from pathlib import Path

import duckdb

from benchmarks.bench_rule import AS_OF, COHORT, RESULTS_EACH, SHARES_LOW, Timed
from leuko import measures, rules
from leuko.evaluation import fill_in
from leuko.protocols import load_protocols, write_tables
from leuko.settings import default_settings

GOAL = 3
LATE = "UPDATE labs SET reported_at = reported_at + INTERVAL 3 DAY WHERE hash(patient_id, collected_at) % 50 = 0"
DOSES = """
CREATE TABLE exposures AS
SELECT
    'P' || lpad(CAST(patient AS TEXT), 7, '0') AS patient_id, 'dasatinib' AS drug, CAST(NULL AS TEXT) AS setting,
    CASE WHEN time < 3 THEN 100.0 ELSE 80.0 END AS dose_mg, 'mg' AS dose_unit,
    DATE '2023-01-01' + CAST(hash(patient, 9) % 300 + time * 100 AS INT) AS start_on,
    CASE WHEN time < 4 THEN
        DATE '2023-01-01' + CAST(hash(patient, 9) % 300 + time * 100 + 80 + hash(patient, time) % 15 AS INT)
    END AS end_on,
    CAST(NULL AS TEXT) AS end_reason, 'simulated' AS source
FROM range({patients}) AS p (patient), range(5) AS t (time)
"""


def measure(share: float, patients: int, rounds: int, steps: bool, report) -> None:
    with tempfile.TemporaryDirectory() as folder:
        con = duckdb.connect(str(Path(folder) / "cohort.duckdb"))
        con.execute("SET threads = 2; SET memory_limit = '4GB'; SET preserve_insertion_order = false")
        con.execute("SET enable_progress_bar = false")
        con.execute(COHORT.format(patients=patients, results=RESULTS_EACH, share=share))
        con.execute(LATE)
        con.execute(DOSES.format(patients=patients))
        con.execute("CREATE TABLE rejected (source TEXT, raw_record TEXT, reason TEXT, patient_id TEXT, kind TEXT)")
        con.execute("CREATE TABLE patients (patient_id TEXT, name TEXT, site TEXT, clinician TEXT, diagnosis TEXT,"
                    " duffy_null BOOLEAN, died_on DATE, left_on DATE)")
        con.execute("CHECKPOINT")
        fill_in(con)
        write_tables(con, load_protocols(), temp=True)
        clock = {"rule": [], "audit": []}
        watched = Timed(con) if steps else con
        for _ in range(rounds):
            for name, run in (
                ("rule", lambda: rules.run(con, AS_OF, keep=(*rules.ANSWERS, *measures.READ), temporary=True)),
                ("audit", lambda: measures.run(watched, AS_OF, default_settings(), temporary=True)),
            ):
                started = time.perf_counter()
                run()
                clock[name].append(time.perf_counter() - started)
        events = con.execute("SELECT count(*) FROM audit_events").fetchall()[0][0]
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        report.put({**clock, "events": events, "peak": peak})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--patients", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", action="store_true", help="print what each statement of the audit cost")
    chosen = parser.parse_args()
    spawn = multiprocessing.get_context("spawn")
    for cohort, share in SHARES_LOW.items():
        report = spawn.Queue()
        child = spawn.Process(target=measure, args=(share, chosen.patients, chosen.rounds, chosen.steps, report))
        child.start()
        answer = report.get()
        child.join()
        ratios = sorted(audit / rule for audit, rule in zip(answer["audit"], answer["rule"], strict=True))
        print(f"{cohort}: {answer['events']:,} events")
        print(f"  rule {statistics.median(answer['rule']):.2f} s, audit {statistics.median(answer['audit']):.2f} s")
        print(
            f"  audit / rule {statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f}; goal at most {GOAL})"
        )
        print(f"  peak memory {answer['peak']:.1f} GB", flush=True)


if __name__ == "__main__":
    main()
