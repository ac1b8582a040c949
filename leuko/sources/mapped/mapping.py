"""The shape of a mapping file, and what is refused before anything is read."""

import datetime
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from leuko.sources import COLUMNS, SourceError
from leuko.sources.mapped.statements import tables_of

PLAIN_REASONS = {"missing": "is missing", "extra_forbidden": "is not a known key"}
Words = Annotated[str, Field(pattern=r"\S")]
TableName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$")]


class Part(BaseModel):
    """A part of a mapping file: no key beyond the known ones, never changed once read."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class RawFile(Part):
    """One raw table: a file, or by a pattern several of the same shape. What is None is detected."""

    file: Words
    delimiter: Literal[",", ";", "\t", "|"] | None = None
    encoding: Literal["utf-8", "utf-16", "utf-16-le", "utf-16-be", "windows-1252", "latin-1"] | None = None
    decimal: Literal[",", "."] | None = None
    numbers: tuple[Words, ...] = ()  # the columns in which a decimal comma becomes a point
    header: Annotated[int, Field(strict=True, ge=1)] = 1  # the line of the names; what stands above it is no row
    sheet: Words | None = None
    base_date: datetime.date | None = None
    base_date_is: Words | None = None

    @model_validator(mode="after")
    def stays_in_the_folder(self):
        if Path(self.file).is_absolute() or ".." in Path(self.file).parts:
            raise ValueError("file must stand in the folder that is read")
        return self

    @model_validator(mode="after")
    def base_date_is_explained(self):
        if (self.base_date is None) != (self.base_date_is is None):
            raise ValueError("base_date and base_date_is go together: the day, and what it is")
        return self


class Select(Part):
    """The one SELECT that fills a table."""

    select: Words


class MappingFile(Part):
    """The whole file."""

    files: Annotated[dict[TableName, RawFile], Field(min_length=1)]
    labs: Select | None = None
    exposures: Select | None = None
    patients: Select | None = None
    events: Select | None = None
    aside: Select | None = None

    @model_validator(mode="after")
    def names_are_told_apart(self):
        if len({name.lower() for name in self.files}) < len(self.files):
            raise ValueError("two names of files differ only in upper and lower case")
        return self

    @model_validator(mode="after")
    def something_is_mapped(self):
        if not any(getattr(self, kind) for kind in COLUMNS):
            raise ValueError(f"there is no SELECT for any of {', '.join(COLUMNS)}")
        return self


@dataclass(frozen=True)
class Mapping:
    """A mapping that was read and checked.

    `name` is the file's, for messages; `files` the raw files by the name of their table; `selects` the SELECT of each
    target table, and of `aside`; `kinds` the target table that the rows of each raw table are counted under.
    """

    name: str
    files: dict[str, RawFile]
    selects: dict[str, str]
    kinds: dict[str, str]


def read_mapping(path):
    """The mapping at a path (a TOML file, or a folder with a `mapping.toml`); SourceError, one line a fault."""
    path = Path(path)
    path = path / "mapping.toml" if path.is_dir() else path
    try:
        written = MappingFile.model_validate(tomllib.loads(path.read_bytes().decode("utf-8-sig")))
    except OSError as error:
        raise SourceError(f"{path.name}: cannot be read ({error.strerror})") from error
    except ValidationError as faulty:
        raise SourceError("\n".join(f"{path.name}: {_told(fault)}" for fault in faulty.errors())) from faulty
    except (ValueError, RecursionError) as invalid:
        raise SourceError(f"{path.name}: is not valid TOML ({str(invalid).splitlines()[0]})") from invalid
    selects = {kind: part.select for kind in (*COLUMNS, "aside") if (part := getattr(written, kind))}
    return Mapping(path.name, written.files, selects, _kinds(path.name, written.files, selects))


def _told(fault):
    place = ".".join(str(part) for part in fault["loc"] if part != "[key]")
    reason = str(fault["ctx"]["error"]) if fault["type"] == "value_error" else fault["msg"]
    return ": ".join(part for part in (place, PLAIN_REASONS.get(fault["type"], reason)) if part)


def _kinds(name, files, selects):
    """The target table that each raw table is counted under; SourceError where a SELECT is refused or a file unread."""
    faults, readers = [], {}
    for kind, text in selects.items():
        try:
            tables = tables_of(text, files)
        except ValueError as refused:
            faults.append(f"{name}: {kind}: {refused}")
        else:
            for table in tables if kind != "aside" else ():
                readers.setdefault(table, []).append((len(tables), kind))
    if not faults:
        faults = [f"{name}: files.{each}: no SELECT reads it" for each in files if each not in readers]
    if faults:
        raise SourceError("\n".join(faults))
    # patients looked up for labs, and read for themselves, are patients: the SELECT with the fewest tables tells
    return {table: min(kinds, key=lambda each: each[0])[1] for table, kinds in readers.items()}
