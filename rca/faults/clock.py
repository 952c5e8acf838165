"""The faults of values that are not of their moment: frozen, late, at the wrong hour, or otherwise at serving."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from rca.faults._common import Cells, Draw, Frame, Mask, cells, require


def _entity(frame: Frame, key: Sequence[str]) -> Any:
    names = [require(frame, name) for name in key]
    return frame.groupby(names, dropna=False).ngroup() if names else np.zeros(len(frame))


@cells("frozen_column", "hold on to one value")
def frozen_column(values: Cells, rows: Mask, rng: Draw, *, frame: Frame, key: Sequence[str] = ()) -> Cells:
    """Let a column keep the value of the last row before the chosen ones, or of the first of them.

    Parameters
    ----------
    key : sequence of str
        The columns that name an entity, whose own value then stays.

    Examples
    --------
    >>> whole = pd.DataFrame({"at": pd.to_datetime(["2024-01-01", "2024-01-02", "2024-01-03"]), "load": [1, 2, 3]})
    >>> damaged, truth = frozen_column(whole, "load", np.random.default_rng(0), since="2024-01-02", time="at")
    >>> damaged["load"].tolist(), truth["rows"]
    ([1, 1, 1], 2)
    """
    entity = _entity(frame, key)
    begun = pd.Series(rows).groupby(entity).cummax()
    held = values.mask(begun).groupby(entity).ffill().fillna(values.groupby(entity).transform("first"))
    return values.mask(rows, held.astype(values.dtype))


@cells("stale_column", "let a column lag")
def stale_column(values: Cells, rows: Mask, rng: Draw, *, frame: Frame, lag: int = 1, key: Sequence[str] = ()) -> Cells:
    """Put the value of an earlier row, of the entity where a key is given, in place; see :func:`frozen_column`."""
    late = values.groupby(_entity(frame, key)).shift(lag).fillna(values)
    return values.mask(rows, late.astype(values.dtype))


@cells("time_shift", "shift a time by hours", of="time column")
def time_shift(values: Cells, rows: Mask, rng: Draw, *, hours: float = 1.0) -> Cells:
    """Move a timestamp by hours, as a wrong time zone does; see :func:`frozen_column`."""
    return values.mask(rows, values + pd.Timedelta(hours=hours))
