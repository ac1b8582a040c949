"""Growth factors: the last dose, where they are used, and what is noted of a poor response. No score is made of it."""

from datetime import date

import pandas as pd
import streamlit as st

from leuko import notes
from leuko.store import Patient
from pages.common import shared
from pages.common.markup import link, safe, table

NO_CUT_OFF = "cannot tell: no cut-off was published in what could be read"


def draw_growth_factors(patient: Patient, as_of: date) -> None:
    """The notes on growth factors that this patient's record asks for; nothing where it asks for none."""
    noted = notes.poor_response(patient.events, patient.growth_factors)
    used_in = notes.used_in(patient.about["diagnosis"])
    if patient.growth_factors.empty and not noted and not used_in:
        return
    st.subheader("Growth factors", anchor=False)
    said = [dose_words(patient.growth_factors, as_of), *(note_words(note) for note in used_in)]
    st.html("".join(f"<div>{words}</div>" for words in said))
    if noted:
        draw_poor_response(noted)


def dose_words(doses: pd.DataFrame, as_of: date) -> str:
    """The last dose in a sentence; safe to show."""
    if doses.empty:
        return "No growth factor dose is recorded."
    last = doses.iloc[-1]
    ago = (pd.Timestamp(as_of) - last["given_on"]).days
    when = f"{shared.counted(ago, 'day')} before {shared.day(as_of)}" if ago else "the day shown"
    return f"Last growth factor dose: {safe(last['words'])} on {shared.day(last['given_on'])}, {when}."


def draw_poor_response(noted: list[notes.Noted]) -> None:
    """What the record has of the associations with a poor response, what contradicts them, and where it was read."""
    st.html(
        "<div>Noted associations with a <strong>poor response to G-CSF</strong>. They are unresolved, and no score is "
        "made of them.</div>"
    )
    rows = [
        {
            "Noted association": each.note,
            "Has it": "yes" if each.certain else NO_CUT_OFF,
            "In the record": record_words(each),
        }
        for each in noted
    ]
    st.html(table(rows, numbers=()))
    sources = "".join(f"<div>Source: {safe(source)}.</div>" for source in dict.fromkeys(each.source for each in noted))
    against = "".join(f"<div>{note_words(note)}</div>" for note in notes.about("against_poor_response"))
    st.html(sources + against)


def record_words(noted: notes.Noted) -> str:
    """`“28 g/L” on 3 March 2026`; `on 4 days, the last 3 March 2026`."""
    words = f"“{noted.words}” " if noted.words else ""
    if noted.days == 1:
        return f"{words}on {shared.day(noted.last_on)}"
    return f"on {noted.days} days, the last {words}on {shared.day(noted.last_on)}"


def note_words(note: dict[str, str]) -> str:
    """A row of `notes.csv` with its source; safe to show."""
    return f"{safe(note['note'])} Source: {link(note['url'], note['source'])}."
