"""The real server in a real browser: from the panel to a patient and back, as a reader does it."""

import re
from urllib.parse import parse_qs, quote_plus, urlsplit

import pytest
from playwright.sync_api import Page, expect
from streamlit.proto.BackMsg_pb2 import BackMsg

from leuko.__main__ import main as leuko
from leuko.audit import EVERYTHING
from leuko.store import Filters, Store
from tests.serving import ROOT

pytestmark = pytest.mark.browser

ROW_HEIGHT, HEADER_HEIGHT = 66, 36  # pixels in the worklist, which is drawn on a canvas
EDITOR_ROW = 35  # and its header
SENTENCE = re.compile(r"^\d+ patients? needs? a hold, .*cannot be told\.$")


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    path = tmp_path_factory.mktemp("demonstration") / "leuko.duckdb"
    assert leuko(["load", "--from", str(ROOT / "data"), "--db", str(path)]) == 0
    return path


@pytest.fixture
def open_at(server, database, browser_page):
    """`open_at("/?site=East")` opens the demonstration at this address and waits until it is drawn."""
    running = server(database)

    def open_address(address: str, between=None, **looks) -> Page:
        page = browser_page(**looks)
        if between is not None:
            page.route_web_socket(re.compile("_stcore/stream"), between)
        page.set_default_timeout(60_000)
        expect.set_options(timeout=60_000)
        page.goto(running.url + address)
        return page

    return open_address


@pytest.fixture
def view(database):
    store = Store(database)
    yield store.view()
    store.close()


def worklist(page: Page):
    return page.locator(".st-key-worklist").get_by_test_id("stDataFrame").locator("canvas").first


def wait_for_panel(page: Page) -> None:
    expect(page.get_by_role("heading", name=SENTENCE)).to_be_visible()
    worklist(page).wait_for()
    page.wait_for_timeout(1000)  # until the canvas has been painted


def click_row(page: Page, row: int, from_left: int = 400) -> None:
    """Click into a row of the worklist, counted from 0."""
    worklist(page).scroll_into_view_if_needed()
    page.wait_for_timeout(500)  # until it stands still
    box = worklist(page).bounding_box()
    page.mouse.click(box["x"] + from_left, box["y"] + HEADER_HEIGHT + ROW_HEIGHT * (row + 0.5))


def asked(page: Page) -> dict[str, list[str]]:
    return parse_qs(urlsplit(page.url).query)


def expect_patient(page: Page, row) -> None:
    expect(page).to_have_url(re.compile(rf"/patient\?.*patient={row.patient_id}"))
    expect(page.get_by_text(row.to_do.split(". ")[0]).first).to_be_visible()
    expect(page.get_by_test_id("stPlotlyChart").locator("svg").first).to_be_visible()


@pytest.mark.parametrize("from_left", [15, 400], ids=["its box", "its sentence"])
def test_a_click_on_a_row_opens_its_patient(open_at, view, from_left):
    rows = list(view.worklist(Filters()).itertuples())
    page = open_at("/")
    wait_for_panel(page)
    click_row(page, 2, from_left)
    expect_patient(page, rows[2])


def test_who_is_first_stands_at_the_top_of_the_first_screen_and_opens_with_one_click(open_at, view):
    first = view.alerts(Filters()).iloc[0]
    page = open_at("/")
    wait_for_panel(page)
    words = page.get_by_text(re.compile(rf"First: {first['name']}, {first['patient_id']}"))
    assert words.bounding_box()["y"] < 450  # the upper half of the first screen, also with the guide above it
    page.locator(".st-key-open_first button").click()
    expect(page).to_have_url(re.compile(rf"/patient\?.*patient={first['patient_id']}"))


def test_filters_and_day_survive_the_way_to_a_patient_and_back_in_both_ways(open_at, view):
    page = open_at("/?site=East&as_of=2026-03-27")
    wait_for_panel(page)
    click_row(page, 0)
    expect(page).to_have_url(re.compile("/patient"))
    expect(page.get_by_text("This is 27 March 2026")).to_be_visible()
    page.go_back()
    wait_for_panel(page)
    expect(page.get_by_text("This is 27 March 2026")).to_be_visible()
    expect(page.get_by_text("Only site East")).to_be_visible()
    click_row(page, 0)
    expect(page).to_have_url(re.compile("/patient"))
    page.get_by_role("link", name="Panel").click()
    wait_for_panel(page)
    expect(page.get_by_text("Only site East")).to_be_visible()
    assert asked(page)["as_of"] == ["2026-03-27"]


def test_a_filter_goes_into_the_address_and_survives_a_reload(open_at, view):
    counts = view.statuses(Filters()).set_index("status")["courses"]
    shown = f"of {counts['reduce']} courses"
    page = open_at("/")
    wait_for_panel(page)
    page.get_by_role("button", name=re.compile("Reduce")).first.click()
    expect(page.get_by_text(shown)).to_be_visible()
    assert asked(page) == {"status": ["reduce"]}
    page.reload()
    wait_for_panel(page)
    expect(page.get_by_text(shown)).to_be_visible()
    page.go_back()
    expect(page.get_by_text(f"of {counts.sum():,} courses").first).to_be_visible()


def test_search_finds_a_patient_by_name_and_by_id(open_at, view):
    row = next(view.worklist(Filters()).itertuples())
    page = open_at("/")
    wait_for_panel(page)
    for words in (row.patient_id.lower(), row.name.upper()):
        page.get_by_label("Search", exact=True).fill(words)
        page.keyboard.press("Enter")
        expect(page.get_by_text("Showing 1–1 of 1 course in 1 patient")).to_be_visible()
    assert "search" not in page.url
    click_row(page, 0)
    expect_patient(page, row)
    page.get_by_role("link", name="Panel").click()
    expect(page.get_by_text("Showing 1–1 of 1 course in 1 patient")).to_be_visible()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_nothing_is_wider_than_a_narrow_screen_and_nothing_comes_from_outside(open_at, theme):
    page = open_at("/", theme=theme, width=390, height=844)
    requested = []
    page.on("request", lambda request: requested.append(request.url))
    page.reload()
    wait_for_panel(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    hosts = {urlsplit(url).hostname for url in requested if not url.startswith(("data:", "blob:"))}
    assert hosts == {"127.0.0.1"}


def test_a_link_straight_to_a_patient_of_a_server_just_started_shows_what_data_these_are(
    server, tmp_path, browser_page, view
):
    database = tmp_path / "leuko.duckdb"
    assert leuko(["load", "--from", str(ROOT / "data"), "--db", str(database)]) == 0
    row = view.worklist(Filters(), per_page=1).iloc[0]
    page = browser_page()
    page.goto(f"{server(database).url}/patient?patient={row.patient_id}")
    expect(page.get_by_text("Simulated data")).to_be_visible(timeout=60_000)
    expect_patient(page, row)


def test_from_a_number_of_the_audit_to_its_patient_with_the_day_marked_and_back(open_at, view):
    late = view.audit_events(view.store.settings, EVERYTHING, "hold_given", "not_met")
    first = late.iloc[0]
    page = open_at("/?as_of=2026-03-31&clinician=" + quote_plus(first["clinician"]))
    wait_for_panel(page)
    page.get_by_role("link", name="Adherence").click()
    here = late[late["clinician"].eq(first["clinician"])]
    card = page.locator(".st-key-card_hold_given")
    card.get_by_role("button", name=f"{len(here)} not met").click()
    expect(page.get_by_text(f"{len(here)} events not met")).to_be_visible()
    events = page.locator(".st-key-detail").get_by_test_id("stDataFrame").locator("canvas").first
    events.scroll_into_view_if_needed()
    page.wait_for_timeout(1000)  # until the canvas has been painted
    box = events.bounding_box()
    page.mouse.click(box["x"] + 300, box["y"] + HEADER_HEIGHT + 17)

    expect(page).to_have_url(re.compile(rf"/patient\?.*patient={first['patient_id']}"))
    day = first["due_on"].date()
    assert asked(page)["mark"] == [day.isoformat()]
    expect(page.get_by_text(f"{day.day} {day:%B %Y}, “Hold given: not met”")).to_be_visible()
    expect(page.get_by_test_id("stPlotlyChart").get_by_text("Hold given: not met")).to_be_visible()

    page.get_by_role("link", name="Adherence").click()
    expect(page.get_by_text(f"{len(here)} events not met")).to_be_visible()
    page.get_by_role("link", name="Panel").click()
    wait_for_panel(page)
    expect(page.get_by_text(f"Only clinician {first['clinician']}")).to_be_visible()
    click_row(page, 0)
    expect(page.get_by_test_id("stPlotlyChart").locator("svg").first).to_be_visible()
    assert "mark" not in asked(page), "what was marked for another patient is not marked here"


def test_the_audit_fits_a_narrow_screen(open_at):
    page = open_at("/adherence?measure=hold_given&show=site", theme="dark", width=390, height=844)
    expect(page.get_by_role("heading", name=re.compile(r"^Of \d+ holds that the counts asked for"))).to_be_visible()
    expect(page.locator(".st-key-chart_site svg").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_filters_go_along_between_the_panel_and_the_audit_however_often(open_at):
    page = open_at("/?site=East&drug=dasatinib")
    wait_for_panel(page)
    for name, heading in (("Adherence", re.compile("^Of")), ("Panel", SENTENCE)) * 2:
        page.get_by_role("link", name=name).click()
        expect(page.get_by_role("heading", name=heading)).to_be_visible()
        expect(page.get_by_text("Only site East, drug dasatinib")).to_be_visible()
        page.wait_for_timeout(500)  # until the page has written its address
    assert asked(page) == {"site": ["East"], "drug": ["dasatinib"]}


def test_a_marked_day_is_in_sight_on_a_narrow_screen(open_at, view):
    first = view.audit_events(view.store.settings, EVERYTHING, "hold_given", "not_met").iloc[0]
    day = first["due_on"].date().isoformat()
    page = open_at(f"/patient?patient={first['patient_id']}&mark={day}&mark_words=Due", width=390, height=844)
    words = page.get_by_test_id("stPlotlyChart").get_by_text("Due", exact=True)
    # Downwards; sideways the figure must show it by itself. The figure may be drawn anew meanwhile.
    words.evaluate("words => words.scrollIntoView({block: 'center'})")
    box = words.bounding_box()
    assert 0 <= box["x"] <= 390 - box["width"]
    assert page.locator(".st-key-figure").evaluate("figure => figure.scrollLeft") == 0


def type_into(page: Page, editor: int, row: int, from_left: int, words: str) -> None:
    """Type over a cell of the checker's editors, rows counted from 0."""
    grid = page.get_by_test_id("stDataFrame").nth(editor).locator("canvas").first
    grid.scroll_into_view_if_needed()
    cell = page.locator(".gdg-input")
    for _ in range(10):  # a click on a grid that is still being painted, or moves while the page grows, opens nothing
        page.wait_for_timeout(1000)
        box = grid.bounding_box()
        page.mouse.click(box["x"] + from_left, box["y"] + EDITOR_ROW * (row + 1.5))
        page.keyboard.press("Enter")
        page.wait_for_timeout(1000)
        if cell.count():
            break
    cell.fill(words)
    page.keyboard.press("Enter")


def test_counts_typed_over_an_example_are_answered_kept_in_the_address_and_asked_of_another_version(open_at):
    page = open_at("/protocols?protocol=dasatinib-guideline&part=try")
    expect(page.get_by_text(re.compile(r"^Resume dasatinib at 100\smg: Recovered")).first).to_be_visible()
    type_into(page, editor=0, row=3, from_left=600, words="999")
    answer = page.get_by_text(re.compile("^Keep holding dasatinib"))
    expect(answer.first).to_be_visible()
    assert [row.split(":")[1] for row in asked(page)["try_counts"]] == ["2000", "400", "750", "999"]
    page.reload()
    expect(answer.first).to_be_visible()
    type_into(page, editor=0, row=3, from_left=600, words="low")
    expect(page.get_by_text("Counts, row 4, ANC “low”: not a number.")).to_be_visible()
    type_into(page, editor=0, row=3, from_left=600, words="999")
    expect(answer.first).to_be_visible()
    page.get_by_role("link", name="Panel").click()
    wait_for_panel(page)
    page.get_by_role("link", name="Protocols").click()
    expect(answer.first).to_be_visible()
    page.goto(page.url.replace("protocol=dasatinib-guideline", "protocol=imatinib-cp-eln"))
    expect(page.get_by_text(re.compile("imatinib.*999", re.DOTALL)).first).to_be_visible()
    assert [row.split(":")[1] for row in asked(page)["try_counts"]] == ["2000", "400", "750", "999"]


TOO_WIDE = """[...document.querySelectorAll('[data-testid=stHtml] table')].filter(
    table => table.offsetWidth > table.parentElement.clientWidth).map(table => table.innerText)"""


@pytest.mark.parametrize("part", ["table", "try"])
def test_a_protocol_fits_a_narrow_screen(open_at, part):
    page = open_at(f"/protocols?protocol=dasatinib-cp-us&part={part}", width=390, height=844)
    expect(page.get_by_text(re.compile("^Hold dasatinib when ANC is below 500"))).to_be_visible()
    expect(page.get_by_role("heading", name="Sources" if part == "table" else "Episodes")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.evaluate(TOO_WIDE) == []


def click_point(page: Page, chart: str, place: int) -> None:
    """Click on a point of one of the cohort's figures, counted in the order in which they were drawn."""
    point = page.locator(f".st-key-chart_{chart} .scatterlayer path.point").nth(place)
    point.wait_for(state="attached")
    point.scroll_into_view_if_needed()
    page.wait_for_timeout(1000)  # until the figures above it stand still
    box = point.bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)


@pytest.mark.parametrize("chart", ["trajectories", "weeks", "doses"])
def test_a_point_of_a_figure_of_the_cohort_opens_its_patient_and_back(open_at, chart):
    page = open_at("/cohort?site=East&weeks=13", width=1440, height=1600)
    heading = page.get_by_role("heading", name=re.compile("had an episode of low counts"))
    expect(heading).to_be_visible()
    click_point(page, chart, 40)
    expect(page).to_have_url(re.compile(r"/patient\?.*patient=SIM-\d+"))
    expect(page.locator(".st-key-figure svg").first).to_be_visible()
    assert asked(page)["site"] == ["East"]
    page.go_back()
    expect(heading).to_be_visible()
    expect(page.get_by_text("Only site East")).to_be_visible()
    assert asked(page)["weeks"] == ["13"]


def test_a_look_for_new_data_that_comes_after_the_click_leaves_no_empty_page(open_at):
    """The page before looks every few seconds; its look may arrive when the patient has already been drawn."""
    looks = []

    def between(browser) -> None:
        server = browser.connect_to_server()

        def pass_on(message: bytes) -> None:
            if BackMsg.FromString(message).rerun_script.is_auto_rerun:
                looks.append((server, message))
            server.send(message)

        browser.on_message(pass_on)

    page = open_at("/cohort?site=East&weeks=13", between=between, width=1440, height=1600)
    expect(page.get_by_role("heading", name=re.compile("had an episode of low counts"))).to_be_visible()
    for _ in range(120):  # at most a minute, until the page has looked for the first time
        if looks:
            break
        page.wait_for_timeout(500)
    server, late = looks[-1]
    click_point(page, "weeks", 40)
    figure = page.locator(".st-key-figure svg").first
    expect(figure).to_be_visible()
    patient = asked(page)["patient"]
    server.send(late)
    page.wait_for_timeout(2000)
    expect(figure).to_be_visible()
    assert (asked(page)["patient"], asked(page)["site"]) == (patient, ["East"])


def test_the_cohort_fits_a_narrow_screen_and_its_numbers_open(open_at):
    page = open_at("/cohort?drug=nilotinib", width=390, height=844)
    expect(page.get_by_role("heading", name=re.compile("had an episode of low counts"))).to_be_visible()
    expect(page.locator(".st-key-chart_days svg").first).to_be_attached()
    page.get_by_text("How it is counted, and the numbers").first.click()
    expect(page.locator(".st-key-numbers_trajectories").get_by_test_id("stDataFrame")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
