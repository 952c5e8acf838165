"""The fault of a feature that knows the target."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from rca.faults._common import require, some
from rca.registry import fault


@fault("leakage", "let a feature know the target")
def leakage(
    frame: pd.DataFrame,
    column: str | None,
    rng: np.random.Generator,
    *,
    target: str = "y",
    noise: float = 0.0,
    share: float = 1.0,
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Write a copy of the target into a feature, as numbers; a column that is not there is added.

    Parameters
    ----------
    noise : float
        Standard deviation of what is added to the copy, in those of the target.
    share : float
        Of the rows.

    Returns
    -------
    DataFrame, dict
        The damaged table, and the truth about it.

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
    rows = some(frame, rng, share)
    damaged = frame.assign(**{str(column): np.where(rows, known, frame.get(column, np.nan))})
    return damaged, {"kind": "leakage", "column": column, "noise": noise, "share": share, "rows": int(rows.sum())}
