"""The figures of the audit: frames in, Plotly figures as plain dicts and lists out, as `patient_figure` has them.

The sentence of a figure is also its `layout.meta.alt`, for those who do not see it. The second part of a point's
`customdata` is the group or the month it stands for, so that a page can open what is behind it.
"""

import html
import textwrap
from collections.abc import Sequence

import pandas

from leuko.figures import labels
from leuko.figures.findings import (
    NAME,
    FunnelFindings,
    Line,
    RunFindings,
    edge_places,
    fitted,
    funnel_findings,
    limit_name,
    name_places,
    run_findings,
)
from leuko.figures.palette import PALETTE
from leuko.statistics import INNER, OUTER, Point

HEIGHT = 320  # pixels of the plot itself
SPARK_HEIGHT = 44
SIDES = {"l": 64, "r": 176}  # room for per cents and for the labels of the lines
SENTENCE = 108  # characters on a line of a title or a note
MARKS = [0, 25, 50, 75, 100]
REACH = [-4, 104]  # the rates in per cent that the plot spans, so that points at 0 and 100 % are whole
SCALE = HEIGHT / (REACH[1] - REACH[0])  # pixels of one per cent
NAMES = 12  # so many points outside the limits have their name beside them, the furthest first
BESIDE = 9  # pixels from a point to its name
MONTH_NAMES = 18  # so many names of months stand side by side
POSITIONS = {"over": "top center", "under": "bottom center", "beside": "middle right"}
DASHES = {"centre": "solid", "inner": "dot", "outer": "dash"}
COLOURS = {"centre": "text", "inner": "faint", "outer": "faint"}


def funnel_figure(groups: pandas.DataFrame, minimum: int, theme: str = "light", *, kind: str = "group") -> dict:
    """One point a group (columns group, met, of): its rate against its denominator, within limits.

    The limits are those of `leuko.statistics.funnel`; a group below the `minimum` denominator is hollow and not
    judged. `kind` is what a group is: site, clinician, drug. Raises KeyError for another theme.
    """
    found = funnel_findings(groups, minimum, kind)
    colours = PALETTE[theme]
    figure = blank(found.title, found.note, colours)
    if not found.funnel.points:
        return without_plot(figure)
    end = 1.04 * found.end
    figure["layout"]["xaxis"] |= {
        "range": [0, end],
        "title": {"text": "events met or not met", "font": {"color": colours["faint"], "size": 12}},
        "tickformat": ",d",
    }
    figure["data"] = [*limit_traces(found, colours), *point_traces(found, colours)]
    figure["layout"]["shapes"] += [level_line(line, colours) for line in found.lines if line[2] == "centre"]
    figure["layout"]["annotations"] += edge_labels(found.lines, colours)
    figure["layout"]["annotations"] += group_names(found, end, colours)
    if minimum > 1:
        figure["layout"]["shapes"].append(minimum_line(found, colours))
        figure["layout"]["annotations"].append(minimum_label(found, colours))
    return figure


def run_figure(months: pandas.DataFrame, theme: str = "light", *, minimum: int = 1) -> dict:
    """The rate by month (columns month, met, of, rate) with its mean and XmR limits, months outside marked.

    A month without an event is left open, never drawn as 0; one of fewer than the `minimum` is not judged. Raises
    KeyError for another theme, ValueError for a month that is none or is there twice.
    """
    found = run_findings(months, minimum)
    colours = PALETTE[theme]
    figure = blank(found.title, found.note, colours)
    if not found.with_rate:
        return without_plot(figure)
    first, last = found.months[0].start, found.months[-1].start
    room = 0.02 * (last - first) + pandas.Timedelta(days=10)
    figure["layout"]["xaxis"] |= {
        "type": "date",
        "range": [(first - room).isoformat(), (last + room).isoformat()],
        "tick0": first.isoformat(),
        "dtick": f"M{months_between_marks(len(found.months))}",
        "tickformat": "%b\n%Y",
    }
    figure["data"] = month_traces(found, colours)
    figure["layout"]["shapes"] += [level_line(line, colours) for line in found.lines]
    figure["layout"]["annotations"] += edge_labels(found.lines, colours)
    return figure


def spark(values: Sequence[float | None], theme: str = "light") -> dict:
    """A tiny trend of rates (0 to 1, None: none) for a card: no axes, the last rate as a point."""
    colours = PALETTE[theme]
    heights = [None if pandas.isna(value) else 100 * value for value in values]
    last = [place for place, height in enumerate(heights) if height is not None][-1:]
    hidden = {"visible": False, "fixedrange": True}
    drawn = {"type": "scatter", "hoverinfo": "skip", "cliponaxis": False}
    trend = {"mode": "lines+markers", "name": "trend", "x": list(range(len(heights))), "y": heights}
    trend |= {"line": {"color": colours["line"], "width": 1.5}, "marker": {"color": colours["line"], "size": 3}}
    point = {"mode": "markers", "name": "last", "x": last, "y": [heights[place] for place in last]}
    point |= {"marker": {"color": colours["line"], "size": 7}}
    return {
        "data": [drawn | trend, drawn | point],
        "layout": {
            "height": SPARK_HEIGHT,
            "margin": dict.fromkeys("lrtb", 4),
            "showlegend": False,
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "xaxis": hidden | {"range": [-0.5, max(1, len(heights)) - 0.5]},
            "yaxis": hidden | {"range": REACH},
        },
    }


# ---------------------------------------------------------------- what both figures are made of


def blank(title: str, note: str, colours: dict[str, str]) -> dict:
    """A figure without points: the title above, the note below, rates in per cent at the left."""
    above, below = wrapped(title), wrapped(note)
    margin = SIDES | {"t": 34 + labels.LINE * len(above), "b": 56 + labels.LINE * len(below)}
    return {
        "data": [],
        "layout": {
            "height": HEIGHT + margin["t"] + margin["b"],
            "margin": margin,
            "meta": {"alt": f"{title} {note}".strip()},
            "showlegend": False,
            "hovermode": "closest",
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "font": {"size": 12, "color": colours["text"]},
            "hoverlabel": {
                "align": "left",
                "bgcolor": colours["card"],
                "bordercolor": colours["faint"],
                "font": {"color": colours["text"]},
            },
            "xaxis": {
                "showgrid": False,
                "zeroline": False,
                "fixedrange": True,
                "tickfont": {"color": colours["faint"]},
            },
            "yaxis": {
                "range": REACH,
                "tickvals": MARKS,
                "ticktext": [f"{mark} %" for mark in MARKS],
                "gridcolor": colours["grid"],
                "zeroline": False,
                "fixedrange": True,
                "tickfont": {"color": colours["faint"]},
            },
            "shapes": [],
            "annotations": [
                words(above, colours["text"], 1, yshift=22, yanchor="bottom", bold=True),
                *([words(below, colours["faint"], 0, yshift=-50, yanchor="top")] if note else []),
            ],
        },
    }


def without_plot(figure: dict) -> dict:
    """The words alone, where there is nothing to draw."""
    layout = figure["layout"]
    layout["height"] = layout["margin"]["t"] + layout["margin"]["b"] + 1
    layout["xaxis"]["visible"] = layout["yaxis"]["visible"] = False
    return figure


def wrapped(sentences: str) -> list[str]:
    return [html.escape(line) for line in textwrap.wrap(sentences, SENTENCE)]


def words(lines: list[str], colour: str, place: float, *, bold: bool = False, **where: object) -> dict:
    """Lines of text at the left edge, `place` of the plot's height up."""
    text = "<br>".join(lines)
    return {
        "xref": "paper",
        "x": 0,
        "xanchor": "left",
        "yref": "paper",
        "y": place,
        "align": "left",
        "text": f"<b>{text}</b>" if bold else text,
        "showarrow": False,
        "font": {"size": 13 if bold else 12, "color": colour},
    } | where


def edge_labels(lines: Sequence[Line], colours: dict[str, str]) -> list[dict]:
    """What each line is, at its right end."""
    return [
        {
            "xref": "paper",
            "x": 1,
            "xanchor": "left",
            "xshift": 6,
            "yref": "y",
            "y": place / SCALE,
            "yanchor": "middle",
            "text": html.escape(text),
            "showarrow": False,
            "font": {"size": 12, "color": colours[COLOURS[kind]]},
        }
        for (text, _, kind), place in edge_places(lines, 100 * SCALE)
    ]


def level_line(line: Line, colours: dict[str, str]) -> dict:
    """A line at one rate, from edge to edge."""
    _, rate, kind = line
    return {
        "type": "line",
        "layer": "below",
        "xref": "paper",
        "x0": 0,
        "x1": 1,
        "yref": "y",
        "y0": 100 * rate,
        "y1": 100 * rate,
        "line": {"color": colours[COLOURS[kind]], "width": 1, "dash": DASHES[kind]},
    }


def marks(name: str, marker: dict, points: Sequence[tuple[object, float | None, tuple[str, ...], str]]) -> dict:
    """Points, each (x, rate, lines of its hover, what it stands for)."""
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "cliponaxis": False,
        "x": [x for x, *_ in points],
        "y": [None if rate is None else 100 * rate for _, rate, *_ in points],
        "marker": {"opacity": 1, "line": {"width": 0}} | marker,
        "customdata": [[labels.hover(*said), stands_for] for *_, said, stands_for in points],
        "hovertemplate": "%{customdata[0]}<extra></extra>",
    }


# ---------------------------------------------------------------- the funnel


def limit_traces(found: FunnelFindings, colours: dict[str, str]) -> list[dict]:
    traces = []
    for coverage, kind in ((INNER, "inner"), (OUTER, "outer")):
        of, *limits = found.curve(coverage)
        for side, limit in zip(("lower", "upper"), limits, strict=True):
            traces.append(
                {
                    "type": "scatter",
                    "mode": "lines",
                    "name": f"{side} {limit_name(coverage)} limit",
                    "hoverinfo": "skip",
                    "x": of,
                    "y": [100 * rate for rate in limit],
                    "line": {"color": colours[COLOURS[kind]], "width": 1, "dash": DASHES[kind]},
                }
            )
    return traces


def point_traces(found: FunnelFindings, colours: dict[str, str]) -> list[dict]:
    """Within the limits, outside them, and too few to judge: told apart by shape, not by colour alone."""
    kinds = {
        f"{found.kind}s within the limits": (
            [point for point in found.judged if not point.outside],
            {"symbol": "circle", "size": 8, "color": colours["line"]},
        ),
        f"{found.kind}s outside the limits": (
            found.outside,
            {"symbol": "diamond", "size": 11, "color": colours["act"]},
        ),
        f"{found.kind}s too few to judge": (
            [point for point in found.funnel.points if not point.judged],
            {"symbol": "circle-open", "size": 8, "color": colours["faint"], "line": {"width": 1.5}},
        ),
    }
    return [
        marks(name, marker, [(point.of, point.rate, found.point_in_words(point), point.group) for point in points])
        for name, (points, marker) in kinds.items()
        if points
    ]


def group_names(found: FunnelFindings, end: float, colours: dict[str, str]) -> list[dict]:
    """The names of the points outside the limits, beside them."""
    named: list[Point] = found.outside[:NAMES]
    texts = [fitted(point.group, NAME) for point in named]
    places = [
        (point.of / end * labels.PLOT_WIDTH + BESIDE, 100 * SCALE * point.rate, text)
        for point, text in zip(named, texts, strict=True)
    ]
    return [
        {
            "xref": "x",
            "x": point.of,
            "xanchor": "left" if side == "right" else "right",
            "xshift": BESIDE if side == "right" else -BESIDE,
            "yref": "y",
            "y": 100 * point.rate,
            "yanchor": "middle",
            "yshift": move,
            "text": html.escape(text),
            "showarrow": False,
            "font": {"size": 12, "color": colours["act"]},
        }
        for point, text, (side, move) in zip(
            named, texts, name_places(places, labels.PLOT_WIDTH, 100 * SCALE), strict=True
        )
    ]


def minimum_line(found: FunnelFindings, colours: dict[str, str]) -> dict:
    """From where on a group is judged."""
    return {
        "type": "line",
        "layer": "below",
        "xref": "x",
        "x0": found.minimum - 0.5,
        "x1": found.minimum - 0.5,
        "yref": "paper",
        "y0": 0,
        "y1": 1,
        "line": {"color": colours["grid"], "width": 2},
    }


def minimum_label(found: FunnelFindings, colours: dict[str, str]) -> dict:
    return words([f"fewer than {found.minimum:,}: too few to judge"], colours["faint"], 1, yanchor="bottom", yshift=2)


# ---------------------------------------------------------------- the run of months


def month_traces(found: RunFindings, colours: dict[str, str]) -> list[dict]:
    """The months joined, open where one has no event; those outside the limits as marks of their own, named."""
    kept = [(month.start.isoformat(), month.rate, month.in_words, month.key) for month in found.months]
    joined = marks("rate by month", {"size": 7, "color": colours["line"]}, kept)
    joined |= {"mode": "lines+markers", "connectgaps": False, "line": {"color": colours["line"], "width": 1.5}}
    if not found.outside:
        return [joined]
    outside = [(month.start.isoformat(), month.rate, month.in_words, month.key) for month in found.outside]
    marked = marks(
        "months outside the limits", {"symbol": "diamond", "size": 11, "color": colours["act"]}, outside
    )
    return [
        joined,
        marked
        | {
            "mode": "markers+text",
            "text": [f"{month.start:%b %Y}" for month in found.outside],
            "textposition": [POSITIONS[month.label_side] for month in found.outside],
            "textfont": {"color": colours["act"]},
        },
    ]


def months_between_marks(months: int) -> int:
    """How many months lie from one mark of the axis to the next, so that their names do not touch."""
    years = 12 * (months // (12 * MONTH_NAMES) + 1)
    return next((step for step in (1, 3, 6) if months <= step * MONTH_NAMES), years)
