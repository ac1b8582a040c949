"""Words and their places on a figure: how a day or a count is written, and which labels fit."""

import html
import re
import textwrap
from datetime import datetime
from decimal import Decimal
from itertools import pairwise

from leuko.count_units import in_digits

PLOT_WIDTH = 880  # pixels between the axes on an ordinary screen; labels are thinned out for this width
CHARACTER = 6.8  # pixels of one character at the size of the labels
CAPITAL = 1.4  # as wide as a small letter is a capital
LINE = 15  # pixels from one line of text to the next
BOX = 64  # characters on a line of a hover
GAP = 8  # pixels kept free after a label


def day_in_words(time: datetime) -> str:
    """`2 March 2026`."""
    return f"{time.day} {time:%B %Y}"


def time_in_words(time: datetime) -> str:
    """`2 March 2026, 08:10`; no clock at midnight, which stands for a day without one."""
    clock = f", {time:%H:%M}" if (time.hour, time.minute) != (0, 0) else ""
    return f"{day_in_words(time)}{clock}"


def number_in_words(value: float) -> str:
    """`1,250` or `0.5`: as many decimals as there are, no more and no fewer, since 499.9999999 is below 500."""
    return in_digits(Decimal(repr(float(value))))


def amount(value: float, unit: str | None) -> str:
    """`100 mg`; a dose whose unit is not recorded stands alone."""
    return f"{number_in_words(round(value, 6))} {unit or ''}".strip()


def breadth(text: str) -> float:
    """How many small letters these words are as wide as; the first letter of a word may be a capital."""
    capitals = sum(before.isalpha() and letter.isupper() for before, letter in pairwise(text))
    return len(text) + (CAPITAL - 1) * capitals


def cut_short(words: str, length: int) -> str:
    """At most `length` characters of a sentence, then `…`; never cut within brackets, nor beside a number.

    So no count loses its unit or the remark behind it, and no day its year.
    """
    if len(words) <= length:
        return words
    ends = [
        place.start()
        for place in re.finditer(r"(?<!\d) (?!\d)", words[: length - 1])
        if words.count("(", 0, place.start()) == words.count(")", 0, place.start())
    ]
    return f"{words[: ends[-1]].rstrip(' ,;:')} …" if ends else textwrap.shorten(words, length, placeholder=" …")


def hover(*lines: str | None) -> str:
    """The lines of a hover, the first of them bold: safe to show, wrapped, without empty ones."""
    first, *others = (wrapped(line) for line in lines if line)
    return "<br>".join([f"<b>{first}</b>", *others])


def wrapped(text: str) -> str:
    lines = textwrap.wrap(text, BOX) if len(text) > BOX else [text]
    return "<br>".join(html.escape(line) for line in lines)


def lasting(places: list[float], texts: list[str]) -> list[str]:
    """Of labels that start at these pixels (ascending), the texts that end before the next one starts."""
    ends = [*places[1:], float("inf")]
    widths = [len(text) * CHARACTER + GAP for text in texts]
    kept = zip(places, ends, widths, texts, strict=True)
    return [text if place + width <= end else "" for place, end, width, text in kept]


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
