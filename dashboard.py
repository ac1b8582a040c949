"""The dashboard's entry: which data these are, how old, and the pages. The only place that reads the clock.

Started by `streamlit run dashboard.py`; LEUKO_DB names the database.
"""

from datetime import date
from pathlib import Path

import streamlit as st
from streamlit import Page
from streamlit.delta_generator import DeltaGenerator

from leuko.store import About, StoreError
from pages.common import address, shared

# A local picture: a named icon would be fetched from outside.
ICON = Path(__file__).parent / ".streamlit" / "icon.png"

# The page begins at the top of the window, beside the menu, and the worklist takes its width.
STYLE = """<style>
[data-testid=stMainBlockContainer] { padding: 0.8rem 2rem 2rem; }
[data-testid=stHeader] { background: transparent; left: auto; width: 4rem; }
</style>"""


def data_age(as_of: date) -> str:
    """`Data up to 31 March 2026 (3 days old)`; published sets may be dated in the future."""
    days = (date.today() - as_of).days  # noqa: DTZ011  counts are dated by the local calendar
    age = f"{shared.counted(days, 'day')} old" if days >= 0 else "dated in the future"
    return f"Data up to {shared.day(as_of)} ({age})"


def draw_header(about: About) -> None:
    """What data these are, how old they are, and what the dashboard is not."""
    st.html(STYLE)
    name = f":blue-badge[Simulated data] {about.note}" if about.simulated else about.title
    parts = [name, f"{data_age(about.as_of)}.", "Supports clinical judgement and never replaces it."]
    st.markdown(f":small[{' · '.join(part for part in parts if part)}]")


def draw_links(place: DeltaGenerator, pages: list[Page]) -> None:
    """The way to each page, with the day and the filters; the navigation of Streamlit would drop them."""
    with place.container(horizontal=True):
        for page in pages:
            st.page_link(page, query_params=address.whole())


def main() -> None:
    st.set_page_config(page_title="leuko", page_icon=str(ICON), layout="wide")
    panel = st.Page("pages/panel.py", title="Panel", url_path="panel", default=True)
    patient = st.Page("pages/patient.py", title="Patient", url_path="patient")
    page = st.navigation([panel, patient], position="hidden")
    try:
        about = shared.open_store().about
    except StoreError as error:
        st.error(f"{error}. `LEUKO_DB` names the database to show.")
        return
    links = st.empty()
    draw_links(links, [panel, patient])
    draw_header(about)
    page.run()
    draw_links(links, [panel, patient])  # again, with what the page has since written into its address


main()
