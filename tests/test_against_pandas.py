"""The rule as `make bench-others` has it in pandas gives leuko's answer, so that their times may be compared."""

import json
from datetime import datetime, timedelta

import duckdb
import pytest

import leuko
from benchmarks import bench_others, pandas_rule
from benchmarks.bench_rule import AS_OF, make
from tests import hospital

FIRST_DAY = datetime(2024, 1, 1, 8)
TODAY = 110
CASES = [  # ANC by day of the course, and the status on day 110
    ({0: 3000, 105: 499}, "hold"),
    ({0: 3000, 105: 500}, "watch"),
    ({0: 3000, 90: 400, 105: 999}, "hold"),
    ({0: 3000, 90: 400, 105: 1000}, "reduce"),
    ({0: 3000, 103: 400, 110: 1000}, "resume"),
    ({0: 3000, 102: 400, 110: 1000}, "reduce"),
    ({0: 3000, 102: 400, 109: 700, 110: 1000}, "review"),
    ({0: 3000, 102: 400, 108: 700, 109: 1000}, "continue"),
    ({0: 3000, 100: 800}, "watch"),
    ({0: 3000, 99: 800}, "overdue"),
    ({0: 3000, 85: 3000}, "continue"),
    ({0: 3000, 84: 3000}, "overdue"),
    ({0: 3000, 105: 3000, 111: 400}, "continue"),
]


def both(con, as_of):
    """leuko's connection, and what pandas says of the same rows."""
    leuko.evaluate(connection=con, as_of=as_of)
    return con, pandas_rule.evaluate(con.table("labs").df(), con.table("exposures").df(), as_of)


@pytest.fixture(scope="module")
def evaluated():
    """The cohort of the benchmark, with 300 patients."""
    con = duckdb.connect()
    con.execute("SET threads = 2; SET enable_progress_bar = false")
    make(con, 0.98, patients=300)
    yield both(con, AS_OF)
    con.close()


def test_they_agree_on_every_episode_and_status(evaluated):
    assert bench_others.first_difference(*evaluated) is None


def test_they_agree_on_both_sides_of_every_cut():
    labs = [
        {"patient_id": f"{case:02}", "analyte": "anc", "value": count, "status": "final",
         "collected_at": FIRST_DAY + timedelta(days=day), "reported_at": FIRST_DAY + timedelta(days=day)}
        for case, (counts, _) in enumerate(CASES) for day, count in counts.items()
    ]  # fmt: skip
    doses = [
        {"patient_id": f"{case:02}", "drug": "dasatinib", "dose_mg": 100, "start_on": FIRST_DAY.date()}
        for case in range(len(CASES))
    ]
    con, answer = both(hospital.admit(labs, doses), (FIRST_DAY + timedelta(days=TODAY)).date())
    assert answer[1]["status"].tolist() == [status for _, status in CASES]
    assert bench_others.first_difference(con, answer) is None


@pytest.mark.parametrize("column", ["onset_on", "recovered_on", "anc_nadir", "days_below", "action", "dose_mg"])
def test_another_episode_is_found_and_its_patient_named(evaluated, column):
    con, (episodes, statuses) = evaluated
    other = episodes.copy()
    other.loc[other["patient_id"] == "P0000007", column] = None
    assert bench_others.first_difference(con, (other, statuses)).startswith("episodes of P0000007 differ")


def test_another_status_is_found_and_its_patient_named(evaluated):
    con, (episodes, statuses) = evaluated
    other = statuses.copy()
    other.loc[other["patient_id"] == "P0000007", "since"] = None
    assert bench_others.first_difference(con, (episodes, other)).startswith("status of P0000007 differ")


def test_cql_execution_is_pinned_with_all_that_it_brings():
    asked = json.loads((bench_others.CQL / "package.json").read_text(encoding="utf-8"))["dependencies"]
    locked = json.loads((bench_others.CQL / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    assert {name: locked[f"node_modules/{name}"]["version"] for name in asked} == asked
    assert all("integrity" in package for name, package in locked.items() if name)
