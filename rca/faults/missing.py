"""The faults of missing values, and of constants in their place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from rca.faults._common import chosen, require
from rca.registry import fault

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np


@fault("sentinel_values", "write a constant for missing values")
def sentinel_values(
    frame: pd.DataFrame,
    column: str | None,
    rng: np.random.Generator,
    *,
    value: Any = None,
    share: float = 0.1,
    since: str | None = None,
    time: str | None = None,
    where: Mapping[str, Any] | None = None,
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Write a value (or -999, 1970-01-01, ?) into some cells, and all that are empty; see :func:`missing_values`."""
    name = require(frame, column)
    number, moment = (kind(frame[name]) for kind in (pd.api.types.is_numeric_dtype, pd.api.types.is_datetime64_dtype))
    value = ((-999 if number else "1970-01-01") if number or moment else "?") if value is None else value
    value = pd.Timestamp(value) if moment else value
    rows = chosen(frame, rng, share, since, time, where) | frame[name].isna().to_numpy()
    damaged = frame.assign(**{name: frame[name].mask(rows, value)})
    return damaged, {"kind": "sentinel_values", "column": name, "values": [str(value)], "rows": int(rows.sum())}


@fault("missing_values", "empty some cells of a column")
def missing_values(
    frame: pd.DataFrame,
    column: str | None,
    rng: np.random.Generator,
    *,
    share: float = 0.1,
    since: str | None = None,
    time: str | None = None,
    where: Mapping[str, Any] | None = None,
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Empty a random share of the cells of a column.

    Parameters
    ----------
    share : float
        Of the rows, or of those that the other knobs leave.
    since : str, optional
        First damaged moment of the column `time`.
    time : str, optional
    where : mapping, optional
        Column to value: only these rows.

    Returns
    -------
    DataFrame, dict
        The damaged table, and the truth about it; `rows` counts the cells that had a value.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> damaged, truth = missing_values(pd.DataFrame({"age": range(10)}), "age", np.random.default_rng(0), share=0.3)
    >>> int(damaged["age"].isna().sum()), truth
    (3, {'kind': 'missing_values', 'column': 'age', 'share': 0.3, 'rows': 3})
    """
    name = require(frame, column)
    rows = chosen(frame, rng, share, since, time, where)
    hit = int((rows & frame[name].notna().to_numpy()).sum())
    damaged = frame.assign(**{name: frame[name].mask(rows)})
    return damaged, {"kind": "missing_values", "column": name, "share": share, "rows": hit}
