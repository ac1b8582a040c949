"""What the protocol says to do now, course by course: one sentence to read first, and what it rests on."""

import pandas as pd
import streamlit as st

from leuko.store import Patient
from pages.common import shared
from pages.common.markup import safe
from pages.common.why import DERIVED

HEADLINE = 220  # characters that can be read at a glance
CERTAINTY = {
    "firm": "Firm: the gaps between the counts leave nothing open.",
    "sparse": "Sparse: the counts lie days apart; at the clocks' shortest another clause would decide.",
}


def draw_course(course: dict, first_known: str, *, big: bool) -> None:
    """What to do in one sentence, in words, icon and colour; then what must be known first and what it rests on."""
    colour = shared.tone_colour(course["tone"], shared.theme())
    first, rest = headline(course["to_do"])
    before = f'<div style="margin-top:0.3rem">{first_known}</div>' if first_known else ""
    size = "1.45rem" if big else "1.1rem"
    st.html(
        f'<div style="border-left:6px solid {colour};padding:0.1rem 0 0.1rem 1rem">'
        f'<div style="color:{colour};font-weight:700">{safe(course["icon"])} {safe(course["word"])}</div>'
        f'<div style="font-size:{size};line-height:1.3;font-weight:600">{safe(first)}</div>'
        f"<div>{safe(rest)}</div>{before}"
        f'<div style="opacity:0.85;margin-top:0.3rem">{safe(CERTAINTY.get(course["certainty"], ""))}</div>'
        f'<div style="opacity:0.85">{safe(standing(course))}</div></div>'
    )


def headline(to_do: str) -> tuple[str, str]:
    """What to read first, and the rest: a long reason goes on in smaller words after its first sentence."""
    if len(to_do) <= HEADLINE:
        return to_do, ""
    first, _, rest = to_do.partition(". ")
    return f"{first}.", rest


def standing(course: dict) -> str:
    """The facts of a course in a line: dose, last ANC, since when, the next count, the protocol."""
    anc = shared.number(course["last_anc"], "cells/µL", course["last_anc_comparator"])
    anc += DERIVED if course["last_anc_derived"] is True else ""
    parts = [
        ("dose now", shared.number(course["dose_now_mg"], course["dose_unit"])),
        ("first dose", first_dose(course)),
        ("last ANC", f"{anc} on {shared.day(course['last_anc_on'])}"),
        ("since", shared.day(course["since"])),
        (
            "next count due",
            shared.NONE if course["status"] == "off_drug" else shared.day(course["next_lab_due_on"]),
        ),
        ("protocol", course["protocol"]),
    ]
    said = [
        f"{name} {value}"
        for name, value in parts
        if not shared.is_missing(value) and shared.NONE not in value
    ]
    return " · ".join(said)


def first_dose(course: dict) -> str:
    """The first dose of the course, beside the one that the protocol's table starts at, where it names one."""
    given = shared.number(course["first_dose_mg"], course["dose_unit"])
    table = course["starting_dose_mg"]
    return given if shared.is_missing(table) else f"{given} (the table starts at {shared.number(table, 'mg')})"


def first_known(course: dict, known_first: pd.DataFrame) -> str:
    """What must be known before a dose is escalated, in the protocol's words; safe to show, empty where it has none."""
    of_course = known_first.loc[known_first["protocol"].eq(course["protocol"]), "words"]
    if course["status"] != "escalate" or of_course.empty:
        return ""
    return f"<strong>Must be known first:</strong> {safe('; '.join(of_course.iloc[0]))}."


def draw_courses(patient: Patient) -> None:
    """The most urgent course large, the others below it."""
    if patient.worklist.empty:
        st.info("On this day nothing was known of this patient that a protocol could be applied to.")
    for place, course in enumerate(patient.worklist.to_dict("records")):
        draw_course(course, first_known(course, patient.known_first), big=place == 0)
