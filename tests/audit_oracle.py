"""Six of the adherence measures as plain Python loops, from docs/rule.md and the definitions of the measures.

What the rule said on the day of an action is asked of `tests.oracle` for that day. Nothing is shared with
`leuko.measures`: doses are looked up day by day, and what was known is evaluated anew for every day that is asked.

Where the text leaves a choice, the choice taken here is:

 1. A pause is an unbroken row of days of the course without a dose, planned off-days among them. It begins on the first
    of its days that was not planned; where all were planned it is excluded as planned. A recovery among the planned
    days before that first one is no recovery while the drug was held.
 2. The reason of a pause is that of a dose of 0 which covers its first day, else that of the dose which ended the day
    before. No reason, or one that means a hold, is a hold.
 3. What follows the last dose of a course that was discontinued is a pause, as a hold excluded unless the counts
    supported it. What follows a death or a leaving is none.
 4. The drug was being given at an onset if there was a dose on that day or on the day before it: a hold on the day of
    the report is a hold. On a planned off-day the onset is excluded.
 5. A stop up to the day on which the recovery was known is a hold of that episode.
 6. An onset is known from the first day that saw its day low; a recovery since every later day saw it. Both are
    asked of the rule for each day with a report, so a second report of the same moves neither.
 7. A restart on the day of the recovery is in time. One after the counts fell short again is no answer to it.
 8. A restart with an episode open is early. It cannot be told only where no count was drawn since the onset and that
    is longer ago than counts are due in an episode, or where the protocol said review or escalate.
 9. The dose at a restart is compared with the decision of the recovery, also where a draw decided since, and with the
    dose to which the protocol reduces in an open episode. A day without a dose ends the mean.
10. A hold or a reduction is supported where what stood on its day stops or reduces; a reduction that was decided at a
    recovery or at a draw stands only while the dose is above it. A review at the draw leaves it open.
11. A count within an episode is a day with a result of an analyte of the protocol. It is not due before the low count
    was known.
12. A grace period has run out when its last day is over: on the day after it.
"""

from collections import Counter
from dataclasses import dataclass
from datetime import date, timedelta

from tests import oracle

HELD = {
    None, "", "held", "hold", "held for counts", "low counts", "neutropenia", "thrombocytopenia", "cytopenia",
    "discontinued",
}  # fmt: skip
DAY = timedelta(days=1)
DEFAULTS = {
    "hold_grace_days": 1, "restart_within_days": 7, "follow_up_every_days": 7, "follow_up_grace_days": 0,
    "restart_mean_days": 7, "dose_mean_days": 14, "reduction_percent": 20,
}  # fmt: skip
ANSWERED = ("hold_given", "restart_in_time")  # of which an excluded event is not asked when it happened
STOPS = ("hold", "check_cause", "discontinue", "reduce")


@dataclass(frozen=True)
class Pause:
    """Days without a dose: the first, the first not planned, the restart or None, and why ("" for a hold)."""

    first: date
    stopped: date | None
    restarted: date | None
    reason: str


@dataclass
class Story:
    """One patient's rows, for evaluating any day."""

    labs: list
    exposures: list
    events: list
    patients: list
    protocols: list

    def courses(self, day):
        """The courses as they were known on a day, by protocol."""
        results = oracle.standing_results(self.labs, day)
        found = oracle.courses_of(self.exposures, results, self.events, self.patients, self.protocols, day)
        return {course.protocol["id"]: course for course in found}


def stories_of(cohort):
    ids = sorted({row["patient_id"] for row in cohort.exposures})
    tables = (cohort.labs, cohort.exposures, cohort.events, cohort.patients)
    for patient_id in ids:
        own = [[row for row in rows if row["patient_id"] == patient_id] for rows in tables]
        yield Story(*own, cohort.protocols)


class Reading:
    """The events of one course."""

    def __init__(self, story, course, settings):
        self.story, self.course, self.settings = story, course, DEFAULTS | (settings or {})
        self.protocol_id = course.protocol["id"]
        self.known = {}
        self.dead = self.ended_by_patient()
        self.pauses = list(self.find_pauses())
        self.report_days = sorted({
            max(oracle.reported_at(row), row["collected_at"]).date() for row in story.labs
        })  # fmt: skip

    # ------------------------------------------------------------ doses

    def ended_by_patient(self):
        patient = oracle.patient_of(self.course.patient_id, self.story.patients)
        days = [patient[name] for name in ("died_on", "left_on") if patient.get(name)]
        return any(day == self.course.over for day in days)

    def dose(self, day):
        return oracle.dose_on(self.course.exposures, day)

    def days(self):
        """From the first day of the course to its last."""
        number = (self.course.last_day - self.course.start).days
        return [self.course.start + timedelta(days=n) for n in range(number + 1)]

    def find_pauses(self):
        days = self.days()
        if self.course.over is not None and not self.dead and self.course.over < self.course.as_of:
            days.append(self.course.over + DAY)  # what follows a drug that was discontinued
        off = []
        for day in days:
            if self.dose(day) > 0 and day <= self.course.last_day:
                if off:
                    yield self.pause_of(off, day)
                off = []
            else:
                off.append(day)
        if off:
            yield self.pause_of(off, None)

    def pause_of(self, off, restarted):
        unplanned = [day for day in off if not oracle.is_planned_off(self.course.exposures, day)]
        if not unplanned:
            return Pause(off[0], None, restarted, "planned")
        return Pause(off[0], unplanned[0], restarted, self.reason_of(unplanned[0]))

    def reason_of(self, day):
        zeros = [
            row["end_reason"] for row in oracle.covering(self.course.exposures, day) if row["end_reason"]
        ]  # fmt: skip
        ended = [
            row["end_reason"] for row in self.course.exposures
            if row["end_on"] == day - DAY and row["end_reason"] and row["dose_mg"] > 0
        ]  # fmt: skip
        reasons = [reason for reason in zeros or ended if reason.strip().lower() not in HELD]
        return reasons[0] if reasons else ""

    # ------------------------------------------------------------ what was known

    def then(self, day):
        """The course as it was known on a day; None where there was none."""
        if day not in self.known:
            self.known[day] = self.story.courses(day).get(self.protocol_id)
        return self.known[day]

    def seen_low_on(self, episode):
        """The first day that knew the day of the onset as low."""
        for day in self.report_days:
            if day < episode.onset:
                continue
            course = self.then(day)
            states = oracle.carried_states(course) if course else []
            if any(draw.day == episode.onset and low for draw, low, _ in states):
                return day
        raise AssertionError("an onset that no day knew")

    def seen_back_on(self, episode):
        """The day since which every day knew the recovery."""
        since = None
        for day in self.report_days:
            if day < episode.recovery or day > self.course.as_of:
                continue
            course = self.then(day)
            states = oracle.carried_states(course) if course else []
            back = any(draw.day == episode.recovery and recovered for draw, _, recovered in states)
            since = (since or day) if back else None
        return since

    def open_decision(self, day):
        """(action, dose) that the open episode stood under on a day; None where none was open."""
        course = self.then(day)
        if not course.episodes or course.episodes[-1].recovery is not None:
            return None
        episode = course.episodes[-1]
        if course.protocol.get("cause_required") and episode.cause is None:
            return "check_cause", None
        return oracle.decision_in_episode(course, episode)[:2]

    # ------------------------------------------------------------ the measures

    def event(self, measure, due, happened, ending):
        happened = None if ending == "excluded" and measure in ANSWERED else happened
        return (measure, self.course.patient_id, self.protocol_id, due, happened, ending)

    def by_days(self, due, happened, grace, seen_until):
        if happened is not None:
            return "met" if (happened - due).days <= grace else "not_met"
        return "not_met" if (seen_until - due).days > grace else "excluded"

    def hold_given(self):
        if self.course.protocol.get("cause_required"):
            return
        exposures = self.course.exposures
        for episode in self.course.episodes:
            planned = oracle.is_planned_off(exposures, episode.onset)
            if not planned and not self.dose(episode.onset) > 0 and not self.dose(episode.onset - DAY) > 0:
                continue
            due = self.seen_low_on(episode)
            back = self.seen_back_on(episode) if episode.recovery else None
            until = back or self.course.last_day + DAY
            pause = next((p for p in self.pauses if episode.onset <= (p.stopped or p.first) <= until), None)
            if planned or (pause is not None and pause.reason):
                yield self.event("hold_given", due, None, "excluded")
                continue
            happened = pause.stopped if pause else None
            seen_until = min(self.course.last_day, back or date.max)
            ending = self.by_days(due, happened, self.settings["hold_grace_days"], seen_until)
            yield self.event("hold_given", due, happened, ending)

    def pause_around(self, day):
        for pause in self.pauses:
            if pause.first <= day and (pause.restarted is None or day < pause.restarted):
                return pause
        return None

    def restart_in_time(self):
        for episode in self.course.episodes:
            if episode.recovery is None or self.course.decisions[episode.number].action not in ("resume", "reduce"):
                continue
            pause = self.pause_around(episode.recovery)
            if pause is None:
                pause = next((p for p in self.pauses if p.restarted == episode.recovery), None)
            if pause is None or (pause.stopped or pause.first) > episode.recovery:
                continue
            due = self.seen_back_on(episode)
            if pause.reason:
                yield self.event("restart_in_time", due, None, "excluded")
                continue
            short = [
                draw.day for draw, _, recovered in oracle.carried_states(self.course)
                if draw.day > episode.recovery and not recovered
            ]  # fmt: skip
            short_again = min(short, default=date.max)
            happened = pause.restarted if pause.restarted and pause.restarted <= short_again else None
            within = self.settings["restart_within_days"]
            ending = self.by_days(due, happened, within, min(self.course.last_day, short_again))
            yield self.event("restart_in_time", due, happened, ending)

    def no_early_restart(self):
        for pause in self.pauses:
            if pause.restarted is not None:
                ending = self.judge_restart(pause, pause.restarted)
                yield self.event("no_early_restart", None, pause.restarted, ending)

    def judge_restart(self, pause, day):
        if pause.reason:
            return "excluded"
        episodes = self.then(day).episodes
        if not episodes or (episodes[-1].recovery or day) < pause.stopped:
            return "excluded"
        if episodes[-1].recovery is not None:
            return "met"
        action, dose = self.open_decision(day)
        if action == "reduce" and self.mean_from(day) <= dose:
            return "met"
        if action in ("review", "escalate"):
            return "cannot_tell"
        counted = max(draw.day for draw in self.then(day).draws)
        waited = (day - counted).days > self.settings["follow_up_every_days"]
        return "cannot_tell" if counted == episodes[-1].onset and waited else "not_met"

    def dose_at_restart(self):
        for pause in self.pauses:
            day = pause.restarted
            if day is None or pause.reason:
                continue
            episodes = self.then(day).episodes
            if not episodes or (episodes[-1].recovery or day) < pause.stopped:
                continue
            if episodes[-1].recovery is None:
                (action, dose), certainty = self.open_decision(day), "firm"
                if action != "reduce":
                    continue
            else:
                decision = self.then(day).decisions[episodes[-1].number]
                dose, certainty = decision.dose, decision.certainty
            if dose is None:
                ending = "excluded"
            elif self.mean_from(day) <= dose:
                ending = "met"
            else:
                ending = "cannot_tell" if certainty == "sparse" else "not_met"
            yield self.event("dose_at_restart", None, day, ending)

    def mean_from(self, day):
        """The mean dose from a restart on, over the days that the settings name or up to the next day without one."""
        doses = []
        for number in range(self.settings["restart_mean_days"]):
            each = day + timedelta(days=number)
            if each > self.course.last_day or not self.dose(each) > 0:
                break
            doses.append(self.dose(each))
        return sum(doses) / len(doses)

    def mean_before(self, day):
        """The mean dose of the last days with one before a reduction, planned off-days passed over, back to a gap."""
        doses = []
        while not self.dose(day - DAY) > 0:
            day -= DAY
        for number in range(1, self.settings["dose_mean_days"] + 1):
            each = day - timedelta(days=number)
            if each < self.course.start or not self.dose(each) > 0:
                break
            doses.append(self.dose(each))
        return sum(doses) / len(doses)

    def supported_hold(self):
        """The holds. Which days are reductions is read from the doses alone: see `judge_stop`."""
        for pause in self.pauses:
            stopped = pause.stopped or pause.first
            ending = "excluded" if pause.reason else self.judge_stop(stopped, 0)
            if ending != "met" and pause.restarted is None and self.was_discontinued(stopped):
                ending = "excluded"
            yield self.event("supported_hold", None, stopped, ending)

    def was_discontinued(self, day):
        rows = [row for row in self.course.exposures if row["end_on"] == day - DAY and row["dose_mg"] > 0]
        rows += oracle.covering(self.course.exposures, day)
        return any(row["end_reason"] == "discontinued" for row in rows)

    def judge_stop(self, day, mean_before=None):
        """Whether what was known on a day called for no dose or less: of a hold (`mean_before` 0) or a reduction."""
        course = self.then(day)
        decided = self.open_decision(day)
        if decided is not None:
            return "met" if decided[0] in STOPS else "cannot_tell" if decided[0] == "review" else "not_met"
        dose_before = mean_before or oracle.last_dose(self.course.exposures, day - DAY)
        at_draw = course.stands_on_last_draw
        said = [at_draw] if at_draw is not None else []
        said += [course.decisions[course.episodes[-1].number]] if course.episodes else []
        if any(each.action == "discontinue" for each in said):
            return "met"
        if any(each.action == "reduce" and dose_before > each.dose for each in said):
            return "met"
        if at_draw is not None and at_draw.action == "review":
            return "cannot_tell"
        # A course that was over the day before read no count of the day itself, but it was known.
        counted = oracle.draws_of(oracle.standing_results(self.story.labs, day), self.course.start, day)
        return "not_met" if counted else "cannot_tell"

    def follow_up_count(self):
        every = timedelta(days=self.settings["follow_up_every_days"])
        for episode in self.course.episodes:
            known = self.seen_low_on(episode)
            draws = [draw.day for draw in episode.draws if self.counts(draw)]
            for day, following in zip(draws, [*draws[1:], None], strict=True):
                if day == episode.recovery:
                    break
                due = max(day + every, known)
                ending = self.by_days(due, following, self.settings["follow_up_grace_days"], self.course.last_day)
                yield self.event("follow_up_count", due, following, ending)

    def counts(self, draw):
        return bool(draw.anc or ("platelets" in self.course.protocol and draw.platelets))


MEASURES = (
    "hold_given", "no_early_restart", "dose_at_restart", "restart_in_time", "supported_hold", "follow_up_count",
)  # fmt: skip


def readings_of(cohort, settings=None):
    """One reading a course of the cohort, by patient and protocol."""
    return {
        (course.patient_id, course.protocol["id"]): Reading(story, course, settings)
        for story in stories_of(cohort)
        for course in story.courses(cohort.as_of).values()
    }


def events_of(readings, measure):
    """How often each event (measure, patient, protocol, due, happened, ending) of a measure is found."""
    found = Counter()
    for reading in readings.values():
        found.update(getattr(reading, measure)())
    return found
