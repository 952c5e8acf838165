"""What the data did, in this order: broken, outside support, covariate shift, concept shift.

What is broken is repaired and re-scored, an intervention; the rest is estimated from the repaired rows, averaged
over both models.
"""

from __future__ import annotations

import functools
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from rca.errors import RcaError
from rca.exam import CURRENT, REFERENCE, Positions
from rca.hypotheses import Damage, damages
from rca.inputs.decompose import Decomposition, decompose
from rca.inputs.labels import LabelShift, label_shift
from rca.metrics import linearised
from rca.stats import Estimate, Floats, shapley
from rca.tree import Branch, Setting, Term
from rca.types import Rejected

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


#: Damages are told apart by exact Shapley values up to this many; smaller ones share a place.
MOST = 6
OTHER = "other"

Rows = dict[str, Positions]


def broken(setting: Setting) -> tuple[Branch, Setting]:
    """Repair what is broken in the current exam, in every combination, and re-score with the current model.

    Returns
    -------
    branch, healthy
        The damages, which sum to what all of them together cost; and the setting with all of them undone, on
        which everything else is judged: a damaged exam would blame the model that reacts to the damage.
    """
    branch = Branch()
    grid, case = setting.grid, setting.case
    pair = next(p for p in case.pairs if p.name == setting.exam)
    table = grid.tables[CURRENT]
    found, lost = damages(setting.findings, pair, (grid.tables[REFERENCE], table), case, setting.seed)
    for x in lost:
        branch.give_up("integrity", x.finding.kind, x.finding.subject, x.reason, [x.finding])
    found.sort(key=lambda d: d.main.code)

    @functools.cache
    def without(undone: frozenset[str]) -> pd.DataFrame:
        return functools.reduce(lambda t, d: d.undo(t) if d.subject in undone else t, found, table)

    grid.make_room([without(frozenset({d.subject})) for d in found])
    scored = [d for d in found if _scores(setting, branch, without, d)]
    players = _players(setting, without, scored)
    subjects = {name: frozenset(d.subject for d in group) for name, group in players.items()}
    everything = frozenset(d.subject for d in scored)

    def worth(present: frozenset[str]) -> Estimate:
        kept = frozenset[str]().union(*(subjects[name] for name in present))
        return grid.current(without(everything - kept))

    for name, part in shapley(worth, list(players)).items() if players else ():
        branch.terms.append(_damage(setting, players[name], part, without(subjects[name])))
    return branch, replace(setting, grid=grid.on(without(everything)))


def _scores(
    setting: Setting, branch: Branch, without: Callable[[frozenset[str]], pd.DataFrame], damage: Damage
) -> bool:
    try:
        setting.grid.current(without(frozenset({damage.subject})))
    except RcaError as problem:
        reason = f"the repaired table could not be scored: {problem}"
        branch.give_up("integrity", damage.main.kind, damage.subject, reason, damage.findings)
        return False
    return True


def _players(
    setting: Setting, without: Callable[[frozenset[str]], pd.DataFrame], scored: Sequence[Damage]
) -> dict[str, list[Damage]]:
    """One player for each of the largest damages; the small ones play together."""
    table, grid = setting.grid.tables[CURRENT], setting.grid
    if len(scored) <= MOST:
        return {d.subject: [d] for d in scored}

    def size(damage: Damage) -> float:
        return abs((grid.current(table) - grid.current(without(frozenset({damage.subject})))).value)

    ranked = sorted(scored, key=size, reverse=True)
    return {**{d.subject: [d] for d in ranked[: MOST - 1]}, ranked[MOST - 1].subject: ranked[MOST - 1 :]}


def _damage(setting: Setting, group: Sequence[Damage], part: Estimate, repaired: pd.DataFrame) -> Term:
    first = group[0]
    grid = setting.grid
    after = grid.current(repaired).value
    others = f" (with {len(group) - 1} smaller damages)" if len(group) > 1 else ""
    how = "undoing it" if first.exact else "redrawing the damaged cells from the reference"
    return Term(
        pillar="integrity",
        kind=first.main.kind,
        subject=first.subject,
        part=part,
        summary=first.main.text.rstrip(".") + others,
        tested=True,
        counterfactual=f"{how} brings {grid.metric.name} to {after:.4g}",
        stage=first.main.stage,
        findings=tuple(f.id for d in group for f in d.findings),
    )


def moved(setting: Setting) -> Branch:
    """Split what the data did into support, covariates by group of inputs, and concept, or label shift instead.

    Returns
    -------
    Branch
        Terms that sum, but for the error of linearisation, to the data's Shapley value in the grid.
    """
    (values_p, values_q), tables, rows, labels, hints = _row_values(setting)
    groups = input_groups(setting)
    columns = [column for names in groups.values() for column in names]
    p, q = (table[columns] for table in tables)
    rng = np.random.default_rng(setting.seed)
    try:
        found = decompose(values_p, values_q, p, q, groups, rng=rng, hints_p=hints[0], hints_q=hints[1])
    except RcaError as problem:
        return Branch(not_testable=[Rejected("inputs", "covariate_shift", "inputs", str(problem))])
    outcomes = pd.Series(labels[0]), pd.Series(labels[1])
    shift = label_shift(values_p, values_q, *outcomes, p, q, np.random.default_rng(setting.seed + 1))
    return shifted(found, shift, lambda estimate: setting.grid.spread(estimate, rows))


def shifted(
    found: Decomposition, shift: LabelShift, spread: Callable[[Estimate], Estimate] = lambda estimate: estimate
) -> Branch:
    """Return the terms of a decomposition, in the reading that fits.

    Parameters
    ----------
    spread : callable
        Puts an estimate on the rows of the samples that the other branches use.
    """
    branch = Branch()
    for group, part in found.support_groups.items():
        text = f"rows whose inputs '{group}' the reference never had"
        branch.terms.append(_term("new_population", f"inputs.{group}", spread(part), text))
    if shift.verdict == "label":
        # Label shift explains the rows better: it takes the place of covariate and concept shift.
        text = "the shares of the target's classes moved, and within each class the inputs did not"
        branch.terms.append(_term("label_shift", "inputs.target", spread(shift.label), text))
        rest = spread(found.covariate + found.concept - shift.label)
        branch.terms.append(_term("concept_shift", "inputs", rest, "what the change of the class shares leaves"))
    elif found.support is not None and not any(part.influence for part in (found.covariate, found.concept)):
        for kind, subject in (("covariate_shift", "inputs"), ("concept_shift", "inputs.target")):
            branch.give_up("inputs", kind, subject, "every current row is outside the reference's support")
    elif not found.identified:
        branch.notes.append(f"covariate and concept shift cannot be told apart: {found.reason}")
        text = "inputs and their relation to the target moved together, and the overlap does not tell them apart"
        both = spread(found.covariate + found.concept)
        branch.terms.append(_term("covariate_shift", "inputs", both, text, identified=False))
    else:
        for group, part in found.groups.items():
            text = f"the inputs '{group}' moved; the relation to the target is that of the reference"
            branch.terms.append(_term("covariate_shift", f"inputs.{group}", spread(part), text))
        text = "on like inputs the target behaves otherwise than in the reference"
        branch.terms.append(_term("concept_shift", "inputs.target", spread(found.concept), text))
    return branch


def _term(kind: str, subject: str, part: Estimate, text: str, *, identified: bool = True) -> Term:
    return Term("inputs", kind, subject, part, text, tested=False, identified=identified)


def input_groups(setting: Setting) -> dict[str, tuple[str, ...]]:
    """Return the features by group of inputs; those in none form the group "other"."""
    roles = setting.case.roles
    have = set(setting.grid.tables[REFERENCE].columns) & set(setting.grid.tables[CURRENT].columns)
    features = [c for c in roles.features if c in have]
    groups = {
        name: kept
        for name, columns in roles.inputs.items()
        if (kept := tuple(c for c in columns if c in have and (c in features or not roles.features)))
    }
    taken = {c for columns in groups.values() for c in columns}
    rest = tuple(c for c in features if c not in taken)
    return {**groups, **({OTHER: rest} if rest else {})}


def _row_values(
    setting: Setting,
) -> tuple[tuple[Floats, Floats], tuple[pd.DataFrame, pd.DataFrame], Rows, tuple[Floats, Floats], list[Floats]]:
    """Return each row's share of the gap (averaged over both models), the rows and what the models said."""
    grid = setting.grid
    tables = grid.tables[REFERENCE], grid.tables[CURRENT]
    pairs = [
        (grid.scored(model, tables[0], REFERENCE), grid.scored(model, tables[1], CURRENT)) for model in grid.models
    ]
    both = [linearised(grid.metric, *pair) for pair in pairs]
    values = tuple((both[0][side] + both[1][side]) / 2 for side in (0, 1))
    labelled = tuple(table.loc[pairs[0][side].rows] for side, table in enumerate(tables))
    rows = {REFERENCE: pairs[0][0].rows, CURRENT: pairs[0][1].rows}
    hints = [np.column_stack([pair[side].response for pair in pairs]) for side in (0, 1)]
    return (values[0], values[1]), (labelled[0], labelled[1]), rows, (pairs[0][0].y, pairs[0][1].y), hints
