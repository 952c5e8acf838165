"""The fault of rows that are lost for their label."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from rca.faults._common import require, some
from rca.registry import fault


@fault("selection_bias", "lose rows of one label")
def selection_bias(
    frame: pd.DataFrame, column: str | None, rng: np.random.Generator, *, value: Any = None, share: float = 0.5
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Drop a random share of the rows of one class, or of those above the median of a numeric target.

    Parameters
    ----------
    value : optional
        The class, by default the rarest; a numeric target with more than ten values has none.

    Returns
    -------
    DataFrame, dict
        The damaged table, and the truth about it.

    Examples
    --------
    >>> whole = pd.DataFrame({"bought": ["no"] * 6 + ["yes"] * 4})
    >>> damaged, truth = selection_bias(whole, "bought", np.random.default_rng(0))
    >>> damaged["bought"].value_counts().to_dict(), truth["value"], truth["rows"]
    ({'no': 6, 'yes': 2}, 'yes', 2)
    """
    name = require(frame, column)
    counts = frame[name].value_counts().sort_index()
    if value is None and len(counts) > 10 and pd.api.types.is_numeric_dtype(frame[name]):
        mine = (frame[name] > frame[name].median()).to_numpy(dtype=bool)
    else:
        value = counts.idxmin() if value is None else value
        mine = (frame[name] == value).to_numpy(dtype=bool)
    lost = np.zeros(len(frame), dtype=bool)
    lost[mine] = some(frame[mine], rng, share)
    truth = {"kind": "selection_bias", "column": None, "target": name, "value": value, "share": share}
    return frame[~lost].copy(), {**truth, "rows": int(lost.sum())}
