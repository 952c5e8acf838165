"""The faults of rows that are there more than once."""

from __future__ import annotations

from typing import Any

import pandas as pd

from rca.errors import ConfigError
from rca.faults._common import Done, Draw, Frame, chosen, require
from rca.registry import fault


@fault("duplicate_rows", "repeat some rows")
def duplicate_rows(frame: Frame, column: str | None, rng: Draw, *, share: float = 0.1) -> Done:
    """Append a random share of the rows again, as a load that ran twice does; see :func:`join_fanout`."""
    rows = chosen(frame, rng, share)
    damaged = pd.concat([frame, frame[rows]], ignore_index=True)
    return damaged, {"kind": "duplicate_rows", "column": None, "share": share, "rows": int(rows.sum())}


@fault("train_test_overlap", "put rows of the training table into the exam")
def train_test_overlap(
    frame: Frame, column: str | None, rng: Draw, *, other: Frame | None = None, share: float = 0.2
) -> Done:
    """Replace a share of an exam's rows by rows of the training table, `other`; see :func:`join_fanout`."""
    rows = chosen(frame, rng, share)
    if other is None or len(other) < rows.sum():
        raise ConfigError("the training table is needed: give it as 'other', with as many rows as are replaced.")
    seen = other.iloc[rng.choice(len(other), int(rows.sum()), replace=False)].reindex(columns=frame.columns)
    damaged = pd.concat([frame[~rows], seen.set_index(frame.index[rows])]).loc[frame.index]
    return damaged, {"kind": "train_test_overlap", "column": None, "share": share, "rows": int(rows.sum())}


@fault("join_fanout", "multiply rows by a join")
def join_fanout(
    frame: Frame, column: str | None, rng: Draw, *, values: list[Any] | None = None, joined: str | None = None
) -> Done:
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
    >>> whole = pd.DataFrame({"shop": ["A", "B"] * 3, "amount": range(6)})
    >>> damaged, truth = join_fanout(whole, "shop", None, values=["B"])
    >>> damaged["amount"].tolist(), truth["rows"]
    ([0, 1, 2, 3, 4, 5, 1, 3, 5], 3)
    """
    name = require(frame, column)
    if values is None:
        shares = frame[name].value_counts(normalize=True).sort_index()
        fit = shares.index[shares.between(0.01, 0.6)]
        values = [fit[int(rng.integers(len(fit)))]] if len(fit) else []
    copies = frame[frame[name].isin(values)]
    if joined is not None:
        drawn = frame[require(frame, joined)].iloc[rng.integers(len(frame), size=len(copies))]
        copies = copies.assign(**{joined: drawn.to_numpy()})
    truth = {"kind": "join_fanout", "column": None, "join": name, "values": list(values), "joined": joined}
    return pd.concat([frame, copies], ignore_index=True), {**truth, "rows": len(copies)}
