"""What every page for paper is made of: one HTML file, complete in itself, without script, in which data are text.

Nothing in it is loaded from anywhere, so it opens without a network and can be kept. Its charts are inline SVG.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import pandas

from leuko.figures.palette import PALETTE
from leuko.figures.svg import safe

NONE = "–"
ONLY_STYLE = "default-src 'none'; style-src 'unsafe-inline'"  # what a browser may run or load: its own style alone
COLOURS = PALETTE["light"]
STYLE = f"""
:root {{ color-scheme: light; }}
* {{ box-sizing: border-box; }}
body {{ margin: 0 auto; background: #fff; color: {COLOURS["text"]}; overflow-wrap: break-word; }}
h1, h2, h3 {{ line-height: 1.2; break-after: avoid; }}
a {{ color: {COLOURS["line"]}; }}
svg {{ display: block; width: 100%; height: auto; }}
table {{ width: 100%; border-collapse: collapse; }}
th, td {{ text-align: left; vertical-align: top; border-bottom: 1px solid {COLOURS["grid"]}; }}
th {{ color: {COLOURS["faint"]}; font-weight: 600; }}
td.number, td.short {{ white-space: nowrap; font-variant-numeric: tabular-nums; }}
.number {{ text-align: right; }}
.number + .short {{ padding-left: .8rem; }}
"""


class Column(NamedTuple):
    """A column of a table: its head, and how it is set: `number` to the right, `short` on one line, or as text."""

    head: str
    kind: str = ""


class Ready(str):
    """Text that is HTML already."""

    __slots__ = ()


def document(title: str, style: str, body: str) -> str:
    """The whole file: `body` is HTML, `style` CSS after that of every page, `title` plain text."""
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{ONLY_STYLE}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{safe(title)}</title>\n<style>{STYLE}{style}</style>\n</head>\n<body>\n{body}</body>\n</html>\n"
    )


def joined(*parts: object) -> str:
    return ", ".join(str(part) for part in parts if part is not None)


def facts(said: Mapping[str, str]) -> str:
    return f"<dl>{''.join(f'<dt>{safe(name)}</dt><dd>{safe(words)}</dd>' for name, words in said.items())}</dl>"


def remark(words: str) -> str:
    return f'<p class="small">{safe(words)}</p>' if words else ""


def table(name: str, columns: Sequence[Column], body: Iterable[Sequence[object]]) -> str:
    """A table that a screen reader can name; None is a dash, days are YYYY-MM-DD."""
    heads = "".join(f'<th scope="col"{kind(column)}>{safe(column.head)}</th>' for column in columns)
    lines = (
        "".join(f"<td{kind(column)}>{cell(value)}</td>" for column, value in zip(columns, row, strict=True))
        for row in body
    )
    inner = "".join(f"<tr>{line}</tr>" for line in lines)
    head = f"<thead><tr>{heads}</tr></thead>"
    return f'<div class="table"><table aria-label="{safe(name)}">{head}<tbody>{inner}</tbody></table></div>'


def kind(column: Column) -> str:
    return f' class="{column.kind}"' if column.kind else ""


def cell(value: object) -> str:
    if value is None or value == "":
        return NONE
    if isinstance(value, Ready):
        return value
    if isinstance(value, int):
        return f"{value:,}"
    return safe(f"{value:%Y-%m-%d}" if isinstance(value, pandas.Timestamp) else str(value))


def source_html(source: Mapping[str, object]) -> str:
    """A text by its title, as a link where it has an address on the web."""
    title, url = safe(str(source["title"])), str(source["url"] or "")
    if url.startswith(("http://", "https://")):
        title = f'<a href="{safe(url)}" rel="noreferrer">{title}</a>'
    said = [source["section"], source["revised"] and f"revised {source['revised']}"]
    said += [] if source["verified"] else ["wording not seen"]
    return ", ".join([title, *(safe(str(part)) for part in said if part)])
