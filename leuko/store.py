"""The published DuckDB file, or its tables as a folder of Parquet: the only module that owns its connection.

Every query takes a cursor of its own, since a shared one hands one user another patient's rows. A `View` is
what one reader may see of one day: it reads from cursors that `leuko.seen` has narrowed to his sight, and names the
sites in its queries besides. Past days are evaluated anew, over everybody, on a cursor's temporary tables.
"""

import os
import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, fields, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import pandas

from leuko import (
    accounts,
    alerts,
    audit,
    changes,
    checks,
    cohort,
    count_units,
    folders,
    listed,
    measures,
    opening,
    rules,
    waiting,
)
from leuko.access import EVERYTHING, Sight
from leuko.accounts import Accounts
from leuko.count_units import CountUnit
from leuko.difference import Difference, compare
from leuko.protocols import Protocol
from leuko.seen import files_as_shown, narrow, narrowed
from leuko.settings import Setting, SettingsError, read_settings

FOLDER = Path(__file__).parent / "queries"
QUERIES = {path.stem: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.sql")}
PROTOCOLS = {path.stem: path.read_text(encoding="utf-8") for path in (FOLDER / "protocols").glob("*.sql")}
SETTINGS = {
    "enable_external_access": "false",
    "autoload_known_extensions": "false",
    "autoinstall_known_extensions": "false",
    "python_enable_replacements": "false",
    "lock_configuration": "true",
    "threads": "2",
    "memory_limit": "2GB",
    "max_execution_time": "60000",
}
KEPT = (*rules.ANSWERS, "doses", "checks")
# Of a list: most patients have one course, and of the others each counts once.
PATIENTS = "count(*) FILTER (WHERE alone) + count(DISTINCT CASE WHEN NOT alone THEN patient_id END)"
REPLAYS = 4
NARROWED = 64  # cursors kept for the next reader with the same sight; narrowing one costs more than most queries
MOST_ROWS = 1000
# Which tables and columns a published file has: another number wherever they change.
LAYOUT = 13


class StoreError(ValueError):
    """The database cannot be read; the message is one line for the user."""


@dataclass(frozen=True)
class Filters:
    """What a reader narrowed the worklist to. None: everything. An empty text as a value: none recorded."""

    site: tuple[str, ...] | None = None
    clinician: tuple[str, ...] | None = None
    drug: tuple[str, ...] | None = None
    status: tuple[str, ...] | None = None
    diagnosis: tuple[str, ...] | None = None
    search: str = ""

    def parameters(self) -> dict:
        chosen = {name: list(values) if values else None for name, values in vars(self).items()}
        return {**chosen, "search": self.search.strip()}

    @property
    def words(self) -> str:
        """The filters as a sentence would name them; empty where there are none."""
        parts = [
            f"{name} {' or '.join(value or 'not recorded' for value in values)}"
            for name, values in vars(self).items()
            if name != "search" and values
        ]
        if self.search.strip():
            parts.append(f"“{self.search.strip()}” in the name or id")
        return ", ".join(parts)


@dataclass(frozen=True)
class Beside:
    """The `place` of a patient among so many `patients` of a list, from 1, and who is `before` and `after` him.

    None: not on the list, or nobody there. After one who is not on the list comes the first.
    """

    place: int | None
    patients: int
    before: str | None
    after: str | None


@dataclass(frozen=True)
class About:
    """What a published file says of itself; `as_of` is the last day that its worklist was evaluated for."""

    as_of: date
    first_day: date
    last_on: date
    title: str
    simulated: bool
    note: str
    protocols_version: str
    number: int

    def file_name(self, name: str, as_of: date) -> str:
        """What a file of `as_of` is called when it is taken along: `2026-03-31-simulated-deviations.csv`."""
        return f"{as_of.isoformat()}-{'simulated-' if self.simulated else ''}{name}"


@dataclass(frozen=True)
class Aside:
    """What a load did not use, of the whole file; of exposures without a protocol, those of the sites that may be seen.

    `accounts` has the numbers, `reasons` (file, kind, reason, rows) one reason a row of which anything was set aside,
    `unmatched` (reason, rows) the exposures that were loaded and that no protocol fits.
    """

    accounts: Accounts
    reasons: pandas.DataFrame
    unmatched: pandas.DataFrame


@dataclass(frozen=True)
class Data(Aside):
    """What a load read and what the checks found in it.

    `files` (file, kind, rows_read, loaded, set_aside) and `notes` (file, note: what the reader says of a file) are
    those of the whole file. `checks` is the frame of `leuko.checks.run`, of the sites that may be seen.
    """

    files: pandas.DataFrame
    notes: pandas.DataFrame
    checks: pandas.DataFrame


@dataclass(frozen=True)
class Patient:
    """One patient as known on a day: frames in time order, counts in cells/µL, None where missing.

    `unit` is that in which the counts are shown; sentences in the frames have it already.
    """

    about: dict
    worklist: pandas.DataFrame
    alerts: pandas.DataFrame
    counts: pandas.DataFrame
    doses: pandas.DataFrame
    events: pandas.DataFrame
    episodes: pandas.DataFrame
    recommendations: pandas.DataFrame
    checks: pandas.DataFrame
    at_draws: pandas.DataFrame
    thresholds: pandas.DataFrame
    lines: pandas.DataFrame
    sources: pandas.DataFrame
    growth_factors: pandas.DataFrame
    known_first: pandas.DataFrame
    unit: CountUnit


class Store:
    """One published file, or folder of its tables. `path` is the real file behind the name: key every cache by it.

    `loaded_at`: when its load began (UTC). `settings`: those its audit events can be read with; `settings_waiting`: the
    names of those that a file changed since, and that wait for the next load. `unit`: that in which counts are shown.
    `files`: see `leuko.seen.files_as_shown`.
    """

    def __init__(self, path: str | os.PathLike):
        self.path = os.path.realpath(path)
        self._connection, self.about = open_published(self.path, SETTINGS)
        with self.cursor() as cursor:
            try:
                written = read_settings(os.path.dirname(os.path.abspath(path)))
            except SettingsError as refused:
                raise StoreError(str(refused)) from refused
            self.settings, self.settings_waiting = audit.settings_in_force(cursor, written)
            self.unit = count_units.chosen(self.settings)
            self.files = files_as_shown(cursor)
            began = cursor.execute("SELECT loaded_at FROM loads WHERE number = ?", [self.about.number])
            self.loaded_at = began.fetchall()[0][0].replace(tzinfo=UTC)
        self._replays: OrderedDict[date, duckdb.DuckDBPyConnection] = OrderedDict()
        self._lock = threading.Lock()  # held as long as a past day is evaluated or read
        self._narrowed: deque[tuple[Sight, duckdb.DuckDBPyConnection]] = deque()
        self._handing = threading.Lock()

    def close(self) -> None:
        for _, cursor in self._narrowed:
            cursor.close()
        self._connection.close()

    @contextmanager
    def cursor(self) -> Iterator[duckdb.DuckDBPyConnection]:
        cursor = self._connection.cursor()
        try:
            yield cursor
        finally:
            cursor.close()

    def is_own_day(self, as_of: date) -> bool:
        """Whether the file has the answers of this day; those of another are evaluated anew."""
        return as_of == self.about.as_of

    @contextmanager
    def narrowed(self, sight: Sight) -> Iterator[duckdb.DuckDBPyConnection]:
        """A cursor on the file as it was published, of what a sight leaves; it stays so for the next with this sight.

        What a reader writes beside it, he takes away again.
        """
        with self._handing:
            kept = next((kept for kept in self._narrowed if kept[0] == sight), None)
            if kept:
                self._narrowed.remove(kept)
        cursor = kept[1] if kept else self._connection.cursor()
        try:
            if not kept:
                narrow(cursor, sight, self.files, ExitStack())  # never undone: it is closed instead
            yield cursor
        except BaseException:  # nobody knows in which state it was left
            cursor.close()
            raise
        with self._handing:
            self._narrowed.append((sight, cursor))
            if len(self._narrowed) > NARROWED:
                self._narrowed.popleft()[1].close()

    @contextmanager
    def day(self, as_of: date) -> Iterator[duckdb.DuckDBPyConnection]:
        """A cursor on which the worklist is that of another day, which stays evaluated for the next reader."""
        with self._lock:
            if as_of not in self._replays:
                self._replays[as_of] = self._replay(as_of)
                if len(self._replays) > REPLAYS:
                    self._replays.popitem(last=False)[1].close()
            self._replays.move_to_end(as_of)
            try:
                yield self._replays[as_of]
            except BaseException:  # nobody knows in which state it was left: the next reader has it evaluated anew
                self._replays.pop(as_of).close()
                raise

    def _replay(self, as_of: date) -> duckdb.DuckDBPyConnection:
        cursor = self._connection.cursor()
        try:
            self._evaluate(cursor, as_of)
        except duckdb.Error:
            cursor.close()
            raise
        return cursor

    def _evaluate(self, cursor: duckdb.DuckDBPyConnection, as_of: date) -> None:
        """Write what a page reads of a past day as temporary tables of the cursor."""
        alerts.answer(cursor, as_of, self.settings, keep=KEPT, temporary=True)
        listed.write(cursor, temporary=True)

    @contextmanager
    def audited(self, as_of: date) -> Iterator[duckdb.DuckDBPyConnection]:
        """A cursor on which `audit_events` are those of another day, evaluated for this reader alone."""
        with self.cursor() as cursor:
            rules.run(cursor, as_of, keep=(*KEPT, *measures.READ), temporary=True)
            measures.run(cursor, as_of, self.settings, temporary=True)
            yield cursor

    @contextmanager
    def patient_day(self, patient_id: str, as_of: date) -> Iterator[duckdb.DuckDBPyConnection]:
        """A cursor on which this patient stands as on another day; no other patient is evaluated."""
        with self.cursor() as cursor:
            for table in ("labs", "exposures", "events", "patients"):
                cursor.execute(f"CREATE TEMP TABLE {table} AS FROM main.{table} WHERE patient_id = ?", [patient_id])
            self._evaluate(cursor, as_of)
            yield cursor

    def view(self, sight: Sight = EVERYTHING, as_of: date | None = None) -> "View":
        """What a sight leaves, as known on `as_of` (None: the day of the file)."""
        return View(self, sight, as_of or self.about.as_of)


class View:
    """What a reader may see, on one day."""

    def __init__(self, store: Store, sight: Sight, as_of: date):
        self.store = store
        self.sight = sight
        self.as_of = as_of

    @property
    def sites(self) -> tuple[str, ...] | None:
        """The sites whose patients may be seen; None: all, and patients without a site."""
        return self.sight.sites

    @contextmanager
    def cursor(self, copied: Collection[str] = ()) -> Iterator[duckdb.DuckDBPyConnection]:
        """A cursor on the file as it was published; for `copied` see `leuko.seen.narrowed`."""
        if not copied:
            with self.store.narrowed(self.sight) as cursor:
                yield cursor
            return
        with self.store.cursor() as cursor, narrowed(cursor, self.sight, self.store.files, copied):
            yield cursor

    def day(self, as_of: date) -> AbstractContextManager[duckdb.DuckDBPyConnection]:
        """A cursor on which the worklist is that of `as_of`."""
        return self._as_known(as_of, lambda: self.store.day(as_of))

    def audited(self) -> AbstractContextManager[duckdb.DuckDBPyConnection]:
        """A cursor on which `audit_events` are those of the day of this view."""
        return self._as_known(self.as_of, lambda: self.store.audited(self.as_of))

    @contextmanager
    def _as_known(
        self, as_of: date, replayed: Callable[[], AbstractContextManager[duckdb.DuckDBPyConnection]]
    ) -> Iterator[duckdb.DuckDBPyConnection]:
        """A cursor on the file where `as_of` is its day, else on what `replayed` evaluates."""
        if self.store.is_own_day(as_of):
            with self.cursor() as cursor:
                yield cursor
        else:
            with replayed() as cursor, narrowed(cursor, self.sight, self.store.files):
                yield cursor

    def choices(self) -> dict[str, list[str]]:
        """The sites, clinicians, drugs and diagnoses that occur, sorted; an empty text where one is not recorded."""
        query = "SELECT DISTINCT coalesce({0}, '') AS {0} FROM kept ORDER BY {0}"
        return {
            name: self._read(query.format(name), Filters())[name].tolist()
            for name in ("site", "clinician", "drug", "diagnosis")
        }

    def statuses(self, filters: Filters) -> pandas.DataFrame:
        """Courses and distinct patients in each status, the most urgent first, whatever status is chosen."""
        return self._read(
            f"""SELECT statuses.status, statuses.urgency, statuses.word, statuses.tone, statuses.icon, statuses.need,
                coalesce(counted.courses, 0) AS courses, coalesce(counted.patients, 0) AS patients
            FROM statuses
            LEFT JOIN (SELECT status, count(*) AS courses, {PATIENTS} AS patients FROM kept GROUP BY status) AS counted
                ON counted.status = statuses.status
            ORDER BY statuses.urgency""",
            replace(filters, status=None),
        )

    def needs(self, filters: Filters) -> dict[str, int]:
        """How many patients have each need of `leuko/statuses.csv`, whatever status is chosen."""
        query = f"SELECT need, {PATIENTS} AS patients FROM kept WHERE need IS NOT NULL GROUP BY need"
        counted = self._read(query, replace(filters, status=None))
        return dict(zip(counted["need"], counted["patients"].tolist(), strict=True))

    def patients(self, filters: Filters) -> int:
        return self._number(f"SELECT {PATIENTS} FROM kept", filters)

    def count(self, filters: Filters) -> int:
        return self._number("SELECT count(*) FROM kept", filters)

    def worklist(self, filters: Filters, page: int = 1, per_page: int = 50) -> pandas.DataFrame:
        """One screenful of courses, the most urgent first, with each patient's last ANC values."""
        rows = min(max(per_page, 1), MOST_ROWS)
        shown = self._read(
            f"FROM kept ORDER BY place LIMIT {rows:d} OFFSET {(max(page, 1) - 1) * rows:d}", filters
        )
        recent_anc = self._recent_anc(shown["patient_id"].unique().tolist())
        return shown.merge(recent_anc, on="patient_id", how="left")

    def beside(self, filters: Filters, patient_id: str) -> "Beside":
        """Where a patient stands among those that the filters leave, in the order of the worklist."""
        found = self._read(f"FROM ({QUERIES['beside']})", filters, patient=patient_id)
        return Beside(*found.astype(object).where(found.notna(), None).iloc[0])

    def courses(self, filters: Filters, patients: Sequence[str]) -> pandas.DataFrame:
        """The courses of these patients that the filters leave, as the worklist has them, whatever status is chosen."""
        query = "FROM kept WHERE list_contains($patients, patient_id) ORDER BY place"
        return self._read(query, replace(filters, status=None), patients=list(patients))

    def changes(self, filters: Filters, since: date | None = None) -> pandas.DataFrame:
        """Courses of another status or dose than on the day `since`, or (None) than before the last load.

        Of the patients that the filters leave, whatever status is chosen, the most urgent first; see
        `leuko.changes.since` for what a row says.
        """
        if since is None:
            with self.cursor() as cursor:
                return self._changed(cursor, "FROM changed_courses", filters)
        with self.day(since) as cursor:
            before = cursor.execute("SELECT patient_id, drug, protocol, status, dose_mg, dose_unit FROM worklist").df()
        with self.day(self.as_of) as cursor, changes.since(
            cursor, since, before, self.as_of, self.store.unit
        ) as query:
            return self._changed(cursor, query, filters)

    def _changed(self, cursor: duckdb.DuckDBPyConnection, query: str, filters: Filters) -> pandas.DataFrame:
        known = {**Filters(**{**vars(filters), "status": None}).parameters(), "sites": sites_parameter(self.sites)}
        return cursor.execute(
            f"""WITH changed AS ({query}), listed AS ({QUERIES['changes']}), kept AS ({QUERIES['kept']})
            SELECT * EXCLUDE (urgency) FROM kept ORDER BY urgency NULLS LAST, patient_id, drug, protocol""",
            known,
        ).df()

    def alerts(self, filters: Filters) -> pandas.DataFrame:
        """What is urgent beside a status for the patients that the filters leave, whatever status is chosen."""
        query = "FROM listed_alerts WHERE patient_id IN (SELECT patient_id FROM kept) ORDER BY place"
        return self._read(query, replace(filters, status=None))

    def first_alerts(self, filters: Filters, most: int) -> pandas.DataFrame:
        """The first `most` of `alerts` of each kind, each row with the numbers of all of its kind.

        These are `alerts`, `patients`, `unanswered` and `graves`.
        """
        return self._read(f"FROM ({QUERIES['first_alerts']})", replace(filters, status=None), most=most)

    def aside(self) -> Aside:
        """What the load did not use: rows set aside and why, of the whole file, and exposures that no protocol fits.

        The latter are of the sites that may be seen: their reasons name the drug as it was written.
        """
        with self.cursor() as cursor:
            unmatched = cursor.execute(
                "SELECT reason, count(*) AS rows FROM unmatched GROUP BY reason ORDER BY rows DESC, reason"
            ).df()
        with self.store.cursor() as cursor:
            counted = replace(accounts.read(cursor), unmatched=int(unmatched["rows"].sum()))
            with narrowed(cursor, self.sight, self.store.files, counting=True):
                return Aside(counted, cursor.execute(QUERIES["set_aside"]).df(), unmatched)

    def rejected_rows(self, patient: str | None = None, limit: int = MOST_ROWS) -> pandas.DataFrame:
        """The rows that were set aside, of all or of one patient, as they came: at most 1,000 of them."""
        return self._rejected("NOT unmatched AND ($patient IS NULL OR patient_id = $patient)", limit, patient=patient)

    def unmatched_rows(self, limit: int = MOST_ROWS) -> pandas.DataFrame:
        """The exposures that were loaded and that no protocol fits, each with its reason: at most 1,000 of them."""
        return self._rejected("unmatched", limit)

    def reported_later(self) -> int:
        """Results collected by the day of this view but reported after it, which it does not read."""
        return self._results("collected_at < $after AND reported_at >= $after", self.as_of)

    def dated_after(self, day: date) -> int:
        """Results dated after `day`: where that is today, a slip of the pen, or a published set with shifted dates."""
        return self._results("collected_at >= $after", day)

    def _results(self, condition: str, day: date) -> int:
        with self.cursor() as cursor:
            counted = cursor.execute(
                f"""SELECT count(*) FROM labs LEFT JOIN patients ON patients.patient_id = labs.patient_id
                WHERE {condition} AND ($sites IS NULL OR list_contains($sites, patients.site))""",
                {"after": day + timedelta(days=1), "sites": sites_parameter(self.sites)},
            )
            return counted.fetchall()[0][0]

    def measures(
        self, settings: dict[str, Setting], scope: audit.Scope = audit.EVERYTHING, by: str = "all"
    ) -> pandas.DataFrame:
        """The adherence measures: see `leuko.audit.measures`."""
        with self.audited() as cursor:
            return audit.measures(cursor, settings, scope, self.sites, by)

    def deviations(self, settings: dict[str, Setting], scope: audit.Scope = audit.EVERYTHING) -> pandas.DataFrame:
        """Every event that was not met, excluded or cannot be told: see `leuko.audit.deviations`."""
        with self.audited() as cursor:
            return audit.deviations(cursor, settings, scope, self.sites)

    def audit_events(
        self, settings: dict[str, Setting], scope: audit.Scope, measure: str, ending: str | None = None
    ) -> pandas.DataFrame:
        """The events behind a number of one measure: see `leuko.audit.events`."""
        with self.audited() as cursor:
            return audit.events(cursor, settings, scope, self.sites, measure, ending)

    def sensitivity(
        self, settings: dict[str, Setting], scope: audit.Scope, measure: str, graces: Sequence[int]
    ) -> pandas.DataFrame:
        """How a measure moves with its grace period: see `leuko.audit.sensitivity`."""
        with self.audited() as cursor:
            return audit.sensitivity(cursor, settings, scope, self.sites, measure, graces)

    def waited(self, answers: pandas.DataFrame, scope: audit.Scope = audit.EVERYTHING) -> pandas.DataFrame:
        """How long recommendations waited, whatever the day of this view: see `leuko.waiting.waited`."""
        with self.cursor() as cursor:
            return waiting.waited(cursor, answers, scope, self.sites)

    def returned(self, patients: Sequence[str]) -> dict[tuple[str, str, str], datetime]:
        """Which recommendations were another in between, and since when they stand again (UTC): see `leuko.waiting`."""
        with self.cursor() as cursor:
            found = waiting.returned(cursor, patients)
        return {course: shown_at.replace(tzinfo=UTC) for course, shown_at in found.items()}

    def cohort(self, scope: cohort.Scope = cohort.EVERYTHING, weeks: int | None = None) -> cohort.Cohort:
        """The chosen courses side by side: see `leuko.cohort.read`."""
        with self.day(self.as_of) as cursor:
            return cohort.read(cursor, self.as_of, scope, self.sites, weeks, self.store.unit)

    def cohort_choices(self) -> dict[str, list[str]]:
        """What a cohort can be chosen by: see `leuko.cohort.choices`."""
        with self.day(self.as_of) as cursor:
            return cohort.choices(cursor, self.as_of, self.sites)

    def patient(self, patient_id: str) -> Patient | None:
        """Everything known of a patient, or None where there is none at the sites that may be seen."""
        with self._as_known(self.as_of, lambda: self.store.patient_day(patient_id, self.as_of)) as cursor:
            rules.write_words(cursor, self.store.unit)
            about = self._about(cursor, patient_id)
            if about is None:
                return None
            asked = {"patient": patient_id, "as_of": self.as_of}

            def read(query: str) -> pandas.DataFrame:
                return cursor.execute(query, rules.named(query, asked)).df()

            def of_protocols(table: str) -> pandas.DataFrame:
                return read(
                    f"SELECT * FROM {table} WHERE protocol IN "
                    "(SELECT protocol FROM worklist WHERE patient_id = $patient) ORDER BY ALL"
                )

            return Patient(
                about=about,
                worklist=cursor.execute(
                    """SELECT * EXCLUDE (sought) FROM listed
                    WHERE patient_id = $patient AND ($sites IS NULL OR list_contains($sites, site)) ORDER BY place""",
                    {"sites": sites_parameter(self.sites), "patient": patient_id},
                ).df(),
                alerts=read("FROM listed_alerts WHERE patient_id = $patient ORDER BY place"),
                counts=self._results_used(cursor, QUERIES["counts"], [patient_id]),
                doses=read(
                    """SELECT
                        drug, setting, protocol, dose_mg, dose_unit, start_on,
                        CASE WHEN end_on <= $as_of THEN end_on END AS end_on,
                        CASE WHEN end_on <= $as_of THEN end_reason END AS end_reason, source
                    FROM doses WHERE patient_id = $patient ORDER BY drug, start_on, dose_mg"""
                ),
                events=read(
                    """SELECT kind, value, occurred_at, source FROM events
                    WHERE patient_id = $patient AND CAST(occurred_at AS DATE) <= $as_of
                    ORDER BY occurred_at, kind"""
                ),
                episodes=read("FROM episodes WHERE patient_id = $patient ORDER BY drug, protocol, episode"),
                recommendations=read(
                    """SELECT drug, protocol, episode, decided_on, action, dose_mg, clause, during, certainty, why
                    FROM recommendations WHERE patient_id = $patient
                    ORDER BY drug, protocol, decided_on, place"""
                ),
                checks=read(QUERIES["checks"]),
                at_draws=read(
                    f"WITH during_said AS ({PROTOCOLS['during']}) FROM ({QUERIES['at_draws']}) ORDER BY protocol, line"
                ),
                thresholds=of_protocols("thresholds"),
                lines=read(QUERIES["lines"]),
                sources=of_protocols("protocol_sources"),
                growth_factors=read(
                    "SELECT given_on, words FROM growth_factors WHERE patient_id = $patient ORDER BY given_on, words"
                ),
                known_first=read(
                    """SELECT episodes.protocol, related.first AS words
                    FROM episodes
                    JOIN related ON related.protocol = episodes.protocol AND related.cause = episodes.cause
                    WHERE episodes.patient_id = $patient AND episodes.recovered_on IS NULL AND len(related.first) > 0"""
                ),
                unit=self.store.unit,
            )

    def _about(self, cursor: duckdb.DuckDBPyConnection, patient_id: str) -> dict | None:
        """The patient's own row; only the id where he has counts or doses but stands in no patient list."""
        rows = cursor.execute(
            """SELECT seen.patient_id,
                patients.* EXCLUDE (patient_id) REPLACE (
                    CASE WHEN died_on <= $as_of THEN died_on END AS died_on,
                    CASE WHEN left_on <= $as_of THEN left_on END AS left_on
                )
            FROM (SELECT patient_id FROM worklist WHERE patient_id = $patient
                UNION SELECT patient_id FROM patients WHERE patient_id = $patient
                UNION SELECT patient_id FROM labs WHERE patient_id = $patient
                UNION SELECT patient_id FROM exposures WHERE patient_id = $patient) AS seen
            LEFT JOIN patients ON patients.patient_id = seen.patient_id
            WHERE $sites IS NULL OR list_contains($sites, patients.site)""",
            {"patient": patient_id, "sites": sites_parameter(self.sites), "as_of": self.as_of},
        )
        names = [column[0] for column in rows.description]
        found = rows.fetchall()
        return dict(zip(names, found[0], strict=True)) if found else None

    def protocols(self) -> dict[str, pandas.DataFrame]:
        """Every protocol of the file in words, a frame for each part of it, each row with its `protocol`.

        `versions` has one row a protocol; `thresholds`, `recovery`, `during`, `related`, `monitoring` and `sources` are
        in the order in which the protocol has them. Whether a row's text was read is `verified`.
        """
        with self.cursor() as cursor:
            rules.write_words(cursor, self.store.unit)
            return {part: cursor.execute(query).df() for part, query in PROTOCOLS.items()}

    def courses_by_protocol(self) -> dict[str, int]:
        """How many courses stand under each protocol that has any."""
        query = "SELECT protocol, count(*) AS courses FROM kept WHERE protocol IS NOT NULL GROUP BY protocol"
        counted = self._read(query, Filters())
        return dict(zip(counted["protocol"], counted["courses"].tolist(), strict=True))

    def difference(
        self, protocols: Iterable[Protocol], on_step: Callable[[float], None] = lambda share: None
    ) -> Difference:
        """What would be another under these protocols: see `leuko.difference.compare`. Patients with their names."""
        with self.store.cursor() as cursor:
            found = compare(cursor, protocols, self.as_of, self.sites, self.store.unit, on_step)
        affected = {*found.statuses["patient_id"], *found.decisions["patient_id"]}
        with self.cursor() as cursor:
            names = cursor.execute(
                "SELECT patient_id, name FROM patients WHERE list_contains($patients, patient_id)",
                {"patients": sorted(affected)},
            ).df()
        how = "left" if self.sites is None else "inner"  # who has a site stands among the patients
        return replace(
            found,
            statuses=found.statuses.merge(names, on="patient_id", how=how),
            decisions=found.decisions.merge(names, on="patient_id", how=how),
        )

    def loads(self) -> pandas.DataFrame:
        """Every load up to this version, the last first: `number`, `kind` (load, add, undo), `loaded_at` (UTC).

        Then `as_of`, `patients` touched (missing: all), `files` in words, their `bytes`, `rows_read`, `loaded`,
        `set_aside` and `already_there` (missing where a later whole load took its place), `held` (whether this version
        has its rows), `protocols_version` and `settings` (JSON).
        """
        with self.cursor() as cursor:
            return cursor.execute(QUERIES["loads"]).df()

    def data(self) -> Data:
        """What was read, set aside and checked when the file was loaded, whatever the day of this view."""
        with self.cursor() as cursor:
            return Data(
                **vars(self.aside()),
                files=cursor.execute("FROM load_report ORDER BY kind, file").df(),
                notes=cursor.execute("FROM load_notes ORDER BY ALL").df(),
                checks=self._checks(),
            )

    def _checks(self) -> pandas.DataFrame:
        """What the load found; where not all sites may be seen, the checks run over the others' patients alone."""
        with self.cursor(copied=() if self.sites is None else checks.READ) as cursor:
            if self.sites is None:
                found = cursor.execute("FROM check_results").df()
            else:
                found = checks.run(cursor, self.store.about.as_of, self.store.unit)
        if not self.sight.names:  # DuckDB's words may be those of a row
            found["error"] = found["error"].where(found["error"].isna(), "The reason is hidden from you.")
        return found

    def failing(self, check: str) -> pandas.DataFrame:
        """The failing rows of a check, at most 1,000: `patient_id`, `name`, `day`, `words`, `source`."""
        with self.cursor(copied=() if self.sites is None else checks.READ) as cursor:
            if self.sites is None:
                rows = cursor.execute('SELECT * EXCLUDE ("check") FROM check_failures WHERE "check" = ?', [check]).df()
            else:
                rows = checks.failing(cursor, check, self.store.about.as_of, self.store.unit)
            names = cursor.execute("SELECT patient_id, name FROM patients").df()
        return rows.merge(names, on="patient_id", how="left")

    def set_aside(self, reason: str, limit: int = MOST_ROWS) -> pandas.DataFrame:
        """The rows that were set aside for a reason of `Data.reasons` or `Data.unmatched`: at most 1,000 of them."""
        return self._rejected("counted_as = $reason", limit, reason=reason)

    def known(self, patients: Sequence[str]) -> set[str]:
        """Which of these patients stand in the file, at the sites that may be seen."""
        with self.cursor() as cursor:
            rows = cursor.execute(
                """SELECT DISTINCT asked.patient_id
                FROM (SELECT unnest($asked) AS patient_id) AS asked
                JOIN (SELECT patient_id FROM patients UNION SELECT patient_id FROM labs
                    UNION SELECT patient_id FROM exposures) AS seen ON seen.patient_id = asked.patient_id
                LEFT JOIN patients ON patients.patient_id = seen.patient_id
                WHERE $sites IS NULL OR list_contains($sites, patients.site)""",
                {"asked": list(patients), "sites": sites_parameter(self.sites)},
            )
            return {patient for (patient,) in rows.fetchall()}

    def _recent_anc(self, patients: list[str]) -> pandas.DataFrame:
        with self.cursor() as cursor:
            return self._results_used(cursor, f"FROM ({QUERIES['recent_anc']})", patients)

    def _results_used(
        self, cursor: duckdb.DuckDBPyConnection, query: str, patients: list[str]
    ) -> pandas.DataFrame:
        """A query over `results_used`: every version of these patients' results, and which of them is read."""
        return cursor.execute(
            f"WITH known_labs AS ({QUERIES['known_labs']}), results_used AS ({QUERIES['results_used']}) {query}",
            {"patients": patients, "after": self.as_of + timedelta(days=1)},
        ).df()

    def _number(self, query: str, filters: Filters) -> int:
        return int(self._read(query, filters).iat[0, 0])

    def _read(self, query: str, filters: Filters, **asked: object) -> pandas.DataFrame:
        """A query over `kept`: the rows of the worklist that the sites and the filters leave."""
        with self.day(self.as_of) as cursor:
            return cursor.execute(
                f"WITH kept AS ({QUERIES['kept']}) {query}",
                {"sites": sites_parameter(self.sites), **filters.parameters(), **asked},
            ).df()

    def _rejected(self, condition: str, limit: int, **asked: str | None) -> pandas.DataFrame:
        with self.day(self.as_of) as cursor:
            return cursor.execute(
                f"""WITH visible AS ({QUERIES['rejected']})
                SELECT kind, source, reason, patient_id, raw_record FROM visible
                WHERE {condition} ORDER BY kind, source LIMIT {min(limit, MOST_ROWS):d}""",
                {"sites": sites_parameter(self.sites), **asked},
            ).df()


def open_published(file: str, settings: dict[str, str]) -> tuple[duckdb.DuckDBPyConnection, About]:
    """A connection to a published file, or to a folder of its tables, and what it says of itself, or StoreError."""
    if not os.path.exists(file):
        raise StoreError(f"{file}: there is no database here; make one with `python -m leuko load`")
    names = ", ".join(field.name for field in fields(About))
    try:
        con = opening.opened(Path(file), settings)
        (about,) = con.execute(f"SELECT {names} FROM about").fetchall()
        (layout,) = con.execute("SELECT layout FROM about").fetchall()[0]
    except folders.FolderError as error:
        raise StoreError(str(error)) from error
    except OSError as error:
        reason = f"{error.strerror}; make room beside it, or take this account's right to write to it away"
        raise StoreError(f"{file}: cannot be opened so that nothing can write to it: {reason}") from error
    except (duckdb.Error, ValueError) as error:
        raise StoreError(f"{file}: not a database that this version of leuko published; load again") from error
    if layout != LAYOUT:
        con.close()
        raise StoreError(f"{file}: published by another version of leuko; load again")
    return con, About(*about)


def sites_parameter(sites: tuple[str, ...] | None) -> list[str] | None:
    return None if sites is None else list(sites)
