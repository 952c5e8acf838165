"""The faults of rows: lost, there more than once, or drawn from a world that moved."""

from typing import Any
import numpy as np
import pandas as pd
from rca.errors import ConfigError
from rca.faults._common import Done, Draw, Frame, Name, chosen, require
from rca.registry import fault


def _done(damaged: Frame, struck: Any, kind: str, **told: Any) -> Done:
    return damaged.copy(), {"kind": kind, "column": None, **told, "rows": int(struck.sum())}


@fault("truncation", "cut the table off")
def truncation(frame: Frame, column: Name, rng: Draw, *, share: float = 0.2, limit: int | None = None) -> Done:
    """Drop the last rows of a table, as a file format's limit or an interrupted copy does; `rows` counts them.

    The newest rows go where the column is a time, else those at the end; `limit` stay, whatever the share.

    Examples
    --------
    >>> damaged, truth = truncation(pd.DataFrame({"age": range(10)}), None, None, share=0.3)
    >>> damaged["age"].tolist(), truth["rows"]
    ([0, 1, 2, 3, 4, 5, 6], 3)
    """
    if limit is None and not 0 < share < 1:
        raise ConfigError(f"share is {share}: choose a number above 0 and below 1.")
    stay = len(frame) - round(share * len(frame)) if limit is None else limit
    rank = np.arange(len(frame)) + 1 if column is None else frame[require(frame, column)].rank(method="first")
    lost = ~np.asarray(rank <= stay)
    return _done(frame[~lost], lost, "truncation", time=column, share=share, limit=limit)


@fault("missing_segment", "lose one category or one span of time")
def missing_segment(frame: Frame, column: Name, rng: Draw, *, value: Any = None, share: float = 0.1) -> Done:
    """Drop all rows of one value (of 2 % to 50 % unless said), or a share in a span of time; see :func:`truncation`."""
    name = require(frame, column)
    if pd.api.types.is_datetime64_any_dtype(frame[name]):
        start = rng.uniform(0.2, max(0.8 - share, 0.2))
        lost = frame[name].rank(pct=True).between(start, start + share, inclusive="right")
    else:
        shares = frame[name].value_counts(normalize=True).sort_index()
        fit = [value] if value is not None else list(shares.index[shares.between(0.02, 0.5)])
        if not fit:
            raise ConfigError(f"no value of {name} has 2 % to 50 % of the rows: choose another column.")
        value = fit[int(rng.integers(len(fit)))]
        lost = frame[name] == value
    return _done(frame[~lost.to_numpy(bool)], lost, "missing_segment", by=name, value=value)


@fault("selection_bias", "lose rows of one label")
def selection_bias(frame: Frame, column: Name, rng: Draw, *, value: Any = None, share: float = 0.5) -> Done:
    """Drop a share of one class (the rarest), or above the median of many numbers; see :func:`truncation`."""
    name = require(frame, column)
    counts = frame[name].value_counts().sort_index()
    many = len(counts) > 10 and pd.api.types.is_numeric_dtype(frame[name])
    value = counts.idxmin() if value is None and not many else value
    mine = np.flatnonzero(frame[name] > frame[name].median() if value is None else frame[name] == value)
    lost = np.zeros(len(frame), dtype=bool)
    lost[mine] = chosen(frame.iloc[mine], rng, share)
    return _done(frame[~lost], lost, "selection_bias", target=name, value=value, share=share)


@fault("training_data", "train on another extract")
def training_data(frame: Frame, column: Name, rng: Draw, *, share: float = 0.9) -> Done:
    """Lose a random share of the rows, as an extract that was sampled; see :func:`truncation`."""
    lost = chosen(frame, rng, share)
    return _done(frame[~lost], lost, "training_data", share=share)


@fault("duplicate_rows", "repeat some rows")
def duplicate_rows(frame: Frame, column: Name, rng: Draw, *, share: float = 0.1) -> Done:
    """Append a random share of the rows again, as a load that ran twice does; see :func:`truncation`."""
    rows = chosen(frame, rng, share)
    return _done(pd.concat([frame, frame[rows]], ignore_index=True), rows, "duplicate_rows", share=share)


@fault("train_test_overlap", "put rows of the training table into the exam")
def train_test_overlap(
    frame: Frame, column: Name, rng: Draw, *, other: Frame | None = None, share: float = 0.2
) -> Done:
    """Replace a share of an exam's rows by rows of the training table, `other`; see :func:`truncation`."""
    rows = chosen(frame, rng, share)
    if other is None or len(other) < rows.sum():
        raise ConfigError("the training table is needed: give it as 'other', with as many rows as are replaced.")
    seen = other.iloc[rng.choice(len(other), int(rows.sum()), replace=False)].reindex(columns=frame.columns)
    damaged = pd.concat([frame[~rows], seen.set_index(frame.index[rows])]).loc[frame.index]
    return _done(damaged, rows, "train_test_overlap", share=share)


@fault("join_fanout", "multiply rows by a join")
def join_fanout(frame: Frame, column: Name, rng: Draw, *, values: list[Any] | None = None, joined: Name = None) -> Done:
    """Repeat all rows with some values of a column, as a key that a joined table has twice; see :func:`truncation`.

    The values are one of those with 1 % to 60 % of the rows unless said. In `joined`, a column that came with the join,
    the copies have values of other rows. The rows get new labels. The `join` of the truth is the column.
    """
    name = require(frame, column)
    if values is None:
        shares = frame[name].value_counts(normalize=True).sort_index()
        fit = shares.index[shares.between(0.01, 0.6)]
        values = [fit[int(rng.integers(len(fit)))]] if len(fit) else []
    copied = frame[name].isin(values)
    copies = frame[copied]
    if joined is not None:
        drawn = frame[require(frame, joined)].iloc[rng.integers(len(frame), size=len(copies))]
        copies = copies.assign(**{joined: drawn.to_numpy()})
    told = {"join": name, "values": list(values), "joined": joined}
    return _done(pd.concat([frame, copies], ignore_index=True), copied, "join_fanout", **told)


def _kept(frame: Frame, weights: Any, rng: Draw, kind: str, column: str, **told: Any) -> Done:
    """Keep each row with a chance in proportion to its weight, so that none is there twice."""
    stay = rng.random(len(frame)) < weights / weights.max()
    return frame[stay].copy(), {"kind": kind, "column": column, **told, "rows": int((~stay).sum())}


@fault("covariate_shift", "see other rows of the same law")
def covariate_shift(frame: Frame, column: Name, rng: Draw, *, strength: float = 2.0) -> Done:
    """Keep rows of the largest value e^strength times as often as of the smallest; see :func:`truncation`."""
    name = require(frame, column)
    weights = np.exp(strength * frame[name].rank(pct=True).fillna(0.5).to_numpy())
    return _kept(frame, weights, rng, "covariate_shift", name, strength=strength)


@fault("label_shift", "see one outcome more often")
def label_shift(frame: Frame, column: Name, rng: Draw, *, value: Any = None, factor: float = 4.0) -> Done:
    """Keep rows of one outcome (the rarest) `factor` times as often as others; see :func:`truncation`."""
    name = require(frame, column)
    value = frame[name].value_counts().sort_index().idxmin() if value is None else value
    weights = np.where(frame[name] == value, factor, 1.0)
    return _kept(frame, weights, rng, "label_shift", name, value=value, factor=factor)
