"""Rows in the order of time, and beside their former selves: what the checks of stale and shifted columns share."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from rca.tables import SAMPLE, Table

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rca.integrity._law import Law, Seen
    from rca.stats import Floats
    from rca.types import Roles

    Rows = NDArray[np.intp]


def entity_of(table: Table, roles: Roles) -> list[str]:
    """Return the key without the time if its values come back again and again; else nothing."""
    key = [name for name in roles.key if name != roles.time]
    if not key or not set(key) <= set(table.sample.columns):
        return []
    return key if len(table.sample) >= 3 * len(table.sample[key].drop_duplicates()) else []


def ordered(table: Table, time: str, entity: list[str]) -> tuple[pd.DataFrame, Rows]:
    """Return the sample in the order of time (rows without one left out), and a number for each entity."""
    sample = table.sample
    order = np.lexsort((table.hashes, sample[time].to_numpy()))
    frame = sample.iloc[order[sample[time].notna().to_numpy()[order]]]
    groups = frame.groupby(entity, observed=True, sort=False).ngroup().to_numpy() if entity else np.zeros(len(frame))
    return frame, groups.astype(np.intp)


def codes(values: pd.Series) -> Floats:
    """Return numbers as they are, times in microseconds and categories by their code; missing is NaN."""
    if values.dtype == "category":
        return np.where(values.isna(), np.nan, values.cat.codes.to_numpy(dtype=float))
    if values.dtype.kind == "M":
        return np.where(values.isna(), np.nan, values.to_numpy().astype("datetime64[us]").astype(float))
    return values.to_numpy(dtype=float)


def numeric(values: pd.Series) -> Floats | None:
    """Return a column as numbers, also where they or truth values are written as text; None for words."""
    if values.dtype != "category":
        return codes(values) if values.dtype.kind == "f" else None
    words = pd.Index(values.cat.categories.astype(str)).str.lower().map({"true": "1", "false": "0"}.get, "ignore")
    told = pd.to_numeric(pd.Series(words.where(words.notna(), values.cat.categories)), errors="coerce").to_numpy()
    return None if np.isnan(told).any() else np.append(told, np.nan).astype(float)[values.cat.codes.to_numpy()]


@functools.lru_cache(maxsize=4)
def newest(table: Table, time: str) -> Table:
    """Return the table, or its newest rows, all of them, where it is larger than a sample."""
    if table.rows <= SAMPLE:
        return table
    edge: Any = table.sample[time].quantile(1 - 0.9 * SAMPLE / table.rows)
    return Table(table.expr.filter(table.expr[time] >= edge.to_pydatetime()), table.name)


def row_key(table: Table, roles: Roles) -> tuple[str, ...]:
    """Return the columns that name a row: the key, with the time where the key alone comes back."""
    return (*roles.key, roles.time) if entity_of(table, roles) and roles.time else roles.key


@functools.lru_cache(maxsize=8)
def joined(current: Table, other: Table, key: tuple[str, ...]) -> tuple[Rows, pd.DataFrame] | None:
    """Return the rows of the current sample that the other table has too, and what they are there; None for few."""
    if not key or not all(set(key) <= set(table.sample.columns) for table in (current, other)):
        return None
    mine, names = current.sample[list(key)], list(key)
    theirs = other.sample if other.rows <= SAMPLE else _asked(other, mine)
    plain = [_plain(side, mine, theirs, names) for side in (mine, theirs)]
    left, right = (side.assign(row=np.arange(len(side))).dropna().drop_duplicates(names, keep=False) for side in plain)
    both = left.merge(right, on=names, suffixes=("", "_other")).sort_values("row")
    if len(both) < 30 or len(both) < 0.01 * len(mine):
        return None
    return both["row"].to_numpy(), theirs.iloc[both["row_other"].to_numpy()].reset_index(drop=True)


def _plain(side: pd.DataFrame, mine: pd.DataFrame, theirs: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    """Write keys as text where one side does, so that 7 and '7' meet."""
    found = {}
    for name in names:
        text = "category" in (mine[name].dtype, theirs[name].dtype)
        number = side[name].map("{:.15g}".format, na_action="ignore") if side[name].dtype.kind == "f" else side[name]
        found[name] = number.astype("object") if text else side[name]
    return pd.DataFrame(found)


def _asked(other: Table, keys: pd.DataFrame) -> pd.DataFrame:
    """Fetch the rows with these keys from the engine."""
    import ibis

    kinds = {"f": "float64", "M": "timestamp"}
    wanted = ibis.memtable(
        keys.dropna().drop_duplicates().astype({n: "object" for n in keys if keys[n].dtype == "category"})
    )
    on = [other.expr[n].cast(kinds.get(keys[n].dtype.kind, "string")) == wanted[n] for n in keys]
    return Table(other.expr.semi_join(wanted, on), other.name).sample


def pull(law: Law, name: str, seen: Seen) -> Floats:
    """Return how much the other columns of each row speak for each bin of a column.

    The mean over rows, at the bins that they have, is the slope of the column's relations: 1 as in the reference.
    """
    i = law.names.index(name)
    weights = np.where(law.partners[i], law.dependence[i], 0.0)
    share = np.repeat(weights / weights.sum() / law.phi[i], np.diff([*law.starts, len(law.scale)]))
    own = law.place[name]
    found: Floats = seen.cells @ (law.relations[own] / law.scale[own] * share).T
    return found


def slopes_of(law: Law, seen: Seen) -> dict[str, float]:
    """Return the slope of every column that has relations, as :meth:`Law.relation` does, all at once."""
    gap = (seen.joint - np.outer(seen.shares, seen.shares)) / law.scale
    weights = np.where(law.partners, law.dependence, 0.0)
    slopes = (weights * law.sums(gap * law.relations) / law.phi).sum(axis=1) if law.names else np.zeros(0)
    return {n: s / w for n, s, w in zip(law.names, slopes, weights.sum(axis=1), strict=True) if w > 0}
