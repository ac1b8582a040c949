"""The large screen of a tumour board: what is to be done, and for whom first, read from across the room.

What its reader can say after three seconds: "8 patients need a hold; the first is Ada Imarov."
"""

from dataclasses import replace

import pandas as pd
import streamlit as st

from leuko.access import Sight
from leuko.store import Filters
from pages.common import address, shared
from pages.common.markup import safe
from pages.common.needs import first_sentence
from pages.common.opened import opened

ROWS = 14  # that fit on one screen without scrolling
ALERTS = 4  # of these at most, so that the holds below them are in sight
TO_DO_LENGTH = 150  # characters that fit in two lines
FILTERS = ("site", "clinician", "drug", "diagnosis")
STYLE = """<style>
.wall { width: 100%; border-collapse: collapse; font-size: 1.55rem; line-height: 1.25; }
.wall td { padding: 0.55rem 1.2rem 0.55rem 0; border-bottom: 1px solid #8884; vertical-align: top; }
.wall td:first-child { font-weight: 700; width: 10.5em; }
.wall td:nth-child(2) { overflow-wrap: anywhere; min-width: 8.5em; max-width: 14em; }
.wall th { font-size: 1.2rem; font-weight: 400; text-align: left; padding: 0; border: 0; }
.wall th:last-child { text-align: right; padding-right: 1.2rem; }
.wall .id { display: inline-block; }
.wall td:last-child { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
.wall-head { font-size: 2.6rem; font-weight: 700; line-height: 1.15; }
.wall-note { font-size: 1.2rem; }
@media (max-width: 900px) {
    .wall { font-size: 1rem; }
    .wall td:nth-child(n), .wall th:last-child { padding-right: 0.6rem; }
    .wall td:first-child { width: auto; min-width: 6.5em; }
    .wall td:nth-child(2) { min-width: 5.5em; }
    .wall-head { font-size: 1.5rem; }
}
@media (max-width: 640px) {
    .wall, .wall tbody, .wall tr { display: block; }
    .wall thead { display: none; }
    .wall td:last-child::before { content: "since "; }
    .wall td:nth-child(n) { display: block; padding: 0; border: 0; text-align: left; }
    .wall tr { padding: 0.5rem 0; border-bottom: 1px solid #8884; }
}
</style>"""
HEADS = ("Status", "Patient", "What to do", "Since")
HEAD = f"<thead><tr>{''.join(f'<th>{head}</th>' for head in HEADS)}</tr></thead>"


@st.cache_data(show_spinner="Reading the worklist", max_entries=20)
def read_wall(path: str, sight: Sight, filters: Filters) -> tuple[dict[str, int], pd.DataFrame, int]:
    """Patients by need, what waits for a decision with the most urgent first, and how many that are in all."""
    view = shared.store_at(path).view(sight)
    statuses = view.statuses(filters)
    alerts = view.alerts(filters)
    dangers = alerts[alerts["tone"].eq("danger") & ~alerts["answered"]]
    waiting = replace(filters, status=tuple(statuses.loc[statuses["need"].notna(), "status"]))
    listed = view.worklist(waiting, per_page=ROWS)
    shown = ["patient_id", "name", "word", "icon", "tone", "since", "to_do"]
    rows = pd.concat([dangers[shown].head(ALERTS), listed[shown]], ignore_index=True)
    return view.needs(filters), rows.head(ROWS), len(dangers) + view.count(waiting)


def row_words(row: dict, theme: str) -> str:
    """One patient: the status in its colour and word, who, what to do, since when."""
    colour = shared.tone_colour(row["tone"], theme)
    known = "" if shared.is_missing(row["name"]) else f"{safe(row['name'])}, "
    who = f'{known}<span class="id">{safe(row["patient_id"])}</span>'
    cells = (
        f'<span style="color:{colour}">{safe(row["icon"])} {safe(row["word"])}</span>',
        who,
        safe(shared.cut_short(row["to_do"], TO_DO_LENGTH)),
        safe(shared.day(row["since"])),
    )
    return f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def main() -> None:
    store = shared.open_store()
    asked = {name: tuple(address.whole().get(name, ())) or None for name in FILTERS}
    filters = Filters(**asked)
    patients, rows, waiting = read_wall(store.path, opened("wall"), filters)
    theme = shared.theme()
    body = "".join(row_words(row, theme) for row in rows.to_dict("records"))
    more = waiting - len(rows)
    left = f"And {more:,} more on the panel" if more > 0 else "Nobody else waits" if len(rows) else "Nobody waits"
    only = f" Only {safe(filters.words)}." if filters.words else ""
    st.html(
        f'{STYLE}<h1 class="wall-head">{safe(first_sentence(patients))}</h1>'
        f'<p class="wall-note">Data up to {safe(shared.day(store.about.as_of))}.{only}</p>'
        f'<table class="wall">{HEAD if body else ""}<tbody>{body}</tbody></table><p class="wall-note">{left}.</p>'
    )


shared.only_within_dashboard()
main()
