"""What was decided on a recommendation, as the journal has it: a line beside it, and a form to record more."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from uuid import uuid4

import pandas as pd
import streamlit as st

from leuko.access import Sight
from leuko.access_log import LogError
from leuko.journal import (
    MOST_CHARACTERS,
    Entry,
    Visit,
    course_of,
    episode_of,
    in_words,
    key_in_words,
    kinds,
    reasons,
    seen,
    speaks_of,
    waits,
)  # fmt: skip
from leuko.journal_databases import JournalError
from leuko.store import Filters, Patient, Store
from pages.common import shared, sign_in
from pages.common.news import read_changes
from pages.common.opened import colleagues, decided, journal, may_decide

UNREAD = "What was decided cannot be read, so nothing of it is shown here: {}."
MARKS = {
    "acknowledged": "acknowledged", "done": "done", "not_followed": "not followed", "snoozed": "snoozed",
    "handover": "handed over", "taken_over": "taken over",
}  # fmt: skip
AGAIN = "open again"
LOOKED = "last_look"  # in the session: the file, and what this reader last looked at before


@st.cache_data(show_spinner=False, max_entries=200)
def read_returned(path: str, sight: Sight, patient_id: str) -> dict[tuple[str, str, str], datetime]:
    """Which recommendations of a patient have come back as they were, and since when."""
    return shared.store_at(path).view(sight).returned([patient_id])


# Beside a recommendation


def of_patient(source: tuple, patient: Patient, as_of: date, *, is_usual_day: bool) -> Callable[[dict], None]:
    """What draws the line and the form under each course; on another day than that of the file, nothing."""
    if not is_usual_day:
        return lambda course: None
    try:
        entries = journal().as_corrected([patient.about["patient_id"]])
        readers = colleagues() if may_decide() else []
    except JournalError as failed:
        st.warning(UNREAD.format(shared.plain(sign_in.told(failed))))
        return lambda course: None
    returned = read_returned(*source, patient.about["patient_id"])
    return partial(draw_decided, patient, as_of, entries, readers, returned)


def draw_decided(
    patient: Patient, as_of: date, entries: list[Entry], readers: list[str], returned: Mapping, course: dict
) -> None:
    of_course = [one for one in entries if (one.patient_id, one.drug, one.protocol) == course_of(course)]
    standing = next((one for one in reversed(of_course) if kinds()[one.kind]["stands"] == "yes"), None)
    words = standing_words(standing, seen(course), as_of, returned.get(course_of(course)))
    st.markdown(f":material/edit_note: {shared.plain(words)}")
    place = "_".join(course_of(course))
    if of_course:
        with st.expander(f"Journal: {shared.counted(len(of_course), 'entry', 'entries')}", key=f"journal_{place}"):
            for one in reversed(of_course):
                on = key_in_words(one.recommendation)
                st.markdown(f"{one.place}. {shared.plain(in_words(one))} On: {shared.plain(on)}.")
    if may_decide():
        with st.expander("Record what was decided", key=f"decide_{place}"):
            draw_form(patient, as_of, of_course, standing, readers, course)


def standing_words(
    entry: Entry | None, recommendation: str, as_of: date, returned_at: datetime | None = None
) -> str:
    """What stands in one line, and whether the recommendation is open."""
    if entry is None:
        return "Open: nothing is recorded on this recommendation."
    on = f"Waits on {entry.addressee}, who has not taken over. " if entry.kind == "handover" else ""
    if not speaks_of(entry, recommendation, returned_at):
        change = "was another in between" if entry.recommendation == recommendation else "is another than it was"
        return f"{on}Open again: the recommendation {change}. Then: {in_words(entry)}"
    if entry.kind == "taken_over":
        return f"Waits on {entry.who}. {in_words(entry)}"
    is_due = entry.kind == "snoozed" and waits(entry, recommendation, as_of)
    return on + ("Open again: the day has come. " if is_due else "") + in_words(entry)


def draw_form(
    patient: Patient, as_of: date, entries: list[Entry], standing: Entry | None, readers: list[str], course: dict
) -> None:
    """One entry. The form and its token are new after each, so that one click is never two entries."""
    name = "token_" + "_".join(course_of(course))
    token = st.session_state.setdefault(name, uuid4().hex)
    who = sign_in.reader()
    own = [one for one in entries if who and one.writer.is_reader(who.person) and one.recommendation == seen(course)]
    with st.form(f"form_{token}", border=False):
        words = {kind: row["form"] for kind, row in kinds().items() if kind != "taken_over"}
        if who and standing and standing.kind == "handover" and standing.given_to.is_reader(who.person):
            words = {"taken_over": kinds()["taken_over"]["form"], **words}
        kind = st.selectbox("Decision", list(words), format_func=words.get, index=None, placeholder="Choose")
        reason = st.selectbox(
            "Reason, where not followed", list(reasons()), format_func=reasons().get, index=None, placeholder="None"
        )
        until_on = st.date_input(
            "Until, where snoozed", None, min_value=as_of + timedelta(days=1), format="YYYY-MM-DD",
            help="Open again from this day of the data on.",
        )  # fmt: skip
        addressee = st.selectbox(
            "To whom, where handed over", readers, index=None, placeholder="As they sign in", accept_new_options=True
        )
        comment = st.text_area("Words", max_chars=MOST_CHARACTERS, height=80)
        corrects = None
        if own:
            label = {one.place: in_words(one) for one in own}
            corrects = st.selectbox("Corrects", list(label), format_func=label.get, index=None, placeholder="None")
        if not st.form_submit_button("Record"):
            return
    if kind is None:
        st.error("Not recorded: choose a decision.")
        return
    patient_id, drug, protocol = course_of(course)
    entry = Entry(
        number=0, token=token, at=datetime.now(UTC), who="", role="", patient_id=patient_id,
        site="" if shared.is_missing(patient.about["site"]) else patient.about["site"], drug=drug, protocol=protocol,
        recommendation=seen(course), episode=episode_of(course, patient.episodes), kind=kind, reason=reason or "",
        until_on=until_on, addressee=addressee or "", words=comment or "", replaces=corrects,
    )  # fmt: skip
    try:
        decided(entry)
    except (JournalError, LogError) as failed:
        st.error(f"Nothing was recorded: {shared.plain(refused_in_words(failed))}.")
        return
    del st.session_state[name]
    st.rerun()


def refused_in_words(failed: OSError) -> str:
    """Why an entry was refused, in our own words; of any other fault see `sign_in.told`."""
    return str(failed) if str(failed).startswith("not recorded: ") else sign_in.told(failed)


# On the panel


def marks(worklist: pd.DataFrame, as_of: date, standing: Mapping, returned: Mapping) -> list[str]:
    """For each row of the worklist what stands, in a word; empty where nothing was recorded.

    `standing` and `returned` are by patient, drug and protocol, as `pages.common.shift` reads them.
    """
    return [
        mark(standing.get(course_of(row)), seen(row), as_of, returned.get(course_of(row)))
        for row in worklist.to_dict("records")
    ]


def mark(entry: Entry | None, recommendation: str, as_of: date, returned_at: datetime | None) -> str:
    if entry is None:
        return ""
    if not speaks_of(entry, recommendation, returned_at):
        return AGAIN
    return AGAIN if entry.kind == "snoozed" and waits(entry, recommendation, as_of) else MARKS[entry.kind]


def draw_since_last_look(store: Store, source: tuple, as_of: date, filters: Filters) -> None:
    """How many patients have another status or dose than in the load that this reader last looked at."""
    about, who = store.about, sign_in.reader()
    if as_of != about.as_of or who is None:
        return
    if st.session_state.get(LOOKED, ("",))[0] != store.path:
        try:
            before = journal().visit(who.person, Visit(about.number, about.as_of, datetime.now(UTC)))
        except JournalError as failed:
            st.caption(UNREAD.format(shared.plain(sign_in.told(failed))))
            return
        st.session_state[LOOKED] = store.path, before
    before = st.session_state[LOOKED][1]
    if before is None:
        return
    looked = f"You last looked at load {before.load_number}, on {shared.day(before.at.date())}"
    if before.load_number != about.number - 1 and before.as_of >= as_of:
        st.caption(f"{looked}: what changed in the loads of the same day since then cannot be told apart.")
        return
    since = None if before.load_number == about.number - 1 else before.as_of
    patients = read_changes(*source, as_of, replace(filters, status=None), since)["patient_id"].nunique()
    have = "has" if patients == 1 else "have"
    st.caption(f"{looked}: since then {shared.counted(patients, 'patient')} {have} another status or dose.")


# On the adherence page


def recorded(events: pd.DataFrame) -> list[str]:
    """Why a recommendation was not followed, for each event of its episode that was not met; empty elsewhere."""
    try:
        entries = journal().as_corrected(events["patient_id"].unique().tolist())
    except JournalError as failed:
        st.caption(UNREAD.format(shared.plain(sign_in.told(failed))))
        return [""] * len(events)
    told = {(one.patient_id, one.drug, one.episode): in_words(one) for one in entries if one.kind == "not_followed"}
    return [told.get(place, "") if ending == "not_met" else "" for place, ending in places(events)]


def places(events: pd.DataFrame) -> Iterable[tuple[tuple, str]]:
    for row in events.to_dict("records"):
        episode = None if shared.is_missing(row["episode"]) else int(row["episode"])
        yield (row["patient_id"], row["drug"], episode if episode is not None else -1), row["ending"]
