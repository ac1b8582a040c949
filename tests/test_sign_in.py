"""Signing in and out against a real identity provider on this machine, with real processes and a real browser."""

import json
import re
import urllib.error
import urllib.request
from contextlib import contextmanager

import pytest
from playwright.sync_api import expect

from leuko import access_log
from tests.serving import behind_sign_in
from tests.small_clinic import ACCESS, COOKIE, USERS, write_data

pytestmark = pytest.mark.browser

PAGES = ("panel", "patient?patient=N1", "adherence", "cohort", "protocols", "changes_if", "data", "access", "wall")
NAMED = re.compile("Ida Kern|Ole Bang|N1|S1")


@contextmanager
def clinic(folder, hours=8):
    """The dashboard of two sites behind a sign-in, and the folder of its database."""
    db = write_data(folder)
    (folder / "access.toml").write_text(ACCESS.format(hours=hours), encoding="utf-8")
    with behind_sign_in(db, folder, *USERS) as server:
        yield server


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clinic")
    with clinic(folder) as server:
        yield server


@pytest.fixture
def open_page(browser_page):
    def opened():
        page = browser_page()
        page.set_default_timeout(60_000)
        expect.set_options(timeout=60_000)
        return page

    return opened


def sign_in(page, url, user, address="/"):
    page.goto(url + address)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("button", name=user, exact=True).click()
    page.wait_for_url(f"{url}/**")
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()


def cookies_of(page):
    return {cookie["name"]: cookie["value"] for cookie in page.context.cookies()}


def ask(url, cookies=None, method="GET"):
    """The status of a request of this machine, with these cookies."""
    said = "; ".join(f"{name}={value}" for name, value in (cookies or {}).items())
    request = urllib.request.Request(url, method=method, headers={"Cookie": said} if said else {})
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=20) as answer:
            return answer.status
    except urllib.error.HTTPError as refused:
        return refused.code


def lines_of(served):
    return access_log.read(served.log.parent / "access_log.jsonl")


def test_whoever_signs_in_sees_the_pages_of_his_role_and_the_patients_of_his_site(served, open_page):
    page = open_page()
    sign_in(page, served.url, "ida")
    expect(page.get_by_role("heading", name="1 patient needs a hold")).to_be_visible()
    expect(page.get_by_text("ida@example.org, clinician")).to_be_visible()
    assert page.get_by_role("link", name="Cohort").count() == 1
    assert page.get_by_role("link", name="Data").count() == page.get_by_role("link", name="Access log").count() == 0
    page.goto(f"{served.url}/patient?patient=S1")
    expect(page.get_by_text("or not one that you may see")).to_be_visible()
    assert "Ole Bang" not in page.content()
    page.goto(f"{served.url}/patient?patient=N1")
    expect(page.get_by_text("Ida Kern").first).to_be_visible()
    rows = lines_of(served)
    opened = rows[rows["patient"].eq("N1")].iloc[0]
    assert (opened["who"], opened["roles"], opened["opened"]) == ("ida@example.org", "clinician", "patient")


@pytest.mark.parametrize("address", ["", *PAGES])
def test_logged_out_no_page_shows_a_patient_not_by_its_address_either(served, open_page, address):
    page = open_page()
    page.goto(f"{served.url}/{address}")
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    assert not NAMED.search(page.locator("body").inner_text())
    assert page.get_by_test_id("stPageLink").count() == 0


def test_a_copied_cookie_opens_nothing_after_the_sign_out(served, open_page):
    page, thief = open_page(), open_page()
    sign_in(page, served.url, "ida")
    copied = page.context.cookies()
    metrics = f"{served.url}/_stcore/metrics"
    assert ask(metrics, cookies_of(page)) == 200
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("button", name="Sign out")).not_to_be_visible()
    assert ask(metrics, {cookie["name"]: cookie["value"] for cookie in copied}) == 403
    thief.context.add_cookies(copied)
    thief.goto(served.url)
    expect(thief.get_by_role("button", name="Sign in")).to_be_visible()
    assert not NAMED.search(thief.locator("body").inner_text())


def test_an_open_page_closes_when_another_tab_signs_out(served, open_page):
    page = open_page()
    sign_in(page, served.url, "ida")
    expect(page.get_by_role("heading", name="1 patient needs a hold")).to_be_visible()
    other = page.context.new_page()
    other.goto(f"{served.url}/auth/logout")
    expect(page.get_by_role("button", name="Sign in")).to_be_visible(timeout=30_000)
    assert not NAMED.search(page.locator("body").inner_text())


def test_a_tampered_cookie_is_none(served, open_page):
    page, forger = open_page(), open_page()
    sign_in(page, served.url, "ida")
    cookies = page.context.cookies()
    for cookie in cookies:
        if cookie["name"] == COOKIE:
            middle = len(cookie["value"]) // 2
            letter = "A" if cookie["value"][middle] != "A" else "B"
            cookie["value"] = cookie["value"][:middle] + letter + cookie["value"][middle + 1 :]
    assert ask(f"{served.url}/_stcore/metrics", {cookie["name"]: cookie["value"] for cookie in cookies}) == 403
    forger.context.add_cookies(cookies)
    forger.goto(served.url)
    expect(forger.get_by_role("button", name="Sign in")).to_be_visible()


def test_whoever_has_no_role_is_told_so_and_may_fetch_nothing(served, open_page):
    page = open_page()
    sign_in(page, served.url, "bo", "/patient?patient=N1")
    expect(page.get_by_text("Nothing here is open to you")).to_be_visible()
    expect(page.get_by_text("bo@example.org")).to_be_visible()
    assert not NAMED.search(page.locator("body").inner_text())
    assert ask(f"{served.url}/_stcore/metrics", cookies_of(page)) == 403


@pytest.mark.parametrize(("path", "method"), [
    ("/media/0123456789.csv", "GET"), ("/media/0123456789.csv", "HEAD"), ("/_stcore/metrics", "GET"),
    ("/_stcore/upload_file/a/b", "PUT"), ("/_stcore/agent/sessions", "GET"), ("//media/0123456789.csv", "GET"),
])  # fmt: skip
def test_whoever_is_not_signed_in_gets_no_file_no_metrics_and_no_upload(served, path, method):
    assert ask(served.url + path, method=method) in (400, 403)
    assert ask(served.url + path, {COOKIE: "2|1:0|made up"}, method) in (400, 403)


def test_a_file_is_in_the_log_and_its_address_alone_opens_nothing(served, open_page):
    page = open_page()
    sign_in(page, served.url, "ida")
    expect(page.get_by_role("heading", name="1 patient needs a hold")).to_be_visible()
    asked = []
    page.on("request", lambda request: asked.append(request.url) if "/media/" in request.url else None)
    with page.expect_download() as download:
        page.get_by_role("button", name="Handover list to print").click()
    text = download.value.path().read_text(encoding="utf-8")
    assert "Ida Kern" in text and "Ole Bang" not in text
    (address,) = {*asked}
    assert ask(address) == 403
    last = lines_of(served).iloc[0]
    assert (last["who"], last["opened"], last["what"]) == ("ida@example.org", "file", download.value.suggested_filename)
    assert last["sub"] == "ida" and last["iss"].startswith("http://127.0.0.1:")
    other = open_page()
    sign_in(other, served.url, "kim")
    assert ask(address, cookies_of(other)) == 403
    last = lines_of(served).iloc[0]
    assert (last["who"], last["opened"], last["what"]) == ("kim@example.org", "refused", address.rsplit("/", 1)[1])
    hers = cookies_of(page)
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("button", name="Sign out")).not_to_be_visible()
    assert ask(address, hers) == 403


def test_the_log_is_read_by_its_keeper_who_sees_no_patient_page(served, open_page):
    page = open_page()
    sign_in(page, served.url, "kim", "/access")
    page.goto(f"{served.url}/access")
    expect(page.get_by_role("heading", name="each follows the one before it")).to_be_visible()
    page.goto(f"{served.url}/patient?patient=N1")
    expect(page.get_by_text("This page is not open to you.")).to_be_visible()
    assert "Ida Kern" not in page.content()


def test_after_its_hours_a_sign_in_is_over_on_an_open_page_too(tmp_path, open_page):
    with clinic(tmp_path, hours=20 / 3600) as server:
        page = open_page()
        sign_in(page, server.url, "ida")
        cookies = cookies_of(page)
        expect(page.get_by_role("button", name="Sign in")).to_be_visible()
        assert not NAMED.search(page.locator("body").inner_text())
        assert ask(f"{server.url}/_stcore/metrics", cookies) == 403


def test_where_the_log_cannot_be_written_nothing_is_shown(tmp_path, open_page):
    with clinic(tmp_path) as server:
        page = open_page()
        (tmp_path / "access_log.jsonl").mkdir()
        sign_in(page, server.url, "ida")
        expect(page.get_by_text("the access log cannot be written")).to_be_visible()
        assert "Ida Kern" not in page.locator("body").inner_text()


def test_a_table_that_is_wrong_lets_nobody_in(tmp_path, open_page):
    with clinic(tmp_path) as server:
        page = open_page()
        sign_in(page, server.url, "ida")
        (tmp_path / "access.toml").write_text("session_hours = 'long'", encoding="utf-8")
        expect(page.get_by_text("Nobody may see anything now")).to_be_visible()
        shown = page.locator("body").inner_text()
        assert not NAMED.search(shown) and "session_hours" not in shown and "access.toml" not in shown
        assert "session_hours: must be a number" in server.printed()
        assert ask(f"{server.url}/_stcore/metrics", cookies_of(page)) == 403
        assert json.dumps("Ida Kern") not in server.printed()
