"""Deliveries in a folder, loaded as they arrive: each once, in the order of their names.

A delivery is a folder of files, or a CSV file named after its table (`labs-2026-11-22.csv`). It is taken when it has
not changed since the look before, so that what is still being written waits. What was refused is told once and passed
over until it changes.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from leuko import inputs, publish
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

    def look(self) -> None:
        """Load every delivery that is there, stands still since the last look and was not taken before."""
        for delivery, now in self.deliveries():
            if self.done.get(delivery) == now:
                continue
            if self.looks.get(delivery) == now and self.take(delivery):
                self.done[delivery] = now
            self.looks[delivery] = now

    def deliveries(self) -> Iterator[tuple[Path, Look]]:
        for path in sorted(self.folder.iterdir()):
            files = [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())
            if files and not path.name.startswith("."):
                yield path, tuple((str(file), file.stat().st_size, file.stat().st_mtime_ns) for file in files)

    def take(self, delivery: Path) -> bool:
        """Load one delivery: the first of a database whole, the next added to it. False: to be tried again."""
        adding = self.db.exists()
        load = publish.add if adding else publish.load
        try:
            found = self.input_of(delivery, adding=adding)
            set_aside = load(self.db, found.read, files=found.files, origin=found.origin)
        except LoadRunning:
            return False
        except publish.NothingNew as known:
            self.tell(f"{delivery.name}: {known}")
        except (SourceError, ProtocolError, SettingsError, StoreError) as refused:
            self.tell(f"{delivery.name}: refused: {refused}")
        except (OSError, duckdb.Error) as failed:
            self.tell(f"{delivery.name}: could not finish: {str(failed).splitlines()[0]}; trying again")
            return False
        else:
            self.tell(f"{delivery.name}: loaded, {set_aside:,} rows set aside")
        return True

    def input_of(self, delivery: Path, *, adding: bool) -> Input:
        if delivery.is_dir():
            return inputs.of_folder(delivery, self.shape, adding=adding)
        kind = next((kind for kind in inputs.KINDS if delivery.name.startswith(kind)), None)
        if kind is None or self.shape.format != "csv" or self.shape.mapping:
            raise SourceError("no folder, and no CSV file named labs…, exposures…, patients… or events…")
        if not adding:
            raise SourceError("the first delivery is a folder with labs.csv and exposures.csv")
        return inputs.of_files({**dict.fromkeys(inputs.KINDS), kind: delivery}, self.shape.dose_unit)
