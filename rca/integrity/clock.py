"""RCA119, whether times are shifted."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from rca.integrity._common import FEWEST, Mask, columns, locate, part_of, report, views
from rca.integrity._series import beside, micros
from rca.registry import check
from rca.stats import Floats
from rca.types import Case, Finding

_HOUR, _DAY = 3600e6, 24 * 3600e6
#: Time zones differ by quarters of an hour; the smallest shift that is looked for without a key is half an hour.
_QUARTER = _HOUR / 4
_FLOOR = 0.01


@check("RCA119", "times are shifted")
def time_shift(case: Case) -> Iterator[Finding]:
    """Find timestamps that are off by hours, as a wrong time zone or daylight saving makes them.

    The effect is the share of rows that are off. They differ from the same key's time in the reference by the
    same hours, or were dates without hours; or the hours of the day are the reference's, turned round.

    Examples
    --------
    >>> days = pd.Series(pd.date_range("2024", periods=900))
    >>> whole = pd.DataFrame({"at": days + pd.to_timedelta(np.arange(900) * 7 % 480 + 540, unit="min")})
    >>> texts(time_shift, whole, whole + pd.Timedelta(hours=2)), texts(time_shift, whole, whole)
    (['at is 2 hours late in 100 % of the rows of train.'], [])
    """
    for pair, before, after in columns(case, "time"):
        found = _found(pair, case, after.name) if min(before.present, after.present) > 1 else None
        if found is None:
            continue
        hours, hit, how, where = found
        late = f"{abs(hours):g} hour{'s' * (abs(hours) != 1)} {'late' if hours > 0 else 'early'}"
        text = f"{{column}} is {late} in {{share}} of the rows of {{table}}{{where}}."
        facts: dict[str, Any] = {"where": where, "hours": hours, "how": how, "key": list(case.roles.key)}
        yield from report(pair, after.name, case, hit, "time_shift", text, _FLOOR, **facts)


def _found(pair: Any, case: Case, name: str) -> tuple[float, Mask, str, Mapping[str, Any]] | None:
    """Return by how many hours which rows are off, how that is known, and where they are."""
    sample, key = pair.current.sample, case.roles.key
    first, second = (micros(table.sample[name]) for table in (pair.reference, pair.current))
    both = beside(pair.reference, pair.current, key) if key and name not in key else None
    if both is not None:
        found = _same(micros(both[1][name]) - micros(both[0][name]))
        if found is not None:
            return *found, "key", locate(both[1], found[1], case)
    if np.mean(first[np.isfinite(first)] % _DAY != 0) <= 0.005:
        found = _same((second + _DAY / 2) % _DAY - _DAY / 2)
        if found is not None:
            return *found, "midnight", locate(sample, found[1], case)
    for view in views(pair, case):
        turn = _turn(first[part_of(pair, view)], second[view.mask])
        if turn is not None:
            return turn, view.mask & np.isfinite(second), "turned", view.where
    return None


def _same(late: Floats) -> tuple[float, Mask] | None:
    """Return the hours by which nine in ten of the rows that are off at all are off, and those rows."""
    values, counts = np.unique(late[np.nan_to_num(late) != 0], return_counts=True)
    if not len(values) or counts.max() < max(0.9 * counts.sum(), 5):
        return None
    shift = float(values[counts.argmax()])
    return None if shift % _QUARTER or abs(shift) > 26 * _HOUR else (shift / _HOUR, late == shift)


def _turn(first: Floats, second: Floats) -> float | None:
    """Return the hours of a turn that alone brings the times of day of both sides together."""
    old, new = (side[np.isfinite(side)] for side in (first, second))
    if min(len(old), len(new)) < FEWEST:
        return None
    unit = (1 / len(old) + 1 / len(new)) ** 0.5
    before, now = (np.bincount((side % _DAY // _QUARTER).astype(int), minlength=96) / len(side) for side in (old, new))
    # how far two circular distributions lie apart (Kuiper, 1960), for each turn
    left = {h / 2: float(np.ptp(np.cumsum(now - np.roll(before, 2 * h)))) for h in range(-23, 25)}
    moved = left.pop(0.0)
    best = min(left, key=lambda h: (left[h], abs(h), h))
    rival = min(gap for h, gap in left.items() if abs(h - best) >= 1)
    bound = min(0.02 + 1.8 * unit, moved / 3 + 0.6 * unit, rival - 0.03)
    return best if moved >= 0.05 + 2.3 * unit and left[best] <= bound else None
