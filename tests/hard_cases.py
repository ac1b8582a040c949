"""Databases on which a page must look right too: nobody, one patient, thousands, hard names, ten years of counts."""

import random
from pathlib import Path

from tests.cohort_wards import Ward

PATIENTS = 5000
YEARS = range(-3650, 59, 12)  # ten years of counts, every twelfth day up to the end of February 2026
LONG = "Maximiliane-Theodora Wolfeschlegelsteinhausenbergerdorff von und zu Hohenlohe-Waldenburg-Schillingsfürst"
NAMES = {
    "LONG": LONG,
    "UNBROKEN": "Ö" * 90,
    "HEBREW": "שרה כהן־לוי",
    "ARABIC": "عبد الرحمن بن محمد الهاشمي",
    "MIXED": "Nour نور Haddad (ext)",
}


def counts_of(seed: int, days: range) -> dict[int, int]:
    """An ANC that wanders, with a low now and then."""
    dice = random.Random(seed)
    anc, found = 3000.0, {}
    for day in days:
        anc = min(9000.0, max(50.0, anc * dice.choice((0.6, 0.85, 1.0, 1.1, 1.35))))
        found[day] = round(anc, -1)
    return found


def nobody() -> Ward:
    return Ward()


def one() -> Ward:
    ward = Ward()
    ward.add("ONLY", {58: 430})
    return ward


def names() -> Ward:
    ward = Ward()
    for number, (patient, name) in enumerate(NAMES.items()):
        ward.add(patient, {0: 3000, 40: 900 - 150 * number, 58: 430}, name=name, site="Ward " + "B" * 40)
    ward.add("YEARS", counts_of(1, YEARS), [(YEARS.start, None, 100)], name="Ten Years")
    ward.add("Y" * 60, counts_of(2, range(0, 59, 7)), name="Long Id")
    return ward


def thousands() -> Ward:
    ward = Ward()
    for number in range(PATIENTS):
        site = ("East", "North", "West", "Lakeside")[number % 4]
        ward.add(f"P{number:04d}", counts_of(number, range(0, 59, 14)), site=site)
    return ward


def publish(folder: Path) -> dict[str, Path]:
    """A database of each, by its name."""
    made = {}
    for ward in (nobody, one, names, thousands):
        place = folder / ward.__name__
        place.mkdir()
        made[ward.__name__] = ward().load(place)
    return made
