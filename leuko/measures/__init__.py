"""The adherence measures: was done what the counts asked for, and did the counts ask for what was done.

Each measure is one SQL file; its first lines say what it counts. The steps in `steps/` prepare what several of them
read: the doses as days, the actions on them, and what was known on the day of each. All of it rests on the tables
that the rule made, so the flags and the audit cannot disagree. docs/audit.md says it in words.
"""

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, fields
from datetime import date, timedelta
from pathlib import Path

import duckdb

from leuko import rules
from leuko.facts import write_facts, write_rows
from leuko.protocols.tables import copy_tables
from leuko.settings import Setting, numbers

FOLDER = Path(__file__).parent
STEPS = {path.stem[3:]: path.read_text(encoding="utf-8") for path in sorted((FOLDER / "steps").glob("*.sql"))}
WORDS = (FOLDER / "words.sql").read_text(encoding="utf-8")
NAMES = (
    "hold_given",
    "time_to_hold",
    "time_to_hold_collected",
    "no_early_restart",
    "dose_at_restart",
    "restart_in_time",
    "supported_hold",
    "follow_up_count",
    "routine_count",
    "cause_looked_for",
    "antibiotics_in_time",
)
# What a run writes beside its steps, dropped at its end.
ASIDE = ("known_late", "asked", "asked_for", "settings", "hold_reasons", "limits", "statuses")
READ_AGAIN = ("hold_given", "time_to_hold")
TEXTS = {name: (FOLDER / f"{name}.sql").read_text(encoding="utf-8") for name in NAMES}
# What the measures read of the rule's own steps, beside its answers.
READ = ("results", "courses", "readers", "readings", "counts", "states", "causes", "doses")

# The input of every patient as it was on the day of an action, under an id that holds both. The doses are those up to
# the day before: the action itself is what is judged.
THEN = {
    "labs": (
        """patient_id TEXT, analyte TEXT, value DOUBLE, comparator TEXT, collected_at TIMESTAMP,
        reported_at TIMESTAMP, specimen TEXT, status TEXT, derived BOOLEAN""",
        """SELECT asked.id, labs.analyte, labs.value, labs.comparator, labs.collected_at, labs.reported_at,
            labs.specimen, labs.status, labs.derived
        FROM asked JOIN labs ON labs.patient_id = asked.patient_id
        WHERE labs.collected_at < asked.day + 1 AND coalesce(labs.reported_at, labs.collected_at) < asked.day + 1""",
    ),
    "exposures": (
        """patient_id TEXT, drug TEXT, setting TEXT, dose_mg DOUBLE, dose_unit TEXT, start_on DATE, end_on DATE,
        end_reason TEXT, source TEXT""",
        """SELECT asked.id, doses.drug, doses.protocol, doses.dose_mg, doses.dose_unit, doses.start_on,
            CASE WHEN doses.end_on < asked.day - 1 THEN doses.end_on END,
            CASE WHEN doses.planned THEN doses.end_reason END, NULL
        FROM asked JOIN doses ON doses.patient_id = asked.patient_id
        WHERE doses.start_on < asked.day AND doses.protocol IS NOT NULL""",
    ),
    "events": (
        "patient_id TEXT, kind TEXT, value TEXT, occurred_at TIMESTAMP",
        """SELECT asked.id, events.kind, events.value, events.occurred_at
        FROM asked JOIN events ON events.patient_id = asked.patient_id
        WHERE events.kind = 'cytopenia_cause' AND events.occurred_at < asked.day + 1""",
    ),
    "patients": (
        "patient_id TEXT, diagnosis TEXT, duffy_null BOOLEAN, died_on DATE, left_on DATE",
        """SELECT asked.id, patients.diagnosis, patients.duffy_null,
            CASE WHEN patients.died_on <= asked.day THEN patients.died_on END,
            CASE WHEN patients.left_on <= asked.day THEN patients.left_on END
        FROM asked JOIN patients ON patients.patient_id = asked.patient_id""",
    ),
}
STOOD_THEN = """
    SELECT
        standing.patient_id AS id, standing.drug, standing.protocol, last.episode, standing.onset_on,
        standing.recovered_on, standing.episode_open AS open, standing.certainty,
        CASE
            WHEN standing.episode_open THEN coalesce(standing.guide_action, standing.action)
            WHEN decided.by_draw THEN standing.draw_action
            ELSE standing.action
        END AS action,
        CASE
            WHEN standing.episode_open AND standing.guide_action IS NOT NULL THEN standing.guide_dose_mg
            WHEN decided.by_draw AND NOT standing.episode_open THEN standing.draw_dose_mg
            ELSE standing.decided_dose_mg
        END AS dose_mg,
        CASE WHEN NOT standing.episode_open THEN standing.draw_action END AS draw_action,
        CASE WHEN NOT standing.episode_open THEN standing.draw_dose_mg END AS draw_dose_mg,
        greatest(standing.course_anc_on, standing.course_platelets_on) AS counted_on
    FROM standing
    -- As on the worklist: what a recovery decided and nobody followed stands before a decision of the last draw.
    JOIN (
        SELECT
            course,
            draw_action IS NOT NULL AND NOT (
                coalesce(not_restarted, false) OR coalesce(action = 'discontinue', false)
                OR coalesce(action = 'reduce' AND dose_now_mg > decided_dose_mg, false)
            ) AS by_draw
        FROM standing
    ) AS decided ON decided.course = standing.course
    LEFT JOIN (SELECT course, max(episode) AS episode FROM episodes GROUP BY course) AS last
        ON last.course = standing.course
"""
KNOWN_LATE = """
    CREATE OR REPLACE TEMP TABLE known_late (
        course INTEGER, day DATE, episode INTEGER, onset_on DATE, recovered_on DATE, open BOOLEAN, action TEXT,
        dose_mg DOUBLE, certainty TEXT, counted_on DATE, draw_action TEXT, draw_dose_mg DOUBLE
    )
"""
OF_COURSES = """
    INSERT INTO known_late
    SELECT
        courses.course, asked.day, stood.episode, stood.onset_on, stood.recovered_on, stood.open, stood.action,
        stood.dose_mg, stood.certainty, stood.counted_on, stood.draw_action, stood.draw_dose_mg
    FROM carried AS stood
    JOIN asked ON asked.id = stood.id
    JOIN courses
        ON courses.patient_id = asked.patient_id AND courses.drug = stood.drug AND courses.protocol = stood.protocol
    JOIN seen_late ON seen_late.course = courses.course AND seen_late.day = asked.day
"""
EVENT = "patient_id, drug, protocol, episode, due_on, happened_on, days, seen, fixed, fixed_reason, pending, doubt"
EVENTS = """
    -- seen: of what has not happened, on how many days it could have been seen.
    CREATE {kind} audit_events AS
    WITH judged AS (
        SELECT *, ending_of(fixed, days, seen, doubt, grace) AS ending FROM ({measured}) AS measured
    )
    SELECT
        judged.measure, judged.patient_id, judged.drug, judged.protocol, judged.episode, patients.site,
        patients.clinician, judged.due_on, judged.happened_on, judged.days, judged.ending,
        reason_of(fixed, fixed_reason, ending, pending, doubt, days, unit) AS reason,
        coalesce(CASE WHEN judged.due_on < asked_for.after THEN judged.due_on END, judged.happened_on, judged.due_on)
            AS counted_on, CASE WHEN judged.fixed IS NULL AND judged.days IS NULL THEN judged.seen END AS seen,
        judged.fixed, judged.fixed_reason,
        judged.pending, judged.doubt
    FROM judged
    CROSS JOIN asked_for
    LEFT JOIN patients ON patients.patient_id = judged.patient_id
"""


@dataclass(frozen=True)
class Measure:
    """What a measure counts, in the words at the head of its SQL file. `grace` names a setting, or is "none"."""

    name: str
    title: str
    population: str
    exclusions: str
    numerator: str
    grain: str
    grace: str
    unit: str
    standard: str


def read_measure(name: str) -> Measure:
    """The definition at the head of a measure's file; KeyError where a line of it is missing."""
    lines = (line.removeprefix("-- ").partition(": ") for line in TEXTS[name].splitlines() if line.startswith("-- "))
    said = {key: words for key, _, words in lines}
    return Measure(name, **{field.name: said[field.name] for field in fields(Measure)[1:]})


MEASURES = {name: read_measure(name) for name in NAMES}


def run(
    con: duckdb.DuckDBPyConnection,
    as_of: date,
    settings: dict[str, Setting],
    *,
    temporary: bool = False,
    on_step: Callable[[float], None] = lambda share: None,
) -> None:
    """Write `audit_events`, one row an event of a measure, from what the rule left in `con` for `as_of`.

    `con` holds the canonical tables, the protocol tables, the rule's answers and those of its steps named in READ.
    `on_step` is told after each step which share of them is done, up to 1.
    """
    # The events of a day asked before make room first: two of the widest table at once would spill to the disk.
    con.execute(f"DROP TABLE IF EXISTS {'temp.' if temporary else ''}audit_events")
    con.execute(WORDS)
    write_settings(con, settings)
    after = as_of + timedelta(days=1)
    con.execute("CREATE OR REPLACE TEMP TABLE asked_for AS SELECT CAST(? AS DATE) AS after", [after])
    for place, (name, step) in enumerate(STEPS.items(), start=1):
        if name == "known":
            evaluate_then(con, as_of)
        con.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS\n{step}")
        on_step(place / (len(STEPS) + 1))
    for name, text in TEXTS.items():
        con.execute(f"CREATE OR REPLACE TEMP {kind_of(name)} {name} AS\n{text}")
    measured = " UNION ALL ".join(
        f"SELECT '{name}' AS measure, {EVENT}, {grace_of(name)} AS grace, '{MEASURES[name].unit}' AS unit "
        f"FROM {name} CROSS JOIN settings"
        for name in NAMES
    )
    con.execute(EVENTS.format(kind="TEMP TABLE" if temporary else "TABLE", measured=measured))
    on_step(1)
    for name in (*reversed(NAMES), *STEPS, *ASIDE):
        con.execute(f"DROP {kind_of(name)} temp.{name}")


def grace_of(name: str) -> str:
    grace = MEASURES[name].grace
    return "CAST(NULL AS DOUBLE)" if grace == "none" else f"settings.{grace}"


def kind_of(name: str) -> str:
    """A measure is worked out where its events are written, unless another measure reads it too."""
    return "VIEW" if name in NAMES and name not in READ_AGAIN else "TABLE"


def write_settings(con: duckdb.DuckDBPyConnection, settings: dict[str, Setting]) -> None:
    """The settings that are numbers as one row, beside the rule's own facts and the words that mean a hold."""
    columns = ", ".join(f"{setting.value} AS {name}" for name, setting in numbers(settings).items())
    con.execute(f"CREATE OR REPLACE TEMP TABLE settings AS SELECT {columns}")
    write_facts(con)
    write_rows(con, "TEMP TABLE", "hold_reasons", "word TEXT, source TEXT")


def evaluate_then(con: duckdb.DuckDBPyConnection, as_of: date) -> None:
    """Write `known_late`: what stood on the day of each action of which something else was known that day.

    Each patient and day becomes a patient of his own with what had been reported by then, and the rule runs once over
    all of them, apart from `con`.
    """
    con.execute(
        """CREATE OR REPLACE TEMP TABLE asked AS
        SELECT DISTINCT courses.patient_id, seen_late.day, courses.patient_id || chr(31) || seen_late.day AS id
        FROM seen_late
        JOIN courses ON courses.course = seen_late.course"""
    )
    con.execute(KNOWN_LATE)
    if not con.execute("SELECT count(*) FROM asked").fetchall()[0][0]:
        return
    with closing(duckdb.connect()) as then:
        copy_tables(con, then)
        for table, (columns, query) in THEN.items():
            then.execute(f"CREATE TABLE {table} ({columns})")
            carry(con, query, then, f"INSERT INTO {table} FROM carried")
        rules.run(then, as_of, keep=("standing", "episodes"), temporary=True)
        carry(then, STOOD_THEN, con, OF_COURSES)


def carry(source: duckdb.DuckDBPyConnection, query: str, target: duckdb.DuckDBPyConnection, taken: str) -> None:
    """Run `taken` on another database, where `carried` are the rows that a query of this one gives."""
    target.register("carried", source.sql(query).__arrow_c_stream__())
    target.execute(taken)
    target.unregister("carried")
