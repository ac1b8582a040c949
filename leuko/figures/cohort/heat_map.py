"""Patients by week on the drug: each week in the colour of the band of its lowest ANC, empty without a count."""

import html

import pandas

from leuko.count_units import CountUnit
from leuko.facts import read_rows
from leuko.figures import labels
from leuko.figures.cohort.frame import Ink, blank, key
from leuko.figures.counts import band_words
from leuko.figures.findings import shortened
from leuko.figures.panels import rows

MARGIN = {"l": 132, "r": 24, "t": 34, "b": 52}
ROW = 13  # pixels
LEAST = 3  # rows that a figure is always as tall as
NAME = 16  # characters of a patient's id beside his row
CANNOT_TELL, NO_COUNT = "cannot tell", "no count"
SIGNS = {CANNOT_TELL: "?", NO_COUNT: "·"}  # in cells whose colour says no band


def names(unit: CountUnit) -> list[str]:
    """What a cell can be, in the order of its code: the bands, above them, cannot be told, no count."""
    bands = read_rows("bands")
    above = f"{unit.sentence(float(bands[-1]['below']))} or more"
    return [*(band_words(band, unit) for band in bands), above, CANNOT_TELL, NO_COUNT]


def fills(ink: Ink) -> list[str]:
    tones = [band["tone"] for band in read_rows("bands")]
    return [ink.colour(f"{tone}_cell") for tone in (*tones, "calm", "unknown", "none")]


def code(cell: dict) -> int:
    """The place of a cell's meaning in `names`."""
    above = len(read_rows("bands"))
    if not cell["counts"]:
        return above + 2
    return above + 1 if cell["band"] is None else int(cell["band"])


def sentence(courses: pandas.DataFrame, unit: CountUnit) -> str:
    """`310 of 1,191 patients had an ANC below 500 on the drug.`"""
    of, low = courses["patient_id"].nunique(), courses.loc[courses["in_lowest_band"], "patient_id"].nunique()
    below = unit.sentence(float(read_rows("bands")[0]["below"]))
    return f"{low:,} of {of:,} patients had an ANC below {below} on the drug."


def figure(cells: pandas.DataFrame, courses: pandas.DataFrame, unit: CountUnit, theme: str = "light") -> dict:
    """The frames are those of `leuko.cohort.Cohort`. Weeks after the end of a course are left open."""
    ink = Ink(theme)
    found = rows(cells)
    patients = {cell["row"]: str(cell["patient_id"]) for cell in found}
    weeks = max((cell["week"] for cell in found), default=1)
    drawn = blank(sentence(courses, unit), ink, ROW * max(LEAST, len(patients)), MARGIN)
    layout = drawn["layout"]
    step = next(step for step in (1, 2, 4, 8, 13, 26, 52, weeks) if weeks / step <= 26)
    layout["xaxis"] |= {"range": [0.5, weeks + 0.5], "tickvals": list(range(step, weeks + 1, step)), "ticks": ""}
    layout["xaxis"]["showgrid"] = False
    layout["xaxis"]["title"] |= {"text": "week on the drug"}
    layout["yaxis"] |= {
        "range": [max(LEAST, len(patients)) + 0.5, 0.5],
        "tickvals": list(patients),
        "ticktext": [html.escape(shortened(name, NAME)) for name in patients.values()],
        "tickfont": {"size": 10, "color": ink.colour("faint")},
        "showgrid": False,
        "ticks": "",
    }
    layout["dragmode"] = False
    colours = fills(ink)
    around = [*colours[:-1], ink.colour("faint")]
    said = [f"{SIGNS[name]} {name}" if name in SIGNS else name for name in names(unit)]
    layout["annotations"] = key(list(zip(said, colours, around, strict=True)), ink)
    drawn["data"] = [colour_cells(found, weeks, colours), targets(found, unit, ink)]
    return drawn


def colour_cells(cells: list[dict], weeks: int, colours: list[str]) -> dict:
    last = max((cell["row"] for cell in cells), default=0)
    codes: list[list[int | None]] = [[None] * weeks for _ in range(last)]
    for cell in cells:
        codes[cell["row"] - 1][cell["week"] - 1] = code(cell)
    steps = [(edge / len(colours), colour) for place, colour in enumerate(colours) for edge in (place, place + 1)]
    return {
        "type": "heatmap",
        "name": "weeks",
        "z": codes,
        "x": list(range(1, weeks + 1)),
        "y": list(range(1, last + 1)),
        "zmin": -0.5,
        "zmax": len(colours) - 0.5,
        "colorscale": [[place, colour] for place, colour in steps],
        "showscale": False,
        "hoverinfo": "skip",
        "xgap": 1,
        "ygap": 1,
    }


def targets(cells: list[dict], unit: CountUnit, ink: Ink) -> dict:
    """A point on every cell that says what it is and opens its patient, with a sign where it is in no band."""
    known = names(unit)
    meant = [known[code(cell)] for cell in cells]
    return {
        "type": "scatter",
        "mode": "markers+text",
        "name": "cells",
        "x": [cell["week"] for cell in cells],
        "y": [cell["row"] for cell in cells],
        "text": [SIGNS.get(word, "") for word in meant],
        "textfont": {"size": 10, "color": ink.colour("text")},
        "marker": {"size": ROW, "symbol": "square", "color": "rgba(0,0,0,0)", "line": {"width": 0}},
        "customdata": [
            [cell_hover(cell, word, unit), cell["patient_id"]] for cell, word in zip(cells, meant, strict=True)
        ],
        "hovertemplate": "%{customdata[0]}<extra></extra>",
    }


def cell_hover(cell: dict, meaning: str, unit: CountUnit) -> str:
    lowest = None
    if cell["counts"]:
        counts = f", lowest of {cell['counts']}" if cell["counts"] > 1 else ""
        lowest = f"ANC {cell['comparator']}{unit.said(cell['anc'])}{counts}"
    return labels.hover(f"{cell['patient_id']}, {cell['drug']}", f"week {cell['week']}: {meaning}", lowest)
