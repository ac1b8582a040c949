"""The simulated cohort in data/: made again byte for byte, calibrated, and really holding what its README promises."""

import csv
import os
import tomllib
from collections import Counter, defaultdict
from datetime import date
from functools import cache
from itertools import pairwise
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest

import leuko
from data import calibration, generate, marrow, picture
from leuko.__main__ import main
from leuko.facts import read_rows
from leuko.store import Filters, Store
from tests.test_documentation import section, tables

FOLDER = Path(generate.__file__).parent
NAMES = ("patients", "exposures", "labs", "events")
README = (FOLDER / "README.md").read_text(encoding="utf-8")
ENDINGS = ("met", "not_met", "excluded", "cannot_tell")
# No fever is ever excluded: its measure has no exclusions, and only one of the last minutes of a day is not yet due.
IMPOSSIBLE = {("antibiotics_in_time", "excluded")}


@cache
def rows(name: str) -> list[dict[str, str]]:
    with (FOLDER / f"{name}.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@cache
def results() -> dict[str, float]:
    return calibration.results(calibration.read())


def listed(heading: str) -> list[dict[str, str]]:
    (table,) = tables(section(README, heading))
    return [{head: cell.strip("`") for head, cell in row.items()} for row in table]


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    path = tmp_path_factory.mktemp("demonstration") / "leuko.duckdb"
    assert main(["load", "--from", str(FOLDER), "--db", str(path)]) == 0
    opened = Store(path)
    yield opened
    opened.close()


def query(store: Store, text: str) -> list[tuple]:
    with store.cursor() as cursor:
        return cursor.execute(text).fetchall()


# ---- the files


def test_generator_writes_the_same_bytes_again(tmp_path):
    generate.generate(tmp_path)
    for name in NAMES:
        assert (tmp_path / f"{name}.csv").read_bytes() == (FOLDER / f"{name}.csv").read_bytes(), name
    shipped = [path for path in FOLDER.iterdir() if path.suffix in (".csv", ".py", ".toml", ".md")]
    assert sum(path.stat().st_size for path in shipped) < 10_000_000


def test_it_says_that_it_is_simulated():
    origin = tomllib.loads((FOLDER / "origin.toml").read_text(encoding="utf-8"))
    assert origin["simulated"] is True
    assert "Simulated" in origin["title"]
    assert "simulated" in README.splitlines()[0]


def test_patients():
    patients = rows("patients")
    assert 1_100 < len(patients) < 1_300
    assert len({p["patient_id"] for p in patients}) == len({p["name"] for p in patients}) == len(patients)
    assert {p["site"] for p in patients} == {"North", "East", "Lakeside", "Hill", ""}
    assert len({p["clinician"] for p in patients} - {""}) == 8
    assert sum(not p["site"] for p in patients) == 2
    assert sum(p["duffy_null"] == "true" for p in patients) == 30
    assert any(p["died_on"] for p in patients) and any(p["left_on"] for p in patients)
    assert {"Kidney transplant", "HIV, Kaposi sarcoma", "Breast cancer, chemotherapy"} <= {
        p["diagnosis"] for p in patients
    }


def test_every_drug_that_has_a_protocol_is_given_and_some_that_have_none():
    given = {exposure["drug"] for exposure in rows("exposures")}
    assert {protocol.drug for protocol in leuko.load_protocols()} < given
    settings = {exposure["setting"] for exposure in rows("exposures") if exposure["drug"] == "dasatinib"}
    assert settings == {"", "dasatinib-cp-us", "dasatinib-cp-eln", "dasatinib-cp-eu", "dasatinib-advanced-us"}


def test_doses_are_held_and_given_again_at_the_same_and_at_a_lower_dose():
    doses = defaultdict(list)
    for exposure in rows("exposures"):
        doses[exposure["patient_id"]].append(float(exposure["dose_mg"]))
    lowered = {
        after < before
        for given in doses.values()
        for before, held, after in zip(given, given[1:], given[2:], strict=False)
        if held == 0
    }
    assert lowered == {True, False}
    reasons = {exposure["end_reason"] for exposure in rows("exposures")}
    assert {"discontinued", "planned", "held for counts", "pleural effusion"} <= reasons


def test_each_laboratory_reports_in_its_own_way():
    site = {p["patient_id"]: p["site"] for p in rows("patients")}
    units = defaultdict(set)
    at_draw = defaultdict(dict)
    for lab in rows("labs"):
        if lab["ref_low"] and site[lab["patient_id"]]:
            units[site[lab["patient_id"]]].add(lab["unit"])
        at_draw[lab["patient_id"], lab["collected_at"]][lab["analyte"]] = lab
    assert units == {"North": {"10*9/L"}, "East": {"cells/uL"}, "Lakeside": {"K/uL"}, "Hill": {"10*9/L"}}
    without_anc = [draw for draw in at_draw.values() if "segs_pct" in draw and "anc" not in draw]
    assert without_anc
    assert {site[draw["wbc"]["patient_id"]] for draw in without_anc} <= {"Lakeside", ""}
    for draw in at_draw.values():
        if "wbc" in draw and "anc" in draw and draw["anc"]["status"] == "final" and draw["anc"]["value"] != "<0.1":
            assert float(draw["wbc"]["value"]) >= float(draw["anc"]["value"])


def test_hard_results_are_there():
    anc = {(lab["value"], lab["unit"]) for lab in rows("labs") if lab["analyte"] == "anc"}
    for exact in ("0.00", "0.50", "1.00"):
        assert {(exact, "10*9/L"), (exact, "K/uL")} & anc
    assert {("500", "cells/uL"), ("1000", "cells/uL")} <= anc
    assert any(value == "<0.1" for value, _ in anc)
    assert {lab["status"] for lab in rows("labs")} == {"final", "corrected", "entered-in-error", "cancelled"}
    late = [lab for lab in rows("labs") if lab["reported_at"][:10] > lab["collected_at"][:10]]
    assert len(late) > 1_000
    assert max(lab["collected_at"] for lab in rows("labs")).startswith(str(generate.LAST_DAY))
    assert max(lab["reported_at"] for lab in rows("labs")) < f"{generate.LAST_DAY}T24"
    assert max(event["occurred_at"] for event in rows("events")) < f"{generate.LAST_DAY}T24"


def test_events_and_temperatures():
    values = defaultdict(set)
    for event in rows("events"):
        values[event["kind"]].add(event["value"])
    assert set(values) == {
        "cytopenia_cause", "gcsf", "fever", "infection", "triage", "antibiotics", "admission", "chemo_course",
        "heart_failure", "radiotherapy", "albumin",
    }  # fmt: skip
    causes = {"disease", "treatment", "drug", "malignancy", "infection", "unknown"}
    assert causes < values["cytopenia_cause"] <= causes | {"megaloblastosis", "hypersplenism", "immune"}
    readings = defaultdict(list)
    for lab in rows("labs"):
        if lab["analyte"] == "temperature":
            degrees = float(lab["value"])
            celsius = (degrees - 32) * 5 / 9 if lab["unit"] == "[degF]" else degrees
            readings[lab["patient_id"], lab["collected_at"][:10]].append((lab["collected_at"], celsius))
    assert {lab["unit"] for lab in rows("labs") if lab["analyte"] == "temperature"} == {"Cel", "[degF]"}
    alone = [taken for taken in readings.values() if len(taken) == 1]
    pairs = [taken for taken in readings.values() if len(taken) == 2]
    assert alone and pairs
    assert all(celsius >= 38.29 for ((_, celsius),) in alone)
    for (first, celsius), (second, again) in pairs:
        assert min(celsius, again) >= 37.99
        assert pd.Timestamp(second) - pd.Timestamp(first) >= pd.Timedelta(hours=1)


def test_readme_counts_the_rows():
    said = {row["file"].removesuffix(".csv"): row["rows"] for row in listed("What is in it")}
    assert said == {name: f"{len(rows(name)):,}" for name in NAMES}


# ---- what it is calibrated to


@pytest.mark.parametrize("target", calibration.targets(), ids=lambda target: target["name"])
def test_the_result_lies_where_the_published_figure_allows(target):
    assert float(target["from"]) <= float(target["published"]) <= float(target["to"])
    assert float(target["from"]) <= results()[target["name"]] <= float(target["to"])
    assert target["source"]


def test_every_result_has_its_target_and_readme_shows_both():
    assert list(results()) == [target["name"] for target in calibration.targets()]
    assert calibration.table(results()) in README


def test_counts_of_real_and_simulated_children_are_drawn_as_they_are(real_data):
    drawn = picture.draw(picture.simulated(), picture.real(Path(os.environ["LEUKO_REAL_DATA"])))
    assert drawn == picture.DRAWN.read_text(encoding="utf-8")


# ---- the marrow


def days_of(effect: np.ndarray) -> np.ndarray:
    """ANC of one patient with a usual count of 5,000, day by day, under this effect."""
    line = marrow.Line(np.array([5000.0]), np.array([marrow.NEUTROPHIL_DAYS]))
    found = []
    for each in effect:
        line.live_a_day(np.array([each]))
        found.append(line.count[0])
    return np.array(found)


def test_without_a_drug_the_count_stays():
    assert days_of(np.zeros(200)) == pytest.approx(5000)


@pytest.mark.parametrize("effect", [0.05, 0.1, 0.2, 0.3])
def test_under_a_lasting_effect_the_count_settles_where_feedback_makes_up_for_it(effect):
    assert days_of(np.full(600, effect))[-1] == pytest.approx(5000 * (1 - effect) ** (1 / marrow.GAMMA), rel=0.01)


def test_after_one_dose_the_nadir_comes_days_later_and_the_recovery_overshoots():
    effect = np.zeros(60)
    effect[0:2] = 2.5, 1.0
    anc = days_of(effect)
    assert 6 <= int(anc.argmin()) <= 12
    assert anc.min() < 1500
    assert anc[:2].min() > 4500, "cells on their way still come out"
    assert anc.max() > 5500, "overshoot"
    assert abs(anc[-1] - 5000) < 500, "back at the usual count"


# ---- what the dashboard shows of it


def test_bad_rows_are_set_aside_each_for_its_reason(store):
    counted = query(store, "SELECT kind, reason, count(*) FROM rejected GROUP BY ALL")
    found = {(kind, reason): count for kind, reason, count in counted}
    once = {
        ("labs", "unit missing"), ("labs", "unit unknown"), ("labs", "percentage under a count"), ("labs", "negative"),
        ("labs", "implausible"), ("labs", "no patient"), ("labs", "no date"), ("exposures", "no patient"),
    }  # fmt: skip
    often = {("labs", "not a number"), ("exposures", "ends before it starts"), ("events", "no date")}
    assert set(found) == once | often
    assert all(found[reason] <= 2 for reason in once) and all(found[reason] >= 10 for reason in often)


def test_readme_counts_the_statuses_of_the_last_day_and_none_is_missing(store):
    statuses = store.view().statuses(Filters()).set_index("status")["courses"].to_dict()
    assert {row["status"]: int(row["rows"]) for row in listed("On the last day")} == statuses
    assert {row["status"] for row in read_rows("statuses")} == {status for status, found in statuses.items() if found}


def test_every_kind_of_alert_is_raised_for_several_patients_on_the_last_day(store):
    alerts = dict(query(store, "SELECT kind, count(DISTINCT patient_id) FROM alerts GROUP BY kind"))
    assert set(alerts) == {row["kind"] for row in read_rows("alert_kinds")}
    assert min(alerts.values()) >= 3
    words = [why for (why,) in query(store, "SELECT why FROM alerts WHERE kind = 'possible_febrile_neutropenia'")]
    assert any("below 500" in why for why in words) and any("below 1,000" in why for why in words)


def test_a_white_cell_count_alone_below_500_is_there(store):
    assert query(
        store,
        """SELECT count(*) > 0 FROM alerts JOIN labs USING (patient_id)
        WHERE kind = 'order_differential' AND labs.analyte = 'wbc' AND labs.value < 500""",
    ) == [(True,)]


def test_each_clinician_has_at_least_15_onsets(store):
    onsets = dict(query(store, "SELECT clinician, count(*) FROM episodes JOIN patients USING (patient_id) GROUP BY 1"))
    onsets.pop(None, None)
    assert len(onsets) == 8
    assert min(onsets.values()) >= 15


def test_each_measure_has_at_least_5_events_of_each_ending_as_readme_counts_them(store):
    measures = store.view().measures(store.settings).set_index("measure")[list(ENDINGS)]
    said = listed("The audit has something to count")
    said = {row["measure"]: [int(row[ending]) for ending in ENDINGS] for row in said}
    assert said == {name: list(counts) for name, counts in measures.T.items()}
    few = {(name, ending) for name, counts in measures.T.items() for ending in ENDINGS if counts[ending] < 5}
    assert few == IMPOSSIBLE
    assert measures.loc["antibiotics_in_time", "excluded"] == 0


@pytest.mark.parametrize(("measure", "clinician"), [("hold_given", "Dr Dumail"), ("supported_hold", "Dr Gunvald")])
def test_two_clinicians_stand_out(store, measure, clinician):
    found = store.view().measures(store.settings, by="clinician")
    found = found[found["measure"].eq(measure) & found["group"].ne("not recorded")].set_index("group")
    others = found.drop(index=clinician)
    assert found["rate"].idxmin() == clinician
    assert found.loc[clinician, "upper"] < others["met"].sum() / (others["met"] + others["not_met"]).sum()


# ---- any number of patients


def test_a_benchmark_cohort_of_any_size_is_streamed_to_parquet(tmp_path, monkeypatch):
    monkeypatch.setattr(generate, "CHUNK", 150)
    generate.stream(400, tmp_path)
    con = duckdb.connect()
    for name in NAMES:
        assert len(list((tmp_path / name).glob("*.parquet"))) == 3
        con.execute(f"CREATE VIEW {name} AS FROM '{tmp_path}/{name}/*.parquet'")
    assert con.execute("SELECT count(DISTINCT patient_id) FROM patients").fetchone() == (400,)
    answer = leuko.evaluate(connection=con, as_of=generate.LAST_DAY)
    assert answer.worklist["patient_id"].nunique() == 400
    assert len(answer.episodes) > 50
    assert (answer.worklist["status"] == "continue").mean() > 0.5


def test_a_chunk_is_the_same_whatever_comes_before_it(tmp_path, monkeypatch):
    monkeypatch.setattr(generate, "CHUNK", 60)
    short, long = tmp_path / "short", tmp_path / "long"
    generate.stream(60, short)
    generate.stream(100, long)
    same = [pd.read_parquet(folder / "labs" / "00000.parquet") for folder in (short, long)]
    pd.testing.assert_frame_equal(*same)


def test_doses_of_a_patient_neither_overlap_nor_leave_days_out():
    """But for the rows that are wrong on purpose and the patients whose holds are not recorded."""
    spans = defaultdict(list)
    for exposure in rows("exposures"):
        start, end = (exposure[name] and date.fromisoformat(exposure[name]) for name in ("start_on", "end_on"))
        if exposure["patient_id"] and not (end and end < start):
            spans[exposure["patient_id"]].append((start, end or date.max))
    gaps = Counter(
        (later - ended).days
        for course in spans.values()
        for (_, ended), (later, _) in pairwise(sorted(course))
        if ended < date.max
    )
    assert min(gaps) == 1
    assert gaps[1] > 0.85 * gaps.total()
    assert max(start for course in spans.values() for start, _ in course) <= generate.LAST_DAY
