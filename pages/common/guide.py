"""The first five minutes: a few lines on the panel of simulated data, until they are dismissed."""

import streamlit as st

from leuko.store import Store
from pages.common import address

NAME, OFF = "guide", "off"
WORDS = """**New here?** The sentence below says how many patients need what; who is first stands under it. A click on a
row opens the patient: the counts, the doses, and why the rule says what it says. *As of* shows any past day as it was
known then. *Adherence* says what was done of it, *Protocols* lets you try counts of your own."""
STYLE = "<style>@media (min-width: 641px) { .st-key-guide { flex-wrap: nowrap; } }</style>"


def draw_guide(store: Store) -> None:
    """Nothing on real data, or once dismissed: the address keeps that."""
    address.take(NAME, lambda said: said[:1] == [OFF])
    if not store.about.simulated or st.session_state[NAME]:
        return
    st.html(STYLE)
    with st.container(border=True, key="guide", horizontal=True, vertical_alignment="center"):
        st.markdown(WORDS, width="stretch")
        st.button("Dismiss", key="dismiss_guide", on_click=dismiss)


def dismiss() -> None:
    st.session_state[NAME] = True
    address.put(NAME, [OFF])
