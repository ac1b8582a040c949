"""`python -m tests.tour`: the pictures of docs/tour.md, taken from the running demonstration into docs/tour/."""

import io
import os
import shutil
import tempfile
from pathlib import Path

from PIL import Image

from leuko.store import Filters, Store
from tests.browser import chromium
from tests.look import open_still
from tests.serving import ROOT, dashboard

FOLDER = ROOT / "docs" / "tour"
WIDTH = 1280
COLOURS = 128  # of a picture, which keeps it small
PAGES = {  # page: its address, and how much of it is shown
    "panel": ("/?guide=off", 900),
    "patient": ("/patient?patient={urgent}", 1000),
    "adherence": ("/adherence", 860),
    "cohort": ("/cohort?drug=dasatinib&site=East", 900),
    "protocols": ("/protocols?protocol=dasatinib-cp-us&part=try", 860),
    "changes_if": ("/changes_if?instead=dasatinib-cp-us", 760),
    "data": ("/data", 760),
    "wall": ("/wall", 760),
    "access": ("/access", 600),
}


def small(picture: bytes) -> Image.Image:
    return Image.open(io.BytesIO(picture)).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)


def main() -> None:
    database = Path(os.environ.get("LEUKO_DB", ROOT / "data" / "leuko.duckdb"))
    store = Store(database)
    urgent = store.view().worklist(Filters(), per_page=1)["patient_id"].iloc[0]
    store.close()
    FOLDER.mkdir(exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        dashboard(shutil.copy(database, folder), Path(folder) / "streamlit.log") as server,
        chromium() as browser,
    ):
        for name, (address, height) in PAGES.items():
            page = browser.new_page(viewport={"width": WIDTH, "height": height}, locale="en-GB")
            picture = open_still(page, server.url + address.format(urgent=urgent)).screenshot()
            small(picture).save(FOLDER / f"{name}.png", optimize=True)
            page.close()
    print(f"{len(PAGES)} pictures in {FOLDER}")


if __name__ == "__main__":
    main()
