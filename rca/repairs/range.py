"""The repair of values far outside the range."""

from __future__ import annotations

import numpy as np
import pandas as pd

from rca.errors import NotApplicable
from rca.registry import repair
from rca.repairs._common import column_of, where
from rca.repairs._resample import resample
from rca.types import Finding


@repair("range_violation", "draw the impossible values from the reference")
def range_violation(
    frame: pd.DataFrame, finding: Finding, reference: pd.DataFrame, rng: np.random.Generator
) -> pd.DataFrame:
    """Replace the values outside the finding's bounds as the reference would have filled them.

    Returns
    -------
    DataFrame
        The repaired table, with the same index.

    Examples
    --------
    >>> import pandas as pd
    >>> from rca.types import Finding
    >>> whole = pd.DataFrame({"city": ["A", "B"] * 50, "age": [30, 40] * 50})
    >>> damaged = whole.assign(age=whole["age"].where(whole.index >= 20, -999))
    >>> bounds = {"column": "age", "low": 0.0, "high": 70.0}
    >>> finding = Finding("RCA103", "range_violation", "data.train.age", "", evidence=bounds)
    >>> range_violation(damaged, finding, whole, np.random.default_rng(0)).equals(whole)
    True
    """
    column = column_of(frame, finding, reference)
    bounds = finding.evidence
    if bounds.get("low") is None or bounds.get("high") is None:
        raise NotApplicable(f"the bounds of {column} are not known.")
    values = frame[column].to_numpy(dtype=float, na_value=np.nan)
    outside = (values < bounds["low"]) | (values > bounds["high"])
    if bounds.get("clip") is not None:
        # only the cells at the bound lost their value
        outside = np.isin(values, bounds["clip"]) & where(frame, finding)
    return frame.assign(**{column: resample(frame, column, outside, reference, rng)})
