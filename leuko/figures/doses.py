"""The panels of doses: one strip a drug, as steps over time."""

import html
from itertools import pairwise

import pandas

from leuko.figures import labels
from leuko.figures.panels import Panel, View, rows

HEIGHT = 70
DAY = pandas.Timedelta(days=1)


def dose_panels(patient, view: View) -> list[Panel]:
    """A strip for each drug: steps; 0 (held) a heavy line; days with no dose recorded left empty."""
    return [dose_panel(of_drug, view) for of_drug in doses_by_drug(patient, view).values()]


def doses_by_drug(patient, view: View) -> dict[str, list[dict]]:
    """The doses of each drug up to the day shown, in time order; `over` is the end of the last day of each."""
    doses = patient.doses[patient.doses["start_on"] <= view.as_of].sort_values(
        ["drug", "start_on", "dose_mg"]
    )
    by_drug: dict[str, list[dict]] = {}
    for dose in rows(doses):
        over = min(dose["end_on"] or view.as_of, view.as_of) + DAY
        by_drug.setdefault(dose["drug"], []).append(dose | {"over": over})
    return by_drug


def dose_panel(doses: list[dict], view: View) -> Panel:
    """One drug; `doses` as `doses_by_drug` has them."""
    drug, unit = doses[-1]["drug"], doses[-1]["dose_unit"]
    top = max([1, *(dose["dose_mg"] for dose in doses)])
    marks = {"tickvals": [0, top], "ticktext": ["0", labels.number_in_words(top)]}
    panel = Panel(f"{drug}, {unit} a day", HEIGHT, {"range": [-0.06 * top, 1.6 * top]} | marks)
    panel.traces = [area(doses, view), steps(doses, view), names(doses, top, view)]
    held = [dose for dose in doses if dose["dose_mg"] == 0]
    if held:
        heavy = {"name": f"{drug}, held", "line": {"color": view.colour("act"), "width": 5}}
        panel.traces.append(steps(held, view) | heavy)
    return panel


def area(doses: list[dict], view: View) -> dict:
    """The area under the steps."""
    corners = [
        (time.isoformat(), height)
        for dose in doses
        for time, height in (
            (dose["start_on"], 0),
            (dose["start_on"], dose["dose_mg"]),
            (dose["over"], dose["dose_mg"]),
            (dose["over"], 0),
        )
    ]
    return {
        "type": "scatter",
        "mode": "none",
        "name": f"{doses[0]['drug']}, area",
        "hoverinfo": "skip",
        "fill": "tozeroy",
        "fillcolor": view.colour("dose_fill"),
        "x": [time for time, _ in corners],
        "y": [height for _, height in corners],
    }


def steps(doses: list[dict], view: View) -> dict:
    """Each interval to the end of its last day, joined to the next where that follows at once."""
    joined = [dose["over"] == following["start_on"] for dose, following in pairwise(doses)] + [False]
    corners = [
        (time.isoformat(), height, dose_hover(dose))
        for dose, joins in zip(doses, joined, strict=True)
        for time, height in (
            (dose["start_on"], dose["dose_mg"]),
            (dose["over"], dose["dose_mg"]),
            (dose["over"], dose["dose_mg"] if joins else None),
        )
    ]
    times, heights, hovers = zip(*corners, strict=True)
    return {
        "type": "scatter",
        "mode": "lines",
        "name": doses[0]["drug"],
        "line": {"color": view.colour("dose"), "width": 2},
        "x": list(times),
        "y": list(heights),
        "customdata": list(hovers),
        "hovertemplate": "%{customdata}<extra></extra>",
    }


def names(doses: list[dict], top: float, view: View) -> dict:
    """The doses in words along the top of the strip, where they change and stay long enough to be named."""
    times, said = zip(*changes(doses), strict=True)
    times = [max(time, view.start) for time in times]  # of days before those shown, the last name stands at their left
    shown = labels.lasting([view.pixel(time) for time in times], list(said))
    return {
        "type": "scatter",
        "mode": "text",
        "name": f"{doses[0]['drug']}, labels",
        "hoverinfo": "skip",
        "cliponaxis": False,
        "x": [time.isoformat() for time in times],
        "y": [1.05 * top] * len(times),
        "text": [html.escape(text) for text in shown],
        "textposition": "top right",
    }


def changes(doses: list[dict]) -> list[tuple[pandas.Timestamp, str]]:
    """Each day on which another dose begins, and that dose in words."""
    said = [labels.amount(dose["dose_mg"], dose["dose_unit"]) if dose["dose_mg"] else "held" for dose in doses]
    before = [None, *said]
    return [(dose["start_on"], words) for dose, words, last in zip(doses, said, before, strict=False) if words != last]


def dose_hover(dose: dict) -> str:
    end = labels.day_in_words(dose["end_on"]) if dose["end_on"] else "ongoing"
    held = "" if dose["dose_mg"] else " (held)"
    return labels.hover(
        f"{dose['drug']} {labels.amount(dose['dose_mg'], dose['dose_unit'])}{held}",
        f"{labels.day_in_words(dose['start_on'])} to {end}",
        dose["end_reason"] and f"ended: {dose['end_reason']}",
        dose["source"],
    )
