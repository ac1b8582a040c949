"""The access log: who opened which page, patient or file, when, from which address; one JSON line each, only appended.

Each line has the hash of the line before it, so that a line altered or taken out shows (`verify`); what was cut off
at the end does not, so copies of the file belong elsewhere. Times are UTC and given in by the caller.
"""

import fcntl
import hashlib
import json
import os
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path

import pandas

FILE = "access_log.jsonl"
COLUMNS = ("at", "who", "roles", "address", "opened", "patient", "what", "sub", "iss")
LATER = dict.fromkeys(("sub", "iss"), "")  # which older lines do not have
BEFORE = "before"  # the hash of the line before
MOST_CHARACTERS = 500  # of each value; an address can be as long as whoever types it likes
TAIL = 65_536  # bytes, many times the longest line
MOST_LINES = 1000


class LogError(OSError):
    """A line could not be written, or the log not be read; the text is one line for the user."""


@dataclass(frozen=True)
class Opened:
    """One line: when, who with which roles, from which address, opened what, of which patient, and which part.

    `sub` and `iss` say which account of which provider: two may have the same address.
    """

    at: datetime
    who: str
    roles: str
    address: str
    opened: str
    patient: str = ""
    what: str = ""
    sub: str = ""
    iss: str = ""


@dataclass
class Verdict:
    """How many lines a log has, which of them (from 1) cannot be read and which do not follow the one before."""

    lines: int = 0
    damaged: list[int] = field(default_factory=list)
    broken: list[int] = field(default_factory=list)

    @property
    def is_whole(self) -> bool:
        return not self.damaged and not self.broken

    @property
    def words(self) -> str:
        """`1,204 lines, each follows the one before it.`"""
        lines = f"{self.lines:,} {'line' if self.lines == 1 else 'lines'}"
        if self.is_whole:
            return f"{lines}, each follows the one before it."
        parts = [
            f"{len(numbers):,} {what} (the first is line {numbers[0]:,})"
            for numbers, what in ((self.broken, "after a line altered or taken out"), (self.damaged, "cannot be read"))
            if numbers
        ]
        return f"{lines}, of which {', '.join(parts)}."


def write(file: Path, opened: Opened) -> None:
    """Append one line and see it on the disk; raises LogError, and leaves no part of it, where that fails."""
    try:
        with locked(file) as descriptor:
            end = os.fstat(descriptor).st_size
            line = line_of(opened, last_line(descriptor, end))
            try:
                if os.write(descriptor, line) != len(line):
                    raise OSError("the disk is full")
                os.fsync(descriptor)
            except OSError:
                os.ftruncate(descriptor, end)
                raise
    except OSError as failed:
        raise LogError(f"the access log cannot be written: {failed.strerror or failed}") from failed


@contextmanager
def locked(file: Path) -> Iterator[int]:
    """The file, for its owner alone to read and for one writer at a time."""
    descriptor = os.open(file, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield descriptor
    finally:
        os.close(descriptor)  # which gives the lock back


def last_line(descriptor: int, end: int) -> bytes:
    """The last line, with its end where it has one; empty where there is none."""
    begin = max(0, end - TAIL)
    tail = os.pread(descriptor, end - begin, begin)
    return tail[tail.rstrip(b"\n").rfind(b"\n") + 1 :]


def line_of(opened: Opened, before: bytes) -> bytes:
    """The line as it is written; where the one before was cut short, it is first given its end."""
    told = {name: legible(str(value)) for name, value in vars(opened).items()}
    told["at"] = opened.at.isoformat(timespec="milliseconds")
    line = json.dumps(told | {BEFORE: hash_of(before)}).encode() + b"\n"
    return line if not before or before.endswith(b"\n") else b"\n" + line


def legible(text: str) -> str:
    """A text that every program can read again, and no longer than a value may be."""
    return text[:MOST_CHARACTERS].encode("utf-8", "replace").decode("utf-8")


def hash_of(line: bytes) -> str:
    return hashlib.sha256(line.rstrip(b"\n")).hexdigest() if line else ""


def verify(file: Path) -> Verdict:
    """Read the whole log and follow its chain; a log that is not there yet has no line."""
    verdict = Verdict()
    before = b""
    for verdict.lines, line in enumerate(lines(file), start=1):
        told = read_line(line)
        if told is None:
            verdict.damaged.append(verdict.lines)
        elif told[BEFORE] != hash_of(before):
            verdict.broken.append(verdict.lines)
        before = line
    return verdict


def read(
    file: Path, who: str = "", patient: str = "", day: date | None = None, most: int | None = MOST_LINES
) -> pandas.DataFrame:
    """The last `most` lines that fit (None: all), the newest first: COLUMNS as text.

    `who` and `patient` may be parts, in any case.
    """
    kept: deque[dict] = deque(maxlen=most)
    for line in lines(file):
        told = read_line(line)
        if told and fits(told, who, patient, day):
            kept.appendleft(told)
    return pandas.DataFrame(kept, columns=list(COLUMNS), dtype="string")


def fits(told: dict, who: str, patient: str, day: date | None) -> bool:
    return (
        who.lower() in told["who"].lower()
        and patient.lower() in told["patient"].lower()
        and (day is None or told["at"].startswith(day.isoformat()))
    )


def lines(file: Path) -> Iterator[bytes]:
    try:
        with open(file, "rb") as opened:
            yield from opened
    except FileNotFoundError:
        return
    except OSError as failed:
        raise LogError(f"the access log cannot be read: {failed.strerror or failed}") from failed


def read_line(line: bytes) -> dict | None:
    """A line by its names; None where it is damaged."""
    try:
        found = json.loads(line)
    except ValueError:
        return None
    told = LATER | found if isinstance(found, dict) else {}
    named = all(isinstance(told.get(name), str) for name in (*COLUMNS, BEFORE))
    return told if named and line.endswith(b"\n") else None
