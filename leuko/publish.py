"""Loads: a database built anew from files (`load`), on a copy of what stands there (`add`), or put back (`undo`).

Each ends in a new version beside the old one, published in one step, so that readers go on with the old one until then.
"""

import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb

from leuko import additions, answers, changes, count_units, history, sources, waiting
from leuko.audit import write_settings
from leuko.evaluation import last_day
from leuko.facts import write_facts, write_grades
from leuko.history import InputFile, Load, Made
from leuko.protocols import load_protocols, version, write_tables
from leuko.settings import Setting, read_settings
from leuko.sources import SourceError
from leuko.store import LAYOUT, QUERIES, StoreError, open_published
from leuko.versions import building_place, current, flush, is_whole, only_load, point_to, published

ORIGIN = {"title": str, "simulated": bool, "note": str}
ABOUT = """
    CREATE OR REPLACE TABLE about AS SELECT
        CAST($as_of AS DATE) AS as_of,
        least(
            $as_of, (SELECT CAST(min(collected_at) AS DATE) FROM labs), (SELECT min(start_on) FROM exposures)
        ) AS first_day,
        greatest(
            $as_of, (SELECT CAST(greatest(max(collected_at), max(reported_at)) AS DATE) FROM labs),
            (SELECT max(start_on) FROM exposures)
        ) AS last_on,
        $title AS title, $simulated AS simulated, $note AS note,
        $protocols_version AS protocols_version, $layout AS layout, $number AS number
"""
DRAWS = f"""
    CREATE VIEW draws AS
    WITH known_labs AS (
        FROM labs WHERE CAST(greatest(collected_at, reported_at) AS DATE) <= (SELECT as_of FROM about)
    ), results_used AS ({QUERIES['results_used']}) {QUERIES['draws']}
"""
# The room of the rows that additions exchanged is used again in one load of these, for that moves the rows of all
# others; until then the file grows. Where everybody is answered anew, no such room is left.
VACUUM_EVERY = 10
SET_ASIDE_OF_LOAD = "SELECT CAST(coalesce(sum(set_aside), 0) AS BIGINT) FROM load_report WHERE number = ?"

Read = Callable[[duckdb.DuckDBPyConnection], None]
Say = Callable[[str], None]
OnStep = Callable[[float], None]


class NothingNew(StoreError):
    """Every file of a load was loaded before."""


@dataclass(frozen=True)
class Version:
    """The version that a load builds at `place`; `replaces` is the file that readers open until then, None at first."""

    load: Load
    place: Path
    replaces: Path | None
    settings: dict[str, Setting]

    def copy(self, like: Path) -> None:
        """Make the file a copy of another version; StoreError where that one is damaged."""
        with ThreadPoolExecutor() as beside:
            whole = beside.submit(is_whole, like)
            copied = beside.submit(shutil.copyfile, like, self.place)
        if not whole.result():
            raise StoreError(
                f"{like}: damaged, or published by another version of leuko; load again, or undo the last load"
            )
        copied.result()

    def opened(self, like: Path | None = None) -> duckdb.DuckDBPyConnection:
        """A connection to the file, as catalog `base`, with what it replaces as `before` where that is whole.

        `like`: the version that it is a copy of.
        """
        con = connected(self.place)
        if self.replaces is not None and (self.replaces == like or is_whole(self.replaces)):
            attach(con, self.replaces, "before")
        return con


def load_csv(
    db: str | os.PathLike,
    *,
    labs: str | os.PathLike,
    exposures: str | os.PathLike,
    patients: str | os.PathLike | None = None,
    events: str | os.PathLike | None = None,
    dose_unit: str = "mg",
    as_of: date | None = None,
    origin: dict | None = None,
    say: Say = lambda line: None,
) -> int:
    """Publish a new database at `db` from CSV files: see `load`."""
    given = {"labs": labs, "exposures": exposures, "patients": patients, "events": events}

    def read(con: duckdb.DuckDBPyConnection) -> None:
        sources.read_csv(con, **given, dose_unit=dose_unit)

    files = [Path(file) for file in given.values() if file is not None]
    return load(db, read, files=files, as_of=as_of, origin=origin, say=say)


def load(
    db: str | os.PathLike,
    read: Read,
    *,
    files: Iterable[Path] = (),
    as_of: date | None = None,
    origin: dict | None = None,
    say: Say = lambda line: None,
    on_step: OnStep = lambda share: None,
) -> int:
    """Publish a new database at `db` from what `read` brings in, evaluated for `as_of` (default: its last day).

    `read` is one of the readers of `leuko.sources`: it fills the canonical tables of the connection that it is given.
    `files` are those it reads, whose hashes are kept. `origin` may hold `title`, `simulated` and `note`, which every
    screen shows. `say` is told what is being done, and `on_step` which share of applying the rule is done. Gives the
    number of rows that were set aside. Raises SourceError, ProtocolError or StoreError, and leaves the database as it
    was.
    """
    with building(Path(db), "load", say) as new, closing(new.opened()) as con:
        say("Reading the files")
        bring_in(con, read, history.take_in(files), new.load.number)
        say("Applying the rule")
        day = as_of or last_day(con)
        answer_all(con, day, new.settings, on_step)
        told = {name: kind((origin or {}).get(name, kind())) for name, kind in ORIGIN.items()}
        said = {**told, "as_of": day, "protocols_version": version(load_protocols())}
        sign(con, new, said, [new.load.number])
        con.execute(DRAWS)
        return con.execute(SET_ASIDE_OF_LOAD, [new.load.number]).fetchall()[0][0]


def add(
    db: str | os.PathLike,
    read: Read,
    *,
    files: Iterable[Path] = (),
    as_of: date | None = None,
    origin: dict | None = None,
    say: Say = lambda line: None,
    on_step: OnStep = lambda share: None,
) -> int:
    """Publish `db` anew with what `read` brings in beside what stands there: see `load` and `leuko.additions`.

    Only the patients that it touches are answered anew, and on a later day those whom the day may answer otherwise; all
    of them where these are many (`additions.MOST_ANEW`), where the protocols, the settings or leuko itself are others,
    or the day is an earlier one. `as_of`: default the last day with a result or a dose, and never before the day of the
    database.
    Gives the number of these rows that were set aside. Raises NothingNew where all of the files were loaded before.
    """
    with building(Path(db), "add", say) as new, ThreadPoolExecutor(1) as beside:
        if new.replaces is None:
            raise StoreError(f"{db}: there is no database to add to; load one first")
        came = history.take_in(files)
        copied = beside.submit(new.copy, new.replaces)
        try:
            standing = standing_in(new.replaces, Path(db), came, origin or {})
            say("Reading the files")
            added = new.place.with_name("added.duckdb")
            with closing(connected(added)) as reading:
                bring_in(reading, read, came, new.load.number)
        finally:
            if isinstance(copied.exception(), StoreError):
                copied.result()  # it is damaged, which is the reason of all else
        copied.result()
        flushed = beside.submit(flush, new.place)  # so that little is left to wait for at the end
        with closing(new.opened(like=new.replaces)) as con:
            attach(con, added, "added")
            touched = additions.merge(con, new.load.number)
            say("Applying the rule")
            day = as_of or max(standing["as_of"], last_day(con))
            said = {**standing, "as_of": day, "protocols_version": version(load_protocols())}
            was_on = standing["as_of"]
            alike = {**said, "as_of": was_on} == standing and history.made(con) == history.made_now(new.settings)
            others_stand = alike and additions.take_in_unsettled(con, was_on, day)
            if others_stand:
                if new.load.number % VACUUM_EVERY:
                    con.execute("SET max_vacuum_tasks = 0")
                answers.rewrite(con, was_on, day, new.settings, on_step)
            else:
                answer_all(con, day, new.settings, on_step)
            flushed.result()  # a disk that could not write says so once
            sign(con, new, said, [*history.held(con), new.load.number], touched, others_stand=others_stand)
            return con.execute(SET_ASIDE_OF_LOAD, [new.load.number]).fetchall()[0][0]


def remembers(db: Path, files: Iterable[Path]) -> bool:
    """Whether each of these files came with a load that the database remembers, also with one that was undone."""
    con, _ = open_published(os.path.realpath(db), {})
    with closing(con):
        return history.remembers(con, history.take_in(files))


def undo(db: str | os.PathLike, *, say: Say = lambda line: None) -> int:
    """Publish again the version that stood before the last load, as a load of its own; gives the number it had.

    One version before is kept: one load can be undone, and an undo in turn. Raises StoreError where it is gone.
    """
    with building(Path(db), "undo", say) as new:
        number = max((number for number in published(Path(db)) if number != new.load.before), default=None)
        if number is None:
            raise StoreError(f"{db}: there is no version before this one to go back to")
        like = published(Path(db))[number]
        new.copy(like)
        with closing(new.opened(like)) as con:
            sign(con, new, said_by(con, Path(db)), history.held(con), 0, made=history.made(con))
        return number


@contextmanager
def building(db: Path, kind: str, say: Say) -> Iterator[Version]:
    """A version to build, published where the block ends well; StoreError where another load runs."""
    with only_load(db) as number, building_place(db) as place:
        before, replaces = current(db) or (None, None)
        began = datetime.fromtimestamp(place.parent.stat().st_mtime, UTC).replace(tzinfo=None)
        yield Version(Load(number, kind, began, before), place, replaces, read_settings(db.absolute().parent))
        say("Publishing")
        point_to(db, place, number)


def bring_in(con: duckdb.DuckDBPyConnection, read: Read, came: tuple[InputFile, ...], number: int) -> None:
    """Read the files of a load into the canonical tables, and write down which files they were."""
    read(con)
    history.refuse_changed(came)
    history.begin(con, number, came)


def answer_all(
    con: duckdb.DuckDBPyConnection, as_of: date, settings: dict[str, Setting], on_step: OnStep
) -> None:
    """Write all that rests on the day, the protocols and the settings."""
    write_tables(con, load_protocols())
    write_facts(con, temporary=False)
    answers.write(con, as_of, settings, on_step)
    write_grades(con)
    write_settings(con, settings)


def sign(
    con: duckdb.DuckDBPyConnection,
    new: Version,
    said: dict,
    holds: list[int],
    touched: int | None = None,
    *,
    others_stand: bool = False,
    made: Made | None = None,
) -> None:
    """Write what a version says of itself, which load made it, and what is another than in the one it replaces.

    `touched`: how many patients it touched, None for all. `others_stand`: the answers of all others are those of the
    version that it replaces. `made`: with what its answers were worked out, None for now.
    """
    con.execute(ABOUT, {**said, "layout": LAYOUT, "number": new.load.number})
    con.execute("DROP TABLE IF EXISTS changed_courses")
    carries_on = follows(con)
    if carries_on:
        history.carry_on(con)
        compared = additions.OF_DRAWS_ANEW if others_stand else ()
        changes.write(con, said["as_of"], count_units.at_load(con), *compared)
        waiting.carry_on(con, new.load.began, others_stand=others_stand)
    else:
        changes.write_nothing(con)
        waiting.begin(con, new.load.began if new.load.before is None else None)
    history.write(con, new.load, holds, touched, made or history.made_now(new.settings))
    con.execute("CHECKPOINT")


def said_by(con: duckdb.DuckDBPyConnection, db: Path) -> dict:
    """What the version in `con` says of itself; StoreError where this software cannot read it."""
    if layout_of(con, "main") != LAYOUT:
        raise StoreError(f"{db}: not a database that this version of leuko published; load again")
    names = ("as_of", *ORIGIN, "protocols_version")
    return dict(zip(names, con.execute(f"SELECT {', '.join(names)} FROM about").fetchall()[0], strict=True))


def standing_in(version: Path, db: Path, came: tuple[InputFile, ...], origin: dict) -> dict:
    """What a version says of itself; raises where these files, or this origin, cannot be added to it."""
    with closing(duckdb.connect()) as con:
        attach(con, version, "base")
        con.execute("USE base")
        standing = said_by(con, db)
        refuse_known(con, came)
        refuse_mixture(standing, origin)
        return standing


def follows(con: duckdb.DuckDBPyConnection) -> bool:
    """Whether the version before can be read, to carry on its history and to compare with it."""
    return layout_of(con, "before") == LAYOUT


def layout_of(con: duckdb.DuckDBPyConnection, catalog: str) -> int | None:
    try:
        return con.execute(f"SELECT layout FROM {catalog}.about").fetchall()[0][0]
    except duckdb.Error:
        return None


def refuse_known(con: duckdb.DuckDBPyConnection, came: tuple[InputFile, ...]) -> None:
    loads = [history.held_since(con, file) for file in came]
    if loads and all(loads):
        known = ", ".join(f"{file.path.name} came with load {load}" for file, load in zip(came, loads, strict=True))
        raise NothingNew(f"nothing new: {known}")


def refuse_mixture(standing: dict, origin: dict) -> None:
    if origin.get("simulated") and not standing["simulated"]:
        raise SourceError("simulated patients cannot be added to a database of real ones")


def connected(file: Path) -> duckdb.DuckDBPyConnection:
    """A connection to a file that is built, without DuckDB's bars of progress: they would fill the log of a watch.

    Nothing waits for the disk before `point_to` does: what a crash leaves unfinished is never opened.
    """
    con = duckdb.connect(str(file))
    con.execute("SET enable_progress_bar = false; SET fsync_mode = 'NONE'")
    return con


def attach(con: duckdb.DuckDBPyConnection, file: Path, name: str) -> None:
    path = str(file).replace("'", "''")
    con.execute(f"ATTACH '{path}' AS {name} (READ_ONLY)")
