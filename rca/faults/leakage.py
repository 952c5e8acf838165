"""The fault of a feature that knows the target."""

from __future__ import annotations

import numpy as np
import pandas as pd

from rca.faults._common import Cells, Draw, Frame, Mask, cells, require


@cells("leakage", "let a feature know the target", of="new column")
def leakage(values: Cells, rows: Mask, rng: Draw, *, frame: Frame, target: str = "y", noise: float = 0.0) -> Cells:
    """Write a copy of the target into a feature, as numbers; a column that is not there is added.

    Parameters
    ----------
    noise : float
        Standard deviation of what is added to the copy, in those of the target.

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
