"""The faults of values that are not of their moment: frozen, late, at the wrong hour, or otherwise at serving."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from rca.errors import ConfigError, choices
from rca.faults._common import chosen, require
from rca.registry import fault

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray


@fault("frozen_column", "hold on to one value")
def frozen_column(
    frame: pd.DataFrame,
    column: str | None,
    rng: np.random.Generator,
    *,
    share: float = 1.0,
    since: str | None = None,
    time: str | None = None,
    where: Mapping[str, Any] | None = None,
    key: Sequence[str] = (),
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Let a column keep the value of the first of the chosen rows, or of each entity's last row before.

    Parameters
    ----------
    share, since, time, where : optional
        Which rows: all, or a share of those since a moment, where a column has a value.
    key : sequence of str
        The columns that name an entity, whose own value then stays.

    Returns
    -------
    DataFrame, dict
        The damaged table, and the truth about it.

    Examples
    --------
    >>> whole = pd.DataFrame({"at": pd.to_datetime(["2024-01-01", "2024-01-02", "2024-01-03"]), "load": [1, 2, 3]})
    >>> import numpy as np
    >>> damaged, truth = frozen_column(whole, "load", np.random.default_rng(0), since="2024-01-02", time="at")
    >>> damaged["load"].tolist(), truth["rows"]
    ([1, 1, 1], 2)
    """
    name = require(frame, column)
    window, rows = (chosen(frame, rng, part, since, time, where) for part in (1.0, share))
    ranked, entity = _ranked(frame, time, key)
    entity = entity * 2 + chosen(frame, rng, 1.0, where=where)[ranked.index]
    grouped = ranked[name].mask(window[ranked.index]).groupby(entity)
    held = grouped.ffill().fillna(ranked[name].groupby(entity).transform("first"))
    values = ranked[name].mask(rows[ranked.index], held)
    return _done("frozen_column", frame, name, values, rows, since=since)


@fault("stale_column", "let a column lag")
def stale_column(
    frame: pd.DataFrame,
    column: str | None,
    rng: np.random.Generator,
    *,
    lag: int = 1,
    since: str | None = None,
    time: str | None = None,
    key: Sequence[str] = (),
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Put the value of an earlier row, of the entity where a key is given, in place; see :func:`frozen_column`."""
    name = require(frame, column)
    rows = chosen(frame, rng, 1.0, since, time)
    ranked, entity = _ranked(frame, time, key)
    late = ranked[name].groupby(entity).shift(lag)
    values = late.fillna(ranked[name]).astype(frame[name].dtype).where(rows[ranked.index], ranked[name])
    return _done("stale_column", frame, name, values, rows, lag=lag, since=since)


@fault("time_shift", "shift a time by hours")
def time_shift(
    frame: pd.DataFrame,
    column: str | None,
    rng: np.random.Generator,
    *,
    hours: float = 1.0,
    share: float = 1.0,
    since: str | None = None,
    where: Mapping[str, Any] | None = None,
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Move a timestamp by hours, as a wrong time zone does; see :func:`frozen_column`."""
    name = require(frame, column)
    if not pd.api.types.is_datetime64_any_dtype(frame[name].dtype):
        raise ConfigError(f"'{name}' is no timestamp: choose a column of times.")
    rows = chosen(frame, rng, share, since, name, where)
    values = frame[name].mask(rows, frame[name] + pd.Timedelta(hours=hours))
    return _done("time_shift", frame, name, values, rows, hours=hours, since=since)


@fault("train_serve_skew", "compute a feature otherwise")
def train_serve_skew(
    frame: pd.DataFrame,
    column: str | None,
    rng: np.random.Generator,
    *,
    how: str = "round",
    value: float = 0.0,
    share: float = 1.0,
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Round a feature to `value` decimals, fill its nulls with it, or multiply by it; see :func:`frozen_column`."""
    name = require(frame, column, number=how != "fill")
    rows = chosen(frame, rng, share)
    ways = {
        "round": lambda old: old.round(int(value)),
        "fill": lambda old: old.fillna(value),
        "factor": lambda old: old * value,
    }
    if how not in ways:
        raise ConfigError(f"how is {how!r}: choose one of {choices(ways)}.")
    values = frame[name].where(~rows, ways[how](frame[name]))
    return _done("train_serve_skew", frame, name, values, rows, how=how, value=value)


def _ranked(frame: pd.DataFrame, time: str | None, key: Sequence[str]) -> tuple[pd.DataFrame, pd.Series]:
    """Return the rows in the order of time, by position, and a number for the entity of each."""
    ranked = frame.reset_index(drop=True)
    ranked = ranked if time is None else ranked.sort_values(require(ranked, time), kind="stable")
    names = [require(frame, name) for name in key]
    entity = ranked.groupby(names, dropna=False).ngroup() if names else pd.Series(0, index=ranked.index)
    return ranked, entity


def _done(
    kind: str, frame: pd.DataFrame, name: str, values: pd.Series, rows: NDArray[np.bool_], **told: Any
) -> tuple[pd.DataFrame, dict[str, Any]]:
    values = values.sort_index().set_axis(frame.index) if kind in ("frozen_column", "stale_column") else values
    moved = int((values.ne(frame[name]) & ~(values.isna() & frame[name].isna())).sum())
    told |= {"share": float(rows.mean()) if len(rows) else 0.0, "rows": moved}
    return frame.assign(**{name: values}), {"kind": kind, "column": name, **told}
