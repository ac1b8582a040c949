"""Every load of a database, kept in it: its number, its files with their hashes, its settings, what it replaced.

Tables: `loads` (one row a load; `before`: the version that stood then; `patients`: how many it touched, empty for all;
`holds`: the loads whose rows the version has, so that what was undone does not count; `software`: a stamp of leuko
itself), `load_files` (one row a file of
a load), `load_report` (rows read, loaded, set aside and already there, by file), `load_notes` (what a reader says of a
file) and `replaced` (rows that a later row took the place of, as they were).
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path

import duckdb

from leuko.settings import Setting
from leuko.sources import SourceError

LIBRARY = Path(__file__).parent
TABLES = {
    "loads": """number INTEGER, kind TEXT, loaded_at TIMESTAMP, as_of DATE, before INTEGER, patients BIGINT,
        holds INTEGER[], protocols_version TEXT, settings TEXT, software TEXT""",
    "load_files": "number INTEGER, file TEXT, bytes BIGINT, sha256 TEXT",
    "replaced": "number INTEGER, kind TEXT, source TEXT, raw_record TEXT",
}


@dataclass(frozen=True)
class InputFile:
    """A file as it was when a load began to read it; `changed`: when it was last written, in nanoseconds."""

    path: Path
    bytes: int
    changed: int
    sha256: str


@dataclass(frozen=True)
class Load:
    """A load: its number, its kind (`load`, `add` or `undo`), when it began (UTC), the version that stood before it."""

    number: int
    kind: str
    began: datetime
    before: int | None


@dataclass(frozen=True)
class Made:
    """With which settings (JSON), and by which leuko, a version's answers were worked out."""

    settings: str
    software: str


def take_in(paths: Iterable[Path]) -> tuple[InputFile, ...]:
    """The files of a load with their hashes; SourceError where one cannot be read."""
    return tuple(fingerprint(path) for path in paths)


def fingerprint(path: Path) -> InputFile:
    try:
        found = path.stat()
        with open(path, "rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise SourceError(f"{path.name}: cannot be read ({error.strerror})") from error
    return InputFile(path, found.st_size, found.st_mtime_ns, digest)


def refuse_changed(files: Iterable[InputFile]) -> None:
    """Raise SourceError where a file was written to while the load read it: half of a file is no file."""
    for file in files:
        found = file.path.stat() if file.path.exists() else None
        if found is None or (found.st_size, found.st_mtime_ns) != (file.bytes, file.changed):
            raise SourceError(f"{file.path.name}: was still being written; load it when it is complete")


def begin(con: duckdb.DuckDBPyConnection, number: int, files: Iterable[InputFile]) -> None:
    """Begin the history of the canonical tables in `con` with the files that a load read them from."""
    con.execute(
        f"""CREATE OR REPLACE TABLE load_report AS
        SELECT *, CAST(0 AS BIGINT) AS already_there, {number:d} AS number FROM load_report"""
    )
    con.execute("CREATE TABLE IF NOT EXISTS load_notes (file TEXT, note TEXT)")
    for name, columns in TABLES.items():
        con.execute(f"CREATE TABLE {name} ({columns})")
    for file in files:
        con.execute(
            "INSERT INTO load_files VALUES (?, ?, ?, ?)", [number, file.path.name, file.bytes, file.sha256]
        )


def carry_on(con: duckdb.DuckDBPyConnection) -> None:
    """Keep what `before`, the version that this one replaces, says of the loads up to it."""
    for name in ("loads", "load_files"):
        con.execute(f"INSERT INTO {name} BY NAME FROM before.{name} WHERE number NOT IN (SELECT number FROM {name})")


def held(con: duckdb.DuckDBPyConnection) -> list[int]:
    """The loads whose rows the tables of `con` have."""
    return con.execute("SELECT coalesce(arg_max(holds, number), []) FROM loads").fetchall()[0][0]


def write(
    con: duckdb.DuckDBPyConnection, load: Load, holds: list[int], patients: int | None, made: Made
) -> None:
    """Write a load down; `patients`: how many it touched, None for all of them."""
    con.execute(
        """INSERT INTO loads
        SELECT $number, $kind, $began, as_of, $before, $patients, $holds, protocols_version, $settings, $software
        FROM about""",
        {**vars(load), **vars(made), "holds": holds, "patients": patients},
    )


def made(con: duckdb.DuckDBPyConnection) -> Made:
    """With what the answers of the version in `con` were worked out: its own last load says so."""
    return Made(*con.execute("SELECT settings, software FROM loads ORDER BY number DESC LIMIT 1").fetchall()[0])


def made_now(settings: dict[str, Setting]) -> Made:
    return Made(in_words(settings), software())


@cache
def software() -> str:
    """A short stamp of leuko itself, another where any rule, fact or line of it is another."""
    content = hashlib.sha256()
    for file in sorted(file for file in LIBRARY.rglob("*") if file.suffix in (".py", ".sql", ".csv", ".toml")):
        content.update(f"{file.relative_to(LIBRARY)}\n".encode() + file.read_bytes())
    return content.hexdigest()[:12]


def in_words(settings: dict[str, Setting]) -> str:
    return json.dumps({name: setting.value for name, setting in settings.items()})


def held_since(con: duckdb.DuckDBPyConnection, file: InputFile) -> int | None:
    """The load that brought a file of the same bytes and whose rows the tables of `con` have; None: there is none."""
    found = con.execute(
        "SELECT max(number) FROM load_files WHERE sha256 = ? AND list_contains(?, number)", [file.sha256, held(con)]
    )
    return found.fetchall()[0][0]


def remembers(con: duckdb.DuckDBPyConnection, files: Iterable[InputFile]) -> bool:
    """Whether each of these files came with a load up to this version, also with one that was undone since."""
    came = {sha256 for (sha256,) in con.execute("SELECT DISTINCT sha256 FROM load_files").fetchall()}
    return {file.sha256 for file in files} <= came
