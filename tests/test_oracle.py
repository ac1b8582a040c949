"""The plain reading of the rule against cases worked out by hand.

Day n is 1 January 2024 + n. Unless a case says otherwise one patient takes 100 mg of dasatinib from day 0
under the ANC-only guideline: hold below 500, recovered at 1000; recovered within 7 days: resume at the
starting dose; else ANC below 500 for more than 7 days: reduce to the next level; else review.
"""

from datetime import date, datetime, time, timedelta

import pandas
import pytest
from hypothesis import given, settings

from tests.cohorts import (
    ADVANCED,
    BY_STEPS,
    CHRONIC,
    GUIDELINE,
    MAINTENANCE,
    NAMED_ONLY,
    NULL,
    PERSISTING,
    cohorts,
    exposure,
    lab,
    random_cohort,
    toml_text,
)  # fmt: skip
from tests.oracle import COLUMNS, URGENCY, as_rows, count_meets, evaluate, number_meets
from tests.oracle import Count as C

START = date(2024, 1, 1)
PROTOCOLS = [GUIDELINE, CHRONIC, ADVANCED, MAINTENANCE]


def day(number):
    return START + timedelta(days=number)


def at(number, hour=8):
    return datetime.combine(day(number), time(hour))


def anc(number, value, hour=8, **changes):
    return lab("P1", "anc", value, at(number, hour), **changes)


def platelets(number, value, **changes):
    return lab("P1", "platelets", value, at(number), **changes)


def dose(mg, start, end=None, protocol=GUIDELINE, reason=None):
    return exposure("P1", (protocol["drug"], protocol["id"]), mg, start, end, reason)


def cause(number, value, hour=8):
    return {"patient_id": "P1", "kind": "cytopenia_cause", "value": value, "occurred_at": at(number, hour)}


def ask(as_of, labs, exposures=None, events=(), patients=(), protocols=PROTOCOLS):
    if exposures is None:
        exposures = [dose(100, 0)]
    return evaluate(labs, exposures, events, patients, protocols, day(as_of))


def some(record, *names):
    return tuple(record[name] for name in names)


def decisions(answer):
    """(day, action, dose, clause, certainty) of every recommendation."""
    names = ("decided_on", "action", "dose_mg", "clause", "certainty")
    return [some(row, *names) for row in answer.recommendations]


def clocks(answer):
    """(onset, recovery, days to recovery, days below) of every episode."""
    return [
        some(row, "onset_on", "recovered_on", "days_to_recovery", "days_below") for row in answer.episodes
    ]


def status(answer):
    """(status, dose, since, certainty) of the one worklist row."""
    (row,) = answer.worklist
    return some(row, "status", "dose_mg", "since", "certainty")


# ---------------------------------------------------------------- thresholds and comparators


@pytest.mark.parametrize(
    ("value", "condition", "expected"),
    [
        (499.999, "< 500", True), (500, "< 500", False), (500, "<= 500", True), (500.001, "<= 500", False),
        (1000, ">= 1000", True), (999.999, ">= 1000", False), (1000, "> 1000", False), (2, 2, True),
        (2, "= 2", True), (3, "2", False),
    ],
)  # fmt: skip
def test_each_operator_on_both_sides_of_its_number(value, condition, expected):
    assert number_meets(value, condition) is expected


@pytest.mark.parametrize(
    ("count", "condition", "expected"),
    [
        (C(500, "<"), "< 500", True),  # anything below 500 is below 500
        (C(500, "<"), "<= 500", True),
        (C(501, "<"), "< 500", False),  # might be 500.5
        (C(100, "<"), ">= 1000", False),
        (C(1000, ">"), "> 1000", True),
        (C(1000, ">"), ">= 1000", True),
        (C(999, ">"), ">= 1000", False),  # might be 999.5
        (C(2000, ">"), "< 500", False),
        (C(500, "<"), "= 500", False),
    ],
)
def test_a_comparator_meets_a_condition_only_where_every_number_it_covers_does(count, condition, expected):
    assert count_meets(count, condition) is expected


def test_499_opens_an_episode_and_500_does_not():
    # 500 is not < 500. 499 is. Dose on the onset day is 100.
    assert ask(3, [anc(0, 500)]).episodes == []
    (episode,) = ask(3, [anc(0, 499)]).episodes
    assert some(episode, "episode", "onset_on", "trigger", "anc_nadir", "dose_at_onset_mg") == (
        1, day(0), "anc", 499.0, 100.0,
    )  # fmt: skip


def test_999_does_not_close_an_episode_and_1000_does():
    # Day 0 low, day 3 between the thresholds: the state stands. Day 5 at 1000 recovers: 5 days.
    # Low run: day 0 only, next ANC day 3 (999): 3 days below.
    assert clocks(ask(5, [anc(0, 0), anc(3, 999), anc(5, 999)])) == [(day(0), None, None, 3)]
    assert clocks(ask(5, [anc(0, 0), anc(3, 999), anc(5, 1000)])) == [(day(0), day(5), 5, 3)]


def test_a_fall_between_the_thresholds_after_recovery_is_no_new_episode():
    # 700 on day 9 neither holds nor recovers; 499 on day 12 is the second onset.
    answer = ask(12, [anc(0, 499), anc(5, 1000), anc(9, 700), anc(12, 499)])
    assert clocks(answer) == [(day(0), day(5), 5, 5), (day(12), None, None, 0)]


# ---------------------------------------------------------------- decision and certainty


def test_recovery_on_day_7_resumes_the_starting_dose_firmly():
    # Observed 7. Last draw short: day 6 (900), shortest = 7 - 0 = 7. Both clause 1: firm.
    # Low run day 0, next ANC day 6: 6 below, not needed.
    answer = ask(7, [anc(0, 400), anc(6, 900), anc(7, 1000)])
    assert decisions(answer) == [
        (day(0), "hold", 0.0, None, "firm"),
        (day(7), "resume", 100.0, 1, "firm"),
    ]


def test_recovery_on_day_8_after_a_long_gap_is_sparse_and_reduces():
    # Only draws on day 0 and 8. Observed: 8 to recovery, 8 below: clause 2, next level below 100 is 80.
    # Shortest: recovered on day 1: clause 1. Not the same: sparse, the observed one is recommended.
    answer = ask(8, [anc(0, 400), anc(8, 1000)])
    assert decisions(answer)[1] == (day(8), "reduce", 80.0, 2, "sparse")


def test_the_gap_between_the_two_clocks_is_review():
    # Low days 0 to 3, then 700 on day 4: below for 4 days. Recovery day 9 > 7. Neither clause: review,
    # clause 3.
    # Shortest recovery: last short draw day 8 (900): 9 > 7. Below shortest 3+1-0 = 4. Clause 3: firm.
    answer = ask(9, [anc(0, 400), anc(3, 400), anc(4, 700), anc(8, 900), anc(9, 1000)])
    assert clocks(answer) == [(day(0), day(9), 9, 4)]
    assert decisions(answer)[1] == (day(9), "review", None, 3, "firm")


def test_daily_counts_make_a_reduction_firm():
    # Low on days 0 and 7, 600 on day 8: below 8 observed, shortest (7 + 1) - 0 = 8. Recovery day 9, last
    # short
    # draw day 8: shortest 9. Clause 2 both ways.
    answer = ask(9, [anc(0, 400), anc(7, 400), anc(8, 600), anc(9, 1000)])
    assert decisions(answer)[1] == (day(9), "reduce", 80.0, 2, "firm")


def test_days_below_of_exactly_seven_is_not_more_than_seven():
    # Low days 0 and 6, 600 on day 7: 7 below. Recovery day 8. Neither clause fits: review.
    answer = ask(8, [anc(0, 400), anc(6, 400), anc(7, 600), anc(8, 1000)])
    assert clocks(answer) == [(day(0), day(8), 8, 7)]
    assert decisions(answer)[1] == (day(8), "review", None, 3, "firm")


def test_the_longest_run_counts_and_a_run_ends_at_the_next_anc():
    # Runs: day 0 to next ANC day 2 = 2; days 5, 6 to next ANC day 11 = 6. Longest 6. A platelet-only day
    # 7 ends none.
    labs = [anc(0, 100), anc(2, 600), anc(5, 100), anc(6, 100), platelets(7, 90000), anc(11, 2000)]
    answer = ask(11, labs)
    assert clocks(answer) == [(day(0), day(11), 11, 6)]
    # Observed 11 and 6: clause 3. Shortest: last short draw day 6: 7 days: clause 1. Sparse.
    assert decisions(answer)[1] == (day(11), "review", None, 3, "sparse")


def test_a_longer_run_before_a_shorter_one_counts():
    # Days 0 to 9 (next ANC) = 9, then day 10 to 11 = 1.
    answer = ask(12, [anc(0, 100), anc(8, 100), anc(9, 600), anc(10, 100), anc(11, 600), anc(12, 1000)])
    assert clocks(answer) == [(day(0), day(12), 12, 9)]
    assert decisions(answer)[1] == (day(12), "reduce", 80.0, 2, "firm")


def test_an_open_run_counts_from_first_to_last_low_result():
    # Low on days 0 and 9, nothing after: 9 - 0.
    assert clocks(ask(20, [anc(0, 100), anc(9, 100)])) == [(day(0), None, None, 9)]


def test_starting_dose_is_reviewed_where_the_dose_at_onset_was_lower():
    # First day 100, at onset 80: recovered on day 32 after 2 days, clause 1 says starting, but 80 < 100.
    doses = [dose(100, 0, 19), dose(80, 20)]
    answer = ask(32, [anc(30, 400), anc(32, 1000)], doses)
    assert decisions(answer)[1] == (day(32), "review", None, 1, "firm")
    # Begun at 80, whatever the label starts with: resume 80.
    assert decisions(ask(32, [anc(30, 400), anc(32, 1000)], [dose(80, 0)]))[1][1:3] == ("resume", 80.0)
    # Dose at onset above the first: the starting dose is named.
    answer = ask(32, [anc(30, 400), anc(32, 1000)], [dose(100, 0, 19), dose(140, 20)])
    assert decisions(answer)[1] == (day(32), "resume", 100.0, 1, "firm")


def test_next_level_is_the_highest_below_the_dose_at_onset_and_review_where_there_is_none():
    labs = [anc(0, 400), anc(8, 400), anc(9, 1000)]  # 9 days to recovery, 9 below (shortest 9 and 9)
    for mg, expected in ((140, ("reduce", 100.0)), (90, ("reduce", 80.0)), (50, ("review", None))):
        answer = ask(9, labs, [dose(mg, 0)])
        assert decisions(answer)[1] == (day(9), *expected, 2, "firm")


def test_dose_at_onset_is_the_last_earlier_dose_and_the_highest_of_overlapping_ones():
    # 100 and 50 overlap on day 9, the last day with a dose; 0 mg from day 10; onset day 12.
    doses = [dose(100, 0, 9), dose(50, 5, 9), dose(0, 10)]
    (episode,) = ask(12, [anc(12, 100)], doses).episodes
    assert episode["dose_at_onset_mg"] == 100.0


def test_second_and_third_episode_follow_their_own_clauses():
    # Chronic table. Episode 1: days 0-3, resume 100. Episode 2: low days 10 and 18, recovered 19: 9
    # below: 80.
    # Episode 3 from day 40: review, clause 1. Platelets are normal throughout (nadir 60000 is not < 25000).
    protocol = CHRONIC
    labs = [anc(0, 400), anc(3, 1000), anc(10, 400), anc(18, 400), anc(19, 1000), anc(40, 400), anc(41, 1000)]
    labs += [platelets(0, 60000)] + [platelets(n, 60000) for n in (10, 40)]
    doses = [dose(100, 0, protocol=protocol)]
    answer = ask(41, labs, doses)
    assert [row["episode"] for row in answer.episodes] == [1, 2, 3]
    assert [row for row in decisions(answer) if row[1] != "hold"] == [
        (day(3), "resume", 100.0, 4, "firm"),
        (day(19), "reduce", 80.0, 3, "firm"),
        (day(41), "review", None, 1, "firm"),
    ]


def test_where_no_clause_fits_the_decision_is_review_without_a_clause():
    # Chronic table, first episode, recovered on day 8, platelets 60000: no clause.
    labs = [anc(0, 400), platelets(0, 60000), anc(7, 900), anc(8, 1000)]
    answer = ask(8, labs, [dose(100, 0, protocol=CHRONIC)])
    assert decisions(answer)[1] == (day(8), "review", None, None, "firm")


def test_platelets_never_measured_keep_the_episode_open_and_nadir_conditions_unknown():
    labs = [anc(0, 400), anc(3, 2000)]
    doses = [dose(100, 0, protocol=CHRONIC)]
    assert clocks(ask(3, labs, doses)) == [(day(0), None, None, 3)]
    # Platelets first seen on day 9: recovery day 9. Last short draw is day 0, so shortest 1 (clause 4);
    # observed 9:
    # none fits (platelets nadir 60000). Sparse.
    answer = ask(9, [*labs, platelets(9, 60000)], doses)
    assert decisions(answer)[1] == (day(9), "review", None, None, "sparse")


def test_platelets_measured_short_of_resume_bound_the_shortest_recovery():
    # ANC is back on day 3, platelets are 49999 until day 7 and 50000 on day 8. Observed 8, shortest
    # 7 + 1 = 8: no clause either way (nadir 49999, first episode), firm.
    labs = [anc(0, 400), platelets(0, 49999), anc(3, 1000), platelets(7, 49999), platelets(8, 50000)]
    answer = ask(8, labs, [dose(100, 0, protocol=CHRONIC)])
    assert clocks(answer) == [(day(0), day(8), 8, 3)]
    assert decisions(answer)[1] == (day(8), "review", None, None, "firm")


def test_trigger_and_nadir_of_platelets():
    # ANC 450 and platelets 24999 on day 0: both. Recovered day 3. Nadir < 25000: clause 2, 80 mg.
    doses = [dose(100, 0, protocol=CHRONIC)]
    answer = ask(3, [anc(0, 450), platelets(0, 24999), anc(3, 1000), platelets(3, 50000)], doses)
    assert some(answer.episodes[0], "trigger", "anc_nadir", "platelets_nadir") == ("both", 450.0, 24999.0)
    assert decisions(answer)[1] == (day(3), "reduce", 80.0, 2, "firm")
    # 25000 is not < 25000, and platelets alone trigger: clause 4, ANC was never low: 0 days below.
    answer = ask(3, [anc(0, 1000), platelets(0, 25000), platelets(3, 50000)], doses)
    assert some(answer.episodes[0], "trigger", "days_below", "days_to_recovery") == ("platelets", 0, 3)
    assert decisions(answer)[1] == (day(3), "resume", 100.0, 4, "firm")


def test_a_nadir_below_a_limit_of_detection_meets_the_condition_it_proves():
    # <25000 is below 25000: clause 2. <26000 might be 25500: clause 4. Both are below 50000: low.
    doses = [dose(100, 0, protocol=CHRONIC)]
    for value, clause in ((25000, 2), (26000, 4)):
        labs = [anc(0, 2000), platelets(0, value, comparator="<"), platelets(2, 50000)]
        assert decisions(ask(2, labs, doses))[1][3] == clause


def test_the_guideline_without_platelets_reports_their_nadir_but_ignores_them():
    # Platelets 8000 alone do nothing; inside an ANC episode their lowest is shown.
    assert ask(0, [anc(0, 1000), platelets(0, 8000)]).episodes == []
    (episode,) = ask(4, [anc(0, 400), platelets(2, 8000), anc(4, 1000), platelets(5, 1)]).episodes
    assert some(episode, "trigger", "platelets_nadir", "recovered_on") == ("anc", 8000.0, day(4))


def test_an_unverified_clause_decides_review_and_keeps_its_number():
    # Advanced table, second episode caused by treatment: clause 3 would reduce to 100 but is not verified.
    labs = [anc(0, 400), anc(2, 1000), anc(9, 400), anc(11, 1000), platelets(0, 90000)]
    doses = [dose(140, 0, protocol=ADVANCED)]
    answer = ask(11, labs, doses, [cause(0, "treatment"), cause(10, "drug")])
    assert decisions(answer)[-1] == (day(11), "review", None, 3, "firm")


# ---------------------------------------------------------------- cause


def test_an_unknown_cause_is_looked_for_and_meets_no_condition():
    labs = [anc(0, 400), anc(2, 1000), platelets(0, 90000)]
    doses = [dose(140, 0, protocol=ADVANCED)]
    answer = ask(1, labs, doses)
    assert decisions(answer) == [(day(0), "check_cause", None, None, "firm")]
    assert status(answer) == ("check_cause", None, day(0), "firm")
    assert decisions(ask(2, labs, doses))[1] == (day(2), "review", None, None, "firm")


def test_disease_escalates_from_the_day_it_is_known():
    labs = [anc(0, 400), platelets(0, 90000)]
    doses = [dose(140, 0, protocol=ADVANCED)]
    answer = ask(6, labs, doses, [cause(5, "malignancy")])
    assert decisions(answer) == [
        (day(0), "check_cause", None, None, "firm"),
        (day(5), "escalate", 180, None, "firm"),
    ]
    assert answer.episodes[0]["cause"] == "disease"
    assert status(answer) == ("escalate", 180, day(0), "firm")
    # The day before, nobody knew.
    assert status(ask(4, labs, doses, [cause(5, "malignancy")]))[0] == "check_cause"


def test_treatment_as_the_cause_holds_where_the_cause_was_required():
    labs = [anc(0, 400), platelets(0, 90000), anc(4, 1000)]
    doses = [dose(140, 0, protocol=ADVANCED)]
    answer = ask(4, labs, doses, [cause(0, "drug")])
    assert decisions(answer) == [
        (day(0), "check_cause", None, None, "firm"),  # although the cause is recorded that day
        (day(0), "hold", 0.0, None, "firm"),
        (day(4), "resume", 140.0, 2, "firm"),
    ]
    assert status(ask(3, labs, doses, [cause(0, "drug")])) == ("hold", 0.0, day(0), "firm")
    # The guideline does not ask for the cause: it is shown and gives no row.
    answer = ask(3, labs, None, [cause(0, "drug")])
    assert len(answer.recommendations) == 1 and answer.episodes[0]["cause"] == "treatment"


def test_the_last_cause_counts_disease_wins_a_day_and_other_causes_decide_nothing():
    labs = [anc(0, 400), platelets(0, 90000), anc(8, 1000)]
    doses = [dose(140, 0, protocol=ADVANCED)]

    def known(*events):
        answer = ask(8, labs, doses, events)
        return answer.episodes[0]["cause"], [row[:2] for row in decisions(answer)[1:-1]]

    assert known(cause(1, "disease"), cause(3, "drug")) == ("treatment", [(day(3), "hold")])
    assert known(cause(3, "disease", 8), cause(3, "drug", 20)) == ("disease", [(day(3), "escalate")])
    assert known(cause(2, "disease"), cause(3, "infection")) == ("disease", [(day(2), "escalate")])
    assert known(cause(8, "disease")) == ("disease", [(day(8), "escalate")])  # the recovery day belongs to it
    assert known(cause(9, "disease")) == (None, [])


# ---------------------------------------------------------------- results


def test_the_latest_reported_version_wins_and_only_from_its_day_on():
    labs = [anc(0, 400), anc(0, 1400, reported_at=at(2), status="corrected")]
    assert len(ask(1, labs).episodes) == 1
    assert ask(2, labs).episodes == []


def test_a_withdrawn_last_version_leaves_nothing_and_a_tie_takes_the_usable_lowest():
    withdrawn = anc(0, 400, reported_at=at(1), status="entered-in-error")
    assert ask(1, [anc(0, 400), withdrawn]).worklist[0]["last_anc"] is None
    tie = [anc(0, 300, status="cancelled"), anc(0, 700), anc(0, 450)]
    assert ask(1, tie).worklist[0]["last_anc"] == 450.0


def test_a_result_dated_after_the_day_is_not_read_though_reported():
    # Reported on day 0 with a collection time on day 5: not before day 5.
    labs = [anc(5, 400, reported_at=at(0))]
    assert status(ask(4, labs))[0] == "no_result"
    assert ask(4, labs, []).worklist == []
    assert status(ask(5, labs))[0] == "hold"


def test_specimens_are_results_of_their_own_and_the_lowest_is_the_draw():
    # The venous 1200 is later but no version of the capillary 450; no specimen is a third one.
    labs = [
        anc(0, 450, specimen="capillary"),
        anc(0, 1200, specimen="venous", reported_at=at(1)),
        anc(0, 900, reported_at=at(1)),
    ]
    answer = ask(1, labs)
    assert answer.episodes[0]["anc_nadir"] == 450.0
    assert answer.worklist[0]["last_anc"] == 450.0


def test_a_day_is_recovered_only_where_every_result_is():
    # Day 3: 1500 at 8 and >900 at 20 (proves no 1000): not recovered. Day 4: recovered.
    labs = [anc(0, 400), anc(3, 1500), anc(3, 900, hour=20, comparator=">"), anc(4, 1500)]
    assert clocks(ask(4, labs)) == [(day(0), day(4), 4, 3)]
    # <700 proves neither threshold but 480 the same day does, although it is not <500 that says so.
    assert len(ask(0, [anc(0, 700, comparator="<"), anc(0, 480, hour=20)]).episodes) == 1
    assert ask(0, [anc(0, 700, comparator="<")]).episodes == []


def test_a_derived_anc_yields_to_a_measured_one_of_the_same_time():
    derived = anc(0, 300, derived=True)
    assert len(ask(1, [derived]).episodes) == 1
    assert ask(1, [derived, anc(0, 900, specimen="venous", reported_at=at(1))]).episodes == []
    assert len(ask(0, [derived, anc(0, 900, reported_at=at(1))]).episodes) == 1  # not reported yet
    assert len(ask(1, [derived, anc(0, 900, status="cancelled")]).episodes) == 1  # measured, but withdrawn
    assert len(ask(1, [derived, anc(0, 900, hour=9)]).episodes) == 1  # another collection time


def test_results_before_the_course_are_not_read_but_are_the_last_anc():
    # ANC 100 on day -3 is before the first dose: no episode, no ANC in the course, but it is the
    # patient's last.
    answer = ask(1, [anc(-3, 100)])
    assert answer.episodes == []
    assert status(answer) == ("no_result", None, day(0), None)
    assert some(answer.worklist[0], "last_anc", "last_anc_on") == (100.0, day(-3))


# ---------------------------------------------------------------- worklist


def test_hold_while_the_drug_is_given_and_keep_holding_while_it_is_not():
    labs = [anc(5, 400)]
    assert status(ask(6, labs)) == ("hold", 0.0, day(5), "firm")
    assert status(ask(6, labs, [dose(100, 0, 5)])) == ("keep_holding", 0.0, day(5), "firm")
    assert status(ask(6, labs, [dose(100, 0, 5), dose(0, 6)])) == ("keep_holding", 0.0, day(5), "firm")


def test_an_open_decision_stands_until_a_dose_on_a_later_day():
    labs = [anc(5, 400), anc(9, 1000)]
    held = [dose(100, 0, 5)]
    assert status(ask(9, labs, held)) == ("resume", 100.0, day(9), "firm")
    # Never held: a dose on the recovery day itself is no dose after recovery.
    assert status(ask(9, labs)) == ("resume", 100.0, day(9), "firm")
    # One dose on day 10 ends it: on the drug on day 10, off it on day 11.
    assert status(ask(10, labs, [*held, dose(100, 10, 10)])) == ("continue", None, day(0), None)
    assert status(ask(11, labs, [*held, dose(100, 10, 10)])) == ("off_drug", None, day(11), None)


def test_reduce_and_review_are_open_decisions_too():
    # Days 0 to 8 low: reduce to 80. In the gap of the two clocks: review with no dose.
    held = [dose(100, 0, 0)]
    labs = [anc(0, 400), anc(8, 400), anc(9, 1000)]
    assert status(ask(12, labs, held)) == ("reduce", 80.0, day(9), "firm")
    labs = [anc(0, 400), anc(4, 700), anc(8, 900), anc(9, 1000)]
    assert status(ask(12, labs, held)) == ("review", None, day(9), "firm")


def test_a_decision_lapses_more_than_90_days_after_recovery():
    labs, held = [anc(5, 400), anc(9, 1000)], [dose(100, 0, 5)]
    assert status(ask(99, labs, held))[0] == "resume"  # 90 days
    assert status(ask(100, labs, held)) == ("off_drug", None, day(6), None)  # 91 days; last dose on day 5


def test_counts_that_fall_back_keep_the_drug_held():
    # Recovered on day 9, 800 on day 12: short of resume, not low. Since the onset.
    labs, held = [anc(5, 400), anc(9, 1000), anc(12, 800)], [dose(100, 0, 5)]
    assert status(ask(12, labs, held)) == ("keep_holding", 0.0, day(5), None)


def test_a_restart_above_the_reduced_dose_is_still_reduce():
    # Decision on day 9: 80 mg.
    labs = [anc(0, 400), anc(8, 400), anc(9, 1000)]
    assert status(ask(12, labs, [dose(100, 0, 0), dose(100, 10)])) == ("reduce", 80.0, day(9), "firm")
    assert status(ask(12, labs, [dose(100, 0, 0), dose(80, 10)]))[0] == "continue"


def test_discontinue_stands_off_and_on_the_drug():
    # Maintenance table (recovered at 750): the third episode is to be discontinued.
    labs = [anc(n, value) for start in (0, 10, 20) for n, value in ((start, 499), (start + 2, 750))]
    doses = [dose(50, 0, 20, protocol=MAINTENANCE)]
    assert status(ask(22, labs, doses)) == ("discontinue", None, day(22), "firm")
    again = [*doses, dose(25, 25, protocol=MAINTENANCE)]
    assert status(ask(26, labs, again)) == ("discontinue", None, day(22), "firm")


def test_off_drug_after_a_discontinued_exposure():
    # Low on day 5 and the course is over on day 6; the low count of day 8 is not read, but is the
    # patient's last.
    doses = [dose(100, 0, 6, reason="discontinued")]
    labs = [anc(5, 400), anc(8, 100)]
    answer = ask(9, labs, doses)
    assert status(answer) == ("off_drug", None, day(7), None)
    assert some(answer.episodes[0], "recovered_on", "anc_nadir") == (None, 400.0)
    assert answer.worklist[0]["last_anc"] == 100.0
    assert status(ask(6, labs, doses)) == ("off_drug", None, day(7), None)
    # Before its end it was not over; and a dose given later means that it never was.
    assert status(ask(5, labs, doses))[0] == "hold"
    assert status(ask(9, labs, [*doses, dose(80, 9)])) == ("hold", 0.0, day(5), "firm")


def test_death_and_leaving_end_the_course():
    # Ongoing 100 mg, died on day 7: the last dose counted is day 7, so off since day 8.
    for ending in ("died_on", "left_on"):
        patients = [{"patient_id": "P1", "died_on": None, "left_on": None, ending: day(7)}]
        assert status(ask(9, [anc(5, 400)], patients=patients)) == ("off_drug", None, day(8), None)
        assert status(ask(7, [anc(5, 400)], patients=patients))[0] == "off_drug"
        assert status(ask(6, [anc(5, 400)], patients=patients))[0] == "hold"
    # Left on day 4, died on day 7: over on day 4, so the low count of day 5 is not read.
    patients = [{"patient_id": "P1", "died_on": day(7), "left_on": day(4)}]
    answer = ask(9, [anc(5, 400)], patients=patients)
    assert answer.episodes == [] and status(answer) == ("off_drug", None, day(5), None)


def test_off_drug_where_no_dose_is_given():
    # No episode, last dose on day 4.
    assert status(ask(9, [anc(1, 2000)], [dose(100, 0, 4)])) == ("off_drug", None, day(5), None)


def test_no_result_and_cannot_tell():
    doses = [dose(100, 0, protocol=CHRONIC)]
    assert status(ask(3, [platelets(1, 90000)], doses)) == ("no_result", None, day(0), None)
    assert status(ask(3, [anc(1, 2000)], doses)) == ("cannot_tell", None, day(0), None)
    assert status(ask(3, [anc(1, 2000), platelets(1, 90000)], doses))[0] == "continue"


def test_the_next_count_is_due_by_the_first_line_that_fits_and_overdue_after_three_days():
    # ANC 2000 on day 1 of the course (<= 84): 14 days: due day 15. Overdue from day 19 on.
    answer = ask(18, [anc(1, 2000)])
    assert answer.worklist[0]["next_lab_due_on"] == day(15)
    assert status(answer)[0] == "continue"
    assert status(ask(19, [anc(1, 2000)])) == ("overdue", None, day(15), None)
    # Below 1000: 7 days, whatever the day. Day 84 still 14 days, day 85 90 days. No ANC: 14 days from the
    # start.
    assert ask(1, [anc(1, 999)]).worklist[0]["next_lab_due_on"] == day(8)
    assert ask(84, [anc(84, 2000)]).worklist[0]["next_lab_due_on"] == day(98)
    assert ask(85, [anc(85, 2000)]).worklist[0]["next_lab_due_on"] == day(175)
    assert ask(1, [platelets(1, 1)]).worklist[0]["next_lab_due_on"] == day(14)
    # Filled off the drug too; empty without a schedule.
    assert ask(9, [anc(1, 2000)], [dose(100, 0, 4)]).worklist[0]["next_lab_due_on"] == day(15)
    assert ask(9, [anc(1, 2000)], [dose(140, 0, protocol=ADVANCED)]).worklist[0]["next_lab_due_on"] is None


def test_watch_since_the_first_draw_short_of_resume():
    # 1000 on day 2 was recovered; short on days 4 and 6, with a platelet-only day 5 between.
    labs = [anc(0, 700), anc(2, 1000), anc(4, 999), platelets(5, 90000), anc(6, 999)]
    assert status(ask(6, labs)) == ("watch", None, day(4), None)
    assert status(ask(6, labs[:2])) == ("continue", None, day(0), None)


def test_a_patient_without_a_course_is_listed_once():
    # A count on day 2, a drug without a protocol from day 1: since day 1.
    unknown = exposure("P1", ("imatinib", None), 400, 1, None)
    answer = ask(3, [anc(2, 300)], [unknown])
    assert status(answer) == ("no_protocol", None, day(1), None)
    assert some(answer.worklist[0], "drug", "last_anc", "last_anc_on") == (None, 300.0, day(2))
    # Only 0 mg is no course. A patient known by nothing yet has no row.
    assert status(ask(3, [], [dose(0, 0)]))[0] == "no_protocol"
    assert ask(0, [anc(2, 300)], [unknown]).worklist == []


def test_a_setting_names_a_protocol_by_id_or_setting_and_none_takes_the_default():
    for setting, expected in (
        (None, "a-guideline"), ("", "a-guideline"), ("b-chronic", "b-chronic"),
        ("chronic, label", "b-chronic"), ("elsewhere", None),
    ):  # fmt: skip
        answer = ask(0, [], [exposure("P1", ("dasatinib", setting), 100, 0, None)])
        assert answer.worklist[0]["protocol"] == expected


def test_a_change_of_setting_starts_a_new_course():
    # The first course reads on to as_of, without the drug; the second starts on day 10 and numbers from 1.
    doses = [dose(100, 0, 9), dose(140, 10, protocol=ADVANCED)]
    answer = ask(13, [anc(2, 400), anc(5, 1000), anc(12, 400)], doses)
    assert [some(row, "protocol", "episode", "onset_on") for row in answer.episodes] == [
        ("a-guideline", 1, day(2)), ("a-guideline", 2, day(12)), ("c-advanced", 1, day(12)),
    ]  # fmt: skip
    assert [some(row, "protocol", "status") for row in answer.worklist] == [
        ("c-advanced", "check_cause"), ("a-guideline", "keep_holding"),
    ]  # fmt: skip


def test_urgency_then_the_longest_wait_then_the_patient():
    labs, doses = [], []
    for patient, onset in (("P3", 2), ("P2", 2), ("P1", 3), ("P0", None)):
        doses.append(exposure(patient, ("dasatinib", None), 100, 0, None))
        if onset is not None:
            labs.append(lab(patient, "anc", 100, at(onset)))
    answer = ask(4, labs, doses)
    assert [some(row, "patient_id", "status") for row in answer.worklist] == [
        ("P2", "hold"), ("P3", "hold"), ("P1", "hold"), ("P0", "no_result"),
    ]  # fmt: skip


def test_without_a_day_the_last_collection_or_dose_start_is_taken():
    # A dose that starts on day 30 is the last event: the low count of day 5 is then open for 25 days.
    answer = evaluate([anc(5, 400)], [dose(100, 0, 4), dose(100, 30)], (), (), PROTOCOLS)
    assert status(answer) == ("hold", 0.0, day(5), "firm")
    assert evaluate([], [], (), (), PROTOCOLS).worklist == []


# ---------------------------------------------------------------- decisions at a draw


LESS = {"anc": [">= 500", "< 750"], "open": False, "action": "reduce", "dose": "-25 %"}
STOP = {"anc": "< 100", "open": True, "action": "discontinue"}


def with_rows(*rows, **keys):
    """The guideline with these rows of [[during]] and other keys changed."""
    return GUIDELINE | {"during": list(rows)} | keys


def under(protocol, as_of, labs, exposures=None, events=(), patients=()):
    return ask(as_of, labs, exposures, events, patients, [protocol])


def at_draws(answer):
    """(day, row, action, dose, episode) of every recommendation of a row of [[during]]."""
    names = ("decided_on", "during", "action", "dose_mg", "episode")
    return [some(row, *names) for row in answer.recommendations if row["during"] is not None]


def test_a_stay_in_a_band_has_one_recommendation_and_a_draw_outside_ends_it():
    # Band 500 to below 750: in on days 0 and 3, out on day 5 (750), in again on day 7, out on day 8 (499).
    # 25 % less than 100 is 75, each time, since nothing was changed. No episode is open on those days.
    labs = [anc(0, 500), anc(3, 749), anc(5, 750), anc(7, 600), anc(8, 499)]
    answer = under(with_rows(LESS), 8, labs)
    assert at_draws(answer) == [(day(0), 1, "reduce", 75.0, None), (day(7), 1, "reduce", 75.0, None)]
    assert clocks(answer) == [(day(8), None, None, 0)]
    assert {row["certainty"] for row in answer.recommendations} == {"firm"}


def test_a_band_is_of_the_lowest_count_of_the_day_with_its_comparator():
    def decided(*labs):
        return len(at_draws(under(with_rows(LESS), 1, list(labs))))

    assert decided(anc(0, 600)) == 1
    assert decided(anc(0, 600), anc(0, 2000, hour=20)) == 1
    assert decided(anc(0, 600), anc(0, 400, hour=20)) == 0
    # <750 may be 100, >500 may be 5000: neither shows both bounds.
    assert decided(anc(0, 750, comparator="<")) == decided(anc(0, 500, comparator=">")) == 0


def test_a_count_not_measured_on_a_draw_is_carried_and_one_never_measured_is_in_no_band():
    # Chronic table. Platelets 60000 on day 0 are carried over the ANC of days 2 and 4; 80000 on day 5 ends
    # the stay.
    row = {"platelets": "< 70000", "action": "review"}
    protocol = CHRONIC | {"during": [row]}
    doses = [dose(100, 0, protocol=protocol)]
    labs = [platelets(0, 60000), anc(2, 2000), anc(4, 2000), platelets(5, 80000), platelets(6, 69999)]
    days = [decided[0] for decided in at_draws(under(protocol, 6, labs, doses))]
    assert days == [day(0), day(6)]
    assert at_draws(under(protocol, 6, [anc(2, 2000)], doses)) == []


def test_an_episode_is_open_for_a_row_from_its_onset_to_before_its_recovery():
    # Low on day 2, 700 on day 4, back on day 6. Open on days 2 and 4; not on days 0, 6 and 8.
    labs = [anc(0, 2000), anc(2, 400), anc(4, 700), anc(6, 1000), anc(8, 1000)]
    rows = [{"open": True, "action": "review"}, {"open": False, "action": "discontinue"}]
    answer = under(with_rows(*rows), 8, labs)
    assert at_draws(answer) == [
        (day(0), 2, "discontinue", None, None),
        (day(2), 1, "review", None, 1),
        (day(6), 2, "discontinue", None, None),
    ]
    # On one day what is said at the draw comes last. Recovered after 4 days: clause 1.
    assert [some(row, "decided_on", "action", "clause", "during") for row in answer.recommendations] == [
        (day(0), "discontinue", None, 2),
        (day(2), "hold", None, None), (day(2), "review", None, 1),
        (day(6), "resume", 1, None), (day(6), "discontinue", None, 2),
    ]  # fmt: skip


def test_days_in_band_run_to_the_last_day_that_measured_what_the_row_names():
    row = {"anc": "< 500", "open": True, "days_in_band": ">= 14", "action": "review"}
    # Day 14 is 14 days after day 0; day 13 is not, and what follows is the same stay.
    labs = [anc(0, 400), anc(7, 400), anc(13, 400), anc(14, 400), anc(15, 400)]
    assert at_draws(under(with_rows(row), 15, labs)) == [(day(14), 1, "review", None, 1)]
    # Platelets alone on day 14 show no ANC: still 7 days. The ANC of day 16 shows 16.
    labs = [anc(0, 400), anc(7, 400), platelets(14, 90000), anc(16, 400)]
    assert at_draws(under(with_rows(row), 16, labs)) == [(day(16), 1, "review", None, 1)]
    # A row that names no count goes by the draw: platelets on day 14 will do where the table has them. Without
    # [platelets] that day is not looked at.
    row = {"open": True, "days_in_band": ">= 14", "action": "review"}
    doses = [dose(100, 0, protocol=CHRONIC)]
    assert at_draws(under(CHRONIC | {"during": [row]}, 16, labs, doses)) == [(day(14), 1, "review", None, 1)]
    assert at_draws(under(with_rows(row), 16, labs)) == [(day(16), 1, "review", None, 1)]


def test_a_draw_outside_the_band_starts_its_days_again():
    # Out on day 5, in again from day 7: day 14 is 7 days after that. The episode is open all the time.
    row = {"anc": "< 500", "open": True, "days_in_band": ">= 7", "action": "review"}
    labs = [anc(0, 400), anc(5, 600), anc(7, 400), anc(13, 400), anc(14, 400)]
    assert at_draws(under(with_rows(row), 14, labs)) == [(day(14), 1, "review", None, 1)]


def test_days_in_a_band_of_both_counts_run_to_the_earlier_of_their_last_days():
    row = {"anc": "< 1000", "platelets": "< 60000", "days_in_band": "> 5", "action": "review"}
    protocol = CHRONIC | {"during": [row]}
    doses = [dose(100, 0, protocol=protocol)]
    # In the band since day 2. On day 9 the platelets are those of day 2: 0 days. On day 10 they are new and
    # the ANC is that of day 9: 9 - 2 = 7 days.
    labs = [anc(0, 700), platelets(2, 55000), anc(9, 700), platelets(10, 55000)]
    assert at_draws(under(protocol, 10, labs, doses)) == [(day(10), 1, "review", None, None)]


def test_days_in_band_are_never_below_0():
    # ANC 700 on day 0 is in the band; the episode that the row asks for opens by platelets on day 3, so the
    # stay begins after the last ANC.
    row = {"anc": "< 750", "open": True, "days_in_band": "= 0", "action": "review"}
    protocol = CHRONIC | {"during": [row]}
    labs = [anc(0, 700), platelets(3, 40000)]
    answer = under(protocol, 3, labs, [dose(100, 0, protocol=protocol)])
    assert at_draws(answer) == [(day(3), 1, "review", None, 1)]


def test_a_row_may_ask_which_episode_it_is():
    # Episodes begin on days 2 and 10. None has begun on day 0; on day 12 there were two, the second closed.
    labs = [anc(0, 2000), anc(2, 400), anc(5, 1000), anc(10, 400), anc(12, 1000)]

    def days(condition):
        row = {"anc": ">= 0", "episode": condition, "action": "review"}
        return [decided[0] for decided in at_draws(under(with_rows(row), 12, labs))]

    assert days(0) == days("< 1") == [day(0)]
    assert days("= 1") == [day(2)]
    assert days(">= 2") == [day(10)]


def test_a_row_may_ask_the_cause_known_on_the_day_of_the_draw():
    row = {"open": True, "cause": "treatment", "action": "review"}
    labs = [anc(2, 400), anc(4, 400), anc(6, 400), anc(8, 1000), anc(9, 1000)]

    def days(*events):
        return [decided[0] for decided in at_draws(under(with_rows(row), 9, labs, None, events))]

    assert days() == days(cause(1, "drug")) == []  # before the onset
    assert days(cause(3, "drug")) == [day(3)]  # on the day it is recorded, between two draws
    assert days(cause(4, "drug", hour=23)) == [day(4)]  # of the same day, whatever the hour
    assert days(cause(3, "drug"), cause(5, "disease")) == [day(3)]
    assert days(cause(4, "drug"), cause(4, "disease")) == []
    assert days(cause(3, "disease"), cause(5, "drug"), cause(5, "infection")) == [day(5)]
    assert days(cause(8, "drug")) == []  # the day of the recovery is outside the episode for a row


def test_the_first_row_that_holds_decides_and_is_said_once_in_a_stay():
    # 400: row 2. 50 and 60: row 1. 400 again: row 2 decides, but its band was never left.
    rows = [STOP, {"anc": "< 500", "action": "review"}]
    labs = [anc(0, 400), anc(2, 400), anc(4, 50), anc(6, 60), anc(8, 400)]
    assert at_draws(under(with_rows(*rows), 8, labs)) == [
        (day(0), 2, "review", None, 1),
        (day(4), 1, "discontinue", None, 1),
    ]


@pytest.mark.parametrize(
    ("mg", "rule", "expected"),
    [
        (100, 80, ("reduce", 80)), (81, 80, ("reduce", 80)), (80, 80, ("review", None)), (50, 80, ("review", None)),
        (100, "next_level", ("reduce", 80)), (50, "next_level", ("review", None)),
        (100, "-20 mg", ("reduce", 80.0)), (25, "-20mg", ("reduce", 5.0)), (20, "-20 mg", ("review", None)),
        (140, "-25 %", ("reduce", 105.0)), (50, "-12.5 %", ("reduce", 43.75)), (50, "-100 %", ("review", None)),
    ],
)  # fmt: skip
def test_the_dose_at_a_draw_is_a_number_a_level_or_a_step(mg, rule, expected):
    row = {"anc": "< 750", "action": "reduce", "dose": rule}
    answer = under(with_rows(row), 0, [anc(0, 700)], [dose(mg, 0)])
    assert at_draws(answer) == [(day(0), 1, *expected, None)]
    assert at_draws(under(with_rows(row | {"verified": False}), 0, [anc(0, 700)], [dose(mg, 0)])) == [
        (day(0), 1, "review", None, None)
    ]


def test_a_step_counts_from_the_dose_of_the_draw_or_of_the_last_day_before_with_one():
    doses = [dose(100, 0, 4), dose(80, 5, 6), dose(0, 7)]
    for number, expected in ((4, 75.0), (5, 60.0), (9, 60.0)):
        assert at_draws(under(with_rows(LESS), number, [anc(number, 600)], doses))[0][3] == expected


def test_a_hold_at_a_draw_is_dose_0():
    row = {"open": True, "days_in_band": "> 0", "action": "hold"}
    assert at_draws(under(with_rows(row), 3, [anc(0, 400), anc(3, 400)])) == [(day(3), 1, "hold", 0.0, 1)]


# ---------------------------------------------------------------- rank of a decision while an episode is open


def test_a_decision_at_a_draw_stands_until_the_recovery_though_its_band_was_left():
    # 50 on day 0: discontinue. 400 on day 3 is outside the band; 700 on day 5 too. Given or not.
    labs = [anc(0, 50), anc(3, 400), anc(5, 700)]
    for number in (0, 3, 5):
        assert status(under(with_rows(STOP), number, labs)) == ("discontinue", None, day(0), "firm")
    held = [dose(100, 0, 0)]
    assert status(under(with_rows(STOP), 5, labs, held)) == ("discontinue", None, day(0), "firm")
    # What was decided within the episode is over with it: recovered after 7 days, resume.
    assert status(under(with_rows(STOP), 7, [*labs, anc(7, 1000)], held)) == ("resume", 100.0, day(7), "firm")


def test_a_stop_stands_before_a_hold_and_a_hold_before_a_reduction():
    hold = {"anc": [">= 100", "< 300"], "open": True, "action": "hold"}
    reduce = {"anc": [">= 300", "< 500"], "open": True, "action": "reduce", "dose": 50}
    rows = [STOP, hold, reduce]
    assert status(under(with_rows(*rows), 3, [anc(0, 50), anc(3, 200)])) == ("discontinue", None, day(0), "firm")
    assert status(under(with_rows(*rows), 3, [anc(0, 200), anc(3, 400)])) == ("hold", 0.0, day(0), "firm")
    assert status(under(with_rows(*rows), 3, [anc(0, 400), anc(3, 200)], [dose(100, 0, 2)])) == (
        "keep_holding", 0.0, day(0), "firm",
    )  # fmt: skip
    assert status(under(with_rows(*rows), 3, [anc(0, 400), anc(3, 450)])) == ("reduce", 50, day(0), "firm")


def test_what_began_before_the_onset_is_no_decision_of_the_episode():
    # Review since day 0 at 700. The same row decides at 400 on day 3: nothing new, so the episode is a hold.
    row = {"anc": "< 750", "action": "review"}
    answer = under(with_rows(row), 3, [anc(0, 700), anc(3, 400)])
    assert at_draws(answer) == [(day(0), 1, "review", None, None)]
    assert status(answer) == ("hold", 0.0, day(3), "firm")


def test_reduce_within_an_episode_is_watched_once_the_dose_is_low_enough():
    # Short since day 0 (700), onset day 2, 80 mg decided on day 2.
    row = {"open": True, "action": "reduce", "dose": 80}
    labs = [anc(0, 700), anc(2, 400)]
    for mg, expected in (
        (100, ("reduce", 80, day(2), "firm")), (0, ("reduce", 80, day(2), "firm")),
        (80, ("watch", None, day(0), "firm")), (50, ("watch", None, day(0), "firm")),
    ):  # fmt: skip
        assert status(under(with_rows(row), 4, labs, [dose(100, 0, 2), dose(mg, 3)])) == expected


def test_a_review_at_a_draw_replaces_a_reduction_but_never_a_hold():
    labs = [anc(0, 400), anc(2, 300), anc(4, 200)]
    review = {"anc": "<= 200", "action": "review"}
    unverified = {"anc": "<= 200", "action": "reduce", "dose": 50, "verified": False}
    reduce = {"anc": "< 400", "action": "reduce", "dose": 50}
    hold = ("hold", 0.0, day(0), "firm")
    assert status(under(with_rows(review), 4, labs)) == hold
    assert status(under(with_rows(unverified), 4, labs)) == hold
    assert status(under(with_rows(review, reduce), 2, labs)) == ("reduce", 50, day(2), "firm")
    assert status(under(with_rows(review, reduce), 4, labs)) == ("review", None, day(4), "firm")
    assert status(under(with_rows(review, STOP | {"anc": "< 400"}), 4, labs)) == ("discontinue", None, day(2), "firm")


def test_escalate_at_a_draw_is_a_status_of_its_own():
    labs = [anc(0, 400), anc(2, 300)]
    row = {"anc": "< 400", "action": "escalate", "dose": 180}
    assert status(under(with_rows(row), 2, labs)) == ("escalate", 180, day(2), "firm")


# ---------------------------------------------------------------- the cause, and what follows from it

PERSIST_LABS = [platelets(0, 90000), anc(0, 400), anc(7, 400), anc(14, 400), anc(28, 400), anc(30, 1000)]
PERSIST_DOSES = [dose(100, 0, 1, PERSISTING), dose(80, 2, protocol=PERSISTING)]
NOT_NULL = [{"patient_id": "P1", "duffy_null": False}]


def persisting(as_of, events, labs=PERSIST_LABS, **changes):
    return under(PERSISTING | changes, as_of, labs, PERSIST_DOSES, events, NOT_NULL)


def test_a_table_that_asks_the_cause_and_reduces_first():
    # Cause on day 1: 80 mg instead of a hold. 14 days below 500, at 80 mg by then: the level below, 50. 28 days:
    # hold. Recovered on day 30 from a dose at onset of 100: 20 mg less.
    answer = persisting(30, [cause(1, "drug")])
    assert decisions(answer) == [
        (day(0), "check_cause", None, None, "firm"),
        (day(1), "reduce", 80, None, "firm"),
        (day(14), "reduce", 50, None, "firm"),
        (day(28), "hold", 0.0, None, "firm"),
        (day(30), "resume", 80.0, 1, "firm"),
    ]
    for number, expected in (
        (0, ("check_cause", None, day(0), "firm")),
        (1, ("reduce", 80, day(1), "firm")),
        (7, ("watch", None, day(0), "firm")),  # 80 mg since day 2
        (14, ("reduce", 50, day(14), "firm")),
        (28, ("hold", 0.0, day(0), "firm")),
    ):
        assert status(persisting(number, [cause(1, "drug")])) == expected


def test_a_required_cause_that_is_not_known_comes_before_any_decision_at_a_draw():
    rows = [{"open": True, "action": "discontinue"}]
    assert status(persisting(7, [], during=rows))[0] == "check_cause"
    assert at_draws(persisting(7, [], during=rows)) == [(day(0), 1, "discontinue", None, 1)]
    # Once it is known, the stop stands before the 80 mg of the cause.
    assert status(persisting(8, [cause(8, "drug")], during=rows)) == ("discontinue", None, day(0), "firm")
    assert status(persisting(0, [cause(0, "drug")], during=rows)) == ("discontinue", None, day(0), "firm")


def test_treatment_related_may_hold_stop_or_ask_and_asks_where_it_is_not_verified():
    for related, expected in (
        ({"action": "hold"}, ("hold", 0.0, day(0), "firm")),
        ({"action": "discontinue"}, ("discontinue", None, day(3), "firm")),
        ({"action": "review"}, ("review", None, day(3), "firm")),
        ({"action": "reduce", "dose": 50, "verified": False}, ("review", None, day(3), "firm")),
    ):
        answer = persisting(3, [cause(3, "drug")], treatment_related=related)
        assert status(answer) == expected
        said = (related["action"] if related.get("verified", True) else "review", expected[1])
        assert decisions(answer)[1] == (day(3), *said, None, "firm")


def test_treatment_related_reduces_only_from_a_higher_dose_at_onset():
    # 100 mg at the onset on day 0, 80 mg since day 2. The onset counts: 99 mg are a reduction, 100 mg are none.
    for mg, expected in ((99, ("watch", None, day(0), "firm")), (100, ("review", None, day(3), "firm"))):
        related = {"action": "reduce", "dose": mg}
        assert status(persisting(3, [cause(3, "drug")], treatment_related=related)) == expected


def test_without_treatment_related_a_decision_at_a_draw_outlives_a_later_cause():
    # The cause gives a recommendation to hold on day 3, but no table of its own: the draw of day 0 stands.
    protocol = {key: value for key, value in PERSISTING.items() if key != "treatment_related"}
    protocol["during"] = [{"open": True, "action": "discontinue"}]
    answer = under(protocol, 3, PERSIST_LABS, PERSIST_DOSES, [cause(3, "drug")], NOT_NULL)
    assert [row[:2] for row in decisions(answer)] == [
        (day(0), "check_cause"), (day(0), "discontinue"), (day(3), "hold"),
    ]  # fmt: skip
    assert status(answer) == ("discontinue", None, day(0), "firm")


def test_disease_related_comes_before_the_draw_and_its_status_is_its_action():
    # The draw of day 7 would stop the drug, but the disease is known since day 3.
    rows = [{"anc": "< 500", "days_in_band": "> 5", "action": "discontinue"}]
    for related, expected in (
        ({"action": "escalate", "dose": 180}, ("escalate", 180, day(0), "firm")),
        ({"action": "escalate", "dose": 180, "verified": False}, ("escalate", 180, day(0), "firm")),
        ({"action": "review"}, ("review", None, day(3), "firm")),
        ({"action": "discontinue"}, ("discontinue", None, day(3), "firm")),
        ({"action": "hold"}, ("hold", 0.0, day(0), "firm")),
        ({"action": "reduce", "dose": 50}, ("reduce", 50, day(3), "firm")),
        ({"action": "reduce", "dose": 80}, ("watch", None, day(0), "firm")),  # 80 mg are given
    ):
        answer = persisting(7, [cause(3, "disease")], disease_related=related, during=rows)
        assert status(answer) == expected
        said = (day(3), related["action"], 0.0 if related["action"] == "hold" else related.get("dose"))
        assert decisions(answer)[1][:3] == said


# ---------------------------------------------------------------- rank of a decision outside an episode


def test_reduce_outside_an_episode_stands_while_more_than_that_is_given():
    # 600 on day 3: 75 mg. It comes before watch; at 75 mg, watch since day 3.
    labs = [anc(0, 2000), anc(3, 600)]
    assert status(under(with_rows(LESS), 5, labs)) == ("reduce", 75.0, day(3), "firm")
    lower = [dose(100, 0, 3), dose(75, 4)]
    assert status(under(with_rows(LESS), 5, labs, lower)) == ("watch", None, day(3), None)
    # In the same stay at 80 mg, the dose decided on day 3 is not counted again.
    lower = [dose(100, 0, 3), dose(80, 4)]
    answer = under(with_rows(LESS), 5, [*labs, anc(5, 600)], lower)
    assert status(answer) == ("reduce", 75.0, day(3), "firm")
    # Not given: off the drug. Back at 900 on day 5: the row no longer decides.
    assert status(under(with_rows(LESS), 5, labs, [dose(100, 0, 3)])) == ("off_drug", None, day(4), None)
    assert status(under(with_rows(LESS), 5, [*labs, anc(5, 900)]))[0] == "watch"


def test_review_and_escalate_outside_an_episode_stand_until_the_dose_is_changed():
    for action, mg in (("review", None), ("escalate", 140)):
        row = {"anc": ">= 1500", "open": False, "days_in_band": ">= 14", "action": action}
        protocol = with_rows(row if mg is None else row | {"dose": mg})
        labs = [anc(0, 2000), anc(14, 2000)]
        assert status(under(protocol, 13, labs))[0] == "continue"
        assert status(under(protocol, 15, labs)) == (action, mg, day(14), "firm")
        for changed in (80, 140):
            doses = [dose(100, 0, 14), dose(changed, 15)]
            assert status(under(protocol, 15, labs, doses)) == ("continue", None, day(0), None)


def test_discontinue_outside_an_episode_stands_while_the_drug_is_given():
    row = {"anc": "< 750", "open": False, "action": "discontinue"}
    assert status(under(with_rows(row), 5, [anc(3, 600)])) == ("discontinue", None, day(3), "firm")
    lower = [dose(100, 0, 3), dose(50, 4)]
    assert status(under(with_rows(row), 5, [anc(3, 600)], lower)) == ("discontinue", None, day(3), "firm")
    assert status(under(with_rows(row), 5, [anc(3, 600)], [dose(100, 0, 4)]))[0] == "off_drug"


def test_a_dose_of_the_day_of_the_decision_may_be_the_last_one_before():
    # Off since day 3, the draw of day 5 asks for a review of what was 100 mg. Restarted at 100: it stands.
    row = {"anc": ">= 1500", "action": "review"}
    for mg, expected in ((100, "review"), (80, "continue")):
        answer = under(with_rows(row), 7, [anc(5, 2000)], [dose(100, 0, 2), dose(mg, 6)])
        assert status(answer)[0] == expected


def test_what_the_last_recovery_decided_comes_first():
    # Recovered on day 4, clause 1. The row for good counts decides that day too, but the restart waits.
    row = {"anc": ">= 1000", "open": False, "action": "escalate"}
    labs = [anc(0, 400), anc(4, 1000)]
    answer = under(with_rows(row), 4, labs, [dose(100, 0, 0)])
    assert [row[1] for row in decisions(answer)] == ["hold", "resume", "escalate"]
    assert status(answer) == ("resume", 100.0, day(4), "firm")
    # Restarted at 100 mg, which is what it was before: it stands. At 140 mg it is answered.
    assert status(under(with_rows(row), 5, labs, [dose(100, 0, 0), dose(100, 5)])) == (
        "escalate", None, day(4), "firm",
    )  # fmt: skip
    assert status(under(with_rows(row), 5, labs, [dose(100, 0, 0), dose(140, 5)]))[0] == "continue"


def test_a_row_that_decides_through_a_recovery_stands_since_it_began():
    # Below 1500 since the onset on day 0, also at 1000 on day 4: one recommendation. Restarted at 100 mg.
    row = {"anc": "< 1500", "action": "reduce", "dose": 80}
    answer = under(with_rows(row), 5, [anc(0, 400), anc(4, 1000)], [dose(100, 0, 0), dose(100, 5)])
    assert at_draws(answer) == [(day(0), 1, "reduce", 80, 1)]
    assert status(answer) == ("reduce", 80, day(0), "firm")


# ---------------------------------------------------------------- steps at recovery


def test_a_step_at_recovery_counts_from_the_dose_at_onset():
    # By steps: below for more than 7 days 25 % less (clause 1), else 50 mg less (clause 2). Recovered at 750.
    def decided(mg, *labs):
        counts = [platelets(0, 90000), *labs]
        null = [{"patient_id": "P1", "duffy_null": True}]
        answer = under(BY_STEPS, 20, counts, [dose(mg, 0, 0, BY_STEPS)], (), null)
        return next(row[1:] for row in decisions(answer) if row[3] is not None)

    assert decided(100, anc(0, 400), anc(8, 400), anc(9, 750)) == ("reduce", 75.0, 1, "firm")
    assert decided(140, anc(0, 400), anc(8, 400), anc(9, 750)) == ("reduce", 105.0, 1, "firm")
    assert decided(100, anc(0, 400), anc(1, 750)) == ("reduce", 50.0, 2, "firm")
    assert decided(50, anc(0, 400), anc(1, 750)) == ("review", None, 2, "firm")  # nothing would be left


# ---------------------------------------------------------------- which protocol, and mismatch


def recorded(**facts):
    return [{"patient_id": "P1", **facts}]


def chosen(drug, patients, protocols):
    answer = ask(0, [], [exposure("P1", (drug, None), 100, 0, None)], (), patients, protocols)
    return some(answer.worklist[0], "protocol", "mismatch")


def test_of_several_defaults_the_recorded_fact_chooses():
    for patients, expected in (
        (recorded(duffy_null=True), "e-null"), (recorded(duffy_null=False), "a-guideline"),
        (recorded(duffy_null=None), "a-guideline"), (recorded(), "a-guideline"), ([], "a-guideline"),
    ):  # fmt: skip
        for protocols in ([GUIDELINE, NULL], [NULL, GUIDELINE]):
            assert chosen("dasatinib", patients, protocols) == (expected, False)


def test_a_default_whose_fact_is_not_recorded_is_not_taken():
    assert chosen("imatinib", recorded(duffy_null=False), [PERSISTING, BY_STEPS]) == ("f-persisting", False)
    assert chosen("imatinib", recorded(duffy_null=True), [PERSISTING, BY_STEPS]) == ("g-steps", False)
    assert chosen("imatinib", recorded(duffy_null=None), [PERSISTING, BY_STEPS]) == (None, False)


def test_all_facts_must_be_recorded_in_the_same_words():
    for facts, expected in (
        ({"diagnosis": "lymphoblastic leukaemia", "duffy_null": False}, False),
        ({"diagnosis": " Lymphoblastic Leukaemia ", "duffy_null": False}, False),
        ({"diagnosis": "leukaemia", "duffy_null": False}, True),
        ({"diagnosis": "lymphoblastic leukaemia", "duffy_null": None}, True),
        ({"diagnosis": "lymphoblastic leukaemia", "duffy_null": True}, True),
    ):
        answer = ask(0, [], [dose(50, 0, protocol=NAMED_ONLY)], (), recorded(**facts), [NAMED_ONLY])
        assert answer.worklist[0]["mismatch"] is expected


def test_a_mismatch_is_evaluated_as_named_and_asks_for_a_review_where_it_would_be_calm():
    # The Duffy-null table (hold below 500, back at 750) for a patient of whom nothing is recorded.
    def mismatched(as_of, *labs, until=None):
        answer = ask(as_of, labs, [dose(100, 0, until, NULL)], protocols=[GUIDELINE, NULL])
        assert some(answer.worklist[0], "protocol", "mismatch") == ("e-null", True)
        return status(answer)

    assert mismatched(1, anc(1, 2000)) == ("review", None, day(0), None)  # continue
    assert mismatched(9, anc(1, 700)) == ("review", None, day(2), None)  # overdue: a first count below 1500
    assert mismatched(1, anc(1, 400)) == ("hold", 0.0, day(1), "firm")
    assert mismatched(1, anc(1, 99)) == ("discontinue", None, day(1), "firm")
    assert mismatched(8, anc(5, 400), until=5) == ("review", None, day(5), "firm")  # keep_holding
    assert mismatched(8, anc(5, 400), anc(8, 750), until=5) == (
        "review",
        None,
        day(8),
        "firm",
    )  # resume
    assert mismatched(8, anc(5, 2000), until=5) == ("off_drug", None, day(6), None)


# ---------------------------------------------------------------- planned off-days


def planned(start, end, protocol=GUIDELINE):
    return dose(0, start, end, protocol, "planned")


def test_a_planned_off_day_is_neither_a_hold_nor_off_the_drug():
    # 100 mg on days 0 to 20, then seven days off.
    cycle = [dose(100, 0, 20), planned(21, 27)]
    assert status(ask(23, [anc(20, 2000)], cycle)) == ("continue", None, day(0), None)
    assert status(ask(23, [anc(20, 2000)], [dose(100, 0, 20), dose(0, 21, 27)])) == (
        "off_drug", None, day(21), None,
    )  # fmt: skip
    assert status(ask(28, [anc(20, 2000)], cycle)) == ("off_drug", None, day(21), None)  # nothing followed
    assert status(ask(24, [anc(23, 400)], cycle)) == ("hold", 0.0, day(23), "firm")
    assert ask(24, [anc(23, 400)], cycle).episodes[0]["dose_at_onset_mg"] == 100.0


def test_a_planned_off_day_has_the_dose_of_the_last_day_that_was_not_planned():
    # 75 mg are decided on day 0 and asked for while more is given. Day 15 is an off-day but for the last rows.
    labs = [anc(0, 600), anc(14, 600)]
    for doses, expected in (
        ([dose(100, 0, 9), planned(10, 12), planned(13, 20)], "reduce"),  # two off-weeks in a row
        ([dose(100, 0, 5), dose(75, 6, 9), planned(10, 20)], "watch"),
        ([dose(100, 0, 8), planned(10, 20)], "off_drug"),  # nothing was given on day 9
        ([dose(100, 0, 8), dose(0, 9, 9), planned(10, 20)], "off_drug"),
        ([dose(100, 0, 9), planned(10, 20), dose(80, 12, 20)], "reduce"),  # 80 mg are given: no off-day
        ([dose(100, 0, 9), planned(10, 20), dose(75, 12, 20)], "watch"),
        ([dose(100, 0, 9), dose(75, 10, 20, reason="planned")], "watch"),  # a dose above 0 is no off-day
    ):
        assert status(under(with_rows(LESS), 15, labs, doses))[0] == expected


def test_a_decision_that_waits_for_a_restart_waits_over_planned_off_days():
    labs = [anc(5, 400), anc(9, 1000)]
    doses = [dose(100, 0, 5), planned(6, 30)]
    assert status(ask(20, labs, doses)) == ("resume", 100.0, day(9), "firm")
    assert status(ask(7, labs, doses)) == ("hold", 0.0, day(5), "firm")


# ---------------------------------------------------------------- the schedule by counts and after a gap


def due(labs, as_of=None, doses=None):
    """Days from the last draw to the next count under the Duffy-null table."""
    last = max(row["collected_at"].date() for row in labs)
    answer = ask(400 if as_of is None else as_of, labs, doses or [dose(100, 0, protocol=NULL)],
                 (), recorded(duffy_null=True), [NULL])  # fmt: skip
    return (answer.worklist[0]["next_lab_due_on"] - last).days


def test_a_first_count_of_a_kind_is_confirmed_and_a_second_is_not():
    # First below 1500: 1 day. Not the first: below 1000 3 days, else by the day of the course, 14.
    assert due([anc(5, 1499)]) == due([anc(0, 1500), anc(5, 1499)]) == 1
    assert due([anc(0, 1500)]) == 14
    assert due([anc(0, 1499), anc(5, 1499)]) == 14
    assert due([anc(0, 1499), anc(5, 999)]) == 3
    assert due([anc(0, 1499), anc(2, 1500), anc(5, 1499)]) == 1
    # The day before by its lowest, platelets alone are no ANC day, and <1600 does not show below 1500.
    assert due([anc(0, 3000), anc(0, 1400, hour=20), anc(5, 1400)]) == 14
    assert due([anc(0, 1400), platelets(3, 90000), anc(5, 1400)]) == 14
    assert due([anc(0, 1600, comparator="<"), anc(5, 1400)]) == 1


def test_the_weeks_after_a_dip_have_an_interval_of_their_own():
    # Dip on day 100 (below 500), return on day 110 (the first at 1000 after it): weekly to day 137.
    dip = [anc(100, 400), anc(105, 999), anc(110, 1000)]
    assert due([*dip[:2], anc(110, 1500)]) == 7
    assert due([*dip, anc(137, 1500)]) == 7
    assert due([*dip, anc(138, 1500)]) == 90  # 28 days after the return, and past day 84
    assert due(dip[:2]) == 3  # not back yet
    assert due([*dip, anc(130, 600), anc(131, 1500)]) == 7  # 600 is no dip: the return is still day 110
    assert due([*dip, anc(130, 499), anc(135, 1500), anc(160, 1500)]) == 7  # a new dip, a new return
    assert due([anc(100, 2000), anc(110, 2000)]) == 90  # no dip


def test_the_return_schedule_asks_that_the_last_count_meets_its_line():
    # 900 on day 120 is within 28 days of the return but below 1000: first 1 day, the second time 3 days.
    dip = [anc(100, 400), anc(110, 1500)]
    assert due([*dip, anc(120, 900)]) == 1
    assert due([*dip, anc(120, 900), anc(121, 900)]) == 3


def test_a_gap_without_a_dose_starts_the_schedule_again():
    def after(last, restart, drawn=131):
        doses = [dose(100, 0, last, NULL), dose(100, restart, protocol=NULL)]
        return due([anc(0, 2000), anc(drawn, 2000)], None, doses)

    assert after(99, 130) == 14  # 30 days without, day 131 is day 1 of the schedule
    assert after(100, 130) == 90  # 29 days
    assert after(99, 130, drawn=214) == 14  # day 84
    assert after(99, 130, drawn=215) == 90
    assert after(99, 130, drawn=120) == 14  # drawn before the restart
    # Off-days that were planned are days without a dose. Not before the restart has come.
    doses = [dose(100, 0, 99, NULL), planned(100, 129, NULL), dose(100, 130, protocol=NULL)]
    assert due([anc(131, 2000)], None, doses) == 14
    assert due([anc(99, 2000)], 129, doses) == 90
    # The last such gap counts; a short one after it changes nothing.
    doses = [dose(100, 0, 9, NULL), dose(100, 50, 99, NULL), dose(100, 110, protocol=NULL)]
    assert due([anc(134, 2000)], None, doses) == 14  # day 84 from day 50
    assert due([anc(135, 2000)], None, doses) == 90


# ---------------------------------------------------------------- random cohorts


def answer_to(cohort, as_of=None):
    return evaluate(
        cohort.labs, cohort.exposures, cohort.events, cohort.patients, cohort.protocols, as_of or cohort.as_of
    )


def test_the_random_cohorts_reach_every_status_trigger_and_kind_of_decision():
    statuses, triggers, actions = set(), set(), set()
    for seed in range(600):
        answer = answer_to(random_cohort(seed))
        statuses |= {row["status"] for row in answer.worklist}
        triggers |= {(row["trigger"], row["cause"]) for row in answer.episodes}
        actions |= {(row["action"], row["certainty"]) for row in answer.recommendations}
    assert statuses == set(URGENCY)
    assert len(triggers) == 9
    assert {("reduce", "sparse"), ("reduce", "firm"), ("review", "sparse"), ("escalate", "firm")} <= actions


def test_the_random_cohorts_reach_every_decision_at_a_draw_and_every_status_of_one():
    decided, shown, mismatched = set(), set(), set()
    for seed in range(600):
        answer = answer_to(random_cohort(seed))
        at_draw = [row for row in answer.recommendations if row["during"] is not None]
        decided |= {(row["action"], row["episode"] is not None) for row in at_draw}
        inside = {
            some(row, "patient_id", "protocol", "action", "decided_on"): row["episode"] is not None
            for row in at_draw
        }
        rows = {some(row, "patient_id", "protocol", "status", "since") for row in answer.worklist}
        shown |= {(row[2], inside[row]) for row in rows & inside.keys()}
        mismatched |= {row["status"] for row in answer.worklist if row["mismatch"]}
    actions = ("reduce", "discontinue", "escalate", "review")
    anywhere = {(action, place) for action in actions for place in (True, False)}
    assert decided == anywhere | {("hold", True)}
    assert anywhere <= shown
    assert mismatched == {"hold", "discontinue", "check_cause", "escalate", "reduce", "review", "off_drug"}


@settings(max_examples=60)
@given(cohorts())
def test_the_order_of_rows_changes_nothing(cohort):
    answer = answer_to(cohort)
    turned = evaluate(
        cohort.labs[::-1], cohort.exposures[::-1], cohort.events[::-1], cohort.patients[::-1],
        cohort.protocols, cohort.as_of,
    )  # fmt: skip
    for table in COLUMNS:
        rows, turned_rows = getattr(answer, table), getattr(turned, table)
        assert as_rows(table, rows, ordered=True) == as_rows(table, turned_rows, ordered=True)


@settings(max_examples=60)
@given(cohorts())
def test_what_is_reported_later_never_changes_a_past_answer(cohort):
    known = [row for row in cohort.labs if row["reported_at"].date() <= cohort.as_of]
    events = [row for row in cohort.events if row["occurred_at"].date() <= cohort.as_of]
    replay = evaluate(known, cohort.exposures, events, cohort.patients, cohort.protocols, cohort.as_of)
    assert replay == answer_to(cohort)


def test_a_seed_always_gives_the_same_cohort_and_its_protocols_can_be_written():
    assert random_cohort(7) == random_cohort(7)
    text = toml_text(CHRONIC)
    assert '[[recovery]]\nepisode = ">= 3"\naction = "review"' in text
    assert text.count("[[source]]") == 1


def test_rows_compare_across_libraries():
    # A frame's Timestamp, NaT, NaN and whole floats are the oracle's date, None and numbers.
    answer = ask(9, [anc(0, 400), anc(8, 1000)])
    frame = pandas.DataFrame(answer.recommendations)
    frame["decided_on"] = pandas.to_datetime(frame["decided_on"])
    frame["why"] = "words"
    assert as_rows("recommendations", frame) == as_rows("recommendations", answer.recommendations)
    assert as_rows("recommendations", frame)[1][7] == 2.0
    # Of a mismatch the other program says the reason: only whether there is one is compared.
    for words, mismatch in (("Needs Duffy-null.", True), ("", False), (None, False)):
        said = pandas.DataFrame([row | {"mismatch": words} for row in answer.worklist])
        (row,) = answer.worklist
        assert as_rows("worklist", said) == as_rows("worklist", [row | {"mismatch": mismatch}])
        assert as_rows("worklist", said) != as_rows("worklist", [row | {"mismatch": not mismatch}])
