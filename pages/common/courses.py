"""What the protocol says to do now, course by course: one sentence to read first, and what it rests on."""

from collections.abc import Callable

import streamlit as st

from leuko.count_units import CountUnit
from leuko.courses import CERTAINTY, first_known, headline, standing
from leuko.store import Patient
from pages.common import shared
from pages.common.markup import safe


def draw_course(course: dict, known: str, unit: CountUnit, *, big: bool) -> None:
    """What to do in one sentence, in words, icon and colour; then what must be known first and what it rests on."""
    colour = shared.tone_colour(course["tone"], shared.theme())
    first, rest = headline(course["to_do"])
    asked = f"<strong>Must be known first:</strong> {safe(known)}."
    before = f'<div style="margin-top:0.3rem">{asked}</div>' if known else ""
    size = "1.45rem" if big else "1.1rem"
    st.html(
        f'<div style="border-left:6px solid {colour};padding:0.1rem 0 0.1rem 1rem">'
        f'<div style="color:{colour};font-weight:700">{safe(course["icon"])} {safe(course["word"])}</div>'
        f'<div style="font-size:{size};line-height:1.3;font-weight:600">{safe(first)}</div>'
        f"<div>{safe(rest)}</div>{before}"
        f'<div style="opacity:0.85;margin-top:0.3rem">{safe(CERTAINTY.get(course["certainty"], ""))}</div>'
        f'<div style="opacity:0.85">{safe(standing(course, unit))}</div></div>'
    )


def draw_courses(patient: Patient, draw_decided: Callable[[dict], None] = lambda course: None) -> None:
    """The most urgent course large, the others below it; under each, what was decided on it."""
    if patient.worklist.empty:
        st.info("On this day nothing was known of this patient that a protocol could be applied to.")
    for place, course in enumerate(patient.worklist.to_dict("records")):
        draw_course(course, first_known(course, patient.known_first), patient.unit, big=place == 0)
        draw_decided(course)
