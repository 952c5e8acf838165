"""Input tables as matrices: one for trees, one for linear models, both without a trace of row order."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api import types
from scipy.special import ndtri
from scipy.stats import rankdata
from rca.stats import Floats

Order = NDArray[np.int64]
Mask = NDArray[np.bool_]

HINTS = "\0hints"  # no column is called so
_CROSSED = 12  # numbers whose products a linear model is given: 66 features
_BINS = 64  # values of a number that trees tell apart: finer bins cost time and add nothing here
_LEVELS = 20  # levels of a category that get a column of their own
_RARE = 0.002  # share of rows below which a level is pooled with the other rare ones
_SKEWED = 2.0  # skewness beyond which a number enters the linear model by its rank


@dataclass(frozen=True, slots=True)
class Features:
    """Columns of two tables, one above the other, as learners want them; only rows that are asked for are copied."""

    of_linear: Mapping[str, list[Floats]]  # a standardised number and its square, one-hot levels, what is missing
    of_trees: Mapping[str, list[Floats]]  # the bin of a number, or the number of a level; NaN is missing
    of_numbers: Mapping[str, list[Floats]]  # the linear term of a number

    def pick(self, names: Iterable[str]) -> "Features":
        """Return the features of some columns, in the order in which they were encoded."""
        names = set(names)
        kinds = (self.of_linear, self.of_trees, self.of_numbers)
        return Features(*({name: of[name] for name in of if name in names} for of in kinds))

    @property
    def crosses(self) -> bool:
        """Whether there are products of numbers, and few enough."""
        return 1 < len(self.of_numbers) <= _CROSSED

    def linear(self, rows: Order, *, crossed: bool = False) -> Floats:
        """Return rows for a linear model, on demand with the products of every two numbers."""
        main = _take(self.of_linear, rows)
        if not crossed:
            return main
        numbers = _take(self.of_numbers, rows)
        first, second = np.triu_indices(numbers.shape[1], 1)
        return np.hstack([main, numbers[:, first] * numbers[:, second]])

    def trees(self, rows: Order) -> Floats:
        """Return rows for trees."""
        return _take(self.of_trees, rows)


def _take(of: Mapping[str, list[Floats]], rows: Order) -> Floats:
    features = [feature for group in of.values() for feature in group]
    # Folds are blocks, which are faster to read.
    asked = slice(rows[0], rows[-1] + 1) if len(rows) and rows[-1] - rows[0] == len(rows) - 1 else rows
    return np.stack([feature[asked] for feature in features], axis=1) if features else np.zeros((len(rows), 1))


def encode(p: pd.DataFrame, q: pd.DataFrame, hints: Floats | None = None) -> Features:
    """Encode the columns of two tables alike, and `hints`, of a row each, as the column ``HINTS``."""
    trees, linear, quantities = dict[str, list[Floats]](), dict[str, list[Floats]](), list[str]()
    for name in sorted(p.columns):
        if is_number(p[name]) and is_number(q[name]):
            column = np.concatenate([numbers(p[name]), numbers(q[name])])
            quantities.append(name)
            trees[name], linear[name] = [_binned(column)], smooth(column)
        else:
            column = _levels(p[name], q[name])
            present = np.nan_to_num(column, nan=-1.0)
            # The most frequent level is the one that all zeros mean.
            one_hot = [(present == level).astype(float) for level in np.unique(present) if level != 0.0]
            trees[name], linear[name] = [column], one_hot[: _LEVELS + 1]
    if hints is not None:
        trees[HINTS], linear[HINTS] = [_binned(h) for h in hints.T], [f for h in hints.T for f in smooth(h)]
    return Features(linear, trees, {name: linear[name][:1] for name in quantities if linear[name]})


def is_number(column: pd.Series) -> bool:
    """Return whether a column is a quantity; times are, truth values are not."""
    quantity = types.is_numeric_dtype(column) or types.is_datetime64_any_dtype(column)
    return quantity and not types.is_bool_dtype(column)


def numbers(column: pd.Series) -> Floats:
    """Return a column of quantities as floats, NaN where it is missing."""
    if types.is_datetime64_any_dtype(column):
        seconds = column.dt.tz_localize(None).to_numpy(dtype="datetime64[s]")
        return np.where(column.isna(), np.nan, seconds.astype(np.float64))
    return column.to_numpy(dtype=np.float64, na_value=np.nan)


def labels(column: pd.Series) -> np.ndarray[Any, np.dtype[Any]]:
    """Return the values of a category as text, None where they are missing."""
    if column.dtype == object and types.infer_dtype(column) != "string":  # 1 and True are one for pandas
        column = column.map(str, na_action="ignore")
    codes, distinct = pd.factorize(column)
    return np.array([*map(str, distinct), None], dtype=object)[codes]


def shuffled(values: Floats, table: pd.DataFrame, rng: np.random.Generator) -> Order:
    """Return a random order of the rows that depends on what they hold and on the seed, not on how they came."""
    key = np.zeros(len(values), dtype=np.uint64)
    for name in sorted(table.columns):
        column = table[name]
        if is_number(column):
            content = pd.util.hash_array(numbers(column) + 0.0)
        else:
            codes, distinct = pd.factorize(labels(column))
            content = np.append(pd.util.hash_array(np.asarray(distinct, dtype=object)), np.uint64(0))[codes]
        key = key * np.uint64(31) + content
    return np.lexsort((key, values))[rng.permutation(len(values))]


def smooth(column: Floats) -> list[Floats]:
    """Return the standardised number, its square, and whether it is missing; constants are left out."""
    gone = ~np.isfinite(column)
    if gone.all():
        return []
    low, high = _quantiles(column[~gone], [0.005, 0.995])
    number = _standard(np.clip(np.where(gone, low, column), low, high), ~gone)
    if abs(float(np.mean(number[~gone] ** 3))) > _SKEWED:
        number[~gone] = ndtri((rankdata(column[~gone]) - 0.5) / (~gone).sum())
    features = [np.where(gone, 0.0, f) for f in (number, _standard(number**2, ~gone))]
    return [f for f in [*features, gone.astype(float)] if np.ptp(f) > 0]


def _quantiles(column: Floats, at: Sequence[float] | Floats) -> Floats:
    """Return quantiles, of every k-th row where there are many: these place bins, and need no last digit."""
    return np.asarray(np.quantile(column[:: max(1, len(column) // 30_000)], at))


def _standard(column: Floats, present: Mask) -> Floats:
    centred = column - column[present].mean()
    return np.asarray(centred / (float(centred[present].std()) or 1.0))


def _levels(p: pd.Series, q: pd.Series) -> Floats:
    column = pd.Series(np.concatenate([labels(p), labels(q)]))
    counts = column.value_counts().sort_index().sort_values(ascending=False, kind="stable")
    ranked = counts.index[counts >= max(10, _RARE * len(column))][: _BINS - 1]
    number = ranked.get_indexer(pd.Index(column))
    return np.where(column.isna(), np.nan, np.where(number < 0, len(ranked), number))


def _binned(column: Floats) -> Floats:
    present = column[np.isfinite(column)]
    if not len(present):
        return np.full(len(column), np.nan)
    edges = np.unique(_quantiles(present, np.linspace(0, 1, _BINS + 1)[1:-1]))
    return np.where(np.isfinite(column), np.searchsorted(edges, column, "right"), np.nan)
