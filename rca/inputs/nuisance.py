"""What the reference expects of a row, and how much more often the current rows look like it.

Both are fitted by a linear model and by boosted trees, out of fold, and stacked (van der Laan, Polley and Hubbard,
2007): where nothing is to be learned the expectation is a constant and the weights are one, instead of noise.
"""

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
import numpy as np
from threadpoolctl import threadpool_limits
from rca.inputs.encode import Features, Mask, Order
from rca.stats import Floats

FIT = 16_000  # rows of a side that are fitted on at most; means are taken over all rows
_BATCH = 8192
_SMALL = 300  # rows of a side below which trees learn noise only
_GAIN = 5e-4  # what trees must add out of fold (nats a row, or share of the variance) to have helped,
_CHANCE = 4.0  # beyond what a useless learner adds by chance, which is of the order of one row in all

_TREES = {"max_iter": 40, "learning_rate": 0.15, "l2_regularization": 5.0, "max_bins": 64, "early_stopping": False}


def one_thread() -> threadpool_limits:
    """Hold the libraries to one thread; which takes hold of those alone that are loaded."""
    importlib.import_module("sklearn.ensemble")
    return threadpool_limits(1)


@dataclass(frozen=True, slots=True)
class Folds:
    """Which fold holds each row out, and each row's rank in the lottery of who is fitted on."""

    fold: Order
    rank: Order
    current: Mask  # the rows of the current side, which come last
    count: int
    trees: bool  # whether there are rows enough for trees
    seed: int


def split(reference: int, current: int, rng: np.random.Generator) -> Folds:
    """Split the rows of both sides, which are taken to be in random order, into blocks; many rows need fewer."""
    smaller = min(reference, current)
    count = 5 if smaller < 600 else 3 if smaller < 10_000 else 2
    fold = [np.arange(n) * count // n for n in (reference, current)]
    # The first row of every block ranks before the second of any.
    rank = [(np.arange(len(blocks)) - np.searchsorted(blocks, blocks)) * count + blocks for blocks in fold]
    current_side, trees = np.repeat([False, True], [reference, current]), smaller >= _SMALL
    return Folds(np.concatenate(fold), np.concatenate(rank), current_side, count, trees, int(rng.integers(2**31)))


def expected(values: Floats, x: Features, folds: Folds, *, fit: int = FIT, trees: bool = True) -> tuple[Floats, bool]:
    """Return E[value | x] of the reference for every row of both sides, and whether trees helped."""
    from sklearn.linear_model import LinearRegression

    used, trees = (folds.rank < fit) & ~folds.current, trees and folds.trees
    answers = _answers(values, x, folds, used, trees)
    known, truth = answers[used], values[used[: len(values)]]
    best = LinearRegression(positive=True).fit(known, truth)
    if not trees:
        return np.asarray(best.predict(answers)), False
    linear = LinearRegression(positive=True).fit(known[:, :-1], truth)
    variance = float(truth.var()) or 1.0
    gain = np.mean((truth - linear.predict(known[:, :-1])) ** 2 - (truth - best.predict(known)) ** 2) / variance
    return np.asarray(best.predict(answers)), bool(gain > max(_GAIN, _CHANCE / len(truth)))


def log_ratio(x: Features, folds: Folds, *, fit: int = FIT, trees: bool = True) -> tuple[Floats, bool]:
    """Return log q(x) / p(x) for every row of both sides, and whether trees helped."""
    used, trees, current = folds.rank < fit, trees and folds.trees, folds.current
    answers = _answers(current, x, folds, used, trees)
    prior = float(np.log(current[used].sum() / (~current[used]).sum()))
    best = _stacked(answers, current, used)
    if not trees:
        return best - prior, False
    linear = _stacked(answers[:, :-1], current, used)
    gain = np.mean(surprise(linear[used], current[used]) - surprise(best[used], current[used]))
    return best - prior, bool(gain > max(_GAIN, _CHANCE / used.sum()))


def _answers(target: Floats | Mask, x: Features, folds: Folds, used: Mask, trees: bool) -> Floats:
    """Ask linear models, and trees that add to the last of them, about rows that they were not fitted on."""
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
    from sklearn.linear_model import LogisticRegression, Ridge

    answers = np.zeros((len(folds.fold), 1 + x.crosses + trees))
    odds = target.dtype == bool
    for k in range(folds.count):
        rows, held = np.flatnonzero(used & (folds.fold != k)), np.flatnonzero(folds.fold == k)
        for i in range(1 + x.crosses):
            inputs = partial(x.linear, crossed=i > 0)
            model = LogisticRegression(C=0.3, max_iter=1000) if odds else Ridge(alpha=1.0)
            ask = getattr(model.fit(inputs(rows), target[rows]), "decision_function" if odds else "predict")
            answers[held, i] = _answer(ask, inputs, held)
        if not trees:
            continue
        leaves = {"max_leaf_nodes": 15 if len(rows) > 5000 else 8, "min_samples_leaf": max(20, len(rows) // 200)}
        options = {**_TREES, **leaves, "random_state": folds.seed}
        score = ask(inputs(rows))
        seen = x.trees(rows)
        seen = np.where(np.isnan(seen).all(axis=0), 0.0, seen)  # trees cannot bin a column without a value
        if odds:
            # The linear score is a feature, for trees are poor at slopes.
            model = HistGradientBoostingClassifier(**options).fit(np.column_stack([seen, score]), target[rows])
            answers[held, -1] = _answer(
                model.decision_function, lambda some: np.column_stack([x.trees(some), answers[some, -2]]), held
            )
        else:
            model = HistGradientBoostingRegressor(**options).fit(seen, target[rows] - score)
            answers[held, -1] = answers[held, -2] + _answer(model.predict, x.trees, held)
    return answers


def _answer(ask: Callable[[Floats], Floats], inputs: Callable[[Order], Floats], rows: Order) -> Floats:
    batches = [rows[start : start + _BATCH] for start in range(0, len(rows), _BATCH)]
    return np.concatenate([ask(inputs(batch)) for batch in batches])


def surprise(logit: Floats, current: Mask) -> Floats:
    """Return the log-loss of each row, in nats."""
    return np.logaddexp(0.0, np.where(current, -logit, logit))


def _stacked(answers: Floats, current: Mask, used: Mask) -> Floats:
    """Weigh the models' log odds by how well they foretell held-out rows; a harmful one is left out."""
    from sklearn.linear_model import LogisticRegression

    columns = list(range(answers.shape[1]))
    while columns:
        stack = LogisticRegression(C=1e4).fit(answers[used][:, columns], current[used])
        slopes = stack.coef_[0]
        if (slopes >= 0).all():
            return np.asarray(stack.decision_function(answers[:, columns]))
        columns.remove(columns[int(slopes.argmin())])
    return np.full(len(answers), float(np.log(current[used].sum() / (~current[used]).sum())))
