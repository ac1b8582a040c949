"""The first screen: how many patients need what, then the worklist, most urgent first.

What its reader can say after three seconds: "12 patients need a hold, 9 a dose reduction; 7 cannot be told."
"""

import math
from dataclasses import replace
from datetime import date
from functools import partial

import pandas as pd
import streamlit as st
from pandas.io.formats.style import Styler

from leuko.access import Sight
from leuko.count_units import CountUnit
from leuko.store import MOST_ROWS, About, Aside, Filters
from pages.common import address, clicks, shared
from pages.common.alerts import draw_alerts_of_panel
from pages.common.decided import draw_since_last_look, marks
from pages.common.guide import draw_guide
from pages.common.handover import draw_handover
from pages.common.last_filters import draw_last_filters
from pages.common.listed import CHOSEN, SEARCHED, in_words, read_choices
from pages.common.needs import first_sentence
from pages.common.news import MARK, draw_news
from pages.common.opened import note_address, opened
from pages.common.shift import Shift, draw_shift, read_shift

PER_PAGE = 50
ROW_HEIGHT = 66  # pixels: Streamlit wraps text only in rows of more than 64
MOST_ALERTS = 200  # of a kind
TO_DO_LINE = 43  # characters that fit in a line; the patient's page has what three of them do not hold
PLACE_LINE = 9  # small letters in a line of a site, with two of them
TABLE_HEIGHT = 640
STYLE = """
.st-key-filters > div { flex: 1 1 8.2rem; min-width: 0; }
.st-key-statuses button { border-left: 4px solid; padding: 0.2rem 0.6rem; min-height: 2.2rem; }
.st-key-statuses button p { font-size: 0.9rem; }
@media (max-width: 640px) {
    .st-key-statuses > div { flex: 1 1 45% !important; min-width: 0; }
    .st-key-statuses button { width: 100%; padding: 0.2rem 0.4rem; }
    .st-key-statuses button p { font-size: 0.8rem; white-space: normal; }
}
"""


@st.cache_data(show_spinner="Reading the worklist", max_entries=200)
def read_whatever_status(path: str, sight: Sight, as_of: date, filters: Filters) -> dict:
    """How many courses and patients the filters leave, but for a status: in each status, for each need."""
    view = shared.store_at(path).view(sight, as_of)
    return {"statuses": view.statuses(filters), "needs": view.needs(filters)}


@st.cache_data(show_spinner="Reading the worklist", max_entries=200)
def read_listed(path: str, sight: Sight, as_of: date, filters: Filters) -> dict[str, int]:
    """How many courses and patients the filters leave."""
    view = shared.store_at(path).view(sight, as_of)
    return {"courses": view.count(filters), "patients": view.patients(filters)}


def read_counts(path: str, sight: Sight, as_of: date, filters: Filters) -> dict:
    """What the panel says in numbers; a click on a status asks anew only for what it changes."""
    of_day = path, sight, as_of
    return {
        **read_whatever_status(*of_day, replace(filters, status=None)),
        **read_listed(*of_day, filters),
        "all_courses": read_listed(*of_day, Filters())["courses"],
    }


@st.cache_data(show_spinner="Reading the worklist", max_entries=200)
def read_worklist(path: str, sight: Sight, as_of: date, filters: Filters, page: int) -> pd.DataFrame:
    return shared.store_at(path).view(sight, as_of).worklist(filters, page=page, per_page=PER_PAGE)


@st.cache_data(show_spinner=False, max_entries=200)
def read_alerts(path: str, sight: Sight, as_of: date, filters: Filters) -> pd.DataFrame:
    return shared.store_at(path).view(sight, as_of).first_alerts(filters, MOST_ALERTS)


@st.cache_data(show_spinner=False, max_entries=100)
def read_without_each(path: str, sight: Sight, as_of: date, filters: Filters) -> dict[str, int]:
    """For each filter in use, how many courses there would be without it."""
    view = shared.store_at(path).view(sight, as_of)
    unused = dict.fromkeys(CHOSEN) | {"search": ""}
    return {
        name: view.count(replace(filters, **{name: nothing}))
        for name, nothing in unused.items()
        if getattr(filters, name)
    }


@st.cache_data(show_spinner=False, max_entries=100)
def read_set_aside(path: str, sight: Sight) -> tuple[Aside, pd.DataFrame, pd.DataFrame]:
    """What the load did not use in numbers, the rows set aside, and the exposures that no protocol fits."""
    view = shared.store_at(path).view(sight)
    return view.aside(), view.rejected_rows(), view.unmatched_rows()


def first_in_line(alerts: pd.DataFrame, worklist: pd.DataFrame) -> tuple[str, str] | None:
    """Who is first and why, in words, and the patient's id; a dangerous alert stands before the worklist."""
    dangers = alerts[alerts["tone"].eq("danger")]
    waiting = worklist[worklist["tone"].ne("calm")]
    rows = dangers if len(dangers) else waiting
    if rows.empty:
        return None
    row = rows.iloc[0]
    who = shared.plain(shared.both(rows["name"], rows["patient_id"]).iloc[0])
    since = "" if shared.is_missing(row["since"]) else f" since {shared.day(row['since'])}"
    return f"First: **{who}**, {row['word'][0].lower()}{row['word'][1:]}{since}.", row["patient_id"]


def draw_first_in_line(alerts: pd.DataFrame, worklist: pd.DataFrame) -> None:
    found = first_in_line(alerts, worklist)
    if found:
        words, patient = found
        with st.container(horizontal=True, vertical_alignment="center", key="first"):
            st.markdown(words, width="content")
            if st.button("Open", key="open_first"):
                shared.open_patient(patient)


def shown_sentence(counts: dict, page: int) -> str:
    """`Showing 51–100 of 312 courses in 290 patients (of 341 courses)`."""
    first = (page - 1) * PER_PAGE + 1
    last = min(page * PER_PAGE, counts["courses"])
    of_all = "" if counts["courses"] == counts["all_courses"] else f" (of {counts['all_courses']:,} courses)"
    courses = shared.counted(counts["courses"], "course")
    patients = shared.counted(counts["patients"], "patient")
    return f"Showing {first:,}–{last:,} of {courses} in {patients}{of_all}, most urgent first"


def as_table(worklist: pd.DataFrame, as_of: date, remarks: pd.Series, unit: CountUnit) -> pd.DataFrame:
    """The worklist as on the screen; nothing else is in it, since a hidden column can be shown again."""
    waited = pd.Timestamp(as_of) - pd.to_datetime(worklist["since"])
    site = worklist["site"].map(lambda name: shared.name_in_lines(name, PLACE_LINE), na_action="ignore")
    return pd.DataFrame(
        {
            "Status": worklist["icon"] + " " + worklist["word"] + remarks,
            "Patient": shared.who(worklist),
            "What to do": [shared.in_lines(words, TO_DO_LINE, 3) for words in worklist["to_do"]],
            "Since": worklist["since"].map(shared.day),
            "Days": waited.dt.days,
            "Drug": worklist["drug"],
            "Dose now": worklist["dose_now_mg"],
            "Last ANC": worklist["last_anc"].map(unit.value, na_action="ignore"),
            "Drawn on": worklist["last_anc_on"].map(shared.day),
            "Last 12 ANC": worklist["recent_anc"].map(lambda last: trend(last, unit), na_action="ignore"),
            "Certainty": worklist["certainty"],
            "Site, clinician": shared.both(site, worklist["clinician"]),
        }
    )


def trend(last: list[float], unit: CountUnit) -> list[float] | None:
    """The counts of the line beside a course; one alone is no trend."""
    return [*map(unit.value, last)] if len(last) > 1 else None


def styled(table: pd.DataFrame, worklist: pd.DataFrame) -> Styler:
    """Statuses in the colour of their tone; numbers written with unit and sign, yet sorted as numbers."""
    theme = shared.theme()
    colours = [f"color: {shared.tone_colour(tone, theme)}; font-weight: 600" for tone in worklist["tone"]]
    written = table.style.apply(lambda _: colours, subset=["Status"])
    written.format(shared.days, subset=["Days"])
    # Rows that are written alike together: one by one, they would take most of the time of a click.
    remarks = worklist["last_anc_derived"].eq(True).map({True: "derived", False: ""})
    alike = {"Dose now": (worklist["dose_unit"], ""), "Last ANC": (remarks, worklist["last_anc_comparator"])}
    for column, (unit, sign) in alike.items():
        kinds = pd.DataFrame({"unit": unit, "sign": sign}).fillna("")
        for (words, comparator), rows in kinds.groupby(["unit", "sign"]).groups.items():
            said = partial(shared.number, unit=words, comparator=comparator)
            written.format(said, subset=(rows, column))
    return written


def columns(unit: CountUnit) -> dict:
    """Widths in pixels that fit on a screen 1440 wide."""
    text, figure = st.column_config.TextColumn, st.column_config.NumberColumn
    line = shared.tone_colour("wait", shared.theme())
    return {
        "Status": text(width=110),
        "Patient": text(width=105),
        "What to do": text(width=281),
        "Since": text(width=100),
        "Days": figure(width=88),
        "Drug": text(width=114),
        "Dose now": figure(width=102),
        "Last ANC": figure(f"ANC, {unit.words}", width=110, help="The last ANC; derived: from WBC and differential"),
        "Drawn on": text(width=100),
        "Last 12 ANC": st.column_config.LineChartColumn(
            "Trend", width=62, y_min=0, color=line, help=f"The last 12 ANC, {unit.words}"
        ),
        "Certainty": text(width=72, help="firm: the days between counts leave nothing open; sparse: they do"),
        "Site, clinician": text(width=98),
    }


def draw_filters(offered: dict[str, dict[str, str]]) -> tuple[date, Filters]:
    """The day and the filters, each in the address under its own name."""
    with st.container(horizontal=True, key="filters", gap="small"):
        search = draw_search()
        as_of = shared.day_picker(shared.open_store())
        chosen = {name: shared.choice_picker(name, word, offered[name], to_page) for name, word in CHOSEN.items()}
    return as_of, Filters(**chosen, search=search)


def draw_search() -> str:
    """The words stay in the session, also while another page is shown."""
    st.query_params.pop(address.SEARCH, None)
    st.session_state.setdefault("search", st.session_state.get(SEARCHED, ""))
    words = st.text_input("Search", key="search", placeholder="Patient id or name", on_change=to_page)
    st.session_state[SEARCHED] = (words or "").strip()
    return st.session_state[SEARCHED]


def to_page(page: int = 1) -> None:
    st.session_state["page"] = page


def unknown_in_address(offered: dict[str, dict[str, str]], about: About) -> list[str]:
    """What the address asks for and nothing here is called."""
    asked = address.whole()
    choices = [
        f"{label} “{value}”"
        for name, label in CHOSEN.items()
        for value in asked.get(name, [])
        if value not in offered[name]
    ]
    days = [f"As of “{day}”" for day in asked.get("as_of", []) if not shared.is_day_of(day, about)]
    search = ["a search, which stands in no address"] if address.SEARCH in st.query_params else []
    return choices + days + search


def draw_statuses(statuses: pd.DataFrame) -> None:
    """One button a status that occurs: icon, word, patients, courses. A click filters by it, or no longer."""
    chosen = st.session_state.get("status", [])
    theme = shared.theme()
    edges = (
        f".st-key-status_{row.status} button {{ border-left-color: {shared.tone_colour(row.tone, theme)}; }}"
        for row in statuses.itertuples()
    )
    st.html(f"<style>{STYLE}{' '.join(edges)}</style>")
    with st.container(key="statuses", horizontal=True, gap="xsmall"):
        for row in statuses.itertuples():
            if row.courses or row.status in chosen:
                st.button(
                    f"{row.icon} {row.word} {how_many(row.courses, row.patients)}",
                    key=f"status_{row.status}",
                    type="primary" if row.status in chosen else "secondary",
                    on_click=toggle_status,
                    args=(row.status,),
                )


def how_many(courses: int, patients: int) -> str:
    """`**8 patients**`, and their courses only where they are more; a number stays beside its word."""
    told = [f"**{shared.counted(patients, 'patient')}**"]
    told += [shared.counted(courses, "course")] if courses != patients else []
    return " · ".join(words.replace(" ", "\N{NO-BREAK SPACE}") for words in told)


def toggle_status(status: str) -> None:
    chosen = st.session_state["status"]
    kept = [one for one in chosen if one != status]
    st.session_state["status"] = kept if status in chosen else [*chosen, status]
    to_page()


def nobody_words(filters: Filters) -> str:
    return "No patient fits." if filters != Filters(status=filters.status) else "No patient has a drug on this day."


def draw_nothing_found(narrowed: str, without: dict[str, int]) -> None:
    """Say which filter leaves nothing, and what there would be without it; without any filter, where to look."""
    if not narrowed:
        st.info(
            "No dose of a drug was on record by this day. Choose a later day, or see on the page Data what was read."
        )
        return
    labels = CHOSEN | {"search": "Search"}
    lines = [
        f"- without the filter {labels[name]}: {shared.counted(courses, 'course')}"
        for name, courses in without.items()
    ]
    st.info("\n".join([f"No course fits {narrowed}.", "", *lines]))


def draw_pages(counts: dict) -> int:
    """Which screenful is shown, in words, and the way to those beside it; returns its number from 1."""
    pages = math.ceil(counts["courses"] / PER_PAGE)
    address.take("page", lambda said: max([1, *(int(number) for number in said if number.isdecimal())]))
    page = st.session_state["page"] = min(st.session_state["page"], pages)
    address.put("page", [] if page == 1 else [str(page)])
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(shown_sentence(counts, page), width="content")
        st.page_link("pages/wall.py", label="Large screen", query_params=address.whole())
        if pages > 1:
            st.button("Previous", disabled=page == 1, on_click=to_page, args=(page - 1,))
            st.button("Next", disabled=page == pages, on_click=to_page, args=(page + 1,))
    return page


def is_new(worklist: pd.DataFrame, changed: pd.DataFrame) -> pd.Series:
    """Which rows of the worklist are of a status or dose that they did not have before."""
    course = ["patient_id", "drug", "protocol"]
    listed, new = (pd.MultiIndex.from_frame(rows[course].fillna("")) for rows in (worklist, changed))
    return pd.Series(listed.isin(new))


def remarks(worklist: pd.DataFrame, as_of: date, changed: pd.DataFrame, shift: Shift | None) -> pd.Series:
    """Beside a status: that it is new, and what was decided on it."""
    new = is_new(worklist, changed).map({True: f" · {MARK}", False: ""})
    decided = marks(worklist, as_of, shift.standing, shift.returned) if shift else [""] * len(worklist)
    return new + pd.Series([f" · {word}" if word else "" for word in decided], dtype="string")


def draw_worklist(
    worklist: pd.DataFrame, as_of: date, changed: pd.DataFrame, shift: Shift | None, unit: CountUnit
) -> None:
    """The rows; a click anywhere in one opens its patient."""
    event = clicks.place("worklist").dataframe(
        styled(as_table(worklist, as_of, remarks(worklist, as_of, changed, shift), unit), worklist),
        key="worklist",
        column_config=columns(unit),
        hide_index=True,
        row_height=ROW_HEIGHT,
        height=min(TABLE_HEIGHT, ROW_HEIGHT * len(worklist) + 40),
        placeholder=shared.NONE,
        on_select="rerun",
        selection_mode=clicks.ANYWHERE,
        alt="The worklist: one row a course, most urgent first",
    )
    row = clicks.clicked(event)
    if row is not None:
        shared.open_patient(worklist["patient_id"].iloc[row])


@st.fragment
def draw_listed(path: str, as_of: date, filters: Filters, changed: pd.DataFrame, shift: Shift | None) -> None:
    """A screenful of the worklist. The next is drawn without the rest: it asks anew for its sight, and is logged."""
    source = path, opened("panel")
    page = draw_pages(read_counts(*source, as_of, filters))
    note_address()  # before the rows are sent
    draw_worklist(read_worklist(*source, as_of, filters, page), as_of, changed, shift, shared.store_at(path).unit)


def draw_set_aside(found: Aside, rows: pd.DataFrame, unmatched: pd.DataFrame) -> None:
    """How many input rows were not used and why, on whatever day; no row goes missing without a word."""
    if found.reasons.empty:
        st.caption("No row of the input was set aside.")
    else:
        draw_aside(shared.set_aside_sentence(found), rows)
    if len(found.unmatched):
        draw_aside(shared.unmatched_sentence(found), unmatched)


def draw_aside(sentence: str, rows: pd.DataFrame) -> None:
    with st.expander(sentence):
        if len(rows) == MOST_ROWS:
            st.caption(f"The first {MOST_ROWS:,}.")
        shared.draw_rejected(rows)


def main() -> None:
    store = shared.open_store()
    source = store.path, opened("panel")
    offered = read_choices(*source)
    unknown = unknown_in_address(offered, store.about)
    draw_guide(store)
    top = st.container()
    as_of, filters = draw_filters(offered)
    note_address()
    alerts = read_alerts(*source, as_of, replace(filters, status=None))
    counts = read_counts(*source, as_of, filters)
    with top:
        anybody = counts["statuses"]["courses"].any()
        st.subheader(first_sentence(counts["needs"]) if anybody else nobody_words(filters), anchor=False)
        draw_first_in_line(alerts, read_worklist(*source, as_of, filters, 1))
        draw_alerts_of_panel(alerts, as_of)
        shift = read_shift(source, as_of)
        draw_shift(store, source, as_of, shift)
        narrowed = in_words(replace(filters, status=None), offered)
        if narrowed:
            st.caption(f"Only {narrowed}")
        draw_last_filters(filters, offered)
        shared.replay_banner(store, as_of)
        shared.draw_reported_later(*source, as_of)
        draw_statuses(counts["statuses"])
        changed = draw_news(store, source[1], as_of, filters)
        draw_since_last_look(store, source, as_of, filters)
    if unknown:
        st.caption(f"Not known here and ignored: {shared.plain(', '.join(unknown))}")
    if counts["courses"]:
        draw_listed(store.path, as_of, filters, changed, shift)
    else:
        draw_nothing_found(in_words(filters, offered), read_without_each(*source, as_of, filters))
    draw_set_aside(*read_set_aside(*source))
    if source[1].sites is not None:
        st.caption("Rows are counted over the whole file, whatever the site; listed are only those of your sites.")
    draw_handover(store, source[1], as_of, filters)


shared.only_within_dashboard()
main()
