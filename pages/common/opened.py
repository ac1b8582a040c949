"""The only way for a page to what its reader may see: asked, allowed and written into the access log in one step."""

from dataclasses import replace
from datetime import UTC, datetime

import streamlit as st

from leuko.access import DECIDES, Reader, Sight
from leuko.access_log import LogError, Opened, write
from leuko.journal import Entry, Journal, place_of
from leuko.journal_databases import JournalError
from pages.common import address, shared, sign_in

LAST = "last_opened"  # in the session: the line that it wrote last
PAGE = "page_opened"  # in the session: the page and the patient
SEARCHES = ("search", "find")  # of which is written that there was one: the words may be a name
UNWRITTEN = ("patient", "mark", "mark_words", *SEARCHES)
IMAGINED = "try_"


def opened(page: str, patient: str = "") -> Sight:
    """What this reader may see on this page; the page stops with a sentence where he may not open it.

    It also stops where the access log cannot be written: nothing is shown that is not in it.
    """
    who = sign_in.reader()
    sight = who.sight(page) if who else None
    if who is None or sight is None:
        st.error("This page is not open to you, or you are no longer signed in.")
        st.stop()
    st.session_state[PAGE] = page, patient
    try:
        note(who, page, patient)
    except LogError as failed:
        st.error(f"Nothing is shown: {failed}. Whoever keeps this server can mend it.")
        st.stop()
    return sight


def may_decide() -> bool:
    """Whether whoever looks may record decisions."""
    who = sign_in.reader()
    return who is not None and who.may_decide


def decided(entry: Entry) -> None:
    """Record an entry of the journal in this reader's name: only where he may, of a patient whom he may see.

    It is first written into the access log. Raises JournalError, or LogError, where it is not kept.
    """
    who = sign_in.reader()
    sight = who.sight("patient") if who and who.may_decide else None
    if sight is None or entry.patient_id not in shared.open_store().view(sight).known([entry.patient_id]):
        raise JournalError("not recorded: this is not open to you, or you are no longer signed in")
    note(who, "journal", entry.patient_id, f"{entry.kind} {entry.drug}".strip())
    journal().record(replace(entry, who=who.who, role=DECIDES))


def journal() -> Journal:
    """The journal of this database. What is asked of it names patients that a sight has shown."""
    return Journal(place_of(shared.named_database()))


def note_address() -> None:
    """At the end of a run: write down what the page has since put into its address; where that fails, begin again."""
    who = sign_in.reader()
    if who is None or PAGE not in st.session_state:
        return
    try:
        note(who, *st.session_state[PAGE])
    except LogError:
        st.rerun()


def note(who: Reader, page: str, patient: str, said: str | None = None) -> None:
    """A line of the log, unless this session wrote the same last, of the same file and the same search.

    `said`: in place of the address.
    """
    line = who.who, ", ".join(who.roles), page, patient, what() if said is None else said
    seen = line, shared.database_path(), searched()
    if st.session_state.get(LAST) != seen:
        name, roles, *rest = line
        at = st.context.ip_address or "127.0.0.1"  # Streamlit gives none for this machine
        write(sign_in.log_file(), Opened(datetime.now(UTC), name, roles, at, *rest))
        st.session_state[LAST] = seen


def what() -> str:
    """The day and the filters that the address asks for; of a search, only that there was one."""
    asked = address.whole()
    told = [
        f"{name}={'|'.join(asked[name])}"
        for name in sorted(asked)
        if name not in UNWRITTEN and not name.startswith(IMAGINED)
    ]
    if any(searched()):
        told.append("a search")
    return "; ".join(told)


def searched() -> tuple[str, ...]:
    """The words of each search, which stay in the session: another search is another line of the log."""
    asked = address.whole()
    return tuple((st.session_state.get(name) or "".join(asked.get(name, ""))).strip() for name in SEARCHES)
