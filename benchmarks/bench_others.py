"""leuko against what a user would pick instead: a pandas group-by, and CQL a patient at a time.

    python -m benchmarks.bench_others [--patients 20000] [--sample 1000] [--rounds 3]

The cohort is that of bench_rule in which nearly every patient has lows, 50 ANC results each. `leuko.evaluate` has it
in DuckDB's memory, on two threads; pandas in frames (benchmarks/pandas_rule.py); cql-execution, for a sample of the
patients, as JSON objects in Node.js, where it asks the hold criterion alone (benchmarks/cql). First the answers are
compared: the first patient about whom two of them differ is printed and ends the run with status 1. Then they take
turns. Time on the clock and time of the processor, all threads together, stand side by side, without what is read
beforehand.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
import pandas

import leuko
from benchmarks import pandas_rule
from benchmarks.bench_rule import AS_OF, SHARES_LOW, make

CQL = Path(__file__).parent / "cql"
GOAL = 50
LEUKO, PANDAS, BY_CQL = "`leuko.evaluate`", "pandas, a function for each group", "cql-execution, hold criterion alone"

EPISODES = """
SELECT
    e.patient_id, e.onset_on, e.recovered_on, e.anc_nadir, e.days_below, e.days_to_recovery, r.action, r.dose_mg
FROM episodes AS e
LEFT JOIN recommendations AS r
    ON r.patient_id = e.patient_id AND r.episode = e.episode AND r.clause IS NOT NULL
"""
STATUSES = "SELECT patient_id, status, dose_mg, since FROM worklist"
HOLDS = "SELECT patient_id FROM worklist WHERE status IN ('hold', 'keep_holding') AND patient_id < ?"
AS_JSON = """
COPY (
    SELECT
        patient_id AS id, 'Patient' AS recordType,
        list({{recordType: 'Count', day: CAST(collected_at AS DATE), value: value}}) AS records
    FROM labs
    WHERE patient_id < '{below}'
    GROUP BY patient_id
) TO '{file}' (FORMAT json, ARRAY true)
"""

Cost = tuple[float, float]  # seconds on the clock, seconds of the processor


def clocked(work: Callable) -> tuple:
    """What `work` gave, and its cost."""
    started, used = time.perf_counter(), time.process_time()
    answer = work()
    return answer, (time.perf_counter() - started, time.process_time() - used)


def first_difference(con: duckdb.DuckDBPyConnection, answer: tuple[pandas.DataFrame, ...]) -> str | None:
    """What leuko and pandas say of the first patient about whom they differ; None where they agree on all."""
    for name, query, theirs in zip(("episodes", "status"), (EPISODES, STATUSES), answer, strict=True):
        both = con.sql(query).df().merge(theirs, how="outer", indicator="said_by")
        both["said_by"] = both["said_by"].cat.rename_categories({"left_only": "leuko", "right_only": "pandas"})
        differing = both[both["said_by"] != "both"]
        if len(differing):
            first = differing["patient_id"].min()
            return f"{name} of {first} differ:\n{differing[differing['patient_id'] == first].to_string(index=False)}"
    return None


def install() -> str | None:
    """Install cql-execution as pinned; gives the reason where that cannot be."""
    if not (shutil.which("node") and shutil.which("npm")):
        return "Node.js with npm is not installed"
    command = ["npm", "ci", "--prefer-offline", "--ignore-scripts", "--no-audit", "--no-fund"]
    done = subprocess.run(command, cwd=CQL, capture_output=True, text=True)
    return f"npm could not install it: {done.stderr.strip()}" if done.returncode else None


def ask_cql(file: Path) -> tuple[set[str], Cost]:
    """Who needs a hold by cql-execution, and its cost without starting Node.js and reading the file."""
    command = ["node", CQL / "run.js", file, AS_OF.isoformat()]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, env={**os.environ, "TZ": "UTC"})
    said = json.loads(done.stdout)
    return set(said["hold"]), (said["seconds"], said["processor"])


def measure(patients: int, sample: int, rounds: int) -> dict[str, list[Cost]]:
    """The cost of each a patient, round by round; ends the program where two answers differ."""
    con = duckdb.connect()
    con.execute("SET threads = 2; SET enable_progress_bar = false")
    make(con, SHARES_LOW["nearly every patient has lows"], patients)
    labs, exposures = con.table("labs").df(), con.table("exposures").df()
    contenders = {
        LEUKO: (patients, lambda: clocked(lambda: leuko.evaluate(connection=con, as_of=AS_OF))),
        PANDAS: (patients, lambda: clocked(lambda: pandas_rule.evaluate(labs, exposures, AS_OF))),
    }
    contenders[LEUKO][1]()
    difference = first_difference(con, contenders[PANDAS][1]()[0])
    if difference:
        sys.exit(difference)
    with tempfile.TemporaryDirectory() as folder:
        file, below = Path(folder) / "patients.json", f"P{sample:07}"
        missing = install()
        if missing:
            print(f"Left out: {BY_CQL}. {missing}.\n")
        else:
            con.execute(AS_JSON.format(below=below, file=file))
            held = {patient for (patient,) in con.execute(HOLDS, [below]).fetchall()}
            differing = sorted(held ^ ask_cql(file)[0])
            if differing:
                sys.exit(f"{differing[0]}: {'leuko' if differing[0] in held else 'CQL'} alone says that a hold is due")
            contenders[BY_CQL] = (min(sample, patients), lambda: ask_cql(file))
        clock = {name: [] for name in contenders}
        for _ in range(rounds):
            for name, (asked, run) in contenders.items():
                seconds, processor = run()[1]
                clock[name].append((seconds / asked, processor / asked))
                print(f"{name}: {seconds:.1f} s, {processor:.1f} s of the processor", file=sys.stderr, flush=True)
    return clock


def table(clock: dict[str, list[Cost]], patients: int) -> str:
    """A Markdown table of medians; in brackets the lowest and the highest ratio of a round."""
    lines = [
        "| | a patient | of the processor | all patients | times leuko | times leuko's processor time |",
        "|---|---|---|---|---|---|",
    ]
    for name, rounds in clock.items():
        seconds, processor = (statistics.median(costs) for costs in zip(*rounds, strict=True))
        cells = [f"{1e6 * seconds:,.0f} µs", f"{1e6 * processor:,.0f} µs", f"{patients * seconds:.1f} s"]
        cells += ["1", "1"] if name == LEUKO else [ratio(rounds, clock[LEUKO], of) for of in (0, 1)]
        lines.append(f"| {' | '.join([name, *cells])} |")
    return "\n".join(lines)


def ratio(rounds: list[Cost], leukos: list[Cost], of: int) -> str:
    ratios = sorted(cost[of] / leuko[of] for cost, leuko in zip(rounds, leukos, strict=True))
    return f"{statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--patients", type=int, default=20_000)
    parser.add_argument("--sample", type=int, default=1_000, help="patients that cql-execution is asked about")
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    print(table(measure(chosen.patients, chosen.sample, chosen.rounds), chosen.patients))
    print(f"\nThe answers are equal. The goal is {GOAL} times leuko for pandas at 20,000 patients.")


if __name__ == "__main__":
    main()
