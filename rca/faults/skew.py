"""The damage of features that production computes otherwise."""

from __future__ import annotations

from rca.errors import ConfigError, choices
from rca.faults._common import Cells, Draw, Mask, cells


@cells("train_serve_skew", "compute a feature otherwise", of="numeric column")
def train_serve_skew(values: Cells, rows: Mask, rng: Draw, *, how: str = "round", value: float = 0.0) -> Cells:
    """Round a feature to `value` decimals, fill its nulls with it, or multiply by it.

    Raises
    ------
    ConfigError
        If there is no such way.

    Examples
    --------
    >>> import numpy as np, pandas as pd
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
