"""The real dashboard, started as a user starts it, on a free loopback port."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from streamlit.testing.v1 import AppTest

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 60
SECRETS = """[auth]
redirect_uri = "{url}/oauth2callback"
cookie_secret = "a-secret-of-the-tests-and-of-nobody-else"
client_id = "leuko"
client_secret = "another"
server_metadata_url = "{provider}/.well-known/openid-configuration"
"""


@dataclass(frozen=True)
class Server:
    """A running dashboard: its address, the file that takes all it prints, and the number of its process."""

    url: str
    log: Path
    process: int = 0

    def printed(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")


@contextmanager
def dashboard(database: Path, log: Path, *options: str, port: int | None = None) -> Iterator[Server]:
    """Serve `database` until the block ends; raises RuntimeError with the log where no server comes up."""
    port = port or free_port()
    command = [sys.executable, "-m", "streamlit", "run", "dashboard.py", "--server.port", str(port), *options]
    with running(command, Server(f"http://127.0.0.1:{port}", log), "/_stcore/health", LEUKO_DB=str(database)) as server:
        yield server


@contextmanager
def identity_provider(log: Path, *users: dict) -> Iterator[Server]:
    """An OpenID Connect provider on a loopback port that knows these users, each a dict of claims with `sub`."""
    port = free_port()
    named = [part for user in users for part in ("--user-claims", json.dumps(user))]
    command = [sys.executable, "-m", "oidc_provider_mock", "--port", str(port), *named]
    path = "/.well-known/openid-configuration"
    with running(command, Server(f"http://127.0.0.1:{port}", log), path) as server:
        yield server


@contextmanager
def behind_sign_in(database: Path, folder: Path, *users: dict) -> Iterator[Server]:
    """Serve `database` to these users of a provider; `folder` takes the logs and the secrets."""
    port = free_port()
    with identity_provider(folder / "provider.log", *users) as provider:
        secrets = folder / "secrets.toml"
        secrets.write_text(SECRETS.format(url=f"http://127.0.0.1:{port}", provider=provider.url), encoding="utf-8")
        with dashboard(database, folder / "server.log", "--secrets.files", str(secrets), port=port) as server:
            yield server


@contextmanager
def running(command: list[str], server: Server, healthy: str, **environment: str) -> Iterator[Server]:
    """A process until the block ends, given out once it answers at the path `healthy`."""
    with server.log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            wait_until_healthy(process, server, healthy)
            yield replace(server, process=process.pid)
        finally:
            stop(process)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until_healthy(process: subprocess.Popen, server: Server, path: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        if is_healthy(server.url + path):
            return
        time.sleep(0.1)
    raise RuntimeError(f"Nothing started at {server.url}:\n{server.printed()}")


def wait_until_listening(process: subprocess.Popen, port: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise RuntimeError(f"Nothing listens on {port}")


def is_healthy(url: str) -> bool:
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # no proxy reaches a loopback
    try:
        with direct.open(url, timeout=2) as answer:
            return answer.status == 200
    except OSError:  # refused, or no answer yet
        return False


def app_at(page: str, address: dict[str, str], timeout: int = 30) -> AppTest:
    """A page of the dashboard at this address, not yet run."""
    app = AppTest.from_file(ROOT / page, default_timeout=timeout)
    for name, value in address.items():
        app.query_params[name] = value
    return app


def type_into(app: AppTest, key: str, words: str) -> AppTest:
    """Type into the field of this key, and let the page run."""
    return next(field for field in app.text_input if field.key == key).set_value(words).run()


def stop(process: subprocess.Popen) -> None:
    process.terminate()
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
