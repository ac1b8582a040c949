"""What every panel of the figure is made of: its place, the days it spans and the words on it."""

import html
from dataclasses import dataclass, field

import pandas

from leuko.figures import labels
from leuko.figures.palette import PALETTE

HEADING_GAP = 26  # pixels between two panels, for the heading of the lower one


@dataclass
class Panel:
    """One strip of the figure: its heading, height in pixels, y axis and what is drawn on it."""

    heading: str
    height: int
    axis: dict
    traces: list = field(default_factory=list)
    shapes: list = field(default_factory=list)
    annotations: list = field(default_factory=list)


@dataclass(frozen=True)
class View:
    """How the figure is drawn: the days it spans, linear or log, and the theme's colours."""

    start: pandas.Timestamp
    as_of: pandas.Timestamp
    end: pandas.Timestamp
    scale: str
    theme: str

    def colour(self, name: str) -> str:
        return PALETTE[self.theme][name]

    def pixels(self, times: pandas.Series) -> list[float]:
        return list((times - self.start) / (self.end - self.start) * labels.PLOT_WIDTH)


def iso(times: pandas.Series) -> list[str]:
    return times.dt.strftime("%Y-%m-%dT%H:%M:%S").tolist()


def shown(places: list[float], texts: pandas.Series) -> list[str]:
    """The labels that fit beside each other, safe to show."""
    return [html.escape(text) for text in labels.fitting(places, texts.tolist())]


def escaped(texts: pandas.Series) -> pandas.Series:
    return texts.map(labels.hover_words).astype(str)
