"""What the levels of a text column are that the reference does not have: nulls, damaged, renamed, or new."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from rca.integrity._common import columns
from rca.integrity._text import NULLS, bare, normal, origins
from rca.tables import CATEGORIES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rca.tables import Column
    from rca.types import Case, Pair, Table

#: Columns with more distinct values in the reference are text or keys: a new value in them is no news.
MANY = 200
Shares = dict[str, float]


@dataclass(frozen=True, slots=True)
class Levels:
    """The levels of one column that the reference does not have; each is in one of these."""

    nulls: Mapping[str, int]
    damaged: Mapping[str, str | None]
    renamed: Mapping[str, str]
    new: Mapping[str, int]


def changed(case: Case) -> Iterator[tuple[Pair, Column, Levels]]:
    """Each text column with such levels."""
    for pair, reference, _ in columns(case, "category"):
        sides: tuple[Any, Any] = pair.reference, pair.current
        found = _levels(*sides).get(reference.name)
        if found is not None:
            yield pair, reference, found


def said(text: str) -> str:
    """Return a text that may stand in a template."""
    return text.replace("{", "{{").replace("}", "}}")


@functools.lru_cache(maxsize=8)
def _levels(reference: Table, current: Table) -> dict[str, Levels]:
    before, after = reference.profile.columns, current.profile.columns
    both = ((c, after[n]) for n, c in before.items() if n in after and after[n].kind == c.kind == "category")
    return {old.name: found for old, now in both if (found := _sorted(old, now)) is not None}


def _sorted(reference: Column, current: Column) -> Levels | None:
    new = {v: n for v, n in current.top.items() if v not in reference.top and v.strip()}
    if not new or not reference.top or len(reference.top) >= CATEGORIES:
        return None
    nulls = {v: n for v, n in new.items() if v.strip().casefold() in NULLS}
    damaged = origins([v for v in new if v not in nulls], reference.top)
    rest = {v: n for v, n in new.items() if v not in nulls and v not in damaged}
    now = {v: n for v, n in current.top.items() if v not in nulls and v not in damaged}
    for old, text in ((old, text) for text, old in damaged.items() if old is not None):
        now[old] = now.get(old, 0) + new[text]
    renamed = _renamed(reference, now, rest) if rest else {}
    left = {v: n for v, n in rest.items() if v not in renamed} if (reference.distinct or 0) <= MANY else {}
    return Levels(nulls, damaged, renamed, left)


def _renamed(reference: Column, now: Mapping[str, int], rest: Mapping[str, int]) -> dict[str, str]:
    """Map new levels to the old ones that they stand for: by spelling, else by the share that those lost."""
    spelled: dict[str, list[str]] = {}
    for old in reference.top:
        spelled.setdefault(normal(old), []).append(old)
    mapping = {v: fits[0] for v in rest if normal(v) and len(fits := spelled.get(normal(v), [])) == 1}
    n0, n1 = reference.present, sum(now.values())
    shares = {old: n / n0 for old, n in reference.top.items()}
    lost = {old: share - now.get(old, 0) / n1 for old, share in shares.items()}
    for value, old in mapping.items():
        lost[old] -= rest[value] / n1
    others = {v: n / n1 for v, n in rest.items() if v not in mapping}
    if others and len(shares) <= MANY and len(others) <= MANY:
        mapping |= _matched(others, shares, lost, 1 / n0 + 1 / n1)
    return mapping


def _matched(new: Shares, shares: Shares, lost: Shares, scale: float) -> dict[str, str]:
    """Match new levels and old ones that lost as much, one to one; what could be matched otherwise is left out."""
    from scipy.optimize import linear_sum_assignment

    values, olds = sorted(new, key=_rank), sorted(shares, key=_rank)
    share, gone, size = (
        np.array(list(map(of.__getitem__, of_whom))) for of, of_whom in ((new, values), (lost, olds), (shares, olds))
    )
    error = 3 * np.sqrt(np.maximum(size * (1 - size), 1e-4) * scale)
    like = np.array([[_alike(v, o) for o in olds] for v in values])
    gap = np.abs(share[:, None] - gone) / np.maximum(error, np.where(like, 0.25, 0.1) * share[:, None])
    # a level that only gave its part to something new loses no more of itself than all others
    fits = (gap <= 1) & (gone > 0) & (like | (gone - (size + 0.1) * share[:, None] > error * 2 / 3))
    # codes are mostly given in the order of the labels
    order = np.equal.outer(np.arange(len(values)), np.arange(len(olds)))
    left, right = linear_sum_assignment(np.where(fits, gap - 2 * like - 0.5 * order, 10.0))
    pairs = [(i, j) for i, j in zip(left, right, strict=True) if fits[i, j]]
    undone = size - gone
    for i, j in pairs:
        undone[j] += share[i]
    # with the old names back, the shares are as they were; else another population came with the names
    same = undone.sum() > 0.5 and np.abs(size - undone / undone.sum()).sum() <= 0.04 + error.sum() / 3
    whole = len(pairs) == len(values) == len(olds)
    alone = fits.sum(axis=1)[:, None] + fits.sum(axis=0) <= 2
    return {values[i]: olds[j] for i, j in pairs if same and (like[i, j] or whole or alone[i, j])}


def _rank(level: str) -> tuple[float, str]:
    return (float(level) if level.lstrip("-").isdecimal() else 0.0, level)


def _alike(new: str, old: str) -> bool:
    """Say whether one may be the other, shortened or with something added."""
    short, long = sorted((normal(new), normal(old)), key=len)
    if not short or short.isdecimal():
        return False
    letters = iter(long)
    words = "".join(c if c.isalnum() else " " for c in bare(old).casefold()).split()
    return (
        short in long
        or (short[0] == long[0] and all(c in letters for c in short))
        or (len(words) > 1 and normal(new) == "".join(word[0] for word in words))
    )
