"""The queries over audit events: four endings that add up, grace periods, scope, sites, months and spread."""

from datetime import date, timedelta
from functools import cache
from math import ceil, sqrt

import duckdb
import pandas
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import leuko
from leuko import audit, measures
from leuko.settings import default_settings
from tests import audited, cohorts, wards

DEFAULT = default_settings()
AS_OF = date(2024, 3, 1)
GRACES = {name: measure.grace for name, measure in measures.MEASURES.items() if measure.grace != "none"}
Z95 = 1.959963984540054


@cache
def ward(seed):
    """A ward of random patients whose sites and clinicians are given in turn; some stand in no patient list."""
    cohort = cohorts.ward(seed, patients=100)
    for number, row in enumerate(cohort.patients):
        row |= {"site": ("North", "South", None)[number % 3], "clinician": ("Dr A", None)[number % 2]}
    return cohort


@cache
def evaluated(seed):
    return audited.of_cohort(ward(seed))


@cache
def hospital():
    """A hospital under the shipped protocols, with rows that are set aside on the way."""
    frames = vars(wards.hospital(range(60)))
    return audited.of_frames(frames, leuko.load_protocols(), AS_OF)


def every_event(con, changed=DEFAULT, scope=audit.EVERYTHING, sites=None):
    """The events of every measure as one frame, ended by these settings."""
    frames = [audit.events(con, changed, scope, sites, name).assign(measure=name) for name in measures.MEASURES]
    return pandas.concat([frame for frame in frames if len(frame)], ignore_index=True)


def counted(frame, column=None):
    """What `audit.measures` should count, by hand: the population and the four endings by (measure, group)."""
    groups = {}
    for row in frame.to_dict("records"):
        group = "all" if column is None else row[column]
        ends = groups.setdefault((row["measure"], group), dict.fromkeys(audit.ENDINGS, 0))
        ends[row["ending"]] += 1
    return {key: (sum(ends.values()), *ends.values()) for key, ends in groups.items()}


def as_counts(table):
    numbers = ["population", *audit.ENDINGS]
    return {
        (row["measure"], row["group"]): tuple(int(row[name]) for name in numbers)
        for row in table.to_dict("records") if row["population"]
    }  # fmt: skip


# ---------------------------------------------------------------- the four endings


@settings(max_examples=8)
@given(
    cohort=cohorts.cohorts(),
    graces=st.fixed_dictionaries({grace: st.sampled_from((1, 2, 5, 30, 90)) for grace in sorted(set(GRACES.values()))}),
)
def test_the_four_endings_add_up_to_the_population(cohort, graces):
    con = audited.of_cohort(cohort)
    population = dict(con.execute("SELECT measure, count(*) FROM audit_events GROUP BY ALL").fetchall())
    for changed in (DEFAULT, audited.settings_with(**graces)):
        for by in audit.GROUPS:
            table = audit.measures(con, changed, by=by)
            ends = table[list(audit.ENDINGS)].sum(axis=1)
            assert ends.eq(table["population"]).all()
            assert dict(table.groupby("measure")["population"].sum()[lambda each: each > 0]) == population


@pytest.mark.parametrize("seed", [1, 2])
def test_every_event_that_was_not_met_says_why(seed):
    events = every_event(evaluated(seed))
    assert set(events["ending"]) == set(audit.ENDINGS)
    assert events.loc[events["ending"].ne("met"), "reason"].str.len().gt(0).all()


# ---------------------------------------------------------------- grace periods


@pytest.mark.parametrize("days", [1, 3, 40])
def test_changed_grace_periods_are_the_same_as_evaluating_anew_with_them(days):
    changed = audited.settings_with(**dict.fromkeys(GRACES.values(), days))
    anew = audited.of_cohort(ward(1), changed)
    for by in ("all", "month"):
        pandas.testing.assert_frame_equal(
            audit.measures(evaluated(1), changed, by=by), audit.measures(anew, changed, by=by)
        )
    ended = anew.execute("SELECT measure, patient_id, ending, reason FROM audit_events").fetchall()
    assert sorted(map(str, ended)) == sorted(
        map(str, every_event(evaluated(1), changed)[["measure", "patient_id", "ending", "reason"]]
            .astype(object).where(lambda each: each.notna(), None).itertuples(index=False, name=None))
    )  # fmt: skip


def test_a_grace_period_moves_only_its_own_measure():
    before = audit.measures(evaluated(1), DEFAULT).set_index("measure")
    for grace in set(GRACES.values()):
        after = audit.measures(evaluated(1), audited.settings_with(**{grace: 60 if "minutes" in grace else 20}))
        differing = before.compare(after.set_index("measure")).index
        assert set(differing) <= {name for name, own in GRACES.items() if own == grace}


def test_a_longer_grace_period_never_has_fewer_met_or_more_not_met():
    for name in GRACES:
        table = audit.sensitivity(evaluated(2), DEFAULT, audit.EVERYTHING, None, name, range(0, 60, 3))
        assert table["met"].is_monotonic_increasing and table["not_met"].is_monotonic_decreasing
        assert table["population"].nunique() == 1


@pytest.mark.parametrize("name", sorted(GRACES))
def test_sensitivity_is_the_measure_under_each_grace_period(name):
    graces = [1, 2, 7, 30]
    scope = audit.Scope(site=("North", ""))
    table = audit.sensitivity(evaluated(1), DEFAULT, scope, ("North",), name, graces)
    assert list(table["grace"]) == graces
    for row in table.to_dict("records"):
        changed = audited.settings_with(**{GRACES[name]: row["grace"]})
        alone = audit.measures(evaluated(1), changed, scope, ("North",)).set_index("measure").loc[name]
        for column in ("population", *audit.ENDINGS, "rate", "lower", "upper"):
            assert row[column] == alone[column] or (pandas.isna(row[column]) and pandas.isna(alone[column]))


def test_a_measure_without_a_grace_period_has_no_sensitivity():
    for name in set(measures.MEASURES) - set(GRACES):
        assert audit.sensitivity(evaluated(1), DEFAULT, audit.EVERYTHING, None, name, [1, 2]).empty


# ---------------------------------------------------------------- groups, scope and sites


@pytest.mark.parametrize("by", ["all", "site", "clinician", "drug", "month"])
def test_groups_are_counted_as_by_hand(by):
    for con in (evaluated(1), hospital()):
        events = every_event(con)
        column = None if by == "all" else by
        if by == "month":
            events["month"] = [day.strftime("%Y-%m") for day in events["counted_on"]]
        elif column:
            events[column] = events[column].fillna("no drug" if by == "drug" else "not recorded")
        table = audit.measures(con, DEFAULT, by=by)
        assert as_counts(table) == counted(events, column)
        assert list(table.columns) == list(audit.COLUMNS)
        assert table["by"].eq(by).all()


def test_an_event_counts_on_its_due_day_or_where_that_is_to_come_on_the_day_it_happened():
    days = evaluated(1).execute("SELECT counted_on, due_on, happened_on FROM audit_events").fetchall()
    as_of = cohorts.ward(1, patients=1).as_of
    for counted_on, due, happened in days:
        assert counted_on == (due if due and (due <= as_of or not happened) else happened)


SCOPES = (
    audit.Scope(site=("North",)),
    audit.Scope(site=("",)),
    audit.Scope(site=("South", "")),
    audit.Scope(clinician=("Dr A",)),
    audit.Scope(clinician=("",), drug=("imatinib", "dasatinib")),
    audit.Scope(drug=("mercaptopurine",)),
    audit.Scope(start=date(2023, 10, 1)),
    audit.Scope(end=date(2023, 10, 1)),
    audit.Scope(start=date(2023, 10, 1), end=date(2023, 10, 31), site=("North",)),
    audit.Scope(site=("nowhere",)),
    audit.Scope(site=()),
)


@pytest.mark.parametrize("scope", SCOPES, ids=str)
@pytest.mark.parametrize("sites", [None, ("North",), ("North", "South"), ()])
def test_a_scope_and_the_sites_that_may_be_seen_leave_what_is_left_by_hand(scope, sites):
    left = every_event(evaluated(1))
    for column in ("site", "clinician", "drug"):
        wanted = getattr(scope, column)
        left = left if wanted is None else left[left[column].fillna("").isin(wanted)]
    left = left if sites is None else left[left["site"].isin(sites)]
    first, last = pandas.Timestamp(scope.start or date(1900, 1, 1)), pandas.Timestamp(scope.end or date(2200, 1, 1))
    left = left[pandas.to_datetime(left["counted_on"]).between(first, last)]
    assert as_counts(audit.measures(evaluated(1), DEFAULT, scope, sites)) == counted(left)
    assert len(audit.deviations(evaluated(1), DEFAULT, scope, sites)) == left["ending"].ne("met").sum()


def test_a_patient_without_a_site_is_seen_only_with_all_sites():
    everyone = every_event(evaluated(1))
    homeless = set(everyone.loc[everyone["site"].isna(), "patient_id"])
    some = every_event(evaluated(1), sites=("North", "South"))
    assert homeless and not homeless & set(some["patient_id"])
    assert set(everyone["patient_id"]) == homeless | set(some["patient_id"])
    assert set(audit.deviations(evaluated(1), DEFAULT, sites=("North",))["patient_id"]).isdisjoint(homeless)


def test_both_days_of_a_period_belong_to_it():
    days = sorted(set(every_event(evaluated(1))["counted_on"]))
    day = days[len(days) // 2]
    only = audit.Scope(start=day, end=day)
    assert set(every_event(evaluated(1), scope=only)["counted_on"]) == {day}


def test_another_group_is_refused():
    with pytest.raises(KeyError):
        audit.measures(evaluated(1), DEFAULT, by="ward")


# ---------------------------------------------------------------- rates, intervals and days


def test_the_rate_is_met_of_met_and_not_met_with_its_wilson_interval():
    for row in audit.measures(evaluated(1), DEFAULT, by="site").to_dict("records"):
        met, of = row["met"], row["met"] + row["not_met"]
        if not of:
            assert all(pandas.isna(row[name]) for name in ("rate", "lower", "upper"))
            continue
        share = met / of
        centre = (share + Z95**2 / (2 * of)) / (1 + Z95**2 / of)
        half = Z95 * sqrt(share * (1 - share) / of + Z95**2 / (4 * of**2)) / (1 + Z95**2 / of)
        assert row["rate"] == share
        assert row["lower"] == pytest.approx(max(centre - half, 0), abs=1e-9)
        assert row["upper"] == pytest.approx(min(centre + half, 1), abs=1e-9)


@pytest.mark.parametrize("by", ["all", "drug"])
def test_median_and_90th_percentile_are_the_lowest_number_that_so_many_took_at_most(by):
    events = every_event(evaluated(1))
    group = pandas.Series("all", index=events.index) if by == "all" else events["drug"].fillna("no drug")
    happened = events[events["ending"].isin(["met", "not_met"]) & events["days"].notna()].assign(group=group)
    checked = 0
    for row in audit.measures(evaluated(1), DEFAULT, by=by).to_dict("records"):
        days = sorted(happened.loc[happened["measure"].eq(row["measure"]) & happened["group"].eq(row["group"]), "days"])
        for name, share in (("median_days", 0.5), ("p90_days", 0.9)):
            if days:
                assert row[name] == days[ceil(share * len(days)) - 1]
                checked += 1
            else:
                assert pandas.isna(row[name])
    assert checked


# ---------------------------------------------------------------- lists


@pytest.mark.parametrize("changed", [DEFAULT, audited.settings_with(hold_grace_days=5, routine_grace_days=0)])
def test_deviations_are_all_events_but_those_met(changed):
    for con in (evaluated(1), hospital()):
        events = every_event(con, changed)
        listed = audit.deviations(con, changed)
        assert list(listed.columns) == list(audit.DEVIATIONS)
        others = events[events["ending"].ne("met")]
        keys = ["measure", "patient_id", "ending", "reason"]
        assert sorted(map(tuple, listed[keys].to_numpy())) == sorted(map(tuple, others[keys].to_numpy()))


@pytest.mark.parametrize("ending", audit.ENDINGS)
def test_the_events_behind_a_number_are_as_many_as_it_says(ending):
    table = audit.measures(evaluated(1), DEFAULT).set_index("measure")
    for name in measures.MEASURES:
        events = audit.events(evaluated(1), DEFAULT, audit.EVERYTHING, None, name, ending)
        assert len(events) == table.loc[name, ending]
        assert events["ending"].eq(ending).all()


def test_events_name_the_patient_and_where_he_is():
    events = every_event(evaluated(1))
    known = {row["patient_id"]: row for row in ward(1).patients}
    for row in events.to_dict("records"):
        patient = known.get(row["patient_id"], {})
        for column in ("name", "site", "clinician"):
            found = None if pandas.isna(row[column]) else row[column]
            assert found == patient.get(column)


# ---------------------------------------------------------------- nothing, and the past


def test_a_hospital_without_anybody_has_every_measure_with_zeros_and_no_rate():
    con = audited.of_cohort(cohorts.Cohort([], [], [], [], list(cohorts.GIVEN_PROTOCOLS), AS_OF))
    table = audit.measures(con, DEFAULT)
    assert list(table["measure"]) == list(measures.MEASURES)
    assert table[["population", *audit.ENDINGS]].eq(0).all(axis=None)
    assert table[["rate", "lower", "upper", "median_days", "p90_days"]].isna().all(axis=None)
    assert audit.deviations(con, DEFAULT).empty
    for by in set(audit.GROUPS) - {"all"}:
        assert audit.measures(con, DEFAULT, by=by).empty


@settings(max_examples=6)
@given(cohort=cohorts.cohorts(), days=st.sampled_from((0, 3, 10, 30)))
def test_a_past_day_is_audited_with_what_was_known_by_then(cohort, days):
    """The whole data asked for a past day, and what stood in the files on that day, give the same events."""
    day = cohort.as_of - timedelta(days=days)
    assert found_on(cohort, day) == found_on(known_by(cohort, day), day)


@pytest.mark.parametrize("days", [5, 60])
def test_a_past_day_of_a_ward_is_audited_with_what_was_known_by_then(days):
    day = ward(3).as_of - timedelta(days=days)
    assert found_on(ward(3), day) == found_on(known_by(ward(3), day), day)


def found_on(cohort, day):
    rows = audited.of_cohort(cohort, as_of=day).execute(
        """SELECT measure, patient_id, protocol, due_on, happened_on, ending, reason, counted_on, days
        FROM audit_events"""
    )
    return sorted(map(str, rows.fetchall()))


def known_by(cohort, day):
    """What stood in the files on that day; a later death or leaving was not yet written down."""
    return cohorts.Cohort(
        labs=[row for row in cohort.labs if max(row["reported_at"], row["collected_at"]).date() <= day],
        exposures=[row for row in cohort.exposures if row["start_on"] <= day],
        events=[row for row in cohort.events if row["occurred_at"].date() <= day],
        patients=[
            row | {name: row[name] if row[name] and row[name] <= day else None for name in ("died_on", "left_on")}
            for row in cohort.patients
        ],
        protocols=cohort.protocols,
        as_of=day,
    )


def test_a_row_that_was_set_aside_after_a_past_day_changes_nothing_of_it():
    frames = {
        "labs": pandas.DataFrame([
            {"patient_id": "P1", "analyte": "anc", "value": value, "unit": unit, "collected_at": day}
            for day, value, unit in (
                ("2024-01-01", "3000", "cells/uL"), ("2024-01-15", "400", "cells/uL"), ("2024-03-20", "4", None),
            )
        ]),
        "exposures": pandas.DataFrame([
            {"patient_id": "P1", "drug": "dasatinib", "dose_mg": dose, "start_on": day}
            for day, dose in (("2024-01-01", "100"), ("2024-03-10", None))
        ]),
    }  # fmt: skip
    con = audited.of_frames(frames, leuko.load_protocols(), date(2024, 2, 1))
    ended = dict(con.execute("SELECT measure, ending FROM audit_events WHERE due_on > '2024-01-14'").fetchall())
    assert ended["hold_given"] == "not_met"
    assert ended["follow_up_count"] == "not_met"


def test_the_events_are_the_same_whatever_the_order_of_the_rows():
    cohort = ward(2)
    turned = cohorts.Cohort(
        cohort.labs[::-1], cohort.exposures[::-1], cohort.events[::-1], cohort.patients, cohort.protocols, cohort.as_of
    )
    assert found_on(cohort, cohort.as_of) == found_on(turned, cohort.as_of)


def test_each_patient_is_audited_as_if_alone():
    """Events of two wards together are those of each."""
    first, second = ward(1), ward(2)
    renamed = {
        table: [row | {"patient_id": f"Q{row['patient_id']}"} for row in getattr(second, table)]
        for table in cohorts.TABLES
    }
    protocols = list(first.protocols)
    alone = cohorts.Cohort(**renamed, protocols=protocols, as_of=first.as_of)
    together = cohorts.Cohort(
        **{table: getattr(first, table) + renamed[table] for table in cohorts.TABLES},
        protocols=protocols, as_of=first.as_of,
    )  # fmt: skip
    assert found_on(together, first.as_of) == sorted(found_on(first, first.as_of) + found_on(alone, first.as_of))


def test_a_database_without_the_wordings_of_endings_can_be_asked():
    """The queries bring what they need: a connection that only reads has none of it."""
    events = evaluated(1).execute("FROM audit_events").df()
    patients = evaluated(1).execute("FROM patients").df()
    con = duckdb.connect()
    con.register("events_of_old", events)
    con.register("patients_of_old", patients)
    con.execute("CREATE TABLE audit_events AS FROM events_of_old; CREATE TABLE patients AS FROM patients_of_old")
    pandas.testing.assert_frame_equal(audit.measures(con, DEFAULT), audit.measures(evaluated(1), DEFAULT))
