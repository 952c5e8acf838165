"""The repair of missing values."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rca.registry import repair
from rca.repairs._common import column_of
from rca.repairs._resample import chance_missing, resample

if TYPE_CHECKING:
    import pandas as pd

    from rca.types import Finding


@repair("missing_values", "draw the missing values from the reference")
def missing_values(
    frame: pd.DataFrame, finding: Finding, reference: pd.DataFrame, rng: np.random.Generator
) -> pd.DataFrame:
    """Fill the cells that went missing as the reference would have filled them.

    As many cells stay empty as are empty in the reference, those where it most often is.

    Parameters
    ----------
    frame : DataFrame
        The damaged table; it is not changed.
    finding : Finding
        Its evidence names the column.
    reference : DataFrame
    rng : Generator

    Returns
    -------
    DataFrame
        The repaired table, with the same index.

    Examples
    --------
    >>> import pandas as pd
    >>> from rca.types import Finding
    >>> whole = pd.DataFrame({"city": ["A", "B"] * 100, "zip": [10, 20] * 100})
    >>> damaged = whole.assign(zip=whole["zip"].where(whole.index >= 60))
    >>> finding = Finding("RCA101", "missing_values", "data.train.zip", "", evidence={"column": "zip"})
    >>> missing_values(damaged, finding, whole, np.random.default_rng(0)).equals(whole)
    True
    """
    column = column_of(frame, finding, reference)
    empty = frame[column].isna().to_numpy()
    stay = round(float(reference[column].isna().mean()) * len(frame))
    if empty.sum() <= stay:
        return frame.copy()
    chance = chance_missing(frame, column, empty, reference)
    order = np.lexsort((rng.random(len(chance)), -chance))
    fill = empty.copy()
    fill[np.flatnonzero(empty)[order[:stay]]] = False
    return frame.assign(**{column: resample(frame, column, fill, reference, rng)})
