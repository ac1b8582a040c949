"""What a site may set: grace periods, windows, the minimum denominator, the unit of counts; in `settings.toml`.

That file stands beside the database and has one line `name = number`, or `name = "word"`, for each setting that a site
changes; the defaults stand in `settings.csv`, each with its source. A changed setting changes which events are met, or
in which unit a count is shown, never what the rule recommends.
"""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from leuko.facts import read_rows
from leuko.toml_files import read_toml

FILE = "settings.toml"


class SettingsError(ValueError):
    """Settings were refused. The text is one line a fault: file, name and reason."""


@dataclass(frozen=True)
class Setting:
    """The value in force, the default, what it means and its source.

    A whole number from `least` to `most` in `unit`; where there are `choices`, one of these words instead.
    """

    name: str
    value: int | str
    default: int | str
    unit: str
    least: int | str
    most: int | str
    choices: tuple[str, ...]
    what: str
    source: str

    @property
    def changed(self) -> bool:
        return self.value != self.default

    @property
    def in_words(self) -> str:
        """`1 day`, `60 minutes`, `20 %`, `10^9/L`."""
        if self.choices:
            return self.value
        return f"{self.written(self.value)} {self.unit.removesuffix('s') if self.value == 1 else self.unit}"

    def written(self, value: int | str) -> str:
        """A value of this setting, without its unit: `14,400`."""
        return value if self.choices else f"{value:,}"


def default_settings() -> dict[str, Setting]:
    """Every setting with its default, by name, in the order to show."""
    return {row["name"]: from_row(row) for row in read_rows("settings")}


def from_row(row: Mapping[str, str]) -> Setting:
    choices = tuple(row["choices"].split(" or ")) if row["choices"] else ()
    value, least, most = (row[name] if choices else int(row[name]) for name in ("value", "least", "most"))
    return Setting(row["name"], value, value, row["unit"], least, most, choices, row["what"], row["source"])


def numbers(settings: Mapping[str, Setting]) -> dict[str, Setting]:
    """The settings that are whole numbers."""
    return {name: setting for name, setting in settings.items() if not setting.choices}


def read_settings(folder: str | Path) -> dict[str, Setting]:
    """The settings of the `settings.toml` in the folder of a database; without that file the defaults.

    Raises SettingsError, one line a fault, for a name that is not known, a value that is no whole number (true and
    false are none), lies outside what makes sense or is no word to choose, and a file that cannot be read.
    """
    try:
        written = read_toml(Path(folder) / FILE, lambda reason: SettingsError(f"{FILE}: the file: {reason}"))
    except FileNotFoundError:
        return default_settings()
    return with_values(default_settings(), written, FILE)


def with_values(settings: Mapping[str, Setting], values: Mapping[str, object], where: str) -> dict[str, Setting]:
    """The settings with other values, by name; `where` says in an error where the values were written."""
    faults = {name: fault_of(settings, name, value) for name, value in values.items()}
    lines = [f"{where}: {' '.join(name.split())}: {fault}" for name, fault in faults.items() if fault]
    if lines:
        raise SettingsError("\n".join(lines))
    return {name: replace(each, value=values.get(name, each.value)) for name, each in settings.items()}


def fault_of(settings: Mapping[str, Setting], name: str, value: object) -> str | None:
    """What is wrong with a value under this name, in words; None where nothing is."""
    if name not in settings:
        like = difflib.get_close_matches(name, settings, 1)
        return f"is not a known setting{f', did you mean {like[0]}?' if like else ''}"
    known = settings[name]
    wanted = " or ".join(f'"{word}"' for word in known.choices)
    wanted = f"must be {wanted or f'a whole number from {known.least:,} to {known.most:,}'}"
    if isinstance(value, dict | list):
        return wanted
    if known.choices:
        return None if value in known.choices else f"{wanted}, not {said(value)}"
    if isinstance(value, bool) or not isinstance(value, int):
        return f"{wanted}, not {said(value)}"
    return None if known.least <= value <= known.most else f"{wanted}, not {value}"


def said(value: object) -> str:
    """A value of the file, as it stands there."""
    written = {bool: lambda: str(value).lower(), str: lambda: repr(value)}
    return written.get(type(value), lambda: str(value))()
