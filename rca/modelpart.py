"""The model part of the gap: replay of the pipeline, and inside it the damages of the training data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pandas as pd

from rca.errors import NotApplicable, RcaError
from rca.evolution.replay import Options, Share, replay, retrain
from rca.stats import Estimate, shapley
from rca.tables import LIMIT
from rca.tree import CURRENT, Branch, Damage, Setting, Term, damaged, damages
from rca.types import Model, Rejected

#: Damages of the training data that are told apart by retraining; each doubles the runs.
MOST = 2


def model_part(setting: Setting, material: float, options: Options | None) -> Branch:
    """Split what the model did; in one piece without `options`, and no deeper than parts that are `material`."""
    branch = Branch()
    grid = setting.grid
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
            branch.notes.append(
                f"not reproducible here: running both versions again misses the recorded difference by "
                f"{done.residual.value:+.4g}; suspect the environment or an undeclared dependency"
            )
        branch.notes += [f"{name} cannot run apart and are judged as one" for name in done.merged]
        branch.terms += [_player(setting, share) for share in done.shares]
    if options is not None and any(abs(t.part.value) >= material for t in branch.terms):
        _training_data(setting, branch, options)
    return branch


def _player(setting: Setting, share: Share) -> Term:
    player, part = share.player, share.contribution
    noise = "" if share.repeats == 1 else f", repeated with {share.repeats} seeds"
    text = "; ".join(c.text for c in player.changes)
    counter = f"without it the pipeline gives a model that differs by {-part.value:+.4g}{noise}"
    ids = tuple(f.id for f in setting.findings for c in player.changes if f.subject == c.subject)
    term = Term("evolution", player.kind, player.subject, part, text, True, counter, True, player.changes[0].stage, ids)
    return replace(term, extra_se=share.seed_se, floor=1.645 * share.noise)


def _training_data(setting: Setting, branch: Branch, options: Options) -> None:
    """Retrain without each damage of the training table: causes inside the change that carries them."""
    case = setting.case
    pair = next((p for p in case.pairs if p.name == "train"), None)
    artifact = case.current.artifacts.get("data.train") if case.current else None
    if pair is None or artifact is None:
        return
    tables = pair.reference.frame(LIMIT, setting.seed), pair.current.frame(LIMIT, setting.seed)
    found, lost = damages(setting.findings, pair, tables, case, setting.seed)
    for finding, reason in lost:
        branch.give_up("integrity", finding.kind, finding.subject, reason, [finding])
    found.sort(key=lambda d: d.main.code)
    for d in found[MOST:]:
        reason = f"only {MOST} damages of the training data are retrained without"
        branch.give_up("integrity", d.main.kind, d.subject, reason, d.findings)
    try:
        branch.terms += list(_nested(setting, branch, tables[1], found[:MOST], artifact.path, options))
    except (NotApplicable, RcaError) as problem:
        for d in found[:MOST]:
            branch.give_up("integrity", d.main.kind, d.subject, f"retraining without it failed: {problem}")


def _nested(
    setting: Setting, branch: Branch, table: pd.DataFrame, found: list[Damage], path: str, options: Options
) -> Iterator[Term]:
    """Tell some damages apart by retraining."""
    grid = setting.grid
    known: dict[frozenset[str], Model] = {frozenset(d.subject for d in found): grid.models[1]}

    def worth(present: frozenset[str]) -> Estimate:
        if present not in known:
            options.say(f"retraining without {', '.join(d.subject for d in found if d.subject not in present)}")
            repaired = table
            for damage in found:
                repaired = repaired if damage.subject in present else damage.undo(repaired)
            known[present] = retrain(setting.case, path, repaired.reset_index(drop=True), options)
        return grid.both_exams(known[present])

    parts = shapley(worth, [d.subject for d in found])
    order = {"training_data": 0, "code_change": 1, "preprocessing": 2}
    # The change that brought the damage: data, else code, else the largest.
    parent = min(branch.terms, key=lambda t: (order.get(t.kind, 3), -abs(t.part.value)))
    for d in found:
        part = parts[d.subject]
        term = damaged(d, part, f"retraining without it moves the model by {-part.value:+.4g}")
        # Retrained with one seed: what is known of other seeds' noise is known of the change around it.
        yield replace(term, runs=True, parent=parent.subject, extra_se=parent.extra_se, floor=parent.floor)
