"""What the audit of one day says, for whatever is written out of the app: CSV files, a workbook, a report.

All of them ask one `Extract`, so that their numbers cannot differ. It stands on one cursor: a past day is evaluated
once, not anew for each number.
"""

import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from functools import cached_property
from importlib import metadata
from pathlib import Path

import duckdb
import pandas

from leuko import audit
from leuko.audit import EVERYTHING, Scope
from leuko.figures.findings import percent, share
from leuko.figures.labels import day_in_words
from leuko.measures import MEASURES, Measure
from leuko.settings import Setting
from leuko.store import About, View

NOTICE = "It supports clinical judgement and never replaces it."
ENDINGS = {  # as they are written, with what each means
    "met": ("met", "It was done, in the time allowed where there is one."),
    "not_met": ("not met", "It fell due and was not done, or was done later or otherwise than asked."),
    "excluded": ("excluded", "It does not count, for the reason given: not yet due, planned off-days, another reason."),
    "cannot_tell": ("cannot tell", "The data do not say, for the reason given: this is never counted as not done."),
}
NONE_RECORDED = {"": "not recorded"}
ORDERED = f"""
    list_position({[*MEASURES]}, events.measure), events.counted_on, events.patient_id, events.episode, events.due_on,
    events.happened_on
"""
WORST_FIRST = "list_position(['not_met', 'cannot_tell', 'excluded', 'met'], events.ending)"
DETAILS = f"""
    SELECT
        events.measure, events.patient_id, patients.name, events.site, events.clinician, events.drug, events.protocol,
        events.episode, events.ending, events.reason, events.due_on, events.happened_on, events.days
    FROM events
    LEFT JOIN patients ON patients.patient_id = events.patient_id
    WHERE {{condition}}
    ORDER BY {WORST_FIRST}, {ORDERED}
    LIMIT {{most:d}}
"""
# How late something was is a reason of its own in each row, and one reason together.
REASONS = """
    SELECT
        measure, ending, count(*) AS events,
        regexp_replace(reason, '^done [0-9]+ (day|minute)s? after it was due$', 'done too late') AS reason
    FROM events
    WHERE ending <> 'met' OR reason IS NOT NULL
    GROUP BY ALL
    ORDER BY measure, ending, events DESC, reason
"""
PROTOCOLS = """
    SELECT protocols.protocol, protocols.drug, protocols.setting, count(*) AS events
    FROM events
    JOIN protocols ON protocols.protocol = events.protocol
    GROUP BY ALL
    ORDER BY protocols.protocol
"""
SOURCES = """
    SELECT protocol, title, section, revised, url, verified
    FROM protocol_sources
    WHERE protocol IN (SELECT protocol FROM events)
    ORDER BY protocol, line
"""


class Extract:
    """The audit of a view: who may see it, its day, the settings in force, and what it was narrowed to.

    The frames are those of `leuko.audit`. Use it within `extract`, while its cursor is open.
    """

    def __init__(self, cursor: duckdb.DuckDBPyConnection, view: View, settings: Mapping[str, Setting], scope: Scope):
        self.about = view.store.about
        self.as_of = view.as_of
        self.sites = view.sites
        self.settings = settings
        self.loaded_at = view.store.loaded_at
        self.waiting = view.store.settings_waiting
        self.scope = scope
        self._cursor = cursor

    @cached_property
    def measures(self) -> pandas.DataFrame:
        """Counts and rate of each measure in all, then by site, clinician, drug and month."""
        frames = [audit.measures(self._cursor, self.settings, self.scope, self.sites, by) for by in audit.GROUPS]
        return pandas.concat([frame for frame in frames if len(frame)], ignore_index=True)

    def of(self, measure: str, by: str = "all") -> pandas.DataFrame:
        """The rows of one measure in one grouping."""
        return self.measures[self.measures["measure"].eq(measure) & self.measures["by"].eq(by)]

    @cached_property
    def deviations(self) -> pandas.DataFrame:
        """Every event that was not met, was excluded or cannot be told: the columns that other programs rely on."""
        return audit.deviations(self._cursor, self.settings, self.scope, self.sites)

    @cached_property
    def deviating(self) -> int:
        """How many events were not met, excluded or cannot be told."""
        together = self.measures[self.measures["by"].eq("all")]
        return int((together["population"] - together["met"]).sum())

    def listed(self, most: int) -> pandas.DataFrame:
        """The first of the deviations with name, site and clinician: what was not met first, what is excluded last."""
        return self._read(DETAILS.format(condition="events.ending <> 'met'", most=most))

    def events(self, measure: str, most: int) -> pandas.DataFrame:
        """The first events of a measure, whatever their ending, in the same order."""
        if measure not in MEASURES:
            raise KeyError(measure)
        return self._read(DETAILS.format(condition=f"events.measure = '{measure}'", most=most))

    @cached_property
    def reasons(self) -> pandas.DataFrame:
        """How many events of each measure ended for which reason."""
        return self._read(REASONS)

    @cached_property
    def protocols(self) -> pandas.DataFrame:
        """The protocols that the events rest on."""
        return self._read(PROTOCOLS)

    @cached_property
    def sources(self) -> pandas.DataFrame:
        """The texts that those protocols rest on."""
        return self._read(SOURCES)

    def _read(self, query: str) -> pandas.DataFrame:
        return audit.read(self._cursor, query, self.settings, self.scope, self.sites)

    @property
    def minimum(self) -> int:
        """With fewer events met or not met, a rate is too little to judge."""
        return self.settings["minimum_denominator"].value

    @property
    def facts(self) -> dict[str, str]:
        """What was read and by what, in words."""
        return {
            "Data": self.about.title or "no title",
            "As known on": day_in_words(self.as_of),
            "Load": load_in_words(self.about, self.loaded_at),
            "Counted": self.scope_in_words,
            "Protocols": f"version {self.about.protocols_version}",
            "Software": f"leuko {software_version()}",
        }

    @property
    def scope_in_words(self) -> str:
        """Whose events of which time are counted."""
        parts = [
            f"only {name} {' or '.join(NONE_RECORDED.get(value, value) for value in values)}"
            for name, values in vars(self.scope).items()
            if isinstance(values, tuple)
        ]
        if self.sites is not None:
            parts.insert(0, f"of the sites that may be seen: {', '.join(self.sites) or 'none'}")
        if self.scope.start:
            parts.append(f"from {day_in_words(self.scope.start)}")
        if self.scope.end:
            parts.append(f"to {day_in_words(self.scope.end)}")
        return f"events {', '.join(parts)}" if parts else "every event of every site, clinician and drug"


@contextmanager
def extract(
    view: View, settings: Mapping[str, Setting] | None = None, scope: Scope = EVERYTHING
) -> Iterator[Extract]:
    """What the audit of a view says; `settings` None: those beside the database. A past day takes its evaluation."""
    with view.audited() as cursor:
        yield Extract(cursor, view, settings or view.store.settings, scope)


def load_in_words(about: About, loaded_at: datetime) -> str:
    """`number 12, of 2026-03-31 14:05 UTC, evaluated for 31 March 2026`."""
    return f"number {about.number:,}, of {loaded_at:%Y-%m-%d %H:%M} UTC, evaluated for {day_in_words(about.as_of)}"


def software_version() -> str:
    """The version of this code: that of the repository it runs from, or of the installed package."""
    project = Path(__file__).parents[1] / "pyproject.toml"
    if project.exists():
        return tomllib.loads(project.read_text(encoding="utf-8"))["project"]["version"]
    try:
        return metadata.version("leuko")
    except metadata.PackageNotFoundError:
        return "of unknown version"


# ---------------------------------------------------------------- a row of `measures` in words


def rate_in_words(row: Mapping[str, object], minimum: int) -> str:
    """`56 of 101 (55 %)`; with fewer than `minimum` the counts alone: `3 of 4, too few to judge`."""
    met, of = row["met"], row["met"] + row["not_met"]
    return share(met, of) if of >= minimum else f"{met:,} of {of:,}, too few to judge"


def interval_in_words(row: Mapping[str, object], minimum: int) -> str:
    """`46 to 65 %`; empty where there are too few to judge."""
    if row["met"] + row["not_met"] < max(minimum, 1):
        return ""
    return f"{percent(row['lower']).removesuffix(' %')} to {percent(row['upper'])}"


def endings_in_words(row: Mapping[str, object]) -> str:
    """`111 events: 56 met + 45 not met + 9 excluded + 1 cannot tell`."""
    events = "1 event" if row["population"] == 1 else f"{row['population']:,} events"
    return f"{events}: {' + '.join(f'{row[ending]:,} {word}' for ending, (word, _) in ENDINGS.items())}"


def grace_in_words(measure: Measure, settings: Mapping[str, Setting]) -> str:
    """`1 day (hold_grace_days, as by default)`; `no setting` for a measure without a grace period."""
    if measure.grace == "none":
        return "no setting"
    setting = settings[measure.grace]
    default = f"changed from {setting.default:,}" if setting.changed else "as by default"
    return f"{setting.in_words} ({setting.name}, {default})"
