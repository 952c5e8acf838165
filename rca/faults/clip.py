"""The faults of values that are cut off at a bound, and of lost decimals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rca.faults._common import chosen, require
from rca.registry import fault

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd


@fault("rounded", "round a column")
def rounded(
    frame: pd.DataFrame, column: str | None, rng: np.random.Generator, *, share: float = 1.0, decimals: int = 0
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Round a share of the values to so many decimals; see :func:`clipped`."""
    name = require(frame, column, number=True)
    damaged = frame.assign(**{name: frame[name].mask(chosen(frame, rng, share), frame[name].round(decimals))})
    return damaged, {"kind": "type_change", "column": name, "decimals": decimals, "rows": _moved(frame, damaged, name)}


@fault("clipped", "cut a column off at a bound")
def clipped(
    frame: pd.DataFrame, column: str | None, rng: np.random.Generator, *, share: float = 1.0, quantile: float = 0.9
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Move the values beyond a quantile to it: those above one over a half, those below another.

    Parameters
    ----------
    share, quantile : float

    Returns
    -------
    DataFrame, dict
        The damaged table, and the truth about it; `rows` counts the values that moved.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> damaged, truth = clipped(pd.DataFrame({"age": range(11)}), "age", np.random.default_rng(0), quantile=0.8)
    >>> int(damaged["age"].max()), truth["rows"]
    (8, 2)
    """
    name = require(frame, column, number=True)
    bound: Any = frame[name].quantile(quantile, interpolation="lower")
    cut = frame[name].clip(upper=bound) if quantile > 0.5 else frame[name].clip(lower=bound)
    damaged = frame.assign(**{name: frame[name].mask(chosen(frame, rng, share), cut)})
    truth = {"kind": "range_violation", "column": name, "bound": float(bound)}
    return damaged, {**truth, "rows": _moved(frame, damaged, name)}


def _moved(frame: pd.DataFrame, damaged: pd.DataFrame, name: str) -> int:
    return int((frame[name].ne(damaged[name]) & frame[name].notna()).sum())
