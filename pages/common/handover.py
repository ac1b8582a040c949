"""The handover list of what the panel shows, to print and to write on."""

from datetime import date
from functools import partial

import streamlit as st

from leuko.access import Sight
from leuko.handover import handover_html
from leuko.store import Filters, Store
from pages.common import shared


def handover_file(path: str, sight: Sight, as_of: date, filters: Filters) -> bytes:
    return handover_html(shared.store_at(path).view(sight, as_of), filters).encode()


def draw_handover(store: Store, sight: Sight, as_of: date, filters: Filters) -> None:
    """Hand out the list; it is made when it is asked for."""
    st.download_button(
        "Handover list to print",
        data=partial(handover_file, store.path, sight, as_of, filters),
        file_name=store.about.file_name("handover.html", as_of),
        mime="text/html",
        icon=":material/print:",
        key="handover",
        on_click="ignore",
        help="Who needs something now, under these filters, dangers first. It names patients: keep it as you keep "
        "records.",
    )
