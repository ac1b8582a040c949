"""Versions of a database: files beside its name, of which the name, a symbolic link, points to one.

A version is written in a folder of its own, closed, renamed, and then the link is re-pointed in one step. A crash at
any moment leaves the old version whole; a reader never sees half of a new one. Its name ends in the checksum of its
bytes, so that damage on the disk is seen before anything is built on it.
"""

import fcntl
import os
import re
import shutil
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from leuko.store import StoreError

KEPT = 2
NAME = re.compile(r"\.v(\d+)-[0-9a-f]{8}")
READ_AT_ONCE = 2**22  # bytes


class LoadRunning(StoreError):
    """Another load of the same database has not ended."""


@contextmanager
def building_place(db: Path) -> Iterator[Path]:
    """A file name in a folder of its own, where a killed load leaves DuckDB's log and spill files too."""
    folder = Path(f"{db}.building")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    try:
        yield folder / "base.duckdb"
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def only_load(db: Path) -> Iterator[int]:
    """The number of this load, while no other load of the same database runs; StoreError where one does."""
    if db.exists() and not db.is_symlink():
        raise StoreError(f"{db}: is a file that leuko did not publish; name another")
    if not db.absolute().parent.is_dir():
        raise StoreError(f"{db}: there is no folder {db.parent}")
    with open(f"{db}.lock", "w", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise LoadRunning(f"{db}: another load is running") from error
        remove_unpublished(db)
        yield max(published(db), default=0) + 1


def remove_unpublished(db: Path) -> None:
    """Remove what a load built that was killed before its last step: versions after the one that readers open."""
    opened = current(db)
    for number, file in published(db).items():
        if opened and number > opened[0]:
            file.unlink()


def published(db: Path) -> dict[int, Path]:
    """The versions of a database that stand beside its name, by number."""
    beside = ((file, NAME.fullmatch(file.name.removeprefix(db.name))) for file in db.parent.iterdir())
    return {int(version[1]): file for file, version in beside if version and file.name.startswith(db.name)}


def current(db: Path) -> tuple[int, Path] | None:
    """The version that readers open, with its number; None where nothing was published or the file is gone."""
    file = Path(os.path.realpath(db))
    return next(((number, path) for number, path in published(db).items() if path.name == file.name), None)


def point_to(db: Path, built: Path, number: int) -> None:
    """Make the built file the one that readers open, in one step, and remove old versions.

    The name is never used again, also where all versions were removed by hand: caches are keyed by it, and among the
    bytes of its checksum is the moment of the load.
    """
    flush(built)
    final = db.with_name(f"{db.name}.v{number}-{checksum(built)}")
    os.replace(built, final)
    link = db.with_name(f"{db.name}.link")
    link.unlink(missing_ok=True)
    link.symlink_to(final.name)
    os.replace(link, db)
    flush(db.absolute().parent)
    versions = published(db)
    for old in sorted(versions)[:-KEPT]:
        versions[old].unlink()


def is_whole(version: Path) -> bool:
    """Whether a version has the bytes that it was published with."""
    try:
        return version.name.endswith(f"-{checksum(version)}")
    except OSError:
        return False


def checksum(file: Path) -> str:
    """The CRC-32 of a file."""
    found = 0
    with open(file, "rb") as content:
        while part := content.read(READ_AT_ONCE):
            found = zlib.crc32(part, found)
    return f"{found:08x}"


def flush(path: Path) -> None:
    """Wait until a file or folder is on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
