"""How a comparison, and a whole protocol, is said in words."""

from leuko.facts import read_rows
from leuko.protocols.schema import Evidence, Protocol

NAMES = {"anc": "ANC", "platelets": "platelets"}


def in_words(operator: str) -> str:
    """Say an operator for use after "is": "<" is "below".

    Raises KeyError for an operator that is not in `leuko/operators.csv`.
    """
    return {row["operator"]: row["words"] for row in read_rows("operators")}[operator]


def described(protocol: Protocol) -> str:
    """A protocol in a few lines: drug and setting, thresholds, clauses, what is not verified, and its sources."""
    default = ", default" if protocol.default else ""
    asked = "".join(f", requires {fact} {word}" for fact, word in protocol.facts.items())
    return "\n".join(
        [
            f"{protocol.id}: {protocol.drug}, {protocol.setting or 'no setting'}{default}{asked}",
            f"  hold: {said(protocol, 'hold', ' or ')}; resume: {said(protocol, 'resume', ' and ')}",
            f"  {counted(protocol.recovery, 'clause')}; {counted(protocol.during, 'decision', ' at a draw')}; "
            f"{counted(protocol.monitoring, 'interval', ' between counts')}",
            *(f"  source: {source}" for source in sources(protocol)),
        ]
    )


def said(protocol: Protocol, role: str, joint: str) -> str:
    parts = []
    for analyte, name in NAMES.items():
        threshold = getattr(protocol, analyte)
        if threshold is not None:
            condition = getattr(threshold, role)
            mark = "" if threshold.verified else " (not verified)"
            parts.append(f"{name} {in_words(condition.operator)} {condition.number:,g}{mark}")
    return joint.join(parts)


def counted(rows: tuple[Evidence, ...], word: str, more: str = "") -> str:
    """`6 clauses, 3 of them not verified`."""
    unverified = sum(not row.verified for row in rows)
    mark = f", {unverified} of them not verified" if unverified else ""
    return f"{len(rows)} {word}{'' if len(rows) == 1 else 's'}{more}{mark}"


def sources(protocol: Protocol) -> dict[str, None]:
    """Each text with its date, once: `title (revised 2024)`."""
    return {
        f"{source.title} ({f'revised {source.revised}' if source.revised else 'no date known'}"
        f"{'' if source.verified else ', not verified'})": None
        for source in protocol.source
    }
