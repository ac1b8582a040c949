"""Who cannot see well, or has no mouse: every page by axe-core, by keyboard, enlarged, and in words beside colours."""

import os
import shutil
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from leuko.access import LOCAL
from leuko.journal import Entry, Journal, course_of, place_of, seen
from leuko.store import MOST_ROWS, Filters, Store

pytestmark = pytest.mark.browser

IDLE = "[data-testid=stApp][data-test-script-state=notRunning]"
PAGES = ("panel", "patient", "adherence", "cohort", "protocols", "changes_if", "data", "wall")
ADDRESSES = {"panel": "", "patient": "patient?patient={}"}  # the others have the name of the page
LOOKS = 3000  # milliseconds between two looks for a new version
FOCUSED = "document.activeElement.matches('button, a') ? document.activeElement.innerText : ''"
GRAVE = ("serious", "critical")


@pytest.fixture(scope="module")
def listed(demonstration):
    """The patients in the order of the panel."""
    store = Store(demonstration)
    yield store.view().worklist(Filters(), per_page=MOST_ROWS)["patient_id"].drop_duplicates().tolist()
    store.close()


@pytest.fixture
def open_at(server, demonstration, most_urgent, browser_page):
    """`open_at("patient", theme="dark")` opens a page of the demonstration and waits until it stands still."""

    def open_page(name: str, **looks) -> Page:
        page = browser_page(**looks)
        page.goto(f"{server(demonstration).url}/{ADDRESSES.get(name, name).format(most_urgent)}")
        page.get_by_role("heading").first.wait_for(timeout=60_000)
        stand_still(page)
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


@pytest.fixture(scope="module")
def decided(demonstration, tmp_path_factory):
    """The demonstration with a journal: handed over to whoever sits here, snoozed, done; and the first of them."""
    db = tmp_path_factory.mktemp("decided") / "ward.duckdb"
    shutil.copyfile(os.path.realpath(demonstration), db)
    store, journal = Store(db), Journal(place_of(db))
    rows = store.view().worklist(Filters(), per_page=4).to_dict("records")
    kinds = (("handover", LOCAL.who), ("handover", "bo@example.org"), ("acknowledged", ""), ("comment", ""))
    for row, (kind, addressee) in zip(rows, kinds, strict=True):
        patient, drug, protocol = course_of(row)
        who = "ida@example.org" if addressee == LOCAL.who else LOCAL.who
        journal.record(Entry(
            number=0, token=kind + who, at=datetime.now(UTC), who=who, role="clinician", patient_id=patient, site="",
            drug=drug, protocol=protocol, recommendation=seen(row), episode=None, kind=kind, addressee=addressee,
            words="called the ward",
        ))  # fmt: skip
    store.close()
    return db, rows[0]["patient_id"]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_serious_in_a_shift_s_work(server, decided, browser_page, theme):
    """What waits on whom, my patients, the form, and how long recommendations waited, all of it opened."""
    db, patient = decided
    opened = {
        "": ["My patients"], f"patient?patient={patient}": ["Journal", "Record what"], "adherence": ["By clinician"],
    }  # fmt: skip
    page = browser_page(theme=theme)
    for address, parts in opened.items():
        page.goto(f"{server(db).url}/{address}")
        page.get_by_role("heading").first.wait_for(timeout=60_000)
        stand_still(page)
        for words in parts:
            page.locator("summary", has_text=words).first.click()
        page.wait_for_timeout(500)
        assert violations(page) == [], address


@pytest.mark.parametrize("width", [720, 820], ids=["1440 at 200 %", "a tablet"])
@pytest.mark.parametrize("name", PAGES)
def test_an_enlarged_page_is_not_wider_than_its_window(open_at, name, width):
    page = open_at(name, width=width)
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def tab_to(page: Page, words: str, most: int = 40) -> None:
    """Press Tab until the element of these words has the focus."""
    for _ in range(most):
        page.keyboard.press("Tab")
        if words in page.evaluate(FOCUSED).split("\n"):  # an icon or a shortcut is a line of its own
            return
    raise AssertionError(f"{most} times Tab do not reach {words}")


def stand_still(page: Page) -> None:
    page.locator(IDLE).wait_for(timeout=60_000)
    expect(page.get_by_test_id("stSkeleton")).to_have_count(0, timeout=60_000)
    page.wait_for_timeout(1500)


def test_the_keyboard_alone_goes_from_the_panel_to_the_first_patient_and_on_to_the_next(open_at, listed):
    page = open_at("panel")
    tab_to(page, "Open")
    page.keyboard.press("Enter")
    page.wait_for_url("**/patient?**", timeout=60_000)
    stand_still(page)
    first = parse_qs(urlsplit(page.url).query)["patient"][0]
    following = listed[listed.index(first) + 1]
    tab_to(page, "Next patient")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**patient={following}*", timeout=60_000)
    stand_still(page)
    page.keyboard.press("Alt+p")
    page.wait_for_url(f"**patient={first}*", timeout=60_000)


def test_the_keyboard_passes_a_list_of_patients_without_opening_one(open_at):
    page = open_at("panel")
    for grid in ("alerts", "worklist"):
        for _ in range(60):
            page.keyboard.press("Tab")
            if page.evaluate(f"document.activeElement.matches('[class*=st-key-{grid}] canvas')"):
                break
        assert page.evaluate("document.activeElement.tagName") == "CANVAS", f"60 times Tab do not reach the {grid}"
        stand_still(page)  # a choice in a grid reaches the server after a moment
        assert "/patient" not in page.url
    tab_to(page, "Handover list to print")


def test_the_focus_outlives_an_idle_page_and_its_looks_for_a_new_version(open_at):
    page = open_at("panel")
    tab_to(page, "Open")
    page.wait_for_timeout(3 * LOOKS)
    assert page.evaluate(FOCUSED).strip() == "Open"
