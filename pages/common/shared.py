"""What every page shares: the open database, whose patients may be seen, colours, numbers and days.

The vocabulary of the worklist (word, icon and tone of a status) comes with the store's frames from
`leuko/statuses.csv`; here each tone gets its colour, once, for both themes.
"""

import os
import re
from collections.abc import Iterator
from datetime import date
from decimal import Decimal

import pandas as pd
import streamlit as st
from streamlit.runtime.pages_manager import PagesManager

from leuko.store import Store
from pages.common import address

DATABASE = "data/leuko.duckdb"
FIRST_DAY = date(1900, 1, 1)  # that can be looked at; before the first result there is simply nothing
NONE = "–"  # what stands where there is no value

# As text on both backgrounds of each theme the contrast is at least 4.5 (a test holds that).
TONES = {
    "light": {
        "danger": "#b3261e",
        "act": "#8a4b00",
        "unknown": "#6a4c9c",
        "ready": "#1d5c9e",
        "wait": "#51606f",
        "calm": "#476152",
    },
    "dark": {
        "danger": "#ff8f85",
        "act": "#efb35f",
        "unknown": "#c3adf0",
        "ready": "#86bdf2",
        "wait": "#a9b6c3",
        "calm": "#9dbca7",
    },
}


def only_within_dashboard() -> None:
    """Start over with dashboard.py where a page runs without it: the first line of every page.

    As long as nobody has opened dashboard.py, Streamlit takes `pages/` for pages of their own, and a link straight to
    a patient would show him without the header that says what data these are.
    """
    if PagesManager.uses_pages_directory:
        PagesManager.uses_pages_directory = False
        st.rerun()


def database_path() -> str:
    """The file that is read now; a load re-points the name to a new file, and with it every cache key."""
    return os.path.realpath(os.environ.get("LEUKO_DB", DATABASE))


def open_store() -> Store:
    """The database as it is now."""
    return store_at(database_path())


# The one before stays open, for whoever still reads it when a load publishes the next.
@st.cache_resource(show_spinner=False, max_entries=2)
def store_at(path: str) -> Store:
    """The database in this file, opened once for all users."""
    return Store(path)


def sites() -> tuple[str, ...] | None:
    """The sites this user may see; None is all of them, as long as there is no sign-in."""
    return None


def theme() -> str:
    """`light` or `dark`, as the browser shows the page."""
    return "dark" if st.context.theme.type == "dark" else "light"


def tone_colour(tone: str, theme: str) -> str:
    """The colour of a tone of `leuko/statuses.csv` as #rrggbb, readable as text in that theme."""
    return TONES[theme][tone]


def is_missing(value: object) -> bool:
    """True for None, NaN and NaT."""
    return value is None or bool(pd.isna(value))


def number(value: float | None, unit: str | None = "", comparator: str | None = "") -> str:
    """`1,250`, `0.5 mg` or `<100`, with the decimals it has and no more; `–` where there is no value."""
    if is_missing(value):
        return NONE
    sign, unit = ("" if is_missing(word) else word for word in (comparator, unit))
    return f"{sign}{_plain(float(value))} {unit}".strip()


def _plain(value: float) -> str:
    exact = f"{Decimal(repr(value)):,f}"  # never rounded: 499.9999999 is below 500
    return exact.rstrip("0").rstrip(".") if "." in exact else exact


def day(value: date | None) -> str:
    """`2 March 2026`; `–` where there is none."""
    return NONE if is_missing(value) else f"{value.day} {value:%B %Y}"


def plain(text: object) -> str:
    """Text from the data as it is, where Streamlit would read it as Markdown."""
    return "" if is_missing(text) else re.sub(r"([\\`*_{}\[\]()<>#+\-.!|~$:])", r"\\\1", str(text))


def counted(how_many: int, one: str, many: str = "") -> str:
    """`1 course`, `1,204 courses`."""
    return f"{how_many:,} {one if how_many == 1 else many or one + 's'}"


def is_day_until(text: str, last: date) -> bool:
    """Whether `text` is a day written YYYY-MM-DD and not after the last day of the data."""
    try:
        return FIRST_DAY <= date.fromisoformat(text) <= last
    except ValueError:
        return False


def days_in(said: list[str], last: date) -> Iterator[date]:
    return (date.fromisoformat(text) for text in said if is_day_until(text, last))


def day_picker(store: Store) -> date:
    """The day that a page shows, in the address as `as_of=YYYY-MM-DD`; without it, the last day of the data.

    Every page has this same one, so that the day goes along from the panel to a patient and back.
    """
    last = store.about.as_of
    address.take("as_of", lambda said: next(days_in(said, last), last))
    chosen = st.date_input(
        "As of",
        min_value=FIRST_DAY,
        max_value=last,
        format="YYYY-MM-DD",
        key="as_of",
        help="Shows what was known on that day: only results reported by then.",
    )
    as_of = chosen or last
    address.put("as_of", [] if as_of == last else [as_of.isoformat()])
    return as_of


def replay_banner(store: Store, as_of: date) -> None:
    """Where an earlier day is shown, say so in words and give the way back."""
    last = store.about.as_of
    if as_of == last:
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.info(
            f"**This is {day(as_of)}**, with only what had been reported by then. "
            f"The data go on to {day(last)}.",
            icon=":material/history:",
        )
        st.button("Show the last day", on_click=_show_day, args=(last,))


def _show_day(as_of: date) -> None:
    st.session_state["as_of"] = as_of
