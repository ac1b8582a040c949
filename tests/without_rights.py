"""Files that this account may not write, also where root runs the tests."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

NOBODY = 65534


@contextmanager
def not_to_be_written(place: Path) -> Iterator[Path]:
    """A copy of a file or folder; until the block ends, this process is somebody who may read it alone."""
    with tempfile.TemporaryDirectory(prefix="leuko-read-") as kept:
        copied = Path(kept).resolve() / place.name
        shutil.copytree(place, copied) if place.is_dir() else shutil.copyfile(place, copied)
        parts = [copied.parent, copied, *copied.rglob("*")]
        for part in parts:
            part.chmod(0o555 if part.is_dir() else 0o444)
        is_root = os.geteuid() == 0
        if is_root:
            os.setresuid(NOBODY, NOBODY, 0)
        try:
            yield copied
        finally:
            if is_root:
                os.setresuid(0, 0, 0)
            for part in parts:
                part.chmod(0o700)
