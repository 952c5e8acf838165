"""RCA117, whether a column became constant."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from rca.integrity._common import FEWEST, columns, damage, segments, time_of
from rca.integrity._law import law_of, seen_of
from rca.integrity._series import codes, entity_of, ordered, pull
from rca.registry import check

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rca.integrity._common import Mask
    from rca.integrity._series import Rows
    from rca.stats import Floats
    from rca.types import Case, Finding, Pair

#: A column of which the reference holds more than this share in one value is as good as constant already.
_VARIED = 0.9
_FLOOR = 0.05
#: A run counts as long from so many times the reference's longest run on, and with the other columns against it.
_LONG, _LONGER = 5.0, 2.0
#: The logarithm of a chance that no number of columns and runs makes likely.
_NEVER = np.log(1e-8)


@check("RCA117", "a column became constant")
def frozen_column(case: Case) -> Iterator[Finding]:
    """Find columns that hold on to one value: in all rows, for a time, in part of the rows, or in each entity.

    Yields
    ------
    Finding
        The effect is the share of rows that hold the value. What the reference did as long itself, as slow series
        and rare flags do, is no finding, nor is a value that the other columns of its rows speak for.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from rca.tables import open_table
    >>> from rca.types import Case, Pair, Roles
    >>> whole = pd.DataFrame({"at": pd.date_range("2024", periods=900, freq="h"), "load": np.arange(900) * 7 % 901})
    >>> def found(table):
    ...     case = Case((Pair("train", open_table(whole), open_table(table)),), Roles(time="at"))
    ...     return [f.text for f in frozen_column(case)]
    >>> found(whole.assign(load=whole["load"].where(whole.index < 600, 5)))
    ['load stays at 5 in 33 % of the rows of train, all of them since 2024-01-26.']
    >>> found(whole)
    []
    """
    looked: dict[str, _Sides] = {}
    for pair, before, now in columns(case):
        name, time = now.name, time_of(pair, case)
        if before.kind != now.kind or now.kind not in ("number", "category") or (before.distinct or 0) < 2:
            continue
        side = looked.setdefault(pair.name, _Sides(pair, case, time))
        first, second = codes(side.first[name]), codes(side.second[name])
        hit = _whole(side, name, first, second) if side.times is None else _run(side, name, first, second)
        if hit is None:
            hit = _segment(side, name, first, second) or _part(side, name, first, second)
        entity = side.entity if hit is None and now.distinct != 1 else []
        hit = _each(side, first, second) if entity else hit
        if hit is None:
            continue
        value = None if entity else side.second[name].to_numpy()[hit[0]][0]
        shown = f"stays at {value:g}" if isinstance(value, float) else f"stays at '{value}'"
        what = f"{name} {shown}" if not entity else f"{name} stays what it last was for each {', '.join(entity)}"
        what = what.replace("{", "{{").replace("}", "}}")
        yield from damage(
            *("RCA117", "frozen_column", pair, name, hit[0], case),
            text=f"{what} in {{share}} of the rows of {{table}}{{where}}.",
            floor=_FLOOR,
            before=hit[1],
            where=hit[2],
            value=value,
            entity=entity,
            clock=time,
        )


Hit = tuple["Mask", float, "dict[str, Any] | None"]


@dataclass
class _Sides:
    """Both samples, in their order and in the reference's law."""

    pair: Pair
    case: Case
    time: str | None

    def __post_init__(self) -> None:
        self.tables: list[Any] = [self.pair.reference, self.pair.current]
        self.first, self.second = self.pair.reference.sample, self.pair.current.sample

    @cached_property
    def entity(self) -> list[str]:
        both = [entity_of(table, self.case.roles) for table in self.tables] if self.time else [[]]
        return both[0] if all(both) else []

    @cached_property
    def order(self) -> list[tuple[Rows, Rows, Floats]]:
        """Of each sample the rows in the order of time, their entities, and their times."""
        found = []
        for table in self.tables:
            frame, groups = ordered(table, str(self.time), self.entity)
            found.append((frame.index.to_numpy(), groups, codes(frame[str(self.time)])))
        return found

    @cached_property
    def times(self) -> list[Floats] | None:
        known = [times for _, _, times in self.order] if self.time else []
        return known if known and all(len(t) > 1 and t[0] < t[-1] for t in known) else None

    @cached_property
    def segments(self) -> list[tuple[str, str, Mask, Rows]]:
        """Parts of the current rows, with a few rows of each that tell most columns apart."""
        return [(*part, np.flatnonzero(part[2])[:64]) for part in segments(self.second, self.first)]

    def spoken(self, name: str, hit: Mask) -> float | None:
        """Return how far the other columns of these rows speak for the value they hold: 1 as in the reference."""
        skip = (*self.case.roles.key, self.case.roles.time or "")
        law, seen = law_of(self.tables[0], skip), seen_of(*self.tables, skip)
        rows = hit[: seen.rows]
        if name not in law.names or not law.relation(name, seen).known or rows.sum() < 30:
            return None
        bin_ = int(law.cuts[name].codes(self.second[name].iloc[: seen.rows])[rows][0])
        like = law.cuts[name].codes(law.seen.sample[name]) == bin_
        due, got = (pull(law, name, s)[r, bin_] for s, r in ((law.seen, like), (seen, rows)))
        if len(due) < 30 or np.hypot(due.std() / len(due) ** 0.5, got.std() / len(got) ** 0.5) > 0.15 * due.mean():
            return None
        return float(got.mean() / due.mean())


def _top(values: Floats) -> float:
    """Return the share of the most frequent value."""
    counts = np.unique(values[np.isfinite(values)], return_counts=True)[1]
    return float(counts.max() / counts.sum()) if len(counts) else 1.0


def _constant(side: _Sides, name: str, first: Floats, second: Floats, rows: Mask) -> bool:
    """Say whether a column is constant in these rows, against chance and against what other columns say."""
    held = second[rows & np.isfinite(second)]
    if not len(held) or held.min() < held.max() or not np.isfinite(first).any():
        return False
    top = _top(first)
    # a value that its partners expect is a narrow choice of rows, and no damage
    return top <= _VARIED and len(held) * np.log(max(top, 1e-9)) < _NEVER and (side.spoken(name, rows) or 0.0) < 0.5


def _whole(side: _Sides, name: str, first: Floats, second: Floats) -> Hit | None:
    known = np.isfinite(second)
    return (known, 0.0, {}) if _constant(side, name, first, second, known) else None


def _segment(side: _Sides, name: str, first: Floats, second: Floats) -> Hit | None:
    for other, level, rows, few in side.segments:
        glance = second[few][np.isfinite(second[few])]
        if other == name or (len(glance) and glance.min() < glance.max()):
            continue
        old = first[(side.first[other] == level).to_numpy()]
        # one of few values in one segment is what slow series and new habits do
        if _top(old) <= _FLOOR and _constant(side, name, old, second, rows):
            return rows & np.isfinite(second), 0.0, {"segment": {other: level}}
    return None


def _run(side: _Sides, name: str, first: Floats, second: Floats) -> Hit | None:
    """Return the longest run of one value, if it is longer than any of the reference by rows and by time."""
    known = []
    for values, (rows, _, times) in zip((first, second), side.order, strict=True):
        fine = np.isfinite(values[rows])
        known.append((values[rows][fine], times[fine], rows[fine]))
    (old, when, _), (new, then, rows) = known
    if not len(old) or len(new) < 20:
        return None
    past, runs = (np.flatnonzero(np.diff(v, prepend=np.nan, append=np.nan) != 0) for v in (old, new))
    i = int(np.diff(runs).argmax())
    start, stop = int(runs[i]), int(runs[i + 1])
    length = stop - start
    if length < max(20, _FLOOR * len(new)):
        return None
    share = length / len(new) / (np.diff(past).max() / len(old))
    times = (then[stop - 1] - then[start]) / max(float((when[past[1:] - 1] - when[past[:-1]]).max()), 1.0)
    hit = np.zeros(len(second), dtype=bool)
    hit[rows[start:stop]] = True
    value = side.second[name].to_numpy()[rows[start]]
    again = (side.first[name] == value).to_numpy()
    stays = (old[1:] == old[:-1])[again[side.order[0][0]][np.isfinite(first[side.order[0][0]])][:-1]]
    chance = max(float(stays.mean()) if len(stays) > 20 else float((old[1:] == old[:-1]).mean()), again.mean(), 1e-9)
    factor = min(share, times)
    # a habit that began later than the table, such as a new level of few, is history and no damage
    natural = _top(old) > 0.8 or (start == 0 and length < len(new) and _top(old) > _FLOOR)
    if not natural and factor >= _LONG and len(past) > 20 and np.log(len(new)) + length * np.log(chance) < _NEVER:
        return hit, 0.0, None
    whole = length == len(new) and then[-1] - then[0] >= 0.8 * (when[-1] - when[0]) and factor >= 2
    if factor < _LONGER or length < FEWEST or again.sum() < 30:
        return None
    spoken = side.spoken(name, hit)
    return (hit, 0.0, None) if (whole if spoken is None else spoken < 0.3) else None


def _part(side: _Sides, name: str, first: Floats, second: Floats) -> Hit | None:
    """Return the rows of a value well inside the range of a continuous column that no value was as frequent as."""
    before, now = (t.profile.columns[name] for t in (side.pair.reference, side.pair.current))
    grid = now.quantiles[1:-1]
    # quantiles that are the same give a frequent value away
    if now.kind != "number" or len(set(grid)) == len(grid) or (before.distinct or 0) < 50:
        return None
    value = max(set(grid), key=lambda v: (grid.count(v), v))
    known, was = second[np.isfinite(second)], first[np.isfinite(first)]
    share, before_share, top = (known == value).mean(), (was == value).mean(), _top(was)
    inside = all(0.02 < (v < value).mean() / (v != value).mean() < 0.98 for v in (known, was) if (v != value).any())
    filled = (before.missing / before.rows - now.missing / now.rows) > 0.5 * (share - before_share)
    token = value in (0, -1) or set(f"{abs(value):g}") == {"9"}
    if not inside or filled or token or share < 2 * top + 0.02 or (known == value).all():
        return None
    return second == value, before_share, None


def _each(side: _Sides, first: Floats, second: Floats) -> Hit | None:
    """Return the newest rows in which no entity's value moves any more, where they moved in the reference."""
    same = []
    for values, (rows, groups, _) in zip((first, second), side.order, strict=True):
        order = np.lexsort((np.arange(len(rows)), groups))
        held, group = values[rows][order], groups[order]
        still = np.full(len(rows), np.nan)
        known = (group[1:] == group[:-1]) & np.isfinite(held[1:]) & np.isfinite(held[:-1])
        still[order[1:][known]] = held[1:][known] == held[:-1][known]
        same.append(still)
    rows = side.order[1][0]
    for part in (1, 2, 4, 8):
        old, new = (still[len(still) - len(still) // part :] for still in same)
        old, found = old[np.isfinite(old)], new[np.isfinite(new)]
        if min(len(found), len(old)) < 40:
            return None
        rate = max(float(old.mean()), float(np.nanmean(same[0])))
        if rate <= _VARIED and 1 - found.mean() < 0.1 * (1 - rate) and len(found) * np.log(max(rate, 0.01)) < _NEVER:
            gain = np.where(np.isfinite(same[1]), same[1] - (1 + rate) / 2, 0.0)
            start = int(np.concatenate([[0.0], np.cumsum(gain)])[: len(gain)].argmin())
            hit = np.zeros(len(second), dtype=bool)
            hit[rows[start:][same[1][start:] == 1]] = True
            return hit, 0.0, None
    return None
