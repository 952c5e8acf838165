"""What a metric judges, on both sides: targets as numbers beside predictions, or beside a model's answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from rca.errors import ConfigError, DataError, choices
from rca.inputs.encode import is_number, labels, numbers
from rca.metrics import LOSSES, Metric, Scored, answers, get, linearised, score
from rca.stats import Estimate, Floats, mean

if TYPE_CHECKING:
    import pandas as pd

    from rca.types import Model

_YES = {"1", "true", "yes", "y"}
_NO = {"0", "false", "no", "n"}
_REGRESSION = {"squared_error", "absolute_error", "neg_mean_squared_error", "neg_mean_absolute_error"}


@dataclass(frozen=True, slots=True)
class Judged:
    """A metric on the rows of both sides that have all it needs.

    Attributes
    ----------
    values : pair of ndarray
        Row values whose means differ by the gap, but for the error of linearisation.
    hints : pair of ndarray or of None
        What the model says of each row.
    notes : tuple of str
        What was left out.
    """

    name: str
    sides: tuple[Estimate, Estimate]
    values: tuple[Floats, Floats]
    tables: tuple[pd.DataFrame, pd.DataFrame]
    hints: tuple[Floats, Floats] | tuple[None, None]
    notes: tuple[str, ...]


def judge(
    tables: tuple[pd.DataFrame, pd.DataFrame], target: str, prediction: str | None, model: Model | None, name: str
) -> Judged:
    """Measure both sides."""
    if prediction is not None and model is not None:
        raise ConfigError("both a prediction column and a model are given: choose one of them.")
    metric = get(name)
    tables, notes = _complete(tables, target, prediction)
    if model is not None:
        pair = (
            answers(metric, model, tables[0], target, None, "reference"),
            answers(metric, model, tables[1], target, None, "current"),
        )
    elif prediction is not None:
        pair = _predicted(metric, tables, target, prediction)
    else:
        values = _outcome(tables, target)
        sides = mean(values[0], "reference"), mean(values[1], "current")
        return Judged(f"mean of {target}", sides, values, tables, (None, None), notes)
    sides = metric.estimate(pair[0]), metric.estimate(pair[1])
    # A logged score need not be the same function of the inputs on both sides, so it is no hint.
    hints = (None, None) if model is None else (_hints(metric, pair[0]), _hints(metric, pair[1]))
    return Judged(name, sides, linearised(metric, *pair), tables, hints, notes)


def _complete(
    tables: tuple[pd.DataFrame, pd.DataFrame], target: str, prediction: str | None
) -> tuple[tuple[pd.DataFrame, pd.DataFrame], tuple[str, ...]]:
    """Keep the rows that have a target and a prediction."""
    kept, notes = [], []
    for side, table in zip(("reference", "current"), tables, strict=True):
        rows = table[target].notna()
        if not rows.any():
            raise DataError(f"the {side} side has no value in '{target}': labels are needed to split a gap.")
        if prediction is not None:
            rows &= table[prediction].notna()
        if not rows.all():
            notes.append(f"{int((~rows).sum())} rows of the {side} side without target or prediction are left out")
        kept.append(table[rows].reset_index(drop=True))
    return (kept[0], kept[1]), tuple(notes)


def _outcome(tables: tuple[pd.DataFrame, pd.DataFrame], target: str) -> tuple[Floats, Floats]:
    p, q = tables[0][target], tables[1][target]
    if is_number(p) and is_number(q):
        return numbers(p), numbers(q)
    known = _known(p, q)
    if len(known) > 2:
        raise DataError(f"the target '{target}' has {len(known)} classes, which have no mean: give a prediction.")
    return _indices(p, known), _indices(q, known)


def _names(column: pd.Series[Any]) -> list[str]:
    """Return the name of each row's class, the same for 1, 1.0 and True."""
    if is_number(column):
        return [f"{value:.12g}" for value in numbers(column)]
    return [{"True": "1", "False": "0"}.get(name, name) for name in map(str, labels(column))]


def _known(*columns: pd.Series[Any]) -> list[str]:
    """Return the classes, the positive one of two last."""
    known = sorted(set().union(*map(_names, columns)))
    if len(known) == 1:
        # Of one class only, its name says which it is.
        return [*known, ""] if known[0].lower() in _NO else ["", *known]
    return sorted(known, key=lambda name: name.lower() in _YES) if len(known) == 2 else known


def _indices(column: pd.Series[Any], known: list[str]) -> Floats:
    index = {name: float(i) for i, name in enumerate(known)}
    return np.array([index.get(name, -1.0) for name in _names(column)])


def _predicted(
    metric: Metric, tables: tuple[pd.DataFrame, pd.DataFrame], target: str, prediction: str
) -> tuple[Scored, Scored]:
    """Judge a column of predictions."""
    p, q = tables
    number = is_number(p[prediction]) and is_number(q[prediction])
    if metric.name in _REGRESSION or "_regression" in getattr(metric.function, "__module__", ""):
        if not number:
            raise DataError(f"the prediction '{prediction}' is no number, and {metric.name} compares numbers.")
        y = _outcome(tables, target)
        return score(y[0], numbers(p[prediction]), "reference"), score(y[1], numbers(q[prediction]), "current")
    known = _known(p[target], q[target])
    y = _indices(p[target], known), _indices(q[target], known)
    if metric.response == "predict" and not number:
        said = _indices(p[prediction], known), _indices(q[prediction], known)
        return score(y[0], said[0], "reference"), score(y[1], said[1], "current")
    if len(known) > 2:
        raise ConfigError(
            f"{metric.name} does not fit: '{target}' has {len(known)} values, and '{prediction}' is one column of "
            "numbers; choose a metric of numbers such as squared_error, or give a model."
        )
    if not number:
        raise DataError(
            f"the prediction '{prediction}' is no number, and {metric.name} needs the probability of the "
            f"positive class: give a score, or a metric of classes such as accuracy ({choices(known)})."
        )
    responses = [numbers(t[prediction]) for t in tables]
    if metric.name in LOSSES or metric.response == "predict_proba":
        for side, values in zip(("reference", "current"), responses, strict=True):
            if values.min() < 0 or values.max() > 1:
                raise DataError(
                    f"the prediction '{prediction}' of the {side} side leaves [0, 1], and {metric.name} needs "
                    "the probability of the positive class: give probabilities, or another metric."
                )
    if metric.response == "predict":
        responses = [(values >= 0.5).astype(float) for values in responses]
    return score(y[0], responses[0], "reference"), score(y[1], responses[1], "current")


def _hints(metric: Metric, scored: Scored) -> Floats:
    """Return what a model's answers foretell of the row's value: the answers, and the loss they expect themselves."""
    response = scored.response
    hints = [response] if response.ndim == 1 else list(response.T)
    if metric.response == "predict_proba" and metric.loss is not None and response.ndim == 1:
        yes, no = (
            metric.loss(Scored(np.full(len(response), y), response, "", scored.rows, scored.size)) for y in (1.0, 0.0)
        )
        hints.append(response * yes + (1 - response) * no)
    return np.column_stack(hints)
