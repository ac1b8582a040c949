"""What follows from the courses of a cohort: who a figure can show, times to events, shifts of grade, days of low ANC.

Frames of `leuko.cohort.Cohort` in, numbers out; a course that a figure cannot show is counted with its reason.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas

from leuko.cohort.survival import Curve, curve

GRADES = (0, 1, 2, 3, 4)
CANNOT_TELL = "cannot tell"
NO_BASELINE = "no count"
NO_ANC = "no ANC in the course"
NO_LATER_ANC = "no ANC after the first day"
MIXED_UNITS = "doses in mixed units"
ONE_ANC = "fewer than two days with an ANC"
NO_EPISODE = "no episode"


@dataclass(frozen=True)
class Shown:
    """How many patients a figure shows of how many; `left_out`: how many for which reason, each patient once."""

    patients: int
    of: int
    left_out: dict[str, int]

    @property
    def in_words(self) -> str:
        """`23 of 25 patients. Left out: 2 with no ANC in the course.`"""
        of = f"{self.of:,} {'patient' if self.of == 1 else 'patients'}"
        first = f"All {of}." if self.patients == self.of > 1 else f"{self.patients:,} of {of}."
        reasons = ", ".join(f"{count:,} with {reason}" for reason, count in self.left_out.items())
        return f"{first} Left out: {reasons}." if reasons else first


def keep(courses: pandas.DataFrame, reasons: Mapping[str, pandas.Series]) -> tuple[pandas.DataFrame, Shown]:
    """The courses to which no reason applies, and who is left out: a patient of several courses only with all of them.

    `reasons`: for which courses each holds; the first that does is the one that is told.
    """
    reason = pandas.Series(None, index=courses.index, dtype=object)
    for words, holds in reasons.items():
        reason = reason.mask(reason.isna() & holds, words)
    kept = courses[reason.isna()]
    without = reason[~courses["patient_id"].isin(kept["patient_id"])]
    told = courses.loc[without.index, "patient_id"].to_frame().assign(reason=without).drop_duplicates("patient_id")
    counted = told["reason"].value_counts()
    left_out = {words: int(counted[words]) for words in reasons if words in counted}
    return kept, Shown(kept["patient_id"].nunique(), courses["patient_id"].nunique(), left_out)


def with_counts(courses: pandas.DataFrame) -> tuple[pandas.DataFrame, Shown]:
    """The courses with an ANC."""
    return keep(courses, {NO_ANC: courses["anc_days"].eq(0)})


def with_later_counts(courses: pandas.DataFrame) -> tuple[pandas.DataFrame, Shown]:
    """The courses with an ANC after their first day, on which the drug had not worked yet."""
    return keep(courses, {NO_LATER_ANC: courses["later_days"].eq(0)})


def with_doses(courses: pandas.DataFrame) -> tuple[pandas.DataFrame, Shown]:
    """The courses of which the share of the starting dose and a later ANC are known."""
    return keep(courses, {MIXED_UNITS: courses["share_given"].isna(), NO_LATER_ANC: courses["later_days"].eq(0)})


def with_known_days(courses: pandas.DataFrame) -> tuple[pandas.DataFrame, Shown]:
    """The courses with days between two ANC."""
    return keep(courses, {ONE_ANC: courses["known_days"].eq(0)})


def first_episodes(courses: pandas.DataFrame) -> tuple[Curve, Shown]:
    """From the first dose to the onset of the first episode; censored at the end of the course or the day shown."""
    kept, shown = with_counts(courses)
    return curve(kept["days_to_episode"].tolist(), kept["onset_on"].notna().tolist()), shown


def recoveries(courses: pandas.DataFrame) -> tuple[Curve, Shown]:
    """From the onset of the first episode to its recovery; an open one is censored, as a course that is over."""
    kept, shown = keep(courses, {NO_EPISODE: courses["onset_on"].isna()})
    return curve(kept["days_to_recovery"].tolist(), kept["recovered_on"].notna().tolist()), shown


def grade_words(grade: object) -> str:
    return CANNOT_TELL if pandas.isna(grade) else str(int(grade))


def shift(courses: pandas.DataFrame) -> pandas.DataFrame:
    """How many courses went from which baseline grade (rows) to which worst grade (columns), both in words."""
    before = courses["baseline_grade"].map(grade_words, na_action=None).where(courses["has_baseline"], NO_BASELINE)
    worst = courses["worst_grade"].map(grade_words, na_action=None)
    names = [*map(str, GRADES), CANNOT_TELL]
    return pandas.crosstab(before, worst).reindex(index=[*names, NO_BASELINE], columns=names, fill_value=0)


def days_below(courses: pandas.DataFrame, by: str | None = None) -> pandas.DataFrame:
    """Days below the hold threshold per 100 patient-days, in all or by a column; the highest rate first.

    A count stands until the next one: days before the first ANC and after the last are not known and not counted.
    Columns: group, courses, low_days, known_days, rate, lower, upper (exact Poisson 95 % interval).
    """
    from statsmodels.stats.rates import confint_poisson

    group = pandas.Series("together", index=courses.index) if by is None else courses[by].fillna("not recorded")
    found = (
        courses.groupby(group.rename("group"))
        .agg(courses=("low_days", "size"), low_days=("low_days", "sum"), known_days=("known_days", "sum"))
        .reset_index()
    )
    found["rate"] = 100 * found["low_days"] / found["known_days"]
    lower, upper = confint_poisson(found["low_days"].to_numpy(), found["known_days"].to_numpy(), method="exact-c")
    found["lower"], found["upper"] = 100 * lower, 100 * upper
    return found.fillna({"lower": 0.0}).sort_values(["rate", "group"], ascending=[False, True], ignore_index=True)
