"""Words and their places on a figure: how a day or a count is written, and which labels fit."""

import html
import textwrap

import pandas

PLOT_WIDTH = 760  # pixels between the axes on an ordinary screen; labels are thinned out for this width
CHARACTER = 6.8  # pixels of one character at the size of the labels
LINE = 15  # pixels from one line of text to the next
GAP = 8  # pixels kept free after a label


def days_in_words(times: pandas.Series) -> pandas.Series:
    """`2 March 2026` for each time; the clock is added where any was recorded (midnight means none)."""
    days = times.dt.day.astype(str) + " " + times.dt.strftime("%B %Y")
    clock = times.dt.strftime(", %H:%M").where(times.dt.normalize() != times, "")
    return days + clock


def day_in_words(time: pandas.Timestamp) -> str:
    return f"{time.day} {time:%B %Y}"


def number_in_words(value: float) -> str:
    """`1,250` or `0.5`: as many decimals as there are, no more."""
    return f"{value:,.0f}" if value == int(value) else f"{value:,.6f}".rstrip("0")


def hover_words(text: str) -> str:
    """Text for a hover: safe to show, in lines that a box can hold; nothing for a missing one."""
    if pandas.isna(text):
        return ""
    return "<br>".join(html.escape(line) for line in textwrap.wrap(str(text), 64))


def fitting(places: list[float], texts: list[str], shorter: list[str] | None = None) -> list[str]:
    """Of labels that start at these pixels (ascending), the texts that do not run into the next one.

    The latest label always stays; an earlier one gives way to its shorter form, then to nothing.
    """
    shown = []
    free_until = float("inf")
    shorter = shorter or [""] * len(texts)
    for place, *candidates in reversed(list(zip(places, texts, shorter, strict=True))):
        fits = (text for text in candidates if text and place + len(text) * CHARACTER + GAP <= free_until)
        chosen = next(fits, "")
        free_until = place if chosen else free_until
        shown.append(chosen)
    return shown[::-1]


def spread(places: list[float], lines: list[int]) -> list[float]:
    """How far each label (its centre in pixels, ascending; its lines) moves up to stand clear."""
    moves = []
    free_from = float("-inf")
    for place, count in zip(places, lines, strict=True):
        centre = max(place, free_from + count * LINE / 2)
        free_from = centre + count * LINE / 2
        moves.append(centre - place)
    return moves
