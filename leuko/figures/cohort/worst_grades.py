"""The worst ANC grade of each course by drug and dose: one bar a dose, as wide as all its courses, split by grade."""

import html

import pandas

from leuko.cohort.findings import CANNOT_TELL, GRADES, grade_words
from leuko.figures import labels
from leuko.figures.cohort.frame import Ink, blank, key, words
from leuko.figures.findings import shortened

MARGIN = {"l": 212, "r": 92, "t": 34, "b": 24}
ROW, LEAST = 24, 3  # pixels of a bar's row, and rows that a figure is always as tall as
MOST_ROWS = 24  # doses that are drawn, those of most courses; the table has all
NAME = 28  # characters of a drug with its dose
PLOT_WIDTH = 420  # pixels that a bar has at least: a number stands in it where its part is wide enough
# Of each grade the fill of its part and the ink of the number in it.
TONES = {
    "0": ("calm_cell", "text"),
    "1": ("grade_1_cell", "text"),
    "2": ("grade_2_cell", "text"),
    "3": ("act_cell", "on_act"),
    "4": ("danger_cell", "on_danger"),
    CANNOT_TELL: ("unknown_cell", "text"),
}


def table(grades: pandas.DataFrame) -> pandas.DataFrame:
    """A row a drug and dose, a column a grade in words, `courses` in all; the frame of `Cohort.grades_by_dose`."""
    names = [*map(str, GRADES), CANNOT_TELL]
    doses = [
        f"{row.drug} {labels.amount(row.dose_mg, row.dose_unit)}"
        for row in grades[["drug", "dose_mg", "dose_unit"]].itertuples()
    ]
    told = grades.assign(dose=doses, words=grades["grade"].map(grade_words, na_action=None))
    wide = told.pivot_table(index="dose", columns="words", values="courses", aggfunc="sum", fill_value=0, sort=False)
    wide = wide.reindex(columns=names, fill_value=0)
    return wide.assign(courses=wide.sum(axis=1))


def sentence(courses: pandas.DataFrame) -> str:
    """`Grade 4 at worst in 178 of 1,183 courses, grade 3 in 136.` `courses`: those with a count to grade."""
    worst = courses["worst_grade"].map(grade_words, na_action=None).value_counts()
    gravest, next_to_it = (int(worst.get(grade, 0)) for grade in ("4", "3"))
    return f"ANC grade 4 at worst in {gravest:,} of {len(courses):,} courses, grade 3 in {next_to_it:,}."


def drawn_rows(wide: pandas.DataFrame) -> pandas.DataFrame:
    """The doses of most courses, in the order of the table."""
    most = wide["courses"].sort_values(ascending=False, kind="stable").index[:MOST_ROWS]
    return wide[wide.index.isin(most)]


def figure(wide: pandas.DataFrame, said: str, theme: str = "light") -> dict:
    """The frame is that of `table`; `said`: the sentence of the figure."""
    ink = Ink(theme)
    shown = drawn_rows(wide)
    tall = max(LEAST, len(shown))
    drawn = blank(said, ink, ROW * tall, MARGIN)
    layout = drawn["layout"]
    places = list(range(1, len(shown) + 1))
    layout["barmode"] = "stack"
    layout["bargap"] = 0.25
    layout["xaxis"] |= {"range": [0, 100], "visible": False}
    layout["yaxis"] |= {
        "range": [tall + 0.6, 0.4],
        "tickvals": places,
        "ticktext": [html.escape(shortened(name, NAME)) for name in shown.index],
        "showgrid": False,
    }
    fills = {name: ink.colour(fill) for name, (fill, _) in TONES.items()}
    entries = [(grade_name(name), fill, fill) for name, fill in fills.items()]
    layout["annotations"] = key(entries, ink)
    layout["annotations"] += [
        words(f"{count:,} {'course' if count == 1 else 'courses'}", ink, x=1, xshift=6, yref="y", y=place)
        for place, count in zip(places, shown["courses"], strict=True)
    ]
    drawn["data"] = [part(shown, places, name, ink) for name in TONES]
    return drawn


def grade_name(name: str) -> str:
    return name if name == CANNOT_TELL else f"grade {name}"


def part(shown: pandas.DataFrame, places: list[int], name: str, ink: Ink) -> dict:
    """What one grade takes of every bar, with its count where there is room for it."""
    counts, courses = shown[name].tolist(), shown["courses"].tolist()
    widths = [100 * count / of for count, of in zip(counts, courses, strict=True)]
    needed = [len(f"{count:,}") * labels.CHARACTER + 4 for count in counts]
    fits = [width / 100 * PLOT_WIDTH >= room for width, room in zip(widths, needed, strict=True)]
    grade, (fill, number) = grade_name(name), TONES[name]
    return {
        "type": "bar",
        "orientation": "h",
        "name": grade,
        "y": places,
        "x": widths,
        "marker": {"color": ink.colour(fill), "line": {"width": 0}},
        "text": [f"{count:,}" if fit and count else "" for count, fit in zip(counts, fits, strict=True)],
        "textposition": "inside",
        "insidetextanchor": "middle",
        "textangle": 0,
        "textfont": {"size": 12, "color": ink.colour(number)},
        "constraintext": "none",
        "customdata": [
            labels.hover(dose, f"{grade}: {count:,} of {of:,} courses")
            for dose, count, of in zip(shown.index, counts, courses, strict=True)
        ],
        "hovertemplate": "%{customdata}<extra></extra>",
    }
