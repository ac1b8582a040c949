"""The rule at 1, 10 and 100 million lab rows within 4 GB of memory.

    python -m benchmarks.bench_large [--patients 10000 100000 1000000] [--rounds 1]

The cohorts and the floor are those of bench_rule: DuckDB sorts the rows that the rule reads and writes one `lag` window
over them. Floor and rule take turns on two threads with a memory limit of 4 GB, and spill to the disk beyond it. What
is printed, as benchmarks/README.md shows it, are the ratio to the floor and the growth, of which 1 is linear.
"""

import argparse
import multiprocessing
import resource
import statistics
import sys
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb

from benchmarks.bench_rule import GOALS, READ, SHARES_LOW, floor, make, ratio, rule

LIMIT = "4GB"
RESULTS_EACH = 100
AS_OF = date(2026, 8, 1)  # after the last of them


@dataclass(frozen=True)
class Size:
    """What one cohort of one size cost, medians in seconds; memory and the largest spill in GB."""

    cohort: str
    rows: int
    floor: float
    rule: float
    ratio: str
    peak: float
    spilled: float


class Spill:
    """The largest size that the files of a folder had together, looked at twice a second."""

    def __init__(self, folder: Path):
        self.folder, self.largest, self.over = folder, 0, threading.Event()
        self.watcher = threading.Thread(target=self.watch, daemon=True)

    def watch(self) -> None:
        while not self.over.wait(0.5):
            sizes = [self.size(file) for file in self.folder.glob("*")]
            self.largest = max(self.largest, sum(sizes))

    @staticmethod
    def size(file: Path) -> int:
        try:
            return file.stat().st_blocks * 512
        except FileNotFoundError:
            return 0

    def __enter__(self) -> "Spill":
        self.watcher.start()
        return self

    def __exit__(self, *_) -> None:
        self.over.set()
        self.watcher.join()


def measure(name: str, patients: int, rounds: int, report) -> None:
    with tempfile.TemporaryDirectory() as folder:
        aside = Path(folder) / "aside"
        con = duckdb.connect(str(Path(folder) / "cohort.duckdb"))
        con.execute(f"SET threads = 2; SET memory_limit = '{LIMIT}'; SET preserve_insertion_order = false")
        con.execute(f"SET enable_progress_bar = false; SET temp_directory = '{aside}'")
        make(con, SHARES_LOW[name], patients, RESULTS_EACH)
        con.execute("CHECKPOINT")
        clock = {"floor": [], "rule": []}
        spilled = 0
        for _ in range(rounds):
            clock["floor"].append(floor(con, READ))
            with Spill(aside) as spill:
                clock["rule"].append(rule(con, AS_OF))
            spilled = max(spilled, spill.largest)
        ((rows,),) = con.execute("SELECT count(*) FROM labs").fetchall()
        medians = {part: statistics.median(taken) for part, taken in clock.items()}
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        report.put(Size(name, rows, **medians, ratio=ratio(clock, "floor"), peak=peak, spilled=spilled / 2**30))


def in_a_process(name: str, patients: int, rounds: int) -> Size:
    spawn = multiprocessing.get_context("spawn")
    report = spawn.Queue()
    child = spawn.Process(target=measure, args=(name, patients, rounds, report))
    child.start()
    size = report.get()
    child.join()
    return size


def table(sizes: list[Size]) -> Iterator[str]:
    """The lines of a Markdown table; growth is the time beside that of ten times fewer rows, over the rows' growth."""
    yield "| cohort | rows | floor | rule | rule / floor | goal | growth | peak memory | spilled |"
    yield "|---|---|---|---|---|---|---|---|---|"
    for before, size in zip([None, *sizes], sizes, strict=False):
        grown = "" if before is None else f"{(size.rule / before.rule) / (size.rows / before.rows):.2f}"
        yield (
            f"| {size.cohort} | {size.rows:,} | {size.floor:.1f} s | {size.rule:.1f} s | {size.ratio} "
            f"| {GOALS[size.cohort]} | {grown} | {size.peak:.1f} GB | {size.spilled:.1f} GB |"
        )


def plot(sizes: list[Size]) -> Iterator[str]:
    """A Mermaid chart of the seconds per million rows: a line that does not rise is a cost that grows with the rows."""
    rows = ", ".join(f'"{size.rows / 1e6:g} million rows"' for size in sizes)
    yield "```mermaid"
    yield "xychart-beta"
    yield f'    title "Seconds per million rows, {sizes[0].cohort}: bars the rule, line the floor"'
    yield f"    x-axis [{rows}]"
    rules, floors = ([getattr(size, part) / size.rows * 1e6 for size in sizes] for part in ("rule", "floor"))
    yield f'    y-axis "seconds" 0 --> {1.2 * max(rules + floors):.1f}'
    yield f"    bar [{', '.join(f'{seconds:.2f}' for seconds in rules)}]"
    yield f"    line [{', '.join(f'{seconds:.2f}' for seconds in floors)}]"
    yield "```"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--patients", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--rounds", type=int, default=1)
    chosen = parser.parse_args()
    for name in SHARES_LOW:
        sizes = []
        for patients in chosen.patients:
            sizes.append(in_a_process(name, patients, chosen.rounds))
            print(f"{name}, {sizes[-1].rows:,} rows: rule {sizes[-1].rule:.1f} s", file=sys.stderr, flush=True)
        print("\n".join([*table(sizes), "", *plot(sizes), ""]), flush=True)


if __name__ == "__main__":
    main()
