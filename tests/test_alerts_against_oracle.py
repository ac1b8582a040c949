"""The SQL of the alerts and an independent plain reading of docs/alerts.md raise the same rows on random wards."""

import random
from collections import Counter
from dataclasses import replace
from datetime import datetime, time, timedelta
from functools import cache

import pytest

from leuko.facts import read_rows
from leuko.settings import default_settings
from tests import alert_oracle, cohorts, hospital, oracle

SEEDS = range(6)
PATIENTS = 200
DAYS_BEFORE = (0, 3, 20)

TEMPERATURES = (36.8, 37.9, 37.99, 38.0, 38.0, 38.1, 38.2, 38.29, 38.3, 38.31, 39.4)
MINUTES_APART = (0, 30, 59, 60, 61, 600, 2879, 2880, 2881, 3000)
AROUND_FEVER = (-2881, -2880, -2879, -600, -60, 0, 60, 600, 2879, 2880, 2881)
FEBRILE_ANC = (0.0, 300.0, 499.0, 499.9, 500.0, 501.0, 700.0, 700.0, 999.0, 1000.0, 2000.0)
WBC = (400.0, 499.0, 500.0, 999.0, 2000.0, 2999.0, 2999.9, 3000.0, 3000.0, 3001.0, 5000.0)
DAYS_TO_WBC = (0, 0, 1, 2, 5, 14, 30, 88, 89, 90, 91, 92)


@cache
def ward(seed):
    """A ward whose patients also have temperatures, recorded fevers and white cell counts without a differential."""
    made = cohorts.ward(seed, patients=PATIENTS)
    rng = random.Random(seed)
    labs, events = [], []
    for number in range(PATIENTS):
        patient = f"P{number + 1}"
        if rng.random() < 0.7:
            labs += fever_story(rng, patient, made.as_of, events)
        if rng.random() < 0.4:
            labs += white_cells(rng, patient, made.as_of)
    return replace(made, labs=made.labs + labs, events=made.events + events)


def fever_story(rng, patient, as_of, events):
    """Temperatures around one moment before a day asked, and perhaps counts near to it and a recorded fever."""
    day = as_of - timedelta(days=rng.choice(DAYS_BEFORE) + rng.choice((0, 0, 1, 2, 5, 7, 8, 9)))
    moment = datetime.combine(day, time(rng.choice((0, 8, 12, 23)), rng.choice((0, 0, 1, 59)), rng.choice((0, 0, 30))))
    rows = []
    for _ in range(rng.choice((0, 1, 1, 2, 2, 3))):
        apart = timedelta(minutes=rng.choice(MINUTES_APART), seconds=rng.choice((0, 0, 1)))
        when = moment + rng.choice((-1, 1)) * apart
        rows += reported(rng, patient, "temperature", rng.choice(TEMPERATURES), when)
    if rng.random() < 0.15:
        events.append({"patient_id": patient, "kind": "fever", "value": None, "occurred_at": moment})
    for _ in range(rng.choice((0, 0, 0, 1, 1, 2, 3))):
        when = moment + timedelta(minutes=rng.choice(AROUND_FEVER), seconds=rng.choice((0, 0, 1)))
        rows += reported(rng, patient, "anc", rng.choice(FEBRILE_ANC), when)
    return rows


def white_cells(rng, patient, as_of):
    """White cell counts of the last three months, with nothing beside them."""
    for _ in range(rng.choice((1, 1, 2, 3))):
        day = as_of - timedelta(days=rng.choice(DAYS_BEFORE) + rng.choice(DAYS_TO_WBC))
        yield from reported(rng, patient, "wbc", rng.choice(WBC), datetime.combine(day, time(rng.choice((8, 18)))))


def reported(rng, patient, analyte, value, when):
    """One result, at times with a comparator, reported late, corrected or withdrawn."""
    row = cohorts.lab(
        patient, analyte, value, when,
        comparator=rng.choice(("",) * 9 + ("<", "<", ">")), specimen=rng.choice((None, None, None, "capillary")),
        reported_at=when + timedelta(days=rng.choice((0,) * 8 + (1, 3))),
    )  # fmt: skip
    rows = [row]
    if rng.random() < 0.15:
        values = {"temperature": TEMPERATURES, "anc": FEBRILE_ANC, "wbc": WBC}[analyte]
        status = rng.choice(("corrected", "corrected", "final", "entered-in-error"))
        after = timedelta(hours=rng.choice((0, 0, 5)))
        changes = {"value": rng.choice(values), "status": status, "reported_at": row["reported_at"] + after}
        rows.append(row | changes | {"comparator": rng.choice(("", row["comparator"], "<"))})
    return rows


@cache
def both(seed, days_before):
    """The rows that the SQL raises and those that are read, on a day so many before the ward's own."""
    as_of = ward(seed).as_of - timedelta(days=days_before)
    found = hospital.evaluate(ward(seed), as_of).alerts[["patient_id", "drug", "kind", "since"]]
    rows = [tuple(oracle.plain(cell) for cell in row) for row in found.itertuples(index=False)]
    return sorted(rows, key=str), alert_oracle.alerts_of(ward(seed), as_of)


@pytest.mark.parametrize("days_before", DAYS_BEFORE)
@pytest.mark.parametrize("seed", SEEDS)
def test_same_alerts_on_wards(seed, days_before):
    found, expected = (Counter(rows) for rows in both(seed, days_before))
    assert found == expected, {
        "only in SQL": sorted(map(str, found - expected))[:5], "only read": sorted(map(str, expected - found))[:5],
    }  # fmt: skip


@pytest.mark.parametrize("kind", alert_oracle.KINDS)
def test_every_kind_is_raised_often_on_every_day_asked(kind):
    for days_before in DAYS_BEFORE:
        raised = [row for seed in SEEDS for row in both(seed, days_before)[1] if row[2] == kind]
        assert len(raised) >= 15, days_before


def test_the_kinds_and_settings_that_the_reading_knows_are_those_that_ship():
    assert tuple(row["kind"] for row in read_rows("alert_kinds")) == alert_oracle.KINDS
    settings = default_settings()
    assert settings["gcsf_after_days"].value == alert_oracle.GCSF_AFTER_DAYS
    assert settings["gcsf_from_episode"].value == alert_oracle.GCSF_FROM_EPISODE
    limits = {row["drug"] or None: float(row["below"]) for row in read_rows("wbc_limits")}
    assert limits == alert_oracle.WBC_LIMITS
