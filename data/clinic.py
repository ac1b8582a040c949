"""Follow a cohort day by day: doses act on counts through the marrow, and counts on doses through clinicians."""

from types import SimpleNamespace

import numpy as np

from data.enrolment import NEVER
from data.habits import HELD, NOTHING, PLANNED, Clinicians
from data.marrow import NEUTROPHIL_DAYS, PLATELET_DAYS, Line

DRAWN, NO_ANC, CLOTTED = range(3)  # how a draw came out


class Clinic(Clinicians):
    """State of every patient on one day, and what has been recorded so far (`draws`, `doses`, `fevers`, `events`)."""

    def __init__(self, who: SimpleNamespace, days: int, random: np.random.Generator):
        self.who, self.days, self.random = who, days, random
        size = who.size
        self.neutrophils = Line(who.usual_anc, NEUTROPHIL_DAYS * who.transit)
        self.platelets = Line(who.usual_platelets, PLATELET_DAYS * who.transit)
        self.exposure = np.zeros(size)
        self.reserve_lost, self.platelet_reserve_lost = np.zeros(size), np.zeros(size)
        self.mood, self.sway, self.other_sway = np.zeros(size), np.zeros(size), np.zeros(size)
        self.level = who.first.copy()
        self.hold = np.zeros(size, dtype=int)  # 0 while given, else the code of the reason
        self.change_on, self.change_to = np.full(size, NEVER), np.zeros(size, dtype=int)
        self.onset, self.low_from = np.full(size, -1), np.full(size, -1)
        self.days_below, self.episodes = np.zeros(size, dtype=int), np.zeros(size, dtype=int)
        self.nadir = np.full(size, np.inf)
        self.titrated_on = who.start.copy()
        self.ill_until, self.bacterial = np.full(size, -1), np.zeros(size, dtype=bool)
        self.boosted_from, self.boosted_to = np.full(size, NEVER), np.full(size, -1)
        before = self.random.integers(0, 11, size)
        self.due = np.maximum(np.minimum(who.start, days - 1) - before, 0)
        self.doses = np.full((days, size), NOTHING, dtype=np.int8)
        self.draws, self.fevers, self.events = [], [], []

    def follow(self, progress=lambda day: None) -> "Clinic":
        for day in range(self.days):
            progress(day)
            self.change_doses(day)
            self.give_doses(day)
            self.fall_ill(day)
            self.live_a_day(day)
            self.draw_blood(day)
        return self

    # ---- the drug and the marrow

    def change_doses(self, day: int) -> None:
        due = np.flatnonzero(self.change_on == day)
        self.hold[due] = np.minimum(self.change_to[due], 0)
        given = due[self.change_to[due] > 0]  # levels are kept from 1 here
        self.level[given] = self.change_to[given] - 1
        self.change_on[due] = NEVER
        # what was stopped for another reason is given again some time later, whatever the counts
        other = due[self.hold[due] < HELD]
        self.change_on[other] = day + self.random.integers(5, 21, len(other))
        self.change_to[other] = self.level[other] + 1

    def give_doses(self, day: int) -> None:
        who = self.who
        on = (who.start <= day) & (day <= who.end) & who.treated
        of_cycle = (day - who.start) % who.cycle.sum(axis=1)
        code = np.where(self.hold < 0, self.hold, np.where(of_cycle < who.cycle[:, 0], self.level, PLANNED))
        self.doses[day] = np.where(on, code, NOTHING)
        dose = np.where(on & (code >= 0), who.relative_doses[who.group, self.level], 0)
        self.exposure += (dose - self.exposure) * (1 - 0.5 ** (1 / who.half_life))
        self.reserve_lost += (self.exposure - self.reserve_lost) / np.maximum(who.build_up, 1)
        slower = np.maximum(who.platelet_build_up, 1)
        self.platelet_reserve_lost += (self.exposure - self.platelet_reserve_lost) / slower

    def live_a_day(self, day: int) -> None:
        who, random = self.who, self.random
        self.mood += -self.mood / 25 + who.moods * np.sqrt(2 / 25) * random.standard_normal(who.size)
        self.sway += -self.sway / 5 + who.sway * np.sqrt(2 / 5) * random.standard_normal(who.size)
        self.other_sway += -self.other_sway / 10 + 0.15 * np.sqrt(2 / 10) * random.standard_normal(who.size)
        on_drug = np.maximum(day - who.start, 0)
        adapted = 1 - who.adapts * (1 - np.exp(-on_drug / 150))
        sensitivity = np.exp(self.mood) * adapted
        disease = who.disease_effect * np.exp(-on_drug / 120)
        failing = np.where((who.failing_from <= day) & (day < who.failing_to), who.failing, 0)
        rare = np.where(day >= who.idiosyncratic_from, who.idiosyncratic, 0)
        once = np.where(who.build_up < 1, 1, self.reserve_lost)
        drug = self.exposure * (who.slope * once * sensitivity + rare)
        ill = day < self.ill_until
        boosted = (self.boosted_from <= day) & (day <= self.boosted_to + 1)
        self.neutrophils.live_a_day(
            np.minimum(drug + disease + failing - 0.25 * boosted, who.strongest),
            faster=np.where(boosted, 1.5, 1) * np.where(ill & self.bacterial, 1.25, 1),
            used=np.where(ill & ~self.bacterial, 1.5, 1),
        )
        once = np.where(who.platelet_build_up < 1, 1, self.platelet_reserve_lost)
        drug = self.exposure * who.platelet_slope * once * np.sqrt(sensitivity)
        self.platelets.live_a_day(np.minimum(drug + 0.7 * disease + 0.4 * failing, who.strongest))

    def fall_ill(self, day: int) -> None:
        """Infections: most viral and without fever; a fever is likelier the fewer neutrophils there are."""
        who, anc = self.who, self.neutrophils.count
        seen = (who.start - 30 <= day) & (day <= who.seen_to)
        luck = self.random.random(who.size)
        hazard = np.select([anc < 200, anc < 500, anc < 1000], [0.03, 0.012, 0.002], 0.0003)
        fever = seen & (luck < hazard) & (day >= self.ill_until + 14) & (day < who.quiet_from)
        fever[who.feverish.get(day, [])] = True
        viral = seen & ~fever & (luck > 0.998) & (day >= self.ill_until)
        bacterial = fever & (self.random.random(who.size) < 0.6)
        self.bacterial = np.where(fever | viral, bacterial, self.bacterial)
        self.ill_until = np.where(fever | viral, day + 6, self.ill_until)
        feverish, told = np.flatnonzero(fever), np.flatnonzero(viral & (luck > 0.9992))
        self.fevers += [(patient, day, anc[patient]) for patient in feverish]
        self.events += [(patient, day, "infection", "viral, upper airways") for patient in told]
        # most who come with a fever have a count on that day
        counted = feverish[(self.random.random(len(feverish)) < 0.93) & (day < who.quiet_from[feverish])]
        self.due[counted] = np.minimum(self.due[counted], day)

    # ---- counts

    def draw_blood(self, day: int) -> None:
        who, random = self.who, self.random
        coming = (self.due == day) & (day <= who.seen_to) & (day < who.quiet_from)
        coming[who.drawn_for_certain.get(day, [])] = True
        drawn = np.flatnonzero(coming)
        if not len(drawn):
            return
        noise = np.exp(0.05 * random.standard_normal((3, len(drawn))))
        part = self.neutrophils.count[drawn] / who.usual_anc[drawn]
        anc = np.round(self.neutrophils.count[drawn] * np.exp(self.sway[drawn]) * noise[0], -1)
        platelets = np.round(self.platelets.count[drawn] * noise[1], -3)
        others = who.usual_others[drawn] * np.maximum(part, 1e-3) ** 0.4 * np.exp(self.other_sway[drawn]) * noise[2]
        luck = random.random(len(drawn))
        story = day >= who.quiet_from[drawn]
        came_out = np.select([day >= who.no_anc_from[drawn], ~story & (luck < 0.006), ~story & (luck < 0.014)],
                             [NO_ANC, NO_ANC, CLOTTED], DRAWN)  # fmt: skip
        late = np.where(~story & (random.random(len(drawn)) < 0.05), random.integers(1, 4, len(drawn)), 0)
        late = np.minimum(late, self.days - 1 - day)
        white = np.round(anc + others, -1)
        columns = (drawn, np.full(len(drawn), day), anc, platelets, white, came_out, late)
        self.draws.append(np.array(columns, dtype=float))
        counted = came_out == DRAWN
        self.judge(day, drawn[counted], anc[counted], platelets[counted], late[counted])
        self.plan_next(day, drawn, np.where(counted, anc, np.inf), platelets, came_out)

    def plan_next(self, day: int, drawn: np.ndarray, anc, platelets, came_out) -> None:
        """By the schedule, sooner while counts are short; some come too late, some not at all; never at a weekend."""
        who, random = self.who, self.random
        on_drug = day - who.start[drawn]
        until, every = who.schedule[drawn, :, 0], who.schedule[drawn, :, 1]
        interval = every[np.arange(len(drawn)), np.argmax(on_drug[:, None] < until, axis=1)]
        interval = np.where((anc < 1500) & (interval > 28), 28, interval)
        lately = (day - self.titrated_on[drawn] < 90) & (self.episodes[drawn] > 0)
        interval = np.where(lately & (interval > 14), 14, interval)
        interval = np.where((day > who.end[drawn]) & (anc >= 1000), 84, interval)
        short = (anc < who.anc_resume[drawn]) | (self.onset[drawn] >= 0) | (anc < 1000)
        short |= platelets < who.platelets_resume[drawn]
        # tables that ask for a count within days
        near = (who.short_every[drawn] < 7) & (anc < who.anc_resume[drawn] + 500)
        daily = np.where(anc < who.anc_resume[drawn], who.short_every[drawn], 2)
        weekly = np.where(random.random(len(drawn)) < 0.14, 14, 7)  # and now and then only in two weeks
        interval = np.select([near, short], [daily, weekly], interval)
        interval = np.where(came_out == CLOTTED, np.minimum(interval, random.integers(2, 9, len(drawn))), interval)
        missed = (random.random(len(drawn)) < who.missed[drawn] * np.where(who.sparse[drawn], 3, 1)) & (interval >= 7)
        jitter = random.choice((-2, -1, 0, 0, 0, 0, 1), len(drawn)) * (interval >= 7)
        jitter = jitter + np.where(who.sparse[drawn] & (interval >= 7), random.integers(2, 13, len(drawn)), 0)
        due = day + np.maximum(interval * np.where(missed, 2, 1) + jitter, 1).astype(int)
        first = (day < who.start[drawn]) & (anc >= 1000)  # the next is the first on the drug
        due = np.where(first, due - day + who.start[drawn], due)
        weekday = (due - self.days + 2) % 7  # the last day is a Tuesday
        closed = (weekday > 4) & (interval >= 3)
        self.due[drawn] = np.where(closed, due + 7 - weekday, due)
