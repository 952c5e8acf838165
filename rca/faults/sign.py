"""The fault of a flipped sign."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rca.faults._common import chosen, require
from rca.registry import fault

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    import pandas as pd


@fault("sign_flip", "turn the sign of a column")
def sign_flip(
    frame: pd.DataFrame,
    column: str | None,
    rng: np.random.Generator,
    *,
    share: float = 1.0,
    since: str | None = None,
    time: str | None = None,
    where: Mapping[str, Any] | None = None,
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Turn the sign of the chosen cells, as a change of convention (a debt for a balance) does.

    Returns
    -------
    DataFrame, dict
        The damaged table, and the truth about it.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> damaged, truth = sign_flip(pd.DataFrame({"debt": [1.0, 2.0]}), "debt", np.random.default_rng(0))
    >>> damaged["debt"].tolist(), truth["rows"]
    ([-1.0, -2.0], 2)
    """
    name = require(frame, column, number=True)
    rows = chosen(frame, rng, share, since, time, where) & frame[name].ne(0).to_numpy() & frame[name].notna().to_numpy()
    damaged = frame.assign(**{name: frame[name].mask(rows, -frame[name])})
    return damaged, {"kind": "sign_flip", "column": name, "since": since, "rows": int(rows.sum())}
