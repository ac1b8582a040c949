"""Bringing the raw files of a mapping into a DuckDB file: every column as text, every row with its name.

Schema `as_read` has each file exactly as it was read. The raw table that the SELECTs see is a view over the files of
its section, with decimal commas turned into points in the columns that the mapping names as numbers.
"""

from contextlib import closing

import duckdb

from leuko import sources
from leuko.sources import SourceError
from leuko.sources.mapped.excel import bring_excel
from leuko.sources.mapped.numbers import as_written, decimal_sign
from leuko.sources.mapped.texts import bring_text

ADDED = ("row_number", "base_date")
TEXT_ENDINGS = (".csv", ".tsv", ".txt")
KNOWN_ENDINGS = (*TEXT_ENDINGS, *(f"{ending}.gz" for ending in TEXT_ENDINGS), ".parquet", ".xlsx")


def bring(raw, folder, wanted):
    """Read the files of a mapping into the DuckDB file `raw`; gives (file, how it was read) for all of the folder.

    Raises SourceError where a file is missing, cannot be read, or has other columns than the first of its section.
    """
    notes, used = [], {}
    with closing(duckdb.connect(str(raw))) as con:
        # the file lives for one load: packing it tightly takes longer than it saves
        con.execute("SET force_compression = 'uncompressed'; SET TimeZone = 'UTC'; CREATE SCHEMA as_read; USE as_read")
        sources.prepare(con)
        con.execute("CREATE TABLE raw_tables (raw_table TEXT, kind TEXT); CREATE TABLE undecided (row_number TEXT)")
        for name, section in wanted.files.items():
            parts = []
            for place, path in enumerate(_found(folder, wanted, name, section)):
                label = _label(folder, path, section, wanted, used, name)
                table = f"{name}_{place}"
                names, how = _bring(con, table, label, path, section, raw.parent)
                _count(con, table, label, wanted.kinds[name])
                decimal = _show(con, table, label, _names(names, label), section)
                parts.append((label, table, decimal))
                notes.append((label, ", ".join(part for part in (how, decimal) if part)))
                if section.base_date:
                    notes.append((label, f"dates count from {section.base_date}, which is {section.base_date_is}"))
            _put_together(con, name, parts, section)
        _put_rows_together(con)
    return notes + _left_out(folder, used)


def _found(folder, wanted, name, section):
    """The files of a section, in the order of their names."""
    if not folder.is_dir():
        raise SourceError(f"{folder.name}: no such folder")
    if (folder / section.file).is_file():  # before it is taken for a pattern: "labs [1].csv" is a name
        return [folder / section.file]
    try:
        found = sorted(path for path in folder.glob(section.file) if path.is_file())
    except ValueError as error:
        raise SourceError(f"{wanted.name}: files.{name}: {section.file} is no pattern ({error})") from error
    if not found:
        raise SourceError(f"{wanted.name}: files.{name}: there is no file {section.file} in {folder.name}")
    return found


def _label(folder, path, section, wanted, used, name):
    """What a file is called in reports: its name, with the sheet where the mapping names one."""
    file = path.relative_to(folder).as_posix()
    label = f"{file} [{section.sheet}]" if section.sheet else file
    if "; " in label:
        raise SourceError(f"{label}: a semicolon and a blank in the name of a file: rename it")
    if label in used:
        raise SourceError(f"{wanted.name}: files.{name}: {label} is read by two sections")
    used[label] = file
    return label


def _bring(con, table, label, path, section, place):
    """Fill `raw_<table>` (c0, c1, … and source) from a file; gives the names of its columns and how it was read."""
    ending = path.suffix.lower()
    try:
        if ending == ".parquet":
            return _bring_parquet(con, table, label, path)
        if ending == ".xlsx":
            return bring_excel(con, table, label, path, section)
        if ending == ".xls":
            raise SourceError(f"{label}: is of the old Excel format: save it as .xlsx")
        return bring_text(con, table, label, path, section, place)
    except OSError as error:
        raise SourceError(f"{label}: cannot be read ({error.strerror or error})") from error
    except duckdb.Error as error:
        raise SourceError(f"{label}: {sources.cause_of(error)}") from error


def _bring_parquet(con, table, label, path):
    columns = con.execute("DESCRIBE FROM read_parquet($path)", {"path": str(path)}).fetchall()
    # a whole number that a data frame turned into a float is the number: patient 101.0 is 101
    selected = ", ".join(
        f"regexp_replace(CAST({quoted(name)} AS TEXT), '\\.0$', '') AS c{place}"
        if kind in ("DOUBLE", "FLOAT")
        else f"CAST({quoted(name)} AS TEXT) AS c{place}"
        for place, (name, kind, *_) in enumerate(columns)
    )
    con.execute(
        f"""CREATE TABLE raw_{table} AS
        SELECT {selected}, $label || ' row ' || row_number() OVER () AS source FROM read_parquet($path)""",
        {"label": label, "path": str(path)},
    )
    return [name for name, *_ in columns], "Parquet"


def _names(written, label):
    """The names of the columns as they will be used; a column without one is called after its place."""
    names = [name.strip() or f"column_{place}" for place, name in enumerate(written, start=1)]
    seen = set(ADDED)
    for name in names:
        if name.lower() in ADDED:
            raise SourceError(f"{label}: column {name} has a name that leuko gives to a column of its own")
        if name.lower() in seen:
            raise SourceError(f"{label}: column {name} stands there twice")
        seen.add(name.lower())
    return names


def _count(con, table, label, kind):
    con.execute("UPDATE malformed SET kind = ? WHERE kind = ?", [kind, table])
    con.execute("INSERT INTO raw_tables VALUES (?, ?)", [table, kind])
    con.execute(
        f"""INSERT INTO rows_read SELECT $label, $kind, (SELECT count(*) FROM raw_{table})
            + (SELECT count(*) FROM malformed WHERE starts_with(source, $label || ' line '))""",
        {"label": label, "kind": kind},
    )


def _show(con, table, label, names, section):
    """Make the view of a file under its own names; gives which decimal sign its numbers have, None without numbers."""
    shown = ", ".join(f"c{place} AS {quoted(name)}" for place, name in enumerate(names))
    con.execute(f"CREATE VIEW {table} AS SELECT {shown}, source AS row_number FROM raw_{table}")
    known = {name.lower() for name in names}
    for name in section.numbers:
        if name.lower() not in known:
            raise SourceError(f"{label}: there is no column {name}, which the mapping calls a number")
    return decimal_sign(con, table, section) if section.numbers else None


def _put_together(con, name, parts, section):
    """Make the raw table of a section: its files under each other."""
    selects, numbers = [], {number.lower() for number in section.numbers}
    for label, table, decimal in parts:
        columns = [column for column, *_ in con.execute(f"DESCRIBE {table}").fetchall()]
        if not selects:
            first, expected = label, {column.lower() for column in columns}
        elif {column.lower() for column in columns} != expected:
            raise SourceError(f"{label}: its columns are not those of {first}")
        written = [as_written(quoted(column), decimal) for column in columns if column.lower() in numbers]
        replaced = f"REPLACE ({', '.join(written)})" if written else ""
        base_date = f", DATE '{section.base_date}' AS base_date" if section.base_date else ""
        selects.append(
            f"SELECT * {replaced}{base_date} FROM as_read.{table} "
            "WHERE row_number NOT IN (SELECT row_number FROM as_read.undecided)"
        )
    con.execute(f"CREATE VIEW main.{quoted(name)} AS {' UNION ALL BY NAME '.join(selects)}")


def _put_rows_together(con):
    """Leave in the file, for the accounts: the names of all rows, and what was counted and set aside while reading."""
    tables = [table for (table,) in con.execute("SELECT raw_table FROM raw_tables ORDER BY ALL").fetchall()]
    rows = " UNION ALL ".join(f"SELECT row_number FROM as_read.{table}" for table in tables)
    con.execute(
        f"""CREATE VIEW raw_rows AS {rows};
        CREATE TABLE as_read.malformed AS FROM temp.malformed;
        CREATE TABLE as_read.rows_read AS FROM temp.rows_read"""
    )


def _left_out(folder, used):
    beside = sorted(path.name for path in folder.iterdir() if path.name.lower().endswith(KNOWN_ENDINGS))
    return [(name, "not read: the mapping does not name it") for name in beside if name not in used.values()]


def quoted(name):
    return '"' + name.replace('"', '""') + '"'
