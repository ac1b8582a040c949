"""The rows of a hospital delivered in parts, and what a database says when they have come.

A delivery is a dict of frames by table, as `wards.Hospital` has them.
"""

import os
import random
from datetime import date, datetime
from pathlib import Path

import duckdb
import pandas

from leuko import publish
from leuko.inputs import NEEDED, Shape, of_folder
from tests import hospital
from tests.wards import Hospital

Delivery = dict[str, pandas.DataFrame]

# What must not depend on the deliveries in which rows came; where a row came from does, and the number of a course.
TABLES = (
    "episodes", "recommendations", "worklist", "alerts", "growth_factors", "audit_events", "doses", "checks",
    "check_results", "check_failures", "unmatched", "labs", "exposures", "events", "patients", "rejected",
    "other_cells",
)  # fmt: skip
NOT_COMPARED = dict.fromkeys(TABLES, ("course", "source", "source_file", "source_row")) | {"alerts": ("course",)}
EXPOSURE = ["patient_id", "drug", "setting", "dose_mg", "start_on"]


def in_parts(whole: Hospital, shares: tuple[float, ...], rng: random.Random) -> list[Delivery]:
    """Its rows at random in deliveries of these shares. Rows that are alike in every field stay together, as do several
    ends of one exposure: what comes again later is there already, or takes the place of what came before.
    """
    parts = range(len(shares))
    split = {}
    for name, rows in vars(whole).items():
        alike = rows.groupby(EXPOSURE if name == "exposures" else list(rows.columns), dropna=False, sort=False).ngroup()
        part_of = {group: rng.choices(parts, shares)[0] for group in alike.unique()}
        split[name] = [rows[alike.map(part_of) == part] for part in parts]
    return [{name: rows[part] for name, rows in split.items()} for part in parts]


def result(patient: str, analyte: str, value: object, collected_at: datetime, **fields: object) -> dict:
    """A row of labs with only the fields that a test is about."""
    row = {"patient_id": patient, "analyte": analyte, "value": value, "unit": "cells/uL", "collected_at": collected_at}
    return row | fields


def write_rows(rows: dict[str, list[dict]], folder: Path) -> Path:
    """A folder with rows of only some fields as CSV files, by the name of their table."""
    folder.mkdir(parents=True)
    for name, listed in rows.items():
        fields = [*dict.fromkeys(field for row in listed for field in row)]
        hospital.frame(listed, fields).to_csv(folder / f"{name}.csv", index=False)
    return folder


def write(delivery: Delivery, folder: Path) -> Path:
    """A folder with the delivery as CSV files; a table without rows is left out where it may be."""
    folder.mkdir(parents=True)
    for name, rows in delivery.items():
        if len(rows) or name in NEEDED:
            rows.to_csv(folder / f"{name}.csv", index=False)
    return folder


def load(db: Path, folder: Path, *, as_of: date | None = None) -> int:
    """Load a folder of CSV files: the first whole, the next added."""
    found = of_folder(folder, Shape(), adding=db.exists())
    publishing = publish.add if db.exists() else publish.load
    return publishing(db, found.read, files=found.files, as_of=as_of)


def contents(db: Path) -> dict[str, list[tuple]]:
    """The rows of every table of TABLES, sorted."""
    with duckdb.connect(os.path.realpath(db), read_only=True) as con:
        return {name: rows(con, name) for name in TABLES}


def rows(con: duckdb.DuckDBPyConnection, table: str) -> list[tuple]:
    names = [name for name, *_ in con.execute(f"DESCRIBE {table}").fetchall() if name not in NOT_COMPARED[table]]
    columns = ", ".join(f'"{name}"' for name in names)
    return con.execute(f"SELECT {columns} FROM {table} ORDER BY ALL").fetchall()


def asked(db: Path, query: str, *parameters) -> list[tuple]:
    """The rows of a query on the version that readers open now."""
    with duckdb.connect(os.path.realpath(db), read_only=True) as con:
        return con.execute(query, parameters).fetchall()
