"""A journal on a disk that is full, run by tests/test_journal.py where a small disk can be mounted for it alone.

    unshare --mount python -m tests.small_journal PLACE duckdb|postgresql

mounts a small disk at PLACE and writes entries until none fits, makes room and goes on.
"""

import subprocess
import sys
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

from leuko.journal import MOST_CHARACTERS, Entry, Journal
from leuko.journal_databases import JournalError
from tests import postgres
from tests.small_disk import fill

SIZES = {"duckdb": 8, "postgresql": 128}  # MB
MOST = 20_000  # entries, many times what the space that is left takes
LEFT = 300_000  # bytes


def entry(number: int) -> Entry:
    return Entry(
        0, f"t{number}", datetime(2026, 3, 31, tzinfo=UTC), "ida", "clinician", "P1", "", "dasatinib", "", "hold", None,
        "comment", words=f"{number} ".ljust(MOST_CHARACTERS, "x"),
    )  # fmt: skip


def main(place: Path, kind: str) -> None:
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZES[kind]}m,mode=755", "leuko", str(place)], check=True)
    with ExitStack() as stack:
        server = stack.enter_context(postgres.server(str(place))) if kind == "postgresql" else None
        address = server.new_database("ward") if server else place / "ward.journal.duckdb"
        journal = Journal(address)
        kept = [journal.record(entry(0))]
        fill(place, leaving=LEFT)
        failed = None
        while failed is None and len(kept) < MOST:
            try:
                kept.append(journal.record(entry(len(kept))))
            except JournalError as full:
                failed = full
        assert failed and len(str(failed).splitlines()) == 1, failed
        print(f"{kind}: {len(kept)} entries kept, then: {failed}")
        if kind == "duckdb":  # PostgreSQL may have stopped, and says so
            assert journal.entries() == kept
        (place / "full").unlink()
        if server and server.process.poll() is not None:
            server.start()
        found = Journal(address).entries()
        assert found[: len(kept)] == kept and len(found) - len(kept) in (0, 1), (len(found), len(kept))
        again = Journal(address).record(entry(len(kept)))  # the click of which nothing was heard
        assert again.number == len(kept) + 1
        assert [one.number for one in Journal(address).entries()] == list(range(1, len(kept) + 2))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
