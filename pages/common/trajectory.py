"""A patient's figure on a page, wide or narrow, with the choice of its axes of ANC and WBC."""

from datetime import date

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from leuko.figures import patient_figure
from leuko.store import Patient
from pages.common import address, shared

SCALES = ("linear", "log")
# On a narrow screen the figure keeps the width that its labels need and is moved sideways; it opens at its right end,
# where the newest counts are, or at its left end where a marked day is.
NARROW = (
    "<style>.st-key-figure {{ overflow-x: auto; direction: {direction}; }} .st-key-figure > * {{ direction: ltr; }} "
    ".st-key-figure [data-testid=stElementContainer] {{ min-width: 760px; }}</style>"
)
TOOLBAR = {"displaylogo": False, "modeBarButtonsToRemove": ["select2d", "lasso2d", "autoScale2d"]}


def draw_figure(patient: Patient, as_of: date, mark: tuple[date, str] | None) -> None:
    address.take("scale", lambda said: SCALES[said == ["log"]])
    scale = st.segmented_control("Axis of ANC and WBC", SCALES, required=True, key="scale") or SCALES[0]
    address.put("scale", [] if scale == SCALES[0] else [scale])
    figure = patient_figure(patient, as_of, scale=scale, theme=shared.theme(), mark=mark)
    start, end = (pd.Timestamp(edge) for edge in figure["layout"]["xaxis"]["range"])
    is_early = mark is not None and pd.Timestamp(mark[0]) < start + (end - start) / 2
    st.html(NARROW.format(direction="ltr" if is_early else "rtl"))
    st.container(key="figure").plotly_chart(
        go.Figure(figure, _validate=False),
        theme=None,
        key=f"figure_{patient.about['patient_id']}",
        config=TOOLBAR,
        alt="ANC over time with its bands, the protocol's decisions, doses, platelets, WBC with its grades and "
        "events. The same numbers stand in the tables below.",
    )
