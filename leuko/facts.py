"""Named numbers that stand as tables beside the code, each row with its source."""

import csv
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent


@cache
def read_limits() -> dict[str, int]:
    """The rule's own numbers (days of grace, implausible counts) by name, from limits.csv."""
    with open(FOLDER / "limits.csv", encoding="utf-8", newline="") as file:
        return {row["name"]: int(row["value"]) for row in csv.DictReader(file)}
