"""The numbers behind the audit's rates: published results, both sides of every edge, nothing and one."""

import math

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from leuko.statistics import (
    INNER,
    OUTER,
    RANGE_LIMIT,
    binomial_limits,
    dispersion,
    exact,
    funnel,
    garwood,
    median,
    ninetieth,
    overdispersion,
    percentile,
    wilson,
    xmr,
)

# 20 numbers with the mean and XmR limits published for them
SERIES = [
    -0.56047565, -0.23017749, 1.55870831, 0.07050839, 0.12928774, 1.71506499, 0.46091621, -1.26506123, -0.68685285,
    -0.44566197, 1.22408180, 0.35981383, 0.40077145, 0.11068272, -0.55584113, 1.78691314, 0.49785048, -1.96661716,
    0.70135590, -0.47279141,
]  # fmt: skip
COUNTS = st.integers(0, 60).flatmap(lambda of: st.tuples(st.integers(0, of), st.just(of)))


# ---------------------------------------------------------------- one rate


@pytest.mark.parametrize(
    ("met", "of", "lower", "upper"),
    [
        # by hand: (p + z²/2n ± z·√(p(1-p)/n + z²/4n²)) / (1 + z²/n) with z = 1.959964
        (3, 4, 0.3006418, 0.9544127),
        (1, 2, 0.0945312, 0.9054688),
        (81, 263, 0.2552885, 0.3662096),
        (0, 4, 0.0, 0.4898908),
        (4, 4, 0.5101092, 1.0),
        (0, 1, 0.0, 0.7934507),
    ],
)
def test_wilson(met, of, lower, upper):
    assert wilson(met, of) == pytest.approx((lower, upper), abs=1e-6)


@pytest.mark.parametrize(
    ("met", "of", "lower", "upper"),
    [
        (0, 4, 0.0, 1 - 0.025 ** (1 / 4)),
        (4, 4, 0.025 ** (1 / 4), 1.0),
        (1, 1, 0.025, 1.0),
        (0, 1, 0.0, 0.975),
        (3, 4, 0.1941204, 0.9936905),
    ],
)
def test_exact(met, of, lower, upper):
    assert exact(met, of) == pytest.approx((lower, upper), abs=1e-6)


@pytest.mark.parametrize("interval", [wilson, exact])
def test_nothing_to_meet_has_no_interval(interval):
    assert interval(0, 0) == (None, None)


@pytest.mark.parametrize("interval", [wilson, exact])
@pytest.mark.parametrize(("met", "of"), [(5, 4), (-1, 4), (1, 0), (0, -1)])
def test_counts_that_are_no_rate_are_refused(interval, met, of):
    with pytest.raises(ValueError, match=f"{met} of {of} is no rate"):
        interval(met, of)


@given(COUNTS.filter(lambda counts: counts[1] > 0))
def test_an_interval_holds_its_rate_within_0_and_1_and_the_exact_one_reaches_no_less(counts):
    met, of = counts
    for lower, upper in (wilson(met, of), exact(met, of)):
        assert 0 <= lower <= met / of <= upper <= 1
    assert (wilson(met, of)[0] == 0) is (met == 0)
    assert (wilson(met, of)[1] == 1) is (met == of)


# ---------------------------------------------------------------- days


@pytest.mark.parametrize(
    ("values", "middle", "late"),
    [
        ([], None, None),
        ([3], 3, 3),
        ([1, 2], 1, 2),
        ([2, 1, 3], 2, 3),
        ([4, 1, 3, 2], 2, 4),  # half of four is the second
        (range(1, 10), 5, 9),  # 90 % of nine is more than eight
        (range(1, 11), 5, 9),  # 90 % of ten is the ninth
        (range(1, 12), 6, 10),
        ([0, 0, 0, 90], 0, 90),
        ([5, 5, 5, 5], 5, 5),
        ([-2, 0, 1], 0, 1),  # held before it was due
    ],
)
def test_median_and_ninetieth_are_values_that_occurred(values, middle, late):
    assert (median(values), ninetieth(values)) == (middle, late)


@given(st.lists(st.integers(-5, 400), min_size=1, max_size=200), st.integers(1, 100))
def test_a_percentile_is_the_lowest_value_with_that_share_at_or_below(values, percent):
    found = percentile(values, percent)

    def at_or_below(limit):
        return sum(value <= limit for value in values) * 100

    assert at_or_below(found) >= percent * len(values)
    assert all(at_or_below(lower) < percent * len(values) for lower in values if lower < found)


@pytest.mark.parametrize("count", [1, 2, 3, 9, 10, 11, 29, 30, 31, 70, 101])
def test_the_discrete_quantile_of_sql_means_the_same(count):
    sql = f"SELECT quantile_disc(day, 0.5), quantile_disc(day, 0.9) FROM range({count}) days(day)"
    ((middle, late),) = duckdb.connect().execute(sql).fetchall()
    assert (middle, late) == (median(range(count)), ninetieth(range(count)))


def test_what_did_not_happen_has_no_days():
    with pytest.raises(ValueError, match="not a number"):
        median([1, math.nan, 3])


# ---------------------------------------------------------------- observed against expected


@pytest.mark.parametrize(
    ("expected", "lower", "upper"),
    [(15, 0.5596924, 1.649348), (20, 0.6108260, 1.544419), (30, 0.6746958, 1.427562)],  # published
)
def test_garwood_limits(expected, lower, upper):
    assert garwood(expected)[0] == pytest.approx(lower, abs=5e-8)
    assert garwood(expected)[1] == pytest.approx(upper, abs=5e-7)


def test_garwood_without_anything_expected():
    assert garwood(0) == (None, None)
    with pytest.raises(ValueError, match="cannot be expected"):
        garwood(-1)


def test_overdispersion_of_the_published_example():
    observed, expected = (100, 150, 180, 80, 120, 225), (108, 112, 165, 95, 100, 220)
    assert overdispersion(observed, expected) == pytest.approx(2.948033, abs=5e-7)


def test_overdispersion_of_nothing_of_one_and_of_what_has_no_logarithm():
    assert overdispersion([], []) is None
    assert overdispersion([7], [7]) == 0
    with pytest.raises(ValueError, match="above 0"):
        overdispersion([0, 3], [1, 3])
    with pytest.raises(ValueError, match="shorter"):
        overdispersion([1, 2], [1])


# ---------------------------------------------------------------- a funnel of rates


@given(
    st.integers(1, 300).flatmap(lambda of: st.tuples(st.integers(0, of), st.just(of))),
    st.floats(0.01, 0.99),
    st.sampled_from([INNER, OUTER]),
)
def test_a_rate_lies_outside_exactly_where_its_tail_is_too_small(counts, rate, coverage):
    met, of = counts
    ((lower, upper),) = binomial_limits([of], rate, coverage)
    tail = (1 - coverage) / 2
    at_most, at_least = binom.cdf(met, of, rate), binom.cdf(of - met, of, 1 - rate)
    if min(abs(at_most - tail), abs(at_least - tail)) > 1e-9:
        assert (met / of < lower) == (at_most < tail)
        assert (met / of > upper) == (at_least < tail)


@given(st.integers(1, 300), st.floats(0.01, 0.99), st.floats(1, 3))
def test_limits_hold_the_rate_and_each_other_and_mirror(of, rate, widening):
    ((inner_low, inner_high),) = binomial_limits([of], rate, INNER, widening)
    ((outer_low, outer_high),) = binomial_limits([of], rate, OUTER, widening)
    assert 0 <= outer_low <= inner_low <= rate <= inner_high <= outer_high <= 1
    ((mirror_low, mirror_high),) = binomial_limits([of], 1 - rate, INNER, widening)
    assert (1 - mirror_high, 1 - mirror_low) == pytest.approx((inner_low, inner_high), abs=1e-9)


def test_limits_by_hand():
    # of 10 at 50 %: P(at most 1) = 11/1024, P(at most 2) = 56/1024, so the lower limit lies between 1 and 2 of 10
    count = 2 - (56 / 1024 - 0.025) / (45 / 1024)
    ((lower, upper),) = binomial_limits([10], 0.5, 0.95)
    assert (lower, upper) == pytest.approx((count / 10, 1 - count / 10))
    ((wide_low, wide_high),) = binomial_limits([10], 0.5, 0.95, 1.2)
    assert (wide_low, wide_high) == pytest.approx((0.5 - 1.2 * (0.5 - lower), 0.5 + 1.2 * (upper - 0.5)))
    ((low, high),) = binomial_limits([10], 0.5, 0.95, 9)
    assert (low, high) == (0, 1)


@pytest.mark.parametrize("rate", [0, 1])
def test_around_none_or_all_nothing_can_differ(rate):
    assert binomial_limits([1, 50], rate, 0.95) == [(rate, rate)] * 2
    found = funnel([("A", 5 * rate, 5), ("B", 50 * rate, 50)])
    assert (found.rate, found.dispersion, found.widening) == (rate, 1, 1)
    assert [point.outside for point in found.points] == [None, None]


@pytest.mark.parametrize(("met", "outside"), [(1, INNER), (2, None), (0, INNER), (8, None), (9, INNER), (10, INNER)])
def test_both_sides_of_the_limits(met, outside):
    """Of 10 at 50 %: 2 has a tail of 5.5 %, 1 of 1.07 %, 0 of 0.098 %, which is below 0.1 % only just."""
    balance = [("rest", 5000 + 5 - met, 10000)]  # keeps the rate of all at 50 %
    found = funnel([("A", met, 10), *balance])
    assert found.rate == 0.5
    expected = OUTER if met in (0, 10) else outside
    phi_of_one = dispersion([(met, 10), (5005 - met, 10000)], 0.5)
    assert found.dispersion == phi_of_one
    point = found.points[0]
    assert point.outside_by_chance == expected
    assert point.above is (met > 5)


def test_dispersion_is_the_mean_squared_z_and_never_below_1():
    # z of 30 of 100 at 50 % is -4, of 70 of 100 it is 4
    assert dispersion([(30, 100), (70, 100)], 0.5) == pytest.approx(16)
    assert dispersion([(30, 100), (50, 100), (70, 100), (50, 100)], 0.5) == pytest.approx(8)
    assert dispersion([(50, 100), (51, 100)], 0.5) == 1
    assert dispersion([(60, 100)], 0.5) == pytest.approx(4)
    assert dispersion([(55, 100)], 0.5) == pytest.approx(1)  # z is 1: the floor itself
    assert dispersion([], 0.5) == 1


def test_limits_are_widened_by_the_root_of_the_dispersion():
    found = funnel([("A", 30, 100), ("B", 70, 100), ("C", 50, 100), ("D", 50, 100)])
    assert found.dispersion == pytest.approx(8)
    ((lower, upper),) = found.limits([100], INNER)
    ((plain, _),) = binomial_limits([100], 0.5, INNER)
    assert lower == pytest.approx(0.5 - math.sqrt(8) * (0.5 - plain))
    assert upper == pytest.approx(1 - lower)
    assert [point.outside for point in found.points] == [None] * 4
    assert [point.outside_by_chance for point in found.points] == [OUTER, OUTER, None, None]


def test_one_far_group_among_many_stands_outside_all_the_same():
    alike = [(f"site {number}", 80, 100) for number in range(19)]
    found = funnel([*alike, ("far", 40, 100)])
    assert found.dispersion > 1
    assert {point.group: point.outside for point in found.points if point.outside} == {"far": OUTER}


def test_a_group_below_the_minimum_counts_for_the_rate_and_is_not_judged():
    at = [("A", 0, 10), ("B", 90, 100), ("C", 90, 100)]
    below = [("A", 0, 9), *at[1:]]
    assert funnel(at, 10).points[0].judged
    assert funnel(at, 10).points[0].outside_by_chance == OUTER
    few = funnel(below, 10)
    assert few.rate == 180 / 209
    assert (few.points[0].judged, few.points[0].outside, few.points[0].outside_by_chance) == (False, None, None)
    assert few.dispersion == dispersion([(90, 100), (90, 100)], few.rate)
    none = funnel(below, 1000)
    assert not any(point.judged for point in none.points)
    assert none.dispersion == 1


def test_a_funnel_of_nothing_and_of_one():
    nothing = funnel([])
    assert (nothing.rate, nothing.points, nothing.limits([10], INNER)) == (None, (), [])
    assert funnel([("A", 0, 0)]) == nothing
    (alone,) = funnel([("A", 3, 4), ("B", 0, 0)]).points
    assert (alone.group, alone.rate, alone.above, alone.outside) == ("A", 0.75, False, None)


def test_counts_of_a_group_that_are_no_rate_are_refused():
    with pytest.raises(ValueError, match="5 of 4"):
        funnel([("A", 5, 4)])


# ---------------------------------------------------------------- a run of months


def test_xmr_of_the_published_series():
    found = xmr(SERIES)
    assert (found.mean, found.lower, found.upper) == pytest.approx((0.1416238, -3.0113796, 3.2946272), abs=5e-8)
    assert found.outside == ()


def test_xmr_of_the_published_series_with_a_jump_is_screened():
    found = xmr([*SERIES[:14], 10, *SERIES[15:]])
    assert (found.mean, found.lower, found.upper) == pytest.approx((0.6694159, -2.3836656, 3.7224973), abs=5e-8)
    assert found.outside == (14,)


@pytest.mark.parametrize(("values", "mean"), [([], None), ([None], None), ([0.4], 0.4), ([None, 0.4, math.nan], 0.4)])
def test_fewer_than_two_values_have_no_limits(values, mean):
    found = xmr(values)
    assert (found.mean, found.lower, found.upper, found.outside) == (mean, None, None, ())


def test_two_values_by_hand():
    found = xmr([1, 2])
    assert (found.mean, found.lower, found.upper) == pytest.approx((1.5, 1.5 - 2.66, 1.5 + 2.66))
    assert found.outside == ()


def test_no_range_is_taken_across_a_gap():
    # ranges 1 (2 to 3) and 2 (7 to 9); 3 to 7 lies across the gap
    found = xmr([2, 3, None, 7, 9])
    assert (found.mean, found.upper) == pytest.approx((5.25, 5.25 + 2.66 * 1.5))
    alone = xmr([1, None, 2, None, 3])
    assert (alone.mean, alone.lower, alone.upper) == (2, None, None)


def test_the_place_of_a_value_outside_counts_the_gaps():
    assert xmr([*[0, 1] * 10, None, *[0, 1] * 10, 4]).outside == (41,)


@pytest.mark.parametrize("value", [0.0, 0.1, 1 / 3, 1.0])
def test_months_that_are_all_the_same_lie_on_their_limits_not_outside(value):
    found = xmr([value] * 7)
    assert (found.lower, found.upper) == pytest.approx((value, value))
    assert found.outside == ()


def range_that_is(times):
    """Values whose 30 moving ranges are 1, but one that is `times` their mean."""
    far = 29 * times / (30 - times)
    values = [0.0]
    for place in range(30):
        values.append(values[-1] + (far if place == 7 else 1) * (-1) ** place)
    return values, far


def test_a_range_is_screened_from_3267_times_the_mean_on():
    kept, far = range_that_is(RANGE_LIMIT - 1e-6)
    assert (xmr(kept).upper - xmr(kept).mean) / 2.66 == pytest.approx((29 + far) / 30)
    screened, _ = range_that_is(RANGE_LIMIT + 1e-6)
    assert (xmr(screened).upper - xmr(screened).mean) / 2.66 == pytest.approx(1)


def test_screening_is_done_once():
    # 0, 1, 0, 1 … with one range of 4 and one of 40: 40 goes first, and 4, far from the others by then, stays
    values = [0.0]
    for place in range(40):
        values.append(values[-1] + {5: 4, 20: 40}.get(place, 1) * (-1) ** place)
    found = xmr(values)
    assert (found.upper - found.mean) / 2.66 == pytest.approx((38 + 4) / 39)


def test_nearly_equal_values_are_not_all_outside():
    found = xmr([1.0] * 19 + [0.97])
    assert found.outside == (19,)
    assert found.lower < found.mean < found.upper
