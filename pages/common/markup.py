"""Small pieces of HTML for `st.html`, with all text from the data escaped."""

import html
import re

from pages.common import shared

PADDING = "padding:0.3rem 1.2rem 0.3rem 0;border:0;border-bottom:1px solid #8884"
CELL = '<{0} style="text-align:{1};' + PADDING + '">{2}</{0}>'
SHORT, LONG = 20, 40  # characters: a column of short cells is never broken, one of sentences keeps a width to read


def safe(text: object) -> str:
    """Text from the record for a piece of HTML."""
    return "" if shared.is_missing(text) else html.escape(str(text))


def link(url: object, words: str) -> str:
    """A link to a source, only where it is an address on the web."""
    if shared.is_missing(url) or not str(url).startswith(("http://", "https://")):
        return safe(words)
    shut = 'target="_blank" rel="noopener noreferrer" style="color:inherit"'
    return f'<a href="{safe(url)}" {shut}>{safe(words)}</a>'


def quote(words: object) -> str:
    """A source's own words, set apart; nothing where there are none."""
    look = "margin:0.2rem 0 0.6rem;padding-left:0.8rem;border-left:3px solid #8886"
    return f'<blockquote style="{look}">{safe(words)}</blockquote>' if safe(words) else ""


def table(rows: list[dict], numbers: tuple[str, ...], ready: tuple[str, ...] = ()) -> str:
    """A small table that a screen reader can walk; on a narrow screen it is moved sideways.

    The columns in `numbers` stand to the right; those in `ready` are HTML already, all others text.
    """
    sides = {name: "right" if name in numbers else "left" for name in rows[0]}
    head = "".join(CELL.format("th", side, safe(name)) for name, side in sides.items())
    looks = {name: f"{side};{_width([row[name] for row in rows])}" for name, side in sides.items()}
    body = "".join(f"<tr>{_cells(row, looks, ready)}</tr>" for row in rows)
    inner = f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody>"
    return f'<div style="overflow-x:auto"><table>{inner}</table></div>'


def _width(cells: list) -> str:
    longest = max(len(re.sub("<[^>]*>", "", "" if shared.is_missing(cell) else str(cell))) for cell in cells)
    return "white-space:nowrap" if longest <= SHORT else "min-width:14rem" if longest > LONG else ""


def _cells(row: dict, looks: dict[str, str], ready: tuple[str, ...]) -> str:
    pieces = {name: value if name in ready else safe(value) for name, value in row.items()}
    return "".join(CELL.format("td", looks[name], piece or shared.NONE) for name, piece in pieces.items())
