"""What a reader chose stands in the page's address (URL): a reload, going back or a link shows the same.

Streamlit can bind a widget to the URL by itself, but then the browser's way back from a patient forgets the
filters and the day, and a switch of pages refuses to take them along. Searched words stand in no address: they may be
a name, and an address comes into histories and into the logs of proxies.
"""

from collections.abc import Callable, Iterable

import streamlit as st

WRITTEN = "written_in_address"
SEARCH = "search"  # in an address from before: passed over


def take(name: str, read: Callable[[list[str]], object]) -> None:
    """Give the widget of this key what the address says, where that is news: a link, a reload, going back."""
    said = st.query_params.get_all(name)
    if name not in st.session_state or said != st.session_state.get(WRITTEN, {}).get(name, []):
        st.session_state[name] = read(said)


def put(name: str, values: Iterable[str]) -> None:
    """Write what the widget says into the address; nothing where there are no values."""
    values = list(values)
    st.session_state.setdefault(WRITTEN, {})[name] = values
    if values == st.query_params.get_all(name):
        return
    if values:
        st.query_params[name] = values
    else:
        del st.query_params[name]


def whole() -> dict[str, list[str]]:
    """All that stands in the address, to take along to another page."""
    return {name: st.query_params.get_all(name) for name in st.query_params if name != SEARCH}
