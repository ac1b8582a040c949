"""The patient's figure: frames in, a Plotly figure as plain dicts and lists out.

Building the dict directly takes a tenth of the time that `plotly.graph_objects` takes; a page shows it with
`plotly.graph_objects.Figure(figure, _validate=False)`.
"""

import html
from dataclasses import replace
from datetime import date

import pandas

from leuko.figures import labels
from leuko.figures.counts import count_panel, use_in_words
from leuko.figures.doses import dose_panels
from leuko.figures.grade_bands import GRADE_VERSION
from leuko.figures.lanes import BACKGROUND, decision_panel, event_panel
from leuko.figures.panels import HEADING_GAP, Panel, View, rows

__all__ = ["GRADE_VERSION", "patient_figure", "use_in_words"]

MARGIN = {"l": 104, "r": 228, "t": 72, "b": 44}  # room for names, edge labels, the tools and headings, days

DAY_FIRST = [  # how days are written on the time axis, by the distance of its marks
    {"dtickrange": [None, 86_399_999], "value": "%H:%M\n%-d %b %Y"},
    {"dtickrange": [86_400_000, "M1"], "value": "%-d %b\n%Y"},
    {"dtickrange": ["M1", "M12"], "value": "%b %Y"},
    {"dtickrange": ["M12", None], "value": "%Y"},
]


def patient_figure(
    patient,
    as_of: date,
    *,
    scale: str = "linear",
    theme: str = "light",
    mark: tuple[date, str] | None = None,
    shown: tuple[date, date] | None = None,
) -> dict:
    """Counts, decisions, doses and events of one patient on one time axis, as known on `as_of`.

    `patient` holds the frames of `leuko.store.Patient`; counts are drawn in its `unit`, doses in the unit recorded.
    `scale` is that of ANC and WBC, "linear" or "log" (0 is drawn on the bottom line, and the heading says
    so); `theme` is "light" or "dark". The bands of `leuko/bands.csv` are always there, with or without
    counts. `mark` is a day with words, such as an event of the audit: a line at its start, named at its top. `shown`:
    the first and the last of the days to show, instead of all; words are chosen to fit those.
    Raises KeyError for another theme and ValueError for another scale.
    """
    if scale not in ("linear", "log"):
        raise ValueError(f"the ANC axis is linear or log, not {scale!r}")
    view = span(patient, pandas.Timestamp(as_of), scale, theme, mark)
    if shown:
        first, last = (pandas.Timestamp(day) for day in shown)
        view = replace(view, start=first, end=last + pandas.Timedelta(days=1))
    panels = [
        count_panel(patient, "anc", view),
        decision_panel(patient, view),
        *dose_panels(patient, view),
        count_panel(patient, "platelets", view),
        count_panel(patient, "wbc", view),
        event_panel(patient, view),
    ]
    figure = assemble([panel for panel in panels if panel], view, str(patient.about["patient_id"]))
    mark_episodes(figure["layout"], patient.episodes, view)
    mark_as_of(figure["layout"], view)
    if mark:
        mark_day(figure["layout"], *mark, view)
    return figure


def span(
    patient, as_of: pandas.Timestamp, scale: str, theme: str, mark: tuple[date, str] | None = None
) -> View:
    """From the first thing recorded to just after `as_of`, at least a month; a marked day is always within.

    What a patient brings along, such as an old heart failure, does not stretch it.
    """
    events = patient.events[~patient.events["kind"].isin(BACKGROUND)]
    firsts = [patient.counts["collected_at"].min(), patient.doses["start_on"].min(), events["occurred_at"].min()]
    known = [first for first in firsts if not pandas.isna(first)]
    marked = [pandas.Timestamp(mark[0])] if mark else []
    start = min([*known, *marked, as_of - pandas.Timedelta(days=30)])
    end = max([as_of, *marked]) + pandas.Timedelta(days=1)
    margin = 0.01 * (end - start)
    return View(start - margin, as_of, end + margin, scale, theme)


def assemble(panels: list[Panel], view: View, patient_id: str) -> dict:
    """Stack the panels from the top on a shared time axis; the figure is as tall as they need."""
    height = sum(panel.height for panel in panels) + HEADING_GAP * (len(panels) - 1)
    layout = blank_layout(view, patient_id, height)
    data = []
    top = height
    for number, panel in enumerate(panels, start=1):
        axis = "y" if number == 1 else f"y{number}"
        bottom = top - panel.height
        layout[f"yaxis{number if number > 1 else ''}"] = {
            "domain": [bottom / height, top / height],
            "anchor": "x",
            "fixedrange": number > 1,
            "zeroline": False,
            "gridcolor": view.colour("grid"),
            "tickfont": {"color": view.colour("faint")},
            "uirevision": f"{patient_id} {view.scale}",
        } | panel.axis
        layout["xaxis"]["anchor"] = axis
        layout["shapes"] += [shape | {"yref": axis} for shape in panel.shapes]
        layout["annotations"] += [
            note | {"yref": note["yref"].replace("y", axis, 1)} for note in panel.annotations
        ]
        layout["annotations"].append(heading(panel, top / height, view, first=number == 1))
        data += [trace | {"xaxis": "x", "yaxis": axis} for trace in panel.traces]
        top = bottom - HEADING_GAP
    return {"data": data, "layout": layout}


def heading(panel: Panel, place: float, view: View, *, first: bool) -> dict:
    """What a panel shows, in words above its left edge; the first leaves a line for the episodes' names."""
    return {
        "xref": "paper",
        "x": 0,
        "xanchor": "left",
        "yref": "paper",
        "y": place,
        "yanchor": "bottom",
        "yshift": 22 if first else 2,
        "text": f"<b>{html.escape(panel.heading)}</b>",
        "showarrow": False,
        "font": {"size": 13, "color": view.colour("text")},
    }


def blank_layout(view: View, patient_id: str, height: int) -> dict:
    return {
        "height": height + MARGIN["t"] + MARGIN["b"],
        "margin": MARGIN,
        "showlegend": False,
        "hovermode": "closest",
        "dragmode": "select",
        "selectdirection": "h",
        "uirevision": patient_id,
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"size": 12, "color": view.colour("text")},
        "hoverlabel": {
            "align": "left",
            "bgcolor": view.colour("card"),
            "bordercolor": view.colour("faint"),
            "font": {"color": view.colour("text")},
        },
        "xaxis": {
            "type": "date",
            "range": [view.start.isoformat(), view.end.isoformat()],
            "uirevision": patient_id,
            "gridcolor": view.colour("grid"),
            "tickfont": {"color": view.colour("faint")},
            "tickformatstops": DAY_FIRST,
            "zeroline": False,
        },
        "shapes": [],
        "annotations": [],
    }


def mark_episodes(layout: dict, episodes: pandas.DataFrame, view: View) -> None:
    """Shade each episode from onset to recovery (or as_of) behind all panels, its name above."""
    known = rows(episodes.sort_values("onset_on"))
    shown = labels.fitting([view.pixel(episode["onset_on"]) for episode in known], *episode_names(known))
    for episode, name in zip(known, shown, strict=True):
        start = episode["onset_on"].isoformat()
        end = (episode["recovered_on"] or view.as_of + pandas.Timedelta(days=1)).isoformat()
        layout["shapes"].append(
            {
                "type": "rect",
                "layer": "below",
                "xref": "x",
                "x0": start,
                "x1": end,
                "yref": "paper",
                "y0": 0,
                "y1": 1,
                "fillcolor": view.colour("shade"),
                "line": {"width": 1, "color": view.colour("shade")},
            }
        )
        layout["annotations"].append(
            {
                "xref": "x",
                "x": start,
                "xanchor": "left",
                "yref": "paper",
                "y": 1,
                "yanchor": "bottom",
                "text": html.escape(name),
                "showarrow": False,
                "font": {"size": 12, "color": view.colour("faint")},
            }
        )


def episode_names(episodes: list[dict]) -> tuple[list[str], list[str]]:
    """The names of episodes, long and short; the drug is said where there are several."""
    several = len({episode["drug"] for episode in episodes}) > 1
    numbers = [str(episode["episode"]) for episode in episodes]
    drugs = [f"{episode['drug']}: " if several else "" for episode in episodes]
    return [f"{drug}episode {number}" for drug, number in zip(drugs, numbers, strict=True)], numbers


def mark_as_of(layout: dict, view: View) -> None:
    """A line at the end of the day the page shows, named at its top."""
    day = view.as_of + pandas.Timedelta(days=1)
    words = f"as of {labels.day_in_words(view.as_of)}"
    upright(layout, day, words, view.colour("faint"), width=1, dash="dot", xanchor="left", yshift=22)


def mark_day(layout: dict, day: date, words: str, view: View) -> None:
    """A line at a day that the reader came for, its words above all other names and towards the middle."""
    start = pandas.Timestamp(day)
    side = "left" if view.pixel(start) < labels.PLOT_WIDTH / 2 else "right"
    said = f"<b>{html.escape(words)}</b>"
    upright(layout, start, said, view.colour("line"), width=2, dash="solid", xanchor=side, yshift=42)


def upright(
    layout: dict, day: pandas.Timestamp, text: str, colour: str, *, width: int, dash: str, **place: object
) -> None:
    """A line from top to bottom at the start of a day, its text above it."""
    at = day.strftime("%Y-%m-%d")
    line = {"color": colour, "width": width, "dash": dash}
    layout["shapes"].append(
        {"type": "line", "xref": "x", "x0": at, "x1": at, "yref": "paper", "y0": 0, "y1": 1, "line": line}
    )
    layout["annotations"].append(
        {"xref": "x", "x": at, "yref": "paper", "y": 1, "yanchor": "bottom"}
        | {"text": text, "showarrow": False, "font": {"size": 12, "color": colour}}
        | place
    )
