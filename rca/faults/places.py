"""The faults of values in a wrong place: another row, column or moment, a feature that knows the target."""

from collections.abc import Sequence
from typing import Any

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

    The copy is blurred by `noise`, a standard deviation in those of the target.

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


def _entity(frame: Frame, key: Sequence[str]) -> Any:
    names = [require(frame, name) for name in key]
    return frame.groupby(names, dropna=False).ngroup() if names else np.zeros(len(frame))


@cells("frozen_column", "hold on to one value")
def frozen_column(values: Cells, rows: Mask, rng: Draw, *, frame: Frame, key: Sequence[str] = ()) -> Cells:
    """Let a column keep the value of the last row before the chosen ones, or of the first of them.

    Where the columns of a `key` name an entity, it keeps a value of its own.

    Examples
    --------
    >>> whole = pd.DataFrame({"at": pd.to_datetime(["2024-01-01", "2024-01-02", "2024-01-03"]), "load": [1, 2, 3]})
    >>> damaged, truth = frozen_column(whole, "load", np.random.default_rng(0), since="2024-01-02", time="at")
    >>> damaged["load"].tolist(), truth["rows"]
    ([1, 1, 1], 2)
    """
    entity = _entity(frame, key)
    begun = pd.Series(rows).groupby(entity).cummax()
    held = values.mask(begun).groupby(entity).ffill().fillna(values.groupby(entity).transform("first"))
    return values.mask(rows, held.astype(values.dtype))


@cells("stale_column", "let a column lag")
def stale_column(values: Cells, rows: Mask, rng: Draw, *, frame: Frame, lag: int = 1, key: Sequence[str] = ()) -> Cells:
    """Put the value of an earlier row, of the entity where a key is given, in place; see :func:`frozen_column`."""
    late = values.groupby(_entity(frame, key)).shift(lag).fillna(values)
    return values.mask(rows, late.astype(values.dtype))


@cells("time_shift", "shift a time by hours", of="time column")
def time_shift(values: Cells, rows: Mask, rng: Draw, *, hours: float = 1.0) -> Cells:
    """Move a timestamp by hours, as a wrong time zone does; see :func:`frozen_column`."""
    return values.mask(rows, values + pd.Timedelta(hours=hours))
