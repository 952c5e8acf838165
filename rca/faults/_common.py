"""What the faults share."""

from __future__ import annotations

import functools
import inspect
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from rca.errors import ConfigError, choices
from rca.registry import fault

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray


def some(frame: pd.DataFrame, rng: np.random.Generator, share: float) -> NDArray[np.bool_]:
    """Return a random choice of exactly this share of the rows.

    Raises
    ------
    ConfigError
        If the share is not above 0 and at most 1.

    Examples
    --------
    >>> int(some(pd.DataFrame({"a": range(200)}), np.random.default_rng(0), 0.1).sum())
    20
    """
    if not 0 < share <= 1:
        raise ConfigError(f"share is {share}: choose a number above 0 and at most 1.")
    rows = np.zeros(len(frame), dtype=bool)
    rows[rng.choice(len(frame), round(share * len(frame)), replace=False)] = True
    return rows


def chosen(
    frame: pd.DataFrame,
    rng: np.random.Generator,
    share: float,
    since: str | None = None,
    time: str | None = None,
    where: Mapping[str, Any] | None = None,
) -> NDArray[np.bool_]:
    """Return a random choice of this share of the rows since a moment of the column `time`, `where` a value stands.

    Examples
    --------
    >>> table = pd.DataFrame({"city": ["Rome", "Oslo"] * 100})
    >>> int(chosen(table, np.random.default_rng(0), 0.1, where={"city": "Rome"}).sum())
    10
    """
    open_to = np.ones(len(frame), dtype=bool) if since is None else since_time(frame, time, since)
    for name, value in (where or {}).items():
        open_to = open_to & frame[require(frame, name)].eq(value).to_numpy(dtype=bool, na_value=False)
    places = np.flatnonzero(open_to)
    rows = np.zeros(len(frame), dtype=bool)
    rows[places[some(frame.iloc[places], rng, share)]] = True
    return rows


def since_time(frame: pd.DataFrame, time: str | None, since: str) -> NDArray[np.bool_]:
    """Return the rows at or after a moment."""
    if time is None or time not in frame.columns:
        raise ConfigError(
            f"'since' needs the time column: there is no '{time}', choose one of {choices(frame.columns)}."
        )
    return frame[time].ge(pd.Timestamp(since)).to_numpy(dtype=bool)


def require(frame: pd.DataFrame, column: str | None, *, number: bool = False) -> str:
    """Return the column if it is there, and a number where that is needed.

    Raises
    ------
    ConfigError
        Naming the columns that would do.

    Examples
    --------
    >>> require(pd.DataFrame({"age": [1], "city": ["A"]}), "city", number=True)
    Traceback (most recent call last):
    ...
    rca.errors.ConfigError: 'city' is no numeric column: choose one of 'age'.
    """
    fit = [
        name
        for name in frame.columns
        if not number or (pd.api.types.is_numeric_dtype(frame[name]) and not pd.api.types.is_bool_dtype(frame[name]))
    ]
    if column not in fit:
        what = "numeric column" if number else "column of the table"
        raise ConfigError(f"'{column}' is no {what}: choose one of {choices(fit)}.")
    return str(column)


def cells(kind: str, title: str, *, number: bool = False, code: str | None = None, most: float = 1.0) -> Any:
    """Register a fault of single cells: a function from a column and the chosen rows to the damaged column.

    The function takes ``(values, rows, rng, *, knobs)`` and returns a Series. The fault that comes of it takes
    ``(frame, column, rng, *, share, since, time, where, knobs)``: which share of the rows, since which moment of
    the column `time`, and `where` which value stands in which column. Its truth holds all of them, and `rows`, the
    number of cells that are another than before.

    Parameters
    ----------
    number : bool
        Whether the column must be numeric.
    code : str, optional
        The name of the fault where its kind has more than one.
    most : float
        The share unless said.
    """

    def decorate(function: Callable[..., pd.Series]) -> Callable[..., tuple[pd.DataFrame, dict[str, Any]]]:
        @functools.wraps(function)
        def damage(
            frame: pd.DataFrame,
            column: str | None,
            rng: np.random.Generator,
            *,
            share: float = most,
            since: str | None = None,
            time: str | None = None,
            where: Mapping[str, Any] | None = None,
            **knobs: Any,
        ) -> tuple[pd.DataFrame, dict[str, Any]]:
            name = require(frame, column, number=number)
            rows = chosen(frame, rng, share, since, time, where)
            damaged = function(frame[name], rows, rng, **knobs)
            same = damaged.eq(frame[name]) | (damaged.isna() & frame[name].isna())
            told = {"share": share, "since": since, "where": where, **knobs}
            changed = int((~same.to_numpy(dtype=bool, na_value=False)).sum())
            return frame.assign(**{name: damaged}), {"kind": kind, "column": name, **told, "rows": changed}

        own = [p for p in inspect.signature(damage, follow_wrapped=False).parameters.values() if p.name != "knobs"]
        more = [p for p in inspect.signature(function).parameters.values() if p.kind is p.KEYWORD_ONLY]
        damage.__signature__ = inspect.Signature([*own, *more])  # type: ignore[attr-defined]  # what callers see
        return fault(code or kind, title)(damage)

    return decorate
