"""The checker: counts and doses typed for an imagined patient, and what the rule answers, condition by condition."""

from datetime import date
from urllib.parse import quote, unquote

import pandas as pd
import streamlit as st

from leuko import checker
from leuko.checker import Answer, Typed
from leuko.count_units import CountUnit
from leuko.courses import COUNTS, action_words, count, decided_by
from leuko.store import Store
from pages.common import address, shared
from pages.common.alerts import draw_alerts_of_patient
from pages.common.courses import draw_courses
from pages.common.markup import table
from pages.common.trajectory import draw_figure
from pages.common.why import draw_episodes, draw_why, holds_words

NOBODY = (
    "**An imagined patient.** What is typed here stands in the address of this page and nowhere else; type no name. "
    "The answer is that of the rule which reads the real patients, with this protocol."
)
DUFFY = {"": "not recorded", "true": "Duffy-null", "false": "not Duffy-null"}
CAUSES = {"": "not recorded", "disease": "the disease", "treatment": "the treatment"}
ROWS_IN_ADDRESS = 100  # more would make an address that no server takes
DOSES = {
    "day": st.column_config.DateColumn("From", format="YYYY-MM-DD"),
    "dose": st.column_config.TextColumn("Dose, mg a day", alignment="right"),
}
Rows = tuple[tuple[str, ...], ...]


@st.cache_data(show_spinner="Asking the rule", max_entries=200)
def read_answer(path: str, protocol: str, drug: str, typed: Typed) -> Answer:
    return checker.ask(shared.store_at(path), protocol, drug, typed)


def draw_checker(store: Store, version: dict, thresholds: pd.DataFrame) -> None:
    """What is typed on top, the answer beneath it."""
    st.info(NOBODY, icon=":material/person_off:")
    example = checker.example(version, thresholds, store.about.as_of, store.unit)
    typed = draw_typing(version, example, store.unit)
    answer = read_answer(store.path, version["protocol"], version["drug"], typed)
    if answer.faults:
        lines = "\n".join(f"- {shared.plain(line)}" for line in answer.faults)
        st.warning(f"Nothing was asked: this cannot be read, and nothing is guessed.\n\n{lines}")
    else:
        draw_answer(answer, typed)


# Typing


def draw_typing(version: dict, example: Typed, unit: CountUnit) -> Typed:
    left, right = st.columns([3, 2])
    with left:
        shown = ("day", "anc", "platelets") if version["has_platelets"] else ("day", "anc")
        counts = edited(counts_name(unit), version["protocol"], example.counts, count_columns(unit), shown)
        st.caption(
            f"A row a day, counts in {unit.words}. `<{unit.number(200)}` is read as below {unit.said(200)}. "
            "An empty cell was not measured."
        )
    with right:
        doses = edited("try_doses", version["protocol"], example.doses, DOSES, ("day", "dose"))
        st.caption("Each dose is given until the next row begins. 0 is a hold." + example_dose_words(version))
    with st.container(horizontal=True):
        asked_on = day_typed("try_day", "Day asked", "Empty: the last day typed.")
        cause = choice("try_cause", "Cause of low counts", CAUSES)
        cause_on = day_typed("try_cause_on", "Cause known on") if cause else ""
        duffy_null = choice("try_duffy", "Duffy status", DUFFY)
        diagnosis = words_typed("try_diagnosis", "Diagnosis")
    return Typed(counts, doses, cause, cause_on, duffy_null, diagnosis, asked_on)


def counts_name(unit: CountUnit) -> str:
    """What the typed counts are called in the address: another name in another unit, so that none is misread."""
    return f"try_counts_{unit.name}" if unit.power else "try_counts"


def count_columns(unit: CountUnit) -> dict:
    return {
        "day": st.column_config.DateColumn("Day", format="YYYY-MM-DD"),
        "anc": st.column_config.TextColumn(f"ANC, {unit.words}", alignment="right"),
        "platelets": st.column_config.TextColumn(f"Platelets, {unit.words}", alignment="right"),
    }


def example_dose_words(version: dict) -> str:
    named = not shared.is_missing(version["starting_dose_mg"])
    return "" if named else " The table names no starting dose: that of the first rows is only an example."


def edited(name: str, protocol: str, example: Rows, columns: dict, shown: tuple[str, ...]) -> Rows:
    """The rows of an editor. They stand in the address where they are not the protocol's example.

    The editor begins anew where the address brings other rows or the protocol changes: what was typed goes along.
    """
    said = st.query_params.get_all(name)
    written = st.session_state.get(address.WRITTEN, {}).get(name, [])
    begun_for, number, begun = st.session_state.get(f"{name}_begun", ("", 0, ()))
    if begun_for != protocol or said != written or f"{name}_{number}" not in st.session_state:
        number, begun = number + 1, tuple(from_address(row, len(example[0])) for row in said) or example
        st.session_state[f"{name}_begun"] = protocol, number, begun
    frame = st.data_editor(
        editable(begun, list(columns)),
        key=f"{name}_{number}",
        num_rows="dynamic",
        hide_index=True,
        placeholder="",
        column_order=shown,
        column_config=columns,
        alt=f"{'Doses' if columns is DOSES else 'Counts'} of the imagined patient, to be typed over",
    )
    rows = tuple(tuple(cell_words(cell) for cell in row) for row in frame.itertuples(index=False))
    in_address = [":".join(quote(cell) for cell in row) for row in rows]
    address.put(name, in_address if rows != example and len(rows) <= ROWS_IN_ADDRESS else [])
    return only(rows, [column in shown for column in columns])


def only(rows: Rows, shown: list[bool]) -> Rows:
    """A protocol without a platelet rule is not told of platelets that were typed for another."""
    return tuple(tuple(cell if seen else "" for cell, seen in zip(row, shown, strict=True)) for row in rows)


def from_address(row: str, width: int) -> tuple[str, ...]:
    cells = [unquote(cell) for cell in row.split(":")]
    return tuple((cells + [""] * width)[:width])


def editable(rows: Rows, columns: list[str]) -> pd.DataFrame:
    """The rows as an editor takes them; what is no day is left empty, and is asked for again."""
    frame = pd.DataFrame(rows, columns=columns, dtype="string")
    frame["day"] = [checker.day_of(day) for day in frame["day"]]
    return frame.astype({"day": "object"})


def cell_words(cell: object) -> str:
    if shared.is_missing(cell):
        return ""
    return cell.isoformat()[:10] if isinstance(cell, date) else str(cell).strip()


def choice(name: str, label: str, words: dict[str, str]) -> str:
    address.take(name, lambda said: next((value for value in words if value in said), ""))
    chosen = st.selectbox(label, list(words), format_func=words.get, key=name)
    address.put(name, [chosen] if chosen else [])
    return chosen


def day_typed(name: str, label: str, tip: str | None = None) -> str:
    address.take(name, lambda said: next(filter(None, map(checker.day_of, said)), None))
    day = st.date_input(label, value=None, format="YYYY-MM-DD", key=name, help=tip)
    address.put(name, [day.isoformat()] if day else [])
    return day.isoformat() if day else ""


def words_typed(name: str, label: str) -> str:
    address.take(name, lambda said: "".join(said[:1]))
    words = st.text_input(label, key=name, placeholder="not recorded").strip()
    address.put(name, [words] if words else [])
    return words


# The answer


def draw_answer(answer: Answer, typed: Typed) -> None:
    patient, as_of = answer.patient, answer.as_of
    later = sum(day > as_of for day in checker.days_of(typed))
    unread = f" Not read: {shared.counted(later, 'row')} of a later day." if later else ""
    st.caption(f"The answer on {shared.day(as_of)}, for an imagined patient.{unread}")
    draw_alerts_of_patient(patient.alerts)
    draw_courses(patient)
    draw_decisions(patient.recommendations)
    draw_counts(answer.counts, patient.unit)
    draw_figure(patient, as_of, None)
    draw_why(patient)
    draw_episodes(patient)


def draw_decisions(recommendations: pd.DataFrame) -> None:
    st.subheader("What was decided, day by day", anchor=False)
    if recommendations.empty:
        st.caption("Nothing: no count met a hold threshold, and no decision at a draw fitted.")
        return
    words = action_words()
    rows = [
        {
            "Day": shared.day(row["decided_on"]),
            "Decision": words[row["action"]],
            "Dose a day": shared.number(row["dose_mg"], "mg"),
            "By": decided_by(row),
            "Certainty": row["certainty"],
            "Why": row["why"],
        }
        for row in recommendations.to_dict("records")
    ]
    st.html(table(rows, numbers=("Dose a day",)))


def draw_counts(counts: pd.DataFrame, unit: CountUnit) -> None:
    """Which threshold did what: each count against hold and resume, and how the course stood after it."""
    st.subheader("What each count met", anchor=False)
    if counts.empty:
        st.caption("No count is read on this day.")
        return
    rows = [
        {
            "Day": shared.day(row["drawn_on"]),
            "Count": COUNTS[row["analyte"]],
            f"Found, {unit.words}": count(row["value"], row["comparator"], unit),
            "Hold": f"{row['hold']}: {holds_words(row['meets_hold'])}",
            "Resume": f"{row['resume']}: {holds_words(row['meets_resume'])}",
            "After that day": row["state"],
        }
        for row in counts.to_dict("records")
    ]
    st.html(table(rows, numbers=(f"Found, {unit.words}",)))
