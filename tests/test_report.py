"""The report: complete in itself, safe whatever the data hold, and with the numbers of the audit."""

import csv
import io
import re
import sys
import types
from datetime import date
from html.parser import HTMLParser
from itertools import pairwise

import pandas
import pytest

from leuko import audit
from leuko.access import Sight
from leuko.audit import Scope
from leuko.extract import ENDINGS, extract, software_version
from leuko.figures import findings
from leuko.measures import MEASURES
from leuko.publish import load_csv
from leuko.report import PdfError, report_html, report_pdf
from leuko.settings import with_values
from leuko.store import Store
from leuko.workbook import write_csv
from tests import hostile
from tests.serving import ROOT

WORDS = {word: ending for ending, (word, _) in ENDINGS.items()}
VOID = {"meta", "br", "col"}


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    opened = Store(hostile.database(tmp_path_factory.mktemp("hostile"), note="Made <up> & more."))
    yield opened
    opened.close()


def written(store, scope=audit.EVERYTHING, sites=None, as_of=None, **changed):
    settings = with_values(store.settings, changed, "a test")
    with extract(store.view(Sight(sites), as_of), settings, scope) as found:
        return report_html(found)


@pytest.fixture(scope="module")
def html(store):
    return written(store)


class Page(HTMLParser):
    """What a browser would make of a file: elements with their attributes, text, and tables by their name."""

    def __init__(self, html):
        super().__init__(convert_charrefs=True)
        self.elements, self.open, self.words, self.tables = [], [], [], {}
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag == "table":
            self.rows = self.tables.setdefault(dict(attributes)["aria-label"], [])
        elif tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, f"{tag} is closed where another is open"

    def handle_data(self, data):
        if "style" not in self.open:
            self.words.append(data)
        if {"td", "th"} & set(self.open):
            self.rows[-1][-1] += data

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())

    def table(self, name):
        heads, *rows = self.tables[name]
        return [dict(zip(heads, row, strict=True)) for row in rows]


@pytest.fixture(scope="module")
def page(html):
    return Page(html)


def whole(text):
    return int(text.replace(",", ""))


def numbers(row):
    """The counts of a row of the report, as the audit names them."""
    return {ending: whole(row[word]) for word, ending in WORDS.items()} | {"population": whole(row["events"])}


# ---- safe and complete in itself ---------------------------------------------------------------


def assert_complete(page, html):
    """Every element is closed, there is no script, and nothing is loaded from anywhere."""
    assert page.open == []
    tags = {tag for tag, _ in page.elements}
    assert not tags & {"script", "iframe", "object", "embed", "link", "img", "image", "use", "form", "base", "audio"}
    for tag, attributes in page.elements:
        assert not [name for name in attributes if name.startswith("on") or name in ("src", "srcset", "xlink:href")]
        if tag == "a":
            assert attributes["href"].startswith(("#", "https://", "http://"))
        if tag == "meta" and "http-equiv" in attributes:
            assert attributes["http-equiv"] == "Content-Security-Policy"
    (style,) = re.findall(r"<style>(.*?)</style>", html, re.DOTALL)
    assert not re.search(r"url\(|@import|expression|javascript:", style)
    assert "default-src 'none'" in html


def test_there_is_no_script_and_nothing_that_loads(page, html):
    assert_complete(page, html)


def test_names_from_the_data_are_text(page, html):
    for name in (hostile.SCRIPT, "<b>South</b>", "<img src=x onerror=alert(1)>", "<i>S0</i>", "Made <up> & more."):
        assert name in page.text, name
        assert name not in html
    assert "A <b>trial</b>" in page.text
    assert not re.search(r"[\x00-\x08\x0b-\x1f]", html.replace("\n", ""))


def test_links_within_the_report_lead_somewhere(page):
    ids = {attributes["id"] for _, attributes in page.elements if "id" in attributes}
    links = {attributes["href"][1:] for tag, attributes in page.elements if tag == "a" and attributes["href"][0] == "#"}
    assert links == ids == set(MEASURES)


# ---- what it says ------------------------------------------------------------------------------


def test_it_says_what_was_read_and_by_what(page, store):
    about = store.about
    assert "It supports clinical judgement and never replaces it." in page.text
    assert "Simulated data." in page.text
    assert f"As known on {about.as_of.day} {about.as_of:%B %Y}" in page.text
    assert f"number {about.number}, of {store.loaded_at:%Y-%m-%d %H:%M} UTC, evaluated for" in page.text
    assert f"version {about.protocols_version}" in page.text
    assert f"leuko {software_version()}" in page.text


def test_the_software_version_is_that_of_the_project():
    (version,) = re.findall(r'^version = "(.*)"$', (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE)
    assert software_version() == version


def test_only_simulated_data_are_called_so(tmp_path):
    opened = Store(hostile.database(tmp_path, range(2), simulated=False))
    text = Page(written(opened)).text
    opened.close()
    assert "imulated" not in text


@pytest.mark.parametrize("measure", MEASURES.values(), ids=MEASURES)
def test_every_definition_is_there(page, measure):
    for words in (measure.title, measure.population, measure.exclusions, measure.numerator, measure.grain):
        assert words in page.text
    assert measure.standard in page.text


def test_the_four_endings_are_explained_and_add_up(page, store):
    for word, meaning in ENDINGS.values():
        assert f"{word} {meaning}" in page.text
    for row in page.table("All measures"):
        found = numbers(row)
        assert found["population"] == sum(found[ending] for ending in ENDINGS)
        population = "1 event" if found["population"] == 1 else f"{found['population']:,} events"
        added = " + ".join(f"{found[ending]:,} {word}" for word, ending in WORDS.items())
        assert not found["population"] or f"{population}: {added}." in page.text


@pytest.mark.parametrize("by", ["all", "site", "clinician", "drug"])
def test_the_numbers_are_those_of_the_view(page, store, by):
    counted = store.view().measures(store.settings, by=by)
    assert len(counted)
    for measure, rows in counted.groupby("measure"):
        title = MEASURES[measure].title
        if by == "all":
            shown = {row["measure"]: row for row in page.table("All measures")}
            shown = {"all": shown[title]}
        else:
            shown = {row[by]: row for row in page.table(f"{title} by {by}")}
        assert set(shown) == set(rows["group"])
        for expected in rows.to_dict("records"):
            row = shown[expected["group"]]
            assert numbers(row) == {name: expected[name] for name in ("population", *ENDINGS)}
            days = (expected["median_days"], expected["p90_days"])
            unit = MEASURES[measure].unit.removesuffix("s")
            said = ["–" if pandas.isna(number) else findings.counted(int(number), unit) for number in days]
            assert [row["median"], row["90th percentile"]] == said
            of = expected["met"] + expected["not_met"]
            assert row["rate"].startswith(f"{expected['met']:,} of {of:,}")
            if of >= 10:
                assert f"({100 * expected['rate']:.0f} %)" in row["rate"] or "above 99" in row["rate"]
                low, high = (f"{100 * expected[name]:.0f}" for name in ("lower", "upper"))
                assert row["95 % interval"] == f"{low} to {high} %" or "below" in row["95 % interval"]
            else:
                assert row["rate"].endswith("too few to judge")
                assert row["95 % interval"] == "–"


def test_the_csv_file_has_the_same_numbers(page, store):
    with extract(store.view()) as found:
        file = io.StringIO()
        write_csv(file, found.measures)
    rows = list(csv.DictReader(io.StringIO(file.getvalue())))
    whole_of = {MEASURES[row["measure"]].title: row for row in rows if row["by"] == "all"}
    for row in page.table("All measures"):
        assert numbers(row) == {name: int(whole_of[row["measure"]][name]) for name in ("population", *ENDINGS)}


def test_too_few_to_judge_have_no_per_cent_and_are_grey(store):
    html = written(store, minimum_denominator=1_000_000)
    rows = Page(html).table("All measures")
    assert all(row["rate"].endswith("too few to judge") and "%" not in row["rate"] for row in rows)
    assert html.count('<span class="few">') >= len(MEASURES)


def test_charts_are_drawn_for_each_measure_that_has_events(html, store):
    counted = store.view().measures(store.settings).set_index("measure")["population"]
    sections = dict(re.findall(r'<section class="page" id="(\w+)">(.*?)</section>', html, re.DOTALL))
    assert set(sections) == set(MEASURES)
    for name, section in sections.items():
        assert section.count("<svg") == (3 if counted[name] else 0)
        assert ("There was no such event." in section) == (not counted[name])


def test_reasons_add_up_to_what_ended_so(page, store):
    for name, measure in MEASURES.items():
        rows = page.tables.get(f"{measure.title}: reasons")
        known = store.view().audit_events(store.settings, audit.EVERYTHING, name)
        if rows is None or len(rows) > 12:
            continue
        for ending in ("not_met", "excluded", "cannot_tell"):
            said = sum(whole(row[2]) for row in rows[1:] if row[0] == ENDINGS[ending][0])
            assert said == known["ending"].eq(ending).sum(), (name, ending)


def test_settings_are_listed_with_default_and_source_and_the_changed_ones_marked(store):
    page = Page(written(store, hold_grace_days=4, minimum_denominator=3))
    rows = {row["setting"]: row for row in page.table("Settings")}
    assert set(rows) == set(store.settings)
    for name, setting in store.settings.items():
        assert (rows[name]["default"], rows[name]["source"]) == (str(setting.default), setting.source)
        assert rows[name]["what it means"] == setting.what
        assert rows[name]["in force"].endswith(", changed") == (name in ("hold_grace_days", "minimum_denominator"))
    assert rows["hold_grace_days"]["in force"] == "4 days, changed"
    assert "2 of 14 settings changed from the default." in page.text
    assert "4 days (hold_grace_days, changed from 1)" in page.text


def test_protocols_are_listed_with_the_texts_they_rest_on(page, store):
    with store.cursor() as cursor:
        used = cursor.execute(
            "SELECT protocol, count(*) FROM audit_events WHERE protocol IS NOT NULL GROUP BY 1 ORDER BY 1"
        ).fetchall()
        texts = cursor.execute("SELECT protocol, title FROM protocol_sources").fetchall()
    rows = page.table("Protocols")
    assert [(row["protocol"], whole(row["events"])) for row in rows] == used
    for row in rows:
        for title in (title for protocol, title in texts if protocol == row["protocol"]):
            assert title in row["texts it rests on"]


# ---- the deviations ----------------------------------------------------------------------------


def test_every_deviation_is_listed_once(page, store):
    known = store.view().deviations(store.settings)
    assert 0 < len(known) < 2000
    names = {MEASURES[name].title: name for name in MEASURES}
    for ending in ("not_met", "cannot_tell", "excluded"):
        word = ENDINGS[ending][0]
        rows = page.table(f"Deviations: {word.capitalize()}")
        expected = known[known["ending"].eq(ending)]
        assert f"{word.capitalize()}: {len(expected):,}" in page.text
        found = sorted(
            (names[row["measure"]], row["patient"].partition(", ")[0], row["reason"], row["due"], row["done"])
            for row in rows
        )
        days = expected[["due_on", "happened_on"]].apply(lambda column: column.dt.strftime("%Y-%m-%d")).fillna("–")
        assert found == sorted(
            zip(expected["measure"], expected["patient_id"], expected["reason"], days["due_on"], days["happened_on"],
                strict=True)
        )  # fmt: skip


def test_what_was_not_met_comes_first_and_the_rest_is_said(store, monkeypatch):
    monkeypatch.setattr("leuko.report.MOST_LISTED", 5)
    page = Page(written(store))
    every = len(store.view().deviations(store.settings))
    assert f"The first 5 of {every:,}; deviations.csv has all of them." in page.text
    assert len(page.table("Deviations: Not met")) == 5
    assert "Deviations: Excluded" not in page.tables


def test_many_groups_are_cut_and_said(store, monkeypatch):
    monkeypatch.setattr("leuko.report.MOST_GROUPS", 2)
    page = Page(written(store))
    rows = page.table("Follow-up count in an episode by site")
    counted = store.view().measures(store.settings, by="site")
    groups = counted[counted["measure"].eq("follow_up_count")].sort_values("population")
    assert {whole(row["events"]) for row in rows} == set(groups["population"].iloc[-2:])
    assert f"The 2 with the most events; measures.csv has all {len(groups)}." in page.text


# ---- whose, and of which day -------------------------------------------------------------------


def test_it_is_narrowed_as_asked(store):
    page = Page(written(store, Scope(site=("East",), drug=("dasatinib",), start=date(2024, 1, 1))))
    assert "events only site East, only drug dasatinib, from 1 January 2024" in page.text
    assert {row["site"] for row in page.table("Follow-up count in an episode by site")} == {"East"}
    shown = {row["measure"]: numbers(row) for row in page.table("All measures")}
    narrowed = Scope(site=("East",), drug=("dasatinib",), start=date(2024, 1, 1))
    counted = store.view().measures(store.settings, narrowed)
    assert [row["population"] for row in shown.values()] == counted["population"].tolist()


def test_other_sites_than_may_be_seen_are_not_in_it(store):
    page = Page(written(store, sites=("East",)))
    assert "of the sites that may be seen: East" in page.text
    assert not any(name in page.text for name in ("<b>South</b>", "@West", "=1+1"))
    assert len(page.table("Deviations: Not met")) > 0


def test_a_past_day_shows_what_was_known_then(store):
    day = date(2024, 1, 20)
    page = Page(written(store, as_of=day))
    assert "As known on 20 January 2024" in page.text
    counted = store.view(as_of=day).measures(store.settings).set_index("measure")
    for row in page.table("All measures"):
        measure = next(name for name in MEASURES if MEASURES[name].title == row["measure"])
        assert numbers(row) == {name: counted.at[measure, name] for name in ("population", *ENDINGS)}
    assert counted["population"].sum() < store.view().measures(store.settings)["population"].sum()


def test_the_same_audit_gives_the_same_report(html, store):
    assert written(store) == html


def test_a_database_without_any_event_has_a_report_too(tmp_path):
    (tmp_path / "labs.csv").write_text("patient_id,analyte,value,unit,collected_at\nA,wbc,2,K/uL,2024-01-02\n")
    (tmp_path / "exposures.csv").write_text("patient_id,drug,dose_mg,start_on\nA,mercaptopurine,50,2024-01-01\n")
    load_csv(tmp_path / "one.duckdb", labs=tmp_path / "labs.csv", exposures=tmp_path / "exposures.csv")
    opened = Store(tmp_path / "one.duckdb")
    page = Page(written(opened))
    opened.close()
    assert page.text.count("There was no such event.") == len(MEASURES)
    assert page.text.endswith("Deviations There is none.")


# ---- as PDF ------------------------------------------------------------------------------------


def test_a_pdf_is_drawn_from_the_report_and_loads_nothing(monkeypatch):
    asked = {}

    class Drawn:
        def __init__(self, **given):
            asked.update(given)

        def write_pdf(self):
            return b"%PDF"

    urls = types.SimpleNamespace(URLFetcher=lambda **given: given)
    monkeypatch.setitem(sys.modules, "weasyprint", types.SimpleNamespace(HTML=Drawn))
    monkeypatch.setitem(sys.modules, "weasyprint.urls", urls)
    assert report_pdf("<p>") == b"%PDF"
    assert asked == {"string": "<p>", "url_fetcher": {"allowed_protocols": ()}}


def test_without_weasyprint_the_way_to_it_is_said_in_one_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "weasyprint", None)
    with pytest.raises(PdfError, match=r"^report\.pdf: .*pip install [^\n]*$"):
        report_pdf("<p>")


def test_an_older_weasyprint_is_refused_the_same_way(monkeypatch):
    monkeypatch.setitem(sys.modules, "weasyprint", types.SimpleNamespace())
    monkeypatch.setitem(sys.modules, "weasyprint.urls", types.SimpleNamespace())
    with pytest.raises(PdfError, match="weasyprint>=70"):
        report_pdf("<p>")


# ---- in a browser ------------------------------------------------------------------------------


@pytest.fixture
def opened(html, browser_page, tmp_path):
    """The report in Chromium without a network, with what it asked for and what it complained of."""
    (tmp_path / "report.html").write_text(html, encoding="utf-8")

    def open_report(**looks):
        page = browser_page(**looks)
        page.context.set_offline(True)
        asked, said = [], []
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("dialog", lambda dialog: (said.append(dialog.message), dialog.dismiss()))
        page.goto((tmp_path / "report.html").as_uri())
        return page, asked, said

    return open_report


@pytest.mark.browser
@pytest.mark.parametrize("width", [1200, 390])
def test_it_opens_without_a_network_and_shows_its_charts(opened, html, width):
    page, asked, said = opened(width=width)
    assert [url for url in asked if not url.startswith("file:")] == []
    assert len(asked) == 1
    assert said == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    charts = page.locator("figure")
    assert charts.count() == html.count("<svg") > len(MEASURES)
    for chart in charts.all():
        frame, drawn = chart.bounding_box(), chart.locator("svg").bounding_box()
        assert 0 <= frame["x"] < frame["x"] + frame["width"] <= width
        assert drawn["width"] >= 600  # so that its words can be read; moved sideways on a narrow screen
        assert drawn["height"] > 10
    assert page.get_by_text(hostile.SCRIPT).first.is_visible()


@pytest.mark.browser
def test_it_prints_on_a4_with_heads_on_every_page_and_nothing_cut_off(opened):
    page, *_ = opened(width=688, height=980)  # what an A4 page leaves within its margins, in CSS pixels
    page.emulate_media(media="print")
    assert page.evaluate("document.documentElement.scrollWidth") <= 688
    assert page.evaluate("getComputedStyle(document.querySelector('thead')).display") == "table-header-group"
    breaks = "sections => sections.map(each => getComputedStyle(each).breakBefore)"
    assert set(page.locator("section.page").evaluate_all(breaks)) == {"page"}
    tall = page.locator("figure").evaluate_all("figures => figures.map(each => each.getBoundingClientRect().height)")
    assert max(tall) < 980
    pdf = page.pdf(prefer_css_page_size=True)
    sizes = set(re.findall(rb"/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", pdf))
    assert {(round(float(wide)), round(float(high))) for wide, high in sizes} == {(595, 842)}


def test_a_heading_is_never_more_than_one_level_below_the_one_before(html):
    levels = [int(level) for level in re.findall(r"<h([1-6])", html)]
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


def test_a_window_changed_since_the_load_waits_for_the_next_one_and_the_report_says_so(tmp_path):
    file = hostile.database(tmp_path)
    (tmp_path / "settings.toml").write_text("follow_up_every_days = 21\nhold_grace_days = 2\n", encoding="utf-8")
    store = Store(file)
    assert store.settings["follow_up_every_days"].value == 7  # the events were made with it
    assert store.settings["hold_grace_days"].value == 2  # judged at once
    assert store.settings_waiting == ("follow_up_every_days",)
    said = Page(written(store)).text
    assert "Changed in settings.toml since the load, and in force from the next one: follow_up_every_days." in said
    store.close()
