"""The faults of missing values, and of constants in their place."""

from __future__ import annotations

from typing import Any

import pandas as pd

from rca.faults._common import Cells, Draw, Mask, cells


@cells("sentinel_values", "write a constant for missing values", most=0.1)
def sentinel_values(values: Cells, rows: Mask, rng: Draw, *, value: Any = None) -> Cells:
    """Write a value (or -999, 1970-01-01, ?) into the cells, and all that are empty; see :func:`missing_values`."""
    moment = pd.api.types.is_datetime64_any_dtype(values)
    if value is None:
        value = "1970-01-01" if moment else -999 if pd.api.types.is_numeric_dtype(values) else "?"
    return values.mask(rows | values.isna(), pd.Timestamp(value) if moment else value)


@cells("missing_values", "empty some cells of a column", most=0.1)
def missing_values(values: Cells, rows: Mask, rng: Draw) -> Cells:
    """Empty cells of a column.

    Examples
    --------
    >>> import numpy as np
    >>> damaged, truth = missing_values(pd.DataFrame({"age": range(10)}), "age", np.random.default_rng(0), share=0.3)
    >>> int(damaged["age"].isna().sum()), truth["rows"]
    (3, 3)
    """
    return values.mask(rows)
