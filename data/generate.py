"""Write the simulated demonstration cohort: `python data/generate.py` makes the same four CSV files again.

Nobody in it is real. Counts come from a mechanistic model of the marrow that follows the doses given (marrow.py), doses
from clinicians who mostly follow the tables (clinic.py); what they are made from stands in cohort.toml, and what came
out is set beside published figures in README.md. The same patients at any number, for benchmarks:

    python data/generate.py --patients 1000000 --parquet FOLDER
"""

import argparse
import csv
import sys
import tomllib
from collections.abc import Callable
from functools import partial
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent.parent))

import duckdb
import numpy as np
import pandas as pd

from data.clinic import CLOTTED, DRAWN, Clinic
from data.enrolment import enrol
from data.records import COLUMNS, Records
from data.stories import tell_stories

FOLDER = Path(__file__).parent
COHORT = tomllib.loads((FOLDER / "cohort.toml").read_text(encoding="utf-8"))
LAST_DAY = COHORT["last_day"]
PATIENTS = sum(group["count"] for group in COHORT["group"])
KINDS = {  # of the columns in Parquet that are no text
    "DATE": "birth_date died_on left_on start_on end_on",
    "TIMESTAMP": "collected_at reported_at occurred_at",
    "DOUBLE": "dose_mg ref_low ref_high",
    "BOOLEAN": "duffy_null derived",
}
CHUNK = 10_000  # patients that are followed at once, in less than half a GB


def simulate(
    size: int = PATIENTS, chunk: int = 0, digits: int = 4, progress: Callable[[int], None] = lambda day: None
) -> Records:
    """`size` patients, followed to the last day. Each chunk has a random stream of its own."""
    random = np.random.default_rng([COHORT["seed"], chunk])
    who = enrol(COHORT, size, random)
    tell_stories(who, COHORT, random)
    clinic = Clinic(who, COHORT["days"], random).follow(progress)
    return Records(clinic, COHORT, random, first=chunk * CHUNK + 1, digits=digits)


def generate(folder: Path = FOLDER) -> None:
    """Write patients.csv, exposures.csv, labs.csv and events.csv into `folder`."""
    records = simulate()
    for name, columns in COLUMNS.items():
        rows = getattr(records, name)().itertuples(index=False, name=None)
        bad = csv.reader(COHORT["bad_rows"].get(name, "").split("\n")[1:-1])
        with (folder / f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
            csv.writer(file, lineterminator="\n").writerows([columns.split(), *rows, *bad])


def stream(patients: int, folder: Path) -> None:
    """Canonical tables of any number of patients as Parquet, a file a chunk; no row of them has to be set aside."""
    for name in COLUMNS:
        (folder / name).mkdir(parents=True, exist_ok=True)
    for chunk, done in enumerate(range(0, patients, CHUNK)):
        size = min(CHUNK, patients - done)
        records = simulate(size, chunk, digits=8, progress=partial(show, patients, done, size))
        for name, table in canonical(records).items():
            write_parquet(table, folder / name / f"{chunk:05d}.parquet")
    show(patients, patients, size=0, day=0)


def write_parquet(table: pd.DataFrame, path: Path) -> None:
    """Every file of a table has the same types, also where a column of it is empty."""
    kinds = {column: kind for kind, columns in KINDS.items() for column in columns.split()}
    labs = {"value": "DOUBLE"} if "analyte" in table else {}
    chosen = ", ".join(f"CAST({column} AS {(kinds | labs).get(column, 'TEXT')}) AS {column}" for column in table)
    with duckdb.connect() as con:
        con.register("rows", table)
        con.execute(f"COPY (SELECT {chosen} FROM rows) TO '{path}' (FORMAT parquet)")


def canonical(records: Records) -> dict[str, pd.DataFrame]:
    """The tables as a load leaves them: counts in cells/µL, days as dates, missing values empty."""
    tables = {"patients": records.patients(), "exposures": records.exposures(slips=False)}
    drawn = records.draws()
    shown = {"anc": drawn["came_out"].eq(DRAWN), "wbc": drawn["came_out"].ne(CLOTTED)}
    shown["platelets"] = shown["wbc"] & drawn["platelets"].notna()
    labs = pd.concat([drawn[where].assign(analyte=name, value=drawn[name]) for name, where in shown.items()])
    tables["labs"] = pd.DataFrame({
        "patient_id": records.ids[labs["patient"]], "analyte": labs["analyte"].to_numpy(),
        "value": labs["value"].to_numpy(), "comparator": "", "collected_at": labs["collected_at"].to_numpy(),
        "reported_at": labs["reported_at"].to_numpy(), "specimen": None, "status": "final", "ref_low": None,
        "ref_high": None, "raw_value": None, "raw_unit": "cells/µL", "derived": False,
    })  # fmt: skip
    tables["events"] = records.events(slips=False)
    tables = {name: table.replace({"": None}) for name, table in tables.items()}
    tables["labs"]["comparator"] = ""
    return {name: table if name == "patients" else table.assign(source="simulated") for name, table in tables.items()}


def show(patients: int, done: int, size: int, day: int) -> None:
    """A bar on a terminal: how many patients have been followed, those under way in parts."""
    if sys.stderr.isatty():
        done += size * day / COHORT["days"]
        bar = "█" * round(30 * done / patients)
        print(f"\r{bar:<30} {done:,.0f} of {patients:,} patients", end="\n" * (not size), file=sys.stderr, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--patients", type=int, default=PATIENTS, help="how many, for --parquet")
    parser.add_argument("--parquet", type=Path, metavar="FOLDER", help="write Parquet there instead of the CSV files")
    chosen = parser.parse_args()
    if chosen.parquet:
        stream(chosen.patients, chosen.parquet)
    else:
        generate()


if __name__ == "__main__":
    main()
