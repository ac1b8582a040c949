"""docs/cohort.svg: counts of simulated children on mercaptopurine beside those of real ones, as aggregates only.

    LEUKO_REAL_DATA=FOLDER python data/picture.py

The real counts stay in the folder that LEUKO_REAL_DATA names; what is drawn are quantiles of all of them together.
"""

import os
import sys
from pathlib import Path

import numpy as np
import pandas as pd

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent.parent))

from data import calibration

DRAWN = Path(__file__).parent.parent / "docs" / "cohort.svg"
QUANTILES = (1, 5, 10, 25, 50, 75, 90, 95, 99)  # per cent of the counts
LOW, WEEKS = 750, 8  # the count that a recovery is followed from, and for how long
SIMULATED, REAL = "#0f6b8f", "#8a5a00"
WIDTH, HEIGHT, LEFT, TOP, PLOT_WIDTH, PLOT_HEIGHT = 920, 430, 70, 76, 350, 280
GAP = 90
LEAST, MOST = 200, 12_800  # cells/µL on the axis
MARKS = (250, 500, 1000, 2000, 4000, 8000)


def simulated() -> pd.DataFrame:
    return calibration.on_drug(calibration.read(), "mercaptopurine")[["patient_id", "day", "value"]]


def real(folder: Path) -> pd.DataFrame:
    labs = pd.read_csv(folder / "all-maintenance" / "labs.csv", dtype=str)
    labs = labs.assign(status="final", reported_at=labs["collected_at"])
    return calibration.counts({"labs": labs})


def after_a_low(found: pd.DataFrame) -> pd.DataFrame:
    """Quartiles of the counts in each week after a count below LOW that came after one at or above 1,000."""
    rows = []
    for _, course in found.groupby("patient_id"):
        days = course["day"].to_numpy().astype("datetime64[D]").astype(int)
        values = course["value"].to_numpy()
        fresh = True
        for place, value in enumerate(values):
            if fresh and value < LOW:
                ahead = days - days[place]
                within = (ahead >= 0) & (ahead <= 7 * WEEKS)
                rows += list(zip(np.ceil(ahead[within] / 7), values[within], strict=True))
                fresh = False
            fresh |= value >= 1000
    after = pd.DataFrame(rows, columns=["week", "value"])
    return after.groupby("week")["value"].quantile([0.25, 0.5, 0.75]).unstack()


def down(cells: float) -> float:
    """Pixels from the top for a count, on a logarithmic axis."""
    part = np.log(np.clip(cells, LEAST, MOST) / LEAST) / np.log(MOST / LEAST)
    return TOP + PLOT_HEIGHT * (1 - part)


def line(points: list[tuple[float, float]], colour: str, dash: str = "") -> str:
    places = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline points="{places}" fill="none" stroke="{colour}" stroke-width="2" stroke-dasharray="{dash}"/>'


def text(x: float, y: float, words: str, *, size: int = 12, colour: str = "#333", anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{colour}" text-anchor="{anchor}">{words}</text>'


def frame(left: float, title: str, below: str) -> list[str]:
    parts = [text(left, TOP - 14, title, size=13)]
    for mark in MARKS:
        y = down(mark)
        parts += [
            f'<line x1="{left}" x2="{left + PLOT_WIDTH}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd"/>',
            text(left - 6, y + 4, f"{mark:,}", anchor="end"),
        ]
    return [*parts, text(left + PLOT_WIDTH / 2, TOP + PLOT_HEIGHT + 40, below, anchor="middle")]


def draw(made: pd.DataFrame, measured: pd.DataFrame) -> str:
    right = LEFT + PLOT_WIDTH + GAP
    parts = frame(LEFT, "All counts: so many per cent lie below", "per cent of the counts")
    parts += frame(right, f"After a count below {LOW}: median and quartiles", "weeks after that count")
    for place, percent in enumerate(QUANTILES):
        x = LEFT + PLOT_WIDTH * place / (len(QUANTILES) - 1)
        parts.append(text(x, TOP + PLOT_HEIGHT + 20, str(percent), anchor="middle"))
    for week in range(WEEKS + 1):
        x = right + PLOT_WIDTH * week / WEEKS
        parts.append(text(x, TOP + PLOT_HEIGHT + 20, str(week), anchor="middle"))
    said = []
    for name, found, colour, dash in (("simulated", made, SIMULATED, ""), ("real", measured, REAL, "6 4")):
        values = np.percentile(found["value"], QUANTILES)
        step = PLOT_WIDTH / (len(QUANTILES) - 1)
        parts.append(line([(LEFT + step * place, down(value)) for place, value in enumerate(values)], colour, dash))
        weeks = after_a_low(found)
        x = [right + PLOT_WIDTH * week / WEEKS for week in weeks.index]
        lower, upper = ([(a, down(b)) for a, b in zip(x, weeks[part], strict=True)] for part in (0.25, 0.75))
        band = " ".join(f"{a:.1f},{b:.1f}" for a, b in [*lower, *reversed(upper)])
        parts.append(f'<polygon points="{band}" fill="{colour}" fill-opacity="0.13"/>')
        parts.append(line([(a, down(b)) for a, b in zip(x, weeks[0.5], strict=True)], colour, dash))
        said.append((f"{name}: {len(found):,} counts of {found['patient_id'].nunique()} children", colour, dash))
    for place, (words, colour, dash) in enumerate(said):
        x = LEFT + place * 320
        parts += [line([(x, 36), (x + 34, 36)], colour, dash), text(x + 42, 40, words, colour=colour)]
    parts.insert(0, text(LEFT, 20, "ANC (cells/µL) under mercaptopurine, simulated and real", size=15))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
        'font-family="sans-serif"><title>ANC under mercaptopurine: simulated and real children</title>'
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>\n' + "\n".join(parts) + "\n</svg>\n"
    )


if __name__ == "__main__":
    DRAWN.write_text(draw(simulated(), real(Path(os.environ["LEUKO_REAL_DATA"]))), encoding="utf-8")
