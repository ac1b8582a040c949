"""Kaplan-Meier curves with their 95 % interval, the day by which half had the event, and the numbers at risk below."""

from leuko.cohort.survival import Curve
from leuko.figures import labels
from leuko.figures.cohort.frame import Ink, blank, day_marks, row_below, words
from leuko.figures.findings import counted

MARGIN = {"l": 84, "r": 24, "t": 16, "b": 76}
HEIGHT = 300


def half_in_words(curve: Curve, done: str, minimum: int) -> str:
    """`half by day 15 (95 % interval 14 to 16)`, or that this day is not reached, or that there are too few to judge.

    `done`: what half of them were or had by that day, such as `were over`.
    """
    if curve.of < minimum:
        return f"too few to judge (fewer than {minimum:,})"
    if curve.median is None:
        return f"the day by which half {done} is not reached"
    lower, upper = ("not reached" if day is None else f"{day:,}" for day in curve.median_interval)
    return f"half by day {curve.median:,} (95 % interval {lower} to {upper})"


def still_drawn(curve: Curve, minimum: int) -> int:
    """A curve is drawn as long as so many are at risk: the `minimum`, or a tenth of all where that is less."""
    return max(1, min(minimum, curve.of // 10))


def last_drawn(curve: Curve, minimum: int) -> int:
    """The last day on which so many are at risk, and at least the day by which half had the event."""
    last = curve.days[-still_drawn(curve, minimum)] if curve.days else 0
    return max(last, curve.median or 0)


def figure(curve: Curve, sentence: str, states: str, minimum: int, theme: str = "light") -> dict:
    """One curve. `states`: what those are that had no event yet, such as `without an episode`.

    Drawn to the day of `last_drawn`.
    """
    ink = Ink(theme)
    end = max(1, last_drawn(curve, minimum))
    drawn = blank(sentence, ink, HEIGHT, MARGIN)
    layout = drawn["layout"]
    marks = day_marks(end)
    layout["xaxis"] |= {"range": [-0.01 * end, 1.02 * end], "tickvals": marks, "tickformat": ",d", "showgrid": False}
    layout["xaxis"]["tickangle"] = 0  # slanted, they would stand in the numbers at risk
    layout["xaxis"]["title"] |= {"text": "days", "standoff": 34}
    layout["yaxis"] |= {
        "range": [0, 104],
        "tickvals": [0, 25, 50, 75, 100],
        "ticktext": ["0 %", "25 %", "50 %", "75 %", "100 %"],
    }
    layout["yaxis"]["title"] |= {"text": states}
    layout["annotations"] = row_below("at risk", {day: curve.at_risk(day) for day in marks}, ink, 32)
    if curve.median is not None and curve.median <= end and curve.of >= minimum:
        layout["shapes"] = half_lines(curve.median, ink)
        early = curve.median < end / 2
        place = {"xref": "x", "x": curve.median, "yref": "y", "y": 50, "xanchor": "left" if early else "right"}
        said = f"half by day {curve.median:,}"
        layout["annotations"].append(words(said, ink, "text", xshift=6 if early else -6, yshift=10, **place))
    drawn["data"] = [*band(curve, end, ink), line(curve, end, ink), ends(curve, end, ink)]
    return drawn


def line(curve: Curve, end: int, ink: Ink) -> dict:
    steps = [step for step in curve.steps if step.day <= end]
    days = [0, *(step.day for step in steps), end]
    shares = [1.0, *(step.share for step in steps), steps[-1].share if steps else 1.0]
    said = [""] + [
        labels.hover(
            f"day {step.day:,}: {100 * step.share:.0f} %",
            None if step.lower is None else f"95 % interval {100 * step.lower:.0f} to {100 * step.upper:.0f} %",
            f"{counted(step.events, 'event')}, {step.at_risk:,} at risk",
        )
        for step in steps
    ]
    return {
        "type": "scatter",
        "mode": "lines",
        "name": "share",
        "x": days,
        "y": [100 * share for share in shares],
        "line": {"shape": "hv", "color": ink.colour("line"), "width": 2.5},
        "customdata": [*said, ""],
        "hovertemplate": "%{customdata}<extra></extra>",
    }


def band(curve: Curve, end: int, ink: Ink) -> list[dict]:
    """The interval around the curve, as far as it can be told."""
    days, lower, upper = [0], [1.0], [1.0]
    for step in curve.steps:
        if step.day > end or step.lower is None:
            break
        days.append(step.day)
        lower.append(step.lower)
        upper.append(step.upper)
    untold = next((step.day for step in curve.steps if step.lower is None), end)
    days.append(min(untold, end))
    edge = {"type": "scatter", "mode": "lines", "hoverinfo": "skip", "x": days, "line": {"shape": "hv", "width": 0}}
    return [
        edge | {"name": "upper limit", "y": [100 * share for share in (*upper, upper[-1])]},
        edge
        | {
            "name": "lower limit",
            "y": [100 * share for share in (*lower, lower[-1])],
            "fill": "tonexty",
            "fillcolor": ink.colour("middle_fill"),
        },
    ]


def ends(curve: Curve, end: int, ink: Ink) -> dict:
    """A stroke on the curve where a course leaves it without the event."""
    days = sorted({day for day in curve.censored if day <= end})
    return {
        "type": "scatter",
        "mode": "markers",
        "name": "followed to here",
        "hoverinfo": "skip",
        "x": days,
        "y": [100 * curve.share(day) for day in days],
        "marker": {"symbol": "line-ns-open", "size": 7, "color": ink.colour("line"), "line": {"width": 1}},
    }


def half_lines(median: int, ink: Ink) -> list[dict]:
    """Where the curve falls to a half."""
    drawn = {"type": "line", "layer": "below", "line": {"color": ink.colour("faint"), "width": 1, "dash": "dot"}}
    return [
        drawn | {"xref": "paper", "x0": 0, "x1": 1, "yref": "y", "y0": 50, "y1": 50},
        drawn | {"xref": "x", "x0": median, "x1": median, "yref": "y", "y0": 0, "y1": 50},
    ]
