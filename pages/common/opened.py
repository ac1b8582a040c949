"""The only way for a page to what its reader may see: asked, allowed and written into the access log in one step."""

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

import streamlit as st
from streamlit.runtime.memory_media_file_storage import _calculate_file_id

from leuko.access import DECIDES, Reader, Sight
from leuko.access_log import LogError, Opened, write
from leuko.journal import Entry, Journal, place_of
from leuko.journal_databases import JournalError
from pages.common import address, shared, sign_in
from pages.common.listed import SEARCHED

LOG = logging.getLogger(__name__)
LAST = "last_opened"  # in the session: the line that it wrote last
PAGE = "page_opened"  # in the session: the page and the patient
UNWRITTEN = ("patient", "mark", "mark_words")
IMAGINED = "try_"
A_COLLEAGUE = "a colleague"  # in place of an addressee, which anybody may have typed


class NotMadeError(Exception):
    """A file was asked for, and whoever asked may no longer see what the page shows."""


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


def draw_file(
    label: str,
    make: Callable[[], bytes],
    file_name: str,
    mime: str,
    *,
    key: str,
    icon: str = ":material/download:",
    help: str | None = None,
) -> None:
    """Hand out a file of what this page shows: made when it is asked for, and for this sign-in alone."""
    st.download_button(
        label, handed_out(make, file_name, mime), file_name, mime, key=key, icon=icon, help=help, on_click="ignore"
    )


def handed_out(make: Callable[[], bytes], file_name: str, mime: str) -> Callable[[], bytes]:
    """What makes a file outside of a run, asking anew who asks: NotMadeError where he may see other than is shown."""
    page, patient = st.session_state[PAGE]
    asking, session, address = sign_in.asking(), sign_in.session(), at()
    shown = sign_in.reader()

    def made() -> bytes:
        who = asking()
        if shown is None or who is None or who.sight(page) != shown.sight(page):
            if shown is not None:
                write(sign_in.log_file(), line(shown, address, "refused", patient, file_name))
            raise NotMadeError
        content = make()
        if session:
            file = _calculate_file_id(content, mime, file_name)
            sign_in.DOWNLOADS.allow(file, session, sign_in.SESSIONS.keys())
        return content

    return made


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
    addressee = sign_in.account_of(entry.addressee)
    written = replace(entry, who=who.who, account=who.person.account, addressee_account=addressee, role=DECIDES)
    journal().record(written)


def journal() -> Journal:
    """The journal of this database, without what may name somebody where this page shows no names.

    What is asked of it names patients that a sight has shown.
    """
    who = sign_in.reader()
    sight = who.sight(st.session_state[PAGE][0]) if who and PAGE in st.session_state else None
    names = sight is not None and sight.names
    return Journal(place_of(shared.named_database()), (lambda entry: entry) if names else partial(nameless, who))


def nameless(who: Reader | None, entry: Entry) -> Entry:
    """An entry without what its writer typed; that it is addressed to this reader stays."""
    own = who is not None and entry.given_to.is_reader(who.person)
    return replace(entry, words="", addressee=entry.addressee if own else entry.addressee and A_COLLEAGUE)


def colleagues() -> list[str]:
    """Whom something may be handed over to: who shares a site with this reader, as far as is known."""
    who = sign_in.reader()
    sight = who.sight("patient") if who else None
    if sight is None:
        return []
    return sorted({*journal().readers(sight.sites), *sign_in.colleagues(sight.sites)})


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
    said = what() if said is None else said
    seen = who, page, patient, said, shared.database_path(), searched()
    if st.session_state.get(LAST) != seen:
        write(sign_in.log_file(), line(who, at(), page, patient, said))
        st.session_state[LAST] = seen


def at() -> str:
    return st.context.ip_address or "127.0.0.1"  # Streamlit gives none for this machine


def line(who: Reader, address: str, page: str, patient: str, said: str) -> Opened:
    """A line of the log, of now."""
    return Opened(datetime.now(UTC), who.who, ", ".join(who.roles), address, page, patient, said, who.sub, who.iss)


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
    kept = st.session_state
    return tuple((words or "").strip() for words in (kept.get("search", kept.get(SEARCHED)), kept.get("find")))
