"""A small disk for one test, mounted where nobody else sees it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.serving import ROOT

LONGEST = 600  # seconds


def on_small_disk(module: str, place: Path | str, *words: object) -> subprocess.CompletedProcess:
    """Run a module that mounts a small disk at `place`; the test is skipped where none can be mounted."""
    try:
        mounted = apart("mount", "-t", "tmpfs", "-o", "size=1m", "leuko", place)
    except FileNotFoundError:
        pytest.skip("unshare is not there: no small disk can be mounted")
    if mounted.returncode:
        pytest.skip(f"no small disk can be mounted here: {mounted.stderr.strip()}")
    return apart(sys.executable, "-m", module, place, *words)


def apart(*words: object) -> subprocess.CompletedProcess:
    """A command in a mount namespace of its own."""
    as_root = () if os.getuid() == 0 else ("--user", "--map-root-user")
    command = ["unshare", *as_root, "--mount", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, timeout=LONGEST)
