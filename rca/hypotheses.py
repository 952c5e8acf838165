"""From findings to damages: one for each thing, with the repair after which most of its findings vanish."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from rca import registry
from rca.errors import NotApplicable
from rca.stats import Estimate
from rca.tables import open_table
from rca.tree import Branch, Setting, Term
from rca.types import Finding, Pair

Tables = tuple[pd.DataFrame, pd.DataFrame]  # of the reference and the current side


@dataclass(frozen=True, slots=True)
class Damage:
    """A damaged column or table, and how to undo the damage."""

    subject: str
    main: Finding
    findings: tuple[Finding, ...]
    undo: Callable[[pd.DataFrame], pd.DataFrame]
    exact: bool  # whether the repair is the inverse of the damage rather than a draw from the reference
    vanished: int  # how many of the findings are gone after the repair


def damaged(damage: Damage, part: Estimate, counterfactual: str) -> Term:
    """Return a damage as a term of the tree."""
    main = damage.main
    term = Term("integrity", main.kind, damage.subject, part, main.text.rstrip("."), True, counterfactual)
    return replace(term, stage=main.stage, findings=tuple(f.id for f in damage.findings))


def damages(setting: Setting, pair: Pair, tables: Tables, branch: Branch) -> list[Damage]:
    """Group the findings on a pair of tables, given in memory too, and choose a repair for each; note what has none."""
    whole = f"data.{pair.name}"
    # That a table differs (RCA2xx) is no damage yet.
    mine = [f for f in setting.findings if f.code < "RCA2" and f"{f.subject}.".startswith(f"{whole}.")]
    found: list[Damage] = []
    for subject in dict.fromkeys(f.subject for f in mine):
        group = [f for f in mine if f.subject == subject]
        tried, lost = [], []
        for finding in group:
            try:
                tried.append(_try(finding, group, pair, tables, setting))
            except NotApplicable as reason:
                lost.append((finding, str(reason)))
            except Exception as failure:  # noqa: BLE001  a repair that fails leaves the damage, and says so
                lost.append((finding, f"the repair failed ({type(failure).__name__}: {failure})"))
        if tried:
            found.append(max(tried, key=lambda d: (d.vanished, d.exact, -group.index(d.main))))
        for finding, why in lost if not tried else ():
            branch.give_up("integrity", finding.kind, subject, why, [finding])
    return sorted(found, key=lambda d: d.main.code)


def _try(finding: Finding, group: Sequence[Finding], pair: Pair, tables: Tables, setting: Setting) -> Damage:
    repairs = registry.repair.load()
    if finding.kind not in repairs:
        raise NotApplicable(f"there is no repair for {finding.kind} yet")
    function = repairs[finding.kind].function

    def undo(table: pd.DataFrame, draw: int = setting.seed) -> pd.DataFrame:
        return function(table, finding, tables[0], np.random.default_rng(draw))  # type: ignore[no-any-return]  # repairs return frames

    repaired = undo(tables[1])
    exact = repaired.equals(undo(tables[1], setting.seed + 1))
    after = Pair(pair.name, pair.reference, open_table(repaired, pair.name), pair.same_role)
    checks = [entry for code, entry in registry.check.load().items() if code in {f.code for f in group}]
    left = {(f.kind, f.subject) for f in registry.run(checks, replace(setting.case, pairs=(after,)))[1]}
    gone = sum((f.kind, f.subject) not in left for f in group)
    if (finding.kind, finding.subject) in left:
        raise NotApplicable("the finding is still there after its repair")
    return Damage(finding.subject, finding, tuple(group), undo, exact, gone)
