"""The first sentence of the panel and of the large screen: how many patients need what."""

from pages.common import shared


def first_sentence(patients: dict[str, int]) -> str:
    """What is to be done, in patients by need; one with two courses may stand under two needs."""
    holds, stops, reductions, decisions, unknown = (
        patients.get(need, 0) for need in ("hold", "stop", "reduction", "decision", "unknown")
    )
    parts = [f"{shared.counted(holds, 'patient')} {'needs' if holds == 1 else 'need'} a hold"]
    parts += [f"{stops:,} the drug stopped"] if stops else []
    parts += [f"{reductions:,} a dose reduction"]
    parts += [f"{decisions:,} another decision"] if decisions else []
    return f"{', '.join(parts)}; {unknown:,} cannot be told."
