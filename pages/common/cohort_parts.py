"""The parts of the cohort page: each says its sentence, whom it shows and whom not, then its figure and its numbers."""

import pandas as pd
import streamlit as st

from leuko.cohort import MOST_LINES, MOST_ROWS, Cohort, baseline_days, findings
from leuko.cohort.survival import Curve, Step
from leuko.figures.cohort import days_below, dose_intensity, heat_map, survival, trajectories, worst_grades
from leuko.figures.findings import percent
from leuko.figures.grade_bands import GRADE_VERSION
from leuko.figures.panels import rows
from pages.common import address, clicks, shared
from pages.common.markup import table
from pages.common.picture import draw_picture

MOST_ROWS_IN_TABLE = 1000
ROW, HEADER = 35, 38  # pixels of a table
TALLEST = 420
LOWEST = "lowest_anc"
WHICH = {LOWEST: "Lowest ANC", "median_anc": "Median ANC"}
UNGRADED = "Cannot tell: no limit of normal is known, or the count came as “below” or “above” a number."
WIDTHS = {  # pixels that the labels of a figure need
    "trajectories": 720,
    "weeks": 720,
    "without_an_episode": 440,
    "not_yet_recovered": 440,
    "grades": 600,
    "days": 520,
}
# On a narrow screen such a figure keeps this width and is moved sideways; on a tablet two of them stand one below the
# other, so that most of them fit.
STYLE = "@media (max-width: 900px) { [data-testid=stColumn] { min-width: 100%; } } " + " ".join(
    f".st-key-chart_{name} {{ overflow-x: auto; }} "
    f".st-key-chart_{name} [data-testid=stElementContainer] {{ min-width: {width}px; }}"
    for name, width in WIDTHS.items()
)


# What every part is made of


def draw_words(sentence: str, told: str) -> None:
    """What a part says, then whom it shows and whom not."""
    st.markdown(f"##### {shared.plain(sentence)}")
    st.caption(shared.plain(told))


def draw_figure(figure: dict, name: str, *, opens: bool) -> None:
    """The figure; where it `opens` patients, a click on a point of theirs goes to their page."""
    with st.container(key=f"chart_{name}"):
        event = draw_picture(
            figure,
            name,
            figure["layout"]["meta"]["alt"],
            on_select="rerun" if opens else "ignore",
            selection_mode="points",
        )
    if opens:
        stands_for = (point.get("customdata") for point in event.selection.points)
        patient = next((each[1] for each in stands_for if each and each[1]), None)
        if patient:
            shared.open_patient(patient)


def draw_numbers(
    shown: pd.DataFrame,
    name: str,
    alt: str,
    notes: list[str],
    words: tuple[str, ...] = (),
    patients: tuple[str, ...] = (),
) -> None:
    """How a figure counts and its numbers as a table, sent when opened.

    `words`: the columns that are no numbers and stand to the left; `patients`: whom a click on each row opens.
    """
    place = st.expander("How it is counted, and the numbers", key=f"numbers_{name}", on_change="rerun")
    if not place.open:
        return
    with place:
        st.markdown("\n".join(f"- {shared.plain(note)}" for note in notes if note))
        numbers = [column for column in shown.columns if column not in words]
        written = [column for column in numbers if pd.api.types.is_numeric_dtype(shown[column])]
        event = (clicks.place(name) if patients else st).dataframe(
            shown.style.format(shared.number, subset=written),
            column_config={column: st.column_config.Column(alignment="right") for column in numbers},
            hide_index=True,
            height=min(TALLEST, ROW * len(shown) + HEADER),
            placeholder=shared.NONE,
            on_select="rerun" if patients else "ignore",
            selection_mode=clicks.ANYWHERE,
            key=f"table_{name}",
            alt=alt,
        )
        if patients:
            st.caption("A click on a row opens the patient.")
            row = clicks.clicked(event)
            if row is not None:
                shared.open_patient(patients[row])


# ANC by day and by week


def draw_trajectories(cohort: Cohort, minimum: int) -> None:
    unit = cohort.unit
    figure = trajectories.figure(cohort.lines, cohort.quartiles, cohort.thresholds, minimum, unit, shared.theme())
    drawn = cohort.lines["course"].nunique()
    high = int(cohort.lines["anc"].map(unit.value).gt(figure["layout"]["yaxis"]["range"][1]).sum())
    cut = f" {drawn:,} lines are drawn, evenly from the lowest ANC to the highest." if drawn == MOST_LINES else ""
    draw_words(
        figure["layout"]["meta"]["alt"],
        f"{shown_within(cohort).in_words}{cut} A click on a line opens its patient.",
    )
    draw_figure(figure, "trajectories", opens=True)
    notes = [
        "Day 0 is the day of the first dose. A line joins the lowest ANC of each day with one.",
        "Median and middle half, from the lower to the upper quartile: every seventh day, of the ANC that stood then "
        "(the last up to that day, where a later one follows), over all courses, drawn or not. A day of fewer than "
        f"{minimum:,} courses has none.",
        f"Counts of these lines above the figure: {high:,}." if high else "",
    ]
    in_unit = {name: cohort.quartiles[name].map(unit.value) for name in ("lower", "median", "upper")}
    names = ("Lower quartile", "Median", "Upper quartile")
    names = ("Day", "Courses with a known ANC", *(f"{name}, {unit.words}" for name in names))
    quartiles = cohort.quartiles.assign(**in_unit).set_axis(names, axis="columns")
    alt = f"The quartiles of ANC over all courses on every seventh day, in {unit.words}"
    draw_numbers(quartiles, "trajectories", alt, notes)


def shown_within(cohort: Cohort) -> findings.Shown:
    """Who has a count within the weeks that are shown: a course may have its first one later."""
    courses = cohort.courses
    reasons = {
        findings.NO_ANC: courses["anc_days"].eq(0),
        "no ANC in these weeks": courses["first_day"].gt(cohort.last_day),
    }
    return findings.keep(courses, reasons)[1]


def draw_heat_map(cohort: Cohort) -> None:
    figure = heat_map.figure(cohort.cells, cohort.courses, cohort.unit, shared.theme())
    shown = cohort.cells.drop_duplicates("row").reset_index(drop=True)
    patients, of = shown["patient_id"].nunique(), cohort.courses["patient_id"].nunique()
    fewer = f"fewer weeks in the lowest band (only {MOST_ROWS} courses have a row)"
    told = findings.Shown(patients, of, {fewer: of - patients} if patients < of else {})
    draw_words(figure["layout"]["meta"]["alt"], f"{told.in_words} A click on a week opens the patient.")
    draw_figure(figure, "weeks", opens=True)
    known = heat_map.names(cohort.unit)
    meant = cohort.cells.assign(meaning=[known[heat_map.code(cell)] for cell in rows(cohort.cells)])
    counted = meant.pivot_table(index="row", columns="meaning", values="week", aggfunc="count", fill_value=0)
    weeks = counted.reindex(columns=known, fill_value=0).reset_index(drop=True)
    weeks.columns = [f"Weeks {name[0].lower()}{name[1:]}" for name in known]
    numbers = pd.DataFrame(
        {"Patient": shared.who(shown), "Drug": shown["drug"], "Site": shown["site"]}
    ).join(weeks)
    notes = [
        "A row is a course; week 1 begins with the day of the first dose. Each week has the colour of its lowest ANC.",
        "A week without a count has no colour; after the end of a course, and after the day shown, nothing is drawn.",
        "Cannot tell: a count came as “below” or “above” a number, and the bands on both sides of it are possible.",
    ]
    alt = "How many weeks of each patient were in which band"
    draw_numbers(numbers, "weeks", alt, notes, ("Patient", "Drug", "Site"), tuple(shown["patient_id"]))


# Time to an episode and to its end


def draw_survival(cohort: Cohort, minimum: int) -> None:
    left, right = st.columns(2, gap="large")
    with left:
        curve, told = findings.first_episodes(cohort.courses)
        of = shared.counted(curve.of, "course")
        notes = [
            "Days from the first dose to the onset of the first episode. A course without one is followed to its end "
            "(death, leaving, discontinued) or to the day shown."
        ]
        said = f"{curve.events:,} of {of} had an episode", "had one"
        draw_curve(curve, told, said, "without an episode", minimum, notes)
    with right:
        curve, told = findings.recoveries(cohort.courses)
        of = shared.counted(curve.of, "first episode")
        were = "was" if curve.events == 1 else "were"
        notes = [
            "Days from the onset of the first episode to its recovery. An open episode is followed to the day shown, "
            "or to the end of its course, and never counted as recovered.",
            "Later episodes of a course are not counted: they hang together with its first.",
        ]
        said = f"{curve.events:,} of {of} {were} over", "were over"
        draw_curve(curve, told, said, "not yet recovered", minimum, notes)


def draw_curve(
    curve: Curve, told: findings.Shown, said: tuple[str, str], states: str, minimum: int, notes: list[str]
) -> None:
    """`said`: how many had the event, and what half of them had or were; `states`: what those are that had none yet."""
    sentence = f"{said[0]}; {survival.half_in_words(curve, said[1], minimum)}."
    name = states.replace(" ", "_")
    end = survival.last_drawn(curve, minimum)
    least = survival.still_drawn(curve, minimum)
    cut = f" Drawn to day {end:,}, as long as {least:,} are at risk." if end < curve.last_day else ""
    draw_words(sentence, f"{told.in_words}{cut}")
    draw_figure(survival.figure(curve, sentence, states, minimum, shared.theme()), name, opens=False)
    share = f"Share {states}"
    steps = pd.DataFrame(
        [(step.day, step.at_risk, step.events, percent(step.share), between(step)) for step in curve.steps],
        columns=["Day", "At risk", "Events", share, "95 % interval"],
    )
    method = "Kaplan-Meier with its 95 % interval (log-log). A stroke on the curve is a course followed to that day."
    alt = f"{share} by day, a row a day with events"
    draw_numbers(steps, name, alt, [*notes, method])


def between(step: Step) -> str:
    return shared.NONE if step.lower is None else f"{percent(step.lower)} to {percent(step.upper)}"


# Grades


def draw_grades(cohort: Cohort) -> None:
    left, right = st.columns([3, 2], gap="large")
    with left:
        draw_worst_grades(cohort)
    with right:
        draw_shift(cohort)


def draw_worst_grades(cohort: Cohort) -> None:
    courses, told = findings.with_doses(cohort.courses)
    by_dose = worst_grades.table(cohort.grades_by_dose)
    sentence = worst_grades.sentence(courses)
    more = len(by_dose) - len(worst_grades.drawn_rows(by_dose))
    cut = f" {shared.counted(more, 'dose')} of the fewest courses stand in the table alone." if more else ""
    draw_words(sentence, f"{told.in_words}{cut}")
    draw_figure(worst_grades.figure(by_dose, sentence, shared.theme()), "grades", opens=False)
    named = {grade: f"Grade {grade}" for grade in map(str, findings.GRADES)}
    numbers = by_dose.rename(columns=named | {findings.CANNOT_TELL: "Cannot tell", "courses": "Courses"})
    numbers = numbers.rename_axis(None, axis="columns").reset_index(names="Dose")
    notes = [
        f"{GRADE_VERSION}, from the lowest ANC after the first day. {UNGRADED}",
        "A bar is a dose, with all courses that had a count on it: a course stands under each dose it was given.",
        "A count goes with the dose of the day before it or, while the drug was held, with the last one given.",
    ]
    draw_numbers(numbers, "grades", "Worst ANC grade by drug and dose", notes, ("Dose",))


def draw_shift(cohort: Cohort) -> None:
    """Baseline against worst: a table is its own figure."""
    courses, told = findings.with_later_counts(cohort.courses)
    shifted = findings.shift(courses)
    mild, grave = ["0", "1"], ["3", "4"]
    before, fell = int(shifted.loc[mild].to_numpy().sum()), int(shifted.loc[mild, grave].to_numpy().sum())
    of = f"Of {shared.counted(before, 'course')} with grade 0 or 1 before the drug"
    nobody = "No course has a known grade of 0 or 1 from before the drug."
    draw_words(f"{of}, {fell:,} came to grade 3 or 4." if before else nobody, told.in_words)
    lines = [
        {"Grade before ↓, worst →": grade} | {worst: f"{count:,}" for worst, count in row.items()}
        for grade, row in shifted.to_dict("index").items()
    ]
    st.html(table(lines, numbers=tuple(shifted.columns)))
    st.caption(
        f"{GRADE_VERSION}. Before: the last ANC of the {baseline_days()} days up to the first dose. Worst: of the days "
        f"after it. {UNGRADED}"
    )


# Doses and days


def draw_doses(cohort: Cohort) -> None:
    courses, told = findings.with_doses(cohort.courses)
    if courses.empty:
        draw_words("No course has both a share of its starting dose and an ANC after its first day.", told.in_words)
        return
    address.take("anc", lambda said: next((one for one in said if one in WHICH), LOWEST))
    place = st.container()
    which = st.segmented_control("ANC", list(WHICH), format_func=WHICH.get, required=True, key="anc") or LOWEST
    address.put("anc", [] if which == LOWEST else [which])
    figure = dose_intensity.figure(courses, which, cohort.unit, shared.theme())
    points = len(dose_intensity.drawn_courses(courses))
    cut = f" {points:,} of their points are drawn, evenly by the share." if points < len(courses) else ""
    with place:
        draw_words(
            figure["layout"]["meta"]["alt"],
            f"{told.in_words}{cut} Low counts lead to holds too, so this shows no cause. A click on a point opens its "
            "patient.",
        )
    draw_figure(figure, "doses", opens=True)
    listed = courses.nsmallest(MOST_ROWS_IN_TABLE, "share_given")
    shown = pd.DataFrame(
        {
            "Patient": shared.who(listed),
            "Starting dose": listed["dose"],
            "Given": listed["share_given"].map(percent),
            f"Lowest ANC, {cohort.unit.words}": listed["lowest_anc"].map(cohort.unit.value),
            f"Median ANC, {cohort.unit.words}": listed["median_anc"].map(cohort.unit.value),
        }
    )
    notes = [
        "Given: the doses of all days of the course as recorded, 0 while held, against the first dose on each of them. "
        "Planned off-days count for neither.",
        "ANC: of the days after the first.",
        f"The {len(listed):,} courses that were given the least." if len(listed) < len(courses) else "",
    ]
    alt = f"Share of the starting dose given and ANC in {cohort.unit.words}, the least given first"
    draw_numbers(shown, "doses", alt, notes, ("Patient", "Starting dose"), tuple(listed["patient_id"]))


def draw_days_below(cohort: Cohort, minimum: int) -> None:
    courses, told = findings.with_known_days(cohort.courses)
    if courses.empty:
        draw_words("No course has two days with an ANC.", told.in_words)
        return
    together = findings.days_below(courses)
    parts = {f"by {name}": findings.days_below(courses, name) for name in ("drug", "site")}
    figure = days_below.figure(together, parts, minimum, shared.theme())
    draw_words(figure["layout"]["meta"]["alt"], told.in_words)
    draw_figure(figure, "days", opens=False)
    every = pd.concat([together.assign(by="together"), *(groups.assign(by=name) for name, groups in parts.items())])
    shown = pd.DataFrame(
        {
            "By": every["by"],
            "Group": every["group"],
            "Courses": every["courses"],
            "Days below": every["low_days"],
            "Patient-days": every["known_days"],
            "Per 100 patient-days": [days_below.value_words(row, minimum) for row in every.to_dict("records")],
        }
    )
    notes = [
        "Days with an ANC that meets the hold threshold of the course's protocol. A count stands until the next one.",
        "Patient-days: from the first ANC of a course to its last. Before and after nothing is known, and not counted.",
        "Exact Poisson 95 % interval. The days of one episode hang together, so it is narrower than it should be.",
        f"A group of fewer than {minimum:,} courses has no rate: too few to judge.",
    ]
    draw_numbers(shown, "days", "Days below the hold threshold per 100 patient-days", notes, ("By", "Group"))
