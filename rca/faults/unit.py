"""The fault of a changed unit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from rca.faults._common import require, since_time, some
from rca.registry import fault


@fault("unit_change", "multiply a column, as a changed unit does")
def unit_change(
    frame: pd.DataFrame,
    column: str | None,
    rng: np.random.Generator,
    *,
    factor: float = 100.0,
    offset: float = 0.0,
    share: float = 1.0,
    since: str | None = None,
    time: str | None = None,
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Put a numeric column in another unit, in all rows, some, or all since a moment.

    Parameters
    ----------
    frame : DataFrame
        The sound table; it is not changed.
    column : str
    rng : Generator
        Chooses the rows.
    factor, offset : float
        A damaged value is ``factor * value + offset``.
    share : float
        Of the rows (of those since the moment, where there is one).
    since : str, optional
        First damaged moment of the column `time`.
    time : str, optional

    Returns
    -------
    DataFrame, dict
        The damaged table, and the truth about it.

    Examples
    --------
    >>> whole = pd.DataFrame({"height": [1.6, 1.7], "at": pd.to_datetime(["2024-01-01", "2024-02-01"])})
    >>> draw = np.random.default_rng(0)
    >>> damaged, truth = unit_change(whole, "height", draw, since="2024-02-01", time="at")
    >>> damaged["height"].tolist(), truth["rows"]
    ([1.6, 170.0], 1)
    """
    name = require(frame, column, number=True)
    rows = np.ones(len(frame), dtype=bool) if since is None else since_time(frame, time, since)
    rows = rows & some(frame, rng, share) & frame[name].notna().to_numpy()
    values = frame[name].to_numpy(dtype=float, na_value=np.nan)
    moved = np.where(rows, values * factor + offset, values)
    # a whole factor leaves whole numbers, and most exports keep their type
    whole = pd.api.types.is_integer_dtype(frame[name]) and (moved == np.round(moved)).all()
    damaged = frame.assign(**{name: moved.astype("int64") if whole else moved})
    truth = {"kind": "unit_change", "column": name, "factor": factor, "offset": offset, "since": since}
    return damaged, {**truth, "share": float(rows.mean()) if len(rows) else 0.0, "rows": int(rows.sum())}
