"""Days below the hold threshold per 100 patient-days: a point and its exact 95 % interval, in all, by drug, by site."""

import html

import pandas

from leuko.figures import labels
from leuko.figures.cohort.frame import Ink, blank, words
from leuko.figures.findings import fitted
from leuko.figures.panels import rows

MARGIN = {"l": 132, "r": 148, "t": 12, "b": 52}
ROW = 24  # pixels
NAME = 17  # characters of a group
MOST_GROUPS = 14  # of one kind that are drawn, the highest first; the table has all


def rate_in_words(row: dict) -> str:
    """`1.51 (1.47 to 1.55)`."""
    return f"{row['rate']:.2f} ({row['lower']:.2f} to {row['upper']:.2f})"


def sentence(together: pandas.DataFrame, minimum: int) -> str:
    (row,) = rows(together)
    low, known = (f"{row[name]:,.0f}" for name in ("low_days", "known_days"))
    days = f"{low} of {known} patient-days were below the hold threshold of the course"
    if row["courses"] < minimum:
        return f"{days}; too few courses to judge (fewer than {minimum:,})."
    return f"{days}: {row['rate']:.2f} per 100 (95 % interval {row['lower']:.2f} to {row['upper']:.2f})."


def figure(
    together: pandas.DataFrame, parts: dict[str, pandas.DataFrame], minimum: int, theme: str = "light"
) -> dict:
    """The frames are those of `leuko.cohort.findings.days_below`; `parts`: those of each kind, such as `by drug`.

    A group of fewer courses than the `minimum` has its name and no rate.
    """
    ink = Ink(theme)
    listed: list[tuple[str, dict | None]] = [("together", rows(together)[0])]
    for kind, groups in parts.items():
        listed.append((kind, None))
        listed += [(str(row["group"]), row) for row in rows(groups)[:MOST_GROUPS]]
    drawn = blank(sentence(together, minimum), ink, ROW * len(listed), MARGIN)
    layout = drawn["layout"]
    judged = [(place, row) for place, (_, row) in enumerate(listed, start=1) if row and row["courses"] >= minimum]
    end = 1.05 * max([0.1, *(row["upper"] for _, row in judged)])
    layout["xaxis"] |= {"range": [-0.02 * end, end], "nticks": 6}
    layout["xaxis"]["title"] |= {"text": "days below the hold threshold per 100 patient-days"}
    layout["yaxis"] |= {
        "range": [len(listed) + 0.6, 0.4],
        "tickvals": list(range(1, len(listed) + 1)),
        "ticktext": [tick(name, row) for name, row in listed],
        "showgrid": False,
    }
    layout["annotations"] = [
        words(value_words(row, minimum), ink, "text", x=1, xshift=8, yref="y", y=place)
        for place, (_, row) in enumerate(listed, start=1)
        if row
    ]
    drawn["data"] = [intervals(judged, ink)]
    return drawn


def tick(name: str, row: dict | None) -> str:
    """A group's name; what follows below it, heavy, where it is a heading."""
    text = html.escape(fitted(name, NAME))
    return text if row else f"<b>{text}</b>"


def value_words(row: dict, minimum: int) -> str:
    return rate_in_words(row) if row["courses"] >= minimum else "too few to judge"


def intervals(judged: list[tuple[int, dict]], ink: Ink) -> dict:
    return {
        "type": "scatter",
        "mode": "markers",
        "name": "rates",
        "cliponaxis": False,
        "x": [row["rate"] for _, row in judged],
        "y": [place for place, _ in judged],
        "marker": {"color": ink.colour("line"), "size": 8, "line": {"width": 0}},
        "error_x": {
            "type": "data",
            "symmetric": False,
            "array": [row["upper"] - row["rate"] for _, row in judged],
            "arrayminus": [row["rate"] - row["lower"] for _, row in judged],
            "color": ink.colour("line"),
            "thickness": 1.5,
            "width": 4,
        },
        "customdata": [
            labels.hover(
                str(row["group"]),
                f"{row['low_days']:,.0f} of {row['known_days']:,.0f} patient-days",
                f"{row['courses']:,} courses",
            )
            for _, row in judged
        ],
        "hovertemplate": "%{customdata}<extra></extra>",
    }
