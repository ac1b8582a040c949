"""Time to an event where not everybody had it yet: Kaplan-Meier estimates with 95 % intervals. They know no patient."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy
from scipy.stats import norm
from statsmodels.duration.survfunc import SurvfuncRight

REACH = float(norm.ppf(0.975))
SLIP = 1e-9  # a difference below this is that of binary fractions, not of shares


@dataclass(frozen=True)
class Step:
    """A day with events: how many were at risk just before it and had one; the share without one after it.

    `lower` and `upper` are the 95 % interval of the share; None where everybody has had the event.
    """

    day: int
    at_risk: int
    events: int
    share: float
    lower: float | None
    upper: float | None


@dataclass(frozen=True)
class Curve:
    """The days to an event of some courses. `censored`: the days of those that had none, in order."""

    days: tuple[int, ...]
    censored: tuple[int, ...]
    steps: tuple[Step, ...]

    @property
    def of(self) -> int:
        return len(self.days)

    @property
    def events(self) -> int:
        return self.of - len(self.censored)

    @property
    def last_day(self) -> int:
        return max(self.days, default=0)

    def at_risk(self, day: int) -> int:
        """How many were still without the event, and still followed, just before this day."""
        return sum(each >= day for each in self.days)

    def share(self, day: int) -> float:
        """The share without the event after this day."""
        return next((step.share for step in reversed(self.steps) if step.day <= day), 1.0)

    @property
    def median(self) -> int | None:
        """The first day after which at most half are without the event; None where that is not reached."""
        return self._first_at_most_half([step.share for step in self.steps])

    @property
    def median_interval(self) -> tuple[int | None, int | None]:
        """The days on which the limits of the 95 % interval fall to half (Brookmeyer, Crowley); None: they do not."""
        lower, upper = ([getattr(step, side) for step in self.steps] for side in ("lower", "upper"))
        return self._first_at_most_half(lower), self._first_at_most_half(upper)

    def _first_at_most_half(self, shares: Sequence[float | None]) -> int | None:
        known = zip(self.steps, shares, strict=True)
        return next((step.day for step, share in known if share is not None and share <= 0.5 + SLIP), None)


def curve(days: Sequence[int], happened: Sequence[bool]) -> Curve:
    """The Kaplan-Meier curve of courses: after how many days each had the event, or was last known to be without it.

    Intervals by Greenwood's error on the log(-log) scale, so that they stay between 0 and 1.
    """
    known = sorted(zip((int(day) for day in days), (bool(each) for each in happened), strict=True))
    every = tuple(day for day, _ in known)
    censored = tuple(day for day, had_it in known if not had_it)
    if len(censored) == len(every):
        return Curve(every, censored, ())
    found = SurvfuncRight(numpy.array(every), numpy.array([had_it for _, had_it in known], dtype=float))
    columns = (found.surv_times, found.n_risk, found.n_events, found.surv_prob, found.surv_prob_se)
    return Curve(every, censored, tuple(step(*row) for row in zip(*columns, strict=True)))


def step(day: float, at_risk: float, events: float, share: float, error: float) -> Step:
    if not 0 < share < 1:
        return Step(int(day), int(at_risk), int(events), float(share), None, None)
    apart = REACH * float(error) / abs(share * math.log(share))
    lower, upper = share ** math.exp(apart), share ** math.exp(-apart)
    return Step(int(day), int(at_risk), int(events), float(share), float(lower), float(upper))
