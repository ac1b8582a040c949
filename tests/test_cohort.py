"""The cohort's numbers, on wards worked out by hand: alignment, censoring, quartiles, bands, grades, doses and days.

All are on dasatinib under the summary (hold below 500, resume from 1,000), most from 1 January 2026, so that day 0 is
1 January and day 59 the day of the file, 1 March.
"""

from datetime import timedelta

import pandas
import pytest

from leuko import grade
from leuko.access import Sight
from leuko.cohort import MOST_LINES, MOST_ROWS, Scope, baseline_days, findings
from leuko.cohort.findings import Shown, days_below, keep, shift
from leuko.cohort.survival import curve
from tests.cohort_wards import FIRST, Ward, on


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    ward = Ward()
    # Low from day 14 to 28: held, then given again at 80 mg from day 29 on.
    held = [(0, 14, 100), (15, 28, 0), (29, None, 80)]
    ward.add("recovered", {-4: 1400, 0: 3000, 14: 400, 21: 700, 28: 1200, 42: 2000}, held, limit="1800")
    ward.add("open", {0: 2500, 30: 450})
    ward.add("discontinued", {10: 300, 25: 2000}, [(0, 19, 100, "discontinued")])
    ward.add("died", {5: 3000, 20: 2500}, died=40)
    ward.add("never counted", {})
    ward.add("counted before and after", {-2: 3000, 33: 2800}, [(0, 30, 100, "discontinued")])
    ward.add("on the threshold", {7: 500, 14: 499, 21: 1000, 28: 2000}, site="North")
    ward.add("first day alone", {0: 2000}, site="North")
    ward.add("later", {45: 2200, 52: 450, 59: 480}, [(40, None, 140)], site="North", diagnosis="ALL")
    opened = ward.open(tmp_path_factory.mktemp("cohort"))
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def courses(store):
    return store.view().cohort().courses.set_index("patient_id")


# Alignment


def test_a_line_is_counted_from_the_first_dose_and_has_the_counts_of_its_course_alone(store):
    lines = store.view().cohort().lines
    of = {patient: rows[["day", "anc"]].values.tolist() for patient, rows in lines.groupby("patient_id")}
    assert of["recovered"] == [[0, 3000], [14, 400], [21, 700], [28, 1200], [42, 2000]], "not that of day -4"
    assert of["later"] == [[5, 2200], [12, 450], [19, 480]]
    assert of["discontinued"] == [[10, 300]], "what was drawn after the end of a course is not of it"
    assert "counted before and after" not in of


def test_lines_and_weeks_end_with_the_weeks_asked_for(store):
    two, five = (store.view().cohort(weeks=weeks) for weeks in (2, 5))
    assert two.lines["day"].max() == 12, "day 14 is the first of week 3"
    assert five.lines["day"].max() == 30
    assert (two.cells["week"].max(), five.cells["week"].max()) == (2, 5)
    assert len(two.courses) == len(five.courses) == 9, "the courses stay whole"
    assert store.view().cohort(weeks=3).lines["day"].max() == 20


def test_the_lowest_of_a_day_is_its_count(tmp_path):
    ward = Ward()
    ward.add("P", {3: 900})
    ward.count("P", 700, 3, clock="18:00")
    ward.count("P", 1100, 4)
    store = ward.open(tmp_path)
    assert store.view().cohort().lines[["day", "anc"]].values.tolist() == [[3, 700], [4, 1100]]
    store.close()


# Censoring


def test_an_open_episode_is_censored_on_the_day_shown_and_one_of_a_course_that_is_over_on_its_last(courses):
    assert courses.loc["recovered", ["days_to_episode", "days_to_recovery"]].tolist() == [14, 14]
    assert courses.loc["recovered", "recovered_on"].date() == FIRST + timedelta(days=28)
    assert pandas.isna(courses.loc["open", "recovered_on"]), "never recovered"
    assert courses.loc["open", ["days_to_episode", "days_to_recovery"]].tolist() == [30, 29]
    assert pandas.isna(courses.loc["discontinued", "recovered_on"]), "the count after its end is not of the course"
    assert courses.loc["discontinued", ["days_to_episode", "days_to_recovery"]].tolist() == [10, 9]


def test_a_course_without_an_episode_is_followed_to_death_or_to_the_day_shown(courses):
    assert courses.loc["died", "days_to_episode"] == 40
    assert courses.loc["first day alone", "days_to_episode"] == 59
    assert courses.loc[["died", "first day alone"], "onset_on"].isna().all()


def test_the_first_episodes_of_the_ward(courses):
    found, told = findings.first_episodes(courses.reset_index())
    assert found.days == (10, 12, 14, 14, 30, 40, 59)
    assert (found.events, found.censored) == (5, (40, 59))
    assert (told.patients, told.of, told.left_out) == (7, 9, {"no ANC in the course": 2})
    assert found.median == 14, "5 of 7 after day 12, 3 of 7 after day 14"


def test_the_recoveries_of_the_ward(courses):
    found, told = findings.recoveries(courses.reset_index())
    # on the threshold: low on day 14, 1,000 on day 21; later: open since day 12 of the course, on day 19 the day shown
    assert found.days == (7, 7, 9, 14, 29)
    assert (found.events, found.censored) == (2, (7, 9, 29))
    assert told.left_out == {"no episode": 4}
    assert found.share(7) == pytest.approx(4 / 5)
    assert found.share(14) == pytest.approx(4 / 5 * 1 / 2)


def test_a_later_episode_is_not_counted(tmp_path):
    ward = Ward()
    ward.add("twice", {3: 400, 8: 1500, 20: 300, 50: 1600})
    store = ward.open(tmp_path)
    found, _ = findings.recoveries(store.view().cohort().courses)
    assert found.days == (5,)
    store.close()


def test_a_past_day_knows_only_what_was_reported_then(store):
    then = store.view(as_of=FIRST + timedelta(days=20)).cohort()
    row = then.courses.set_index("patient_id").loc["recovered"]
    assert (row["days_to_recovery"], pandas.isna(row["recovered_on"])) == (6, True)
    assert "later" not in set(then.courses["patient_id"]), "it had not begun"
    assert then.lines["day"].max() == 20


def test_a_count_that_was_reported_later_was_not_known(tmp_path):
    ward = Ward()
    ward.add("P", {5: 3000})
    ward.count("P", 400, 6, reported=30)
    store = ward.open(tmp_path)
    for day, counts in ((29, [3000]), (30, [3000, 400])):
        assert store.view(as_of=FIRST + timedelta(days=day)).cohort().lines["anc"].tolist() == counts, day
    store.close()


# Kaplan-Meier

# Weeks of remission on 6-mercaptopurine, Freireich and others 1963, as by Gehan 1965; False: still in remission.
REMISSIONS = [
    (6, True), (6, True), (6, True), (6, False), (7, True), (9, False), (10, True), (10, False), (11, False),
    (13, True), (16, True), (17, False), (19, False), (20, False), (22, True), (23, True), (25, False), (32, False),
    (32, False), (34, False), (35, False),
]  # fmt: skip


def test_a_published_example():
    found = curve(*zip(*REMISSIONS, strict=True))
    steps = [(step.day, step.at_risk, step.events, round(step.share, 3)) for step in found.steps]
    assert steps == [
        (6, 21, 3, 0.857), (7, 17, 1, 0.807), (10, 15, 1, 0.753), (13, 12, 1, 0.69), (16, 11, 1, 0.627),
        (22, 7, 1, 0.538), (23, 6, 1, 0.448),
    ]  # fmt: skip
    assert [(round(step.lower, 3), round(step.upper, 3)) for step in found.steps[:2]] == [(0.62, 0.952), (0.563, 0.923)]
    assert found.median == 23
    assert found.median_interval == (13, None)
    assert (found.of, found.events, found.last_day) == (21, 9, 35)


def test_who_is_at_risk_on_a_day_and_the_share_after_it():
    found = curve([3, 5, 5, 8], [True, True, False, False])
    assert [found.at_risk(day) for day in (0, 3, 4, 5, 6, 8, 9)] == [4, 4, 3, 3, 1, 1, 0]
    assert [found.share(day) for day in (2, 3, 4)] == [1, 0.75, 0.75]
    assert found.share(5) == pytest.approx(0.5)


def test_half_is_reached_at_exactly_half_and_not_above():
    assert curve([1, 2, 3, 4], [True] * 4).median == 2
    assert curve([1, 2, 3, 4, 5], [True, True, False, False, False]).median is None, "3 of 5 are left"
    assert curve([1, 2, 3, 4, 5], [True, True, True, False, False]).median == 3


def test_nobody_with_the_event_nobody_at_all_and_everybody():
    none = curve([4, 9], [False, False])
    assert (none.steps, none.median, none.share(9), none.events) == ((), None, 1.0, 0)
    empty = curve([], [])
    assert (empty.of, empty.median, empty.last_day, empty.median_interval) == (0, None, 0, (None, None))
    last = curve([2, 5], [True, True]).steps[-1]
    assert (last.share, last.lower, last.upper) == (0, None, None), "after the last one nothing can be told"


def test_an_event_on_the_first_day_counts():
    found = curve([0, 0, 5], [True, False, False])
    assert found.steps[0].at_risk == 3
    assert found.share(0) == pytest.approx(2 / 3)


# Quartiles


@pytest.fixture(scope="module")
def steady(tmp_path_factory):
    """Five courses, counted on day 0 and 21; one also while it is low, one only to day 6, one from day 8 on."""
    ward = Ward()
    for number, anc in enumerate((1000, 2000, 3000, 4000)):
        ward.add(f"P{number}", {0: anc, 21: anc})
    ward.add("short", {0: 8000, 6: 8000})
    ward.add("late", {8: 9000, 15: 9000})
    opened = ward.open(tmp_path_factory.mktemp("quartiles"))
    yield opened
    opened.close()


def test_the_quartiles_of_every_seventh_day_are_those_of_the_counts_that_stand_between_two(steady):
    found = steady.view().cohort().quartiles
    assert found.values.tolist() == [
        [0, 5, 2000, 3000, 4000],  # 1, 2, 3, 4 and 8 thousand
        [7, 4, 1000, 2000, 3000],  # the short one has no later count, the late one no count yet
        [14, 5, 2000, 3000, 4000],
        [21, 4, 1000, 2000, 3000],  # the last count of a course stands on its own day
    ]
    assert steady.view().cohort(weeks=1).quartiles["day"].tolist() == [0]


def test_a_count_shortly_before_the_first_dose_stands_on_it(tmp_path):
    ward = Ward()
    ward.add("P", {-3: 4000, 10: 2000})
    store = ward.open(tmp_path)
    assert store.view().cohort().quartiles[["day", "median"]].values.tolist() == [[0, 4000], [7, 4000]]
    store.close()


def test_of_many_courses_some_are_drawn_from_the_lowest_to_the_highest_and_all_count(tmp_path):
    ward = Ward()
    for number in range(MOST_LINES + 30):
        ward.add(f"P{number:03d}", {1: 1000 + number, 8: 1000 + number})
    store = ward.open(tmp_path)
    cohort = store.view().cohort()
    drawn = cohort.lines.drop_duplicates("course")["anc"]
    assert len(drawn) == MOST_LINES
    assert (drawn.min(), drawn.max()) == (1000, 1000 + MOST_LINES + 29)
    assert cohort.quartiles["courses"].tolist() == [MOST_LINES + 30]
    assert cohort.cells["row"].nunique() == MOST_ROWS
    rows = cohort.cells.drop_duplicates("row")["patient_id"].tolist()
    assert rows == [f"P{number:03d}" for number in range(MOST_ROWS)], "the lowest"
    store.close()


# Weeks


def weeks_of(store, patient):
    cells = store.view().cohort().cells
    rows = cells[cells["patient_id"].eq(patient)]
    return {row.week: (row.counts, None if pandas.isna(row.band) else int(row.band)) for row in rows.itertuples()}


def test_a_week_has_the_band_of_its_lowest_count_and_one_without_a_count_has_none(store):
    weeks = weeks_of(store, "on the threshold")
    assert list(weeks) == list(range(1, 10)), "to the day shown, day 59"
    assert weeks[1] == (0, None)
    assert weeks[2] == (1, 1), "500 is in the upper band"
    assert weeks[3] == (1, 0), "499 in the lower"
    assert weeks[4] == (1, 2), "1,000 above both"
    assert list(weeks_of(store, "discontinued")) == [1, 2, 3], "day 19, its last, is in week 3"


def test_those_with_the_most_low_weeks_come_first_and_those_without_a_count_last(store):
    rows = store.view().cohort().cells.drop_duplicates("row")["patient_id"].tolist()
    assert rows[0] == "later", "two weeks below 500"
    assert set(rows[1:5]) == {"recovered", "on the threshold", "open", "discontinued"}
    assert rows[1:3] == ["recovered", "on the threshold"], "one week from 500 to 1,000 as well, the lower first"
    assert set(rows[-2:]) == {"never counted", "counted before and after"}


def test_a_count_below_or_above_a_number_is_only_placed_where_it_must_lie(tmp_path):
    ward = Ward()
    ward.add("P", {0: "<500", 7: "<700", 14: ">500", 21: ">1000", 28: "<1000", 35: ">900", 42: ">900"})
    ward.count("P", 800, 36)
    ward.count("P", 450, 8)
    store = ward.open(tmp_path)
    assert {week: place for week, (_, place) in weeks_of(store, "P").items() if week <= 7} == {
        1: 0,
        2: 0,  # "<700" may be higher, 450 is below 500
        3: None,
        4: 2,
        5: None,
        6: 1,  # ">900" may be above 1,000, 800 is lower
        7: None,  # ">900" alone
    }
    store.close()


# Grades


@pytest.mark.parametrize("limit", [None, 1200.0, 2000.0])
@pytest.mark.parametrize("anc", [0, 499, 500, 999, 1000, 1499, 1500, 1700, 2500])
def test_a_plain_count_has_the_grade_of_the_published_table(tmp_path_factory, anc, limit, graded):
    assert graded[(anc, limit)] == grade("anc", anc, lln=limit)


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """The worst grade of a course with one count, by (ANC, limit of normal)."""
    ward, asked = Ward(), {}
    for limit in (None, 1200.0, 2000.0):
        for anc in (0, 499, 500, 999, 1000, 1499, 1500, 1700, 2500):
            asked[f"P{len(asked)}"] = (anc, limit)
            ward.add(f"P{len(asked) - 1}", {5: anc}, limit=limit or "")
    store = ward.open(tmp_path_factory.mktemp("grades"))
    courses = store.view().cohort().courses
    store.close()
    found = zip(courses["patient_id"], courses["worst_grade"], strict=True)
    return {asked[patient]: None if pandas.isna(worst) else int(worst) for patient, worst in found}


def test_what_could_be_another_grade_is_not_told_and_a_graver_count_tells_after_all(tmp_path):
    ward = Ward()
    ward.add("no limit", {5: 2500})
    ward.add("then grade 2", {5: 2500, 9: 1400})
    ward.add("below 500", {5: "<500"})
    ward.add("below 700", {5: "<700"})
    ward.add("then 300", {5: "<700", 9: 300})
    store = ward.open(tmp_path)
    worst = store.view().cohort().courses.set_index("patient_id")["worst_grade"]
    store.close()
    assert worst[worst.isna()].index.tolist() == ["below 700", "no limit"]
    assert worst["then grade 2"] == 2
    assert worst["below 500"] == worst["then 300"] == 4


def test_the_baseline_is_the_last_count_up_to_the_first_dose_and_not_too_old(tmp_path):
    ward = Ward()
    days = baseline_days()
    ward.add("of the day", {-2: 400, 0: 1400, 5: 3000})
    ward.add("just within", {-days: 1400, 5: 3000})
    ward.add("too old", {-days - 1: 1400, 5: 3000})
    store = ward.open(tmp_path)
    courses = store.view().cohort().courses.set_index("patient_id")
    store.close()
    assert courses["has_baseline"].to_dict() == {"just within": True, "of the day": True, "too old": False}
    assert courses.loc["of the day", "baseline_grade"] == courses.loc["just within", "baseline_grade"] == 2
    assert courses.loc["of the day", "lowest_anc"] == 3000, "the first day is before the drug"


def test_the_shift_table_adds_up(courses):
    kept, told = findings.with_later_counts(courses.reset_index())
    assert told.left_out == {"no ANC after the first day": 3}
    table = shift(kept)
    assert table.to_numpy().sum() == len(kept) == 6
    assert table.loc["0", "4"] == 1, "recovered: 3,000 of a limit of 1,800, then 400"
    assert table.loc["cannot tell", "4"] == 1, "open: 2,500 without a limit, then 450"
    assert table.loc["no count", "4"] == 3, "discontinued, on the threshold, later"
    assert table.loc["no count", "cannot tell"] == 1, "died"


def test_a_count_goes_with_the_dose_of_the_day_before(tmp_path):
    ward = Ward()
    # 900 on the day of the hold, 1,000 while held, 400 on the first day of 80 mg, then 1,400.
    ward.add("P", {0: 300, 15: 900, 20: 1000, 29: 400, 40: 1400}, [(0, 14, 100), (15, 28, 0), (29, None, 80)])
    store = ward.open(tmp_path)
    found = store.view().cohort().grades_by_dose
    store.close()
    assert found[["dose_mg", "grade", "courses"]].values.tolist() == [[100, 4, 1], [80, 2, 1]]


# Doses


def given(tmp_path, doses, **known):
    ward = Ward()
    ward.add("P", {5: 3000}, doses, **known)
    store = ward.open(tmp_path)
    share = store.view().cohort().courses["share_given"].iat[0]
    store.close()
    return share


def test_the_share_of_the_starting_dose_is_that_of_all_days_of_the_course(courses):
    # Days 0 to 14 at 100 mg, 15 to 28 held, 29 to 59 at 80 mg: 15 x 100 + 31 x 80 of 60 x 100.
    assert courses.loc["recovered", "share_given"] == pytest.approx((1500 + 2480) / 6000)
    assert courses.loc["open", "share_given"] == 1
    assert courses.loc["discontinued", "share_given"] == 1, "a course that is over ends there"
    assert courses.loc["died", "share_given"] == 1


def test_days_without_a_recorded_dose_are_days_without_it(tmp_path):
    assert given(tmp_path, [(0, 29, 100), (45, None, 100)]) == pytest.approx(45 / 60)


def test_planned_off_days_count_for_neither(tmp_path):
    assert given(tmp_path, [(0, 20, 100), (21, 27, 0, "planned"), (28, None, 50)]) == pytest.approx(
        (21 * 100 + 32 * 50) / (53 * 100)
    )


def test_more_than_the_starting_dose_is_more_than_all(tmp_path):
    assert given(tmp_path, [(0, 29, 100), (30, None, 140)]) == pytest.approx(1.2)


def test_doses_in_mixed_units_have_no_share_and_are_told(tmp_path):
    ward = Ward()
    ward.add("P", {5: 3000, 40: 2000}, [(0, 29, 100)])
    ward.doses.append(f"P,dasatinib,2,tablets,{on(30)},,")
    store = ward.open(tmp_path)
    cohort = store.view().cohort()
    store.close()
    kept, told = findings.with_doses(cohort.courses)
    assert kept.empty
    assert told.in_words == "0 of 1 patient. Left out: 1 with doses in mixed units."
    assert cohort.grades_by_dose.empty


# Days below the hold threshold


def test_days_below_run_from_a_low_count_to_the_next_and_known_days_from_the_first_to_the_last(courses):
    both = ["low_days", "known_days"]
    assert courses.loc["recovered", both].tolist() == [7, 42], "400 on day 14, 700 on day 21; day 0 to day 42"
    assert courses.loc["on the threshold", both].tolist() == [7, 21], "499 to 1,000; 500 is not below"
    assert courses.loc["open", both].tolist() == [0, 30], "after the last count nothing is known"
    assert courses.loc["later", both].tolist() == [7, 14]
    assert courses.loc["first day alone", both].tolist() == [0, 0]


def test_the_rate_has_its_exact_poisson_interval(courses):
    kept, told = findings.with_known_days(courses.reset_index())
    assert told.left_out == {"fewer than two days with an ANC": 4}
    (row,) = days_below(kept).to_dict("records")
    assert (row["courses"], row["low_days"], row["known_days"]) == (5, 21, 122)
    assert row["rate"] == pytest.approx(100 * 21 / 122)
    assert row["lower"] == pytest.approx(100 * 12.9993 / 122, rel=1e-4), "Garwood: 21 events, 12.9993 to 32.1007"
    assert row["upper"] == pytest.approx(100 * 32.1007 / 122, rel=1e-4)
    by_site = days_below(kept, "site")
    assert by_site[["group", "low_days", "known_days"]].values.tolist() == [["North", 14, 35], ["East", 7, 87]]


def test_no_day_below_has_an_interval_from_none():
    frame = pandas.DataFrame({"low_days": [0.0], "known_days": [100.0], "site": [None]})
    (row,) = days_below(frame, "site").to_dict("records")
    assert (row["group"], row["rate"], row["lower"]) == ("not recorded", 0, 0)
    assert row["upper"] == pytest.approx(3.6889, rel=1e-4), "3.689 events at most"


def test_where_an_episode_has_one_low_run_its_days_are_those_of_the_rule(store):
    cohort = store.view().cohort().courses.set_index("patient_id")
    for patient in ("recovered", "on the threshold", "open", "discontinued", "later"):
        episodes = store.view().patient(patient).episodes
        assert episodes["days_below"].sum() == cohort.loc[patient, "low_days"], patient


# Choosing


def chosen(store, sites=None, **scope):
    return set(store.view(Sight(sites)).cohort(Scope(**scope)).courses["patient_id"])


def test_a_course_is_chosen_by_site_starting_dose_diagnosis_and_the_day_of_its_first_dose(store):
    north = {"on the threshold", "first day alone", "later"}
    assert chosen(store, site=("North",)) == north
    assert chosen(store, dose=("dasatinib 140 mg",)) == chosen(store, diagnosis=("ALL",)) == {"later"}
    assert chosen(store, start=FIRST + timedelta(days=1)) == {"later"}
    assert len(chosen(store, start=FIRST, end=FIRST)) == 8, "both days are within the period"
    assert chosen(store, end=FIRST - timedelta(days=1)) == set()
    assert chosen(store, drug=("imatinib",)) == set()
    assert chosen(store, site=("North",), dose=("dasatinib 100 mg",)) == north - {"later"}


def test_only_the_sites_that_may_be_seen_are_in_any_number(store):
    assert chosen(store, sites=("North",)) == {"on the threshold", "first day alone", "later"}
    assert chosen(store, sites=("North",), site=("East",)) == set()
    assert chosen(store, sites=()) == set()
    cohort = store.view(Sight(("North",))).cohort()
    assert set(cohort.lines["patient_id"]) <= {"on the threshold", "first day alone", "later"}
    assert store.view(Sight(("North",))).cohort_choices()["site"] == ["North"]
    assert store.view(Sight(("North",))).cohort_choices()["dose"] == ["dasatinib 100 mg", "dasatinib 140 mg"]


def test_nothing_chosen_gives_empty_frames(store):
    cohort = store.view().cohort(Scope(drug=("imatinib",)))
    for name in ("courses", "lines", "quartiles", "cells", "grades_by_dose", "thresholds"):
        assert getattr(cohort, name).empty, name


def test_patients_whose_doses_no_protocol_fits_are_told(tmp_path):
    ward = Ward()
    ward.add("P", {5: 3000})
    ward.add("elsewhere", {5: 3000}, [], site="North")
    ward.doses.append(f"elsewhere,docetaxel,75,mg,{on(0)},,")
    store = ward.open(tmp_path)
    assert store.view().cohort().without_protocol == 1
    assert store.view().cohort(Scope(site=("East",))).without_protocol == 0
    assert store.view(Sight(("East",))).cohort().without_protocol == 0
    assert store.view().cohort(Scope(dose=("dasatinib 100 mg",))).without_protocol == 0
    store.close()


def test_reading_a_cohort_leaves_nothing_on_the_cursor_that_others_read(store):
    past = FIRST + timedelta(days=20)
    store.view(as_of=past).cohort()
    with store.day(past) as cursor:
        found = cursor.execute("SELECT table_name FROM duckdb_tables() WHERE temporary").fetchall()
    names = {name for (name,) in found}
    assert not names & {"chosen", "known_labs", "results_used", "counts", "anc_days", "courses", "segments", "bands"}


# Who is shown


def test_a_patient_of_two_courses_is_left_out_only_with_both():
    courses = pandas.DataFrame({"patient_id": ["A", "A", "B", "C"], "bad": [True, False, True, True]})
    worse = pandas.Series([False, False, False, True])
    kept, told = keep(courses, {"something worse": worse, "something bad": courses["bad"]})
    assert kept.index.tolist() == [1]
    assert (told.patients, told.of) == (1, 3)
    assert told.left_out == {"something worse": 1, "something bad": 1}
    assert told.patients + sum(told.left_out.values()) == told.of


def test_who_is_shown_in_words():
    assert Shown(23, 25, {"no ANC in the course": 2}).in_words == (
        "23 of 25 patients. Left out: 2 with no ANC in the course."
    )
    assert Shown(25, 25, {}).in_words == "All 25 patients."
    assert Shown(1, 1, {}).in_words == "1 of 1 patient."
