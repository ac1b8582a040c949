"""CTCAE grades of low counts, from the published table in ``grades.csv``. A grade decides nothing."""

import csv
import functools
import math
from pathlib import Path

TABLE = Path(__file__).with_name("grades.csv")


def grade(analyte, value, *, version="5.0", lln=None):
    """The CTCAE grade of a count: 0 (not low) to 4, or None where it cannot be graded.

    ``analyte`` is ``"anc"``, ``"wbc"`` or ``"platelets"``; ``value`` and ``lln`` (the laboratory's lower
    limit of normal) are cells/µL. ``version`` is ``"4.03"``, ``"5.0"`` or ``"6.0"``; they differ: an ANC of
    499 is grade 4 in 5.0 and grade 3 in 6.0. None: no value, a negative one, or a value at which only the
    missing limit of normal could tell grade 1 from 0. Raises ValueError for another version or analyte.
    Source: NCI CTCAE as transcribed by pharmaverse/admiral, a row each in ``grades.csv``.
    """
    cuts = _cuts().get((version, analyte))
    if cuts is None:
        _refuse(analyte, version)
    count = _number(value)
    if count is None or count < 0:
        return None
    limit = _number(lln)
    for number, at_least, below in cuts:
        if at_least is not None and count < at_least:
            continue
        if below == "lln":
            if limit is None:
                return None
            below = limit
        if count < below:
            return number
    return 0


def _number(given):
    return None if given is None or math.isnan(given) else given


def _refuse(analyte, version):
    known = _cuts().keys()
    versions = sorted({each for each, _ in known})
    if version not in versions:
        raise ValueError(f"CTCAE version {version!r} is not known: it is one of {', '.join(versions)}")
    analytes = sorted({each for _, each in known})
    raise ValueError(f"{analyte!r} has no CTCAE grade here: it is one of {', '.join(analytes)}")


@functools.cache
def _cuts():
    """(version, analyte) → rows (grade, at least, below), the most severe grade first."""
    cuts = {}
    with open(TABLE, encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            at_least = float(row["at_least"]) if row["at_least"] else None
            below = "lln" if row["below"] == "lln" else float(row["below"])
            cuts.setdefault((row["version"], row["analyte"]), []).append((int(row["grade"]), at_least, below))
    return {key: sorted(rows, reverse=True) for key, rows in cuts.items()}
