"""A DuckDB connection that holds the canonical tables of a small cohort, with only the fields a test names."""

import tempfile

import duckdb

import leuko
from tests import cohorts

SCHEMA = {
    "labs": "patient_id TEXT, analyte TEXT, value DOUBLE, comparator TEXT, collected_at TIMESTAMP, reported_at TIMESTAMP, "
    "specimen TEXT, status TEXT, derived BOOLEAN",
    "exposures": "patient_id TEXT, drug TEXT, setting TEXT, dose_mg DOUBLE, dose_unit TEXT, start_on DATE, end_on DATE, "
    "end_reason TEXT",
    "events": "patient_id TEXT, kind TEXT, value TEXT, occurred_at TIMESTAMP",
    "patients": "patient_id TEXT, site TEXT, died_on DATE, left_on DATE",
}


def admit(labs=(), exposures=(), events=(), patients=()):
    """A connection with these rows (dicts in the canonical shape; a field left out is missing)."""
    con = duckdb.connect()
    for table, rows in {"labs": labs, "exposures": exposures, "events": events, "patients": patients}.items():
        con.execute(f"CREATE TABLE {table} ({SCHEMA[table]})")
        names = [column.split()[0] for column in SCHEMA[table].split(", ")]
        if rows:
            con.executemany(
                f"INSERT INTO {table} VALUES ({', '.join('?' * len(names))})",
                [[row.get(name) for name in names] for row in rows],
            )
    return con


def read_protocols(protocols):
    """Protocols as `leuko` reads them, from dicts in the shape of their files."""
    with tempfile.TemporaryDirectory() as folder:
        cohorts.write_protocols(protocols, folder)
        return leuko.load_protocols(folder)


def evaluate(cohort, as_of=None):
    """`leuko.evaluate` on a `cohorts.Cohort`."""
    con = admit(cohort.labs, cohort.exposures, cohort.events, cohort.patients)
    return leuko.evaluate(connection=con, protocols=read_protocols(cohort.protocols), as_of=as_of or cohort.as_of)
