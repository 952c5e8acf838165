"""The repair of lost rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from rca.errors import NotApplicable
from rca.registry import repair

if TYPE_CHECKING:
    import numpy as np

    from rca.types import Finding


@repair("missing_segment", "bring back the segment that was lost")
def missing_segment(
    frame: pd.DataFrame, finding: Finding, reference: pd.DataFrame, rng: np.random.Generator
) -> pd.DataFrame:
    """Add the reference's rows of the lost category or span of time; see :func:`truncation`."""
    whole: pd.DataFrame = truncation(frame, finding, reference, rng)
    return whole


@repair("truncation", "bring back the rows that were lost")
def truncation(
    frame: pd.DataFrame,
    finding: Finding,
    reference: pd.DataFrame,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Add the reference's rows that the table lost.

    Parameters
    ----------
    frame : DataFrame
        The damaged table; it is not changed.
    finding : Finding
        Its evidence says which rows: by ``key``, else by ``column`` and ``value``, else by ``time`` from
        ``since`` to ``until``.
    reference : DataFrame
    rng : Generator
        Not needed.

    Returns
    -------
    DataFrame
        The table with the lost rows at its end, under labels beyond those it has.

    Raises
    ------
    NotApplicable
        If nothing says which rows were lost.

    Examples
    --------
    >>> from rca.types import Finding
    >>> whole = pd.DataFrame({"id": [1, 2, 3], "age": [30, 40, 50]})
    >>> finding = Finding("RCA110", "truncation", "data.train", "", evidence={"key": ["id"], "missing_keys": 1})
    >>> truncation(whole[:2], finding, whole, None).equals(whole)
    True
    """
    lost = reference[_lost(frame, finding, reference)]
    lost = lost.reindex(columns=frame.columns)
    first = int(frame.index.max()) + 1 if len(frame) and pd.api.types.is_integer_dtype(frame.index) else len(frame)
    lost.index = pd.RangeIndex(first, first + len(lost))
    return pd.concat([frame, lost]) if len(lost) else frame.copy()


def _lost(frame: pd.DataFrame, finding: Finding, reference: pd.DataFrame) -> pd.Series:
    """Return which rows of the reference are not in the frame."""
    told = finding.evidence
    key, time, column = list(told.get("key") or []), told.get("time"), told.get("column")
    both = set(frame.columns) & set(reference.columns)
    if key and told.get("missing_keys") and set(key) <= both:
        have = pd.MultiIndex.from_frame(frame[key])
        return pd.Series(~pd.MultiIndex.from_frame(reference[key]).isin(have), index=reference.index)
    if column in both and told.get("value") is not None:
        return reference[str(column)].astype("object").map(str, na_action="ignore").eq(told["value"])
    if time in both and told.get("since"):
        moment = reference[str(time)]
        after = moment.gt(pd.Timestamp(told["since"]))
        return after & moment.lt(pd.Timestamp(told["until"])) if told.get("until") else after
    raise NotApplicable("neither a key nor a time nor a category says which rows were lost.")
