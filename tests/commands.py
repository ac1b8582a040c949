"""`python -m leuko` in processes of their own, which can be killed at any moment.

They are forked from a server that has the library loaded, so that each begins at once.
"""

import itertools
import multiprocessing
import os
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from leuko import versions
from leuko.__main__ import main

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["tests.commands"])


class Command:
    """A command that runs until it ends or is killed; `dies_at`: the step of publishing at which it kills itself."""

    def __init__(self, *arguments: object, dies_at: int = 0):
        self._errors = tempfile.NamedTemporaryFile()  # noqa: SIM115 is there for as long as the command is asked
        words = [str(argument) for argument in arguments]
        self.process = CONTEXT.Process(target=run, args=(words, Path(self._errors.name), dies_at))
        self.process.start()

    def wait(self) -> int:
        """The exit status; -9 where it was killed."""
        self.process.join()
        return self.process.exitcode

    def kill(self) -> bool:
        """Kill -9, wherever it is; whether it had not ended before."""
        self.process.kill()
        return self.wait() == -9

    def said(self) -> list[str]:
        """The lines on standard error."""
        return Path(self._errors.name).read_text(encoding="utf-8").splitlines()


def run(arguments: list[str], errors: Path, dies_at: int) -> None:
    with open(errors, "wb") as file:
        os.dup2(file.fileno(), sys.stderr.fileno())
    if dies_at:
        die_before(dies_at)
    sys.exit(main(arguments))


def die_before(step: int) -> None:
    """Let this process kill itself before this one of the calls that publishing makes to the disk."""
    calls = itertools.count(1)

    def fatal(call: Callable) -> Callable:
        def called(*given: object, **named: object) -> object:
            if next(calls) == step:
                os.kill(os.getpid(), signal.SIGKILL)
            return call(*given, **named)

        return called

    versions.flush = fatal(versions.flush)
    os.replace, Path.unlink, Path.symlink_to = fatal(os.replace), fatal(Path.unlink), fatal(Path.symlink_to)
