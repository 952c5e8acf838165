"""The fault of missing values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rca.faults._common import require, some
from rca.registry import fault

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd


@fault("missing_values", "empty some cells of a column")
def missing_values(
    frame: pd.DataFrame, column: str | None, rng: np.random.Generator, *, share: float = 0.1
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Empty a random share of the cells of a column.

    Parameters
    ----------
    frame : DataFrame
        The sound table; it is not changed.
    column : str
    rng : Generator
        Chooses the rows.
    share : float
        Of the rows.

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
    rows = some(frame, rng, share)
    hit = int((rows & frame[name].notna().to_numpy()).sum())
    damaged = frame.assign(**{name: frame[name].mask(rows)})
    return damaged, {"kind": "missing_values", "column": name, "share": share, "rows": hit}
