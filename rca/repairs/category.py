"""The repair of new and of renamed categories."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rca.registry import repair
from rca.repairs._common import column_of
from rca.repairs._resample import resample, restore

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from rca.types import Finding


@repair("renamed_category", "give a renamed category its old name")
def renamed_category(
    frame: pd.DataFrame, finding: Finding, reference: pd.DataFrame, rng: np.random.Generator
) -> pd.DataFrame:
    """Map new names back to the old ones, and draw again what has no old name; see :func:`new_category`."""
    fixed: pd.DataFrame = new_category(frame, finding, reference, rng)
    return fixed


@repair("new_category", "draw the rows of a new category from the reference")
def new_category(
    frame: pd.DataFrame, finding: Finding, reference: pd.DataFrame, rng: np.random.Generator
) -> pd.DataFrame:
    """Replace categories that the reference never had.

    Parameters
    ----------
    frame : DataFrame
        The damaged table; it is not changed.
    finding : Finding
        Its evidence holds ``new`` (the new categories) and ``mapping`` (new to old, where that is known).
    reference : DataFrame
    rng : Generator

    Returns
    -------
    DataFrame
        The repaired table, with the same index.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from rca.types import Finding
    >>> whole = pd.DataFrame({"city": ["Rome", "Oslo"] * 50, "zip": [10, 20] * 50})
    >>> renamed = whole.replace("Rome", "Roma")
    >>> found = {"column": "city", "new": {"Roma": 50}, "mapping": {"Roma": "Rome"}}
    >>> finding = Finding("RCA107", "renamed_category", "data.train.city", "", evidence=found)
    >>> new_category(renamed, finding, whole, np.random.default_rng(0)).equals(whole)
    True
    >>> unknown = Finding("RCA107", "new_category", "data.train.city", "", evidence={**found, "mapping": {}})
    >>> new_category(renamed, unknown, whole, np.random.default_rng(0)).equals(whole)
    True
    """
    column = column_of(frame, finding, reference)
    mapping = dict(finding.evidence.get("mapping") or {})
    known = set(reference[column].dropna().unique())
    fixed = frame[column].astype("object").replace(mapping)
    strange = (fixed.notna() & ~fixed.isin(known)).to_numpy()
    if not strange.any():
        return frame.assign(**{column: restore(fixed, reference[column].dtype)})
    return frame.assign(**{column: resample(frame.assign(**{column: fixed}), column, strange, reference, rng)})
