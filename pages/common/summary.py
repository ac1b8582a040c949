"""The summary of a patient, to print for the chart or the family meeting."""

import re
from datetime import date
from functools import partial

import streamlit as st

from leuko.access import Sight
from leuko.store import Patient, Store
from leuko.summary import summary_html
from pages.common import shared


def summary_file(
    path: str, sight: Sight, as_of: date, patient: Patient, scale: str
) -> bytes:
    return summary_html(shared.store_at(path).view(sight, as_of), patient, scale).encode()


def draw_summary(store: Store, sight: Sight, as_of: date, patient: Patient, scale: str) -> None:
    """Hand out the page, with the axis of the figure as it is shown; it is made when it is asked for."""
    name = re.sub(r"[^\w-]+", "-", str(patient.about["patient_id"]))
    st.download_button(
        "Summary to print",
        data=partial(summary_file, store.path, sight, as_of, patient, scale),
        file_name=store.about.file_name(f"summary-{name}.html", as_of),
        mime="text/html",
        icon=":material/print:",
        key="summary",
        on_click="ignore",
        help="Where the patient stands, the figure, episodes, decisions and sources. Keep it as you keep records.",
    )
