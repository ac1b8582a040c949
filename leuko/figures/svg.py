"""Charts as SVG text for a page without script: how one is drawn, and the charts of the audit.

Each is complete in itself, a few KB, says its sentence as `<title>` and the rest as `<desc>`, and escapes every text.
The numbers and words are those of `leuko.figures.findings`, so that the report and the dashboard say the same.
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
    counted,
    edge_places,
    fitted,
    funnel_findings,
    name_places,
    run_findings,
    shortened,
)
from leuko.figures.palette import PALETTE
from leuko.figures.panels import rows
from leuko.statistics import INNER, OUTER

WIDTH = 760
LEFT, RIGHT = 48, 132  # room for per cents and for the labels of the lines
PLOT = WIDTH - LEFT - RIGHT
HEIGHT = 240  # from 0 to 100 %
SENTENCE = 110  # characters on a line of a title or a note
BESIDE = 8  # from a point to its name
NAMES = 12  # so many points outside the limits have their name beside them, the furthest first
LABELS = {"over": (0, -9, "middle"), "under": (0, 19, "middle"), "beside": (9, 4, "start")}  # right, down, anchor
DASHES = {"centre": "", "inner": "2 3", "outer": "6 4"}
COLOURS = {"centre": "text", "inner": "faint", "outer": "faint"}
ENDINGS = {  # column → what it is called, the palette's fill and the line around it
    "met": ("met", "calm", "calm"),
    "not_met": ("not met", "act", "act"),
    "excluded": ("excluded", "grid", "faint"),
    "cannot_tell": ("cannot tell", "card", "unknown"),
}
OUTLINES = {  # the corners of a mark, to the right and down from its centre, in its radius
    "diamond": ((0, -1.5), (1.5, 0), (0, 1.5), (-1.5, 0)),
    "square": ((-1, -1), (1, -1), (1, 1), (-1, 1)),
    "triangle-down": ((-1, -1), (1, -1), (0, 1)),
    "triangle-up": ((-1, 1), (1, 1), (0, -1)),
}
BAR_ROW, BAR = 58, 14  # height of a measure's row and of the bar in it


def funnel_svg(groups: pandas.DataFrame, minimum: int, *, kind: str = "group", theme: str = "light") -> str:
    """As `leuko.figures.audit.funnel_figure`: one point a group (columns group, met, of) within limits."""
    found = funnel_findings(groups, minimum, kind)
    colours = PALETTE[theme]
    frame = Frame(found.title, found.note, colours, above=labels.LINE if minimum > 1 else 0)
    if not found.funnel.points:
        return frame.svg(height=0)
    frame.rates()
    end = 1.04 * found.end
    if minimum > 1:
        least = LEFT + (minimum - 0.5) / end * PLOT
        frame.line([(least, frame.top), (least, frame.bottom)], "grid", width=2)
        frame.text(LEFT, frame.top - 7, f"fewer than {minimum:,}: too few to judge", "faint")
    for coverage, dashed in ((INNER, "inner"), (OUTER, "outer")):
        of, *limits = found.curve(coverage)
        for limit in limits:
            places = [(LEFT + each / end * PLOT, frame.at(rate)) for each, rate in zip(of, limit, strict=True)]
            frame.line(places, COLOURS[dashed], dash=DASHES[dashed])
    frame.levels([line for line in found.lines if line[2] == "centre"])
    frame.edge_labels(found.lines)
    for mark in denominators(found.end):
        frame.text(LEFT + mark / end * PLOT, frame.bottom + 16, f"{mark:,}", "faint", "middle")
    frame.text(LEFT + PLOT / 2, frame.bottom + 33, "events met or not met", "faint", "middle")
    draw_points(frame, found, end)
    return frame.svg(room=44)


def draw_points(frame: "Frame", found: FunnelFindings, end: float) -> None:
    for point in found.funnel.points:
        place = (LEFT + point.of / end * PLOT, frame.at(point.rate))
        shape = "diamond" if point.outside else "circle"
        colour = "act" if point.outside else "line" if point.judged else "faint"
        name, *said = found.point_in_words(point)
        frame.mark(*place, shape, colour, f"{name}: {', '.join(said)}", hollow=not point.judged)
    named = found.outside[:NAMES]
    texts = [fitted(point.group, NAME) for point in named]
    places = [
        (point.of / end * PLOT + BESIDE, HEIGHT * point.rate, text) for point, text in zip(named, texts, strict=True)
    ]
    for (x, y, text), (side, move) in zip(places, name_places(places, PLOT, HEIGHT), strict=True):
        start, anchor = (x, "start") if side == "right" else (x - 2 * BESIDE, "end")
        frame.text(LEFT + start, frame.bottom - y - move + 4, text, "act", anchor)


def run_svg(months: pandas.DataFrame, *, minimum: int = 1, theme: str = "light") -> str:
    """As `leuko.figures.audit.run_figure`: the rate by month (columns month, met, of, rate) with its limits."""
    found = run_findings(months, minimum)
    frame = Frame(found.title, found.note, PALETTE[theme])
    if not found.with_rate:
        return frame.svg(height=0)
    frame.rates()
    frame.levels(found.lines)
    frame.edge_labels(found.lines)
    step = PLOT / max(1, len(found.months))
    places = [LEFT + (place + 0.5) * step for place in range(len(found.months))]
    for run in unbroken(found, places):
        frame.line([(x, frame.at(rate)) for x, rate in run], "line", width=1.5)
    for x, month in zip(places, found.months, strict=True):
        if month.rate is None:
            continue
        name, *said = month.in_words
        shape, colour = ("diamond", "act") if month.outside else ("circle", "line")
        frame.mark(x, frame.at(month.rate), shape, colour, f"{name}: {', '.join(part for part in said if part)}")
        if month.outside:
            right, down, anchor = LABELS[month.label_side]
            frame.text(x + right, frame.at(month.rate) + down, f"{month.start:%b %Y}", "act", anchor)
    month_names(frame, found, places, step)
    return frame.svg(room=40)


def unbroken(found: RunFindings, places: Sequence[float]) -> list[list[tuple[float, float]]]:
    """The stretches of months that all have a rate, as (x, rate)."""
    runs: list[list[tuple[float, float]]] = [[]]
    for x, month in zip(places, found.months, strict=True):
        if month.rate is None:
            runs.append([])
        else:
            runs[-1].append((x, month.rate))
    return [run for run in runs if len(run) > 1]


def month_names(frame: "Frame", found: RunFindings, places: Sequence[float], step: float) -> None:
    """As many names of months as stand side by side, the year below the first and each January."""
    every = next((each for each in (1, 3, 6, 12, 24, 60) if each * step >= 34), 120)
    said = None
    for x, month in list(zip(places, found.months, strict=True))[::every]:
        frame.text(x, frame.bottom + 16, f"{month.start:%b}", "faint", "middle")
        if month.start.year != said:
            frame.text(x, frame.bottom + 31, f"{month.start:%Y}", "faint", "middle")
        said = month.start.year


def bars_svg(measures: pandas.DataFrame, *, theme: str = "light") -> str:
    """One bar a measure, as wide as its population whatever its size: met, not met, excluded, cannot tell.

    Columns met, not_met, excluded, cannot_tell and `title`, or `measure` where there is none. The counts stand above
    the bar in words, in its order and with its colours.
    """
    known = rows(measures)
    colours = PALETTE[theme]
    names = [str(row.get("title") or row["measure"]) for row in known]
    counts = [{ending: int(row[ending]) for ending in ENDINGS} for row in known]
    said = [f"{name}: {endings_in_words(each)}" for name, each in zip(names, counts, strict=True)]
    title = f"How the events of {counted(len(known), 'measure')} ended." if known else "There is no measure."
    frame = Frame(title, "", colours, said=said)
    for place, (name, each) in enumerate(zip(names, counts, strict=True)):
        frame.parts.append(f"<g><title>{safe(said[place])}</title>")
        draw_bar(frame, frame.top + place * BAR_ROW, name, each)
        frame.parts.append("</g>")
    return frame.svg(height=BAR_ROW * len(known))


def draw_bar(frame: "Frame", top: float, name: str, counts: dict[str, int]) -> None:
    population = sum(counts.values())
    frame.text(0, top + 13, shortened(name, SENTENCE), "text")
    x = 0.0
    for ending, (words, fill, around) in ENDINGS.items():
        frame.box(x + 0.5, top + 20, 9, 9, fill, around)
        text = f"{counts[ending]:,} {words}"
        frame.text(x + 14, top + 29, text, "text")
        x += 14 + len(text) * labels.CHARACTER + 2 * labels.GAP
    frame.text(x, top + 29, f"of {counted(population, 'event')}", "faint")
    x = 0.0
    for ending, (_, fill, around) in ENDINGS.items():
        wide = counts[ending] / population * WIDTH if population else 0
        if wide:
            frame.box(x + 0.5, top + 35, max(1.0, wide - 2), BAR, fill, around)
        x += wide
    if not population:
        frame.box(0.5, top + 35, WIDTH - 1, BAR, "card", "grid")


def endings_in_words(counts: dict[str, int]) -> str:
    """`3 met, 1 not met, 2 excluded, 0 cannot tell, of 6 events`."""
    said = ", ".join(f"{counts[ending]:,} {words}" for ending, (words, *_) in ENDINGS.items())
    return f"{said}, of {counted(sum(counts.values()), 'event')}"


def denominators(end: int) -> list[int]:
    """Up to six whole numbers to mark on an axis from 0 to `end`: 1, 2 or 5 with zeros apart."""
    steps = (digit * 10**power for power in range(12) for digit in (1, 2, 5))
    step = next(step for step in steps if end / step <= 6)
    return list(range(0, end + 1, step))


# ---------------------------------------------------------------- SVG


class Drawing:
    """SVG being drawn in the colours of a theme, which `colours` names."""

    def __init__(self, colours: dict[str, str]):
        self.colours = colours
        self.parts: list[str] = []

    def line(self, places: Sequence[tuple[float, float]], colour: str, *, width: float = 1, dash: str = "") -> None:
        if not places:
            return
        dashed = f' stroke-dasharray="{dash}"' if dash else ""
        points = " ".join(f"{short(x)},{short(y)}" for x, y in places)
        self.parts.append(
            f'<polyline fill="none" stroke="{self.colours[colour]}" stroke-width="{short(width)}"{dashed}'
            f' points="{points}"/>'
        )

    def mark(
        self, x: float, y: float, shape: str, colour: str, said: str = "", *, radius: float = 4, hollow: bool = False
    ) -> None:
        """A circle or a shape of OUTLINES; where it is `said` what it is, it says so when it is pointed at."""
        ink = self.colours[colour]
        fill = f'fill="{self.colours["card"]}" stroke="{ink}"' if hollow else f'fill="{ink}"'
        if shape == "circle":
            drawn = f'<circle cx="{short(x)}" cy="{short(y)}" r="{short(radius)}" {fill}/>'
        else:
            corners = (f"{short(x + radius * right)},{short(y + radius * down)}" for right, down in OUTLINES[shape])
            drawn = f'<path d="M{"L".join(corners)}z" {fill}/>'
        self.parts.append(f"<g><title>{safe(said)}</title>{drawn}</g>" if said else drawn)

    def box(self, x: float, y: float, width: float, height: float, fill: str, around: str = "") -> None:
        edge = f' stroke="{self.colours[around]}"' if around else ""
        self.parts.append(
            f'<rect x="{short(x)}" y="{short(y)}" width="{short(width)}" height="{short(height)}"'
            f' fill="{self.colours[fill]}"{edge}/>'
        )

    def text(
        self,
        x: float,
        y: float,
        words: str,
        colour: str,
        anchor: str = "start",
        *,
        bold: bool = False,
        halo: bool = False,
    ) -> None:
        """Words at a place, where there are any; a `halo` keeps them legible where they stand on a line."""
        if not words:
            return
        anchored = "" if anchor == "start" else f' text-anchor="{anchor}"'
        heavy = ' font-weight="bold"' if bold else ""
        paper = f' stroke="{self.colours["card"]}" stroke-width="3" paint-order="stroke"' if halo else ""
        self.parts.append(
            f'<text x="{short(x)}" y="{short(y)}" fill="{self.colours[colour]}"{anchored}{heavy}{paper}>{safe(words)}'
            "</text>"
        )

    def whole(self, tall: float, title: str, said: str) -> str:
        """What was drawn, as one picture of WIDTH: `title` is its sentence, `said` the rest for who does not see it."""
        described = f"<desc>{safe(said)}</desc>" if said else ""
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {short(tall)}" role="img"'
            f' font-family="system-ui, sans-serif" font-size="12"><title>{safe(title)}</title>{described}'
            f"{''.join(self.parts)}</svg>"
        )


class Frame(Drawing):
    """A chart of rates being drawn: the title above, the plot, the note below."""

    def __init__(self, title: str, note: str, colours: dict[str, str], *, above: int = 0, said: Sequence[str] = ()):
        super().__init__(colours)
        self.title, self.note = title, note
        self.said = [note, *said]
        self.heading = textwrap.wrap(title, SENTENCE)
        self.top = 12 + labels.LINE * len(self.heading) + above
        self.bottom = self.top + HEIGHT

    def at(self, rate: float) -> float:
        return self.bottom - HEIGHT * rate

    def rates(self) -> None:
        """The axis of rates: 0 to 100 %."""
        for rate in (0, 0.25, 0.5, 0.75, 1):
            self.line([(LEFT, self.at(rate)), (LEFT + PLOT, self.at(rate))], "grid")
            self.text(LEFT - 8, self.at(rate) + 4, f"{100 * rate:.0f} %", "faint", "end")

    def levels(self, lines: Sequence[Line]) -> None:
        """Lines at one rate, from edge to edge."""
        for _, rate, kind in lines:
            self.line([(LEFT, self.at(rate)), (LEFT + PLOT, self.at(rate))], COLOURS[kind], dash=DASHES[kind])

    def edge_labels(self, lines: Sequence[Line]) -> None:
        """What each line is, at its right end."""
        for (text, _, kind), place in edge_places(lines, HEIGHT):
            self.text(LEFT + PLOT + 6, self.bottom - place + 4, text, COLOURS[kind])

    def svg(self, *, height: float = HEIGHT, room: int = 0) -> str:
        """The whole chart; `room`: what the axis takes below the plot, above the note."""
        for place, words in enumerate(self.heading):
            self.text(0, 14 + place * labels.LINE, words, "text", bold=True)
        note = self.top + height + room
        lines = textwrap.wrap(self.note, SENTENCE)
        for place, words in enumerate(lines):
            self.text(0, note + 14 + place * labels.LINE, words, "faint")
        tall = note + (labels.LINE * len(lines) + 8 if lines else 4)
        return self.whole(tall, self.title, " ".join(part for part in self.said if part))


def short(number: float) -> str:
    """A length with at most one decimal."""
    return f"{number:.1f}".removesuffix(".0")


def safe(text: str) -> str:
    """Text that is never markup and has no character that SVG forbids."""
    return html.escape("".join(each if each.isprintable() else " " for each in text))
