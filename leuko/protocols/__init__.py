"""Published dose-modification tables as checked data, one TOML file a drug and setting."""

import hashlib
import json
import tomllib
from collections.abc import Iterable
from itertools import combinations
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from leuko.protocols.conditions import Condition
from leuko.protocols.schema import Clause, Protocol
from leuko.protocols.tables import write_tables
from leuko.protocols.words import described, in_words

__all__ = [
    "Clause",
    "Condition",
    "Protocol",
    "ProtocolError",
    "check_protocol",
    "described",
    "in_words",
    "load_protocols",
    "version",
    "write_tables",
]

SHIPPED = Path(__file__).parent

PLAIN_REASONS = {
    "missing": "is missing",
    "extra_forbidden": "is not a known key",
    "string_type": "must be text",
    "string_pattern_mismatch": "must not be empty",
    "bool_type": "must be true or false",
    "int_type": "must be a whole number",
    "float_type": "must be a number",
    "finite_number": "must be a number",
    "greater_than": "must be above {gt:g}",
    "greater_than_equal": "must be at least {ge:g}",
    "literal_error": "must be {expected}",
    "tuple_type": "must be a list",
    "too_short": "must not be empty",
    "model_type": "must be a table of its own",
}
WITHOUT_VALUE = ("missing", "extra_forbidden", "string_pattern_mismatch")


class ProtocolError(ValueError):
    """Protocol files were refused. The text is one line a fault: file, key and reason."""


def load_protocols(folder: str | Path | None = None) -> tuple[Protocol, ...]:
    """Read and check every `*.toml` of a folder (None: the shipped protocols), sorted by id.

    Raises ProtocolError naming every fault of every file at once, also where two files cannot stand side by
    side: the same id, two defaults for a drug, or a setting that names two protocols of a drug.
    """
    folder = SHIPPED if folder is None else Path(folder)
    if not folder.is_dir():
        raise ProtocolError(f"{folder}: no such folder")
    files = sorted(folder.glob("*.toml"))
    if not files:
        raise ProtocolError(f"{folder}: no protocol file (*.toml) in this folder")
    protocols, faults = {}, []
    for file in files:
        try:
            protocols[file.name] = read_protocol(file)
        except ProtocolError as refused:
            faults.append(str(refused))
    faults += clashes(protocols)
    if faults:
        raise ProtocolError("\n".join(faults))
    return tuple(sorted(protocols.values(), key=lambda protocol: protocol.id))


def read_protocol(file: Path) -> Protocol:
    """Read one protocol file, or raise ProtocolError with one line for each of its faults."""
    return check_protocol(file.name, file.read_bytes())


def check_protocol(name: str, content: bytes) -> Protocol:
    """What stands in a protocol file of this name, or ProtocolError with one line for each of its faults."""
    try:
        return Protocol.model_validate(tomllib.loads(content.decode("utf-8-sig")))
    except UnicodeDecodeError as unreadable:
        raise ProtocolError(f"{name}: the file: is not UTF-8 text") from unreadable
    except ValidationError as faulty:
        lines = (f"{name}: {key_of(fault['loc'])}: {reason_of(fault)}" for fault in faulty.errors())
        raise ProtocolError("\n".join(lines)) from faulty
    except (ValueError, RecursionError) as invalid:  # a number of thousands of digits and deep brackets too
        raise ProtocolError(f"{name}: the file: is not valid TOML: {invalid}") from invalid


def key_of(location: tuple[str | int, ...]) -> str:
    """Name a place in the file as its reader would: `recovery.action (row 2)`."""
    keys = ".".join(part for part in location if isinstance(part, str))
    rows = [part + 1 for part in location if isinstance(part, int)]
    return f"{keys} (row {rows[0]})" if rows else keys


def reason_of(fault: dict[str, Any]) -> str:
    """Say in plain words what is wrong with a value."""
    if fault["type"] == "value_error":
        return str(fault["ctx"]["error"])
    reason = PLAIN_REASONS.get(fault["type"], fault["msg"]).format(**fault.get("ctx", {}))
    if fault["type"] in WITHOUT_VALUE or isinstance(fault["input"], dict | list):
        return reason
    return f"{reason}, not {fault['input']!r}"


def clashes(protocols: dict[str, Protocol]) -> list[str]:
    """Faults between files: each later file that an exposure could not tell from an earlier one."""
    faults = []
    for (first_file, first), (file, second) in combinations(protocols.items(), 2):
        if first.id.lower() == second.id.lower():
            faults.append(f'{file}: id: "{second.id}" is already used by {first_file}')
        if first.drug != second.drug:
            continue
        if first.default and second.default and not told_apart(first, second):
            faults.append(f"{file}: default: {second.drug} already has its default in {first_file}")
        if names(second.setting) & (names(first.setting) | names(first.id)):
            faults.append(f'{file}: setting: "{second.setting}" already names the protocol of {first_file}')
        elif names(first.setting) & names(second.id):
            faults.append(f'{file}: id: "{second.id}" is already the setting of {first_file}')
    return faults


def told_apart(first: Protocol, second: Protocol) -> bool:
    """Whether recorded facts decide between two defaults: one asks for nothing, or both for another value of a fact."""
    shared = first.facts.keys() & second.facts.keys()
    return bool(first.facts) != bool(second.facts) or any(first.facts[fact] != second.facts[fact] for fact in shared)


def names(written: str | None) -> set[str]:
    """The word an exposure may use, whatever its case; none where nothing is written."""
    return {written.lower()} if written else set()


def version(protocols: Iterable[Protocol]) -> str:
    """A short stamp of what the protocols say: 12 hexadecimal digits, the same for the same content.

    The order of the protocols and the comments and layout of their files do not count.
    """
    content = [protocol.model_dump(mode="json") for protocol in sorted(protocols, key=lambda each: each.id)]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]
