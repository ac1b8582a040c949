"""Excel workbooks (.xlsx), cell by cell as they are stored: dates in ISO 8601, numbers with Excel's 15 digits."""

import datetime
import json
import warnings
import zipfile

import openpyxl
import pandas

from leuko.sources import SourceError

# A workbook is held in memory: what is larger belongs into a CSV or Parquet file.
LARGEST_UNPACKED = 300 << 20  # bytes of all its parts
MOST_CELLS = 20_000_000


def bring_excel(con, table, label, path, section):
    """Fill `raw_<table>` from a sheet, the first or the one named; gives the names of its columns and how it was read.

    Of a formula the value that Excel left with it is read. Empty rows are no rows. A row with cells beyond the last
    name goes to `malformed`. Raises SourceError where the workbook cannot be read or is too large.
    """
    try:
        _refuse_large(path, label)
        with warnings.catch_warnings(action="ignore"):  # of styles and validations, which are not read
            book = openpyxl.load_workbook(path, read_only=True, data_only=True)
            try:
                sheet, rows = _cells(book, section.sheet, label)
            finally:
                book.close()
    except (SourceError, OSError):
        raise
    except Exception as error:  # a damaged workbook makes its parsers raise whatever they meet
        raise SourceError(f"{label}: cannot be read as an Excel workbook ({type(error).__name__})") from error
    if len(rows) < section.header or not any(rows[section.header - 1]):
        raise SourceError(f"{label}: no column names in line {section.header}")
    names = [cell or "" for cell in rows[section.header - 1]]
    kept, wide = [], []
    for place, cells in enumerate(rows[section.header :], start=1):
        if cells:
            (kept if len(cells) <= len(names) else wide).append((place, cells))
    _fill(con, table, label, len(names), kept)
    for place, cells in wide:
        con.execute(
            "INSERT INTO malformed VALUES (?, ?, ?, 'malformed line: too many columns')",
            [table, f"{label} line {place + section.header}", json.dumps({"line": cells})],
        )
    return names, f"Excel, sheet {sheet}"


def _cells(book, wanted, label):
    if wanted and wanted not in book.sheetnames:
        raise SourceError(f"{label}: there is no sheet {wanted}")
    sheet = book[wanted] if wanted else book.worksheets[0]
    sheet.reset_dimensions()  # a wrong size in the file must not cut rows off
    rows, left = [], MOST_CELLS
    for values in sheet.iter_rows(values_only=True):
        left -= max(len(values), 1)
        if left < 0:
            raise SourceError(f"{label}: has more than {MOST_CELLS:,} cells: save the sheet as CSV")
        rows.append(_without_empty_end([_text(value) for value in values]))
    return sheet.title, rows


def _refuse_large(path, label):
    """A workbook is a zip: its parts together, unpacked, must fit into memory."""
    with zipfile.ZipFile(path) as packed:
        size = sum(part.file_size for part in packed.infolist())
    if size > LARGEST_UNPACKED:
        raise SourceError(
            f"{label}: is {size / 2**20:,.0f} MB unpacked, more than {LARGEST_UNPACKED / 2**20:,.0f}: save it as CSV"
        )


def _fill(con, table, label, width, rows):
    padded = [[place, *cells, *[None] * (width - len(cells))] for place, cells in rows]
    brought = pandas.DataFrame(padded, columns=["place", *(f"c{place}" for place in range(width))], dtype="object")
    con.register("brought", brought)
    selected = ", ".join(f"CAST(c{place} AS TEXT) AS c{place}" for place in range(width))
    con.execute(
        f"CREATE TABLE raw_{table} AS SELECT {selected}, ? || ' row ' || CAST(place AS BIGINT) AS source FROM brought",
        [label],
    )
    con.unregister("brought")


def _without_empty_end(row):
    end = len(row)
    while end and row[end - 1] is None:
        end -= 1
    return row[:end]


def _text(value):
    """A cell as text; None for an empty one."""
    if value is None or value == "":
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return format(value, ".15g")
    if isinstance(value, datetime.datetime):
        midnight = value.time() == datetime.time()
        return value.date().isoformat() if midnight else value.isoformat(sep=" ")
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    return str(value)
