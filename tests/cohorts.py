"""Small random cohorts in the canonical shape, crowded with what the rule finds hard.

`random_cohort(seed)` gives the same cohort for the same seed; `cohorts()` is the hypothesis strategy over
the same generator, so that a failing cohort shrinks; `ward(seed, patients)` is one cohort of many such
patients under the same protocols, for one call of the rule. Protocols are dicts as `tomllib` reads them;
`write_protocols` puts them into a folder that `leuko.load_protocols` can read.

Left out on purpose, since the rule says nothing of it: a patient who died or left before the first dose
of one of his courses, a `[disease_related]` that says resume, check_cause or reduce without a dose, a dose
in a clause that says review or discontinue, and a drug whose only default requires a fact.
"""

import json
import random
import tomllib
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path

from hypothesis import strategies as st

FIRST_DAY = date(2024, 1, 1)
TABLES = ("labs", "exposures", "events", "patients")

SOURCE = """
[[source]]
title = "A made-up table"
section = "1"
revised = "2024-01-01"
url = "https://example.org/table"
quote = "Words of the table."
verified = true
"""

GUIDELINE = tomllib.loads(
    """
id = "a-guideline"
drug = "dasatinib"
setting = "chronic, summary"
default = true
starting_dose_mg = 100
dose_levels_mg = [100, 80, 50]
[anc]
hold = "< 500"
resume = ">= 1000"
[[recovery]]
days_to_recovery = "<= 7"
action = "resume"
dose = "starting"
[[recovery]]
days_below = "> 7"
action = "reduce"
dose = "next_level"
[[recovery]]
action = "review"
why = "The text covers neither."
[[monitoring]]
anc = "< 1000"
every_days = 7
[[monitoring]]
until_day = 84
every_days = 14
[[monitoring]]
every_days = 90
"""
    + SOURCE
)

CHRONIC = tomllib.loads(
    """
id = "b-chronic"
drug = "dasatinib"
setting = "chronic, label"
starting_dose_mg = 100
dose_levels_mg = [100, 80, 50]
[anc]
hold = "< 500"
resume = ">= 1000"
[platelets]
hold = "< 50000"
resume = ">= 50000"
[[recovery]]
episode = ">= 3"
action = "review"
why = "50 mg or discontinue, by what came before."
[[recovery]]
platelets_nadir = "< 25000"
action = "reduce"
dose = 80
[[recovery]]
episode = 2
days_below = "> 7"
action = "reduce"
dose = 80
[[recovery]]
days_to_recovery = "<= 7"
action = "resume"
dose = "starting"
[[monitoring]]
until_day = 84
every_days = 14
[[monitoring]]
every_days = 90
"""
    + SOURCE
)

ADVANCED = tomllib.loads(
    """
id = "c-advanced"
drug = "dasatinib"
setting = "advanced, label"
starting_dose_mg = 140
dose_levels_mg = [140, 100, 80]
cause_required = true
[anc]
hold = "< 500"
resume = ">= 1000"
[platelets]
hold = "< 10000"
resume = ">= 20000"
verified = false
[disease_related]
action = "escalate"
dose = 180
[[recovery]]
cause = "disease"
action = "review"
why = "The dose after an escalation is not in the text."
[[recovery]]
cause = "treatment"
episode = 1
action = "resume"
dose = "starting"
[[recovery]]
cause = "treatment"
episode = 2
action = "reduce"
dose = 100
verified = false
why = "100 mg, not verified."
[[recovery]]
cause = "treatment"
episode = ">= 3"
action = "reduce"
dose = 80
"""
    + SOURCE
)

MAINTENANCE = tomllib.loads(
    """
id = "d-maintenance"
drug = "mercaptopurine"
setting = "maintenance"
default = true
dose_levels_mg = [100, 80, 50, 25]
[anc]
hold = "< 500"
resume = ">= 750"
[[recovery]]
episode = "< 3"
action = "resume"
dose = "current"
[[recovery]]
action = "discontinue"
[[monitoring]]
every_days = 28
"""
    + SOURCE
)

GIVEN_PROTOCOLS = (GUIDELINE, CHRONIC, ADVANCED, MAINTENANCE)

NULL = tomllib.loads(
    """
id = "e-null"
drug = "dasatinib"
setting = "chronic, Duffy-null"
default = true
requires = { duffy_null = true }
schedule_restarts_after_days = 30
[anc]
hold = "< 500"
resume = ">= 750"
[[during]]
anc = "< 100"
open = true
action = "discontinue"
[[during]]
anc = [">= 1000", "< 1500"]
open = false
action = "review"
why = "Ask what the usual count is."
[[recovery]]
anc_nadir = "< 100"
action = "discontinue"
[[recovery]]
action = "resume"
dose = "current"
[[monitoring]]
anc = "< 1500"
first = true
every_days = 1
[[monitoring]]
anc = "< 1000"
every_days = 3
[[monitoring]]
anc = ">= 1000"
after_anc = "< 500"
for_days = 28
every_days = 7
[[monitoring]]
until_day = 84
every_days = 14
[[monitoring]]
every_days = 90
"""
    + SOURCE
)

PERSISTING = tomllib.loads(
    """
id = "f-persisting"
drug = "imatinib"
setting = "advanced"
default = true
requires = { duffy_null = false }
dose_levels_mg = [100, 80, 50]
cause_required = true
[anc]
hold = "< 500"
resume = ">= 1000"
[platelets]
hold = "< 10000"
resume = ">= 20000"
[disease_related]
action = "review"
[treatment_related]
action = "reduce"
dose = 80
[[during]]
anc = "< 500"
open = true
cause = "treatment"
days_in_band = ">= 28"
action = "hold"
[[during]]
anc = "< 500"
open = true
cause = "treatment"
days_in_band = ">= 14"
action = "reduce"
dose = "next_level"
[[recovery]]
cause = "treatment"
action = "resume"
dose = "-20 mg"
[[monitoring]]
every_days = 7
"""
    + SOURCE
)

BY_STEPS = tomllib.loads(
    """
id = "g-steps"
drug = "imatinib"
setting = "by steps"
default = true
requires = { duffy_null = true }
schedule_restarts_after_days = 14
[anc]
hold = "< 500"
resume = ">= 750"
[platelets]
hold = "< 10000"
resume = ">= 25000"
[[during]]
anc = [">= 500", "< 750"]
open = false
action = "reduce"
dose = "-25 %"
[[during]]
anc = ">= 750"
open = false
days_in_band = ">= 28"
action = "escalate"
[[during]]
platelets = "< 50000"
episode = "< 2"
action = "reduce"
dose = "-20 mg"
verified = false
why = "20 mg less, not verified."
[[recovery]]
days_below = "> 7"
action = "reduce"
dose = "-25 %"
[[recovery]]
action = "reduce"
dose = "-50 mg"
[[monitoring]]
until_day = 28
every_days = 7
[[monitoring]]
every_days = 28
"""
    + SOURCE
)

NAMED_ONLY = tomllib.loads(
    """
id = "h-named-only"
drug = "mercaptopurine"
setting = "maintenance, by diagnosis"
requires = { diagnosis = "lymphoblastic leukaemia", duffy_null = false }
dose_levels_mg = [100, 80, 50, 25]
[anc]
hold = "< 500"
resume = ">= 1000"
[platelets]
hold = "< 25000"
resume = ">= 50000"
[[during]]
anc = "< 750"
platelets = "< 50000"
action = "reduce"
dose = 50
[[during]]
open = true
days_in_band = "> 7"
action = "escalate"
dose = 100
[[recovery]]
action = "resume"
dose = "next_level"
"""
    + SOURCE
)

DRAW_PROTOCOLS = (NULL, PERSISTING, BY_STEPS, NAMED_ONLY)

DOSES = (140.0, 100.0, 80.0, 50.0, 25.0)
CHANGES = (*DOSES, 75.0, 60.0, 0.0, 0.0, "planned", "planned")
LOW_ANC = (0.0, 99.0, 400.0, 499.0, 499.9999)
MIDDLE_ANC = (500.0, 501.0, 749.0, 750.0, 999.0)
HIGH_ANC = (1000.0, 1001.0, 1500.0, 3000.0)
LOW_PLATELETS = (9999.0, 10000.0, 19999.0, 20000.0, 24999.0, 25000.0, 49999.0)
HIGH_PLATELETS = (50000.0, 50001.0, 150000.0)
ANC_BANDS = (
    (0.0, 50.0, 99.0), (100.0, 400.0, 499.0, 499.9999), (500.0, 501.0, 749.0), (750.0, 751.0, 999.0),
    (1000.0, 1001.0, 1499.0), (1500.0, 3000.0),
)  # fmt: skip
STEPS = (0, 1, 1, 2, 3, 6, 7, 7, 8, 14, 30)
RECOVERY_AFTER = (1, 3, 6, 7, 7, 8, 8, 9, 14, 21)
CAUSES = ("disease", "malignancy", "treatment", "drug", "infection")
DIAGNOSES = ("lymphoblastic leukaemia", "Lymphoblastic Leukaemia", "chronic phase", None)


@dataclass(frozen=True)
class Cohort:
    """Canonical rows as dicts, protocols as dicts, and the day to evaluate."""

    labs: list
    exposures: list
    events: list
    patients: list
    protocols: list
    as_of: date


def random_cohort(seed, most_patients=6):
    """The cohort of this seed: up to `most_patients` patients, seldom more than 25 results each."""
    return make_cohort(random.Random(seed), most_patients)


def cohorts(most_patients=2):
    """A hypothesis strategy over the same cohorts."""
    return st.randoms(use_true_random=False).map(lambda rng: make_cohort(rng, most_patients, most_results=10))


def ward(seed, patients, random_protocols=8):
    """One cohort of many patients, P1 to Pn, each moved in time so that the day asked is a telling one."""
    rng = random.Random(seed)
    protocols = with_random_protocols(rng, random_protocols)
    gathered = Cohort([], [], [], [], protocols, FIRST_DAY)
    for number in range(patients):
        one = make_cohort(rng, 1, protocols=protocols)
        for table in TABLES:
            rows = (moved(row, FIRST_DAY - one.as_of) for row in getattr(one, table))
            getattr(gathered, table).extend(row | {"patient_id": f"P{number + 1}"} for row in rows)
    return gathered


def moved(row, by):
    """The row with every day of it moved."""
    days = {name: day + by for name, day in row.items() if isinstance(day, date) and name != "birth_date"}
    return row | days


def make_cohort(rng, most_patients, most_results=12, protocols=None):
    if protocols is None:
        protocols = with_random_protocols(rng, rng.choice((0, 0, 1, 1, 2)))
    labs, exposures, events, patients = [], [], [], []
    for number in range(rng.randint(1, most_patients)):
        patient = f"P{number + 1}"
        own_labs, own_exposures = patient_story(rng, patient, protocols, most_results)
        labs += own_labs
        exposures += own_exposures
        events += random_events(rng, patient, own_labs)
        patients += random_patient(rng, patient, own_exposures, own_labs, protocols)
    order = random.Random(rng.randint(0, 999))  # one choice: hypothesis would spend one a row
    for rows in (labs, exposures, events):
        order.shuffle(rows)
    return Cohort(labs, exposures, events, patients, protocols, random_as_of(rng, labs, exposures))


# ---------------------------------------------------------------- a patient


def patient_story(rng, patient, protocols, most_results):
    """Results and exposures of one patient: mostly scripted episodes, sometimes a plain random walk."""
    named = naming_settings(rng, protocols)
    kind = rng.choice(("episodes",) * 3 + ("stays",) * 4 + ("walk", "walk", "no drug"))
    if kind == "episodes":
        labs, exposures = scripted_episodes(rng, patient, named)
    elif kind == "stays":
        deciding = [protocol for protocol in protocols if "during" in protocol]
        name = naming_settings(rng, deciding if rng.random() < 0.8 else protocols)[0]
        labs, exposures = stays(rng, patient, name, most_results)
    else:
        labs = random_walk(rng, patient, rng.randint(0, most_results))
        exposures = [] if kind == "no drug" else random_exposures(rng, patient, named)
    if rng.random() < 0.15:
        exposures += random_exposures(rng, patient, naming_settings(rng, protocols))
    return with_versions(rng, labs), exposures


def naming_settings(rng, protocols):
    """Two ways to name a protocol of one drug: (drug, setting); rarely a drug or a setting that fits none."""
    if rng.random() < 0.04:
        return rng.choice(([("imatinib", "no such setting")] * 2, [("dasatinib", "no such setting")] * 2))
    protocol = rng.choice(protocols)
    same_drug = [other for other in protocols if other["drug"] == protocol["drug"]]
    names = []
    for chosen in (protocol, rng.choice(same_drug)):
        ways = [chosen["id"], chosen["setting"]] + ([None, ""] if chosen.get("default") else [])
        names.append((chosen["drug"], rng.choice(ways)))
    return names


def scripted_episodes(rng, patient, named):
    """One to three episodes with holds, each recovered on a day near the cuts, the last one perhaps open."""
    with_platelets = rng.random() < 0.6
    driver = rng.choice(("anc", "anc", "platelets", "both")) if with_platelets else "anc"
    labs, exposures = [], []
    dose_start, dose = 0, rng.choice(DOSES[:3])
    day = rng.choice((0, 0, 1, 5, 30))
    if rng.random() < 0.5:
        labs += draw(rng, patient, day, HIGH_ANC, HIGH_PLATELETS if with_platelets else None)
        day += rng.choice((1, 7, 14))
    for _ in range(rng.randint(1, 3)):
        onset = day
        recovery = onset + rng.choice(RECOVERY_AFTER)
        low_anc = LOW_ANC if driver in ("anc", "both") else HIGH_ANC
        low_platelets = LOW_PLATELETS if driver in ("platelets", "both") else HIGH_PLATELETS
        labs += draw(rng, patient, onset, low_anc, low_platelets if with_platelets else None)
        between = rng.sample(range(onset, recovery), k=min(rng.choice((0, 0, 1, 2, 3)), recovery - onset))
        if rng.random() < 0.4:
            between.append(recovery - 1)
        for middle in sorted(between):
            anc = rng.choice((LOW_ANC, MIDDLE_ANC)) if driver in ("anc", "both") else HIGH_ANC
            labs += draw(rng, patient, middle, anc, low_platelets if with_platelets else None)
        held_on = onset + rng.choice((0, 1, 1, 2, 4))
        exposures += given(rng, patient, named[0], dose, dose_start, held_on - 1)
        dose_start = None
        if rng.random() < 0.15:
            break
        labs += draw(rng, patient, recovery, HIGH_ANC, HIGH_PLATELETS if with_platelets else None)
        if rng.random() < 0.25:
            unscheduled = recovery + rng.choice((1, 2, 7))
            anc = rng.choice((MIDDLE_ANC, HIGH_ANC))
            labs += draw(rng, patient, unscheduled, anc, HIGH_PLATELETS if with_platelets else None)
        if rng.random() < 0.25:
            break
        dose_start = max(recovery + rng.choice((0, 1, 1, 3)), held_on)
        dose = rng.choice((dose, dose, *DOSES))
        day = dose_start + rng.choice((3, 7, 14, 30))
    if dose_start is not None:
        end = rng.choice((None, None, day + rng.choice((0, 7, 60))))
        exposures += given(rng, patient, rng.choice((named[0], named[0], named[1])), dose, dose_start, end)
    for row in exposures[-1:]:
        if row["end_on"] is not None and rng.random() < 0.15:
            row["end_reason"] = "discontinued"
    return labs, exposures


def stays(rng, patient, name, most_results):
    """Draws that stay in one band of counts after the other, and doses that are changed on the way."""
    bands = rng.choice((ANC_BANDS, ANC_BANDS[:3], ANC_BANDS[2:], ANC_BANDS[3:]))
    with_platelets = rng.random() < 0.6
    labs, changes = [], [(0, rng.choice(DOSES))]
    day, left = rng.choice((0, 0, 1, 7)), most_results
    while left > 0:
        anc, platelets = rng.choice(bands), rng.choice((LOW_PLATELETS, HIGH_PLATELETS, HIGH_PLATELETS))
        for _ in range(min(rng.choice((1, 2, 3, 5)), left)):
            measured = rng.choice(("both", "both", "both", "anc", "platelets")) if with_platelets else "anc"
            labs += draw(
                rng, patient, day,
                None if measured == "platelets" else anc, None if measured == "anc" else platelets,
            )  # fmt: skip
            if rng.random() < 0.3:
                changes.append((day + rng.choice((0, 1, 1, 3)), rng.choice(CHANGES)))
            day += rng.choice((1, 2, 7, 7, 7, 14, 30))
            left -= 1
    return labs, doses_by_change(rng, patient, name, changes)


def doses_by_change(rng, patient, name, changes):
    """Exposures of which each lasts until the next change; 0 is a hold or nothing at all."""
    by_day = dict(changes)
    starts = sorted(by_day)
    rows = []
    for start, following in zip(starts, [*starts[1:], None], strict=True):
        end = None if following is None else following - 1
        if by_day[start] == "planned":
            rows.append(exposure(patient, name, 0.0, start, end, "planned"))
        elif by_day[start] > 0 or rng.random() < 0.5:
            rows.append(exposure(patient, name, by_day[start], start, end))
    return rows


def given(rng, patient, name, dose, start, end):
    """The days of one dose as exposures: whole, split in two, or followed by a row of 0 mg."""
    if end is not None and end < start:
        return []
    rows = [exposure(patient, name, dose, start, end)]
    shape = rng.choice(("whole", "whole", "split", "overlap", "zero after", "planned after"))
    if end is not None and end > start and shape in ("split", "overlap"):
        middle = rng.randint(start, end - 1)
        second_start = middle + 1 if shape == "split" else start
        second_dose = dose if shape == "split" else rng.choice(DOSES)
        rows = [
            exposure(patient, name, dose, start, middle),
            exposure(patient, name, second_dose, second_start, end),
        ]
    elif end is not None and shape == "zero after":
        rows.append(exposure(patient, name, 0.0, end + 1, end + rng.choice((1, 7))))
    elif end is not None and shape == "planned after":
        rows.append(exposure(patient, name, 0.0, end + 1, end + rng.choice((7, 28)), "planned"))
    return rows


def random_exposures(rng, patient, named):
    rows = []
    start = rng.choice((-10, 0, 0, 3))
    for _ in range(rng.randint(1, 5)):
        dose = rng.choice((*DOSES, 0.0, 0.0))
        end = rng.choice((None, start + rng.choice((0, 1, 6, 7, 30, 90))))
        name = named[0] if rng.random() < 0.8 else named[1]
        reason = None if end is None else rng.choice((None, None, "planned", "discontinued", "rash"))
        rows.append(exposure(patient, name, dose, start, end, reason))
        start = start + 1 if end is None else end + rng.choice((-2, 1, 1, 8))
    return rows


def random_walk(rng, patient, count):
    labs = []
    day = rng.choice((-20, 0, 0, 2))
    for _ in range(count):
        anc = rng.choice((LOW_ANC, MIDDLE_ANC, HIGH_ANC, HIGH_ANC, None))
        platelets = rng.choice((None, None, LOW_PLATELETS, HIGH_PLATELETS))
        labs += draw(rng, patient, day, anc, platelets)
        day += rng.choice(STEPS)
    return labs


def random_patient(rng, patient, exposures, labs, protocols):
    """The patient's row, or none; death and leaving never before the first dose of a course.

    Half of the patients have the facts that the protocols they are on by name require.
    """
    if rng.random() < 0.3:
        return []
    row = {
        "patient_id": patient, "name": f"Patient {patient}", "birth_date": date(1960, 5, 17),
        "sex": rng.choice(("F", "M", None)), "site": rng.choice(("North", "South", None)), "clinician": None,
        "diagnosis": rng.choice(DIAGNOSES), "duffy_null": rng.choice((True, False, None)),
        "died_on": None, "left_on": None,
    }  # fmt: skip
    if rng.random() < 0.5:
        named = {exposure["setting"] for exposure in exposures}
        for protocol in protocols:
            row |= protocol.get("requires", {}) if named & {protocol["id"], protocol["setting"]} else {}
    if rng.random() < 0.2:
        days = [row["start_on"] for row in exposures] + [row["collected_at"].date() for row in labs]
        first_doses = [row["start_on"] for row in exposures if row["dose_mg"] > 0]
        if days:
            ended_on = max([rng.choice(days) + timedelta(days=rng.choice((0, 0, 1, 20))), *first_doses])
            row[rng.choice(("died_on", "left_on"))] = ended_on
    return [row]


def random_events(rng, patient, labs):
    rows = []
    low_days = [row["collected_at"] for row in labs if row["value"] in LOW_ANC + LOW_PLATELETS]
    if not low_days:
        return rows
    for _ in range(rng.choice((0, 1, 1, 1, 2, 3))):
        occurred_at = rng.choice(low_days) + timedelta(
            days=rng.choice((-1, 0, 0, 1, 3)), hours=rng.choice((0, 1, -1))
        )
        value = rng.choice(CAUSES)
        rows.append(
            {"patient_id": patient, "kind": "cytopenia_cause", "value": value, "occurred_at": occurred_at}
        )
    if rng.random() < 0.1:
        rows.append(
            {"patient_id": patient, "kind": "fever", "value": "38.6", "occurred_at": rng.choice(low_days)}
        )
    return rows


def random_as_of(rng, labs, exposures):
    days = [row["collected_at"].date() for row in labs]
    days += [row["start_on"] for row in exposures]
    days += [row["end_on"] for row in exposures if row["end_on"] is not None]
    if not days:
        return FIRST_DAY
    day = rng.choice((max(days), max(days), rng.choice(days), rng.choice(days)))
    return day + timedelta(days=rng.choice((0, 0, 0, 1, 2, 3, 4, 7, 11, 17, 18, 90, 91)))


# ---------------------------------------------------------------- rows


def lab(patient, analyte, value, collected_at, **changes):
    """One canonical result, final and reported when collected unless `changes` says otherwise."""
    row = {
        "patient_id": patient, "analyte": analyte, "value": float(value), "comparator": "",
        "collected_at": collected_at, "reported_at": collected_at, "specimen": None, "status": "final",
        "ref_low": None, "ref_high": None, "raw_value": str(value), "raw_unit": "cells/µL", "derived": False,
        "source": "cohort",
    }  # fmt: skip
    return row | changes


def exposure(patient, name, dose, start, end, reason=None):
    """One canonical exposure; `start` and `end` are days after FIRST_DAY, `name` is (drug, setting)."""
    return {
        "patient_id": patient, "drug": name[0], "setting": name[1], "dose_mg": float(dose), "dose_unit": "mg",
        "start_on": FIRST_DAY + timedelta(days=start),
        "end_on": None if end is None else FIRST_DAY + timedelta(days=end), "end_reason": reason,
    }  # fmt: skip


def draw(rng, patient, day, anc_values, platelet_values):
    """The results of one day: none, one or several of each analyte, at a few times of the day."""
    rows = []
    for analyte, values in (("anc", anc_values), ("platelets", platelet_values)):
        if values is None:
            continue
        for _ in range(rng.choice((1, 1, 1, 1, 1, 2))):
            clock = time(rng.choice((8, 8, 8, 0, 23)), rng.choice((0, 0, 30)))
            collected_at = datetime.combine(FIRST_DAY + timedelta(days=day), clock)
            specimen = rng.choice((None, None, None, None, "capillary", "venous"))
            comparator = rng.choice(("",) * 16 + ("<", "<", ">"))
            value = rng.choice(values)
            if comparator == "<" and values is LOW_ANC:
                value = rng.choice((499.0, 500.0, 501.0))
            row = lab(patient, analyte, value, collected_at, specimen=specimen, comparator=comparator)
            row["reported_at"] += timedelta(days=rng.choice((0, 0, 0, 0, 0, 1, 3)))
            rows.append(row)
    if rng.random() < 0.04:
        rows.append(lab(patient, "wbc", 2500.0, datetime.combine(FIRST_DAY + timedelta(days=day), time(8))))
    return rows


def with_versions(rng, labs):
    """The same results with corrected, withdrawn, repeated and derived ones among them."""
    rows = []
    for row in labs:
        if row["analyte"] == "anc" and rng.random() < 0.06:
            row = row | {"derived": True}
        rows.append(row)
        if rng.random() < 0.14:
            values = (
                LOW_ANC + MIDDLE_ANC + HIGH_ANC if row["analyte"] == "anc" else LOW_PLATELETS + HIGH_PLATELETS
            )
            change = {
                "status": rng.choice(("corrected", "corrected", "final", "entered-in-error", "cancelled")),
                "value": rng.choice((row["value"], rng.choice(values), rng.choice(values))),
                "reported_at": row["reported_at"] + timedelta(days=rng.choice((0, 0, 1, 2, 5))),
                "comparator": rng.choice(("", "", row["comparator"], "<")),
            }
            rows.append(row | change)
        if row["analyte"] == "anc" and rng.random() < 0.05:
            later = row["reported_at"] + timedelta(days=rng.choice((0, 1)))
            value = rng.choice(LOW_ANC + HIGH_ANC)
            rows.append(row | {"derived": not row["derived"], "value": value, "reported_at": later})
    return rows


# ---------------------------------------------------------------- protocols


def with_random_protocols(rng, count):
    """The written protocols and so many random ones, of which no two defaults fit one patient."""
    protocols = [*GIVEN_PROTOCOLS, *DRAW_PROTOCOLS]
    for number in range(count):
        protocol = random_protocol(rng, number)
        if rng.random() < 0.65:
            protocol = with_decisions_at_draws(rng, protocol)
        if rng.random() < 0.2:
            protocol["requires"] = rng.choice((
                {"duffy_null": True}, {"duffy_null": False}, {"diagnosis": "chronic phase"},
                {"duffy_null": False, "diagnosis": "Chronic phase"},
            ))  # fmt: skip
            protocol["default"] = not any(are_rival_defaults(protocol, other) for other in protocols)
        protocols.append(protocol)
    return protocols


def are_rival_defaults(protocol, other):
    """Whether both, as defaults of one drug, could fit the same patient."""
    if protocol["drug"] != other["drug"] or not other.get("default") or "requires" not in other:
        return False
    asked, known = protocol["requires"], other["requires"]
    return not any(
        str(asked[fact]).lower() != str(known[fact]).lower() for fact in asked.keys() & known.keys()
    )


def random_protocol(rng, number):
    """A protocol that the loader accepts, for one of the drugs with a default, and no default itself."""
    drug = rng.choice(("dasatinib", "mercaptopurine", "imatinib"))
    protocol = {
        "id": f"x-random-{number}",
        "drug": drug,
        "setting": f"random setting {number}",
        "dose_levels_mg": rng.choice(([100, 80, 50], [140, 100, 80], [100], [80, 50, 25])),
        "anc": rng.choice((
            {"hold": "< 500", "resume": ">= 1000"}, {"hold": "< 500", "resume": ">= 500"},
            {"hold": "<= 499", "resume": "> 1000"}, {"hold": "<= 500", "resume": "> 750"},
            {"hold": "< 1000", "resume": ">= 1500"}, {"hold": "< 500", "resume": ">= 750", "verified": False},
        )),
    }  # fmt: skip
    if rng.random() < 0.2:
        protocol["starting_dose_mg"] = 100
    if rng.random() < 0.3:
        protocol["cause_required"] = True
    if rng.random() < 0.5:
        protocol["platelets"] = rng.choice((
            {"hold": "< 50000", "resume": ">= 50000"}, {"hold": "< 10000", "resume": ">= 20000"},
            {"hold": "<= 25000", "resume": "> 25000"}, {"hold": "< 25000", "resume": ">= 50000"},
        ))  # fmt: skip
    if rng.random() < 0.4:
        protocol["disease_related"] = rng.choice((
            {"action": "escalate", "dose": 180}, {"action": "escalate", "dose": 140.5},
        ))  # fmt: skip
    protocol["recovery"] = [random_clause(rng) for _ in range(rng.randint(1, 5))]
    monitoring = [random_monitoring(rng) for _ in range(rng.choice((0, 1, 2, 3)))]
    if monitoring:
        protocol["monitoring"] = monitoring
    protocol["source"] = tomllib.loads(SOURCE)["source"]
    return protocol


def random_clause(rng):
    conditions = {
        "episode": (1, 2, ">= 2", ">= 3", "< 3", "= 1"),
        "days_to_recovery": ("<= 7", "< 7", "> 7", ">= 8", "<= 14", "= 7"),
        "days_below": ("> 7", ">= 7", "<= 7", "= 0", "< 3", "> 0"),
        "anc_nadir": ("< 100", "< 500", ">= 100", ">= 500", "<= 499", "> 0", "= 0"),
        "platelets_nadir": ("< 25000", "< 10000", ">= 25000", "<= 24999"),
        "cause": ("disease", "treatment"),
    }
    clause = {}
    for name in rng.sample(sorted(conditions), k=rng.choice((0, 1, 1, 1, 2, 2, 3))):
        clause[name] = rng.choice(conditions[name])
    clause["action"] = rng.choice(("resume", "resume", "reduce", "reduce", "discontinue", "review"))
    if clause["action"] == "resume":
        clause["dose"] = rng.choice(("starting", "starting", "current", "next_level", 80))
    elif clause["action"] == "reduce":
        clause["dose"] = rng.choice(("next_level", "next_level", 80, 50, 37.5, "current"))
    if rng.random() < 0.15:
        clause.pop("dose", None)
    if rng.random() < 0.12:
        clause["verified"] = False
    if clause["action"] == "review" or not clause.get("verified", True):
        clause["why"] = "The text leaves this open."
    return clause


def random_monitoring(rng):
    line = {"every_days": rng.choice((3, 7, 14, 28, 90))}
    if rng.random() < 0.4:
        line["anc"] = rng.choice(("< 1000", "<= 1000", "< 500", ">= 1500"))
    if rng.random() < 0.4:
        line["until_day"] = rng.choice((0, 6, 7, 8, 14, 30, 84))
    return line


# ---------------------------------------------------------------- decisions at a draw

PARTS_OF_BAND = (
    ("anc",), ("anc",), ("anc",), ("anc", "open"), ("anc", "open"), ("platelets",), ("platelets", "open"),
    ("anc", "platelets"), ("anc", "platelets", "open"), ("open",), ("open",),
)  # fmt: skip
BANDS = {
    "anc": (
        "< 100", "< 500", "<= 499", "< 750", "< 1000", "< 1500", "= 500",
        ">= 500", ">= 750", ">= 1000", "> 1000", ">= 1500",
        [">= 100", "< 500"], [">= 500", "< 750"], ["> 500", "<= 1000"], ["< 1500", ">= 1000"], ["> 0", "< 100"],
    ),
    "platelets": ("< 25000", "< 50000", ">= 50000", [">= 10000", "< 50000"], ["> 24999", "<= 50000"]),
    "open": (True, False),
}  # fmt: skip
STEPS_DOWN = ("-20 mg", "-25 mg", "-50mg", "-100 mg", "-12.5 mg", "-10 %", "-25 %", "-50%", "-100 %")


def with_decisions_at_draws(rng, protocol):
    """The protocol with what decides at a draw, or on the first count or a return, each by chance."""
    protocol = {**protocol}
    if rng.random() < 0.8:
        protocol["during"] = [random_draw_row(rng, protocol) for _ in range(rng.choice((1, 2, 2, 3, 4)))]
    if protocol.get("cause_required") and rng.random() < 0.6:
        protocol["treatment_related"] = unverified_at_times(rng, rng.choice((
            {"action": "hold"}, {"action": "reduce", "dose": 80}, {"action": "reduce", "dose": 37.5},
            {"action": "discontinue"}, {"action": "review"},
        )))  # fmt: skip
    if rng.random() < 0.3:
        protocol["disease_related"] = unverified_at_times(rng, rng.choice((
            {"action": "review"}, {"action": "hold"}, {"action": "discontinue"}, {"action": "reduce", "dose": 80},
            {"action": "escalate"},
        )))  # fmt: skip
    if rng.random() < 0.3:
        protocol["schedule_restarts_after_days"] = rng.choice((1, 7, 14, 30))
    if rng.random() < 0.5:
        lines = [random_line_by_counts(rng) for _ in range(rng.choice((1, 1, 2)))]
        protocol["monitoring"] = lines + protocol.get("monitoring", [])
    protocol["recovery"] = [with_step(rng, clause) for clause in protocol["recovery"]]
    return protocol


def random_draw_row(rng, protocol):
    """A row of [[during]] that the loader accepts in this protocol."""
    known = [parts for parts in PARTS_OF_BAND if "platelets" in protocol or "platelets" not in parts]
    row = {part: rng.choice(BANDS[part]) for part in rng.choice(known)}
    if rng.random() < 0.35:
        row["days_in_band"] = rng.choice(
            ("> 7", ">= 7", "= 7", "< 7", ">= 14", "<= 14", "> 0", "= 0", "< 1", ">= 28")
        )
    if rng.random() < 0.2:
        row["episode"] = rng.choice((1, 2, ">= 2", "< 2", "<= 1", "= 0", "> 0"))
    if rng.random() < (0.3 if row.get("open") else 0.1):
        row["cause"] = rng.choice(("disease", "treatment"))
    actions = ["reduce", "reduce", "reduce", "discontinue", "escalate", "review"]
    row["action"] = rng.choice([*actions, "hold", "hold"] if row.get("open") else actions)
    if row["action"] == "reduce":
        levels = ("next_level",) * 3 if "dose_levels_mg" in protocol else ()
        row["dose"] = rng.choice((80, 50, 37.5, *levels, *STEPS_DOWN))
    elif row["action"] == "escalate" and rng.random() < 0.6:
        row["dose"] = rng.choice((100, 140, 180))
    return unverified_at_times(rng, row)


def unverified_at_times(rng, row):
    return row | {"verified": False, "why": "Not verified."} if rng.random() < 0.15 else row


def random_line_by_counts(rng):
    """A monitoring line for the first count of a kind, or for some time after the return from a dip."""
    line = {
        "anc": rng.choice(("< 1000", "< 1500", ">= 500", ">= 1000", "> 750")),
        "every_days": rng.choice((1, 2, 7)),
    }
    if rng.random() < 0.5:
        line["first"] = True
    if rng.random() < 0.6:
        line |= {
            "after_anc": rng.choice(("< 500", "< 1000", "<= 750")),
            "for_days": rng.choice((1, 7, 8, 28)),
        }
    if rng.random() < 0.2:
        line["until_day"] = rng.choice((0, 7, 14, 30))
    return line


def with_step(rng, clause):
    """The clause with a step down for its dose, at times, where it has one."""
    return clause | {"dose": rng.choice(STEPS_DOWN)} if "dose" in clause and rng.random() < 0.3 else clause


# ---------------------------------------------------------------- protocols as files


def toml_text(protocol):
    """A protocol dict as the text of its file."""
    lines = [f"{key} = {json.dumps(value)}" for key, value in protocol.items() if not holds_tables(value)]
    for key, value in protocol.items():
        if not holds_tables(value):
            continue
        header = f"[{key}]" if isinstance(value, dict) else f"[[{key}]]"
        for table in [value] if isinstance(value, dict) else value:
            lines += ["", header, *(f"{name} = {json.dumps(cell)}" for name, cell in table.items())]
    return "\n".join(lines) + "\n"


def holds_tables(value):
    return isinstance(value, dict) or (
        isinstance(value, list) and any(isinstance(item, dict) for item in value)
    )


def write_protocols(protocols, folder):
    """Write each protocol to `folder` as `<id>.toml`, for `leuko.load_protocols(folder)`."""
    for protocol in protocols:
        Path(folder, f"{protocol['id']}.toml").write_text(toml_text(protocol), encoding="utf-8")
