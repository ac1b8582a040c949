"""The journal: what readers decided on a recommendation, only appended, apart from the clinical file.

An entry speaks of the recommendation that its writer saw: another status, dose or day of the same course opens again,
and so does a snooze on its day. An edit is a new entry that names the one it corrects. Times are UTC and given in.
"""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass, fields, replace
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path

import pandas

from leuko.access import DECIDES, Person
from leuko.courses import missing
from leuko.facts import read_rows
from leuko.figures.labels import day_in_words
from leuko.journal_databases import DuckFile, JournalError, PostgreSQL, Run, database_at

MOST_CHARACTERS = 2000  # of the words of an entry

COLUMNS = """number, token, written_at, who, role, patient_id, site, drug, protocol, recommendation, episode, kind,
    reason, until_on, addressee, words, replaces, account, addressee_account"""
INSERT = f"INSERT INTO entries ({COLUMNS}) VALUES ({', '.join('?' * 19)})"
READERS = "SELECT DISTINCT who FROM visits UNION SELECT DISTINCT who FROM entries ORDER BY who"
READERS_OF = "SELECT DISTINCT who FROM entries WHERE site IN ({}) ORDER BY who"
# An entry as its last correction says it, in the place of the entry itself.
CORRECTED = f"""
    SELECT * FROM (
        SELECT {COLUMNS}, coalesce(replaces, number) AS place,
            row_number() OVER (PARTITION BY coalesce(replaces, number) ORDER BY number DESC) AS version
        FROM entries WHERE {{condition}}
    ) AS versions WHERE version = 1
"""
STANDING = f"""
    SELECT {COLUMNS} FROM (
        SELECT corrected.*,
            row_number() OVER (PARTITION BY patient_id, drug, protocol ORDER BY place DESC) AS newest
        FROM ({CORRECTED}) AS corrected WHERE kind IN ({{kinds}})
    ) AS placed WHERE newest = 1 ORDER BY number
"""
# When each recommendation was answered: at the first version of an entry that answers, unless its last takes that back.
ANSWERS = f"""
    SELECT entries.patient_id, entries.drug, entries.protocol, entries.recommendation,
        min(entries.written_at) AS answered_at
    FROM entries
    JOIN ({CORRECTED.format(condition="role = '" + DECIDES + "'")}) AS last
        ON last.place = coalesce(entries.replaces, entries.number)
    WHERE last.kind IN ({{kinds}}) AND entries.kind IN ({{kinds}})
    GROUP BY entries.patient_id, entries.drug, entries.protocol, entries.recommendation, last.place
    ORDER BY last.place
"""
ANSWERED = ("patient_id", "drug", "protocol", "recommendation", "answered_at")
# As `Person.is_reader` tells who is meant.
OWN_VISITS = "FROM visits WHERE CASE WHEN account = '' THEN lower(who) = lower(?) ELSE account = ? END"
VISIT_BEFORE = f"""SELECT load_number, as_of, written_at {OWN_VISITS} AND load_number <> ?
    ORDER BY written_at DESC LIMIT 1"""


def place_of(db: Path) -> str | Path:
    """Where the journal of a database is kept: as LEUKO_JOURNAL says, else `clinic.journal.duckdb` beside it.

    The address of a server may hold a password, so it stands in the environment and in no file beside the data.
    """
    return os.environ.get("LEUKO_JOURNAL") or db.absolute().with_suffix(".journal.duckdb")


@dataclass(frozen=True)
class Entry:
    """One row. `number` and `token` (what keeps one click from being two entries) are the journal's own.

    `recommendation`: see `key`; `episode`: of the course, None where there is none; `until_on`: of a snooze;
    `addressee`: of a handover; `replaces`: the number of the first entry of those that it corrects. `account` and
    `addressee_account` are those of `Person`: empty in entries from before they were kept, without a sign-in, and of
    an addressee whose account was not known.
    """

    number: int
    token: str
    at: datetime
    who: str
    role: str
    patient_id: str
    site: str
    drug: str
    protocol: str
    recommendation: str
    episode: int | None
    kind: str
    reason: str = ""
    until_on: date | None = None
    addressee: str = ""
    words: str = ""
    replaces: int | None = None
    account: str = ""
    addressee_account: str = ""

    @property
    def writer(self) -> Person:
        return Person(self.who, self.account)

    @property
    def given_to(self) -> Person:
        """To whom it was handed over; nobody has the empty name."""
        return Person(self.addressee, self.addressee_account)

    @property
    def place(self) -> int:
        """The number of the entry that it corrects, or its own."""
        return self.replaces or self.number


@dataclass(frozen=True)
class Visit:
    """What a reader last looked at: which load, of which day, and when."""

    load_number: int
    as_of: date
    at: datetime


def key(status: str, dose_mg: float | None, since: date | None) -> str:
    """What was seen of a course, as an entry keeps it: `reduce, 80, since 2026-03-30`. Another key opens again."""
    dose = "no dose" if dose_mg is None else f"{dose_mg:g}"
    return f"{status}, {dose}, since {since.isoformat() if since else 'not known'}"


def seen(course: Mapping) -> str:
    """The key of a row of the worklist."""
    dose, since = (None if missing(course[name]) else course[name] for name in ("dose_mg", "since"))
    return key(course["status"], dose, since.date() if isinstance(since, datetime) else since)


def key_in_words(recommendation: str) -> str:
    """A key as a reader is told of it: `Reduce, dose 80, since 30 March 2026`; a dose of 0 is not said."""
    status, dose, since = recommendation.split(", ")
    word = next((row["word"] for row in read_rows("statuses") if row["status"] == status), status)
    doses = {"0": "", "no dose": ""}
    day = since.removeprefix("since ")
    told = "since a day not known" if day == "not known" else f"since {day_in_words(date.fromisoformat(day))}"
    return ", ".join(part for part in (word, doses.get(dose, f"dose {dose}"), told) if part)


def course_of(course: Mapping) -> tuple[str, str, str]:
    """Patient, drug and protocol of a row, as an entry has them: empty where there is none."""
    return tuple("" if missing(course[name]) else course[name] for name in ("patient_id", "drug", "protocol"))


def episode_of(course: Mapping, episodes: pandas.DataFrame) -> int | None:
    """The number of the episode in which the day of a row of the worklist lies, None where it is in none."""
    if missing(course["since"]):
        return None
    same = episodes["drug"].eq(course["drug"]) & episodes["protocol"].eq(course["protocol"])
    since = episodes["onset_on"].le(course["since"])
    until = episodes["recovered_on"].isna() | episodes["recovered_on"].ge(course["since"])
    numbers = episodes.loc[same & since & until, "episode"]
    return int(numbers.max()) if len(numbers) else None


@cache
def kinds() -> dict[str, dict[str, str]]:
    """What can be recorded, each kind with its words; one that `stands` decides whether a recommendation waits."""
    return {row["kind"]: row for row in read_rows("journal_kinds")}


@cache
def reasons() -> dict[str, str]:
    """The reasons not to follow a recommendation, in words."""
    return {row["reason"]: row["words"] for row in read_rows("journal_reasons")}


def waits(entry: Entry | None, recommendation: str, as_of: date, returned_at: datetime | None = None) -> bool:
    """Whether a recommendation is open: nothing stands, what stands was of another, it went to a colleague or is due.

    `returned_at`: see `speaks_of`.
    """
    if entry is None or not speaks_of(entry, recommendation, returned_at) or entry.kind in ("handover", "taken_over"):
        return True
    return entry.kind == "snoozed" and entry.until_on <= as_of


def speaks_of(entry: Entry, recommendation: str, returned_at: datetime | None = None) -> bool:
    """Whether an entry is of the recommendation that stands now.

    `returned_at`: since when it stands again, where it was another in between (`leuko.waiting`); what was recorded
    before is of the one that went.
    """
    return entry.recommendation == recommendation and (returned_at is None or entry.at >= returned_at)


def in_words(entry: Entry) -> str:
    """`Not followed: the count is repeated first. Drawn today. By ida on 31 March 2026 at 14:05 UTC`."""
    told = {
        "not_followed": f": {reasons().get(entry.reason, entry.reason)}",
        "snoozed": f" until {day_in_words(entry.until_on)}" if entry.until_on else "",
        "handover": f" to {entry.addressee}",
    }
    said = f" {entry.words.rstrip('.')}." if entry.words else ""
    corrected = f", correcting entry {entry.replaces}" if entry.replaces else ""
    written = f"{day_in_words(entry.at.date())} at {entry.at:%H:%M} UTC"
    return f"{kinds()[entry.kind]['word']}{told.get(entry.kind, '')}.{said} By {entry.who} on {written}{corrected}."


class Journal:
    """The journal at a place: a file, or the address of a PostgreSQL server. Every call raises JournalError.

    `tell` makes of each entry that is read what may be told of it.
    """

    def __init__(self, place: str | Path, tell: Callable[[Entry], Entry] = lambda entry: entry):
        self.database: DuckFile | PostgreSQL = database_at(place)
        self.tell = tell

    def record(self, entry: Entry) -> Entry:
        """Append an entry, whose number is given here; the same token again gives what is there and adds nothing.

        When this returns, the entry is on the disk. Raises JournalError where it is refused or cannot be kept.
        """
        entry = checked(entry)
        with self.database.work(writing=True) as run:
            there = read(run, "WHERE token = ?", entry.token)
            if there:
                return there[0]
            if entry.replaces is not None:
                check_correction(entry, read(run, "WHERE number = ?", entry.replaces))
            if entry.kind == "taken_over":
                check_taking_over(entry, standing_of(run, [entry.patient_id]))
            number = run("SELECT coalesce(max(number), 0) + 1 FROM entries")[0][0]
            entry = replace(entry, number=number)
            run(INSERT, *as_row(entry))
        return entry

    def entries(self, patients: Sequence[str] | None = None) -> list[Entry]:
        """Every entry of these patients (None: of all), in order, corrected ones too."""
        if patients is None:
            with self.database.work(writing=False) as run:
                return [*map(self.tell, read(run, "ORDER BY number"))]
        if not patients:
            return []
        with self.database.work(writing=False) as run:
            found = read(run, f"WHERE patient_id IN ({marks(patients)}) ORDER BY number", *patients)
            return [*map(self.tell, found)]

    def standing(self, patients: Sequence[str] | None = None) -> dict[tuple[str, str, str], Entry]:
        """What was last decided of each course of these patients (None: of all), as last corrected.

        By patient, drug and protocol.
        """
        if patients is not None and not patients:
            return {}
        with self.database.work(writing=False) as run:
            return {place: self.tell(entry) for place, entry in standing_of(run, patients).items()}

    def answers(self) -> pandas.DataFrame:
        """When recommendations were answered: acknowledged, done or not followed, by a clinician (columns: ANSWERED).

        A row an entry, as last corrected; `answered_at` is in UTC, without a zone. A snooze, a handover and a comment
        are no answer.
        """
        answering = [kind for kind, row in kinds().items() if row["answers"] == "yes"]
        with self.database.work(writing=False) as run:
            rows = run(ANSWERS.format(kinds=marks(answering)), *answering, *answering)
        return pandas.DataFrame(rows, columns=list(ANSWERED)).astype(
            {name: "datetime64[us]" if name == "answered_at" else "string" for name in ANSWERED}
        )

    def as_corrected(self, patients: Sequence[str]) -> list[Entry]:
        """Every entry of these patients as its last correction says it, in the order in which they were first made."""
        if not patients:
            return []
        corrected = CORRECTED.format(condition=of_patients(patients))
        query = f"SELECT {COLUMNS} FROM ({corrected}) AS corrected ORDER BY place"
        with self.database.work(writing=False) as run:
            return [self.tell(from_row(row)) for row in run(query, *patients)]

    def readers(self, sites: Sequence[str] | None = None) -> list[str]:
        """Whoever has written here of a patient of these sites, or (None) has written or looked at all."""
        if sites is not None and not sites:
            return []
        query = READERS if sites is None else READERS_OF.format(marks(sites))
        with self.database.work(writing=False) as run:
            return [who for (who,) in run(query, *(sites or ()))]

    def visit(self, who: Person, visit: Visit) -> Visit | None:
        """Keep that a reader looks at a load, once a load; gives what he last saw of another one, None for nothing."""
        with self.database.work(writing=False) as run:
            known = who.name, who.account, visit.load_number
            is_kept = run(f"SELECT 1 {OWN_VISITS} AND load_number = ?", *known)
            before = [Visit(*row) for row in run(VISIT_BEFORE, *known)]
        if not is_kept:
            with self.database.work(writing=True) as run:
                run(
                    "INSERT INTO visits (who, load_number, as_of, written_at, account) VALUES (?, ?, ?, ?, ?)",
                    who.name, visit.load_number, visit.as_of, naive(visit.at), who.account,
                )  # fmt: skip
        return replace(before[0], at=before[0].at.replace(tzinfo=UTC)) if before else None

    def put_back(self, entries: Iterable[Entry]) -> int:
        """Write the entries of a backup into a journal that has none, all or nothing; gives how many."""
        rows = [as_row(checked(entry)) for entry in entries]
        numbers, tokens = {row[0] for row in rows}, {row[1] for row in rows}
        if len(numbers) < len(rows) or len(tokens) < len(rows):
            raise JournalError("the backup has an entry twice: nothing was put back")
        with self.database.work(writing=True) as run:
            if run("SELECT count(*) FROM entries")[0][0]:
                raise JournalError("this journal has entries: a backup is put back only into an empty one")
            for row in rows:
                run(INSERT, *row)
        return len(rows)


def read(run: Run, condition: str, *values: object) -> list[Entry]:
    return [from_row(row) for row in run(f"SELECT {COLUMNS} FROM entries {condition}", *values)]


def standing_of(run: Run, patients: Sequence[str] | None) -> dict[tuple[str, str, str], Entry]:
    deciding = [kind for kind, row in kinds().items() if row["stands"] == "yes"]
    query = STANDING.format(condition=of_patients(patients), kinds=marks(deciding))
    found = map(from_row, run(query, *(patients or ()), *deciding))
    return {(entry.patient_id, entry.drug, entry.protocol): entry for entry in found}


def of_patients(patients: Sequence[str] | None) -> str:
    return "1 = 1" if patients is None else f"patient_id IN ({marks(patients)})"


def from_row(row: tuple) -> Entry:
    entry = Entry(*row)
    return replace(entry, at=entry.at.replace(tzinfo=UTC))


def as_row(entry: Entry) -> tuple:
    return tuple(naive(value) if isinstance(value, datetime) else value for value in astuple(entry))


def naive(at: datetime) -> datetime:
    """UTC without saying so, as the tables have it."""
    return at.astimezone(UTC).replace(tzinfo=None)


def marks(values: Sequence) -> str:
    return ", ".join("?" * len(values))


def checked(entry: Entry) -> Entry:
    """The entry with texts that every database takes; JournalError where something is missing or too long."""
    texts = {
        field.name: getattr(entry, field.name).replace("\0", "").encode("utf-8", "replace").decode().strip()
        for field in fields(entry)
        if isinstance(getattr(entry, field.name), str)
    }
    entry = replace(entry, **texts)
    faults = [words for is_wrong, words in faults_of(entry) if is_wrong]
    if faults:
        raise JournalError(f"not recorded: {'; '.join(faults)}")
    return entry


def faults_of(entry: Entry) -> Iterable[tuple[bool, str]]:
    yield entry.at.tzinfo is None, "the time has no zone"
    yield not (entry.token and entry.who and entry.patient_id and entry.recommendation), "who, whom or what is missing"
    yield entry.kind not in kinds(), f"{entry.kind!r} is nothing that can be recorded"
    yield len(entry.words) > MOST_CHARACTERS, f"more than {MOST_CHARACTERS:,} characters"
    is_not_followed, needs_words = entry.kind == "not_followed", entry.kind == "comment" or entry.reason == "other"
    yield is_not_followed and entry.reason not in reasons(), "a reason is needed"
    yield not is_not_followed and bool(entry.reason), "a reason is only for what was not followed"
    yield needs_words and not entry.words, "words are needed"
    yield (entry.kind == "snoozed") != (entry.until_on is not None), "a snooze, and nothing else, has a day"
    yield (entry.kind == "handover") != bool(entry.addressee), "a handover, and nothing else, has an addressee"


def check_correction(entry: Entry, found: list[Entry]) -> None:
    """An entry is corrected by its writer, for the same recommendation, and by the number of the first of its line."""
    said = ("patient_id", "drug", "protocol", "recommendation")
    is_own = found and not found[0].replaces and found[0].writer.is_reader(entry.writer)
    if not is_own or any(getattr(found[0], name) != getattr(entry, name) for name in said):
        raise JournalError(f"not recorded: entry {entry.replaces} is not one of yours on this recommendation")


def check_taking_over(entry: Entry, standing: Mapping[tuple[str, str, str], Entry]) -> None:
    """Taken over is what was handed over to whoever takes it, and stands."""
    found = standing.get((entry.patient_id, entry.drug, entry.protocol))
    if found is None or found.kind != "handover" or not found.given_to.is_reader(entry.writer):
        raise JournalError("not recorded: it is not, or no longer, handed over to you")
