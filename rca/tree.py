"""What a branch of the gap tree yields: terms, each with its part of the gap, before they are judged."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from rca.exam import CURRENT, REFERENCE, Grid
from rca.stats import Estimate, gap_of
from rca.types import Case, Finding, Gap, Pillar, Rejected

#: A gap must exclude zero at this level before it is called one.
ALARM = 0.95


@dataclass(frozen=True, slots=True)
class Term:
    """A candidate cause before it is judged."""

    pillar: Pillar
    kind: str
    subject: str
    part: Estimate
    summary: str
    tested: bool
    """Whether an intervention gave the number, rather than an association."""
    counterfactual: str | None = None
    runs: bool = False
    """Whether the pipeline is run again for it."""
    stage: str | None = None
    findings: tuple[str, ...] = ()
    parent: str | None = None
    """The subject of the term that this one explains further; it is then no part of the sum itself."""
    extra_se: float = 0.0
    """Noise that rows do not carry, such as that of other seeds."""
    floor: float = 0.0
    """An amount that chance alone reaches."""
    identified: bool = True


@dataclass(slots=True)
class Branch:
    """What one part of the tree found."""

    terms: list[Term] = field(default_factory=list)
    not_testable: list[Rejected] = field(default_factory=list)
    ruled_out: list[Rejected] = field(default_factory=list)
    """What is refuted without a number, such as by proof."""
    notes: list[str] = field(default_factory=list)

    def give_up(self, pillar: Pillar, kind: str, subject: str, reason: str, findings: Iterable[Finding] = ()) -> None:
        """Note what cannot be tested."""
        ids = tuple(f.id for f in findings)
        self.not_testable.append(Rejected(pillar, kind, subject, reason, findings=ids))


@dataclass(frozen=True, slots=True)
class Setting:
    """What every branch works on."""

    case: Case
    grid: Grid
    findings: Sequence[Finding]
    exam: str
    """The name of the pair of tables that are the exams."""
    seed: int = 0
    rows: tuple[int, int] = (0, 0)


def measure(grid: Grid, name: str, rows: tuple[int, int]) -> tuple[Gap, Estimate]:
    """Measure the gap: the current model on its exam minus the reference model on its own."""
    sides = grid.corner(0, REFERENCE), grid.corner(1, CURRENT)
    return gap_of(name, *sides, rows, ALARM), sides[1] - sides[0]


def is_material(gap: Gap, difference: Estimate, material: float) -> bool:
    """Whether a gap excludes zero and is large enough to matter, whatever the number of rows."""
    low, high = difference.interval(ALARM)
    return (low > 0 or high < 0) and abs(gap.difference) >= material * abs(gap.reference)
