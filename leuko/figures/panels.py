"""The panels of the patient's figure, top to bottom: counts, decisions, doses, events. Each is drawn on its own
y axis, named `y` here; `assemble` in the package gives it its place."""

import math
from dataclasses import dataclass, field

import pandas

from leuko.facts import read_rows
from leuko.figures import labels
from leuko.figures.palette import PALETTE
from leuko.protocols.words import in_words

NAMES = {"anc": "ANC", "platelets": "Platelets", "wbc": "WBC"}
EVENT_WORDS = {"gcsf": "G-CSF", "cytopenia_cause": "cause"}
GRADE_VERSION = "CTCAE v5.0"
ANC_HEIGHT, COUNT_HEIGHT, DOSE_HEIGHT, ROW_HEIGHT = 360, 100, 70, 24
HEADING_GAP = 26
LOWEST_TOP = {"anc": 2000, "platelets": 100_000, "wbc": 5000}  # an axis always reaches this far, cells/µL


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
        return cls(kind, floor, highest * 1.06, ANC_HEIGHT if analyte == "anc" else COUNT_HEIGHT)

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
        marks = [m * 10.0**power for power in powers for m in (1, 5) if self.floor < m * 10.0**power < self.top]
        words = [labels.number_in_words(mark) for mark in marks]
        return {"type": "log", "range": list(self.ends()), "tickvals": [self.floor, *marks], "ticktext": ["0", *words]}


def points(counts: pandas.DataFrame, analyte: str, scale: CountScale, view: View) -> list[dict]:
    """The results that the rule reads, as points and a line; one with a comparator is a triangle with its words."""
    used = counts[counts["used"]].sort_values("collected_at")
    if used.empty:
        return []
    signed = used["comparator"].fillna("")
    words = (signed + used["value"].map(labels.number_in_words)).where(signed.ne(""), "").map(labels.hover_words)
    symbols = signed.map({"<": "triangle-down", ">": "triangle-up"}).fillna("circle")
    return [
        {
            "type": "scatter", "mode": "lines+markers+text", "name": NAMES[analyte],
            "x": iso(used["collected_at"]), "y": scale.drawn(used["value"]),
            "text": labels.fitting(view.pixels(used["collected_at"]), words.tolist()), "textposition": "top center",
            "line": {"color": view.colour("line"), "width": 1.5},
            "marker": {"size": symbols.map({"circle": 7}).fillna(10).tolist(), "symbol": symbols.tolist()},
            "customdata": count_hover(used, analyte), "hovertemplate": "%{customdata}<extra></extra>",
        }
    ]


def superseded(counts: pandas.DataFrame, analyte: str, scale: CountScale, view: View) -> list[dict]:
    """Versions that a later report replaced or withdrew: hollow, faint, never joined."""
    unused = counts[~counts["used"]]
    if unused.empty:
        return []
    return [
        {
            "type": "scatter", "mode": "markers", "name": f"{NAMES[analyte]}, not used",
            "x": iso(unused["collected_at"]), "y": scale.drawn(unused["value"]), "opacity": 0.7,
            "marker": {"symbol": "circle-open", "size": 8, "color": view.colour("faint")},
            "customdata": "Not used: replaced or withdrawn<br>" + count_hover(unused, analyte),
            "hovertemplate": "%{customdata}<extra></extra>",
        }
    ]


def count_hover(counts: pandas.DataFrame, analyte: str) -> pandas.Series:
    """What a count says of itself: in cells/µL, as reported, when, its grade, where it came from."""
    value = counts["comparator"].fillna("") + counts["value"].map(labels.number_in_words)
    reported = (counts["raw_value"].fillna("") + " " + counts["raw_unit"].fillna("")).str.strip()
    origin = counts["derived"].map({True: "derived, not measured: "}).fillna("reported as ")
    grade = counts["grade"].map(lambda grade: "cannot be graded" if pandas.isna(grade) else f"grade {grade:.0f}")
    return (
        f"<b>{NAMES[analyte]} " + escaped(value) + " cells/µL</b><br>" + origin + escaped(reported)
        + "<br>" + labels.days_in_words(counts["collected_at"]) + f"<br>{GRADE_VERSION}: " + grade
        + "<br>" + escaped(counts["status"]) + "<br>" + escaped(counts["source"])
    )


def escaped(texts: pandas.Series) -> pandas.Series:
    return texts.map(labels.hover_words).astype(str)


def threshold_lines(patient, analyte: str) -> dict[float, list[str]]:
    """The protocols' own thresholds that no band edge shows: number → its words, one line each."""
    rows = patient.thresholds[patient.thresholds["analyte"].eq(analyte)]
    edges = {float(band["below"]) for band in read_rows("bands")} if analyte == "anc" else set()
    drugs = dict(zip(patient.worklist["protocol"], patient.worklist["drug"], strict=True))
    lines: dict[float, list[str]] = {}
    for row in rows.to_dict("records"):
        drug = f"{drugs[row['protocol']]}: " if rows["protocol"].nunique() > 1 and row["protocol"] in drugs else ""
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
        "type": "rect", "layer": "below", "xref": "paper", "x0": 0, "x1": 1, "yref": "y",
        "y0": low, "y1": float(band["below"]), "line": {"width": 0}, "fillcolor": view.colour(f"{band['tone']}_band"),
    }


def line_shape(number: float, view: View) -> dict:
    return {
        "type": "line", "layer": "below", "xref": "paper", "x0": 0, "x1": 1, "yref": "y", "y0": number, "y1": number,
        "line": {"color": view.colour("text"), "width": 1, "dash": "dash"},
    }


def edge_labels(bands: tuple, lines: dict[float, list[str]], scale: CountScale, view: View) -> list[dict]:
    """What each band and line is, in words at the right edge, moved apart where they would touch."""
    wanted = [(middle(band, scale), band["words"], band["tone"]) for band in bands]
    wanted += [(scale.pixel(number), "<br>".join(words), "text") for number, words in lines.items()]
    wanted.sort(key=lambda label: label[0])
    moves = labels.spread([place for place, *_ in wanted], [words.count("<br>") + 1 for _, words, _ in wanted])
    low, high = scale.ends()
    return [
        {
            "xref": "paper", "x": 1, "xanchor": "left", "xshift": 6, "yref": "y", "yanchor": "middle", "align": "left",
            "y": low + place / scale.height * (high - low), "yshift": move, "text": words, "showarrow": False,
            "font": {"size": 12, "color": view.colour(colour)},
        }
        for (place, words, colour), move in zip(wanted, moves, strict=True)
    ]


def middle(band: dict, scale: CountScale) -> float:
    return (scale.pixel(float(band["at_least"])) + scale.pixel(float(band["below"]))) / 2


def dose_panels(patient, view: View) -> list[Panel]:
    """A strip for each drug: the dose as steps, 0 (held) as a heavy line, days with no dose recorded left empty."""
    doses = patient.doses[patient.doses["start_on"] <= view.as_of]
    return [dose_panel(drug, of_drug, view) for drug, of_drug in doses.groupby("drug")]


def dose_panel(drug: str, doses: pandas.DataFrame, view: View) -> Panel:
    doses = doses.sort_values(["start_on", "dose_mg"])
    unit = doses["dose_unit"].iloc[-1]
    steps = dose_steps(doses, view)
    held = dose_steps(doses[doses["dose_mg"].eq(0)], view)
    top = max(doses["dose_mg"].max(), 1)
    panel = Panel(
        f"{drug}, {unit} a day", DOSE_HEIGHT,
        {"range": [-0.06 * top, 1.5 * top], "tickvals": [0, top], "ticktext": ["0", labels.number_in_words(top)]},
    )
    words = dose_words(doses)
    look = {"type": "scatter", "hovertemplate": "%{customdata}<extra></extra>"}
    panel.traces = [
        look | steps | {
            "mode": "lines", "name": drug, "fill": "tozeroy", "fillcolor": view.colour("dose_fill"),
            "line": {"color": view.colour("dose"), "width": 2},
        },
        look | held | {"mode": "lines", "name": f"{drug}, held", "line": {"color": view.colour("act"), "width": 5}},
        look | {
            "mode": "text", "name": f"{drug}, labels", "hoverinfo": "skip", "hovertemplate": None,
            "x": iso(doses["start_on"].clip(lower=view.start)), "y": doses["dose_mg"].tolist(), "cliponaxis": False,
            "text": labels.fitting(view.pixels(doses["start_on"]), words), "textposition": "top right",
        },
    ]
    return panel


def dose_steps(doses: pandas.DataFrame, view: View) -> dict:
    """Corner points of the steps: each interval to the end of its last day, broken where the next does not follow."""
    start = doses["start_on"]
    end = doses["end_on"].fillna(view.as_of).clip(upper=view.as_of) + pandas.Timedelta(days=1)
    follows = end.eq(start.shift(-1)).tolist()
    dose = doses["dose_mg"].tolist()
    hover = dose_hover(doses).tolist()
    corners = zip(iso(start), iso(end), dose, hover, follows, strict=True)
    rows = [[(a, y, h), (b, y, h), (b, y if joined else None, h)] for a, b, y, h, joined in corners]
    x, y, said = ([corner[i] for row in rows for corner in row] for i in range(3))
    return {"x": x, "y": y, "customdata": said}


def dose_hover(doses: pandas.DataFrame) -> pandas.Series:
    dose = doses["dose_mg"].map(labels.number_in_words) + " " + doses["dose_unit"].fillna("mg")
    end = labels.days_in_words(doses["end_on"]).where(doses["end_on"].notna(), "ongoing")
    reason = doses["end_reason"].map(lambda reason: "" if pandas.isna(reason) else f"<br>ended: {labels.hover_words(reason)}")
    held = doses["dose_mg"].eq(0).map({True: " (held)", False: ""})
    return (
        "<b>" + escaped(doses["drug"]) + " " + escaped(dose) + held + "</b><br>"
        + labels.days_in_words(doses["start_on"]) + " to " + end + reason + "<br>" + escaped(doses["source"])
    )


def dose_words(doses: pandas.DataFrame) -> list[str]:
    """The dose where it changes; nothing where it goes on."""
    words = doses["dose_mg"].map(labels.number_in_words) + " " + doses["dose_unit"].fillna("mg")
    return words.where(doses["dose_mg"].ne(0), "held").where(words.ne(words.shift()), "").tolist()


def decision_panel(patient, view: View) -> Panel | None:
    """A row a drug: what the protocol says at onset, on a cause and at recovery, in words, with its reason."""
    decisions = patient.recommendations
    if decisions.empty:
        return None
    statuses = {row["status"]: row for row in read_rows("statuses")}
    units = dict(zip(patient.worklist["drug"], patient.worklist["dose_unit"], strict=True))
    dose = decisions["dose_mg"].map(lambda dose: labels.number_in_words(dose) if dose > 0 else "")
    dose = (dose + " " + decisions["drug"].map(units).fillna("mg")).where(dose.ne(""), "")
    said = (decisions["action"].map(lambda action: statuses[action]["word"]) + " " + dose).str.strip()
    clause = decisions["clause"].map(lambda clause: "no clause" if pandas.isna(clause) else f"clause {clause:.0f}")
    hover = (
        "<b>" + said + "</b><br>" + labels.days_in_words(decisions["decided_on"]) + "<br>episode "
        + decisions["episode"].astype(str) + ", " + clause + " of " + escaped(decisions["protocol"])
        + ", " + decisions["certainty"].fillna("") + "<br>" + escaped(decisions["why"])
    )
    marks = pandas.DataFrame(
        {
            "row": decisions["drug"], "at": decisions["decided_on"], "words": said, "hover": hover,
            "colour": decisions["action"].map(lambda action: view.colour(statuses[action]["tone"])),
        }
    )
    return lane("Decisions of the protocol", marks, view)


def event_panel(patient, view: View) -> Panel | None:
    """A row a kind of event (G-CSF, fever, infection, cause), each with the words that were recorded."""
    events = patient.events[patient.events["occurred_at"].notna()]
    if events.empty:
        return None
    kind = events["kind"].map(lambda kind: EVENT_WORDS.get(kind, kind.replace("_", " ")))
    words = events["value"].fillna("").astype(str)
    hover = (
        "<b>" + escaped(kind) + "</b> " + escaped(words) + "<br>" + labels.days_in_words(events["occurred_at"])
        + "<br>" + escaped(events["source"])
    )
    marks = pandas.DataFrame({"row": kind, "at": events["occurred_at"], "words": words, "hover": hover})
    return lane("Events", marks.assign(colour=view.colour("text")), view)


def lane(heading: str, marks: pandas.DataFrame, view: View) -> Panel:
    """A strip of dated marks with words, one row for each `row` named at the left."""
    rows = sorted(marks["row"].unique())
    axis = {
        "range": [len(rows) - 0.5, -0.5], "tickvals": list(range(len(rows))), "ticktext": rows,
        "showgrid": False,
    }
    panel = Panel(heading, ROW_HEIGHT * len(rows), axis)
    for place, row in enumerate(rows):
        here = marks[marks["row"].eq(row)].sort_values("at", kind="stable")
        words = labels.fitting([pixel + 8 for pixel in view.pixels(here["at"])], here["words"].tolist())
        panel.traces.append(
            {
                "type": "scatter", "mode": "markers+text", "name": row, "x": iso(here["at"]), "y": [place] * len(here),
                "text": [f" {word}" for word in words], "textposition": "middle right", "cliponaxis": False,
                "marker": {"size": 9, "symbol": "diamond", "color": here["colour"].tolist()},
                "textfont": {"color": here["colour"].tolist()},
                "customdata": here["hover"].tolist(), "hovertemplate": "%{customdata}<extra></extra>",
            }
        )
    return panel
