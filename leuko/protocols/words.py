"""How a comparison is said in a sentence."""

import csv
from functools import cache
from pathlib import Path

OPERATORS_FILE = Path(__file__).parent.parent / "operators.csv"


@cache
def _words() -> dict[str, dict[str, str]]:
    with OPERATORS_FILE.open(encoding="utf-8", newline="") as file:
        return {row["operator"]: row for row in csv.DictReader(file)}


def in_words(operator: str, *, negated: bool = False) -> str:
    """Say an operator for use after "is": "<" is "below", or "not below" where negated.

    Raises KeyError for an operator that is not in `leuko/operators.csv`.
    """
    return _words()[operator]["negated" if negated else "words"]
