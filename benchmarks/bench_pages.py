"""The panel of a million patients against that of a thousand, and against a page that shows a ready-made table.

    python -m benchmarks.bench_pages [--patients 1000 1000000] [--rounds 3] [--sessions 10]

Both databases and the floor (benchmarks/floor_page.py) are served at once, each by a process of its own, and take turns
in one headless Chromium. A click is timed in the browser, from the event to the moment when the new line of the rows
shown stands there and the page is at rest; none asks for what was asked before, so that none is answered from a cache.
What is printed, as benchmarks/README.md shows it, are medians, their ratios, and what each open session adds to the
server's memory. Goals: large / small 1.3; large / floor 2, and 1.5 for the first paint; 30 MB more than the floor.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
from playwright.sync_api import Browser, Page

from benchmarks.bench_load import EXPOSURES, LABS
from benchmarks.bench_rule import COHORT, DOSES
from tests.browser import chromium
from tests.serving import ROOT, Server, free_port, running

RESULTS_EACH = 5
SHARE_LOW = 0.98
SITES, CLINICIANS = 20, 200
FLOOR = "the floor"
STATUSES = ("Hold", "Count overdue", "Continue")
PATIENTS = """
SELECT
    'P' || lpad(CAST(patient AS TEXT), 7, '0') AS patient_id, 'Name' || hash(patient, 21) % 100000 || ' Of' AS name,
    'Site ' || hash(patient, 22) % {sites} AS site, 'Dr. ' || hash(patient, 23) % {clinicians} AS clinician
FROM range({patients}) AS p (patient)
"""
# Milliseconds from an event until the line of the rows shown is another, and the page is at rest.
UNTIL_SHOWN = """async act => {
    const line = () => [...document.querySelectorAll('[data-testid=stCaptionContainer]')]
        .map(one => one.innerText).find(words => words.startsWith('Showing')) ?? '';
    const atRest = () => document.querySelector('[data-testid=stApp]').dataset.testScriptState === 'notRunning';
    const before = line(), began = performance.now();
    ACT
    while (line() === before || !atRest()) await new Promise(requestAnimationFrame);
    return performance.now() - began;
}"""
PRESS = "[...document.querySelectorAll('button')].find(one => one.innerText.includes(act)).click();"
SHOWN = """() => [...document.querySelectorAll('[data-testid=stCaptionContainer]')]
    .some(one => one.innerText.startsWith('Showing')) && document.querySelector('canvas')
    && document.querySelector('[data-testid=stApp]').dataset.testScriptState === 'notRunning'"""


@dataclass
class Served:
    """A page that is served, and what was measured of it: milliseconds by click, megabytes a session."""

    name: str
    server: Server
    clicks: dict[str, list[float]] = field(default_factory=dict)
    memory: float = 0

    @property
    def resident(self) -> float:
        """What its process holds in memory, in megabytes."""
        port = self.server.url.rpartition(":")[2]
        for process in Path("/proc").glob("[0-9]*"):
            words = (process / "cmdline").read_bytes().split(b"\0")
            if port.encode() in words and b"--server.port" in words:
                pages = int((process / "statm").read_text().split()[1])
                return pages * 4096 / 2**20
        raise RuntimeError(f"no process serves {self.server.url}")


def load(folder: Path, patients: int) -> Path:
    """A published database of so many patients."""
    folder.mkdir()
    with closing(duckdb.connect(str(folder / "cohort.duckdb"))) as con:
        con.execute("SET enable_progress_bar = false")
        con.execute(COHORT.format(patients=patients, results=RESULTS_EACH, share=SHARE_LOW))
        con.execute(DOSES.format(patients=patients))
        listed = PATIENTS.format(patients=patients, sites=SITES, clinicians=CLINICIANS)
        for name, query in {"labs": LABS, "exposures": EXPOSURES, "patients": listed}.items():
            con.execute(f"COPY ({query}) TO '{folder / name}.parquet'")
    (folder / "cohort.duckdb").unlink()
    named = [part for name in ("labs", "exposures", "patients") for part in (f"--{name}", folder / f"{name}.parquet")]
    db = folder / "leuko.duckdb"
    subprocess.run([sys.executable, "-m", "leuko", "load", *map(str, named), "--db", str(db)], check=True, cwd=ROOT)
    return db


def serve(stack: ExitStack, name: str, script: Path, log: Path, **environment: str) -> Served:
    port = free_port()
    command = [sys.executable, "-m", "streamlit", "run", str(script), "--server.port", str(port)]
    started = running(command, Server(f"http://127.0.0.1:{port}", log), "/_stcore/health", **environment)
    return Served(name, stack.enter_context(started))


def opened(browser: Browser, served: Served) -> tuple[Page, float]:
    """A new session in an empty browser, and the milliseconds until its table stood there."""
    page = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
    began = time.perf_counter()
    page.goto(served.server.url)
    page.wait_for_function(SHOWN, timeout=120_000)
    return page, 1000 * (time.perf_counter() - began)


def clicked(page: Page, label: str) -> float:
    return page.evaluate(UNTIL_SHOWN.replace("ACT", PRESS), label)


def searched(page: Page, words: str) -> float:
    """From the key that ends the words, which is pressed after the clock began."""
    page.get_by_role("textbox", name="Search").fill(words)
    page.evaluate(f"() => {{ window.shown = ({UNTIL_SHOWN.replace('ACT', '')})() }}")
    page.keyboard.press("Enter")
    return page.evaluate("() => window.shown")


def one_round(browser: Browser, served: Served, turn: int) -> None:
    """One person's clicks; each round asks for another page, status and name, which no cache has."""
    page, painted = opened(browser, served)
    took = {"first paint": painted}
    for _ in range(turn):
        clicked(page, "Next")
    took["next page"] = clicked(page, "Next")
    if served.name != FLOOR:
        took["status"] = clicked(page, STATUSES[turn])
        clicked(page, STATUSES[turn])
        took["search"] = searched(page, f"Name{turn + 1}")
    page.context.close()
    for name, milliseconds in took.items():
        served.clicks.setdefault(name, []).append(milliseconds)


def hold_open(browser: Browser, served: Served, sessions: int) -> None:
    """What each of so many open sessions adds to the server's memory."""
    before = served.resident
    pages = [opened(browser, served)[0] for _ in range(sessions)]
    served.memory = (served.resident - before) / sessions
    for page in pages:
        page.context.close()


def in_words(small: Served, large: Served, floor: Served) -> Iterator[str]:
    yield "| what | " + " | ".join(one.name for one in (small, large, floor)) + " | large / small | large / floor |"
    yield "|---|---|---|---|---|---|"
    for name in large.clicks:
        own = "first paint" if name == "first paint" else "next page"
        times = [statistics.median(one.clicks[name]) for one in (small, large)]
        least = statistics.median(floor.clicks[own])
        yield (
            f"| {name} | {times[0]:,.0f} ms | {times[1]:,.0f} ms | {least:,.0f} ms | {times[1] / times[0]:.2f} "
            f"| {times[1] / least:.2f} |"
        )
    added = (small.memory, large.memory, floor.memory)
    yield f"| memory a session | {' | '.join(f'{megabytes:.1f} MB' for megabytes in added)} | | |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--patients", type=int, nargs=2, default=[1_000, 1_000_000])
    parser.add_argument("--rounds", type=int, default=len(STATUSES), choices=range(1, len(STATUSES) + 1))
    parser.add_argument("--sessions", type=int, default=10)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as place, ExitStack() as stack:
        folder, script = Path(place), ROOT / "dashboard.py"
        served = [
            serve(
                stack, f"{patients:,} patients", script, folder / f"{patients}.log",
                LEUKO_DB=str(load(folder / str(patients), patients)),
            )
            for patients in chosen.patients
        ]  # fmt: skip
        served.append(serve(stack, FLOOR, Path(__file__).with_name("floor_page.py"), folder / "floor.log"))
        browser = stack.enter_context(chromium())
        for one in served:
            opened(browser, one)[0].context.close()  # the first of all reads the code
        for turn in range(chosen.rounds):
            for one in served:
                one_round(browser, one, turn)
        for one in served:
            hold_open(browser, one, chosen.sessions)
        print("\n".join(in_words(*served)))


if __name__ == "__main__":
    main()
