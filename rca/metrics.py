"""Any scikit-learn scorer as an estimate: a value, and how much each row pulls it.

Where no mean of row losses is the metric, the pull is the influence function: exact for the area under the ROC curve
(DeLong, DeLong and Clarke-Pearson, 1988), else the scorer's derivative by the weights of cells of rows with like
target and like prediction (the infinitesimal jackknife; Jaeckel, 1972).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from inspect import signature
from typing import Any
import numpy as np
import pandas as pd
from rca.errors import ConfigError, DataError, InconclusiveError, ModelError, choices
from rca.models import classes
from rca.stats import Estimate, Floats, mean, scatter
from rca.types import Model

_STEP = 1e-3  # relative change of a cell's weight in the numerical derivative
_BINS = 24
GROUP = 30  # rows of a group below which it says nothing
_NODES = 8  # of the path between two samples, by Gauss and Legendre


@dataclass(frozen=True, slots=True)
class Scored:
    """A model's answers on the rows of a sample; answers on one sample share noise, answers on two do not."""

    y: Floats  # targets; of a classifier the class index, in binary cases 1 for the positive class
    response: Floats  # what the metric judges: predictions, or probabilities (binary: of the positive class)
    sample: str
    rows: np.ndarray[Any, np.dtype[np.int64]]  # the position of each row in the sample, whose length is `size`
    size: int
    group: Any = None  # a number for the group of each row, where the metric compares groups


def score(y: Any, response: Any, sample: str, group: Any = None) -> Scored:
    """Wrap plain arrays, all rows of `sample` in order."""
    y = np.asarray(y, dtype=float)
    return Scored(y, np.asarray(response, dtype=float), sample, np.arange(len(y)), len(y), group)


def _log_loss(s: Scored) -> Floats:
    chances = s.response if s.response.ndim > 1 else np.column_stack([1 - s.response, s.response])
    picked = np.where(s.y >= 0, chances[np.arange(len(s.y)), s.y.astype(int)], 0.0)
    return np.asarray(-np.log(np.clip(picked, np.finfo(np.float64).eps, 1.0)))


def _brier(s: Scored) -> Floats:
    if s.response.ndim == 1:
        return np.square(s.y - s.response)
    return np.asarray(np.square((s.y[:, None] == np.arange(s.response.shape[1])) - s.response).sum(axis=1))


#: Losses of a row, lower is better; the response that each judges, and the scorer that is its mean with another sign.
LOSSES: Mapping[str, tuple[Callable[[Scored], Floats], str, str]] = {
    "log_loss": (_log_loss, "predict_proba", "neg_log_loss"),
    "brier": (_brier, "predict_proba", "neg_brier_score"),
    "zero_one": (lambda s: (s.y != s.response).astype(float), "predict", "accuracy"),
    "squared_error": (lambda s: np.square(s.y - s.response), "predict", "neg_mean_squared_error"),
    "absolute_error": (lambda s: np.abs(s.y - s.response), "predict", "neg_mean_absolute_error"),
}
_SCORERS = {scorer: name for name, (_, _, scorer) in LOSSES.items()}

#: Which rows count, and the values whose mean over them is the rate.
_RATES: Mapping[str, Callable[[Scored], tuple[Any, Any]]] = {
    "selection_rate": lambda s: (s.y == s.y, s.response == 1),
    "true_positive_rate": lambda s: (s.y == 1, s.response == 1),
    "false_positive_rate": lambda s: (s.y == 0, s.response == 1),
    "accuracy_score": lambda s: (s.y == s.y, s.response == s.y),
    "mean_prediction": lambda s: (s.y == s.y, s.response),
    "mean_absolute_error": lambda s: (s.y == s.y, np.abs(s.y - s.response)),
}
#: The largest difference of a rate between groups, lower is better; by the names of fairlearn.
GAPS: Mapping[str, tuple[str, ...]] = {
    **{f"{rate}_difference": (rate,) for rate in _RATES},
    "demographic_parity_difference": ("selection_rate",),
    "equal_opportunity_difference": ("true_positive_rate",),
    "equalized_odds_difference": ("true_positive_rate", "false_positive_rate"),
}


def lower_is_better(name: str) -> bool:
    """Whether a metric is a loss, or a gap between groups."""
    return name.removeprefix("estimated_") in LOSSES or name in GAPS


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric by name; see :func:`get`."""

    name: str
    response: str  # the method of a model whose answer is judged: predict, predict_proba or decision_function
    loss: Callable[[Scored], Floats] | None = None  # the loss of a row where the metric is a mean of them
    sign: float = 1.0
    function: Callable[..., float] | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    group: str | None = None  # the column whose groups are compared

    def values(self, s: Scored) -> Floats | None:
        """Return row values whose mean is the metric, or None where there are none."""
        if self.loss is None:
            return None
        values = self.sign * self.loss(s)
        return values + 1.0 if self.name == "accuracy" else values

    def estimate(self, s: Scored, weights: Floats | None = None) -> Estimate:
        """Return the metric with the influence of every row."""
        if not len(s.y):
            hint = "check the filter and the labels."
            raise InconclusiveError(f"{self.name} needs rows, and {s.sample} has none: {hint}")
        weights = np.ones(len(s.y)) if weights is None else weights
        values = self.values(s)
        other = _auc if self.name == "roc_auc" else self._between if self.group else self._jackknife
        found = mean(values, s.sample, weights) if values is not None else other(s, weights)
        return Estimate(found.value, {s.sample: scatter(found.influence[s.sample], s.rows, s.size)})

    def _jackknife(self, s: Scored, weights: Floats) -> Estimate:
        main = s.response if s.response.ndim == 1 else s.response.max(axis=1) + s.response.argmax(axis=1)
        # rows with like target and like response are a cell
        cells = np.unique(_bin(s.y) * (_BINS + 1) + _bin(main), return_inverse=True)[1]
        value = self._call(s, weights)
        heavier = weights * (1 + _STEP)
        moved = np.array([self._call(s, np.where(cells == cell, heavier, weights)) for cell in range(cells.max() + 1)])
        share = weights / np.bincount(cells, weights)[cells]
        return Estimate(value, {s.sample: share * ((moved - value) / _STEP)[cells]})

    def _between(self, s: Scored, weights: Floats) -> Estimate:
        """Return the largest difference between two groups, of which small ones say nothing."""
        codes = np.unique(s.group, return_inverse=True)[1]
        best = Estimate(-1.0)
        for rate in GAPS[self.name]:
            inside, values = _RATES[rate](s)
            if not rate.startswith("mean_") and set(np.unique(s.response)) - {0.0, 1.0}:
                raise ConfigError(f"{self.name} compares answers of two classes: choose a gap of 'mean_prediction'.")
            counted = weights * inside
            mass, rows = np.bincount(codes, counted), np.bincount(codes, inside)
            rates = np.bincount(codes, counted * values) / np.maximum(mass, 1e-300)
            if (known := np.flatnonzero(rows >= GROUP)).size < 2:
                few = f"two groups of '{self.group}' with {GROUP} rows, and {s.sample} has {known.size}"
                raise InconclusiveError(f"{self.name} needs {few}: give more rows, or wider groups.")
            low, high = known[rates[known].argmin()], known[rates[known].argmax()]
            if rates[high] - rates[low] > best.value:
                side = (codes == high) * 1.0 - (codes == low)
                pull = side * counted * (values - rates[codes]) / np.maximum(mass[codes], 1e-300)
                best = Estimate(float(rates[high] - rates[low]), {s.sample: pull})
        return best

    def _call(self, s: Scored, weights: Floats) -> float:
        assert self.function is not None  # noqa: S101  a metric has a loss or a function
        try:
            value = float(self.function(s.y, s.response, sample_weight=weights, **self.options))
        except (ValueError, TypeError) as problem:
            hint = f"({problem}): choose another metric or more rows."
            raise InconclusiveError(f"{self.name} cannot be computed on {s.sample} {hint}") from None
        if not np.isfinite(value):
            raise InconclusiveError(f"{self.name} is not defined on {s.sample}: it needs rows of every class.")
        return self.sign * value


def get(name: str, sensitive: Sequence[str] = ()) -> Metric:
    """Return the metric of a scikit-learn scorer, of a row loss, or of a gap between groups of `sensitive[0]`."""
    if name in GAPS:
        if not sensitive:
            raise ConfigError(f"the metric '{name}' compares groups: name their column as 'sensitive'.")
        return Metric(name, "predict", group=sensitive[0])
    if name in LOSSES or name in _SCORERS:
        loss, response, _ = LOSSES[_SCORERS.get(name, name)]
        return Metric(name, response, loss, sign=-1.0 if name in _SCORERS else 1.0)
    from sklearn.metrics import get_scorer, get_scorer_names

    if name not in get_scorer_names():
        near = get_close_matches(str(name), [*get_scorer_names(), *LOSSES, *GAPS], 3, 0.5)
        hint = f"did you mean {', '.join(map(repr, near))}?" if near else "check the name"
        raise ConfigError(f"there is no metric {name!r}: {hint} (any name of sklearn.metrics.get_scorer_names())")
    scorer = get_scorer(name)
    function = scorer._score_func
    if "sample_weight" not in signature(function).parameters:
        raise ConfigError(f"the metric '{name}' cannot weigh rows, so its gap cannot be split: choose another.")
    methods = scorer._response_method
    response = methods if isinstance(methods, str) else methods[0]
    return Metric(name, response, None, float(scorer._sign), function, scorer._kwargs)


def answers(metric: Metric, model: Model, table: pd.DataFrame, target: str, positive: Any, sample: str) -> Scored:
    """Let a model answer for the rows of a table that have a label; the index is their position in the sample."""
    labelled = table[table[target].notna()]
    y = encode(labelled[target], classes(model), positive)
    columns = list(getattr(model, "feature_names_in_", labelled.columns))
    if missing := [c for c in columns if c not in labelled.columns]:
        there = f"which {sample} lacks: it has {choices(labelled.columns)}."
        raise ModelError(f"the model needs the columns {choices(missing)}, {there}")
    response = _respond(metric, model, labelled[columns], positive, sample) if len(y) else np.zeros(0)
    rows = labelled.index.to_numpy(dtype=np.int64)
    return Scored(y, response, sample, rows, max(len(table), int(rows.max(initial=-1)) + 1), groups(labelled, metric))


def groups(table: pd.DataFrame, metric: Metric) -> Any:
    """Return a number for the group of each row that rows of any table with the same value share."""
    if metric.group is None:
        return None
    if metric.group not in table:
        raise DataError(f"the table has no column '{metric.group}' whose groups {metric.name} compares.")
    column = table[metric.group]
    names = column.astype("float" if pd.api.types.is_numeric_dtype(column) else "object").map(str)
    return pd.util.hash_array(names.where(column.notna(), "").to_numpy(dtype=object))


def _respond(metric: Metric, model: Model, inputs: pd.DataFrame, positive: Any, sample: str) -> Floats:
    methods = [metric.response, *(["predict_proba"] if metric.response == "decision_function" else [])]
    if (method := next((m for m in methods if hasattr(model, m)), None)) is None:
        raise ModelError(f"{metric.name} needs {metric.response}, which the model lacks: choose another metric.")
    try:
        raw = np.asarray(getattr(model, method)(inputs))
    except Exception as problem:  # noqa: BLE001  a foreign model may raise anything
        detail = " ".join(str(problem).split())[:200]
        raise ModelError(f"the model does not read {sample} ({type(problem).__name__}: {detail}).") from None
    known = classes(model)
    if method == "predict":
        return encode(raw, known, positive)
    if known is None or len(known) != 2:
        return raw.astype(float)
    column = known.index(_positive(known, positive))
    return raw[:, column].astype(float) if raw.ndim > 1 else raw if column == 1 else -raw


def encode(labels: Any, known: Sequence[Any] | None, positive: Any = None) -> Floats:
    """Return labels as numbers: class indices, -1 for others, 1 for the positive of two, or the values themselves."""
    if known is None:
        try:
            return np.asarray(labels, dtype=float)
        except (TypeError, ValueError):
            raise DataError("the target is no number, and the model is a regressor: check 'target'.") from None
    values = np.asarray(labels, dtype=object)
    if len(known) == 2:
        return np.asarray(values == _positive(known, positive), dtype=float)
    return np.asarray(pd.Index(known, dtype=object).get_indexer(pd.Index(values)), dtype=float)


def _positive(known: Sequence[Any], positive: Any) -> Any:
    if positive is None:
        return known[1]
    match = next((label for label in known if label == positive or str(label) == str(positive)), None)
    if match is None:
        raise ConfigError(f"the positive class {positive!r} is none of the model's: choose one of {choices(known)}.")
    return match


def linearised(metric: Metric, reference: Scored, current: Scored) -> tuple[Floats, Floats]:
    """Return row values whose means differ by (nearly) the gap between two samples.

    Exact for means; else the influence function, integrated along the straight path from one sample to the other.
    """
    values = metric.values(reference), metric.values(current)
    if values[0] is not None and values[1] is not None:
        return values[0], values[1]
    n0, n1 = len(reference.y), len(current.y)
    y, response = [np.concatenate([getattr(s, name) for s in (reference, current)]) for name in ("y", "response")]
    group = None if metric.group is None else np.concatenate([reference.group, current.group])
    both = score(y, response, "mixture", group)
    pulls = np.zeros(n0 + n1)
    for point, share in zip(*np.polynomial.legendre.leggauss(_NODES), strict=True):
        moved = (point + 1) / 2
        weights = np.concatenate([np.full(n0, (1 - moved) / n0), np.full(n1, moved / n1)])
        pulls += share / 2 * metric.estimate(both, weights).influence["mixture"] / weights
    return pulls[:n0], pulls[n0:]


def _auc(s: Scored, weights: Floats) -> Estimate:
    positive = s.y == 1
    mass = weights[positive].sum(), weights[~positive].sum()
    if not all(m > 0 for m in mass):
        raise InconclusiveError(f"roc_auc is not defined on {s.sample}: it needs rows of both classes.")
    level = np.unique(s.response, return_inverse=True)[1]

    def below(side: Any) -> Floats:
        """Return the weight of a class below each row, ties counting half."""
        each = np.bincount(level, weights * side)
        return np.asarray((np.cumsum(each) - each / 2)[level])

    place = np.where(positive, below(~positive) / mass[1], 1 - below(positive) / mass[0])
    value = float(weights[positive] @ place[positive] / mass[0])
    return Estimate(value, {s.sample: weights * (place - value) / np.where(positive, *mass)})


def _bin(values: Floats) -> np.ndarray[Any, np.dtype[np.int64]]:
    distinct = np.unique(values)
    edges = distinct if len(distinct) <= _BINS else np.unique(np.quantile(values, np.linspace(0, 1, _BINS + 1)[1:-1]))
    return np.searchsorted(edges, values, "right").astype(np.int64)
