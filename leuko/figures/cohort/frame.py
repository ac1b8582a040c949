"""What the figures of the cohort are made of: an empty figure, its axes, words at the edges and keys of colours."""

import html
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass

from leuko.figures import labels
from leuko.figures.palette import PALETTE

STEPS = (7, 14, 28, 56, 84, 182, 364, 728)  # days between two marks of an axis
MARKS = 8  # at most so many marks on an axis of days
SWATCH = 18  # pixels of a key's coloured square and the gap after it


@dataclass(frozen=True)
class Ink:
    """The colours of a theme, `light` or `dark`. Raises KeyError for another."""

    theme: str

    def colour(self, name: str) -> str:
        return PALETTE[self.theme][name]


def blank(sentence: str, ink: Ink, height: int, margin: dict[str, int]) -> dict:
    """A figure without anything drawn, `height` pixels tall between its margins (l, r, t, b)."""
    axis = {
        "zeroline": False,
        "fixedrange": True,
        "gridcolor": ink.colour("grid"),
        "tickfont": {"color": ink.colour("faint")},
        "title": {"font": {"color": ink.colour("faint"), "size": 12}},
    }
    return {
        "data": [],
        "layout": {
            "height": height + margin["t"] + margin["b"],
            "margin": margin,
            "meta": {"alt": sentence},
            "showlegend": False,
            "hovermode": "closest",
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "font": {"size": 12, "color": ink.colour("text")},
            "hoverlabel": {
                "align": "left",
                "bgcolor": ink.colour("card"),
                "bordercolor": ink.colour("faint"),
                "font": {"color": ink.colour("text")},
            },
            "xaxis": deepcopy(axis),
            "yaxis": deepcopy(axis),
            "shapes": [],
            "annotations": [],
        },
    }


def day_marks(last: int) -> list[int]:
    """The days to mark on an axis from 0 to `last`: whole weeks apart, a few of them."""
    step = next((step for step in STEPS if last / step <= MARKS), STEPS[-1])
    return list(range(0, last + 1, step))


def words(text: str, ink: Ink, colour: str = "faint", **place: object) -> dict:
    """Words on the figure, placed on its paper unless told otherwise."""
    where = {"xref": "paper", "yref": "paper", "xanchor": "left", "yanchor": "middle", "align": "left"}
    said = {"text": html.escape(text), "showarrow": False, "font": {"size": 12, "color": ink.colour(colour)}}
    return where | said | place


def row_below(name: str, numbers: dict[int, int], ink: Ink, down: int) -> list[dict]:
    """A row of numbers below the axis, each under its day, with what they are at the left."""
    placed = {"yref": "paper", "y": 0, "yshift": -down}
    named = words(name, ink, x=0, xanchor="right", xshift=-16, **placed)
    return [named] + [
        words(f"{number:,}", ink, xref="x", x=day, xanchor="center", **placed) for day, number in numbers.items()
    ]


def key(entries: Sequence[tuple[str, str, str]], ink: Ink) -> list[dict]:
    """Words beside their colours above the plot, in a row: each entry its words, its fill, its outline."""
    notes, left = [], 0.0
    for text, fill, around in entries:
        square = {"bgcolor": fill, "bordercolor": around, "borderwidth": 1, "width": 10, "height": 10}
        placed = {"x": 0, "y": 1, "yshift": 16}
        notes.append(words("", ink, xshift=left, **placed) | {"text": " ", "font": {"size": 6}} | square)
        notes.append(words(text, ink, "text", xshift=left + SWATCH, **placed))
        left += SWATCH + len(text) * labels.CHARACTER + 2 * labels.GAP
    return notes
