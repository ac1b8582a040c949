"""A hospital of many small random cohorts under the shipped protocols, as input frames and as CSV files.

Sites are given in turn; some patients stand in no patient list and so have no site. Some ANC are derived from
a differential that was reported in parts, and some reports are late, so that a past day knew less.
"""

import random
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path

import pandas

from leuko.sources import COLUMNS
from tests import cohorts

SITES = ("North", "South", "East", "West")
SETTINGS = {
    "dasatinib": (None, "dasatinib-cp-us", "dasatinib-advanced-us"),
    "mercaptopurine": (None, "mercaptopurine-anc-platelets"),
    "imatinib": (None,),
}
DIRTY_LABS = (
    {"patient_id": "S0-P1", "analyte": "anc", "value": "0.4", "collected_at": datetime(2024, 1, 5)},
    {"patient_id": "S1-P1", "analyte": "anc", "value": "haemolysed", "unit": "cells/uL",
     "collected_at": datetime(2024, 1, 5)},
)  # fmt: skip


@dataclass(frozen=True)
class Hospital:
    labs: pandas.DataFrame
    exposures: pandas.DataFrame
    patients: pandas.DataFrame
    events: pandas.DataFrame

    def known_by(self, day: date) -> dict[str, pandas.DataFrame]:
        """What stood in the files on that day; a later death or leaving was not yet written down."""
        reported = self.labs["reported_at"].fillna(self.labs["collected_at"])
        patients = self.patients.copy()
        for column in ("died_on", "left_on"):
            patients[column] = patients[column].where(patients[column] <= pandas.Timestamp(day))
        tomorrow = pandas.Timestamp(day) + timedelta(days=1)
        return {
            "labs": self.labs[reported < tomorrow],
            "exposures": self.exposures[self.exposures["start_on"] < tomorrow],
            "patients": patients,
            "events": self.events[self.events["occurred_at"] < tomorrow],
        }

    def write(self, folder: Path) -> dict[str, Path]:
        """The frames as CSV files, by the name of their table."""
        paths = {}
        for name, rows in vars(self).items():
            paths[name] = folder / f"{name}.csv"
            rows.to_csv(paths[name], index=False)
        return paths


def hospital(seeds: range) -> Hospital:
    """The cohorts of these seeds together, each patient renamed to `S<seed>-P<number>`."""
    rows = {name: [] for name in COLUMNS}
    for seed in seeds:
        rng = random.Random(seed)
        cohort = cohorts.random_cohort(seed)
        settings = {drug: rng.choice(known) for drug, known in SETTINGS.items()}
        own = {
            "labs": [row | {"unit": "cells/uL"} for row in cohort.labs if not row["derived"]],
            "exposures": [row | {"setting": settings[row["drug"]]} for row in cohort.exposures],
            "patients": [row | {"name": f"Name {seed}"} for row in cohort.patients],
            "events": cohort.events,
        }
        own["labs"] += differential(rng)
        for name, own_rows in own.items():
            rows[name] += [row | {"patient_id": f"S{seed}-{row['patient_id']}"} for row in own_rows]
    rows["labs"] += DIRTY_LABS
    for number, row in enumerate(rows["patients"]):
        row |= {"site": SITES[number % 4], "clinician": f"Dr {number % 3}" if number % 5 else None}
    return Hospital(**{name: frame(name, own_rows) for name, own_rows in rows.items()})


def differential(rng: random.Random) -> list[dict]:
    """WBC, segmented and band neutrophils of one moment, each reported on a day of its own."""
    moment = datetime.combine(cohorts.FIRST_DAY + timedelta(days=rng.randint(0, 30)), time(6, 15))
    parts = (("wbc", rng.choice((900, 2500)), "cells/uL"), ("segs_pct", 30, "%"), ("bands_pct", 25, "%"))
    return [
        {"patient_id": "P1", "analyte": analyte, "value": value, "unit": unit, "collected_at": moment,
         "reported_at": moment + timedelta(days=rng.choice((0, 1, 6)))}
        for analyte, value, unit in parts
    ]  # fmt: skip


def frame(name: str, rows: list[dict]) -> pandas.DataFrame:
    columns = [column for column in COLUMNS[name] if column != "raw_unit"]
    table = pandas.DataFrame(rows, columns=columns)
    for column in columns:
        if column.endswith(("_at", "_on", "_date")):
            table[column] = pandas.to_datetime(table[column])
    return table
