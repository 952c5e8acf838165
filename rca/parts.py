"""The two parts of the gap: what the data did, and what the model did.

Of the data, what is broken is repaired and scored again; then support, covariate and concept are estimated. Of the
model, the pipeline is run again, and inside of that without the damages of the training data.
"""

import functools
from collections.abc import Mapping
from dataclasses import replace
import numpy as np
import pandas as pd
from rca.case import exam_pair
from rca.errors import NotApplicable, RcaError
from rca.evolution._changes import sides
from rca.evolution._runs import Options, retrain
from rca.evolution.replay import Share, replay
from rca.inputs import slices, timeline
from rca.inputs.decompose import Decomposition, LabelShift, complete, decompose, label_shift
from rca.metrics import linearised
from rca.stats import Estimate, shapley
from rca.tree import CURRENT, REFERENCE, Branch, Setting, Term, damaged, damages
from rca.types import Rejected

#: Damages are told apart by exact Shapley values up to this many; smaller ones share a place.
DAMAGES = 6
#: Damages of the training data that are told apart by retraining; each doubles the runs.
RETRAINED = 2


def broken(setting: Setting) -> tuple[Branch, Setting]:
    """Repair what is broken in the current exam, in every combination, and re-score with the current model.

    Return the damages, which sum to their cost, and the setting without them, on which all else is judged.
    """
    branch, grid = Branch(), setting.grid
    table = grid.tables[CURRENT]
    found = damages(setting, exam_pair(setting.case), (grid.tables[REFERENCE], table), branch)

    @functools.cache
    def without(undone: frozenset[str]) -> pd.DataFrame:
        return functools.reduce(lambda t, d: d.undo(t) if d.subject in undone else t, found, table)

    # a repair may bring rows back, for which the sample needs room
    ends = [int(t.index.max()) + 1 for d in found if len(t := without(frozenset({d.subject})))]
    grid.sizes[CURRENT] = max(grid.sizes[CURRENT], *ends, 0)
    cost: dict[str, float] = {}
    for d in found:
        try:
            cost[d.subject] = abs((grid.current(table) - grid.current(without(frozenset({d.subject})))).value)
        except RcaError as problem:
            reason = f"the repaired table could not be scored: {problem}"
            branch.give_up("integrity", d.main.kind, d.subject, reason, d.findings)
    scored = [d for d in found if d.subject in cost]
    groups = [[d] for d in scored]
    if len(scored) > DAMAGES:
        ranked = sorted(scored, key=lambda d: -cost[d.subject])
        groups = [*([d] for d in ranked[: DAMAGES - 1]), ranked[DAMAGES - 1 :]]
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
    grid, roles = setting.grid, setting.case.roles
    have = set(grid.tables[REFERENCE].columns) & set(grid.tables[CURRENT].columns)
    features = [c for c in roles.features if c in have]
    usable = features if roles.features else have
    groups = {name: [c for c in named if c in usable] for name, named in roles.inputs.items()}
    columns = list(dict.fromkeys([*features, *(column for named in groups.values() for column in named)]))
    pairs = [[grid.scored(m, grid.tables[side], side) for side in (REFERENCE, CURRENT)] for m in grid.models]
    each = [linearised(grid.metric, *pair) for pair in pairs]
    # Each row's share of the gap, averaged over both models, which also say what they know of it.
    values = (each[0][0] + each[1][0]) / 2, (each[0][1] + each[1][1]) / 2
    hints = [np.column_stack([pair[i].response for pair in pairs]) for i in (0, 1)]
    rows = {REFERENCE: pairs[0][0].rows, CURRENT: pairs[0][1].rows}
    old, new = (grid.tables[side].loc[at] for side, at in rows.items())
    p, q = old[columns], new[columns]
    try:
        found = decompose(*values, p, q, groups, rng=np.random.default_rng(setting.seed), hints=(hints[0], hints[1]))
    except RcaError as problem:
        return Branch(not_testable=[Rejected("inputs", "covariate_shift", "inputs", str(problem))])
    shift = label_shift(*values, pairs[0][0].y, pairs[0][1].y, p, q, np.random.default_rng(setting.seed + 1))
    since, notes = dict[str, str](), list[str]()
    if roles.time in have and all(table[roles.time].dtype.kind == "M" for table in (old, new)):
        try:
            log = timeline.read_events(setting.case.events) if setting.case.events else None
            dated = (p, q), (old[roles.time], new[roles.time]), complete(groups, columns), log, setting.seed
            since = timeline.said(timeline.change_points(values, *dated))
        except RcaError as problem:  # a broken log must not cost the answer
            notes.append(f"since when is not known: {problem}")
    branch = shifted(found, shift, since)
    watched = [c for c in roles.sensitive if c in have]
    shown = list(dict.fromkeys([*columns, *watched]))
    apart = slices.slices(values, (old[shown], new[shown]), np.random.default_rng(setting.seed), watched)
    branch.notes += [*notes, *slices.said(apart)]
    branch.terms = [replace(term, part=grid.spread(term.part, rows)) for term in branch.terms]
    return branch


def shifted(found: Decomposition, shift: LabelShift | None, since: Mapping[str, str]) -> Branch:
    """Return the terms of a decomposition, in the reading that fits, with since when each series is otherwise."""
    branch = Branch()

    def add(kind: str, subject: str, part: Estimate, text: str, *, identified: bool = True) -> None:
        branch.terms.append(Term("inputs", kind, subject, part, text, tested=False, identified=identified))

    for group, part in found.support_groups.items():
        text = f"rows whose inputs '{group}' the reference never had{since.get(group, '')}"
        add("new_population", f"inputs.{group}", part, text)
    if shift is not None and shift.verdict == "label":
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
            text = f"the inputs '{group}' moved{since.get(group, '')}; the relation to the target is the reference's"
            add("covariate_shift", f"inputs.{group}", part, text)
        text = f"on like inputs the target behaves otherwise than in the reference{since.get('residual', '')}"
        add("concept_shift", "inputs.target", found.concept, text)
    return branch


def model_part(setting: Setting, material: float, options: Options | None) -> Branch:
    """Split what the model did; in one piece without `options`, and no deeper than parts that are `material`."""
    branch, grid = Branch(), setting.grid
    reason = "the same program: only formatting and comments differ"
    same = [f for f in setting.findings if f.evidence.get("same_program") is True]
    branch.ruled_out += [Rejected("evolution", f.kind, f.subject, reason, findings=(f.id,)) for f in same]
    if grid.models[0] is grid.models[1]:
        return branch
    recorded = grid.both_exams(grid.models[1]) - grid.both_exams(grid.models[0])
    try:
        if options is None:
            raise NotApplicable("replay was not asked for")
        done = replay(setting.case, grid.both_exams, recorded, options, material)
    except (NotApplicable, RcaError) as problem:
        branch.give_up("evolution", "weights", "model", f"no replay: {problem}")
        old = grid.value(grid.models[0], grid.tables[CURRENT], CURRENT).value
        counter = f"the reference's model on the current exam has {grid.metric.name} {old:.4g}"
        term = Term("evolution", "weights", "model", recorded, "the model is another one", True, counter)
        branch.terms.append(replace(term, findings=tuple(f.id for f in setting.findings if f.subject == "model")))
    else:
        if not done.reproducible:
            missed = f"misses the recorded difference by {done.residual.value:+.4g}"
            why = "suspect the environment or an undeclared dependency"
            branch.notes.append(f"not reproducible here: running both versions again {missed}; {why}")
        branch.notes += done.together
        branch.notes += [f"{name} cannot run apart and are judged as one ({done.failures[0]})" for name in done.merged]
        branch.terms += [_player(setting, share) for share in done.shares]
    if options is not None and any(abs(t.part.value) >= material for t in branch.terms):
        _training_data(setting, branch, options)
    return branch


def _player(setting: Setting, share: Share) -> Term:
    player, part = share.player, share.contribution
    noise = "" if share.repeats == 1 else f", repeated with {share.repeats} seeds"
    counter = f"without it the pipeline gives a model that differs by {-part.value:+.4g}{noise}"
    term = Term("evolution", player.kind, player.subject, part, player.text, True, counter, runs=True)
    # players that were joined have the names of all of them
    ids = tuple(f.id for f in setting.findings if f.subject in (player.subject, *player.subject.split(" + ")))
    return replace(term, stage=player.stage, findings=ids, extra_se=share.seed_se, floor=1.645 * share.noise)


def _training_data(setting: Setting, branch: Branch, options: Options) -> None:
    """Retrain without each damage of the training table: causes inside the change that carries them."""
    case, grid = setting.case, setting.grid
    pair = next((p for p in case.pairs if p.name == "train"), None)
    if pair is None:
        return
    tables = pair.reference.frame(seed=setting.seed), pair.current.frame(seed=setting.seed)
    found = damages(setting, pair, tables, branch)
    for d in found[RETRAINED:]:
        reason = f"only {RETRAINED} damages of the training data are retrained without"
        branch.give_up("integrity", d.main.kind, d.subject, reason, d.findings)
    retrained, path = found[:RETRAINED], sides(case)[1].artifacts["data.train"].path

    def worth(present: frozenset[str]) -> Estimate:
        undone = [d for d in retrained if d.subject not in present]
        if not undone:
            return grid.both_exams(grid.models[1])
        options.say(f"retraining without {', '.join(d.subject for d in undone)}")
        repaired = functools.reduce(lambda t, d: d.undo(t), undone, tables[1])
        return grid.both_exams(retrain(case, path, repaired.reset_index(drop=True), options))

    try:
        parts = shapley(worth, [d.subject for d in retrained])
    except (NotApplicable, RcaError) as problem:
        for d in retrained:
            branch.give_up("integrity", d.main.kind, d.subject, f"retraining without it failed: {problem}")
        return
    order = {"training_data": 0, "code_change": 1, "preprocessing": 2}
    # The change that brought the damage: data, else code, else the largest.
    parent = min(branch.terms, key=lambda t: (order.get(t.kind, 3), -abs(t.part.value)))
    for d, part in zip(retrained, parts.values(), strict=True):
        term = damaged(d, part, f"retraining without it moves the model by {-part.value:+.4g}")
        # Retrained with one seed: what is known of other seeds' noise is known of the change around it.
        term = replace(term, runs=True, parent=parent.subject, extra_se=parent.extra_se, floor=parent.floor)
        branch.terms.append(term)
