"""Conversion to cells/µL, % and °C: spec/units.csv through the real readers, and the unit table."""

import csv
from pathlib import Path

import duckdb
import pandas

from leuko import sources

SPEC = Path(__file__).parent / "spec"
FACTS = Path(sources.__file__).parent.parent
NO_EXPOSURES = pandas.DataFrame(columns=["patient_id", "drug", "dose_mg", "start_on"], dtype=str)


def rows_of(path):
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def converted(results):
    """(value, comparator) by the patient's place, of rows (analyte, value, unit)."""
    labs = pandas.DataFrame(results, columns=["analyte", "value", "unit"]).assign(collected_at="2024-03-01")
    labs["patient_id"] = [str(place) for place in range(len(labs))]
    con = duckdb.connect()
    sources.read_frames(con, labs=labs, exposures=NO_EXPOSURES)
    kept = {
        int(place): (value, sign)
        for place, value, sign in con.execute(
            "SELECT patient_id, value, comparator FROM labs WHERE NOT derived"
        ).fetchall()
    }
    refused = {
        int(place): reason
        for place, reason in con.execute("SELECT patient_id, reason FROM rejected").fetchall()
    }
    return kept, refused


def test_every_row_of_the_specification():
    rows = rows_of(SPEC / "units.csv")
    kept, refused = converted([(row["analyte"], row["input"], row["unit"]) for row in rows])
    wrong = [
        (row, kept.get(place), refused.get(place))
        for place, row in enumerate(rows)
        if kept.get(place) != (float(row["expected"]), row["comparator"])
    ]
    assert not wrong


def test_every_spelling_of_the_table_is_read_or_refused_as_it_says():
    rows = rows_of(FACTS / "units.csv")
    analyte = {
        "cells": "wbc",
        "refused": "wbc",
        "percent": "segs_pct",
        "celsius": "temperature",
        "fahrenheit": "temperature",
    }
    expected = {
        "cells": lambda row: (
            2.0 * 10 ** int(row["power"]) if int(row["power"]) >= 0 else float(f"2e{row['power']}")
        ),
        "percent": lambda row: 2.0,
        "celsius": lambda row: 2.0,
        "fahrenheit": lambda row: -50 / 3,
    }
    kept, refused = converted([(analyte[row["quantity"]], "2", row["spelling"]) for row in rows])
    for place, row in enumerate(rows):
        if row["quantity"] == "refused":
            assert refused[place] == "unit unknown", row
        elif row["quantity"] == "fahrenheit":
            assert refused[place] == "negative", row
        else:
            assert kept[place][0] == expected[row["quantity"]](row), row


def test_no_two_spellings_that_read_alike_disagree():
    alike = duckdb.connect()
    no_labs = pandas.DataFrame(columns=["patient_id", "analyte", "value", "collected_at"], dtype=str)
    sources.read_frames(alike, labs=no_labs, exposures=NO_EXPOSURES)
    disagreeing = alike.execute(
        """SELECT lower(folded_unit(spelling)) FROM known_units WHERE case_matters IS NULL
        GROUP BY 1 HAVING count(DISTINCT quantity || coalesce(power, '')) > 1"""
    ).fetchall()
    assert disagreeing == []


def test_every_fact_has_a_source():
    for table in ("units", "codes", "grades", "limits"):
        rows = rows_of(FACTS / f"{table}.csv")
        assert rows
        assert [row for row in rows if not row["source"]] == []


def test_codes_are_unique_and_name_blood_only():
    codes = [row["code"] for row in rows_of(FACTS / "codes.csv")]
    assert len(codes) == len(set(codes))
    assert "758-3" not in codes, "neutrophils in ascites are no ANC"


def test_spellings_met_in_real_feeds(real_data):
    rows = [
        row
        for row in rows_of(real_data / "unit_spellings.csv")
        if row["unit_as_written"] and row["factor_to_10e9_per_L"] not in ("", "needs WBC")
    ]
    kept, refused = converted([("wbc", "2", row["unit_as_written"]) for row in rows])
    for place, row in enumerate(rows):
        if row["unit_as_written"] in ("10", "nl"):
            assert refused[place] == "unit unknown"
        else:
            assert kept[place][0] == 2000 * float(row["factor_to_10e9_per_L"]), row
