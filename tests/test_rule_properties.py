"""What must hold of the rule whatever the patients: checked on wards of random patients, many at once."""

import random
from collections import Counter
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from itertools import pairwise

import pandas
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tests import cohorts, hospital, oracle

TABLES = ("episodes", "recommendations", "worklist")
COURSE = ["patient_id", "drug", "protocol"]
WARDS = st.integers(0, 10**9)
# A smaller seed is no smaller ward, so a failing one is not shrunk.
few = settings(max_examples=3, phases=[Phase.explicit, Phase.reuse, Phase.generate])


def ward(seed, patients=60):
    return cohorts.ward(seed, patients, random_protocols=4)


def answers(result, without=()):
    """The tables of a result as sorted rows of text, so that two results can be compared."""
    frames = {table: getattr(result, table) for table in TABLES}
    left_out = {"columns": list(without), "errors": "ignore"}
    return {table: rows_of(frame.drop(**left_out)) for table, frame in frames.items()}


def rows_of(frame):
    cells = frame.astype(object).where(frame.notna(), None)
    return sorted(tuple(map(str, row)) for row in cells.itertuples(index=False, name=None))


def assert_same(found, expected):
    for table in TABLES:
        differing = set(found[table]) ^ set(expected[table])
        assert not differing, f"{table}: {sorted(differing)[:4]}"
        assert found[table] == expected[table]


def only(cohort, patients):
    def chosen(rows):
        return [row for row in rows if row["patient_id"] in patients]

    return replace(cohort, **{table: chosen(getattr(cohort, table)) for table in cohorts.TABLES})


def patients_of(cohort):
    return sorted({row["patient_id"] for row in [*cohort.labs, *cohort.exposures]})


# ---------------------------------------------------------------- the same patients, put differently


@few
@given(seed=WARDS)
def test_the_order_of_rows_changes_nothing(seed):
    cohort = ward(seed)
    rng = random.Random(seed)
    rows = {table: getattr(cohort, table) for table in cohorts.TABLES}
    shuffled = replace(cohort, **{table: rng.sample(listed, len(listed)) for table, listed in rows.items()})
    expected, found = hospital.evaluate(cohort), hospital.evaluate(shuffled)
    assert_same(answers(found), answers(expected))
    assert list(found.worklist["patient_id"]) == list(expected.worklist["patient_id"])


@few
@given(seed=WARDS)
def test_the_unit_a_count_is_written_in_changes_nothing(seed):
    cohort = ward(seed)
    rng = random.Random(seed)
    expected = hospital.evaluate_frames(cohort, lambda row: "cells/µL")
    found = hospital.evaluate_frames(cohort, lambda row: rng.choice(list(hospital.UNITS)))
    assert expected.rejected["kind"].ne("labs").all()
    assert_same(answers(found), answers(expected))


@few
@given(seed=WARDS)
def test_two_halves_give_what_the_whole_gives(seed):
    cohort = ward(seed)
    patients = patients_of(cohort)
    random.Random(seed).shuffle(patients)
    assert_union(cohort, [patients[::2], patients[1::2]])


@settings(few, max_examples=1)
@given(seed=WARDS)
def test_patients_one_at_a_time_give_what_the_whole_gives(seed):
    cohort = ward(seed, patients=8)
    assert_union(cohort, [[patient] for patient in patients_of(cohort)])


def assert_union(cohort, groups):
    parts = [answers(hospital.evaluate(only(cohort, group))) for group in groups]
    union = {table: sorted(row for part in parts for row in part[table]) for table in TABLES}
    assert_same(union, answers(hospital.evaluate(cohort)))


# ---------------------------------------------------------------- time


@few
@given(seed=WARDS)
def test_what_was_reported_later_never_changes_a_past_answer(seed):
    cohort = ward(seed)
    day = cohort.as_of - timedelta(days=random.Random(seed).choice((0, 1, 3, 8, 20)))
    known = replace(
        cohort,
        labs=[row for row in cohort.labs if max(row["reported_at"], row["collected_at"]).date() <= day],
        exposures=[row for row in cohort.exposures if row["start_on"] <= day],
        events=[row for row in cohort.events if row["occurred_at"].date() <= day],
    )
    assert_same(answers(hospital.evaluate(known, day)), answers(hospital.evaluate(cohort, day)))


@few
@given(seed=WARDS)
def test_replay_a_closed_episode_and_its_decision_stand_for_good(seed):
    """Without late reports and corrections, a later day adds to the episodes and never rewrites them."""
    cohort = at_once(ward(seed))
    day = cohort.as_of - timedelta(days=random.Random(seed).choice((1, 3, 8, 20)))
    earlier, later = hospital.evaluate(cohort, day), hospital.evaluate(cohort)
    fixed = [*COURSE, "episode", "onset_on", "trigger", "dose_at_onset_mg"]
    assert set(rows_of(earlier.episodes[fixed])) <= set(rows_of(later.episodes[fixed]))
    closed = earlier.episodes["recovered_on"].notna()
    assert set(rows_of(earlier.episodes[closed])) <= set(rows_of(later.episodes))
    for place in ("recovered_on", "onset_on"):
        decided = decided_on(earlier.recommendations, earlier.episodes[closed], place)
        assert set(rows_of(decided[earlier.recommendations.columns])) <= set(rows_of(later.recommendations))
    at_draws = earlier.recommendations.dropna(subset="during")
    assert set(rows_of(at_draws)) <= set(rows_of(later.recommendations))


def decided_on(recommendations, episodes, day):
    """The recommendations of these episodes that were made on their onset or on their recovery."""
    episode = [*COURSE, "episode"]
    return recommendations.merge(episodes, left_on=[*episode, "decided_on"], right_on=[*episode, day])


def at_once(cohort):
    """Every result reported when it was collected, and none reported twice."""
    first = {}
    for row in cohort.labs:
        moment = (row["patient_id"], row["analyte"], row["collected_at"], row["specimen"])
        plain = {"reported_at": row["collected_at"], "status": "final", "derived": False}
        first.setdefault(moment, row | plain)
    return replace(cohort, labs=list(first.values()))


# ---------------------------------------------------------------- lower is never better


@few
@given(seed=WARDS)
def test_lowering_only_the_last_anc_never_makes_a_patient_safer(seed):
    cohort = that_only_holds(ward(seed))
    lowered = with_last_anc_lowered(cohort, random.Random(seed))
    before, after = hospital.evaluate(cohort), hospital.evaluate(lowered)
    open_before, open_after = (
        result.episodes[result.episodes["recovered_on"].isna()].set_index(COURSE)["onset_on"]
        for result in (before, after)
    )
    # the last ANC may be older than the platelets that opened the episode: then the onset may move
    assert (open_after.reindex(open_before.index) <= open_before).all()
    status, status_after = (
        result.worklist.dropna(subset="protocol").set_index(COURSE)["status"] for result in (before, after)
    )
    moves = set(zip(status, status_after.reindex(status.index), strict=True))
    safer = {("hold", "watch"), ("hold", "continue"), ("watch", "continue"), ("keep_holding", "resume")}
    assert not moves & safer


def that_only_holds(cohort):
    """The cohort under tables that call for nothing but a hold while counts are low."""

    def plain(protocol):
        kept = {key: value for key, value in protocol.items() if key not in ("during", "treatment_related")}
        escalates = protocol.get("disease_related", {}).get("action") == "escalate"
        return kept if escalates else {key: value for key, value in kept.items() if key != "disease_related"}

    return replace(cohort, protocols=[plain(protocol) for protocol in cohort.protocols])


def with_last_anc_lowered(cohort, rng):
    """Every version of the ANC of each patient's last day with one, multiplied by one number below 1."""
    last, factor = {}, {}
    for row in cohort.labs:
        day = row["collected_at"].date()
        if row["analyte"] == "anc" and max(day, row["reported_at"].date()) <= cohort.as_of:
            last[row["patient_id"]] = max(day, last.get(row["patient_id"], day))
            factor[row["patient_id"]] = rng.choice((0.0, 0.1, 0.5, 0.9, 0.999))
    labs = [
        row | {"value": row["value"] * factor[row["patient_id"]]}
        if row["analyte"] == "anc" and row["collected_at"].date() == last.get(row["patient_id"])
        else row
        for row in cohort.labs
    ]
    return replace(cohort, labs=labs)


# ---------------------------------------------------------------- what decides nothing


@few
@given(seed=WARDS)
def test_a_row_that_cannot_be_used_is_shown_and_changes_nothing(seed):
    cohort = ward(seed)
    rng = random.Random(seed)
    patients = [*patients_of(cohort), "nobody else"]
    days = [cohort.as_of - timedelta(days=day) for day in range(60)]

    def unusable(**changes):
        moment = datetime.combine(rng.choice(days), time(rng.randrange(7), rng.randrange(1, 30)))
        return cohorts.lab(rng.choice(patients), rng.choice(("anc", "platelets")), 40, moment, **changes)

    refused = {"%": "percentage under a count", "": "unit missing", "furlongs": "unit unknown"}
    units = [rng.choice(list(refused)) for _ in range(100)]
    extra = [unusable(raw_unit=unit) for unit in units]
    extra += [unusable(status=rng.choice(("entered-in-error", "cancelled"))) for _ in range(100)]
    dirty = replace(cohort, labs=rng.sample([*cohort.labs, *extra], len(cohort.labs) + len(extra)))
    expected = hospital.evaluate_frames(cohort, lambda row: row["raw_unit"])
    found = hospital.evaluate_frames(dirty, lambda row: row["raw_unit"])
    assert_same(answers(found), answers(expected))
    shown = Counter(found.rejected["reason"]) - Counter(expected.rejected["reason"])
    assert shown == Counter(refused[unit] for unit in units)


@few
@given(seed=WARDS)
def test_a_grade_decides_nothing(seed):
    """Counts moved across the cuts of every grade, on the same side of 500 and 1000, give the same answer."""
    cohort = replace(ward(seed), protocols=[*cohorts.GIVEN_PROTOCOLS])
    labs = [
        row | {"value": moved_across_grades(row["value"])} if row["analyte"] == "anc" else row
        for row in cohort.labs
    ]
    counts = ("anc_nadir", "last_anc", "why")
    found = hospital.evaluate(replace(cohort, labs=labs))
    assert_same(answers(found, counts), answers(hospital.evaluate(cohort), counts))


def moved_across_grades(anc):
    """The higher stays the higher; below 500 all fall below 100, above 1000 all rise beyond every limit."""
    if anc < 500:
        return anc * 0.1
    return anc if anc <= 1000 else anc * 5


# ---------------------------------------------------------------- decisions at a draw, planned off-days


@few
@given(seed=WARDS)
def test_a_row_for_draws_changes_nothing_but_what_is_said_at_draws(seed):
    """One more row of [[during]], in any place: the same episodes, and the same decisions about them."""
    cohort = ward(seed)
    rng = random.Random(seed)
    more = replace(cohort, protocols=[with_one_more_row(rng, protocol) for protocol in cohort.protocols])
    before, after = hospital.evaluate(cohort), hospital.evaluate(more)
    assert rows_of(after.episodes) == rows_of(before.episodes)
    of_episodes = [
        result.recommendations[result.recommendations["during"].isna()] for result in (before, after)
    ]
    assert rows_of(of_episodes[0]) == rows_of(of_episodes[1])


def with_one_more_row(rng, protocol):
    rows = list(protocol.get("during", ()))
    rows.insert(rng.randint(0, len(rows)), cohorts.random_draw_row(rng, protocol))
    return protocol | {"during": rows}


@few
@given(seed=WARDS)
def test_a_stay_has_at_most_one_recommendation(seed):
    """Between two recommendations of the only row there is a day with an ANC outside its band."""
    row = {"anc": [">= 500", "< 1500"], "action": "review"}
    cohort = ward(seed, patients=120)
    cohort = replace(cohort, protocols=[protocol | {"during": [row]} for protocol in cohort.protocols])
    at_draws = hospital.evaluate(cohort).recommendations.dropna(subset="during")
    outside = days_outside(cohort, row["anc"])
    repeated = 0
    for (patient, *_), course in at_draws.groupby(COURSE):
        days = [decided.date() for decided in course["decided_on"]]
        for earlier, later in pairwise(days):
            assert any(earlier < day < later for day in outside[patient])
            repeated += 1
    assert repeated > 5, "no second stay was met"


def days_outside(cohort, band):
    """For each patient the days whose lowest ANC is not in the band."""
    days = {patient: [] for patient in patients_of(cohort)}
    results = oracle.standing_results(cohort.labs, cohort.as_of)
    for patient, found in days.items():
        own = [row for row in results if row["patient_id"] == patient]
        for draw in oracle.draws_of(own, date.min, cohort.as_of):
            lowest = oracle.lowest(draw.anc)
            if lowest and not all(oracle.count_meets(lowest, bound) for bound in band):
                found.append(draw.day)
    return days


@few
@given(seed=WARDS)
def test_that_an_off_day_was_planned_changes_no_episode_and_no_decision(seed):
    cohort = ward(seed)
    unplanned = [
        row | {"end_reason": None} if row["end_reason"] == "planned" else row for row in cohort.exposures
    ]
    planned, held = hospital.evaluate(cohort), hospital.evaluate(replace(cohort, exposures=unplanned))
    assert rows_of(planned.episodes) == rows_of(held.episodes)
    assert rows_of(planned.recommendations) == rows_of(held.recommendations)
    due = [*COURSE, "next_lab_due_on"]
    assert rows_of(planned.worklist[due]) == rows_of(held.worklist[due])


# ---------------------------------------------------------------- the numbers of an answer fit each other


@pytest.fixture(scope="module")
def answered():
    """A ward with its answer: (cohort, result)."""
    cohort = ward(seed=1, patients=400)
    return cohort, hospital.evaluate(cohort)


def test_holding_is_dose_0_and_nothing_else_is(answered):
    _, result = answered
    for table, column in (("worklist", "status"), ("recommendations", "action")):
        rows = getattr(result, table)
        holding = rows[column].isin(("hold", "keep_holding"))
        assert (rows.loc[holding, "dose_mg"] == 0).all()
        assert (rows.loc[~holding, "dose_mg"].dropna() > 0).all()
    asked_nothing = result.worklist["status"].isin(
        ("check_cause", "no_result", "cannot_tell", "overdue", "watch", "continue", "off_drug", "no_protocol")
    )
    assert result.worklist.loc[asked_nothing, "dose_mg"].isna().all()


def test_the_days_of_an_episode_fit_each_other(answered):
    cohort, result = answered
    episodes = result.episodes
    closed = episodes.dropna(subset="recovered_on")
    assert (closed["recovered_on"] > closed["onset_on"]).all()
    assert ((closed["recovered_on"] - closed["onset_on"]).dt.days == closed["days_to_recovery"]).all()
    assert (closed["days_below"] <= closed["days_to_recovery"]).all()
    assert (episodes["days_below"] >= 0).all()
    assert (episodes["onset_on"] <= pandas.Timestamp(cohort.as_of)).all()
    for _, course in episodes.groupby(COURSE):
        assert list(course["episode"]) == list(range(1, len(course) + 1))
        assert course["recovered_on"].iloc[:-1].notna().all(), "only the last episode may be open"
        assert (course["onset_on"].to_numpy()[1:] > course["recovered_on"].to_numpy()[:-1]).all()


def test_every_episode_has_its_decisions(answered):
    _, result = answered
    episode = [*COURSE, "episode"]
    first = result.recommendations[result.recommendations["action"].isin(("hold", "check_cause"))]
    at_onset = decided_on(first, result.episodes, "onset_on")
    assert len(at_onset.drop_duplicates(episode)) == len(result.episodes)
    closed = result.episodes.dropna(subset="recovered_on")
    recovered = ("resume", "reduce", "discontinue", "review")
    of_episodes = result.recommendations[result.recommendations["during"].isna()]
    decided = of_episodes[of_episodes["action"].isin(recovered)]
    matched = decided_on(decided, closed, "recovered_on")
    assert len(matched.drop_duplicates(episode)) == len(closed)
    # the others follow from a cause
    with_cause = result.episodes.dropna(subset="cause")
    assert len(decided) - len(closed) <= len(with_cause)
    assert set(rows_of(decided[episode])) <= set(rows_of(closed[episode])) | set(rows_of(with_cause[episode]))
    assert not result.recommendations["certainty"].isna().any()
    sparse = result.recommendations[result.recommendations["certainty"] != "firm"]
    assert len(decided_on(sparse, closed, "recovered_on")) == len(sparse)
    assert sparse["during"].isna().all()


def test_a_decision_at_a_draw_names_its_row_and_belongs_to_an_open_episode_or_to_none(answered):
    cohort, result = answered
    rows = {protocol["id"]: len(protocol.get("during", ())) for protocol in cohort.protocols}
    at_draws = result.recommendations.dropna(subset="during")
    assert len(at_draws) > 100
    assert at_draws["during"].between(1, at_draws["protocol"].map(rows)).all()
    assert at_draws["clause"].isna().all()
    inside = at_draws.dropna(subset="episode").merge(result.episodes, on=[*COURSE, "episode"])
    assert len(inside) == at_draws["episode"].notna().sum()
    assert (inside["decided_on"] >= inside["onset_on"]).all()
    assert (inside["recovered_on"].isna() | (inside["decided_on"] < inside["recovered_on"])).all()
    outside = at_draws[at_draws["episode"].isna()].merge(result.episodes, on=COURSE)
    after = outside["decided_on"] >= outside["recovered_on"]
    assert ((outside["decided_on"] < outside["onset_on"]) | after).all()
    assert not (at_draws["episode"].isna() & (at_draws["action"] == "hold")).any()


def test_a_patient_has_a_row_a_course_or_one_row(answered):
    cohort, result = answered
    assert not result.worklist.duplicated(COURSE).any()
    without = result.worklist["protocol"].isna()
    assert (result.worklist["status"] == "no_protocol").eq(without).all()
    alone = result.worklist.groupby("patient_id").size()[result.worklist.loc[without, "patient_id"]]
    assert (alone == 1).all()
    in_course = set(result.worklist.loc[~without, "patient_id"])
    assert set(result.episodes["patient_id"]) <= in_course
    overdue = result.worklist[result.worklist["status"] == "overdue"]
    assert ((pandas.Timestamp(cohort.as_of) - overdue["next_lab_due_on"]).dt.days > 3).all()
    assert (overdue["since"] == overdue["next_lab_due_on"]).all()


def test_a_mismatch_is_never_calm(answered):
    _, result = answered
    mismatched = result.worklist[result.worklist["mismatch"].fillna("") != ""]
    assert len(mismatched) > 20
    urgent = ("hold", "discontinue", "check_cause", "escalate", "reduce", "review")
    assert mismatched["status"].isin((*urgent, "off_drug")).all()
    assert mismatched.loc[mismatched["status"] == "review", "dose_mg"].isna().all()
