"""The faults of rows that are there more than once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from rca.faults._common import require, some
from rca.registry import fault

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np


@fault("duplicate_rows", "repeat some rows")
def duplicate_rows(
    frame: pd.DataFrame, column: str | None, rng: np.random.Generator, *, share: float = 0.1
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Append a random share of the rows again, as a load that ran twice does.

    Returns
    -------
    DataFrame, dict
        The damaged table under new labels, and the truth about it.

    Examples
    --------
    >>> import numpy as np
    >>> damaged, truth = duplicate_rows(pd.DataFrame({"age": range(10)}), None, np.random.default_rng(0), share=0.3)
    >>> len(damaged), truth["rows"]
    (13, 3)
    """
    rows = some(frame, rng, share)
    damaged = pd.concat([frame, frame[rows]], ignore_index=True)
    return damaged, {"kind": "duplicate_rows", "column": None, "share": share, "rows": int(rows.sum())}


@fault("join_fanout", "multiply rows by a join")
def join_fanout(
    frame: pd.DataFrame,
    column: str | None,
    rng: np.random.Generator,
    *,
    values: Sequence[Any] | None = None,
    joined: str | None = None,
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Repeat all rows with some values of a column, as a key does that the joined table has twice.

    Parameters
    ----------
    values : sequence, optional
        Of the column; by default one value of those with 1 % to 60 % of the rows, by chance.
    joined : str, optional
        A column that came with the join: the copies have values of other rows in it.

    Returns
    -------
    DataFrame, dict
        The damaged table under new labels, and the truth about it; its `join` is the column.

    Examples
    --------
    >>> import numpy as np
    >>> whole = pd.DataFrame({"shop": ["A", "B"] * 3, "amount": range(6)})
    >>> damaged, truth = join_fanout(whole, "shop", np.random.default_rng(0), values=["B"])
    >>> damaged["amount"].tolist(), truth["rows"]
    ([0, 1, 2, 3, 4, 5, 1, 3, 5], 3)
    """
    name = require(frame, column)
    shares = frame[name].value_counts(normalize=True).sort_index()
    fit = shares.index[shares.between(0.01, 0.6)] if values is None else values
    chosen = [fit[int(rng.integers(len(fit)))]] if values is None and len(fit) else list(fit)
    copies = frame[frame[name].isin(chosen)]
    if joined is not None:
        drawn = frame[require(frame, joined)].iloc[rng.integers(len(frame), size=len(copies))]
        copies = copies.assign(**{joined: drawn.to_numpy()})
    truth = {"kind": "join_fanout", "column": None, "join": name, "values": chosen, "joined": joined}
    return pd.concat([frame, copies], ignore_index=True), {**truth, "rows": len(copies)}
