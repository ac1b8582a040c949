"""Small pieces of HTML for `st.html`, with all text from the data escaped."""

import html
import re

from pages.common import shared

PADDING = "padding:0.3rem 1.2rem 0.3rem 0;border:0;border-bottom:1px solid #8884"
SHORT, LONG = 20, 40  # characters: a column of short cells is never broken, one of sentences keeps a width to read
NARROW, GAP = 46, 1  # characters across a narrow screen, and between two columns
STYLE = """
@media (max-width: 900px) {
    .stacked th, .stacked td, .flowing th, .flowing td { padding-right: 0.6rem !important; }
}
@media (max-width: 640px) {
    .stacked, .flowing { font-size: 0.9rem; }
    .stacked td, .flowing td { min-width: 0 !important; white-space: normal !important; }
    .flowing th, .flowing td { padding-right: 0.5rem !important; }
    .stacked, .stacked tbody, .stacked tr { display: block; }
    .stacked thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
    .stacked tr { padding: 0.4rem 0; border-bottom: 1px solid #8884; }
    .stacked td { display: block; padding: 0.1rem 0 !important; border: 0 !important; text-align: left !important; }
    .stacked td { overflow-wrap: anywhere; }
    .stacked td:first-child { font-weight: 600; }
    .stacked td::before { font-weight: 400; content: attr(data-name) ": "; opacity: 0.8; }
}"""


def safe(text: object) -> str:
    """Text from the record for a piece of HTML."""
    return "" if shared.is_missing(text) else html.escape(shared.unbroken(str(text)))


def link(url: object, words: str) -> str:
    """A link to a source, only where it is an address on the web."""
    if shared.is_missing(url) or not str(url).startswith(("http://", "https://")):
        return safe(words)
    shut = 'target="_blank" rel="noopener noreferrer" style="color:inherit"'
    return f'<a href="{html.escape(str(url))}" {shut}>{safe(words)}</a>'


def quote(words: object) -> str:
    """A source's own words, set apart; nothing where there are none."""
    look = "margin:0.2rem 0 0.6rem;padding-left:0.8rem;border-left:3px solid #8886"
    return f'<blockquote style="{look}">{safe(words)}</blockquote>' if safe(words) else ""


def table(rows: list[dict], numbers: tuple[str, ...], ready: tuple[str, ...] = ()) -> str:
    """A small table that a screen reader can walk; on a narrow screen, a wide one is read row by row.

    The columns in `numbers` stand to the right; those in `ready` are HTML already, all others text.
    """
    sides = {name: "right" if name in numbers else "left" for name in rows[0]}
    lengths = {name: max(_length(row[name]) for row in rows) for name in rows[0]}
    head = "".join(f'<th style="text-align:{side};{PADDING}">{_head(name)}</th>' for name, side in sides.items())
    looks = {name: f"text-align:{side};{_width(lengths[name])};{PADDING}" for name, side in sides.items()}
    body = "".join(f"<tr>{_cells(row, looks, ready)}</tr>" for row in rows)
    inner = f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody>"
    return f'<div style="overflow-x:auto"><table class="{_shape(lengths)}">{inner}</table></div>'


def _head(name: str) -> str:
    """The name of a column, whose unit stands on one line."""
    *words, last = safe(name).split(", ")
    return ", ".join([*words, f'<span style="white-space:nowrap">{last}</span>']) if words else last


def _length(cell: object) -> int:
    return len(re.sub("<[^>]*>", "", "" if shared.is_missing(cell) else str(cell)))


def _width(longest: int) -> str:
    return "white-space:nowrap" if longest <= SHORT else "min-width:14rem" if longest > LONG else ""


def _shape(lengths: dict[str, int]) -> str:
    """What a narrow screen makes of the table: a row for each cell where the columns do not fit side by side."""
    words = {name: max(map(len, name.split()), default=0) for name in lengths}
    needed = sum(max(words[name], length) + GAP for name, length in lengths.items())
    return "stacked" if len(lengths) > 2 and needed > NARROW else "flowing"


def _cells(row: dict, looks: dict[str, str], ready: tuple[str, ...]) -> str:
    pieces = {name: (value if name in ready else safe(value)) or shared.NONE for name, value in row.items()}
    return "".join(f'<td data-name="{safe(name)}" style="{looks[name]}">{piece}</td>' for name, piece in pieces.items())
