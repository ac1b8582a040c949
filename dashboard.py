"""The dashboard's entry: who reads, which data these are, how old, and the pages.

Started by `streamlit run dashboard.py`; LEUKO_DB names the database. Streamlit then reads this file twice: as a module
it is the server's app, behind the gate of `pages/common/gate.py`; as a script it draws a page.
"""

import logging
import sys
from datetime import date
from pathlib import Path

import duckdb
import streamlit as st
from starlette.middleware import Middleware
from streamlit import Page
from streamlit.delta_generator import DeltaGenerator
from streamlit.runtime.scriptrunner import get_script_run_ctx

from leuko.access import Reader, Sight
from leuko.store import Store, StoreError
from pages.common import address, clicks, gate, markup, shared, sign_in
from pages.common.opened import note_address

# A local picture: a named icon would be fetched from outside.
ICON = Path(__file__).parent / ".streamlit" / "icon.png"

LOG = logging.getLogger(__name__)
LOOK_EVERY = 3  # seconds between two looks for a new version
# Seconds that one run computes while others wait. A page asks the database and Streamlit's locks hundreds of times, and
# may wait for its turn after each: with Python's own 0.005 the panel of one among fifty took twice as long.
SWITCH_EVERY = 0.0005
UNREADABLE = (duckdb.IOException, duckdb.FatalException, duckdb.InternalException, duckdb.SerializationException)

TITLES = {
    "panel": "Panel",
    "patient": "Patient",
    "adherence": "Adherence",
    "cohort": "Cohort",
    "protocols": "Protocols",
    "changes_if": "What changes if",
    "data": "Data",
    "access": "Access log",
    "wall": "Large screen",
}
UNLINKED = ("wall",)  # the panel has the way to it
# The page begins at the top of the window, beside the menu, and the worklist takes its width.
STYLE = f"<style>{clicks.STYLE}{markup.STYLE}" + """
[data-testid=stMainBlockContainer] { padding: 0.8rem 2rem 2rem; }
@media (max-width: 640px) { [data-testid=stMainBlockContainer] { padding: 0.8rem 1rem 2rem; } }
[data-testid=stHeader] { background: transparent; left: auto; width: 4rem; }
/* Small print and the chosen one of several, dark enough to be read: contrast of 4.5 and more. */
[data-testid=stCaptionContainer] { opacity: 0.8 !important; }
[data-testid=stButtonGroup] * { color: inherit !important; }
kbd { color: inherit !important; opacity: 0.9 !important; }
</style>"""


def data_age(as_of: date) -> str:
    """`Data up to 31 March 2026 (3 days old)`; published sets may be dated in the future."""
    days = (date.today() - as_of).days  # noqa: DTZ011  counts are dated by the local calendar
    age = f"{shared.counted(days, 'day')} old" if days >= 0 else "dated in the future"
    return f"Data up to {shared.day(as_of)} ({age})"


@st.cache_data(show_spinner=False, max_entries=100)
def read_future(path: str, sight: Sight, today: date) -> int:
    """How many results are dated after today."""
    return shared.store_at(path).view(sight).dated_after(today)


def future_words(store: Store, sight: Sight) -> str:
    """Empty where no result is dated in the future; published sets with shifted dates have many."""
    results = read_future(store.path, sight, date.today())  # noqa: DTZ011  as in `data_age`
    verb = "is" if results == 1 else "are"
    words = f"**:material/warning: {shared.counted(results, 'result')} {verb} dated in the future.**"
    return words if results else ""


def draw_header(store: Store, sight: Sight, who: Reader) -> None:
    """What data these are, how old they are, what the dashboard is not, and who reads."""
    about = store.about
    st.html(STYLE)
    name = f":blue-badge[Simulated data] {about.note}" if about.simulated else about.title and f"{about.title}."
    parts = [
        name,
        f"{data_age(about.as_of)}.",
        future_words(store, sight),
        "Supports clinical judgement and never replaces it.",
        "" if sign_in.is_configured() else f"{sign_in.words_of(who)}.",
    ]
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f":small[{' '.join(part for part in parts if part)}]", width="stretch")
        if sign_in.is_configured():
            st.text(sign_in.words_of(who), width="content")  # as text: Markdown would make a link of an address
            sign_in.draw_sign_out()
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
def follow(path: str, who: Reader, page: Page, asked: dict[str, list[str]]) -> None:
    """Show the next version when a load has published it, what the reader chose stays; close where he may not read.

    `asked`: what the address of the page asks for.
    """
    if get_script_run_ctx().page_script_hash != page._script_hash:
        # A look that the page before asked for came after the switch: the browser has emptied this page for it.
        st.switch_page(page, query_params=asked)
    if sign_in.reader() != who or path != shared.newest_path():
        st.rerun()


def draw_page(page: Page, store: Store) -> None:
    """The page; where a part of the file cannot be read, the version before it in its place."""
    try:
        page.run()
        note_address()
    except UNREADABLE:
        LOG.exception("a part of %s cannot be read", store.path)
        shared.unreadable().add(store.path)
        st.rerun()


def pages_of(who: Reader | None) -> dict[str, Page]:
    """The pages that a reader may open, by name."""
    return {
        name: st.Page(f"pages/{name}.py", title=TITLES[name], url_path=name, default=name == who.pages[0])
        for name in TITLES
        if who and name in who.pages
    }


def closed_pages(who: Reader | None, opened: dict[str, Page]) -> list[Page]:
    """In place of all others, so that their addresses lead to a sentence: sign in, or not open to you."""

    def door() -> None:
        sign_in.draw_door(who)
        for name in list(opened)[:1]:
            st.page_link(opened[name], label=TITLES[name])
        follow_sign_in(who)

    closed = [name for name in TITLES if name not in opened]
    usual = "" if opened else closed[0]
    return [st.Page(door, title=TITLES[name], url_path=name, default=name == usual) for name in closed]


@st.fragment(run_every=LOOK_EVERY)
def follow_sign_in(who: Reader | None) -> None:
    if sign_in.reader() != who:
        st.rerun()


def main() -> None:
    who = sign_in.reader()
    st.set_page_config(page_title="leuko", page_icon=str(ICON) if who else None, layout="wide")
    pages = pages_of(who)
    page = st.navigation([*pages.values(), *closed_pages(who, pages)], position="hidden")
    name = next((name for name in pages if pages[name] == page), None)
    if name is None:
        page.run()
        return
    try:
        store = shared.open_store()
    except StoreError as error:
        st.error(f"{sign_in.told(error)}. `LEUKO_DB` names the database to show.")
        return
    linked = [pages[name] for name in pages if name not in UNLINKED]
    links = st.empty()
    draw_links(links, linked, store)
    draw_header(store, who.sight(name), who)
    follow(store.path, who, page, address.whole())  # before the page, which ends the run where it is closed
    draw_page(page, store)
    draw_links(links, linked, store)  # again, with what the page has since written into its address


if __name__ == "__main__":
    main()
else:
    sys.setswitchinterval(SWITCH_EVERY)
    gate.check_start()
    gate.keep_names_out_of_the_log()
    app = st.App(__file__, middleware=[Middleware(gate.Gate)], on_script_error=gate.calm)
