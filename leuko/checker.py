"""What a protocol says to an imagined patient: counts and doses as typed, answered by the rule itself.

Nothing is decided here. The rows go through the reader that reads every file and through the steps that judge every
course, in a database in memory that holds nobody else.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import date, timedelta

import duckdb
import pandas

from leuko import alerts, count_units, listed, rules, sources
from leuko.access import EVERYTHING, Sight
from leuko.count_units import CELLS, CountUnit
from leuko.facts import write_facts, write_grades
from leuko.protocols.tables import copy_tables
from leuko.settings import Setting
from leuko.store import KEPT, QUERIES, Patient, Store, View

PATIENT = "imagined"
COUNTS = {"anc": "ANC", "platelets": "platelets"}
EXAMPLE_MG = 100.0  # where the table names no dose; any dose shows when to hold


@dataclass(frozen=True)
class Typed:
    """What a reader typed, cell by cell as text; an empty text is an empty cell. Days are YYYY-MM-DD.

    `counts`: rows of day, ANC and platelets (in the unit of the settings, `<200` too). `doses`: rows of the first day
    and mg a day, each given until the next begins, 0 while held. `cause`: "disease", "treatment" or "", known on
    `cause_on`. `duffy_null`: "true", "false" or "" (not recorded). `asked_on`: the day asked; "" is the last day typed.
    """

    counts: tuple[tuple[str, str, str], ...]
    doses: tuple[tuple[str, str], ...]
    cause: str = ""
    cause_on: str = ""
    duffy_null: str = ""
    diagnosis: str = ""
    asked_on: str = ""


@dataclass(frozen=True)
class Answer:
    """What the rule says of typed rows: `patient` as every screen draws one, and `counts` against the thresholds.

    `counts` has a row a count: `drawn_on`, `analyte`, `value`, `comparator`, the `hold` and `resume` conditions in
    words, whether it `meets_hold` and `meets_resume` (None: cannot be told), and the `state` after that day. Where
    `faults` has lines, rows could not be read: then nothing was asked, and the others are None.
    """

    faults: tuple[str, ...]
    as_of: date | None = None
    patient: Patient | None = None
    counts: pandas.DataFrame | None = None


class Imagined:
    """Stands where a View expects a store: a connection on which only the imagined patient is known."""

    def __init__(self, con: duckdb.DuckDBPyConnection, unit: CountUnit):
        self.con = con
        self.unit = unit
        self.files: dict[str, str] = {}  # none was loaded

    def is_own_day(self, as_of: date) -> bool:
        return True

    @contextmanager
    def narrowed(self, sight: Sight) -> Iterator[duckdb.DuckDBPyConnection]:
        yield self.con


def ask(store: Store, protocol: str, drug: str, typed: Typed) -> Answer:
    """Ask a protocol of a published file, with the settings beside it."""
    with store.cursor() as cursor:
        return check(cursor, protocol, drug, store.settings, typed)


def check(
    con: duckdb.DuckDBPyConnection, protocol: str, drug: str, settings: dict[str, Setting], typed: Typed
) -> Answer:
    """Ask a protocol, which stands in the protocol tables of `con`, what it says to the patient as typed.

    The counts were typed in the unit of the settings.
    """
    unit = count_units.chosen(settings)
    typed = without_empty_rows(typed)
    faults = [*unfinished(typed), *repeated("Counts", typed.counts), *repeated("Doses", typed.doses)]
    with closing(duckdb.connect()) as bench:
        faults += set_aside(bench, protocol, drug, typed, unit)
        if faults:
            return Answer(tuple(faults))
        as_of = day_of(typed.asked_on) or max(days_of(typed))
        copy_tables(con, bench)
        rules.run(bench, as_of, keep=(*KEPT, *alerts.READ, "states"), unit=unit)
        alerts.run(bench, as_of, settings)
        write_facts(bench, temporary=False)
        listed.write(bench)
        write_grades(bench)
        patient = View(Imagined(bench, unit), EVERYTHING, as_of).patient(PATIENT)
        return Answer((), as_of, patient, counts_judged(bench, as_of))


def without_empty_rows(typed: Typed) -> Typed:
    """Empty rows at the end are the table's own; the others keep their number."""
    return replace(typed, counts=trimmed(typed.counts), doses=trimmed(typed.doses))


def trimmed(rows: tuple[tuple[str, ...], ...]) -> tuple[tuple[str, ...], ...]:
    filled = [number for number, row in enumerate(rows, start=1) if any(row)]
    return rows[: max(filled, default=0)]


def unfinished(typed: Typed) -> Iterator[str]:
    """What is missing before anything can be asked."""
    if not any(any(row) for row in typed.doses):
        yield "Doses: none typed. A course begins with its first dose, so there is nothing to decide about yet."
    for number, (day, *counts) in enumerate(typed.counts, start=1):
        if day and not any(counts):
            yield f"Counts, row {number}: a day and no count."
    if typed.cause_on and not typed.cause:
        yield "Cause: a day and no cause."
    if typed.asked_on and not day_of(typed.asked_on):
        yield f"Day asked, “{typed.asked_on}”: no date."


def repeated(table: str, rows: tuple[tuple[str, ...], ...]) -> Iterator[str]:
    """Two rows of one day: which of them holds is not guessed."""
    seen = Counter(row[0] for row in rows if row[0])
    for day, times in seen.items():
        if times > 1:
            numbers = [str(number) for number, row in enumerate(rows, start=1) if row[0] == day]
            yield f"{table}, rows {' and '.join(numbers)}: the same day, {day}. Keep one row a day."


def set_aside(
    bench: duckdb.DuckDBPyConnection, protocol: str, drug: str, typed: Typed, unit: CountUnit
) -> list[str]:
    """Read the typed rows into `bench` and give what the reader set aside, in the words of the typed table."""
    labs, exposures, events = (
        list(rows) for rows in (lab_rows(typed, unit), exposure_rows(protocol, drug, typed), event_rows(typed))
    )
    sources.read_frames(
        bench,
        labs=frame(labs, "labs"),
        exposures=frame(exposures, "exposures"),
        events=frame(events, "events"),
        patients=pandas.DataFrame(
            [{"patient_id": PATIENT, "duffy_null": typed.duffy_null or None, "diagnosis": typed.diagnosis or None}]
        ),
    )
    cells = {"labs": labs, "exposures": exposures, "events": events}
    rejected = bench.execute("SELECT kind, source, reason FROM rejected").fetchall()
    reasons = {(kind, int(source.rpartition(" ")[2])): reason for kind, source, reason in rejected}
    return [
        f"{row['cell']}: {reasons[kind, number]}."
        for kind, rows in cells.items()
        for number, row in enumerate(rows, start=1)
        if (kind, number) in reasons
    ]


def frame(rows: Iterable[dict], kind: str) -> pandas.DataFrame:
    """Rows as the reader takes them; what the cell was called is ours alone."""
    return pandas.DataFrame(rows, columns=[*sources.COLUMNS[kind]], dtype=object)


def lab_rows(typed: Typed, unit: CountUnit) -> Iterator[dict]:
    for number, (day, *counts) in enumerate(typed.counts, start=1):
        for analyte, count in zip(COUNTS, counts, strict=True):
            if count:
                yield {
                    "patient_id": PATIENT, "analyte": analyte, "value": count, "unit": unit.name,
                    "collected_at": day_of(day), "cell": f"Counts, row {number}, {COUNTS[analyte]} “{count}”",
                }  # fmt: skip


def exposure_rows(protocol: str, drug: str, typed: Typed) -> Iterator[dict]:
    """Each dose is given up to the day before the next one."""
    starts = sorted(filter(None, (day_of(day) for day, _ in typed.doses)))
    for number, (day, dose) in enumerate(typed.doses, start=1):
        if day or dose:
            first = day_of(day)
            later = [start for start in starts if first and start > first]
            yield {
                "patient_id": PATIENT, "drug": drug, "setting": protocol, "dose_mg": dose or None,
                "start_on": first, "end_on": later[0] - timedelta(days=1) if later else None,
                "cell": f"Doses, row {number}, “{dose or day}”",
            }  # fmt: skip


def event_rows(typed: Typed) -> Iterator[dict]:
    if typed.cause:
        yield {
            "patient_id": PATIENT, "kind": "cytopenia_cause", "value": typed.cause,
            "occurred_at": day_of(typed.cause_on), "cell": f"Cause, “{typed.cause}”",
        }  # fmt: skip


def counts_judged(bench: duckdb.DuckDBPyConnection, as_of: date) -> pandas.DataFrame:
    return bench.execute(
        f"WITH known_labs AS ({QUERIES['known_labs']}), results_used AS ({QUERIES['results_used']}) "
        f"FROM ({QUERIES['counts_judged']}) ORDER BY drawn_on, analyte",
        {"patients": [PATIENT], "after": as_of + timedelta(days=1)},
    ).df()


def day_of(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def days_of(typed: Typed) -> list[date]:
    """Every day that was typed of a count, a dose or the cause."""
    written = [*(row[0] for row in typed.counts), *(row[0] for row in typed.doses), typed.cause_on]
    return [day for day in map(day_of, written) if day]


def example(version: dict, thresholds: pandas.DataFrame, last_on: date, unit: CountUnit = CELLS) -> Typed:
    """A first patient to change: one episode of a protocol, made of its own numbers, over on `last_on`.

    `version` is the protocol's row of `View.protocols()["versions"]`, `thresholds` its rows of `thresholds`.
    Its counts are in `unit`.
    """
    start, onset, between = (last_on - timedelta(days=days) for days in (27, 7, 3))
    cuts = {row["analyte"]: row for row in thresholds.to_dict("records")}

    def written(analyte: str, of_hold: float, of_resume: float) -> str:
        cut = cuts.get(analyte)
        return f"{unit.value(cut['hold'] * of_hold + cut['resume'] * of_resume):.15g}" if cut else ""

    counts = [
        (day.isoformat(), written("anc", *anc), written("platelets", *platelets))
        for day, anc, platelets in (
            (start, (0, 2), (0, 2)),
            (onset, (0.8, 0), (0, 1.5)),
            (between, (0.5, 0.5), (0, 1.5)),
            (last_on, (0, 1.2), (0, 1.5)),
        )
    ]
    dose = version["starting_dose_mg"]
    given = f"{EXAMPLE_MG if pandas.isna(dose) else dose:.15g}"
    return Typed(counts=tuple(counts), doses=((start.isoformat(), given), (onset.isoformat(), "0")))
