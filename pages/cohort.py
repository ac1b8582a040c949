"""The cohort: the chosen courses side by side from their first day on the drug, how low they fell and recovered.

What its reader can say after three seconds: "282 of 1,191 patients (24 %) had an episode of low counts; half of the
first episodes were over within 15 days."
"""

from datetime import date

import pandas as pd
import streamlit as st

from leuko.access import Sight
from leuko.cohort import CHOICES, Cohort, Scope, findings
from leuko.cohort.survival import Curve
from leuko.count_units import CountUnit
from leuko.figures.findings import percent
from leuko.protocols.words import in_words
from leuko.store import About, Filters, Store
from pages.common import address, cohort_parts, shared
from pages.common.opened import opened
from pages.common.period import PERIOD, draw_period
from pages.common.picture import draw_format

LABELS = {"site": "Site", "clinician": "Clinician", "drug": "Drug", "dose": "Starting dose", "diagnosis": "Diagnosis"}
UNRECORDED = "not recorded"
WEEKS = {"13": "13 weeks", "26": "26 weeks", "52": "52 weeks", "all": "All"}
USUAL_WEEKS = "26"
# On a narrow screen two filters stand beside each other.
STYLE = "<style>.st-key-filters > div { flex: 1 1 8.2rem; min-width: 0; }</style>"


@st.cache_data(show_spinner=False, max_entries=100)
def read_choices(path: str, sight: Sight) -> dict[str, dict[str, str]]:
    """What each filter offers, as {value: word}: all that occurs on whatever day."""
    found = shared.store_at(path).view(sight).cohort_choices()
    return {name: {value: value or UNRECORDED for value in found[name]} for name in CHOICES}


@st.cache_data(show_spinner="Reading the cohort", max_entries=20)
def read_cohort(path: str, sight: Sight, as_of: date, scope: Scope, weeks: int | None) -> Cohort:
    return shared.store_at(path).view(sight, as_of).cohort(scope, weeks)


# What is asked


def draw_filters(store: Store, offered: dict[str, dict[str, str]]) -> tuple[date, Scope]:
    """The period, whose courses, and the day, each in the address under its own name."""
    st.html(STYLE)
    with st.container(horizontal=True, key="filters", gap="small"):
        period = draw_period(store.about, "A course counts by the day of its first dose.")
        chosen = {name: shared.choice_picker(name, label, offered[name]) for name, label in LABELS.items()}
        as_of = shared.day_picker(store)
    return as_of, Scope(**chosen, **period)


def draw_weeks() -> int | None:
    """How many weeks on the drug the first two figures show; None: all."""
    address.take("weeks", lambda said: next((one for one in said if one in WEEKS), USUAL_WEEKS))
    words = "Weeks on the drug, in the next two figures"
    chosen = st.segmented_control(words, list(WEEKS), format_func=WEEKS.get, required=True, key="weeks") or USUAL_WEEKS
    address.put("weeks", [] if chosen == USUAL_WEEKS else [chosen])
    return int(chosen) if chosen.isdecimal() else None


def unknown_in_address(offered: dict[str, dict[str, str]], about: About) -> list[str]:
    """What the address asks for and nothing here is called."""
    asked = address.whole()
    known = {name: set(offered[name]) for name in LABELS} | {"weeks": set(WEEKS), "anc": set(cohort_parts.WHICH)}
    labels = LABELS | {"weeks": "Weeks", "anc": "ANC"}
    words = [f"{labels[name]} “{value}”" for name in known for value in asked.get(name, []) if value not in known[name]]
    days = PERIOD | {"as_of": "As of"}
    return words + [
        f"{days[name]} “{day}”" for name in days for day in asked.get(name, []) if not shared.is_day_of(day, about)
    ]


def narrowed_words(scope: Scope) -> str:
    """What the page is narrowed to, as a sentence names it."""
    parts = [Filters(scope.site, scope.clinician, scope.drug, diagnosis=scope.diagnosis).words]
    parts += [f"starting dose {' or '.join(scope.dose)}"] if scope.dose else []
    period = [f" {word} {shared.day(day)}" for word, day in (("from", scope.start), ("to", scope.end)) if day]
    parts += [f"begun{''.join(period)}"] if period else []
    return ", ".join(part for part in parts if part)


# The first sentences


def first_sentence(courses: pd.DataFrame, recoveries: Curve, minimum: int) -> str:
    """How many patients had an episode, and how soon half of the first ones were over; never more than can be told."""
    of, had = courses["patient_id"].nunique(), courses.loc[courses["onset_on"].notna(), "patient_id"].nunique()
    drugs = courses["drug"].unique()
    patients = shared.counted(of, "patient") + (f" on {drugs[0]}" if len(drugs) == 1 else "")
    if not had:
        return f"None of {patients} had an episode of low counts."
    rate = f" ({percent(had / of)})" if of >= minimum else ""
    return f"{had:,} of {patients}{rate} had an episode of low counts; {how_soon(recoveries, minimum)}."


def how_soon(recoveries: Curve, minimum: int) -> str:
    if recoveries.of < minimum:
        of = shared.counted(recoveries.of, "first episode")
        return f"{recoveries.events:,} of {of} recovered, too few to say how fast"
    if recoveries.median is None:
        return "the day by which half of the first episodes were over is not reached"
    return f"half of the first episodes were over within {shared.days(recoveries.median)}"


def what_an_episode_is(thresholds: pd.DataFrame, unit: CountUnit) -> str:
    """`An episode begins with the draw that meets a hold threshold (ANC below 500 or below 1,000, by protocol) …`"""
    holds = thresholds[thresholds["role"].eq("hold")]
    anc = holds[holds["analyte"].eq("anc")].drop_duplicates(["operator", "number"]).sort_values("number")
    words = " or ".join(f"{in_words(row.operator)} {unit.sentence(row.number)}" for row in anc.itertuples())
    several = ", by protocol" if len(anc) > 1 else ""
    platelets = "; under some protocols platelets too" if holds["analyte"].eq("platelets").any() else ""
    return (
        f"An episode begins with the draw that meets a hold threshold (ANC {words}{several}{platelets}) and is over at "
        "the first draw that meets every resume threshold."
    )


# Nothing to show


def draw_nothing(narrowed: str, scope: Scope) -> None:
    """Say what leaves nothing and what to do, with the way back to everything."""
    order = " The period ends before it begins." if scope.start and scope.end and scope.end < scope.start else ""
    if not narrowed:
        st.info("There is no course on this day: no dose above 0 under a protocol. Choose a later day.")
        return
    st.info(f"No course fits: {shared.plain(narrowed)}.{order} Take a filter away, or show all courses.")
    st.button("Show all courses", on_click=forget_filters)


def forget_filters() -> None:
    for name in LABELS:
        st.session_state[name] = []
    for name in PERIOD:
        st.session_state[name] = None


def draw_without_protocol(patients: int) -> None:
    if patients:
        has = "has" if patients == 1 else "have"
        st.caption(
            f"{shared.counted(patients, 'more patient')} {has} doses to which no protocol fits, and so no course: "
            "they are in no number here."
        )


def main() -> None:
    store = shared.open_store()
    source = store.path, opened("cohort")
    minimum = store.settings["minimum_denominator"].value
    offered = read_choices(*source)
    unknown = unknown_in_address(offered, store.about)
    top = st.container()
    as_of, scope = draw_filters(store, offered)
    if unknown:
        st.caption(f"Not known here and ignored: {shared.plain(', '.join(unknown))}")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        weeks = draw_weeks()
        draw_format()
    cohort = read_cohort(*source, as_of, scope, weeks)
    narrowed = narrowed_words(scope)
    with top:
        if cohort.courses.empty:
            st.subheader("No course fits.", anchor=False)
        else:
            recoveries, _ = findings.recoveries(cohort.courses)
            st.subheader(shared.plain(first_sentence(cohort.courses, recoveries, minimum)), anchor=False)
            st.markdown(shared.plain(what_an_episode_is(cohort.thresholds, cohort.unit)))
        if narrowed:
            st.caption(f"Only {shared.plain(narrowed)}")
        shared.replay_banner(store, as_of)
        shared.draw_reported_later(*source, as_of)
    if cohort.courses.empty:
        draw_nothing(narrowed, scope)
    else:
        draw_parts(cohort, minimum)
    draw_without_protocol(cohort.without_protocol)


def draw_parts(cohort: Cohort, minimum: int) -> None:
    st.html(f"<style>{cohort_parts.STYLE}</style>")
    cohort_parts.draw_trajectories(cohort, minimum)
    cohort_parts.draw_heat_map(cohort)
    cohort_parts.draw_survival(cohort, minimum)
    cohort_parts.draw_grades(cohort)
    left, right = st.columns(2, gap="large")
    with left:
        cohort_parts.draw_doses(cohort)
    with right:
        cohort_parts.draw_days_below(cohort, minimum)


shared.only_within_dashboard()
main()
