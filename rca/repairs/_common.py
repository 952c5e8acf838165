"""What the repairs share."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rca.errors import NotApplicable
from rca.types import Finding


def column_of(frame: pd.DataFrame, finding: Finding, reference: pd.DataFrame) -> str:
    """Return the column that a finding is about.

    Raises
    ------
    NotApplicable
        If one of the tables does not have it.
    """
    parts = finding.subject.split(".", 2)
    name = str(finding.evidence.get("column") or (parts[2] if len(parts) == 3 else ""))
    for side, table in (("current", frame), ("reference", reference)):
        if name not in table.columns:
            raise NotApplicable(f"the {side} table has no column '{name}' to repair.")
    return name


def where(frame: pd.DataFrame, finding: Finding) -> NDArray[np.bool_]:
    """Return the rows of the part in which a finding says all are damaged; all rows if it says nothing."""
    told = finding.evidence
    rows = np.ones(len(frame), dtype=bool)
    for name, level in (told.get("segment") or {}).items():
        rows &= frame[name].astype("object").map(_text, na_action="ignore").eq(level).to_numpy()
    time = told.get("time")
    if time in frame.columns:
        moments = naive(frame[time])
        for word, sign in (("onset", 1), ("until", -1)):
            if told.get(word):
                rows &= (sign * (moments - pd.Timestamp(told[word])).dt.total_seconds() >= 0).to_numpy()
    return rows


def naive(column: pd.Series) -> pd.Series:
    """Return times without their zone, in UTC, as checks read them."""
    times = pd.to_datetime(column, utc=True).dt.tz_localize(None)
    return times.astype("datetime64[us]")


def plain(frame: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """Return some columns as checks read them: numbers as floats, times without zone, all else as categories."""
    return pd.DataFrame({name: _plain(frame[name]) for name in names}, index=frame.index)


def _plain(column: pd.Series) -> pd.Series:
    if pd.api.types.is_bool_dtype(column) or not pd.api.types.is_numeric_dtype(column):
        if pd.api.types.is_datetime64_any_dtype(column):
            return naive(column)
        return column.astype("object").map(_text, na_action="ignore").astype("category")
    return column.astype("float64")


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool | np.bool_) else str(value)
