"""What the faults share: which cells are damaged, and the decorator for damages of single cells."""

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rca.errors import ConfigError, choices
from rca.registry import fault

Frame = pd.DataFrame
Cells = pd.Series
Mask = NDArray[np.bool_]
Draw = np.random.Generator
Done = tuple[Any, dict[str, Any]]  # what is damaged, and the truth
Name = str | None
Where = Mapping[str, Any] | None


def require(frame: Frame, column: Name, what: str = "column of the table") -> str:
    """Return the column if it is there and, for a 'numeric column' or a 'time column', of that kind."""
    kinds: Any = {"numeric": "number", "time": ["datetime", "datetimetz"]}.get(what.partition(" ")[0])
    fit = list(frame.select_dtypes(kinds) if kinds else frame)
    if column not in fit:
        raise ConfigError(f"'{column}' is no {what}: choose one of {choices(fit)}.")
    return str(column)


def chosen(frame: Frame, rng: Draw, share: float, since: Name = None, time: Name = None, where: Where = None) -> Mask:
    """Return a random choice of this share of the rows since a moment of the column `time`, `where` a value stands."""
    if not 0 < share <= 1:
        raise ConfigError(f"share is {share}: choose a number above 0 and at most 1.")
    rows = np.ones(len(frame), dtype=bool)
    if since is not None:
        rows &= frame[require(frame, time, "time column, which 'since' needs")].ge(pd.Timestamp(since)).to_numpy()
    for name, value in (where or {}).items():
        rows &= frame[require(frame, name)].eq(value).to_numpy(dtype=bool, na_value=False)
    return np.isin(np.arange(len(frame)), rng.choice(np.flatnonzero(rows), round(share * rows.sum()), replace=False))


def cells(kind: str, title: str, *, of: str = "column of the table", most: float = 1.0) -> Callable[..., Any]:
    """Register a fault of single cells: a function from a column and the chosen rows to the damaged column.

    The function takes ``(values, rows, rng, *, knobs)``, in the order of the column `time` where one is given, and
    returns a Series, or a DataFrame of all columns that change; a knob `frame` is the whole table. The fault that
    comes of it takes ``(frame, column, rng, *, share, since, time, where, knobs)``, and its truth holds them.

    The column must be `of` a sort, as :func:`require` knows it; a 'new column' need not be there. The fault has the
    name of the function, for its kind may have more than one; `most` is the share unless said.
    """

    def decorate(function: Callable[..., Any]) -> Any:
        mine = [p for p in inspect.signature(function).parameters.values() if p.kind is p.KEYWORD_ONLY]
        more = [p for p in mine if p.name != "frame"]
        which = [p.replace(kind=p.KEYWORD_ONLY) for p in inspect.signature(chosen).parameters.values()][3:]

        @functools.wraps(function)
        def damage(frame: Frame, column: Name, rng: Draw, *, share: float = most, **knobs: Any) -> Done:
            since, time, where = (knobs.pop(p.name, p.default) for p in which)
            if of == "new column" and column not in frame:
                frame = frame.assign(**{str(column): np.nan})
            name = require(frame, column, of.replace("new column", "column of the table"))
            order = np.arange(len(frame)) if time is None else frame[require(frame, time)].array.argsort(kind="stable")
            ranked = frame.iloc[order].reset_index(drop=True)
            rows = chosen(ranked, rng, share, since, time or name, where)
            damaged = function(ranked[name], rows, rng, **knobs, **({"frame": ranked} if mine != more else {}))
            damaged = damaged if isinstance(damaged, pd.DataFrame) else damaged.to_frame(name)
            truth = {"kind": kind, "column": name, "share": share, "since": since, "where": where}
            truth |= {p.name: knobs.get(p.name, p.default) for p in more}
            back = damaged.iloc[np.argsort(order)].set_axis(frame.index)
            return frame.assign(**back), {**truth, "rows": len(ranked[name].compare(damaged[name]))}

        own = [p for p in inspect.signature(damage, follow_wrapped=False).parameters.values() if p.name != "knobs"]
        damage.__signature__ = inspect.Signature([*own, *which, *more])  # type: ignore[attr-defined]  # what callers see
        return fault(function.__name__, title)(damage)

    return decorate
