"""Input tables as matrices: one for trees, one for linear models, both without a trace of row order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from pandas.api import types

if TYPE_CHECKING:
    from rca.stats import Floats

Order = np.ndarray[Any, np.dtype[np.int64]]

_BINS = 64  # values of a number that trees tell apart: finer bins cost time and add nothing here
_LEVELS = 20  # levels of a category that get a column of their own
_RARE = 0.002  # share of rows below which a level is pooled with the other rare ones
_SKEWED = 2.0  # skewness beyond which a number enters the linear model by its rank


@dataclass(frozen=True, slots=True)
class Encoded:
    """Two tables, one above the other, as numbers.

    Attributes
    ----------
    trees : ndarray of shape (n_reference + n_current, columns)
        Bin numbers and level numbers; NaN is missing.
    linear : ndarray of shape (n_reference + n_current, features)
        Standardised numbers with squares, one-hot levels, indicators of missing values.
    of_trees, of_linear : mapping
        Column to its positions in each matrix.
    """

    trees: Floats
    linear: Floats
    of_trees: Mapping[str, tuple[int, ...]]
    of_linear: Mapping[str, tuple[int, ...]]

    def pick(self, names: Iterable[str]) -> tuple[Floats, Floats]:
        """Return both matrices with the features of some columns only, in order of their names."""
        names = sorted(names)
        linear = stack([self.linear[:, i] for name in names for i in self.of_linear[name]], len(self.trees))
        trees = stack([self.trees[:, i] for name in names for i in self.of_trees[name]], len(self.trees))
        nothing = np.zeros((len(self.trees), 1))
        return linear if linear.shape[1] else nothing, trees if trees.shape[1] else nothing


def encode(p: pd.DataFrame, q: pd.DataFrame) -> Encoded:
    """Encode the columns of two tables alike.

    Examples
    --------
    >>> table = pd.DataFrame({"city": ["A", "B"] * 20, "age": [1.0, 2.0, 3.0, None] * 10})
    >>> both = encode(table, table)
    >>> both.trees.shape, both.of_linear["age"], both.pick(["city"])[0].shape
    ((80, 2), (0, 1, 2), (80, 1))
    """
    trees: list[Floats] = []
    linear: list[Floats] = []
    of_trees, of_linear = {}, {}
    for i, name in enumerate(sorted(p.columns)):
        number = is_number(p[name]) and is_number(q[name])
        column = np.concatenate([numbers(p[name]), numbers(q[name])]) if number else _levels(p[name], q[name])
        trees.append(_binned(column) if number else column)
        features = smooth(column) if number else _one_hot(column)
        of_trees[name] = (i,)
        of_linear[name] = tuple(range(len(linear), len(linear) + len(features)))
        linear.extend(features)
    rows = len(p) + len(q)
    return Encoded(stack(trees, rows), stack(linear, rows), of_trees, of_linear)


def is_number(column: pd.Series[Any]) -> bool:
    """Return whether a column is a quantity; times are, truth values are not."""
    if types.is_bool_dtype(column):
        return False
    return bool(types.is_numeric_dtype(column) or types.is_datetime64_any_dtype(column))


def numbers(column: pd.Series[Any]) -> Floats:
    """Return a column of quantities as floats, NaN where it is missing."""
    if types.is_datetime64_any_dtype(column):
        seconds = column.dt.tz_localize(None) if column.dt.tz is not None else column
        values = seconds.to_numpy(dtype="datetime64[s]").astype(np.float64)
        values[column.isna().to_numpy()] = np.nan
        return values
    return column.to_numpy(dtype=np.float64, na_value=np.nan)


def labels(column: pd.Series[Any]) -> np.ndarray[Any, np.dtype[Any]]:
    """Return the values of a category as text, None where they are missing.

    Examples
    --------
    >>> labels(pd.Series([True, None, 1, "a"])).tolist()
    ['True', None, '1', 'a']
    """
    # Booleans are spelled out first: as a key, True is 1.
    column = column.map(lambda v: str(v) if isinstance(v, bool) else v) if column.dtype == object else column
    codes, distinct = pd.factorize(column)
    names = np.array([*(str(value) for value in distinct), None], dtype=object)
    picked: np.ndarray[Any, np.dtype[Any]] = names[codes]
    return picked


def canonical(values: Floats, table: pd.DataFrame) -> Order:
    """Return an order of the rows that depends on what they hold only, not on how they came."""
    key = np.zeros(len(values), dtype=np.uint64)
    for name in sorted(table.columns):
        column = table[name]
        if is_number(column):
            content = pd.util.hash_array(numbers(column) + 0.0)
        else:
            codes, distinct = pd.factorize(labels(column))
            content = np.append(pd.util.hash_array(np.asarray(distinct, dtype=object)), np.uint64(0))[codes]
        key = key * np.uint64(31) + content
    return np.lexsort((key, values))


def smooth(column: Floats) -> list[Floats]:
    """Return the standardised number, its square, and whether it is missing; constants are left out."""
    gone = ~np.isfinite(column)
    if gone.all():
        return []
    low, high = np.quantile(column[~gone], [0.005, 0.995])
    number = np.clip(np.where(gone, low, column), low, high)
    number = _standard(number, ~gone)
    if abs(float(np.mean(number[~gone] ** 3))) > _SKEWED:
        from scipy.special import ndtri
        from scipy.stats import rankdata

        number[~gone] = ndtri((rankdata(column[~gone]) - 0.5) / (~gone).sum())
    features = [np.where(gone, 0.0, f) for f in (number, _standard(number**2, ~gone))]
    return [f for f in [*features, gone.astype(float)] if np.ptp(f) > 0]


def _standard(column: Floats, present: np.ndarray[Any, np.dtype[np.bool_]]) -> Floats:
    centred = column - column[present].mean()
    scaled: Floats = centred / (float(centred[present].std()) or 1.0)
    return scaled


def _levels(p: pd.Series[Any], q: pd.Series[Any]) -> Floats:
    """Number the levels by frequency, ties by name; the rare ones share the last number."""
    codes, distinct = pd.factorize(np.concatenate([labels(p), labels(q)]))
    counts = np.bincount(codes[codes >= 0], minlength=len(distinct))
    enough = np.flatnonzero(counts >= max(10, _RARE * len(codes)))
    ranked = sorted(enough, key=lambda i: (-counts[i], str(distinct[i])))[: _BINS - 1]
    number = np.full(len(distinct) + 1, float(len(ranked)))
    number[ranked] = np.arange(len(ranked))
    number[-1] = np.nan  # code -1 is missing
    return number[codes]


def _binned(column: Floats) -> Floats:
    present = column[np.isfinite(column)]
    if not len(present):
        return np.full(len(column), np.nan)
    edges = np.unique(np.quantile(present, np.linspace(0, 1, _BINS + 1)[1:-1]))
    return np.where(np.isfinite(column), np.searchsorted(edges, column, "right"), np.nan)


def _one_hot(codes: Floats) -> list[Floats]:
    levels = np.nan_to_num(codes, nan=-1.0)
    # The most frequent level is the one that all zeros mean.
    return [(levels == level).astype(float) for level in np.unique(levels) if level != 0.0][: _LEVELS + 1]


def stack(columns: Sequence[Floats], rows: int) -> Floats:
    """Return columns side by side, also where there are none."""
    matrix = np.empty((rows, len(columns)), order="F")
    for i, column in enumerate(columns):
        matrix[:, i] = column
    return matrix
