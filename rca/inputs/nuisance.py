"""What the reference expects of a row, and how much more often the current rows look like it.

Both are fitted by a linear model and by boosted trees, out of fold, and a small regression on the
out-of-fold answers decides how far each is trusted (stacking). Where nothing is to be learned the
expectation is a constant and the weights are one, instead of noise.

References
----------
van der Laan, Polley and Hubbard (2007), Super learner.
Chernozhukov et al. (2018), Double/debiased machine learning for treatment and structural parameters.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from rca.stats import Floats

Mask = np.ndarray[Any, np.dtype[np.bool_]]

FIT = 20_000  # rows of a side that are fitted on at most; means are taken over all rows
_SMALL = 300  # rows of a side below which trees learn noise only
_GAIN = 5e-4  # what trees must add out of fold (nats a row, or share of the variance) to have helped


@dataclass(frozen=True, slots=True)
class Folds:
    """Which fold holds each row out, and each row's rank in the lottery of who is fitted on."""

    fold: np.ndarray[Any, np.dtype[np.int64]]
    rank: np.ndarray[Any, np.dtype[np.int64]]
    reference: int
    """The first rows are the reference's."""
    count: int
    seed: int

    @property
    def current(self) -> Mask:
        """The rows of the current side."""
        return np.arange(len(self.fold)) >= self.reference

    @property
    def trees(self) -> bool:
        """Whether there are rows enough for trees."""
        return min(self.reference, len(self.fold) - self.reference) >= _SMALL

    def each(self, used: Mask) -> Iterator[tuple[Mask, Mask]]:
        """Yield the rows to fit on and the rows to answer for."""
        for k in range(self.count):
            yield used & (self.fold != k), self.fold == k


def split(reference: int, current: int, rng: np.random.Generator) -> Folds:
    """Split the rows of both sides evenly; many rows need fewer folds."""
    smaller = min(reference, current)
    count = 5 if smaller < 1500 else 3 if smaller < 10_000 else 2
    rank = np.concatenate([rng.permutation(reference), rng.permutation(current)])
    return Folds(rank % count, rank, reference, count, int(rng.integers(2**31)))


def expected(
    values: Floats, linear: Floats, wide: Floats, folds: Folds, *, fit: int = FIT, trees: bool = True
) -> tuple[Floats, bool]:
    """Return E[value | x] of the reference for every row of both sides, and whether trees helped.

    Parameters
    ----------
    values : ndarray of shape (n_reference,)
    linear, wide : ndarray of shape (n_reference + n_current, features)
        Inputs for the linear model and for the trees.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=(2000, 1))
    >>> m, _ = expected(x[:1000, 0] + rng.normal(size=1000), x, x, split(1000, 1000, rng))
    >>> bool(abs(m - x[:, 0]).mean() < 0.1)
    True
    """
    from sklearn.ensemble import HistGradientBoostingRegressor
    from sklearn.linear_model import LinearRegression, Ridge

    trees = trees and folds.trees
    used = (folds.rank < fit) & ~folds.current
    answers = np.zeros((len(wide), 2 if trees else 1))
    for rows, held in folds.each(used):
        targets = values[rows[: len(values)]]
        ridge = Ridge(alpha=1.0).fit(linear[rows], targets)
        answers[held, 0] = ridge.predict(linear[held])
        if trees:
            model = HistGradientBoostingRegressor(**_options(len(targets)), random_state=folds.seed)
            model.fit(wide[rows], targets - ridge.predict(linear[rows]))
            answers[held, 1] = answers[held, 0] + model.predict(wide[held])
    known, truth = answers[used], values[used[: len(values)]]
    stacked = LinearRegression(positive=True).fit(known, truth)
    alone = LinearRegression(positive=True).fit(known[:, :1], truth)
    variance = float(truth.var()) or 1.0
    gain = np.mean((truth - alone.predict(known[:, :1])) ** 2 - (truth - stacked.predict(known)) ** 2) / variance
    return np.asarray(stacked.predict(answers)), bool(gain > _GAIN)


def log_ratio(linear: Floats, wide: Floats, folds: Folds, *, fit: int = FIT, trees: bool = True) -> tuple[Floats, bool]:
    """Return log q(x) / p(x) for every row of both sides, and whether trees helped.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> x = np.concatenate([rng.normal(size=(1000, 1)), 1 + rng.normal(size=(1000, 1))])
    >>> ratio, _ = log_ratio(x, x, split(1000, 1000, rng))
    >>> bool(abs(ratio - (x[:, 0] - 0.5)).mean() < 0.2)
    True
    """
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.linear_model import LogisticRegression

    trees = trees and folds.trees
    used = folds.rank < fit
    current = folds.current
    answers = np.zeros((len(wide), 2 if trees else 1))
    for rows, held in folds.each(used):
        logistic = LogisticRegression(C=0.3, solver="newton-cholesky").fit(linear[rows], current[rows])
        answers[held, 0] = logistic.decision_function(linear[held])
        if trees:
            # The linear score is a feature, for trees are poor at slopes.
            model = HistGradientBoostingClassifier(**_options(int(rows.sum())), random_state=folds.seed)
            model.fit(_beside(wide, logistic.decision_function(linear), rows), current[rows])
            answers[held, 1] = model.decision_function(_beside(wide, logistic.decision_function(linear), held))
    prior = float(np.log(current[used].sum() / (~current[used]).sum()))
    best = _stacked(answers, current, used)
    alone = _stacked(answers[:, :1], current, used)
    gain = np.mean(surprise(alone[used], current[used]) - surprise(best[used], current[used]))
    return best - prior, bool(gain > _GAIN)


def surprise(logit: Floats, current: Mask) -> Floats:
    """Return the log-loss of each row, in nats."""
    return np.logaddexp(0.0, np.where(current, -logit, logit))


def _beside(wide: Floats, score: Floats, rows: Mask) -> Floats:
    return np.column_stack([wide[rows], score[rows]])


def _options(rows: int) -> dict[str, Any]:
    return {
        "max_iter": 40,
        "learning_rate": 0.15,
        "max_leaf_nodes": 15 if rows > 5000 else 8,
        "min_samples_leaf": max(20, rows // 200),
        "l2_regularization": 5.0,
        "max_bins": 64,
        "early_stopping": False,
    }


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
