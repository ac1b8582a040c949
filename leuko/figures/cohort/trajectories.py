"""ANC by day on the drug: faint lines, the median and the middle half of all courses, the bands behind them."""

import html
from itertools import pairwise

import pandas

from leuko.count_units import CountUnit
from leuko.facts import read_rows
from leuko.figures import labels
from leuko.figures.cohort.frame import Ink, blank, day_marks, row_below
from leuko.figures.counts import LOWEST_TOP, CountScale, band_roles, band_shape, edge_labels, edge_words, line_shape
from leuko.figures.panels import rows
from leuko.protocols.words import in_words

MARGIN = {"l": 104, "r": 232, "t": 12, "b": 76}
HANDLES = 20  # invisible points across the axis that make a line answer between its counts too
FEW = 10  # courses of which each can be followed
ABOVE = 1.5  # the axis reaches so many times the highest upper quartile; single counts may lie above it


def sentence(quartiles: pandas.DataFrame, minimum: int, unit: CountUnit) -> str:
    """`The median ANC is lowest on day 91 on the drug: 2,450 cells/µL, half of the courses between 1,380 and 3,590.`"""
    judged = quartiles[quartiles["courses"].ge(minimum)]
    if judged.empty:
        return f"On no day is the ANC of {minimum:,} courses known: too few for a median."
    lowest = judged.loc[judged["median"].idxmin()]
    lower, median, upper = (unit.number(lowest[name]) for name in ("lower", "median", "upper"))
    said = f"The median ANC is lowest on day {lowest['day']:,.0f} on the drug: {median} {unit.words}"
    return f"{said}, half of the courses between {lower} and {upper}."


def top(quartiles: pandas.DataFrame) -> float:
    """The highest count that the figure shows."""
    return max([LOWEST_TOP["anc"], *(ABOVE * quartiles["upper"])])


def figure(
    lines: pandas.DataFrame,
    quartiles: pandas.DataFrame,
    thresholds: pandas.DataFrame,
    minimum: int,
    unit: CountUnit,
    theme: str = "light",
) -> dict:
    """The frames are those of `leuko.cohort.Cohort`; a day of fewer courses than the `minimum` has no median."""
    ink = Ink(theme)
    judged = quartiles[quartiles["courses"].ge(minimum)]
    scale = CountScale.of([top(judged)], "anc", "linear", unit)
    last = int(lines["day"].max()) if len(lines) else 7
    drawn = blank(sentence(quartiles, minimum, unit), ink, scale.height, MARGIN)
    layout = drawn["layout"]
    marks = day_marks(last)
    layout["xaxis"] |= {"range": [-0.01 * last, 1.01 * last], "tickvals": marks, "showgrid": False}
    layout["xaxis"]["title"] |= {"text": "days on the drug", "standoff": 34}
    layout["yaxis"] |= scale.axis()
    layout["yaxis"]["title"] |= {"text": f"ANC, {unit.words}"}
    layout["dragmode"] = False
    bands, marked = read_rows("bands"), threshold_lines(thresholds, unit)
    layout["shapes"] = [band_shape(band, scale, ink) for band in bands]
    layout["shapes"] += [line_shape(number, scale, ink) for number in marked]
    layout["annotations"] = edge_labels(edge_words(bands, marked, [], scale), scale, ink)
    known = dict(zip(quartiles["day"], quartiles["courses"], strict=True))
    layout["annotations"] += row_below("ANC known", {day: known.get(day, 0) for day in marks}, ink, 32)
    drawn["data"] = [faint(lines, unit, ink), *middle_half(judged, unit, ink)]
    drawn["data"].append(between(lines, unit, max(1, last // HANDLES)))
    return drawn


def threshold_lines(thresholds: pandas.DataFrame, unit: CountUnit) -> dict[float, list[str]]:
    """Where the protocols of the cohort hold and resume, unless the bands show just that: number → its words.

    Where the protocols do not agree, the words are what a number does and in how many of them.
    """
    anc = thresholds[thresholds["analyte"].eq("anc")]
    protocols = anc["protocol"].nunique()
    agree = len(anc.drop_duplicates(["role", "operator", "number"])) == anc["role"].nunique()
    marked: dict[float, list[str]] = {}
    for number, same in anc.groupby("number"):
        asked = same[["role", "operator", "number"]].drop_duplicates()
        is_shown = agree and band_roles().issuperset(asked.itertuples(index=False, name=None))
        if is_shown and same["verified"].all():
            continue
        said = in_full(asked, unit) if agree else in_short(same, unit)
        remarks = remarks_on(same, protocols, agree=agree)
        marked[float(number)] = [said[0].upper() + said[1:] + (f"<br>({', '.join(remarks)})" if remarks else "")]
    return marked


def in_full(asked: pandas.DataFrame, unit: CountUnit) -> str:
    """`hold below 500 and resume at least 500`."""
    return " and ".join(
        f"{row.role} {in_words(row.operator)} {unit.number(row.number)}" for row in asked.itertuples()
    )


def in_short(same: pandas.DataFrame, unit: CountUnit) -> str:
    """`1,000: hold or resume`."""
    return f"{unit.number(same['number'].iat[0])}: {' or '.join(sorted(same['role'].unique()))}"


def remarks_on(same: pandas.DataFrame, protocols: int, *, agree: bool) -> list[str]:
    """`16 of 20 protocols`, `not all verified`: how far the words of a number go, together on one line."""
    those = same["protocol"].nunique()
    few = [f"{those} of {protocols} protocols"] if not agree and those < protocols else []
    return few if same["verified"].all() else [*few, "not verified" if agree else "not all verified"]


def faint(lines: pandas.DataFrame, unit: CountUnit, ink: Ink) -> dict:
    """All lines as one trace, each course followed by a gap; a point says who it is and opens him.

    Where they are few there is no median in front of them, and each is drawn to be seen.
    """
    is_alone = lines["course"].nunique() < FEW
    colour = ink.colour("faint" if is_alone else "faint_line")
    days, counts, who = [], [], []
    course = None
    for row in rows(lines):
        if course not in (None, row["course"]):
            days.append(None)
            counts.append(None)
            who.append(None)
        course = row["course"]
        said = f"{row['comparator']}{unit.said(row['anc'])}"
        days.append(row["day"])
        counts.append(unit.value(row["anc"]))
        who.append([html.escape(f"{row['patient_id']}, {row['drug']}"), row["patient_id"], html.escape(said)])
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": "courses",
        "x": days,
        "y": counts,
        "connectgaps": False,
        "line": {"color": colour, "width": 1},
        "marker": {"color": colour, "size": 5 if is_alone else 3, "line": {"width": 0}},
        "customdata": who,
        "hovertemplate": "<b>%{customdata[0]}</b><br>day %{x}: ANC %{customdata[2]}<extra></extra>",
    }


def between(lines: pandas.DataFrame, unit: CountUnit, step: int) -> dict:
    """Every `step` days on a line from count to count an invisible point that opens its patient and names no count."""
    days, counts, who = [], [], []
    for first, then in pairwise(rows(lines)):
        apart = then["day"] - first["day"]
        if first["course"] == then["course"]:
            said = [f"{first['patient_id']}, {first['drug']}", f"between day {first['day']:,} and day {then['day']:,}"]
            for passed in range(step, apart, step):
                days.append(first["day"] + passed)
                counts.append(unit.value(first["anc"] + (then["anc"] - first["anc"]) * passed / apart))
                who.append([html.escape(said[0]), first["patient_id"], said[1]])
    return {
        "type": "scatter",
        "mode": "markers",
        "name": "between counts",
        "x": days,
        "y": counts,
        "marker": {"size": 6, "opacity": 0},
        "customdata": who,
        "hovertemplate": "<b>%{customdata[0]}</b><br>%{customdata[2]}<extra></extra>",
    }


def middle_half(quartiles: pandas.DataFrame, unit: CountUnit, ink: Ink) -> list[dict]:
    """The quartiles as a band and the median as a line."""
    found = rows(quartiles)
    edge = {"type": "scatter", "mode": "lines", "hoverinfo": "skip", "line": {"width": 0}}
    edge |= {"x": [row["day"] for row in found]}
    said = [
        labels.hover(
            f"Day {row['day']:,}: median {unit.said(row['median'])}",
            f"half between {unit.number(row['lower'])} and {unit.number(row['upper'])}",
            f"{row['courses']:,} courses",
        )
        for row in found
    ]
    return [
        edge | {"name": "upper quartile", "y": [unit.value(row["upper"]) for row in found]},
        edge
        | {
            "name": "lower quartile",
            "y": [unit.value(row["lower"]) for row in found],
            "fill": "tonexty",
            "fillcolor": ink.colour("middle_fill"),
        },
        {
            "type": "scatter",
            "mode": "lines+markers",
            "name": "median",
            "x": [row["day"] for row in found],
            "y": [unit.value(row["median"]) for row in found],
            "line": {"color": ink.colour("line"), "width": 3},
            "marker": {"color": ink.colour("line"), "size": 5, "line": {"width": 0}},
            "customdata": [[text, ""] for text in said],
            "hovertemplate": "%{customdata[0]}<extra></extra>",
        },
    ]
