"""The measures case by case: every row of spec/measures.csv is one patient, worked out by hand.

The cases are written in the language of spec/rule.csv (see test_clinical_specification), and read by its readers.

- `measure` is the one that is asked; `expected` says all of its events in the order of their days, between
  semicolons: "met, due day 14, happened day 15, days 1; not_met, …". What is left out is not asked. An ending may
  have words of its reason, "excluded (planned)". "none": the measure has no event of this patient.
  "dasatinib-guideline: met": of several courses, that one.
- `settings`: "hold_grace_days 3"; those that are not named are as they ship.
- `doses` may also say "75/50 in turn from day 0 to 40", a dose a day in this order, and begin a part with
  "set aside: ", a row of which the dose cannot be read (its dose is then not written).
- `events` may also say "set aside: day 12: cause", an event whose kind is missing.
- `patient` may be empty; as_of is the day asked.
"""

import re

import pandas
import pytest

from leuko import audit, measures
from tests import audited, hospital
from tests import test_clinical_specification as clinical

CASES = clinical.cases_of(clinical.SPEC / "measures.csv")
IN_TURN = re.compile(r"(?:(?P<under>[^:]+): )?(?P<doses>[\d.]+(?:/[\d.]+)+) in turn from day (-?\d+) to (-?\d+)")
EVENT = re.compile(
    r"(?:(?P<under>[a-z-]+): )?(?P<ending>met|not_met|excluded|cannot_tell)(?: \((?P<reason>[^)]*)\))?"
    r"(?:, due (?P<due>day -?\d+|none))?(?:, happened (?P<happened>day -?\d+|none))?(?:, days (?P<days>-?\d+|none))?"
)
SET_ASIDE = "set aside: "
ASKED = ("ending", "due", "happened", "days")


def spelled_out(part):
    """Doses in turn as one part a day; any other part as it is."""
    found = IN_TURN.fullmatch(part)
    if not found:
        return [part]
    under = f"{found['under']}: " if found["under"] else ""
    doses, first, last = found["doses"].split("/"), int(found[3]), int(found[4])
    return [f"{under}{doses[(day - first) % len(doses)]} from day {day} to {day}" for day in range(first, last + 1)]


def exposure_rows(case):
    parts = [each for part in filter(None, case["doses"].split("; ")) for each in spelled_out(part)]
    rows = clinical.exposure_rows(case | {"doses": "; ".join(part.removeprefix(SET_ASIDE) for part in parts)})
    return [
        row | ({"dose_mg": None} if part.startswith(SET_ASIDE) else {})
        for row, part in zip(rows, parts, strict=True)
    ]  # fmt: skip


def event_rows(case):
    for part in filter(None, case["events"].split("; ")):
        for row in clinical.event_rows(case | {"events": part.removeprefix(SET_ASIDE)}):
            yield row | ({"kind": None} if part.startswith(SET_ASIDE) else {})


def frames_of(cases):
    rows = {
        "labs": [row for case in cases for row in clinical.lab_rows(case)],
        "exposures": [row for case in cases for row in exposure_rows(case)],
        "events": [row for case in cases for row in event_rows(case)],
        "patients": [patient_row(case) for case in cases],
    }
    return {name: hospital.frame(own, hospital.INPUT[name]) for name, own in rows.items()}


def patient_row(case):
    plain = "; ".join(part for part in case["events"].split("; ") if not part.startswith(SET_ASIDE))
    return clinical.patient_row(case | {"events": plain})


def settings_of(text):
    named = (part.split() for part in filter(None, text.split("; ")))
    return audited.settings_with(**{name: int(value) for name, value in named})


def judge(cases):
    """The events of every case by its name, each in the words of the specification."""
    found = {case["case"]: [] for case in cases}
    by_name = {case["case"]: case for case in cases}
    for text in sorted({case["settings"] for case in cases}):
        own = [case for case in cases if case["settings"] == text]
        con = audited.of_frames(frames_of(own), clinical.PROTOCOLS.values(), clinical.AS_OF, settings_of(text))
        rows = con.execute(
            """SELECT patient_id, measure, protocol, ending, reason, due_on, happened_on, days, counted_on, episode
            FROM audit_events ORDER BY counted_on, happened_on, protocol"""
        ).df()
        for row in rows.to_dict("records"):
            case = by_name[row["patient_id"]]
            if row["measure"] == case["measure"]:
                found[row["patient_id"]].append(in_words(case, row))
    return found


def in_words(case, row):
    days = None if pandas.isna(row["days"]) else int(row["days"])
    reason = "" if pandas.isna(row["reason"]) else row["reason"]
    return {
        "under": row["protocol"], "ending": row["ending"], "reason": reason,
        "due": clinical.in_words(case, row["due_on"]), "happened": clinical.in_words(case, row["happened_on"]),
        "days": "none" if days is None else str(days),
    }  # fmt: skip


def expected_of(case):
    if case["expected"] == "none":
        return []
    found = [EVENT.fullmatch(part) for part in case["expected"].split("; ")]
    assert all(found), f"cannot read {case['expected']!r}"
    return [each.groupdict() for each in found]


def agrees(expected, found):
    """Whether an event is what the case asks for: what is left out is not asked, a reason is asked in part."""
    same = all(found[name] == expected[name] for name in ("under", *ASKED) if expected[name] is not None)
    return same and (expected["reason"] or "").lower() in found["reason"].lower()


@pytest.fixture(scope="module")
def answers():
    return judge(CASES)


def wrong_in(case, found):
    """What differs between a case and its events; empty where nothing does."""
    expected = expected_of(case)
    same = len(expected) == len(found) and all(map(agrees, expected, found))
    return {} if same else {"expected": case["expected"], "found": found}


@pytest.mark.parametrize("case", CASES, ids=[case["case"] for case in CASES])
def test_case(case, answers):
    assert not wrong_in(case, answers[case["case"]])


def test_every_case_has_a_name_of_its_own():
    assert len({case["case"] for case in CASES}) == len(CASES)


def test_every_measure_has_a_case_of_every_ending():
    asked = {(case["measure"], event["ending"]) for case in CASES for event in expected_of(case)}
    assert asked == {(name, ending) for name in measures.NAMES for ending in audit.ENDINGS}
