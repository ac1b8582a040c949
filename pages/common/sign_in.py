"""Who reads: the sessions of this process, the reader behind a cookie, and the buttons to sign in and out.

Streamlit's own cookie lives for 30 days and cannot be taken back. So a sign-in counts only while it stands in the list
of this process, and for as long as `access.toml` says: whatever a cookie says, after a sign-out, after those hours and
after a restart nobody is signed in.
"""

import hashlib
import json
import logging
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import streamlit as st
from streamlit.auth_util import get_secrets_auth_section
from streamlit.web.server.starlette.starlette_server_config import USER_COOKIE_NAME
from streamlit.web.server.starlette.starlette_websocket import _get_signed_cookie_with_chunks

from leuko.access import LOCAL, MOST_HOURS, Access, AccessError, Person, Reader, read_access
from leuko.access_log import FILE
from pages.common import shared

LOG = logging.getLogger(__name__)
HOUR = 3600  # seconds
CLOSED = "Nobody may see anything now: the table of who may see what cannot be read. The server's log has the reason."


class Sessions:
    """When each session that was not ended began, in seconds of the clock, by the hash of its cookie."""

    def __init__(self) -> None:
        self._began: dict[str, float] = {}
        self._lock = threading.Lock()

    def begin(self, key: str, now: float) -> None:
        with self._lock:
            self._began = {other: at for other, at in self._began.items() if now - at < MOST_HOURS * HOUR}
            self._began[key] = now

    def end(self, key: str) -> None:
        with self._lock:
            self._began.pop(key, None)

    def keys(self) -> set[str]:
        with self._lock:
            return {*self._began}

    def is_live(self, key: str, now: float, hours: float) -> bool:
        with self._lock:
            began = self._began.get(key)
        return began is not None and 0 <= now - began < hours * HOUR


class Downloads:
    """For which sessions each file was made, by the id that the server gives it: it opens to nobody else."""

    def __init__(self) -> None:
        self._made: dict[str, set[str]] = {}
        self._lock = threading.Lock()

    def allow(self, file: str, session: str, live: set[str]) -> None:
        """Remember a file that was made for a session, and forget those that no `live` session may fetch."""
        with self._lock:
            self._made = {other: kept for other, of in self._made.items() if (kept := of & live)}
            self._made.setdefault(file, set()).add(session)

    def is_for(self, file: str, session: str) -> bool:
        with self._lock:
            return session in self._made.get(file, ())

    def is_for_others(self, file: str, session: str) -> bool:
        """Also once the server has forgotten the file itself, which it does when no page offers it any more."""
        with self._lock:
            return session not in self._made.get(file, (session,))


SESSIONS = Sessions()
DOWNLOADS = Downloads()
READERS: dict[Person, Reader] = {}  # who was signed in since the server started, as the table had him then
DEMANDED = threading.Event()  # that there was a sign-in: from then on, until the end of the process, there must be one


def is_configured() -> bool:
    """Whether secrets.toml says by whom readers are signed in, or did: a file taken away opens no door."""
    if get_secrets_auth_section():
        DEMANDED.set()
    return DEMANDED.is_set()


def folder() -> Path:
    """Where `access.toml` and the log lie: beside the name of the database."""
    return shared.named_database().absolute().parent


def access() -> Access:
    """The table as it is now, so that a grant taken away is gone with the next click; raises AccessError."""
    return read_access(folder())


def log_file() -> Path:
    return (access().log if is_configured() else None) or folder() / FILE


def payload_of(cookies: Mapping[str, str]) -> bytes | None:
    """What the cookie says that a sign-in left, None where there is none or its signature is not ours."""
    try:
        return _get_signed_cookie_with_chunks(dict(cookies), USER_COOKIE_NAME)
    except UnicodeError:  # no cookie of ours has such letters
        return None


def key_of(payload: bytes) -> str:
    return hashlib.sha256(payload).hexdigest()


def begin(cookies: Mapping[str, str]) -> None:
    """A sign-in has just set these cookies."""
    payload = payload_of(cookies)
    if payload:
        SESSIONS.begin(key_of(payload), time.time())


def end(cookies: Mapping[str, str]) -> None:
    payload = payload_of(cookies)
    if payload:
        SESSIONS.end(key_of(payload))


def reader_of(cookies: Mapping[str, str]) -> Reader | None:
    """Who reads with these cookies; None: nobody is signed in, or no longer. Raises AccessError."""
    if not is_configured():
        return LOCAL
    table = access()
    payload = payload_of(cookies)
    if not payload or not SESSIONS.is_live(key_of(payload), time.time(), table.session_hours):
        return None
    found = table.reader(json.loads(payload))
    READERS[found.person] = found
    return found


def reader() -> Reader | None:
    """Who looks at this page, asked anew on every run; None where nobody is signed in, or the table was refused.

    Also None where a page runs without the dashboard, and so without the gate.
    """
    if not shared.WITHIN.is_set():
        return None
    found = asking()()
    return found if not is_configured() or st.user.get("is_logged_in") else None


def asking() -> Callable[[], Reader | None]:
    """What tells who looks at this page, also later and outside of a run, as it is then."""
    cookies = dict(st.context.cookies)

    def asked() -> Reader | None:
        try:
            return reader_of(cookies)
        except AccessError:
            return None

    return asked


def session() -> str:
    """The session of whoever looks at this page; empty where there is no sign-in."""
    return session_of(st.context.cookies)


def session_of(cookies: Mapping[str, str]) -> str:
    payload = payload_of(cookies) if is_configured() else None
    return key_of(payload) if payload else ""


def colleagues(sites: tuple[str, ...] | None) -> set[str]:
    """Who was signed in since the server started and sees one of these sites (None: all)."""
    return {found.who for found in READERS.copy().values() if found.shares(sites)}


def account_of(name: str) -> str:
    """The account of whoever was signed in under this name since the server started; empty for none, and for two."""
    found = {one.account for one in READERS.copy() if Person(name).is_reader(one)}
    return found.pop() if len(found) == 1 else ""


def may_open(page: str) -> bool:
    who = reader()
    return who is not None and page in who.pages


def draw_door(who: Reader | None) -> None:
    """What stands where nobody is signed in, or a page is not open to whoever is: no data."""
    try:
        if is_configured():
            access()
    except AccessError as refused:
        LOG.error("nobody may see anything: %s", "; ".join(str(refused).splitlines()))
        st.error(CLOSED)
        return
    if who is None:
        st.subheader("leuko", anchor=False)
        st.markdown("Patient data: sign in to see those of your sites.")
        if st.button("Sign in", type="primary", icon=":material/login:"):
            st.login()
        return
    st.subheader(f"{'This page is not' if who.pages else 'Nothing here is'} open to you.", anchor=False)
    st.text(f"Signed in as {who.who}, {' and '.join(who.roles) or 'without a role'}.")  # Markdown would make it a link
    st.markdown("Whoever keeps `access.toml` grants pages and sites.")
    draw_sign_out()


def told(fault: Exception) -> str:
    """What a page says of a fault: its words to whoever sits at the machine, else that the server's log has it."""
    if not is_configured():
        return str(fault)
    LOG.error("a page says that the log has the reason", exc_info=fault)
    return "the server's log has the reason"


def draw_sign_out() -> None:
    if st.button("Sign out", icon=":material/logout:", key="sign_out"):
        end(st.context.cookies)  # at once: the browser may never come to the address that ends it too
        st.logout()
        st.stop()  # another run would take the place of the way to that address


def words_of(who: Reader) -> str:
    """`ida@example.org, clinician`; where there is no sign-in, that there is none."""
    if who is LOCAL:
        return "No sign-in: for one person on this machine"
    return f"{who.who}, {' and '.join(who.roles)}"
