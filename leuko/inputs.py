"""What a load reads: files named one by one or a folder, in one of the shapes that there is a reader for."""

import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from leuko import sources
from leuko.sources import SourceError

KINDS = ("labs", "exposures", "patients", "events")
NEEDED = ("labs", "exposures")
FORMATS = ("csv", "fhir", "omop")
ORIGIN = "origin.toml"


@dataclass(frozen=True)
class Shape:
    """How files are to be read: a format of FORMATS, or a mapping; `dose_unit` holds for doses that name none.

    `codes`: for FHIR, a file of the site's own codes of results.
    """

    format: str = "csv"
    mapping: Path | None = None
    dose_unit: str = "mg"
    codes: Path | None = None


@dataclass(frozen=True)
class Input:
    """What `leuko.publish` needs: what brings the rows in, the files they come from, what these say of themselves.

    `read` takes a connection and `on_step`, which is told the share that is done.
    """

    read: Callable[..., list[str] | None]
    files: tuple[Path, ...]
    origin: dict


def of_files(files: dict[str, Path | None], dose_unit: str) -> Input:
    """CSV or Parquet files by the name of their table; None where there is none."""
    read = partial(sources.read_csv, **files, dose_unit=dose_unit)
    return Input(read, tuple(file for file in files.values() if file), {})


def of_folder(folder: Path, shape: Shape, *, adding: bool) -> Input:
    """The files of a folder (for OMOP also a DuckDB file). What is added may be any one of the tables."""
    origin = read_origin(folder)
    if shape.format == "csv" and not shape.mapping:
        found = {kind: table_file(folder, kind) for kind in KINDS}
        needed = () if adding else NEEDED
        files = {kind: file if kind in needed or file.exists() else None for kind, file in found.items()}
        if not any(files.values()):
            raise SourceError(f"{folder}: has none of {', '.join(file.name for file in found.values())}")
        return Input(of_files(files, shape.dose_unit).read, tuple(file for file in files.values() if file), origin)
    return Input(partial(reader(folder, shape), dose_unit=shape.dose_unit), files_in(folder, shape), origin)


def table_file(folder: Path, kind: str) -> Path:
    """The file of a table in a folder, CSV or Parquet; SourceError where there are both."""
    plain, parquet = folder / f"{kind}.csv", folder / f"{kind}.parquet"
    if plain.exists() and parquet.exists():
        raise SourceError(f"{folder}: {plain.name} and {parquet.name} are one table")
    return parquet if parquet.exists() else plain


def reader(folder: Path, shape: Shape) -> Callable[..., None]:
    if shape.mapping:
        from leuko.sources import mapped

        return partial(mapped.read, folder=folder, mapping=shape.mapping)
    if shape.format == "fhir":
        from leuko.sources import fhir

        return partial(fhir.read, folder=folder, codes=shape.codes)
    from leuko.sources import omop

    return partial(omop.read, path=folder)


def files_in(folder: Path, shape: Shape) -> tuple[Path, ...]:
    """Every file below a folder, by name; the database that is loaded may stand there too and is none of them."""
    files = sorted(file for file in folder.rglob("*") if file.is_file()) if folder.is_dir() else [folder]
    how = [file for file in (shape.mapping, shape.codes) if file and file not in files]
    return tuple(file for file in [*how, *files] if ".duckdb." not in file.name and not file.is_symlink())


def read_origin(folder: Path) -> dict:
    """What a folder of files says of itself in `origin.toml`; nothing where there is none."""
    if not folder.is_dir():
        return {}
    try:
        return tomllib.loads((folder / ORIGIN).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SourceError(f"{ORIGIN}: not a TOML file ({error})") from error
