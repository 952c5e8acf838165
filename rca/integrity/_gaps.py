"""What a table lacks by its own measure: a span of its time, a category that was always there, its newest rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from rca.integrity._common import iso, noise

if TYPE_CHECKING:
    from rca.stats import Floats
    from rca.types import Case, Pair

_STEPS = 20
_FEWEST = 15  # rows that are expected where there is none
_LEVELS = 50
_LEAST = 0.02
_RARE = 1e-6


def gap(pair: Pair, time: str | None) -> tuple[str, dict[str, Any]]:
    """Return the span of time that holds no rows though its rhythm would have it."""
    sides = [_moments(table.sample, time) for table in (pair.reference, pair.current)]
    steps = [np.diff(np.unique(side)) for side in sides]
    if len(steps[1]) < _STEPS:
        return "", {}
    moments, order = sides[1], np.sort(steps[1])
    longest, third = order[-1], order[-3]
    place = int(np.searchsorted(np.unique(moments), 0) if not len(moments) else steps[1].argmax())
    start = float(np.unique(moments)[place])
    around = [((moments >= a) & (moments <= b)).sum() / (b - a) for a, b in _beside(moments, start, start + longest)]
    expected = min(around) * longest
    # the longest of many steps is long by nature, by so much as the tail of their law says (Hill, 1975)
    tail = float(np.log(order[-_STEPS:-1] / order[-_STEPS]).mean())
    usual = 3 * max(third, steps[0].max(initial=0.0))
    if longest < usual or expected < _FEWEST or np.log(longest / third) < 5 * tail:
        return "", {}
    lost = expected * pair.current.profile.rows / len(moments)
    return "missing_segment", {"time": time, "since": _iso(start), "until": _iso(start + longest), "lost": lost}


def _beside(moments: Floats, start: float, stop: float) -> list[tuple[float, float]]:
    width = 2 * (stop - start)
    return [(max(start - width, moments.min() - 1), start), (stop, min(stop + width, moments.max() + 1))]


def late(pair: Pair, time: str | None) -> tuple[str, dict[str, Any]]:
    """Return the last days in which fewer rows came than ever in so many days before."""
    best: dict[str, Any] = {}
    sides = [_daily(_moments(table.sample, time)) for table in (pair.reference, pair.current)]
    days, scale = sides[1], pair.current.profile.rows / max(len(pair.current.sample), 1)
    for width in (7, 5, 4, 3, 2):
        if len(days) < 12 * width:
            continue
        now, *ever = _ratios(days, width)
        usual = _ratios(sides[0], width)[0] if len(sides[0]) >= 12 * width else 1.0
        seen = days[-width:].sum()
        lost = seen / now - seen if now else _level(days[:-width], width) - seen
        enough = lost >= _FEWEST and now < 0.5 * min(1.0, usual, *ever)
        if enough and lost > best.get("lost", 0) / scale:
            since = _iso(np.floor(_moments(pair.current.sample, time).max() / _DAY - width + 1) * _DAY)
            best = {"time": time, "since": since, "newest": True, "days": width, "ratio": now, "lost": lost * scale}
    return "truncation", best


_DAY = 86_400.0


def _daily(moments: Floats) -> Floats:
    if not len(moments) or moments.max() - moments.min() > 20_000 * _DAY:
        return np.zeros(0)
    days = np.floor(moments / _DAY)
    return np.bincount((days - days.min()).astype(int)).astype(float)


def _level(days: Floats, width: int) -> float:
    sums = np.convolve(days[-8 * width :], np.ones(width), "valid")
    return float(np.median(sums))


def _ratios(days: Floats, width: int) -> list[float]:
    """Return the volume of so many days as a share of the usual before, for the last ones and for those before."""
    stops = range(len(days), 9 * width, -1)
    return [days[s - width : s].sum() / max(_level(days[: s - width], width), 1e-9) for s in stops]


def vanished(pair: Pair, case: Case, time: str | None) -> tuple[str, dict[str, Any]]:
    """Return the category that all of the reference has and the current table lacks, or lacks since a moment."""
    before, after = pair.reference.sample, pair.current.sample
    best: dict[str, Any] = {"lost": 0.0}
    scale, rows = pair.current.profile.rows / len(after), np.ones(len(after), dtype=bool)
    moments = np.zeros(len(after)) if time is None else after[time].to_numpy().astype("int64")
    order = np.zeros(len(before)) if time is None else before[time].rank(pct=True, method="first").to_numpy()
    tenth = np.minimum(np.nan_to_num(order) * 10, 9).astype(int)
    for name in leveled(pair, {*case.roles.key, case.roles.target, case.roles.prediction}):
        levels, first, last = coded(before[name], after[name])
        counts = np.bincount(first * 10 + tenth, minlength=10 * len(levels)).reshape(-1, 10)
        shares = (counts / np.maximum(counts.sum(axis=0), 1))[:, counts.any(axis=0)]
        for level in np.flatnonzero(
            (shares.mean(axis=1) >= _LEAST) & (shares.min(axis=1) >= 0.3 * shares.mean(axis=1))
        ):
            hit = last == level
            gone = moments > moments[hit].max() if hit.any() else rows
            share = 0.8 * min(shares[level].min(), hit[~gone].mean() if hit.any() else 1.0)
            lost = scale * share * gone.sum()
            if (1 - share) ** gone.sum() > _RARE or lost <= best["lost"]:
                continue
            if _kept(first if not hit.any() else last[~gone], last[gone], level, len(levels), time is None):
                best = {"column": name, "value": levels[level], "lost": lost}
                best |= {"time": time, "since": iso(after[time][hit].max())} if hit.any() else {}
    return "missing_segment", best


def _kept(before: Any, after: Any, level: Any, size: int, strict: bool) -> bool:
    """Say whether the other categories are as they were: those of a renamed one would be found under its new name."""
    share = float((before == level).mean())
    shares = [np.bincount(side, minlength=size) / max(len(side), 1) for side in (before[before != level], after)]
    return bool(
        np.abs(shares[1] - shares[0]).max() <= (0.3 if strict else 0.5) * share + noise(len(before), len(after)) / 2
    )


def leveled(pair: Pair, skip: set[str | None]) -> list[str]:
    """Return the columns of both sides that have a few values."""
    columns = pair.reference.profile.columns
    now = pair.current.profile.columns
    few = [n for n in sorted(set(columns) & set(now)) if n not in skip and columns[n].kind == now[n].kind]
    return [n for n in few if columns[n].kind in ("category", "number") and 1 < (columns[n].distinct or 0) <= _LEVELS]


def coded(first: pd.Series, last: pd.Series) -> tuple[Any, ...]:
    """Return the values of two columns as numbers of one list of texts; the last text stands for what is missing."""
    both = [
        side.cat.categories if side.dtype == "category" else pd.Index(side.dropna().unique()) for side in (first, last)
    ]
    levels = both[0].union(both[1])
    codes = []
    for side, own in zip((first, last), both, strict=True):
        place = np.append(levels.get_indexer(own), len(levels))
        codes.append(place[side.cat.codes] if side.dtype == "category" else place[own.get_indexer(pd.Index(side))])
    return [f"{x:.15g}" if isinstance(x, float) else str(x) for x in levels] + [""], *codes


def others(pair: Pair) -> bool:
    """Say whether many columns have more rows somewhere than they had: a table that only lost rows has no such part."""
    before, after = pair.reference.sample, pair.current.sample
    risen, counts = [], [t.profile.rows for t in (pair.reference, pair.current)]
    for name in leveled(pair, set()):
        levels, *codes = coded(before[name], after[name])
        first, last = (n * np.bincount(c, minlength=len(levels)) / len(c) for n, c in zip(counts, codes, strict=True))
        risen.append(bool((last - first - 4 * np.sqrt(first + last)).max() > 0.02 * len(before)))
    return sum(risen) > len(risen) / 3


def _moments(sample: pd.DataFrame, time: str | None) -> Floats:
    """Return the seconds of a time column, in order."""
    if time is None or time not in sample.columns:
        return np.zeros(0)
    return np.sort(sample[time].dropna().to_numpy().astype("datetime64[us]").astype("int64") / 1e6)


def _iso(second: float) -> str:
    return str(iso(pd.Timestamp(round(second * 1e6), unit="us").to_pydatetime()))
