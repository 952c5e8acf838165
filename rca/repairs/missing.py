"""The repair of missing values, and of constants in their place."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from rca.registry import repair
from rca.repairs._common import column_of
from rca.repairs._resample import chance_missing, resample

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rca.types import Finding


@repair("sentinel_values", "draw the values again for which a constant stands")
def sentinel_values(
    frame: pd.DataFrame, finding: Finding, reference: pd.DataFrame, rng: np.random.Generator
) -> pd.DataFrame:
    """Empty the cells that hold one of the evidence's `values`, and fill them; see :func:`missing_values`."""
    column = column_of(frame, finding, reference)
    cells, values = frame[column], finding.evidence.get("values", [])
    if pd.api.types.is_numeric_dtype(cells) and not pd.api.types.is_bool_dtype(cells):
        hit = cells.isin([float(value) for value in values])
    elif pd.api.types.is_datetime64_any_dtype(cells):
        hit = cells.isin([pd.Timestamp(value, tz=getattr(cells.dt, "tz", None)) for value in values])
    else:
        hit = cells.astype("object").map(str, na_action="ignore").isin(values)
    fixed: pd.DataFrame = missing_values(frame.assign(**{column: cells.mask(hit)}), finding, reference, rng)
    return fixed


@repair("missing_values", "draw the missing values from the reference")
def missing_values(
    frame: pd.DataFrame, finding: Finding, reference: pd.DataFrame, rng: np.random.Generator
) -> pd.DataFrame:
    """Fill the cells that went missing as the reference would have filled them.

    As many cells stay empty as are empty in the reference, those where it most often is.

    Parameters
    ----------
    finding : Finding
        Its evidence names the column.

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
    empty, before = (_empty(side[column]) for side in (frame, reference))
    frame = frame.assign(**{column: frame[column].mask(empty)})
    stay = round(float(before.mean()) * len(frame))
    if empty.sum() <= stay:
        return frame
    chance = chance_missing(frame, column, empty, reference)
    order = np.lexsort((rng.random(len(chance)), -chance))
    fill = empty.copy()
    fill[np.flatnonzero(empty)[order[:stay]]] = False
    return frame.assign(**{column: resample(frame, column, fill, reference, rng)})


def _empty(values: pd.Series) -> NDArray[np.bool_]:
    """Return which cells hold nothing, or nothing but blanks."""
    blank = (
        values.astype("object").map(lambda v: isinstance(v, str) and not v.strip())
        if values.dtype.kind in "OU"
        else False
    )
    return np.asarray(values.isna() | blank, dtype=bool)
