"""How far long work is, as a bar in the terminal."""

import sys
from types import TracebackType

WIDTH = 24


class Bar:
    """A bar on standard error that fills as work goes on; nothing is written where that is no terminal.

    `parts`: what will be said is being done, in order, each with its share of the whole, as long as it takes in a large
    load. Used with `with`, so that the line ends however the work ends.
    """

    def __init__(self, parts: dict[str, float]):
        self.parts = parts
        self.line = ""
        self.shown = ""

    def say(self, line: str) -> None:
        """A part begins; one that is not among `parts` leaves the bar where it is."""
        self.line = line
        self.step(0)

    def step(self, share: float) -> None:
        """This share of the part is done, up to 1."""
        lines = list(self.parts)
        if self.line in lines:
            before = sum(self.parts[line] for line in lines[: lines.index(self.line)])
            self.draw((before + share * self.parts[self.line]) / sum(self.parts.values()))

    def draw(self, share: float) -> None:
        full = int(share * WIDTH)
        shown = f"[{'#' * full}{'.' * (WIDTH - full)}] {share:4.0%}  {self.line} …"
        if sys.stderr.isatty() and shown != self.shown:
            print(f"\r{shown:{len(self.shown)}}", end="", file=sys.stderr, flush=True)
            self.shown = shown

    def __enter__(self) -> "Bar":
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if error is None:
            self.step(1)
        if self.shown:
            print(file=sys.stderr)
