"""The panels of counts: ANC with its bands, platelets, WBC. All in cells/µL."""

import math
from dataclasses import dataclass

import pandas

from leuko.facts import read_rows
from leuko.figures import labels
from leuko.figures.panels import Panel, View, escaped, iso, shown
from leuko.protocols.words import in_words

NAMES = {"anc": "ANC", "platelets": "Platelets", "wbc": "WBC"}
GRADE_VERSION = "CTCAE v5.0"
HEIGHTS = {"anc": 360, "platelets": 100, "wbc": 100}
LOWEST_TOP = {"anc": 2000, "platelets": 100_000, "wbc": 5000}  # an axis always reaches this far, cells/µL


def count_panel(patient, analyte: str, view: View) -> Panel | None:
    """ANC, platelets or WBC over time; None where there is neither a count nor a threshold to show."""
    counts = patient.counts[patient.counts["analyte"].eq(analyte) & patient.counts["value"].notna()]
    lines = threshold_lines(patient, analyte)
    if counts.empty and not lines and analyte != "anc":
        return None
    scale = CountScale.of(counts["value"], analyte, view.scale if analyte == "anc" else "linear")
    bands = read_rows("bands") if analyte == "anc" else ()
    panel = Panel(f"{NAMES[analyte]}, cells/µL{scale.remark}", scale.height, scale.axis())
    panel.traces = [*superseded(counts, analyte, scale, view), *points(counts, analyte, scale, view)]
    panel.shapes = [band_shape(band, scale, view) for band in bands]
    panel.shapes += [line_shape(number, view) for number in lines]
    panel.annotations = edge_labels(bands, lines, scale, view)
    return panel


@dataclass(frozen=True)
class CountScale:
    """A y axis for counts. A log axis has no 0: there, 0 is drawn on `floor`, below every count above 0."""

    kind: str
    floor: float
    top: float
    height: int

    @classmethod
    def of(cls, values: pandas.Series, analyte: str, kind: str) -> "CountScale":
        highest = max([LOWEST_TOP[analyte], *values.tolist()])
        above_0 = min([100, *values[values > 0].tolist()])
        floor = 10.0 ** (math.ceil(math.log10(above_0)) - 1)
        return cls(kind, floor, highest * 1.06, HEIGHTS[analyte])

    @property
    def remark(self) -> str:
        return ", logarithmic scale: 0 is drawn on the bottom line" if self.kind == "log" else ""

    def drawn(self, values: pandas.Series) -> list[float]:
        return values.clip(lower=self.floor).tolist() if self.kind == "log" else values.tolist()

    def place(self, value: float) -> float:
        """Where an annotation stands in this axis' own terms (the exponent on a log axis)."""
        return math.log10(max(value, self.floor)) if self.kind == "log" else value

    def pixel(self, value: float) -> float:
        low, high = self.ends()
        return (self.place(value) - low) / (high - low) * self.height

    def ends(self) -> tuple[float, float]:
        if self.kind == "linear":
            return -0.03 * self.top, self.top
        low, high = math.log10(self.floor), math.log10(self.top)
        return low - 0.03 * (high - low), high

    def axis(self) -> dict:
        if self.kind == "linear":
            return {"range": list(self.ends()), "tickformat": ",d", "nticks": 3 if self.height < 200 else 8}
        powers = range(round(math.log10(self.floor)), math.ceil(math.log10(self.top)) + 1)
        marks = [
            m * 10.0**power for power in powers for m in (1, 2, 5) if self.floor < m * 10.0**power < self.top
        ]
        words = [labels.number_in_words(mark) for mark in marks]
        return {
            "type": "log",
            "range": list(self.ends()),
            "tickvals": [self.floor, *marks],
            "ticktext": ["0", *words],
        }


def points(counts: pandas.DataFrame, analyte: str, scale: CountScale, view: View) -> list[dict]:
    """The results that the rule reads, as points and a line; one with a comparator is a triangle."""
    used = counts[counts["used"]].sort_values("collected_at")
    if used.empty:
        return []
    signed = used["comparator"].fillna("")
    words = (signed + used["value"].map(labels.number_in_words)).where(signed.ne(""), "")
    symbols = signed.map({"<": "triangle-down", ">": "triangle-up"}).fillna("circle")
    return [
        {
            "type": "scatter",
            "mode": "lines+markers+text",
            "name": NAMES[analyte],
            "x": iso(used["collected_at"]),
            "y": scale.drawn(used["value"]),
            "text": shown(view.pixels(used["collected_at"]), words),
            "textposition": "top center",
            "line": {"color": view.colour("line"), "width": 1.5},
            "marker": {
                "size": symbols.map({"circle": 7}).fillna(10).tolist(),
                "symbol": symbols.tolist(),
                "color": view.colour("line"),
                "opacity": 1,
                "line": {"width": 0},
            },
            "customdata": count_hover(used, analyte),
            "hovertemplate": "%{customdata}<extra></extra>",
        }
    ]


def superseded(counts: pandas.DataFrame, analyte: str, scale: CountScale, view: View) -> list[dict]:
    """Results that the rule does not read: hollow, faint, never joined."""
    unused = counts[~counts["used"]]
    if unused.empty:
        return []
    return [
        {
            "type": "scatter",
            "mode": "markers",
            "name": f"{NAMES[analyte]}, not used",
            "x": iso(unused["collected_at"]),
            "y": scale.drawn(unused["value"]),
            "opacity": 0.7,
            "marker": {"symbol": "circle-open", "size": 8, "color": view.colour("faint")},
            "customdata": why_not_used(unused) + "<br>" + count_hover(unused, analyte),
            "hovertemplate": "%{customdata}<extra></extra>",
        }
    ]


def why_not_used(unused: pandas.DataFrame) -> pandas.Series:
    """Why the rule does not read a result, in words; `unused`: rows of `Patient.counts` with `used` false."""
    why = pandas.Series("not used: a later report replaced it", index=unused.index, dtype=str)
    why = why.mask(unused["derived"].eq(True), "not used: derived, and one was measured")
    return why.mask(unused["status"].isin(["entered-in-error", "cancelled"]), "not used: withdrawn")


def count_hover(counts: pandas.DataFrame, analyte: str) -> pandas.Series:
    """What a count says of itself: in cells/µL, as reported, when, its grade, where it came from."""
    value = counts["comparator"].fillna("") + counts["value"].map(labels.number_in_words)
    reported = (counts["raw_value"].fillna("") + " " + counts["raw_unit"].fillna("")).str.strip()
    origin = counts["derived"].map({True: "derived, not measured: "}).fillna("reported as ")
    grade = counts["grade"].map(
        lambda grade: "cannot be graded" if pandas.isna(grade) else f"grade {grade:.0f}"
    )
    return (
        f"<b>{NAMES[analyte]} "
        + escaped(value)
        + " cells/µL</b><br>"
        + origin
        + escaped(reported)
        + "<br>"
        + labels.days_in_words(counts["collected_at"])
        + f"<br>{GRADE_VERSION}: "
        + grade
        + "<br>"
        + escaped(counts["status"])
        + "<br>"
        + escaped(counts["source"])
    )


def threshold_lines(patient, analyte: str) -> dict[float, list[str]]:
    """The protocols' own thresholds that no band edge shows: number → its words, one line each."""
    rows = patient.thresholds[patient.thresholds["analyte"].eq(analyte)]
    edges = {float(band["below"]) for band in read_rows("bands")} if analyte == "anc" else set()
    drugs = dict(zip(patient.worklist["protocol"], patient.worklist["drug"], strict=True))
    lines: dict[float, list[str]] = {}
    for row in rows.to_dict("records"):
        drug = (
            f"{drugs[row['protocol']]}: "
            if rows["protocol"].nunique() > 1 and row["protocol"] in drugs
            else ""
        )
        for role in ("hold", "resume"):
            number = row[role]
            if pandas.isna(number) or number in edges:
                continue
            words = f"{drug}{role} {in_words(row[f'{role}_operator'])} {labels.number_in_words(number)}"
            mark = "" if row["verified"] else " (not verified)"
            lines.setdefault(float(number), []).append(words[0].upper() + words[1:] + mark)
    return dict(sorted(lines.items()))


def band_shape(band: dict, scale: CountScale, view: View) -> dict:
    low = float(band["at_least"]) or scale.drawn(pandas.Series([0.0]))[0]
    return {
        "type": "rect",
        "layer": "below",
        "xref": "paper",
        "x0": 0,
        "x1": 1,
        "yref": "y",
        "y0": low,
        "y1": float(band["below"]),
        "line": {"width": 0},
        "fillcolor": view.colour(f"{band['tone']}_band"),
    }


def line_shape(number: float, view: View) -> dict:
    return {
        "type": "line",
        "layer": "below",
        "xref": "paper",
        "x0": 0,
        "x1": 1,
        "yref": "y",
        "y0": number,
        "y1": number,
        "line": {"color": view.colour("text"), "width": 1, "dash": "dash"},
    }


def edge_labels(bands: tuple, lines: dict[float, list[str]], scale: CountScale, view: View) -> list[dict]:
    """What each band and line is, in words at the right edge, moved apart where they would touch."""
    wanted = [(middle(band, scale), band["words"], band["tone"]) for band in bands]
    wanted += [(scale.pixel(number), "<br>".join(words), "text") for number, words in lines.items()]
    wanted.sort(key=lambda label: label[0])
    moves = labels.spread(
        [place for place, *_ in wanted], [words.count("<br>") + 1 for _, words, _ in wanted]
    )
    low, high = scale.ends()
    return [
        {
            "xref": "paper",
            "x": 1,
            "xanchor": "left",
            "xshift": 6,
            "yref": "y",
            "yanchor": "middle",
            "align": "left",
            "y": low + place / scale.height * (high - low),
            "yshift": move,
            "text": words,
            "showarrow": False,
            "font": {"size": 12, "color": view.colour(colour)},
        }
        for (place, words, colour), move in zip(wanted, moves, strict=True)
    ]


def middle(band: dict, scale: CountScale) -> float:
    return (scale.pixel(float(band["at_least"])) + scale.pixel(float(band["below"]))) / 2
