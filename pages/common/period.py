"""The period of a page: its first and last day as filters, each in the address under its own name."""

from collections.abc import Callable
from datetime import date, timedelta

import streamlit as st

from leuko.store import About
from pages.common import address, shared

PERIOD = {"start": "From", "end": "To"}
NOTHING = timedelta(0)


def draw_period(
    about: About, what: str, *, beyond: timedelta = NOTHING, on_change: Callable[[], None] | None = None
) -> dict[str, date | None]:
    """The two days, None where none is chosen.

    `what`: in words, what lies within the period; `beyond`: how long after the data it may end.
    """
    return {name: draw_end(name, about, what, beyond, on_change) for name in PERIOD}


def draw_end(
    name: str, about: About, what: str, beyond: timedelta, on_change: Callable[[], None] | None
) -> date | None:
    first, last = shared.span(about)
    address.take(name, lambda said: next((date.fromisoformat(day) for day in said if is_day(day, about, beyond)), None))
    if st.session_state[name]:  # a month of the audit may begin before the data, and another page's period end later
        st.session_state[name] = min(max(st.session_state[name], first), last + beyond)
    chosen = st.date_input(
        PERIOD[name],
        value=None,
        min_value=first,
        max_value=last + beyond,
        format="YYYY-MM-DD",
        key=name,
        on_change=on_change,
        help=f"{what} Both days are within the period.",
    )
    address.put(name, [chosen.isoformat()] if chosen else [])
    return chosen


def is_day(text: str, about: About, beyond: timedelta = NOTHING) -> bool:
    """Whether a period may begin or end on this day, written YYYY-MM-DD: up to `beyond` after the data."""
    first, last = shared.span(about)
    try:
        return first <= date.fromisoformat(text) <= last + beyond
    except ValueError:
        return False
