"""The summary of a patient: what a chart must say, on one page whatever the record holds."""

import re
from datetime import date, datetime
from itertools import pairwise
from pathlib import Path

import pytest

from leuko.count_units import CELLS
from leuko.extract import NOTICE
from leuko.facts import read_rows
from leuko.figures.counts import band_words
from leuko.figures.labels import day_in_words
from leuko.figures.patient_svg import MOST_DRUGS, PatientDrawing, settled
from leuko.figures.svg import WIDTH
from leuko.publish import load_csv
from leuko.store import Filters, Store
from leuko.summary import shared_out, summary_html
from tests import charts, hostile
from tests.test_report import Page, assert_complete

PATIENTS = [*charts.NAMES]
SCALES = ("linear", "log")
TEXT = re.compile(r'<text x="([-\d.]+)" y="([-\d.]+)"([^>]*)>([^<]*)</text>')


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    opened = Store(charts.database(tmp_path_factory.mktemp("charts")))
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def written(store):
    """`written("LONG")`: the file of a patient; `as_of` and `scale` as wanted."""

    def write(patient, as_of=None, scale="linear"):
        view = store.view(as_of=as_of)
        return summary_html(view, view.patient(patient), scale)

    return write


@pytest.fixture(scope="module")
def read(written):
    return lambda *asked, **more: Page(written(*asked, **more))


def drawn(html):
    """The words of the figure, each with its place."""
    return [(words, float(x), float(y)) for x, y, _, words in TEXT.findall(html)]


def words_of(html):
    return [words for words, *_ in drawn(html)]


def circles(html):
    found = re.findall(r'<circle cx="([\d.]+)" cy="([\d.]+)" r="[\d.]+" fill="(#\w+)"( stroke)?', html)
    return [(float(x), float(y)) for x, y, _, hollow in found if not hollow]


# ---- safe and complete in itself ---------------------------------------------------------------


@pytest.mark.parametrize("patient", PATIENTS)
def test_it_is_complete_in_itself(read, written, patient):
    assert_complete(read(patient), written(patient))


def test_names_from_the_data_are_text(read, written):
    for name in (charts.NAMES["MARKUP"], "<b>East</b>"):
        assert name in read("MARKUP").text
        assert name not in written("MARKUP")


def test_a_name_from_right_to_left_stands_apart_and_turns_nothing_around(written):
    name = charts.NAMES["RIGHT"].replace("\u202e", " ")
    assert f"<h1><bdi>{name}</bdi></h1>" in written("RIGHT")
    assert "\u202e" not in written("RIGHT")


def test_a_long_name_is_cut_where_it_can_be_seen_and_the_id_is_not(read):
    said = read("WIDE").text
    assert re.search("W{40,60}…", said)
    assert "WIDE · born 9 March 1980" in said


# ---- who, and of which day ---------------------------------------------------------------------


def test_it_says_who_it_is(read):
    said = read("ONE").text
    told = "ONE · born 9 March 1980 · female · East · Dr Corvane · CML, chronic phase"
    assert "Ada Haldanito" in said and told in said


def test_a_patient_of_no_list_is_called_by_the_id(tmp_path):
    opened = Store(hostile.database(tmp_path, range(3)))
    view = opened.view()
    nameless = next(
        patient for patient in view.worklist(Filters())["patient_id"] if not view.patient(patient).about["name"]
    )
    assert f"<h1><bdi>{nameless}</bdi></h1>" in summary_html(view, view.patient(nameless))
    opened.close()


def test_it_says_which_day_which_load_and_which_protocols(read, store):
    said, about = read("ONE").text, store.about
    assert "as known on 31 March 2026" in said
    assert f"load number {about.number}, of {store.loaded_at:%Y-%m-%d %H:%M} UTC" in said
    assert f"protocols version {about.protocols_version}" in said
    assert NOTICE in said and "supports clinical judgement and never replaces it" in NOTICE
    assert "Simulated data" in said


def test_only_simulated_data_are_called_so(tmp_path):
    opened = Store(hostile.database(tmp_path, range(2), simulated=False))
    view = opened.view()
    assert "imulated" not in Page(summary_html(view, view.patient("S1-P1"))).text
    opened.close()


def test_a_past_day_shows_what_was_known_then(read):
    said = read("DRUGS", as_of=date(2026, 2, 3)).text
    assert "as known on 3 February 2026" in said
    assert "ANC <100 on 2 February 2026" in said
    assert "March 2026" not in said.split("Sources")[0]
    assert "Possible febrile neutropenia" not in said


# ---- where the patient stands ------------------------------------------------------------------


@pytest.mark.parametrize("patient", ["ONE", "LONG", "DRUGS"])
def test_the_first_sentence_is_that_of_the_most_urgent_course(read, store, patient):
    row = store.view().patient(patient).worklist.iloc[0]
    said = read(patient).text
    assert row["to_do"] in said
    assert said.index(f"{row['icon']} {row['word']}") < said.index(row["to_do"]) < said.index("ANC, cells/µL")


def test_the_certainty_is_said_in_words(read):
    assert "Firm: the gaps between the counts leave nothing open." in read("DRUGS").text


def test_an_alert_stands_above_the_course_and_nothing_of_it_is_cut(read, store):
    said = read("DRUGS").text
    alert = store.view().patient("DRUGS").alerts.iloc[0]
    assert said.index(alert["word"]) < said.index(alert["why"]) < said.index("■ Hold")


def test_every_other_course_and_alert_is_there_in_a_line(read, store):
    said, patient = read("DRUGS").text, store.view().patient("DRUGS")
    assert len(patient.worklist) == 4 and len(patient.alerts) == 3
    for row in patient.worklist.iloc[1:].itertuples():
        assert f"{row.icon} {row.word} · {row.to_do[:40]}" in said
    for row in patient.alerts.iloc[1:].itertuples():
        assert f"{row.icon} {row.word} · {row.why[:40]}" in said


@pytest.mark.parametrize(("most", "words"), [(4, None), (3, "And 1 further course: Hold.")])
def test_courses_that_do_not_fit_are_counted(read, monkeypatch, most, words):
    monkeypatch.setattr("leuko.summary.MOST_COURSES", most)
    said = re.findall(r"And \d+ further course.*?\.", read("DRUGS").text)
    assert said == ([words] if words else [])


def test_without_a_course_it_says_so(store, read):
    assert "nothing was known of this patient" in read("ONE", as_of=date(2026, 2, 1)).text


# ---- the figure --------------------------------------------------------------------------------


@pytest.mark.parametrize("scale", SCALES)
def test_bands_thresholds_today_and_doses_are_named_on_the_figure(written, scale):
    said = words_of(written("ONE", scale=scale))
    bands = [band_words(band, CELLS) for band in read_rows("bands")]
    for words in (*bands, "Hold below 500", "Resume at least 1,000", "as of 31 March 2026", "100 mg", "1,800"):
        assert words in said, words
    assert "dasatinib, mg a day" in said
    assert any("logarithmic scale: 0 is drawn on the bottom line" in words for words in said) == (scale == "log")


@pytest.mark.parametrize("scale", SCALES)
def test_a_threshold_stands_on_its_line_and_the_line_on_the_axis(written, scale):
    """Dashed lines: one at each number, level with that number on the axis where the axis has it."""
    html = written("ONE", scale=scale)
    lines = re.findall(r'stroke-dasharray="5 3" points="([\d.]+),([\d.]+) ([\d.]+),\2"', html)
    levels = sorted(float(y) for _, y, _ in lines)
    axis = {words: y - 4 for words, x, y in drawn(html) if x < 46}
    assert levels == pytest.approx([axis["1,000"], axis["500"]])


@pytest.mark.parametrize("scale", SCALES)
def test_a_count_of_0_is_drawn_on_the_line_of_0(written, scale):
    html = written("DRUGS", scale=scale)
    (zero,) = [y - 4 for words, x, y in drawn(html) if words == "0" and x < 46][:1]
    assert max(circles(html))[1] == pytest.approx(zero, abs=0.1)
    assert "0" in [words for words, x, _ in drawn(html) if x > 500]


def test_the_last_count_and_every_lowest_one_is_named(written):
    said = words_of(written("DRUGS"))
    assert {"&lt;100", "0"} <= set(said)


def test_marks_that_occur_are_explained_and_no_others(read):
    explained = ("Triangle down", "Square: derived", "Hollow: not used")
    assert all(words in read("DRUGS").text for words in explained)
    assert not any(words in read("ONE").text for words in (*explained, "Triangle up"))


def test_one_count_is_one_point(written):
    assert len(circles(written("ONE"))) == 1


def test_no_count_is_said(written):
    html = written("NO-ANC")
    assert "no ANC reported" in words_of(html) and not circles(html)


def test_ten_years_are_all_drawn_and_no_words_run_into_each_other(written):
    html = written("LONG")
    assert len(circles(html)) == 520
    rows = {}
    for words, x, y in drawn(html):
        if 40 < x < 560 and words != "as of 31 March 2026":
            rows.setdefault(y, []).append((x, words))
    for row in rows.values():
        for (x, words), (following, _) in pairwise(sorted(row)):
            assert x + 5 * len(words) <= following, (words, row)
    assert "2017" in words_of(html) and "80 mg" in words_of(html)


def test_more_drugs_than_can_be_drawn_are_named(store, written):
    patient = store.view().patient("DRUGS")
    drawing = PatientDrawing(patient, charts.AS_OF)
    assert len(drawing.drugs) == MOST_DRUGS
    assert [doses[0]["drug"] for doses in drawing.drugs] == patient.worklist["drug"].tolist()[:MOST_DRUGS]
    assert f"Not drawn, nor their thresholds: {' and '.join(drawing.undrawn)}." in Page(written("DRUGS")).text


def test_thresholds_of_several_drugs_say_whose_they_are(written):
    said = " ".join(words_of(written("DRUGS")))
    assert "Hold below 500: dasatinib" in said
    assert "Resume above 1,000: nilotinib" in said


@pytest.mark.parametrize("patient", PATIENTS)
def test_everything_drawn_is_within_the_picture(store, patient):
    drawing = PatientDrawing(store.view().patient(patient), charts.AS_OF)
    for words, x, y in drawn(drawing.svg()):
        assert 0 <= x <= WIDTH - 3 * len(words) and 0 < y <= drawing.tall, words


def test_it_says_itself_in_a_sentence(written):
    (title,) = re.findall(r"<svg[^>]*><title>(.*?)</title>", written("DRUGS"))
    assert title == (
        "5 counts of ANC in cells/µL, the lowest 0 on 30 March 2026, the last 0 on 30 March 2026; 6 episodes shaded; "
        "doses as steps below."
    )


@pytest.mark.parametrize(
    ("places", "lines", "expected"),
    [
        ([50], [1], [50]),
        ([50, 52], [1, 1], [50, 65]),
        ([200], [1], [200]),
        ([200, 205], [1, 1], [192.5, 207.5]),  # the top is a line above 200, not more
    ],
)
def test_labels_move_apart_and_never_above_the_picture(places, lines, expected):
    assert settled(places, lines, 200) == expected


# ---- episodes, decisions, sources --------------------------------------------------------------


def test_the_latest_episodes_come_first_and_the_rest_is_counted(read, store):
    known = store.view().patient("LONG").episodes.sort_values("onset_on", ascending=False)
    page = read("LONG")
    rows = page.table("Episodes")
    assert [row["Onset"] for row in rows] == [day_in_words(day) for day in known["onset_on"].head(len(rows))]
    assert 0 < len(rows) < len(known) == 64
    assert f"({len(known) - len(rows)} earlier ones not shown)" in page.text
    first = rows[0]
    assert (first["Episode"], first["Lowest ANC"], first["Days to recovery"]) == ("64, dasatinib", "300", "1 to 7")


def test_an_open_episode_is_called_open(read):
    assert read("DRUGS").table("Episodes")[0]["Recovered"] == "open"


def test_the_latest_decisions_come_first_and_the_rest_is_counted(read, store):
    known = store.view().patient("LONG").recommendations.sort_values("decided_on", ascending=False, kind="stable")
    page = read("LONG")
    rows = page.table("Decisions")
    days = [day_in_words(day) for day in known["decided_on"].head(len(rows))]
    assert [row["Day, drug"] for row in rows] == [f"{day}dasatinib" for day in days]
    assert f"({len(known) - len(rows)} earlier ones not shown)" in page.text
    assert rows[1]["Decision, by, certainty"] == "Holdfirm"
    assert rows[1]["Why"] == "ANC 300 on 22 January 2026 is below 500."


def test_of_several_drugs_too_the_latest_come_first(store, monkeypatch):
    monkeypatch.setattr("leuko.summary.PAGE", 200)
    view = store.view()
    patient = view.patient("DRUGS")
    page = Page(summary_html(view, patient))
    decided = [datetime.strptime(row["Day, drug"].split("2026")[0], "%d %B ") for row in page.table("Decisions")]
    begun = [datetime.strptime(row["Onset"], "%d %B 2026") for row in page.table("Episodes")]
    assert len(decided) == len(patient.recommendations) and len(begun) == len(patient.episodes)
    assert decided == sorted(decided, reverse=True) and begun == sorted(begun, reverse=True)


def test_where_there_is_no_episode_it_says_so(read):
    said = read("ONE").text
    assert "No episode of low counts is known." in said and "The protocol has decided nothing yet." in said


def test_texts_of_unseen_wording_come_first_and_are_called_so(read, store):
    said = read("ONE").text.split("Sources of dasatinib-guideline")[1]
    known = store.view().patient("ONE").sources
    unseen = known[~known["verified"]]["title"].tolist()
    assert unseen and said.strip().startswith(f"Wording not seen: {unseen[0]}")
    for title in known["title"]:
        assert title in said


def test_what_is_not_verified_is_named(tmp_path):
    (tmp_path / "labs.csv").write_text("patient_id,analyte,value,unit,collected_at\nA,anc,300,cells/uL,2026-03-02\n")
    (tmp_path / "exposures.csv").write_text(
        "patient_id,drug,setting,dose_mg,start_on\nA,dasatinib,dasatinib-advanced-us,140,2026-01-02\n"
    )
    load_csv(tmp_path / "one.duckdb", labs=tmp_path / "labs.csv", exposures=tmp_path / "exposures.csv")
    opened = Store(tmp_path / "one.duckdb")
    view = opened.view()
    patient = view.patient("A")
    said = Page(summary_html(view, patient)).text
    unverified = patient.thresholds[~patient.thresholds["verified"]]
    opened.close()
    assert len(unverified) and "Not verified in its text: thresholds of ANC (dasatinib-advanced-us)" in said
    assert "(not verified)" in said
    assert "All thresholds and clauses" not in said


def test_what_is_verified_is_said(read):
    assert "All thresholds and clauses that decided here are verified in their texts." in read("ONE").text


@pytest.mark.parametrize(
    ("room", "wanted", "given"),
    [
        (0, [[1], [1]], [0, 0]),
        (6, [[2, 2], [2]], [2, 1]),  # all fit exactly
        (5, [[2, 2], [2]], [1, 1]),  # a line less: the last does not
        (9, [[5, 1, 1], [4, 2]], [1, 1]),
        (10, [[5, 1, 1], [4, 2]], [2, 1]),
        (3, [[], [1, 1, 1, 1]], [0, 3]),
        (-2, [[1], []], [0, 0]),
    ],
)
def test_lists_take_turns_for_the_room_that_is_left(room, wanted, given):
    assert shared_out(room, wanted) == given


def test_a_list_without_room_is_counted(store, monkeypatch):
    monkeypatch.setattr("leuko.summary.PAGE", 30)
    view = store.view()
    said = Page(summary_html(view, view.patient("LONG"))).text
    assert "Episodes, counts in cells/µL : 64, not shown for want of room." in said
    assert "Decisions of the protocol : " in said and "not shown for want of room" in said


# ---- in a browser ------------------------------------------------------------------------------

A4 = {"width": 703, "height": 1039}  # CSS pixels within the margins
CUT_OFF = """() => [...document.querySelectorAll('.cut, td, td > span')].filter(each =>
    each.scrollHeight > each.clientHeight + 1 || each.scrollWidth > each.clientWidth + 1).map(each => each.innerText)"""


@pytest.mark.browser
@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("patient", PATIENTS)
def test_it_prints_on_one_page_and_nothing_is_cut_off(written, browser_page, tmp_path, patient, scale):
    (tmp_path / "summary.html").write_text(written(patient, scale=scale), encoding="utf-8")
    page = browser_page(**A4)
    page.context.set_offline(True)
    said = []
    page.on("console", lambda message: said.append(message.text))
    page.goto((tmp_path / "summary.html").as_uri())
    pdf = page.pdf(prefer_css_page_size=True)
    assert len(re.findall(rb"/Type\s*/Page\b", pdf)) == 1
    sizes = set(re.findall(rb"/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", pdf))
    assert {(round(float(wide)), round(float(high))) for wide, high in sizes} == {(595, 842)}
    page.emulate_media(media="print")
    assert page.evaluate("document.documentElement.scrollWidth") <= A4["width"]
    assert page.evaluate("document.body.getBoundingClientRect().height") < A4["height"]
    assert page.evaluate(CUT_OFF) == []
    assert said == []


@pytest.mark.browser
def test_it_can_be_read_on_a_narrow_screen(written, browser_page, tmp_path):
    (tmp_path / "summary.html").write_text(written("LONG"), encoding="utf-8")
    page = browser_page(width=390, height=844)
    page.goto((tmp_path / "summary.html").as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


@pytest.mark.browser
def test_the_page_of_the_patient_hands_it_out_with_its_axis_and_day(server, store, written, browser_page):
    page = browser_page()
    page.goto(f"{server(store.path).url}/patient?patient=DRUGS&scale=log&as_of=2026-03-30")
    with page.expect_download(timeout=60_000) as download:
        page.get_by_role("button", name=re.compile("Summary")).click(timeout=60_000)
    assert download.value.suggested_filename == "2026-03-30-simulated-summary-DRUGS.html"
    handed_out = Path(download.value.path()).read_text(encoding="utf-8")
    assert handed_out == written("DRUGS", as_of=date(2026, 3, 30), scale="log")
