"""The numbers behind the rates of the audit: intervals, limits and shares of days. Pure, they know no patient.

A rate is met / of, where `of` counts what was met or not met. None is a number that the data cannot give; it is
never 0. Intervals and limits have a coverage of 95 % unless told otherwise.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy
from scipy.stats import binom, chi2
from statsmodels.stats.proportion import proportion_confint

INNER, OUTER = 0.95, 0.998  # coverage of the two pairs of limits of a funnel
RANGE_TO_LIMIT = 2.66  # an XmR limit lies this many mean moving ranges from the mean
RANGE_LIMIT = 3.267  # a moving range of at least this many mean moving ranges is no ordinary one
SLIP = 1e-9  # a difference below this is that of binary fractions, not of values


# ---------------------------------------------------------------- one rate


def wilson(met: int, of: int) -> tuple[float | None, float | None]:
    """The 95 % interval of a rate by Wilson's score; (None, None) where there was nothing to meet.

    Raises ValueError where `met` is not between 0 and `of`.
    """
    return interval(met, of, "wilson")


def exact(met: int, of: int) -> tuple[float | None, float | None]:
    """The exact 95 % interval of a rate (Clopper and Pearson): never too narrow, wider than Wilson's."""
    return interval(met, of, "beta")


def interval(met: int, of: int, method: str) -> tuple[float | None, float | None]:
    check_counts(met, of)
    if of == 0:
        return None, None
    lower, upper = proportion_confint(met, of, alpha=0.05, method=method)
    return 0.0 if met == 0 else float(lower), 1.0 if met == of else float(upper)


def check_counts(met: int, of: int) -> None:
    if not 0 <= met <= of:
        raise ValueError(f"{met} of {of} is no rate")


# ---------------------------------------------------------------- days


def median(values: Iterable[float]) -> float | None:
    """The lowest value with at least half of all values at or below it: always one that occurred."""
    return percentile(values, 50)


def ninetieth(values: Iterable[float]) -> float | None:
    """The lowest value with at least 90 % of all values at or below it."""
    return percentile(values, 90)


def percentile(values: Iterable[float], percent: int) -> float | None:
    """The lowest value with at least `percent` (1 to 100) of 100 values at or below it; None without values.

    Nothing is interpolated, so the answer is one of the values; `quantile_disc` of DuckDB means the same. Raises
    ValueError for a value that is not a number: what did not happen has no days.
    """
    ordered = sorted(values)
    if any(math.isnan(value) for value in ordered):
        raise ValueError("a value that is not a number has no place among the others")
    return ordered[-(-percent * len(ordered) // 100) - 1] if ordered else None


# ---------------------------------------------------------------- observed against expected


def garwood(expected: float) -> tuple[float | None, float | None]:
    """The exact 95 % Poisson limits of observed / expected, by Garwood; (None, None) where nothing is expected."""
    if expected < 0:
        raise ValueError(f"{expected} events cannot be expected")
    if expected == 0:
        return None, None
    lower = chi2.ppf(0.025, 2 * expected) / 2 / expected
    upper = chi2.ppf(0.975, 2 * (expected + 1)) / 2 / expected
    return float(lower), float(upper)


def overdispersion(observed: Sequence[float], expected: Sequence[float]) -> float | None:
    """The mean of (ln(observed / expected) · √expected)²: 1 where groups differ by chance alone, above 1 by more.

    None without groups. Raises ValueError for a number that is not above 0, which has no logarithm.
    """
    pairs = list(zip(observed, expected, strict=True))
    if not pairs:
        return None
    if any(number <= 0 for pair in pairs for number in pair):
        raise ValueError("observed and expected numbers must be above 0")
    return math.fsum(math.log(o / e) ** 2 * e for o, e in pairs) / len(pairs)


# ---------------------------------------------------------------- a funnel of rates


@dataclass(frozen=True)
class Point:
    """A group in a funnel. `judged`: its denominator reaches the minimum; only then it can lie outside.

    `above`: its rate is above that of all. `outside` is the coverage of the widest limits that it lies outside, None
    within all; `outside_by_chance` is the same for the limits of chance alone, before they were widened.
    """

    group: str
    met: int
    of: int
    above: bool
    judged: bool
    outside: float | None
    outside_by_chance: float | None

    @property
    def rate(self) -> float:
        return self.met / self.of


@dataclass(frozen=True)
class Funnel:
    """Groups against the rate of all of them: `rate` (None without any event), `dispersion` φ, and the points."""

    rate: float | None
    dispersion: float
    points: tuple[Point, ...]

    @property
    def widening(self) -> float:
        """How many times as wide as by chance alone the limits are, counted from the rate."""
        return math.sqrt(self.dispersion)

    def limits(self, of: Sequence[int], coverage: float) -> list[tuple[float, float]]:
        """The lower and upper limit at each denominator, as drawn and as the points were judged."""
        return [] if self.rate is None else binomial_limits(of, self.rate, coverage, self.widening)


def funnel(groups: Iterable[tuple[str, int, int]], minimum: int = 1) -> Funnel:
    """Judge groups, each (name, met, of), against the rate of all of them together.

    A group of 0 has no rate and no point. A group below the `minimum` denominator counts for the rate of all, but is
    not judged and does not widen the limits for others. Raises ValueError where `met` is not between 0 and `of`.
    """
    known = []
    for name, met, of in groups:
        check_counts(met, of)
        if of > 0:
            known.append((name, met, of))
    if not known:
        return Funnel(None, 1.0, ())
    rate = sum(met for _, met, _ in known) / sum(of for *_, of in known)
    judged = [(met, of) for _, met, of in known if of >= minimum]
    phi = dispersion(judged, rate)
    places = iter(zip(places_outside(judged, rate, math.sqrt(phi)), places_outside(judged, rate, 1.0), strict=True))
    points = (
        Point(name, met, of, met / of > rate, of >= minimum, *(next(places) if of >= minimum else (None, None)))
        for name, met, of in known
    )
    return Funnel(rate, phi, tuple(points))


def places_outside(groups: Sequence[tuple[int, int]], rate: float, widening: float) -> list[float | None]:
    """For each group (met, of) the coverage of the widest limits that it lies outside; None within all."""
    found: list[float | None] = [None] * len(groups)
    for coverage in (INNER, OUTER):
        limits = binomial_limits([of for _, of in groups], rate, coverage, widening)
        for place, ((met, of), (lower, upper)) in enumerate(zip(groups, limits, strict=True)):
            if met / of < lower - SLIP or met / of > upper + SLIP:
                found[place] = coverage
    return found


def dispersion(groups: Sequence[tuple[int, int]], rate: float) -> float:
    """φ of groups, each (met, of): the mean of their z², at least 1. 1 where nothing can differ.

    z is plain: (met / of - rate) / √(rate · (1 - rate) / of). Under chance alone the mean of its square is 1 at every
    denominator, which that of the arcsine is not where groups are small and rates near 100 %; and it is measured on
    the scale on which the limits are then widened, by √φ. The groups that stand out count as well: among n groups one
    alone passes the widened 95 % limits only where n is 4 or more, and the 99.8 % limits where n is 10 or more.
    """
    if not groups or rate in (0, 1):
        return 1.0
    squares = [(met / of - rate) ** 2 * of / (rate * (1 - rate)) for met, of in groups]
    return max(1.0, math.fsum(squares) / len(squares))


def binomial_limits(
    of: Sequence[int], rate: float, coverage: float, widening: float = 1.0
) -> list[tuple[float, float]]:
    """The exact binomial limits around `rate` at each denominator, `widening` times as far from it, within 0 and 1.

    Interpolated between two counts as by Spiegelhalter (Statistics in Medicine 2005; 24: 1185-1202) below the rate,
    and mirrored above it, so that not met is judged as met is: without widening, a rate lies outside exactly where
    its tail (that count or one further from the rate) has a probability below half of 1 - coverage. Around a rate of
    0 or 1 nothing can differ, and both limits are that rate.
    """
    if rate in (0, 1):
        return [(rate, rate)] * len(of)
    sizes = numpy.asarray(of)
    tail = (1 - coverage) / 2
    below = rate - lower_limits(sizes, rate, tail)
    above = (1 - rate) - lower_limits(sizes, 1 - rate, tail)
    lower = numpy.clip(rate - widening * below, 0, 1)
    upper = numpy.clip(rate + widening * above, 0, 1)
    return list(zip(lower.tolist(), upper.tolist(), strict=True))


def lower_limits(sizes: numpy.ndarray, rate: float, tail: float) -> numpy.ndarray:
    count = binom.ppf(tail, sizes, rate)
    over = (binom.cdf(count, sizes, rate) - tail) / binom.pmf(count, sizes, rate)
    return (count - over) / sizes


# ---------------------------------------------------------------- a run of months


@dataclass(frozen=True)
class Xmr:
    """Mean and XmR limits of values in order of time, and the places (from 0) of those outside the limits."""

    mean: float | None
    lower: float | None
    upper: float | None
    outside: tuple[int, ...]


def xmr(values: Sequence[float | None]) -> Xmr:
    """Mean ± 2.66 × the mean moving range; ranges at or above 3.267 × their mean are left out once.

    A missing value (None or not a number) is a gap: it has no part in the mean, and no range is taken across it. The
    limits are None where no two values stand side by side, the mean where there is none at all.
    """
    known = [None if value is None or math.isnan(value) else value for value in values]
    numbers = [value for value in known if value is not None]
    if not numbers:
        return Xmr(None, None, None, ())
    mean = math.fsum(numbers) / len(numbers)
    ranges = [abs(after - before) for before, after in pairwise(known) if before is not None and after is not None]
    if not ranges:
        return Xmr(mean, None, None, ())
    reach = RANGE_TO_LIMIT * mean_range(ranges)
    outside = [
        place for place, value in enumerate(known) if value is not None and abs(value - mean) > reach + SLIP
    ]
    return Xmr(mean, mean - reach, mean + reach, tuple(outside))


def mean_range(ranges: Sequence[float]) -> float:
    """The mean moving range, without those that are no ordinary ones; they are looked for once.

    Where all the ordinary ones are 0 none is left out: else every value but one would lie outside.
    """
    first = math.fsum(ranges) / len(ranges)
    ordinary = [each for each in ranges if each < RANGE_LIMIT * first]
    return math.fsum(ordinary) / len(ordinary) if any(ordinary) else first
