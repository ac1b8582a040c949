"""How a figure stands on a page, and how it is taken along: the camera above it saves a PNG or an SVG, as chosen."""

import re

import plotly.graph_objects as go
import streamlit as st

from leuko.figures.palette import PALETTE
from pages.common import address, shared

PICTURE = "picture"
FORMATS = ("png", "svg")
BAR = {"displaylogo": False, "modeBarButtonsToRemove": ["lasso2d", "autoScale2d"]}


def draw_format() -> None:
    """What the camera above the figures of the page saves; once a page."""
    take_format()
    chosen = st.segmented_control(
        "Camera saves",
        FORMATS,
        format_func=str.upper,
        required=True,
        key=PICTURE,
        help="The camera is above a figure, at the right, while the pointer is on it.",
    )
    address.put(PICTURE, [] if chosen in (None, FORMATS[0]) else [chosen])


def take_format() -> str:
    address.take(PICTURE, lambda said: FORMATS[said == ["svg"]])
    return st.session_state[PICTURE] or FORMATS[0]


def draw_picture(figure: dict, name: str, alt: str, bar: dict | None = None, **events: object) -> object:
    """The figure, its picture named after the day and the data; it has the ground of the page, and so has the picture.

    `bar`: what else is asked of the tools above it; `events`: what else of `st.plotly_chart`. Returns what that does.
    """
    figure["layout"]["paper_bgcolor"] = PALETTE[shared.theme()]["page"]
    about = shared.open_store().about
    called = about.file_name(re.sub(r"[^\w-]+", "-", name), st.session_state.get("as_of") or about.as_of)
    saved = {"format": take_format(), "filename": called, "scale": 2}
    return st.plotly_chart(
        go.Figure(figure, _validate=False),
        theme=None,
        key=f"figure_{name}",
        config=BAR | (bar or {}) | {"toImageButtonOptions": saved},
        alt=alt,
        **events,
    )
