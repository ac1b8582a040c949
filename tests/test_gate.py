"""What stands before the server: where it starts and whom it answers, its headers, its log."""

import asyncio
import logging
import os
import re
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from playwright.sync_api import expect

from leuko import access_log
from leuko.publish import load_csv
from pages.common import gate, sign_in
from tests import wards
from tests.serving import ROOT, Server, free_port, running

ACCESS = '[[grant]]\nvalue = "ward"\nrole = "clinician"\nsites = "all"\n'
PAGES = sorted(file.stem for file in (ROOT / "pages").glob("*.py"))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("LEUKO_DB", str(tmp_path / "leuko.duckdb"))
    return tmp_path


@pytest.fixture
def options(monkeypatch):
    """The options of Streamlit that the gate asks for; a test may change them."""
    known = {
        "secrets.files": [], "server.address": "127.0.0.1", "server.enableXsrfProtection": True,
        "server.baseUrlPath": "",
    }  # fmt: skip
    usual = gate.config.get_option
    monkeypatch.setattr(gate.config, "get_option", lambda name: known[name] if name in known else usual(name))
    return known


@pytest.fixture
def signing_in(monkeypatch):
    monkeypatch.setattr(sign_in, "is_configured", lambda: True)


# ---------------------------------------------------------------- the start


@pytest.mark.parametrize(("address", "starts"), [
    ("127.0.0.1", True), ("localhost", True), ("::1", True), ("127.8.8.8", True),
    ("0.0.0.0", False), ("::", False), ("10.0.0.7", False), (None, False), ("", False), ("leuko.example.org", False),
])  # fmt: skip
def test_without_a_sign_in_it_starts_on_this_machine_alone(folder, options, address, starts):
    options["server.address"] = address
    assert gate.fault_at_start() == ("" if starts else gate.NO_SIGN_IN)


def test_with_a_sign_in_it_starts_anywhere_with_a_table_and_the_protection_of_forms(folder, options, signing_in):
    options["server.address"] = "0.0.0.0"
    assert "there is none beside the database" in gate.fault_at_start()
    (folder / "access.toml").write_text(ACCESS, encoding="utf-8")
    assert gate.fault_at_start() == ""
    options["server.enableXsrfProtection"] = False
    assert gate.fault_at_start() == "server.enableXsrfProtection is off"


def test_a_table_without_a_sign_in_is_a_mistake_and_no_open_door(folder, options):
    (folder / "access.toml").write_text(ACCESS, encoding="utf-8")
    assert "no sign-in is configured" in gate.fault_at_start()


def test_secrets_that_cannot_be_read_are_no_open_door(folder, options):
    secrets = folder / "secrets.toml"
    secrets.write_text("[auth\nclient_secret = 'hush'", encoding="utf-8")
    options["secrets.files"] = [str(folder / "none.toml"), str(secrets)]
    assert "nobody knows whether there is a sign-in" in gate.fault_at_start()
    assert "hush" not in gate.fault_at_start()


@pytest.mark.browser
def test_the_real_server_ends_with_the_reason(tmp_path):
    port = str(free_port())
    command = [
        sys.executable, "-m", "streamlit", "run", "dashboard.py", "--server.port", port, "--server.address", "0.0.0.0",
        "--browser.serverAddress", "leuko.example.org",
    ]  # fmt: skip
    environment = {**os.environ, "LEUKO_DB": str(tmp_path / "none.duckdb")}
    ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120)
    assert ended.returncode == 1
    assert f"leuko does not start: {gate.NO_SIGN_IN}" in ended.stderr


# ---------------------------------------------------------------- a request


async def app(scope, receive, send):
    """Stands for Streamlit: a file under /media, a page elsewhere."""
    if scope["type"] == "websocket":
        await send({"type": "websocket.accept"})
        return
    headers = [(b"content-disposition", b'attachment; filename="list.csv"')] if "/media/" in scope["path"] else []
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"patients"})


def asked(path="/", kind="http", server="127.0.0.1", client="127.0.0.1", host="127.0.0.1:8501"):
    """What the gate sends for a request: its messages."""
    sent = []
    scope = {
        "type": kind, "path": path, "method": "GET", "query_string": b"", "headers": [(b"host", host.encode())],
        "server": server and (server, 8501), "client": client and (client, 50_000),
    }  # fmt: skip

    async def receive():
        return {"type": f"{kind}.connect"}

    async def send(message):
        sent.append(message)

    with ThreadPoolExecutor(1) as apart:  # a browser of another test may have a loop running in this thread
        apart.submit(asyncio.run, gate.Gate(app)(scope, receive, send)).result()
    return sent


def status(sent):
    return sent[0]["status"]


def body(sent):
    return b"".join(message.get("body", b"") for message in sent[1:])


def headers(sent):
    return {name.decode().lower(): value.decode() for name, value in sent[0]["headers"]}


@pytest.mark.parametrize(("server", "client", "answered"), [
    ("127.0.0.1", "127.0.0.1", True), ("::1", "::1", True), ("10.0.0.7", "127.0.0.1", False),
    ("10.0.0.7", "10.0.0.9", False), ("127.0.0.1", "10.0.0.9", False), (None, "127.0.0.1", False),
    ("127.0.0.1", None, False),
], ids=["this machine", "this machine, IPv6", "another address", "the network", "a proxy", "no address", "nobody"])
def test_without_a_sign_in_nobody_but_this_machine_is_answered(folder, options, server, client, answered):
    sent = asked(server=server, client=client)
    assert (status(sent) == 200) == answered == (body(sent) == b"patients")
    opened = asked(kind="websocket", server=server, client=client)
    assert opened == [{"type": "websocket.accept"} if answered else {"type": "websocket.close", "code": 1008}]


def test_a_sign_in_that_is_no_longer_configured_leaves_no_open_door(folder, options, monkeypatch):
    (folder / "access.toml").write_text(ACCESS, encoding="utf-8")
    monkeypatch.setattr(sign_in, "DEMANDED", threading.Event())
    secrets = {"client_id": "leuko"}
    monkeypatch.setattr(sign_in, "get_secrets_auth_section", lambda: secrets)
    assert status(asked("/media/a.csv")) == 403
    secrets.clear()
    assert status(asked("/media/a.csv")) == 403 and sign_in.reader_of({}) is None


def test_every_answer_has_the_headers(folder, options):
    found = headers(asked())
    assert {name.lower(): value for name, value in gate.HEADERS.items()}.items() <= found.items()
    policy = dict(part.strip().split(" ", 1) for part in found["content-security-policy"].split(";"))
    assert policy["object-src"] == policy["frame-ancestors"] == policy["frame-src"] == "'none'"
    assert policy["connect-src"] == "'self' ws://127.0.0.1:8501 wss://127.0.0.1:8501"
    assert "unsafe-inline" not in policy["script-src"] and "'unsafe-eval'" not in policy["script-src"]
    assert re.search(r"'sha256-[\w+/]{43}='", policy["script-src"])
    assert "cache-control" not in found and headers(asked("/media/a.csv"))["cache-control"] == "no-store"


@pytest.mark.parametrize("host", ["x; script-src *", "a b", "\u00fc", "", "x'"])
def test_a_host_cannot_write_into_the_policy(folder, options, host):
    policy = headers(asked(host=host.encode("utf-8").decode("latin-1")))["content-security-policy"]
    assert "connect-src 'self'; worker-src" in policy and policy.count("script-src") == 1


def test_a_file_is_handed_out_once_it_stands_in_the_log(folder, options):
    assert body(asked("/media/a.csv")) == b"patients"
    row = access_log.read(folder / access_log.FILE).iloc[0]
    assert (row["who"], row["opened"], row["what"]) == ("this machine", "file", "list.csv")


def test_where_the_log_cannot_be_written_no_file_is_handed_out(folder, options):
    (folder / access_log.FILE).mkdir()
    sent = asked("/media/a.csv")
    assert status(sent) == 503 and b"patients" not in body(sent)


@pytest.mark.parametrize("path", [
    "/media/a.csv", "//media/a.csv", "/_stcore/metrics", "/_stcore/upload_file/a/b", "/_stcore/agent/x", "/_stcore",
])  # fmt: skip
@pytest.mark.parametrize("base", ["", "clinic/leuko"])
def test_without_a_session_no_file_no_metrics_no_upload(folder, options, signing_in, path, base):
    (folder / "access.toml").write_text(ACCESS, encoding="utf-8")
    options["server.baseUrlPath"] = base
    sent = asked(f"/{base}{path}" if base else path)
    assert status(sent) == 403 and b"patients" not in body(sent)


@pytest.mark.parametrize("path", ["/", "/panel", "/static/js/index.js", "/_stcore/health", "/_stcore/host-config"])
def test_what_a_browser_needs_to_sign_in_is_answered(folder, options, signing_in, path):
    assert status(asked(path, server="10.0.0.7", client="10.0.0.9")) == 200


# ---------------------------------------------------------------- sessions


def test_a_session_lives_from_its_beginning_to_its_end_or_for_its_hours():
    sessions = sign_in.Sessions()
    sessions.begin("a", 1000.0)
    assert sessions.is_live("a", 1000.0, 1) and sessions.is_live("a", 4599.9, 1)
    assert not sessions.is_live("a", 4600.0, 1) and not sessions.is_live("a", 999.0, 1)
    assert not sessions.is_live("b", 1000.0, 1)
    sessions.end("a")
    assert not sessions.is_live("a", 1000.0, 1)
    sessions.end("a")


def test_sessions_that_are_over_are_forgotten():
    sessions = sign_in.Sessions()
    for number in range(100):
        sessions.begin(str(number), number * 3600.0 * 100)
    assert len(sessions._began) == 2


def test_after_a_restart_nobody_is_signed_in():
    assert not sign_in.Sessions().is_live("a", 0.0, 168)


# ---------------------------------------------------------------- what goes wrong


@pytest.mark.parametrize(("words", "masked"), [
    ("no patient 'Ida Kern' here", "no patient … here"),
    ("no patient Ida Kern here", "no patient … … here"),
    ('bad value "4,300" in row 12', "bad value … in row …"),
    ("“Zoë” is zoë", "… is …"),
    ("SIM-0001", "…"),
    ("column patient_id not found", "column patient_id not found"),
    ("", ""),
])
def test_the_words_of_an_exception_lose_what_may_be_a_name(words, masked):
    assert gate.masked(words) == masked


def test_the_log_has_the_place_and_the_type_of_an_exception_and_no_name(caplog):
    usual = logging.getLogRecordFactory()
    gate.keep_names_out_of_the_log()
    try:
        try:
            try:
                {}["Ida Kern, SIM-0001"]
            except KeyError as first:
                raise ValueError("patient Ida Kern, SIM-0001, born 1950-02-03") from first
        except ValueError:
            logging.getLogger("leuko.test").exception("a page failed")
    finally:
        logging.setLogRecordFactory(usual)
    text = caplog.text
    assert "ValueError: patient …" in text and "KeyError: …" in text and "test_gate.py" in text
    told = "\n".join(line for line in text.splitlines() if not line.startswith("    "))  # the lines of the code itself
    assert not re.search("Ida|Kern|SIM|1950", told)


FAILING = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
import streamlit as st
from pages.common import gate
if __name__ == "__main__":
    who = " ".join(("Ida", "Kern", "SIM" + "-0001"))  # the log has the lines of the code, and these hold no name
    raise ValueError("no counts of " + who)
else:
    gate.keep_names_out_of_the_log()
    app = st.App(__file__, on_script_error=gate.calm)
"""


@pytest.mark.browser
def test_a_page_that_fails_shows_one_sentence_and_its_log_has_no_name(tmp_path, browser_page):
    script, port = tmp_path / "failing.py", free_port()
    script.write_text(FAILING, encoding="utf-8")
    command = [sys.executable, "-m", "streamlit", "run", str(script), "--server.port", str(port)]
    server = Server(f"http://127.0.0.1:{port}", tmp_path / "server.log")
    with running(command, server, "/_stcore/health"):
        page = browser_page()
        page.goto(server.url)
        expect(page.get_by_text("Something went wrong on this page.")).to_be_visible(timeout=60_000)
        shown = page.locator("body").inner_text()
    assert "Traceback" not in shown and "ValueError" not in shown and "Kern" not in shown
    assert "ValueError: no counts of … … …" in server.printed() and "failing.py" in server.printed()
    assert "Ida Kern" not in server.printed() and "SIM-0001" not in server.printed()


# ---------------------------------------------------------------- in a browser


@pytest.fixture(scope="module")
def hospital(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hospital")
    load_csv(folder / "leuko.duckdb", **wards.hospital(range(6)).write(folder))
    return folder / "leuko.duckdb"


@pytest.mark.browser
@pytest.mark.parametrize("page_name", [*PAGES, "patient?patient=S0-P1", "protocols?part=try"])
def test_no_page_breaks_the_policy_or_asks_anybody_but_the_server(server, hospital, browser_page, page_name):
    served, page = server(hospital), browser_page()
    page.set_default_timeout(60_000)
    requests, told = [], []
    page.on("request", lambda request: requests.append(request.url))
    page.on("websocket", lambda socket: requests.append(socket.url.replace("ws://", "http://")))
    page.on("console", lambda message: told.append(message.text) if message.type == "error" else None)
    page.add_init_script(
        "window.broken = []; document.addEventListener('securitypolicyviolation', "
        "event => window.broken.push(event.violatedDirective + ' ' + event.blockedURI))"
    )
    page.goto(f"{served.url}/{page_name}")
    expect(page.get_by_text("No sign-in: for one person on this machine")).to_be_visible(timeout=60_000)
    page.wait_for_timeout(3000)
    assert page.evaluate("window.broken") == []
    assert [url for url in requests if not url.startswith((served.url, "data:", "blob:"))] == []
    assert [line for line in told if "Content Security Policy" in line] == []
