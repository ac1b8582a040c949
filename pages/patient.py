"""One patient: what the protocol says to do now, how it came to that, and the numbers it rests on.

What its reader can say after three seconds: "Hold dasatinib: ANC 430 on 2 March 2026 is below 500."
"""

from datetime import date, timedelta

import pandas as pd
import streamlit as st
from pandas.io.formats.style import Styler

from leuko.access import Sight
from leuko.count_units import CountUnit
from leuko.courses import identity
from leuko.figures import GRADE_VERSION, use_in_words
from leuko.notes import cause_in_words
from leuko.store import MOST_ROWS, About, Filters, Patient
from pages.common import shared
from pages.common.alerts import draw_alerts_of_patient
from pages.common.courses import draw_courses
from pages.common.decided import of_patient
from pages.common.growth_factors import draw_growth_factors
from pages.common.listed import draw_way
from pages.common.markup import safe
from pages.common.opened import opened
from pages.common.summary import draw_summary
from pages.common.trajectory import SCALES, draw_figure
from pages.common.why import draw_episodes, draw_sources, draw_why

FOUND_AT_ONCE = 20
MARK_WORDS = 64  # characters that fit beside a marked day, to whichever side
A_YEAR = timedelta(days=366)  # a count may be due after the last day of the data
NAMES = {"anc": "ANC", "platelets": "Platelets", "wbc": "WBC"}
CAUSE = "cytopenia_cause"
# Beside the recommendation, the day has room for all of itself, and below it on a narrow screen.
STYLE = """<style>@media (min-width: 641px) {
    .st-key-head > [data-testid=stLayoutWrapper] > [data-testid=stHorizontalBlock] { flex-wrap: nowrap; }
    .st-key-head > * > * > [data-testid=stColumn]:last-child { min-width: 10.5rem; }
    .st-key-head > * > * > [data-testid=stColumn]:first-child { min-width: 0; }
}</style>"""


@st.cache_data(show_spinner="Reading the patient", max_entries=200)
def read_patient(path: str, sight: Sight, as_of: date, patient_id: str) -> Patient | None:
    return shared.store_at(path).view(sight, as_of).patient(patient_id)


@st.cache_data(show_spinner="Searching", max_entries=100)
def read_found(
    path: str, sight: Sight, as_of: date, words: str
) -> tuple[pd.DataFrame, int]:
    """The patients whose id or name has these words, one row each as on that day, and how many there are."""
    view, searched = shared.store_at(path).view(sight, as_of), Filters(search=words)
    worklist = view.worklist(searched, per_page=FOUND_AT_ONCE)
    return worklist.drop_duplicates("patient_id"), view.patients(searched)


@st.cache_data(show_spinner=False, max_entries=200)
def read_set_aside(path: str, sight: Sight, patient_id: str) -> pd.DataFrame:
    """The rows of this patient that were set aside, of the whole file."""
    return shared.store_at(path).view(sight).rejected_rows(patient=patient_id)


# Finding a patient


def find_patient(source: tuple, as_of: date) -> None:
    st.subheader("Which patient?", anchor=False)
    words = st.text_input("Find a patient by id or name", placeholder="SIM-0001", key="find").strip()
    if not words:
        st.caption("Or choose one in the worklist of the Panel page.")
        return
    found, patients = read_found(*source, as_of, words)
    if found.empty:
        st.info(f"No patient with “{shared.plain(words)}” in the id or the name on {shared.day(as_of)}.")
    if len(found) < patients:
        st.caption(f"The {len(found)} most urgent of {patients:,} patients: more of the id or name narrows it.")
    for row in found.to_dict("records"):
        named = " · ".join(
            shared.plain(row[part]) for part in ("name", "patient_id", "site") if shared.plain(row[part])
        )
        st.button(
            f"{row['icon']} {row['word']} · {named}",
            key=f"open_{row['patient_id']}",
            on_click=show_patient,
            args=(row["patient_id"],),
        )


def show_patient(patient_id: str | None) -> None:
    for name in shared.MARK:  # a mark is that of the patient before
        st.query_params.pop(name, None)
    if patient_id is None:
        st.query_params.pop("patient", None)
    else:
        st.query_params["patient"] = patient_id


# Who it is and what to do


def who(about: dict, as_of: date) -> str:
    """Who this is, on one line."""
    told = " · ".join(safe(part) for part in identity(about, as_of))
    name = f'<strong style="font-size:1.2rem">{safe(about["name"])}</strong>'
    return f'<div style="overflow-wrap:anywhere">{name} {told}</div>'


def marked(about: About) -> tuple[date, str] | None:
    """The day that the address asks to mark in the figure, and its words; within a year of the data, else none."""
    first, last = shared.span(about)
    try:
        day = date.fromisoformat(st.query_params.get("mark", ""))
    except ValueError:
        return None
    words = shared.cut_short(" ".join(st.query_params.get("mark_words", "").split()), MARK_WORDS)
    return (day, words or shared.day(day)) if first - A_YEAR <= day <= last + A_YEAR else None


def draw_mark(mark: tuple[date, str] | None) -> None:
    """Say in words what the figure marks. The words come with the address, so they stand in quotes."""
    asked = st.query_params.get("mark")
    if mark:
        st.markdown(f":material/flag: Marked in the figure: **{shared.day(mark[0])}**, “{shared.plain(mark[1])}”.")
    elif asked:
        st.warning(f"“{shared.plain(asked)}” is not a day (YYYY-MM-DD) that can be marked in these data.")


# Tables


def draw_numbers(patient: Patient, set_aside: pd.DataFrame) -> None:
    """The numbers of the figure as tables, for those who cannot use the figure."""
    st.subheader("The numbers", anchor=False)
    newest = patient.counts[patient.counts["analyte"].isin(NAMES)].iloc[::-1].reset_index(drop=True)
    with st.expander(f"Counts: {len(newest):,}, of which {int((~newest['used']).sum()):,} not used"):
        shown = count_table(newest, patient.unit)
        st.dataframe(shown, hide_index=True, placeholder=shared.NONE, alt="All counts, the newest first")
    with st.expander(f"Doses: {shared.counted(len(patient.doses), 'row')}"):
        st.dataframe(dose_table(patient.doses), hide_index=True, placeholder=shared.NONE, alt="All doses")
    with st.expander(f"Events: {shared.counted(len(patient.events), 'row')}"):
        st.dataframe(event_table(patient.events), hide_index=True, placeholder=shared.NONE, alt="All events")
    if len(set_aside):
        with st.expander(f"Set aside: {how_many(set_aside)} of this patient, never used"):
            shared.draw_rejected(set_aside)


def how_many(set_aside: pd.DataFrame) -> str:
    """`3 rows`; no more are read than `MOST_ROWS`."""
    return f"{'at least ' if len(set_aside) == MOST_ROWS else ''}{shared.counted(len(set_aside), 'row')}"


def count_table(counts: pd.DataFrame, unit: CountUnit) -> Styler:
    table = pd.DataFrame(
        {
            "Collected": counts["collected_at"],
            "Count": counts["analyte"].map(NAMES),
            unit.words: counts["value"].map(unit.value, na_action="ignore"),
            "As reported": (counts["raw_value"].fillna("") + " " + counts["raw_unit"].fillna("")).str.strip(),
            f"{GRADE_VERSION} grade": counts["grade"],
            "Used": [use_in_words(count) for count in counts.to_dict("records")],
            "Derived": counts["derived"].map({True: "derived", False: "measured"}),
            "Status": counts["status"],
            "Reported": counts["reported_at"],
            "Source": counts["source"],
        }
    )
    style = table.style.format(shared.number, subset=[unit.words, f"{GRADE_VERSION} grade"])
    for place in counts.index[counts["comparator"].fillna("").ne("")]:
        sign = counts.at[place, "comparator"]
        style.format(lambda value, sign=sign: shared.number(value, "", sign), subset=([place], unit.words))
    return style


def dose_table(doses: pd.DataFrame) -> Styler:
    ends = doses["end_on"].map(shared.day).where(doses["end_on"].notna(), "ongoing")
    table = pd.DataFrame(
        {
            "From": doses["start_on"].map(shared.day),
            "To": ends,
            "Drug": doses["drug"],
            "Dose a day": doses["dose_mg"],
            "Unit": doses["dose_unit"],
            "Setting": doses["setting"],
            "Ended because": doses["end_reason"],
            "Source": doses["source"],
        }
    )
    return table.style.format(shared.number, subset=["Dose a day"])


def event_table(events: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "On": events["occurred_at"],
            "Event": events["kind"],
            "Words": events["value"],
            "Decides": [what_it_decides(event) for event in events.to_dict("records")],
            "Source": events["source"],
        }
    )


def what_it_decides(event: dict) -> str | None:
    """What a recorded cause of low counts decides, in words; None for any other event."""
    if event["kind"] != CAUSE:
        return None
    return cause_in_words("" if shared.is_missing(event["value"]) else event["value"])[1]


def draw_patient(
    patient: Patient, as_of: date, set_aside: pd.DataFrame, mark: tuple[date, str] | None
) -> None:
    draw_figure(patient, as_of, mark)
    draw_why(patient)
    draw_episodes(patient)
    draw_growth_factors(patient, as_of)
    draw_numbers(patient, set_aside)
    draw_sources(patient.sources)


def draw_set_aside_line(set_aside: pd.DataFrame, *, is_another_day: bool) -> None:
    """Beside the recommendation: what it may have missed. A row that was set aside has no day of its own."""
    if set_aside.empty:
        return
    is_one = len(set_aside) == 1
    whole = f" {'It is' if is_one else 'They are'} of the whole file, whatever day is shown." if is_another_day else ""
    st.markdown(
        f":material/error: {how_many(set_aside)} of this patient {'was' if is_one else 'were'} set aside and "
        f"{'is' if is_one else 'are'} not read.{whole}"
    )


def draw_unreadable_day(asked: str | None, about: About, as_of: date) -> None:
    """Say so where the address asked for a day that there is not."""
    if asked and not shared.is_day_of(asked, about):
        first, last = (shared.day(end) for end in shared.span(about))
        st.warning(
            f"“{shared.plain(asked)}” is not a day (YYYY-MM-DD) from {first} to {last}. "
            f"This is {shared.day(as_of)}."
        )


def main() -> None:
    store = shared.open_store()
    patient_id = st.query_params.get("patient", "").strip()
    source = store.path, opened("patient", patient_id)
    asked = st.query_params.get("as_of")
    st.html(STYLE)
    top, side = st.container(key="head").columns([5, 1])
    with side:
        as_of = shared.day_picker(store)
        if patient_id:
            st.button("Another patient", on_click=show_patient, args=(None,))
    with top:
        draw_unreadable_day(asked, store.about, as_of)
        shared.replay_banner(store, as_of)
        if not patient_id:
            find_patient(source, as_of)
            return
        draw_way(source, as_of, patient_id, show_patient)
        shared.draw_reported_later(*source, as_of, whose=" (of all patients)")
        patient = read_patient(*source, as_of, patient_id)
        if patient is None:
            st.error(f"There is no patient “{shared.plain(patient_id)}” here, or not one that you may see.")
            return
        set_aside = read_set_aside(*source, patient_id)
        st.html(who(patient.about, as_of))
        draw_alerts_of_patient(patient.alerts)
        draw_courses(patient, of_patient(source, patient, as_of, is_usual_day=as_of == store.about.as_of))
        draw_set_aside_line(set_aside, is_another_day=as_of != store.about.as_of)
        mark = marked(store.about)
        draw_mark(mark)
    draw_patient(patient, as_of, set_aside, mark)
    with side:
        draw_summary(store, source[1], as_of, patient, st.session_state["scale"] or SCALES[0])


shared.only_within_dashboard()
main()
