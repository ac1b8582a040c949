"""A shift's work, by the journal: whose patient somebody is, and on whom a recommendation waits."""

from collections.abc import Mapping
from datetime import date, datetime
from functools import cache

from leuko.access import Person
from leuko.facts import read_rows
from leuko.journal import Entry, course_of, seen, waits

NOBODY = Person("")  # on whom it waits where nobody has recorded anything


@cache
def asking() -> tuple[str, ...]:
    """The statuses that ask somebody to do something now."""
    return tuple(row["status"] for row in read_rows("statuses") if row["asks"] == "yes")


def on_whom(course: Mapping, entry: Entry | None, as_of: date, returned_at: datetime | None = None) -> Person | None:
    """On whom a row of the worklist waits, or NOBODY; None: it waits on no one.

    On whoever it was handed over to, until he takes it over, whatever is recommended by then; else, where the
    recommendation asks for something and is open, on whoever decided last on this course. `entry`: what stands on the
    course, None for nothing; `returned_at`: see `leuko.journal.speaks_of`.
    """
    if entry is not None and entry.kind == "handover":
        return entry.given_to
    if course["status"] not in asking() or not waits(entry, seen(course), as_of, returned_at):
        return None
    return NOBODY if entry is None else entry.writer


def is_patient_of(entry: Entry, who: Person) -> bool:
    """Whether a course is a reader's own: he decided on it last, or it was handed over to him.

    What he hands over stays his own until it is taken over, so that nobody falls between two.
    """
    return entry.writer.is_reader(who) or entry.given_to.is_reader(who)


def waiting(
    courses: list[dict],
    standing: Mapping[tuple[str, str, str], Entry],
    as_of: date,
    returned: Mapping[tuple[str, str, str], datetime],
) -> list[Person | None]:
    """`on_whom` for each row of the worklist; `standing` and `returned` are by patient, drug and protocol."""
    return [
        on_whom(row, standing.get(place), as_of, returned.get(place))
        for row, place in zip(courses, map(course_of, courses), strict=True)
    ]
