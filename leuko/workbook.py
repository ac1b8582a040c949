"""The audit for a spreadsheet: CSV files and an Excel workbook in which no text can run as a formula.

The workbook opens with the definitions, then has one sheet a measure with its events, those not met first.
Dates are dates, and every text is written as text, whatever it begins with. The numbers are those of `leuko.extract`.
"""

import csv
from collections.abc import Iterable, Sequence
from datetime import datetime, time
from os import PathLike, fspath
from typing import BinaryIO, TextIO

import numpy
import pandas
import xlsxwriter
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from leuko.extract import (
    ENDINGS,
    NOTICE,
    Extract,
    endings_in_words,
    grace_in_words,
    interval_in_words,
    rate_in_words,
)
from leuko.figures.panels import rows
from leuko.measures import MEASURES, Measure

RUNS = tuple("=+-@\t\r\n＝＋－＠")  # a cell that begins so may run as a formula where the file is opened
OPTIONS = {
    "in_memory": True,  # nothing of a patient goes to a temporary file
    "strings_to_formulas": False,
    "strings_to_urls": False,
    "strings_to_numbers": False,
    "nan_inf_to_errors": False,
}
MOST_ROWS = 20_000  # events of a sheet, so that a workbook of all measures is made in half a minute and opens
LONGEST = 32_767  # characters that Excel takes in a cell
EARLIEST = pandas.Timestamp(1900, 3, 1)  # days before this have no certain number in Excel; they are written as text
FACES = {
    "title": {"bold": True, "font_size": 16},
    "heading": {"bold": True, "font_size": 12},
    "strong": {"bold": True},
    "head": {"bold": True, "bottom": 1, "bg_color": "#e3e8ed", "text_wrap": True, "valign": "top"},
    "text": {"valign": "top"},
    "wrapped": {"text_wrap": True, "valign": "top"},
    "day": {"num_format": "yyyy-mm-dd", "align": "left", "valign": "top"},
    "number": {"num_format": "#,##0", "valign": "top"},
}
# Columns of a measure's sheet: head, column of the events, characters wide.
EVENTS = (
    ("patient", "patient_id", 14), ("name", "name", 22), ("site", "site", 14), ("clinician", "clinician", 18),
    ("drug", "drug", 16), ("protocol", "protocol", 26), ("episode", "episode", 9), ("ending", "ending", 12),
    ("reason", "reason", 52), ("due on", "due_on", 12), ("happened on", "happened_on", 13),
)  # fmt: skip
DEFINED = (
    ("measure", 26), ("rate", 24), ("95 % interval", 18), ("events", 10), *((word, 12) for word, _ in ENDINGS.values()),
    ("median", 10), ("90th percentile", 11), ("unit", 10), ("time allowed", 34), ("population", 44), ("exclusions", 44),
    ("numerator", 44), ("one event is", 26), ("standard", 44),
)  # fmt: skip
SET = (
    ("setting", 28), ("in force", 10), ("default", 10), ("unit", 10), ("changed", 14), ("what it means", 60),
    ("source", 60),
)  # fmt: skip


# ---------------------------------------------------------------- CSV


def safe_cell(value: object) -> object:
    """A cell of a CSV file that no spreadsheet runs: text that begins like a formula gets an apostrophe in front."""
    return f"'{value}" if isinstance(value, str) and value.startswith(RUNS) else value


def write_csv(file: TextIO, frame: pandas.DataFrame) -> None:
    """Write a frame as CSV: days YYYY-MM-DD, plain numbers, empty for none, text that cannot run.

    Open the file with `newline=""`.
    """
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(frame.columns)
    writer.writerows(zip(*(plain_cells(column) for _, column in frame.items()), strict=True))


def plain_cells(column: pandas.Series) -> Iterable[str]:
    missing = column.isna().tolist()
    return ("" if none else plain(value) for value, none in zip(column.tolist(), missing, strict=True))


def plain(value: object) -> str:
    """`2026-03-31`, `0.25`, `430`: numbers in full and without an exponent."""
    if isinstance(value, pandas.Timestamp):
        return f"{value:%Y-%m-%d}"
    if isinstance(value, float):
        return numpy.format_float_positional(value, trim="-")
    return str(value) if isinstance(value, int) else safe_cell(str(value))


# ---------------------------------------------------------------- the workbook


class Book:
    """A workbook being written, with its faces."""

    def __init__(self, file: BinaryIO | str | PathLike[str], found: Extract):
        self.workbook = xlsxwriter.Workbook(file if hasattr(file, "write") else fspath(file), OPTIONS)
        about = found.about
        self.workbook.set_properties(
            {
                "title": "Adherence audit",
                "subject": "Simulated data" if about.simulated else about.title,
                "comments": NOTICE,
                "created": datetime.combine(found.as_of, time()),  # the library reads no clock
            }
        )
        self.faces: dict[str, Format] = {name: self.workbook.add_format(face) for name, face in FACES.items()}

    def sheet(self, name: str, widths: Sequence[int]) -> Worksheet:
        sheet = self.workbook.add_worksheet(name)
        for place, width in enumerate(widths):
            sheet.set_column(place, place, width)
        sheet.set_landscape()
        sheet.set_paper(9)  # A4
        sheet.fit_to_pages(1, 0)
        sheet.set_footer("&L&A&R&P / &N")
        return sheet

    def write(self, sheet: Worksheet, row: int, column: int, value: object, face: str = "text") -> None:
        """One cell: a day as a day, a number as a number, text as text and never as a formula; None is left empty."""
        if value is None:
            return
        if isinstance(value, pandas.Timestamp):
            if value >= EARLIEST:
                sheet.write_datetime(row, column, value.to_pydatetime(), self.faces["day"])
                return
            value = f"{value:%Y-%m-%d}"
        if isinstance(value, int | float):
            sheet.write_number(row, column, value, self.faces["number"])
            return
        text = str(value)
        sheet.write_string(row, column, text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…", self.faces[face])

    def line(self, sheet: Worksheet, row: int, values: Iterable[object], face: str = "text") -> None:
        for column, value in enumerate(values):
            self.write(sheet, row, column, value, face)


def write_workbook(file: BinaryIO | str | PathLike[str], found: Extract) -> None:
    """Write the audit as an Excel workbook, to a path or to a buffer of bytes."""
    book = Book(file, found)
    write_definitions(book, found)
    for measure in MEASURES.values():
        write_measure(book, found, measure)
    write_settings(book, found)
    book.workbook.close()


def write_definitions(book: Book, found: Extract) -> None:
    """The first sheet: what was read, what each measure counts with its numbers, and how an event ends."""
    sheet = book.sheet("Definitions", [width for _, width in DEFINED])
    book.write(sheet, 0, 0, "Adherence audit", "title")
    book.write(sheet, 1, 0, NOTICE)
    place = 2
    if found.about.simulated:
        book.write(sheet, place, 0, f"Simulated data. {found.about.note}".strip(), "strong")
        place += 1
    for name, words in found.facts.items():
        book.line(sheet, place, [name, words])
        place += 1
    place = write_block(book, sheet, place + 1, "Measures", [name for name, _ in DEFINED], measure_lines(found))
    endings = [[word, meaning] for word, meaning in ENDINGS.values()]
    write_block(book, sheet, place + 1, "How an event ends", ["ending", "meaning"], endings, "text")
    sheet.freeze_panes(0, 1)


def write_settings(book: Book, found: Extract) -> None:
    """The last sheet: the settings in force, and which of them were changed."""
    sheet = book.sheet("Settings", [width for _, width in SET])
    book.line(sheet, 0, [name for name, _ in SET], "head")
    for place, each in enumerate(found.settings.values(), start=1):
        changed = "changed" if each.changed else "as by default"
        line = [each.name, each.value, each.default, each.unit, changed, each.what, each.source]
        book.line(sheet, place, line, "wrapped")
    sheet.freeze_panes(1, 1)


def write_block(
    book: Book,
    sheet: Worksheet,
    place: int,
    title: str,
    heads: Sequence[str],
    lines: Iterable[Sequence[object]],
    face: str = "wrapped",
) -> int:
    """A title, heads and lines below each other; gives the row after them."""
    book.write(sheet, place, 0, title, "heading")
    book.line(sheet, place + 1, heads, "head")
    place += 2
    for line in lines:
        book.line(sheet, place, line, face)
        place += 1
    return place


def measure_lines(found: Extract) -> Iterable[list[object]]:
    for row in rows(found.measures[found.measures["by"].eq("all")]):
        measure = MEASURES[row["measure"]]
        yield [
            measure.title, rate_in_words(row, found.minimum), interval_in_words(row, found.minimum) or None,
            row["population"], *(row[ending] for ending in ENDINGS), row["median_days"], row["p90_days"], measure.unit,
            grace_in_words(measure, found.settings), measure.population, measure.exclusions, measure.numerator,
            measure.grain, measure.standard,
        ]  # fmt: skip


def write_measure(book: Book, found: Extract, measure: Measure) -> None:
    """The events of a measure: its sentence in the first row, then heads that stay, with a filter."""
    (row,) = rows(found.of(measure.name))
    heads = [*(head for head, *_ in EVENTS), measure.unit]
    events = found.events(measure.name, MOST_ROWS)
    sheet = book.sheet(measure.name, [*(width for *_, width in EVENTS), 10])
    said = f"{measure.title}: {rate_in_words(row, found.minimum)}. {endings_in_words(row)}."
    if len(events) < row["population"]:
        said += f" The first {len(events):,} are listed, what was not met before all others."
    book.write(sheet, 0, 0, said, "strong")
    book.line(sheet, 1, heads, "head")
    columns = [*(name for _, name, _ in EVENTS), "days"]
    words = events.assign(ending=events["ending"].map({ending: word for ending, (word, _) in ENDINGS.items()}))
    for place, event in enumerate(rows(words[columns]), start=2):
        book.line(sheet, place, event.values())
    sheet.freeze_panes(2, 1)
    sheet.autofilter(1, 0, max(2, len(events) + 1), len(heads) - 1)
    sheet.repeat_rows(1)
