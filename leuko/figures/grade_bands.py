"""The bands of CTCAE grades behind a count: shades and lines at the published cuts, with words. They decide nothing."""

from dataclasses import dataclass
from itertools import groupby, pairwise

import pandas

from leuko.count_units import CountUnit
from leuko.facts import read_rows
from leuko.figures.panels import View

VERSION = "5.0"
GRADE_VERSION = f"CTCAE v{VERSION}"


@dataclass(frozen=True)
class GradeBand:
    """A grade ends below this count, in cells/µL; `since` to `until`, or all the time (None)."""

    grade: str
    below: float
    since: pandas.Timestamp | None = None
    until: pandas.Timestamp | None = None

    def words(self, unit: CountUnit) -> str:
        return f"{GRADE_VERSION} grade {self.grade}, below {unit.number(self.below)}"

    def shapes(self, bottom: float, top: float, view: View) -> list[dict]:
        """The shade from the bottom of the axis, so that a graver grade lies darker, and the line at the cut, `top`."""
        across = {"xref": "paper", "x0": 0, "x1": 1}
        if self.since is not None:
            across = {"xref": "x", "x0": self.since.isoformat(), "x1": self.until.isoformat()}
        placed = across | {"layer": "below", "yref": "y", "y1": top}
        line = {"color": view.colour("faint"), "width": 1, "dash": "dot"}
        return [
            placed | {"type": "rect", "y0": bottom, "line": {"width": 0}, "fillcolor": view.colour("grade_band")},
            placed | {"type": "line", "y0": top, "line": line},
        ]


def grade_bands(counts: list[dict], analyte: str, view: View) -> list[GradeBand]:
    """The bands of a count, the gravest grade first; one that ends at the laboratory's limit only where that is known.

    `counts`: the results in use, in time order; a limit stands until a result comes with another one, or with none.
    """
    bands = []
    for row in cuts(analyte):
        if row["below"] != "lln":
            bands.append(GradeBand(row["grade"], float(row["below"])))
            continue
        bands += [
            GradeBand(row["grade"], limit, since, until)
            for limit, since, until in limits(counts, view)
            if limit > float(row["at_least"])
        ]
    return bands


def cuts(analyte: str) -> list[dict]:
    """The rows of `grades.csv` for an analyte, the gravest grade first."""
    rows = [row for row in read_rows("grades") if (row["version"], row["analyte"]) == (VERSION, analyte)]
    return sorted(rows, key=lambda row: row["grade"], reverse=True)


def limits(counts: list[dict], view: View) -> list[tuple[float, pandas.Timestamp, pandas.Timestamp]]:
    """The laboratory's lower limits of normal: limit, and from when until when it stood."""
    runs = [(limit, next(run)["collected_at"]) for limit, run in groupby(counts, key=lambda count: count["ref_low"])]
    ends = pairwise([*runs, (None, view.as_of + pandas.Timedelta(days=1))])
    return [(limit, since, until) for (limit, since), (_, until) in ends if limit is not None]
