"""The measures in SQL and an independent plain reading of six of them find the same events on random wards."""

from collections import Counter
from functools import cache

import pytest

from leuko.settings import default_settings
from tests import audit_oracle, audited, cohorts

SEEDS = (1, 2, 3, 4)
WITHOUT_DUE = ("no_early_restart", "dose_at_restart", "supported_hold")
EVENTS = "SELECT patient_id, protocol, due_on, happened_on, ending FROM audit_events WHERE measure = ?"


@cache
def both(seed):
    """A ward after the measures ran over it, and the readings of its courses."""
    ward = cohorts.ward(seed, patients=150)
    return audited.of_cohort(ward), audit_oracle.readings_of(ward)


def found_by_measure(con, readings, measure):
    """The events of the SQL in the shape of the reading."""
    found = Counter()
    for patient, protocol, due, happened, ending in con.execute(EVENTS, [measure]).fetchall():
        if measure == "supported_hold" and readings[patient, protocol].dose(happened) > 0:
            continue  # a reduction: see below
        if ending == "excluded" and measure in audit_oracle.ANSWERED:
            happened = None
        found[measure, patient, protocol, None if measure in WITHOUT_DUE else due, happened, ending] += 1
    return found


@pytest.mark.parametrize("measure", audit_oracle.MEASURES)
@pytest.mark.parametrize("seed", SEEDS)
def test_same_events_on_wards(seed, measure):
    con, readings = both(seed)
    found = found_by_measure(con, readings, measure)
    expected = audit_oracle.events_of(readings, measure)
    if measure == "hold_given":  # where the cause comes first, the day on which the table says hold is read by hand
        found = without_cause_first(found, readings)
    assert found == expected, {
        "only in SQL": sorted(map(str, found - expected))[:5], "only read": sorted(map(str, expected - found))[:5],
    }  # fmt: skip


def without_cause_first(found, readings):
    return Counter({
        event: number for event, number in found.items()
        if not readings[event[1:3]].course.protocol.get("cause_required")
    })  # fmt: skip


@pytest.mark.parametrize("seed", SEEDS)
def test_same_ending_of_every_reduction_on_wards(seed):
    """On the days that the SQL reads as a reduction."""
    con, readings = both(seed)
    judged = 0
    for patient, protocol, _, day, ending in con.execute(EVENTS, ["supported_hold"]).fetchall():
        reading = readings[patient, protocol]
        if reading.dose(day) > 0:
            judged += 1
            assert ending == reading.judge_stop(day, reading.mean_before(day)), (patient, protocol, day)
    assert judged


def test_the_settings_that_the_reading_knows_are_those_that_ship():
    shipped = default_settings()
    assert {name: shipped[name].value for name in audit_oracle.DEFAULTS} == audit_oracle.DEFAULTS


@pytest.mark.parametrize("measure", audit_oracle.MEASURES)
def test_the_wards_have_events_of_every_measure_and_ending(measure):
    endings = Counter()
    for seed in SEEDS:
        for event, number in audit_oracle.events_of(both(seed)[1], measure).items():
            endings[event[-1]] += number
    wanted = {"met", "not_met", "excluded"}
    assert wanted <= set(endings)
