"""A published database whose patients, sites and clinicians have names that a careless writer would run.

Text that begins like a formula, markup, a script, a control character: whatever is written out of the app must keep
it as text.
"""

from pathlib import Path

from leuko.publish import load_csv
from tests import wards

FORMULA = '=HYPERLINK("http://example.org/?"&A1,"open")'
SCRIPT = "<script>alert(1)</script>"
NAMES = (FORMULA, SCRIPT, "+1+1", "-1+1", "@SUM(A1)", "\tTab", "O'Hara & \"Sons\"", "bell\x07bell", "Zoë Müller")
SITES = {"North": "=1+1", "South": "<b>South</b>", "East": "East", "West": "@West"}
CLINICIANS = {"Dr 0": "+Dr Zero", "Dr 1": "<img src=x onerror=alert(1)>", "Dr 2": "Dr Two, Jr"}
IDS = {"S8-P1": "=S8", "S0-P2": "<i>S0</i>"}


def database(folder: Path, seeds: range = range(12), **origin: object) -> Path:
    """Publish the hospital of these seeds under such names, as `leuko.duckdb` in a folder."""
    hospital = wards.hospital(seeds)
    for table in vars(hospital).values():
        table["patient_id"] = table["patient_id"].replace(IDS)
    patients = hospital.patients
    patients["name"] = [NAMES[row % len(NAMES)] for row in range(len(patients))]
    patients["site"] = patients["site"].replace(SITES)
    patients["clinician"] = patients["clinician"].replace(CLINICIANS)
    (folder / "files").mkdir()
    path = folder / "leuko.duckdb"
    load_csv(path, **hospital.write(folder / "files"), origin={"title": "A <b>trial</b>", "simulated": True} | origin)
    return path
