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
SETTLED = 1500  # milliseconds until fonts, canvas and figure stand still


def addresses(database: Path) -> dict[str, tuple[str, int]]:
    """What to look at: name, then address and the height that shows the whole of it."""
    store = Store(database)
    urgent = store.view().worklist(Filters(), per_page=1)["patient_id"].iloc[0]
    late = store.view().audit_events(store.settings, EVERYTHING, "hold_given", "not_met").iloc[0]
    held_late, due_on = late["patient_id"], late["due_on"].date().isoformat()
    store.close()
    return {
        "panel": ("/", 1100),
        "panel-filtered": ("/?status=hold&status=reduce", 900),
        "panel-earlier-day": (f"/?as_of={store.about.first_day.isoformat()}", 900),
        "panel-nothing-found": ("/?site=Centre&status=hold&status=no_result&drug=asciminib", 900),
        "patient": (f"/patient?patient={urgent}", 2400),
        "patient-none-chosen": ("/patient", 900),
        "protocols": ("/protocols?protocol=dasatinib-cp-us", 2300),
        "protocols-try": ("/protocols?protocol=dasatinib-cp-us&part=try", 3000),
        "adherence": ("/adherence", 1700),
        "adherence-events": ("/adherence?measure=hold_given&ending=not_met", 1800),
        "adherence-sites": ("/adherence?measure=supported_hold&show=site", 1900),
        "adherence-months": ("/adherence?measure=follow_up_count&show=month", 2600),
        "adherence-grace": ("/adherence?measure=hold_given&show=grace&hold_grace_days=2&site=East", 1700),
        "adherence-nothing": ("/adherence?drug=asciminib", 700),
        "cohort": ("/cohort", 4300),
        "cohort-narrowed": ("/cohort?drug=dasatinib&site=East&weeks=all&anc=median_anc", 4000),
        "cohort-nothing": ("/cohort?drug=asciminib&start=2026-03-30", 700),
        "changes-if": ("/changes_if?instead=dasatinib-cp-us", 2300),
        "changes-if-earlier-day": ("/changes_if?instead=dasatinib-cp-eln&as_of=2026-03-10", 2300),
        "changes-if-nothing-chosen": ("/changes_if", 700),
        "wall": ("/wall", 900),
        "access": ("/access", 900),
        "data": ("/data", 1900),
        "data-rows": ("/data?check=low_resolution&reason=unit+missing", 2400),
        "patient-marked": (f"/patient?patient={held_late}&mark={due_on}&mark_words=Hold+given%3A+not+met", 1500),
    }


def hard_addresses(case: str) -> dict[str, tuple[str, int]]:
    """The same for a hard case: its pages, and the patients that make it one."""
    patients = {"one": ["ONLY"], "names": ["LONG", "UNBROKEN", "ARABIC", "YEARS", "Y" * 60]}.get(case, [])
    found = {
        "panel": ("/", 1300),
        "adherence": ("/adherence", 1700),
        "cohort": ("/cohort", 4000),
        "changes-if": ("/changes_if?instead=dasatinib-cp-us", 1300),
        "data": ("/data", 1300),
        "wall": ("/wall", 900),
    }
    found |= {f"patient-{patient[:8]}": (f"/patient?patient={patient}", 2200) for patient in patients}
    return {f"{case}-{name}": visit for name, visit in found.items()}


def take_pictures(browser: Browser, url: str, name: str, address: str, height: int) -> None:
    for theme in THEMES:
        for size, width in WIDTHS.items():
            context = browser.new_context(
                color_scheme=theme, viewport={"width": width, "height": height}, locale="en-GB"
            )
            open_still(context.new_page(), url + address).screenshot(path=FOLDER / f"{name}-{theme}-{size}.png")
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
            asked = {name: visit for name, visit in pages.items() if name.startswith(wanted or "")}
            if asked:
                with dashboard(database, Path(folder) / "streamlit.log") as server:
                    for name, (address, height) in asked.items():
                        take_pictures(browser, server.url, name, address, height)
    print(f"{len(list(FOLDER.glob('*.png')))} pictures in {FOLDER}")


if __name__ == "__main__":
    main(tuple(sys.argv[1:]))
