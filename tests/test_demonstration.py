"""The simulated cohort in data/: made again byte for byte, and really holding what its README promises."""

import csv
import re
import tomllib
from collections import Counter, defaultdict
from functools import cache
from pathlib import Path

import pandas as pd
import pytest

import leuko
from data import generate

FOLDER = Path(generate.__file__).parent
NAMES = ("patients", "exposures", "labs", "events")
README = (FOLDER / "README.md").read_text(encoding="utf-8")


@cache
def rows(name: str) -> list[dict[str, str]]:
    with (FOLDER / f"{name}.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def documented(pattern: str) -> dict[str, int]:
    """Rows of the README's tables: the word in the first cell and the number in the second."""
    return {word: int(number.replace(",", "")) for word, number in re.findall(pattern, README, re.MULTILINE)}


@pytest.fixture(scope="module")
def answer():
    frames = {name: pd.read_csv(FOLDER / f"{name}.csv", dtype=str, keep_default_na=False) for name in NAMES}
    return leuko.evaluate(**frames)


def test_generator_writes_the_same_bytes_again(tmp_path):
    generate.generate(tmp_path)
    for name in NAMES:
        assert (tmp_path / f"{name}.csv").read_bytes() == (FOLDER / f"{name}.csv").read_bytes(), name
    assert sum((FOLDER / f"{name}.csv").stat().st_size for name in NAMES) < 5_000_000


def test_it_says_that_it_is_simulated():
    origin = tomllib.loads((FOLDER / "origin.toml").read_text(encoding="utf-8"))
    assert origin["simulated"] is True
    assert "Simulated" in origin["title"]
    assert "simulated" in README.splitlines()[0]


def test_patients():
    patients = rows("patients")
    assert len({p["patient_id"] for p in patients}) == len({p["name"] for p in patients}) == 240
    assert {p["site"] for p in patients} == {"North", "East", "Lakeside", "Hill", ""}
    assert len({p["clinician"] for p in patients} - {""}) == 8
    assert sum(not p["site"] for p in patients) == 2
    assert sum(p["duffy_null"] == "true" for p in patients) == 1
    assert any(p["died_on"] for p in patients)
    assert any(p["left_on"] for p in patients)
    treated = {(e["patient_id"], e["drug"], e["setting"]) for e in rows("exposures") if e["patient_id"]}
    assert Counter((drug, setting) for _, drug, setting in treated) == {
        ("dasatinib", ""): 116,
        ("dasatinib", "dasatinib-cp-us"): 40,
        ("dasatinib", "dasatinib-advanced-us"): 30,
        ("mercaptopurine", ""): 40,
        ("mercaptopurine", "mercaptopurine-anc-platelets"): 6,
        ("hydroxyurea", ""): 5,
    }


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
    assert any(e["end_reason"] == "discontinued" for e in rows("exposures"))


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
        if "wbc" in draw and "anc" in draw and draw["anc"]["status"] == "final":
            assert float(draw["wbc"]["value"]) > float(draw["anc"]["value"].lstrip("<"))


def test_hard_results_are_there():
    anc = [(lab["value"], lab["unit"]) for lab in rows("labs") if lab["analyte"] == "anc"]
    for exact in ("0.00", "0.50", "1.00"):
        assert {(exact, "10*9/L"), (exact, "K/uL")} & set(anc)
    assert {("500", "cells/uL"), ("1000", "cells/uL")} <= set(anc)
    assert any(value == "<0.1" for value, _ in anc)
    assert {lab["status"] for lab in rows("labs")} == {"final", "corrected", "entered-in-error", "cancelled"}
    late = [lab for lab in rows("labs") if lab["reported_at"][:10] > lab["collected_at"][:10]]
    assert len(late) > 100
    assert max(lab["collected_at"] for lab in rows("labs")).startswith(str(generate.LAST_DAY))
    assert max(lab["reported_at"] for lab in rows("labs")) < f"{generate.LAST_DAY}T24"


def test_events():
    values = defaultdict(set)
    for event in rows("events"):
        values[event["kind"]].add(event["value"])
    assert set(values) == {"cytopenia_cause", "gcsf", "fever", "infection"}
    assert values["cytopenia_cause"] == {"disease", "treatment"}
    temperatures = {(lab["value"], lab["unit"]) for lab in rows("labs") if lab["analyte"] == "temperature"}
    assert temperatures == {(value, "Cel") for value in values["fever"]}


def test_readme_counts_the_rows():
    assert documented(r"^\| `(\w+)\.csv` \| ([\d,]+) \|") == {name: len(rows(name)) for name in NAMES}


def test_bad_rows_are_set_aside_each_for_its_reason(answer):
    reasons = Counter(zip(answer.rejected["kind"], answer.rejected["reason"], strict=True))
    unmatched = sum(exposure["drug"] == "hydroxyurea" for exposure in rows("exposures"))
    assert reasons == {
        ("labs", "unit missing"): 2,
        ("labs", "unit unknown"): 2,
        ("labs", "percentage under a count"): 1,
        ("labs", "not a number"): 2,
        ("labs", "negative"): 2,
        ("labs", "implausible"): 1,
        ("labs", "no patient"): 1,
        ("labs", "no date"): 1,
        ("exposures", "no patient"): 1,
        ("exposures", "ends before it starts"): 2,
        ("exposures", "no protocol for hydroxyurea"): unmatched,
    }


def test_readme_counts_the_statuses_of_the_last_day(answer):
    statuses = Counter(answer.worklist["status"])
    assert documented(r"^\| (\w+) \| (\d+) \|$") == statuses
    unseen = set(pd.read_csv(Path(leuko.__file__).parent / "statuses.csv")["status"]) - set(statuses)
    assert unseen == {"discontinue"}     # no table of a drug in this cohort decides it
