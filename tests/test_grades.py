"""CTCAE grades: every row of spec/grades.csv, and what is refused."""

import csv
from pathlib import Path

import duckdb
import pytest

from leuko.facts import write_grades
from leuko.grades import grade
from leuko.store import QUERIES

with open(Path(__file__).parent / "spec" / "grades.csv", encoding="utf-8", newline="") as specification:
    ROWS = list(csv.DictReader(specification))


def number(text):
    return float(text) if text else None


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row['version']} {row['analyte']} {row['value']}")
def test_grade(row):
    expected = int(row["grade"]) if row["grade"] else None
    given = grade(row["analyte"], number(row["value"]), version=row["version"], lln=number(row["lln"]))
    assert given == expected, row["comment"]


def test_version_5_is_the_default():
    assert grade("anc", 499) == 4
    assert grade("anc", 499, version="6.0") == 3


def test_not_a_number_is_no_value_and_no_limit():
    assert grade("anc", float("nan"), lln=2000) is None
    assert grade("anc", 1600, lln=float("nan")) is None


@pytest.mark.parametrize("version", ["5", "7.0", "", None])
def test_unknown_version_is_refused(version):
    with pytest.raises(ValueError, match=r"CTCAE version .* is one of 4.03, 5.0, 6.0"):
        grade("anc", 400, version=version)


@pytest.mark.parametrize("analyte", ["ANC", "temperature", "lymphocytes", ""])
def test_unknown_analyte_is_refused(analyte):
    with pytest.raises(ValueError, match="is one of anc, platelets, wbc"):
        grade(analyte, 400)


@pytest.mark.parametrize("lln", [None, 1800.0])
@pytest.mark.parametrize("value", [0, 499.9, 500, 999.9, 1000, 1499.9, 1500, 1799.9, 1800, 4000, 24999, 75000, 150000])
@pytest.mark.parametrize("analyte", ["anc", "wbc", "platelets"])
def test_the_patient_page_gives_the_same_grade(analyte, value, lln):
    con = duckdb.connect()
    write_grades(con)
    con.execute(
        """CREATE TABLE results_used AS SELECT ? AS analyte, CAST(? AS DOUBLE) AS value, CAST(? AS DOUBLE) AS ref_low,
            '' AS comparator, DATE '2026-01-01' AS drawn_on, DATE '2026-01-01' AS collected_at,
            DATE '2026-01-01' AS reported_at, 'final' AS status, false AS derived, '' AS raw_value, '' AS raw_unit,
            '' AS specimen, '' AS source, true AS used""",
        [analyte, value, lln],
    )
    shown = con.execute(f"SELECT grade FROM ({QUERIES['counts']})").fetchall()[0][0]
    assert shown == grade(analyte, value, version="5.0", lln=lln)
