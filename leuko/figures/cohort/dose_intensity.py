"""How much of the starting dose a course was given, against its ANC: one point a course."""

import pandas

from leuko.count_units import CountUnit
from leuko.facts import read_rows
from leuko.figures import labels
from leuko.figures.cohort.frame import Ink, blank
from leuko.figures.counts import LOWEST_TOP, CountScale, band_shape, edge_labels, edge_words
from leuko.figures.findings import counted, percent
from leuko.figures.panels import rows

MARGIN = {"l": 72, "r": 108, "t": 12, "b": 52}
MOST_POINTS = 2_000
WHICH = {"lowest_anc": "lowest", "median_anc": "median"}
MARKS = (0, 50, 100, 150, 200, 300, 400, 600, 800)


def sentence(courses: pandas.DataFrame, which: str, unit: CountUnit) -> str:
    """Of those given less than the starting dose, and of the others, the median of the lowest (or median) ANC."""
    less = courses["share_given"].lt(1)
    parts = {"less than the starting dose": courses[less], "all of it or more": courses[~less]}
    said = [
        f"{len(part):,} {'was' if len(part) == 1 else 'were'} given {words}{middle(part, which, unit)}"
        for words, part in parts.items()
    ]
    return f"Of {counted(len(courses), 'course')} {', '.join(said)}."


def middle(courses: pandas.DataFrame, which: str, unit: CountUnit) -> str:
    if courses.empty:
        return ""
    half = unit.said(courses[which].quantile(0.5, interpolation="lower"))
    return f" (median of their {WHICH[which]} ANC {half})"


def drawn_courses(courses: pandas.DataFrame) -> pandas.DataFrame:
    """At most MOST_POINTS of them, evenly from the smallest share to the largest."""
    if len(courses) <= MOST_POINTS:
        return courses
    ordered = courses.sort_values(["share_given", "course"])
    return ordered.iloc[[place * len(ordered) // MOST_POINTS for place in range(MOST_POINTS)]]


def figure(courses: pandas.DataFrame, which: str, unit: CountUnit, theme: str = "light") -> dict:
    """`courses`: those of `leuko.cohort.findings.with_doses`; `which`: `lowest_anc` or `median_anc`."""
    ink = Ink(theme)
    found = rows(drawn_courses(courses)[["patient_id", "dose", "share_given", "lowest_comparator", *WHICH]])
    highest = courses[which].quantile(0.99) if len(courses) else 0
    scale = CountScale.of([max(LOWEST_TOP["anc"], highest)], "anc", "linear", unit)
    drawn = blank(sentence(courses, which, unit), ink, scale.height, MARGIN)
    layout = drawn["layout"]
    end = max([1.0, *(row["share_given"] for row in found)])
    layout["xaxis"] |= {"range": [-4, 100 * end + 4], "showgrid": False}
    layout["xaxis"] |= {"tickvals": list(MARKS), "ticktext": [f"{mark} %" for mark in MARKS], "tickangle": 0}
    layout["xaxis"]["title"] |= {"text": "share of the starting dose that was given"}
    layout["yaxis"] |= scale.axis()
    layout["yaxis"]["title"] |= {"text": f"{WHICH[which]} ANC, {unit.words}"}
    layout["dragmode"] = False
    bands = read_rows("bands")
    layout["shapes"] = [band_shape(band, scale, ink) for band in bands]
    layout["annotations"] = edge_labels(edge_words(bands, {}, [], scale), scale, ink)
    drawn["data"] = [points(found, which, unit, ink)]
    return drawn


def points(found: list[dict], which: str, unit: CountUnit, ink: Ink) -> dict:
    def said(row: dict) -> str:
        sign = row["lowest_comparator"] if which == "lowest_anc" else ""
        return labels.hover(
            f"{row['patient_id']}, from {row['dose']}",
            f"{percent(row['share_given'])} of the starting dose given",
            f"{WHICH[which]} ANC {sign}{unit.said(row[which])}",
        )

    return {
        "type": "scatter",
        "mode": "markers",
        "name": "courses",
        "x": [100 * row["share_given"] for row in found],
        "y": [unit.value(row[which]) for row in found],
        "marker": {"color": ink.colour("line"), "size": 6, "opacity": 0.35, "line": {"width": 0}},
        "customdata": [[said(row), row["patient_id"]] for row in found],
        "hovertemplate": "%{customdata[0]}<extra></extra>",
    }
