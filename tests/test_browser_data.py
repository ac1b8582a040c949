"""The data page in a real browser: a check opens its rows, a row its patient, and a file is tried without a trace."""

import hashlib
import re
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, expect

from leuko.access_log import FILE as ACCESS_LOG
from tests.test_data_page import EXPOSURES, LABS, PATIENTS, TRIED, publish

pytestmark = pytest.mark.browser

ROW_HEIGHT, HEADER_HEIGHT = 36, 36  # pixels in a table, which is drawn on a canvas


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    texts = {"labs": LABS, "exposures": EXPOSURES, "patients": PATIENTS}
    return publish(tmp_path_factory.mktemp("data"), texts)


@pytest.fixture
def open_at(server, database, browser_page):
    """`open_at("/data")` opens this address and waits for the first sentence."""

    def open_address(address: str, **looks) -> Page:
        page = browser_page(**looks)
        page.set_default_timeout(60_000)
        expect.set_options(timeout=60_000)
        page.goto(server(database).url + address)
        heading = re.compile("^Loaded on .*8 of 10 rows used, 2 set aside")
        expect(page.get_by_role("heading", name=heading)).to_be_visible()
        return page

    return open_address


def table(page: Page, key: str):
    return page.locator(f".st-key-{key}").get_by_test_id("stDataFrame").locator("canvas").first


def asked(page: Page) -> dict[str, list[str]]:
    return parse_qs(urlsplit(page.url).query)


def fingerprint(folder) -> dict[str, str]:
    """What lies beside the database but the access log, and what is in it."""
    files = (file for file in folder.iterdir() if file.name != ACCESS_LOG)
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def test_a_check_shows_its_rows_on_a_click_and_a_row_its_patient_on_the_day(open_at):
    page = open_at("/data")
    check = page.locator(".st-key-check_low_resolution")
    expect(check).to_contain_text("Values printed too coarsely near a cut")
    check.get_by_role("button", name="Show").click()
    expect(check.get_by_role("button", name="Close")).to_be_visible()
    expect(page).to_have_url(re.compile("[?&]check=low_resolution"))
    rows = table(page, "failing_low_resolution")
    rows.scroll_into_view_if_needed()
    page.wait_for_timeout(1000)  # until the canvas has been painted
    box = rows.bounding_box()
    page.mouse.click(box["x"] + 300, box["y"] + HEADER_HEIGHT + ROW_HEIGHT / 2)
    expect(page).to_have_url(re.compile(r"/patient\?.*patient=N1"))
    assert asked(page)["mark"] == ["2026-01-05"]
    expect(page.get_by_text("5 January 2026, “Values printed too coarsely near a cut”")).to_be_visible()


def test_an_uploaded_file_shows_what_a_load_would_do_and_nothing_is_written(open_at, database):
    before = fingerprint(database.parent)
    page = open_at("/data")
    upload = page.get_by_test_id("stFileUploader").locator("input[type=file]")
    upload.set_input_files({"name": "february.csv", "mimeType": "text/csv", "buffer": TRIED})
    sentence = "february.csv as labs: 2 of 4 rows would be used, 2 set aside; 2 patients, 1 of them new."
    expect(page.get_by_text(f"{sentence} Nothing was written.")).to_be_visible()
    expect(page.get_by_text("unit missing").last).to_be_visible()
    page.reload()
    expect(page.get_by_text("february.csv")).to_have_count(0)
    assert fingerprint(database.parent) == before


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_data_fit_a_narrow_screen(open_at, theme):
    page = open_at("/data?check=low_resolution&reason=unit%20missing", theme=theme, width=390, height=844)
    expect(page.get_by_text("2 rows were set aside at the load: not a number 1, unit missing 1.")).to_be_visible()
    expect(page.locator(".st-key-failing_low_resolution canvas").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
