"""The fault of an exam that the model has seen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from rca.errors import ConfigError
from rca.faults._common import some
from rca.registry import fault

if TYPE_CHECKING:
    import numpy as np


@fault("train_test_overlap", "put rows of the training table into the exam")
def train_test_overlap(
    frame: pd.DataFrame,
    column: str | None,
    rng: np.random.Generator,
    *,
    other: pd.DataFrame | None = None,
    share: float = 0.2,
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Replace a random share of an exam's rows by rows of the training table.

    Parameters
    ----------
    other : DataFrame
        The training table; `frame` is the exam.

    Returns
    -------
    DataFrame, dict
        The damaged exam, and the truth about it.

    Examples
    --------
    >>> import numpy as np
    >>> exam, train = pd.DataFrame({"id": range(10)}), pd.DataFrame({"id": range(10, 50)})
    >>> damaged, truth = train_test_overlap(exam, None, np.random.default_rng(0), other=train, share=0.3)
    >>> int(damaged["id"].isin(train["id"]).sum()), truth["rows"]
    (3, 3)
    """
    rows = some(frame, rng, share)
    if other is None or len(other) < rows.sum():
        raise ConfigError("the training table is needed: give it as 'other', with as many rows as are replaced.")
    seen = other.iloc[rng.choice(len(other), int(rows.sum()), replace=False)].reindex(columns=frame.columns)
    damaged = pd.concat([frame[~rows], seen.set_index(frame.index[rows])]).loc[frame.index]
    return damaged, {"kind": "train_test_overlap", "column": None, "share": share, "rows": int(rows.sum())}
