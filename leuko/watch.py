"""Deliveries in a folder, loaded as they arrive: each once, in the order of their names.

A delivery is a folder of files, or a CSV file named after its table (`labs-2026-11-22.csv`). It is taken when it has
not changed since the look before; what is still being written waits, and those after it with it. What was refused is
told once and passed over until it changes. What the database remembers is not taken again, also where it was undone.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from leuko import inputs, publish
from leuko.accounts import Accounts
from leuko.inputs import Input, Shape
from leuko.protocols import ProtocolError
from leuko.settings import SettingsError
from leuko.sources import SourceError
from leuko.store import StoreError
from leuko.versions import LoadRunning

Look = tuple[tuple[str, int, int], ...]  # name, size and time of change of each file of a delivery


@dataclass
class Watch:
    """A folder that is watched for a database; `tell` is told each line of what was loaded, passed over and refused."""

    folder: Path
    db: Path
    shape: Shape
    tell: Callable[[str], None]
    looks: dict[Path, Look] = field(default_factory=dict)
    done: dict[Path, Look] = field(default_factory=dict)
    told: str = ""

    def look(self) -> None:
        """Load in order what stands still since the last look and was not taken before, up to the first that waits."""
        waits = False
        for delivery, now in self.deliveries():
            if self.done.get(delivery) != now:
                stands_still = now is not None and self.looks.get(delivery) == now
                waits = waits or not stands_still or not self.take(delivery)
                if not waits:
                    self.done[delivery] = now
            self.looks[delivery] = now

    def deliveries(self) -> Iterator[tuple[Path, Look | None]]:
        """Each delivery and how it looks now; None where a file of it vanished while it was looked at."""
        for path in sorted(self.folder.iterdir()):
            try:
                files = [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())
                now = tuple((str(file), file.stat().st_size, file.stat().st_mtime_ns) for file in files)
            except FileNotFoundError:
                now = None
            if now != () and not path.name.startswith("."):
                yield path, now

    def take(self, delivery: Path) -> bool:
        """Load one delivery: the first of a database whole, the next added to it. False: to be tried again."""
        adding = self.db.exists()
        load = publish.add if adding else publish.load
        try:
            found = self.input_of(delivery, adding=adding)
            if not (adding and publish.remembers(self.db, found.files)):
                set_aside = load(self.db, found.read, files=found.files, origin=found.origin)
                self.tell_once(f"{delivery.name}: loaded; {Accounts(set_aside).set_aside_words}")
        except LoadRunning:
            return False
        except SourceError as refused:
            self.tell_once(f"{delivery.name}: refused: {refused}")
        except (ProtocolError, SettingsError, StoreError, OSError, duckdb.Error) as failed:
            self.tell_once(f"{delivery.name}: could not finish: {str(failed).splitlines()[0]}; trying again")
            return False
        return True

    def tell_once(self, line: str) -> None:
        """Tell a line, unless it is the one that was told last: the same hindrance is met at every look."""
        if line != self.told:
            self.tell(line)
        self.told = line

    def input_of(self, delivery: Path, *, adding: bool) -> Input:
        if delivery.is_dir():
            return inputs.of_folder(delivery, self.shape, adding=adding)
        kind = next((kind for kind in inputs.KINDS if delivery.name.startswith(kind)), None)
        if kind is None or self.shape.format != "csv" or self.shape.mapping:
            raise SourceError("no folder, and no CSV file named labs…, exposures…, patients… or events…")
        if not adding:
            raise SourceError("the first delivery is a folder with labs.csv and exposures.csv")
        return inputs.of_files({**dict.fromkeys(inputs.KINDS), kind: delivery}, self.shape.dose_unit)
