"""Rows outside the support of the reference: values it never has, so that it cannot say what they cost."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from scipy.stats import binom, iqr

from rca.inputs.encode import Mask, is_number, labels, numbers

_NEARLY_NEVER = 0.001  # share of missing values below which a column is said to be always filled
_ALPHA = 1e-3  # chance, over all columns, that honest rows are called outside


def outside(p: pd.DataFrame, q: pd.DataFrame) -> pd.DataFrame:
    """Say for each column which current rows have a value in it that the reference never has.

    A new level, a missing value where there were (nearly) none, a number beyond the reference's range by more
    than its interquartile range; where there are more of them than a second sample of the same law would have. The
    answer has a row for each of `q`, without its labels.
    """
    # If both samples came from one law, each of k rare rows is a current one with this chance.
    current = len(q) / (len(p) + len(q))
    alpha = _ALPHA / max(1, 4 * p.shape[1])
    masks: dict[str, Mask] = {}
    for name in p.columns:
        test = _number if is_number(p[name]) and is_number(q[name]) else _category
        masks[name] = test(p[name], q[name], current, alpha)
        gone, now = p[name].isna().to_numpy(), q[name].isna().to_numpy()
        # what is missing, or there, never on one side and often on the other
        for there, here in ((gone, now), (~gone, ~now)):
            k0, k1 = int(there.sum()), int(here.sum())
            if k1 and k0 < _NEARLY_NEVER * len(there) and binom.sf(k1 - 1, k0 + k1, current) < alpha:
                masks[name] = masks[name] | here
    return pd.DataFrame(masks, index=range(len(q)))


def by_group(found: pd.DataFrame, groups: Mapping[str, Sequence[str]]) -> dict[str, Mask]:
    """Assign each row outside to the group with the most columns outside, to the first among equals."""
    first = np.argmax([found[list(columns)].sum(axis=1) for columns in groups.values()], axis=0)
    masks = {name: found.any(axis=1).to_numpy() & (first == i) for i, name in enumerate(groups)}
    return {name: mask for name, mask in masks.items() if mask.any()}


def _too_many(k: int, current: float, alpha: float) -> bool:
    """Return whether k rows on the current side and none on the other are no accident."""
    return k > 0 and k * np.log(current) < np.log(alpha)


def _number(p: pd.Series, q: pd.Series, current: float, alpha: float) -> Mask:
    values, now = numbers(p), numbers(q)
    values = values[np.isfinite(values)]
    found = np.zeros(len(q), dtype=bool)
    if len(values):
        spread = float(iqr(values))
        for beyond in (now < values.min() - spread, now > values.max() + spread):
            found |= beyond & _too_many(int(beyond.sum()), current, alpha)
    return found


def _category(p: pd.Series, q: pd.Series, current: float, alpha: float) -> Mask:
    now = pd.Series(labels(q))
    seen, counts = pd.Series(labels(p)).value_counts(), now.value_counts()
    new = counts[~counts.index.isin(seen.index)]
    if new.empty or seen.empty:
        return np.zeros(len(q), dtype=bool)
    # Levels that come once in the reference tell how much of the law it has not shown (Good and Turing).
    expected = int((seen == 1).sum()) * len(q) / len(p)
    if len(new) <= expected + 4 * np.sqrt(expected + 1) or not _too_many(int(new.sum()), current, alpha):
        new = new[[_too_many(count, current, alpha / (len(seen) + len(new))) for count in new]]
    return now.isin(new.index).to_numpy()
