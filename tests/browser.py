"""Chromium for the browser tests and the screenshots: find it, install it, start it.

`python tests/browser.py` makes sure that there is one: `LEUKO_CHROMIUM` or a `chromium` on the PATH serves as
it is; root on Debian gets Debian's package, everybody else the build that Playwright downloads.
"""

import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright

QUIET = [  # no traffic of the browser's own, nothing that needs a graphics card or a large /dev/shm
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
]


def executable() -> str | None:
    """Path of the Chromium to use; None stands for the one that Playwright brings itself."""
    named = os.environ.get("LEUKO_CHROMIUM")
    if named and not shutil.which(named):
        raise FileNotFoundError(f"LEUKO_CHROMIUM names {named}, which is not a program")
    return shutil.which(named or "chromium")


@contextmanager
def chromium() -> Iterator[Browser]:
    """A headless Chromium, closed at the end."""
    sandbox = ["--no-sandbox"] if is_root() else []  # Chromium refuses to run as root inside its sandbox
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable(), args=QUIET + sandbox)
        try:
            yield browser
        finally:
            browser.close()


def is_root() -> bool:
    return hasattr(os, "geteuid") and os.geteuid() == 0


def is_debian() -> bool:
    try:
        return platform.freedesktop_os_release().get("ID") == "debian"
    except OSError:  # no os-release file: macOS, Windows
        return False


def apt_get(*arguments: str, attempts: int = 3) -> bool:
    """Run apt-get without questions, again after a pause where it failed; True where it succeeded."""
    command = ["apt-get", *arguments]
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for attempt in range(attempts):
        time.sleep(5 * attempt)
        if subprocess.run(command, env=environment, stdin=subprocess.DEVNULL).returncode == 0:
            return True
    return False


def install() -> None:
    """Install Chromium where there is none; raises CalledProcessError where no way worked."""
    if executable():
        return
    if is_root() and is_debian():
        print("Installing Debian's chromium", flush=True)
        # The error mode keeps a half-failed update from passing for a good one.
        packages = ["chromium", "fonts-dejavu-core"]
        updated = apt_get("update", "-qq", "-o", "APT::Update::Error-Mode=any")
        if updated and apt_get("install", "-y", "-qq", "--no-install-recommends", *packages):
            return
        print("Debian's package could not be installed; trying Playwright's own", file=sys.stderr, flush=True)
    playwright = [sys.executable, "-m", "playwright", "install", "chromium"]
    subprocess.run(playwright, check=True, stdin=subprocess.DEVNULL)


if __name__ == "__main__":
    try:
        install()
    except (FileNotFoundError, subprocess.CalledProcessError) as error:
        sys.exit(f"No Chromium for the browser tests: {error}")
