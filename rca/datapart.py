"""What the data did: what is broken is repaired and scored again; then support, covariate and concept are estimated."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd

from rca.errors import RcaError
from rca.inputs.decompose import Decomposition, decompose
from rca.inputs.labels import LabelShift, label_shift
from rca.metrics import linearised
from rca.stats import Estimate, shapley
from rca.tree import CURRENT, REFERENCE, Branch, Setting, Term, damaged, damages
from rca.types import Rejected

#: Damages are told apart by exact Shapley values up to this many; smaller ones share a place.
MOST = 6


def broken(setting: Setting) -> tuple[Branch, Setting]:
    """Repair what is broken in the current exam, in every combination, and re-score with the current model.

    Returns
    -------
    branch, healthy
        The damages, which sum to their cost; and the setting without them, on which everything else is judged.
    """
    branch = Branch()
    grid, case = setting.grid, setting.case
    pair = next(p for p in case.pairs if p.name == setting.exam)
    table = grid.tables[CURRENT]
    found, lost = damages(setting.findings, pair, (grid.tables[REFERENCE], table), case, setting.seed)
    for finding, reason in lost:
        branch.give_up("integrity", finding.kind, finding.subject, reason, [finding])
    found.sort(key=lambda d: d.main.code)

    @functools.cache
    def without(undone: frozenset[str]) -> pd.DataFrame:
        return functools.reduce(lambda t, d: d.undo(t) if d.subject in undone else t, found, table)

    grid.make_room([without(frozenset({d.subject})) for d in found])
    cost: dict[str, float] = {}
    for d in found:
        try:
            cost[d.subject] = abs((grid.current(table) - grid.current(without(frozenset({d.subject})))).value)
        except RcaError as problem:
            reason = f"the repaired table could not be scored: {problem}"
            branch.give_up("integrity", d.main.kind, d.subject, reason, d.findings)
    scored = [d for d in found if d.subject in cost]
    groups = [[d] for d in scored]
    if len(scored) > MOST:
        ranked = sorted(scored, key=lambda d: -cost[d.subject])
        groups = [*([d] for d in ranked[: MOST - 1]), ranked[MOST - 1 :]]
    players = {group[0].subject: group for group in groups}
    subjects = {name: frozenset(d.subject for d in group) for name, group in players.items()}
    everything = frozenset(cost)

    def worth(present: frozenset[str]) -> Estimate:
        return grid.current(without(everything.difference(*(subjects[name] for name in present))))

    for name, part in shapley(worth, list(players)).items() if players else ():
        first, *more = players[name]
        after = grid.current(without(subjects[name])).value
        how = "undoing it" if first.exact else "redrawing the damaged cells from the reference"
        term = damaged(first, part, f"{how} brings {grid.metric.name} to {after:.4g}")
        others = f" (with {len(more)} smaller damages)" if more else ""
        ids = tuple(f.id for d in players[name] for f in d.findings)
        branch.terms.append(replace(term, summary=term.summary + others, findings=ids))
    return branch, replace(setting, grid=grid.on(without(everything)))


def moved(setting: Setting) -> Branch:
    """Split what the data did into support, covariates by group of inputs, and concept, or label shift instead."""
    grid = setting.grid
    have = set(grid.tables[REFERENCE].columns) & set(grid.tables[CURRENT].columns)
    roles = setting.case.roles
    features = [c for c in roles.features if c in have]
    usable = features if roles.features else have
    groups = {name: [c for c in named if c in usable] for name, named in roles.inputs.items()}
    columns = list(dict.fromkeys([*features, *(column for named in groups.values() for column in named)]))
    pairs = [[grid.scored(m, grid.tables[side], side) for side in (REFERENCE, CURRENT)] for m in grid.models]
    each = [linearised(grid.metric, *pair) for pair in pairs]
    # Each row's share of the gap, averaged over both models, which also say what they know of it.
    values_p, values_q = ((each[0][i] + each[1][i]) / 2 for i in (0, 1))
    hints = [np.column_stack([pair[i].response for pair in pairs]) for i in (0, 1)]
    rows = {REFERENCE: pairs[0][0].rows, CURRENT: pairs[0][1].rows}
    p, q = (grid.tables[side].loc[at, columns] for side, at in rows.items())
    rng = np.random.default_rng(setting.seed)
    try:
        found = decompose(values_p, values_q, p, q, groups, rng=rng, hints_p=hints[0], hints_q=hints[1])
    except RcaError as problem:
        return Branch(not_testable=[Rejected("inputs", "covariate_shift", "inputs", str(problem))])
    outcomes = pairs[0][0].y, pairs[0][1].y
    shift = label_shift(values_p, values_q, *outcomes, p, q, np.random.default_rng(setting.seed + 1))
    return shifted(found, shift, lambda estimate: setting.grid.spread(estimate, rows))


def shifted(
    found: Decomposition, shift: LabelShift, spread: Callable[[Estimate], Estimate] = lambda estimate: estimate
) -> Branch:
    """Return the terms of a decomposition, in the reading that fits, on the rows that `spread` puts them."""
    branch = Branch()

    def add(kind: str, subject: str, part: Estimate, text: str, *, identified: bool = True) -> None:
        term = Term("inputs", kind, subject, spread(part), text, tested=False, identified=identified)
        branch.terms.append(term)

    for group, part in found.support_groups.items():
        add("new_population", f"inputs.{group}", part, f"rows whose inputs '{group}' the reference never had")
    if shift.verdict == "label":
        # Label shift explains the rows better: it takes the place of covariate and concept shift.
        text = "the shares of the target's classes moved, and within each class the inputs did not"
        add("label_shift", "inputs.target", shift.label, text)
        rest = found.covariate + found.concept - shift.label
        add("concept_shift", "inputs", rest, "what the change of the class shares leaves")
    elif found.support is not None and not any(part.influence for part in (found.covariate, found.concept)):
        for kind, subject in (("covariate_shift", "inputs"), ("concept_shift", "inputs.target")):
            branch.give_up("inputs", kind, subject, "every current row is outside the reference's support")
    elif not found.identified:
        branch.notes.append(f"covariate and concept shift cannot be told apart: {found.reason}")
        text = "inputs and their relation to the target moved together, and the overlap does not tell them apart"
        add("covariate_shift", "inputs", found.covariate + found.concept, text, identified=False)
    else:
        for group, part in found.groups.items():
            text = f"the inputs '{group}' moved; the relation to the target is that of the reference"
            add("covariate_shift", f"inputs.{group}", part, text)
        text = "on like inputs the target behaves otherwise than in the reference"
        add("concept_shift", "inputs.target", found.concept, text)
    return branch
