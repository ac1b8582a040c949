"""The comparisons and doses of a protocol file, read from the words in which they are written."""

import re
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict

OPERATORS = ("<", "<=", ">", ">=", "=")
DOSE_RULES = ("starting", "current", "next_level")
STEP = r"-(\d+(?:\.\d+)?) ?(mg|%)"


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


class Dose(Part):
    """A dose as the table gives it: `rule` says how, `amount` is mg per day, or the step in mg or per cent.

    `starting`, `current` and `next_level` have no amount; `fixed` is the amount itself; `minus_mg` and
    `minus_percent` take it off the dose at onset.
    """

    rule: Literal["starting", "current", "next_level", "fixed", "minus_mg", "minus_percent"]
    amount: float | None = None


def read_dose(written: Any) -> Dose:
    """Read a clause's dose: one of the dose rules, mg per day, or a step such as "-100 mg" or "-25 %"."""
    if isinstance(written, str):
        if written in DOSE_RULES:
            return Dose(rule=written)
        step = re.fullmatch(STEP, written, re.ASCII)
        if step and float(step[1]) > 0:
            return Dose(rule="minus_mg" if step[2] == "mg" else "minus_percent", amount=float(step[1]))
    if isinstance(written, bool) or not isinstance(written, int | float):
        raise ValueError(
            'must be "starting", "current", "next_level", a number in mg or a step such as "-100 mg" or "-25 %",'
            f" not {written!r}"
        )
    if not 0 < written < float("inf"):
        raise ValueError(f"must be above 0 mg, not {written}")
    return Dose(rule="fixed", amount=float(written))


def read_band(written: Any) -> tuple[Condition, ...]:
    """Read one condition, or a list of two that bound a band, such as [">= 500", "< 750"]."""
    if not isinstance(written, list):
        return (read_number_condition(written),)
    if len(written) != 2:
        raise ValueError(f"a band has two bounds, not {len(written)}")
    low, high = sorted(map(read_number_condition, written), key=lambda bound: bound.number)
    if low.operator not in (">", ">=") or high.operator not in ("<", "<=") or low.number == high.number:
        raise ValueError(f'no count meets both "{written[0]}" and "{written[1]}", or one says it all')
    return low, high


NumberCondition = Annotated[Condition, BeforeValidator(read_number_condition)]
CauseCondition = Annotated[Condition, BeforeValidator(read_cause_condition)]
Band = Annotated[tuple[Condition, ...], BeforeValidator(read_band)]
DoseSaid = Annotated[Dose, BeforeValidator(read_dose)]
