"""Which packages changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from packaging.version import InvalidVersion, Version

from rca.errors import NotApplicable
from rca.evolution._changes import sides
from rca.registry import diff
from rca.types import Case, Finding

if TYPE_CHECKING:
    from collections.abc import Iterator


@diff("RCA203", "environment changed")
def environment(case: Case) -> Iterator[Finding]:
    """Compare the packages that the environment file pins.

    Yields
    ------
    Finding
        One for each package; the evidence says whether a major, minor or patch release lies between.

    Examples
    --------
    >>> from rca.types import Case, Roles, Version as V
    >>> old, new = (V(r, r, environment={"scikit-learn": v}) for r, v in (("a", "1.5.2"), ("b", "1.6.0")))
    >>> [(f.subject, f.evidence["step"]) for f in environment(Case((), Roles(), old, new))]
    [('env.scikit-learn', 'minor')]
    """
    reference, current = sides(case)
    if not reference.environment and not current.environment:
        raise NotApplicable("no version pins an environment: name the lock file as 'environment' in rca.yaml")
    for name in sorted({**reference.environment, **current.environment}):
        before, after = reference.environment.get(name), current.environment.get(name)
        if before != after:
            yield Finding(
                code="RCA203",
                kind="environment_change",
                subject=f"env.{name}",
                text=f"{name} went from {before or 'absent'} to {after or 'absent'}",
                evidence={"reference": before, "current": after, "step": _step(before, after)},
            )


def _step(before: str | None, after: str | None) -> str:
    if before is None or after is None:
        return "added" if before is None else "removed"
    try:
        old, new = Version(before).release, Version(after).release
    except InvalidVersion:
        return "other"
    width = max(len(old), len(new), 3)
    pairs = zip(old + (0,) * (width - len(old)), new + (0,) * (width - len(new)), strict=True)
    place = next((i for i, (a, b) in enumerate(pairs) if a != b), None)
    return "other" if place is None else ("major", "minor", "patch")[min(place, 2)]
