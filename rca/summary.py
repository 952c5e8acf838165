"""The answer in one sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rca.words import count

if TYPE_CHECKING:
    from rca.types import Investigation

#: A share that is called all of the gap; intervals are wider than what is missing.
ALL = 0.95


def sentence(found: Investigation, reason: str = "") -> str:
    """Say what was found, with numbers, as sure as it is and no surer; or the `reason` why nothing can be said."""
    gap = found.gap
    if gap is None and reason:
        return f"Inconclusive: {reason}"
    if gap is None:
        return f"{count(len(found.findings), 'finding')}." if found.findings else "Nothing found."
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
        text += "; then " + ", ".join(f"{c.subject} {c.contribution:+.3f}" for c in others[:3])
    # said plainly where the new model was tried and is not the cause
    blamed = any(c.pillar == "evolution" for c in found.causes)
    cleared = any(r.pillar == "evolution" and r.contribution is not None for r in found.ruled_out)
    return text + "." + (" The new model is not the cause." if cleared and not blamed else "")
