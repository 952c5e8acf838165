"""The repairs of values that are not of their moment: frozen, late, at the wrong hour, or otherwise at serving."""

from __future__ import annotations

import pandas as pd

from rca.registry import repair
from rca.repairs._common import Draw, Frame, column_of, resample, restore, where
from rca.types import Finding


@repair("frozen_column", "draw the frozen values from the reference")
def frozen_column(frame: Frame, finding: Finding, reference: Frame, rng: Draw) -> Frame:
    """Draw the cells that hold on to a value again, given the other columns.

    Examples
    --------
    >>> import numpy as np
    >>> whole = pd.DataFrame({"city": ["A", "B"] * 50, "age": [30, 40] * 50})
    >>> finding = Finding("RCA117", "frozen_column", "data.train.age", "", evidence={"column": "age", "value": 30})
    >>> frozen_column(whole.assign(age=30), finding, whole, np.random.default_rng(0)).equals(whole)
    True
    """
    name, told, rows = column_of(frame, finding, reference), finding.evidence, where(frame, finding)
    if told.get("entity"):
        ranked, groups = _order(frame, finding)
        rows &= (ranked[name] == ranked[name].groupby(groups).shift()).sort_index().to_numpy(dtype=bool)
    else:
        text = isinstance(told["value"], str)
        values = frame[name].astype("object").map(str, na_action="ignore").str.lower() if text else frame[name]
        rows &= (values == (told["value"].lower() if text else told["value"])).to_numpy(dtype=bool, na_value=False)
    return frame.assign(**{name: resample(frame, name, rows, reference, rng)})


@repair("stale_column", "shift the values back to their rows")
def stale_column(frame: Frame, finding: Finding, reference: Frame, rng: Draw) -> Frame:
    """Give each row the value that came the lag later, and draw those of the last; see :func:`frozen_column`."""
    name, lag, rows = column_of(frame, finding, reference), finding.evidence["lag"], where(frame, finding)
    ranked, groups = _order(frame, finding)
    if finding.evidence["unit"] == "days":
        day = ranked[finding.evidence["clock"]].dt.floor("D").rank(method="dense")
        values, last = (day + lag).map(ranked[name].groupby(day).first()), day + lag > day.max()
    else:
        values = ranked[name].groupby(groups).shift(-lag)
        last = ranked.groupby(groups).cumcount(ascending=False) < lag
    values, last = (side.sort_index().set_axis(frame.index) for side in (values, last))
    fixed = frame.assign(**{name: restore(frame[name].astype("object").mask(rows, values), reference[name].dtype)})
    return fixed.assign(**{name: resample(fixed, name, rows & last.to_numpy(), reference, rng)})


@repair("time_shift", "shift the times back")
def time_shift(frame: Frame, finding: Finding, reference: Frame, rng: Draw) -> Frame:
    """Take the hours from the times that are off; see :func:`frozen_column`."""
    name, told, rows = column_of(frame, finding, reference), finding.evidence, where(frame, finding)
    late = pd.Timedelta(hours=told["hours"])
    if told["how"] == "key":
        old = reference.drop_duplicates(told["key"]).set_index(told["key"])[name]
        rows = (frame[name] - late == frame[told["key"]].join(old, on=told["key"])[name]).to_numpy(dtype=bool)
    elif told["how"] == "midnight":
        rows &= (frame[name] != frame[name].dt.floor("D")).to_numpy(dtype=bool)
    return frame.assign(**{name: frame[name].mask(rows, frame[name] - late)})


def _order(frame: Frame, finding: Finding) -> tuple[Frame, pd.Series]:
    """Return the rows in the order of time, by position, and their entities."""
    ranked = frame.reset_index(drop=True).sort_values(finding.evidence["clock"], kind="stable")
    entity = list(finding.evidence["entity"])
    return ranked, ranked.groupby(entity, dropna=False).ngroup() if entity else pd.Series(0, index=ranked.index)
