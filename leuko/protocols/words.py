"""How a comparison is said in a sentence."""

from leuko.facts import read_rows


def in_words(operator: str) -> str:
    """Say an operator for use after "is": "<" is "below".

    Raises KeyError for an operator that is not in `leuko/operators.csv`.
    """
    return {row["operator"]: row["words"] for row in read_rows("operators")}[operator]
