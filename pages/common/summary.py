"""The summary of a patient, to print for the chart or the family meeting."""

import re
from datetime import date
from functools import partial

from leuko.access import Sight
from leuko.store import Patient, Store
from leuko.summary import summary_html
from pages.common import shared
from pages.common.opened import draw_file


def summary_file(
    path: str, sight: Sight, as_of: date, patient: Patient, scale: str
) -> bytes:
    return summary_html(shared.store_at(path).view(sight, as_of), patient, scale).encode()


def draw_summary(store: Store, sight: Sight, as_of: date, patient: Patient, scale: str) -> None:
    """Hand out the page, with the axis of the figure as it is shown; it is made when it is asked for."""
    name = re.sub(r"[^\w-]+", "-", str(patient.about["patient_id"]))
    draw_file(
        "Summary to print",
        partial(summary_file, store.path, sight, as_of, patient, scale),
        store.about.file_name(f"summary-{name}.html", as_of),
        "text/html",
        key="summary",
        icon=":material/print:",
        help="Where the patient stands, the figure, episodes, decisions and sources. Keep it as you keep records.",
    )
