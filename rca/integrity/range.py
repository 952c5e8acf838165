"""RCA103, RCA105 and RCA106, whether values are impossible, cut off at a bound, or without their decimals."""

from collections.abc import Iterator
from functools import partial
from typing import Any
import numpy as np
import pandas as pd
from rca.integrity._common import Mask, beyond_chance, differ, numbers, report, samples, tail_chance
from rca.integrity._units import beyond, explain
from rca.integrity._views import View, part_of, settle, views
from rca.integrity.missing import error, risen
from rca.registry import check
from rca.types import Case, Finding, Pair

_DIGITS = range(-3, 7)


@check("RCA103", "values lie far outside the range", symptom=True, alone=True)
def range_violation(case: Case, *, reach: float = 3.0, floor: float = 0.001) -> Iterator[Finding]:
    """Find numeric columns in which a minority of rows lies far outside, while the others are as they were.

    Far outside is beyond the reference's extremes by half their distance, and beyond its central 98 % by
    `reach` times their width, or negative where the reference never is, or infinite. A population that moved as
    a whole is not meant, nor a tail that grew; rows that a change of unit explains are left to that check.

    The evidence holds the bounds.

    Examples
    --------
    >>> whole = pd.DataFrame({"age": np.random.default_rng(0).normal(40, 8, 5000).clip(18)})
    >>> thrown = whole["age"].where(whole.index % 50 > 0, -1e6 - whole["age"] ** 2)
    >>> texts(range_violation, whole, whole.assign(age=thrown))
    ['age is outside 0 to 167.2 in 2.0 % of the rows of train, 0 % in the reference.']
    >>> texts(range_violation, whole, whole + 200)
    []
    """
    for pair, reference, current in numbers(case):
        first, last = reference.at(0.01), reference.at(0.99)
        least, most = float(reference.min), float(reference.max)
        # a tail may well be longer than the one sample of it that the reference is
        low = min(least - (most - least) / 2, first - reach * (last - first))
        low = max(low, 0.0) if least >= 0 else low
        high = max(most + (most - least) / 2, last + reach * (last - first))
        name = reference.name
        old, new = (side[name].to_numpy() for side in samples(pair))
        hit = beyond(new, (low, high)) | np.isinf(new)
        whole = np.isinf(new).mean() > 0.5
        tail = ~hit & beyond(new, (least, most))
        if not hit.any() or (hit.mean() > 0.5 and not whole) or hit.sum() < tail.sum():
            continue
        # all others must be as they were, and nothing but a tail that grew lies between them and the bounds
        if not whole and (differ(old, new[~hit]) > 0.2 or explain(pair, reference, current, case)):
            continue
        text = "{column} is outside {span} in {share} of the rows of {table}{where}, {before} in the reference."
        told: dict[str, Any] = {"low": low, "high": high, "infinite": current.infinite}
        told |= {"min": current.min, "max": current.max, "span": f"{low:.4g} to {high:.4g}"}
        told["before"] = reference.infinite / reference.rows
        told["p_value"] = beyond_chance(int(hit.sum()), reference.present, max(current.present, 1))
        told["tail"] = tail_chance(old, low, high, int(hit.sum()), current.present)
        yield from report(pair, name, case, hit, "range_violation", text, floor, **told)


@check("RCA105", "values were cut off at a bound")
def clipped(case: Case, *, floor: float = 0.005) -> Iterator[Finding]:
    """Find numeric columns that end at a bound at which the rows beyond it now stand; see :func:`range_violation`.

    Findings are of kind ``range_violation``. The evidence holds the bounds as `clip`, and as `low` and `high` the
    last numbers within them, so that the cells at a bound are those outside.
    """
    for pair, reference, current in numbers(case):
        name = reference.name
        before, now = (side[name] for side in samples(pair))
        values = risen(pair, name, floor)[0] if current.quantiles else ()
        parts = views(pair, case, np.where(now.isin(values), 1.0, 0.0)) if len(values) else ()
        if found := settle(parts, partial(_ends, pair, before, now, values)):
            view, ends = found
            clip = list(ends.values())
            hit = view.mask & now.isin(clip).to_numpy()
            text = "{column} ends at {ends} in {table}, with {share} of the rows there{where}."
            facts: dict[str, Any] = {"clip": clip, "ends": " and ".join(f"{end:.6g}" for end in clip)}
            facts["low"] = float(np.nextafter(ends["low"], np.inf)) if "low" in ends else current.min
            facts["high"] = float(np.nextafter(ends["high"], -np.inf)) if "high" in ends else current.max
            facts |= {"before": before.isin(clip).mean(), "where": view.where}
            yield from report(pair, name, case, hit, "range_violation", text, floor, **facts)


def _ends(pair: Pair, before: pd.Series, now: pd.Series, values: Any, view: View) -> dict[str, float] | None:
    """Return the bounds of a view at which the reference's tail beyond stands, while all else is as it was."""
    ends = {}
    for word, sign in (("low", -1), ("high", 1)):
        old, new = (sign * side[np.isfinite(side)].to_numpy() for side in (before[part_of(pair, view)], now[view.mask]))
        if min(len(old), len(new)) < 20 or sign * new.max() not in values:
            continue
        end = new.max()
        spike, tail = float((new == end).mean() - (old == end).mean()), float((old > end).mean())
        # the other end may be cut off too
        rest, left = np.maximum(old[old < end], new.min()), new[new < end]
        # a series that goes by steps ends at one of them all the time
        steps = len(np.unique(left)) < (10 if "segment" in view.where else 3)
        stands = tail > 0 and abs(spike - tail) <= 3 * error(tail, pair) + 0.3 * tail and spike >= tail / 2
        if stands and not steps and differ(rest, left) <= 0.05:
            ends[word] = float(sign * end)
    return ends or None


@check("RCA106", "values lost their decimals")
def rounded(case: Case, *, floor: float = 0.02) -> Iterator[Finding]:
    """Find numeric columns whose values have fewer decimals or end in more zeros; see :func:`range_violation`.

    Findings are of kind ``type_change``. The evidence holds the `decimals` that are left, negative for tens and
    hundreds. Only if the reference's values, rounded likewise, have the same law: other values are other damages.
    """
    text = "{column} lost {lost} in {share} of the rows of {table}{where}, {before} in the reference."
    for pair, reference, _ in numbers(case):
        old, new = (side[reference.name].to_numpy() for side in samples(pair))
        first = np.array([_whole(old, digits).mean() for digits in _DIGITS])
        rise = np.where(first <= 0.2, [_whole(new, digits).mean() for digits in _DIGITS] - first, 0.0)
        if rise.max() <= floor / 2:
            continue
        digits = _DIGITS[int(np.argmax(rise >= 0.9 * rise.max()))]
        hit, before = _whole(new, digits), float(_whole(old, digits).mean())
        known, now = old[np.isfinite(old)] * 10.0**digits, np.round(new[hit] * 10.0**digits)
        near = min(differ(way(known), now) for way in (np.round, np.trunc, np.floor))
        if len(np.unique(now)) > 1 and near <= 0.1:
            lost = f"digits beyond {10.0**-digits:g}" if digits else "its decimals"
            facts: dict[str, Any] = {"before": before, "decimals": digits, "lost": lost}
            yield from report(pair, reference.name, case, hit, "type_change", text, floor, **facts)


def _whole(values: Any, digits: int) -> Mask:
    """Return which values have no more than so many decimals."""
    scaled = values * 10.0**digits
    with np.errstate(invalid="ignore"):
        return np.asarray(np.isfinite(values) & (np.abs(scaled - np.round(scaled)) <= 1e-9 + 1e-7 * np.abs(scaled)))
