"""Queries over `audit_events`: rates with their counts, the events behind a number, and what a grace period changes.

A changed grace period is a condition here, not a new evaluation: each event keeps how many days it took.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

import duckdb
import pandas

from leuko.measures import MEASURES, WORDS
from leuko.settings import Setting

ENDINGS = ("met", "not_met", "excluded", "cannot_tell")
GROUPS = {
    "all": "'all'",
    "site": "coalesce(site, 'not recorded')",
    "clinician": "coalesce(clinician, 'not recorded')",
    "drug": "coalesce(drug, 'no drug')",
    "month": "strftime(counted_on, '%Y-%m')",
}
COLUMNS = (
    "measure", "by", "group", "population", "met", "not_met", "excluded", "cannot_tell", "rate", "lower", "upper",
    "median_days", "p90_days",
)  # fmt: skip
DEVIATIONS = ("measure", "patient_id", "drug", "episode", "ending", "reason", "due_on", "happened_on")

JUDGED = """
    WITH judged AS (
        SELECT
            * REPLACE (ending_of(fixed, days, seen, doubt, graces.grace) AS ending), graces.unit
        FROM audit_events
        JOIN ({graces}) AS graces USING (measure)
    ),

    -- A patient in no list has no diagnosis recorded either.
    of_diagnosis AS (
        SELECT named.patient_id
        FROM (SELECT DISTINCT patient_id FROM audit_events WHERE $diagnosis IS NOT NULL) AS named
        LEFT JOIN patients ON patients.patient_id = named.patient_id
        WHERE list_contains($diagnosis, coalesce(patients.diagnosis, ''))
    ),

    events AS (
        SELECT
            judged.* REPLACE (reason_of(fixed, fixed_reason, ending, pending, doubt, days, unit) AS reason)
        FROM judged
        WHERE ($sites IS NULL OR list_contains($sites, site))
            AND ($site IS NULL OR list_contains($site, coalesce(site, '')))
            AND ($clinician IS NULL OR list_contains($clinician, coalesce(clinician, '')))
            AND ($drug IS NULL OR list_contains($drug, coalesce(drug, '')))
            AND ($diagnosis IS NULL OR patient_id IN (FROM of_diagnosis))
            AND ($start IS NULL OR counted_on >= $start) AND ($end IS NULL OR counted_on <= $end)
    )
"""
COUNTED = """
    SELECT
        measure, {group} AS "group", count(*) AS population,
        count(*) FILTER (WHERE ending = 'met') AS met, count(*) FILTER (WHERE ending = 'not_met') AS not_met,
        count(*) FILTER (WHERE ending = 'excluded') AS excluded,
        count(*) FILTER (WHERE ending = 'cannot_tell') AS cannot_tell,
        quantile_disc(days, 0.5) FILTER (WHERE ending IN ('met', 'not_met')) AS median_days,
        quantile_disc(days, 0.9) FILTER (WHERE ending IN ('met', 'not_met')) AS p90_days
    FROM events
    GROUP BY ALL
"""


@dataclass(frozen=True)
class Scope:
    """What a reader narrowed the audit to. None: everything. An empty text as a value: none recorded.

    `start` and `end` are days, both included, of the day that an event is counted on.
    """

    site: tuple[str, ...] | None = None
    clinician: tuple[str, ...] | None = None
    drug: tuple[str, ...] | None = None
    diagnosis: tuple[str, ...] | None = None
    start: date | None = None
    end: date | None = None

    def parameters(self) -> dict:
        return {name: list(value) if isinstance(value, tuple) else value for name, value in vars(self).items()}


EVERYTHING = Scope()


def measures(
    cursor: duckdb.DuckDBPyConnection,
    settings: Mapping[str, Setting],
    scope: Scope = EVERYTHING,
    sites: tuple[str, ...] | None = None,
    by: str = "all",
) -> pandas.DataFrame:
    """Counts and rate of every measure, in all or by site, clinician, drug or month (columns: COLUMNS).

    The rate is met out of met and not met, with its Wilson 95 % interval; None where there is neither. `median_days`
    and `p90_days` are the lowest number of days (minutes for antibiotics) that at least half, or nine in ten, of the
    events that happened took. KeyError for another `by`.
    """
    counted = read(cursor, COUNTED.format(group=GROUPS[by]), settings, scope, sites)
    if by == "all":
        every = pandas.DataFrame({"measure": list(MEASURES), "group": "all"})
        counted = every.merge(counted, how="left", on=["measure", "group"])
        numbers = ["population", *ENDINGS]
        counted[numbers] = counted[numbers].fillna(0).astype(int)
    order = {name: place for place, name in enumerate(MEASURES)}
    counted = counted.assign(by=by, place=counted["measure"].map(order)).sort_values(["place", "group"])
    return with_rates(counted)[list(COLUMNS)].reset_index(drop=True)


def deviations(
    cursor: duckdb.DuckDBPyConnection,
    settings: Mapping[str, Setting],
    scope: Scope = EVERYTHING,
    sites: tuple[str, ...] | None = None,
) -> pandas.DataFrame:
    """Every event that was not met, was excluded or could not be told, with its reason (columns: DEVIATIONS)."""
    query = f"SELECT {', '.join(DEVIATIONS)} FROM events WHERE ending <> 'met' ORDER BY {ORDER}"
    return read(cursor, query, settings, scope, sites)


ORDER = "measure, counted_on, patient_id, episode"


def events(
    cursor: duckdb.DuckDBPyConnection,
    settings: Mapping[str, Setting],
    scope: Scope,
    sites: tuple[str, ...] | None,
    measure: str,
    ending: str | None = None,
) -> pandas.DataFrame:
    """The events behind a number of one measure, each with its patient; None as `ending`: all of them."""
    query = f"""SELECT
            events.patient_id, patients.name, events.site, events.clinician, events.drug, events.protocol,
            events.episode, events.ending, events.reason, events.due_on, events.happened_on, events.days,
            events.counted_on
        FROM events
        LEFT JOIN patients ON patients.patient_id = events.patient_id
        WHERE events.measure = $measure AND ($ending IS NULL OR events.ending = $ending)
        ORDER BY {ORDER.replace('patient_id', 'events.patient_id')}"""
    return read(cursor, query, settings, scope, sites, {"measure": measure, "ending": ending})


def sensitivity(
    cursor: duckdb.DuckDBPyConnection,
    settings: Mapping[str, Setting],
    scope: Scope,
    sites: tuple[str, ...] | None,
    measure: str,
    graces: Sequence[int],
) -> pandas.DataFrame:
    """How the counts and the rate of a measure move with its grace period: one row each. Empty without one."""
    name = MEASURES[measure].grace
    if name == "none":
        return pandas.DataFrame(columns=["grace", "population", *ENDINGS, "rate", "lower", "upper"])
    rows = []
    for grace in graces:
        changed = {**settings, name: replace(settings[name], value=grace)}
        counted = measures(cursor, changed, scope, sites)
        rows.append(counted[counted["measure"].eq(measure)].assign(grace=grace))
    return pandas.concat(rows)[["grace", "population", *ENDINGS, "rate", "lower", "upper"]].reset_index(drop=True)


def with_rates(counted: pandas.DataFrame) -> pandas.DataFrame:
    from leuko.statistics import wilson  # takes a second to load, which a page without rates need not wait for

    judged = counted["met"] + counted["not_met"]
    bounds = [wilson(met, of) for met, of in zip(counted["met"], judged, strict=True)]
    return counted.assign(
        rate=(counted["met"] / judged).where(judged > 0),
        lower=[low for low, _ in bounds],
        upper=[high for _, high in bounds],
    )


def read(
    cursor: duckdb.DuckDBPyConnection,
    query: str,
    settings: Mapping[str, Setting],
    scope: Scope,
    sites: tuple[str, ...] | None,
    parameters: Mapping[str, object] | None = None,
) -> pandas.DataFrame:
    """A query over `events`: what the scope and the visible sites leave, ended by the grace periods in force."""
    cursor.execute(WORDS)
    graces = " UNION ALL ".join(
        f"SELECT '{name}' AS measure, {grace_in_force(name, settings)} AS grace, '{measure.unit}' AS unit"
        for name, measure in MEASURES.items()
    )
    given = {"sites": None if sites is None else list(sites), **scope.parameters(), **(parameters or {})}
    return cursor.execute(JUDGED.format(graces=graces) + query, given).df()


def write_settings(con: duckdb.DuckDBPyConnection, settings: Mapping[str, Setting]) -> None:
    """Keep beside the events the settings that they were made with: table `settings_at_load`."""
    con.execute("CREATE OR REPLACE TABLE settings_at_load (name TEXT, value TEXT)")
    rows = [(each.name, str(each.value)) for each in settings.values()]
    con.executemany("INSERT INTO settings_at_load VALUES (?, ?)", rows)


def settings_in_force(
    cursor: duckdb.DuckDBPyConnection, written: Mapping[str, Setting]
) -> tuple[dict[str, Setting], tuple[str, ...]]:
    """The settings that the events can be read with, and the names of those that wait for the next load.

    A grace period or the minimum denominator takes effect at once. A window that the events were made with, and the
    unit that the sentences were written in, stay as they were at the load, whatever stands in the file since.
    """
    said = dict(cursor.execute("SELECT name, value FROM settings_at_load").fetchall())
    at_load = {name: type(each.default)(said[name]) for name, each in written.items() if name in said}
    at_once = {measure.grace for measure in MEASURES.values()} | {"minimum_denominator"}
    waiting = tuple(
        name for name, setting in written.items() if name not in at_once and at_load.get(name) != setting.value
    )
    return {**written, **{name: replace(written[name], value=at_load[name]) for name in waiting}}, waiting


def grace_in_force(name: str, settings: Mapping[str, Setting]) -> str:
    grace = MEASURES[name].grace
    return "CAST(NULL AS INTEGER)" if grace == "none" else str(int(settings[grace].value))
