"""The first screen: how many patients need what, then the worklist, most urgent first.

What its reader can say after three seconds: "12 patients need a hold, 9 a dose reduction; 7 cannot be told."
"""

import math
from dataclasses import replace
from datetime import date
from typing import NamedTuple

import pandas as pd
import streamlit as st
from pandas.io.formats.style import Styler

from leuko.store import Filters
from pages import shared

PER_PAGE = 50
ROW_HEIGHT = 54  # pixels: two lines of text, so that what to do can be read whole
CHOSEN = {"site": "Site", "clinician": "Clinician", "drug": "Drug", "status": "Status"}


class Screen(NamedTuple):
    """One look at the panel: the counts that the filters leave, and one page of the worklist."""

    statuses: pd.DataFrame
    needs: dict[str, int]
    courses: int
    patients: int
    all_courses: int
    worklist: pd.DataFrame


@st.cache_data(show_spinner=False, max_entries=100)
def read_choices(path: str, sites: tuple[str, ...] | None) -> dict[str, list[str]]:
    """What each filter offers: all that occurs, on whatever day, and every status by its word."""
    view = shared.store_at(path).view(sites)
    return {**view.choices(), "status": list(view.statuses(Filters())["word"])}


@st.cache_data(show_spinner="Reading the worklist", max_entries=200)
def read_screen(path: str, sites: tuple[str, ...] | None, as_of: date, filters: Filters, page: int) -> Screen:
    view = shared.store_at(path).view(sites, as_of)
    statuses = view.statuses(filters)
    return Screen(
        statuses,
        {need: view.patients(replace(filters, status=which)) for need, which in needs(statuses).items()},
        view.count(filters),
        view.patients(filters),
        view.count(Filters()),
        view.worklist(filters, page=page, per_page=PER_PAGE),
    )


@st.cache_data(show_spinner=False, max_entries=200)
def rows_without_each(
    path: str, sites: tuple[str, ...] | None, as_of: date, filters: Filters
) -> dict[str, int]:
    """For each filter in use: how many courses there would be without it."""
    view = shared.store_at(path).view(sites, as_of)
    unused = {name: None for name in CHOSEN} | {"search": ""}
    used = [name for name in unused if getattr(filters, name)]
    return {name: view.count(replace(filters, **{name: unused[name]})) for name in used}


@st.cache_data(show_spinner=False, max_entries=20)
def read_set_aside(path: str, sites: tuple[str, ...] | None) -> tuple[pd.DataFrame, pd.DataFrame]:
    """How many input rows were set aside for which reason, and the rows."""
    view = shared.store_at(path).view(sites)
    return view.rejected(), view.rejected_rows()


def needs(statuses: pd.DataFrame) -> dict[str, tuple[str, ...]]:
    """Which statuses each part of the first sentence counts."""
    tones = statuses.groupby("tone")["status"].apply(tuple)
    return {
        "hold": ("hold",),
        "stop": ("discontinue",),
        "reduction": ("reduce",),
        "decision": tuple(status for status in tones["act"] if status != "reduce"),
        "unknown": tones["unknown"],
    }


def first_sentence(patients: dict[str, int], as_of: date, filtered: bool) -> str:
    """What is to be done, in patients; a patient with two courses may stand under two needs."""
    hold = patients["hold"]
    parts = [f"{shared.counted(hold, 'patient')} {'needs' if hold == 1 else 'need'} a hold"]
    parts += [f"{patients['stop']:,} to stop"] if patients["stop"] else []
    parts += [f"{patients['reduction']:,} a dose reduction"]
    parts += [f"{patients['decision']:,} another decision"] if patients["decision"] else []
    where = "Of those shown, " if filtered else ""
    return f"{where}{', '.join(parts)}; {patients['unknown']:,} cannot be told."


def as_table(worklist: pd.DataFrame, as_of: date) -> pd.DataFrame:
    """The worklist as the screen has it. What may not be seen is not in it: a hidden column can be shown again."""
    waiting = pd.Timestamp(as_of) - pd.to_datetime(worklist["since"])
    return pd.DataFrame(
        {
            "Status": worklist["icon"] + " " + worklist["word"],
            "Patient": worklist["name"],
            "Id": worklist["patient_id"],
            "What to do": worklist["to_do"],
            "Since": worklist["since"].map(shared.day),
            "Waiting": waiting.dt.days,
            "Drug": worklist["drug"],
            "Dose now": worklist["dose_now_mg"],
            "Last ANC": worklist["last_anc"],
            "Drawn on": worklist["last_anc_on"].map(shared.day),
            "Last 12 ANC": worklist["recent_anc"],
            "Certainty": worklist["certainty"],
            "Site": worklist["site"],
            "Clinician": worklist["clinician"],
        }
    )


def styled(table: pd.DataFrame, worklist: pd.DataFrame) -> Styler:
    """Statuses in the colour of their tone; numbers as they are read, still sorted as numbers."""
    theme = shared.theme()
    colours = [f"color: {shared.tone_colour(tone, theme)}; font-weight: 600" for tone in worklist["tone"]]
    style = table.style.apply(lambda _: colours, subset=["Status"])
    for row, source in enumerate(worklist.itertuples()):
        style.format(lambda value, unit=source.dose_unit: shared.number(value, unit), subset=([row], "Dose now"))
        style.format(
            lambda value, sign=source.last_anc_comparator: shared.number(value, "", sign), subset=([row], "Last ANC")
        )
    return style


def columns() -> dict:
    """Widths in pixels that let each column be read."""
    text, figure = st.column_config.TextColumn, st.column_config.NumberColumn
    return {
        "Status": text(width=150, pinned=True),
        "Patient": text(width=150),
        "Id": text(width=80),
        "What to do": text(width=360),
        "Since": text(width=125),
        "Waiting": figure(width=75, format="%d days"),
        "Drug": text(width=115),
        "Dose now": figure(width=85),
        "Last ANC": figure("Last ANC, cells/µL", width=130),
        "Drawn on": text(width=125),
        "Last 12 ANC": st.column_config.LineChartColumn(
            width=110, y_min=0, color=shared.tone_colour("wait", shared.theme())
        ),
        "Certainty": text(width=80, help="firm: the clocks choose the same clause at their shortest. sparse: they may not."),
        "Site": text(width=90),
        "Clinician": text(width=110),
    }


def draw_filters(store, choices: dict[str, list[str]]) -> tuple[date, Filters]:
    """The day and the filters, each in the URL under its own name."""
    search, day, *boxes = st.columns([1.4, 1, 1, 1, 1, 1.2])
    with search:
        words = st.text_input(
            "Search", key="search", bind="query-params", placeholder="Patient id or name", icon=":material/search:"
        )
    with day:
        as_of = shared.day_picker(store)
    chosen = {}
    for box, (name, label) in zip(boxes, CHOSEN.items(), strict=True):
        chosen[name] = box.multiselect(label, choices[name], key=name, bind="query-params", placeholder="All")
    return as_of, chosen, words


def ignored_in_url(choices) -> list[str]:
    unknown = [
        f"{CHOSEN[name]} “{value}”"
        for name in CHOSEN
        for value in st.query_params.get_all(name)
        if value not in choices[name]
    ]
    return unknown


def toggle_status(word: str) -> None:
    chosen = st.session_state["status"]
    st.session_state["status"] = [w for w in chosen if w != word] if word in chosen else [*chosen, word]


def draw_counts(statuses, chosen):
    theme = shared.theme()
    css = "".join(
        f".st-key-status_{row.status} button {{border-left: 4px solid {shared.tone_colour(row.tone, theme)};}}"
        for row in statuses.itertuples()
    )
    st.html(f"<style>{css}</style>")
    with st.container(horizontal=True, gap="small"):
        for row in statuses.itertuples():
            if row.courses or row.word in chosen:
                st.button(
                    f"{row.icon} {row.word} **{row.courses:,}** · {shared.counted(row.patients, 'patient')}",
                    key=f"status_{row.status}",
                    type="primary" if row.word in chosen else "secondary",
                    on_click=toggle_status,
                    args=(row.word,),
                )


def open_patient(event, worklist, as_of, store):
    rows = event.selection.rows or [row for row, _ in event.selection.cells]
    if not rows:
        return
    params = {"patient": worklist["patient_id"].iloc[rows[0]]}
    if as_of != store.about.as_of:
        params["as_of"] = as_of.isoformat()
    st.switch_page("pages/patient.py", query_params=params)


def main():
    store = shared.open_store()
    choices = read_choices(store.path, shared.sites())
    unknown = ignored_in_url(choices)
    top, counts = st.container(), st.container()
    as_of, chosen, words = draw_filters(store, choices)
    if unknown:
        st.caption("Ignored: " + ", ".join(unknown))
    code = dict(zip(choices["status"], read_codes(store.path, shared.sites())))
    filters = Filters(**{n: tuple(v) or None for n, v in chosen.items() if n != "status"}, status=tuple(code[w] for w in chosen["status"]) or None, search=words or "")
    screen = read_screen(store.path, shared.sites(), as_of, filters, st.session_state.get("page", 1))
    with top:
        st.header(first_sentence(screen.needs, as_of, bool(filters.words)))
        shared.replay_banner(store, as_of)
    with counts:
        draw_counts(screen.statuses, chosen["status"])
    event = st.dataframe(styled(as_table(screen.worklist, as_of), screen.worklist), column_config=columns(), hide_index=True, row_height=ROW_HEIGHT, height=620, on_select="rerun", selection_mode=["single-row", "single-cell"], placeholder="–")
    st.pagination(max(1, math.ceil(screen.courses / PER_PAGE)), key="page", bind="query-params")
    open_patient(event, screen.worklist, as_of, store)

@st.cache_data
def read_codes(path, sites):
    return list(shared.store_at(path).view(sites).statuses(Filters())["status"])

main()
