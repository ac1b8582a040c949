"""The cohort page: its sentences, figures and tables, drawn from a ward that was worked out by hand.

Twelve patients on dasatinib from 1 January 2026 (day 0), seen on 1 March (day 59). All have 3,000 on day 0 and 2,500
on day 56; in between:

| patients  | site  | counts                      | first episode           |
|-----------|-------|-----------------------------|-------------------------|
| P01       | East  | 400 on day 7, 1,200 on 14   | day 7, over in 7 days   |
| P02, P03  | East  | 450 on day 14, 1,500 on 28  | day 14, over in 14 days |
| P04       | East  | 300 on day 49, 900 on day 56 | day 49, open           |
| P05 – P10 | East  | nothing below 1,000         | none                    |
| P11       | North | 800 on day 21               | none                    |
| P12       | North | no count at all             | none                    |
"""

import json
import re
import tomllib
from datetime import date

import pandas as pd
import pytest

from leuko.count_units import CELLS
from leuko.facts import read_rows
from leuko.figures.cohort import trajectories
from leuko.figures.counts import band_words
from leuko.store import Store
from tests import hostile
from tests.cohort_wards import Ward
from tests.readers import reads_as
from tests.serving import ROOT, app_at

CHARTS = ("trajectories", "weeks", "without_an_episode", "not_yet_recovered", "grades", "doses", "days")
SETTINGS = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text(encoding="utf-8"))
LOW = {
    "P01": {7: 400, 14: 1200},
    "P02": {14: 450, 28: 1500},
    "P03": {14: 450, 28: 1500},
    "P04": {49: 300, 56: 900},
    "P11": {21: 800},
}


def ward():
    made = Ward()
    for number in range(1, 12):
        patient = f"P{number:02d}"
        counts = {0: 3000, 56: 2500} | LOW.get(patient, {})
        made.add(patient, counts, site="North" if number == 11 else "East")
    made.add("P12", {}, site="North")
    return made


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    return ward().load(tmp_path_factory.mktemp("cohort_page"))


@pytest.fixture
def open_page(database, monkeypatch):
    """`open_page(site="East")` opens the page at this address; `opened`: the numbers shown. No exception may be."""
    monkeypatch.setenv("LEUKO_DB", str(database))

    def run(opened=(), **address):
        app = app_at("dashboard.py", address, timeout=60)
        app.switch_page("pages/cohort.py")
        for name in opened:
            app.session_state[f"numbers_{name}"] = True
        app.run()
        assert not app.exception
        return app

    return run


def said(app):
    """All sentences on the page."""
    elements = (*app.subheader, *app.caption, *app.info, *app.markdown, *app.warning)
    return "\n".join(element.value for element in elements).replace("\\", "").replace("\xa0", " ")


def html_of(app):
    return "\n".join(element.proto.body for element in app.get("html"))


def charts(app):
    """{name: (figure, text alternative)} of the charts on the page."""
    found = app.get("plotly_chart")
    names = [re.search(r"figure_(\w+)$", chart.proto.id)[1] for chart in found]
    return {
        name: (json.loads(chart.proto.spec), chart.proto.alt) for name, chart in zip(names, found, strict=True)
    }


def address(app):
    return {name: value if isinstance(value, str) else list(value) for name, value in app.query_params.items()}


# Sentences


def test_the_first_sentence_counts_patients_with_an_episode_and_how_soon_the_first_ones_were_over(open_page):
    app = open_page()
    assert app_sentence(app) == (
        "4 of 12 patients on dasatinib (33 %) had an episode of low counts; 3 of 4 first episodes recovered, too few "
        "to say how fast."
    )
    assert "An episode begins with the draw that meets a hold threshold (ANC below 500) and is over at" in said(app)


def test_with_enough_episodes_it_says_by_when_half_were_over_where_that_is_reached(tmp_path, open_page, monkeypatch):
    made = Ward()
    for number in range(10):
        made.add(f"P{number}", {3: 400, 3 + (5 if number < 6 else 40): 1200})
    monkeypatch.setenv("LEUKO_DB", str(made.load(tmp_path)))
    sentence = "10 of 10 patients on dasatinib (100 %) had an episode of low counts; "
    assert app_sentence(open_page()) == sentence + "half of the first episodes were over within 5 days."
    early = sentence + "the day by which half of the first episodes were over is not reached."
    assert app_sentence(open_page(as_of="2026-01-08")) == early


def app_sentence(app):
    return app.subheader[0].value.replace("\\", "").replace("\xa0", " ")


def test_nobody_low_and_too_few_for_a_per_cent(open_page):
    app = open_page(site="North")
    assert app_sentence(app) == "None of 2 patients on dasatinib had an episode of low counts."
    assert "%" not in app_sentence(open_page(start="2026-01-01", site="North"))


def test_every_figure_says_what_it_shows_and_of_how_many_patients(open_page):
    words = said(open_page())
    assert "11 of 12 patients. Left out: 1 with no ANC in the course." in words
    assert "4 of 12 patients. Left out: 8 with no episode." in words
    assert "11 of 12 patients. Left out: 1 with no ANC after the first day." in words
    assert "11 of 12 patients. Left out: 1 with fewer than two days with an ANC." in words
    assert "All 12 patients. A click on a week opens the patient." in words
    assert "All 10 patients." in said(open_page(site="East"))


def test_every_figure_has_a_sentence_as_its_text_alternative(open_page):
    found = charts(open_page())
    assert tuple(found) == CHARTS
    for name, (_, alt) in found.items():
        assert re.fullmatch(r"[A-Z0-9].*\.", alt), name
        assert len(re.findall(r"\.(?:\s|$)", alt)) == 1, f"{name}: one sentence"
    assert found["weeks"][1] == "4 of 12 patients had an ANC below 500 on the drug."
    assert found["grades"][1] == "ANC grade 4 at worst in 4 of 11 courses, grade 3 in 1."
    days = "42 of 616 patient-days were below the hold threshold of the course: 6.82 per 100"
    assert found["days"][1].startswith(days)


# Figures


def test_the_lines_begin_on_day_0_and_their_points_open_their_patients(open_page):
    figure, _ = charts(open_page())["trajectories"]
    lines = next(trace for trace in figure["data"] if trace["name"] == "courses")
    points = [point for point in zip(lines["x"], lines["y"], lines["customdata"], strict=True) if point[0] is not None]
    of_first = [(day, anc) for day, anc, who in points if who[1] == "P01"]
    assert of_first == [(0, 3000), (7, 400), (14, 1200), (56, 2500)]
    assert {who[1] for *_, who in points} == {f"P{number:02d}" for number in range(1, 12)}
    assert "markers" in lines["mode"], "a line without points cannot be clicked"


def test_the_bands_are_those_of_the_table_and_their_words_stand_beside_them(open_page):
    for name in ("trajectories", "doses"):
        layout = charts(open_page())[name][0]["layout"]
        edges = {(shape["y0"], shape["y1"]) for shape in layout["shapes"] if shape["type"] == "rect"}
        assert edges == {(float(band["at_least"]), float(band["below"])) for band in read_rows("bands")}
        words = {note["text"] for note in layout["annotations"]}
        assert {band_words(band, CELLS) for band in read_rows("bands")} <= words


def test_where_protocols_do_not_agree_a_threshold_says_in_one_line_below_it_how_far_it_goes():
    rows = [
        ("a", "hold", "<", 500, True), ("a", "resume", ">=", 1000, True),
        ("b", "hold", "<", 1000, False), ("b", "resume", ">=", 1000, False),
        ("c", "hold", "<", 750, True), ("c", "resume", ">=", 1000, True),
    ]  # fmt: skip
    columns = ["protocol", "role", "operator", "number", "verified"]
    thresholds = pd.DataFrame(rows, columns=columns).assign(analyte="anc")
    assert trajectories.threshold_lines(thresholds, CELLS) == {
        500: ["500: hold<br>(1 of 3 protocols)"],
        750: ["750: hold<br>(1 of 3 protocols)"],
        1000: ["1,000: hold or resume<br>(not all verified)"],
    }
    some = trajectories.threshold_lines(thresholds[thresholds["role"].eq("hold")], CELLS)
    assert some[1000] == ["1,000: hold<br>(1 of 3 protocols, not all verified)"]
    one = trajectories.threshold_lines(thresholds[thresholds["protocol"].eq("b")], CELLS)
    assert one == {1000: ["Hold below 1,000 and resume at least 1,000<br>(not verified)"]}


def test_a_week_is_coloured_by_its_band_and_one_without_a_count_is_not(open_page):
    figure, _ = charts(open_page())["weeks"]
    cells, targets = figure["data"]
    names = dict(zip(targets["y"], targets["customdata"], strict=True))
    rows = {names[place][1]: codes for place, codes in enumerate(cells["z"], start=1)}
    assert rows["P01"] == [2, 0, 2, 4, 4, 4, 4, 4, 2]
    assert rows["P11"] == [2, 4, 4, 1, 4, 4, 4, 4, 2]
    assert rows["P12"] == [4] * 9, "never counted, never coloured"
    colours = [colour for _, colour in cells["colorscale"][::2]]
    assert len(set(colours)) == len(colours) == 5
    assert colours[4] == SETTINGS["theme"]["light"]["backgroundColor"], "no colour of its own"
    words = [note["text"].strip() for note in figure["layout"]["annotations"] if note["text"].strip()]
    assert words == ["Below 500", "500 to 1,000", "1,000 or more", "? cannot tell", "· no count"]


def test_after_the_end_of_a_course_nothing_is_drawn(tmp_path, open_page, monkeypatch):
    made = Ward()
    made.add("over", {0: 3000, 7: 2500}, [(0, 13, 100, "discontinued")])
    made.add("on", {0: 3000, 7: 2500, 56: 2000})
    monkeypatch.setenv("LEUKO_DB", str(made.load(tmp_path)))
    figure, _ = charts(open_page())["weeks"]
    assert sorted(figure["data"][0]["z"], key=str) == [[2, 2, 4, 4, 4, 4, 4, 4, 2], [2, 2, *[None] * 7]]


def test_the_numbers_at_risk_stand_below_the_curves(open_page):
    figure, alt = charts(open_page())["without_an_episode"]
    notes = {(note.get("x"), note["text"]) for note in figure["layout"]["annotations"]}
    assert {(0, "11"), (14, "10"), (28, "8"), (42, "8"), (56, "7")} <= notes
    curve = next(trace for trace in figure["data"] if trace["name"] == "share")
    assert curve["line"]["shape"] == "hv"
    assert curve["x"] == [0, 7, 14, 49, 59]
    assert curve["y"] == pytest.approx([100, 100 * 10 / 11, 100 * 8 / 11, 100 * 7 / 11, 100 * 7 / 11])
    assert alt == "4 of 11 courses had an episode; the day by which half had one is not reached."


def test_an_open_episode_is_followed_and_not_over(open_page):
    figure, alt = charts(open_page())["not_yet_recovered"]
    curve = next(trace for trace in figure["data"] if trace["name"] == "share")
    assert curve["x"] == [0, 7, 14, 14], "the open one leaves after 10 days"
    assert curve["y"] == pytest.approx([100, 75, 0, 0])
    assert alt == "3 of 4 first episodes were over; too few to judge (fewer than 10)."
    ends = next(trace for trace in figure["data"] if trace["name"] == "followed to here")
    assert (ends["x"], ends["y"]) == ([10], [75])


def test_the_bars_are_as_wide_as_the_courses_with_a_dose(open_page):
    figure, _ = charts(open_page())["grades"]
    widths = {trace["name"]: trace["x"] for trace in figure["data"]}
    assert sum(width for widths_of in widths.values() for width in widths_of) == pytest.approx(100)
    assert widths["grade 4"] == [pytest.approx(100 * 4 / 11)]
    assert figure["layout"]["yaxis"]["ticktext"] == ["dasatinib 100 mg"]


def test_a_group_of_too_few_has_no_rate(open_page):
    figure, _ = charts(open_page())["days"]
    (points,) = figure["data"]
    assert len(points["x"]) == 3, "together, dasatinib and East"
    words = [note["text"] for note in figure["layout"]["annotations"]]
    assert words.count("too few to judge") == 1, "North"


# Tables


def test_the_numbers_of_every_figure_open_as_a_table(open_page):
    tables = [element.value for element in open_page(opened=CHARTS).dataframe]
    assert len(tables) == len(CHARTS)
    quartiles, weeks, episodes, recoveries, grades, doses, days = tables
    assert quartiles.set_index("Day").loc[28].tolist() == [11, 1500, 3000, 3000]
    assert weeks.set_index("Patient").loc["Name of P01, P01", "Weeks below 500"] == 1
    assert weeks.set_index("Patient").loc["Name of P12, P12", "Weeks no count"] == 9
    assert episodes[["Day", "At risk", "Events"]].values.tolist() == [[7, 11, 1], [14, 10, 2], [49, 8, 1]]
    assert recoveries["Share not yet recovered"].tolist() == ["75 %", "0 %"]
    assert recoveries["95 % interval"].tolist()[1] == "–"
    assert grades[["Dose", "Grade 3", "Grade 4", "Courses"]].values.tolist() == [["dasatinib 100 mg", 1, 4, 11]]
    assert set(doses["Given"]) == {"100 %"}
    together = days.iloc[0]
    assert (together["Days below"], together["Patient-days"]) == (42, 616)
    assert days.set_index("Group").loc["North", "Per 100 patient-days"] == "too few to judge"


def test_closed_numbers_are_not_sent(open_page):
    assert not open_page().dataframe


def test_the_shift_table_stands_in_the_page(open_page):
    shown = html_of(open_page())
    assert "Grade before ↓, worst →" in shown
    assert "<th" in shown


def test_nothing_of_a_patient_is_in_a_table_that_is_not_shown(open_page):
    doses = open_page(opened=["doses"]).dataframe[0].value
    assert set(doses) == {"Patient", "Starting dose", "Given", "Lowest ANC, cells/µL", "Median ANC, cells/µL"}


# Filters, day, address


def test_filters_are_read_from_the_address_and_narrow_every_number(open_page):
    app = open_page(site="East", dose="dasatinib 100 mg", start="2026-01-01", end="2026-01-31")
    assert app_sentence(app).startswith("4 of 10 patients on dasatinib (40 %)")
    narrowed = "Only site East, starting dose dasatinib 100 mg, begun from 1 January 2026 to 31 January 2026"
    assert narrowed in said(app)
    figure, _ = charts(app)["trajectories"]
    assert {who[1] for who in figure["data"][0]["customdata"] if who} == {f"P{number:02d}" for number in range(1, 11)}


def test_weeks_and_which_anc_go_into_the_address_and_their_usual_ones_leave_it(open_page):
    app = open_page(weeks="13", anc="median_anc")
    assert address(app) == {"weeks": "13", "anc": "median_anc"}
    assert app.segmented_control(key="weeks").value == "13"
    assert "median ANC" in charts(app)["doses"][0]["layout"]["yaxis"]["title"]["text"]
    app.segmented_control(key="weeks").set_value("26").run()
    app.segmented_control(key="anc").set_value("lowest_anc").run()
    assert address(app) == {}


def test_fewer_weeks_cut_the_lines_and_leave_the_rest(open_page):
    app = open_page(weeks="13", as_of="2026-03-01")
    assert app_sentence(app).startswith("4 of 12")
    assert len(charts(app)["weeks"][0]["data"][0]["z"][0]) == 9, "the courses are no longer than 9 weeks"


def test_a_past_day_shows_what_was_known_then_and_stays_in_the_address(open_page):
    app = open_page(as_of="2026-01-12")
    assert app_sentence(app).startswith("1 of 12 patients on dasatinib (8 %)")
    assert "This is 12 January 2026" in said(app)
    assert address(app) == {"as_of": "2026-01-12"}
    _, alt = charts(app)["not_yet_recovered"]
    assert alt.startswith("0 of 1 first episode were over")


def test_what_the_address_asks_and_is_not_known_is_ignored_and_said(open_page):
    app = open_page(site="Nowhere", dose="dasatinib 5 mg", weeks="7", anc="mean", start="soon", as_of="yesterday")
    words = said(app)
    for part in ("Site “Nowhere”", "Starting dose “dasatinib 5 mg”", "Weeks “7”", "ANC “mean”", "From “soon”",
                 "As of “yesterday”"):  # fmt: skip
        assert part in words
    assert address(app) == {}


def test_the_sites_that_may_be_seen_bound_every_number_and_choice(open_page, monkeypatch):
    reads_as(monkeypatch, "clinician", ("North",))
    app = open_page()
    assert app_sentence(app).startswith("None of 2 patients")
    assert app.multiselect(key="site").options == ["North"]
    assert "P01" not in json.dumps([figure for figure, _ in charts(app).values()])


# Nothing to show


def test_where_nothing_fits_the_page_says_what_to_do(open_page):
    app = open_page(site="North", start="2026-02-01")
    assert app.subheader[0].value == "No course fits."
    narrowed = "No course fits: site North, begun from 1 February 2026. Take a filter away, or show all courses."
    assert narrowed in said(app)
    assert not charts(app)
    app.button[-1].click().run()
    assert address(app) == {}
    assert app_sentence(app).startswith("4 of 12")


def test_a_period_that_ends_before_it_begins_is_said(open_page):
    assert "The period ends before it begins." in said(open_page(start="2026-02-02", end="2026-02-01"))


def test_nobody_counted_at_all_still_draws_the_page(tmp_path, open_page, monkeypatch):
    made = Ward()
    made.add("alone", {})
    made.add("other", {5: 3000}, [])
    monkeypatch.setenv("LEUKO_DB", str(made.load(tmp_path)))
    app = open_page()
    words = said(app)
    assert app_sentence(app) == "None of 1 patient on dasatinib had an episode of low counts."
    assert "0 of 1 patient. Left out: 1 with no ANC in the course." in words
    assert "On no day is the ANC of 10 courses known: too few for a median." in words
    assert "No course has two days with an ANC." in words
    assert "No course has both a share of its starting dose and an ANC after its first day." in words


def test_one_patient_with_one_count_draws_the_page(tmp_path, open_page, monkeypatch):
    made = Ward()
    made.add("alone", {0: 0})
    monkeypatch.setenv("LEUKO_DB", str(made.load(tmp_path)))
    app = open_page(opened=CHARTS)
    assert app_sentence(app).startswith("1 of 1 patient on dasatinib had an episode of low counts; 0 of 1")
    figure, _ = charts(app)["trajectories"]
    assert figure["data"][0]["y"] == [0], "0 is drawn"


def test_patients_without_a_protocol_are_told(tmp_path, open_page, monkeypatch):
    made = ward()
    made.doses.append("P12,docetaxel,75,mg,2026-01-01,,")
    made.patients.append("P13,Name of P13,East,Dr Brask,CML,")
    made.doses.append("P13,docetaxel,75,mg,2026-01-01,,")
    monkeypatch.setenv("LEUKO_DB", str(made.load(tmp_path)))
    assert "1 more patient has doses to which no protocol fits" in said(open_page())


# Names


def test_names_ids_and_sites_stay_text(tmp_path, open_page, monkeypatch):
    monkeypatch.setenv("LEUKO_DB", str(hostile.database(tmp_path)))
    app = open_page(opened=CHARTS, as_of=str(last_day(tmp_path / "leuko.duckdb")), weeks="all")
    drawn = json.dumps([shown_in(figure) for figure, _ in charts(app).values()])
    for markup in ("<i>S0</i>", "<b>South</b>", "<script>", "<img"):
        assert markup not in drawn
        assert markup not in html_of(app)
    assert "&lt;b&gt;South" in drawn


def shown_in(figure):
    """All that a figure shows as text, where Plotly would read markup: labels, hovers, marks of the axes."""
    hovers = [
        point[0] if isinstance(point, list) else point
        for trace in figure["data"]
        for point in trace.get("customdata", ())
        if point
    ]
    layout = figure["layout"]
    return [hovers, layout["annotations"], layout["xaxis"].get("ticktext"), layout["yaxis"].get("ticktext")]


def last_day(path) -> date:
    store = Store(path)
    day = store.about.as_of
    store.close()
    return day


def test_a_line_answers_between_its_counts_too_and_names_no_count_there():
    lines = pd.DataFrame(
        {"course": [1, 1, 1, 2, 2], "patient_id": ["A", "A", "A", "B", "B"], "drug": "dasatinib", "comparator": ""}
        | {"day": [0, 20, 21, 0, 10], "anc": [4000.0, 2000.0, 1900.0, 1000.0, 500.0]}
    )
    trace = trajectories.between(lines, CELLS, 5)
    assert list(zip(trace["x"], trace["y"], strict=True)) == [(5, 3500), (10, 3000), (15, 2500), (5, 750)]
    assert [who[1] for who in trace["customdata"]] == ["A", "A", "A", "B"]
    assert trace["customdata"][0][2] == "between day 0 and day 20"
    assert trace["marker"]["opacity"] == 0
    assert "ANC" not in trace["hovertemplate"]
