"""Write the simulated demonstration cohort: `python data/generate.py` makes the same four CSV files again.

Nobody in it is real. It is a plain cohort that exercises the dashboard, not a model of how patients behave:
each count walks around a level that the drug lowers over weeks, some patients dip, and their clinicians hold,
give again or overlook. For about a quarter of the patients the last weeks follow a written ending, so that
each kind of answer can be seen on the last day. What it is made from stands in cohort.toml. One random stream
a patient, so that a change to one leaves the others as they are.
"""

import csv
import math
import tomllib
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from itertools import pairwise
from pathlib import Path
from random import Random

FOLDER = Path(__file__).parent
COHORT = tomllib.loads((FOLDER / "cohort.toml").read_text(encoding="utf-8"))
LAST_DAY = date(2026, 3, 31)
SEED = "leuko demonstration 1"
EXACT = {0, 500, 1000}     # counts written as they stand; every other one scatters a little
COLUMNS = {
    "patients": "patient_id name birth_date sex site clinician diagnosis duffy_null died_on left_on",
    "exposures": "patient_id drug setting dose_mg dose_unit start_on end_on end_reason",
    "labs": "patient_id analyte value unit collected_at reported_at status ref_low ref_high",
    "events": "patient_id kind value occurred_at",
}


@dataclass(frozen=True)
class Group:
    """A `[[group]]` of cohort.toml: patients on one drug and setting; counts in cells/µL."""
    count: int
    diagnosis: str
    schedule: list
    dips: float
    anc: int
    drug: str = ""
    setting: str = ""
    doses: list = (0,)
    dose_unit: str = "mg"
    platelets_hold: int = 0
    platelets: int = 230_000
    cause_sought: float = 0.0
    ages: list = (24, 82)
    stories: dict = field(default_factory=dict)


def days_from(first, last):
    return (first + timedelta(days=n) for n in range((last - first).days + 1))


class Patient:
    """One simulated patient, followed a day at a time, and the rows of the four files that come of it."""

    def __init__(self, number, group, story):
        self.number, self.group, self.story = number, group, story
        self.patient_id = f"SIM-{number:03d}"
        self.random = random = Random(f"{SEED} {self.patient_id}")
        self.labs, self.events, self.draws, self.doses = [], [], [], {}
        self.site = COHORT["site"][number % len(COHORT["site"])]
        self.birth_date = LAST_DAY - timedelta(days=round(random.uniform(*group.ages) * 365.25))
        ended = story in ("discontinued", "died", "left")
        earliest, latest = {"": (700, 12), "no count yet": (6, 2)}.get(story, (600, 230))
        self.start = LAST_DAY - timedelta(days=random.randint(latest, earliest))
        self.end = LAST_DAY - timedelta(days=random.randint(10, 100) if ended else 0)
        self.usual_anc = group.anc * math.exp(random.gauss(0, 0.25))
        self.usual_platelets = group.platelets * math.exp(random.gauss(0, 0.2))
        self.sparse, self.prompt = random.random() < 0.08, random.random() < 0.8
        self.gap_when_held = random.random() < 0.25     # nothing is recorded while the drug is held
        self.log_anc, self.level = math.log(self.usual_anc), 0
        self.held_on = self.onset = self.change = self.dip_on = None
        if random.random() < group.dips and (ended or not story):
            # a median of about two months in, as published for dasatinib (README.md)
            self.dip_on = self.start + timedelta(days=min(round(50 * math.exp(random.gauss(0, 0.5))), 140))

    def follow(self):
        """Live through the course day by day, then through the written ending where there is one."""
        ending = COHORT["endings"].get(self.story)
        # another weekday of that week, so that not every ending falls on a Monday
        shift = 0 if self.story == "on the cuts" else self.random.choice((-1, 0, 0, 3, 4))
        finale = LAST_DAY - timedelta(days=ending["draws"][0][0] + shift + 5) if ending else self.end
        last_draw = finale - timedelta(days={"overdue": 115, "no count yet": 999}.get(self.story, 0))
        due = self.start
        for day in days_from(self.start, finale):
            self.take_dose(day)
            self.move_anc(day)
            if due <= day <= last_draw:
                anc, platelets = self.draw(day, math.exp(self.log_anc))
                self.respond(day, anc, platelets)
                due = self.next_draw(day, anc)
        if ending:
            self.live_ending(ending, shift, finale)
        return self

    def take_dose(self, day):
        """Carry out a change that has come due (a dose level, or None to hold), and take the day's dose."""
        if self.change and self.change[0] <= day:
            (_, level), self.change = self.change, None
            self.held_on = day if level is None else None
            if level is not None:
                self.level = level
                if self.random.random() < 0.8:
                    self.dip_on = day + timedelta(days=self.random.randint(30, 140))
        self.doses[day] = 0 if self.held_on else self.group.doses[self.level]

    def move_anc(self, day):
        """Move the hidden ANC (its logarithm) a day towards its usual level on the drug, or a low one."""
        dipping = self.dip_on is not None and day >= self.dip_on
        if dipping:
            hold_works = self.held_on and (day - self.held_on).days > self.random.randint(1, 14)
            if hold_works or (day - self.dip_on).days > 50:
                self.dip_on, dipping = None, False
        suppression = 0.4 * (1 - math.exp(-(day - self.start).days / 35)) if self.group.drug else 0
        target = math.log(340) if dipping else math.log(self.usual_anc) - suppression
        self.log_anc += 0.12 * (target - self.log_anc) + self.random.gauss(0, 0.06)

    def draw(self, day, anc, platelets=None):
        """Take one count, with the scatter of a real one; platelets follow the ANC where not given."""
        if anc not in EXACT:
            anc = max(10, round(anc * math.exp(self.random.gauss(0, 0.05)), -1))
        if platelets is None:
            ratio = min(max(anc / self.usual_anc, 0.08), 1.4)
            platelets = self.usual_platelets * ratio**0.45 * math.exp(self.random.gauss(0, 0.06))
        self.draws.append((day, anc, round(platelets, -3)))
        if anc >= 1000 and platelets >= self.group.platelets_hold:
            self.onset = None
        elif self.onset is None and self.is_low(anc, platelets):
            self.onset = day
            self.complications(day, anc)
        return anc, platelets

    def is_low(self, anc, platelets):
        return anc < 500 or platelets < self.group.platelets_hold

    def respond(self, day, anc, platelets):
        """What the clinician does: most hold within two days, some late or never; a few give too early."""
        random = self.random
        if self.change or not self.group.drug:
            return
        if self.is_low(anc, platelets) and not self.held_on and random.random() < 0.9:
            delay = random.randint(1, 2) if self.prompt else random.randint(4, 12)
            self.change = day + timedelta(days=delay), None
        elif self.held_on and (self.onset is None or (anc > 700 and random.random() < 0.06)):
            lower = (day - self.held_on).days > 7 and random.random() < 0.75
            level = min(self.level + lower, len(self.group.doses) - 1)
            self.change = day + timedelta(days=random.randint(1, 5)), level

    def next_draw(self, day, anc):
        """When the next count is taken: weekly when low or held, else by the schedule; never at a weekend."""
        interval = next(every for until, every in self.group.schedule if (day - self.start).days < until)
        if anc < 1000 or self.held_on:
            interval = 7
        elif anc < 1500:
            interval = min(interval, 28)
        late = self.random.randint(3, 12) if self.sparse else self.random.choice((-1, 0, 0, 0, 1, 2))
        due = day + timedelta(days=interval + late)
        return due + timedelta(days=max(0, due.weekday() - 4) and 7 - due.weekday())

    def live_ending(self, ending, shift, finale):
        """The written last weeks: the doses up to the last day, and the draws."""
        held, given_again = ending.get("held", -9), ending.get("given_again", -9)
        for day in days_from(finale, LAST_DAY):
            ago = (LAST_DAY - day).days - shift
            self.doses[day] = 0 if given_again < ago <= held else self.group.doses[self.level]
        for ago, *counts in ending["draws"]:
            self.draw(LAST_DAY - timedelta(days=ago + shift), *counts)

    def complications(self, onset, anc):
        """What may come with a low count: its cause where it is sought, G-CSF, fever with an infection."""
        random = self.random
        day = min(onset + timedelta(days=random.randint(0, 4)), self.end)
        if random.random() < self.group.cause_sought:
            self.event(day, "cytopenia_cause", random.choice(("disease", "treatment")))
        if anc < 500 and random.random() < 0.14:
            self.event(day, "gcsf", "filgrastim 300 ug")
        if anc < 500 and random.random() < 0.15:
            reading = f"{random.uniform(38.1, 39.6):.1f}"
            taken = datetime.combine(day, time(7, 30))
            self.lab(taken, taken, "temperature", reading, "Cel")
            self.event(day, "fever", reading)
            if random.random() < 0.6:
                self.event(day, "infection", random.choice(("pneumonia", "bloodstream", "urinary tract")))

    def event(self, day, kind, value):
        self.events.append((self.patient_id, kind, value, f"{day}T{self.random.randint(8, 18):02d}:00"))

    def lab(self, collected, reported, analyte, value, unit, status="final", limits=("", "")):
        times = (at.isoformat(timespec="minutes") for at in (collected, reported))
        self.labs.append((self.patient_id, analyte, value, unit, *times, status, *limits))

    def count(self, collected, reported, analyte, cells, limits, status="final"):
        """One count in the unit and with the decimals of the site's laboratory, and its reference limits."""
        per_unit = self.site["cells"]
        value = f"{cells / per_unit:.{self.site['decimals']}f}"
        if analyte == "anc" and 0 < cells < 100 < per_unit:
            value = "<0.1"
        limits = (f"{limit / per_unit:g}" for limit in limits)
        self.lab(collected, reported, analyte, value, self.site["unit"], status, limits)

    def lab_rows(self):
        """Each draw as the site reports it: some late, some corrected, some without an ANC."""
        random = self.random
        for day, anc, platelets in self.draws:
            settled = day < LAST_DAY - timedelta(days=8)
            collected = datetime.combine(day, time(random.randint(7, 11), random.randrange(0, 60, 10)))
            late = random.randint(1, 3) if settled and random.random() < 0.06 else 0
            reported = collected + timedelta(days=late, hours=3)
            wbc = round(anc * random.uniform(1.15, 1.35) + 900 * math.exp(random.gauss(0, 0.25)), -1)
            self.count(collected, reported, "wbc", wbc, (4000, 11_000))
            if self.story != "no platelets":
                self.count(collected, reported, "platelets", platelets, (150_000, 400_000))
            if anc not in EXACT and random.random() < self.site.get("differential_only", 0):
                bands = random.randint(0, min(5, int(100 * anc / wbc)))
                self.lab(collected, reported, "segs_pct", round(100 * anc / wbc) - bands, "%")
                self.lab(collected, reported, "bands_pct", bands, "%")
                continue
            status = "corrected" if settled and random.random() < 0.006 else "final"
            if status == "corrected":
                self.count(collected, reported, "anc", anc * 1.4, (1800, 7700))
                reported += timedelta(days=1)
            self.count(collected, reported, "anc", anc, (1800, 7700), status)
        return self.labs

    def exposure_rows(self):
        """The daily doses as intervals; while held a row of dose 0, or no row at all."""
        group = self.group
        if not group.drug:
            return
        changes = [day for before, day in pairwise(self.doses) if self.doses[before] != self.doses[day]]
        for start, following in pairwise([self.start, *changes, None]):
            dose, reason = self.doses[start], ""
            if following:
                last = following - timedelta(days=1)
                reason = "" if self.doses[following] else "held for counts"
            else:
                last = self.end if self.end < LAST_DAY else ""
                reason = "discontinued" if self.story == "discontinued" else ""
            if dose or not self.gap_when_held:
                yield self.patient_id, group.drug, group.setting, dose, group.dose_unit, start, last, reason

    def patient_row(self):
        names, recorded, number = COHORT["names"], COHORT["recorded"], self.number
        sex = "female" if number % 2 else "male"
        given, family = names[sex].split(), names["family"].split()
        name = f"{given[(number // 2 + number // 25) % len(given)]} {family[number * 7 % len(family)]}"
        placed = (self.site["name"], self.site["clinicians"][number // 4 % 2])
        if number in recorded["without_site"]:
            placed = ("", "")
        duffy_null = "true" if number in recorded["duffy_null"] else ""
        ended = (self.end if self.story == story else "" for story in ("died", "left"))
        return self.patient_id, name, self.birth_date, sex, *placed, self.group.diagnosis, duffy_null, *ended


def simulate():
    """Every patient in order; the stories of a group are shuffled among its patients."""
    patients = []
    for group in (Group(**table) for table in COHORT["group"]):
        stories = [story for story, count in group.stories.items() for _ in range(count)]
        stories += [""] * (group.count - len(stories))
        Random(f"{SEED} {group.drug} {group.setting}").shuffle(stories)
        patients += [Patient(len(patients) + 1 + n, group, story).follow() for n, story in enumerate(stories)]
    return patients


def generate(folder=FOLDER):
    """Write patients.csv, exposures.csv, labs.csv and events.csv into `folder`."""
    patients = simulate()
    bad = {name: list(csv.reader(text.splitlines())) for name, text in COHORT["bad_rows"].items()}
    tables = {
        "patients": [patient.patient_row() for patient in patients],
        "exposures": [row for patient in patients for row in patient.exposure_rows()] + bad["exposures"],
        "labs": [row for patient in patients for row in patient.lab_rows()] + bad["labs"],
        "events": [row for patient in patients for row in patient.events],
    }
    for name, rows in tables.items():
        with (folder / f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
            csv.writer(file, lineterminator="\n").writerows([COLUMNS[name].split(), *rows])


if __name__ == "__main__":
    generate()
