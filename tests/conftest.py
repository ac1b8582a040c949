"""Fixtures that every test may use."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path

import hypothesis
import pytest
from playwright.sync_api import Browser, Page

from leuko.__main__ import main as leuko
from leuko.store import Filters, Store
from pages.common import shared
from tests import postgres
from tests.browser import chromium
from tests.serving import ROOT, Server, dashboard

shared.WITHIN.set()  # tests of pages run them without a server, and so without its gate

# A slow machine is no finding about the rule. A failing example is printed so that it can be repeated.
hypothesis.settings.register_profile("leuko", deadline=None, print_blob=True)
hypothesis.settings.load_profile("leuko")

NUMBERS = count(1)


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """A file's bytes name no test: packed ones hold the second they were packed in, and each worker packs its own."""
    return argname if isinstance(val, bytes) else None


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real data sets, which may not be redistributed; without it the test is skipped."""
    folder = os.environ.get("LEUKO_REAL_DATA")
    if not folder:
        pytest.skip("LEUKO_REAL_DATA is not set: the real data sets are not part of the repository")
    return Path(folder)


@pytest.fixture(autouse=True)
def main_module() -> Iterator[None]:
    """A page under test takes the place of the main module, and a process started later would draw it."""
    before = sys.modules["__main__"]
    yield
    sys.modules["__main__"] = before


@pytest.fixture(scope="session")
def demonstration(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The database of the demonstration, to be read."""
    path = tmp_path_factory.mktemp("demonstration") / "leuko.duckdb"
    assert leuko(["load", "--from", str(ROOT / "data"), "--db", str(path)]) == 0
    return path


@pytest.fixture(scope="session")
def most_urgent(demonstration: Path) -> str:
    """The first patient of its list."""
    store = Store(demonstration)
    found = store.view().worklist(Filters(), per_page=1)["patient_id"].iloc[0]
    store.close()
    return found


@pytest.fixture(scope="session")
def journal_server() -> Iterator[postgres.Server]:
    """A PostgreSQL server for journals; without one the test is skipped."""
    if not postgres.programs():
        pytest.skip(postgres.MISSING)
    with postgres.server() as started:
        yield started


@pytest.fixture(params=["duckdb", "postgresql"])
def journal_place(request: pytest.FixtureRequest, tmp_path: Path) -> Path | str:
    """Where an empty journal is kept, on each of the two databases in turn."""
    if request.param == "duckdb":
        return tmp_path / "ward.journal.duckdb"
    return request.getfixturevalue("journal_server").new_database(f"ward{next(NUMBERS)}")


@pytest.fixture(scope="session")
def chromium_browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def browser_page(chromium_browser: Browser) -> Iterator[Callable[..., Page]]:
    """`browser_page(theme="light", width=1440, height=900)` opens a page with a profile of its own."""
    with ExitStack() as opened:

        def open_page(theme: str = "light", width: int = 1440, height: int = 900) -> Page:
            context = chromium_browser.new_context(
                color_scheme=theme, viewport={"width": width, "height": height}, locale="en-GB"
            )
            opened.callback(context.close)
            return context.new_page()

        yield open_page


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[Path], Server]]:
    """`server(db_path)` serves that database; the same path gets the same server for the whole test run."""
    running: dict[Path, Server] = {}
    with ExitStack() as started:

        def serve(db_path: Path) -> Server:
            if db_path not in running:
                log = tmp_path_factory.mktemp("server") / "streamlit.log"
                running[db_path] = started.enter_context(dashboard(db_path, log))
            return running[db_path]

        yield serve
