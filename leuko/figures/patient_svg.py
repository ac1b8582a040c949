"""One patient's ANC and doses as SVG for paper: all that must be known stands on it, nothing has to be pointed at."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from itertools import pairwise
from textwrap import wrap

import pandas

from leuko.count_units import CountUnit
from leuko.facts import read_rows
from leuko.figures import episode_names, labels, span
from leuko.figures.counts import DERIVED, CountScale, edge_words, said, symbol
from leuko.figures.doses import changes, doses_by_drug
from leuko.figures.findings import counted, listed, shortened
from leuko.figures.palette import PALETTE
from leuko.figures.panels import View, rows
from leuko.figures.svg import WIDTH, Drawing, denominators
from leuko.protocols.words import in_words

LEFT, RIGHT = 46, 178  # room for the numbers, and for what each line and band is
PLOT = WIDTH - LEFT - RIGHT
TOP = 42  # below the heading and the names of the episodes
HEIGHT = 200  # of the counts; more where there is more to say beside them
STRIP, STEPS = 46, 24  # of a drug: with the names of its doses, and the steps alone
MOST_DRUGS = 3  # that are drawn, with their thresholds: those of the most urgent courses
AXIS = 36  # the days below, and their years
NOTE = 115  # characters on a line below
EDGE = 25  # characters on a line beside
DENSE = 9  # from one count to the next: with less on the mean, the points are small
MARK = 64  # from one mark of the days to the next, at least
STEPS_OF_DAYS = ("7D", "14D", "MS", "2MS", "3MS", "6MS", "YS", "2YS", "5YS", "10YS")


class PatientDrawing(Drawing):
    """ANC with the protocols' thresholds and the bands, and the doses as steps below, as known on `as_of`.

    `patient`, `scale` and `theme` are those of `leuko.figures.patient_figure`. `svg` draws it once;
    `tall` is its height where it is WIDTH wide.
    """

    def __init__(self, patient, as_of: date, scale: str = "linear", theme: str = "light"):
        super().__init__(PALETTE[theme])
        self.patient = patient
        self.view: View = span(patient, pandas.Timestamp(as_of), scale, theme)
        counts = patient.counts
        self.counts = rows(counts[counts["analyte"].eq("anc") & counts["value"].notna()])
        self.used = [count for count in self.counts if count["used"]]
        values = [count["value"] for count in self.counts]
        by_drug = doses_by_drug(patient, self.view)
        urgent_first = dict.fromkeys([*patient.worklist["drug"].dropna(), *by_drug])
        drawn, self.undrawn = list(urgent_first)[:MOST_DRUGS], list(urgent_first)[MOST_DRUGS:]
        self.drugs = [by_drug[drug] for drug in drawn if drug in by_drug]
        self.lines = threshold_lines(patient, drawn)
        self.notes = wrap(self.note(), NOTE)
        beside = sum(len(wrap(words, EDGE)) for each in self.lines.values() for words in each) + len(read_rows("bands"))
        self.high = max(HEIGHT, labels.LINE * (beside - 1))
        self.scale = replace(CountScale.of(values, "anc", scale, patient.unit), height=self.high)
        self.base = TOP + self.high
        self.bottom = self.base + STRIP * len(self.drugs)
        self.tall = self.bottom + AXIS + labels.LINE * len(self.notes)

    # Places

    def x(self, time: pandas.Timestamp) -> float:
        return LEFT + max(0, self.view.pixel(time)) * PLOT / labels.PLOT_WIDTH

    def y(self, value: float) -> float:
        return self.base - self.scale.pixel(value)

    @property
    def today(self) -> float:
        """The end of the day that the picture shows."""
        return self.x(self.view.as_of + pandas.Timedelta(days=1))

    # Parts

    def svg(self) -> str:
        self.text(0, 13, f"ANC, {self.scale.unit.words}{self.scale.remark}", "text", bold=True)
        self.draw_bands()
        self.draw_days()
        self.draw_today()
        self.draw_episodes()
        self.draw_thresholds()
        self.draw_counts()
        for place, doses in enumerate(self.drugs):
            self.draw_doses(doses, self.base + STRIP * (place + 1))
        for place, words in enumerate(self.notes):
            self.text(0, self.bottom + AXIS + 10 + place * labels.LINE, words, "faint")
        return self.whole(self.tall, self.sentence(), " ".join(self.notes))

    def draw_bands(self) -> None:
        for band in read_rows("bands"):
            top, bottom = self.y(float(band["below"])), self.y(float(band["at_least"]))
            self.box(LEFT, top, PLOT, bottom - top, f"{band['tone']}_band")

    def draw_days(self) -> None:
        """A line down from each marked day, its name below, and the year where it is another than before."""
        marks, names = days_marked(self.view.start, self.view.end)
        before = None
        for day, name in zip(marks, names, strict=True):
            self.line([(self.x(day), TOP), (self.x(day), self.bottom)], "grid")
            self.text(self.x(day), self.bottom + 14, name, "faint", "middle")
            if day.year != before and name != str(day.year):
                self.text(self.x(day), self.bottom + 28, str(day.year), "faint", "middle")
            before = day.year

    def draw_episodes(self) -> None:
        """Each episode shaded from onset to recovery, or to the day shown, its name above."""
        episodes = rows(self.patient.episodes.sort_values("onset_on"))
        starts = [self.x(episode["onset_on"]) for episode in episodes]
        shown = labels.fitting(starts, *episode_names(episodes))
        for episode, start, name in zip(episodes, starts, shown, strict=True):
            end = self.today if episode["recovered_on"] is None else self.x(episode["recovered_on"])
            self.box(start, TOP, max(1, end - start), self.bottom - TOP, "shade")
            self.text(start, TOP - 5, name, "faint", halo=True)

    def draw_thresholds(self) -> None:
        """The numbers of the axis, a line at each threshold, and what lines and bands are at the right edge."""
        for number in self.axis_numbers():
            self.line([(LEFT, self.y(number)), (LEFT + PLOT, self.y(number))], "grid")
            self.text(LEFT - 6, self.y(number) + 4, self.scale.unit.number(number), "faint", "end")
        for number in self.lines:
            self.line([(LEFT, self.y(number)), (LEFT + PLOT, self.y(number))], "text", dash="5 3")
        named = edge_words(read_rows("bands"), self.lines, [], self.scale)
        wrapped = [[line for words in text.split("<br>") for line in wrap(words, EDGE)] for _, text, _ in named]
        centres = settled([place for place, *_ in named], [len(each) for each in wrapped], self.high)
        for (place, _, colour), words, centre in zip(named, wrapped, centres, strict=True):
            self.line([(LEFT + PLOT, self.base - place), (LEFT + PLOT + 8, self.base - centre)], "faint")
            first = self.base - centre - labels.LINE * (len(words) - 1) / 2 + 4
            for row, line in enumerate(words):
                self.text(LEFT + PLOT + 11, first + row * labels.LINE, line, colour)

    def axis_numbers(self) -> list[float]:
        if self.scale.kind == "linear":
            return denominators(int(self.scale.top))
        return [0, *self.scale.marks()]

    def draw_counts(self) -> None:
        if not self.counts:
            self.text(LEFT + PLOT / 2, TOP + 40, "no ANC reported", "faint", "middle")
        radius = 3.5 if DENSE * len(self.counts) <= PLOT else 1.8
        for count in self.counts:
            if not count["used"]:
                shape = "square" if count["derived"] else "circle"
                self.mark(*self.place(count), shape, "faint", radius=radius, hollow=True)
        self.line([self.place(count) for count in self.used], "line", width=1.5 if radius > 2 else 1)
        for count in self.used:
            self.mark(*self.place(count), symbol(count), "line", radius=radius + (1 if count["comparator"] else 0))
        self.draw_count_names()

    def place(self, count: dict) -> tuple[float, float]:
        return self.x(count["collected_at"]), self.y(count["value"])

    def draw_count_names(self) -> None:
        """The number beside the last count, the lowest of each episode and each that came with a comparator."""
        named = [count for count in self.used if count["comparator"] or self.is_nadir(count)]
        named += [self.used[-1]] if self.used and self.used[-1] not in named else []
        words = [said(count, self.scale.unit) for count in named]
        widths = [len(each) * labels.CHARACTER for each in words]
        lefts = [
            min(max(LEFT, self.place(count)[0] - width / 2), LEFT + PLOT - width)
            for count, width in zip(named, widths, strict=True)
        ]
        for count, text, left in zip(named, labels.fitting(lefts, words), lefts, strict=True):
            is_last, y = count is self.used[-1], self.place(count)[1]
            above = y > TOP + 16 if is_last else y > self.base - 16
            self.text(left, y - 8 if above else y + 17, text, "text", bold=is_last, halo=True)

    def is_nadir(self, count: dict) -> bool:
        return any(
            episode["anc_nadir"] == count["value"]
            and episode["onset_on"] <= count["drawn_on"] <= (episode["recovered_on"] or self.view.as_of)
            for episode in rows(self.patient.episodes)
        )

    def draw_doses(self, doses: list[dict], base: float) -> None:
        """One drug as steps over `base`: a held dose a heavy line, days without a dose recorded left empty."""
        top = max([1, *(dose["dose_mg"] for dose in doses)])
        self.line([(LEFT, base), (LEFT + PLOT, base)], "grid")
        self.text(LEFT - 6, base + 4, "0", "faint", "end")
        self.text(LEFT - 6, base - STEPS + 4, labels.number_in_words(top), "faint", "end")
        level = {dose["start_on"]: base - STEPS * dose["dose_mg"] / top for dose in doses}
        for dose in doses:
            start, end, y = self.x(dose["start_on"]), self.x(dose["over"]), level[dose["start_on"]]
            self.box(start, y, end - start, base - y, "dose_fill")
            heavy = dose["dose_mg"] == 0
            self.line([(start, y), (end, y)], "act" if heavy else "dose", width=4 if heavy else 2)
        for dose, following in pairwise(doses):
            if dose["over"] == following["start_on"]:
                x = self.x(dose["over"])
                self.line([(x, level[dose["start_on"]]), (x, level[following["start_on"]])], "dose", width=2)
        times, words = zip(*changes(doses), strict=True)
        places = [self.x(time) for time in times]
        shown, numbers = (labels.lasting(places, list(each)) for each in (words, [each.split()[0] for each in words]))
        for place, name, number in zip(places, shown, numbers, strict=True):
            self.text(place + 2, base - STEPS - 4, name or number, "text", halo=True)
        name = f"{doses[-1]['drug']}, {doses[-1]['dose_unit'] or 'unit not recorded'} a day"
        for row, line in enumerate(wrap(shortened(name, 2 * EDGE), EDGE)[:2]):
            self.text(LEFT + PLOT + 11, base - STEPS / 2 + row * labels.LINE, line, "text")

    def draw_today(self) -> None:
        self.line([(self.today, TOP - 20), (self.today, self.bottom)], "faint", dash="2 3")
        self.text(self.today, TOP - 24, f"as of {labels.day_in_words(self.view.as_of)}", "faint", "middle")

    # Words

    def note(self) -> str:
        """What the marks are that occur, and what is not drawn."""
        signs = {count["comparator"] for count in self.used}
        parts = [
            ("Triangle down: below the number beside it", "<" in signs),
            ("Triangle up: above the number beside it", ">" in signs),
            (f"Square: {DERIVED}", any(count["derived"] for count in self.counts)),
            ("Hollow: not used (withdrawn or replaced)", len(self.used) < len(self.counts)),
            (f"Not drawn, nor their thresholds: {listed(self.undrawn)}", self.undrawn),
        ]
        told = [words for words, there in parts if there]
        return f"{'. '.join(told)}." if told else ""

    def sentence(self) -> str:
        """The picture in a sentence, for who does not see it."""
        if not self.used:
            return "No ANC is known."
        lowest, last = min(self.used, key=lambda count: count["value"]), self.used[-1]
        unit = self.scale.unit
        counts, episodes = counted(len(self.used), "count"), counted(len(self.patient.episodes), "episode")
        return (
            f"{counts} of ANC in {unit.words}, the lowest {on_day(lowest, unit)}, the last {on_day(last, unit)}; "
            f"{episodes} shaded; doses as steps below."
        )


def threshold_lines(patient, drugs: list[str]) -> dict[float, list[str]]:
    """Where the protocols of these drugs hold, resume or decide at a draw by ANC: number → its words.

    The drugs are said where not all of them have it so.
    """
    of_protocol = dict(zip(patient.worklist["protocol"], patient.worklist["drug"], strict=True))
    lines = rows(patient.lines[patient.lines["analyte"].eq("anc")])
    lines = [line for line in lines if of_protocol[line["protocol"]] in drugs]
    whose: dict[tuple[float, str], list[str]] = {}
    for line in lines:
        words = f"{line['role']} {in_words(line['operator'])} {patient.unit.number(line['number'])}"
        words = words[0].upper() + words[1:] + ("" if line["verified"] else " (not verified)")
        whose.setdefault((float(line["number"]), words), []).append(of_protocol[line["protocol"]])
    every = {of_protocol[line["protocol"]] for line in lines}
    marked: dict[float, list[str]] = {}
    for (number, words), having in sorted(whose.items()):
        marked.setdefault(number, []).append(words if set(having) == every else f"{words}: {listed(having)}")
    return marked


def on_day(count: dict, unit: CountUnit) -> str:
    return f"{said(count, unit)} on {labels.day_in_words(count['collected_at'])}"


def days_marked(start: pandas.Timestamp, end: pandas.Timestamp) -> tuple[Sequence[pandas.Timestamp], list[str]]:
    """As many days from start to end as stand side by side, and their names: `2 Mar`, `Mar` or `2026`."""
    most = PLOT // MARK
    ranges = ((step, pandas.date_range(start.normalize(), end, freq=step)) for step in STEPS_OF_DAYS)
    step, days = next(((step, days) for step, days in ranges if len(days) <= most), (STEPS_OF_DAYS[-1], ()))
    days = [day for day in days if day >= start]
    if step.endswith("D"):
        return days, [f"{day.day} {day:%b}" for day in days]
    return days, [f"{day:%b}" if step.endswith("MS") else str(day.year) for day in days]


def settled(places: list[float], lines: list[int], tall: float) -> list[float]:
    """The centres of labels (from the bottom, ascending; their lines) moved apart, and down from above the top."""
    centres = [place + move for place, move in zip(places, labels.spread(places, lines), strict=True)]
    limit = tall + labels.LINE
    for label in reversed(range(len(centres))):
        half = lines[label] * labels.LINE / 2
        centres[label] = min(centres[label], limit - half)
        limit = centres[label] - half
    return centres
