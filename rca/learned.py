"""What a good table promises, learned: the terms of a contract that another sample of the same data keeps.

Terms are learned on each half of the sample as well, and what the other half breaks is dropped; then they must
hold in all the rows that there are.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from rca.contract import Column, Contract, Terms, broken
from rca.tables import Table, open_table

if TYPE_CHECKING:
    import pandas as pd

    from rca.types import Case, Pair

#: More levels than this are no closed list.
LEVELS = 50
#: Relations of one sort that a contract names at most, the most telling first.
MOST = 40
#: Rows of the sample in which relations are looked for, before they are held against all rows.
_ROWS = 2000


def suggest(case: Case) -> Contract:
    """Learn what the reference tables of a case promise.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> draw = np.random.default_rng(0)
    >>> net = draw.lognormal(3, 1, 2000)
    >>> whole = pd.DataFrame({"net": net, "gross": net * draw.uniform(1, 1.2, 2000), "city": ["A", "B"] * 1000})
    >>> from rca.types import Case, Pair, Roles
    >>> pair = Pair("train", open_table(whole), open_table(whole.assign(city="C", gross=net / 2)))
    >>> contract = suggest(Case((pair,), Roles()))
    >>> contract.tables["train"].ordered
    (('net', 'gross'),)
    >>> from rca.contract import hold
    >>> sorted((f.kind, f.text) for f in hold(contract, Case((pair,), Roles())))
    [('broken_relation', 'net <= gross is broken in all rows of train.'), \
('new_category', "city of train has other values than 'A', 'B' in all rows.")]
    """
    return Contract(tables={pair.name: _suggest(pair, case) for pair in case.pairs})


def _suggest(pair: Pair, case: Case) -> Terms:
    table, roles = pair.reference, case.roles
    expected = set(table.columns)
    if not pair.same_role:
        expected -= {roles.target or "", roles.prediction or "", *roles.key} - set(roles.features)
    opened = open_table(table)
    terms = _learn(opened, expected, roles.key)
    # a bit of the row's hash that did not choose the sample
    side = (opened.hashes * np.uint64(0x9E3779B97F4A7C15) >> np.uint64(63)).astype(bool)
    if min(side.sum(), (~side).sum()) > 1:
        halves = [open_table(opened.sample[mask]) for mask in (side, ~side)]
        for one, other in (halves, halves[::-1]):
            terms = terms.without(set(broken(_learn(one, expected, roles.key), other)))
    return terms.without(set(broken(terms, opened)))


def _learn(table: Table, expected: set[str], key: tuple[str, ...]) -> Terms:
    rows = max(table.rows, 1)
    mostly = math.floor(1e3 - max(1, 6e3 / rows)) / 1e3 if rows > 10 else 0.5
    names = sorted(expected & set(table.columns))
    unique = [tuple(key)] if key and set(key) <= set(names) else [(n,) for n in names if _names_rows(table, n)][:3]
    named = {name for columns in unique for name in columns}
    columns = {name: _column(table, name, bounded=name not in named, mostly=mostly) for name in names}
    # some rows, whichever order they came in
    some = np.argsort(table.hashes, kind="stable")[:_ROWS]
    sample = table.sample[[n for n in names if n in table.sample.columns and n not in named]].iloc[some]
    return Terms(
        mostly=mostly,
        columns=columns,
        unique=tuple(unique),
        ordered=_ordered(sample),
        sums=_sums(sample),
        determines=_determines(sample),
    )


def _names_rows(table: Table, name: str) -> bool:
    """Say whether a column never repeats a value, though by chance it would."""
    values = table.sample.get(name)
    if values is None or len(values) < 100 or values.dtype.kind == "M" or not values.is_unique or values.hasnans:
        return False
    if values.dtype.kind != "f":
        return True
    return bool((values % 1 == 0).all() and len(values) ** 2 > 20 * (values.max() - values.min()))


def _column(table: Table, name: str, *, bounded: bool, mostly: float) -> Column:
    seen = table.profile.columns[name]
    if not seen.present:
        return Column()
    rate = seen.missing / seen.rows
    most = min(rate + 4 * math.sqrt(rate * (1 - rate) / seen.rows), 1.0)
    told: dict[str, Any] = {"type": seen.kind, "missing": math.ceil(1e4 * most) / 1e4}
    if bounded and seen.quantiles:
        reach = 3 / max(math.log(seen.present / 20), 1.0)
        whole = bool((table.sample[name].dropna() % 1 == 0).all())
        ends = [(seen.min, -1, seen.at(0.05)), (seen.max, 1, seen.at(0.95))]
        told["min"], told["max"] = (_margin(end, side, reach * abs(end - inner), whole) for end, side, inner in ends)
    once = sum(n == 1 for n in seen.top.values())
    if seen.kind == "category" and len(seen.top) <= LEVELS and once <= (1 - mostly) * seen.present:
        told["values"] = tuple(sorted(seen.top))
    return Column(**told)


def _margin(end: float, side: int, margin: float, whole: bool) -> float:
    """Move an extreme outwards, to a number that reads well."""
    digits = 0 if whole or not margin else 2 - math.floor(math.log10(margin))
    moved = round(end + side * margin, digits) if margin else end
    # what never was negative is rarely meant to be
    return max(moved, 0.0) if end >= 0 else moved


def _numbers(sample: pd.DataFrame) -> tuple[list[str], Any]:
    """Return the numeric columns that vary, and some rows of them."""
    names = [n for n in sample.columns if sample[n].dtype.kind == "f" and sample[n].nunique() > 2]
    return names, sample[names].to_numpy(dtype=float)


def _ordered(sample: pd.DataFrame) -> tuple[tuple[str, str], ...]:
    """Find the pairs of columns of which one is never larger, where chance would have it so."""
    names, cells = _numbers(sample)
    found = {}
    sorted_cells = np.sort(cells, axis=0)
    for i, name in enumerate(names):
        both = ~np.isnan(cells) & ~np.isnan(cells[:, [i]])
        if not both[:, i].any():
            continue
        kept = ((cells[:, [i]] <= cells) | ~both).all(axis=0) & (both.sum(axis=0) >= 100)
        for j in np.flatnonzero(kept):
            # if the two had nothing to do with each other, this share of rows would break it
            where = np.searchsorted(sorted_cells[:, j], cells[both[:, i], i], "left") / max(both[:, j].sum(), 1)
            if i != j and float(np.minimum(where, 1).mean()) >= 0.05 and np.mean(cells[:, i] != cells[:, j]) >= 0.05:
                found[name, names[j]] = float(where.mean())
    through = {(a, c) for a, b in found for b2, c in found if b == b2}
    return _best({pair: score for pair, score in found.items() if pair not in through})


def _sums(sample: pd.DataFrame) -> tuple[tuple[str, str, str], ...]:
    """Find columns that are the sum of two others, by a random projection of a few whole rows."""
    names, cells = _numbers(sample)
    cells = cells[np.argsort(np.isnan(cells).sum(axis=1), kind="stable")][:200]
    use = np.isfinite(cells).all(axis=0) & (np.mean(cells != 0, axis=0) >= 0.05) if len(cells) >= 50 else []
    names = [name for name, used in zip(names, use, strict=False) if used]
    if len(names) < 3:
        return ()
    cells = cells[:, np.flatnonzero(use)]
    drawn = np.random.default_rng(0).uniform(0.5, 1.5, len(cells))
    sizes, order = drawn @ cells, np.argsort(drawn @ cells, kind="stable")
    slack = 1e-7 * (drawn @ np.abs(cells))
    found = {}
    for i in range(len(names)):
        total = sizes[i] + sizes[i + 1 :]
        near = np.searchsorted(sizes[order], total - slack[i] - slack[i + 1 :])
        for step in range(3):
            place = order[np.minimum(near + step, len(order) - 1)]
            for j in np.flatnonzero(np.abs(sizes[place] - total) <= slack[place] + slack[i]) + i + 1:
                k = int(place[j - i - 1])
                off = np.abs(cells[:, k] - cells[:, i] - cells[:, j])
                if k not in (i, j) and (off <= 1e-6 * np.abs(cells[:, [i, j, k]]).sum(axis=1)).all():
                    found[names[k], names[i], names[j]] = float(np.mean(cells[:, i] != 0))
    return _best(found)


def _determines(sample: pd.DataFrame) -> tuple[tuple[str, str], ...]:
    """Find columns whose value tells that of another, in rows that are not alone with it."""
    kept = [n for n in sample if sample[n].dtype.kind != "M"]
    coded = {n: sample[n].astype("object").factorize(sort=False)[0] for n in kept}
    names = [n for n, codes in coded.items() if 2 <= codes.max(initial=-1) + 1 <= max(len(codes) // 2, 2)]
    if len(names) < 2:
        return ()
    codes = np.column_stack([coded[n] for n in names])
    variety = np.array([1 - np.square(np.bincount(c[c >= 0]) / max((c >= 0).sum(), 1)).sum() for c in codes.T])
    found = {}
    for i, name in enumerate(names):
        turned = codes[np.argsort(codes[:, i], kind="stable")]
        alike = (turned[1:, i] == turned[:-1, i]) & (turned[1:, i] >= 0)
        known = alike[:, None] & (turned[1:] >= 0) & (turned[:-1] >= 0)
        same = ((turned[1:] == turned[:-1]) | ~known).all(axis=0)
        # so many neighbours would differ by chance
        support = known.sum(axis=0) * variety
        for j in np.flatnonzero(same & (support >= np.maximum(30, 0.05 * len(codes)))):
            if i != j:
                found[name, names[j]] = float(support[j])
    return _best(found, each=2)


def _best(found: dict[Any, float], each: int = 8) -> tuple[Any, ...]:
    """Return the most telling relations, and of one column no more than a few."""
    kept: list[Any] = []
    for relation in sorted(found, key=lambda r: (-round(found[r], 6), r)):
        if len(kept) < MOST and sum(k[-1] == relation[-1] for k in kept) < each:
            kept.append(relation)
    return tuple(sorted(kept))
