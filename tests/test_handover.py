"""The handover list: who is on it, in which order, what each line says, and that nobody is left out unsaid."""

import re
from datetime import date
from pathlib import Path

import pytest

from leuko.access import Sight
from leuko.extract import NOTICE
from leuko.facts import read_rows
from leuko.handover import NOW, SETS, handover_html, to_do
from leuko.publish import load_csv
from leuko.store import Filters, Store
from tests import charts, hostile
from tests.test_report import Page, assert_complete

AS_OF = date(2026, 3, 31)
LABS = "patient_id,analyte,value,unit,collected_at"
EXPOSURES = "patient_id,drug,dose_mg,start_on,end_on"
PATIENTS = "patient_id,name,birth_date,sex,site,clinician,diagnosis"
EVENTS = "patient_id,kind,value,occurred_at"
KINDS = {  # what stands in the record of each kind of patient: last ANC, its day, fever
    "H": (300, "2026-03-29", ""),  # hold
    "F": (300, "2026-03-30", "39.1"),  # hold and possible febrile neutropenia
    "O": (2500, "2026-01-05", ""),  # count overdue
    "C": (2500, "2026-03-30", ""),  # continue
}


def ward(folder, sites=("East", "West"), **how_many):
    """Publish so many patients of each kind, H1, H2 …, at each site in turn: of two, even numbers at the first."""
    patients = [f"{kind}{number}" for kind, many in how_many.items() for number in range(1, many + 1)]
    labs = [f"{each},anc,{KINDS[each[0]][0]},cells/uL,{KINDS[each[0]][1]}T08:00" for each in patients]
    doses = [f"{each},dasatinib,100,2026-01-02," for each in patients]
    site = {each: sites[int(each[1:]) % len(sites)] for each in patients}
    rows = [f"{each},Name of {each},1980-01-01,,{site[each]},Dr Corvane,CML" for each in patients]
    fevers = [f"{each},fever,{KINDS[each[0]][2]},2026-03-30T09:00" for each in patients if KINDS[each[0]][2]]
    files = {"labs": [LABS, *labs], "exposures": [EXPOSURES, *doses], "patients": [PATIENTS, *rows]}
    files["events"] = [EVENTS, *fevers]
    for name, lines in files.items():
        (folder / f"{name}.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    path = folder / "ward.duckdb"
    paths = {name: folder / f"{name}.csv" for name in files}
    load_csv(path, **paths, as_of=AS_OF, origin={"title": "A small ward", "simulated": True})
    return path


@pytest.fixture
def stores():
    """`stores(path)` opens a database until the end of the test."""
    opened = []

    def open_store(path):
        opened.append(Store(path))
        return opened[-1]

    yield open_store
    for store in opened:
        store.close()


@pytest.fixture(scope="module")
def mixed(tmp_path_factory):
    """Two of each kind; those of number 1 at West, of number 2 at East."""
    opened = Store(ward(tmp_path_factory.mktemp("mixed"), H=2, F=2, O=2, C=2))
    yield opened
    opened.close()


SIZES = (1, 19, 20, 21, 24, 25, 36, 37, 38, 40, 500)


@pytest.fixture(scope="module")
def of_sizes(tmp_path_factory):
    """A site of each size, called by it, where everybody is on hold."""
    sites = [f"of {size}" for size in SIZES for _ in range(size)]
    opened = Store(ward(tmp_path_factory.mktemp("sizes"), sites, H=len(sites)))
    yield opened
    opened.close()


def of_size(size):
    return Filters(site=(f"of {size}",)) if size else Filters(search="nobody")


def read(store, filters=None, sites=None, as_of=None):
    return Page(handover_html(store.view(Sight(sites), as_of), filters or Filters()))


def lines(page):
    return page.table("Handover") if "Handover" in page.tables else []


def ids(page):
    return [re.search(r"[HFOC]\d+$", line["Patient"])[0] for line in lines(page)]


# ---- safe and complete in itself ---------------------------------------------------------------


def test_it_is_complete_in_itself_and_names_are_text(tmp_path, stores):
    store = stores(hostile.database(tmp_path))
    html = handover_html(store.view(), Filters(search="<script>"))
    assert_complete(Page(html), html)
    assert "“<script>” in the name or id" in Page(html).text
    html = handover_html(store.view(), Filters())
    page = Page(html)
    assert_complete(page, html)
    listed = " ".join(line["Patient"] for line in lines(page))
    assert hostile.SCRIPT in listed or "<i>S0</i>" in listed
    assert hostile.SCRIPT not in html


def test_a_name_from_right_to_left_stands_apart_from_the_id(tmp_path, stores):
    html = handover_html(stores(charts.database(tmp_path)).view(), Filters(search="DRUGS"))
    assert '<bdi>Deniz Lorwen</bdi><bdi class="kept">DRUGS</bdi>' in html


# ---- who is on it, and in which order ----------------------------------------------------------


def test_dangers_come_first_and_of_them_the_alerts(mixed):
    assert ids(read(mixed)) == ["F1", "F2", "H1", "H2", "O1", "O2"]


def test_who_needs_nothing_now_is_not_on_it_and_that_is_said(mixed):
    statuses = mixed.view().statuses(Filters())
    others = statuses[~statuses["tone"].isin(NOW) & statuses["patients"].gt(0)]
    assert others["word"].tolist() == ["Continue"]
    assert "Not on this list, in patients: 2 Continue." in read(mixed).text


def test_a_danger_comes_before_an_alert_that_is_none(tmp_path, stores):
    """An episode open for long makes an alert of tone act; it waits behind every hold."""
    path = ward(tmp_path, H=1)
    with (tmp_path / "labs.csv").open("a") as file:
        file.write("H9,anc,300,cells/uL,2026-02-01T08:00\nH9,anc,700,cells/uL,2026-03-30T08:00\n")
    with (tmp_path / "exposures.csv").open("a") as file:
        file.write("H9,dasatinib,100,2026-01-02,2026-02-01\nH9,dasatinib,0,2026-02-02,\n")
    load_csv(path, labs=tmp_path / "labs.csv", exposures=tmp_path / "exposures.csv", as_of=AS_OF)
    page = read(stores(path))
    assert ids(page) == ["H1", "H9"]
    assert [line["What"] for line in lines(page)] == ["■ Hold", "△ Consider G-CSF"]


def test_one_line_a_patient_with_all_that_is_needed(mixed):
    first = lines(read(mixed))[0]
    assert first["What"] == "● Possible febrile neutropenia"
    assert first["What to do"] == ("also ■ Hold; Assess; antibiotics within 60 minutes of triage …")


@pytest.mark.parametrize("how", SETS)
@pytest.mark.parametrize("others", [[], ["■ Hold"]])
def test_of_a_fever_the_antibiotics_are_named_however_small_the_line(how, others):
    kind = next(each for each in read_rows("alert_kinds") if each["kind"] == "possible_febrile_neutropenia")
    assert "antibiotics" in to_do({"word": kind["word"], "drug": None, "to_do": kind["to_do"]}, others, how)


def test_a_line_says_who_what_since_when_and_the_counts(mixed):
    line = lines(read(mixed))[2]
    row = mixed.view().worklist(Filters(search="H1")).iloc[0]
    assert line == {
        "What": "■ Hold",
        "Patient": "Name of H1H1",
        "Drug and dose": "dasatinib100 mg",
        "What to do": "ANC 300 on 29 March 2026 is below 500.",
        "Since": "2026-03-29",
        "Last ANC, cells/µL": "300on 2026-03-29",
        "Next count": f"{row['next_lab_due_on']:%Y-%m-%d}",
        "Notes": "",
    }


# ---- under the filters, within the sites, of the day -------------------------------------------


@pytest.mark.parametrize(
    ("filters", "listed", "words"),
    [
        (Filters(), ["F1", "F2", "H1", "H2", "O1", "O2"], "Every patient, as known on 31 March 2026."),
        (Filters(site=("East",)), ["F2", "H2", "O2"], "Only site East, as known on"),
        (Filters(status=("overdue",)), ["F1", "F2", "O1", "O2"], "Only status Count overdue, as known on"),
        (Filters(status=("continue",)), ["F1", "F2"], "Only status Continue, as known on"),
        (Filters(search="h1"), ["H1"], "Only “h1” in the name or id, as known on"),
        (Filters(search="nobody"), [], "Only “nobody” in the name or id, as known on"),
    ],
    ids=["all", "site", "status", "status of none that wait", "search", "nobody"],
)
def test_it_lists_whom_the_filters_leave_and_every_alert(mixed, filters, listed, words):
    page = read(mixed, filters)
    assert ids(page) == listed
    assert words in page.text
    assert ("Nobody here needs anything now." in page.text) == (not listed)


@pytest.mark.parametrize(("drug", "is_named"), [(None, True), (("bosutinib",), True), (("dasatinib",), False)])
def test_a_course_that_the_filters_leave_out_is_in_no_line(tmp_path, stores, drug, is_named):
    page = read(stores(charts.database(tmp_path)), Filters(drug=drug, search="DRUGS"))
    (line,) = lines(page)
    words = f"{line['Drug and dose']} {line['What to do']}"
    assert (line["Drug and dose"].startswith("bosutinib") or "■ Hold bosutinib" in words) == is_named


def test_a_status_that_is_filtered_away_is_said_to_be_missing(mixed):
    said = read(mixed, Filters(status=("overdue",))).text
    assert "Not on this list, in patients: 4 Hold, 2 Continue." in said


def test_other_sites_than_may_be_seen_are_not_on_it(mixed):
    page = read(mixed, sites=("East",))
    assert ids(page) == ["F2", "H2", "O2"]
    assert "3 patients need something now: 1 Possible febrile neutropenia, 2 Hold, 1 Count overdue." in page.text
    assert "of the sites that may be seen (East)" in page.text
    assert "1 Continue." in page.text and not re.search(r"\b[HFOC]1\b", page.text)
    assert ids(read(mixed, sites=())) == []


def test_a_past_day_shows_what_was_known_then(mixed):
    page = read(mixed, as_of=date(2026, 3, 29))
    assert "Handover, 29 March 2026" in page.text
    assert "Possible febrile neutropenia" not in page.text
    assert {"H1", "H2"} <= set(ids(page))


def test_it_says_which_load_and_what_it_is_not(mixed):
    said, about = read(mixed).text, mixed.about
    assert f"A small ward, load number {about.number}, of {mixed.loaded_at:%Y-%m-%d %H:%M} UTC" in said
    assert f"protocols version {about.protocols_version}" in said
    assert NOTICE in said and "Simulated data" in said


def test_only_simulated_data_are_called_so(tmp_path, stores):
    store = stores(hostile.database(tmp_path, range(2), simulated=False))
    assert "imulated" not in read(store).text


# ---- it fits, and who does not is counted ------------------------------------------------------


def test_as_many_as_fit_are_listed_and_one_more_is_counted(of_sizes):
    said = {}
    for size in (36, 37, 38, 500):
        page = read(of_sizes, of_size(size))
        assert len(lines(page)) == min(size, 37)
        assert f"{size} patients need something now: {size} Hold." in page.text
        said[size] = page.text
    for size in (36, 37):
        assert "Everybody who needs something now is on this list." in said[size]
    assert "And 1 more, of which 1 Hold, 0 Discontinue." in said[38]
    assert "And 463 more, of which 463 Hold, 0 Discontinue." in said[500]


def test_that_no_hold_is_among_the_rest_is_said(tmp_path, stores):
    page = read(stores(ward(tmp_path, H=3, F=2, O=80)))
    rest = 85 - len(lines(page))
    assert ids(page)[:5] == ["F1", "F2", "H1", "H2", "H3"]
    assert f"And {rest} more, of which 0 Hold, 0 Discontinue, {rest} Count overdue." in page.text


def test_who_has_an_alert_and_a_status_is_counted_once(tmp_path, stores):
    page = read(stores(ward(tmp_path, F=60, C=3)))
    rest = 60 - len(lines(page))
    assert "60 patients need something now: 60 Possible febrile neutropenia, 60 Hold." in page.text
    assert f"And {rest} more, of which {rest} Possible febrile neutropenia, {rest} Hold, 0 Discontinue." in page.text


@pytest.mark.parametrize(
    ("patients", "place"), [(1, 0), (19, 0), (20, 1), (21, 2), (24, 2), (25, 3), (500, 3)]
)
def test_lines_shrink_only_as_far_as_they_must(of_sizes, patients, place):
    html = handover_html(of_sizes.view(), of_size(patients))
    size, lines_of_text = re.search(r"--size:([\d.]+)pt;.*--lines:(\d)", html).groups()
    assert (float(size), int(lines_of_text)) == (SETS[place].size, SETS[place].lines)
    assert SETS[-1].size >= 7.5  # points that can still be read


# ---- in a browser ------------------------------------------------------------------------------

A4 = {"width": 1062, "height": 733}  # CSS pixels within the margins
CUT_OFF = """() => [...document.querySelectorAll('p, th, td, .kept')].filter(each =>
    each.scrollHeight > each.clientHeight + 1 || each.scrollWidth > each.clientWidth + 1).map(each => each.innerText)"""


def pages_of(browser_page, path):
    page = browser_page(**A4)
    page.context.set_offline(True)
    said = []
    page.on("console", lambda message: said.append(message.text))
    page.goto(path.as_uri())
    pdf = page.pdf(prefer_css_page_size=True)
    page.emulate_media(media="print")
    assert said == []
    assert page.evaluate("document.documentElement.scrollWidth") <= A4["width"]
    assert page.evaluate("document.body.getBoundingClientRect().height") < A4["height"]
    assert page.evaluate(CUT_OFF) == []
    sizes = set(re.findall(rb"/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", pdf))
    assert {(round(float(wide)), round(float(high))) for wide, high in sizes} == {(842, 595)}
    return len(re.findall(rb"/Type\s*/Page\b", pdf))


@pytest.mark.browser
@pytest.mark.parametrize("patients", [0, 1, 19, 20, 21, 24, 25, 37, 40, 500])
def test_it_prints_on_one_page_across(tmp_path, of_sizes, browser_page, patients):
    html = handover_html(of_sizes.view(), of_size(patients))
    (tmp_path / "handover.html").write_text(html, encoding="utf-8")
    assert pages_of(browser_page, tmp_path / "handover.html") == 1


@pytest.mark.browser
@pytest.mark.parametrize("make", [hostile.database, charts.database])
def test_it_prints_on_one_page_whatever_the_names(tmp_path, stores, browser_page, make):
    html = handover_html(stores(make(tmp_path)).view(), Filters())
    (tmp_path / "handover.html").write_text(html, encoding="utf-8")
    assert pages_of(browser_page, tmp_path / "handover.html") == 1


@pytest.mark.browser
def test_it_can_be_read_on_a_narrow_screen(tmp_path, mixed, browser_page):
    (tmp_path / "handover.html").write_text(handover_html(mixed.view(), Filters()), encoding="utf-8")
    page = browser_page(width=390, height=844)
    page.goto((tmp_path / "handover.html").as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


@pytest.mark.browser
def test_the_panel_hands_it_out_as_it_is_filtered(server, of_sizes, browser_page):
    page = browser_page()
    page.goto(f"{server(of_sizes.path).url}/?site=of+40&as_of=2026-03-30")
    with page.expect_download(timeout=60_000) as download:
        page.get_by_role("button", name=re.compile("Handover list")).click(timeout=60_000)
    assert download.value.suggested_filename == "2026-03-30-simulated-handover.html"
    handed_out = Path(download.value.path()).read_text(encoding="utf-8")
    assert handed_out == handover_html(of_sizes.view(as_of=date(2026, 3, 30)), of_size(40))
