"""Audit events of a handful of patients: the rule and the measures as a load runs them, in memory.

`of_frames` takes input frames with their units, as the case files have them; `of_cohort` canonical rows.
"""

import duckdb

from leuko import measures, rules, sources
from leuko.protocols import write_tables
from leuko.settings import default_settings, with_values
from leuko.store import KEPT
from tests import hospital

# What the canonical tables have beside the columns that the rule reads.
BESIDE = {
    "labs": "source TEXT",
    "exposures": "source TEXT",
    "patients": "name TEXT, clinician TEXT",
}
REJECTED = "source TEXT, raw_record TEXT, reason TEXT, patient_id TEXT, kind TEXT"


def settings_with(**values):
    """The settings with these values, the others as they ship."""
    return with_values(default_settings(), values, "a test")


def of_frames(frames, protocols, as_of, settings=None):
    """A connection with `audit_events` of these frames; rows that cannot be used are set aside on the way."""
    con = duckdb.connect()
    sources.read_frames(con, **frames)
    return judged(con, protocols, as_of, settings)


def of_cohort(cohort, settings=None, as_of=None):
    """A connection with `audit_events` of a `cohorts.Cohort`."""
    con = hospital.admit(cohort.labs, cohort.exposures, cohort.events, cohort.patients)
    for table, columns in BESIDE.items():
        for column in columns.split(", "):
            con.execute(f"ALTER TABLE {table} ADD COLUMN {column}")
    if cohort.patients:
        known = [(row["name"], row["clinician"], row["patient_id"]) for row in cohort.patients]
        con.executemany("UPDATE patients SET name = ?, clinician = ? WHERE patient_id = ?", known)
    con.execute(f"CREATE TABLE rejected ({REJECTED})")
    return judged(con, hospital.read_protocols(cohort.protocols), as_of or cohort.as_of, settings)


def judged(con, protocols, as_of, settings=None):
    """The connection after the rule and the measures ran over its canonical tables."""
    write_tables(con, protocols)
    rules.run(con, as_of, keep=(*KEPT, *measures.READ))
    measures.run(con, as_of, settings or default_settings())
    return con
