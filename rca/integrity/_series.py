"""Rows in the order of time, and beside their former selves."""

import functools
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rca.integrity._common import paired
from rca.stats import Floats
from rca.types import Case, Pair, Roles

Rows = NDArray[np.intp]


def entity_of(table: Any, roles: Roles) -> tuple[str, ...]:
    """Return the key without the time if its values come back again and again; else nothing."""
    key = [name for name in roles.key if name != roles.time]
    known = key and set(key) <= set(table.sample.columns)
    return tuple(key) if known and len(table.sample) >= 3 * len(table.sample[key].drop_duplicates()) else ()


@functools.lru_cache(maxsize=4)
def ordered(table: Any, time: str, entity: tuple[str, ...]) -> tuple[pd.DataFrame, Rows]:
    """Return the sample in the order of time (rows without one left out), and a number for each entity."""
    sample = table.sample
    order = np.lexsort((table.hashes, sample[time].to_numpy()))
    frame = sample.iloc[order[sample[time].notna().to_numpy()[order]]]
    groups = frame.groupby(list(entity), observed=True, sort=False).ngroup().to_numpy() if entity else 0
    return frame, np.zeros(len(frame), dtype=np.intp) + groups


def micros(times: pd.Series) -> Floats:
    """Return times as microseconds; NaN where there is none."""
    return np.where(times.isna(), np.nan, times.to_numpy().astype("datetime64[us]").astype(float))


@functools.lru_cache(maxsize=8)
def beside(before: Any, now: Any, key: tuple[str, ...]) -> tuple[pd.DataFrame, pd.DataFrame] | None:
    """Return the rows of both tables that have a key in common, side by side; None for few."""
    if any(before.kinds.get(name) != now.kinds.get(name) for name in key):
        return None
    names = sorted(set(before.sample.columns) & set(now.sample.columns))
    both = paired(Pair("", before, now), Case((), Roles(key=key)), names)
    return both if both is not None and len(both[0]) >= max(30, 0.01 * len(now.sample)) else None
