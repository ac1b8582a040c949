"""The alerts case by case: every row of spec/alerts.csv is one patient, for a pharmacist to read and edit.

The cases are written in the language of spec/rule.csv (see test_clinical_specification), and read by its readers.

- `counts` may also say "temperature 38.3 Cel" or "temperature 100.94 [degF]"; `events` "fever 38.6",
  "antibiotics …" and "gcsf …". A time that is not written is 08:00.
- `alerts`: the kinds that are raised, in the order in which they are shown, between semicolons; "none": no alert.
- `since` and `drug`: of each of them in turn, "none" where there is no drug. What is left empty is not asked.
- `says` and `does not say`: parts of the sentences, between semicolons; dates are days of the case.

Every patient is evaluated in one call, through frames with the units as written.
"""

import re
from datetime import timedelta

import duckdb
import pytest

import leuko
from leuko import alerts, facts, publish, rules, sources
from leuko.evaluation import COLUMNS
from leuko.protocols import write_tables
from leuko.store import Filters, Store
from tests import audited, hospital
from tests import test_clinical_specification as clinical

CASES = clinical.cases_of(clinical.SPEC / "alerts.csv")
KINDS = [row["kind"] for row in facts.read_rows("alert_kinds")]


def frames_of(cases):
    rows = {
        "labs": [row for case in cases for row in clinical.lab_rows(case)],
        "exposures": [row for case in cases for row in clinical.exposure_rows(case)],
        "events": [row for case in cases for row in clinical.event_rows(case)],
        "patients": [clinical.patient_row(case) for case in cases],
    }
    return {name: hospital.frame(own, hospital.INPUT[name]) for name, own in rows.items()}


def parts(cell):
    return [part for part in cell.split("; ") if part]


@pytest.fixture(scope="module")
def result():
    """Every case evaluated at once."""
    return leuko.evaluate(**frames_of(CASES), as_of=clinical.AS_OF)


@pytest.fixture(scope="module")
def raised(result):
    """The alerts of each patient, in the order of the table."""
    by_patient = {case["case"]: [] for case in CASES}
    for row in result.alerts.to_dict("records"):
        by_patient[row["patient_id"]].append(row)
    return by_patient


@pytest.mark.parametrize("case", CASES, ids=[case["case"] for case in CASES])
def test_case(case, raised):
    rows = raised[case["case"]]
    expected = {name: parts(case[name]) for name in ("alerts", "since", "drug") if case[name]}
    found = {
        "alerts": [row["kind"] for row in rows] or ["none"],
        "since": [clinical.in_words(case, row["since"]) for row in rows],
        "drug": [clinical.in_words(case, row["drug"]) for row in rows],
    }
    assert {name: found[name] for name in expected} == expected
    said = "\n".join(clinical.in_words(case, row["why"]) for row in rows)
    assert [part for part in parts(case["says"]) if part not in said] == [], said
    assert [part for part in parts(case["does not say"]) if part in said] == [], said


def test_every_case_has_a_name_of_its_own_and_asks_for_something():
    assert len({case["case"] for case in CASES}) == len(CASES)
    assert [case["case"] for case in CASES if not case["alerts"]] == []
    assert [case["case"] for case in CASES if (case["alerts"] == "none") == bool(case["since"])] == []


def test_every_value_of_a_case_was_read(result):
    """Nothing of the cases is set aside but the doses that no protocol fits, so that none passes for want of a row."""
    assert {reason.split(" ")[0] for reason in result.rejected["reason"]} == {"no"}
    assert set(result.rejected["kind"]) == {"exposures"}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_raised_and_is_not_raised_by_cases(kind):
    asked = [kind in parts(case["alerts"]) for case in CASES]
    assert 0 < sum(asked) < len(asked)


# ---------------------------------------------------------------- the table


def test_every_alert_says_why_by_which_source_and_on_what_day(result):
    assert list(result.alerts.columns) == list(COLUMNS["alerts"])
    for name in ("patient_id", "kind", "since", "why", "source"):
        assert result.alerts[name].notna().all(), name
    assert result.alerts["why"].str.endswith(".").all()


def test_the_rule_of_an_alert_has_no_number_but_those_of_the_tables():
    assert [row["kind"] for row in facts.read_rows("alert_kinds") if re.search(r"\d", row["rule"])] == []


def test_no_text_of_an_alert_says_that_a_patient_may_wait_or_stay_at_home(result):
    kinds = [row[name] for row in facts.read_rows("alert_kinds") for name in ("word", "to_do", "rule")]
    for word in ("home", "score", "low risk", "outpatient", "wait"):
        assert [text for text in (*kinds, *result.alerts["why"]) if word in text.lower()] == [], word


def test_the_alert_of_febrile_neutropenia_says_what_to_do_and_how_soon():
    (kind,) = (row for row in facts.read_rows("alert_kinds") if row["kind"] == "possible_febrile_neutropenia")
    assert kind["urgency"] == "1"
    assert kind["word"] == "Possible febrile neutropenia"
    assert "ssess; antibiotics within 60 minutes of triage; broad-spectrum, in hospital" in kind["to_do"]


# ---------------------------------------------------------------- settings and tables change the bounds


def case_of(name, counts, as_of="day 20", doses="100 from day 0"):
    cells = {"case": name, "protocol": "dasatinib-guideline", "patient": "", "doses": doses, "events": ""}
    return cells | {"counts": counts, "as_of": as_of}


def open_for(days):
    return case_of(f"open for {days} days", f"day 0: ANC 400; day {days}: ANC 400", f"day {days}")


TWO_DRUGS = "100 from day 0; bosutinib: 500 from day 0"
ONGOING, OVER = "100 from day 0", "100 from day 0 to 10, discontinued"
WHITE_CELLS = [
    case_of(f"WBC {wbc}{words}", f"day 9: ANC 2000, platelets 90000; day 20: WBC {wbc}", doses=doses)
    for wbc in (1999, 2000, 2999, 3000, 3999, 4000)
    for words, doses in {"": ONGOING, ", course over": OVER, ", two drugs": TWO_DRUGS}.items()
]
ONE_MORE = "day {}: ANC 1200; day {}: ANC 400; "
EPISODES = {"first": "", "second": ONE_MORE.format(2, 4), "third": ONE_MORE.format(2, 4) + ONE_MORE.format(6, 7)}
LOW_COUNTS = [
    *(open_for(days) for days in (1, 2, 14, 15, 20, 21)),
    *(case_of(f"{name} episode", f"day 0: ANC 400; {more}day 8: ANC 400", "day 8") for name, more in EPISODES.items()),
]


@pytest.fixture(scope="module")
def ruled():
    """A connection in which the rule has run over these patients, for alerts under several settings."""
    con = duckdb.connect()
    sources.read_frames(con, **frames_of([*LOW_COUNTS, *WHITE_CELLS]))
    write_tables(con, leuko.load_protocols())
    rules.run(con, clinical.AS_OF, aside=alerts.READ)
    return con


def raised_with(con, kind, **values):
    """{patient: rule in words} of the alerts of a kind under these settings."""
    alerts.run(con, clinical.AS_OF, audited.settings_with(**values))
    return dict(con.execute("SELECT patient_id, rule FROM alerts WHERE kind = ?", [kind]).fetchall())


@pytest.mark.parametrize(("setting", "longest_without", "shortest_with"), [(14, 14, 15), (20, 20, 21), (1, 1, 2)])
def test_a_site_sets_after_how_many_days_gcsf_is_considered(ruled, setting, longest_without, shortest_with):
    raised = raised_with(ruled, "consider_gcsf", gcsf_after_days=setting)
    assert f"open for {longest_without} days" not in raised
    assert f"open for more than {setting} days" in raised[f"open for {shortest_with} days"]


@pytest.mark.parametrize(("setting", "episodes"), [
    (1, {"first episode", "second episode", "third episode"}), (2, {"second episode", "third episode"}),
    (3, {"third episode"}), (4, set()),
])  # fmt: skip
def test_a_site_sets_from_which_episode_gcsf_is_considered(ruled, setting, episodes):
    raised = raised_with(ruled, "consider_gcsf", gcsf_from_episode=setting)
    assert {name for name in raised if name.endswith("episode")} == episodes
    assert all(f"is number {setting} or later" in rule for rule in raised.values())


@pytest.mark.parametrize(("limits", "highest_raised"), [
    ({}, {"": 2999, ", course over": 2999, ", two drugs": 2999}),
    ({"dasatinib": 2000}, {"": 1999, ", course over": 2999, ", two drugs": 2999}),
    ({"dasatinib": 4000}, {"": 3999, ", course over": 2999, ", two drugs": 3999}),
    ({"bosutinib": 4000}, {"": 2999, ", course over": 2999, ", two drugs": 3999}),
    ({"dasatinib": 2000, "bosutinib": 4000}, {"": 1999, ", course over": 2999, ", two drugs": 3999}),
])  # fmt: skip
def test_a_drug_may_have_a_limit_of_white_cells_of_its_own(ruled, monkeypatch, limits, highest_raised):
    shipped = facts.read_rows
    own = [{"drug": drug, "below": str(below), "source": "made up"} for drug, below in limits.items()]
    rows = {"wbc_limits": (*shipped("wbc_limits"), *own)}
    monkeypatch.setattr(facts, "read_rows", lambda name: rows.get(name) or shipped(name))
    raised = raised_with(ruled, "order_differential")
    found = {words: [name for name in raised if re.fullmatch(rf"WBC \d+{words}", name)] for words in highest_raised}
    assert {words: max(int(name[4:8]) for name in names) for words, names in found.items()} == highest_raised


def test_the_settings_file_beside_a_database_holds_for_every_day_that_is_asked(tmp_path):
    for name, rows in frames_of([open_for(15), open_for(16)]).items():
        rows.to_csv(tmp_path / f"{name}.csv", index=False)
    (tmp_path / "settings.toml").write_text("gcsf_after_days = 15\n", encoding="utf-8")
    files = {name: tmp_path / f"{name}.csv" for name in ("labs", "exposures")}
    publish.load_csv(tmp_path / "leuko.duckdb", **files, as_of=clinical.AS_OF)
    store = Store(tmp_path / "leuko.duckdb")
    for days_before, patients in {0: ["open for 16 days"], 1: []}.items():
        view = store.view(as_of=clinical.AS_OF - timedelta(days=days_before))
        assert view.alerts(Filters())["patient_id"].tolist() == patients
        assert len(view.patient("open for 16 days").alerts) == len(patients)
