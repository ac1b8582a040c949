"""The panel's list as its address narrows it, for whoever walks along it: before and after a patient, who comes."""

from collections.abc import Callable
from datetime import date

import streamlit as st

from leuko.access import Sight
from leuko.store import Beside, Filters
from pages.common import address, shared

CHOSEN = {"site": "Site", "clinician": "Clinician", "drug": "Drug", "diagnosis": "Diagnosis", "status": "Status"}
UNRECORDED = "not recorded"
SEARCHED = "searched"  # in the session: the words of the panel's search, for the pages beside it
KEYS = {"Previous patient": "Alt+P", "Next patient": "Alt+N"}


@st.cache_data(show_spinner=False, max_entries=100)
def read_choices(path: str, sight: Sight) -> dict[str, dict[str, str]]:
    """What each filter offers, as {value: word}: all that occurs on whatever day, and every status."""
    view = shared.store_at(path).view(sight)
    statuses = view.statuses(Filters())
    occurring = {
        name: {value: value or UNRECORDED for value in values} for name, values in view.choices().items()
    }
    return occurring | {"status": dict(zip(statuses["status"], statuses["word"], strict=True))}


@st.cache_data(show_spinner=False, max_entries=100)
def read_beside(path: str, sight: Sight, as_of: date, filters: Filters, patient_id: str) -> Beside:
    return shared.store_at(path).view(sight, as_of).beside(filters, patient_id)


def as_on_panel(offered: dict[str, dict[str, str]]) -> Filters:
    """The filters that the address names, and the search; what nothing here is called is passed over, as there."""
    asked = address.whole()
    chosen = {name: tuple(value for value in offered[name] if value in asked.get(name, ())) or None for name in CHOSEN}
    return Filters(**chosen, search=st.session_state.get(SEARCHED, ""))


def in_words(filters: Filters, offered: dict[str, dict[str, str]]) -> str:
    """The filters as a sentence names them, a status by its word."""
    words = tuple(offered["status"][status] for status in filters.status or ())
    return shared.plain(Filters(**{**vars(filters), "status": words}).words)


def place_words(found: Beside, narrowed: str) -> str:
    """`Patient 3 of 290 on the panel, only site East`."""
    only = f", only {narrowed}" if narrowed else ""
    if found.place is None:
        return f"Not among the {shared.counted(found.patients, 'patient')} on the panel{only}"
    return f"Patient {found.place:,} of {found.patients:,} on the panel{only}"


def draw_way(source: tuple[str, Sight], as_of: date, patient_id: str, show: Callable[[str], None]) -> None:
    """To the patient before and after in the panel's list, with the mouse or the keyboard; `show` shows one."""
    offered = read_choices(*source)
    filters = as_on_panel(offered)
    found = read_beside(*source, as_of, filters, patient_id)
    with st.container(horizontal=True, vertical_alignment="center", key="way"):
        for (words, keys), patient in zip(KEYS.items(), (found.before, found.after), strict=True):
            name = words.split()[0].lower()
            st.button(words, shortcut=keys, disabled=patient is None, key=name, on_click=show, args=(patient,))
        st.caption(place_words(found, in_words(filters, offered)), width="content")
