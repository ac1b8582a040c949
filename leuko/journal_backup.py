"""The journal as a file, CSV or Parquet, and back again: what is put back is entry by entry what was exported."""

import csv
from collections.abc import Iterable
from dataclasses import astuple, fields
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb
import pandas

from leuko.journal import Entry, Journal
from leuko.journal_databases import JournalError, first_line
from leuko.workbook import RUNS

NAMES = tuple(field.name for field in fields(Entry))
BEFORE = NAMES[:-2]  # of exports from before accounts were kept
NUMBERS = ("number", "episode", "replaces")
# Text that a spreadsheet would run gets an apostrophe in front, and so does text that begins with one.
GUARDED = (*RUNS, "'")


def export(journal: Journal, file: Path) -> int:
    """Write every entry into a new file, `.csv` or `.parquet`; gives how many. Raises JournalError."""
    check_name(file)
    rows = [[as_text(value) for value in astuple(entry)] for entry in journal.entries()]
    if file.suffix == ".csv":
        with open(file, "w", encoding="utf-8", newline="") as opened:
            csv.writer(opened, lineterminator="\n").writerows([NAMES, *map(guarded, rows)])
        return len(rows)
    frame = pandas.DataFrame(rows, columns=list(NAMES), dtype="string")
    with duckdb.connect() as con:
        con.register("frame", frame)
        con.execute(f"COPY (FROM frame) TO '{str(file).replace(chr(39), chr(39) * 2)}' (FORMAT parquet)")
    return len(rows)


def restore(journal: Journal, file: Path) -> int:
    """Put an exported file back into a journal without entries, all of it or nothing; gives how many entries."""
    check_name(file)
    try:
        names, rows = read_csv(file) if file.suffix == ".csv" else read_parquet(file)
        if tuple(names) not in (NAMES, BEFORE) or any(len(row) != len(names) for row in rows):
            raise JournalError(f"{file.name}: is not a journal that was exported")
        entries = [entry_from(dict(zip(names, row, strict=True))) for row in rows]
    except (ValueError, csv.Error, duckdb.Error) as unreadable:
        raise JournalError(f"{file.name}: cannot be read: {first_line(unreadable)}") from unreadable
    return journal.put_back(entries)


def check_name(file: Path) -> None:
    if file.suffix not in (".csv", ".parquet"):
        raise JournalError(f"{file.name}: must end in .csv or .parquet")


def as_text(value: object) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return "" if value is None else str(value)


def guarded(row: list[str]) -> Iterable[str]:
    return (f"'{text}" if text.startswith(GUARDED) else text for text in row)


def read_csv(file: Path) -> tuple[Iterable[str], list[list[str]]]:
    with open(file, encoding="utf-8", newline="") as opened:
        names, *rows = list(csv.reader(opened)) or [[]]
    return names, [[text.removeprefix("'") for text in row] for row in rows]


def read_parquet(file: Path) -> tuple[Iterable[str], list[tuple]]:
    with duckdb.connect() as con:
        found = con.execute("FROM read_parquet(?)", [str(file)])
        return [column[0] for column in found.description], found.fetchall()


def entry_from(row: dict[str, str]) -> Entry:
    numbers = {name: int(row[name]) if row[name] else None for name in NUMBERS}
    until_on = date.fromisoformat(row["until_on"]) if row["until_on"] else None
    return Entry(**row | numbers | {"at": datetime.fromisoformat(row["at"]), "until_on": until_on})
