"""The shape of a protocol file: a published dose-modification table as checked data.

Counts are cells/µL, doses mg per day, durations calendar days. None always means that the file
does not give the key. Reasons of refusal are written for the pharmacist who edits the file.
"""

from itertools import pairwise
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, ValidationInfo, field_validator, model_validator

from leuko.protocols.conditions import Band, CauseCondition, Condition, Dose, DoseSaid, NumberCondition, Part

FACTS = ("episode", "days_to_recovery", "days_below", "anc_nadir", "platelets_nadir", "cause")
DRAW_FACTS = ("days_in_band", "episode", "cause")

Action = Literal["hold", "resume", "reduce", "discontinue", "escalate", "review", "check_cause"]
RecoveryAction = Literal["resume", "reduce", "discontinue", "review"]
TreatmentAction = Literal["hold", "reduce", "discontinue", "review"]
DrawAction = Literal["hold", "reduce", "discontinue", "escalate", "review"]
Words = Annotated[str, Field(pattern=r"\S")]
Days = Annotated[int, Field(strict=True, ge=1)]
Milligrams = Annotated[float, Field(strict=True, gt=0, allow_inf_nan=False)]


class Evidence(Part):
    """Where one rule of the file was read. `verified` false: the wording was not seen, and it is shown so."""

    verified: Annotated[bool, Field(strict=True)] = True
    source: Words | None = None


class Thresholds(Evidence):
    """The counts (cells/µL) that open a hold and that let it end; between them the state before stands."""

    hold: NumberCondition
    resume: NumberCondition
    why: Words | None = None

    @field_validator("hold")
    @classmethod
    def hold_is_for_low_counts(cls, hold: Condition) -> Condition:
        if hold.operator not in ("<", "<="):
            raise ValueError(f"a hold is for low counts: use < or <=, not {hold.operator}")
        return hold

    @field_validator("resume")
    @classmethod
    def resume_is_for_higher_counts(cls, resume: Condition, read: ValidationInfo) -> Condition:
        if resume.operator not in (">", ">="):
            raise ValueError(f"recovery is for higher counts: use > or >=, not {resume.operator}")
        hold = read.data.get("hold")
        if hold is None:
            return resume
        shared_edge = hold.number == resume.number and (hold.operator, resume.operator) == ("<=", ">=")
        if resume.number < hold.number or shared_edge:
            raise ValueError(f'a count can meet hold "{hold}" and resume "{resume}" at once')
        return resume


class DiseaseRelated(Evidence):
    """What to do while an episode is known to come from the disease itself; dose in mg per day, or None.

    `first`: what must be known before anyone does it, shown beneath the recommendation.
    """

    action: Action
    dose: Milligrams | None = None
    first: tuple[Words, ...] = ()
    why: Words | None = None


class TreatmentRelated(Evidence):
    """What to do once the cause of an episode is known to be the treatment; dose in mg per day, or None."""

    action: TreatmentAction
    dose: Milligrams | None = None
    why: Words | None = None

    @model_validator(mode="after")
    def dose_fits_action(self) -> "TreatmentRelated":
        check_dose_of_action(self.action, self.dose)
        return self


class AtDraw(Evidence):
    """One row of the table for decisions at a draw: the band of counts, what else must hold, and the action.

    `anc`, `platelets` (cells/µL) and `open` (whether an episode is open) make the band; None: not asked.
    """

    anc: Band = ()
    platelets: Band = ()
    open: Annotated[bool, Field(strict=True)] | None = None
    days_in_band: NumberCondition | None = None
    episode: NumberCondition | None = None
    cause: CauseCondition | None = None
    action: DrawAction
    dose: DoseSaid | None = None
    why: Words | None = None

    @property
    def conditions(self) -> dict[str, Condition]:
        """The conditions beside the band, by the fact each one tests."""
        return {fact: getattr(self, fact) for fact in DRAW_FACTS if getattr(self, fact) is not None}

    @model_validator(mode="after")
    def is_whole(self) -> "AtDraw":
        if not (self.anc or self.platelets or self.open is not None):
            raise ValueError("needs a band: anc, platelets or open")
        if self.action == "hold" and self.open is not True:
            raise ValueError('action "hold" needs open = true: outside an episode nothing says when it ends')
        if self.dose is not None and self.dose.rule in ("starting", "current"):
            raise ValueError(f'dose "{self.dose.rule}" is for a recovery')
        check_dose_of_action(self.action, self.dose)
        return self


def check_dose_of_action(action: str, dose: Dose | float | None) -> None:
    """Refuse a reduction without a dose (it is a review then), and a dose where the action has none."""
    if action == "reduce" and dose is None:
        raise ValueError('action "reduce" needs a dose; where the text gives none the action is "review"')
    if action in ("hold", "discontinue", "review") and dose is not None:
        raise ValueError(f'action "{action}" takes no dose')


class Clause(Evidence):
    """One row of the recovery table. All the conditions it gives must hold for it to decide."""

    episode: NumberCondition | None = None
    days_to_recovery: NumberCondition | None = None
    days_below: NumberCondition | None = None
    anc_nadir: NumberCondition | None = None
    platelets_nadir: NumberCondition | None = None
    cause: CauseCondition | None = None
    action: RecoveryAction
    dose: DoseSaid | None = None
    why: Words | None = None

    @property
    def conditions(self) -> dict[str, Condition]:
        """The conditions that this clause gives, by the fact each one tests."""
        return {fact: getattr(self, fact) for fact in FACTS if getattr(self, fact) is not None}


class Interval(Evidence):
    """One row of the monitoring schedule: days to the next count, by the last ANC and day of the course.

    `first`: only the first ANC of a stay that meets `anc`. `after_anc` with `for_days`: only so many days after the
    return to `anc` from an ANC that met `after_anc`.
    """

    anc: NumberCondition | None = None
    first: Annotated[bool, Field(strict=True)] = False
    after_anc: NumberCondition | None = None
    for_days: Days | None = None
    until_day: Annotated[int, Field(strict=True, ge=0)] | None = None
    every_days: Days
    why: Words | None = None

    @model_validator(mode="after")
    def is_whole(self) -> "Interval":
        if self.first and self.anc is None:
            raise ValueError("first needs anc")
        if (self.after_anc is None) != (self.for_days is None):
            raise ValueError("after_anc and for_days need each other")
        if self.after_anc is not None and self.anc is None:
            raise ValueError("after_anc needs anc, the count of the return")
        return self


class Requires(Part):
    """Facts that must be recorded of a patient (never inferred) for the protocol to fit; None: not asked."""

    duffy_null: Annotated[bool, Field(strict=True)] | None = None
    diagnosis: Words | None = None

    @property
    def facts(self) -> dict[str, str]:
        """The facts asked for, as the words that the record must have, in lower case."""
        asked = self.model_dump(exclude_none=True)
        return {fact: str(value).strip().lower() for fact, value in asked.items()}

    @model_validator(mode="after")
    def asks_something(self) -> "Requires":
        if not self.facts:
            raise ValueError("must not be empty")
        return self


class Source(Part):
    """A text that the file rests on, with a short quote where its wording was read."""

    title: Words
    section: str | None = None
    revised: str | None = None
    url: str | None = None
    quote: str | None = None
    verified: Annotated[bool, Field(strict=True)] = True


class Protocol(Part):
    """A published dose-modification table for one drug in one setting.

    `setting` None: found by its id, or as the drug's default, only. `platelets` None: the table has no
    platelet rule. No `monitoring`: no published schedule, so no count is ever due. `requires` None: any patient.
    """

    id: Words
    drug: Annotated[Words, AfterValidator(str.lower)]
    setting: Words | None = None
    default: Annotated[bool, Field(strict=True)] = False
    requires: Requires | None = None
    starting_dose_mg: Milligrams | None = None
    dose_levels_mg: tuple[Milligrams, ...] = ()
    schedule_restarts_after_days: Days | None = None
    cause_required: Annotated[bool, Field(strict=True)] = False
    anc: Thresholds
    platelets: Thresholds | None = None
    disease_related: DiseaseRelated | None = None
    treatment_related: TreatmentRelated | None = None
    during: tuple[AtDraw, ...] = ()
    recovery: tuple[Clause, ...] = ()
    monitoring: tuple[Interval, ...] = ()
    source: Annotated[tuple[Source, ...], Field(min_length=1)]

    @field_validator("dose_levels_mg")
    @classmethod
    def levels_descend(cls, levels: tuple[float, ...]) -> tuple[float, ...]:
        if any(lower >= higher for higher, lower in pairwise(levels)):
            raise ValueError("must go from the highest to the lowest, each once")
        return levels

    @property
    def facts(self) -> dict[str, str]:
        """What must be recorded of a patient for this protocol to fit; empty: nothing."""
        return self.requires.facts if self.requires else {}

    @property
    def reads_every_draw(self) -> bool:
        """Whether a draw that neither opens nor closes an episode can decide something."""
        return bool(self.during) or any(line.first or line.after_anc for line in self.monitoring)

    @field_validator("during")
    @classmethod
    def bands_have_thresholds(cls, rows: tuple[AtDraw, ...], read: ValidationInfo) -> tuple[AtDraw, ...]:
        for number, row in enumerate(rows, start=1):
            if row.platelets and read.data.get("platelets", ...) is None:
                raise ValueError(f"row {number}: a band of platelets needs [platelets]")
        return rows

    @field_validator("treatment_related")
    @classmethod
    def treatment_follows_cause(cls, related: TreatmentRelated | None, read: ValidationInfo) -> TreatmentRelated | None:
        if related is not None and not read.data.get("cause_required"):
            raise ValueError("needs cause_required = true")
        return related

    @field_validator("during", "recovery")
    @classmethod
    def next_level_has_levels(
        cls, rows: tuple[AtDraw, ...] | tuple[Clause, ...], read: ValidationInfo
    ) -> tuple[AtDraw, ...] | tuple[Clause, ...]:
        for number, row in enumerate(rows, start=1):
            if row.dose == Dose(rule="next_level") and read.data.get("dose_levels_mg") == ():
                raise ValueError(f'row {number}: dose "next_level" needs dose_levels_mg')
        return rows
