"""What is new on the panel: whose status changed since the last load, or since a chosen day, and by which counts."""

from dataclasses import replace
from datetime import date, timedelta

import pandas as pd
import streamlit as st

from leuko.access import Sight
from leuko.store import Filters, Store
from pages.common import address, clicks, shared

SINCE = "since"
ROW_HEIGHT = 66  # pixels: Streamlit wraps text only in rows of more than 64
ROWS = 4  # at once
NOT_LISTED = "not on the list"
MARK = "new"  # beside a status in the worklist


@st.cache_data(show_spinner=False, max_entries=100)
def read_changes(path: str, sight: Sight, as_of: date, filters: Filters, since: date | None) -> pd.DataFrame:
    return shared.store_at(path).view(sight, as_of).changes(filters, since)


def draw_news(store: Store, sight: Sight, as_of: date, filters: Filters) -> pd.DataFrame:
    """A line with the changes by status; opened, the courses one by one. Gives the frame of the changes."""
    since = since_in_address(store, as_of)
    changed = read_changes(store.path, sight, as_of, replace(filters, status=None), since)
    with st.expander(sentence(changed, since, store), key="news"):
        draw_since(store, as_of)
        if len(changed):
            draw_changes(changed)
    return changed


def since_in_address(store: Store, as_of: date) -> date | None:
    """The day to compare with; None: the version before the last load, for the day of the file alone."""
    address.take(SINCE, lambda said: next(shared.days_in(said, store.about), None))
    first, _ = shared.span(store.about)
    if st.session_state[SINCE] is not None and not first <= st.session_state[SINCE] < as_of:
        st.session_state[SINCE] = None
    usual = None if as_of == store.about.as_of else as_of - timedelta(days=1)
    return st.session_state[SINCE] or usual


def sentence(changed: pd.DataFrame, since: date | None, store: Store) -> str:
    """`New with load 12: 5 patients have another status or dose (2 Hold, 3 Continue)`."""
    when = f"with load {store.about.number}" if since is None else f"since {shared.day(since)}"
    patients = changed["patient_id"].nunique()
    if not patients:
        return f"New {when}: no patient has another status or dose."
    counted = changed["word"].fillna(NOT_LISTED).value_counts(sort=False)
    words = ", ".join(f"{count:,} {word}" for word, count in counted.items())
    have = "has" if patients == 1 else "have"
    return f"**New {when}: {shared.counted(patients, 'patient')} {have} another status or dose** ({words})"


def draw_since(store: Store, as_of: date) -> None:
    first, _ = shared.span(store.about)
    st.date_input(
        "Compare with the day",
        min_value=first,
        max_value=max(first, as_of - timedelta(days=1)),
        format="YYYY-MM-DD",
        key=SINCE,
        help="Empty: with what was shown before the last load, or on a past day with the day before.",
    )
    chosen = st.session_state[SINCE]
    address.put(SINCE, [chosen.isoformat()] if chosen else [])


def draw_changes(changed: pd.DataFrame) -> None:
    """Each course with what it was, what it is, and the counts that came in between. A click opens the patient."""
    text = st.column_config.TextColumn
    event = clicks.place("changed").dataframe(
        as_table(changed),
        key="changed",
        hide_index=True,
        placeholder=shared.NONE,
        row_height=ROW_HEIGHT,
        height=ROW_HEIGHT * min(ROWS, len(changed)) + 40,
        column_config={
            "Patient": text(width=110),
            "Was": text(width=110),
            "Is": text(width=110),
            "New counts": text(width=330),
            "Why": text(width=430),
        },
        on_select="rerun",
        selection_mode=clicks.ANYWHERE,
        alt="Courses of another status or dose than before, the most urgent first",
    )
    row = clicks.clicked(event)
    if row is not None:
        shared.open_patient(changed["patient_id"].iloc[row])


def as_table(changed: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "Patient": shared.who(changed),
            "Was": [in_words(*row) for row in changed[["word_before", "dose_before_mg", "dose_unit"]].to_numpy()],
            "Is": [in_words(*row) for row in changed[["word", "dose_mg", "dose_unit"]].to_numpy()],
            "New counts": changed["counts"].fillna("no new count: the day, a dose or an event"),
            "Drug": changed["drug"],
            "Why": changed["why"],
        }
    )


def in_words(word: str | None, dose: float | None, unit: str | None) -> str:
    """`Resume, 80 mg`."""
    if shared.is_missing(word):
        return NOT_LISTED
    return word if shared.is_missing(dose) else f"{word}, {shared.number(dose, unit)}"
