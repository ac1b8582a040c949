"""What somebody wrote into a TOML file beside the database, or why it cannot be read."""

import tomllib
from collections.abc import Callable
from pathlib import Path


def read_toml(file: Path, refused: Callable[[str], Exception]) -> dict:
    """The content of a file; FileNotFoundError where there is none, else what `refused` makes of the reason."""
    try:
        return tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise
    except OSError as unreadable:
        raise refused(f"cannot be read: {unreadable.strerror}") from unreadable
    except UnicodeDecodeError as unreadable:
        raise refused("is not UTF-8 text") from unreadable
    except ValueError as invalid:
        raise refused(f"is not valid TOML: {invalid}") from invalid
