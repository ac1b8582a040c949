"""PostgreSQL for the tests of the journal: find it, install it, start it as a user without rights.

`python tests/postgres.py` makes sure that there is one: `LEUKO_POSTGRES` names the folder of its programs, or one of
Debian's places has them; root on Debian gets Debian's package. Without one, the tests that need it are skipped.
"""

import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

if __name__ == "__main__":  # run as a script, by the Makefile
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.browser import apt_get, is_debian, is_root

MISSING = (
    "no PostgreSQL server: the journal is tested on DuckDB alone. `apt-get install postgresql` brings one, or name the "
    "folder of `initdb` and `postgres` in LEUKO_POSTGRES"
)
START_SECONDS = 60


def programs() -> Path | None:
    """The folder with `initdb` and `postgres`, of the newest version; None where there is none."""
    named = os.environ.get("LEUKO_POSTGRES")
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name))
    on_path = shutil.which("postgres")
    places = [Path(named)] if named else [*reversed(versions), *([Path(on_path).parent] if on_path else [])]
    return next((place for place in places if (place / "initdb").exists() and (place / "postgres").exists()), None)


def without_rights() -> dict:
    """Who runs the server: PostgreSQL refuses to be run by root."""
    if not is_root():
        return {}
    known = {user.pw_name for user in pwd.getpwall()}
    user = pwd.getpwnam("postgres" if "postgres" in known else "nobody")
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


class Server:
    """A server on a socket in a folder of its own, for nobody else."""

    def __init__(self, folder: Path):
        self.folder, self.data = folder, folder / "data"
        self.rights = without_rights()
        self.process: subprocess.Popen | None = None
        if self.rights:
            os.chown(folder, self.rights["user"], self.rights["group"])
        self._run("initdb", "--username=leuko", "--auth=trust", "--encoding=UTF8", "--no-sync", f"--pgdata={self.data}")

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [programs() / program, *arguments], cwd=self.folder, capture_output=True, text=True, check=False,
            env=self._environment(), **self.rights,
        )  # fmt: skip
        if done.returncode:
            raise RuntimeError(done.stdout + done.stderr)

    def _environment(self) -> dict[str, str]:
        return {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}

    def start(self) -> None:
        command = [programs() / "postgres", "-D", self.data, "-k", self.folder, "-c", "listen_addresses="]
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen(
                [*map(str, command), "-c", "shared_buffers=16MB"], cwd=self.folder, stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, env=self._environment(), **self.rights,
            )  # fmt: skip
        deadline = time.monotonic() + START_SECONDS
        while self.process.poll() is None and time.monotonic() < deadline:
            try:
                psycopg.connect(self.address("postgres"), connect_timeout=2).close()
                return
            except psycopg.OperationalError:
                time.sleep(0.1)
        raise RuntimeError((self.folder / "log").read_text(errors="replace"))

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """SIGINT: in order; SIGQUIT: as in a crash, without writing anything down."""
        if self.process:
            self.process.send_signal(how)
            self.process.wait(timeout=START_SECONDS)

    def address(self, database: str) -> str:
        return f"postgresql://leuko@/{database}?host={self.folder}"

    def new_database(self, name: str) -> str:
        """The address of an empty database."""
        with psycopg.connect(self.address("postgres"), autocommit=True) as con:
            con.execute(f'CREATE DATABASE "{name}"')
        return self.address(name)


@contextmanager
def server(place: str | None = None) -> Iterator[Server]:
    """A running server until the block ends, its files in a new folder, below `place` where one is named."""
    folder = Path(tempfile.mkdtemp(prefix="leuko-postgres-", dir=place))
    started = None
    try:
        started = Server(folder)
        started.start()
        yield started
    finally:
        if started:
            started.stop()
        shutil.rmtree(folder, ignore_errors=True)


def install() -> None:
    """Install PostgreSQL where there is none and it can be had; say how where not."""
    if programs():
        return
    if is_root() and is_debian():
        print("Installing Debian's postgresql", flush=True)
        updated = apt_get("update", "-qq", "-o", "APT::Update::Error-Mode=any")
        if updated and apt_get("install", "-y", "-qq", "--no-install-recommends", "postgresql"):
            return
    print(MISSING, file=sys.stderr, flush=True)


if __name__ == "__main__":
    install()
