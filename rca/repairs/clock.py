"""The repairs of values that are not of their moment: frozen, late, at the wrong hour, or otherwise at serving."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from rca.registry import repair
from rca.repairs._common import column_of
from rca.repairs._resample import resample, restore

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    from rca.types import Finding


def _place(frame: pd.DataFrame, told: Mapping[str, Any]) -> NDArray[np.bool_]:
    """Return the rows of a finding's span of time or segment; all where it names none."""
    rows = pd.Series(True, index=frame.index)
    time = told.get("time")
    if time in frame.columns and told.get("onset"):
        rows &= frame[time] >= pd.Timestamp(told["onset"])
        rows &= frame[time] <= pd.Timestamp(told.get("until") or frame[time].max())
    for name, level in (told.get("segment") or {}).items():
        rows &= frame[name].astype("object").map(str, na_action="ignore") == level
    return rows.to_numpy(dtype=bool, copy=True)


def _order(frame: pd.DataFrame, told: Mapping[str, Any]) -> tuple[pd.DataFrame, pd.Series]:
    """Return the rows in the order of time, by position, and their entities."""
    ranked = frame.reset_index(drop=True).sort_values(told["time"], kind="stable")
    entity = list(told.get("entity") or ())
    groups = ranked.groupby(entity, dropna=False).ngroup() if entity else pd.Series(0, index=ranked.index)
    return ranked, groups


@repair("frozen_column", "draw the frozen values from the reference")
def frozen_column(
    frame: pd.DataFrame, finding: Finding, reference: pd.DataFrame, rng: np.random.Generator
) -> pd.DataFrame:
    """Draw the cells that hold on to a value again, given the other columns.

    Returns
    -------
    DataFrame
        The repaired table, with the same index.

    Examples
    --------
    >>> import numpy as np
    >>> from rca.types import Finding
    >>> whole = pd.DataFrame({"city": ["A", "B"] * 50, "age": [30, 40] * 50})
    >>> finding = Finding("RCA117", "frozen_column", "data.train.age", "", evidence={"column": "age", "value": 30})
    >>> frozen_column(whole.assign(age=30), finding, whole, np.random.default_rng(0)).equals(whole)
    True
    """
    name, told = column_of(frame, finding, reference), finding.evidence
    rows = _place(frame, told)
    if told.get("entity"):
        ranked, groups = _order(frame, {"time": told["clock"], **told})
        rows &= (ranked[name] == ranked[name].groupby(groups).shift()).sort_index().to_numpy(dtype=bool)
    elif isinstance(told.get("value"), str):
        rows &= (
            frame[name].astype("object").map(str, na_action="ignore").str.lower() == told["value"].lower()
        ).to_numpy()
    else:
        rows &= (frame[name] == told.get("value")).to_numpy(dtype=bool, na_value=False)
    return frame.assign(**{name: resample(frame, name, rows, reference, rng)})


@repair("stale_column", "shift the values back to their rows")
def stale_column(
    frame: pd.DataFrame, finding: Finding, reference: pd.DataFrame, rng: np.random.Generator
) -> pd.DataFrame:
    """Give each row the value that came the lag later, and draw those of the last; see :func:`frozen_column`."""
    name, told = column_of(frame, finding, reference), finding.evidence
    ranked, groups = _order(frame, {**told, "time": told["clock"]})
    if told["unit"] == "days":
        days = ranked[told["clock"]].dt.floor("D")
        groups = days.rank(method="dense")
        value = ranked[name].groupby(groups).first()
        values, last = (groups + told["lag"]).map(value), groups + told["lag"] > groups.max()
    else:
        values = ranked[name].groupby(groups).shift(-told["lag"])
        last = ranked.groupby(groups).cumcount(ascending=False) < told["lag"]
    rows = _place(frame, told)
    values, last = (side.sort_index().set_axis(frame.index) for side in (values, last))
    fixed = frame.assign(**{name: restore(frame[name].astype("object").mask(rows, values), reference[name].dtype)})
    return fixed.assign(**{name: resample(fixed, name, rows & last.to_numpy(), reference, rng)})


@repair("time_shift", "shift the times back")
def time_shift(
    frame: pd.DataFrame, finding: Finding, reference: pd.DataFrame, rng: np.random.Generator
) -> pd.DataFrame:
    """Take the hours from the times that are off; see :func:`frozen_column`."""
    name, told = column_of(frame, finding, reference), finding.evidence
    late, rows = pd.Timedelta(hours=told["hours"]), _place(frame, told)
    if told["how"] == "key":
        old = reference.drop_duplicates(told["key"]).set_index(told["key"])[name]
        rows = (frame[name] - late == frame[told["key"]].join(old, on=told["key"])[name]).to_numpy(dtype=bool)
    elif told["how"] == "midnight":
        rows &= (frame[name] != frame[name].dt.floor("D")).to_numpy(dtype=bool)
    elif told["how"] == "beside":
        span = (frame[name] - frame[told["other"]]) / pd.Timedelta(microseconds=1)
        rows &= ((span < told["low"]) | (span > told["high"])).to_numpy(dtype=bool)
    return frame.assign(**{name: frame[name].mask(rows, frame[name] - late)})


@repair("train_serve_skew", "take the values that training saw")
def train_serve_skew(
    frame: pd.DataFrame, finding: Finding, reference: pd.DataFrame, rng: np.random.Generator
) -> pd.DataFrame:
    """Undo how the column differs, and take the reference's values where it has the row; see :func:`frozen_column`."""
    name, told = column_of(frame, finding, reference), finding.evidence
    rows, values = _place(frame, told), frame[name]
    if told["how"] == "null_fill":
        filled = rows & (values.astype("object") == told["value"]).to_numpy(dtype=bool)
        fixed = values.mask(filled & (rng.random(len(frame)) < told.get("of", 1.0)))
    elif told["how"] == "scaled":
        fixed = values.mask(rows, (values - told["offset"]) / told["factor"])
    else:
        fixed = resample(frame, name, rows, reference, rng)
    key = list(told.get("key") or ())
    if key and set(key) <= set(reference.columns):
        old = reference.drop_duplicates(key).set_index(key)[[name]].assign(known_=True)
        there = frame[key].join(old, on=key)
        fixed = fixed.astype("object").where(there["known_"].isna(), there[name])
    return frame.assign(**{name: restore(fixed, reference[name].dtype)})
