"""A database on a disk that is full, run by tests/test_faults.py where a small disk can be mounted for it alone.

    unshare --mount python -m tests.small_disk PLACE FOLDER FOLDER

mounts a small disk at PLACE, loads the first folder there, and tries to load, to add and to undo with ever more space
left on it.
"""

import os
import subprocess
import sys
from pathlib import Path

from tests.commands import Command
from tests.deliveries import contents

SIZE = 64  # MB
SHARES = (0, 0.02, 0.5, 0.9)  # of the space that a version takes


def main(place: Path, first: Path, second: Path) -> None:
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE}m", "leuko", str(place)], check=True)
    db = place / "ward.duckdb"
    adding = ("load", "--add", "--from", second, "--db", db)
    loading = ("load", "--from", first, "--db", db)
    for _ in range(2):
        assert Command(*loading).wait() == 0
    before, beside, takes = contents(db), sorted(os.listdir(place)), Path(os.path.realpath(db)).stat().st_size
    tries = [(share, arguments) for share in SHARES for arguments in (adding, loading, ("undo", "--db", db))]
    for share, arguments in [*tries, (1.02, adding)]:  # enough for the copy, not for what is added
        fill(place, leaving=int(share * takes))
        load = Command(*arguments)
        status, said = load.wait(), load.said()
        assert (status, len(said)) == (1, 1), (share, arguments, status, said)
        print(f"{share:.0%} left: {' '.join(arguments[:2])}: {said[0]}")
        assert contents(db) == before
        (place / "full").unlink()
        assert sorted(os.listdir(place)) == beside
    assert Command(*adding).wait() == 0
    assert contents(db) != before


def fill(place: Path, leaving: int) -> None:
    """Write a file that leaves so many bytes of the disk."""
    found = os.statvfs(place)
    with open(place / "full", "wb") as file:
        os.posix_fallocate(file.fileno(), 0, found.f_bavail * found.f_frsize - leaving)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
