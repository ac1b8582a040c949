"""A database opened so that nothing that runs on it can write to its file, or to the folder of tables that it is.

Opened read-only and closed to the outside, DuckDB still lets a query write over the files that it may read, the
database itself among them: `COPY ... TO` its path. So what this account may write is opened by a second name, in a
folder of its own, and both are gone before anything runs.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb

from leuko import folders


def opened(place: Path, settings: Mapping[str, str]) -> duckdb.DuckDBPyConnection:
    """A connection to a published file, or to a folder of its tables, with settings that close it to the outside.

    A folder that this account may write is copied, as a database, for as long as it is open. Without settings nothing
    is closed. Raises FolderError where a folder is not whole, OSError where there is no room for the second name.
    """
    config = {**settings, "temp_directory": f"{place}.tmp"}
    if not settings or not may_write(place):
        return folders.opened(place, config) if place.is_dir() else duckdb.connect(place, read_only=True, config=config)
    # A disk on the network may keep an empty folder for as long as the file is read.
    with TemporaryDirectory(prefix=f".{place.name}.", dir=place.parent, ignore_cleanup_errors=True) as own:
        door = Path(own) / "tables.duckdb"
        folders.copy(place, door, config) if place.is_dir() else os.link(place, door)
        return duckdb.connect(door, read_only=True, config=config)


def may_write(place: Path) -> bool:
    """Whether this account may write to a file, or to any file of a folder of tables."""
    files = [file for of in folders.tables_in(place).values() for file in of] if place.is_dir() else [place]
    return any(os.access(file, os.W_OK) for file in files)
