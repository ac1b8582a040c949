"""What every page shares: the open database, whose patients may be seen, colours, numbers and days.

The vocabulary of the worklist (word, icon and tone of a status) comes with the store's frames from
`leuko/statuses.csv`, the colour of a tone from the palette of the figures.
"""

import os
import re
import textwrap
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import date, datetime
from pathlib import Path

import pandas as pd
import streamlit as st
from streamlit.runtime.pages_manager import PagesManager

from leuko.access import Sight
from leuko.figures.findings import shortened
from leuko.figures.labels import breadth, number_in_words
from leuko.figures.labels import cut_short as cut_short
from leuko.figures.palette import PALETTE
from leuko.store import About, Aside, Store, StoreError
from leuko.versions import published
from pages.common import address

DATABASE = "data/leuko.duckdb"
FILE_DAY = "day_of_file"  # in the session: the day of the file when a page was last drawn
NONE = "–"  # what stands where there is no value
NAME_LINE = 12  # small letters in a line of a narrow column: two lines are for the name, the third for the id
REASONS = 6  # that are named in one line
# What Markdown makes a link of by itself. That of a colleague's address stays: it may be copied to hand over to him.
LINKED = re.compile(r"(?i)(?<=https:)(?=//)|(?<=http:)(?=//)|(?<=www)(?=\.)")
UNIT = re.compile(r"(?<=\d) (?=(?:%|mg|g/L|cells/µL|×10⁹/L)(?!\w))")  # the space between a number and its unit
GROWTH_FACTOR = re.compile(r"(?<=\bG)-(?=CSF\b)")  # the hyphen at which a line would end
WITHIN = threading.Event()  # that the gate of the dashboard stands before this server
OUTSIDE = "This page shows nothing by itself: it is a part of the dashboard, `streamlit run dashboard.py`."
# Names in the address: a day that a patient's figure marks and the words beside it, and the days that it shows.
MARK = ("mark", "mark_words", "shown")


def only_within_dashboard() -> None:
    """Start over with dashboard.py where a page runs without it: the first line of every page.

    A server that was started with the page itself has no gate before it, so the page says so and ends. As long as
    nobody has opened dashboard.py, Streamlit takes `pages/` for pages of their own, and a link straight to a patient
    would show him without the header that says what data these are.
    """
    if not WITHIN.is_set():
        st.error(OUTSIDE)
        st.stop()
    if PagesManager.uses_pages_directory:
        PagesManager.uses_pages_directory = False
        st.rerun()


def named_database() -> Path:
    """The name of the database, which every load re-points to a new file."""
    return Path(os.environ.get("LEUKO_DB", DATABASE))


def database_path() -> str:
    """The file that the name points to now, and with it every cache key."""
    return os.path.realpath(named_database())


def open_store() -> Store:
    """The database as it is now; where its newest version cannot be read, the newest one that can.

    Raises StoreError where there is none. `is_newest` says which of the two it is.
    """
    newest = database_path()
    try:
        return usable(newest)
    except StoreError as refused:
        for _, older in sorted(published(named_database()).items(), reverse=True):
            if str(older) != newest:
                with suppress(StoreError):
                    return usable(os.path.realpath(older))
        raise refused


def usable(path: str) -> Store:
    if path in unreadable():
        raise StoreError(f"{path}: a part of the file cannot be read")
    return store_at(path)


@st.cache_resource(show_spinner=False)
def unreadable() -> set[str]:
    """Files that opened and in which a part could not be read after all."""
    return set()


def is_newest(store: Store) -> bool:
    return store.path == database_path()


def newest_path() -> str:
    """The file that a page drawn now would read."""
    return open_store().path


# The one before stays open, for whoever still reads it when a load publishes the next.
@st.cache_resource(show_spinner=False, max_entries=2)
def store_at(path: str) -> Store:
    """The database in this file, opened once for all users."""
    return Store(path)


def theme() -> str:
    """`light` or `dark`, as the browser shows the page."""
    return "dark" if st.context.theme.type == "dark" else "light"


def tone_colour(tone: str, theme: str) -> str:
    """The colour of a tone of `leuko/statuses.csv` as #rrggbb, readable as text in that theme."""
    return PALETTE[theme][tone]


def days(how_many: float | None) -> str:
    """`1 day`, `12 days`; `–` where it is not known."""
    return NONE if is_missing(how_many) else counted(int(how_many), "day")


def is_missing(value: object) -> bool:
    """True for None, NaN and NaT."""
    return value is None or bool(pd.isna(value))


def number(value: float | None, unit: str | None = "", comparator: str | None = "") -> str:
    """`1,250`, `0.5 mg` or `<100`, with the decimals it has and no more; `–` where there is no value."""
    if is_missing(value):
        return NONE
    sign, unit = ("" if is_missing(word) else word for word in (comparator, unit))
    return f"{sign}{number_in_words(value)} {unit}".strip()


def who(rows: pd.DataFrame) -> pd.Series:
    """`name, id` for a list, where a long name is cut so that the id is always in sight."""
    names = rows["name"].map(lambda name: name_in_lines(name, NAME_LINE), na_action="ignore")
    return both(names, rows["patient_id"])


def in_lines(words: str, width: int, lines: int) -> str:
    """The words, cut where they do not fit in so many lines of so many characters."""
    shorter = (cut_short(words, length) for length in range(width * lines, 1, -1))
    return next(each for each in shorter if len(textwrap.wrap(each, width)) <= lines)


def name_in_lines(name: str, width: int) -> str:
    """The name, cut where it does not fit in two lines as wide as so many small letters: capitals are wider."""
    shorter = (shortened(name, length) for length in range(2 * width, 0, -1))
    return next(each for each in shorter if len(textwrap.wrap(each, _letters(each, width))) <= 2)


def _letters(name: str, width: int) -> int:
    return max(1, int(width * len(name) / breadth(name))) if name else width


def both(first: pd.Series, second: pd.Series) -> pd.Series:
    """`first, second`, or the one that there is."""
    first, second = first.astype("string"), second.astype("string")  # all None: no column of text by itself
    return (first + ", " + second).fillna(first).fillna(second)


def day(value: date | None) -> str:
    """`2 March 2026`; `–` where there is none."""
    return NONE if is_missing(value) else f"{value.day} {value:%B %Y}"


def moment(value: datetime) -> str:
    """`2 March 2026 at 14:05 UTC`."""
    return f"{day(value)} at {value:%H:%M} UTC"


def unbroken(text: str) -> str:
    """The same text, in which no line ends between a number and its unit, nor within `G-CSF`."""
    return GROWTH_FACTOR.sub("\N{NON-BREAKING HYPHEN}", UNIT.sub("\N{NO-BREAK SPACE}", text))


def plain(text: object) -> str:
    """Text from the data as it is, where Streamlit would read it as Markdown; the address of a page is no link."""
    if is_missing(text):
        return ""
    unlinked = LINKED.sub("\N{WORD JOINER}", unbroken(str(text)))
    return re.sub(r"([\\`*_{}\[\]()<>#+\-.!|~$:])", r"\\\1", unlinked)


def counted(how_many: int, one: str, many: str = "") -> str:
    """`1 course`, `1,204 courses`."""
    return f"{how_many:,} {one if how_many == 1 else many or one + 's'}"


def set_aside_sentence(found: Aside) -> str:
    """`208 rows were set aside at the load: not a number 206, negative 2; 1 row was loaded in part`."""
    partly = f"; {found.accounts.in_part_words}" if found.accounts.in_part else ""
    return f"{found.accounts.set_aside_words}: {plain(listed(found.reasons))}{partly}"


def unmatched_sentence(found: Aside) -> str:
    """`1 loaded exposure fits no protocol and is judged by none: no protocol for aspirin 1`."""
    return f"{found.accounts.unmatched_words}: {plain(listed(found.unmatched))}"


def listed(reasons: pd.DataFrame) -> str:
    """`not a number 181, negative 2`: reasons with their rows, the most frequent first, and how many others."""
    rows = reasons.groupby("reason", sort=False)["rows"].sum().sort_values(ascending=False, kind="stable")
    named = [f"{reason} {count:,}" for reason, count in rows.head(REASONS).items()]
    more = len(rows) - REASONS
    return ", ".join(named) + (f" and {counted(more, 'other reason')}" if more > 0 else "")


def span(about: About) -> tuple[date, date]:
    """The first and the last day that can be looked at: before and after, there is nothing new to see."""
    return min(about.first_day or about.as_of, about.as_of), max(about.last_on or about.as_of, about.as_of)


def is_day_of(text: str, about: About) -> bool:
    """Whether `text` is a day written YYYY-MM-DD and from the first to the last day of the data."""
    first, last = span(about)
    try:
        return first <= date.fromisoformat(text) <= last
    except ValueError:
        return False


def days_in(said: list[str], about: About) -> Iterator[date]:
    return (date.fromisoformat(text) for text in said if is_day_of(text, about))


def choice_picker(
    name: str, label: str, words: dict[str, str], on_change: Callable[[], None] | None = None
) -> tuple[str, ...] | None:
    """A filter of several values, in the address under its own name; None where nothing is chosen: everything.

    `words` are the values it offers, each as it is shown. What the address says beyond them is passed over.
    """
    address.take(name, lambda said: [value for value in words if value in said])
    # Set anew: where another page has a filter of this name, this one would not take its value over.
    st.session_state[name] = [value for value in st.session_state[name] if value in words]
    chosen = st.multiselect(label, list(words), format_func=words.get, key=name, placeholder="All", on_change=on_change)
    address.put(name, chosen)
    return tuple(chosen) or None


def day_picker(store: Store) -> date:
    """The day that a page shows, in the address as `as_of=YYYY-MM-DD`; without it, the day of the file.

    Every page has this same one, so that the day goes along from the panel to a patient and back. Results may be
    dated or reported after the day of the file, so later days can be chosen too.
    """
    about = store.about
    first, last = span(about)
    address.take("as_of", lambda said: next(days_in(said, about), about.as_of))
    follow_file_day(about)
    chosen = st.date_input(
        "As of",
        min_value=first,
        max_value=last,
        format="YYYY-MM-DD",
        key="as_of",
        help="Shows what was known on that day: only results reported by then.",
    )
    as_of = chosen or about.as_of
    address.put("as_of", [] if as_of == about.as_of else [as_of.isoformat()])
    return as_of


def follow_file_day(about: About) -> None:
    """Where a load has moved the day of the file on, whoever looked at that day sees the new one."""
    before = st.session_state.get(FILE_DAY, about.as_of)
    chosen = st.session_state["as_of"]
    if chosen is None or chosen == before or not is_day_of(chosen.isoformat(), about):
        st.session_state["as_of"] = about.as_of
    st.session_state[FILE_DAY] = about.as_of


def replay_banner(store: Store, as_of: date) -> None:
    """Where another day than that of the file is shown, say so in words and give the way back."""
    usual = store.about.as_of
    if as_of == usual:
        return
    apart = counted(abs((as_of - usual).days), "day")
    side = "before" if as_of < usual else "after"
    with st.container(horizontal=True, vertical_alignment="center"):
        st.info(
            f"**This is {day(as_of)}**, {apart} {side} {day(usual)}, the day of this data file "
            f"(load {store.about.number}). Only what had been reported by then is read, as far as that load knows.",
            icon=":material/history:",
        )
        st.button(f"Show {day(usual)}", on_click=_show_day, args=(usual,))


def _show_day(as_of: date) -> None:
    st.session_state["as_of"] = as_of


@st.cache_data(show_spinner=False, max_entries=100)
def read_reported_later(path: str, sight: Sight, as_of: date) -> int:
    """How many results were collected by that day but reported after it."""
    return store_at(path).view(sight, as_of).reported_later()


def draw_reported_later(path: str, sight: Sight, as_of: date, whose: str = "") -> None:
    """Say where results were on their way on the day shown; `whose`: in words, whose results are counted."""
    results = read_reported_later(path, sight, as_of)
    if results:
        verbs = ("was", "is") if results == 1 else ("were", "are")
        st.markdown(
            f":material/schedule: {counted(results, 'result')}{whose} collected by this day {verbs[0]} reported "
            f"later and {verbs[1]} not read here."
        )


def open_patient(patient_id: str, mark: tuple[date, str] | None = None) -> None:
    """Go to the patient's page; the day and the filters go along in the address, for the way back.

    `mark`: a day that the figure there marks, and the words beside it. What was marked for another patient is left.
    """
    marked = {} if mark is None else {"mark": mark[0].isoformat(), "mark_words": mark[1]}
    along = {name: said for name, said in address.whole().items() if name not in MARK}
    st.switch_page("pages/patient.py", query_params={**along, "patient": patient_id, **marked})


def draw_rejected(rows: pd.DataFrame) -> None:
    """Input rows that were set aside, as they came, each with its reason."""
    if len(rows) and rows["raw_record"].isna().all():
        st.caption("The records are hidden from you: nobody knows which names stand in them.")
    shown = rows[["kind", "source", "reason", "raw_record"]]
    shown.columns = ["Kind", "Source", "Reason", "Record"]
    st.dataframe(shown, hide_index=True, placeholder=NONE, alt="The rows that were set aside")
