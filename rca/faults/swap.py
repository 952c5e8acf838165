"""The fault of exchanged columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from rca.faults._common import chosen, require
from rca.registry import fault

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np


@fault("column_swap", "exchange two columns")
def column_swap(
    frame: pd.DataFrame,
    column: str | None,
    rng: np.random.Generator,
    *,
    other: str | None = None,
    share: float = 1.0,
    since: str | None = None,
    time: str | None = None,
    where: Mapping[str, Any] | None = None,
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Exchange the chosen cells of two columns, as a reader that goes by position does.

    Parameters
    ----------
    other : str, optional
        The second column; the next one of the same kind unless said.

    Returns
    -------
    DataFrame, dict
        The damaged table, and the truth about it.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> damaged, truth = column_swap(pd.DataFrame({"a": [1, 2], "b": [3, 4]}), "a", np.random.default_rng(0))
    >>> damaged["a"].tolist(), damaged["b"].tolist(), truth["columns"]
    ([3, 4], [1, 2], ['a', 'b'])
    """
    one = require(frame, column)
    number = pd.api.types.is_numeric_dtype(frame[one])
    alike = [n for n in frame.columns if n != one and pd.api.types.is_numeric_dtype(frame[n]) == number]
    twin = require(frame, other if other is not None else next(iter(alike), None))
    rows = chosen(frame, rng, share, since, time, where)
    damaged = frame.assign(**{one: frame[one].where(~rows, frame[twin]), twin: frame[twin].where(~rows, frame[one])})
    truth = {"kind": "column_swap", "column": one, "columns": [one, twin], "since": since}
    return damaged, {**truth, "rows": int(rows.sum())}
