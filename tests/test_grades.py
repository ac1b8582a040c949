"""CTCAE grades: every row of spec/grades.csv, and what is refused."""

import csv
from pathlib import Path

import pytest

from leuko.grades import grade

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
