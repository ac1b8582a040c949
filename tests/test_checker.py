"""The checker: an imagined patient gets the rule's own answer, condition by condition, and bad input a clear line."""

import re
from decimal import Decimal

import duckdb
import pandas
import pytest

import leuko
from leuko.checker import Typed, check, example
from leuko.count_units import CELLS
from leuko.protocols import write_tables
from leuko.settings import default_settings
from leuko.store import PROTOCOLS as QUERIES
from tests.test_clinical_specification import (
    CASES,
    PROTOCOLS,
    date_of,
    event_rows,
    exposure_rows,
    frame,
    lab_rows,
    patient_row,
)

SETTINGS = default_settings()
COURSE = "2026-01-01"
NORMAL = (COURSE, "3000", "200000")


@pytest.fixture(scope="module")
def tables():
    """A connection that holds every protocol, the shipped ones and those made up for the specification."""
    con = duckdb.connect()
    write_tables(con, PROTOCOLS.values())
    yield con
    con.close()


@pytest.fixture
def ask(tables):
    """`ask("dasatinib-cp-us", counts, doses)` checks rows of (day, ANC, platelets) and (day, dose)."""

    def checked(protocol, counts, doses=((COURSE, "100"),), **facts):
        typed = Typed(tuple((*row, "")[:3] for row in counts), tuple(doses), **facts)
        return check(tables, protocol, PROTOCOLS[protocol].drug, SETTINGS, typed)

    return checked


# ---------------------------------------------------------------- the same answer as the rule's


DOSE = r"(?:([\w-]+): )?([\d.]+) from day (-?\d+)"
COUNT = r"(ANC|platelets) ([<>]?)([\d.]+)( 10\*9/L| K/uL)?"
DRAW = rf"day (-?\d+): ({COUNT}(?:, {COUNT})?)"
CAUSE = r"day (-?\d+): cause (disease|treatment)"


def can_be_typed(case):
    """Whether a case is one course, with one draw a day and no more known of each than the checker asks for."""
    days = re.findall(r"day (-?\d+):", case["counts"])
    unders = {under for under, _, _ in re.findall(DOSE, case["doses"])}
    return (
        case["protocol"] in PROTOCOLS
        and re.fullmatch(rf"{DOSE}(; {DOSE})*", case["doses"])
        and unders <= {"", case["protocol"]}
        and re.fullmatch(rf"{DRAW}(; {DRAW})*", case["counts"])
        and re.fullmatch(rf"({CAUSE})?", case["events"])
        and len(set(days)) == len(days)
        and "set aside" not in case["also"]
    )


TYPABLE = [case for case in CASES if can_be_typed(case)]


SOME = TYPABLE[::12]  # each takes the whole rule once


def in_cells(number, unit):
    """A count in cells/µL, as the checker takes it."""
    return f"{Decimal(number) * (1000 if unit else 1):f}"


def typed_of(case):
    def iso(day):
        return date_of(case, day).isoformat()

    counts = []
    for draw in case["counts"].split("; "):
        found = {name: sign + in_cells(number, unit) for name, sign, number, unit in re.findall(COUNT, draw)}
        counts.append((iso(re.match(r"day (-?\d+)", draw)[1]), found.get("ANC", ""), found.get("platelets", "")))
    cause = re.fullmatch(CAUSE, case["events"])
    patient = patient_row(case)
    return Typed(
        counts=tuple(counts),
        doses=tuple((iso(day), dose) for _, dose, day in re.findall(DOSE, case["doses"])),
        cause=cause[2] if cause else "",
        cause_on=iso(cause[1]) if cause else "",
        duffy_null=patient["duffy_null"] or "",
        diagnosis=patient["diagnosis"] or "",
        asked_on=iso(case["as_of"].removeprefix("day ")),
    )


@pytest.fixture(scope="module")
def evaluated():
    """What `leuko.evaluate` says of the same cases, all at once; every case ends on the specification's day."""
    return leuko.evaluate(
        labs=frame(row for case in TYPABLE for row in lab_rows(case)),
        exposures=frame(row for case in TYPABLE for row in exposure_rows(case)),
        events=frame(row for case in TYPABLE for row in event_rows(case)),
        patients=frame(patient_row(case) for case in TYPABLE),
        protocols=PROTOCOLS.values(),
        as_of=date_of(TYPABLE[0], TYPABLE[0]["as_of"].removeprefix("day ")),
    )


def same(expected, found, columns):
    """The same rows in the same order, where both have these columns; missing is equal to missing."""
    pandas.testing.assert_frame_equal(
        expected[columns].reset_index(drop=True).astype(object).fillna(0),
        found[columns].reset_index(drop=True).astype(object).fillna(0),
        check_dtype=False,
    )


COLUMNS = {
    name: [column for column in columns if column != "patient_id"]
    for name, columns in leuko.evaluation.COLUMNS.items()
}


def test_the_specification_has_cases_to_type_for_every_protocol_that_ships():
    assert {protocol.id for protocol in leuko.load_protocols()} <= {case["protocol"] for case in TYPABLE}


@pytest.mark.parametrize("case", SOME, ids=[case["case"] for case in SOME])
def test_the_answer_is_that_of_the_rule(case, ask, evaluated):
    typed = typed_of(case)
    answer = ask(case["protocol"], typed.counts, typed.doses, **{
        name: getattr(typed, name) for name in ("cause", "cause_on", "duffy_null", "diagnosis", "asked_on")
    })  # fmt: skip
    assert answer.faults == ()
    for name in ("worklist", "episodes", "recommendations"):
        expected = getattr(evaluated, name)
        same(expected[expected["patient_id"].eq(case["case"])], getattr(answer.patient, name), COLUMNS[name])


# ---------------------------------------------------------------- every condition, on both sides of a cut


def conditions(answer):
    """{(clause, condition): (holds, holds at the clock's shortest)} of the first episode; None: not known."""
    checks = answer.patient.checks.dropna(subset=["fact"])
    checks = checks[checks["episode"].eq(1)]

    def plain(holds):
        return None if pandas.isna(holds) else bool(holds)

    return {
        (row["clause"], f"{row['fact']} {row['condition']}"): (plain(row["holds"]), plain(row["holds_shortest"]))
        for row in checks.to_dict("records")
    }


@pytest.mark.parametrize(("recovered", "holds"), [("2026-01-27", True), ("2026-01-28", False)])
def test_a_clock_of_seven_days_holds_on_day_7_and_no_longer_on_day_8(ask, recovered, holds):
    answer = ask("dasatinib-cp-us", [NORMAL, ("2026-01-20", "400", "200000"), (recovered, "1200", "200000")])
    assert conditions(answer)[4, "days to recovery at most 7"] == (holds, True)
    assert answer.patient.worklist["status"].tolist() == ["resume" if holds else "review"]


def test_a_clock_that_the_gap_leaves_open_says_what_would_hold_at_its_shortest(ask):
    answer = ask("dasatinib-guideline", [(COURSE, "3000"), ("2026-01-20", "400"), ("2026-01-29", "1200")])
    assert conditions(answer)[1, "days to recovery at most 7"] == (False, True)
    assert conditions(answer)[2, "days of low ANC above 7"] == (True, False)
    assert answer.patient.worklist["certainty"].tolist() == ["sparse"]


@pytest.mark.parametrize(
    ("platelets", "holds"), [("24999", True), ("25000", False), ("<25000", True), ("<26000", None)]
)
def test_a_platelet_count_is_below_the_cut_at_it_or_cannot_be_told(ask, platelets, holds):
    answer = ask("dasatinib-cp-us", [NORMAL, ("2026-01-20", "400", platelets), ("2026-01-24", "1200", "60000")])
    assert conditions(answer)[2, "lowest measured platelet count below 25,000"] == (holds, holds)


def test_what_was_never_measured_is_not_known_and_decides_nothing(ask):
    answer = ask("dasatinib-cp-us", [(COURSE, "3000"), ("2026-01-20", "400"), ("2026-01-24", "1200")])
    found = conditions(answer)
    assert found[2, "lowest measured platelet count below 25,000"] == (None, None)
    assert found[4, "days to recovery at most 7"] == (None, None)
    assert answer.patient.worklist["status"].tolist() == ["hold"]


def test_a_cause_is_told_apart_from_none_recorded(ask):
    counts = [(COURSE, "3000", "200000"), ("2026-01-20", "400", "200000")]
    unknown = ask("dasatinib-advanced-us", counts)
    assert conditions(unknown)[1, "cause disease"] == (None, None)
    assert unknown.patient.worklist["status"].tolist() == ["check_cause"]
    known = ask("dasatinib-advanced-us", counts, cause="disease", cause_on="2026-01-21")
    assert conditions(known)[1, "cause disease"] == (True, True)
    assert conditions(known)[2, "cause treatment"] == (False, False)
    assert known.patient.worklist["status"].tolist() == ["escalate"]


def test_each_count_says_which_threshold_it_met_and_what_followed(ask):
    draws = [("2026-01-20", "499"), ("2026-01-22", "500"), ("2026-01-24", "1000")]
    counts = ask("dasatinib-guideline", [("2025-12-30", "450"), (COURSE, "3000"), *draws]).counts
    assert counts[["meets_hold", "meets_resume", "state"]].values.tolist() == [
        [True, False, "before the first dose"],
        [False, True, "no episode"],
        [True, False, "episode 1 begins"],
        [False, False, "episode 1 is open"],
        [False, True, "episode 1 is over"],
    ]
    assert counts["hold"].unique().tolist() == ["below 500"]
    assert counts["resume"].unique().tolist() == ["at least 1,000"]


def test_a_count_with_a_comparator_may_meet_neither_threshold_for_certain(ask):
    counts = ask("dasatinib-guideline", [(COURSE, "3000"), ("2026-01-20", "<800")]).counts
    assert counts["meets_hold"].isna().tolist() == [False, True]


def test_an_episode_stays_open_between_draws_that_change_nothing(ask):
    draws = [NORMAL, ("2026-01-20", "3000", "40000"), ("2026-01-22", "3000", ""), ("2026-01-24", "3000", "")]
    counts = ask("dasatinib-cp-us", draws).counts
    assert counts["state"].tolist()[-2:] == ["episode 1 is open"] * 2


def test_the_day_asked_is_the_last_one_typed_where_none_is_named(ask):
    counts = [(COURSE, "3000"), ("2026-01-20", "400")]
    assert ask("dasatinib-guideline", counts).as_of.isoformat() == "2026-01-20"
    earlier = ask("dasatinib-guideline", counts, asked_on="2026-01-19")
    assert earlier.patient.episodes.empty
    assert earlier.patient.worklist["last_anc"].tolist() == [3000]


def test_a_dose_is_given_up_to_the_day_before_the_next(ask):
    answer = ask("dasatinib-guideline", [(COURSE, "3000")], [(COURSE, "100"), ("2026-01-20", "80")])
    assert [str(day.date()) for day in answer.patient.doses["end_on"].dropna()] == ["2026-01-19"]


# ---------------------------------------------------------------- input that cannot be read


@pytest.mark.parametrize(
    ("counts", "doses", "line"),
    [
        ([("", "400")], [(COURSE, "100")], "Counts, row 1, ANC “400”: no date."),
        ([("soon", "400")], [(COURSE, "100")], "Counts, row 1, ANC “400”: no date."),
        ([(COURSE, "low")], [(COURSE, "100")], "Counts, row 1, ANC “low”: not a number."),
        ([(COURSE, "-1")], [(COURSE, "100")], "Counts, row 1, ANC “-1”: negative."),
        ([(COURSE, "", "-1")], [(COURSE, "100")], "Counts, row 1, platelets “-1”: negative."),
        ([(COURSE, "500001")], [(COURSE, "100")], "Counts, row 1, ANC “500001”: implausible."),
        ([(COURSE, "")], [(COURSE, "100")], "Counts, row 1: a day and no count."),
        ([(COURSE, "400"), (COURSE, "400")], [(COURSE, "100")],
         "Counts, rows 1 and 2: the same day, 2026-01-01. Keep one row a day."),
        ([(COURSE, "400")], [("", "100")], "Doses, row 1, “100”: no date."),
        ([(COURSE, "400")], [(COURSE, "")], "Doses, row 1, “2026-01-01”: no dose."),
        ([(COURSE, "400")], [(COURSE, "much")], "Doses, row 1, “much”: not a number."),
        ([(COURSE, "400")], [(COURSE, "-5")], "Doses, row 1, “-5”: negative."),
        ([(COURSE, "400")], [(COURSE, "100"), (COURSE, "50")],
         "Doses, rows 1 and 2: the same day, 2026-01-01. Keep one row a day."),
        ([(COURSE, "400")], [],
         "Doses: none typed. A course begins with its first dose, so there is nothing to decide about yet."),
    ],
)  # fmt: skip
def test_what_cannot_be_read_gets_one_line_and_no_answer(ask, counts, doses, line):
    answer = ask("dasatinib-cp-us", counts, doses)
    assert answer.faults == (line,)
    assert answer.patient is None


@pytest.mark.parametrize(
    ("facts", "line"),
    [
        ({"cause": "disease"}, "Cause, “disease”: no date."),
        ({"cause_on": COURSE}, "Cause: a day and no cause."),
        ({"asked_on": "soon"}, "Day asked, “soon”: no date."),
    ],
)
def test_facts_that_cannot_be_read_get_a_line_too(ask, facts, line):
    assert ask("dasatinib-cp-us", [NORMAL], **facts).faults == (line,)


def test_every_fault_is_told_at_once_and_names_its_row(ask):
    answer = ask("dasatinib-cp-us", [NORMAL, ("", "", ""), ("2026-01-05", "x", "-1")], [(COURSE, "")])
    assert answer.faults == (
        "Counts, row 3, ANC “x”: not a number.",
        "Counts, row 3, platelets “-1”: negative.",
        "Doses, row 1, “2026-01-01”: no dose.",
    )


def test_empty_rows_are_passed_over(ask):
    answer = ask("dasatinib-guideline", [("", ""), (COURSE, "3000"), ("", "")], [("", ""), (COURSE, "100"), ("", "")])
    assert answer.faults == ()
    assert len(answer.counts) == 1


# ---------------------------------------------------------------- the example to begin with


@pytest.mark.parametrize("protocol", [protocol.id for protocol in leuko.load_protocols()])
def test_the_example_of_every_protocol_is_one_episode_of_its_own_numbers(tables, protocol):
    leuko.rules.write_words(tables, CELLS)
    leuko.facts.write_facts(tables, temporary=False)
    versions, thresholds = (tables.execute(QUERIES[name]).df() for name in ("versions", "thresholds"))
    version = versions[versions["protocol"].eq(protocol)].iloc[0].to_dict()
    typed = example(version, thresholds[thresholds["protocol"].eq(protocol)], date_of(CASES[0], 0))
    answer = check(tables, protocol, version["drug"], SETTINGS, typed)
    assert answer.faults == ()
    assert answer.patient.episodes["recovered_on"].notna().tolist() == [True]
    assert answer.patient.episodes["trigger"].tolist() == ["anc"]
