"""The faults of numbers: another unit, sign, range, precision or type, or otherwise at serving."""

from __future__ import annotations

import numpy as np
import pandas as pd

from rca.errors import ConfigError, choices
from rca.faults._common import Cells, Draw, Mask, cells

NUMBER = "numeric column"


@cells("unit_change", "multiply a column, as a changed unit does", of=NUMBER)
def unit_change(values: Cells, rows: Mask, rng: Draw, *, factor: float = 100.0, offset: float = 0.0) -> Cells:
    """Put a numeric column in another unit: a damaged value is ``factor * value + offset``.

    Examples
    --------
    >>> whole = pd.DataFrame({"height": [1.6, 1.7], "at": pd.to_datetime(["2024-01-01", "2024-02-01"])})
    >>> damaged, truth = unit_change(whole, "height", np.random.default_rng(0), since="2024-02-01", time="at")
    >>> damaged["height"].tolist(), truth["rows"]
    ([1.6, 170.0], 1)
    """
    moved = values.astype(float).mask(rows, values * factor + offset)
    # a whole factor leaves whole numbers, and most exports keep their type
    whole = pd.api.types.is_integer_dtype(values) and (moved % 1 == 0).all()
    return moved.astype("int64") if whole else moved


@cells("sign_flip", "turn the sign of a column", of=NUMBER)
def sign_flip(values: Cells, rows: Mask, rng: Draw) -> Cells:
    """Turn the sign, as a change of convention (a debt for a balance) does; see :func:`unit_change`."""
    return values.mask(rows, -values)


@cells("range_violation", "write impossible values", of=NUMBER, most=0.02)
def range_violation(values: Cells, rows: Mask, rng: Draw, *, reach: float = 10.0) -> Cells:
    """Throw values beyond the extremes by one to two times `reach` widths of the range; see :func:`unit_change`."""
    low, high = np.nan_to_num([values.min(), values.max()])
    away = reach * max(high - low, 1.0) * rng.uniform(1, 2, len(values))
    thrown = pd.Series(np.round(np.where(rng.random(len(values)) < 0.5, low - away, high + away)), values.index)
    return values.mask(rows, thrown.astype("int64") if pd.api.types.is_integer_dtype(values) else thrown)


@cells("range_violation", "cut a column off at a bound", of=NUMBER, code="clipped")
def clipped(values: Cells, rows: Mask, rng: Draw, *, quantile: float = 0.9) -> Cells:
    """Move values to a quantile, those above one over a half, those below another; see :func:`unit_change`."""
    bound = values.quantile(quantile, interpolation="lower")
    return values.mask(rows & (values.gt(bound) if quantile > 0.5 else values.lt(bound)), bound)


@cells("type_change", "round a column", of=NUMBER, code="rounded")
def rounded(values: Cells, rows: Mask, rng: Draw, *, decimals: int = 0) -> Cells:
    """Round to so many decimals; see :func:`unit_change`."""
    return values.mask(rows, values.round(decimals))


@cells("type_change", "write numbers as text", of=NUMBER)
def type_change(values: Cells, rows: Mask, rng: Draw) -> Cells:
    """Write numbers as text, as an export through a spreadsheet does; see :func:`unit_change`."""
    return values.astype("object").mask(rows, values.astype("str")).infer_objects()


@cells("train_serve_skew", "compute a feature otherwise", of=NUMBER)
def train_serve_skew(values: Cells, rows: Mask, rng: Draw, *, how: str = "round", value: float = 0.0) -> Cells:
    """Round a feature to `value` decimals, fill its nulls with it, or multiply by it.

    Raises
    ------
    ConfigError
        If there is no such way.

    Examples
    --------
    >>> train_serve_skew(pd.DataFrame({"x": [1.25, 2.75]}), "x", np.random.default_rng(0))[0]["x"].tolist()
    [1.0, 3.0]
    """
    if how == "round":
        changed = values.round(int(value))
    elif how == "fill":
        changed = values.fillna(value)
    elif how == "factor":
        changed = values * value
    else:
        raise ConfigError(f"how is {how!r}: choose one of {choices(('round', 'fill', 'factor'))}.")
    return values.mask(rows, changed)
