"""Where the journal is kept: a DuckDB file where one process serves, PostgreSQL where several do; the same SQL on both.

Each opens a connection for one piece of work and closes it again, so that the command line reads a journal that the
dashboard uses, and no connection outlives a fault. What is not committed when it ends was never there. To open a file
takes 20 ms of a processor, so what was read from it is remembered as long as it has not changed.
"""

import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import ClassVar

import duckdb

SCHEMA = (
    """CREATE {} IF NOT EXISTS entries (
        number BIGINT PRIMARY KEY, token TEXT NOT NULL UNIQUE, written_at TIMESTAMP NOT NULL,
        who TEXT NOT NULL, role TEXT NOT NULL, patient_id TEXT NOT NULL, site TEXT NOT NULL,
        drug TEXT NOT NULL, protocol TEXT NOT NULL, recommendation TEXT NOT NULL, episode BIGINT,
        kind TEXT NOT NULL, reason TEXT NOT NULL, until_on DATE, addressee TEXT NOT NULL, words TEXT NOT NULL,
        replaces BIGINT, account TEXT DEFAULT '', addressee_account TEXT DEFAULT ''
    )""",
    """CREATE {} IF NOT EXISTS visits (
        who TEXT NOT NULL, load_number BIGINT NOT NULL, as_of DATE NOT NULL, written_at TIMESTAMP NOT NULL,
        account TEXT DEFAULT ''
    )""",
)
# What journals from before accounts were written lack.
ADDED = (
    "ALTER TABLE entries ADD COLUMN IF NOT EXISTS account TEXT DEFAULT ''",
    "ALTER TABLE entries ADD COLUMN IF NOT EXISTS addressee_account TEXT DEFAULT ''",
    "ALTER TABLE visits ADD COLUMN IF NOT EXISTS account TEXT DEFAULT ''",
)
# PostgreSQL alone can refuse to change a row. What the owner of the tables may still do, docs/journal.md says.
ONLY_APPENDED = """
    CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION 'the journal is only appended to'; END $$;
    CREATE OR REPLACE TRIGGER only_appended BEFORE UPDATE OR DELETE OR TRUNCATE ON entries
        FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
    CREATE OR REPLACE TRIGGER only_appended BEFORE UPDATE OR DELETE OR TRUNCATE ON visits
        FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
"""
# The tables that are there, by the columns of the one that was made or changed last.
COLUMNS = "SELECT column_name FROM information_schema.columns WHERE table_name = 'visits' AND table_schema = {}"
NEWEST = ("account",)
TURN = 5_385_865  # the number of the lock by which writers take turns: any, and always the same
WAIT, TRIES = 0.05, 100  # seconds between two tries to open a file that another process has open, and how many
REMEMBERED = 1000  # answers of journals in files
SECONDS = 5  # that a server may take to answer

Run = Callable[..., list[tuple]]


class JournalError(OSError):
    """The journal cannot be read or written, or an entry was refused; the text is one line for the user."""


class DuckFile:
    """A journal in a file. One process at a time has it open; another waits for its turn."""

    _turn = threading.Lock()
    _remembered: ClassVar[OrderedDict[tuple, list[tuple]]] = OrderedDict()

    def __init__(self, file: Path):
        self.file = file

    @contextmanager
    def work(self, *, writing: bool) -> Iterator[Run]:
        """A transaction: `run(query, *values)` gives rows. It is kept when the block has ended without an error.

        Who only reads is given what was read before of the file as it is; each of his queries stands by itself.
        """
        if writing:
            with self._turn, self._transaction(writing) as run:
                yield run
        else:
            yield self._from_memory

    def _from_memory(self, query: str, *values: object) -> list[tuple]:
        asked = self._as_it_is(), query, values
        rows = self._remembered.get(asked)
        if rows is None:
            with self._transaction(writing=False) as run:
                rows = self._remembered[asked] = run(query, *values)
            while len(self._remembered) > REMEMBERED:
                self._remembered.popitem(last=False)
        return rows

    def _as_it_is(self) -> tuple:
        """What is another after each write: a commit writes to the file, or to the log beside it."""
        found = []
        for file in (self.file, Path(f"{self.file}.wal")):
            with suppress(FileNotFoundError):
                told = file.stat()
                found.append((str(file.absolute()), told.st_ino, told.st_size, told.st_mtime_ns))
        return (*found,) or (str(self.file.absolute()),)

    @contextmanager
    def _transaction(self, writing: bool) -> Iterator[Run]:
        try:
            with closing(self._opened(writing)) as con:
                run = run_on(con)
                run("BEGIN TRANSACTION")
                columns = run(COLUMNS.format("'main'"))
                # Who only reads finds a journal that nobody has written to empty, and leaves it as it is.
                if NEWEST not in columns:
                    prepare(run, "TABLE" if writing or columns else "TEMP TABLE")
                yield run
                run("COMMIT")
        except duckdb.Error as failed:
            raise JournalError(f"{self.file.name}: {first_line(failed)}") from failed

    def _opened(self, writing: bool) -> duckdb.DuckDBPyConnection:
        if self.file.exists():
            return self._when_free()
        if not writing:
            return duckdb.connect()
        if not self.file.parent.is_dir():
            raise JournalError(f"{self.file.name}: there is no folder {self.file.parent}")
        con = self._when_free()
        os.chmod(self.file, 0o600)
        return con

    def _when_free(self) -> duckdb.DuckDBPyConnection:
        for _ in range(TRIES):
            try:
                return duckdb.connect(str(self.file), config={"enable_external_access": "false", "threads": "1"})
            except duckdb.IOException as taken:
                if "lock" not in str(taken):
                    raise
            time.sleep(WAIT)
        raise JournalError(f"{self.file.name}: another process has it open")


class PostgreSQL:
    """A journal on a server, for several processes that serve; rows cannot be changed there."""

    def __init__(self, address: str):
        self.address = address

    @contextmanager
    def work(self, *, writing: bool) -> Iterator[Run]:
        """As `DuckFile.work`."""
        try:
            import psycopg  # only where a server is named
        except ImportError as missing:
            raise JournalError("a journal in PostgreSQL needs the package psycopg") from missing
        try:
            with psycopg.connect(self.address, connect_timeout=SECONDS) as con:
                run = run_on(con, "%s")
                if writing:
                    run("SELECT pg_advisory_xact_lock(?)", TURN)
                yield self._prepared(run, writing)
        except psycopg.Error as failed:
            raise JournalError(f"the journal in PostgreSQL: {first_line(failed)}") from failed

    def _prepared(self, run: Run, writing: bool) -> Run:
        if NEWEST not in run(COLUMNS.format("current_schema()")):
            if not writing:
                run("SELECT pg_advisory_xact_lock(?)", TURN)
            prepare(run, "TABLE")
            run(ONLY_APPENDED)
        return run


def database_at(place: str | Path) -> DuckFile | PostgreSQL:
    """The database that a place names: an address `postgresql://…`, or else a file."""
    is_server = str(place).startswith(("postgresql://", "postgres://"))
    return PostgreSQL(str(place)) if is_server else DuckFile(Path(place))


def prepare(run: Run, kind: str) -> None:
    for statement in (*SCHEMA, *ADDED):
        run(statement.format(kind))


def run_on(con: object, mark: str = "?") -> Run:
    def run(query: str, *values: object) -> list[tuple]:
        found = con.execute(query.replace("?", mark), values or None)
        return found.fetchall() if found.description else []

    return run


def first_line(failed: Exception) -> str:
    return (str(failed).splitlines() or [type(failed).__name__])[0]
