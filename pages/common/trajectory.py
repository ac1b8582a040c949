"""A patient's figure on a page, wide or narrow, with the choice of its axes of ANC and WBC and of the days it shows."""

from datetime import date

import pandas as pd
import streamlit as st

from leuko.figures import patient_figure
from leuko.store import Patient
from pages.common import address, shared
from pages.common.picture import draw_format, draw_picture

SCALES = ("linear", "log")
SHOWN = "shown"  # in the address: the first and the last day that the figure shows
# Also on a tablet the figure keeps the width that its labels need and is moved sideways; it opens at its right end,
# where the newest counts are, or at its left end where a marked day is.
NARROW = (
    "<style>.st-key-figure {{ overflow-x: auto; direction: {direction}; }} .st-key-figure > * {{ direction: ltr; }} "
    ".st-key-figure [data-testid=stElementContainer] {{ min-width: 1120px; }}</style>"
)
# A zoom of the figure's own would be lost with whatever else changes; that by the box stands in the address.
BAR = {"modeBarButtonsToRemove": ["lasso2d", "zoom2d", "zoomIn2d", "zoomOut2d", "autoScale2d"]}


def draw_figure(patient: Patient, as_of: date, mark: tuple[date, str] | None) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        scale = draw_scale()
        draw_format()
        shown = draw_shown()
    figure = patient_figure(patient, as_of, scale=scale, theme=shared.theme(), mark=mark, shown=shown)
    start, end = (pd.Timestamp(edge) for edge in figure["layout"]["xaxis"]["range"])
    is_early = mark is not None and pd.Timestamp(mark[0]) < start + (end - start) / 2
    st.html(NARROW.format(direction="ltr" if is_early else "rtl"))
    name = f"ANC-{patient.about['patient_id']}"
    with st.container(key="figure"):
        draw_picture(
            figure,
            name,
            "ANC over time with its bands, the protocol's decisions, doses, platelets, WBC with its grades and events. "
            "The same numbers stand in the tables below.",
            bar=BAR,
            on_select=lambda: take_box(f"figure_{name}"),
            selection_mode="box",
        )


def draw_scale() -> str:
    address.take("scale", lambda said: SCALES[said == ["log"]])
    scale = st.segmented_control("Axis of ANC and WBC", SCALES, required=True, key="scale") or SCALES[0]
    address.put("scale", [] if scale == SCALES[0] else [scale])
    return scale


def draw_shown() -> tuple[date, date] | None:
    """The days that the reader or the address chose, and the way back to all of them; None: all."""
    address.take(SHOWN, days_of)
    shown = st.session_state[SHOWN]
    address.put(SHOWN, [day.isoformat() for day in shown or ()])
    if shown is None:
        st.caption("Drag across the figure to see some days closer.", width="content")
    else:
        words = f"Show all days, not only {shared.day(shown[0])} to {shared.day(shown[1])}"
        st.button(words, key="all_days", on_click=show_all_days)
    return shown


def show_all_days() -> None:
    st.session_state[SHOWN] = None


def days_of(said: list[str]) -> tuple[date, date] | None:
    """The first and the last day where the address names two, in order."""
    try:
        first, last = map(date.fromisoformat, said)
    except ValueError:
        return None
    return (first, last) if first < last else None


def take_box(key: str) -> None:
    """Show the days of the box that was drawn in the figure."""
    box = st.session_state[key].selection.box
    if box:
        first, *_, last = sorted(pd.to_datetime(box[0]["x"]))
        st.session_state[SHOWN] = days_of([f"{first:%Y-%m-%d}", f"{last:%Y-%m-%d}"])
