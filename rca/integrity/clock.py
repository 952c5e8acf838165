"""RCA119, whether times are shifted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from rca.integrity._common import FEWEST, columns, damage, locate, views
from rca.integrity._series import codes, joined
from rca.registry import check

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rca.integrity._common import Mask
    from rca.stats import Floats
    from rca.types import Case, Finding, Pair

_HOUR = 3600e6
_DAY = 24 * _HOUR
_WEEK = 7 * _DAY
#: Time zones differ by quarters of an hour; the smallest shift that is looked for without a key is half an hour.
_QUARTER = _HOUR / 4
_FLOOR = 0.01
#: Hours of a shift, the evidence that tells a repair which rows, and their mask.
Shift = tuple[float, "Mask", dict[str, Any]]


@check("RCA119", "times are shifted")
def time_shift(case: Case) -> Iterator[Finding]:
    """Find timestamps that are off by hours or by a day, as a wrong time zone or daylight saving makes them.

    Yields
    ------
    Finding
        The effect is the share of rows that are off. They differ from the same key's time in the reference, or from
        another time of the row, by the same hours; or the hours of the day are the reference's, turned round.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from rca.tables import open_table
    >>> from rca.types import Case, Pair, Roles
    >>> days = pd.Series(pd.date_range("2024", periods=900))
    >>> whole = pd.DataFrame({"at": days + pd.to_timedelta(np.arange(900) * 7 % 480 + 540, unit="min")})
    >>> def found(table):
    ...     case = Case((Pair("train", open_table(whole), open_table(table)),), Roles(time="at"))
    ...     return [f.text for f in time_shift(case)]
    >>> found(whole.assign(at=whole["at"] + pd.Timedelta(hours=2)))
    ['at is 2 hours late in 100 % of the rows of train.']
    >>> found(whole)
    []
    """
    for pair, before, after in columns(case, "time"):
        if before.present < 2 or after.present < 2:
            continue
        first, second = (codes(table.sample[after.name]) for table in (pair.reference, pair.current))
        found = _by_key(pair, case, after.name, second)
        if found is None:
            found = _midnight(first, second) or _beside(pair, case, after.name) or _turned(pair, case, first, second)
        if found is None:
            continue
        hours, hit, evidence = found
        late = f"{abs(hours):g} hour{'s' * (abs(hours) != 1)} {'late' if hours > 0 else 'early'}"
        text = f"{after.name} is {late}".replace("{", "{{").replace("}", "}}")
        where = evidence.pop("where", None)
        yield from damage(
            *("RCA119", "time_shift", pair, after.name, hit, case),
            text=f"{text} in {{share}} of the rows of {{table}}{{where}}.",
            floor=_FLOOR,
            where=locate(pair.current.sample, hit, case) if where is None else where,
            hours=hours,
            **evidence,
        )


def _by_key(pair: Pair, case: Case, name: str, now: Floats) -> Shift | None:
    """Compare with the reference's time for the same key: what differs must do so by the same quarters of an hour."""
    current: Any = pair.current
    both = joined(current, pair.reference, case.roles.key)  # type: ignore[arg-type]  # tables can be hashed
    if both is None or name in case.roles.key:
        return None
    late = np.full(len(now), np.nan)
    late[both[0]] = now[both[0]] - codes(both[1][name])
    found = _same(late, np.nan_to_num(late) != 0)
    return None if found is None else (found[0], found[1], {"how": "key", "key": list(case.roles.key)})


def _same(late: Floats, rows: Mask) -> tuple[float, Mask] | None:
    """Return the hours by which nine in ten of the marked rows are off, and those rows."""
    values, counts = np.unique(late[rows], return_counts=True)
    if not len(values) or counts.max() < max(0.9 * rows.sum(), 5):
        return None
    shift = float(values[counts.argmax()])
    if shift % _QUARTER or abs(shift) > 26 * _HOUR or not shift:
        return None
    return shift / _HOUR, rows & (late == shift)


def _midnight(first: Floats, second: Floats) -> Shift | None:
    """Find dates that were all midnight and have an hour now."""
    old, new = first[np.isfinite(first)] % _DAY, second % _DAY
    if (old != 0).mean() > 0.005:
        return None
    late = np.where(new > _DAY / 2, new - _DAY, new)
    found = _same(late, np.isfinite(new) & (new != 0))
    return None if found is None else (found[0], found[1], {"how": "midnight"})


def _beside(pair: Pair, case: Case, name: str) -> Shift | None:
    """Compare with another time of the row: the span between the two moved out of its range by whole hours."""
    first, second = pair.reference.sample, pair.current.sample
    for other in sorted(set(first.columns) & set(second.columns) - {name}):
        if first[other].dtype.kind != "M" or second[other].dtype.kind != "M":
            continue
        old, new = (codes(side[name]) - codes(side[other]) for side in (first, second))
        known = old[np.isfinite(old)]
        if len(known) < 30:
            continue
        low, high = np.quantile(known, [0.001, 0.999])
        out = np.isfinite(new) & ((new < low) | (new > high))
        if out.sum() < max(5, _FLOOR * len(new)):
            continue
        hours = float(np.round((np.median(new[out]) - np.median(known)) / _QUARTER) / 4)
        back = new - hours * _HOUR
        explained = out & (back >= low - 1e6) & (back <= high + 1e6)
        if high - low >= abs(hours) * _HOUR or abs(hours) > 26 or explained.sum() < 0.9 * out.sum():
            continue
        # of the two the one is off whose hours of the day come closer to the reference's when shifted back
        gain = []
        for n, turn in ((name, -hours), (other, hours)):
            was, now = codes(first[n]), codes(second[n])
            back = now + np.where(explained, turn * _HOUR, 0.0)
            gain.append((_apart(_day(was), _day(now)) - _apart(_day(was), _day(back)), n == case.roles.time, n))
        if gain[0] < gain[1]:
            continue
        return hours, explained, {"how": "beside", "other": other, "low": float(low), "high": float(high)}
    return None


def _turned(pair: Pair, case: Case, first: Floats, second: Floats) -> Shift | None:
    """Find the part of the rows whose hours of the day, or of the week, are the reference's, turned round."""
    for view in views(pair, case):
        old, new = first, second[view.mask]
        for name, level in view.where.get("segment", {}).items():
            old = first[(pair.reference.sample[name] == level).to_numpy()]
        old, new = old[np.isfinite(old)], new[np.isfinite(new)]
        if min(len(old), len(new)) < FEWEST:
            continue
        unit = (1 / len(old) + 1 / len(new)) ** 0.5
        hours = _turn(_day(old), _day(new), unit, [h / 2 for h in range(-23, 25)])
        if hours is None and _apart(_day(old), _day(new)) < 0.02 + 1.5 * unit:
            hours = _turn(_day(old, _WEEK), _day(new, _WEEK), unit, [-24.0, 24.0])
        if hours is not None:
            return hours, view.mask & np.isfinite(second), {"how": "turned", "where": dict(view.where)}
    return None


def _day(times: Floats, period: float = _DAY) -> Floats:
    """Return the shares of rows in the quarters of an hour of a day or of a week."""
    known = times[np.isfinite(times)]
    bins = (known % period // _QUARTER).astype(int)
    return np.bincount(bins, minlength=round(period / _QUARTER)) / max(len(known), 1)


def _apart(old: Floats, new: Floats) -> float:
    """Return how far two circular distributions lie apart (Kuiper, 1960)."""
    gap = np.cumsum(new - old)
    return float(gap.max() - gap.min())


def _turn(old: Floats, new: Floats, unit: float, hours: list[float]) -> float | None:
    """Return the turn that alone brings two circular distributions together."""
    now = _apart(old, new)
    if now < 0.05 + 3 * unit:
        return None
    left = {h: _apart(np.roll(old, round(4 * h)), new) for h in hours if h}
    best = min(left, key=lambda h: (left[h], abs(h), h))
    rivals = [gap for h, gap in left.items() if abs(h - best) >= 1]
    if left[best] > min(0.02 + 1.8 * unit, now / 3) or min(rivals, default=1.0) < left[best] + 0.03:
        return None
    return best
