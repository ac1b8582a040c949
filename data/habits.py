"""What clinicians make of a count: they hold, forget, restart, reduce, look for the cause and give a growth factor."""

import numpy as np

from data.enrolment import NEVER

# Codes of a day's dose beside the levels from 0: a planned off-day, held for counts (below it, for the other reasons in
# turn), not on the drug.
PLANNED, HELD, NOTHING = -2, -3, -20
OTHER_REASONS = ("pleural effusion", "surgery", "patient's choice")
CAUSES = ("disease", "treatment", "drug", "infection", "unknown", "megaloblastosis", "hypersplenism", "immune")
SHARES = (0, 0.42, 0.24, 0.16, 0.10, 0.03, 0.02, 0.03)  # how often each is found where it is not the disease


class Clinicians:
    """Decisions on the state that `Clinic` keeps; each gets the patients (their places) and the days of the reports."""

    def judge(self, day: int, drawn: np.ndarray, anc: np.ndarray, platelets: np.ndarray, late: np.ndarray) -> None:
        """Episodes as the protocol reads them, then what is done about them."""
        who = self.who
        on = (who.start[drawn] <= day) & (day <= who.end[drawn]) & who.treated[drawn]
        drawn, anc, platelets, known = drawn[on], anc[on], platelets[on], (day + late)[on]
        if not len(drawn):
            return
        platelets = np.where(who.platelets_reported[drawn], platelets, np.inf)
        low_anc = anc < who.anc_hold[drawn]
        low = low_anc | (platelets < who.platelets_hold[drawn])
        ready = (anc >= who.anc_resume[drawn]) & (platelets >= who.platelets_resume[drawn])
        begun = low & (self.onset[drawn] < 0)
        fresh = drawn[begun]
        self.onset[fresh], self.days_below[fresh], self.nadir[fresh] = day, 0, np.inf
        self.episodes[fresh] += 1
        self.low_from[drawn] = np.where(low_anc & (self.low_from[drawn] < 0), day, self.low_from[drawn])
        ran = np.where(self.low_from[drawn] >= 0, day - self.low_from[drawn], 0)
        self.days_below[drawn] = np.maximum(self.days_below[drawn], ran)
        self.low_from[drawn[~low_anc]] = -1
        self.nadir[drawn] = np.minimum(self.nadir[drawn], anc)
        self.look_for_causes(fresh, known[begun])
        self.give_growth_factor(drawn[anc < 500], known[anc < 500])
        idle = (self.change_on[drawn] == NEVER) & (day < who.watched_from[drawn])
        open_now = self.onset[drawn] >= 0
        given = self.hold[drawn] == 0
        self.hold_or_forget(drawn, known, idle & low & given, anc)
        self.do_without_need(drawn, known, idle & ~low & ~open_now & given, anc)
        recovered = idle & ready & (self.hold[drawn] == HELD)
        self.restart(drawn[recovered], known[recovered])
        nearly = anc > 0.6 * who.anc_resume[drawn]
        self.restart_early(drawn, known, idle & open_now & ~ready & nearly & (self.hold[drawn] == HELD))
        self.onset[drawn[ready]] = -1

    def hold_or_forget(self, drawn, known, where, anc) -> None:
        who, random = self.who, self.random
        where = where & ~self.disease_decides(drawn)
        chosen, known, anc = drawn[where], known[where], anc[where]
        luck = random.random(len(chosen))
        prompt, late = who.prompt[chosen], who.late[chosen]
        sought = who.cause_first[chosen]
        prompt = np.where(sought, 0.5 * prompt, prompt)
        wait = np.where(luck < prompt, 0, random.integers(1, 9, len(chosen)))
        acts = luck < prompt + late
        stops = acts & (anc < who.stop_below[chosen]) & (random.random(len(chosen)) < 0.8)
        self.stop_for_good(chosen[stops], (known + wait)[stops])
        acts &= ~stops
        self.plan(chosen[acts], (known + wait)[acts] + 1, HELD)

    def disease_decides(self, drawn: np.ndarray) -> np.ndarray:
        """Where the cause comes first and is the disease, the drug goes on."""
        drug = self.exposure * self.who.slope * self.reserve_lost
        return self.who.cause_first[drawn] & (self.who.disease_effect[drawn] > drug[drawn])

    def do_without_need(self, drawn, known, where, anc) -> None:
        """Titration, holds and reductions that no table asks for, and holds for another reason."""
        who, random = self.who, self.random
        chosen, known, anc = drawn[where], known[where], anc[where]
        luck, kind = random.random((2, len(chosen)))
        near = (anc < who.anc_hold[chosen] + 500) & (who.anc_hold[chosen] > 0)
        needless = luck < np.where(near, 1.5, 0.06) * who.needless[chosen]
        self.plan(chosen[needless & (kind < 0.7)], known[needless & (kind < 0.7)] + 1, HELD)
        lower = needless & (kind >= 0.7) & (self.level[chosen] + 1 < who.levels[chosen])
        self.plan(chosen[lower], known[lower] + 1, self.level[chosen[lower]] + 2)
        other = ~needless & (luck > 0.9945)
        reason = HELD - 1 - np.floor(kind * len(OTHER_REASONS)).astype(int)
        self.plan(chosen[other], known[other] + 1, reason[other])
        free = self.change_on[chosen] == NEVER
        settled = known - self.titrated_on[chosen] >= 14
        down = free & who.titrated[chosen] & (anc < 750) & settled & (self.level[chosen] + 1 < who.levels[chosen])
        self.plan(chosen[down], known[down] + 1, self.level[chosen[down]] + 2)
        long = known - self.titrated_on[chosen] >= 42
        up = free & who.titrated[chosen] & (anc > 2200) & long & (self.level[chosen] > 0) & (kind < 0.3)
        self.plan(chosen[up], known[up] + 1, self.level[chosen[up]])

    def restart(self, chosen: np.ndarray, known: np.ndarray) -> None:
        """What was held is given again, mostly at the dose of the table."""
        who, random = self.who, self.random
        took = known - self.onset[chosen]
        reduce = (took > who.slow_days[chosen]) & (self.days_below[chosen] >= who.below_days[chosen])
        reduce |= (self.episodes[chosen] >= who.again[chosen]) | (self.nadir[chosen] < who.deep[chosen])
        reduce &= self.onset[chosen] >= 0
        luck, kind, stop = random.random((3, len(chosen)))
        reduce = np.where(luck < who.too_high[chosen], False, reduce | (luck > 0.94) | who.titrated[chosen])
        level = np.minimum(self.level[chosen] + reduce, who.levels[chosen] - 1)
        soon, late = random.integers(0, 5, len(chosen)), random.integers(8, 25, len(chosen))
        wait = np.where(kind < who.slow[chosen], late, soon)
        gives_up = (self.nadir[chosen] < who.stop_below[chosen]) | ((self.episodes[chosen] > 3) & (stop < 0.2))
        self.stop_for_good(chosen[gives_up], known[gives_up])
        again = ~gives_up
        self.plan(chosen[again], (known + wait)[again] + 1, level[again] + 1)

    def restart_early(self, drawn, known, where) -> None:
        chosen, known = drawn[where], known[where]
        early = self.random.random(len(chosen)) < self.who.early[chosen]
        self.plan(chosen[early], known[early] + 1, self.level[chosen[early]] + 1)

    def plan(self, chosen: np.ndarray, day: np.ndarray, to: np.ndarray | int) -> None:
        """A change of dose from `day` on: to a level (counted from 1), or to a hold (a negative code)."""
        self.change_on[chosen], self.change_to[chosen] = day, to
        self.titrated_on[chosen] = day

    def stop_for_good(self, chosen: np.ndarray, day: np.ndarray) -> None:
        self.who.end[chosen], self.who.ended[chosen] = day, "discontinued"

    # ---- what else is recorded

    def look_for_causes(self, fresh: np.ndarray, known: np.ndarray) -> None:
        who, random = self.who, self.random
        sought = random.random(len(fresh)) < np.where(who.cause_first[fresh], 0.78, 0.12)
        fresh, known = fresh[sought], known[sought]
        disease = self.disease_decides(fresh)
        words = random.choice(CAUSES, len(fresh), p=SHARES)
        words = np.where(disease, np.where(random.random(len(fresh)) < 0.8, "disease", "malignancy"), words)
        days = known + np.where(random.random(len(fresh)) < 0.12, random.integers(15, 30, len(fresh)),
                                random.integers(0, 9, len(fresh)))  # fmt: skip
        seen = days <= np.minimum(self.days - 1, who.seen_to[fresh])
        self.events += [
            (patient, day, "cytopenia_cause", word)
            for patient, day, word in zip(fresh[seen], days[seen], words[seen], strict=True)
        ]
        treatment = np.isin(words, ["treatment", "drug"]) & (self.hold[fresh] == 0) & (known < who.watched_from[fresh])
        self.plan(fresh[treatment], days[treatment] + 1, HELD)
        escalated = disease & who.cause_first[fresh] & (self.level[fresh] == who.first[fresh]) & (who.first[fresh] > 0)
        escalated &= random.random(len(fresh)) < 0.35
        self.plan(fresh[escalated], days[escalated] + 1, self.level[fresh[escalated]])

    def give_growth_factor(self, chosen: np.ndarray, known: np.ndarray) -> None:
        who, random = self.who, self.random
        ill = known < self.ill_until[chosen]
        long = known - self.onset[chosen] > 10
        share = np.select([who.chemotherapy[chosen], ill, long], [0.5, 0.35, 0.15], 0.03)
        given = (random.random(len(chosen)) < share) & (known > self.boosted_to[chosen] + 4)
        chosen, first = chosen[given], known[given] + random.integers(0, 2, given.sum())
        last = np.minimum(first + random.integers(2, 5, len(chosen)), self.days - 1)
        self.boosted_from[chosen], self.boosted_to[chosen] = first, last
        for patient, begin, end in zip(chosen, first, last, strict=True):
            self.events += [(patient, day, "gcsf", "filgrastim 300 ug") for day in range(begin, end + 1)]
