"""What docs/deploy.md prints works as it is printed: the proxy before a real server, the unit, the backup."""

import os
import re
import shutil
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import expect

from leuko import access_log
from leuko.__main__ import main as leuko
from leuko.access import read_access
from leuko.journal import Journal, place_of
from tests.serving import ROOT, SECRETS, Server, dashboard, free_port, identity_provider, running, wait_until_listening
from tests.small_clinic import ACCESS, COOKIE, USERS, write_data
from tests.test_journal import entry

DOCUMENT = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
PATIENT = "N1"


def printed(language):
    """The only example of its kind in the document."""
    (found,) = re.findall(rf"```{language}\n(.*?)```", DOCUMENT, re.DOTALL)
    return found


def tool(name):
    return shutil.which(name) or pytest.skip(f"{name} is not here")


# ---------------------------------------------------------------- the proxy


def proxy_settings(folder, ports, app):
    """The example with the paths, the name and the ports of a test, in the least of an nginx.conf."""
    example = printed("nginx")
    for here, there in {
        "listen 443 ssl": f"listen 127.0.0.1:{ports[0]} ssl", "listen 80": f"listen 127.0.0.1:{ports[1]}",
        "leuko.example.org": "localhost", "/etc/ssl": str(folder), "/var/log/nginx": str(folder),
        "127.0.0.1:8501": f"127.0.0.1:{app}",
    }.items():  # fmt: skip
        assert here in example
        example = example.replace(here, there)
    kept = "".join(f"{name}_temp_path {folder}/{name};\n" for name in
                   ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))  # fmt: skip
    text = (
        f"{'user root;' if os.geteuid() == 0 else ''}\ndaemon off;\n"
        f"pid {folder}/nginx.pid;\nerror_log {folder}/nginx.log;\nevents {{}}\n"
        f"http {{\naccess_log {folder}/access.log;\n{kept}{example}}}\n"
    )
    (folder / "nginx.conf").write_text(text, encoding="utf-8")
    certificate = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    command = [tool("openssl"), *certificate, "-keyout", str(folder / "leuko.key"), "-out", str(folder / "leuko.pem")]
    subprocess.run(command, check=True, capture_output=True)
    return [tool("nginx"), "-c", str(folder / "nginx.conf"), "-e", str(folder / "nginx.log")]


@contextmanager
def behind_a_proxy(folder):
    """The dashboard of two sites with a sign-in, behind the proxy of the document; its address."""
    ports, app = (free_port(), free_port()), free_port()
    command = proxy_settings(folder, ports, app)
    url = f"https://localhost:{ports[0]}"
    database = write_data(folder)
    (folder / "access.toml").write_text(ACCESS.format(hours=8), encoding="utf-8")
    with ExitStack() as started:
        provider = started.enter_context(identity_provider(folder / "provider.log", *USERS))
        secrets = folder / "secrets.toml"
        secrets.write_text(SECRETS.format(url=url, provider=provider.url), encoding="utf-8")
        started.enter_context(dashboard(database, folder / "server.log", "--secrets.files", str(secrets), port=app))
        proxy = Server(f"http://127.0.0.1:{app}", folder / "nginx.out")
        started.enter_context(running(command, proxy, "/_stcore/health"))
        yield url


def test_the_example_of_a_proxy_is_one_that_nginx_takes(tmp_path):
    command = proxy_settings(tmp_path, (free_port(), free_port()), free_port())
    tried = subprocess.run([*command, "-t"], capture_output=True, text=True, timeout=60)
    assert tried.returncode == 0, tried.stderr


@pytest.mark.browser
def test_behind_the_proxy_a_reader_signs_in_and_no_log_names_a_patient(tmp_path, chromium_browser):
    with behind_a_proxy(tmp_path) as url, ExitStack() as opened:
        context = chromium_browser.new_context(ignore_https_errors=True)
        opened.callback(context.close)
        page = context.new_page()
        page.set_default_timeout(60_000)
        asked, sockets = [], []
        page.on("request", lambda request: asked.append(request))
        page.on("websocket", lambda socket: sockets.append(socket.url))
        page.goto(url)
        page.get_by_role("button", name="Sign in").click()
        page.get_by_role("button", name="ida", exact=True).click()
        expect(page.get_by_role("button", name="Sign out")).to_be_visible(timeout=60_000)
        cookies = context.cookies(url)
        assert {cookie["name"] for cookie in cookies} >= {COOKIE}
        assert all(cookie["secure"] for cookie in cookies)
        asked.clear()
        page.goto(f"{url}/patient?patient={PATIENT}")
        expect(page.get_by_text("Ida Kern").first).to_be_visible(timeout=60_000)
        with page.expect_download() as download:
            page.get_by_role("button", name="Summary to print").click()
        assert "Ida Kern" in download.value.path().read_text(encoding="utf-8")
        page.get_by_role("link", name="Panel").click()
        page.get_by_label("Search", exact=True).fill("Kern")
        page.keyboard.press("Enter")
        expect(page.get_by_text("Showing 1–1 of 1 course")).to_be_visible(timeout=60_000)
        assert "Kern" not in page.url
        named = [one for one in asked if PATIENT in one.url and "/media/" not in one.url]
        assert [one.url for one in named] == [f"{url}/patient?patient={PATIENT}"]  # the first request, and no other
        assert all(PATIENT not in one.headers.get("referer", "") for one in asked)
        assert sockets and all("patient" not in socket.split("//")[1] for socket in sockets)
        row = access_log.read(tmp_path / access_log.FILE, patient=PATIENT).iloc[0]
        assert (row["who"], row["address"]) == ("ida@example.org", "127.0.0.1")
    logs = [tmp_path / name for name in ("leuko.log", "leuko.error.log", "nginx.log", "access.log", "server.log")]
    told = "".join(log.read_text(encoding="utf-8") for log in logs if log.exists())
    assert "GET /patient 200" in (tmp_path / "leuko.log").read_text(encoding="utf-8")
    assert PATIENT not in told and "Kern" not in told


def test_a_proxy_whose_server_is_gone_says_so_without_a_name(tmp_path, chromium_browser):
    command = proxy_settings(tmp_path, (ports := (free_port(), free_port())), free_port())
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    context = chromium_browser.new_context(ignore_https_errors=True)
    try:
        page = context.new_page()
        wait_until_listening(process, ports[0])
        answer = page.goto(f"https://localhost:{ports[0]}/patient?patient={PATIENT}")
        assert answer.status == 502
        answer = context.request.get(f"http://localhost:{ports[1]}/patient?patient={PATIENT}", max_redirects=0)
        assert answer.status == 301 and answer.headers["location"] == "https://localhost/"
    finally:
        context.close()
        process.terminate()
        process.wait(timeout=20)
    logs = [file for file in tmp_path.glob("*.log") if file.name != "provider.log"]
    assert not any(PATIENT in log.read_text(encoding="utf-8") for log in logs)


# ---------------------------------------------------------------- the unit


def test_the_unit_is_one_that_systemd_takes(tmp_path):
    unit = tmp_path / "leuko.service"
    text = printed("ini").replace("/srv/leuko/app/.venv/bin/python", sys.executable)
    assert sys.executable in text
    unit.write_text(text, encoding="utf-8")
    tried = subprocess.run([tool("systemd-analyze"), "verify", str(unit)], capture_output=True, text=True, timeout=60)
    assert tried.returncode == 0 and not tried.stderr, tried.stderr


def test_the_unit_lets_the_server_write_where_the_log_and_the_journal_lie(tmp_path, monkeypatch):
    unit = dict(re.findall(r"^(\w+)=(.*)$", printed("ini"), re.MULTILINE))
    database = Path(unit["Environment"].removeprefix("LEUKO_DB="))
    monkeypatch.delenv("LEUKO_JOURNAL", raising=False)
    writable = [Path(unit["ReadWritePaths"]), Path("/var/log") / unit["LogsDirectory"]]
    example = next(text for text in re.findall(r"```toml\n(.*?)```", DOCUMENT, re.DOTALL) if "[[grant]]" in text)
    (tmp_path / "access.toml").write_text(re.sub("^# log", "log", example, flags=re.MULTILINE), encoding="utf-8")
    for written in (place_of(database), database.parent / access_log.FILE, read_access(tmp_path).log):
        assert any(written.is_relative_to(folder) for folder in writable), written


# ---------------------------------------------------------------- the backup


def test_the_backup_is_the_whole_of_it_and_comes_back_by_the_commands_of_the_document(tmp_path, capsys):
    data = tmp_path / "data"
    data.mkdir()
    database = write_data(data)
    (data / "access.toml").write_text(ACCESS.format(hours=8), encoding="utf-8")
    Journal(place_of(database)).record(entry())
    log = data / access_log.FILE
    access_log.write(log, access_log.Opened(entry().at, "ida@example.org", "clinician", "", "panel"))
    command = next(line.strip() for line in DOCUMENT.splitlines() if line.startswith("    cp -a "))
    subprocess.run(command.replace("/srv/leuko/data", str(data)).replace("/mnt/backup", str(tmp_path)),
                   shell=True, check=True)  # fmt: skip
    shutil.rmtree(data)
    (copied,) = tmp_path.glob("leuko-*")
    copied.rename(data)
    assert leuko(["loads", "--db", str(database)]) == 0
    assert leuko(["access", "--db", str(database)]) == 0
    assert "ida@example.org" in capsys.readouterr().out
    assert len(Journal(place_of(database)).entries()) == 1
    named = DOCUMENT[DOCUMENT.index("A backup is") :]
    for kept in ("settings.toml", "access.toml", "access log", "journal", "secrets.toml"):
        assert kept in named
