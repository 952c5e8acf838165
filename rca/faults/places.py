"""The faults of values that stand in the wrong place: other rows, another column, a feature that knows the target."""

from __future__ import annotations

import numpy as np
import pandas as pd

from rca.faults._common import Cells, Done, Draw, Frame, Mask, cells, require
from rca.registry import fault


@cells("broken_relation", "shuffle a column")
def broken_relation(values: Cells, rows: Mask, rng: Draw) -> Cells:
    """Shuffle cells of a column, as a join on the wrong key does: its values stay, their rows do not.

    Examples
    --------
    >>> damaged, truth = broken_relation(pd.DataFrame({"a": range(9)}), "a", np.random.default_rng(0))
    >>> sorted(damaged["a"]) == list(range(9)), damaged["a"].tolist() == list(range(9))
    (True, False)
    """
    order = np.arange(len(values))
    order[rows] = rng.permutation(order[rows])
    return values.iloc[order].set_axis(values.index)


@cells("label_noise", "make labels wrong", most=0.2)
def label_noise(values: Cells, rows: Mask, rng: Draw) -> Cells:
    """Give rows another class, or, of more than 20 values, that of any row; see :func:`broken_relation`."""
    codes, levels = pd.factorize(values, sort=True)
    if 1 < len(levels) <= 20:
        other = levels.take((codes + rng.integers(1, len(levels), len(values))) % len(levels)).array
    else:
        other = values.dropna().sample(len(values), replace=True, random_state=rng).array
    return values.mask(rows & values.notna(), pd.Series(other, values.index))


@cells("column_swap", "exchange two columns")
def column_swap(values: Cells, rows: Mask, rng: Draw, *, frame: Frame, other: str | None = None) -> Frame:
    """Exchange cells with `other`, or with the next column of the same kind; see :func:`broken_relation`."""
    number = pd.api.types.is_numeric_dtype
    alike = [n for n in frame.columns if n != values.name and number(frame[n]) == number(values)]
    twin = require(frame, other or next(iter(alike), None))
    return pd.DataFrame({values.name: values.mask(rows, frame[twin]), twin: frame[twin].mask(rows, values)})


@fault("schema_change", "drop or rename a column")
def schema_change(frame: Frame, column: str | None, rng: Draw, *, name: str | None = None) -> Done:
    """Give a column another name, or drop it where none is given; see :func:`broken_relation`."""
    old = require(frame, column)
    damaged = frame.drop(columns=old) if name is None else frame.rename(columns={old: name})
    return damaged, {"kind": "schema_change", "column": old, "name": name, "rows": len(frame)}


@cells("leakage", "let a feature know the target", of="new column")
def leakage(values: Cells, rows: Mask, rng: Draw, *, frame: Frame, target: str = "y", noise: float = 0.0) -> Cells:
    """Write a copy of the target into a feature, as numbers; a column that is not there is added.

    Parameters
    ----------
    noise : float
        Standard deviation of what is added to the copy, in those of the target.

    Examples
    --------
    >>> whole = pd.DataFrame({"age": [31, 42, 53], "y": ["no", "yes", "no"]})
    >>> damaged, truth = leakage(whole, "age", np.random.default_rng(0))
    >>> damaged["age"].tolist(), truth["rows"]
    ([0.0, 1.0, 0.0], 3)
    """
    answer = frame[require(frame, target)]
    number = pd.api.types.is_numeric_dtype(answer)
    known = answer.to_numpy(dtype=float) if number else pd.factorize(answer, sort=True)[0].astype(float)
    known = known + rng.normal(0, noise * np.nanstd(known), len(frame))
    return pd.Series(np.where(rows, known, values), values.index)
