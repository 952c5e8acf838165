"""What a metric judges, on both sides: targets as numbers beside predictions, or beside a model's answers."""

from dataclasses import dataclass, replace
from typing import Any
import numpy as np
import pandas as pd
from rca.errors import ConfigError, DataError, choices
from rca.inputs.encode import is_number, labels, numbers
from rca.metrics import LOSSES, Metric, Scored, answers, get, groups, linearised, score
from rca.models import classes
from rca.stats import Estimate, Floats, mean
from rca.types import Model

Tables = tuple[pd.DataFrame, pd.DataFrame]  # of the reference and the current side

#: Metrics that need no current labels; the second is put before the name of a loss.
MEAN, ESTIMATED = "mean_prediction", "estimated_"
_SIDES = ("reference", "current")
_YES, _NO = {"1", "true", "yes", "y"}, {"0", "false", "no", "n"}
_REGRESSION = {"squared_error", "absolute_error", "neg_mean_squared_error", "neg_mean_absolute_error"}


@dataclass(frozen=True, slots=True)
class Judged:
    """A metric on the rows of both sides that have all it needs; the means of `values` differ by (nearly) the gap."""

    name: str
    sides: tuple[Estimate, Estimate]
    values: tuple[Floats, Floats]
    tables: Tables
    hints: tuple[Floats, Floats] | None  # what the model says of each row
    notes: tuple[str, ...]  # what was left out
    scored: tuple[Scored, ...] = ()  # what is judged


def judge(tables: Tables, target: str, prediction: str | None, model: Model | None, metric: Metric) -> Judged:
    """Measure both sides."""
    if prediction is not None and model is not None:
        raise ConfigError("both a prediction column and a model are given: choose one of them.")
    if metric.group and prediction is None and model is None:
        raise ConfigError(f"{metric.name} compares how groups are answered: give a column of predictions, or a model.")
    tables, notes = _complete(tables, target, prediction)
    if model is not None:
        pair = [answers(metric, model, t, target, None, side) for t, side in zip(tables, _SIDES, strict=True)]
    elif prediction is not None:
        pair = _predicted(metric, tables, target, prediction)
    else:
        values = _outcome(tables, target)
        sides = mean(values[0], "reference"), mean(values[1], "current")
        return Judged(f"mean of {target}", sides, values, tables, None, notes)
    sides = metric.estimate(pair[0]), metric.estimate(pair[1])
    # A logged score need not be the same function of the inputs on both sides, so it is no hint.
    hints = None if model is None else (_hints(metric, pair[0]), _hints(metric, pair[1]))
    return Judged(metric.name, sides, linearised(metric, *pair), tables, hints, notes, tuple(pair))


def judge_unlabelled(tables: Tables, target: str, prediction: str | None, model: Model | None, name: str) -> Judged:
    """Measure what needs no current label: ``mean_prediction``, or a loss as calibrated scores expect it.

    Of ``estimated_brier`` and ``estimated_log_loss`` each row has the loss that its score expects once it is calibrated
    on the reference (Garg et al., 2022, Leveraging unlabeled data to predict out-of-distribution performance): right as
    long as a score means what it meant there.
    """
    if prediction is None and model is None:
        raise ConfigError(f"'{name}' is about predictions: give their column, or a model.")
    loss = name.removeprefix(ESTIMATED)
    if name == MEAN:
        loss = "squared_error" if model is None or classes(model) is None else "brier"
    hint = f"'{name}' cannot be known without labels: choose '{MEAN}', or '{ESTIMATED}log_loss' or '{ESTIMATED}brier'"
    if name != MEAN and loss not in ("log_loss", "brier"):
        raise ConfigError(f"{hint}.")
    metric: Any = get(loss)
    # answers do not depend on the label that stands there, and the mean of a column on none at all
    no_label = {target: 0.0} if name == MEAN and model is None else {}
    label = {target: next(iter(tables[0][target].dropna()), None), **no_label}
    found = judge((tables[0].assign(**no_label), tables[1].assign(**label)), target, prediction, model, metric)
    before, now = found.scored
    old, new, why = before.response, now.response, "whether the predictions are right cannot be known without labels"
    if before.response.ndim > 1 or (name != MEAN and set(np.unique(before.y)) - {0.0, 1.0}):
        raise ConfigError(f"{hint} of two classes.")
    if name != MEAN:
        from sklearn.isotonic import IsotonicRegression

        fit = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip").fit(before.response, before.y)
        ends = [[metric.loss(replace(side, y=side.y * 0 + end)) for end in (0, 1)] for side in (before, now)]
        chances = fit.predict(before.response), fit.predict(now.response)
        # on both sides, so that what the scores miss of single rows is no change
        old, new = (no + chance * (yes - no) for (no, yes), chance in zip(ends, chances, strict=True))
        why = "current labels are not looked at: a relation of scores and target that changed would not show"
    sides = mean(old, "reference"), mean(new, "current")
    return replace(found, name=name, sides=sides, values=(old, new), notes=(*found.notes, why))


def _complete(tables: Tables, target: str, prediction: str | None) -> tuple[Tables, tuple[str, ...]]:
    kept, notes = [], []
    for side, table in zip(_SIDES, tables, strict=True):
        rows = table[target].notna()
        if not rows.any():
            hint = f"without labels ask for '{MEAN}', or for '{ESTIMATED}' and a loss, as the metric."
            raise DataError(f"the {side} side has no value in '{target}', which is needed to split a gap: {hint}")
        if prediction is not None:
            rows &= table[prediction].notna()
        if not rows.any():
            raise DataError(f"the {side} side has no row with both '{target}' and '{prediction}': give some.")
        if not rows.all():
            notes.append(f"{int((~rows).sum())} rows of the {side} side without target or prediction are left out")
        kept.append(table[rows].reset_index(drop=True))
    return (kept[0], kept[1]), tuple(notes)


def _outcome(tables: Tables, target: str) -> tuple[Floats, Floats]:
    p, q = tables[0][target], tables[1][target]
    if is_number(p) and is_number(q):
        return numbers(p), numbers(q)
    known = _known(p, q)
    if len(known) > 2:
        raise DataError(f"the target '{target}' has {len(known)} classes, which have no mean: give a prediction.")
    return _indices(p, known), _indices(q, known)


def _names(column: pd.Series) -> list[str]:
    if is_number(column):
        return [f"{value:.12g}" for value in numbers(column)]
    return [{"True": "1", "False": "0"}.get(name, name) for name in map(str, labels(column))]


def _known(*columns: pd.Series) -> list[str]:
    known = sorted(set().union(*map(_names, columns)))
    if len(known) == 1:
        # Of one class only, its name says which it is.
        return [*known, ""] if known[0].lower() in _NO else ["", *known]
    return sorted(known, key=lambda name: name.lower() in _YES) if len(known) == 2 else known


def _indices(column: pd.Series, known: list[str]) -> Floats:
    return np.asarray(pd.Index(known).get_indexer(pd.Index(_names(column))), dtype=float)


def _predicted(metric: Metric, tables: Tables, target: str, prediction: str) -> list[Scored]:
    said = [table[prediction] for table in tables]
    number = all(map(is_number, said))
    known = _known(*(table[target] for table in tables))
    y = tuple(_indices(table[target], known) for table in tables)
    graded = metric.name.startswith(("mean_prediction_", "mean_absolute_error_"))  # gaps that are not of classes
    if graded or metric.name in _REGRESSION or "_regression" in getattr(metric.function, "__module__", ""):
        if not number:
            raise DataError(f"the prediction '{prediction}' is no number, and {metric.name} compares numbers.")
        y, responses = _outcome(tables, target), [numbers(s) for s in said]
    elif metric.response == "predict" and (
        not number or all(set(_names(s.drop_duplicates())) <= {*known} for s in said)
    ):
        responses = [_indices(s, known) for s in said]
        if any((r < 0).all() for r in responses):
            both = f"{choices(said[0].unique(), 5)} and {choices(known, 5)}"
            raise DataError(
                f"'{prediction}' and '{target}' have no class in common ({both}): give them the same names."
            )
    elif len(known) > 2:
        hint = "choose a metric of numbers such as squared_error, or give a model."
        both = f"'{target}' has {len(known)} values, and '{prediction}' is one column of numbers"
        raise ConfigError(f"{metric.name} does not fit: {both}; {hint}")
    else:
        responses = [numbers(s) if number else np.full(len(s), np.nan) for s in said]
        probability = not number or metric.name in LOSSES or metric.response in ("predict", "predict_proba")
        if probability and not all(r.min() >= 0 and r.max() <= 1 for r in responses):
            wrong = "leaves [0, 1]" if number else "is no number"
            hint = "needs the probability of the positive class: give it, or another metric, such as roc_auc."
            raise DataError(f"the prediction '{prediction}' {wrong}, and {metric.name} {hint}")
        if metric.response == "predict":
            responses = [(values >= 0.5).astype(float) for values in responses]
    grouped = [groups(table, metric) for table in tables]
    return [score(*side) for side in zip(y, responses, _SIDES, grouped, strict=True)]


def _hints(metric: Metric, scored: Scored) -> Floats:
    """Return what a model's answers foretell of the row's value: the answers, and the loss they expect themselves."""
    response = scored.response
    hints = [response]
    if metric.response == "predict_proba" and metric.loss is not None and response.ndim == 1:
        yes, no = (metric.loss(score(np.full(len(response), y), response, "")) for y in (1.0, 0.0))
        hints.append(response * yes + (1 - response) * no)
    return np.column_stack(hints)
