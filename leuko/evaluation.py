"""The rule over frames or over a DuckDB connection: `leuko.evaluate`."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import date, datetime
from functools import cached_property
from pathlib import Path

import duckdb
import pandas

from leuko import alerts, folders, rules, sources
from leuko.protocols import Protocol, load_protocols, write_tables
from leuko.protocols.tables import TABLES
from leuko.settings import default_settings
from leuko.sources import REQUIRED, SourceError

COLUMNS = {
    "episodes": (
        "patient_id", "drug", "protocol", "episode", "onset_on", "recovered_on", "trigger", "anc_nadir",
        "platelets_nadir", "days_below", "days_to_recovery", "dose_at_onset_mg", "cause",
    ),
    "recommendations": (
        "patient_id", "drug", "protocol", "episode", "decided_on", "action", "dose_mg", "clause", "certainty",
        "why", "during",
    ),
    "worklist": (
        "patient_id", "drug", "protocol", "status", "dose_mg", "since", "last_anc", "last_anc_on",
        "next_lab_due_on", "certainty", "why", "mismatch",
    ),
    "alerts": ("patient_id", "drug", "kind", "since", "why", "source", "url"),
    "rejected": ("source", "raw_record", "reason", "patient_id", "kind"),
}
ORDER = {
    "episodes": "patient_id, drug, protocol, episode",
    "recommendations": "patient_id, drug, protocol, decided_on, place",
    "worklist": "urgency, since NULLS LAST, patient_id, drug, protocol",
    "alerts": "urgency, since, patient_id, drug",
    "rejected": "kind, source",
}

# The temporary tables that the rule and the alerts write while they run.
WORKING = {*dict(rules.STEPS), *alerts.STEPS, *alerts.FACTS, *TABLES, "limits", "statuses"}

# What a canonical table may leave out, and what is then read.
OPTIONAL = {
    "labs": {
        "comparator": "CAST(NULL AS TEXT)", "reported_at": "CAST(NULL AS TIMESTAMP)",
        "specimen": "CAST(NULL AS TEXT)", "status": "CAST(NULL AS TEXT)", "derived": "CAST(NULL AS BOOLEAN)",
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
        "patient_id": "CAST(NULL AS TEXT)", "diagnosis": "CAST(NULL AS TEXT)",
        "duffy_null": "CAST(NULL AS BOOLEAN)", "died_on": "CAST(NULL AS DATE)", "left_on": "CAST(NULL AS DATE)",
    },
}


class Result:
    """What the rule found, read from the connection when it is asked for.

    `episodes`, `recommendations`, `worklist`, `alerts` and `rejected` are frames with the columns of `COLUMNS`. Counts
    are cells/µL, doses mg per day (or the course's own unit); missing means that it does not apply or is not
    known. `rejected` holds every input row that was set aside, and every exposure that no protocol
    fits.
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
    def alerts(self) -> pandas.DataFrame:
        return self._read("alerts")

    @cached_property
    def rejected(self) -> pandas.DataFrame:
        return self._read("rejected")

    def relation(self, name: str) -> duckdb.DuckDBPyRelation:
        """One of the results as a DuckDB relation, in the order of its frame."""
        return self.con.sql(self.query(name))

    def query(self, name: str) -> str:
        """The query that reads one of the results, in the order of its frame."""
        return f"SELECT {', '.join(COLUMNS[name])} FROM {self._table(name)} ORDER BY {ORDER[name]}"

    def _table(self, name: str) -> str:
        if name != "rejected":
            return name
        columns = ", ".join(COLUMNS["rejected"])
        set_aside = f"SELECT {columns} FROM rejected UNION ALL " if self._reader_set_rows_aside() else ""
        return f"({set_aside}SELECT {columns} FROM unmatched)"

    def _reader_set_rows_aside(self) -> bool:
        return set(COLUMNS["rejected"]) <= set(columns_of(self.con, visible_tables(self.con).get("rejected")))

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
    `connection` that holds the canonical tables `labs`, `exposures` and, where there are any, `events` and
    `patients`; the tables `episodes`, `recommendations`, `worklist`, `alerts`, `growth_factors` and `unmatched`
    are left in it, and nothing else of it is changed. `protocols`: from `load_protocols`, default the shipped
    ones. `as_of`: a day, default the last with a result or the start of an exposure.

    Raises `ValueError` where neither or both are given, where `as_of` is no plain date, where there is no
    day to evaluate, where the connection has temporary tables of names that the rule writes to, or where a
    whole frame or table is refused (`SourceError`). It supports clinical judgement and never replaces it.
    """
    frames = {"labs": labs, "exposures": exposures, "events": events, "patients": patients}
    both = connection is not None and any(frame is not None for frame in frames.values())
    if both or (connection is None and (labs is None or exposures is None)):
        raise ValueError("give labs and exposures, or a connection that holds them")
    if as_of is not None and (isinstance(as_of, datetime) or not isinstance(as_of, date)):
        raise ValueError(f"as_of is a day: give a datetime.date, not {as_of!r}")
    con = duckdb.connect() if connection is None else connection
    with working_tables(con):
        if connection is None:
            sources.read_frames(con, **frames)
        else:
            fill_in(con)
        write_tables(con, load_protocols() if protocols is None else protocols, temp=True)
        day = as_of or last_day(con)
        alerts.answer(con, day, default_settings())
    return Result(con, day)


def last_day(con: duckdb.DuckDBPyConnection) -> date:
    """The last day with a result or the start of an exposure; `SourceError` where there is neither."""
    day = con.execute(
        """SELECT greatest(
            (SELECT CAST(max(CAST(collected_at AS TIMESTAMP)) AS DATE) FROM labs),
            (SELECT max(CAST(start_on AS DATE)) FROM exposures)
        )"""
    ).fetchall()[0][0]
    if day is None:
        raise SourceError("no result and no exposure can be used: there is no day to evaluate; name one")
    return day


@contextmanager
def working_tables(con: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Leave no temporary table of ours behind, and those of the connection's owner as they were."""
    theirs = temporaries(con)
    taken = sorted(WORKING & theirs.keys())
    if taken:
        raise ValueError(f"the connection has temporary tables that the rule writes to: {', '.join(taken)}")
    try:
        yield
    finally:
        for name, kind in temporaries(con).items():
            if name not in theirs:
                con.execute(f'DROP {"VIEW" if kind == "VIEW" else "TABLE"} temp."{name}"')


def temporaries(con: duckdb.DuckDBPyConnection) -> dict[str, str]:
    return dict(
        con.execute(
            "SELECT lower(table_name), table_type FROM information_schema.tables WHERE table_catalog = 'temp'"
        ).fetchall()
    )


def visible_tables(con: duckdb.DuckDBPyConnection) -> dict[str, str]:
    """The full name of every table and view that a plain name reaches; temporary ones stand before others."""
    return dict(
        con.execute(
            """SELECT lower(table_name), format('"{}"."{}"."{}"', table_catalog, table_schema, table_name)
            FROM information_schema.tables
            WHERE table_catalog = 'temp'
                OR (table_catalog = current_database() AND table_schema = current_schema())
            ORDER BY table_catalog = 'temp'"""
        ).fetchall()
    )


def columns_of(con: duckdb.DuckDBPyConnection, table: str | None) -> list[str]:
    return [name.lower() for name, *_ in con.execute(f"DESCRIBE {table}").fetchall()] if table else []


def read_folder(con: duckdb.DuckDBPyConnection, folder: Path) -> None:
    """Show the canonical tables of a folder of Parquet (`folder/labs/…`, `folder/exposures/…`) under their names.

    Counts are in cells/µL: raw results, which have a column `unit`, are refused (SourceError), and so is a folder that
    is not whole (FolderError).
    """
    folders.show(con, folder, OPTIONAL)
    if "unit" in columns_of(con, visible_tables(con).get("labs")):
        raise SourceError(f"{folder}: labs have a column unit: they are raw results; load them first")
    fill_in(con)


def fill_in(con: duckdb.DuckDBPyConnection) -> None:
    """Stand a temporary view before a canonical table that is absent or leaves optional columns out.

    Raises SourceError where a table that is needed is absent or a required column is missing.
    """
    visible = visible_tables(con)
    for table, defaults in OPTIONAL.items():
        home, present = visible.get(table), columns_of(con, visible.get(table))
        missing = [f"{default} AS {name}" for name, default in defaults.items() if name not in present]
        if home is None and table in ("labs", "exposures"):
            raise SourceError(f"{table}: the connection holds no such table")
        if home is None:
            con.execute(f"CREATE TEMP VIEW {table} AS SELECT {', '.join(missing)} LIMIT 0")
            continue
        for name in REQUIRED[table]:
            if name not in present:
                raise SourceError(f"{table}: required column {name} is missing")
        if missing and home.startswith('"temp"'):
            raise SourceError(f"{table}: a temporary table needs every column: {', '.join(defaults)}")
        if missing:
            con.execute(f"CREATE TEMP VIEW {table} AS SELECT *, {', '.join(missing)} FROM {home}")
