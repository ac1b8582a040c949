"""`python -m tests.look [NAME …]`: a picture of every page in both themes at three widths, into look/.

Of the demonstration and of the hard cases; with names, only of what begins with one of them.
"""

import os
import shutil
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, Page, expect

from leuko.audit import EVERYTHING
from leuko.store import Filters, Store
from tests import hard_cases
from tests.browser import chromium
from tests.serving import ROOT, dashboard

FOLDER = ROOT / "look"
THEMES = ("light", "dark")
WIDTHS = {"wide": 1440, "tablet": 820, "narrow": 390}
IDLE = "[data-testid=stApp][data-test-script-state=notRunning]"
COMING = "[data-testid=stSkeleton]"
WRONG = "Something went wrong"
SCREEN = 900  # pixels: no picture is lower
HEIGHT = "document.querySelector('[data-testid=stMain]').scrollHeight"
SETTLED = 1500  # milliseconds until fonts, canvas and figure stand still


def addresses(database: Path) -> dict[str, str]:
    """What to look at: name, then address."""
    store = Store(database)
    urgent = store.view().worklist(Filters(), per_page=1)["patient_id"].iloc[0]
    late = store.view().audit_events(store.settings, EVERYTHING, "hold_given", "not_met").iloc[0]
    held_late, due_on = late["patient_id"], late["due_on"].date().isoformat()
    store.close()
    return {
        "panel": "/",
        "panel-filtered": "/?status=hold&status=reduce",
        "panel-earlier-day": f"/?as_of={store.about.first_day.isoformat()}",
        "panel-nothing-found": "/?site=Centre&status=hold&status=no_result&drug=asciminib",
        "patient": f"/patient?patient={urgent}",
        "patient-none-chosen": "/patient",
        "protocols": "/protocols?protocol=dasatinib-cp-us",
        "protocols-try": "/protocols?protocol=dasatinib-cp-us&part=try",
        "adherence": "/adherence",
        "adherence-events": "/adherence?measure=hold_given&ending=not_met",
        "adherence-sites": "/adherence?measure=supported_hold&show=site",
        "adherence-months": "/adherence?measure=follow_up_count&show=month",
        "adherence-grace": "/adherence?measure=hold_given&show=grace&hold_grace_days=2&site=East",
        "adherence-nothing": "/adherence?drug=asciminib",
        "cohort": "/cohort",
        "cohort-narrowed": "/cohort?drug=dasatinib&site=East&weeks=all&anc=median_anc",
        "cohort-nothing": "/cohort?drug=asciminib&start=2026-03-30",
        "changes-if": "/changes_if?instead=dasatinib-cp-us",
        "changes-if-earlier-day": "/changes_if?instead=dasatinib-cp-eln&as_of=2026-03-10",
        "changes-if-nothing-chosen": "/changes_if",
        "wall": "/wall",
        "access": "/access",
        "data": "/data",
        "data-rows": "/data?check=low_resolution&reason=unit+missing",
        "patient-marked": f"/patient?patient={held_late}&mark={due_on}&mark_words=Hold+given%3A+not+met",
    }


def hard_addresses(case: str) -> dict[str, str]:
    """The same for a hard case: its pages, and the patients that make it one."""
    patients = {"one": ["ONLY"], "names": ["LONG", "UNBROKEN", "ARABIC", "YEARS", "Y" * 60]}.get(case, [])
    found = {
        "panel": "/",
        "adherence": "/adherence",
        "cohort": "/cohort",
        "changes-if": "/changes_if?instead=dasatinib-cp-us",
        "data": "/data",
        "wall": "/wall",
    }
    found |= {f"patient-{patient[:8]}": f"/patient?patient={patient}" for patient in patients}
    return {f"{case}-{name}": address for name, address in found.items()}


def take_pictures(browser: Browser, url: str, name: str, address: str) -> None:
    for theme in THEMES:
        for size, width in WIDTHS.items():
            viewport = {"width": width, "height": SCREEN}
            context = browser.new_context(color_scheme=theme, viewport=viewport, locale="en-GB")
            page = open_still(context.new_page(), url + address)
            # The page is moved within its window, so the window is made as high as the page.
            page.set_viewport_size({"width": width, "height": max(SCREEN, page.evaluate(HEIGHT))})
            page.wait_for_timeout(SETTLED)
            page.screenshot(path=FOLDER / f"{name}-{theme}-{size}.png")
            context.close()


def open_still(page: Page, address: str) -> Page:
    """The page at this address once it stands still."""
    page.goto(address)
    page.get_by_test_id("stMainBlockContainer").locator("h1, h2, h3, h5, p, li").first.wait_for(timeout=90_000)
    page.locator(IDLE).wait_for(timeout=90_000)
    page.wait_for_timeout(SETTLED)
    expect(page.locator(COMING)).to_have_count(0, timeout=60_000)
    expect(page.get_by_text(WRONG)).to_have_count(0)
    return page


def main(wanted: tuple[str, ...]) -> None:
    if not wanted:
        shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(exist_ok=True)
    demonstration = Path(os.environ.get("LEUKO_DB", ROOT / "data" / "leuko.duckdb"))
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        visits = [(demonstration, addresses(demonstration))]
        visits += [(path, hard_addresses(case)) for case, path in hard_cases.publish(Path(folder)).items()]
        for database, pages in visits:
            asked = {name: address for name, address in pages.items() if name.startswith(wanted or "")}
            if asked:
                with dashboard(database, Path(folder) / "streamlit.log") as server:
                    for name, address in asked.items():
                        take_pictures(browser, server.url, name, address)
    print(f"{len(list(FOLDER.glob('*.png')))} pictures in {FOLDER}")


if __name__ == "__main__":
    main(tuple(sys.argv[1:]))
