"""What every panel of the figure is made of: its place, the days it spans and the words on it."""

from dataclasses import dataclass, field

import pandas

from leuko.figures import labels
from leuko.figures.palette import PALETTE

HEADING_GAP = 30  # pixels between two panels, for the heading of the lower one


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

    def pixel(self, time: pandas.Timestamp) -> float:
        return (time - self.start) / (self.end - self.start) * labels.PLOT_WIDTH


def rows(frame: pandas.DataFrame) -> list[dict]:
    """One patient's rows as dicts, None where something is missing: for so few, far quicker than pandas."""
    columns = [
        [
            None if missing else value
            for value, missing in zip(column.tolist(), column.isna().tolist(), strict=True)
        ]
        for _, column in frame.items()
    ]
    return [dict(zip(frame.columns, values, strict=True)) for values in zip(*columns, strict=True)]
