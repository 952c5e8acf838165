"""The gap tree, judged: which of its terms are causes, in which order, and what they leave of the gap."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
import yaml
from rca.metrics import GAPS
from rca.stats import Estimate, total
from rca.tree import Branch, Term
from rca.types import Cause, Gap, Investigation, Rejected, Remainder, Status
from rca.words import hurts

#: Terms smaller than this share of the gap are not worth a name.
SHARE = 0.05
#: A term that was not tested and whose interval holds zero is possible only if it is this much larger.
LARGE = 5.0
#: A cause that explains this share of the one it lies within is named before it.
SPECIFIC = 0.8
#: By kind of cause: what to do about it, and what would change our mind where no intervention tested it.
MITIGATIONS, DOUBTS = yaml.safe_load_all(Path(__file__).with_name("mitigations.yaml").read_text("utf-8"))


def judge(
    start: Investigation, branches: Sequence[Branch], gap: Gap, difference: Estimate, command: str
) -> Investigation:
    """Say which terms are causes and which are ruled out, rank the causes, and show what is left of the gap.

    The rows know `difference`; `command` reproduces the numbers, run again included.
    """
    verdicts = [(t, _status(t, SHARE * abs(gap.difference))) for b in branches for t in b.terms]
    kept = [(t, s) for t, s in verdicts if isinstance(s, str)]
    outer = [(t, s) for t, s in kept if t.parent is None or t.parent not in {k.subject for k, _ in kept}]
    ranked = _rank(kept, outer)
    ranks = {t.subject: i for i, (t, _) in enumerate(ranked, 1) if t.parent is None}
    causes = [_cause(i, *k, gap, command, ranks.get(k[0].parent or "")) for i, k in enumerate(ranked, 1)]
    # The remainder is the difference itself minus what was named, so that the sum is exact.
    low, high = (difference - total(t.part for t, _ in outer)).interval()
    left = gap.difference - sum(c.contribution for c in causes if c.within is None)
    refuted = [s for _, s in verdicts if isinstance(s, Rejected)]
    named = {(s.kind, s.subject) for s in refuted}
    return replace(
        start,
        gap=gap,
        causes=tuple(causes),
        ruled_out=(*refuted, *(r for b in branches for r in b.ruled_out)),
        not_testable=tuple(r for b in branches for r in b.not_testable if (r.kind, r.subject) not in named),
        unexplained=Remainder(left, low, high),
        provenance={**start.provenance, "notes": [n for b in branches for n in b.notes]},
    )


def _status(term: Term, floor: float) -> Status | Rejected:
    """Judge a term by its size, its interval and whether it was tested by intervention."""
    low, high = term.part.interval(extra_se=term.extra_se)
    size = abs(term.part.value)

    def refuted(reason: str) -> Rejected:
        return Rejected(term.pillar, term.kind, term.subject, reason, term.part.value, low, high, term.findings)

    if size < floor and max(-low, high) < floor:
        return refuted(f"too small: it moves the metric by {term.part.value:+.4g}, and {floor:.2g} would matter")
    if not term.identified:
        return "possible"
    if size < term.floor and term.extra_se == 0:
        return refuted(f"below the noise of other seeds, which alone moves the metric by {term.floor:.2g}")
    zero = low <= 0 <= high
    if size < floor or (zero and (term.tested or size < LARGE * floor)):
        reason = "not told from zero" if zero else "too small"
        return refuted(f"{reason}: {term.part.value:+.4g} [{low:+.4g}, {high:+.4g}]")
    return "possible" if zero else "confirmed" if term.tested else "likely"


def _rank(kept: Sequence[tuple[Term, Status]], outer: Sequence[tuple[Term, Status]]) -> list[tuple[Term, Status]]:
    """Order by size; what lies within a cause stands next to it, before it where it explains it."""
    ranked: list[tuple[Term, Status]] = []
    for term, status in sorted(outer, key=lambda item: -abs(item[0].part.value)):
        inner = [k for k in kept if k[0].parent == term.subject and k not in outer]
        inner.sort(key=lambda item: -abs(item[0].part.value))
        first = [k for k in inner if k[0].part.value / (term.part.value or 1.0) >= SPECIFIC]
        specific = first if term.kind == "training_data" else []
        ranked += [*specific, (term, status), *(k for k in inner if k not in specific)]
    return ranked


def _cause(rank: int, term: Term, status: Status, gap: Gap, command: str, within: int | None) -> Cause:
    low, high = term.part.interval(extra_se=term.extra_se) if term.identified else (float("-inf"), float("inf"))
    size = term.part.value
    again = command if term.runs or " investigate " not in command else f"{command} --no-replay"
    # What helped needs no remedy.
    kinds = [term.kind, *(["unfair"] if gap.metric in GAPS else [])] if hurts(gap, size) else []
    remedies = tuple(remedy for kind in kinds for remedy in MITIGATIONS.get(kind, ()))
    share = size / gap.difference if gap.difference else None
    counter = term.counterfactual or (None if term.tested else DOUBTS.get(term.kind))
    told = term.pillar, term.kind, term.subject, size, low, high, status, term.summary, rank, term.stage, within
    return Cause(*told, share, counter, again, term.findings, remedies)
