"""Tables as folders of Parquet files, which DuckDB, Spark and others read alike: `labs/bucket=7/data_0.parquet`.

A table with a `patient_id` is cut into buckets of whole patients; the others are one file each. A folder is written
under another name and renamed when it is whole, and its `files.csv` names every file with its bytes: what was copied
in part is seen before anything is read.
"""

import csv
import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

import duckdb

BUCKETS = 16
MOST_BUCKETS = 4096
BUCKET = "CAST('0x' || substr(md5(coalesce(patient_id, '')), 1, 8) AS BIGINT) % {buckets}"
LIST = "files.csv"
LISTED = ("file", "bytes")
UNFINISHED = "_temporary"  # where Spark keeps what it has not ended
AFTERWARDS = ("max_execution_time", "enable_external_access", "lock_configuration")  # once the tables are there


class FolderError(ValueError):
    """A folder of tables is not whole or not there, or would be written over; the message is one line for the user."""


def write(con: duckdb.DuckDBPyConnection, folder: Path, tables: Mapping[str, str], buckets: int = BUCKETS) -> None:
    """Write the rows of these queries, by the name of their table, into a new folder.

    The bucket of a patient is the number in the first eight hexadecimal digits of the MD5 of his id, modulo `buckets`.
    Raises FolderError where the folder is there.
    """
    if folder.exists():
        raise FolderError(f"{folder}: is there already; name another folder")
    if not folder.absolute().parent.is_dir():
        raise FolderError(f"{folder}: there is no folder {folder.parent}")
    building = Path(f"{folder}.building")
    shutil.rmtree(building, ignore_errors=True)
    building.mkdir()
    try:
        for name, query in tables.items():
            write_table(con, building / name, query, buckets)
        write_list(building)
        building.rename(folder)
    finally:
        shutil.rmtree(building, ignore_errors=True)


def published(con: duckdb.DuckDBPyConnection) -> dict[str, str]:
    """Every table and view of the connection's database, as `write` takes them."""
    names = con.execute(
        """SELECT table_name FROM information_schema.tables
        WHERE table_catalog = current_database() AND table_schema = 'main' ORDER BY table_name"""
    )
    return {name: f"FROM {name}" for (name,) in names.fetchall()}


def write_table(con: duckdb.DuckDBPyConnection, place: Path, query: str, buckets: int) -> None:
    """One table, in the order of its patients, so that one of them is found without reading all."""
    columns = [name for name, *_ in con.execute(f"DESCRIBE {query}").fetchall()]
    has_rows = con.execute(f"SELECT EXISTS (FROM ({query}))").fetchall()[0][0]
    if "patient_id" in columns and has_rows:
        rows = f"SELECT *, {BUCKET.format(buckets=buckets)} AS bucket FROM ({query}) ORDER BY bucket, patient_id"
        con.execute(f"COPY ({rows}) TO {literal(place)} (FORMAT parquet, PARTITION_BY (bucket))")
        return
    place.mkdir()
    con.execute(f"COPY ({query}) TO {literal(place / 'data_0.parquet')} (FORMAT parquet)")


def write_list(folder: Path) -> None:
    with open(folder / LIST, "w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(LISTED)
        rows.writerows(
            (path.relative_to(folder).as_posix(), path.stat().st_size) for path in sorted(folder.rglob("*.parquet"))
        )


def tables_in(folder: Path) -> dict[str, list[Path]]:
    """The files of each table of a folder; FolderError where one of them is not there or not whole."""
    try:
        with open(folder / LIST, encoding="utf-8", newline="") as file:
            names, *rows = csv.reader(file)
        listed = [(folder / path, int(size)) for path, size in rows]
        if tuple(names) != LISTED:
            raise ValueError(f"columns {names}")
    except (OSError, ValueError) as error:
        raise FolderError(f"{folder}: has no {LIST}: not a folder that leuko wrote, or not all of it") from error
    for path, size in listed:
        if not path.is_file() or path.stat().st_size != size:
            raise FolderError(f"{folder}: {path.relative_to(folder)} is missing or not whole; copy the folder again")
    tables: dict[str, list[Path]] = {}
    for path, _ in listed:
        tables.setdefault(path.relative_to(folder).parts[0], []).append(path)
    return tables


def opened(folder: Path, settings: Mapping[str, str]) -> duckdb.DuckDBPyConnection:
    """A connection on which the tables of a folder stand under their names; see `tables_in`.

    With `settings` that close it to the outside, the files of the folder are all that it can read. Tables of patients
    are read from them anew at each query, the others once.
    """
    tables = tables_in(folder)
    con = duckdb.connect(config=before(settings))
    for name, files in tables.items():
        con.execute(f"CREATE {'VIEW' if in_buckets(files) else 'TABLE'} {name} AS {reading(files)}")
    con.execute(f"SET GLOBAL allowed_paths = {literals(path for files in tables.values() for path in files)}")
    for name in AFTERWARDS:
        if name in settings:
            con.execute(f"SET GLOBAL {name} = {settings[name]}")
    return con


def copy(folder: Path, file: Path, settings: Mapping[str, str]) -> None:
    """Write the tables of a folder into a new database file; see `tables_in`."""
    tables = tables_in(folder)
    with duckdb.connect(file, config=before(settings)) as con:
        con.execute("SET enable_progress_bar = false")  # which would fill the log of the server
        for name, files in tables.items():
            con.execute(f"CREATE TABLE {name} AS {reading(files)}")


def before(settings: Mapping[str, str]) -> dict[str, str]:
    """The settings with which tables are made."""
    return {name: value for name, value in settings.items() if name not in AFTERWARDS}


def show(con: duckdb.DuckDBPyConnection, folder: Path, names: Iterable[str]) -> None:
    """Views over those of these tables that a folder holds, whoever wrote it: any Parquet files below `folder/name`.

    Raises FolderError where one of them is still being written, or not all of what leuko wrote is there.
    """
    if (folder / LIST).exists():
        tables_in(folder)
    for name in names:
        if (folder / name / UNFINISHED).exists():
            raise FolderError(f"{folder}: {name} is still being written, or was left half written")
        files = sorted((folder / name).rglob("*.parquet"))
        if files:
            con.execute(f"CREATE VIEW {name} AS {reading(files)}")


def in_buckets(files: list[Path]) -> bool:
    return any(path.parent.name.startswith("bucket=") for path in files)


def reading(files: list[Path]) -> str:
    """The query that reads the files of a table, without the bucket."""
    if in_buckets(files):
        return f"SELECT * EXCLUDE (bucket) FROM read_parquet({literals(files)}, hive_partitioning = true)"
    return f"FROM read_parquet({literals(files)}, hive_partitioning = false)"


def literals(paths: Iterable[Path]) -> str:
    return f"[{', '.join(map(literal, paths))}]"


def literal(path: Path) -> str:
    return "'" + os.path.realpath(path).replace("'", "''") + "'"
