"""The answer in one sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rca.types import Investigation

#: A share that is called all of the gap; intervals are wider than what is missing.
ALL = 0.95


def sentence(found: Investigation, reason: str = "") -> str:
    """Say what was found, with numbers, as sure as it is and no surer.

    Parameters
    ----------
    reason : str
        What is missing, where the verdict is inconclusive.
    """
    if found.gap is None:
        if reason:
            return f"Inconclusive: {reason}"
        count = len(found.findings)
        return f"{count} finding{'' if count == 1 else 's'}." if count else "Nothing found."
    gap = found.gap
    moved = f"{gap.metric} went from {gap.reference:.3f} to {gap.current:.3f} ({gap.difference:+.3f})"
    if found.verdict == "no_incident":
        return (
            f"No incident: {moved}, interval [{gap.low:+.3f}, {gap.high:+.3f}]; "
            f"these samples would have shown a gap of {gap.detectable:.3f}."
        )
    if not found.causes:
        return f"Inconclusive: {moved}, and no hypothesis explains it."
    first = found.causes[0]
    share = "all" if (first.share or 0) >= ALL else f"{100 * (first.share or 0):.0f} %"
    sure = {"confirmed": "explains", "likely": "likely explains", "possible": "may explain"}[first.status]
    text = f"{moved}: {first.summary}, which {sure} {share} of it"
    others = [c for c in found.causes[1:] if c.within is None and c.subject != first.subject]
    if others:
        named = ", ".join(f"{c.subject} {c.contribution:+.3f}" for c in others[:3])
        text += f"; then {named}"
    return text + "." + _model_line(found)


def _model_line(found: Investigation) -> str:
    """Say plainly when the new model was tried and is not the cause."""
    evolution = [c for c in found.causes if c.pillar == "evolution"]
    cleared = [r for r in found.ruled_out if r.pillar == "evolution" and r.contribution is not None]
    if cleared and not evolution:
        return " The new model is not the cause."
    return ""
