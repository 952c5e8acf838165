"""The fault of a lost segment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from rca.errors import ConfigError
from rca.faults._common import require
from rca.registry import fault

if TYPE_CHECKING:
    import numpy as np


@fault("missing_segment", "lose one category or one span of time")
def missing_segment(
    frame: pd.DataFrame, column: str | None, rng: np.random.Generator, *, value: Any = None, share: float = 0.1
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Drop all rows with one value of a column, or of one span of a time column.

    Parameters
    ----------
    value : optional
        The value that goes; by default one of those with 2 % to 50 % of the rows, by chance.
    share : float
        Of the rows of a time column that go, in a span that leaves a fifth of the rows on both sides.

    Returns
    -------
    DataFrame, dict
        The damaged table, and the truth about it.

    Examples
    --------
    >>> import numpy as np
    >>> damaged, truth = missing_segment(pd.DataFrame({"shop": ["A", "B"] * 3}), "shop", None, value="B")
    >>> damaged["shop"].tolist(), truth["rows"]
    (['A', 'A', 'A'], 3)
    """
    name = require(frame, column)
    if pd.api.types.is_datetime64_any_dtype(frame[name]):
        start = rng.uniform(0.2, max(0.8 - share, 0.2))
        rank = frame[name].rank(pct=True)
        lost = (rank > start) & (rank <= start + share)
    else:
        shares = frame[name].value_counts(normalize=True).sort_index()
        fit = [value] if value is not None else list(shares.index[shares.between(0.02, 0.5)])
        if not fit:
            raise ConfigError(f"no value of {name} has 2 % to 50 % of the rows: choose another column.")
        value = fit[int(rng.integers(len(fit)))] if value is None else value
        lost = frame[name] == value
    truth = {"kind": "missing_segment", "column": None, "by": name, "value": value}
    return frame[~lost].copy(), {**truth, "rows": int(lost.sum())}
