"""A patient's courses, episodes and decisions in words, as the screen and the printed pages say them.

A row is one of the frames of `leuko.store.Patient` as a dict; where something is missing, its words are a dash.
"""

from collections.abc import Mapping
from datetime import date

import pandas

from leuko.count_units import CountUnit
from leuko.facts import read_rows
from leuko.figures.labels import amount, day_in_words, number_in_words

NONE = "–"
HEADLINE = 220  # characters that can be read at a glance
CERTAINTY = {
    "firm": "Firm: the gaps between the counts leave nothing open.",
    "sparse": "Sparse: the counts lie days apart; at the clocks' shortest another clause would decide.",
}
COUNTS = {"anc": "ANC", "platelets": "platelets", "both": "ANC and platelets"}
DERIVED = " (derived)"  # of an ANC that was worked out from WBC and a differential

Row = Mapping[str, object]


def missing(value: object) -> bool:
    """True for None, NaN and NaT."""
    return value is None or bool(pandas.isna(value))


def day(value: object) -> str:
    """`2 March 2026`."""
    return NONE if missing(value) else day_in_words(value)


def number(value: object) -> str:
    """`1,250`, with the decimals it has and no more."""
    return NONE if missing(value) else number_in_words(value)


def count(value: object, comparator: object, unit: CountUnit) -> str:
    """`<100`, or `<0.1`: a count of cells/µL as a number of the unit."""
    return NONE if missing(value) else f"{'' if missing(comparator) else comparator}{unit.number(value)}"


def dose(value: object, unit: object) -> str:
    """`80 mg`."""
    return NONE if missing(value) else amount(value, None if missing(unit) else unit)


def identity(about: Row, as_of: date) -> list[str]:
    """Who this is, beside the name; a death or leaving after `as_of` was not known then."""
    gone = [
        f"{word} {day(about[key])}"
        for key, word in (("died_on", "died"), ("left_on", "left"))
        if not missing(about[key]) and about[key] <= as_of
    ]
    parts = [
        about["patient_id"],
        "" if missing(about["birth_date"]) else f"born {day(about['birth_date'])}",
        *(about[name] for name in ("sex", "site", "clinician", "diagnosis")),
        "Duffy-null on record" if about["duffy_null"] is True else "",
        *gone,
    ]
    return [part for part in parts if not missing(part) and part]


def headline(to_do: str) -> tuple[str, str]:
    """What to read first, and the rest: a long reason goes on in smaller words after its first sentence."""
    if len(to_do) <= HEADLINE:
        return to_do, ""
    first, _, rest = to_do.partition(". ")
    return f"{first}.", rest


def standing(course: Row, unit: CountUnit) -> str:
    """The facts of a course in a line: dose, last ANC, since when, the next count, the protocol."""
    anc = f"{count(course['last_anc'], course['last_anc_comparator'], unit)} {unit.words}"
    anc += DERIVED if course["last_anc_derived"] is True else ""
    parts = [
        ("dose now", dose(course["dose_now_mg"], course["dose_unit"])),
        ("first dose", first_dose(course)),
        ("last ANC", f"{anc} on {day(course['last_anc_on'])}"),
        ("since", day(course["since"])),
        ("next count due", NONE if course["status"] == "off_drug" else day(course["next_lab_due_on"])),
        ("protocol", NONE if missing(course["protocol"]) else course["protocol"]),
    ]
    return " · ".join(f"{name} {value}" for name, value in parts if NONE not in value)


def first_dose(course: Row) -> str:
    """The first dose of the course, beside the one that the protocol's table starts at, where it names one."""
    given, table = dose(course["first_dose_mg"], course["dose_unit"]), course["starting_dose_mg"]
    return given if missing(table) else f"{given} (the table starts at {amount(table, 'mg')})"


def first_known(course: Row, known_first: pandas.DataFrame) -> str:
    """What must be known before a dose is escalated, in the protocol's words; empty where it has none."""
    of_course = known_first.loc[known_first["protocol"].eq(course["protocol"]), "words"]
    return "; ".join(of_course.iloc[0]) if course["status"] == "escalate" and len(of_course) else ""


# ---------------------------------------------------------------- episodes


def nadir(episode: Row, analyte: str, unit: CountUnit) -> str:
    """The lowest count of an episode, as a number of the unit."""
    lowest = count(episode[f"{analyte}_nadir"], episode[f"{analyte}_nadir_comparator"], unit)
    return lowest + (DERIVED if analyte == "anc" and episode["anc_nadir_derived"] is True else "")


def clock(episode: Row, name: str) -> str:
    """Days as observed; where the gaps between the counts leave it open, from the shortest possible on."""
    least, most = episode[f"{name}_shortest"], episode[name]
    is_exact = missing(least) or least == most
    return number(most) if is_exact else f"{number(least)} to {number(most)}"


# ---------------------------------------------------------------- decisions


def action_words() -> dict[str, str]:
    return {row["status"]: row["word"] for row in read_rows("statuses")}


def decided_by(decision: Row) -> str:
    """The row of the protocol's table that decided; a dash where a threshold alone did."""
    if not missing(decision["clause"]):
        return f"clause {decision['clause']:.0f}"
    if not missing(decision["during"]):
        return f"decision at a draw {decision['during']:.0f}"
    return NONE
