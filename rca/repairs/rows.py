"""The repairs of lost rows and of rows that are there more than once."""

from typing import Any
import numpy as np
import pandas as pd
from rca.errors import NotApplicable
from rca.registry import repair
from rca.repairs._common import Draw, Frame
from rca.types import Finding


@repair("truncation", "bring back the rows that were lost")
@repair("missing_segment", "bring back the segment that was lost")
@repair("selection_bias", "bring back the rows that were lost for their label")
def truncation(frame: Frame, finding: Finding, reference: Frame, rng: Draw) -> Frame:
    """Add the reference's rows that the table lost: by key, else by label, by category, by time.

    They stand at the end of the table, under labels beyond those it has.

    Examples
    --------
    >>> whole = pd.DataFrame({"id": [1, 2, 3], "age": [30, 40, 50]})
    >>> finding = Finding("RCA110", "truncation", "data.train", "", evidence={"key": ["id"], "missing_keys": 1})
    >>> truncation(whole[:2], finding, whole, None).equals(whole)
    True
    """
    lost = reference[_lost(frame, finding.evidence, reference, rng)].reindex(columns=frame.columns)
    first = int(frame.index.max()) + 1 if len(frame) and pd.api.types.is_integer_dtype(frame.index) else len(frame)
    lost.index = pd.RangeIndex(first, first + len(lost))
    return pd.concat([frame, lost]) if len(lost) else frame.copy()


@repair("duplicate_rows", "drop the copies of rows")
@repair("train_test_overlap", "drop the training rows from the exam")
@repair("join_fanout", "drop the rows that a join added")
def duplicates(frame: Frame, finding: Finding, reference: Frame, rng: Draw) -> Frame:
    """Keep the first of the rows that are equal but for some columns; see :func:`truncation`.

    These are the finding's `numbered` and `joined` columns. The rows that are left keep their labels.
    """
    if finding.kind == "train_test_overlap":
        raise NotApplicable("only the training table tells which rows of the exam are its own: split them again.")
    varying = {*finding.evidence.get("numbered", ()), *finding.evidence.get("joined", ())}
    same = [name for name in frame.columns if name not in varying]
    return frame[~_hashes(frame, same).duplicated().to_numpy()] if same else frame.copy()


def _lost(frame: Frame, told: Any, reference: Frame, rng: Draw) -> Any:
    """Return which rows of the reference are not in the frame."""
    both = [name for name in reference.columns if name in frame.columns]
    key, time, since, until = list(told.get("key") or []), *(told.get(n) for n in ("time", "since", "until"))
    if key and told.get("missing_keys") and set(key) <= set(both):
        return ~_hashes(reference, key).isin(_hashes(frame, key))
    target = told.get("target")
    name, value = target or told.get("column"), told.get("value")
    found: Any = np.ones(len(reference), dtype=bool)
    if name in both and value is not None:
        number = reference[name].dtype.kind in "iuf"
        found = reference[name].eq(float(value)) if number else reference[name].astype(str).eq(value)
    elif not since and target not in both:
        raise NotApplicable("neither a key nor a time nor a category says which rows were lost.")
    if target in both:
        if told.get("side"):
            found = reference[target].gt(told["cut"]).eq(told["side"] == "above")
        fresh = np.flatnonzero(found & ~_hashes(reference, both).isin(_hashes(frame, both)))
        return np.isin(np.arange(len(found)), rng.choice(fresh, min(len(fresh), told["rows"]), replace=False))
    if time in both and since:
        span = pd.Timestamp(since), pd.Timestamp(until or pd.Timestamp.max)
        found = found & reference[time].between(*span, inclusive="neither")
    return np.asarray(found, dtype=bool)


def _hashes(frame: Frame, names: list[str]) -> pd.Series:
    """Return a number for each row that rows of the same values share."""
    plain = {n: frame[n].map(repr) for n in names if frame[n].dtype == object}
    return pd.util.hash_pandas_object(frame[names].assign(**plain), index=False)
