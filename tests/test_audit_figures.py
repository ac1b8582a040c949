"""The charts of the audit, in Plotly and as SVG: what must be on them, whatever the data."""

import itertools
import json
import re
import subprocess
import sys
import xml.etree.ElementTree as ET

import pandas
import pytest

from leuko.figures import labels
from leuko.figures.audit import HEIGHT, MARKS, NAMES, REACH, funnel_figure, months_between_marks, run_figure, spark
from leuko.figures.findings import (
    edge_places,
    fitted,
    funnel_findings,
    listed,
    name_places,
    percent,
    run_findings,
    share,
    shortened,
)
from leuko.figures.palette import PALETTE
from leuko.figures.svg import bars_svg, denominators, funnel_svg, run_svg
from leuko.statistics import INNER, OUTER, xmr

SVG = "{http://www.w3.org/2000/svg}"
THEMES = list(PALETTE)


def groups(*rows):
    return pandas.DataFrame(rows, columns=["group", "met", "of"])


def months(*rows):
    made = pandas.DataFrame(rows, columns=["month", "met", "of"])
    return made.assign(rate=[met / of if of else None for met, of in zip(made["met"], made["of"], strict=True)])


def measures(*rows):
    return pandas.DataFrame(rows, columns=["measure", "title", "met", "not_met", "excluded", "cannot_tell"])


def steady(first="2024-01", count=14, last=None):
    """Months of 8 and 9 of 10 in turn; `last`: met of 10 in the last of them."""
    starts = pandas.period_range(first, periods=count, freq="M")
    rows = [(str(start), 8 + place % 2, 10) for place, start in enumerate(starts)]
    return months(*(rows if last is None else [*rows[:-1], (rows[-1][0], last, 10)]))


ALIKE = [(f"Site {number}", 80, 100) for number in range(19)]
SITES = groups(*ALIKE, ("Far", 40, 100), ("Small", 3, 4), ("Empty", 0, 0))


def words(figure):
    return [note["text"] for note in figure["layout"]["annotations"]]


def traces(figure, part):
    return [trace for trace in figure["data"] if part in trace["name"]]


def parsed(svg):
    return ET.fromstring(svg)


def texts(svg):
    return ["".join(text.itertext()) for text in parsed(svg).iter(f"{SVG}text")]


def titles(svg):
    """The sentence of the whole chart, and what its points say."""
    whole, *points = ["".join(title.itertext()) for title in parsed(svg).iter(f"{SVG}title")]
    return whole, points


def said_by(figure):
    return "\n".join(words(figure)).replace("<br>", " ").replace("<b>", "").replace("</b>", "")


# ---------------------------------------------------------------- words


@pytest.mark.parametrize(
    ("met", "of", "said"),
    [
        (3, 4, "3 of 4 (75 %)"),
        (0, 4, "0 of 4 (0 %)"),
        (4, 4, "4 of 4 (100 %)"),
        (0, 0, "0 of 0"),
        (1, 201, "1 of 201 (below 1 %)"),
        (1, 200, "1 of 200 (below 1 %)"),
        (2, 200, "2 of 200 (1 %)"),
        (198, 200, "198 of 200 (99 %)"),
        (199, 200, "199 of 200 (above 99 %)"),
        (1234, 2468, "1,234 of 2,468 (50 %)"),
    ],
)
def test_counts_stand_before_the_per_cent(met, of, said):
    assert share(met, of) == said


@pytest.mark.parametrize(
    ("rate", "said"),
    [(0, "0 %"), (0.0049, "below 1 %"), (0.0051, "1 %"), (0.9949, "99 %"), (0.9951, "above 99 %"), (1, "100 %")],
)
def test_not_quite_none_or_all_never_reads_as_none_or_all(rate, said):
    assert percent(rate) == said


def test_names_in_a_sentence():
    assert [listed(["A"]), listed(["A", "B"]), listed(["A", "B", "C"])] == ["A", "A and B", "A, B and C"]
    assert (shortened("12345", 5), shortened("123456", 5)) == ("12345", "1234…")
    assert (fitted("12345", 5), fitted("123456", 5)) == ("12345", "1234…")
    assert (fitted("ABC", 5), fitted("ABCD", 5), fitted("ABC", 2)) == ("ABC", "AB…", "A…"), "capitals are wider"


# ---------------------------------------------------------------- the funnel


@pytest.mark.parametrize("theme", THEMES)
def test_a_funnel_has_a_point_for_each_group_that_has_a_rate(theme):
    figure = funnel_figure(SITES, 10, theme, kind="site")
    points = [place for trace in traces(figure, "sites") for place in zip(trace["x"], trace["y"], strict=True)]
    assert sorted(points) == sorted([(100, 80.0)] * 19 + [(100, 40.0), (4, 75.0)])


def test_the_limits_of_a_funnel_are_lines_named_at_their_right_end():
    figure = funnel_figure(SITES, 10, kind="site")
    found = funnel_findings(SITES, 10, "site").funnel
    for coverage, name in ((INNER, "95 % limit"), (OUTER, "99.8 % limit")):
        lower, upper = traces(figure, name)
        assert lower["x"] == upper["x"]
        assert (lower["x"][0], lower["x"][-1]) == (10, 100)
        expected = found.limits(lower["x"], coverage)
        assert lower["y"] == pytest.approx([100 * low for low, _ in expected])
        assert upper["y"] == pytest.approx([100 * high for _, high in expected])
        named = [note for note in figure["layout"]["annotations"] if note["text"] == name]
        assert [(note["x"], note["xref"], note["xanchor"]) for note in named] == [(1, "paper", "left")] * 2
    assert "together 78 %" in words(figure)
    assert figure["layout"]["showlegend"] is False


def test_a_group_outside_the_limits_is_named_beside_its_point_and_in_the_title():
    figure = funnel_figure(SITES, 10, kind="site")
    assert "Far" in words(figure)
    assert "Site 3" not in words(figure)
    assert "Far lies below the 99.8 % limit; together 1,563 of 2,004 (78 %)." in said_by(figure)
    (outside,) = traces(figure, "sites outside")
    assert outside["marker"]["symbol"] == "diamond"
    ((hover, group),) = outside["customdata"]
    assert group == "Far"
    assert hover == "<b>Far</b><br>40 of 100 (40 %)<br>below the 99.8 % limit"


def test_a_group_below_the_minimum_is_hollow_and_too_few_to_judge():
    figure = funnel_figure(SITES, 10, kind="site")
    (few,) = traces(figure, "too few to judge")
    assert few["marker"]["symbol"] == "circle-open"
    assert few["customdata"] == [["<b>Small</b><br>3 of 4 (75 %)<br>too few to judge: fewer than 10", "Small"]]
    assert "fewer than 10: too few to judge" in words(figure)
    assert "1 site with fewer than 10 is hollow: too few to judge." in said_by(figure)


@pytest.mark.parametrize(("of", "judged"), [(9, False), (10, True)])
def test_both_sides_of_the_minimum(of, judged):
    figure = funnel_figure(groups(*ALIKE, ("Edge", 0, of)), 10, kind="site")
    assert bool(traces(figure, "too few")) is not judged
    assert ("Edge" in words(figure)) is judged
    assert ("Edge" in texts(funnel_svg(groups(*ALIKE, ("Edge", 0, of)), 10, kind="site"))) is judged


def test_with_a_minimum_of_one_nothing_is_too_few():
    figure = funnel_figure(SITES, 1, kind="site")
    assert not traces(figure, "too few")
    assert "too few" not in said_by(figure)


def test_a_group_without_a_rate_is_told_and_not_drawn_as_0():
    figure = funnel_figure(SITES, 10, kind="site")
    assert "Not shown, as nothing was met or not met: Empty." in said_by(figure)
    assert "Empty" not in json.dumps(figure["data"])


def test_patients_without_a_group_are_told_as_such():
    figure = funnel_figure(groups((None, 8, 20), ("A", 9, 20)), 10, kind="site")
    said = [hover for trace in figure["data"] for hover, _ in trace.get("customdata", [])]
    assert any("no site recorded" in hover for hover in said)


def test_widened_limits_are_told_with_whom_they_spare():
    apart = groups(("A", 30, 100), ("B", 70, 100), ("C", 50, 100), ("D", 50, 100))
    figure = funnel_figure(apart, 10, kind="site")
    said = said_by(figure)
    assert "No site lies outside the widened limits; together 200 of 400 (50 %)." in said
    assert "2.83 times as wide as by chance alone, because the sites differ more than that (φ 8.00)." in said
    assert "Without the widening, A and B would lie outside." in said
    hovers = [hover for trace in traces(figure, "sites") for hover, _ in trace["customdata"]]
    assert sum("not without their widening" in hover for hover in hovers) == 2
    alike = funnel_figure(groups(("A", 50, 100), ("B", 51, 100)), 10)
    assert "No group lies outside the limits; together" in said_by(alike)
    assert "times as wide" not in said_by(alike)


def test_several_groups_outside_are_told_by_side_and_beyond_three_counted():
    found = funnel_findings(groups(*ALIKE * 3, ("Low", 40, 100), ("High", 100, 100), ("Lower", 30, 100)), 10, "site")
    assert found.title.startswith("Lower and Low lie below the 99.8 % limit")
    many = [(f"Low {number}", 60, 100) for number in range(4)]
    counted = funnel_findings(groups(*ALIKE * 5, *many), 10, "site")
    assert re.match(r"4 of 99 sites lie outside the 95 % limits, \d of them outside the 99.8 % limits;", counted.title)


@pytest.mark.parametrize(
    ("rows", "minimum", "title"),
    [
        ([], 10, "No site has an event that was met or not met."),
        ([("A", 0, 0)], 10, "No site has an event that was met or not met."),
        ([("A", 3, 4)], 10, "No site has 10 events that were met or not met: too few to judge."),
        ([("A", 8, 10)], 10, "There is only one site, with nothing to compare it with: 8 of 10 (80 %)."),
        ([("A", 8, 10), ("B", 8, 10)], 10, "No site lies outside the limits; together 16 of 20 (80 %)."),
        ([("A", 10, 10), ("B", 10, 10)], 10, "No site lies outside the limits; together 20 of 20 (100 %)."),
        ([("A", 0, 10), ("B", 0, 10)], 10, "No site lies outside the limits; together 0 of 20 (0 %)."),
    ],
)
def test_the_title_of_a_funnel_is_a_sentence_whatever_the_data(rows, minimum, title):
    figure = funnel_figure(groups(*rows), minimum, kind="site")
    svg = funnel_svg(groups(*rows), minimum, kind="site")
    assert f"<b>{title}</b>" in words(figure)
    assert figure["layout"]["meta"]["alt"].startswith(title)
    assert titles(svg)[0] == title
    json.dumps(figure, allow_nan=False)


def test_an_empty_funnel_has_no_axis_of_nothing():
    layout = funnel_figure(groups(), 10)["layout"]
    assert layout["xaxis"]["visible"] is layout["yaxis"]["visible"] is False


def test_no_limits_are_drawn_where_nobody_is_judged():
    figure = funnel_figure(groups(("A", 3, 4), ("B", 1, 4)), 10, kind="site")
    assert not any("limit" in text for text in words(figure))
    assert all(trace["x"] == [] for trace in traces(figure, "% limit"))
    assert figure["layout"]["xaxis"]["range"][1] > 10


def test_at_most_so_many_names_stand_beside_points_the_furthest_first():
    odd = [(f"Odd {number}", 10 + number, 100) for number in range(NAMES + 3)]
    many = groups(*[(f"Site {number}", 80, 100) for number in range(2000)], *odd)
    found = funnel_findings(many, 10)
    assert len(found.outside) == NAMES + 3
    named = [text for text in words(funnel_figure(many, 10)) if text.startswith("Odd")]
    assert named == [f"Odd {number}" for number in range(NAMES)]
    assert [text for text in texts(funnel_svg(many, 10)) if text.startswith("Odd")] == named


# ---------------------------------------------------------------- the run of months


@pytest.mark.parametrize("theme", THEMES)
def test_a_run_has_its_mean_and_limits_named_at_the_right(theme):
    figure = run_figure(steady(), theme)
    found = xmr(steady()["rate"].tolist())
    levels = sorted(shape["y0"] for shape in figure["layout"]["shapes"])
    assert levels == pytest.approx([100 * found.lower, 100 * found.mean])
    assert {"mean 85 %", f"lower limit {percent(found.lower)}"} <= set(words(figure))
    assert found.upper > 1
    assert "No upper limit: it would be 100 % or more." in said_by(figure)


def test_both_limits_are_drawn_where_a_rate_can_reach_them():
    middle = months(*[(f"2024-{month:02}", 50 + month % 2, 100) for month in range(1, 13)])
    figure = run_figure(middle)
    assert [text.split(" limit")[0] for text in words(figure) if " limit " in text and "%" in text][-2:] == [
        "lower",
        "upper",
    ]
    assert len(figure["layout"]["shapes"]) == 3
    assert "limit: it would" not in said_by(figure)


def test_a_month_outside_the_limits_is_marked_and_named():
    figure = run_figure(steady(last=1))
    (outside,) = traces(figure, "outside")
    assert outside["marker"]["symbol"] == "diamond"
    assert outside["text"] == ["Feb 2025"]
    assert outside["customdata"] == [["<b>February 2025</b><br>1 of 10 (10 %)<br>below the limits", "2025-02"]]
    assert "February 2025 lies below the limits around a mean of 79 % a month." in said_by(figure)
    assert "Feb 2025" in texts(run_svg(steady(last=1)))


@pytest.mark.parametrize("row", [[("2024-03", 0, 0)], []], ids=["a row of 0 of 0", "no row"])
def test_a_month_without_events_is_left_open_never_0(row):
    figure = run_figure(months(("2024-01", 8, 10), ("2024-02", 9, 10), *row, ("2024-04", 8, 10), ("2024-05", 9, 10)))
    (joined,) = traces(figure, "rate by month")
    assert joined["x"] == [f"2024-{month:02}-01T00:00:00" for month in range(1, 6)]
    assert joined["y"][2] is None
    assert joined["connectgaps"] is False
    assert "1 month without an event that was met or not met: left open." in said_by(figure)


def test_the_line_of_the_svg_breaks_where_a_month_has_no_event():
    gap = months(*[(f"2024-{month:02}", 5 * (month != 5), 10 * (month != 5)) for month in range(1, 9)])
    colour = PALETTE["light"]["line"]
    drawn = [line for line in parsed(run_svg(gap)).iter(f"{SVG}polyline") if line.get("stroke") == colour]
    assert [len(line.get("points").split()) for line in drawn] == [4, 3]
    assert len(titles(run_svg(gap))[1]) == 7


@pytest.mark.parametrize(("count", "preliminary"), [(2, True), (11, True), (12, False)])
def test_limits_of_fewer_than_twelve_months_are_preliminary(count, preliminary):
    said = said_by(run_figure(steady(count=count)))
    assert (f"Preliminary limits: {count} months with a rate, fewer than 12." in said) is preliminary


def test_only_months_with_a_rate_count_towards_the_twelve():
    rows = steady(count=12)
    rows.loc[4, ["met", "of", "rate"]] = [0, 0, None]
    assert "Preliminary limits: 11 months" in run_findings(rows).note


@pytest.mark.parametrize(
    ("rows", "title"),
    [
        ([], "No month has an event that was met or not met."),
        ([("2024-01", 0, 0)], "No month has an event that was met or not met."),
        ([("2024-01", 3, 4)], "Only January 2024 has a rate: 3 of 4 (75 %)."),
        (
            [("2024-01", 3, 4), ("2024-03", 1, 4)],
            "No two months side by side have a rate: a mean of 50 % a month, without limits.",
        ),
        ([("2024-01", 3, 4), ("2024-02", 3, 4)], "No month lies outside the limits around a mean of 75 % a month."),
    ],
)
def test_the_title_of_a_run_is_a_sentence_whatever_the_data(rows, title):
    figure = run_figure(months(*rows))
    assert f"<b>{title}</b>" in words(figure)
    assert titles(run_svg(months(*rows)))[0] == title
    json.dumps(figure, allow_nan=False)


def test_many_months_outside_are_counted():
    rows = [(str(month), 50, 100) for month in pandas.period_range("2020-01", periods=60, freq="M")]
    for place, met in ((5, 10), (20, 90), (33, 10), (50, 90)):
        rows[place] = (rows[place][0], met, 100)
    assert run_findings(months(*rows)).title.startswith("4 of 60 months lie outside the limits around a mean of 50 %")


def test_a_month_may_be_a_day_or_text_and_stands_where_it_belongs():
    mixed = months(("2024-02-01", 1, 2), (pandas.Timestamp("2024-01-01"), 2, 2))
    assert [(month.name, month.key, month.rate) for month in run_findings(mixed).months] == [
        ("January 2024", "2024-01", 1.0),
        ("February 2024", "2024-02", 0.5),
    ]


@pytest.mark.parametrize("rows", [[("2024-01", 1, 2), ("2024-01-31", 1, 2)], [(None, 1, 2)], [("", 1, 2)]])
def test_a_month_that_is_none_or_twice_is_refused(rows):
    with pytest.raises(ValueError, match="is no month, or is there twice"):
        run_figure(months(*rows))


@pytest.mark.parametrize("count", [1, 18, 19, 54, 55, 108, 109, 240, 1000])
def test_names_of_months_never_touch(count):
    assert count / months_between_marks(count) <= 18


# ---------------------------------------------------------------- both, and the spark


@pytest.mark.parametrize("theme", THEMES)
def test_figures_are_plain_json_in_the_colours_of_the_theme_and_without_red(theme):
    drawn = [funnel_figure(SITES, 10, theme), run_figure(steady(last=1), theme), spark([0.5, None, 0.7], theme)]
    for figure in drawn:
        written = json.dumps(figure, allow_nan=False)
        used = set(re.findall(r"#[0-9a-f]{6}", written))
        assert used <= set(PALETTE[theme].values()) - {PALETTE[theme]["danger"]}


def test_another_theme_is_refused():
    for draw in (lambda: funnel_figure(SITES, 10, "sepia"), lambda: run_figure(steady(), "sepia")):
        with pytest.raises(KeyError):
            draw()


def test_rates_are_per_cent_from_0_to_100_whatever_the_data():
    for figure in (funnel_figure(SITES, 10), run_figure(steady())):
        axis = figure["layout"]["yaxis"]
        assert axis["range"] == REACH
        assert axis["ticktext"] == [f"{mark} %" for mark in MARKS]


def test_a_spark_is_small_open_at_gaps_and_ends_with_a_point():
    figure = spark([0.5, None, 0.25, None])
    trend, last = figure["data"]
    assert trend["y"] == [50, None, 25, None]
    assert (last["x"], last["y"]) == ([2], [25])
    assert figure["layout"]["xaxis"]["visible"] is figure["layout"]["yaxis"]["visible"] is False
    assert figure["layout"]["height"] < 60


@pytest.mark.parametrize("values", [[], [None], [float("nan")], [0.5]])
def test_a_spark_of_nothing_or_one(values):
    figure = spark(values)
    json.dumps(figure, allow_nan=False)
    assert figure["data"][1]["y"] == [50 for value in values if value == 0.5]


def test_text_from_the_record_is_never_markup():
    name = "<a href='https://example.org'>A & \"B\"</a>\x00"
    record = groups(*ALIKE, (name, 0, 100))
    figure = funnel_figure(record, 10)
    shown = json.dumps([figure["layout"]["annotations"], [t.get("customdata", [[""]])[0][0] for t in figure["data"]]])
    assert "<a" not in shown
    svgs = [funnel_svg(record, 10), bars_svg(measures((name, name, 1, 2, 3, 4)))]
    for svg in svgs:
        assert "<a" not in svg and "\x00" not in svg
        assert "A & \"B\"" in "".join(parsed(svg).itertext())


# ---------------------------------------------------------------- SVG


CHARTS = {
    "funnel": lambda theme: funnel_svg(SITES, 10, kind="site", theme=theme),
    "run": lambda theme: run_svg(steady(last=1), theme=theme),
    "bars": lambda theme: bars_svg(measures(("hold_given", "Held in time", 3, 1, 2, 0)), theme=theme),
}


@pytest.mark.parametrize("chart", CHARTS)
@pytest.mark.parametrize("theme", THEMES)
def test_an_svg_is_complete_in_itself_and_says_what_it_shows(chart, theme):
    svg = CHARTS[chart](theme)
    root = parsed(svg)
    assert root.tag == f"{SVG}svg"
    assert root.get("role") == "img"
    assert root[0].tag == f"{SVG}title" and root[0].text.endswith(".")
    assert root[1].tag == f"{SVG}desc"
    assert len(svg.encode()) < 10_000
    tags = {element.tag.removeprefix(SVG) for element in root.iter()}
    assert tags <= {"svg", "title", "desc", "g", "text", "polyline", "circle", "path", "rect"}
    assert not re.search(r"script|href|url\(|\son\w+=|style=|\sid=", svg)
    assert svg.count("http") == 1, "the name of the format and no address"
    assert set(re.findall(r"#[0-9a-f]{6}", svg)) <= set(PALETTE[theme].values()) - {PALETTE[theme]["danger"]}


@pytest.mark.parametrize("chart", CHARTS)
def test_everything_of_an_svg_lies_within_its_box(chart):
    root = parsed(CHARTS[chart]("light"))
    _, _, wide, tall = map(float, root.get("viewBox").split())
    for element in root.iter():
        for along, across in itertools.product(("x", "cx"), ("y", "cy")):
            if element.get(along) and element.get(across):
                assert 0 <= float(element.get(along)) <= wide
                assert 0 <= float(element.get(across)) <= tall
        for place in (element.get("points") or "").split():
            x, y = map(float, place.split(","))
            assert 0 <= x <= wide and 0 <= y <= tall


@pytest.mark.parametrize("chart", CHARTS)
def test_the_same_numbers_give_the_same_svg(chart):
    assert CHARTS[chart]("light") == CHARTS[chart]("light")


def test_the_svg_says_what_the_figure_says():
    for figure, svg in (
        (funnel_figure(SITES, 10, kind="site"), funnel_svg(SITES, 10, kind="site")),
        (run_figure(steady(last=1)), run_svg(steady(last=1))),
    ):
        root = parsed(svg)
        assert f"{root[0].text} {root[1].text}" == figure["layout"]["meta"]["alt"]
        named = {note["text"] for note in figure["layout"]["annotations"] if note["x"] == 1}
        assert named and named <= set(texts(svg))


def test_points_of_the_svg_say_their_counts():
    assert "Far: 40 of 100 (40 %), below the 99.8 % limit" in titles(funnel_svg(SITES, 10))[1]
    assert "Small: 3 of 4 (75 %), too few to judge: fewer than 10" in titles(funnel_svg(SITES, 10))[1]
    assert "February 2025: 1 of 10 (10 %), below the limits" in titles(run_svg(steady(last=1)))[1]


def test_a_bar_tells_the_four_endings_in_words_and_in_width():
    svg = bars_svg(measures(("hold_given", "Held in time", 3, 1, 2, 0)))
    assert titles(svg) == (
        "How the events of 1 measure ended.",
        ["Held in time: 3 met, 1 not met, 2 excluded, 0 cannot tell, of 6 events"],
    )
    assert {"Held in time", "3 met", "1 not met", "2 excluded", "0 cannot tell", "of 6 events"} <= set(texts(svg))
    bars = [float(box.get("width")) + 2 for box in parsed(svg).iter(f"{SVG}rect") if box.get("height") == "14"]
    assert [width / sum(bars) for width in bars] == pytest.approx([3 / 6, 1 / 6, 2 / 6], abs=0.001)


def test_one_event_among_many_is_still_to_be_seen():
    svg = bars_svg(measures(("routine_count", "Counted in time", 100_000, 1, 0, 0)))
    bars = [float(box.get("width")) for box in parsed(svg).iter(f"{SVG}rect") if box.get("height") == "14"]
    assert len(bars) == 2 and min(bars) >= 1


def test_a_measure_without_events_or_title_has_its_row():
    untitled = measures(("hold_given", None, 0, 0, 0, 0)).drop(columns="title")
    svg = bars_svg(untitled)
    assert {"hold_given", "0 met", "of 0 events"} <= set(texts(svg))
    assert titles(bars_svg(measures()))[0] == "There is no measure."


@pytest.mark.parametrize("end", [1, 5, 6, 7, 10, 99, 100, 101, 12_345, 3_000_000])
def test_an_axis_of_denominators_has_two_to_seven_round_marks(end):
    found = denominators(end)
    assert found[0] == 0 and 2 <= len(found) <= 7 and found[-1] <= end
    assert str(found[1]).rstrip("0") in ("1", "2", "5")


# ---------------------------------------------------------------- places of labels


def test_labels_at_the_right_end_never_touch_and_stay_below_the_top():
    lines = [("a", 1.0, "inner"), ("b", 1.0, "outer"), ("c", 0.99, "centre"), ("d", 0.1, "inner"), ("e", 0.1, "outer")]
    places = [place for _, place in edge_places(lines, 240)]
    assert all(after - before >= labels.LINE for before, after in itertools.pairwise(places))
    assert places[-1] <= 240
    assert [line[0] for line, _ in edge_places(lines, 240)] == ["d", "e", "c", "a", "b"]
    assert edge_places([], 240) == []


def test_names_beside_points_never_touch_and_turn_left_at_the_right_edge():
    points = [(100.0, 50.0, "First name"), (104.0, 52.0, "Second name"), (107.0, 48.0, "Third"), (870.0, 50.0, "Edge")]
    found = name_places(points, 880, HEIGHT)
    assert [side for side, _ in found] == ["right", "right", "right", "left"]
    heights = sorted(y + move for (_, y, _), (_, move) in zip(points[:3], found[:3], strict=True))
    assert all(after - before >= labels.LINE for before, after in itertools.pairwise(heights))
    assert found[0][1] == found[3][1] == 0


# ---------------------------------------------------------------- what is not loaded


def test_the_rule_and_a_patients_figure_do_not_load_the_statistics():
    """They take a second to load, which the panel and a patient's page do not have to spend."""
    asked = "import sys, leuko, leuko.figures; print([n for n in ('scipy', 'statsmodels') if n in sys.modules])"
    shown = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"


def test_a_month_of_too_few_events_is_never_said_to_lie_outside():
    rows = [(f"2024-{month:02}", 9 - month % 2, 10) for month in range(1, 13)] + [("2025-01", 0, 9)]
    judged, spared = (said_by(run_figure(months(*rows), minimum=minimum)) for minimum in (9, 10))
    assert "January 2025 lies below" in judged
    assert "No month lies outside" in spared
    assert "1 month of fewer than 10 events: too few to judge." in spared
