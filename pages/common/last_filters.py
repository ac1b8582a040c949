"""The filters that a reader had last, offered again where a session begins without any.

Offered and not set: a filter that nobody asked for today would hide patients. They are kept in the memory of the
server alone, without the searched words, which may be names.
"""

import streamlit as st

from leuko.store import Filters
from pages.common import sign_in
from pages.common.listed import CHOSEN, in_words

HERE = "filtered_here"  # in the session: whether it has had filters of its own


@st.cache_resource(show_spinner=False)
def kept() -> dict[str, dict[str, list[str]]]:
    """The last filters of each reader, gone with the server."""
    return {}


def reader() -> str:
    """Which account reads; one and the same where there is no sign-in."""
    found = sign_in.reader()
    return " ".join((found.iss, found.sub, found.who)) if found else ""


def draw_last_filters(filters: Filters, offered: dict[str, dict[str, str]]) -> None:
    """Keep the filters in use; where none were in this session, offer the last ones."""
    chosen = {name: list(values) for name in CHOSEN if (values := getattr(filters, name))}
    if chosen:
        st.session_state[HERE] = True
        kept()[reader()] = chosen
        return
    last = {
        name: [value for value in values if value in offered[name]]
        for name, values in kept().get(reader(), {}).items()
    }
    if st.session_state.get(HERE) or not any(last.values()):
        return
    words = in_words(Filters(**{name: tuple(values) for name, values in last.items()}), offered)
    with st.container(horizontal=True, vertical_alignment="center", key="last_filters"):
        st.caption(f"Everybody is shown. Last time: only {words}.", width="content")
        st.button("Filter so again", key="last_again", on_click=st.session_state.update, args=(last,))
        st.button("Forget it", key="last_forget", on_click=kept().pop, args=(reader(), None))
