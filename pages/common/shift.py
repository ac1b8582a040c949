"""A shift's work on the panel: what waits on whoever looks, on whom everything else waits, and his patients."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

import pandas as pd
import streamlit as st

from leuko.access import Person, Sight
from leuko.journal import Entry, course_of, seen
from leuko.journal_databases import JournalError
from leuko.shift import asking, is_patient_of, waiting
from leuko.store import Filters, Store
from pages.common import clicks, shared, sign_in
from pages.common.decided import UNREAD, standing_words
from pages.common.markup import safe
from pages.common.opened import journal, may_decide

AT_ONCE = 4  # lines with the way to a patient; the list below has all
NAMED = 4  # colleagues in the sentence
ROW_HEIGHT = 66  # pixels: Streamlit wraps text only in rows of more than 64
ROWS = 5  # at once

Place = tuple[str, str, str]


@dataclass(frozen=True)
class Shift:
    """What stands, by patient, drug and protocol; the rows of the worklist of which something was recorded.

    `returned`: since when a recommendation stands again. `whom`: for each row, on whom it waits (`leuko.shift`).
    """

    standing: Mapping[Place, Entry]
    returned: Mapping[Place, datetime]
    courses: pd.DataFrame
    whom: list[Person | None]


@st.cache_data(show_spinner=False, max_entries=100)
def read_courses(
    path: str, sight: Sight, as_of: date, patients: tuple[str, ...]
) -> tuple[pd.DataFrame, dict[Place, datetime]]:
    """The courses of patients of whom something was recorded, and those whose recommendation has come back."""
    view = shared.store_at(path).view(sight, as_of)
    return view.courses(Filters(), patients), view.returned(patients)


@st.cache_data(show_spinner=False, max_entries=100)
def read_asking(path: str, sight: Sight, as_of: date) -> int:
    """How many recommendations ask somebody to do something."""
    return shared.store_at(path).view(sight, as_of).count(Filters(status=asking()))


def read_shift(source: tuple[str, Sight], as_of: date) -> Shift | None:
    """What stands of those who may be seen; None, with a line that says so, where the journal cannot be read."""
    try:
        standing = journal().standing()
    except JournalError as failed:
        st.caption(UNREAD.format(shared.plain(sign_in.told(failed))))
        return None
    patients = tuple(sorted({patient for patient, *_ in standing}))
    courses, returned = read_courses(*source, as_of, patients)
    places = [course_of(row) for row in courses.to_dict("records")]
    recorded = courses.iloc[[place in standing for place in places]].reset_index(drop=True)
    return Shift(standing, returned, recorded, waiting(recorded.to_dict("records"), standing, as_of, returned))


def draw_shift(store: Store, source: tuple[str, Sight], as_of: date, shift: Shift | None) -> None:
    """On whom what waits, whatever the filters; then what waits on whoever looks, and his patients."""
    who = sign_in.reader()
    if who is None or shift is None or as_of != store.about.as_of:
        return
    nobody = read_asking(*source, as_of) - int(shift.courses["status"].isin(asking()).sum())
    st.html(sentence(shift.whom, nobody, who.person, may_decide()))
    entries = [shift.standing[course_of(row)] for row in shift.courses.to_dict("records")]
    mine = [is_patient_of(entry, who.person) for entry in entries]
    if not any(mine):
        return
    on_me = [whom is not None and whom.is_reader(who.person) for whom in shift.whom]
    first = shift.courses[on_me]
    for row, named in list(zip(first.to_dict("records"), shared.who(first), strict=True))[:AT_ONCE]:
        draw_line(row, named, shift.standing[course_of(row)])
    draw_my_patients(shift, as_of, pd.Series(mine), pd.Series(on_me), who.person)


def sentence(whom: list[Person | None], nobody: int, who: Person, is_mine: bool) -> str:
    """`Recommendations that wait: 3 on you, 2 on bo@example.org, 14 on nobody yet.`, as HTML."""
    somebody = [one for one in whom if one and one.name]
    if not somebody and not nobody:
        return "No recommendation waits."
    by_name = Counter(one.name.lower() for one in somebody if not one.is_reader(who))
    on_me = len(somebody) - by_name.total()
    told = [f"<strong>{on_me:,} on you</strong>" if on_me else "none on you"] if is_mine or on_me else []
    named = by_name.most_common(NAMED)
    told += [f"{count:,} on {safe(name)}" for name, count in named]
    rest = by_name.total() - sum(count for _, count in named)
    told += [f"{rest:,} on other colleagues"] if rest else []
    return f"Recommendations that wait: {', '.join([*told, f'{nobody:,} on nobody yet'])}."


def said(row: dict, shift: Shift, as_of: date) -> str:
    place = course_of(row)
    return standing_words(shift.standing[place], seen(row), as_of, shift.returned.get(place))


def draw_line(row: dict, named: str, entry: Entry) -> None:
    """Who waits and why, short: the list below has the words."""
    why = {"handover": f"handed over by {entry.who}", "taken_over": "taken over"}.get(entry.kind, "open again")
    with st.container(horizontal=True, vertical_alignment="center"):
        words = f"<strong>Waits on you:</strong> {safe(named)}, {safe(row['word'].lower())}, {safe(why)}."
        st.html(words, width="content")
        if st.button("Open", key=f"waiting_{'_'.join(course_of(row))}"):
            shared.open_patient(row["patient_id"])


def called(whom: Person | None, who: Person) -> str:
    return "no one" if whom is None else "you" if whom.is_reader(who) else whom.name


def draw_my_patients(shift: Shift, as_of: date, mine: pd.Series, on_me: pd.Series, who: Person) -> None:
    """His patients, those who wait on him first; a click opens one."""
    order = [*mine.index[mine & on_me], *mine.index[mine & ~on_me]]
    rows = shift.courses.loc[order].reset_index(drop=True)
    whom = [shift.whom[place] for place in order]
    patients = shared.counted(rows["patient_id"].nunique(), "patient")
    with st.expander(f"My patients: {patients}, {shared.counted(int(on_me.sum()), 'recommendation')} waiting on you"):
        st.caption("On whom you decided last, or who were handed over to you; yours until a colleague takes over.")
        text = st.column_config.TextColumn
        event = clicks.place("mine").dataframe(
            pd.DataFrame(
                {
                    "Patient": shared.who(rows),
                    "Status": rows["icon"] + " " + rows["word"],
                    "Waits on": [called(one, who) for one in whom],
                    "What was decided": [said(row, shift, as_of) for row in rows.to_dict("records")],
                    "Since": rows["since"].map(shared.day),
                    "Drug": rows["drug"],
                    "Site": rows["site"],
                }
            ),
            key="mine",
            hide_index=True,
            placeholder=shared.NONE,
            row_height=ROW_HEIGHT,
            height=ROW_HEIGHT * min(ROWS, len(rows)) + 40,
            column_config={
                "Patient": text(width=120), "Status": text(width=130), "Waits on": text(width=150),
                "What was decided": text(width=470), "Since": text(width=120), "Drug": text(width=110),
                "Site": text(width=80),
            },
            on_select="rerun",
            selection_mode=clicks.ANYWHERE,
            alt="My patients, those who wait on me first",
        )  # fmt: skip
    row = clicks.clicked(event)
    if row is not None:
        shared.open_patient(rows["patient_id"].iloc[row])
