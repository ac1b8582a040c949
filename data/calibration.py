"""What came out of the simulation: the results that targets.csv names, read from the four CSV files."""

import csv
from pathlib import Path

import numpy as np
import pandas as pd

FOLDER = Path(__file__).parent
CHRONIC = "CML, chronic phase"
SIX_MONTHS = 182
ENOUGH = 150  # days from the first dose that a dasatinib patient must be seen to be counted
WRITTEN = pd.Timestamp("2026-02-21")  # from here on some patients live through a story of cohort.toml: not counted


def read(folder: Path = FOLDER) -> dict[str, pd.DataFrame]:
    """The four files as text, without the rows that name nobody."""
    names = ("patients", "exposures", "labs", "events")
    return {name: pd.read_csv(folder / f"{name}.csv", dtype=str, keep_default_na=False) for name in names}


def counts(tables: dict[str, pd.DataFrame], analyte: str = "anc") -> pd.DataFrame:
    """One count a patient and day in cells/µL, the lowest; results that cannot be read or were taken back left out."""
    labs = tables["labs"]
    labs = labs[labs["analyte"].eq(analyte) & labs["status"].isin(["final", "corrected"])]
    factor = labs["unit"].map({"10*9/L": 1000, "K/uL": 1000, "cells/uL": 1})
    value = pd.to_numeric(labs["value"].str.lstrip("<"), errors="coerce") * factor
    day = pd.to_datetime(labs["collected_at"], errors="coerce").dt.normalize()
    found = pd.DataFrame({"patient_id": labs["patient_id"], "day": day, "value": value, "at": labs["reported_at"]})
    found = found[(found["value"] >= 0) & (found["value"] < 500_000) & found["patient_id"].ne("")].dropna()
    found = found[found["day"] < WRITTEN]
    found = found.sort_values("at").drop_duplicates(["patient_id", "day"], keep="last")
    return found.sort_values(["patient_id", "day"], ignore_index=True)[["patient_id", "day", "value"]]


def courses(tables: dict[str, pd.DataFrame], drug: str) -> pd.DataFrame:
    """First dose of each patient on the drug, and the last day that the patient was seen on."""
    doses = tables["exposures"]
    doses = doses[doses["drug"].eq(drug) & doses["patient_id"].ne("")]
    start = pd.to_datetime(doses["start_on"]).groupby(doses["patient_id"]).min().rename("start")
    patients = tables["patients"].set_index("patient_id")[["diagnosis", "duffy_null"]]
    return patients.join(start, how="inner").reset_index()


def on_drug(tables: dict[str, pd.DataFrame], drug: str, analyte: str = "anc") -> pd.DataFrame:
    """Counts from the first dose on, with the day of the course."""
    found = counts(tables, analyte).merge(courses(tables, drug), on="patient_id")
    found["course_day"] = (found["day"] - found["start"]).dt.days
    return found[found["course_day"] >= 0]


def chronic_phase(tables: dict[str, pd.DataFrame], analyte: str = "anc") -> pd.DataFrame:
    """Counts of dasatinib patients in chronic phase who were seen for long enough."""
    found = on_drug(tables, "dasatinib", analyte)
    found = found[found["diagnosis"].eq(CHRONIC)]
    last = found.groupby("patient_id")["course_day"].transform("max")
    return found[last >= ENOUGH]


def share_below(found: pd.DataFrame, cut: float) -> float:
    return 100 * found.groupby("patient_id")["value"].min().lt(cut).mean()


def first_below(found: pd.DataFrame, cut: float) -> pd.Series:
    return found[found["value"] < cut].groupby("patient_id")["course_day"].min()


def recurrent(found: pd.DataFrame, cut: float) -> float:
    """Of the patients with a count below `cut` who came back and were seen for 60 days more: again below, in %."""
    again = []
    for _, course in found.groupby("patient_id"):
        days, values = course["course_day"].to_numpy(), course["value"].to_numpy()
        below = np.flatnonzero(values < cut)
        returned = np.flatnonzero((values >= cut) & (np.arange(len(values)) > below[0])) if len(below) else []
        if len(returned) and days[-1] - days[returned[0]] >= 60:
            again.append((values[returned[0]:] < cut).any())
    return 100 * float(np.mean(again))


def interrupted(tables: dict[str, pd.DataFrame], patients: pd.Series) -> float:
    """Share of the patients whose dasatinib was stopped for some days and given again, in %."""
    doses = tables["exposures"]
    doses = doses[doses["drug"].eq("dasatinib") & doses["patient_id"].isin(patients) & doses["dose_mg"].ne("0")]
    start, end = pd.to_datetime(doses["start_on"]), pd.to_datetime(doses["end_on"], errors="coerce")
    before = end.groupby(doses["patient_id"]).shift()
    return 100 * (start - before).dt.days.gt(1).groupby(doses["patient_id"]).any().mean()


def confirmed_red(tables: dict[str, pd.DataFrame]) -> pd.Series:
    """Day of the first of two counts below 1,500 in a row, of each general clozapine patient who has them."""
    found = on_drug(tables, "clozapine")
    found = found[found["duffy_null"].ne("true")]
    after = found.groupby("patient_id")["value"].shift(-1)
    return found[(found["value"] < 1500) & (after < 1500)].groupby("patient_id")["course_day"].min()


def days_low(found: pd.DataFrame, cut: float) -> pd.Series:
    """Days from the first count below the cut to the next count at it or above, of each patient."""
    first = first_below(found, cut)
    later = found[found["value"] >= cut].merge(first.rename("low_on"), left_on="patient_id", right_index=True)
    back = later[later["course_day"] > later["low_on"]].groupby("patient_id")["course_day"].min()
    return (back - first).dropna()


def results(tables: dict[str, pd.DataFrame]) -> dict[str, float]:
    """Every result that targets.csv names."""
    chronic, platelets = chronic_phase(tables), chronic_phase(tables, "platelets")
    onset = first_below(chronic, 1500)
    clozapine = courses(tables, "clozapine")
    red = confirmed_red(tables)
    ribociclib, children = on_drug(tables, "ribociclib"), on_drug(tables, "mercaptopurine")
    return {
        "dasatinib_neutropenia": share_below(chronic, 1500),
        "dasatinib_grade_3_or_4": share_below(chronic, 1000),
        "dasatinib_grade_4": share_below(chronic, 500),
        "dasatinib_onset": onset.median(),
        "dasatinib_onset_by_149": 100 * onset.le(149).mean(),
        "dasatinib_platelet_onset": first_below(platelets, 75_000).median(),
        "dasatinib_recurrent": recurrent(chronic, 1000),
        "dasatinib_interrupted": interrupted(tables, chronic["patient_id"].drop_duplicates()),
        "clozapine_red": 100 * len(red) / clozapine["duffy_null"].ne("true").sum(),
        "clozapine_red_in_6_months": 100 * red.le(SIX_MONTHS).mean(),
        "ribociclib_onset": first_below(ribociclib, 1000).median(),
        "ribociclib_days_low": days_low(ribociclib, 1000).median(),
        "mercaptopurine_below_500": 100 * children["value"].lt(500).mean(),
        "mercaptopurine_below_750": 100 * children["value"].lt(750).mean(),
        "mercaptopurine_below_1000": 100 * children["value"].lt(1000).mean(),
        "mercaptopurine_median": children["value"].median(),
    }


def targets(folder: Path = FOLDER) -> list[dict[str, str]]:
    """Rows of targets.csv: name, what it is, the published figure, from and to what a result may lie, unit, source."""
    with (folder / "targets.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def table(found: dict[str, float], folder: Path = FOLDER) -> str:
    """Targets beside results, as README.md shows them."""
    rows = ["| name | what | published | may be | result | unit |", "|---|---|---|---|---|---|"]
    for row in targets(folder):
        span = f"{row['from']} to {row['to']}"
        result = f"{found[row['name']]:.3g}" if found[row["name"]] < 1000 else f"{found[row['name']]:.0f}"
        rows.append(f"| `{row['name']}` | {row['what']} | {row['published']} | {span} | {result} | {row['unit']} |")
    return "\n".join(rows)


if __name__ == "__main__":
    print(table(results(read())))
