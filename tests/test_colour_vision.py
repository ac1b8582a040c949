"""Who sees colours otherwise misreads nothing: grave colours stay apart, and no colour ever stands alone.

`APART`: four times what is just noticeable between two colours side by side, since ours seldom are.
"""

from itertools import combinations, pairwise

import pytest

from leuko.count_units import named
from leuko.facts import read_rows
from leuko.figures.counts import band_words
from leuko.figures.palette import PALETTE
from tests.colour_vision import DEFICIENCIES, apart

APART = 9.2
STEP = 6.5  # between two steps of a scale from light to dark, which lie beside each other and bear their numbers
VOCABULARY = [*read_rows("statuses"), *read_rows("alert_kinds")]
TONES = sorted({row["tone"] for row in VOCABULARY})
GRAVE = ("danger", "act")
CELLS = ("danger_cell", "act_cell", "unknown_cell", "calm_cell", "none_cell")
SCALE = ("calm_cell", "grade_1_cell", "grade_2_cell")
# Of these the colours may meet: neither is grave, and icon and word differ (below).
MAY_MEET = {("ready", "unknown"), ("calm", "wait")}


def distance(theme, one, other, deficiency):
    colours = PALETTE[theme]
    return apart(colours[one], colours[other], deficiency, ground=colours["page"])


def test_distances_are_those_of_known_colours():
    assert apart("#ffffff", "#000000", "none") == pytest.approx(100, abs=0.1)
    assert apart("#ffffff", "#000000", "deuteranopia") == pytest.approx(100, abs=0.1)
    assert apart("#ff0000", "#00ff00", "none") == pytest.approx(170.6, abs=0.5)
    assert apart("#ff0000", "#00ff00", "deuteranopia") < 80, "red and green come close"


@pytest.mark.parametrize("deficiency", DEFICIENCIES)
@pytest.mark.parametrize("theme", PALETTE)
class TestApart:
    def test_tones(self, theme, deficiency):
        for pair in combinations(TONES, 2):
            if pair not in MAY_MEET:
                assert distance(theme, *pair, deficiency) >= APART, pair

    def test_bands_behind_the_counts_and_the_page(self, theme, deficiency):
        for pair in combinations(("danger_band", "act_band", "page"), 2):
            assert distance(theme, *pair, deficiency) >= APART, pair

    def test_cells_of_the_cohort(self, theme, deficiency):
        for pair in combinations(CELLS, 2):
            assert distance(theme, *pair, deficiency) >= APART, pair
        for grade in SCALE:
            for grave in ("danger_cell", "act_cell", "unknown_cell"):
                assert distance(theme, grade, grave, deficiency) >= APART, (grade, grave)

    def test_grades_that_are_not_grave_grow_step_by_step(self, theme, deficiency):
        for one, other in pairwise(SCALE):
            assert distance(theme, one, other, deficiency) >= STEP, (one, other)


def test_only_tones_that_are_not_grave_may_meet():
    assert not {tone for pair in MAY_MEET for tone in pair} & set(GRAVE)


def test_no_colour_stands_alone():
    """Every status and alert has an icon and a word, and two of another tone share neither."""
    for one, other in combinations(VOCABULARY, 2):
        assert one["icon"] and one["word"] and other["icon"] and other["word"]
        if one["tone"] != other["tone"]:
            assert one["icon"] != other["icon"], (one["word"], other["word"])
            assert one["word"] != other["word"]


@pytest.mark.parametrize("unit", [named("cells/uL"), named("10^9/L")])
def test_every_band_has_words_of_its_own(unit):
    words = [band_words(band, unit) for band in read_rows("bands")]
    assert all(words) and len(set(words)) == len(words)
