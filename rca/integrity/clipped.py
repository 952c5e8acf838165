"""RCA105, whether values end at a bound that they used to pass."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from rca.integrity._common import apart, damage, noise, numbers, views
from rca.integrity._levels import said
from rca.integrity._tally import error, risen
from rca.registry import check

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rca.integrity._common import View
    from rca.types import Case, Finding, Pair


@check("RCA105", "values were cut off at a bound")
def clipped(case: Case, *, floor: float = 0.005) -> Iterator[Finding]:
    """Find numeric columns that end at a bound, in all rows or a part, where the rows beyond it now stand.

    Parameters
    ----------
    floor : float
        A rise of the share at the bound up to this is no finding.

    Yields
    ------
    Finding
        Of kind ``range_violation``. The evidence holds the bounds as `clip`, and as `low` and `high` the
        last numbers within them, so that the cells at a bound are those outside.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from rca.tables import open_table
    >>> from rca.types import Case, Pair, Roles
    >>> whole = pd.DataFrame({"heat": np.random.default_rng(0).normal(20, 5, 2000)})
    >>> damaged = whole.clip(upper=25)
    >>> case = Case((Pair("train", open_table(whole), open_table(damaged)),), Roles())
    >>> [f.text for f in clipped(case)]
    ['heat ends at 25 in train, with 16 % of the rows there.']
    >>> list(clipped(Case((Pair("train", open_table(whole), open_table(whole)),), Roles())))
    []
    """
    for pair, reference, current in numbers(case):
        name, sample = reference.name, pair.current.sample
        values = risen(pair, name, floor)[0] if current.quantiles else np.zeros(0)
        for view in views(pair, case) if len(values) else ():
            low, high = (_bound(pair, name, view, values, sign) for sign in (-1, 1))
            ends = [end for end in (low, high) if end is not None]
            if not ends:
                continue
            hit, old = view.mask & sample[name].isin(ends).to_numpy(), pair.reference.sample[name].isin(ends)
            told = " and ".join(f"{end:.6g}" for end in ends)
            text = f"{said(name)} ends at {told} in {{table}}, with {{share}} of the rows there{{where}}."
            inner = float(np.nextafter(low, np.inf)) if low is not None else current.min
            outer = float(np.nextafter(high, -np.inf)) if high is not None else current.max
            facts: dict[str, Any] = {
                "text": text,
                "floor": floor,
                "before": old.mean(),
                "clip": ends,
                "low": inner,
                "high": outer,
            }
            yield from damage("RCA105", "range_violation", pair, name, hit, case, where=view.where, **facts)
            break


def _bound(pair: Pair, name: str, view: View, values: Any, sign: int) -> float | None:
    """Return the bound at one end, if the reference's tail beyond it stands there and all else is as it was."""
    reference = pair.reference.sample
    for column, level in view.where.get("segment", {}).items():
        reference = reference[reference[column] == level]
    old, new = sign * reference[name].to_numpy(), sign * pair.current.sample[name].to_numpy()[view.mask]
    old, new = old[np.isfinite(old)], new[np.isfinite(new)]
    if min(len(old), len(new)) < 20 or sign * new.max() not in values:
        return None
    end = new.max()
    spike, tail = float((new == end).mean() - (old == end).mean()), float((old > end).mean())
    slack = 3 * float(error(tail, pair)) + 0.3 * tail
    if tail <= 0 or abs(spike - tail) > slack or spike < tail / 2:
        return None
    # the other end may be cut off too
    old, new = np.maximum(old[old < end], new.min()), new[new < end]
    # a series that goes by steps ends at one of them all the time
    few = len(np.unique(new)) < (10 if "segment" in view.where else 3)
    return float(sign * end) if not few and apart(old, new) <= 0.05 + noise(len(old), len(new)) else None
