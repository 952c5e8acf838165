"""The fault of impossible values."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from rca.faults._common import require, some
from rca.registry import fault


@fault("range_violation", "write impossible values")
def range_violation(
    frame: pd.DataFrame, column: str | None, rng: np.random.Generator, *, share: float = 0.02, reach: float = 10.0
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Throw a random share of the rows far outside the range of a column, to either side.

    Parameters
    ----------
    frame : DataFrame
        The sound table; it is not changed.
    column : str
    rng : Generator
        Chooses the rows and how far each goes.
    share : float
        Of the rows.
    reach : float
        Beyond the extremes by one to two times this many widths of the range.

    Returns
    -------
    DataFrame, dict
        The damaged table, and the truth about it.

    Examples
    --------
    >>> whole = pd.DataFrame({"age": [20.0, 30.0, 40.0, 50.0]})
    >>> damaged, truth = range_violation(whole, "age", np.random.default_rng(0), share=0.25)
    >>> int((damaged["age"] - 35).abs().gt(300).sum()), truth["rows"]
    (1, 1)
    """
    name = require(frame, column, number=True)
    rows = some(frame, rng, share)
    values = frame[name].to_numpy(dtype=float, na_value=np.nan)
    low, high = (float(np.nanmin(values)), float(np.nanmax(values))) if np.isfinite(values).any() else (0.0, 0.0)
    away = reach * max(high - low, 1.0) * rng.uniform(1, 2, len(frame))
    thrown = np.where(rng.random(len(frame)) < 0.5, low - away, high + away)
    moved = np.where(rows, np.round(thrown), values)
    whole = pd.api.types.is_integer_dtype(frame[name])
    damaged = frame.assign(**{name: moved.astype("int64") if whole else moved})
    truth = {"kind": "range_violation", "column": name, "reach": reach, "share": share}
    return damaged, {**truth, "rows": int(rows.sum())}
