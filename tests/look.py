"""`python -m tests.look`: a picture of every page in both themes, wide and narrow, into look/."""

import os
import shutil
import tempfile
from contextlib import ExitStack
from pathlib import Path

from playwright.sync_api import Browser, expect

from leuko.audit import EVERYTHING
from leuko.store import Filters, Store
from tests.browser import chromium
from tests.serving import ROOT, dashboard

FOLDER = ROOT / "look"
THEMES = ("light", "dark")
WIDTHS = {"wide": 1440, "narrow": 390}
IDLE = "[data-testid=stApp][data-test-script-state=notRunning]"
COMING = "[data-testid=stSkeleton]"
SETTLED = 2000  # milliseconds until fonts, canvas and figure stand still


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
        "panel-nothing-found": ("/?search=nobody-of-this-name", 900),
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
        "data": ("/data", 1900),
        "data-rows": ("/data?check=low_resolution&reason=unit+missing", 2400),
        "patient-marked": (f"/patient?patient={held_late}&mark={due_on}&mark_words=Hold+given%3A+not+met", 1500),
    }


def take_pictures(browser: Browser, url: str, name: str, address: str, height: int) -> None:
    for theme in THEMES:
        for size, width in WIDTHS.items():
            context = browser.new_context(
                color_scheme=theme, viewport={"width": width, "height": height}, locale="en-GB"
            )
            page = context.new_page()
            page.goto(url + address)
            page.get_by_test_id("stMarkdown").first.wait_for(timeout=60_000)
            page.locator(IDLE).wait_for(timeout=60_000)
            page.wait_for_timeout(SETTLED)
            expect(page.locator(COMING)).to_have_count(0, timeout=60_000)
            page.screenshot(path=FOLDER / f"{name}-{theme}-{size}.png")
            context.close()


def main() -> None:
    database = Path(os.environ.get("LEUKO_DB", ROOT / "data" / "leuko.duckdb"))
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir()
    with tempfile.TemporaryDirectory() as folder, ExitStack() as running:
        server = running.enter_context(dashboard(database, Path(folder) / "streamlit.log"))
        browser = running.enter_context(chromium())
        for name, (address, height) in addresses(database).items():
            take_pictures(browser, server.url, name, address, height)
    print(f"{len(list(FOLDER.glob('*.png')))} pictures in {FOLDER}")


if __name__ == "__main__":
    main()
