"""Figures on the pages: their picture can be taken along as PNG and SVG, and what is seen closer stays so."""

import json
import re
from datetime import date
from urllib.parse import parse_qs, urlsplit

import pytest

from leuko.figures import patient_figure
from leuko.store import Store
from pages.common.trajectory import days_of
from tests import charts
from tests.serving import app_at

FIRST, LAST = date(2025, 3, 6), date(2025, 8, 22)


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    return charts.database(tmp_path_factory.mktemp("charts"))


@pytest.fixture(scope="module")
def patient(database):
    store = Store(database)
    yield store.view().patient("LONG")
    store.close()


@pytest.fixture
def draw(database, monkeypatch):
    """`draw(page, **address)` draws a page; no exception may be shown."""
    monkeypatch.setenv("LEUKO_DB", str(database))

    def run(page, **address):
        app = app_at(page, address)
        app.run()
        assert not app.exception
        return app

    return run


def configs(app):
    """What the tools above each figure are asked, of those that have tools."""
    found = [json.loads(chart.proto.config) for chart in app.get("plotly_chart")]
    return [config for config in found if not config.get("staticPlot")]


PAGES = {
    "patient": ("pages/patient.py", {"patient": "DRUGS"}, "ANC-DRUGS"),
    "imagined": ("pages/protocols.py", {"part": "try"}, "ANC-imagined"),
    "months": ("pages/adherence.py", {"measure": "follow_up_count", "show": "month"}, "months"),
    "sites": ("pages/adherence.py", {"measure": "follow_up_count", "show": "site"}, "site"),
    "cohort": ("pages/cohort.py", {}, "(trajectories|weeks|without_an_episode|not_yet_recovered|grades|doses|days)"),
}


@pytest.mark.parametrize("form", ["png", "svg"])
@pytest.mark.parametrize("page", PAGES)
def test_every_figure_can_be_taken_along_as_png_or_svg(draw, page, form):
    path, address, name = PAGES[page]
    found = configs(draw(path, **address, **({} if form == "png" else {"picture": form})))
    assert found
    for config in found:
        saved = config["toImageButtonOptions"]
        assert saved["format"] == form
        assert re.fullmatch(rf"2026-03-31-simulated-{name}.*", saved["filename"]), saved["filename"]
        assert config.get("displayModeBar") is not False
        assert "toImage" not in config["modeBarButtonsToRemove"]


@pytest.mark.parametrize(("said", "form"), [("svg", "svg"), ("png", "png"), ("gif", "png")])
def test_the_address_says_which_and_nothing_else_is_taken(draw, said, form):
    (config,) = configs(draw("pages/patient.py", patient="ONE", picture=said))
    assert config["toImageButtonOptions"]["format"] == form


def test_a_picture_has_a_ground_so_that_its_words_can_be_read_anywhere(draw):
    (chart,) = draw("pages/patient.py", patient="ONE").get("plotly_chart")
    assert json.loads(chart.proto.spec)["layout"]["paper_bgcolor"] == "#ffffff"


# ---- seen closer -------------------------------------------------------------------------------


def test_only_the_chosen_days_are_shown_and_words_fit_them(patient):
    whole, near = (patient_figure(patient, charts.AS_OF, shown=shown) for shown in (None, (FIRST, LAST)))
    assert near["layout"]["xaxis"]["range"] == ["2025-03-06T00:00:00", "2025-08-23T00:00:00"]
    long_names = [
        {note["text"] for note in figure["layout"]["annotations"] if note["text"].startswith("episode")}
        for figure in (whole, near)
    ]
    assert "episode 60" in long_names[1] - long_names[0]


def test_the_dose_that_went_on_is_named_at_the_left_of_the_days_shown(patient):
    near = patient_figure(patient, charts.AS_OF, shown=(FIRST, LAST))
    (names,) = [trace for trace in near["data"] if trace["name"] == "dasatinib, labels"]
    named = [(day, text) for day, text in zip(names["x"], names["text"], strict=True) if text and day >= "2025-03-06"]
    before = patient.doses[patient.doses["start_on"] < "2025-03-06"].iloc[-1]
    assert named[0] == ("2025-03-06T00:00:00", f"{before['dose_mg']:.0f} mg")


def test_rows_whose_marks_lie_outside_the_days_shown_say_on_which_side(database):
    store = Store(database)
    patient = store.view().patient("DRUGS")
    store.close()
    axes = {}
    for shown in ((date(2026, 2, 1), date(2026, 2, 20)), (date(2026, 3, 25), date(2026, 3, 31))):
        layout = patient_figure(patient, charts.AS_OF, shown=shown)["layout"]
        strips = [axis for axis in layout.values() if isinstance(axis, dict)]
        axes[shown[0]] = [name for strip in strips for name in strip.get("ticktext", ())]
    assert "▸ fever" in axes[date(2026, 2, 1)]
    assert "fever" in axes[date(2026, 3, 25)]
    assert "◂ nilotinib" in axes[date(2026, 3, 25)]


@pytest.mark.parametrize(
    ("said", "days"),
    [
        (["2025-03-06", "2025-08-22"], (FIRST, LAST)),
        (["2025-03-06", "2025-03-07"], (FIRST, date(2025, 3, 7))),
        (["2025-03-06", "2025-03-06"], None),
        (["2025-08-22", "2025-03-06"], None),
        (["2025-03-06"], None),
        (["2025-03-06", "soon"], None),
        ([], None),
    ],
)
def test_two_days_in_order_or_all_of_them(said, days):
    assert days_of(said) == days


def test_all_days_can_be_shown_again(draw):
    app = draw("pages/patient.py", patient="LONG", shown=["2025-03-06", "2025-08-22"])
    assert "Show all days, not only 6 March 2025 to 22 August 2025" in [button.label for button in app.button]
    app.button(key="all_days").click().run()
    assert "shown" not in app.query_params
    start, _ = json.loads(app.get("plotly_chart")[0].proto.spec)["layout"]["xaxis"]["range"]
    assert start < "2017"


@pytest.mark.browser
def test_what_is_seen_closer_stays_when_the_axis_changes_and_is_saved_as_it_is(server, database, browser_page):
    page = browser_page(height=1300)
    page.goto(f"{server(database).url}/patient?patient=LONG")
    plot = page.locator(".js-plotly-plot .nsewdrag").first
    plot.wait_for(timeout=60_000)
    page.wait_for_timeout(2000)  # until it stands still
    box = plot.bounding_box()
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + 0.3 * box["width"], middle)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.6 * box["width"], middle, steps=8)
    page.mouse.up()
    again = page.get_by_role("button", name=re.compile("Show all days"))
    again.wait_for(timeout=30_000)
    first, last = parse_qs(urlsplit(page.url).query)["shown"]
    assert "2018" < first < last < "2023"
    page.get_by_text("log", exact=True).first.click()
    page.wait_for_url(re.compile("scale=log"))
    for form in ("PNG", "SVG"):
        page.get_by_text(form, exact=True).first.click()
        page.wait_for_timeout(2000)
        shown = page.evaluate("document.querySelector('.js-plotly-plot')._fullLayout.xaxis.range.map(String)")
        assert shown[0].startswith(first)
        page.locator(".js-plotly-plot").first.hover()
        with page.expect_download(timeout=30_000) as download:
            page.locator(".modebar-btn[data-title^=Download]").first.click()
        assert download.value.suggested_filename == f"2026-03-31-simulated-ANC-LONG.{form.lower()}"
