"""The loads of a database, the last first: what each brought, and whether it still counts."""

import pandas as pd
import streamlit as st

from leuko.access import Sight
from pages.common import shared
from pages.common.markup import table

KINDS = {"load": "whole load", "add": "added", "undo": "put back"}
NUMBERS = ("Load", "Loaded", "Set aside", "There already", "Patients touched")
SHOWN = 30


@st.cache_data(show_spinner=False, max_entries=20)
def read_loads(path: str, sight: Sight) -> pd.DataFrame:
    return shared.store_at(path).view(sight).loads()


def draw_loads(path: str, sight: Sight) -> None:
    """A row a load; what was undone, or replaced by a later whole load, is said to count no longer."""
    loads = read_loads(path, sight)
    st.markdown("##### Loads")
    st.html(table([row_of(load) for load in loads.head(SHOWN).to_dict("records")], numbers=NUMBERS))
    if len(loads) > SHOWN:
        st.caption(f"The last {SHOWN} of {len(loads):,}; `python -m leuko loads` lists them all.")


def row_of(load: dict) -> dict:
    return {
        "Load": f"{load['number']:,}",
        "What": KINDS[load["kind"]] + ("" if load["held"] or load["kind"] == "undo" else ", counts no longer"),
        "When": shared.moment(load["loaded_at"]),
        "Data up to": shared.day(load["as_of"]),
        "Loaded": shared.number(load["loaded"]),
        "Set aside": shared.number(load["set_aside"]),
        "There already": shared.number(load["already_there"]),
        "Patients touched": "all" if shared.is_missing(load["patients"]) else shared.number(load["patients"]),
        "Files": load["files"],
    }
