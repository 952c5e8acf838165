"""The repair of lost rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from rca.errors import NotApplicable
from rca.registry import repair

if TYPE_CHECKING:
    from rca.integrity._common import Mask
    from rca.types import Finding


@repair("truncation", "bring back the rows that were lost")
@repair("missing_segment", "bring back the segment that was lost")
@repair("selection_bias", "bring back the rows that were lost for their label")
def truncation(
    frame: pd.DataFrame, finding: Finding, reference: pd.DataFrame, rng: np.random.Generator
) -> pd.DataFrame:
    """Add the reference's rows that the table lost: by key, else by label, by category, by time.

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
    lost = reference[_lost(frame, finding.evidence, reference, rng)].reindex(columns=frame.columns)
    first = int(frame.index.max()) + 1 if len(frame) and pd.api.types.is_integer_dtype(frame.index) else len(frame)
    lost.index = pd.RangeIndex(first, first + len(lost))
    return pd.concat([frame, lost]) if len(lost) else frame.copy()


def _lost(frame: pd.DataFrame, told: Any, reference: pd.DataFrame, rng: np.random.Generator) -> Mask:
    """Return which rows of the reference are not in the frame."""
    both = [name for name in reference.columns if name in frame.columns]
    key, time, since = list(told.get("key") or []), told.get("time"), told.get("since")
    if key and told.get("missing_keys") and set(key) <= set(both):
        return np.asarray(~_rows(reference, key).isin(_rows(frame, key)))
    found = np.ones(len(reference), dtype=bool)
    if told.get("target") in both:
        segment = told.get("segment") or {}
        for name, value in [(told["target"], told.get("value")), *segment.items()]:
            found &= _is(reference[name], value) if value is not None else True
        if told.get("side"):
            found &= (reference[told["target"]].gt(told["cut"]) == (told["side"] == "above")).to_numpy(dtype=bool)
        fresh = np.flatnonzero(found & ~_rows(reference, both).isin(_rows(frame, both)))
        return np.isin(np.arange(len(found)), rng.choice(fresh, min(len(fresh), told["rows"]), replace=False))
    if told.get("column") in both and told.get("value") is not None:
        found &= _is(reference[told["column"]], told["value"])
    elif not since:
        raise NotApplicable("neither a key nor a time nor a category says which rows were lost.")
    if time in both and since:
        found &= reference[time].gt(pd.Timestamp(since)).to_numpy(dtype=bool)
        if told.get("until"):
            found &= reference[time].lt(pd.Timestamp(told["until"])).to_numpy(dtype=bool)
    return found


def _rows(frame: pd.DataFrame, names: list[str]) -> pd.Index:
    """Return a number for each row that rows of the same values share."""
    plain = {n: frame[n].map(repr) for n in names if frame[n].dtype == object}
    return pd.Index(pd.util.hash_pandas_object(frame[names].assign(**plain), index=False))


def _is(values: pd.Series, text: str) -> Mask:
    number = pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)
    return (values.eq(float(text)) if number else values.astype("object").map(str).eq(text)).to_numpy(dtype=bool)
