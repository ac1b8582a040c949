"""A table's doses in mg are never printed in another unit."""

from datetime import date, datetime

import pytest

import leuko
from tests import hospital

FIRST = date(2026, 1, 1)


def worklist_row(setting, units, days, causes=()):
    """The worklist row of one patient on dasatinib with these units of dose and ANC by day of January."""
    labs = [
        {"patient_id": "A", "analyte": analyte, "value": value, "collected_at": datetime(2026, 1, day, 8)}
        for day, anc in days.items()
        for analyte, value in (("anc", anc), ("platelets", 200_000))
    ]
    exposures = [
        {"patient_id": "A", "drug": "dasatinib", "setting": setting, "dose_mg": 100, "dose_unit": unit,
         "start_on": date(2026, 1, first), "end_on": date(2026, 1, last)}
        for unit, (first, last) in zip(units, ((1, 5), (6, 10)), strict=False)
    ]  # fmt: skip
    events = [
        {"patient_id": "A", "kind": "cytopenia_cause", "value": cause, "occurred_at": datetime(2026, 1, 10)}
        for cause in causes
    ]
    con = hospital.admit(labs, exposures, events)
    return leuko.evaluate(connection=con, as_of=date(2026, 1, 25)).worklist.iloc[0]


SLOW = {10: 400, 20: 450, 21: 1200}


@pytest.mark.parametrize("units", [["mg", "mg"], ["MG", "MG"]])
def test_a_course_in_mg_takes_the_dose_level_of_the_table(units):
    row = worklist_row(None, units, SLOW)
    assert (row.status, row.dose_mg) == ("reduce", 80)


@pytest.mark.parametrize(("units", "named"), [(["mg/m2", "mg/m2"], "mg/m2"), (["mg", "mg/m2"], "mixed units")])
def test_a_course_in_another_unit_is_for_review(units, named):
    row = worklist_row(None, units, SLOW)
    assert row.status == "review"
    assert row.isna()["dose_mg"]
    assert f"The doses of the table are in mg, but this course is given in {named}." in row.why


@pytest.mark.parametrize(("unit", "dose"), [("mg", 180), ("mg/m2", None)])
def test_an_escalation_names_its_dose_only_in_mg(unit, dose):
    row = worklist_row("dasatinib-advanced-us", [unit, unit], {10: 400}, causes=["disease"])
    assert row.status == "escalate"
    assert row.isna()["dose_mg"] if dose is None else row.dose_mg == dose
