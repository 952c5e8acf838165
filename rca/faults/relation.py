"""The fault of a broken relation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from rca.faults._common import chosen, require
from rca.registry import fault

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd


@fault("broken_relation", "shuffle a column")
def broken_relation(
    frame: pd.DataFrame,
    column: str | None,
    rng: np.random.Generator,
    *,
    share: float = 1.0,
    since: str | None = None,
    time: str | None = None,
    where: Mapping[str, Any] | None = None,
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Shuffle the chosen cells of a column, as a join on the wrong key does: its values stay, their rows do not.

    Returns
    -------
    DataFrame, dict
        The damaged table, and the truth about it; `rows` counts the shuffled cells.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> damaged, truth = broken_relation(pd.DataFrame({"a": range(9)}), "a", np.random.default_rng(0))
    >>> sorted(damaged["a"]) == list(range(9)), damaged["a"].tolist() == list(range(9))
    (True, False)
    """
    name = require(frame, column)
    rows = chosen(frame, rng, share, since, time, where)
    order = np.arange(len(frame))
    order[rows] = rng.permutation(order[rows])
    damaged = frame.assign(**{name: frame[name].array[order]})
    return damaged, {"kind": "broken_relation", "column": name, "since": since, "rows": int(rows.sum())}
