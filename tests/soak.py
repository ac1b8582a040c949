"""Loads, kills, undone loads and readers together against one database, for minutes: nothing may be lost.

    python -m tests.soak [--minutes 10] [--seed 1]

A hospital comes in hundreds of deliveries. Half of the loads are killed and tried again; now and then one is undone, a
whole load takes the place of all before it, or a second load, of files that are refused, runs beside the first. Two
readers open the database all the while and reckon each version up. At the end its tables must be those of one load of
all that came.
"""

import argparse
import os
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from datetime import date
from itertools import chain
from pathlib import Path
from threading import Event

import pandas

from leuko.store import Store
from tests import deliveries, wards
from tests.commands import CONTEXT, Command

AS_OF = date(2024, 4, 30)
COHORTS, PARTS, READERS = 400, 1000, 2
KILLED, UNDONE, WHOLE, RIVAL = 0.5, 0.1, 0.03, 0.3  # shares of the loads
RUNS = "another load is running"
BETWEEN_READS = 0.02  # seconds
# What must agree in each version: its number and its last load; each result that was loaded is there, once; every dose
# is judged.
RECKONED = """
    SELECT
        (SELECT number FROM about), (SELECT max(number) FROM loads),
        (SELECT count(*) FROM labs WHERE NOT derived), (SELECT sum(loaded) FROM load_report WHERE kind = 'labs'),
        (SELECT count(*) FROM exposures WHERE start_on <= (SELECT as_of FROM about)), (SELECT count(*) FROM doses)
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        return soak(Path(folder), chosen.minutes, random.Random(chosen.seed))


def soak(place: Path, minutes: float, rng: random.Random) -> int:
    hospital = wards.hospital(range(COHORTS))
    parts = deliveries.in_parts(hospital, (20, *[1] * PARTS), rng)
    db, count = place / "ward.duckdb", Counter()
    first = Command("load", "--from", deliveries.write(parts[0], place / "first"), "--db", db, "--as-of", AS_OF)
    assert first.wait() == 0, first.said()
    (place / "no labs").mkdir()
    (place / "no labs" / "labs.csv").write_text("of,no,use\n")
    done, reports = CONTEXT.Event(), CONTEXT.Queue()
    readers = [CONTEXT.Process(target=read, args=(db, done, reports)) for _ in range(READERS)]
    for reader in readers:
        reader.start()
    try:
        came = load_until(time.monotonic() + 60 * minutes, db, parts, count, rng)
    finally:
        done.set()
        said = [reports.get() for _ in readers]
    reads, versions, lines = zip(*said, strict=True)
    count["reads"], count["versions seen"], bad = sum(reads), len(set().union(*versions)), [*chain(*lines)]
    whole = place / "whole.duckdb"
    deliveries.load(whole, deliveries.write(together(parts[:came]), place / "whole"), as_of=AS_OF)
    expected, found = deliveries.contents(whole), deliveries.contents(db)
    lost = [table for table in expected if expected[table] != found[table]]
    count["deliveries"], count["results"] = came, len(found["labs"])
    count["MB, of one load"], count["MB"] = (os.path.getsize(os.path.realpath(file)) >> 20 for file in (whole, db))
    print(", ".join(f"{name} {number:,}" for name, number in sorted(count.items())))
    print(f"bad reads {len(bad)}{''.join(f'; {line}' for line in bad[:3])}")
    print(f"tables other than after one load: {', '.join(lost) or 'none'}")
    print(f"left beside the database: {', '.join(sorted(file.name for file in place.glob('ward.duckdb*')))}")
    return 1 if bad or lost else 0


def together(parts: list[deliveries.Delivery]) -> deliveries.Delivery:
    return {name: pandas.concat([part[name] for part in parts]) for name in parts[0]}


def load_until(end: float, db: Path, parts: list[deliveries.Delivery], count: Counter, rng: random.Random) -> int:
    """Load one delivery after the other; gives how many came."""
    lasts, came = 2.0, 1
    while time.monotonic() < end and came < len(parts):
        folder = deliveries.write(parts[came], db.parent / f"delivery{came}")
        adding = ("load", "--add", "--from", folder, "--db", db, "--as-of", AS_OF)
        began = time.monotonic()
        run(adding, db, lasts, count, rng)
        lasts = 0.8 * lasts + 0.2 * (time.monotonic() - began)
        came += 1
        count["added"] += 1
        if rng.random() < UNDONE:
            run(("undo", "--db", db), db, 0.2, count, rng)
            run(adding, db, lasts, count, rng)
            count["undone"] += 1
        if rng.random() < WHOLE:
            all_of_it = deliveries.write(together(parts[:came]), db.parent / f"whole{came}")
            run(("load", "--from", all_of_it, "--db", db, "--as-of", AS_OF), db, lasts, count, rng)
            count["loaded whole"] += 1
    return came


def run(arguments: tuple, db: Path, lasts: float, count: Counter, rng: random.Random) -> None:
    """Run a command until it ends well, whatever happens to it."""
    number = newest(db)
    while True:
        load = Command(*arguments)
        rival = Command("load", "--add", "--from", db.parent / "no labs", "--db", db) if rng.random() < RIVAL else None
        if rng.random() < KILLED:
            time.sleep(rng.uniform(0, lasts))
            count["killed"] += load.kill()
        status, said = load.wait(), load.said()
        if rival:
            count["refused"] += 1
            assert rival.wait() == 1, rival.said()
            assert len(rival.said()) == 1, rival.said()
        if status == 0 or newest(db) > number:
            return
        assert status == -9 or (status == 1 and len(said) == 1 and RUNS in said[0]), (arguments, status, said)


def newest(db: Path) -> int:
    return deliveries.asked(db, "SELECT number FROM about")[0][0]


def read(db: Path, done: Event, reports) -> None:
    """Read until `done`; reports how often, which versions were seen, and what was wrong."""
    reads, seen, bad = 0, set(), []
    for number, last_load, results, loaded, exposures, doses in readings(db, done):
        if (number, results, exposures) != (last_load, loaded, doses) or number < max(seen, default=0):
            bad.append(f"version {number}: {last_load=} {results=} {loaded=} {exposures=} {doses=}")
        seen.add(number)
        reads += 1
    reports.put((reads, seen, bad))


def readings(db: Path, done: Event) -> Iterator[tuple]:
    store = Store(db)
    while not done.is_set():
        if os.path.realpath(db) != store.path:
            store.close()
            store = Store(db)
        with store.cursor() as cursor:
            yield cursor.execute(RECKONED).fetchall()[0]
        done.wait(BETWEEN_READS)


if __name__ == "__main__":
    sys.exit(main())
