"""Notes beside the record of a patient: what is known of causes and of growth factors. None of them decides anything.

The notes stand in `notes.csv` and `causes.csv`, each with its source. No score is made of them.
"""

import re
from dataclasses import dataclass
from datetime import datetime

import pandas

from leuko.facts import read_rows


@dataclass(frozen=True)
class Noted:
    """An association with a poor response to G-CSF that a patient has, or of which nobody can tell whether he has it.

    `days`: on how many days it is recorded; `last_on` and `words`: the last of them and its own words. `certain` False:
    only a number is recorded, and no cut-off was published in what could be read.
    """

    note: str
    days: int
    last_on: datetime
    words: str
    certain: bool
    source: str


def poor_response(events: pandas.DataFrame, growth_factors: pandas.DataFrame) -> list[Noted]:
    """Which associations with a poor response to G-CSF are on record, in the order of `notes.csv`.

    `events` and `growth_factors` are those of `leuko.store.Patient`. An event whose text only denies it ("no") counts
    for nothing. The associations are unresolved: the summary that names them has no source that could be found.
    """
    denials = {row["word"] for row in read_rows("denials")}
    records = [("gcsf", *dose) for dose in growth_factors[["given_on", "words"]].itertuples(index=False)]
    records += [
        (kind, at, "" if pandas.isna(value) else value.strip())
        for kind, at, value in events[["kind", "occurred_at", "value"]].itertuples(index=False)
        if kind != "gcsf"
    ]
    happened = [record for record in records if record[2].lower() not in denials]
    found = (
        noted(row, [(at, words) for kind, at, words in happened if kind == row["event"]])
        for row in about("poor_response")
    )
    return [each for each in found if each]


def noted(row: dict[str, str], records: list[tuple[datetime, str]]) -> Noted | None:
    """One association, from the records of its kind in time order; None where there are too few or the last says no."""
    days = len({at.date() for at, _ in records})
    if days < int(row["at_least"]):
        return None
    last_on, words = records[-1]
    if says(words, row["unless"]):
        return None
    certain = not row["words"] or says(words, row["words"])
    return Noted(row["note"], days, last_on, words, certain, row["source"])


def last_dose(growth_factors: pandas.DataFrame, by: datetime) -> datetime | None:
    """The day of the last growth factor dose on or before a day; None where none is on record."""
    days = growth_factors.loc[growth_factors["given_on"] <= by, "given_on"]
    return days.max() if len(days) else None


def used_in(diagnosis: str | None) -> list[dict[str, str]]:
    """The notes on where G-CSF is used that the words of a diagnosis ask for; none where nothing matches."""
    text = diagnosis or ""
    return [row for row in about("used_in") if says(text, row["words"]) and not says(text, row["unless"])]


def about(subject: str) -> list[dict[str, str]]:
    """The rows of `notes.csv` about something."""
    return [row for row in read_rows("notes") if row["about"] == subject]


def says(text: str, words: str) -> bool:
    """Whether a text has one of the alternatives of `words` (`a; b`), each with all its parts (`a + b`).

    Only whole words count, in either case of letters.
    """
    return any(
        all(re.search(rf"\b{re.escape(part)}\b", text.lower()) for part in alternative.split(" + "))
        for alternative in alternatives(words)
    )


def alternatives(words: str) -> list[str]:
    return words.split("; ") if words else []


def cause_in_words(word: str | None) -> tuple[str, str]:
    """A recorded cause of low counts as it is shown, and what it decides; a word not in `causes.csv` as recorded."""
    recorded = (word or "").strip()
    row = next((row for row in read_rows("causes") if row["word"] == recorded.lower()), None)
    if row is None:
        return recorded, "not a listed cause: decides nothing"
    return row["shown"], f"taken as the {row['decides']}" if row["decides"] else "decides nothing"
