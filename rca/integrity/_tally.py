"""How often each value of a column stands in a sample, and which stand there more often than they did."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rca.stats import Floats
    from rca.types import Pair, Table

Tally = tuple["NDArray[Any]", "NDArray[np.intp]"]


def tally(table: Any, name: str) -> Tally:
    """Return the values of a column of numbers or times, in order, and their counts."""
    return _tallies(table)[name]


@functools.lru_cache(maxsize=8)
def _tallies(table: Table) -> dict[str, Tally]:
    found = {}
    for name in table.sample.columns:
        values = table.sample[name]
        if values.dtype.kind in "fM":
            known = values.to_numpy()
            found[name] = np.unique(known[np.isfinite(known)], return_counts=True)
    return found


def error(share: Any, pair: Pair) -> Any:
    """Return the standard error of the difference of two shares of about this size."""
    share = np.maximum(share, 0.005)
    return np.sqrt(
        share * (1 - np.minimum(share, 0.995)) * sum(1 / len(t.sample) for t in (pair.reference, pair.current))
    )


def risen(pair: Pair, name: str, floor: float) -> tuple[NDArray[Any], Floats, Floats]:
    """Return the values whose share rose by more than the floor and than chance, and both shares."""
    (values, counts), (old, past) = tally(pair.current, name), tally(pair.reference, name)
    often = counts > floor * len(pair.current.sample)
    values, now = values[often], counts[often] / len(pair.current.sample)
    place = np.minimum(np.searchsorted(old, values), max(len(old) - 1, 0))
    had = old[place] == values if len(old) else np.zeros(len(values), dtype=bool)
    before = np.where(had, past[place] if len(old) else 0, 0) / len(pair.reference.sample)
    rose = now - before > floor + 2 * error(before, pair)
    return values[rose], now[rose], before[rose]
