"""What is urgent beside a status: the table `alerts`, one row a patient (or a course) and a kind; and growth factors.

Each kind is one SQL file; the numbered steps in `steps/` prepare what they read: who is watched, their results as known
on the day, fevers, and the counts around them. The words, their order and their source are rows of `alert_kinds.csv`.
docs/alerts.md says it in words. The days on which growth factors were given stay as the table `growth_factors`, since a
rise of the count after them is not marrow recovery. None of it says that a patient may stay at home.
"""

from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import duckdb

from leuko import count_units, rules
from leuko.count_units import CELLS, CountUnit
from leuko.facts import read_rows, write_facts, write_rows
from leuko.rules import named
from leuko.settings import Setting, numbers

FOLDER = Path(__file__).parent
STEPS = {path.stem[2:]: path.read_text(encoding="utf-8") for path in sorted((FOLDER / "steps").glob("*.sql"))}
KINDS = tuple(row["kind"] for row in read_rows("alert_kinds"))
TEXTS = {kind: (FOLDER / f"{kind}.sql").read_text(encoding="utf-8") for kind in KINDS}
KEPT = ("growth_factors",)  # of the steps, for who shows a recovery
# What the alerts read of the rule's own steps, beside its answers.
READ = ("results", "seen", "courses", "doses", "standing")
FACTS = {
    "alert_kinds": """kind TEXT, urgency INTEGER, word TEXT, to_do TEXT, tone TEXT, icon TEXT, rule TEXT, source TEXT,
        url TEXT""",
    "wbc_limits": "drug TEXT, below DOUBLE, source TEXT",
    "denials": "word TEXT, source TEXT",
    "growth_factor_drugs": "drug TEXT, omop TEXT, source TEXT",
    "gcsf_sources": "drug TEXT, says TEXT, verified BOOLEAN, source TEXT, url TEXT",
}
ALERTS = """
    CREATE OR REPLACE {kind} alerts AS
    SELECT
        raised.patient_id, raised.drug, raised.kind, raised.since, raised.why, raised.answered,
        raised.grave,
        coalesce(raised.source, alert_kinds.source) AS source, coalesce(raised.url, alert_kinds.url) AS url,
        alert_kinds.urgency, alert_kinds.word, alert_kinds.to_do,
        CASE WHEN raised.grave THEN 'danger' ELSE alert_kinds.tone END AS tone, alert_kinds.icon,
        alert_kinds.rule
    FROM ({raised}) AS raised
    JOIN alert_kinds ON alert_kinds.kind = raised.kind
"""


def answer(
    con: duckdb.DuckDBPyConnection,
    as_of: date,
    settings: dict[str, Setting],
    *,
    keep: tuple[str, ...] = rules.ANSWERS,
    temporary: bool = False,
) -> None:
    """Write the rule's answers, `keep` of its steps, and the alerts, from the canonical and the protocol tables."""
    rules.run(con, as_of, keep=keep, aside=READ, temporary=temporary, unit=count_units.chosen(settings))
    run(con, as_of, settings, temporary=temporary)
    rules.drop(con, {*READ} - {*keep})


def run(
    con: duckdb.DuckDBPyConnection, as_of: date, settings: dict[str, Setting], *, temporary: bool = False
) -> None:
    """Write `alerts` and `growth_factors` from what the rule left in `con` for `as_of`.

    `con` holds the rule's answers and those of its steps named in READ.
    """
    known = {"as_of": as_of, "after": as_of + timedelta(days=1)} | {
        name: setting.value for name, setting in settings.items()
    }
    write_facts(con)
    for name, columns in FACTS.items():
        write_rows(con, "TEMP TABLE", name, columns)
    con.executemany("UPDATE alert_kinds SET rule = $rule WHERE kind = $kind", rules_in_words(settings))
    for name, step in STEPS.items():
        kind = "TABLE" if name in KEPT and not temporary else "TEMP TABLE"
        con.execute(f"CREATE OR REPLACE {kind} {name} AS\n{step}", named(step, known))
    raised = " UNION ALL ".join(
        f"SELECT patient_id, drug, '{kind}' AS kind, since, why, answered, grave, source, url FROM ({text})"
        for kind, text in TEXTS.items()
    )
    kind = "TEMP TABLE" if temporary else "TABLE"
    con.execute(ALERTS.format(kind=kind, raised=raised), named(raised, known))
    for name in ({*STEPS, *FACTS} - {*KEPT}) | {"limits", "statuses"}:
        con.execute(f"DROP TABLE temp.{name}")


def rules_in_words(settings: dict[str, Setting]) -> list[dict[str, str]]:
    """The rule of each kind, with the numbers that are in force."""
    unit = count_units.chosen(settings)
    told = {row["name"]: limit_in_words(row, unit) for row in read_rows("limits")}
    told |= {name: f"{setting.value:,}" for name, setting in numbers(settings).items()}
    return [{"kind": row["kind"], "rule": row["rule"].format(**told)} for row in read_rows("alert_kinds")]


def limit_in_words(limit: dict[str, str], unit: CountUnit) -> str:
    """A limit that is a count in `unit`, any other as it is."""
    value = Decimal(limit["value"])
    return unit.sentence(value) if limit["unit"] == CELLS.words else f"{value:,}"
