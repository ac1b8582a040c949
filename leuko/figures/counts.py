"""The panels of counts: ANC with its bands, platelets, WBC with its CTCAE grades; drawn in the unit of the patient."""

import html
import math
from dataclasses import dataclass

from leuko.count_units import CountUnit
from leuko.facts import read_rows
from leuko.figures import labels
from leuko.figures.grade_bands import GRADE_VERSION, GradeBand, grade_bands
from leuko.figures.panels import Panel, View, rows
from leuko.protocols.words import in_words

NAMES = {"anc": "ANC", "platelets": "Platelets", "wbc": "WBC"}
SENTENCE_NAMES = {"anc": "ANC", "platelets": "platelet count", "wbc": "WBC"}
SYMBOLS = {"": "circle", "<": "triangle-down", ">": "triangle-up"}
DERIVED = "derived from WBC and differential"
WITHDRAWN = ("entered-in-error", "cancelled")
HEIGHTS = {"anc": 360, "platelets": 100, "wbc": 150}
LOWEST_TOP = {"anc": 2000, "platelets": 100_000, "wbc": 5000}  # an axis always reaches this far, cells/µL


def count_panel(patient, analyte: str, view: View) -> Panel | None:
    """ANC, platelets or WBC over time; None where there is neither a count nor a threshold to show."""
    counts = rows(patient.counts[patient.counts["analyte"].eq(analyte) & patient.counts["value"].notna()])
    lines = threshold_lines(patient, analyte)
    if not counts and not lines and analyte != "anc":
        return None
    kind = "linear" if analyte == "platelets" else view.scale
    scale = CountScale.of([count["value"] for count in counts], analyte, kind, patient.unit)
    used, unused = ([count for count in counts if count["used"] is is_used] for is_used in (True, False))
    bands = read_rows("bands") if analyte == "anc" else ()
    grades = grade_bands(used, analyte, view) if analyte == "wbc" else []
    panel = Panel(f"{NAMES[analyte]}, {scale.unit.words}{scale.remark}", scale.height, scale.axis())
    panel.traces = [not_used(unused, scale, view)] if unused else []
    panel.traces += [points(used, scale, view)] if used else []
    panel.shapes = [band_shape(band, scale, view) for band in bands]
    ends = [(grade, scale.drawn(0.0), scale.drawn(grade.below)) for grade in grades]
    panel.shapes += [shape for grade, bottom, top in ends for shape in grade.shapes(bottom, top, view)]
    panel.shapes += [line_shape(number, scale, view) for number in lines]
    panel.annotations = edge_labels(edge_words(bands, lines, grades, scale), scale, view)
    panel.annotations += derived_label(used, scale, view)
    if not counts:
        panel.annotations.append(nothing_known(analyte, view))
    return panel


@dataclass(frozen=True)
class CountScale:
    """A y axis in `unit`, for counts of cells/µL. A log axis has no 0: it is drawn on `floor`, below all others."""

    kind: str
    floor: float
    top: float
    height: int
    unit: CountUnit

    @classmethod
    def of(cls, values: list[float], analyte: str, kind: str, unit: CountUnit) -> "CountScale":
        highest = max([LOWEST_TOP[analyte], *values])
        lowest = min([100, *(value for value in values if value > 0)])
        floor = 10.0 ** (math.ceil(math.log10(lowest)) - 1)
        return cls(kind, floor, highest * 1.06, HEIGHTS[analyte], unit)

    @property
    def remark(self) -> str:
        return ", logarithmic scale: 0 is drawn on the bottom line" if self.kind == "log" else ""

    def drawn(self, value: float) -> float:
        return self.unit.value(max(value, self.floor) if self.kind == "log" else value)

    def place(self, value: float) -> float:
        """Where an annotation stands in this axis' own terms (the exponent on a log axis)."""
        return math.log10(self.drawn(value)) if self.kind == "log" else self.drawn(value)

    def pixel(self, value: float) -> float:
        low, high = self.ends()
        return (self.place(value) - low) / (high - low) * self.height

    def ends(self) -> tuple[float, float]:
        low, high = self.place(0), self.place(self.top)
        return low - 0.03 * (high - low), high

    def axis(self) -> dict:
        if self.kind == "linear":
            tickformat = ",~f" if self.unit.power else ",d"
            return {"range": list(self.ends()), "tickformat": tickformat, "nticks": 3 if self.height < 200 else 8}
        marks = self.marks()
        return {
            "type": "log",
            "range": list(self.ends()),
            "tickvals": [self.drawn(mark) for mark in (self.floor, *marks)],
            "ticktext": ["0", *map(self.unit.number, marks)],
        }

    def marks(self) -> list[float]:
        """The counts above 0 that stand beside a log axis, in cells/µL."""
        powers = range(round(math.log10(self.floor)), math.ceil(math.log10(self.top)) + 1)
        steps = (1, 2, 5) if self.height >= 200 else (1,)
        return [m * 10.0**power for power in powers for m in steps if self.floor < m * 10.0**power < self.top]


def points(counts: list[dict], scale: CountScale, view: View) -> dict:
    """The results that the rule reads, as points and a line.

    One with a comparator is a triangle, a derived one a square; what is both is a triangle whose words say "derived".
    """
    times = [count["collected_at"] for count in counts]
    signed = [
        f"{said(count, scale.unit)}{' (derived)' if count['derived'] else ''}" if count["comparator"] else ""
        for count in counts
    ]
    shown = labels.fitting([view.pixel(time) for time in times], signed)
    return {
        "type": "scatter",
        "mode": "lines+markers+text",
        "name": NAMES[counts[0]["analyte"]],
        "x": [time.isoformat() for time in times],
        "y": [scale.drawn(count["value"]) for count in counts],
        "text": [html.escape(text) for text in shown],
        "textposition": "top center",
        "line": {"color": view.colour("line"), "width": 1.5},
        "marker": {
            "size": [10 if count["comparator"] else 9 if count["derived"] else 7 for count in counts],
            "symbol": [symbol(count) for count in counts],
            "color": view.colour("line"),
            "opacity": 1,
            "line": {"width": 0},
        },
        "customdata": [count_hover(count, scale.unit) for count in counts],
        "hovertemplate": "%{customdata}<extra></extra>",
    }


def symbol(count: dict) -> str:
    return "square" if count["derived"] and not count["comparator"] else SYMBOLS[count["comparator"] or ""]


def not_used(counts: list[dict], scale: CountScale, view: View) -> dict:
    """Results that the rule does not read: hollow, faint, never joined."""
    return {
        "type": "scatter",
        "mode": "markers",
        "name": f"{NAMES[counts[0]['analyte']]}, not used",
        "x": [count["collected_at"].isoformat() for count in counts],
        "y": [scale.drawn(count["value"]) for count in counts],
        "opacity": 0.7,
        "marker": {
            "symbol": ["square-open" if count["derived"] else "circle-open" for count in counts],
            "size": 8,
            "color": view.colour("faint"),
        },
        "customdata": [count_hover(count, scale.unit) for count in counts],
        "hovertemplate": "%{customdata}<extra></extra>",
    }


def use_in_words(count: dict) -> str:
    """Whether the rule reads a result, and why not; `count`: a row of `Patient.counts` as a dict."""
    if count["used"]:
        return "used"
    if count["status"] in WITHDRAWN:
        return "not used: withdrawn"
    if count["derived"]:
        return "not used: derived, and one was measured"
    return "not used: a later report replaced it"


def count_hover(count: dict, unit: CountUnit) -> str:
    """What a count says of itself: in `unit`, as reported, when, its grade, where it came from."""
    grade = "cannot be graded" if count["grade"] is None else f"grade {count['grade']:.0f}"
    reported = f"{count['raw_value'] or ''} {count['raw_unit'] or ''}".strip()
    return labels.hover(
        f"{NAMES[count['analyte']]} {said(count, unit)} {unit.words}",
        f"{f'{DERIVED}, not measured:' if count['derived'] else 'reported as'} {reported}",
        labels.time_in_words(count["collected_at"]),
        f"{GRADE_VERSION}: {grade}",
        f"{count['status']}, {use_in_words(count)}",
        count["source"],
    )


def said(count: dict, unit: CountUnit) -> str:
    """`<100` or `<0.1`."""
    return f"{count['comparator'] or ''}{unit.number(count['value'])}"


def threshold_lines(patient, analyte: str) -> dict[float, list[str]]:
    """Where the protocols hold, resume or decide at a draw, unless the bands show just that: number → its words."""
    lines = rows(patient.lines[patient.lines["analyte"].eq(analyte)])
    shown = band_roles() if analyte == "anc" else set()
    several = len({line["protocol"] for line in lines}) > 1
    drugs = dict(zip(patient.worklist["protocol"], patient.worklist["drug"], strict=True))
    marked: dict[float, list[str]] = {}
    for line in lines:
        if (line["role"], line["operator"], line["number"]) in shown and line["verified"]:
            continue
        drug = f"{drugs[line['protocol']]}: " if several else ""
        words = f"{drug}{line['role']} {in_words(line['operator'])} {patient.unit.number(line['number'])}"
        mark = "" if line["verified"] else "<br>(not verified)"
        marked.setdefault(float(line["number"]), []).append(words[0].upper() + words[1:] + mark)
    return dict(sorted(marked.items()))


def band_roles() -> set[tuple[str, str, float]]:
    """What the bands already show: a hold below the lower one's edge, resuming from the upper one's."""
    lower, upper = (float(band["below"]) for band in read_rows("bands"))
    return {("hold", "<", lower), ("resume", ">=", upper)}


def band_shape(band: dict, scale: CountScale, view: View) -> dict:
    return {
        "type": "rect",
        "layer": "below",
        "xref": "paper",
        "x0": 0,
        "x1": 1,
        "yref": "y",
        "y0": scale.drawn(float(band["at_least"])),
        "y1": scale.drawn(float(band["below"])),
        "line": {"width": 0},
        "fillcolor": view.colour(f"{band['tone']}_band"),
    }


def line_shape(number: float, scale: CountScale, view: View) -> dict:
    return {
        "type": "line",
        "layer": "between",
        "xref": "paper",
        "x0": 0,
        "x1": 1,
        "yref": "y",
        "y0": scale.drawn(number),
        "y1": scale.drawn(number),
        "line": {"color": view.colour("text"), "width": 1, "dash": "dash"},
    }


def band_words(band: dict, unit: CountUnit) -> str:
    """`Below 500`; `0.5 to 1 ×10⁹/L`."""
    low, high = (float(band[name]) for name in ("at_least", "below"))
    return f"{unit.number(low)} to {unit.sentence(high)}" if low else f"Below {unit.sentence(high)}"


def edge_words(
    bands: tuple, lines: dict[float, list[str]], grades: list[GradeBand], scale: CountScale
) -> list[tuple[float, str, str]]:
    """What each band, line and grade is: its place in pixels from the bottom, words and colour."""
    wanted = [(middle(band, scale), band_words(band, scale.unit), band["tone"]) for band in bands]
    wanted += [(scale.pixel(number), "<br>".join(words), "text") for number, words in lines.items()]
    # Once, where a limit stands, falls away and comes back.
    named = {grade.below: grade.words(scale.unit) for grade in grades}
    wanted += [(scale.pixel(below), words, "faint") for below, words in named.items()]
    return sorted(wanted)


def edge_labels(wanted: list[tuple[float, str, str]], scale: CountScale, view: View) -> list[dict]:
    """These words at the right edge, moved apart where they would touch."""
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


def derived_label(counts: list[dict], scale: CountScale, view: View) -> list[dict]:
    """What a square is, beside the newest of them."""
    derived = [count for count in counts if count["derived"]]
    if not derived:
        return []
    newest = derived[-1]
    is_late = view.pixel(newest["collected_at"]) > labels.PLOT_WIDTH / 2
    return [
        {
            "xref": "x",
            "x": newest["collected_at"].isoformat(),
            "xanchor": "right" if is_late else "left",
            "yref": "y",
            "y": scale.place(newest["value"]),
            "text": DERIVED,
            "showarrow": True,
            "arrowhead": 0,
            "arrowwidth": 1,
            "arrowcolor": view.colour("faint"),
            "standoff": 5,
            "ax": -24 if is_late else 24,
            "ay": -36,
            "font": {"size": 12, "color": view.colour("text")},
        }
    ]


def nothing_known(analyte: str, view: View) -> dict:
    return {
        "xref": "paper",
        "x": 0.5,
        "yref": "y domain",
        "y": 0.5,
        "text": f"no {SENTENCE_NAMES[analyte]} reported",
        "showarrow": False,
        "font": {"size": 14, "color": view.colour("faint")},
    }


def middle(band: dict, scale: CountScale) -> float:
    return (scale.pixel(float(band["at_least"])) + scale.pixel(float(band["below"]))) / 2
