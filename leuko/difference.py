"""What changes if other protocols were in force: statuses today and past decisions, under both sets compared.

The rule runs twice on temporary tables, and SQL in `differences/` compares its answers course by course. A course is
the same on both sides where both read its first doses, whatever its protocol is called.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb
import pandas

from leuko import rules
from leuko.count_units import CELLS, CountUnit
from leuko.facts import write_facts
from leuko.protocols import Protocol, ProtocolError, write_tables
from leuko.protocols.tables import TABLES

FOLDER = Path(__file__).parent / "differences"
QUERIES = {path.stem: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.sql")}
ANSWERS = ("doses", "courses", "episodes", "recommendations", "worklist")
STEPS = ("course_pairs", "moments", "changed_decisions")
COLUMNS = {
    "diff": (
        "patient_id", "drug", "status_before", "status_after", "dose_before", "dose_after", "why",
    ),
    "decisions": (
        "patient_id", "drug", "decided_on", "moment", "action_before", "action_after", "dose_before", "dose_after",
        "clause_before", "clause_after", "why",
    ),
    "clauses": (
        "moment", "protocol_before", "clause_before", "asked_before", "action_before", "protocol_after",
        "clause_after", "asked_after", "action_after", "decisions", "patients",
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Difference:
    """What would be another, before (the protocols in force) and after (the others). Missing: does not apply.

    `statuses`: a row for each course whose status or dose (in the course's unit) changes, the most urgent first; a
    course that no protocol fits has the status `no_protocol`. `marked_on`: the day of the last decision that differs,
    else since when the new status stands. `decisions`: a row for each past decision of another action or dose, the
    latest first; without an action on one side: decided on the other alone. `clauses`: how many of these moved from
    which row of the old table to which of the new. `actions`: how often each action was decided, by protocol.
    `courses`: how many were compared, by protocol.
    """

    statuses: pandas.DataFrame
    decisions: pandas.DataFrame
    clauses: pandas.DataFrame
    actions: pandas.DataFrame
    courses: pandas.DataFrame

    @property
    def patients_affected(self) -> int:
        """Patients with a changed status or a changed decision."""
        return len({*self.statuses["patient_id"], *self.decisions["patient_id"]})

    @property
    def is_nothing(self) -> bool:
        return self.statuses.empty and self.decisions.empty

    def more(self, action: str) -> int:
        """How many more decisions of this action there would have been; below 0: fewer."""
        row = self.actions[self.actions["action"].eq(action)]
        return int((row["after"] - row["before"]).sum())

    def tables(self) -> dict[str, pandas.DataFrame]:
        """The CSV files of a comparison by name, with the columns of `COLUMNS`."""
        frames = {"diff": self.statuses, "decisions": self.decisions, "clauses": self.clauses}
        return {name: frame[list(COLUMNS[name])] for name, frame in frames.items()}


def compare(
    con: duckdb.DuckDBPyConnection,
    protocols: Iterable[Protocol],
    as_of: date,
    sites: tuple[str, ...] | None = None,
    unit: CountUnit = CELLS,
    on_step: Callable[[float], None] = lambda share: None,
) -> Difference:
    """Compare the protocol tables that `con` holds with `protocols`, as known on `as_of`.

    `con` holds the canonical and the protocol tables, which stay as they are; temporary tables of these names, and of
    the rule's, are replaced and dropped. `sites`: whose patients are compared (None: all). Counts in sentences are in
    `unit`. `on_step` is told which share is done, up to 1. Raises ProtocolError where `protocols` cannot be applied,
    such as a number of days too large for a date.
    """
    try:
        rules.run(con, as_of, keep=ANSWERS, temporary=True, unit=unit, on_step=lambda share: on_step(share / 2))
        write_facts(con)
        con.execute(f"CREATE OR REPLACE TEMP TABLE asked_before AS {QUERIES['asked']}")
        for name in ANSWERS:
            con.execute(f"DROP TABLE IF EXISTS temp.{name}_before; ALTER TABLE temp.{name} RENAME TO {name}_before")
        apply(con, protocols, as_of, unit, on_step)
        con.execute(QUERIES["words"])
        for name in STEPS:
            query = QUERIES[name]
            known = {"sites": None if sites is None else list(sites)} if "$sites" in query else None
            con.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS {query}", known)
        return Difference(
            statuses=con.execute(QUERIES["statuses"]).df(),
            decisions=con.execute(QUERIES["decisions"]).df(),
            clauses=con.execute(QUERIES["clauses"]).df(),
            actions=con.execute(QUERIES["actions"]).df(),
            courses=con.execute(QUERIES["courses"]).df(),
        )
    finally:
        before = (f"{name}_before" for name in (*ANSWERS, "asked"))
        for name in (*ANSWERS, *before, *STEPS, *TABLES, "asked", "limits", "statuses"):
            con.execute(f"DROP TABLE IF EXISTS temp.{name}")


def apply(
    con: duckdb.DuckDBPyConnection,
    protocols: Iterable[Protocol],
    as_of: date,
    unit: CountUnit,
    on_step: Callable[[float], None],
) -> None:
    """Evaluate under `protocols`, whose temporary tables stand before those that `con` holds."""
    try:
        write_tables(con, protocols, temp=True)
        rules.run(con, as_of, keep=ANSWERS, temporary=True, unit=unit, on_step=lambda share: on_step(0.5 + share / 2))
    except duckdb.DataError as refused:
        raise ProtocolError(f"the protocols cannot be applied: {str(refused).splitlines()[0]}") from refused
    write_facts(con)
    con.execute(f"CREATE OR REPLACE TEMP TABLE asked AS {QUERIES['asked']}")


def in_place(protocols: Iterable[Protocol], replaced: str, replacement: Protocol) -> tuple[Protocol, ...]:
    """The protocols, with `replacement` in the place of the one of the id `replaced`, for the same courses.

    It takes over the id, setting, default and requirements, so that whoever was judged by the old table is judged by
    the new one. Raises ProtocolError where there is no such id, or where the replacement is for another drug.
    """
    protocols = tuple(protocols)
    old = next((protocol for protocol in protocols if protocol.id == replaced), None)
    if old is None:
        raise ProtocolError(f"{replaced}: there is no protocol of this id")
    if replacement.drug != old.drug:
        raise ProtocolError(f"{replacement.id}: drug: is {replacement.drug}, but {replaced} is for {old.drug}")
    place = {name: getattr(old, name) for name in ("id", "setting", "default", "requires")}
    new = replacement.model_copy(update=place)
    return tuple(new if protocol is old else protocol for protocol in protocols)
