"""Fifty people at once, each signed in and of a site of his own, clicking through panel, patient and adherence pages.

    python -m tests.load [--people 50] [--minutes 2] [--think 20]

The real dashboard over the patients of the demonstration, dealt out to as many sites as there are people, whose ids say
the site. Each person does the same round of clicks: some alone; then all of them once as they come in, one after the
other, when nothing of their sites is remembered yet; then all at once. Every answer is searched for ids that are not of
his site, or on a patient's page not of the patient that he asked for. A person is a websocket that speaks Streamlit's
protocol as a browser does, with the look for a new version every three seconds.
"""

import argparse
import asyncio
import itertools
import random
import re
import sys
import tempfile
import threading
import time
import urllib.parse
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from http.cookiejar import CookieJar
from pathlib import Path

import pandas
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState, WidgetStates
from websockets.asyncio.client import ClientConnection, connect

from leuko.journal import Entry, Journal, course_of, place_of, seen
from leuko.publish import load_csv
from leuko.statistics import percentile
from leuko.store import MOST_ROWS, Filters, Store
from tests.serving import ROOT, Server, behind_sign_in

ALONE, ROUNDS_ALONE = 3, 3  # people who click first, one after the other, and how often each
LONGEST = 60  # seconds until an answer counts as none
THINK_ALONE = 0.2  # seconds
ID = re.compile(rb"W\d\d-\d{4}")
GRANTS = """[[grant]]
value = "{0}"
role = "clinician"
sites = ["{0}"]
[[grant]]
value = "{0}"
role = "quality"
sites = ["{0}"]
"""
XSRF = "_streamlit_xsrf"
ENDED = {ForwardMsg.FINISHED_SUCCESSFULLY, ForwardMsg.FINISHED_WITH_COMPILE_ERROR}
CLICKS = ("panel", "panel, a status", "patient", "patient, the next", "adherence", "adherence, a number")


# ---------------------------------------------------------------- the hospital


def site_of(number: int) -> str:
    return f"W{number:02d}"


def write_hospital(folder: Path, sites: int) -> Path:
    """The demonstration with its patients dealt out to sites, published; every id begins with its site."""
    frames = {name: pandas.read_csv(ROOT / "data" / f"{name}.csv", dtype=str) for name in
              ("labs", "exposures", "patients", "events")}  # fmt: skip
    everybody = sorted({*frames["labs"]["patient_id"].dropna(), *frames["patients"]["patient_id"]})
    ids = {old: f"{site_of(place % sites)}-{place:04d}" for place, old in enumerate(everybody)}
    for frame in frames.values():
        frame["patient_id"] = frame["patient_id"].map(ids)
    frames["patients"]["site"] = frames["patients"]["patient_id"].str.slice(stop=3)
    frames["patients"]["name"] = "Nomen " + frames["patients"]["patient_id"]
    for name, frame in frames.items():
        frame.to_csv(folder / f"{name}.csv", index=False)
    db = folder / "leuko.duckdb"
    load_csv(db, **{name: folder / f"{name}.csv" for name in frames}, as_of=date(2026, 3, 31))
    return db


def write_journal(db: Path) -> dict[str, list[str]]:
    """An entry on every other course that asks for something; gives the patients of each site, most urgent first."""
    store, journal = Store(db), Journal(place_of(db))
    patients: dict[str, list[str]] = {}
    pages = (store.view().worklist(Filters(), page, MOST_ROWS).to_dict("records") for page in (1, 2))
    for place, row in enumerate(itertools.chain.from_iterable(pages)):
        patients.setdefault(row["patient_id"][:3], []).append(row["patient_id"])
        if place % 2 or place > 300:
            continue
        patient, drug, protocol = course_of(row)
        journal.record(Entry(
            number=0, token=str(place), at=datetime.now(UTC), who=f"{patient[:3]}@example.org", role="clinician",
            patient_id=patient, site=patient[:3], drug=drug, protocol=protocol, recommendation=seen(row), episode=None,
            kind=("acknowledged", "handover", "comment")[place % 3], words="seen on the ward",
            addressee=f"{patient[:3]}@example.org" if place % 3 == 1 else "",
        ))  # fmt: skip
    store.close()
    return {site: [*dict.fromkeys(listed)] for site, listed in patients.items()}


@contextmanager
def clinic(folder: Path, people: int) -> Iterator[tuple[Server, dict[str, list[str]]]]:
    """The dashboard behind a sign-in with this many readers, each of a site of his own."""
    db = write_hospital(folder, people)
    patients = write_journal(db)
    sites = [site_of(number) for number in range(people)]
    (folder / "access.toml").write_text("".join(map(GRANTS.format, sites)), encoding="utf-8")
    users = [
        {"sub": site, "email": f"{site}@example.org", "email_verified": True, "groups": [site]} for site in sites
    ]
    with behind_sign_in(db, folder, *users) as server:
        yield server, patients


# ---------------------------------------------------------------- a person


@dataclass
class Answer:
    """What the server sent for one click: what it drew, its buttons by their keys, what went wrong."""

    sent: list[bytes] = field(default_factory=list)
    buttons: dict[str, str] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    redirect: str = ""

    def take(self, message: ForwardMsg, raw: bytes) -> None:
        kind = message.WhichOneof("type")
        if kind == "auth_redirect":
            self.redirect = message.auth_redirect.url
        elif kind == "script_finished" and message.script_finished == ForwardMsg.FINISHED_WITH_COMPILE_ERROR:
            self.faults.append("the script did not run")
        elif kind == "page_not_found":
            self.faults.append("there is no such page")
        elif kind == "delta":
            self.sent.append(raw)
            element = message.delta.new_element
            if element.WhichOneof("type") == "button" and not element.button.disabled:
                self.buttons[element.button.id.split("-", 2)[-1]] = element.button.id
            if element.WhichOneof("type") == "exception":
                self.faults.append(f"an exception: {element.exception.type}")
            if element.WhichOneof("type") == "alert" and element.alert.format == element.alert.ERROR:
                self.faults.append(f"an error is shown: {element.alert.body[:80]}")

    @property
    def ids(self) -> set[str]:
        return {found.decode() for raw in self.sent for found in ID.findall(raw)}

    def button(self, key: str) -> str:
        """The first button whose key begins so; empty where there is none."""
        return next((full for name, full in self.buttons.items() if name.startswith(key)), "")


def mixed_up(ids: set[str], site: str, patient: str = "") -> set[str]:
    """Which of these ids are none of this reader's: of another site, or of another patient than he asked for."""
    return {one for one in ids if not one.startswith(f"{site}-") or (patient and one != patient)}


class Person:
    """A signed-in reader with one page open."""

    def __init__(self, url: str, site: str, patients: list[str]):
        self.url, self.site, self.patients = url, site, patients
        self.cookies = CookieJar()
        self.query = self.page = ""
        self.pages: dict[str, str] = {}
        self.fragments: dict[str, float] = {}
        self.answer = Answer()
        self.ended = asyncio.Event()
        self.looks = 0
        self._socket: ClientConnection | None = None
        self._tasks: list[asyncio.Task] = []

    async def sign_in(self) -> None:
        """As in a browser: the button, the provider's page, back with a cookie."""
        await asyncio.to_thread(self._get, f"{self.url}/_stcore/health")
        await self.open()
        door = await self.go("")
        redirected = (await self.press(door.button(""))).redirect
        await self.close()
        where = urllib.parse.urljoin(self.url, redirected)
        provider = await asyncio.to_thread(self._get, where)
        await asyncio.to_thread(self._get, provider, urllib.parse.urlencode({"sub": self.site}).encode())
        await self.open()

    def _get(self, url: str, form: bytes | None = None) -> str:
        handlers = urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor(self.cookies)
        with urllib.request.build_opener(*handlers).open(url, form, timeout=LONGEST) as answer:
            answer.read()
            return answer.geturl()

    async def open(self) -> None:
        self.fragments.clear()
        kept = {cookie.name: cookie.value for cookie in self.cookies}
        headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in kept.items())}
        self._socket = await connect(
            self.url.replace("http", "ws", 1) + "/_stcore/stream", origin=self.url, additional_headers=headers,
            subprotocols=["streamlit", kept.get(XSRF, "none")], max_size=None, compression=None, proxy=None,
            open_timeout=LONGEST, ping_interval=None,
        )  # fmt: skip
        self._tasks = [asyncio.create_task(self._listen()), asyncio.create_task(self._look())]

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await self._socket.close()

    async def _listen(self) -> None:
        async for raw in self._socket:
            message = ForwardMsg.FromString(raw)
            kind = message.WhichOneof("type")
            self.answer.take(message, raw)
            if kind == "new_session":
                if not message.metadata.run.fragment_ids:  # of the whole page
                    self.fragments.clear()
                self.page = message.new_session.page_script_hash
            elif kind == "navigation":
                self.pages = {page.url_pathname: page.page_script_hash for page in message.navigation.app_pages}
            elif kind == "page_info_changed":
                self.query = message.page_info_changed.query_string
            elif kind == "auto_rerun":
                self.fragments[message.auto_rerun.fragment_id] = message.auto_rerun.interval
            elif kind == "script_finished" and message.script_finished in ENDED:
                self.ended.set()
        self.answer.faults.append("the connection was closed")
        self.ended.set()

    async def _look(self) -> None:
        """What an open page asks by itself: whether there is a newer version, whether its reader is still signed in."""
        while True:
            await asyncio.sleep(min(self.fragments.values(), default=1))
            for name in [*self.fragments] if self.ended.is_set() else []:
                self.looks += 1
                await self._send(fragment_id=name, is_auto_rerun=True)

    async def _send(self, **more: object) -> None:
        state = ClientState(query_string=self.query, page_script_hash=self.page, **more)
        await self._socket.send(BackMsg(rerun_script=state).SerializeToString())

    async def _answered(self, **more: object) -> Answer:
        self.ended.clear()
        self.answer = answer = Answer()
        await self._send(**more)
        try:
            await asyncio.wait_for(self.ended.wait(), LONGEST)
        except TimeoutError:
            answer.faults.append(f"no answer within {LONGEST} seconds")
            await self.close()
            await self.open()  # so that what comes late is not taken for the next answer
        return answer

    async def go(self, page: str, query: str = "") -> Answer:
        """Open a page by its address, as a link does."""
        self.page, self.query = self.pages.get(page, ""), query
        return await self._answered()

    async def press(self, button: str) -> Answer:
        if not button:
            return Answer(faults=["there is no such button"])
        state = WidgetStates(widgets=[WidgetState(id=button, trigger_value=True)])
        return await self._answered(widget_states=state)


# ---------------------------------------------------------------- the clicks


@dataclass
class Watch:
    """What was measured: seconds by click, faults and mix-ups in words."""

    seconds: dict[str, list[float]] = field(default_factory=lambda: {click: [] for click in CLICKS})
    faults: Counter = field(default_factory=Counter)
    mixed: Counter = field(default_factory=Counter)

    def judge(self, click: str, answer: Answer, began: float, person: Person, patient: str = "") -> None:
        self.seconds[click].append(time.perf_counter() - began)
        nobody = click != "adherence" and not answer.ids  # which by itself names none
        faults = [*answer.faults] + (["no patient is named"] if nobody else [])
        if patient and patient not in answer.ids:
            faults.append("the patient who was asked for is not there")
        self.faults.update(f"{click}: {fault}" for fault in faults)
        others = mixed_up(answer.ids, person.site, patient)
        if others:
            self.mixed[f"{click}: {person.site} was shown {', '.join(sorted(others)[:3])}"] += 1


async def click_through(person: Person, number: int, watch: Watch, think: Callable[[], float]) -> None:
    """One round: the panel and a status on it, a patient and the next, adherence and the events behind a number."""
    place = number % (len(person.patients) - 1)
    patient, following = person.patients[place : place + 2]

    async def timed(click: str, doing: Callable, *asked: str, about: str = "") -> Answer:
        await asyncio.sleep(think())
        began = time.perf_counter()
        found = await doing(*asked)
        watch.judge(click, found, began, person, about)
        return found

    answer = await timed("panel", person.go, "")
    await timed("panel, a status", person.press, answer.button("status_"))
    answer = await timed("patient", person.go, "patient", f"patient={patient}", about=patient)
    await timed("patient, the next", person.press, answer.button("next"), about=following)
    answer = await timed("adherence", person.go, "adherence")
    await timed("adherence, a number", person.press, answer.button("open_"))


async def alone(people: list[Person]) -> Watch:
    """One after the other, each signing in, clicking for some rounds and leaving."""
    watch = Watch()
    for person in people:
        await person.sign_in()
        for number in range(ROUNDS_ALONE):
            await click_through(person, number, watch, lambda: THINK_ALONE)
        await person.close()
    return watch


async def come_in(people: list[Person]) -> Watch:
    """One after the other: sign in, click once through everything and stay."""
    watch = Watch()
    for person in people:
        await person.sign_in()
        await click_through(person, 0, watch, lambda: 0)
    return watch


async def together(people: list[Person], minutes: float, think: float, memory: "Memory") -> tuple[Watch, float]:
    """All at once, each at his own pace, until the round in which the time is over; gives the seconds besides."""
    watch, paces = Watch(), random.Random(1)
    began = time.perf_counter()
    with memory.watched():
        async with asyncio.TaskGroup() as group:
            for place, person in enumerate(people):
                own = random.Random(paces.random())
                group.create_task(at_his_pace(person, place, began + 60 * minutes, watch, own, think))
    took = time.perf_counter() - began
    for person in people:
        await person.close()
    return watch, took


async def at_his_pace(person: Person, place: int, end: float, watch: Watch, own: random.Random, think: float) -> None:
    for number in itertools.count(place):
        await click_through(person, number, watch, lambda: own.uniform(0.5, 1.5) * think)
        if time.perf_counter() >= end:
            return


class Memory:
    """The resident memory of a process in MB, once a second."""

    def __init__(self, process: int):
        self._file = Path(f"/proc/{process}/status")
        self.before = self.now()
        self.samples: list[float] = []

    def now(self) -> float:
        found = re.search(r"VmRSS:\s+(\d+)", self._file.read_text()) if self._file.exists() else None
        return int(found[1]) / 1024 if found else float("nan")

    @contextmanager
    def watched(self) -> Iterator[None]:
        done = threading.Event()

        def sample() -> None:
            while not done.wait(1):
                self.samples.append(self.now())

        thread = threading.Thread(target=sample)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()

    def thirds(self) -> list[float]:
        """The mean of each third of the time."""
        size = max(1, len(self.samples) // 3)
        parts = self.samples[:size], self.samples[size : 2 * size], self.samples[2 * size :]
        return [sum(part) / len(part) if part else float("nan") for part in parts]

    @property
    def words(self) -> str:
        first, middle, last = self.thirds()
        return (
            f"memory of the server {self.before:,.0f} MB before, then by thirds of the time {first:,.0f}, "
            f"{middle:,.0f} and {last:,.0f} MB; the last against the middle {last / middle - 1:+.1%}"
        )


# ---------------------------------------------------------------- the whole


def run(people: int, minutes: float, think: float, lonely: int = ALONE) -> tuple[list[Watch], str]:
    """Serve, click and judge: one person alone, all as they come in, all at once; and the run in words."""
    with tempfile.TemporaryDirectory() as folder, clinic(Path(folder), people + lonely) as (server, patients):
        reading = [site_of(number) for number in range(people + lonely)]

        async def click() -> tuple[list[Watch], float, Memory, int]:
            everybody = [Person(server.url, site, patients[site]) for site in reading]
            one = await alone(everybody[people:])
            memory = Memory(server.process)
            first = await come_in(everybody[:people])
            many, took = await together(everybody[:people], minutes, think, memory)
            return [one, first, many], took, memory, sum(person.looks for person in everybody[:people])

        with ThreadPoolExecutor(1) as apart:  # a browser of another test may have a loop running in this thread
            watches, took, memory, looks = apart.submit(asyncio.run, click()).result()
        tracebacks = server.printed().count("Traceback")
    if tracebacks:
        watches[-1].faults["in the log of the server"] += tracebacks
    clicks = sum(map(len, watches[-1].seconds.values()))
    words = f"{people} people: {clicks:,} clicks and {looks:,} looks for a new version in {took:.0f} s; {memory.words}"
    return watches, words


def table(watches: list[Watch], people: int) -> str:
    """Median and 95th percentile of each click, in each of the three parts of a run."""
    head = f"| median, 95th percentile | one person | {people} as they come in | {people} at once |"
    rows = [f"| {click} | {' | '.join(times(watch.seconds[click]) for watch in watches)} |" for click in CLICKS]
    return "\n".join([head, "|---|---|---|---|", *rows])


def times(seconds: list[float]) -> str:
    half, most = (percentile(seconds, part) for part in (50, 95))
    return f"{1000 * half:,.0f} ms, {1000 * most:,.0f} ms" if seconds else "none"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--people", type=int, default=50)
    parser.add_argument("--minutes", type=float, default=2)
    parser.add_argument("--think", type=float, default=20, help="mean seconds between an answer and the next click")
    chosen = parser.parse_args()
    watches, words = run(chosen.people, chosen.minutes, chosen.think)
    print(table(watches, chosen.people))
    print(words)
    wrong = [sum((getattr(watch, name) for watch in watches), Counter()) for name in ("faults", "mixed")]
    for name, found in zip(("errors", "mix-ups"), wrong, strict=True):
        print(f"{name}: {found.total() or 'none'}")
        print("".join(f"  {count} × {line}\n" for line, count in found.most_common(10)), end="")
    return 1 if any(found.total() for found in wrong) else 0


if __name__ == "__main__":
    sys.exit(main())
