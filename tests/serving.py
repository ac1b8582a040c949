"""The real dashboard, started as a user starts it, on a free loopback port."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from streamlit.testing.v1 import AppTest

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 60


@dataclass(frozen=True)
class Server:
    """A running dashboard: its address, and the file that takes all it prints."""

    url: str
    log: Path

    def printed(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")


@contextmanager
def dashboard(database: Path, log: Path) -> Iterator[Server]:
    """Serve `database` until the block ends; raises RuntimeError with the log where no server comes up."""
    port = free_port()
    server = Server(f"http://127.0.0.1:{port}", log)
    command = [sys.executable, "-m", "streamlit", "run", "dashboard.py", "--server.port", str(port)]
    environment = {**os.environ, "LEUKO_DB": str(database)}
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            wait_until_healthy(process, server)
            yield server
        finally:
            stop(process)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until_healthy(process: subprocess.Popen, server: Server) -> None:
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        if is_healthy(server.url):
            return
        time.sleep(0.1)
    raise RuntimeError(f"The dashboard did not start at {server.url}:\n{server.printed()}")


def is_healthy(url: str) -> bool:
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # no proxy reaches a loopback
    try:
        with direct.open(f"{url}/_stcore/health", timeout=2) as answer:
            return answer.status == 200
    except OSError:  # refused, or no answer yet
        return False


def app_at(page: str, address: dict[str, str], timeout: int = 30) -> AppTest:
    """A page of the dashboard at this address, not yet run."""
    app = AppTest.from_file(ROOT / page, default_timeout=timeout)
    for name, value in address.items():
        app.query_params[name] = value
    return app


def stop(process: subprocess.Popen) -> None:
    process.terminate()
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
