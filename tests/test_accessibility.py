"""Who cannot see well, or has no mouse: every page by axe-core, by keyboard, enlarged, and in words beside colours."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from leuko.__main__ import main as leuko
from leuko.store import Filters, Store
from tests.serving import ROOT

pytestmark = pytest.mark.browser

IDLE = "[data-testid=stApp][data-test-script-state=notRunning]"
PAGES = ("panel", "patient", "adherence", "cohort", "protocols", "changes_if", "data", "wall")
GRAVE = ("serious", "critical")


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    path = tmp_path_factory.mktemp("demonstration") / "leuko.duckdb"
    assert leuko(["load", "--from", str(ROOT / "data"), "--db", str(path)]) == 0
    return path


@pytest.fixture(scope="module")
def patient(database):
    store = Store(database)
    yield store.view().worklist(Filters(), per_page=1)["patient_id"].iloc[0]
    store.close()


@pytest.fixture
def open_at(server, database, patient, browser_page):
    """`open_at("patient", theme="dark")` opens a page of the demonstration and waits until it stands still."""

    def open_page(name: str, **looks) -> Page:
        page = browser_page(**looks)
        page.goto(f"{server(database).url}/{name}" + (f"?patient={patient}" if name == "patient" else ""))
        page.get_by_role("heading").first.wait_for(timeout=60_000)
        page.locator(IDLE).wait_for(timeout=60_000)
        expect(page.get_by_test_id("stSkeleton")).to_have_count(0, timeout=60_000)
        page.wait_for_timeout(1500)
        return page

    return open_page


def violations(page: Page) -> list[str]:
    found = Axe().run(page).response["violations"]
    return [
        f"{rule['id']}: {rule['help']}: {node['target']}"
        for rule in found
        if rule["impact"] in GRAVE
        for node in rule["nodes"]
    ]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing_serious(open_at, name, theme):
    assert violations(open_at(name, theme=theme)) == []


@pytest.mark.parametrize("width", [720, 820], ids=["1440 at 200 %", "a tablet"])
@pytest.mark.parametrize("name", PAGES)
def test_an_enlarged_page_is_not_wider_than_its_window(open_at, name, width):
    page = open_at(name, width=width)
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_the_keyboard_alone_goes_from_the_panel_to_the_first_patient(open_at):
    page = open_at("panel")
    for _ in range(200):  # a redrawn page takes the focus away: then from the top again
        if page.evaluate("document.activeElement.innerText.trim() === 'Open'"):
            page.keyboard.press("Enter")
            page.wait_for_timeout(2000)
        if "/patient?" in page.url:
            break
        page.keyboard.press("Tab")
    assert "/patient?" in page.url
