"""The words and numbers that every view shares, and what makes text from data harmless."""

import math
import shlex
import unicodedata
from collections.abc import Iterable, Sequence
from rca.types import Cause, Finding, Gap, Investigation, Outcome

#: How sure the intervals of the document are.
LEVEL = "90 %"
VERDICTS = {"cause_found": "Cause found", "no_incident": "No incident", "inconclusive": "Inconclusive"}
#: What plug-ins did, the order in which a reader wants to know.
STATES = {"failed": "failed", "found": "found", "not_applicable": "not applicable", "clear": "clear"}
#: What is asked for first, by the kinds of cause that it is.
SUSPECTS = {
    "Drifting inputs": "covariate_shift concept_shift label_shift new_population",
    "a misaligned objective": "objective threshold",
    "a coding flaw": "code_change",
}
#: Colours of the pillars that colour-blind readers tell apart (Okabe and Ito, 2008).
COLOURS = {"integrity": "#0072B2", "evolution": "#D55E00", "inputs": "#009E73", "": "#8A8F98"}
#: A share that is called all of the gap; intervals are wider than what is missing.
ALL = 0.95
_HIDDEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}


def clean(text: object, limit: int = 2000) -> str:
    """Return text from data on one line, with characters that command a terminal or turn writing spelled out."""
    line = " ".join(str(text)[: 4 * limit].split())
    safe = (c.encode("unicode_escape").decode() if unicodedata.category(c) in _HIDDEN else c for c in line[:limit])
    return "".join(safe) + ("…" if len(line) > limit else "")


def count(size: int, noun: str) -> str:
    """Return a number of things: ``1 finding``, ``3 findings``."""
    return f"{size} {noun}{'' if size == 1 else 's'}"


def headline(found: Investigation) -> str:
    """Return the verdict, or of what measured no gap how much it found."""
    told = found.gap is None and found.findings
    return count(len(found.findings), "finding") if told else VERDICTS[found.verdict]


def number(value: float | None, digits: int = 3, sign: bool = False) -> str:
    """Return a number for people."""
    if value is None or not math.isfinite(value):
        return "n/a"
    size = abs(value)
    if isinstance(value, int) or size >= 10_000:
        text = f"{size:,.0f}"
    elif size == 0 or size >= 0.5 * 10**-digits:
        text = f"{size:.{digits}f}"
    else:
        text = f"{size:.{digits}g}" if size >= 1e-6 else f"{size:.{digits - 1}e}"
    return ("-" if value < 0 else "+" if sign else "") + text


def interval(low: float | None, high: float | None, digits: int = 3) -> str:
    """Return an interval for people."""
    if low is None or high is None or not (math.isfinite(low) and math.isfinite(high)):
        return ""
    return f"[{number(low, digits, True)}, {number(high, digits, True)}]"


def digits(investigation: Investigation) -> int:
    """Return how many decimals the numbers of an investigation need."""
    return 3 if investigation.gap is None else places(investigation.gap.difference)


def places(size: float) -> int:
    """Return the decimals that show a number of this size with three digits."""
    return min(8, max(2, 2 - math.floor(math.log10(abs(size))))) if size and math.isfinite(size) else 3


def share(cause: Cause, gap: Gap | None) -> float | None:
    """Return the share of the gap that a cause explains, as given or as divided."""
    if cause.share is not None or gap is None or not gap.difference:
        return cause.share
    divided = cause.contribution / gap.difference
    return divided if math.isfinite(divided) else None


def status(cause: Cause) -> str:
    """Return how sure a cause is; one whose interval holds 0 is below the noise."""
    return "below the noise" if cause.low <= 0 <= cause.high and cause.status != "confirmed" else cause.status


def hurts(gap: Gap, contribution: float) -> bool:
    """Return whether a contribution made the system worse: losses are worse when higher."""
    from rca.metrics import lower_is_better

    return contribution > 0 if lower_is_better(gap.metric) else contribution < 0


def nested(causes: Sequence[Cause]) -> list[tuple[Cause, int]]:
    """Return each cause with its depth, what explains it further right below it."""
    listed: list[tuple[Cause, int]] = []
    left = list(causes)

    def take(parent: int | None, depth: int) -> None:
        while mine := next((cause for cause in left if cause.within == parent), None):
            left.remove(mine)
            listed.append((mine, depth))
            take(mine.rank, depth + 1)

    take(None, 0)
    return listed + [(cause, 1) for cause in left]  # a parent that is not there must not hide its children


def by_state(outcomes: Iterable[Outcome]) -> list[Outcome]:
    """Return the outcomes in the order in which a reader wants to know, failures first."""
    return sorted(outcomes, key=lambda outcome: (list(STATES).index(outcome.status), outcome.code))


def tally(outcomes: Iterable[Outcome]) -> str:
    """Return the count of checks by what they did, such as ``3 checks: 1 found, 2 clear``."""
    states = [outcome.status for outcome in outcomes]
    order = ("found", "clear", "not_applicable", "failed")
    parts = [f"{states.count(state)} {STATES[state]}" for state in order if state in states]
    return f"{count(len(states), 'check')}: {', '.join(parts) or 'none ran'}"


def rerun(investigation: Investigation, finding: Finding) -> list[str]:
    """Return the commands that show a finding again: those of its causes, or the check itself."""
    if of_causes := [c.reproduce for c in investigation.causes if c.reproduce and finding.id in c.findings]:
        return list(dict.fromkeys(of_causes))
    before, after = investigation.reference, investigation.current
    asked: list[str | None] = ["check", "--reference-data", before.data, "--current-data", after.data]
    if before.rev and after.rev:
        asked = ["check", "--reference", before.rev, "--current", after.rev]
        asked = ["diff", before.rev, after.rev] if finding.code.startswith("RCA2") else asked
    return [shlex.join(["rca", *map(str, asked)])] if all(asked) else []


def sentence(found: Investigation, reason: str = "") -> str:
    """Say what was found, with numbers, as sure as it is and no surer; or the `reason` why nothing can be said."""
    gap = found.gap
    if gap is None:
        size = f"{count(len(found.findings), 'finding')}." if found.findings else "Nothing found."
        told = f" Found: {found.findings[0].text}" if found.findings else ""
        return f"Inconclusive: {reason}{told}" if reason else size
    moved = f"{gap.metric} went from {gap.reference:.3f} to {gap.current:.3f} ({gap.difference:+.3f})"
    if found.verdict == "no_incident":
        between = f"interval [{gap.low:+.3f}, {gap.high:+.3f}]"
        beside = f" {count(len(found.findings), 'finding')} moved it by no more." if found.findings else ""
        return f"No incident: {moved}, {between}; these samples would have shown a gap of {gap.detectable:.3f}.{beside}"
    if found.verdict == "inconclusive":
        return f"Inconclusive: {moved}, and no hypothesis explains it."
    first = found.causes[0]
    share = first.share or 0
    part = "more than all" if share > 2 - ALL else "all" if share >= ALL else f"{100 * share:.0f} %"
    sure = {"confirmed": "explains", "likely": "likely explains", "possible": "may explain"}[first.status]
    text = f"{moved}: {first.summary}, which {sure} {part} of it"
    if others := [c for c in found.causes[1:] if c.within is None and c.subject != first.subject]:
        text += "; then " + ", ".join(f"{c.subject} {c.contribution:+.3f}" for c in others[:3])
    # said plainly where the new model was tried and is not the cause
    blamed = any(c.pillar == "evolution" for c in found.causes)
    cleared = any(r.pillar == "evolution" and r.contribution is not None for r in found.ruled_out)
    return text + "." + (" The new model is not the cause." if cleared and not blamed else "") + _suspects(found)


def _suspects(found: Investigation) -> str:
    """Answer for the three that are asked for first: by the status of a cause, or that it is none, or is not known."""
    status = {c.kind: "yes" if c.status == "confirmed" else c.status for c in reversed(found.causes)}
    unknown = {f.kind for f in found.findings} | {r.kind for r in found.not_testable}
    unknown -= {r.kind for r in found.ruled_out}
    told = []
    for name, kinds in SUSPECTS.items():
        hit = next((status[kind] for kind in kinds.split() if kind in status), None)
        told.append(f"{name}: {hit or ('not tested' if unknown & set(kinds.split()) else 'no')}")
    return f" {'; '.join(told)}."
