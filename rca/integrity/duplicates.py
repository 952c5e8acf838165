"""RCA112 and RCA113, whether rows are there more than once, as they are or as a join leaves them."""

import functools
from collections.abc import Iterator
from typing import Any
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rca.integrity._common import Mask, chosen, filled, listed, locate, report, rows, samples
from rca.registry import check
from rca.types import Case, Finding, Pair


@check("RCA112", "rows are repeated")
def duplicate_rows(case: Case, *, floor: float = 0.01) -> Iterator[Finding]:
    """Find rows that are repeated as they are, but for their key, and by no join, more often than in the reference.

    The effect is the rise of the share of copies; see :func:`join_fanout`.
    """
    text = "{share} of the rows of {table} are copies of others, {before} in the reference{where}."
    return _reported(case, floor, "duplicate_rows", text)


@check("RCA113", "a join multiplied rows")
def join_fanout(case: Case, *, floor: float = 0.01) -> Iterator[Finding]:
    """Find rows that are there several times as a join leaves them.

    Such copies are those of all rows with certain values of one column, the key of the join, or differ in columns
    that came from the joined table: in one, or in any where the rows have a key.

    The evidence has the `join` column and its `values`, or the `joined` columns.

    Examples
    --------
    >>> whole = pd.DataFrame({"amount": np.arange(800) * 1.5, "shop": ["Bonn", "Oslo", "Rome", "Wien"] * 200})
    >>> texts(join_fanout, whole, pd.concat([whole, whole[whole["shop"] == "Oslo"]]))
    ["20 % of the rows of train are copies of others, as of a join that multiplies the rows with shop 'Oslo'."]
    """
    text = "{share} of the rows of {table} are copies of others, as of a join that {how}."
    return _reported(case, floor, "join_fanout", text)


def _reported(case: Case, floor: float, kind: str, text: str) -> Iterator[Finding]:
    for pair in filled(case):
        found = _copies(pair, case.roles.key, case.roles.time, floor)
        if found and bool(found[3]) == (kind == "join_fanout"):
            sample, extra, before, cause, numbered = found
            facts = {"where": {} if cause else locate(sample, extra, case), "numbered": numbered, **cause}
            yield from report(pair, None, case, extra, kind, text, floor, before=before, **facts)


@functools.lru_cache(maxsize=8)
def _copies(pair: Pair, key: tuple[str, ...], time: str | None, floor: float) -> tuple[Any, ...] | None:
    """Return a sample, the copies in it, their usual share, what joined them, and the numbers in which they differ."""
    keyed = chosen((pair.reference, pair.current), key, pair.current.columns)
    key, sides = (key, keyed) if keyed else ((), list(samples(pair)))
    old, new = sides
    names = sorted(set(old.columns) & set(new.columns))
    cells = [{n: _hash(side[n]) for n in names} for side in sides]
    once = [n for n in names if n not in key and old[n].nunique() == len(old)]  # a copy may have its own
    floats = {n: old[n].to_numpy(dtype=float) for n in once if old[n].dtype != "category"}
    numbers = {n for n in once if n not in floats or (np.trunc(floats[n]) == floats[n]).all()} | {*key}
    whole = [n for n in names if n not in numbers]
    # rows are the same in all columns, by their key and time, or in all columns but one
    ways: list[list[str]] = [whole, [*key, *(n for n in names if n == time)] if key else []]
    ways += [[n for n in whole if n != left] for left in whole if left != time]
    grown, most = max(1.0, rows(pair)[1] / rows(pair)[0]), 0.0
    found: Any = None
    shuffle = np.random.default_rng(0)
    for way in (way for way in ways if way):
        first, last = (np.sum([side[n] for n in way], axis=0, dtype=np.uint64) for side in cells)
        before, now = (float(pd.Series(side).duplicated().mean()) for side in (first, last))
        # rows of few values are alike by chance, and as often like a row of the other table
        seen = float(np.isin(last, first).mean()) if way is whole else 1.0
        before = grown * max(before, seen / 2 * len(new) / len(old) / grown if seen < 0.5 else 0.0)
        excess = now - floor - (1.5 if way is whole else 3.0) * before
        if excess > 1.2 * most and way in ways[2:]:
            # a damaged column alone makes rows alike by chance
            mixed = np.sum([shuffle.permutation(cells[1][n]) for n in way], axis=0, dtype=np.uint64)
            excess = min(excess, now - floor - 1.5 * float(pd.Series(mixed).duplicated().mean()))
        if excess > 1.2 * most:
            most, found = excess, (last, before)
    if found is None:
        return None
    _, earliest, group = np.unique(found[0], return_index=True, return_inverse=True)
    origin = earliest[group]
    extra = origin != np.arange(len(new))
    differ = [n for n, cell in cells[1].items() if (cell != cell[origin]).any()]
    cause = _join(new, extra, origin, [n for n in differ if n not in numbers], {*numbers, time, *differ})
    return new, extra, found[1], cause, [n for n in differ if n in numbers]


def _hash(values: pd.Series) -> NDArray[np.uint64]:
    """Return a number for each value that equal values of the column share, in any table."""
    known = values + 0.0 if values.dtype.kind == "f" else values
    own = pd.util.hash_array(np.array([values.name], dtype=object)) | np.uint64(1)
    return np.asarray(pd.util.hash_pandas_object(known, index=False) * own, dtype=np.uint64)


def _join(sample: pd.DataFrame, extra: Mask, origin: Any, joined: list[str], skip: set[str | None]) -> dict[str, Any]:
    """Return what tells that a join made the copies: the column and values that they all have, or joined columns."""
    choices = []
    copied = np.isin(np.arange(len(sample)), origin[extra])
    for name in sorted(set(sample.columns) - skip):
        codes, levels = pd.factorize(sample[name], use_na_sentinel=False)
        size, hit, more = (np.bincount(codes[rows], minlength=len(levels)) for rows in (~extra, copied, extra))
        full = hit >= 0.9 * np.maximum(size, 1)
        # the few rows of a rare value are all copied by chance
        if more[full].sum() >= 0.9 * extra.sum() and 5 * full.sum() <= size[full].sum() <= 0.8 * size.sum():
            choices.append((int(full.sum()), name, sorted(str(v) for v in levels[full & (size + more >= 10)])))
    if choices:
        _, name, values = min(choices)
        how = f"multiplies the rows with {name} {listed(values)}"
        return {"join": name, "values": values[:10], "joined": joined, "how": how}
    return {"joined": joined, "how": f"adds {listed(joined)} more than once"} if joined else {}
