"""The rule over frames or over a DuckDB connection: `leuko.evaluate`."""

from collections.abc import Iterable
from datetime import date
from functools import cached_property

import duckdb
import pandas

from leuko import rules, sources
from leuko.protocols import Protocol, load_protocols, write_tables

COLUMNS = {
    "episodes": (
        "patient_id", "drug", "protocol", "episode", "onset_on", "recovered_on", "trigger", "anc_nadir",
        "platelets_nadir", "days_below", "days_to_recovery", "dose_at_onset_mg", "cause",
    ),
    "recommendations": (
        "patient_id", "drug", "protocol", "episode", "decided_on", "action", "dose_mg", "clause", "certainty", "why",
    ),
    "worklist": (
        "patient_id", "drug", "protocol", "status", "dose_mg", "since", "last_anc", "last_anc_on",
        "next_lab_due_on", "certainty", "why",
    ),
    "rejected": ("source", "raw_record", "reason", "patient_id", "kind"),
}
ORDER = {
    "episodes": "patient_id, drug, protocol, episode",
    "recommendations": "patient_id, drug, protocol, episode, place",
    "worklist": "urgency, since NULLS LAST, patient_id, drug, protocol",
    "rejected": "kind, source",
}

# What a canonical table may leave out, and what is then read.
OPTIONAL = {
    "labs": {
        "comparator": "CAST(NULL AS TEXT)", "reported_at": "CAST(NULL AS TIMESTAMP)", "specimen": "CAST(NULL AS TEXT)",
        "status": "CAST(NULL AS TEXT)", "derived": "CAST(NULL AS BOOLEAN)",
    },
    "exposures": {
        "setting": "CAST(NULL AS TEXT)", "dose_unit": "CAST(NULL AS TEXT)", "end_on": "CAST(NULL AS DATE)",
        "end_reason": "CAST(NULL AS TEXT)", "source": "CAST(NULL AS TEXT)",
    },
    "events": {
        "patient_id": "CAST(NULL AS TEXT)", "kind": "CAST(NULL AS TEXT)", "value": "CAST(NULL AS TEXT)",
        "occurred_at": "CAST(NULL AS TIMESTAMP)",
    },
    "patients": {
        "patient_id": "CAST(NULL AS TEXT)", "died_on": "CAST(NULL AS DATE)", "left_on": "CAST(NULL AS DATE)",
    },
}


class Result:
    """What the rule found, read from the connection when it is asked for.

    `episodes`, `recommendations`, `worklist` and `rejected` are pandas DataFrames with the columns of `COLUMNS`. Counts
    are cells/µL, doses mg per day (or the course's own unit), days are dates; missing means that it does not apply or
    is not known. `rejected` holds every input row that was set aside, and every exposure that no protocol fits.
    """

    def __init__(self, con: duckdb.DuckDBPyConnection, as_of: date):
        self.con = con
        self.as_of = as_of

    @cached_property
    def episodes(self) -> pandas.DataFrame:
        return self._read("episodes")

    @cached_property
    def recommendations(self) -> pandas.DataFrame:
        return self._read("recommendations")

    @cached_property
    def worklist(self) -> pandas.DataFrame:
        return self._read("worklist")

    @cached_property
    def rejected(self) -> pandas.DataFrame:
        return self._read("rejected")

    def relation(self, name: str) -> duckdb.DuckDBPyRelation:
        """One of the four results as a DuckDB relation, in the order of its frame."""
        return self.con.sql(
            f"SELECT {', '.join(COLUMNS[name])} FROM {self._table(name)} ORDER BY {ORDER[name]}"
        )

    def _table(self, name: str) -> str:
        if name != "rejected":
            return name
        columns = ", ".join(COLUMNS["rejected"])
        set_aside = f"SELECT {columns} FROM rejected UNION ALL " if has_table(self.con, "rejected") else ""
        return f"({set_aside}SELECT {columns} FROM unmatched)"

    def _read(self, name: str) -> pandas.DataFrame:
        return self.relation(name).df()


def evaluate(
    labs: pandas.DataFrame | None = None,
    exposures: pandas.DataFrame | None = None,
    events: pandas.DataFrame | None = None,
    patients: pandas.DataFrame | None = None,
    protocols: Iterable[Protocol] | None = None,
    as_of: date | None = None,
    *,
    connection: duckdb.DuckDBPyConnection | None = None,
) -> Result:
    """Say what the protocols ask for each course on `as_of`, from what was reported by then.

    Give either frames with the input columns (counts with their unit, see `leuko.sources.read_frames`) or a
    `connection` that holds the canonical tables `labs`, `exposures` and, where there are any, `events` and `patients`;
    the tables `episodes`, `recommendations`, `worklist` and `unmatched` are left in it. `protocols`: from
    `load_protocols`, default the shipped ones. `as_of`: default the last day with a result or the start of an exposure.

    Raises `ValueError` where neither or both are given, where there is no day to evaluate, or where a whole frame is
    refused (`SourceError`). It supports clinical judgement and never replaces it.
    """
    if (connection is None) == (labs is None or exposures is None):
        raise ValueError("give labs and exposures, or a connection that holds them")
    if connection is None:
        con = duckdb.connect()
        sources.read_frames(con, labs=labs, exposures=exposures, patients=patients, events=events)
    else:
        con = connection
        fill_in(con)
    write_tables(con, load_protocols() if protocols is None else protocols, temp=True)
    day = as_of or last_day(con)
    rules.run(con, day)
    return Result(con, day)


def last_day(con: duckdb.DuckDBPyConnection) -> date:
    """The last day with a result or the start of an exposure; `ValueError` where there is neither."""
    day = con.execute(
        """SELECT greatest((SELECT max(CAST(collected_at AS DATE)) FROM labs), (SELECT max(start_on) FROM exposures))"""
    ).fetchall()[0][0]
    if day is None:
        raise ValueError("no result and no exposure: there is no day to evaluate; name one")
    return day


def has_table(con: duckdb.DuckDBPyConnection, name: str) -> bool:
    found = con.execute("SELECT count(*) FROM information_schema.tables WHERE table_name = ?", [name]).fetchall()[0][0]
    return found > 0


def fill_in(con: duckdb.DuckDBPyConnection) -> None:
    """Stand a temporary view before a canonical table that is absent or leaves optional columns out."""
    for table, defaults in OPTIONAL.items():
        present = [column for column, *_ in con.execute(f"DESCRIBE {table}").fetchall()] if has_table(con, table) else []
        missing = [f"{default} AS {name}" for name, default in defaults.items() if name not in present]
        if not present:
            con.execute(f"CREATE OR REPLACE TEMP VIEW {table} AS SELECT {', '.join(missing)} LIMIT 0")
        elif missing:
            origin = con.execute(
                "SELECT table_catalog || '.' || table_schema FROM information_schema.tables WHERE table_name = ?", [table]
            ).fetchall()[0][0]
            con.execute(f"CREATE TEMP VIEW {table} AS SELECT *, {', '.join(missing)} FROM {origin}.{table}")
