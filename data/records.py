"""What a cohort lived through, as the four tables: ids, times, units, spellings and slips of a real feed."""

import math
from datetime import date, timedelta

import numpy as np
import pandas as pd

from data.clinic import CLOTTED, DRAWN, Clinic
from data.habits import HELD, NOTHING, OTHER_REASONS, PLANNED

LIMITS = {"anc": (1800, 7700), "wbc": (4000, 11_000), "platelets": (150_000, 400_000)}
COLUMNS = {
    "patients": "patient_id name birth_date sex site clinician diagnosis duffy_null died_on left_on",
    "exposures": "patient_id drug setting dose_mg dose_unit start_on end_on end_reason",
    "labs": "patient_id analyte value unit collected_at reported_at status ref_low ref_high",
    "events": "patient_id kind value occurred_at",
}
INFECTIONS = ("pneumonia", "bloodstream", "urinary tract", "skin and soft tissue", "none found")
# How often a row is written so that it must be set aside, or a result is corrected or withdrawn.
SLIPS = {"hold": 0.08, "cause": 0.10, "corrected": 0.006, "withdrawn": 0.001}


class Records:
    """The tables of a followed cohort; `first` is the number of its first patient, `digits` how long numbers are."""

    def __init__(self, clinic: Clinic, tables: dict, random: np.random.Generator, first: int = 1, digits: int = 4):
        self.clinic, self.who, self.tables, self.random = clinic, clinic.who, tables, random
        self.groups, self.sites = tables["group"], tables["site"]
        self.last_day: date = tables["last_day"]
        self.number = np.arange(first, first + self.who.size)
        self.ids = np.array([f"SIM-{number:0{digits}d}" for number in self.number], dtype=object)
        self.midnight = np.datetime64(self.last_day, "m") - np.timedelta64((clinic.days - 1) * 1440, "m")
        self.fevers = self.live_fevers()

    def day(self, number: int) -> date:
        return self.last_day - timedelta(days=self.clinic.days - 1 - int(number))

    # ---- patients

    def patients(self) -> pd.DataFrame:
        who, names = self.who, {name: words.split() for name, words in self.tables["names"].items()}
        groups = [self.groups[place] for place in who.group]
        drawn = np.where(self.number % 2 == 1, "female", "male")
        sexes = [group.get("sex", sex) for group, sex in zip(groups, drawn, strict=True)]
        ages = np.array([group.get("ages", [24, 82]) for group in groups])
        born = self.random.uniform(ages[:, 0], ages[:, 1]) * 365.25
        met = {"female": 0, "male": 0}
        rows = []
        for place, (group, sex) in enumerate(zip(groups, sexes, strict=True)):
            turn, met[sex] = met[sex], met[sex] + 1
            given = names[sex][turn % len(names[sex])]
            family = names["family"][(turn // len(names[sex]) + 7 * turn) % len(names["family"])]
            site = self.sites[who.site[place]]
            placed = (site["name"], site["clinician"][who.clinician[place]]["name"])
            if self.number[place] in self.tables["recorded"]["without_site"]:
                placed = ("", "")
            end = who.ended[place] if who.end[place] < self.clinic.days else ""
            ended = [self.day(who.end[place]) if end == kind else "" for kind in ("died", "left")]
            birth_date = self.last_day - timedelta(days=round(born[place]))
            duffy_null = "true" if group.get("duffy_null") else ""
            rows.append((self.ids[place], f"{given} {family}", birth_date, sex, *placed, group["diagnosis"],
                         duffy_null, *ended))  # fmt: skip
        return pd.DataFrame(rows, columns=COLUMNS["patients"].split())

    # ---- doses

    def exposures(self, slips: bool = True) -> pd.DataFrame:
        """Doses as intervals; a hold is a row of dose 0, or no row at all where the patient's are not recorded so."""
        codes = self.clinic.doses.T
        turns = np.ones(codes.shape, dtype=bool)
        turns[:, 1:] = codes[:, 1:] != codes[:, :-1]
        patient, begin = np.nonzero(turns)
        code = codes[patient, begin]
        follows = np.append(patient[1:] == patient[:-1], False)
        end = np.where(follows, np.append(begin[1:], 0), self.clinic.days) - 1
        following = np.where(follows, np.append(code[1:], NOTHING), NOTHING)
        rows = []
        luck = self.random.random(len(code)) if slips else np.ones(len(code))
        for place in np.flatnonzero(code != NOTHING):
            row = self.dose_row(patient[place], code[place], begin[place], end[place], following[place])
            if code[place] == PLANNED and self.who.chemotherapy[patient[place]]:
                continue  # infusions are recorded, not the weeks between them
            if code[place] <= HELD:
                if self.who.gap_when_held[patient[place]] and code[place] == HELD:
                    continue
                if luck[place] < SLIPS["hold"]:
                    row[6] = row[5] - timedelta(days=17)     # the last day lies before the first
            rows.append(row)
        return pd.DataFrame(rows, columns=COLUMNS["exposures"].split())

    def dose_row(self, patient: int, code: int, begin: int, end: int, following: int) -> list:
        group = self.groups[self.who.group[patient]]
        over = end == self.clinic.days - 1 and end != self.who.end[patient]
        reason = "planned" if code == PLANNED else reason_of(following)
        if not over and following == NOTHING and self.who.ended[patient] == "discontinued":
            reason = "discontinued"
        if code <= HELD and reason != "discontinued":
            reason = reason_of(code) if code < HELD else ""
        dose = group["doses"][code] if code >= 0 else 0
        return [self.ids[patient], group["drug"], group.get("setting", ""), f"{dose:g}", group.get("dose_unit", "mg"),
                self.day(begin), "" if over else self.day(end), reason]  # fmt: skip

    # ---- counts

    def draws(self) -> pd.DataFrame:
        """One row a draw, counts in cells/µL (platelets NaN where the clinic does not ask for them)."""
        names = ("patient", "day", "anc", "platelets", "wbc", "came_out", "late")
        drawn = pd.DataFrame(np.concatenate(self.clinic.draws, axis=1).T, columns=names)
        drawn = drawn.astype(dict.fromkeys(("patient", "day", "came_out", "late"), int))
        drawn = drawn.sort_values(["patient", "day"], ignore_index=True)
        white_cells_alone = np.array([group.get("drug") == "clozapine" for group in self.groups])[self.who.group]
        asked = (self.who.platelets_reported & ~white_cells_alone)[drawn["patient"]]
        drawn["platelets"] = drawn["platelets"].where(asked)
        minutes = self.random.integers(7 * 6, 12 * 6, len(drawn)) * 10
        drawn["collected_at"] = self.midnight + (drawn["day"] * 1440 + minutes).to_numpy().astype("timedelta64[m]")
        drawn["reported_at"] = drawn["collected_at"] + pd.to_timedelta(drawn["late"] * 24 + 3, unit="h")
        return drawn

    def labs(self) -> pd.DataFrame:
        """Every result as its laboratory prints it."""
        rows = []
        drawn = self.draws()
        luck = self.random.random((3, len(drawn))).T
        for draw, chances in zip(drawn.itertuples(index=False), luck, strict=True):
            rows += self.printed(draw, *chances)
        rows += self.temperatures()
        labs = pd.DataFrame(rows, columns=COLUMNS["labs"].split())
        return labs.sort_values(["patient_id", "collected_at"], kind="stable", ignore_index=True)

    def printed(self, draw, slip: float, only: float, share: float) -> list[tuple]:
        """The rows of one draw: some without an ANC, some corrected the next day, some withdrawn, some clotted."""
        site = self.sites[self.who.site[draw.patient]]
        row = Printer(self.ids[draw.patient], site, draw.collected_at, draw.reported_at)
        if draw.came_out == CLOTTED:
            return [row.text("anc", "UNABLE TO REPORT, CLOTTED" if slip < 0.5 else "clotted")]
        rows = [row.count("wbc", draw.wbc)]
        if draw.platelets == draw.platelets:
            rows.append(row.count("platelets", draw.platelets))
        if draw.came_out != DRAWN:
            return rows
        settled = draw.day < self.clinic.days - 9
        part = round(100 * draw.anc / draw.wbc)
        if settled and only < site.get("differential_only", 0) and part > 5:
            bands = int(share * 6)
            return [*rows, row.text("segs_pct", part - bands, "%"), row.text("bands_pct", bands, "%")]
        if settled and slip < SLIPS["corrected"]:
            wrong = 1.5 if slip < SLIPS["corrected"] / 2 else 0.6
            rows += [row.count("anc", round(draw.anc * wrong, -1)), row.a_day_later("anc", draw.anc)]
        else:
            rows.append(row.count("anc", draw.anc))
        if settled and slip > 1 - SLIPS["withdrawn"]:
            status = "cancelled" if share < 0.4 else "entered-in-error"
            rows.append(row.withdrawn("anc", round(draw.anc * 0.1, -1), status))
        return rows

    # ---- fevers and what follows them

    def temperatures(self) -> list[tuple]:
        rows = []
        for fever in self.fevers:
            patient = fever["patient"]
            fahrenheit = self.sites[self.who.site[patient]].get("fahrenheit", False)
            for at, celsius in fever["readings"]:
                # rounded up, so that 38.3 °C is still a fever when it is read back
                degrees = math.ceil(round(celsius * 18 + 320, 6)) / 10
                value, unit = (f"{degrees:.1f}", "[degF]") if fahrenheit else (f"{celsius:.1f}", "Cel")
                times = (written(at), written(at))
                rows.append((self.ids[patient], "temperature", value, unit, *times, "final", "", ""))
        return rows

    def live_fevers(self) -> list[dict]:
        """Readings, triage and antibiotics of each fever: 38.3 °C or more once, or 38.0 twice an hour apart."""
        fevers = []
        for patient, day, anc in sorted(self.clinic.fevers):
            chance = self.random.random(8)
            begins = self.midnight + np.timedelta64(int(day * 1440 + 400 + 10 * int(chance[0] * 45)), "m")
            if chance[1] < 0.65:
                readings = [(begins, 38.3 + round(1.4 * chance[2], 1))]
            else:
                later = begins + np.timedelta64(60 + 10 * int(chance[2] * 6), "m")
                readings = [(begins, 38.0 + round(0.2 * chance[3], 1)), (later, 38.0 + round(0.25 * chance[4], 1))]
            fever = {"patient": patient, "day": day, "anc": anc, "readings": readings}
            low = anc < 1000
            came = readings[-1][0] + np.timedelta64(20 + int(chance[3] * 150), "m")
            if chance[5] < (0.88 if low else 0.5):
                fever["triage"] = came
            if chance[6] < (0.93 if low else 0.35):
                minutes = 40 * np.exp(0.55 * self.random.standard_normal())
                fever["antibiotics"] = came + np.timedelta64(int(minutes), "m")
            if low and chance[7] < 0.7:
                fever["admission"] = came + np.timedelta64(180, "m")
            fevers.append(fever)
        return fevers

    # ---- events

    def events(self, slips: bool = True) -> pd.DataFrame:
        rows = self.noted() + self.chemotherapy() + self.history()
        for fever in self.fevers:
            patient, highest = fever["patient"], max(celsius for _, celsius in fever["readings"])
            rows.append((patient, "fever", f"{highest:.1f}", fever["readings"][-1][0]))
            care = [kind for kind in ("triage", "antibiotics", "admission") if kind in fever]
            rows += [(patient, kind, "", fever[kind]) for kind in care]
            if self.random.random() < 0.6 and fever["day"] + 2 < self.clinic.days:
                found = INFECTIONS[int(self.random.integers(len(INFECTIONS)))]
                rows.append((patient, "infection", found, fever["readings"][0][0] + np.timedelta64(1, "D")))
        end = np.datetime64(self.last_day, "m") + np.timedelta64(1, "D")
        rows = sorted((row for row in rows if row[3] < end), key=lambda row: (row[0], row[3], row[1], row[2]))
        luck = self.random.random(len(rows)) if slips else np.ones(len(rows))
        printed = []
        for (patient, kind, value, at), chance in zip(rows, luck, strict=True):
            undated = kind == "cytopenia_cause" and chance < SLIPS["cause"]
            printed.append((self.ids[patient], kind, value, "" if undated else written(at)))
        return pd.DataFrame(printed, columns=COLUMNS["events"].split())

    def noted(self) -> list[tuple]:
        hours = self.random.integers(8, 18, len(self.clinic.events))
        events = sorted(self.clinic.events)
        return [
            (patient, kind, value, self.midnight + np.timedelta64(int(day * 1440 + hour * 60), "m"))
            for (patient, day, kind, value), hour in zip(events, hours, strict=True)
        ]

    def chemotherapy(self) -> list[tuple]:
        """The courses of patients under chemotherapy, counted."""
        rows = []
        for patient in np.flatnonzero(self.who.chemotherapy):
            given = np.flatnonzero(self.clinic.doses[:, patient] >= 0)
            rows += [(patient, "chemo_course", str(turn), self.moment(day)) for turn, day in enumerate(given, start=1)]
        return rows

    def history(self) -> list[tuple]:
        """Heart failure, earlier radiotherapy and albumin of a few, as recorded around the start."""
        rows = []
        luck = self.random.random((3, self.who.size)) / np.where(self.who.chemotherapy, 6, 1)
        around = np.clip(self.who.start - 20, 0, self.clinic.days - 1)
        for patient in range(self.who.size):
            at = self.moment(around[patient])
            if luck[0, patient] < 0.03:
                rows.append((patient, "heart_failure", "yes", at))
            if luck[1, patient] < 0.025:
                rows.append((patient, "radiotherapy", "earlier, to the pelvis", at))
            if luck[2, patient] < 0.04:
                rows.append((patient, "albumin", f"{26 + int(luck[2, patient] * 400)} g/L", at))
        return rows

    def moment(self, day: int) -> np.datetime64:
        return self.midnight + np.timedelta64(int(day * 1440 + 540), "m")


class Printer:
    """One draw at one laboratory: its unit, its decimals, its limits."""

    def __init__(self, patient_id: str, site: dict, collected_at, reported_at):
        self.patient_id, self.site = patient_id, site
        self.collected_at, self.reported_at = collected_at, reported_at

    def count(self, analyte: str, cells: float, status: str = "final", reported_at=None, collected_at=None) -> tuple:
        per_unit = self.site["cells"]
        value = f"{cells / per_unit:.{0 if analyte == 'platelets' else self.site['decimals']}f}"
        if analyte == "anc" and 0 < cells < 100 < per_unit:
            value = "<0.1"
        limits = (f"{limit / per_unit:g}" for limit in LIMITS[analyte])
        times = (written(collected_at or self.collected_at), written(reported_at or self.reported_at))
        return (self.patient_id, analyte, value, self.site["unit"], *times, status, *limits)

    def a_day_later(self, analyte: str, cells: float) -> tuple:
        return self.count(analyte, cells, "corrected", self.reported_at + np.timedelta64(1, "D"))

    def withdrawn(self, analyte: str, cells: float, status: str) -> tuple:
        """A second tube of the day, taken back."""
        at = self.collected_at + np.timedelta64(100, "m")
        return self.count(analyte, cells, status, collected_at=at)

    def text(self, analyte: str, value, unit: str = "") -> tuple:
        times = (written(self.collected_at), written(self.reported_at))
        return (self.patient_id, analyte, value, unit or self.site["unit"], *times, "final", "", "")


def reason_of(code: int) -> str:
    """The words for a stop, from the code of a day's dose."""
    if code == HELD:
        return "held for counts"
    return OTHER_REASONS[HELD - 1 - code] if NOTHING < code < HELD else ""


def written(at) -> str:
    return str(np.datetime64(at, "m"))
