"""Which rows of a table say the same as another row, in all columns or in all but a few, and since when that is so."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import ibis
import numpy as np
import pandas as pd

from rca.integrity._common import ALPHA, percent, rows
from rca.stats import rate_change
from rca.tables import SAMPLE, Table
from rca.types import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from rca.integrity._common import Mask
    from rca.stats import Floats
    from rca.types import Pair

    Hashes = NDArray[np.uint64]

#: Of the columns that tell rows apart, at most so many may differ between a row and its copy.
_DIFFER = 0.12
_BLOCKS = 4


@dataclass(frozen=True, slots=True)
class Repeats:
    """The rows of the current table that repeat another one, more of them than the reference has."""

    sample: pd.DataFrame
    extra: Mask
    """The second and later copies."""
    copied: Mask
    """The rows that have a copy, the copies among them."""
    share: float
    before: float
    numbered: tuple[str, ...]
    """The keys and row numbers in which copies differ."""
    joined: tuple[str, ...]
    """The other columns in which copies differ."""


@functools.lru_cache(maxsize=8)
def repeats_of(pair: Any, key: tuple[str, ...], time: str | None, floor: float) -> Repeats | None:
    """Return the repeated rows of the current table if their share rose by more than the floor."""
    names = sorted(set(pair.reference.sample.columns) & set(pair.current.sample.columns))
    key = key if set(key) <= set(names) else ()
    if not names:
        return None
    now = _twins(pair.current, key, time, names)
    if now.shares.max(initial=0.0) <= floor:
        return None
    old = _twins(pair.reference, key, time, names)
    grown = max(1.0, rows(pair)[1] / rows(pair)[0])
    natural = {p.tobytes(): 1.5 * grown * share for p, share in zip(old.patterns, old.shares, strict=True)}
    usual = np.array([natural.get(p.tobytes(), 0.0) for p in now.patterns])
    differ = np.asarray(now.patterns[now.shares > 3 * floor + 2 * usual].any(axis=0))
    numbers = _numbered(pair.reference, names, key)
    numbered, joined = (tuple(n for n, d in zip(names, differ & m, strict=True) if d) for m in (numbers, ~numbers))
    (share, fits), (before, _) = now.within(differ), old.within(differ)
    # rows of few values are alike by chance, and as often like a row of the other table
    seen = float(np.isin(now.total, old.total).mean())
    before = max(grown * before, seen / 2 * len(now.total) / len(old.total) if seen < 0.5 and not differ.any() else 0.0)
    extra, copied = (np.zeros(len(now.total), dtype=bool) for _ in range(2))
    extra[now.second[fits]] = True
    copied[np.concatenate([now.first[fits], now.second[fits]])] = True
    return Repeats(now.sample, extra, copied, share, before, numbered, joined) if share > floor + 1.5 * before else None


def report(code: str, kind: str, pair: Pair, found: Repeats, floor: float, how: str, **facts: Any) -> Iterator[Finding]:
    """Report the copies."""
    first, now = len(pair.reference.sample), len(found.extra)
    rate = rate_change(round(found.before * first), first, round(found.share * now), now, floor)
    if rate.difference <= floor or rate.p_value > ALPHA:
        return
    yield Finding(
        code=code,
        kind=kind,
        subject=f"data.{pair.name}",
        text=f"{percent(found.share)} of the rows of {pair.name} are copies of others, {how}.",
        effect=rate.difference,
        low=rate.low,
        high=rate.high,
        p_value=rate.p_value,
        evidence={
            "rows": round(found.share * rows(pair)[1]),
            "share": found.share,
            "before": found.before,
            "numbered": list(found.numbered),
        }
        | facts,
    )


@dataclass(frozen=True, slots=True)
class _Twins:
    """Pairs of rows that are equal but for a few columns."""

    sample: pd.DataFrame
    total: Hashes
    first: NDArray[np.intp]
    second: NDArray[np.intp]
    patterns: Mask
    """The sets of columns in which a row and its copy differ."""
    which: NDArray[np.intp]
    """The pattern of each pair."""
    shares: Floats
    """Of the rows that are copies, by pattern."""

    def within(self, allowed: Mask) -> tuple[float, Mask]:
        """Return the share of copies that differ in no other columns, and which pairs they are."""
        fits: Any = ~self.patterns[:, ~allowed].any(axis=1)
        return float(self.shares[fits].sum()), fits[self.which]


def by_key(table: Any, key: tuple[str, ...]) -> Table:
    """Return the table, or so much of it that its sample is whole; rows of one key come together or not at all."""
    step = -(-table.rows // SAMPLE)
    chosen = ibis.struct({name: table.expr[name] for name in key}).hash() % (step + 1) == 0
    return Table(table.expr.filter(chosen), table.name) if step > 1 else table


def _twins(table: Table, key: tuple[str, ...], time: str | None, names: list[str]) -> _Twins:
    step = 1 if key else -(-table.rows // SAMPLE)
    table = by_key(table, key) if key else table
    sample = table.sample
    cells = np.column_stack([_hash(sample[n]) for n in names])
    total = cells.sum(axis=1, dtype=np.uint64)
    distinct = [len(np.unique(cells[:2000, i])) for i in range(len(names))]
    rank = sorted(range(len(names)), key=lambda i: (-distinct[i], names[i]))
    blocks = [cells[:, rank[i::_BLOCKS]].sum(axis=1, dtype=np.uint64) for i in range(min(_BLOCKS, len(rank)))]
    if key:
        blocks.append(cells[:, [names.index(k) for k in key]].sum(axis=1, dtype=np.uint64))
    most = max(1, int(_DIFFER * sum(d > 1 for d in distinct)))
    pairs = np.zeros((0, 2), dtype=np.intp)
    for block in blocks:
        order = np.lexsort((total, block))
        near = block[order][1:] == block[order][:-1]
        pairs = np.concatenate([pairs, np.column_stack([order[:-1][near], order[1:][near]])])
    differ: Any = np.asarray(cells[pairs[:, 0]] != cells[pairs[:, 1]])
    alike: Any = differ.sum(axis=1) <= most
    if time in names:
        alike &= ~differ[:, names.index(time)]
    pairs, differ = pairs[alike], differ[alike]
    # several blocks find the same copy; the one that differs least tells what it is a copy of
    order = np.lexsort((differ.sum(axis=1), pairs[:, 1]))
    order = order[np.diff(pairs[order, 1], prepend=-1) != 0]
    pairs, differ = pairs[order], differ[order]
    patterns, which = np.unique(differ, axis=0, return_inverse=True)
    # of rows that differ, a sample by the hash of rows holds both copies only by chance
    weights = np.where(patterns.any(axis=1), step, 1)
    shares = np.bincount(which.reshape(-1), minlength=len(patterns)) * weights / max(len(total), 1)
    return _Twins(sample, total, pairs[:, 0], pairs[:, 1], patterns, which.reshape(-1), shares)


def _hash(values: pd.Series) -> Hashes:
    """Return a number for each value that equal values of the column share, in any table."""
    if values.dtype == "category":
        levels = pd.util.hash_array(np.append(values.cat.categories.to_numpy(dtype=object), ""))
        found = levels[values.cat.codes.to_numpy()]
    else:
        found = pd.util.hash_array(values.to_numpy() + 0.0 if values.dtype.kind == "f" else values.to_numpy())
    mixed = (found ^ pd.util.hash_array(np.array([values.name], dtype=object))) * np.uint64(0xBF58476D1CE4E5B9)
    return np.asarray(mixed ^ (mixed >> np.uint64(29)), dtype=np.uint64)


def _numbered(table: Table, names: list[str], key: tuple[str, ...]) -> Mask:
    """Return which columns number or name the rows: a copy may have a number of its own."""
    sample = table.sample
    whole = [sample[n].dtype == "category" or bool((sample[n].to_numpy(dtype=float) % 1 == 0).all()) for n in names]
    once = [table.profile.columns[n].distinct == len(sample) for n in names]
    return np.array([n in key or (a and b) for n, a, b in zip(names, whole, once, strict=True)], dtype=bool)
