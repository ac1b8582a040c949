"""Text files, also gzipped: which encoding and which delimiter, then DuckDB's reader, as for leuko's own CSV files."""

import codecs
import csv
import gzip
import re
import shutil
import zlib
from itertools import islice

from leuko import sources
from leuko.sources import SourceError

DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
ENCODINGS = {
    "utf-8": "UTF-8",
    "utf-8-sig": "UTF-8 with BOM",
    "utf-16": "UTF-16",
    "utf-16-le": "UTF-16",
    "utf-16-be": "UTF-16",
    "windows-1252": "Windows-1252",
    "latin-1": "Latin-1",
}
CHUNK = 1 << 20
LARGEST_UNPACKED = 10 << 30  # bytes of a gzipped file


def bring_text(con, table, label, path, section, place):
    """Fill `raw_<table>` from a text file; gives the names of its columns and how it was read.

    Lines that cannot be read go to `malformed`, as those of leuko's own CSV files do. A copy of what was packed, and
    one in UTF-8 of a file in another encoding, is put into the folder `place`.
    """
    is_packed = path.name.lower().endswith(".gz")
    if is_packed:
        path = _unpacked(path, label, place / f"{table}.txt")
    encoding = section.encoding or encoding_of(path)
    if not encoding.startswith("utf-8"):
        path = _in_utf_8(path, label, encoding, place / f"{table}.csv")
    line = _line(path, section.header)
    if "\0" in line:
        raise SourceError(f"{label}: is no text, or UTF-16 without its mark: the mapping may name it (utf-16-le)")
    delimiter = section.delimiter or delimiter_of(line)
    names = _cells(line, delimiter)
    if not any(name.strip() for name in names):
        raise SourceError(f"{label}: no column names in line {section.header}")
    con.execute("DROP TABLE IF EXISTS temp.bad_lines; DROP TABLE IF EXISTS temp.bad_files")
    # the columns are given, not sniffed: DuckDB must never take a first result for a header
    con.execute(
        f"""CREATE TABLE raw_{table} AS
        SELECT *, $label || ' row ' || row_number() OVER () AS source
        FROM read_csv($path, auto_detect = false, header = true, skip = $skip, delim = $delimiter, quote = '"',
                      escape = '"', columns = $columns, ignore_errors = true, store_rejects = true,
                      rejects_limit = 0, rejects_table = 'bad_lines', rejects_scan = 'bad_files')""",
        {
            "path": str(path),
            "label": label,
            "skip": section.header - 1,
            "delimiter": delimiter,
            "columns": {f"c{place}": "VARCHAR" for place in range(len(names))},
        },
    )
    _keep_bad_lines(con, table, label, section.header - 1)
    how = [DELIMITERS[delimiter] if len(names) > 1 else "one column", ENCODINGS[encoding]]
    return names, ", ".join(["gzip", *how] if is_packed else how)


def _keep_bad_lines(con, table, label, skipped):
    """Put malformed lines aside under their number in the file; rows are counted from the line of the names on."""
    con.execute("UPDATE bad_lines SET line = line - ?", [skipped])
    sources.keep_bad_lines(con, table, label)
    con.execute(
        """UPDATE malformed
        SET source = $label || ' line ' || (CAST(split_part(source, ' line ', -1) AS BIGINT) + $skipped)
        WHERE kind = $table""",
        {"label": label, "skipped": skipped, "table": table},
    )


def _unpacked(path, label, copy):
    """A copy of what a gzipped file holds."""
    left = LARGEST_UNPACKED
    try:
        with gzip.open(path, "rb") as file, open(copy, "wb") as written:
            while chunk := file.read(CHUNK):
                left -= len(chunk)
                if left < 0:
                    raise SourceError(f"{label}: holds more than {LARGEST_UNPACKED / 2**30:g} GB: load it in parts")
                written.write(chunk)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise SourceError(f"{label}: cannot be read ({error})") from error
    return copy


def encoding_of(path):
    """UTF-16 and a UTF-8 BOM by their mark; else UTF-8, unless bytes above 127 stand there and none of them are UTF-8.

    A file with both is a UTF-8 file with broken lines, which are set aside.
    """
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    good = broken = False
    with open(path, "rb") as file:
        start = file.read(CHUNK)
        if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            return "utf-16"
        if start.startswith(codecs.BOM_UTF8):
            return "utf-8-sig"
        chunk = start
        while chunk:
            text = decoder.decode(chunk)
            if not text.isascii():
                good = good or bool(re.search("[^\x00-\x7f\udc80-\udcff]", text))
                broken = broken or bool(re.search("[\udc80-\udcff]", text))
            chunk = file.read(CHUNK)
    return "windows-1252" if broken and not good else "utf-8"


def delimiter_of(line):
    """The character that stands in the line of the names most often, outside of quotes; the comma where none does."""
    return max(DELIMITERS, key=re.sub('"[^"]*"', "", line).count)


def _cells(line, delimiter):
    try:
        return next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:
        return []


def _line(path, number):
    with open(path, encoding="utf-8-sig", errors="replace") as file:
        return next(islice(file, number - 1, None), "").rstrip("\n")


def _in_utf_8(path, label, encoding, copy):
    """A copy in UTF-8; a byte that the encoding does not have stays as it is, and its line is set aside as broken."""
    errors = "strict" if encoding.startswith("utf-16") else "surrogateescape"
    try:
        with (
            open(path, encoding=encoding, errors=errors, newline="") as file,
            open(copy, "w", encoding="utf-8", errors=errors, newline="") as written,
        ):
            shutil.copyfileobj(file, written, CHUNK)
    except UnicodeError as error:
        raise SourceError(f"{label}: is not {ENCODINGS[encoding]} text") from error
    return copy
