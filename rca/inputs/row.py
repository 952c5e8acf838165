"""One row: which inputs make its prediction differ from those of its nearest reference rows."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any
import numpy as np
import pandas as pd
from rca.errors import ConfigError, DataError, ModelError, choices
from rca.inputs.decompose import complete, joined
from rca.inputs.encode import encode, is_number, shuffled
from rca.models import classes
from rca.stats import LEVEL, Estimate, Floats, mean, shapley
from rca.tables import open_table
from rca.types import Model

_MOST = 8  # groups whose coalitions are all asked for


@dataclass(frozen=True, slots=True)
class RowExplanation:
    """A row's prediction, the mean of those of its `neighbours`, and what each group of inputs adds to that."""

    prediction: float
    usual: float
    parts: Mapping[str, Estimate]
    neighbours: pd.DataFrame

    def frame(self, level: float = LEVEL) -> pd.DataFrame:
        """Return the groups, largest first: group, contribution, low, high; they sum to prediction less usual."""
        rows = [(name, part.value, *part.interval(level)) for name, part in self.parts.items()]
        found = pd.DataFrame(rows, columns=["group", "contribution", "low", "high"])
        return found.sort_values("contribution", key=abs, ascending=False, kind="stable", ignore_index=True)


def explain_row(
    row: Any, reference: Any, *, model: Model, groups: Mapping[str, Sequence[str]] | None = None, neighbours: int = 50
) -> RowExplanation:
    """Explain an odd prediction: which group of inputs makes it differ from those of the nearest reference rows.

    Each group's Shapley value of v(S), the mean prediction for the neighbours with the row's values in the groups of S:
    what is explained is the model, exactly, and no cause in the world.

    Parameters
    ----------
    row : mapping, Series or DataFrame of one row
        The inputs of the model.
    reference : DataFrame, Ibis table or path
        Usual rows, at least as many as `neighbours`; near is what is alike in standardised numbers and in categories.
    model : estimator
        A fitted scikit-learn model: of two classes the probability of the positive one is explained, of more that of
        the class which the row is given, else the number.
    groups : mapping of str to sequence of str, optional
        Inputs by source; those in none form ``other``. By default each column is a group, the least ones joined.

    Examples
    --------
    >>> from sklearn.linear_model import LinearRegression
    >>> usual = pd.DataFrame(np.random.default_rng(0).normal(size=(500, 2)), columns=["rate", "age"])
    >>> model = LinearRegression().fit(usual, usual["rate"])
    >>> found = explain_row({"rate": 9.0, "age": 0.0}, usual, model=model)
    >>> found.frame()["group"].tolist(), round(found.prediction, 6)
    (['rate', 'age'], 9.0)
    """
    if not isinstance(row, pd.DataFrame | pd.Series | Mapping):
        raise ConfigError(f"the row is a {type(row).__name__}: give a mapping, a Series or a DataFrame of one row.")
    one = row.reset_index(drop=True) if isinstance(row, pd.DataFrame) else pd.DataFrame([dict(row)])
    table = open_table(reference, "the reference table").frame()
    names = list(getattr(model, "feature_names_in_", [c for c in table.columns if c in one.columns]))
    for side, there in (("the row", one), ("the reference table", table)):
        if lost := [name for name in names if name not in there.columns]:
            raise DataError(f"{side} lacks the inputs {choices(lost)}: give all that the model reads.")
    if len(one) != 1 or not 2 <= neighbours <= len(table):
        why = f"{len(one)} rows and {neighbours} neighbours of {len(table)} reference rows were given"
        raise ConfigError(f"{why}: give one row, and from 2 neighbours up to as many as there are.")
    one = one[names].astype(object)
    one = one.astype({n: one[n].infer_objects().dtype for n in names if is_number(table[n])})
    table = table[names].iloc[shuffled(np.zeros(len(table)), table[names], np.random.default_rng(0))]
    if text := [n for n in names if is_number(table[n]) and not is_number(one[n]) and one[n].notna().all()]:
        raise DataError(f"the row has {one[text[0]][0]!r} as '{text[0]}', where the reference has numbers: correct it.")
    levels = {n: kind for n, kind in table.dtypes.items() if isinstance(kind, pd.CategoricalDtype)}
    one = one.astype({n: kind for n, kind in levels.items() if (one[n].isna() | one[n].isin(kind.categories)).all()})
    # a number beyond all that is usual, as a damaged one is, must not choose the neighbours alone
    odd = {n for n in names if is_number(table[n]) and not table[n].min() <= one[n][0] <= table[n].max()}
    like = [n for n in names if n not in odd] or names
    every = encode(table[like], one[like]).linear(np.arange(len(table) + 1))
    nearest = np.argsort(np.square(every[:-1] - every[-1]).sum(axis=1), kind="stable")[:neighbours]
    near = table.iloc[nearest].reset_index(drop=True)
    ask = _asked(model, one)
    parts = complete({n: [n] for n in names} if groups is None else groups, names)
    if len(parts) > _MOST:
        alone = {g: abs(float(np.mean(ask(_mixed(near, one, [columns])) - ask(near)))) for g, columns in parts.items()}
        parts = joined(parts, alone, _MOST)
    sets = [frozenset(s) for size in range(len(parts) + 1) for s in combinations(parts, size)]
    said = ask(pd.concat([_mixed(near, one, [parts[g] for g in s]) for s in sets], ignore_index=True))
    worth = {s: mean(v, "neighbours") for s, v in zip(sets, said.reshape(len(sets), -1), strict=True)}
    return RowExplanation(float(ask(one)[0]), worth[frozenset()].value, shapley(worth.__getitem__, list(parts)), near)


def _mixed(near: pd.DataFrame, one: pd.DataFrame, groups: Sequence[Sequence[str]]) -> pd.DataFrame:
    mixed = near.copy()
    for name in (name for columns in groups for name in columns):
        mixed[name] = one[name].iloc[[0] * len(near)].array
    return mixed


def _asked(model: Model, one: pd.DataFrame) -> Callable[[pd.DataFrame], Floats]:
    known = classes(model)
    methods = ("predict",) if known is None else ("predict_proba", "decision_function")
    ask: Any = next((getattr(model, name) for name in methods if hasattr(model, name)), None)
    if ask is None:
        raise ModelError("the model gives classes without a score, which does not move by degrees: give another.")

    def said(table: pd.DataFrame) -> Floats:
        try:
            return np.asarray(ask(table), dtype=float).reshape(len(table), -1)
        except Exception as problem:  # noqa: BLE001  a foreign model may raise anything
            why = f"({type(problem).__name__}: {problem}): give rows that it can answer."
            raise ModelError(f"the model does not read the row, or those of the reference {why}") from None

    answer = said(one)
    at = 0 if answer.shape[1] == 1 else 1 if len(known or ()) == 2 else int(answer.argmax())
    return lambda table: said(table)[:, at]
