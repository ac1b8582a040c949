"""The rule case by case: every row is one patient, for a pharmacist to read and edit.

spec/rule.csv shows the general rules. spec/cases has one file for each shipped protocol, under its id: at least one
case a clause, a row of [[during]] and a line of [[monitoring]], and one on each side of every threshold.

- `case` says Given, When, Then. `protocol` is a shipped one or one of spec/protocols, which are made up;
  empty: none. `patient` is what is recorded of the patient: "duffy null", "not duffy null", "diagnosis …".
- `doses`: "100 from day 0; 0 from day 3 to 9; 100 from day 10 to 20, discontinued". Without "to" a dose is
  given up to the day before the next one, the last one without end; ", words" gives the reason for its end
  ("0 from day 21 to 27, planned").
  In front may stand a protocol or a drug, as in "mercaptopurine: 50 from day 0", or "drug / setting: …".
- `counts`: "day 20 at 07:30: ANC 0.48 10*9/L (reported day 21 at 20:00, corrected, capillary), platelets
  <50 K/uL". No unit means cells/µL (% for segs, bands and neutrophils); "no unit": the report had none.
- `events`: "day 21: cause disease; day 30: died". `as_of` is the day asked.
- `status` to `clause`: the worklist row of that protocol, and the clause of its last recommendation.
- `also`: more of what must be found, as "onset day 20; days below 7; says below 500" (NAMES lists what can be
  asked; episode facts are those of the last episode; "during" is the row of [[during]] that decided last;
  "says" and "does not say" ask for a part of the reason, its dates written as days of the case; "mismatch" for a
  part of what does not fit the patient, and where; "set aside" for the reasons in `rejected`).

What is left empty is not asked; "none" asks that there is nothing. Every patient is evaluated in one call,
through frames with the units as written, so day 0 of a case is as many days before AS_OF as its `as_of` says.
"""

import csv
import re
from datetime import date, datetime, time, timedelta
from itertools import chain
from pathlib import Path

import pandas
import pytest

import leuko

SPEC = Path(__file__).parent / "spec"
AS_OF = date(2026, 6, 30)

ANALYTES = {
    "ANC": "anc", "platelets": "platelets", "WBC": "wbc", "granulocytes": "granulocytes",
    "segs": "segs_pct", "bands": "bands_pct", "neutrophils": "neutrophils_pct", "temperature": "temperature",
}  # fmt: skip
PERCENTAGES = ("segs", "bands", "neutrophils")
STATUSES = ("corrected", "final", "entered-in-error", "cancelled")
ANSWERS = ("status", "dose_mg", "since", "certainty", "clause")
NAMES = (
    "during", "episodes", "onset", "recovery", "trigger", "lowest ANC", "lowest platelets", "days below",
    "days to recovery", "dose at onset", "cause", "history", "last ANC", "last ANC on", "next count", "mismatch",
    "says", "does not say", "set aside", "rows",
)  # fmt: skip

DAY = r"day (-?\d+)"
DOSE = re.compile(rf"(?:(?P<under>.+): )?(?P<dose>[\d.]+) from {DAY}(?: to (-?\d+))?(?:, (?P<reason>.+))?")
DRAW = re.compile(rf"{DAY}(?: at (\d\d:\d\d(?::\d\d)?))?: (.+)")
COUNT = re.compile(r"(\w+) ([<>]?[\d.]+)(?: ([^(]+?))?(?: \((.+)\))?")
REPORTED = re.compile(rf"reported {DAY}(?: at (\d\d:\d\d))?")
WRITTEN_DATE = re.compile(r"\d{1,2} [A-Z][a-z]+ \d{4}")
OUTSIDE_BRACKETS = re.compile(r", (?![^(]*\))")

FACTS = {
    "duffy null": {"duffy_null": "true"},
    "not duffy null": {"duffy_null": "false"},
}


def cases_of(file):
    with file.open(encoding="utf-8", newline="") as opened:
        return list(csv.DictReader(opened))


CASES_OF_PROTOCOLS = {file.stem: cases_of(file) for file in sorted((SPEC / "cases").glob("*.csv"))}
CASES = [*cases_of(SPEC / "rule.csv"), *chain.from_iterable(CASES_OF_PROTOCOLS.values())]
SHIPPED = leuko.load_protocols()
PROTOCOLS = {protocol.id: protocol for protocol in [*SHIPPED, *leuko.load_protocols(SPEC / "protocols")]}


# ---------------------------------------------------------------- reading a case


def parts_of(cell, pattern):
    """The parts of a cell between semicolons, each matched whole."""
    for part in filter(None, cell.split("; ")):
        found = pattern.fullmatch(part)
        assert found, f"cannot read {part!r}"
        yield found


def date_of(case, day):
    return AS_OF + timedelta(days=int(day) - asked_day(case))


def asked_day(case):
    return int(case["as_of"].removeprefix("day "))


def moment_of(case, day, clock="08:00"):
    return datetime.combine(date_of(case, day), time.fromisoformat(clock)).isoformat()


def exposure_rows(case):
    rows = []
    for found in parts_of(case["doses"], DOSE):
        under = found["under"] or case["protocol"]
        protocol = PROTOCOLS.get(under)
        drug, setting = (protocol.drug, protocol.id) if protocol else (under.partition(" / ")[::2])
        first, last = found[3], found[4]
        before = rows[-1] if rows else None
        if before and before["end_on"] is None and (before["drug"], before["setting"]) == (drug, setting):
            before["end_on"] = date_of(case, first) - timedelta(days=1)
        rows.append({
            "patient_id": case["case"], "drug": drug, "setting": setting, "dose_mg": found["dose"],
            "start_on": date_of(case, first), "end_on": last and date_of(case, last),
            "end_reason": found["reason"],
        })  # fmt: skip
    return rows


def lab_rows(case):
    return [
        lab_row(case, found[1], found[2] or "08:00", written)
        for found in parts_of(case["counts"], DRAW)
        for written in OUTSIDE_BRACKETS.split(found[3])
    ]


def lab_row(case, day, clock, written):
    found = COUNT.fullmatch(written)
    assert found, f"cannot read {written!r}"
    name, value, unit, notes = found.groups()
    row = {
        "patient_id": case["case"], "analyte": ANALYTES[name], "value": value,
        "unit": unit or ("%" if name in PERCENTAGES else "cells/µL"),
        "collected_at": moment_of(case, day, clock), "reported_at": None, "status": None, "specimen": None,
    }  # fmt: skip
    if unit == "no unit":
        row["unit"] = None
    for note in notes.split(", ") if notes else ():
        if note.startswith("reported "):
            reported = REPORTED.fullmatch(note)
            assert reported, f"cannot read {note!r}"
            row["reported_at"] = moment_of(case, reported[1], reported[2] or "20:00")
        else:
            row["status" if note in STATUSES else "specimen"] = note
    return row


def event_rows(case):
    for found in parts_of(case["events"], DRAW):
        kind, _, value = found[3].partition(" ")
        if kind not in ("died", "left"):
            kind = {"cause": "cytopenia_cause"}.get(kind, kind)
            occurred_at = moment_of(case, found[1], found[2] or "08:00")
            yield {"patient_id": case["case"], "kind": kind, "value": value, "occurred_at": occurred_at}


def patient_row(case):
    row = {
        "patient_id": case["case"], "duffy_null": None, "diagnosis": None, "died_on": None, "left_on": None,
    }  # fmt: skip
    for fact in filter(None, case["patient"].split("; ")):
        diagnosis = {"diagnosis": fact.removeprefix("diagnosis ")}
        row |= diagnosis if fact.startswith("diagnosis ") else FACTS[fact]
    for found in parts_of(case["events"], DRAW):
        if found[3] in ("died", "left"):
            row[f"{found[3]}_on"] = date_of(case, found[1])
    return row


def expected_of(case):
    """What a case asks for, by name."""
    expected = {name: case[name] for name in ANSWERS if case[name]}
    for part in filter(None, case["also"].split("; ")):
        name = max((name for name in NAMES if part.startswith(name + " ")), key=len, default=None)
        assert name and name not in expected, f"cannot read {part!r}, or asked twice"
        expected[name] = part.removeprefix(name + " ")
    assert expected, "the case asks for nothing"
    return expected


# ---------------------------------------------------------------- what the rule answers


def evaluate(protocols):
    return leuko.evaluate(
        labs=frame(row for case in CASES for row in lab_rows(case)),
        exposures=frame(row for case in CASES for row in exposure_rows(case)),
        events=frame(row for case in CASES for row in event_rows(case)),
        patients=frame(patient_row(case) for case in CASES),
        protocols=protocols,
        as_of=AS_OF,
    )


@pytest.fixture(scope="module")
def result():
    """Every case evaluated at once."""
    return evaluate(PROTOCOLS.values())


@pytest.fixture(scope="module")
def answers(result):
    """The rows of each table by patient."""
    tables = ("worklist", "episodes", "recommendations", "rejected")
    by_patient = {case["case"]: {table: [] for table in tables} for case in CASES}
    for table in tables:
        for row in getattr(result, table).to_dict("records"):
            by_patient[row["patient_id"]][table].append(row)
    return by_patient


def frame(rows):
    return pandas.DataFrame(list(rows), dtype=object)


def found_in(case, answer):
    """Everything that can be asked of a case, by name, as text in the words of the specification."""
    course = case["protocol"]
    listed = [row for row in answer["worklist"] if in_words(case, row["protocol"]) == (course or "none")]
    assert len(listed) == 1, f"{len(listed)} worklist rows for this protocol"
    row = listed[0]
    episodes = [episode for episode in answer["episodes"] if episode["protocol"] == course]
    decided = [one for one in answer["recommendations"] if one["protocol"] == course]
    last = episodes[-1] if episodes else {}
    during = [one["during"] for one in decided if not pandas.isna(one["during"])]
    set_aside = sorted(one["reason"] for one in answer["rejected"])
    texts = {
        "status": row["status"], "dose_mg": row["dose_mg"], "since": row["since"],
        "certainty": row["certainty"], "clause": decided[-1]["clause"] if decided else None,
        "during": during[-1] if during else None, "episodes": len(episodes),
        "onset": last.get("onset_on"), "recovery": last.get("recovered_on"), "trigger": last.get("trigger"),
        "lowest ANC": last.get("anc_nadir"), "lowest platelets": last.get("platelets_nadir"),
        "days below": last.get("days_below"), "days to recovery": last.get("days_to_recovery"),
        "dose at onset": last.get("dose_at_onset_mg"), "cause": last.get("cause"),
        "history": ", ".join(decision_words(case, one) for one in decided) or None,
        "last ANC": row["last_anc"], "last ANC on": row["last_anc_on"], "next count": row["next_lab_due_on"],
        "mismatch": row["mismatch"], "says": row["why"], "does not say": row["why"],
        "set aside": ", ".join(set_aside) or None, "rows": len(answer["worklist"]),
    }  # fmt: skip
    return {name: in_words(case, value) for name, value in texts.items()}


def holds(name, expected, found):
    if name in ("says", "does not say"):
        return (expected in found) == (name == "says")
    if name == "mismatch" and expected != "none":
        return expected in found
    return expected == found


def decision_words(case, decision):
    dose = "" if pandas.isna(decision["dose_mg"]) else f" {decision['dose_mg']:.15g}"
    certainty = " sparse" if decision["certainty"] == "sparse" else ""
    return f"{in_words(case, decision['decided_on'])} {decision['action']}{dose}{certainty}"


def in_words(case, value):
    if value is None or pandas.isna(value):
        return "none"
    if isinstance(value, str):
        return WRITTEN_DATE.sub(lambda found: in_words(case, datetime.strptime(found[0], "%d %B %Y")), value)
    if isinstance(value, date):
        return f"day {(pandas.Timestamp(value).date() - AS_OF).days + asked_day(case)}"
    return f"{value:.15g}"


@pytest.mark.parametrize("case", CASES, ids=[case["case"] for case in CASES])
def test_case(case, answers):
    found = found_in(case, answers[case["case"]])
    wrong = {
        name: {"expected": expected, "found": found[name]}
        for name, expected in expected_of(case).items()
        if not holds(name, expected, found[name])
    }
    assert not wrong


def test_every_case_has_a_name_of_its_own():
    assert len({case["case"] for case in CASES}) == len(CASES)


def test_every_shipped_protocol_has_its_file_of_cases_and_no_other():
    assert sorted(CASES_OF_PROTOCOLS) == [protocol.id for protocol in SHIPPED]
    for name, cases in CASES_OF_PROTOCOLS.items():
        assert {case["protocol"] for case in cases} == {name}


def test_every_status_is_reached(answers):
    reached = {row["status"] for answer in answers.values() for row in answer["worklist"]}
    with (Path(leuko.__file__).parent / "statuses.csv").open(encoding="utf-8", newline="") as file:
        assert reached == {row["status"] for row in csv.DictReader(file)}


# ---------------------------------------------------------------- what the cases reach


def decided_in(answer):
    """The rules that decided for one patient, as (protocol, rule)."""
    for one in answer["recommendations"]:
        if not pandas.isna(one["clause"]):
            yield one["protocol"], f"recovery {one['clause']:.0f}"
        if not pandas.isna(one["during"]):
            yield one["protocol"], f"during {one['during']:.0f}"
    for episode in answer["episodes"]:
        by_no_row = [
            one
            for one in answer["recommendations"]
            if (one["protocol"], one["episode"]) == (episode["protocol"], episode["episode"])
            and pandas.isna(one["clause"])
            and pandas.isna(one["during"])
        ]  # the first is the onset, the second the day of the cause
        if len(by_no_row) > 1 and episode["cause"] in ("disease", "treatment"):
            yield episode["protocol"], f"{episode['cause']}_related"


def rules_of(protocol):
    """Every rule of a protocol that can decide at a draw, on a cause or at recovery."""
    for part in ("disease_related", "treatment_related"):
        if getattr(protocol, part):
            yield protocol.id, part
    for part in ("recovery", "during"):
        for number in range(1, len(getattr(protocol, part)) + 1):
            yield protocol.id, f"{part} {number}"


def test_every_rule_of_every_shipped_protocol_decides_in_some_case(answers):
    reached = {rule for answer in answers.values() for rule in decided_in(answer)}
    assert [rule for protocol in SHIPPED for rule in rules_of(protocol) if rule not in reached] == []


def test_every_monitoring_line_of_every_shipped_protocol_gives_the_next_count_of_some_case():
    """Evaluated once more with intervals so long that the day due tells the line: 2000 days, 4000 and so on."""
    long = 2000  # more days than any case has
    numbered = {
        protocol.id: protocol.model_copy(
            update={
                "monitoring": tuple(
                    line.model_copy(update={"every_days": long * number})
                    for number, line in enumerate(protocol.monitoring, start=1)
                )
            }
        )
        for protocol in PROTOCOLS.values()
    }
    asking = {case["case"] for case in CASES if "next count day" in case["also"]}
    reached = {
        (row["protocol"], -((AS_OF - row["next_lab_due_on"].date()).days // long))
        for row in evaluate(numbered.values()).worklist.to_dict("records")
        if row["patient_id"] in asking and not pandas.isna(row["next_lab_due_on"])
    }
    assert [
        f"{protocol.id}: line {number}"
        for protocol in SHIPPED
        for number in range(1, len(protocol.monitoring) + 1)
        if (protocol.id, number) not in reached
    ] == []


# The farthest that a count "just on the other side" of a threshold may lie from it, in cells/µL.
NEAR = {"anc": 1, "platelets": 1000}


def counts_beside(result):
    """Every plain count of a case, as (protocol, analyte, within an open episode or not): its values."""
    counts = result.con.execute(
        """SELECT patient_id, analyte, CAST(collected_at AS DATE) AS day, value FROM labs
        WHERE analyte IN ('anc', 'platelets') AND value IS NOT NULL AND coalesce(comparator, '') = ''"""
    ).fetchall()
    episodes = {}
    for one in result.episodes.to_dict("records"):
        until = date.max if pandas.isna(one["recovered_on"]) else one["recovered_on"].date()
        episodes.setdefault((one["patient_id"], one["protocol"]), []).append((one["onset_on"].date(), until))
    protocols = {case["case"]: case["protocol"] for case in CASES}
    found = {}
    for patient, analyte, day, value in counts:
        protocol = protocols[patient]
        within = any(onset < day <= until for onset, until in episodes.get((patient, protocol), ()))
        found.setdefault((protocol, analyte, within), set()).add(float(value))
    return found


def sides_without_a_case(protocol, found):
    """Each side of each threshold on which no case of the protocol has a count where it decides."""
    for analyte, near in NEAR.items():
        thresholds = getattr(protocol, analyte)
        for kind in ("hold", "resume") if thresholds else ():
            threshold = getattr(thresholds, kind)
            values = found.get((protocol.id, analyte, kind == "resume"), set())
            below = threshold.operator in ("<", ">=")  # where the answer differs from that at the number
            if threshold.number not in values:
                yield f"{protocol.id}: {analyte} {kind} {threshold}: none exactly there"
            if not any(0 < (threshold.number - value) * (1 if below else -1) <= near for value in values):
                yield f"{protocol.id}: {analyte} {kind} {threshold}: none just {'below' if below else 'above'}"


def test_every_threshold_of_every_shipped_protocol_has_a_case_on_each_side(result):
    """For a hold among the counts outside of an episode, for a recovery among those within one."""
    found = counts_beside(result)
    assert [side for protocol in SHIPPED for side in sides_without_a_case(protocol, found)] == []
