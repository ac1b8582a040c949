"""The shape of a protocol file: a published dose-modification table as checked data.

Counts are cells/µL, doses mg per day, durations calendar days. None always means that the file
does not give the key. Reasons of refusal are written for the pharmacist who edits the file.
"""

import re
from itertools import pairwise
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
)

OPERATORS = ("<", "<=", ">", ">=", "=")
FACTS = ("episode", "days_to_recovery", "days_below", "anc_nadir", "platelets_nadir", "cause")
DOSE_RULES = ("starting", "current", "next_level")

Action = Literal["hold", "resume", "reduce", "discontinue", "escalate", "review", "check_cause"]
RecoveryAction = Literal["resume", "reduce", "discontinue", "review"]
Words = Annotated[str, Field(pattern=r"\S")]
Days = Annotated[int, Field(strict=True, ge=1)]
Milligrams = Annotated[float, Field(strict=True, gt=0, allow_inf_nan=False)]


class Part(BaseModel):
    """A part of a protocol file: no key beyond the known ones, never changed once read."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Condition(Part):
    """One comparison: `number` for counts, days and episodes, `word` for a cause; the other is None."""

    operator: Literal["<", "<=", ">", ">=", "="]
    number: float | None = None
    word: Literal["disease", "treatment"] | None = None

    def __str__(self) -> str:
        return f"{self.operator} {self.word or format(self.number, '.15g')}"


def read_number_condition(written: Any) -> Condition:
    """Read "< 500", ">= 2", "= 3" or a plain number (which means exactly that number)."""
    if isinstance(written, bool) or not isinstance(written, str | int | float):
        raise ValueError('needs an operator and a number, such as "< 500"')
    operator, number = re.fullmatch(r"\s*([^\s\w.+-]*)\s*(.*?)\s*", str(written), re.DOTALL).groups()
    operator = operator or "="
    if operator not in OPERATORS:
        raise ValueError(f'operator "{operator}" is not in the list: {"  ".join(OPERATORS)}')
    if re.fullmatch(r"-\d+(\.\d+)?", number):
        raise ValueError(f"{number} is negative")
    if not re.fullmatch(r"\d+(\.\d+)?", number, re.ASCII):
        raise ValueError(f'needs a number in plain digits, such as "< 500", not "{number}"')
    return Condition(operator=operator, number=float(number))


def read_cause_condition(written: Any) -> Condition:
    """Read the cause of an episode: "disease" or "treatment"."""
    if written not in ("disease", "treatment"):
        raise ValueError(f'must be "disease" or "treatment", not {written!r}')
    return Condition(operator="=", word=written)


def read_dose(written: Any) -> Any:
    """Read a clause's dose: one of the dose rules, or mg per day."""
    if written in DOSE_RULES:
        return written
    if isinstance(written, bool) or not isinstance(written, int | float):
        raise ValueError(f'must be "starting", "current", "next_level" or a number in mg, not {written!r}')
    if not 0 < written < float("inf"):
        raise ValueError(f"must be above 0 mg, not {written}")
    return float(written)


NumberCondition = Annotated[Condition, BeforeValidator(read_number_condition)]
CauseCondition = Annotated[Condition, BeforeValidator(read_cause_condition)]
Dose = Annotated[Literal["starting", "current", "next_level"] | float, BeforeValidator(read_dose)]


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
    """What to do while an episode is known to come from the disease itself; dose in mg per day, or None."""

    action: Action
    dose: Milligrams | None = None
    why: Words | None = None


class Clause(Evidence):
    """One row of the recovery table. All the conditions it gives must hold for it to decide."""

    episode: NumberCondition | None = None
    days_to_recovery: NumberCondition | None = None
    days_below: NumberCondition | None = None
    anc_nadir: NumberCondition | None = None
    platelets_nadir: NumberCondition | None = None
    cause: CauseCondition | None = None
    action: RecoveryAction
    dose: Dose | None = None
    why: Words | None = None

    @property
    def conditions(self) -> dict[str, Condition]:
        """The conditions that this clause gives, by the fact each one tests."""
        return {fact: getattr(self, fact) for fact in FACTS if getattr(self, fact) is not None}


class Interval(Evidence):
    """One row of the monitoring schedule: days to the next count, by the last ANC and day of the course."""

    anc: NumberCondition | None = None
    until_day: Annotated[int, Field(strict=True, ge=0)] | None = None
    every_days: Days
    why: Words | None = None


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
    platelet rule. No `monitoring`: no published schedule, so no count is ever due.
    """

    id: Words
    drug: Annotated[Words, AfterValidator(str.lower)]
    setting: Words | None = None
    default: Annotated[bool, Field(strict=True)] = False
    starting_dose_mg: Milligrams | None = None
    dose_levels_mg: tuple[Milligrams, ...] = ()
    cause_required: Annotated[bool, Field(strict=True)] = False
    anc: Thresholds
    platelets: Thresholds | None = None
    disease_related: DiseaseRelated | None = None
    recovery: tuple[Clause, ...] = ()
    monitoring: tuple[Interval, ...] = ()
    source: Annotated[tuple[Source, ...], Field(min_length=1)]

    @field_validator("dose_levels_mg")
    @classmethod
    def levels_descend(cls, levels: tuple[float, ...]) -> tuple[float, ...]:
        if any(lower >= higher for higher, lower in pairwise(levels)):
            raise ValueError("must go from the highest to the lowest, each once")
        return levels

    @field_validator("recovery")
    @classmethod
    def next_level_has_levels(cls, clauses: tuple[Clause, ...], read: ValidationInfo) -> tuple[Clause, ...]:
        for row, clause in enumerate(clauses, start=1):
            if clause.dose == "next_level" and read.data.get("dose_levels_mg") == ():
                raise ValueError(f'row {row}: dose "next_level" needs dose_levels_mg')
        return clauses
