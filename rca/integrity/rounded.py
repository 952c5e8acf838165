"""RCA106, whether values lost their decimals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from rca.integrity._common import apart, damage, noise, numbers, percent
from rca.integrity._levels import said
from rca.registry import check

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rca.integrity._common import Mask
    from rca.types import Case, Finding

_DIGITS = range(-3, 7)
_QUICK = 2000


@check("RCA106", "values lost their decimals")
def rounded(case: Case, *, floor: float = 0.02) -> Iterator[Finding]:
    """Find numeric columns in which values have fewer decimals, or end in more zeros, than the reference's.

    Parameters
    ----------
    floor : float
        A rise of the share of such values up to this is no finding.

    Yields
    ------
    Finding
        Of kind ``type_change``. The evidence holds the `decimals` that are left, negative for tens and hundreds.

    Notes
    -----
    Only if the reference's values, rounded likewise, have the same law: other values are other damages.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from rca.tables import open_table
    >>> from rca.types import Case, Pair, Roles
    >>> whole = pd.DataFrame({"heat": np.random.default_rng(0).normal(20, 5, 2000)})
    >>> case = Case((Pair("train", open_table(whole), open_table(whole.round(0))),), Roles())
    >>> [f.text for f in rounded(case)]
    ['heat lost its decimals in 100 % of the rows of train, 0 % in the reference.']
    >>> list(rounded(Case((Pair("train", open_table(whole), open_table(whole)),), Roles())))
    []
    """
    for pair, reference, current in numbers(case):
        name = reference.name
        old, new = (side.sample[name].to_numpy() for side in (pair.reference, pair.current))
        digits = _lost(old, new, floor) if current.quantiles else None
        if digits is None:
            continue
        hit, before = _whole(new, digits), float(_whole(old, digits).mean())
        if hit.mean() - before > floor and _like(old, new[hit], digits):
            lost = "its decimals" if digits == 0 else f"digits beyond {10.0**-digits:g}"
            text = f"{said(name)} lost {lost} in {{share}} of the rows of {{table}}{{where}}, {percent(before)} in the "
            facts: dict[str, Any] = {"text": text + "reference.", "floor": floor, "before": before, "decimals": digits}
            yield from damage("RCA106", "type_change", pair, name, hit, case, **facts)


def _lost(old: Any, new: Any, floor: float) -> int | None:
    """Return to how few digits most of the values were brought that have lost some."""
    rise = {}
    for digits in _DIGITS:
        first = _whole(old[:_QUICK], digits).mean()
        rise[digits] = _whole(new[:_QUICK], digits).mean() - first if first <= 0.2 else 0.0
    most = max(rise.values())
    return next(d for d in _DIGITS if rise[d] >= 0.9 * most) if most > floor / 2 else None


def _whole(values: Any, digits: int) -> Mask:
    """Return which values have no more than so many decimals."""
    scaled = values * 10.0**digits
    with np.errstate(invalid="ignore"):
        return np.asarray(np.isfinite(values) & (np.abs(scaled - np.round(scaled)) <= 1e-9 + 1e-7 * np.abs(scaled)))


def _like(old: Any, hits: Any, digits: int) -> bool:
    """Say whether the values are the reference's, rounded or cut off."""
    known = old[np.isfinite(old)] * 10.0**digits
    ways = (np.round(known), np.trunc(known), np.floor(known))
    near = min(apart(way, np.round(hits * 10.0**digits)) for way in ways)
    return len(np.unique(hits)) > 1 and near <= 0.1 + noise(len(known), len(hits))
