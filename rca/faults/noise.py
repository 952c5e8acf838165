"""The fault of wrong labels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from rca.faults._common import chosen, require
from rca.registry import fault

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd


@fault("label_noise", "make labels wrong")
def label_noise(
    frame: pd.DataFrame,
    column: str | None,
    rng: np.random.Generator,
    *,
    share: float = 0.2,
    since: str | None = None,
    time: str | None = None,
    where: Mapping[str, Any] | None = None,
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Give the chosen rows another label: another class, or, where there are many values, that of another row.

    Returns
    -------
    DataFrame, dict
        The damaged table, and the truth about it.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> damaged, truth = label_noise(pd.DataFrame({"y": [0, 1] * 50}), "y", np.random.default_rng(0))
    >>> int((damaged["y"] != [0, 1] * 50).sum()), truth["rows"]
    (20, 20)
    """
    name = require(frame, column)
    rows = chosen(frame, rng, share, since, time, where) & frame[name].notna().to_numpy()
    values, codes = np.unique(frame[name].dropna().to_numpy(), return_inverse=True)
    order = frame[name].array.copy()
    if len(values) <= 20:
        step = rng.integers(1, max(len(values), 2), int(rows.sum()))
        known = np.zeros(len(frame), dtype=np.intp)
        known[frame[name].notna().to_numpy()] = codes
        order[rows] = values[(known[rows] + step) % len(values)]
    else:
        order[rows] = rng.permutation(frame[name].to_numpy()[rows])
    truth = {"kind": "label_noise", "column": name, "share": share, "since": since}
    return frame.assign(**{name: order}), {**truth, "rows": int(rows.sum())}
