"""The patient's figure: what must be on it, whatever the data."""

import itertools
import json
from datetime import date
from types import SimpleNamespace

import pandas
import pytest

from leuko.count_units import CELLS
from leuko.facts import read_rows
from leuko.figures import labels, patient_figure
from leuko.figures.counts import band_words
from leuko.figures.palette import PALETTE

AS_OF = date(2026, 3, 31)
COUNTS = [
    "analyte",
    "drawn_on",
    "collected_at",
    "reported_at",
    "value",
    "comparator",
    "status",
    "derived",
    "raw_value",
    "raw_unit",
    "specimen",
    "source",
    "used",
    "grade",
    "ref_low",
]
DOSES = ["drug", "setting", "protocol", "dose_mg", "dose_unit", "start_on", "end_on", "end_reason", "source"]
EPISODES = ["drug", "protocol", "episode", "onset_on", "recovered_on", "trigger", "anc_nadir", "cause"]
DECISIONS = ["drug", "protocol", "episode", "decided_on", "action", "dose_mg", "clause", "during", "certainty", "why"]
LINES = ["protocol", "analyte", "role", "operator", "number", "verified"]
EVENTS = ["kind", "value", "occurred_at", "source"]
WORKLIST = ["patient_id", "drug", "protocol", "dose_unit"]

NUMBERS = ("grade", "ref_low", "dose_mg", "clause", "during")
KINDS = {"used": bool, "derived": bool, **dict.fromkeys(NUMBERS, float)}


def frame(columns, rows, days=()):
    made = pandas.DataFrame(rows, columns=columns)
    made = made.astype({name: kind for name, kind in KINDS.items() if name in columns})
    return made.assign(**{day: pandas.to_datetime(made[day], format="ISO8601") for day in days})


def count(analyte, at, value, comparator="", used=True, status="final", derived=False, grade=None, limit=None):
    raw = f"{comparator}{value / 1000:g}"
    return [
        analyte,
        at[:10],
        at,
        at,
        float(value),
        comparator,
        status,
        derived,
        raw,
        "10*9/L",
        None,
        "labs.csv row 7",
        used,
        grade,
        limit,
    ]


def patient(counts=(), doses=(), episodes=(), decisions=(), lines=(), events=(), worklist=()):
    """The frames of one patient, as the store gives them."""
    return SimpleNamespace(
        about={"patient_id": "SIM-001"},
        counts=frame(COUNTS, list(counts), ["drawn_on", "collected_at", "reported_at"]),
        doses=frame(DOSES, list(doses), ["start_on", "end_on"]),
        episodes=frame(EPISODES, list(episodes), ["onset_on", "recovered_on"]),
        recommendations=frame(DECISIONS, list(decisions), ["decided_on"]),
        lines=frame(LINES, list(lines)),
        events=frame(EVENTS, list(events), ["occurred_at"]),
        worklist=frame(WORKLIST, list(worklist)),
        unit=CELLS,
    )


@pytest.fixture
def treated():
    """Two episodes on dasatinib, a corrected ANC, an ANC of 0 and one below the range, causes and doses."""
    days = pandas.date_range("2025-09-01", "2026-03-27", freq="9D")
    values = [
        4200,
        3900,
        3100,
        2600,
        1900,
        1400,
        430,
        800,
        1300,
        2400,
        2800,
        2000,
        1500,
        900,
        420,
        0,
        100,
        700,
        1200,
    ]
    counts = [
        count(
            "anc", f"{day:%Y-%m-%d}T08:10", value, "<" if value == 100 else "", derived=value == 2600, grade=4
        )
        for day, value in zip(days, values, strict=False)
    ]
    counts += [
        count("platelets", f"{day:%Y-%m-%d}T08:10", 160_000 - 5000 * i) for i, day in enumerate(days[:20])
    ]
    counts += [count("wbc", f"{day:%Y-%m-%d}T08:10", 5200 - 100 * i) for i, day in enumerate(days[:20])]
    counts.append(count("anc", "2025-10-25T08:10", 510, used=False, status="final"))
    counts += [count("anc", f"2026-03-{day}T09:00", value) for day, value in (("01", 1100), ("20", 460))]
    protocol = "dasatinib-cp-us"
    return patient(
        counts,
        [
            [
                "dasatinib",
                None,
                protocol,
                100.0,
                "mg",
                "2025-09-01",
                "2025-10-26",
                "held for counts",
                "exposures.csv row 3",
            ],
            ["dasatinib", None, protocol, 0.0, "mg", "2025-10-27", "2025-11-14", None, "exposures.csv row 4"],
            [
                "dasatinib",
                None,
                protocol,
                100.0,
                "mg",
                "2025-11-20",
                "2026-01-09",
                None,
                "exposures.csv row 5",
            ],
            ["dasatinib", None, protocol, 80.0, "mg", "2026-02-20", None, None, "exposures.csv row 6"],
        ],
        [
            ["dasatinib", protocol, 1, "2025-10-25", "2025-11-12", "anc", 430, None],
            ["dasatinib", protocol, 2, "2026-01-05", "2026-02-10", "anc", 0, "treatment"],
            ["dasatinib", protocol, 3, "2026-03-20", None, "anc", 460, None],
        ],
        [
            ["dasatinib", protocol, 1, "2025-10-25", "hold", 0.0, None, None, "firm", "ANC 430 is below 500."],
            ["dasatinib", protocol, 1, "2025-11-12", "resume", 100.0, 4, None, "sparse", "Recovered."],
            ["dasatinib", protocol, 2, "2026-01-05", "hold", 0.0, None, None, "firm", "ANC 420 is below 500."],
            ["dasatinib", protocol, 2, "2026-02-10", "reduce", 80.0, 3, None, "firm", "Recovered."],
            ["dasatinib", protocol, 3, "2026-03-20", "hold", 0.0, None, None, "firm", "ANC 460 is below 500."],
        ],
        [
            [protocol, "anc", "hold", "<", 500.0, True],
            [protocol, "anc", "resume", ">=", 1000.0, True],
            [protocol, "platelets", "hold", "<", 50_000.0, True],
            [protocol, "platelets", "resume", ">=", 50_000.0, True],
        ],
        [
            ["gcsf", "filgrastim", "2026-01-20", "events.csv row 1"],
            ["fever", "38.6", "2026-01-19T18:00", "events.csv row 2"],
            ["infection", "urinary tract", "2026-01-19T15:00", "events.csv row 3"],
            ["cytopenia_cause", "treatment", "2026-01-25", "events.csv row 4"],
        ],
        [["SIM-001", "dasatinib", protocol, "mg"]],
    )


def words(figure):
    return [note["text"] for note in figure["layout"]["annotations"]]


def traces(figure, name):
    return [trace for trace in figure["data"] if trace["name"] == name]


@pytest.mark.parametrize("scale", ["linear", "log"])
@pytest.mark.parametrize("theme", list(PALETTE))
def test_bands_are_there_without_any_data(scale, theme):
    figure = patient_figure(patient(), AS_OF, scale=scale, theme=theme)
    fills = [shape.get("fillcolor") for shape in figure["layout"]["shapes"]]
    for band in read_rows("bands"):
        assert band_words(band, CELLS) in words(figure)
        assert PALETTE[theme][f"{band['tone']}_band"] in fills
    assert "as of 31 March 2026" in words(figure)


def test_bands_are_500_and_1000_and_lie_below_the_data():
    figure = patient_figure(patient(), AS_OF)
    bands = [shape for shape in figure["layout"]["shapes"] if shape["type"] == "rect"]
    assert [(band["y0"], band["y1"]) for band in bands] == [(0, 500), (500, 1000)]
    assert {band["layer"] for band in bands} == {"below"}
    assert {band["yref"] for band in bands} == {"y"}


def test_one_count_alone_is_drawn():
    figure = patient_figure(patient([count("anc", "2026-03-01T08:10", 430, grade=4)]), AS_OF)
    (anc,) = traces(figure, "ANC")
    assert anc["y"] == [430]
    said = next(iter(anc["customdata"]))
    for piece in (
        "ANC 430 cells/µL",
        "reported as 0.43 10*9/L",
        "1 March 2026, 08:10",
        "CTCAE v5.0: grade 4",
        "row 7",
    ):
        assert piece in said


@pytest.mark.parametrize("scale", ["linear", "log"])
def test_figure_is_plain_json(treated, scale):
    figure = patient_figure(treated, AS_OF, scale=scale)
    listed = json.loads(json.dumps(figure, default=list, allow_nan=False))
    assert listed["layout"]["uirevision"] == "SIM-001"


def test_zero_is_drawn_on_a_log_axis_below_every_count(treated):
    axis_of = patient_figure(treated, AS_OF, scale="log")
    (anc,) = traces(axis_of, "ANC")
    axis = axis_of["layout"]["yaxis"]
    assert axis["ticktext"][0] == "0"
    assert min(anc["y"]) == axis["tickvals"][0] < 100
    assert 10 ** axis["range"][0] < min(anc["y"])
    assert any("0 is drawn on the bottom line" in text for text in words(axis_of))


@pytest.mark.parametrize("lowest", [1, 10, 100, 430, 5000])
def test_no_count_above_zero_falls_on_the_line_of_zero(lowest):
    counts = [count("anc", "2026-03-01", 0), count("anc", "2026-03-08", lowest)]
    (anc,) = traces(patient_figure(patient(counts), AS_OF, scale="log"), "ANC")
    assert anc["y"][0] < anc["y"][1] == lowest


def test_superseded_versions_are_hollow_and_say_so(treated):
    (unused,) = traces(patient_figure(treated, AS_OF), "ANC, not used")
    assert unused["y"] == [510]
    assert unused["mode"] == "markers"
    assert unused["marker"]["symbol"] == ["circle-open"]
    assert "not used" in next(iter(unused["customdata"]))


def test_a_comparator_shows_in_shape_words_and_hover(treated):
    (anc,) = traces(patient_figure(treated, AS_OF), "ANC")
    place = anc["y"].index(100)
    assert anc["marker"]["symbol"][place] == "triangle-down"
    assert anc["text"][place] == "&lt;100"
    assert "ANC &lt;100 cells/µL" in anc["customdata"][place]


def test_derived_counts_have_a_shape_of_their_own_and_say_so(treated):
    (anc,) = traces(patient_figure(treated, AS_OF), "ANC")
    place = anc["y"].index(2600)
    assert "derived from WBC and differential, not measured" in anc["customdata"][place]
    assert anc["marker"]["symbol"][place] == "square"
    others = [shape for at, shape in enumerate(anc["marker"]["symbol"]) if at != place]
    assert "square" not in others
    assert not any("derived" in said for at, said in enumerate(anc["customdata"]) if at != place)


def test_the_newest_derived_count_is_labelled_once(treated):
    def labelled(figure):
        return [note for note in figure["layout"]["annotations"] if note["text"] == "derived from WBC and differential"]

    treated.counts.loc[4, "derived"] = True
    (label,) = labelled(patient_figure(treated, AS_OF))
    assert (label["x"][:10], label["y"]) == ("2025-10-07", 1900)
    (label,) = labelled(patient_figure(treated, AS_OF, scale="log"))
    assert 10 ** label["y"] == pytest.approx(1900)
    treated.counts["derived"] = False
    assert labelled(patient_figure(treated, AS_OF)) == []


def test_a_derived_count_below_the_range_says_both():
    low = count("anc", "2026-03-01T08:10", 100, "<", derived=True)
    (anc,) = traces(patient_figure(patient([low]), AS_OF), "ANC")
    assert anc["marker"]["symbol"] == ["triangle-down"]
    assert anc["text"] == ["&lt;100 (derived)"]


def test_a_derived_count_that_is_not_used_is_hollow():
    unused = count("anc", "2026-03-01T08:10", 600, derived=True, used=False)
    figure = patient_figure(patient([unused, count("anc", "2026-03-01T08:10", 650)]), AS_OF)
    assert traces(figure, "ANC, not used")[0]["marker"]["symbol"] == ["square-open"]
    assert "derived from WBC and differential" not in words(figure)


# ---- WBC and its grades


def wbc(*rows):
    """A patient with these WBC: day, count, the laboratory's lower limit."""
    return patient([count("wbc", day, value, limit=limit) for day, value, limit in rows])


def grade_words(figure):
    return [text for text in words(figure) if "CTCAE" in text]


def grade_lines(figure):
    """The lines of the WBC panel: count, and its ends in days where they are not those of the panel."""
    axis = next(trace["yaxis"] for trace in figure["data"] if trace["name"] == "WBC")
    lines = [shape for shape in figure["layout"]["shapes"] if shape["type"] == "line" and shape["yref"] == axis]
    return [(line["y0"], *((line["x0"][:10], line["x1"][:10]) if line["xref"] == "x" else ())) for line in lines]


def test_wbc_has_the_grades_of_the_table_with_their_version():
    figure = patient_figure(wbc(("2026-03-01", 2500, None)), AS_OF)
    published = {
        float(row["below"]): f"CTCAE v5.0 grade {row['grade']}, below {float(row['below']):,.0f}"
        for row in read_rows("grades")
        if (row["version"], row["analyte"]) == ("5.0", "wbc") and row["below"] != "lln"
    }
    assert sorted(grade_words(figure)) == sorted(published.values())
    assert sorted(grade_lines(figure)) == sorted((below,) for below in published)
    assert "CTCAE v5.0 grade 3, below 2,000" in words(figure)


def test_the_cuts_of_wbc_are_read_from_the_table(monkeypatch):
    rows = [{"version": "5.0", "analyte": "wbc", "grade": "4", "at_least": "", "below": "1234"}]
    monkeypatch.setattr("leuko.figures.grade_bands.read_rows", lambda name: rows)
    assert grade_words(patient_figure(wbc(("2026-03-01", 2500, None)), AS_OF)) == ["CTCAE v5.0 grade 4, below 1,234"]


@pytest.mark.parametrize(("limit", "shown"), [(None, False), (2900, False), (3000, False), (3001, True), (4000, True)])
def test_grade_1_shows_only_with_a_limit_of_the_laboratory_above_grade_2(limit, shown):
    said = grade_words(patient_figure(wbc(("2026-03-01", 2500, limit)), AS_OF))
    assert [text for text in said if "grade 1" in text] == ([f"CTCAE v5.0 grade 1, below {limit:,}"] if shown else [])


def test_a_limit_stands_until_another_or_none_is_reported():
    limits = {"2026-02-01": 4000, "2026-02-08": 4000, "2026-02-15": 3500, "2026-02-22": None}
    days = [(day, 3800, limit) for day, limit in limits.items()]
    figure = patient_figure(wbc(*days), AS_OF)
    assert grade_lines(figure)[-2:] == [(4000, "2026-02-01", "2026-02-15"), (3500, "2026-02-15", "2026-02-22")]
    back = patient_figure(wbc(*days, ("2026-03-01", 3800, 4000)), AS_OF)
    assert grade_lines(back)[-1] == (4000, "2026-03-01", "2026-04-01")
    assert sum("grade 1" in text for text in grade_words(back)) == 2, "each limit is named once"


def test_without_wbc_there_is_no_panel_of_it():
    figure = patient_figure(patient([count("anc", "2026-03-01", 900)]), AS_OF)
    assert grade_words(figure) == []
    assert not any("WBC" in text for text in words(figure))


def test_wbc_follows_the_scale_and_the_bands_end_on_its_bottom_line():
    figure = patient_figure(wbc(("2026-02-01", 150_000, 4000), ("2026-03-01", 0, 4000)), AS_OF, scale="log")
    (trace,) = traces(figure, "WBC")
    axis = figure["layout"][trace["yaxis"].replace("y", "yaxis")]
    assert axis["type"] == "log"
    of_panel = [shape for shape in figure["layout"]["shapes"] if shape["yref"] == trace["yaxis"]]
    shades = [shape for shape in of_panel if shape["type"] == "rect"]
    assert {shade["y0"] for shade in shades} == {trace["y"][1]} == {axis["tickvals"][0]}


def test_thresholds_are_lines_only_where_they_differ_from_the_bands(treated):
    said = words(patient_figure(treated, AS_OF))
    assert "Hold below 50,000<br>Resume at least 50,000" in said
    assert not any("Resume at least 1,000" in text for text in said)
    treated.lines.loc[1, ["number", "verified"]] = [750, False]
    assert "Resume at least 750<br>(not verified)" in words(patient_figure(treated, AS_OF))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (["eln", "anc", "resume", ">", 1000.0, True], "Resume above 1,000"),
        (["clozapine", "anc", "hold", "<", 1000.0, True], "Hold below 1,000"),
        (["clozapine", "anc", "Discontinue", "<", 500.0, True], "Discontinue below 500"),
    ],
)
def test_a_line_at_the_edge_of_a_band_is_drawn_where_it_means_something_else(line, said):
    assert said in words(patient_figure(patient(lines=[line]), AS_OF))


def test_a_decision_at_a_draw_says_which_row_decided_and_that_no_episode_is_open():
    decision = ["mercaptopurine", "m", None, "2026-03-01", "review", None, None, 2, "firm", "ANC 600."]
    course = ["SIM-001", "mercaptopurine", "m", "mg/m2"]
    figure = patient_figure(patient(decisions=[decision], worklist=[course]), AS_OF)
    (marked,) = traces(figure, "mercaptopurine")
    assert "no episode" in marked["customdata"][0]
    assert "decision at a draw 2" in marked["customdata"][0]


def test_thresholds_that_are_not_verified_are_marked_also_where_a_band_ends():
    protocol = "dasatinib-advanced-us"
    lines = [[protocol, "anc", "hold", "<", 500.0, False], [protocol, "anc", "resume", ">=", 1000.0, False]]
    course = ["SIM-001", "dasatinib", protocol, "mg"]
    figure = patient_figure(patient(lines=lines, worklist=[course]), AS_OF)
    assert {
        "Below 500",
        "Hold below 500<br>(not verified)",
        "500 to 1,000",
        "Resume at least 1,000<br>(not verified)",
    } <= set(words(figure))


def test_labels_at_the_edge_never_touch():
    name = "mercaptopurine-anc"
    lines = [[name, "anc", "hold", "<", 600.0, True], [name, "anc", "resume", ">=", 750.0, True]]
    high = patient([count("anc", "2026-03-01", 30_000)], lines=lines)
    figure = patient_figure(high, AS_OF)
    height = 360
    low, top = figure["layout"]["yaxis"]["range"]
    edge = [note for note in figure["layout"]["annotations"] if note["yref"] == "y"]
    centres = sorted((note["y"] - low) / (top - low) * height + note["yshift"] for note in edge)
    assert len(centres) == 4
    assert all(b - a >= labels.LINE - 0.01 for a, b in itertools.pairwise(centres))


def test_labels_that_do_not_fit_give_way():
    assert labels.fitting([0, 20, 300], ["episode 1", "episode 2", "episode 3"], ["1", "2", "3"]) == [
        "1",
        "episode 2",
        "episode 3",
    ]
    assert labels.fitting([0, 10, 60], ["episode 1", "episode 2", "episode 3"], ["1", "2", "3"]) == [
        "",
        "2",
        "episode 3",
    ]
    assert labels.fitting([], []) == []


def test_episodes_are_shaded_and_named_the_open_one_to_the_day_shown(treated):
    figure = patient_figure(treated, AS_OF)
    shaded = [
        shape for shape in figure["layout"]["shapes"] if shape["xref"] == "x" and shape["type"] == "rect"
    ]
    assert [shape["x0"][:10] for shape in shaded] == ["2025-10-25", "2026-01-05", "2026-03-20"]
    assert [shape["x1"][:10] for shape in shaded] == ["2025-11-12", "2026-02-10", "2026-04-01"]
    assert {"episode 1", "episode 2", "episode 3"} <= set(words(figure))


def test_decisions_name_the_action_and_their_clause(treated):
    (row,) = [
        trace for trace in traces(patient_figure(treated, AS_OF), "dasatinib") if "markers" in trace["mode"]
    ]
    assert row["text"][-2:] == ["  Reduce 80 mg", "  Hold"]
    assert "dasatinib-cp-us, clause 3" in row["customdata"][3]


def test_dose_steps_break_where_no_dose_is_recorded_and_keep_the_held_days(treated):
    figure = patient_figure(treated, AS_OF)
    (steps,) = [trace for trace in traces(figure, "dasatinib") if trace["mode"] == "lines"]
    assert steps["y"] == [100, 100, 100, 0, 0, None, 100, 100, None, 80, 80, None]
    assert steps["x"][1][:10] == steps["x"][3][:10] == "2025-10-27"
    (held,) = traces(figure, "dasatinib, held")
    assert held["y"] == [0, 0, None]
    assert "held" in traces(figure, "dasatinib, labels")[0]["text"]


def test_every_drug_has_a_strip_of_its_own(treated):
    other = ["methotrexate", None, None, 20.0, "mg", "2025-10-01", "2025-10-01", None, "exposures.csv row 9"]
    treated.doses.loc[len(treated.doses)] = [
        *other[:5],
        pandas.Timestamp(other[5]),
        pandas.Timestamp(other[6]),
        *other[7:],
    ]
    assert {"<b>dasatinib, mg a day</b>", "<b>methotrexate, mg a day</b>"} <= set(
        words(patient_figure(treated, AS_OF))
    )


def test_events_stand_in_rows_named_in_words(treated):
    figure = patient_figure(treated, AS_OF)
    rows = next(
        axis["ticktext"]
        for name, axis in figure["layout"].items()
        if name.startswith("yaxis") and "G-CSF" in axis.get("ticktext", ())
    )
    assert rows == ["G-CSF", "cause", "fever", "infection"]


@pytest.mark.parametrize(
    ("recorded", "shown", "decides"),
    [
        ("malignancy", "malignancy", "taken as the disease"),
        ("drug", "a drug", "taken as the treatment"),
        ("hypersplenism", "hypersplenism", "decides nothing"),
        ("immune", "immune neutropenia", "decides nothing"),
        ("viral", "viral", "not a listed cause: decides nothing"),
    ],
)
def test_a_cause_stands_on_the_time_axis_with_its_words_and_what_it_decides(recorded, shown, decides):
    figure = patient_figure(patient(events=[["cytopenia_cause", recorded, "2026-03-05", "events.csv row 1"]]), AS_OF)
    (cause,) = traces(figure, "cause")
    assert cause["x"] == ["2026-03-05T00:00:00"]
    assert cause["text"] == [f"  {shown} ({decides})"]
    assert f"<b>cause {shown}</b><br>{decides}<br>5 March 2026" in cause["customdata"][0]


def test_old_background_does_not_stretch_the_time_axis_and_its_row_points_to_it():
    known = [["heart_failure", "NYHA II", "2011-05-01", "row 1"], ["fever", "38.6", "2026-01-02", "row 2"]]
    figure = patient_figure(patient([count("anc", "2026-02-01", 900)], events=known), AS_OF)
    assert "2025-12-25" < figure["layout"]["xaxis"]["range"][0] < "2026-01-02"
    (rows,) = [axis["ticktext"] for axis in figure["layout"].values() if "fever" in str(axis)]
    assert rows == ["fever", "◂ heart failure"]
    assert traces(figure, "heart failure")[0]["x"] == ["2011-05-01T00:00:00"]


def test_panels_never_overlap_and_share_the_time_axis(treated):
    figure = patient_figure(treated, AS_OF)
    domains = [axis["domain"] for name, axis in figure["layout"].items() if name.startswith("yaxis")]
    assert all(lower[1] < upper[0] for upper, lower in itertools.pairwise(domains))
    assert domains[0][1] == 1 and domains[-1][0] >= 0
    assert {trace["xaxis"] for trace in figure["data"]} == {"x"}


def test_twenty_years_of_counts():
    days = pandas.date_range("2006-03-31", "2026-03-30", freq="7D")
    counts = [count("anc", f"{day:%Y-%m-%d}", 400 + 37 * i % 3000) for i, day in enumerate(days)]
    figure = patient_figure(patient(counts), AS_OF)
    assert len(traces(figure, "ANC")[0]["y"]) == len(days)
    assert figure["layout"]["xaxis"]["range"][0] < "2006-03-31"


def test_text_from_the_record_is_never_markup(treated):
    treated.events.loc[0, "value"] = "<a href='https://example.org'>filgrastim</a>"
    figure = patient_figure(treated, AS_OF)
    (row,) = traces(figure, "G-CSF")
    assert "<a" not in row["customdata"][0]
    assert "<a" not in row["text"][0]


def test_zoom_in_time_survives_another_scale_and_theme(treated):
    drawn = [
        patient_figure(treated, AS_OF, scale=scale, theme=theme)["layout"]
        for scale, theme in [("linear", "light"), ("log", "dark")]
    ]
    assert drawn[0]["xaxis"]["uirevision"] == drawn[1]["xaxis"]["uirevision"]
    assert drawn[0]["yaxis"]["uirevision"] != drawn[1]["yaxis"]["uirevision"]


def test_another_scale_is_refused(treated):
    with pytest.raises(ValueError, match="linear or log"):
        patient_figure(treated, AS_OF, scale="root")


def line_at(figure, day):
    """The upright lines at a day, and the words at their top."""
    layout = figure["layout"]
    lines = [shape for shape in layout["shapes"] if shape["type"] == "line" and shape.get("x0") == day == shape["x1"]]
    return lines, [note for note in layout["annotations"] if note.get("x") == day]


def test_a_marked_day_is_a_line_with_its_words_over_all_panels(treated):
    figure = patient_figure(treated, AS_OF, mark=(date(2026, 1, 5), "Hold given: not met"))
    (line,), notes = line_at(figure, "2026-01-05")
    (note,) = [note for note in notes if "Hold given: not met" in note["text"]]
    assert (line["yref"], line["y0"], line["y1"]) == ("paper", 0, 1)
    others = [other["yshift"] for other in figure["layout"]["annotations"] if other is not note and "yshift" in other]
    assert note["yshift"] > max(others), "above all other names"
    assert "Hold given: not met" not in "".join(words(patient_figure(treated, AS_OF)))


@pytest.mark.parametrize(("day", "side"), [("2025-09-10", "left"), ("2026-03-30", "right")])
def test_the_words_of_a_marked_day_run_towards_the_middle(treated, day, side):
    _, notes = line_at(patient_figure(treated, AS_OF, mark=(date.fromisoformat(day), "words")), day)
    assert [note["xanchor"] for note in notes if "words" in note["text"]] == [side]


@pytest.mark.parametrize("day", ["2025-01-01", "2026-06-30"])
def test_a_marked_day_before_or_after_the_data_is_within_the_figure(treated, day):
    figure = patient_figure(treated, AS_OF, mark=(date.fromisoformat(day), "due"))
    start, end = figure["layout"]["xaxis"]["range"]
    assert start < day < end
    assert line_at(figure, day)[0]


def test_the_words_of_a_marked_day_are_never_markup(treated):
    figure = patient_figure(treated, AS_OF, mark=(date(2026, 1, 5), "<a href='https://example.org'>Hold</a>"))
    assert "<a" not in "".join(note["text"] for note in figure["layout"]["annotations"])
