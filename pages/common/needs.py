"""The first sentence of the panel and of the large screen: how many patients need what."""

import pandas as pd

from pages.common import shared


def needs(statuses: pd.DataFrame) -> dict[str, tuple[str, ...]]:
    """The statuses that each part of the first sentence counts."""
    of_tone = statuses.groupby("tone")["status"].apply(tuple)
    return {
        "hold": ("hold",),
        "stop": tuple(status for status in of_tone["danger"] if status != "hold"),
        "reduction": ("reduce",),
        "decision": tuple(status for status in of_tone["act"] if status != "reduce"),
        "unknown": of_tone["unknown"],
    }


def first_sentence(patients: dict[str, int]) -> str:
    """What is to be done, in patients; one with two courses may stand under two needs."""
    holds = patients["hold"]
    parts = [f"{shared.counted(holds, 'patient')} {'needs' if holds == 1 else 'need'} a hold"]
    parts += [f"{patients['stop']:,} the drug stopped"] if patients["stop"] else []
    parts += [f"{patients['reduction']:,} a dose reduction"]
    parts += [f"{patients['decision']:,} another decision"] if patients["decision"] else []
    return f"{', '.join(parts)}; {patients['unknown']:,} cannot be told."
