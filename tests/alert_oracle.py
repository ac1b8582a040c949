"""docs/alerts.md as plain Python loops: a second reading that the SQL of leuko/alerts is checked against.

Rows are those of tests/oracle.py, whose reading of results, courses and episodes is taken over: docs/alerts.md says
that an alert reads them as the rule does. What it finds is rows (patient_id, drug, kind, since).

Where the text leaves a choice, the choice taken here is:

1. An hour is 60 full minutes. A fever stands at the later of its two temperatures, or where the event is.
2. Of several ANC of one moment the lowest is read. With a comparator a count is any number under or over it, none below
   0, and "may be lower" asks whether any of them is; "<x" up to the lower limit of falling may be severe.
3. A day is severe where any ANC of it is below 500; a day of a course is none of the row.
4. The drug of `severe_anc_outside_course` is the one without a protocol that was given on the day, else that of the
   next course, else that of the course that was over last, else the one without a protocol that was given last. That
   of `order_differential` is one that the white cell count itself would hold. Of several the first by name. Fevers are
   of no drug.
5. `consider_gcsf`: the last ANC is that of the course, and meets the resume threshold only where every ANC of its day
   does.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise

from tests import oracle

KINDS = (
    "possible_febrile_neutropenia", "fever_without_count", "severe_anc_outside_course", "order_differential",
    "consider_gcsf",
)  # fmt: skip
FEVER_ONCE, FEVER_TWICE = ">= 38.3", ">= 38.0"
TWICE_APART = timedelta(minutes=60), timedelta(hours=48)
COUNT_WITHIN = timedelta(hours=48)
FEVER_DAYS = 7
SEVERE, FALLING = "< 500", "< 1000"
LAPSE_DAYS = 90
WBC_LIMITS = {None: 3000}
GCSF_AFTER_DAYS, GCSF_FROM_EPISODE = 14, 3


@dataclass(frozen=True)
class Person:
    """What is known of one patient on the day asked."""

    patient_id: str
    results: list
    events: list
    exposures: list
    courses: list
    protocols: list
    about: dict
    as_of: date

    def counts(self, analyte):
        """Every (moment, count) of an analyte, in time."""
        own = [row for row in self.results if row["analyte"] == analyte]
        found = [(row["collected_at"], oracle.Count(row["value"], oracle.comparator_of(row))) for row in own]
        return sorted(found, key=lambda at: at[0])

    def days(self, analyte):
        """The counts of each day with one, in order."""
        found = {}
        for moment, count in self.counts(analyte):
            found.setdefault(moment.date(), []).append(count)
        return found

    def moments_of(self, kind):
        return [row["occurred_at"] for row in self.events if row["kind"] == kind]

    @property
    def ongoing(self):
        return [course for course in self.courses if course.over is None]

    @property
    def had_a_drug_lately(self):
        last_days = [
            min(row["end_on"] or self.as_of, self.as_of) for row in self.exposures if row["dose_mg"] > 0
        ]
        return any(self.days_ago(day) <= LAPSE_DAYS for day in last_days)

    @property
    def last_anc_on(self):
        return max(self.days("anc"), default=None)

    def days_ago(self, day):
        return (self.as_of - day).days


def alerts_of(cohort, as_of=None):
    """The rows for a `cohorts.Cohort`, sorted."""
    as_of = as_of or cohort.as_of
    results = oracle.standing_results(cohort.labs, as_of)
    told = (cohort.exposures, results, cohort.events, cohort.patients, cohort.protocols, as_of)
    courses = oracle.courses_of(*told)
    known = [row["patient_id"] for row in (*cohort.labs, *cohort.exposures, *cohort.events)]
    rows = []
    for patient_id in sorted(set(known)):
        about = oracle.patient_of(patient_id, cohort.patients)
        if any(about.get(end) is not None and about[end] <= as_of for end in ("died_on", "left_on")):
            continue
        person = Person(
            patient_id,
            [row for row in results if row["patient_id"] == patient_id],
            [row for row in cohort.events if row["patient_id"] == patient_id and row["occurred_at"].date() <= as_of],
            [row for row in cohort.exposures if row["patient_id"] == patient_id and row["start_on"] <= as_of],
            [course for course in courses if course.patient_id == patient_id],
            cohort.protocols, about, as_of,
        )  # fmt: skip
        found = (*of_fevers(person), *severe_outside(person), *order_differential(person), *consider_gcsf(person))
        rows += [(patient_id, *row) for row in found]
    return sorted(rows, key=str)


# ---------------------------------------------------------------- fevers


def fevers_of(person):
    """The moments of the fevers of the last days."""
    temperatures = person.counts("temperature")
    high = [moment for moment, count in temperatures if oracle.count_meets(count, FEVER_TWICE)]
    moments = {moment for moment, count in temperatures if oracle.count_meets(count, FEVER_ONCE)}
    moments |= {later for later in high for earlier in high if TWICE_APART[0] <= later - earlier <= TWICE_APART[1]}
    moments |= set(person.moments_of("fever"))
    return sorted(moment for moment in moments if person.days_ago(moment.date()) <= FEVER_DAYS)


def anc_in_time(person):
    """(moment, count, the count before it or None): of one moment the lowest."""
    moments = {}
    for moment, count in person.counts("anc"):
        moments.setdefault(moment, []).append(count)
    timeline = [(None, None)] + [(moment, oracle.lowest(counts)) for moment, counts in moments.items()]
    return [(moment, count, before) for (_, before), (moment, count) in pairwise(timeline)]


def may_be_lower(later, earlier):
    """Whether some number that the later count may stand for is below one that the earlier may stand for."""
    least = 0 if later.comparator == "<" else later.value
    return earlier.comparator == ">" or least < earlier.value


def is_emergency(count, before):
    if oracle.count_meets(count, SEVERE):
        return True
    if count.comparator == "<" and oracle.count_meets(count, FALLING):
        return True
    return before is not None and oracle.count_meets(count, FALLING) and may_be_lower(count, before)


def tells(count, before):
    """Whether the count decides either way: it is high enough, or known not to fall from the one before."""
    return oracle.count_meets(count, ">= 1000") or (oracle.count_meets(count, ">= 500") and before is not None)


def of_fevers(person):
    emergencies, untold = [], []
    white = [moment for moment, count in person.counts("wbc") if oracle.count_meets(count, SEVERE)]
    for fever in fevers_of(person):
        around = [
            (count, before) for moment, count, before in anc_in_time(person) if abs(moment - fever) <= COUNT_WITHIN
        ]
        white_around = [moment for moment in white if abs(moment - fever) <= COUNT_WITHIN]
        if white_around or any(is_emergency(*pair) for pair in around):
            emergencies.append(fever.date())
        elif not any(tells(*pair) for pair in around):
            untold.append(fever.date())
    if emergencies:
        yield None, "possible_febrile_neutropenia", min(emergencies)
    elif untold and person.had_a_drug_lately:
        yield None, "fever_without_count", min(untold)


# ---------------------------------------------------------------- counts that nobody reads


def severe_outside(person):
    days = person.days("anc")
    last = person.last_anc_on
    if last is None or person.days_ago(last) > LAPSE_DAYS or is_course_day(person, last):
        return
    if not any(oracle.count_meets(count, SEVERE) for count in days[last]):
        return
    since = last
    for day in sorted(days, reverse=True):
        if is_course_day(person, day) or not any(oracle.count_meets(count, SEVERE) for count in days[day]):
            break
        since = day
    yield drug_beside(person, last), "severe_anc_outside_course", since


def is_course_day(person, day):
    return any(course.start <= day for course in person.ongoing)


def drug_beside(person, day):
    unknown = [
        (max((day - min(row["end_on"] or person.as_of, person.as_of)).days, 0), row["drug"])
        for row in person.exposures
        if row["dose_mg"] > 0 and row["start_on"] <= day
        and oracle.protocol_of(row, person.protocols, person.about) is None
    ]  # fmt: skip
    after = [(course.start, course.protocol["drug"]) for course in person.courses if course.start > day]
    begun = [course for course in person.courses if course.start <= day]
    before = [(-course.last_day.toordinal(), course.protocol["drug"]) for course in begun]
    if unknown and min(unknown)[0] == 0:
        return min(unknown)[1]
    nearest = min(after or before or unknown, default=(None, None))
    return nearest[1]


def order_differential(person):
    last_anc = person.last_anc_on
    days = {
        day: oracle.lowest(counts)
        for day, counts in person.days("wbc").items()
        if last_anc is None or day > last_anc
    }
    if not days or person.days_ago(max(days)) > LAPSE_DAYS:
        return
    own = [WBC_LIMITS[course.protocol["drug"]] for course in person.ongoing if course.protocol["drug"] in WBC_LIMITS]
    low = [day for day in days if oracle.count_meets(days[day], f"< {max(own, default=WBC_LIMITS[None])}")]
    if max(days) in low:
        last = days[max(days)]
        held = [
            course.protocol["drug"]
            for course in person.ongoing
            if oracle.count_meets(last, course.protocol["anc"]["hold"])
        ]
        yield min(held, default=None), "order_differential", min(low)


# ---------------------------------------------------------------- long or many episodes


def consider_gcsf(person):
    for course in person.ongoing:
        if not course.episodes or course.episodes[-1].recovery is not None:
            continue
        episode = course.episodes[-1]
        last = oracle.last_anc_draw(course.draws)
        if last is None or oracle.all_meet_resume(last.anc, course.protocol["anc"]):
            continue
        if person.days_ago(episode.onset) > GCSF_AFTER_DAYS or episode.number >= GCSF_FROM_EPISODE:
            yield course.protocol["drug"], "consider_gcsf", episode.onset
