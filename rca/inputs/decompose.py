"""The gap of two samples' means as support + covariate + concept, the covariate part by group of inputs; or by outcome.

Support is what rows cost that have values which the reference never has, so that it says nothing of them.
Each term is a one-step (doubly robust) estimate: what the reference expects of the current rows, corrected by the
weighted residuals of its own rows (Cai, Namkoong and Yadlowsky, 2023; Quintas-Martinez et al., 2024).

Label shift is the other reading: not the inputs moved, but the mix of outcomes. It fits where the outcome helps to tell
the sides apart once the inputs are known, and the inputs do not once the outcome is (classifier two-sample tests;
Lopez-Paz and Oquab, 2017); it is never added to covariate and concept.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Literal
import numpy as np
import pandas as pd
from scipy.stats import binom, iqr
from rca.errors import ConfigError, DataError, choices
from rca.inputs.encode import HINTS, Features, Mask, Order, encode, is_number, labels, numbers, shuffled
from rca.inputs.nuisance import FIT, Folds, expected, log_ratio, one_thread, split, surprise
from rca.stats import Estimate, Floats, mean, scatter, shapley, total

Task = tuple[Floats, Features, Folds]  # the rows inside the support, in random order
Parts = dict[str, tuple[str, ...]]  # group to its columns

MIN_ROWS = 50
_OTHER = "other"
_MOST = 6  # groups whose coalitions, 2^6 of them, are all estimated
_FEW = 30  # current rows inside the support that are too few to be weighed against anything
_ESS = 0.1  # effective share of the reference rows below which nothing is identified
_CAP = 50.0  # largest weight: a current row beyond it has next to no like among the reference
_THIN = 0.05  # share of such rows above which nothing is identified
_BUDGET = 100_000  # rows of a side that all coalitions together are fitted on
_NEARLY_NEVER = 0.001  # share of missing values below which a column is said to be always filled
_UNKNOWN = 0.7  # how much of the error of the learners reaches a term
_ALPHA = 1e-3  # chance, over all columns, that honest rows are called outside


@dataclass(frozen=True, slots=True)
class Decomposition:
    """The terms of a gap, each with its interval; they sum to it, and the groups to their term.

    Where covariate and concept are not identified, for the given reason, `covariate` is the sum of both.
    """

    support: Estimate | None
    support_groups: Mapping[str, Estimate]
    covariate: Estimate
    groups: Mapping[str, Estimate]
    concept: Estimate
    reason: str | None = None

    @property
    def identified(self) -> bool:
        """Whether covariate and concept could be told apart."""
        return self.reason is None


def decompose(
    values_p: Floats,
    values_q: Floats,
    p: pd.DataFrame,
    q: pd.DataFrame,
    groups: Mapping[str, Sequence[str]],
    *,
    rng: np.random.Generator,
    hints: tuple[Floats, Floats] | None = None,
) -> Decomposition:
    """Split ``mean(values_q) - mean(values_p)``; columns in none of the groups form the group ``other``.

    The hints are, of each side, functions of the inputs that foretell the values, such as a model's score.
    """
    values_p, values_q = np.asarray(values_p, dtype=float), np.asarray(values_q, dtype=float)
    for name, v in (("reference", values_p), ("current", values_q)):
        if (rows := len(v)) < MIN_ROWS:
            raise DataError(f"the {name} side has {rows} rows, and a gap is split from {MIN_ROWS} up: give more rows.")
        if not np.isfinite(v).all():
            raise DataError(f"the {name} side has values that are not finite: remove or repair those rows.")
    parts = complete(groups, [name for name in p.columns if name in q.columns])
    columns = sorted(name for group in parts.values() for name in group)
    p, q = p[columns], q[columns]
    found = outside(p, q)
    inside = ~found.any(axis=1).to_numpy()
    level = mean(values_p, "reference")
    support_groups = {name: _excess(values_q, mask, level) for name, mask in by_group(found, parts).items()}
    share = float(inside.mean())
    # Everything that follows sees the rows in an order of their own, so that theirs cannot matter.
    order_p = shuffled(values_p, p, rng)
    order_q = np.flatnonzero(inside)[shuffled(values_q[inside], q[inside], rng)]
    support = None if inside.all() else _excess(values_q, ~inside, level)
    rest, nothing = _excess(values_q, inside, level), Estimate(0.0)
    if share == 0.0:
        return Decomposition(support, support_groups, nothing, dict.fromkeys(parts, nothing), nothing)
    hinted = None if hints is None else np.vstack([hints[0][order_p], hints[1][order_q]])
    with one_thread():
        data, folds = encode(p.iloc[order_p], q.iloc[order_q], hinted), split(len(order_p), len(order_q), rng)
        task = values_p[order_p], data, folds
        whole, trees, reason = _whole(task, parts)
        if whole is None:
            return Decomposition(support, support_groups, rest, {}, nothing, reason)
        merged = parts if len(parts) <= _MOST else _keep_largest(task, parts)
        worth = _coalitions(task, merged, whole, trees)
    # back to all rows as they came: who is inside is random, and pulls by its excess
    for names, part in worth.items():
        excess = part.value - level.value
        pull_p = scatter(part.influence["reference"] * share, order_p, len(values_p))
        pull_q = np.full(len(values_q), -share * excess / len(values_q))
        pull_q[order_q] += excess / len(values_q) + part.influence.get("current", 0.0) * share
        worth[names] = Estimate(share * part.value, {"reference": pull_p, "current": pull_q})
    covariate = worth[frozenset(merged)] - worth[frozenset()]
    shares = shapley(worth.__getitem__, sorted(merged))
    return Decomposition(support, support_groups, covariate, {n: shares[n] for n in merged}, rest - covariate)


def complete(groups: Mapping[str, Sequence[str]], common: Sequence[str]) -> Parts:
    """Check the groups against the columns that both sides have; columns in none form the group ``other``."""
    if not common:
        raise ConfigError("the two sides share no input column: give tables with the same columns.")
    owner: dict[str, str] = {}
    for group, name in ((group, name) for group, columns in groups.items() for name in columns):
        if name not in common:
            shared = f"is no input of both sides: they share {choices(common)}."
            raise ConfigError(f"the group '{group}' names the column '{name}', which {shared}")
        if name in owner:
            both = f"by the group '{owner[name]}' and again by '{group}'"
            raise ConfigError(f"the column '{name}' is named {both}: name it once.")
        owner[name] = group
    found = {group: tuple(columns) for group, columns in groups.items() if columns}
    rest = tuple(name for name in common if name not in owner)
    return {**found, _OTHER: (*found.get(_OTHER, ()), *rest)} if rest else found


def _keep_largest(task: Task, parts: Parts) -> Parts:
    """Return six groups: those whose shift matters most to a linear model, and the rest as ``other``."""
    from sklearn.linear_model import Ridge

    values, data, folds = task
    effect = {}
    for name in sorted(set(parts) - {_OTHER}):
        inputs = data.pick(parts[name]).linear(np.arange(len(folds.fold)))
        answers = Ridge(alpha=1.0).fit(inputs[~folds.current], values).predict(inputs)
        effect[name] = abs(float(np.mean(answers[folds.current]) - np.mean(answers[~folds.current])))
    return joined(parts, effect, _MOST)


def joined(parts: Parts, effect: Mapping[str, float], most: int) -> Parts:
    """Return so many groups: those of the largest effect, and the rest as ``other``."""
    kept = sorted(set(parts) - {_OTHER}, key=lambda name: (-effect[name], name))[: most - 1]
    rest = [column for name, columns in parts.items() if name not in kept for column in columns]
    return {**{name: parts[name] for name in parts if name in kept}, _OTHER: tuple(sorted(rest))}


def _excess(values: Floats, rows: Mask, level: Estimate) -> Estimate:
    """Return the part of the gap that some current rows carry: their share times their excess over the reference."""
    part = np.where(rows, values - level.value, 0.0)
    return mean(part, "current") + Estimate(0.0, {"reference": level.influence["reference"] * -float(rows.mean())})


def _whole(task: Task, parts: Parts) -> tuple[Estimate | None, tuple[bool, bool], str | None]:
    """Estimate with all inputs, judge the overlap, and say whether trees were of use to expect and to weigh."""
    values, data, folds = task
    n0, n1 = len(values), len(folds.fold) - len(values)
    if n1 < _FEW:
        return None, (False, False), f"only {n1} current rows are inside the reference's support"
    columns = [name for group in parts.values() for name in group]
    inputs = data.pick(columns)
    ratio, trees_weigh = log_ratio(inputs, folds)
    odds = np.exp(np.minimum(ratio, 20.0))
    weights = np.minimum(odds[:n0], _CAP)
    # The current rows see overlap that is missing where no reference row is left to be weighted.
    seen = float(1 / np.minimum(odds[n0:], 4 * _CAP).mean())
    ess = min(float(weights.sum() ** 2 / (weights @ weights) / n0), seen, 1.0)
    thin = float((odds[n0:] > _CAP).mean())
    if ess < _ESS or thin > _THIN:
        return None, (False, False), _reason(task, parts, ess, thin)
    hinted = HINTS in data.of_trees  # what trees add to a hint says nothing of what they add without it
    m, trees_expect = expected(values, data.pick([*columns, HINTS]), folds)
    return _one_step(values, m, ratio, inputs), (trees_expect or hinted, trees_weigh), None


def _reason(task: Task, parts: Parts, ess: float, thin: float) -> str:
    from sklearn.metrics import roc_auc_score

    _, data, folds = task
    ratios = {name: log_ratio(data.pick(columns), folds, trees=False)[0] for name, columns in sorted(parts.items())}
    alone = {name: roc_auc_score(folds.current, ratio) for name, ratio in ratios.items()}
    worst = max(alone, key=lambda name: alone[name])
    few = f"{ess:.1%} of the reference rows count once they are weighted to look like the current ones"
    alien = f"{thin:.0%} of the current rows have next to no like among them"
    most = f"'{worst}' tells the sides apart most (AUC {alone[worst]:.2f})"
    return f"reference and current overlap too little: {few}, and {alien}; {most}"


def _one_step(values: Floats, m: Floats, ratio: Floats, inputs: Features) -> Estimate:
    """Return E_{x~Q} E_P[value | x] with the influence of the rows of `values`, then of the current ones."""
    n0 = len(values)
    weights = np.minimum(np.exp(np.minimum(ratio[:n0], 20.0)), _CAP)
    weights = weights / weights.mean()
    residual = weights * (values - m[:n0])
    correction = float(residual.mean())
    plain = float(m[n0:].mean())
    # Expectation and weight are estimates themselves, which the first order does not know: their errors go with the
    # root of features by rows. Without it intervals of 500 rows cover 82 to 92 %, see tests/bench/bench_coverage.py.
    features = sum(map(len, inputs.of_linear.values()))
    wider = 1.0 + min(1.0, _UNKNOWN * math.sqrt(features * float(weights @ weights)) / n0)
    pull = wider * (residual - correction * weights) / n0
    return Estimate(plain + correction, {"reference": pull, "current": (m[n0:] - plain) / (len(m) - n0)})


def _coalitions(task: Task, parts: Parts, whole: Estimate, trees: tuple[bool, bool]) -> dict[frozenset[str], Estimate]:
    """Return the worth of every coalition of groups: those in it take the current law, the others follow."""
    values, data, folds = task
    names = sorted(parts)
    # Two numbers are known already; the others share the time.
    fit = max(4000, min(FIT, _BUDGET // max(1, 2 ** len(names) - 2)))
    worth = {frozenset[str](): mean(values, "reference"), frozenset(names): whole}
    for size in range(1, len(names)):
        for coalition in combinations(names, size):
            inputs = data.pick(c for name in coalition for c in parts[name])
            m, _ = expected(values, inputs, folds, fit=fit, trees=trees[0])
            ratio, _ = log_ratio(inputs, folds, fit=fit, trees=trees[1])
            worth[frozenset(coalition)] = _one_step(values, m, ratio, inputs)
    return worth


def outside(p: pd.DataFrame, q: pd.DataFrame) -> pd.DataFrame:
    """Say for each column which current rows have a value in it that the reference never has.

    A new level, a missing value where there were (nearly) none, a number beyond the reference's range by more
    than its interquartile range; where there are more of them than a second sample of the same law would have. The
    answer has a row for each of `q`, without its labels.
    """
    # If both samples came from one law, each of k rare rows is a current one with this chance: all by its k-th power.
    current = len(q) / (len(p) + len(q))
    alpha = _ALPHA / max(1, 4 * p.shape[1])
    masks: dict[str, Mask] = {}
    for name in p.columns:
        test = _number if is_number(p[name]) and is_number(q[name]) else _category
        masks[name] = test(p[name], q[name], current, alpha)
        gone, now = p[name].isna().to_numpy(), q[name].isna().to_numpy()
        # what is missing, or there, never on one side and often on the other
        for there, here in ((gone, now), (~gone, ~now)):
            k0, k1 = int(there.sum()), int(here.sum())
            if k1 and k0 < _NEARLY_NEVER * len(there) and binom.sf(k1 - 1, k0 + k1, current) < alpha:
                masks[name] = masks[name] | here
    return pd.DataFrame(masks, index=range(len(q)))


def by_group(found: pd.DataFrame, groups: Mapping[str, Sequence[str]]) -> dict[str, Mask]:
    """Assign each row outside to the group with the most columns outside, to the first among equals."""
    first = np.argmax([found[list(columns)].sum(axis=1) for columns in groups.values()], axis=0)
    masks = {name: found.any(axis=1).to_numpy() & (first == i) for i, name in enumerate(groups)}
    return {name: mask for name, mask in masks.items() if mask.any()}


def _number(p: pd.Series, q: pd.Series, current: float, alpha: float) -> Mask:
    values, now = numbers(p), numbers(q)
    values = values[np.isfinite(values)]
    found = np.zeros(len(q), dtype=bool)
    if len(values):
        spread = float(iqr(values))
        for beyond in (now < values.min() - spread, now > values.max() + spread):
            found |= beyond & (beyond.sum() > np.log(alpha) / np.log(current))
    return found


def _category(p: pd.Series, q: pd.Series, current: float, alpha: float) -> Mask:
    now = pd.Series(labels(q))
    seen, counts = pd.Series(labels(p)).value_counts(), now.value_counts()
    new = counts[~counts.index.isin(seen.index)]
    if new.empty or seen.empty:
        return np.zeros(len(q), dtype=bool)
    # Levels that come once in the reference tell how much of the law it has not shown (Good and Turing).
    due = int((seen == 1).sum()) * len(q) / len(p)
    if len(new) <= due + 4 * np.sqrt(due + 1) or new.sum() <= np.log(alpha) / np.log(current):
        new = new[new > np.log(alpha / (len(seen) + len(new))) / np.log(current)]
    return now.isin(new.index).to_numpy()


Verdict = Literal["none", "covariate", "label", "concept/mixed"]

_FLOOR = 0.002  # nats a row below which nothing is said to differ: a mean moved by an eighth of its deviation
_LEVEL = 0.9  # with the floor, and gains below zero where nothing is to be learned, errors are rare
_BINS = 10
_OUTCOME = "\0outcome"  # no column is called so


@dataclass(frozen=True, slots=True)
class LabelShift:
    """The gap read as a change of the mix of outcomes."""

    label: Estimate  # what the new mix costs at the reference's values for each outcome
    rest: Estimate
    verdict: Verdict  # the reading that fits
    outcome_beyond_inputs: Estimate  # what the outcome adds to telling the sides apart, in nats a row
    inputs_beyond_outcome: Estimate


def label_shift(
    values_p: Floats, values_q: Floats, y_p: Any, y_q: Any, p: pd.DataFrame, q: pd.DataFrame, rng: np.random.Generator
) -> LabelShift:
    """Split the gap by outcome (numbers are cut at the deciles), and judge whether that is the right reading."""
    y_p, y_q = pd.Series(np.asarray(y_p)), pd.Series(np.asarray(y_q))
    ordered, known = is_number(y_p) and is_number(y_q), pd.concat([y_p, y_q])
    if ordered and known.nunique() > _BINS:
        edges = np.unique(np.nanquantile(numbers(y_p), np.linspace(0, 1, _BINS + 1)[1:-1]))
        codes_p, codes_q = (np.searchsorted(edges, numbers(y), "right") for y in (y_p, y_q))
    else:
        codes, distinct = pd.factorize(labels(known), sort=True)
        codes_p, codes_q, ordered = codes[: len(y_p)], codes[len(y_p) :], len(distinct) == 2
    label = _mix(values_p, codes_p, codes_q)
    rest = mean(values_q, "current") - mean(values_p, "reference") - label
    kind = float if ordered else str  # a number is multiplied with the inputs, so that a turned relation shows
    outcomes = [pd.DataFrame({_OUTCOME: codes.astype(kind)}) for codes in (codes_p, codes_q)]
    both = [pd.concat([x.reset_index(drop=True), y], axis=1) for x, y in zip((p, q), outcomes, strict=True)]
    order_p, order_q = shuffled(values_p, both[0], rng), shuffled(values_q, both[1], rng)
    place = np.argsort(np.concatenate([order_p, order_q + len(order_p)]))
    with one_thread():
        data = encode(both[0].iloc[order_p], both[1].iloc[order_q])
        folds = split(len(order_p), len(order_q), rng)

        def cost(columns: list[str]) -> Floats:
            return surprise(log_ratio(data.pick(columns), folds)[0], folds.current)

        inputs = cost(list(p.columns))
        outcome, joint = cost([_OUTCOME]), cost([*p.columns, _OUTCOME])
    by_outcome = _gain(inputs - joint, place, folds)
    by_inputs = _gain(outcome - joint, place, folds)
    at_all = _gain(np.log(2.0) - joint, place, folds)
    # A gain counts that is large enough to matter, and not by chance.
    y, x, any_ = (g.value > _FLOOR and g.interval(_LEVEL)[0] > 0 for g in (by_outcome, by_inputs, at_all))
    # Where inputs and outcome say the same, neither adds to the other: the inputs are named.
    verdict: Verdict = ("concept/mixed" if x else "label") if y else "covariate" if x or any_ else "none"
    return LabelShift(label, rest, verdict, by_outcome, by_inputs)


def _gain(each: Floats, place: Order, folds: Folds) -> Estimate:
    back = each[place]
    return 0.5 * (mean(back[~folds.current], "reference") + mean(back[folds.current], "current"))


def _mix(values: Floats, codes_p: Order, codes_q: Order) -> Estimate:
    """Return the sum over outcomes of the change in share times the reference's mean value, if it has them."""
    terms = []
    overall = mean(values, "reference")
    for code in np.union1d(codes_p, codes_q):
        here, there = codes_p == code, codes_q == code
        level = mean(values, "reference", here.astype(float)) if here.any() else overall
        share = mean(there.astype(float), "current") - mean(here.astype(float), "reference")
        # The product rule: both the share and the level have noise.
        terms.append(share * (level.value - overall.value) + Estimate(0.0, (level - overall).influence) * share.value)
    return total(terms)
