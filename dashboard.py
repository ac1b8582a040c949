"""The dashboard's entry: which data these are, how old, and the pages. The only place that reads the clock.

Started by `streamlit run dashboard.py`; LEUKO_DB names the database.
"""

import logging
from datetime import date
from pathlib import Path

import duckdb
import streamlit as st
from streamlit import Page
from streamlit.delta_generator import DeltaGenerator

from leuko.store import Store, StoreError
from pages.common import address, shared

# A local picture: a named icon would be fetched from outside.
ICON = Path(__file__).parent / ".streamlit" / "icon.png"

LOG = logging.getLogger(__name__)
LOOK_EVERY = 3  # seconds between two looks for a new version
UNREADABLE = (duckdb.IOException, duckdb.FatalException, duckdb.InternalException, duckdb.SerializationException)

# The page begins at the top of the window, beside the menu, and the worklist takes its width.
STYLE = """<style>
[data-testid=stMainBlockContainer] { padding: 0.8rem 2rem 2rem; }
[data-testid=stHeader] { background: transparent; left: auto; width: 4rem; }
/* Small print and the chosen one of several, dark enough to be read: contrast of 4.5 and more. */
[data-testid=stCaptionContainer] { opacity: 0.8 !important; }
[data-testid=stButtonGroup] * { color: inherit !important; }
</style>"""


def data_age(as_of: date) -> str:
    """`Data up to 31 March 2026 (3 days old)`; published sets may be dated in the future."""
    days = (date.today() - as_of).days  # noqa: DTZ011  counts are dated by the local calendar
    age = f"{shared.counted(days, 'day')} old" if days >= 0 else "dated in the future"
    return f"Data up to {shared.day(as_of)} ({age})"


@st.cache_data(show_spinner=False, max_entries=20)
def read_future(path: str, sites: tuple[str, ...] | None, today: date) -> int:
    """How many results are dated after today."""
    return shared.store_at(path).view(sites).dated_after(today)


def future_words(store: Store) -> str:
    """Empty where no result is dated in the future; published sets with shifted dates have many."""
    results = read_future(store.path, shared.sites(), date.today())  # noqa: DTZ011  as in `data_age`
    verb = "is" if results == 1 else "are"
    words = f"**:material/warning: {shared.counted(results, 'result')} {verb} dated in the future.**"
    return words if results else ""


def draw_header(store: Store) -> None:
    """What data these are, how old they are, and what the dashboard is not."""
    about = store.about
    st.html(STYLE)
    name = f":blue-badge[Simulated data] {about.note}" if about.simulated else about.title
    parts = [
        name,
        f"{data_age(about.as_of)}.",
        future_words(store),
        "Supports clinical judgement and never replaces it.",
    ]
    st.markdown(f":small[{' · '.join(part for part in parts if part)}]")
    if not shared.is_newest(store):
        st.warning(
            f"The newest data file cannot be read. This is load {about.number}, the one before it: load again, or make "
            "this one the newest with `python -m leuko undo`.",
            icon=":material/warning:",
        )


def draw_links(place: DeltaGenerator, pages: list[Page], store: Store) -> None:
    """The way to each page, with the day and the filters; the navigation of Streamlit would drop them.

    At the end of the row, small: which load and which protocols are shown.
    """
    about = store.about
    with place.container(horizontal=True, vertical_alignment="center"):
        for page in pages:
            st.page_link(page, query_params=address.whole())
        st.space("stretch")
        loaded = f"load {about.number}, {shared.moment(store.loaded_at)}"
        st.caption(f"{loaded} · protocols {about.protocols_version}", width="content")


@st.fragment(run_every=LOOK_EVERY)
def follow(path: str) -> None:
    """Show the next version when a load has published it; what the reader chose stays."""
    if path != shared.newest_path():
        st.rerun()


def draw_page(page: Page, store: Store) -> None:
    """The page; where a part of the file cannot be read, the version before it in its place."""
    try:
        page.run()
    except UNREADABLE:
        LOG.exception("a part of %s cannot be read", store.path)
        shared.unreadable().add(store.path)
        st.rerun()


def main() -> None:
    st.set_page_config(page_title="leuko", page_icon=str(ICON), layout="wide")
    panel = st.Page("pages/panel.py", title="Panel", url_path="panel", default=True)
    patient = st.Page("pages/patient.py", title="Patient", url_path="patient")
    adherence = st.Page("pages/adherence.py", title="Adherence", url_path="adherence")
    cohort = st.Page("pages/cohort.py", title="Cohort", url_path="cohort")
    protocols = st.Page("pages/protocols.py", title="Protocols", url_path="protocols")
    changes = st.Page("pages/changes_if.py", title="What changes if", url_path="changes_if")
    data = st.Page("pages/data.py", title="Data", url_path="data")
    wall = st.Page("pages/wall.py", title="Large screen", url_path="wall")
    pages = [panel, patient, adherence, cohort, protocols, changes, data]
    page = st.navigation([*pages, wall], position="hidden")
    try:
        store = shared.open_store()
    except StoreError as error:
        st.error(f"{error}. `LEUKO_DB` names the database to show.")
        return
    links = st.empty()
    draw_links(links, pages, store)
    draw_header(store)
    draw_page(page, store)
    follow(store.path)
    draw_links(links, pages, store)  # again, with what the page has since written into its address


main()
