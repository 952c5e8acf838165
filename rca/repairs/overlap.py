"""The repair of an exam that holds training rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from rca.errors import NotApplicable
from rca.registry import repair

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from rca.types import Finding


@repair("train_test_overlap", "drop the training rows from the exam")
def train_test_overlap(
    frame: pd.DataFrame, finding: Finding, reference: pd.DataFrame, rng: np.random.Generator
) -> NoReturn:
    """Say why there is no repair: a finding names no rows, and only the training table tells which they are.

    Returns
    -------
    Never.

    Examples
    --------
    >>> train_test_overlap(None, None, None, None)
    Traceback (most recent call last):
    ...
    rca.errors.NotApplicable: only the training table tells which rows of the exam are its own: split them again.
    """
    raise NotApplicable("only the training table tells which rows of the exam are its own: split them again.")
