"""A small ward for the cohort's tests: patients whose days are counted from 1 January 2026, day 0."""

from datetime import date, timedelta
from pathlib import Path

from leuko.publish import load_csv
from leuko.store import Store

FIRST, AS_OF = date(2026, 1, 1), date(2026, 3, 1)
GIVEN = [(0, None, 100)]  # 100 mg a day from day 0 on


def on(day):
    return (FIRST + timedelta(days=day)).isoformat()


class Ward:
    """Rows of the three files."""

    def __init__(self):
        self.labs, self.doses, self.patients = [], [], []

    def add(
        self, patient, counts=(), doses=GIVEN, *, name="", site="East", unit="mg", limit="", died="", diagnosis="CML"
    ):
        """Counts as {day: ANC}, a text with its comparator; doses as (first day, last day, dose, reason)."""
        for day, anc in dict(counts).items():
            self.count(patient, anc, day, limit=limit)
        for first, last, dose, *reason in doses:
            end = "" if last is None else on(last)
            self.doses.append(f"{patient},dasatinib,{dose},{unit},{on(first)},{end},{''.join(reason)}")
        gone = died and on(died)
        self.patients.append(f"{patient},{name or f'Name of {patient}'},{site},Dr Brask,{diagnosis},{gone}")

    def count(self, patient, anc, day, *, clock="08:00", limit="", reported=None):
        """One ANC; `reported`: the day on which it was, where that is a later one."""
        late = "" if reported is None else f"{on(reported)}T08:00"
        self.labs.append(f"{patient},anc,{anc},cells/uL,{on(day)}T{clock},{limit},{late}")

    def load(self, folder: Path) -> Path:
        """Publish the ward as known on 1 March 2026, day 59."""
        heads = {
            "labs": ("patient_id,analyte,value,unit,collected_at,ref_low,reported_at", self.labs),
            "exposures": ("patient_id,drug,dose_mg,dose_unit,start_on,end_on,end_reason", self.doses),
            "patients": ("patient_id,name,site,clinician,diagnosis,died_on", self.patients),
        }
        for name, (head, rows) in heads.items():
            (folder / f"{name}.csv").write_text("\n".join([head, *rows]) + "\n", encoding="utf-8")
        load_csv(folder / "ward.duckdb", **{name: folder / f"{name}.csv" for name in heads}, as_of=AS_OF)
        return folder / "ward.duckdb"

    def open(self, folder: Path) -> Store:
        return Store(self.load(folder))
