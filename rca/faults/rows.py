"""The fault of lost rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rca.errors import ConfigError
from rca.faults._common import require
from rca.registry import fault

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd


@fault("truncation", "cut the table off")
def truncation(
    frame: pd.DataFrame,
    column: str | None,
    rng: np.random.Generator,
    *,
    share: float = 0.2,
    limit: int | None = None,
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Drop the last rows of a table, as a file format's limit or an interrupted copy does.

    Parameters
    ----------
    frame : DataFrame
        The sound table; it is not changed.
    column : str, optional
        A time column: the newest rows go. Without one, the rows at the end go.
    rng : Generator
        Not needed.
    share : float
        Of the rows, where there is no limit.
    limit : int, optional
        So many rows stay.

    Returns
    -------
    DataFrame, dict
        The damaged table, and the truth about it; `rows` counts those that are gone.

    Examples
    --------
    >>> import pandas as pd
    >>> damaged, truth = truncation(pd.DataFrame({"age": range(10)}), None, None, share=0.3)
    >>> damaged["age"].tolist(), truth["rows"]
    ([0, 1, 2, 3, 4, 5, 6], 3)
    """
    if limit is None and not 0 < share < 1:
        raise ConfigError(f"share is {share}: choose a number above 0 and below 1.")
    stay = len(frame) - round(share * len(frame)) if limit is None else min(limit, len(frame))
    kept = frame.iloc[:stay]
    if column is not None:
        # ranks keep the rows in their order
        kept = frame[frame[require(frame, column)].rank(method="first") <= stay]
    truth = {"kind": "truncation", "column": None, "time": column, "share": share, "limit": limit}
    return kept.copy(), {**truth, "rows": len(frame) - len(kept)}
