"""Rows outside the support of the reference: values it never has, so that it cannot say what they cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from rca.inputs.encode import Mask, is_number, labels, numbers

_NEARLY_NEVER = 0.001  # share of missing values below which a column is said to be always filled
_ALPHA = 1e-3  # chance, over all columns, that honest rows are called outside


@dataclass(frozen=True, slots=True)
class Outside:
    """Which current rows are outside the reference's support, and why."""

    rows: Mask
    columns: Mapping[str, Mapping[str, int]]
    """Column to reason (``"level"``, ``"missing"``, ``"present"``, ``"range"``) to count of rows."""
    by_column: Mapping[str, Mask]

    def by_group(self, groups: Mapping[str, Sequence[str]]) -> dict[str, Mask]:
        """Assign each row to the group with the most columns outside, to the first among equals."""
        none = np.zeros(len(self.rows), dtype=int)
        votes = [sum((self.by_column[c] for c in columns if c in self.by_column), none) for columns in groups.values()]
        first = np.argmax(votes, axis=0)
        masks = {name: self.rows & (first == i) for i, name in enumerate(groups)}
        return {name: mask for name, mask in masks.items() if mask.any()}


def outside(p: pd.DataFrame, q: pd.DataFrame) -> Outside:
    """Find the current rows that have a value the reference never has.

    A new level, a missing value where there were (nearly) none, a number beyond the reference's range by more
    than its interquartile range; where there are more of them than a second sample of the same law would have.
    """
    # If both samples came from one law, each of k rare rows is a current one with this chance.
    current = len(q) / (len(p) + len(q))
    alpha = _ALPHA / max(1, 4 * p.shape[1])
    reasons: dict[str, dict[str, int]] = {}
    masks: dict[str, Mask] = {}
    for name in p.columns:
        number = is_number(p[name]) and is_number(q[name])
        test = _number if number else _category
        found = {**_filled(p[name], q[name], current, alpha), **test(p[name], q[name], current, alpha)}
        if found:
            reasons[name] = {reason: int(mask.sum()) for reason, mask in found.items()}
            masks[name] = np.logical_or.reduce(list(found.values()))
    rows = np.logical_or.reduce([np.zeros(len(q), dtype=bool), *masks.values()])
    return Outside(rows, reasons, masks)


def _too_many(k: int, current: float, alpha: float) -> bool:
    """Return whether k rows on the current side and none on the other are no accident."""
    return k > 0 and k * np.log(current) < np.log(alpha)


def _filled(p: pd.Series[Any], q: pd.Series[Any], current: float, alpha: float) -> dict[str, Mask]:
    """Compare what is missing: never on one side, often on the other."""
    from scipy.stats import binom

    gone, now = p.isna().to_numpy(), q.isna().to_numpy()
    for reason, there, here in (("missing", gone, now), ("present", ~gone, ~now)):
        k0, k1 = int(there.sum()), int(here.sum())
        if k1 and k0 < _NEARLY_NEVER * len(there) and binom.sf(k1 - 1, k0 + k1, current) < alpha:
            return {reason: here}
    return {}


def _number(p: pd.Series[Any], q: pd.Series[Any], current: float, alpha: float) -> dict[str, Mask]:
    values, now = numbers(p), numbers(q)
    values = values[np.isfinite(values)]
    if not len(values):
        return {}
    first, third = np.quantile(values, [0.25, 0.75])
    spread = third - first
    masks = [now < values.min() - spread, now > values.max() + spread]
    masks = [mask for mask in masks if _too_many(int(mask.sum()), current, alpha)]
    return {"range": np.logical_or.reduce(masks)} if masks else {}


def _category(p: pd.Series[Any], q: pd.Series[Any], current: float, alpha: float) -> dict[str, Mask]:
    now = pd.Series(labels(q))
    seen, counts = pd.Series(labels(p)).value_counts(), now.value_counts()
    new = counts[~counts.index.isin(seen.index)]
    if new.empty or seen.empty:
        return {}
    # Levels that come once in the reference tell how much of the law it has not shown (Good and Turing).
    expected = int((seen == 1).sum()) * len(q) / len(p)
    if len(new) <= expected + 4 * np.sqrt(expected + 1) or not _too_many(int(new.sum()), current, alpha):
        new = new[[_too_many(count, current, alpha / (len(seen) + len(new))) for count in new]]
    mask = now.isin(new.index).to_numpy()
    return {"level": mask} if mask.any() else {}
