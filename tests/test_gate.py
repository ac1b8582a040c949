"""What stands before the server: where it starts and whom it answers, its headers, its log."""

import ast
import asyncio
import logging
import os
import re
import subprocess
import sys
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor

import duckdb
import pytest
from playwright.sync_api import expect

from leuko import access_log
from leuko.access import Grant, Reader
from leuko.publish import load_csv
from pages.common import gate, shared, sign_in
from tests import wards
from tests.serving import ROOT, Server, app_at, free_port, running

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


# ---------------------------------------------------------------- without the dashboard


@pytest.fixture
def without_a_gate(monkeypatch):
    monkeypatch.setattr(shared, "WITHIN", threading.Event())


@pytest.mark.parametrize("page", PAGES)
def test_a_page_by_itself_says_one_sentence_and_shows_nothing(folder, without_a_gate, page):
    app = app_at(f"pages/{page}.py", {"patient": "P1"}).run()
    assert [error.value for error in app.error] == [shared.OUTSIDE] and not app.exception
    assert len(app.main.children) == 1 and not [*folder.iterdir()]


def test_without_the_gate_nobody_reads(without_a_gate):
    assert sign_in.reader() is None


def test_the_gate_is_what_a_server_stands_behind(without_a_gate):
    assert not shared.WITHIN.is_set()
    gate.Gate(app)
    assert shared.WITHIN.is_set()


def test_no_other_file_draws_anything_by_itself():
    """Streamlit runs whatever file it is given: only `dashboard.py` and the pages call it at their outermost level."""
    for file in sorted(
        file for folder in ("leuko", "pages/common", "tests", "benchmarks") for file in (ROOT / folder).rglob("*.py")
    ):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        calls = [ast.unparse(node.value) for node in tree.body if isinstance(node, ast.Expr) and not is_text(node)]
        assert not [call for call in calls if call.startswith(("st.", "streamlit."))], file


def is_text(node):
    return isinstance(node.value, ast.Constant)


@pytest.mark.browser
def test_a_server_that_is_started_with_a_page_shows_no_data_to_anybody(tmp_path, browser_page, hospital):
    port = free_port()
    command = [sys.executable, "-m", "streamlit", "run", "pages/panel.py", "--server.port", str(port),
               "--server.address", "0.0.0.0", "--browser.serverAddress", "127.0.0.1"]  # fmt: skip
    server = Server(f"http://127.0.0.1:{port}", tmp_path / "server.log")
    with running(command, server, "/_stcore/health", LEUKO_DB=str(hospital)):
        page = browser_page()
        page.goto(server.url)
        expect(page.get_by_text("This page shows nothing by itself")).to_be_visible(timeout=60_000)
        assert page.get_by_test_id("stDataFrame").count() == 0 and "S0-P1" not in page.content()


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


def test_a_file_goes_to_the_session_that_it_was_made_for_and_to_no_other(folder, options, signing_in, monkeypatch):
    (folder / "access.toml").write_text(ACCESS, encoding="utf-8")
    reader = Reader("ida@example.org", (Grant("ward", "clinician", None, True),), "7", "https://sso.example.org")
    monkeypatch.setattr(sign_in, "reader_of", lambda cookies: reader)
    monkeypatch.setattr(sign_in, "session_of", lambda cookies: "hers")
    monkeypatch.setattr(sign_in, "DOWNLOADS", sign_in.Downloads())
    assert status(asked("/media/a.csv")) == 403
    sign_in.DOWNLOADS.allow("a", "his", {"his", "hers"})
    sent = asked("/media/a.csv")
    assert status(sent) == 403 and b"patients" not in body(sent)
    sign_in.DOWNLOADS.allow("a", "hers", {"his", "hers"})
    assert body(asked("/media/a.csv")) == b"patients"
    assert status(asked("/media/b.csv")) == 403
    rows = access_log.read(folder / access_log.FILE)
    assert rows["opened"].tolist() == ["refused", "file", "refused", "refused"]
    assert rows["what"].tolist() == ["list.csv", "list.csv", "a.csv", "list.csv"]
    assert {*rows["sub"]} == {"7"} and {*rows["iss"]} == {reader.iss}


def test_files_of_sessions_that_are_over_are_forgotten():
    downloads = sign_in.Downloads()
    downloads.allow("a", "his", {"his"})
    downloads.allow("b", "hers", {"hers"})
    assert not downloads.is_for("a", "his") and downloads.is_for("b", "hers") and len(downloads._made) == 1


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


NAMED = re.compile("ida|kern|sim-0|1950", re.IGNORECASE)
WORDS = " ".join(("ida", "Kern", "sim-0001", "born", "1950-02-03"))  # the log has lines of the code, without these


@pytest.fixture
def quiet_log(monkeypatch, caplog):
    """The log as the server keeps it, for the length of a test."""
    usual = logging.getLogRecordFactory()
    for module, name in ((sys, "excepthook"), (sys, "unraisablehook"), (threading, "excepthook"),
                         (warnings, "formatwarning")):  # fmt: skip
        monkeypatch.setattr(module, name, getattr(module, name))
    gate.keep_names_out_of_the_log()
    yield caplog
    logging.setLogRecordFactory(usual)


def test_the_log_has_the_place_and_the_type_of_an_exception_and_none_of_its_words(quiet_log):
    try:
        try:
            {}[WORDS]
        except KeyError as first:
            raise ValueError(f"no counts of {WORDS}") from first
    except ValueError:
        logging.getLogger("leuko.test").exception("a page failed")
    assert re.search(r"\nValueError$", quiet_log.text, re.MULTILINE) and "\nKeyError\n" in quiet_log.text
    assert "test_gate.py" in quiet_log.text and "a page failed" in quiet_log.text
    assert not NAMED.search(quiet_log.text)


@pytest.mark.parametrize("say", [
    lambda log, error: log.error("cannot be read: %s", error),
    lambda log, error: log.error(error),
    lambda log, error: log.warning("cannot be read", exc_info=error),
], ids=["in the message", "as the message", "beside it"])  # fmt: skip
def test_an_exception_in_a_message_is_told_by_its_type(quiet_log, say):
    say(logging.getLogger("leuko.test"), duckdb.ConversionException(WORDS))
    assert "ConversionException" in quiet_log.text and not NAMED.search(quiet_log.text)


def test_what_duckdb_says_of_a_row_is_not_in_the_log(quiet_log):
    try:
        duckdb.execute("SELECT CAST($words AS INTEGER)", {"words": WORDS})
    except duckdb.Error as error:
        assert NAMED.search(str(error))
        logging.getLogger("leuko.test").exception("a query failed")
    assert "ConversionException" in quiet_log.text and not NAMED.search(quiet_log.text)


def test_what_nobody_catches_and_what_is_only_warned_of_has_no_words_either(quiet_log, capsys):
    def failing():
        raise ValueError(WORDS)

    thread = threading.Thread(target=failing)
    thread.start()
    thread.join()
    printed = quiet_log.text + "".join(capsys.readouterr())
    printed += warnings.formatwarning(UserWarning(WORDS), UserWarning, "page.py", 7)
    assert "ValueError" in printed and "page.py:7: UserWarning" in printed and not NAMED.search(printed)


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
    assert re.search("^ValueError$", server.printed(), re.MULTILINE) and "failing.py" in server.printed()
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
