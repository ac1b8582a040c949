"""What changes if another table took the place of one in force: patients today, past decisions, clause by clause.

What its reader can say after three seconds: "Of 116 courses under dasatinib-guideline, 12 would have another status
today; 21 reductions fewer in the past."
"""

import io
from datetime import date
from functools import partial

import pandas as pd
import streamlit as st
from pandas.io.formats.style import Styler

from leuko.access import Sight
from leuko.difference import Difference, in_place
from leuko.facts import read_rows
from leuko.protocols import Protocol, ProtocolError, check_protocol, load_protocols, version
from leuko.store import MOST_ROWS, Store
from leuko.workbook import write_csv
from pages.common import address, clicks, shared
from pages.common.markup import safe, table
from pages.common.opened import draw_file, opened

UPLOAD = "upload"
MOST_BYTES = 20_000  # three times the longest that ships; a key of 50,000 parts would keep the server for 30 seconds
MOST_LINES, LINE_LENGTH = 20, 300  # of the faults that are shown
ROW_HEIGHT = 110  # pixels: five lines of a reason
REASON_LENGTH = 200  # characters that fit in them; the files have the rest
TABLE_HEIGHT = 560
MOMENTS = {
    "onset": "At the onset",
    "cause": "When the cause is recorded",
    "recovery": "At the recovery",
    "draw": "At a draw",
}
FILES = {"diff": "Statuses (CSV)", "decisions": "Past decisions (CSV)", "clauses": "Clause by clause (CSV)"}
COUNTED = {"hold": "hold", "reduce": "reduction"}
STYLE = "<style>.st-key-versions > div { flex: 1 1 16rem; min-width: 0; }</style>"
LAST = "Last decision that differs"
WORKING = "Applying both tables to every course"


@st.cache_resource(show_spinner=False)
def read_shipped() -> tuple[Protocol, ...]:
    return load_protocols()


@st.cache_data(show_spinner="Reading the worklist", max_entries=100)
def read_courses(path: str, sight: Sight, as_of: date) -> dict[str, int]:
    return shared.store_at(path).view(sight, as_of).courses_by_protocol()


@st.cache_data(show_spinner=False, max_entries=20)
def read_difference(
    path: str, sight: Sight, as_of: date, replaced: str, stamp: str, _protocols: tuple[Protocol, ...]
) -> Difference:
    """Both sets of protocols compared; `stamp` says what `_protocols` say, `replaced` which of them is another."""
    bar = st.progress(0.0, text=WORKING)
    try:
        view = shared.store_at(path).view(sight, as_of)
        return view.difference(_protocols, lambda share: bar.progress(share, text=WORKING))
    finally:
        bar.empty()


# Which tables


def choose_replaced(courses: dict[str, int]) -> Protocol:
    """The protocol in force that the address names or the reader chooses: its drug, then its version."""
    by_id = {protocol.id: protocol for protocol in read_shipped()}
    usual = max(by_id, key=lambda name: courses.get(name, 0))
    address.take("protocol", lambda said: next((name for name in said if name in by_id), usual))
    if st.session_state["protocol"] not in by_id:
        st.session_state["protocol"] = usual
    st.session_state["changes_drug"] = by_id[st.session_state["protocol"]].drug
    drugs = sorted({protocol.drug for protocol in by_id.values()})
    drug = st.selectbox("Drug", drugs, key="changes_drug", on_change=take_drug, args=(courses,))
    versions = [name for name, protocol in by_id.items() if protocol.drug == drug]
    replaced = st.selectbox(
        "In force", versions, format_func=lambda name: in_force_label(by_id[name], courses), key="protocol"
    )
    address.put("protocol", [replaced])
    return by_id[replaced]


def take_drug(courses: dict[str, int]) -> None:
    """Another drug opens with its version that has the most courses."""
    drug = st.session_state["changes_drug"]
    versions = [protocol.id for protocol in read_shipped() if protocol.drug == drug]
    st.session_state["protocol"] = max(versions, key=lambda name: courses.get(name, 0))


def in_force_label(protocol: Protocol, courses: dict[str, int]) -> str:
    return f"{protocol.id} ({shared.counted(courses.get(protocol.id, 0), 'course')})"


def choose_instead(replaced: Protocol) -> str | None:
    """The id of the version that would take its place, `UPLOAD` for a file, or None."""
    others = [one.id for one in read_shipped() if one.drug == replaced.drug and one.id != replaced.id] + [UPLOAD]
    said = {one.id: f"{one.id}: {one.setting}" if one.setting else one.id for one in read_shipped()}
    address.take("instead", lambda said: next((name for name in said if name in others), None))
    if st.session_state["instead"] not in others:
        st.session_state["instead"] = None
    instead = st.selectbox(
        "In its place",
        others,
        index=None,
        format_func=lambda name: "A file of your own (TOML)" if name == UPLOAD else said[name],
        placeholder="Choose a version",
        key="instead",
    )
    address.put("instead", [instead] if instead else [])
    return instead


def read_upload() -> Protocol | None:
    """The protocol of an uploaded file, or None, where the page says what is wrong with it."""
    file = st.file_uploader("The file that would take its place", type=["toml"], max_upload_size=1, key="table")
    if file is None:
        return None
    if file.size > MOST_BYTES:
        st.error(f"{shared.plain(file.name)} is too long for a protocol: more than {MOST_BYTES:,} bytes.")
        return None
    try:
        return check_protocol(file.name, file.getvalue())
    except ProtocolError as refused:
        draw_refused(refused)
        return None


def draw_refused(refused: ProtocolError) -> None:
    lines = str(refused).splitlines()
    shown = [f"- {shared.plain(shared.cut_short(line, LINE_LENGTH))}" for line in lines[:MOST_LINES]]
    more = [f"- and {len(lines) - MOST_LINES:,} more"] if len(lines) > MOST_LINES else []
    st.error("\n".join(["The table was refused:", "", *shown, *more]))


# The first sentence


def first_sentence(found: Difference, replaced: str, day_words: str) -> str:
    """Of how many courses how many would stand elsewhere, and how many holds and reductions more or fewer."""
    courses = int(found.courses.loc[found.courses["protocol_before"].eq(replaced), "courses"].sum())
    if found.is_nothing:
        return "Nothing would change." if courses else f"Nothing would change: no course is under {replaced}."
    changed = f"{len(found.statuses):,}" if len(found.statuses) else "none"
    past = [how_many_more(found.more(action), word) for action, word in COUNTED.items() if found.more(action)]
    return (
        f"Of {shared.counted(courses, 'course')} under {replaced}, {changed} would have another status or dose "
        f"{day_words}; {', '.join(past) or 'as many holds and reductions'} in the past."
    )


def how_many_more(difference: int, word: str) -> str:
    """`4 holds fewer`, `1 reduction more`."""
    return f"{shared.counted(abs(difference), word)} {'more' if difference > 0 else 'fewer'}"


def second_sentence(found: Difference, replaced: str) -> str:
    made = found.actions[found.actions["protocol"].eq(replaced)]
    if found.is_nothing:
        decided = shared.counted(int(made["before"].sum()), "past decision")
        return f"Every status and dose, and {decided}, would be the same."
    return (
        f"{shared.counted(len(found.decisions), 'past decision')} would have been different. "
        f"Together with the statuses that concerns {shared.counted(found.patients_affected, 'patient')}."
    )


# What would be another


def vocabulary() -> dict[str, dict[str, str]]:
    return {row["status"]: row for row in read_rows("statuses")}


def in_words(status: object, dose: float | None, unit: str) -> str:
    """`▼ Reduce, 80 mg`; `– No new decision` where a table decides nothing."""
    if shared.is_missing(status):
        return f"{shared.NONE} No new decision"
    row = vocabulary()[status]
    told = f", {shared.number(dose, unit)}" if not shared.is_missing(dose) and dose > 0 else ""
    return f"{row['icon']} {row['word']}{told}"


def said(rows: pd.DataFrame, what: str, side: str) -> list[str]:
    """The status or the action of each row on one side, with its dose."""
    return [in_words(*row) for row in rows[[f"{what}_{side}", f"dose_{side}", "dose_unit"]].itertuples(index=False)]


def draw_clauses(found: Difference, replaced: str) -> None:
    """From which row of the old table to which of the new, and how often each action was decided."""
    st.markdown("##### Clause by clause")
    if found.clauses.empty:
        st.caption("No past decision would have been different.")
        return
    rows = [
        {
            "Decisions": f"{row['decisions']:,}",
            "Old table": row_words(row, "before"),
            "New table": row_words(row, "after"),
            "When": MOMENTS[row["moment"]],
            "Patients": f"{row['patients']:,}",
        }
        for row in found.clauses.to_dict("records")
    ]
    st.html(table(rows, numbers=("Decisions", "Patients"), ready=("Old table", "New table")))
    made = found.actions[found.actions["protocol"].eq(replaced)]
    changed = made[made["before"].ne(made["after"])]
    if len(changed):
        told = "; ".join(f"{row.word} {row.before:,} → {row.after:,}" for row in changed.itertuples())
        st.caption(f"All decisions under {shared.plain(replaced)}, old table → new table: {shared.plain(told)}.")


def row_words(row: dict, side: str) -> str:
    """What was decided, and beneath it the row of the table that says so; or that nothing was, and why."""
    number, asked, action = row[f"clause_{side}"], row[f"asked_{side}"], row[f"action_{side}"]
    name = "Decision at a draw" if row["moment"] == "draw" else "Clause"
    said = asked if shared.is_missing(number) else f"{name} {number}: {asked}"
    return f"<strong>{safe(in_words(action, None, ''))}</strong><br>{safe(said)}"


def draw_statuses(found: Difference, day_words: str) -> None:
    """Whose status or dose would be another; a click on a row opens the patient."""
    statuses = found.statuses.head(MOST_ROWS)
    st.markdown(f"##### {shared.counted(len(found.statuses), 'course')} with another status or dose {day_words}")
    if statuses.empty:
        st.caption("Nobody would stand elsewhere.")
        return
    shown = pd.DataFrame(
        {
            "Patient": shared.who(statuses),
            "Before": said(statuses, "status", "before"),
            "After": said(statuses, "status", "after"),
            "The old table says": statuses["why_before"].map(short),
            "The new table says": statuses["why_after"].map(short),
            LAST: statuses["moved"],
        }
    )
    draw_list(coloured(shown, statuses["status_before"], statuses["status_after"]), statuses, "statuses", "marked_on")


def draw_decisions(found: Difference) -> None:
    """The past decisions that would have been different, the latest first."""
    decisions = found.decisions.head(MOST_ROWS)
    counted = shared.counted(len(found.decisions), "past decision")
    st.markdown(f"##### {counted} that would have been different")
    if decisions.empty:
        st.caption("Every past decision would have been the same.")
        return
    shown = pd.DataFrame(
        {
            "Patient": shared.who(decisions),
            "Before": said(decisions, "action", "before"),
            "After": said(decisions, "action", "after"),
            "Decided on": decisions["decided_on"].map(shared.day),
            "When": decisions["moment"].map(MOMENTS),
            "The old table says": decisions["why_before"].map(short),
            "The new table says": decisions["why_after"].map(short),
        }
    )
    draw_list(
        coloured(shown, decisions["action_before"], decisions["action_after"]), decisions, "decisions", "decided_on"
    )


def short(words: object) -> str | None:
    return None if shared.is_missing(words) else shared.cut_short(str(words), REASON_LENGTH)


def coloured(shown: pd.DataFrame, before: pd.Series, after: pd.Series) -> Styler:
    """Statuses and actions in the colour of their tone, as everywhere."""
    style = shown.style
    for name, said in {"Before": before, "After": after}.items():
        tones = ["wait" if shared.is_missing(one) else vocabulary()[one]["tone"] for one in said]
        colours = [f"color: {shared.tone_colour(tone, shared.theme())}; font-weight: 600" for tone in tones]
        style = style.apply(lambda _, colours=colours: colours, subset=[name])
    return style


def draw_list(style: Styler, rows: pd.DataFrame, name: str, marked: str) -> None:
    """A list whose rows open their patient, with the day of the column `marked` in the figure."""
    text = st.column_config.Column
    widths = {"Patient": 105, "Decided on": 115, "When": 115, "Before": 115, "After": 115, LAST: 230}
    event = clicks.place(name).dataframe(
        style,
        column_config={each: text(width=widths.get(each, 320)) for each in style.columns},
        hide_index=True,
        row_height=ROW_HEIGHT,
        height=min(TABLE_HEIGHT, ROW_HEIGHT * len(rows) + 40),
        placeholder=shared.NONE,
        on_select="rerun",
        selection_mode=clicks.ANYWHERE,
        key=f"changed_{name}",
        alt=f"The {name} that would be others: one row each",
    )
    first = f"The first {MOST_ROWS:,}; the file has all. " if len(rows) == MOST_ROWS else ""
    st.caption(f"{first}A click on a row opens the patient, under the table in force, with the day marked.")
    place = clicks.clicked(event)
    if place is not None:
        row, words = rows.iloc[place], style.data.iloc[place]
        shared.open_patient(row["patient_id"], (row[marked].date(), f"{words['Before']} → {words['After']}"))


def draw_downloads(found: Difference, as_of: date) -> None:
    st.caption("The same as files. They name patients: keep them as you keep records.")
    with st.container(horizontal=True, key="files"):
        for name, frame in found.tables().items():
            file_name = f"{as_of.isoformat()}-{name}.csv"
            draw_file(FILES[name], partial(csv_file, frame), file_name, "text/csv", key=f"download_{name}")


def csv_file(frame: pd.DataFrame) -> bytes:
    """A table as `python -m leuko diff` writes it: no cell of it runs as a formula."""
    file = io.StringIO(newline="")
    write_csv(file, frame)
    return file.getvalue().encode()


def draw_difference(found: Difference, replaced: str, as_of: date, day_words: str) -> None:
    draw_clauses(found, replaced)
    draw_statuses(found, day_words)
    draw_decisions(found)
    draw_downloads(found, as_of)


def other_versions(store: Store) -> str:
    """Where the file was loaded with other protocols than those that ship now, say so; else empty."""
    if store.about.protocols_version == version(read_shipped()):
        return ""
    return (
        "These data were loaded with other protocols than those that ship now, so one table alone cannot be exchanged: "
        "load them again. `python -m leuko diff` compares the two sets."
    )


def main() -> None:
    store = shared.open_store()
    source = store.path, opened("changes_if")
    top = st.container()
    st.html(STYLE)
    with st.container(horizontal=True, key="versions", gap="small"):
        as_of = shared.day_picker(store)
        courses = read_courses(*source, as_of)
        replaced = choose_replaced(courses)
        instead = choose_instead(replaced)
    with top:
        said = st.empty()
        shared.replay_banner(store, as_of)
        shared.draw_reported_later(*source, as_of)
    shipped = next((one for one in read_shipped() if one.id == instead), None)
    replacement = read_upload() if instead == UPLOAD else shipped
    stale = other_versions(store)
    if stale:
        said.warning(stale)
        return
    under = shared.counted(courses.get(replaced.id, 0), "course")
    said.subheader(f"What if another table took the place of {replaced.id}, with {under}?", anchor=False)
    if replacement is None:
        st.caption("Choose a version, or a file, and both tables are applied to the same courses.")
        return
    try:
        others = in_place(read_shipped(), replaced.id, replacement)
        found = read_difference(*source, as_of, replaced.id, version(others), others)
    except ProtocolError as refused:
        draw_refused(refused)
        return
    day_words = "today" if as_of == store.about.as_of else f"on {shared.day(as_of)}"
    with said.container():
        st.subheader(first_sentence(found, replaced.id, day_words), anchor=False)
        st.markdown(second_sentence(found, replaced.id))
        st.caption(
            f"Old table: {shared.plain(replaced.id)}. New table: {shared.plain(replacement.id)}, for the same courses: "
            "whoever is judged by the old one would be judged by the new one. Nothing is changed by looking."
        )
    if not found.is_nothing:
        draw_difference(found, replaced.id, as_of, day_words)


shared.only_within_dashboard()
main()
