"""The rule of docs/rule.md as plain Python loops: a second reading that the SQL is checked against.

Nothing here is shared with the library: rows are dicts in the canonical shape (counts in cells/µL, days
as `date`, collection and report times as `datetime`), protocols are dicts as `tomllib` reads them.

Where the text leaves a choice, the choice taken here (the safer one) is:

 1. Version key: patient, analyte, collected_at, specimen; no specimen is a value of its own. Measured and
    derived ANC are never versions of each other: a derived ANC is set aside where the measured ANC of the
    same patient and collection time still stands (its winning version is usable), whatever the specimen.
 2. A day is low where any result of that day meets hold, and short of resume unless all of them meet it.
    Its value is the lowest, `<` before none before `>`. Runs of low ANC are runs of days.
 3. Only results collected and reported by `as_of` are read.
 4. An exposure's setting is matched with the protocol's id first, then with its setting; the drug must be
    the same. An exposure that fits no protocol makes no course.
 5. A `discontinued` exposure ends the course only if no other exposure above 0, started by `as_of`, runs
    past its last day. One that still runs on `as_of` runs past it.
 6. `days_below` and the nadirs of an open episode are those so far.
 7. `review` carries no dose where it replaces another action (unverified clause, no lower level, dose at
    onset already below the starting dose, no clause fits). The clause's number stays; it is empty where
    none fits.
 8. `cause` of an episode is `disease`, `treatment` or None; other causes are not looked at, and never
    hide one.
 9. Worklist certainty: that of the recommendation which the row rests on; `firm` for an open episode;
    else None.
10. A draw before an analyte of the protocol was first measured is short of resume (for `since` of
    `watch`).
11. `no_protocol`: one row a patient, with no drug; counts are the analytes in cells/µL, doses are
    exposures of any amount. A patient with a course gets no such row for another drug.
12. A course that was over before its first dose (left, then came back) has no last dose: `since` is None.
13. `[disease_related]` with `verified = false` acts as if verified. Its `escalate` stands since the onset,
    any other action since the day of the cause; an action that the table of decisions does not list
    (`resume`, `check_cause`) is the status itself. `reduce` without a dose stands whatever is given.
14. The monitoring condition on ANC reads the lowest ANC of the last day with one, with its comparator.
15. After urgency, wait and patient id, rows stand by drug and protocol; an unknown wait comes last.
16. `hold` always has dose 0, also from `[disease_related]` and `[treatment_related]`.
17. The draw of a recovery is outside an episode for `[[during]]`: what is decided on it has no episode
    number, no cause, and ranks as outside.
18. Which row of `[[during]]` decides is read draw by draw: the same row begins anew, with a recommendation
    of its own, where another row or none decided in between, even if its own band was never left.
19. An onset or a recovery does not end a row of draws on which the same row decides. What began before the
    onset is not given since the onset: the episode means hold. What began within the episode and decides on
    the last draw after its recovery stands, since the day it began.
20. A dose as a level or a step is worked out once, on the draw on which its row begins to decide.
21. "The dose given is that of the day of the decision": the dose from which that decision counted, that is
    the one of the last day before where none was given on the day.
22. A planned off-day is one whose highest dose is 0 and which some exposure of 0 with the reason `planned`
    covers. The dose given is then that of the last day before it that is no such day, which may be 0.
23. A fact of `requires` is met by the same words, blanks around them and upper or lower case aside. A
    default whose `requires` is not met is not taken, also where it is the only default of the drug.
24. A mismatch changes status and dose; `since` and `certainty` stay those of the status it replaces.
25. The gap that starts a schedule again lies between two days with a dose, both by `as_of` (or the day the
    course was over); planned off-days are days without one. Where the last ANC is older than the new start,
    `until_day` compares with a number below 0. The due day still counts from the last ANC, or from the
    course's first day.
26. `first` looks at the last two days with an ANC, each by its lowest.
"""

import re
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal

COLUMNS = {
    "episodes": (
        "patient_id", "drug", "protocol", "episode", "onset_on", "recovered_on", "trigger", "anc_nadir",
        "platelets_nadir", "days_below", "days_to_recovery", "dose_at_onset_mg", "cause",
    ),
    "recommendations": (
        "patient_id", "drug", "protocol", "episode", "decided_on", "action", "dose_mg", "clause", "during",
        "certainty",
    ),
    "worklist": (
        "patient_id", "drug", "protocol", "status", "dose_mg", "since", "last_anc", "last_anc_on",
        "next_lab_due_on", "certainty", "mismatch",
    ),
}  # fmt: skip
URGENCY = (
    "hold", "discontinue", "check_cause", "escalate", "reduce", "review", "no_result", "cannot_tell",
    "overdue", "resume", "keep_holding", "no_protocol", "watch", "continue", "off_drug",
)  # fmt: skip
CONDITIONS = ("episode", "days_to_recovery", "days_below", "anc_nadir", "platelets_nadir", "cause")
ANALYTES = ("anc", "platelets")
WITHDRAWN = ("entered-in-error", "cancelled")
CELL_COUNTS = ("anc", "wbc", "platelets", "granulocytes")
CAUSES = {"disease": "disease", "malignancy": "disease", "treatment": "treatment", "drug": "treatment"}
LAPSE_DAYS = 90
OVERDUE_DAYS = 3
COMPARATOR_RANK = {"<": 0, "": 1, ">": 2}


@dataclass
class Answer:
    """The three tables, as lists of dicts with exactly the keys of COLUMNS."""

    episodes: list = field(default_factory=list)
    recommendations: list = field(default_factory=list)
    worklist: list = field(default_factory=list)


@dataclass(frozen=True)
class Count:
    """A reported number with its comparator (`<`, `>` or empty)."""

    value: float
    comparator: str = ""


@dataclass
class Draw:
    """One patient-day: every standing ANC and platelet result of that day."""

    day: date
    anc: list = field(default_factory=list)
    platelets: list = field(default_factory=list)


@dataclass
class Episode:
    number: int
    onset: date
    trigger: str
    recovery: date | None = None
    draws: list = field(default_factory=list)
    cause: str | None = None
    cause_day: date | None = None
    treatment_day: date | None = None
    dose_at_onset: float | None = None


@dataclass(frozen=True)
class Decision:
    """What a recovery clause gives: action, dose in mg or None, 1-based clause or None, certainty."""

    action: str
    dose: float | None
    clause: int | None
    certainty: str


@dataclass(frozen=True)
class Moment:
    """What is known on a draw or on the day of a cause: each analyte's last day and lowest count, the open episode."""

    day: date
    measured_day: date
    carried: dict
    open_episode: Episode | None
    episodes_begun: int


@dataclass(frozen=True)
class DrawDecision:
    """What a row of [[during]] gives on the draw on which it begins to decide; `counted_from` is in mg."""

    day: date
    row: int
    action: str
    dose: float | None
    counted_from: float
    episode: int | None


@dataclass
class Course:
    """One patient's time on one drug under one protocol, with what is known of it at `as_of`."""

    patient_id: str
    protocol: dict
    exposures: list
    as_of: date
    start: date
    over: date | None = None
    draws: list = field(default_factory=list)
    episodes: list = field(default_factory=list)
    decisions: dict = field(default_factory=dict)
    at_draws: list = field(default_factory=list)
    stands_on_last_draw: object = None
    mismatch: bool = False

    @property
    def key(self):
        return {"patient_id": self.patient_id, "drug": self.protocol["drug"], "protocol": self.protocol["id"]}

    @property
    def last_day(self):
        """The last day the course reads: `as_of`, or the day it was over."""
        return self.as_of if self.over is None else min(self.over, self.as_of)


# ---------------------------------------------------------------- conditions


def read_condition(text):
    """`"<= 7"` as (`<=`, 7.0); a bare number or its text means equal."""
    if isinstance(text, (int, float)):
        return "=", float(text)
    stripped = text.strip()
    for operator in ("<=", ">=", "<", ">", "="):
        if stripped.startswith(operator):
            return operator, float(stripped[len(operator) :])
    return "=", float(stripped)


def number_meets(number, condition):
    operator, limit = read_condition(condition)
    if operator == "<":
        return number < limit
    if operator == "<=":
        return number <= limit
    if operator == ">":
        return number > limit
    if operator == ">=":
        return number >= limit
    return number == limit


def count_meets(count, condition):
    """A count against a condition; with a comparator, every number it may stand for must meet it."""
    operator, limit = read_condition(condition)
    if count.comparator == "<":
        return operator in ("<", "<=") and count.value <= limit
    if count.comparator == ">":
        return operator in (">", ">=") and count.value >= limit
    return number_meets(count.value, condition)


def any_meets_hold(counts, threshold):
    return any(count_meets(count, threshold["hold"]) for count in counts)


def all_meet_resume(counts, threshold):
    """Whether the counts of one day are recovered; no counts at all (never measured) are not."""
    return bool(counts) and all(count_meets(count, threshold["resume"]) for count in counts)


def lowest(counts):
    if not counts:
        return None
    return min(counts, key=lambda count: (count.value, COMPARATOR_RANK[count.comparator]))


# ---------------------------------------------------------------- results


def standing_results(labs, as_of):
    """The winning version of every result collected and reported by `as_of`, unless it is withdrawn."""
    versions = {}
    for lab in labs:
        if reported_at(lab).date() > as_of or lab["collected_at"].date() > as_of:
            continue
        key = (
            lab["patient_id"],
            lab["analyte"],
            lab["collected_at"],
            lab.get("specimen") or None,
            is_derived(lab),
        )
        versions.setdefault(key, []).append(lab)

    winners = []
    for rows in versions.values():
        latest = max(reported_at(row) for row in rows)
        usable = [row for row in rows if reported_at(row) == latest and row.get("status") not in WITHDRAWN]
        if usable:
            winners.append(min(usable, key=lambda row: (row["value"], COMPARATOR_RANK[comparator_of(row)])))

    measured = {
        (row["patient_id"], row["collected_at"])
        for row in winners
        if row["analyte"] == "anc" and not is_derived(row)
    }
    standing = []
    for row in winners:
        replaced = row["analyte"] == "anc" and is_derived(row)
        if replaced and (row["patient_id"], row["collected_at"]) in measured:
            continue
        standing.append(row)
    return standing


def reported_at(lab):
    return lab.get("reported_at") or lab["collected_at"]


def comparator_of(lab):
    return lab.get("comparator") or ""


def is_derived(lab):
    return bool(lab.get("derived"))


def draws_of(results, first_day, last_day):
    """Days with an ANC or a platelet result, in order, from `first_day` to `last_day`, both included."""
    by_day = {}
    for row in results:
        day = row["collected_at"].date()
        if row["analyte"] not in ("anc", "platelets") or not first_day <= day <= last_day:
            continue
        draw = by_day.setdefault(day, Draw(day))
        counts = draw.anc if row["analyte"] == "anc" else draw.platelets
        counts.append(Count(row["value"], comparator_of(row)))
    return [by_day[day] for day in sorted(by_day)]


# ---------------------------------------------------------------- doses


def fits(protocol, patient):
    """Whether every fact that the protocol requires is recorded of the patient."""
    return all(
        patient.get(fact) is not None and in_plain_words(patient[fact]) == in_plain_words(asked)
        for fact, asked in protocol.get("requires", {}).items()
    )


def in_plain_words(fact):
    return str(fact).strip().lower()


def default_of(protocols, patient):
    """The default whose requirements the patient meets, else the one that requires nothing, else None."""
    defaults = [protocol for protocol in protocols if protocol.get("default") and fits(protocol, patient)]
    return max(defaults, key=lambda protocol: "requires" in protocol, default=None)


def protocol_of(exposure, protocols, patient):
    """The protocol that the exposure names by id or setting, or the drug's default; None where none fits."""
    same_drug = [protocol for protocol in protocols if protocol["drug"] == exposure["drug"]]
    setting = exposure.get("setting")
    if not setting:
        return default_of(same_drug, patient)
    for key in ("id", "setting"):
        for protocol in same_drug:
            if protocol[key] == setting:
                return protocol
    return None


def covering(exposures, day):
    return [
        exposure
        for exposure in exposures
        if exposure["start_on"] <= day and (exposure["end_on"] is None or day <= exposure["end_on"])
    ]


def dose_on(exposures, day):
    """The highest dose of the exposures that cover the day; 0 where none does."""
    return max((exposure["dose_mg"] for exposure in covering(exposures, day)), default=0.0)


def is_planned_off(exposures, day):
    reasons = [row.get("end_reason") for row in covering(exposures, day) if row["dose_mg"] == 0]
    return dose_on(exposures, day) == 0 and "planned" in reasons


def dose_given(exposures, day):
    """The dose of the day; on a planned off-day that of the last day before it that was none."""
    while is_planned_off(exposures, day):
        day -= timedelta(days=1)
    return dose_on(exposures, day)


def last_dose_day(exposures, until):
    """The last day, not later than `until`, with a dose above 0; None where there is none."""
    days = []
    for exposure in exposures:
        if exposure["dose_mg"] > 0 and exposure["start_on"] <= until:
            days.append(until if exposure["end_on"] is None else min(exposure["end_on"], until))
    return max(days, default=None)


def last_dose(exposures, until):
    """The dose of the last day with one, not later than `until`."""
    return dose_on(exposures, last_dose_day(exposures, until))


def restarted_on(exposures, until, gap_days):
    """The first day with a dose after the last gap of `gap_days` or more without one; None without such a gap."""
    last_given = restart = None
    for day in sorted({day for row in exposures for day in days_with_dose(row, until)}):
        if last_given is not None and (day - last_given).days > gap_days:
            restart = day
        last_given = day
    return restart


def days_with_dose(exposure, until):
    if exposure["dose_mg"] == 0:
        return []
    last = until if exposure["end_on"] is None else min(exposure["end_on"], until)
    return [exposure["start_on"] + timedelta(days=n) for n in range((last - exposure["start_on"]).days + 1)]


def day_over(exposures, patient, as_of):
    """The first day that ended the course by `as_of`: discontinued, died or left; None while it goes on."""
    days = []
    for exposure in exposures:
        end_on = exposure["end_on"]
        if exposure.get("end_reason") != "discontinued" or end_on is None or end_on > as_of:
            continue
        runs_past = [
            other
            for other in exposures
            if other["dose_mg"] > 0 and (other["end_on"] is None or other["end_on"] > end_on)
        ]
        if not runs_past:
            days.append(end_on)
    for ending in ("died_on", "left_on"):
        if patient.get(ending) is not None and patient[ending] <= as_of:
            days.append(patient[ending])
    return min(days, default=None)


# ---------------------------------------------------------------- courses and episodes


def courses_of(exposures, results, events, patients, protocols, as_of):
    grouped = {}
    for exposure in exposures:
        if exposure["start_on"] > as_of:
            continue
        patient = patient_of(exposure["patient_id"], patients)
        protocol = protocol_of(exposure, protocols, patient)
        if protocol is None:
            continue
        rows = grouped.setdefault((exposure["patient_id"], protocol["id"]), (protocol, []))[1]
        rows.append(exposure)

    courses = []
    for (patient_id, _), (protocol, rows) in grouped.items():
        given = [row["start_on"] for row in rows if row["dose_mg"] > 0]
        if not given:
            continue
        patient = patient_of(patient_id, patients)
        course = Course(patient_id, protocol, rows, as_of, min(given), day_over(rows, patient, as_of))
        course.mismatch = not fits(protocol, patient)
        own_results = [row for row in results if row["patient_id"] == patient_id]
        course.draws = draws_of(own_results, course.start, course.last_day)
        course.episodes = episodes_of(course)
        own_events = [row for row in events if row["patient_id"] == patient_id]
        for episode in course.episodes:
            find_cause(course, episode, own_events)
            if episode.recovery is not None:
                course.decisions[episode.number] = decide(course, episode)
        decide_at_draws(course, own_events)
        courses.append(course)
    return courses


def patient_of(patient_id, patients):
    """The first row of this patient; empty where there is none."""
    return next((row for row in patients if row["patient_id"] == patient_id), {})


def carried_states(course):
    """For every draw: the draw, the analytes carried as low, and whether the draw is recovered."""
    protocol = course.protocol
    anc, platelets = [], []
    states = []
    for draw in course.draws:
        anc = draw.anc or anc
        platelets = draw.platelets or platelets
        low = []
        if any_meets_hold(anc, protocol["anc"]):
            low.append("anc")
        if "platelets" in protocol and any_meets_hold(platelets, protocol["platelets"]):
            low.append("platelets")
        recovered = all_meet_resume(anc, protocol["anc"])
        if "platelets" in protocol:
            recovered = recovered and all_meet_resume(platelets, protocol["platelets"])
        states.append((draw, low, recovered))
    return states


def episodes_of(course):
    episodes = []
    current = None
    for draw, low, recovered in carried_states(course):
        if current is None and low:
            trigger = "both" if len(low) == 2 else low[0]
            current = Episode(len(episodes) + 1, draw.day, trigger, draws=[draw])
            current.dose_at_onset = last_dose(course.exposures, draw.day)
            episodes.append(current)
        elif current is not None:
            current.draws.append(draw)
            if recovered:
                current.recovery = draw.day
                current = None
    return episodes


def find_cause(course, episode, events):
    last_day = episode.recovery or course.last_day
    episode.cause, episode.cause_day = last_cause(events, episode.onset, last_day)
    named = [(day, cause) for day, cause in causes_of(events) if episode.onset <= day <= last_day]
    disease_on = max((day for day, cause in named if cause == "disease"), default=date.min)
    episode.treatment_day = min((day for day, cause in named if day > disease_on), default=None)


def causes_of(events):
    """Every recorded cause that decides something, with its day."""
    return [
        (event["occurred_at"].date(), CAUSES[event["value"]])
        for event in events
        if event["kind"] == "cytopenia_cause" and event["value"] in CAUSES
    ]


def last_cause(events, first_day, last_day):
    """The last known cause between two days and its day; of two on one day, disease."""
    found, found_on = None, None
    for event in events:
        cause = CAUSES.get(event["value"]) if event["kind"] == "cytopenia_cause" else None
        day = event["occurred_at"].date()
        if cause is None or not first_day <= day <= last_day:
            continue
        if found_on is None or day > found_on or (day == found_on and cause == "disease"):
            found, found_on = cause, day
    return found, found_on


# ---------------------------------------------------------------- clocks and decision


def nadir(episode, analyte):
    counts = []
    for draw in episode.draws:
        counts.extend(draw.anc if analyte == "anc" else draw.platelets)
    return lowest(counts)


def low_runs(course, episode):
    """Unbroken runs of days with a low ANC: (first day, last day, day of the next ANC or None)."""
    runs = []
    first = last = None
    for draw in episode.draws:
        if not draw.anc:
            continue
        if any_meets_hold(draw.anc, course.protocol["anc"]):
            first = first or draw.day
            last = draw.day
        elif first is not None:
            runs.append((first, last, draw.day))
            first = last = None
    if first is not None:
        runs.append((first, last, None))
    return runs


def days_below(course, episode, shortest=False):
    lengths = [0]
    for first, last, following in low_runs(course, episode):
        if following is None:
            end = last
        elif shortest:
            end = last + timedelta(days=1)
        else:
            end = following
        lengths.append((end - first).days)
    return max(lengths)


def days_to_recovery(episode):
    return None if episode.recovery is None else (episode.recovery - episode.onset).days


def shortest_days_to_recovery(course, episode):
    """The day after the last draw that measured an analyte short of its resume threshold, from the onset."""
    last_short = episode.onset
    for draw in episode.draws:
        short = draw.anc and not all_meet_resume(draw.anc, course.protocol["anc"])
        if "platelets" in course.protocol and draw.platelets:
            short = short or not all_meet_resume(draw.platelets, course.protocol["platelets"])
        if short:
            last_short = draw.day
    return (last_short + timedelta(days=1) - episode.onset).days


def clause_fits(clause, facts):
    for name in CONDITIONS:
        if name not in clause:
            continue
        fact = facts[name]
        if fact is None:
            return False
        if name == "cause":
            if fact != clause[name]:
                return False
        elif isinstance(fact, Count):
            if not count_meets(fact, clause[name]):
                return False
        elif not number_meets(fact, clause[name]):
            return False
    return True


def choose_clause(course, episode, to_recovery, below):
    """The 1-based number of the first clause that fits, or None."""
    facts = {
        "episode": episode.number,
        "days_to_recovery": to_recovery,
        "days_below": below,
        "anc_nadir": nadir(episode, "anc"),
        "platelets_nadir": nadir(episode, "platelets"),
        "cause": episode.cause,
    }
    for number, clause in enumerate(course.protocol.get("recovery", []), start=1):
        if clause_fits(clause, facts):
            return number
    return None


def decide(course, episode):
    observed = choose_clause(course, episode, days_to_recovery(episode), days_below(course, episode))
    shortest = choose_clause(
        course,
        episode,
        shortest_days_to_recovery(course, episode),
        days_below(course, episode, shortest=True),
    )
    certainty = "firm" if observed == shortest else "sparse"
    if observed is None:
        return Decision("review", None, None, certainty)

    clause = course.protocol["recovery"][observed - 1]
    review = Decision("review", None, observed, certainty)
    if not clause.get("verified", True):
        return review
    rule = clause.get("dose")
    at_onset = episode.dose_at_onset
    dose = rule
    if rule == "starting":
        dose = dose_on(course.exposures, course.start)
        if at_onset < dose:
            return review
    elif rule == "current":
        dose = at_onset
    elif isinstance(rule, str):
        dose = dose_below(rule, at_onset, course.protocol)
        if dose is None:
            return review
    return Decision(clause["action"], dose, observed, certainty)


def dose_below(rule, dose, protocol):
    """What `"next_level"`, `"-100 mg"` or `"-25 %"` leaves of a dose; None where nothing is left."""
    if rule == "next_level":
        return max((level for level in protocol.get("dose_levels_mg", []) if level < dose), default=None)
    amount, unit = re.fullmatch(r"-([0-9.]+) ?(mg|%)", rule).groups()
    before = Decimal(str(dose))
    left = before - (Decimal(amount) if unit == "mg" else before * Decimal(amount) / 100)
    return float(left) if left > 0 else None


# ---------------------------------------------------------------- decisions at a draw


def moments_of(course, events):
    """The draws that measured an analyte of the protocol and, where a row asks a cause, the days of one, in order."""
    measured = {draw.day: measured_in(course, draw) for draw in course.draws if measured_in(course, draw)}
    days = set(measured)
    if any("cause" in row for row in course.protocol.get("during", [])):
        days |= {day for day, _ in causes_of(events) if min(measured, default=date.max) < day <= course.last_day}
    moments, carried, measured_day = [], {}, None
    for day in sorted(days):
        if day in measured:
            measured_day = day
            carried = carried | {analyte: (day, lowest(counts)) for analyte, counts in measured[day].items()}
        begun = [episode for episode in course.episodes if episode.onset <= day]
        still_open = [episode for episode in begun if episode.recovery is None or day < episode.recovery]
        moments.append(Moment(day, measured_day, carried, still_open[0] if still_open else None, len(begun)))
    return moments


def measured_in(course, draw):
    """The counts of a draw by analyte, of the analytes that the protocol names."""
    counts = {"anc": draw.anc, "platelets": draw.platelets if "platelets" in course.protocol else []}
    return {analyte: found for analyte, found in counts.items() if found}


def in_band(row, moment):
    """Whether the carried counts and the open episode are what the row names; an unknown count is not."""
    for analyte in ANALYTES:
        if analyte not in row:
            continue
        if analyte not in moment.carried:
            return False
        bounds = row[analyte] if isinstance(row[analyte], list) else [row[analyte]]
        if not all(count_meets(moment.carried[analyte][1], bound) for bound in bounds):
            return False
    return "open" not in row or row["open"] == (moment.open_episode is not None)


def days_in_band(row, stay_began, moment):
    """From the first draw of the stay to the last day that measured what the row names."""
    measured = [moment.carried[analyte][0] for analyte in ANALYTES if analyte in row]
    return max((min(measured, default=moment.measured_day) - stay_began).days, 0)


def conditions_hold(row, stay_began, moment, events):
    """The conditions of a row beside its band."""
    days = days_in_band(row, stay_began, moment)
    if "days_in_band" in row and not number_meets(days, row["days_in_band"]):
        return False
    if "episode" in row and not number_meets(moment.episodes_begun, row["episode"]):
        return False
    if "cause" not in row:
        return True
    episode = moment.open_episode
    return episode is not None and last_cause(events, episode.onset, moment.day)[0] == row["cause"]


def deciding_rows(course, events):
    """For every draw what is known on it, the 1-based number of the row that decides, and since when its stay lasts."""
    rows = course.protocol.get("during", [])
    stays = [None] * len(rows)  # for each row the first draw of the stay that goes on
    deciding = []
    for moment in moments_of(course, events):
        first = None
        for place, row in enumerate(rows):
            stays[place] = (stays[place] or moment.day) if in_band(row, moment) else None
            if first is None and stays[place] and conditions_hold(row, stays[place], moment, events):
                first = place + 1
        deciding.append((moment, first, stays[first - 1] if first else None))
    return deciding


def decide_at_draws(course, events):
    """One decision for each stay in the band of a row, on the first draw of it on which that row decides."""
    said = {}
    for moment, number, stay_began in deciding_rows(course, events):
        if number is not None and (number, stay_began) not in said:
            said[number, stay_began] = draw_decision(course, number, moment)
            course.at_draws.append(said[number, stay_began])
        course.stands_on_last_draw = said.get((number, stay_began))


def draw_decision(course, number, moment):
    row = course.protocol["during"][number - 1]
    counted_from = last_dose(course.exposures, moment.day)
    action, dose = row["action"], row.get("dose")
    if isinstance(dose, str):
        dose = dose_below(dose, counted_from, course.protocol)
        action = action if dose is not None else "review"
    if not row.get("verified", True) or is_no_reduction(action, dose, counted_from):
        action, dose = "review", None
    episode = moment.open_episode
    number_of_episode = None if episode is None else episode.number
    return DrawDecision(moment.day, number, action, held(action, dose), counted_from, number_of_episode)


def is_no_reduction(action, dose, before):
    return action == "reduce" and dose >= before


def held(action, dose):
    """The dose of an action: 0 for a hold, whatever is written."""
    return 0.0 if action == "hold" else dose


def related_decision(related):
    """(action, dose) of [disease_related]."""
    return related["action"], held(related["action"], related.get("dose"))


def treatment_decision(protocol, episode):
    """(action, dose) of [treatment_related]; a hold where there is no such table."""
    related = protocol.get("treatment_related", {"action": "hold"})
    action, dose = related["action"], related.get("dose")
    if not related.get("verified", True) or is_no_reduction(action, dose, episode.dose_at_onset):
        return "review", None
    return action, held(action, dose)


# ---------------------------------------------------------------- tables


def episode_row(course, episode):
    anc_nadir, platelets_nadir = nadir(episode, "anc"), nadir(episode, "platelets")
    return {
        **course.key,
        "episode": episode.number,
        "onset_on": episode.onset,
        "recovered_on": episode.recovery,
        "trigger": episode.trigger,
        "anc_nadir": None if anc_nadir is None else anc_nadir.value,
        "platelets_nadir": None if platelets_nadir is None else platelets_nadir.value,
        "days_below": days_below(course, episode),
        "days_to_recovery": days_to_recovery(episode),
        "dose_at_onset_mg": episode.dose_at_onset,
        "cause": episode.cause,
    }


def recommendation(course, episode, day, action, dose, *, clause=None, during=None, certainty="firm"):
    return {
        **course.key,
        "episode": episode,
        "decided_on": day,
        "action": action,
        "dose_mg": dose,
        "clause": clause,
        "during": during,
        "certainty": certainty,
    }


def episode_recommendations(course, episode):
    """What was decided at the onset, on the day of the cause and at the recovery."""
    protocol = course.protocol
    decided = [(episode.onset, "hold", 0.0)]
    if protocol.get("cause_required"):
        decided = [(episode.onset, "check_cause", None)]
    if episode.cause == "disease" and "disease_related" in protocol:
        decided.append((episode.cause_day, *related_decision(protocol["disease_related"])))
    elif episode.cause == "treatment" and protocol.get("cause_required"):
        day = episode.treatment_day if "treatment_related" in protocol else episode.cause_day
        decided.append((day, *treatment_decision(protocol, episode)))
    rows = [recommendation(course, episode.number, *said) for said in decided]

    if episode.recovery is not None:
        decision = course.decisions[episode.number]
        said = (episode.recovery, decision.action, decision.dose)
        found = {"clause": decision.clause, "certainty": decision.certainty}
        rows.append(recommendation(course, episode.number, *said, **found))
    return rows


def recommendation_rows(course):
    """All of a course by day; on one day what a draw decides comes last."""
    rows = [row for episode in course.episodes for row in episode_recommendations(course, episode)]
    for decision in course.at_draws:
        said = (decision.episode, decision.day, decision.action, decision.dose)
        rows.append(recommendation(course, *said, during=decision.row))
    return sorted(rows, key=lambda row: (row["decided_on"], row["during"] is not None))


def last_anc_draw(draws):
    with_anc = [draw for draw in draws if draw.anc]
    return with_anc[-1] if with_anc else None


def next_lab_due(course):
    """The day the schedule asks for the next count; None without a schedule or where no line of it fits."""
    counts = [(draw.day, lowest(draw.anc)) for draw in course.draws if draw.anc]
    anchor = counts[-1][0] if counts else course.start
    day_of_schedule = (anchor - schedule_start(course)).days
    for line in course.protocol.get("monitoring", []):
        in_time = "until_day" not in line or day_of_schedule <= line["until_day"]
        if in_time and line_fits_counts(line, counts):
            return anchor + timedelta(days=line["every_days"])
    return None


def schedule_start(course):
    gap_days = course.protocol.get("schedule_restarts_after_days")
    restart = gap_days and restarted_on(course.exposures, course.last_day, gap_days)
    return restart or course.start


def line_fits_counts(line, counts):
    """Whether a monitoring line fits the days with an ANC so far: (day, lowest count), in order."""
    if "anc" not in line:
        return True
    if not counts or not count_meets(counts[-1][1], line["anc"]):
        return False
    if line.get("first") and len(counts) > 1 and count_meets(counts[-2][1], line["anc"]):
        return False
    return "after_anc" not in line or soon_after_dip(line, counts)


def soon_after_dip(line, counts):
    """Whether the last ANC was drawn less than `for_days` after the return from the last dip."""
    returned_on = None
    dipped = False
    for day, count in counts:
        if count_meets(count, line["after_anc"]):
            dipped, returned_on = True, None
        elif dipped and returned_on is None and count_meets(count, line["anc"]):
            returned_on = day
    return returned_on is not None and (counts[-1][0] - returned_on).days < line["for_days"]


def off_drug_since(course):
    last = last_dose_day(course.exposures, course.last_day)
    return None if last is None else last + timedelta(days=1)


def watch_since(states):
    """The first draw of the unbroken row of draws short of resume that ends with the last draw."""
    since = None
    for draw, _, recovered in reversed(states):
        if recovered:
            break
        since = draw.day
    return since


def open_episode_status(course, episode, given, states):
    """(status, dose, since, certainty) while the last episode is open."""
    if course.protocol.get("cause_required") and episode.cause is None:
        return "check_cause", None, episode.onset, "firm"
    action, dose, since = decision_in_episode(course, episode)
    if action == "hold":
        return "hold" if given > 0 else "keep_holding", 0.0, episode.onset, "firm"
    if action == "reduce" and dose is not None and 0 < given <= dose:
        return "watch", None, watch_since(states), "firm"
    return action, dose, since, "firm"


def decision_in_episode(course, episode):
    """(action, dose, since) of the decision that an open episode stands under, its cause being asked for."""
    protocol = course.protocol
    if episode.cause == "disease" and "disease_related" in protocol:
        action, dose = related_decision(protocol["disease_related"])
        return action, dose, episode.onset if action == "escalate" else episode.cause_day
    decided, asked = [], []
    if episode.cause == "treatment" and "treatment_related" in protocol:
        decided.append((*treatment_decision(protocol, episode), episode.treatment_day))
    for said in course.at_draws:
        if said.episode == episode.number:
            list_of = asked if said.action == "review" else decided
            list_of.append((said.action, said.dose, said.day))
    strongest = weightiest(decided)
    if strongest is None:
        return "hold", 0.0, episode.onset
    return weightiest(decided + asked) if strongest[0] in ("reduce", "escalate", "review") else strongest


def weightiest(decisions):
    """A stop before a hold before the rest; among those alike the latest, and the later said of one day."""
    def weight(placed):
        place, (action, _, day) = placed
        return -{"discontinue": 1, "hold": 2}.get(action, 3), day, place

    return max(enumerate(decisions), key=weight)[1] if decisions else None


def closed_episode_status(course, episode, given, recovered):
    """(status, dose, since, certainty) that the last, recovered episode still decides, or None."""
    decision = course.decisions[episode.number]
    last_given = last_dose_day(course.exposures, course.as_of)
    stands = (decision.dose, episode.recovery, decision.certainty)
    if last_given <= episode.recovery:
        if (course.as_of - episode.recovery).days > LAPSE_DAYS:
            return "off_drug", None, off_drug_since(course), None
        if not recovered:
            return "keep_holding", 0.0, episode.onset, None
        return (decision.action, *stands)
    if given > 0 and decision.action == "discontinue":
        return ("discontinue", *stands)
    if decision.action == "reduce" and decision.dose is not None and given > decision.dose:
        return ("reduce", *stands)
    return None


def standing_stop(course, given):
    """(status, dose, since, certainty) of a stop that later episodes without the drug did not undo, or None."""
    stops = [episode for episode in course.episodes[:-1] if is_stop(course, episode)]
    if not stops or is_stop(course, course.episodes[-1]):
        return None
    stop = stops[-1]
    given_after = [
        max(row["start_on"], stop.recovery + timedelta(days=1))
        for row in course.exposures
        if row["dose_mg"] > 0 and (row["end_on"] is None or row["end_on"] > stop.recovery)
    ]
    again = min((day for day in given_after if day <= course.as_of), default=date.max)
    if any(episode.onset >= again for episode in course.episodes):
        return None
    is_open = course.episodes[-1].recovery is None
    if not is_open and given <= 0 and (course.as_of - stop.recovery).days > LAPSE_DAYS:
        return None
    decision = course.decisions[stop.number]
    return "discontinue", decision.dose, stop.recovery, "firm" if is_open else decision.certainty


def is_stop(course, episode):
    decision = course.decisions.get(episode.number)
    return decision is not None and decision.action == "discontinue"


def draw_status(course, given):
    """(status, dose, since, certainty) that a row of [[during]] decides outside an episode, or None."""
    last = course.stands_on_last_draw
    if last is None:
        return None
    if last.action == "reduce" and given <= last.dose:
        return None
    if last.action in ("review", "escalate") and given != last.counted_from:
        return None
    if last.action in ("review", "escalate") and (course.as_of - last.day).days > LAPSE_DAYS:
        return None
    return last.action, last.dose, last.day, "firm"


def status_of(course, due):
    """(status, dose, since, certainty): the first line of the worklist's table that applies."""
    if course.over is not None:
        return "off_drug", None, off_drug_since(course), None
    given = dose_given(course.exposures, course.as_of)
    states = carried_states(course)
    recovered = bool(states) and states[-1][2]
    if course.episodes:
        episode = course.episodes[-1]
        stopped = standing_stop(course, given)
        unknown_cause = episode.recovery is None and course.protocol.get("cause_required") and episode.cause is None
        if stopped is not None and not unknown_cause:
            return stopped
        if episode.recovery is None:
            answer = open_episode_status(course, episode, given, states)
            late = due is not None and (course.as_of - due).days > OVERDUE_DAYS
            return ("overdue", None, due, "firm") if answer[0] == "watch" and late else answer
        decided = closed_episode_status(course, episode, given, recovered)
        if decided is not None:
            return decided
    if given <= 0:
        return "off_drug", None, off_drug_since(course), None
    at_draw = draw_status(course, given)
    if at_draw is not None:
        return at_draw
    if not any(draw.anc for draw in course.draws):
        return "no_result", None, course.start, None
    if "platelets" in course.protocol and not any(draw.platelets for draw in course.draws):
        return "cannot_tell", None, course.start, None
    if due is not None and (course.as_of - due).days > OVERDUE_DAYS:
        return "overdue", None, due, None
    if not recovered:
        return "watch", None, watch_since(states), None
    return "continue", None, course.start, None


def not_calm(status, dose):
    """What a mismatch makes of a status and its dose."""
    calmer = URGENCY.index(status) > URGENCY.index("review")
    return ("review", None) if calmer and status != "off_drug" else (status, dose)


def patient_last_anc(results, patient_id, as_of):
    own = [row for row in results if row["patient_id"] == patient_id]
    draw = last_anc_draw(draws_of(own, date.min, as_of))
    if draw is None:
        return {"last_anc": None, "last_anc_on": None}
    return {"last_anc": lowest(draw.anc).value, "last_anc_on": draw.day}


def course_worklist_row(course, results):
    due = next_lab_due(course)
    status, dose, since, certainty = status_of(course, due)
    if course.mismatch:
        status, dose = not_calm(status, dose)
    return {
        **course.key,
        "status": status,
        "dose_mg": dose,
        "since": since,
        **patient_last_anc(results, course.patient_id, course.as_of),
        "next_lab_due_on": due,
        "certainty": certainty,
        "mismatch": course.mismatch,
    }


def no_protocol_rows(courses, results, exposures, as_of):
    first_seen = {}
    seen = [
        (row["patient_id"], row["collected_at"].date()) for row in results if row["analyte"] in CELL_COUNTS
    ]
    seen += [(row["patient_id"], row["start_on"]) for row in exposures if row["start_on"] <= as_of]
    for patient_id, day in seen:
        first_seen[patient_id] = min(day, first_seen.get(patient_id, day))
    in_course = {course.patient_id for course in courses}
    return [
        {
            "patient_id": patient_id,
            "drug": None,
            "protocol": None,
            "status": "no_protocol",
            "dose_mg": None,
            "since": since,
            **patient_last_anc(results, patient_id, as_of),
            "next_lab_due_on": None,
            "certainty": None,
            "mismatch": False,
        }
        for patient_id, since in first_seen.items()
        if patient_id not in in_course
    ]


def urgency_order(row):
    return (
        URGENCY.index(row["status"]),
        row["since"] or date.max,
        row["patient_id"],
        row["drug"] or "",
        row["protocol"] or "",
    )


def default_as_of(labs, exposures):
    """The last day with a result, usable or not, or the start of an exposure; None without either."""
    days = [lab["collected_at"].date() for lab in labs] + [exposure["start_on"] for exposure in exposures]
    return max(days, default=None)


def evaluate(labs, exposures, events=(), patients=(), protocols=(), as_of=None):
    """The three tables at `as_of` as an Answer: the worklist by urgency, the others by course."""
    if as_of is None:
        as_of = default_as_of(labs, exposures)
    if as_of is None:
        return Answer()
    results = standing_results(labs, as_of)
    courses = courses_of(exposures, results, events or (), patients or (), protocols, as_of)
    courses.sort(key=lambda course: tuple(course.key.values()))

    answer = Answer()
    for course in courses:
        answer.episodes.extend(episode_row(course, episode) for episode in course.episodes)
        answer.recommendations.extend(recommendation_rows(course))
        answer.worklist.append(course_worklist_row(course, results))
    answer.worklist.extend(no_protocol_rows(courses, results, exposures, as_of))
    answer.worklist.sort(key=urgency_order)
    return answer


# ---------------------------------------------------------------- comparing


def plain(value):
    """One cell as None, text, `date` or float, whatever library it came from; empty text and NaN are None."""
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return None
    if hasattr(value, "to_pydatetime"):
        value = value.to_pydatetime()
    elif hasattr(value, "item"):
        value = value.item()
    if value is None or value == "":
        return None
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, (date, str)):
        return value
    number = float(value)
    return None if number != number else number


def cell_of(record, column):
    """One cell in plain form; of a mismatch, which one program says in words, only whether there is one."""
    value = plain(record[column])
    return value not in (None, 0.0) if column == "mismatch" else value


def as_rows(table, records, ordered=False):
    """`records` of the named table as tuples in the order of COLUMNS, to compare two programs.

    `records` is a list of dicts or a pandas frame; a column beyond COLUMNS is left out, a missing one raises.
    Sorted (None first) unless `ordered` keeps the order they came in.
    """
    if hasattr(records, "to_dict"):
        records = records.to_dict("records")
    rows = [tuple(cell_of(record, column) for column in COLUMNS[table]) for record in records]
    if ordered:
        return rows
    return sorted(rows, key=lambda row: [(cell is not None, str(type(cell)), cell or 0) for cell in row])
