"""Which findings chance does not explain, over everything that was looked at."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from rca.stats import benjamini_hochberg

if TYPE_CHECKING:
    from rca.types import Case, Finding, Outcome

#: The share of false findings that is accepted among those that carry a p-value.
FDR = 0.05


def significant(
    case: Case, outcomes: tuple[Outcome, ...], findings: tuple[Finding, ...]
) -> tuple[tuple[Outcome, ...], tuple[Finding, ...]]:
    """Adjust the p-values for all tests that were made and drop what does not hold.

    Checks look at every column, so the number of tests is that of columns times checks that ran, whether
    or not they had something to say. Findings without a p-value are facts (a hash, a parameter) and stay.

    Examples
    --------
    >>> from rca.types import Case, Finding, Outcome, Roles
    >>> weak = Finding("RCA101", "missing_values", "data.train.a", "", p_value=0.5, id="F1")
    >>> fact = Finding("RCA201", "hyperparameter", "params.depth", "", id="F2")
    >>> outcomes = (Outcome("RCA101", "", "found", findings=("F1",)), Outcome("RCA201", "", "found", findings=("F2",)))
    >>> outcomes, findings = significant(Case((), Roles()), outcomes, (weak, fact))
    >>> [(f.id, f.subject) for f in findings], [o.status for o in outcomes]
    ([('F1', 'params.depth')], ['clear', 'found'])
    """
    columns = sum(1 for _ in case.columns())
    ran = sum(o.code < "RCA2" and o.status in ("found", "clear") for o in outcomes)
    tested = [f for f in findings if f.p_value is not None]
    p_values = [f.p_value for f in tested if f.p_value is not None]
    by_id = dict(zip((f.id for f in tested), benjamini_hochberg(p_values, columns * ran).tolist(), strict=True))
    kept = [f for f in findings if by_id.get(f.id, 0.0) <= FDR]
    names = {f.id: f"F{i + 1}" for i, f in enumerate(kept)}
    renamed = tuple(replace(f, id=names[f.id], p_value=by_id.get(f.id)) for f in kept)
    return tuple(_rename(o, names) for o in outcomes), renamed


def _rename(outcome: Outcome, names: dict[str, str]) -> Outcome:
    mine = tuple(names[f] for f in outcome.findings if f in names)
    status = "clear" if outcome.status == "found" and not mine else outcome.status
    return replace(outcome, findings=mine, status=status)
