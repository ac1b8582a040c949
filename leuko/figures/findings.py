"""What the charts of the audit say, whichever way they are drawn: titles, notes, points and lines, in words.

Frames in, sentences and numbers out; `leuko.figures.audit` draws them with Plotly, `leuko.figures.svg` as SVG.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas

from leuko.figures import labels
from leuko.figures.panels import rows
from leuko.statistics import INNER, OUTER, Funnel, Point, Xmr, funnel, xmr

ENOUGH_MONTHS = 12  # with fewer, the limits of a run chart are preliminary
NAMED = 3  # so many groups or months a title names; of more it says how many
NAME = 28  # characters of a group's name beside its point
CURVE = 80  # places at which the limits of a funnel are worked out

Line = tuple[str, float, str]  # what a line is, its rate from 0 to 1, its kind: "centre", "inner" or "outer"


# ---------------------------------------------------------------- words


def percent(rate: float) -> str:
    """`75 %`; what is not quite none or all never reads 0 % or 100 %."""
    rounded = round(100 * rate)
    if rounded == 0 and rate > 0:
        return "below 1 %"
    if rounded == 100 and rate < 1:
        return "above 99 %"
    return f"{rounded} %"


def share(met: int, of: int) -> str:
    """`3 of 4 (75 %)`; `0 of 0` has no rate."""
    return f"{met:,} of {of:,} ({percent(met / of)})" if of else "0 of 0"


def counted(number: int, name: str) -> str:
    """`1 site`, `3 sites`."""
    return f"{number:,} {name if number == 1 else f'{name}s'}"


def listed(names: Sequence[str]) -> str:
    """`A, B and C`."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def shortened(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def fitted(text: str, longest: int) -> str:
    """The text at most as wide as `longest` small letters, then `…`: of a name in capitals, fewer."""
    shorter = (shortened(text, length) for length in range(longest, 0, -1))
    return next((each for each in shorter if labels.breadth(each) <= longest), "…")


def limit_name(coverage: float) -> str:
    return f"{100 * coverage:g} %"


# ---------------------------------------------------------------- a funnel of groups


@dataclass(frozen=True)
class FunnelFindings:
    """A funnel with what it says; `kind`: what a group is, in the singular."""

    funnel: Funnel
    kind: str
    minimum: int
    without: tuple[str, ...]  # groups without anything met or not met

    @property
    def judged(self) -> list[Point]:
        return [point for point in self.funnel.points if point.judged]

    @property
    def widened(self) -> bool:
        """Whether the limits are wider than by chance alone by an amount that two decimals show."""
        return self.funnel.widening >= 1.005

    @property
    def outside(self) -> list[Point]:
        """The points outside the limits, furthest first."""
        found = [point for point in self.funnel.points if point.outside]
        return sorted(found, key=lambda point: (-point.outside, -abs(point.rate - self.funnel.rate), point.group))

    @property
    def together(self) -> str:
        points = self.funnel.points
        return share(sum(point.met for point in points), sum(point.of for point in points))

    @property
    def end(self) -> int:
        """The denominator at the right end of the chart."""
        return max([self.minimum, *(point.of for point in self.funnel.points)])

    def curve(self, coverage: float) -> tuple[list[int], list[float], list[float]]:
        """Denominators from the minimum to the end, with the lower and upper limit at each; empty where none is."""
        if not self.judged:
            return [], [], []
        steps = min(CURVE, self.end - self.minimum + 1)
        span = self.end - self.minimum
        of = sorted({self.minimum + round(span * (step / max(1, steps - 1)) ** 2) for step in range(steps)})
        limits = self.funnel.limits(of, coverage)
        return of, [lower for lower, _ in limits], [upper for _, upper in limits]

    @property
    def lines(self) -> list[Line]:
        """What ends at the right edge of the chart: the rate of all, and the limits there."""
        if not self.judged:
            return []
        found: list[Line] = [(f"together {percent(self.funnel.rate)}", self.funnel.rate, "centre")]
        for coverage, kind in ((INNER, "inner"), (OUTER, "outer")):
            ((lower, upper),) = self.funnel.limits([self.end], coverage)
            if lower < upper:
                found += [(f"{limit_name(coverage)} limit", limit, kind) for limit in (lower, upper)]
        return found

    @property
    def title(self) -> str:
        if not self.funnel.points:
            return f"No {self.kind} has an event that was met or not met."
        if not self.judged:
            least = counted(self.minimum, "event")
            return f"No {self.kind} has {least} that were met or not met: too few to judge."
        if len(self.funnel.points) == 1:
            return f"There is only one {self.kind}, with nothing to compare it with: {self.together}."
        if not self.outside:
            limits = "widened limits" if self.widened else "limits"
            return f"No {self.kind} lies outside the {limits}; together {self.together}."
        return f"{outside_in_words(self.outside, len(self.judged), self.kind)}; together {self.together}."

    @property
    def note(self) -> str:
        """What a reader must know to read the chart, in sentences; empty for nothing."""
        said = []
        if self.outside:
            said.append("By chance alone 1 in 20 lies outside the 95 % limits, 1 in 500 outside the 99.8 % limits.")
        if self.widened:
            said.append(
                f"The limits are {self.funnel.widening:.2f} times as wide as by chance alone, because the {self.kind}s"
                f" differ more than that (φ {self.funnel.dispersion:.2f})."
            )
        within_widened = [point.group for point in self.judged if point.outside_by_chance and not point.outside]
        if within_widened:
            names = listed(within_widened) if len(within_widened) <= NAMED else counted(len(within_widened), self.kind)
            said.append(f"Without the widening, {names} would lie outside.")
        few = len(self.funnel.points) - len(self.judged)
        if few:
            are = "is" if few == 1 else "are"
            said.append(
                f"{counted(few, self.kind)} with fewer than {self.minimum:,} {are} hollow: too few to judge."
            )
        if self.without:
            names = listed(self.without) if len(self.without) <= NAMED else counted(len(self.without), self.kind)
            said.append(f"Not shown, as nothing was met or not met: {names}.")
        return " ".join(said)

    def point_in_words(self, point: Point) -> tuple[str, ...]:
        """The lines of a hover: the group, its counts, where it lies."""
        return point.group, share(point.met, point.of), self.place_in_words(point)

    def place_in_words(self, point: Point) -> str:
        if not point.judged:
            return f"too few to judge: fewer than {self.minimum:,}"
        if point.outside:
            return f"{'above' if point.above else 'below'} the {limit_name(point.outside)} limit"
        if point.outside_by_chance:
            return "within the limits, but not without their widening"
        return "within the limits"


def funnel_findings(groups: pandas.DataFrame, minimum: int, kind: str = "group") -> FunnelFindings:
    """What a funnel of `groups` (columns group, met, of) says; `of`: met and not met together.

    `minimum`: the lowest denominator that is judged. A row without a group is named so. Raises ValueError where
    `met` is not between 0 and `of`.
    """
    known = [(row["group"] or f"no {kind} recorded", int(row["met"]), int(row["of"])) for row in rows(groups)]
    without = tuple(str(name) for name, _, of in known if of == 0)
    return FunnelFindings(funnel([(str(name), met, of) for name, met, of in known], minimum), kind, minimum, without)


def outside_in_words(outside: list[Point], judged: int, kind: str) -> str:
    """`A lies below the 99.8 % limit, B and C above the 95 % limit`; how many, where they are many."""
    if len(outside) > NAMED:
        far = sum(point.outside == OUTER for point in outside)
        return (
            f"{len(outside):,} of {counted(judged, kind)} lie outside the {limit_name(INNER)} limits,"
            f" {far:,} of them outside the {limit_name(OUTER)} limits"
        )
    together: dict[str, list[str]] = {}
    for point in outside:
        where = f"{'above' if point.above else 'below'} the {limit_name(point.outside)} limit"
        together.setdefault(where, []).append(point.group)
    return ", ".join(f"{listed(names)} {verb(names)} {where}" for where, names in together.items())


def verb(names: Sequence[object]) -> str:
    return "lies" if len(names) == 1 else "lie"


# ---------------------------------------------------------------- a run of months


@dataclass(frozen=True)
class Month:
    """A month with its counts; `rate` is None without an event, `outside` says on which side of the limits it lies."""

    start: pandas.Timestamp
    met: int
    of: int
    rate: float | None
    outside: str = ""

    @property
    def name(self) -> str:
        return f"{self.start:%B %Y}"

    @property
    def label_side(self) -> str:
        """Where the name of a month outside the limits stands clear of the line and the axis."""
        if self.outside == "above":
            return "over"
        return "under" if self.rate > 0.08 else "beside"

    @property
    def key(self) -> str:
        """`2026-03`."""
        return f"{self.start:%Y-%m}"

    @property
    def in_words(self) -> tuple[str, ...]:
        """The lines of a hover: the month, its counts, where it lies."""
        return self.name, share(self.met, self.of), self.outside and f"{self.outside} the limits"


@dataclass(frozen=True)
class RunFindings:
    """Months in order, none left out between the first and the last, with their mean and limits."""

    months: tuple[Month, ...]
    limits: Xmr
    minimum: int = 1

    @property
    def with_rate(self) -> list[Month]:
        return [month for month in self.months if month.rate is not None]

    @property
    def outside(self) -> list[Month]:
        return [month for month in self.months if month.outside]

    @property
    def lines(self) -> list[Line]:
        """The mean and the limits that a rate can reach at all."""
        if self.limits.lower is None:
            return []
        mean, lower, upper = self.limits.mean, self.limits.lower, self.limits.upper
        found: list[Line] = [(f"mean {percent(mean)}", mean, "centre")]
        found += [(f"lower limit {percent(lower)}", lower, "outer")] if 0 < lower < mean else []
        found += [(f"upper limit {percent(upper)}", upper, "outer")] if mean < upper < 1 else []
        return found

    @property
    def title(self) -> str:
        known = self.with_rate
        if not known:
            return "No month has an event that was met or not met."
        if len(known) == 1:
            return f"Only {known[0].name} has a rate: {share(known[0].met, known[0].of)}."
        mean = f"a mean of {percent(self.limits.mean)} a month"
        if self.limits.lower is None:
            return f"No two months side by side have a rate: {mean}, without limits."
        if not self.outside:
            return f"No month lies outside the limits around {mean}."
        if len(self.outside) > NAMED:
            return f"{len(self.outside)} of {counted(len(known), 'month')} lie outside the limits around {mean}."
        together: dict[str, list[str]] = {}
        for month in self.outside:
            together.setdefault(month.outside, []).append(month.name)
        said = ", ".join(f"{listed(names)} {verb(names)} {side}" for side, names in together.items())
        return f"{said} the limits around {mean}."

    @property
    def note(self) -> str:
        """What a reader must know to read the chart, in sentences; empty for nothing."""
        said = []
        known = len(self.with_rate)
        if self.limits.lower is not None:
            if known < ENOUGH_MONTHS:
                said.append(f"Preliminary limits: {known} months with a rate, fewer than {ENOUGH_MONTHS}.")
            if self.limits.lower <= 0 < self.limits.mean:
                said.append("No lower limit: it would be 0 % or less.")
            if self.limits.upper >= 1 > self.limits.mean:
                said.append("No upper limit: it would be 100 % or more.")
        few = sum(0 < month.of < self.minimum for month in self.months)
        if few:
            said.append(f"{counted(few, 'month')} of fewer than {self.minimum} events: too few to judge.")
        empty = len(self.months) - known
        if known and empty:
            said.append(f"{counted(empty, 'month')} without an event that was met or not met: left open.")
        return " ".join(said)


def run_findings(months: pandas.DataFrame, minimum: int = 1) -> RunFindings:
    """What a run of `months` (columns month, met, of, rate) says; `rate` from 0 to 1, none without an event.

    A month of fewer events than the `minimum` has a part in mean and limits, and is never said to lie outside.

    `month` is its first day or text such as `2026-03`, each month at most once. A month that has no row counts as
    one without an event. Raises ValueError for a month that is none or is there twice.
    """
    known = {}
    for row in rows(months):
        start = first_day(row["month"])
        if start is None or start in known:
            raise ValueError(f"{row['month']} is no month, or is there twice")
        known[start] = (int(row["met"]), int(row["of"]), row["rate"] if row["of"] else None)
    if not known:
        return RunFindings((), xmr([]))
    every = pandas.date_range(min(known), max(known), freq="MS")
    found = [known.get(start, (0, 0, None)) for start in every]
    limits = xmr([rate for *_, rate in found])
    sides = {
        place: "above" if found[place][2] > limits.mean else "below"
        for place in limits.outside
        if found[place][1] >= minimum
    }
    return RunFindings(
        tuple(
            Month(start, met, of, rate, sides.get(place, ""))
            for place, (start, (met, of, rate)) in enumerate(zip(every, found, strict=True))
        ),
        limits,
        minimum,
    )


def first_day(month: object) -> pandas.Timestamp | None:
    day = pandas.Timestamp(month)
    return None if pandas.isna(day) else day.normalize().replace(day=1)


# ---------------------------------------------------------------- places of labels


def edge_places(lines: Sequence[Line], height: float) -> list[tuple[Line, float]]:
    """Each line, lowest first, with the height in pixels at which its label stands clear, at most at the top."""
    ordered = sorted(lines, key=lambda line: line[1])
    places = [rate * height for _, rate, _ in ordered]
    moves = labels.spread(places, [1] * len(places))
    below_top = [height - labels.LINE * above for above in reversed(range(len(ordered)))]
    return [
        (line, min(place + move, highest))
        for line, place, move, highest in zip(ordered, places, moves, below_top, strict=True)
    ]


def name_places(points: Sequence[tuple[float, float, str]], width: float, height: float) -> list[tuple[str, float]]:
    """For the name of each point (x, y in pixels, text): the side, "left" or "right", and how far it moves up.

    The right side where it fits in `width`; moved up or down to where no earlier name stands.
    """
    taken: list[tuple[float, float, float]] = []  # from, to, at which height
    found = []
    for x, y, text in points:
        long = len(text) * labels.CHARACTER + labels.GAP
        side = "right" if x + long <= width else "left"
        start = x if side == "right" else x - long
        near = [at for begin, end, at in taken if start < end and start + long > begin]
        steps = [0.0, *(sign * step * labels.LINE for step in range(1, len(points) + 1) for sign in (1, -1))]
        places = (step for step in steps if 0 <= y + step <= height)
        free = (step for step in places if all(abs(y + step - at) >= labels.LINE for at in near))
        move = next(free, 0.0)
        taken.append((start, start + long, y + move))
        found.append((side, move))
    return found
