"""The rule over cohorts: from rows in the canonical shape, or from frames in a laboratory's units.

A test names only the fields it needs.
"""

import tempfile
from decimal import Decimal

import duckdb
import pandas

import leuko
from tests import cohorts

SCHEMA = {
    "labs": "patient_id TEXT, analyte TEXT, value DOUBLE, comparator TEXT, collected_at TIMESTAMP, "
    "reported_at TIMESTAMP, specimen TEXT, status TEXT, derived BOOLEAN",
    "exposures": "patient_id TEXT, drug TEXT, setting TEXT, dose_mg DOUBLE, dose_unit TEXT, start_on DATE, "
    "end_on DATE, end_reason TEXT",
    "events": "patient_id TEXT, kind TEXT, value TEXT, occurred_at TIMESTAMP",
    "patients": "patient_id TEXT, site TEXT, diagnosis TEXT, duffy_null BOOLEAN, died_on DATE, left_on DATE",
}
INPUT = {
    "labs": [
        "patient_id", "analyte", "value", "comparator", "unit",
        "collected_at", "reported_at", "specimen", "status",
    ],
    "exposures": ["patient_id", "drug", "setting", "dose_mg", "start_on", "end_on", "end_reason"],
    "events": ["patient_id", "kind", "value", "occurred_at"],
    "patients": ["patient_id", "diagnosis", "duffy_null", "died_on", "left_on"],
}
UNITS = {"cells/µL": 0, "10*9/L": 3, "K/uL": 3, "10*6/L": 0, "cells/L": -6, "10*4/uL": 4}


def admit(labs=(), exposures=(), events=(), patients=()):
    """A connection with these rows (dicts in the canonical shape; a field left out is missing)."""
    con = duckdb.connect()
    for table, rows in {"labs": labs, "exposures": exposures, "events": events, "patients": patients}.items():
        con.execute(f"CREATE TABLE {table} ({SCHEMA[table]})")
        names = [column.split()[0] for column in SCHEMA[table].split(", ")]
        if rows:
            con.register("admitted", frame(rows, names))
            con.execute(f"INSERT INTO {table} SELECT * FROM admitted")
            con.unregister("admitted")
    return con


def frame(rows, names):
    """Rows as a frame with these columns, each cell as it was given."""
    cells = [[row.get(name) for name in names] for row in rows]
    return pandas.DataFrame(cells, columns=names, dtype=object)


def read_protocols(protocols):
    """Protocols as `leuko` reads them, from dicts in the shape of their files."""
    with tempfile.TemporaryDirectory() as folder:
        cohorts.write_protocols(protocols, folder)
        return leuko.load_protocols(folder)


def evaluate(cohort, as_of=None):
    """`leuko.evaluate` on a `cohorts.Cohort`."""
    con = admit(cohort.labs, cohort.exposures, cohort.events, cohort.patients)
    protocols = read_protocols(cohort.protocols)
    return leuko.evaluate(connection=con, protocols=protocols, as_of=as_of or cohort.as_of)


def evaluate_frames(cohort, unit_of):
    """`leuko.evaluate` on frames, each count written in the unit that `unit_of(row)` names.

    A derived ANC is never input, so those rows are left out. A unit not in UNITS stands beside the bare
    number.
    """
    rows = {table: getattr(cohort, table) for table in INPUT}
    rows["labs"] = [written_in(row, unit_of(row)) for row in cohort.labs if not row["derived"]]
    frames = {table: frame(rows[table], names) for table, names in INPUT.items()}
    return leuko.evaluate(**frames, protocols=read_protocols(cohort.protocols), as_of=cohort.as_of)


def written_in(row, unit):
    value = Decimal(str(row["value"])).scaleb(-UNITS.get(unit, 0))
    return row | {"value": format(value, "f"), "unit": unit}
