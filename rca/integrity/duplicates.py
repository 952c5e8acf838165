"""RCA112, RCA113, RCA115 and RCA116, whether rows are there twice, or in the exam too, or a feature is the target."""

import functools
from collections.abc import Iterator, Sequence
from typing import Any
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rca.errors import NotApplicable
from rca.integrity._common import ALPHA, chosen, filled, iso, listed, locate, percent, report, rows, samples, time_of
from rca.registry import check
from rca.stats import Floats, rate_change
from rca.tables import hash_of
from rca.types import Case, Finding, Pair

#: How the engine reads values, so that whole numbers and floats of one value are equal.
_AS = {"number": "float64", "category": "string", "time": "timestamp"}
_FEWEST, _ENOUGH = 60, 200  # rows of a table, and of a part of it: a tree on fewer is chance
_LIKE = ("sentinel_values", "type_change", "range_violation", "unit_change", "broken_relation", "frozen_column")


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
    key, (old, new) = (key, keyed) if keyed else ((), samples(pair))
    names = sorted(set(old.columns) & set(new.columns))
    cells = [{n: _hash(side[n]) for n in names} for side in (old, new)]
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
    known = values + 0.0 if values.dtype.kind == "f" else values
    own = pd.util.hash_array(np.array([values.name], dtype=object)) | np.uint64(1)
    return np.asarray(pd.util.hash_pandas_object(known, index=False) * own, dtype=np.uint64)


def _join(sample: pd.DataFrame, extra: Any, origin: Any, joined: list[str], skip: set[str | None]) -> dict[str, Any]:
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


@check("RCA115", "the exam holds training rows")
def train_test_overlap(case: Case, *, floor: float = 0.01) -> Iterator[Finding]:
    """Find exams of which training knows more rows than before, by key or by all they say; see :func:`leakage`.

    Rows of few values, and clients that come back, are in both tables by nature: what counts is what goes beyond the
    reference, half as much again. The effect is the rise of the share of rows of the exam that training has seen.
    """
    pairs = filled(case)
    train = next((pair for pair in pairs if pair.name == "train"), None)
    if train is None or len(pairs) == 1:
        raise NotApplicable("a training table and an exam are needed, and there are not both.")
    key, roles = case.roles.key, {*case.roles.key, case.roles.prediction}
    grown = max(1.0, rows(train)[1] / rows(train)[0])
    for pair in (p for p in pairs if p is not train):
        common = sorted(set.intersection(*(set(side.columns) for p in (train, pair) for side in samples(p))))
        ways = [sorted(key)] if key and pair.same_role and set(key) <= set(common) else []
        first, last = rows(pair)
        for names in filter(None, [*ways, [n for n in common if n not in roles]]):
            now = _shared(train.current, pair.current, names)
            if now <= floor * last:
                continue
            before = min(grown * _shared(train.reference, pair.reference, names) / first, 1.0)
            rate = rate_change(round(min(1.5 * before, 1.0) * first), first, now, last, floor)
            if rate.difference > floor and rate.p_value <= ALPHA:
                text = f"{percent(now / last)} of the rows of {pair.name} are in {train.name} as well, "
                text += f"{percent(before / grown)} in the reference."
                facts = {"rows": now, "share": now / last, "by_key": names in ways, "table": train.name}
                subject, kind = f"data.{pair.name}", "train_test_overlap"
                yield Finding("", kind, subject, text, None, rate.difference, rate.low, rate.high, rate.p_value, facts)
                break


def _shared(train: Any, exam: Any, names: Sequence[str]) -> int:
    cast = (t.expr.select(**{n: t.expr[n].cast(_AS[t.kinds[n]]) for n in names}) for t in (train, exam))
    seen, asked = (expr.select(row=hash_of(expr, names)) for expr in cast)
    return int(asked.semi_join(seen, "row").count().execute())


@check("RCA116", "a feature knows the target", explains=_LIKE)
def leakage(case: Case, *, strength: float = 0.75, rise: float = 0.3) -> Iterator[Finding]:
    """Find columns that tell the target alone, and did not before.

    A column counts from a `strength` of this share of the target's variance on (of its ranks, for a number), told to
    rows that it was not learned from, with at least this `rise`; for a new column above the reference's strongest.

    The effect is the rise of the strength. The evidence has the `onset` where only newer rows tell the target.

    Examples
    --------
    >>> draw = np.random.default_rng(0)
    >>> whole = pd.DataFrame({"age": draw.normal(40, 9, 500), "bought": draw.integers(0, 2, 500)})
    >>> damaged = whole.assign(age=whole["age"].round() + 100 * whole["bought"])
    >>> texts(leakage, whole, damaged, target="bought")
    ['age alone tells 100 % of what bought is in train, 0 % in the reference.']
    """
    target, found = case.roles.target, False
    for pair in filled(case):
        if target is None or any(target not in side for side in samples(pair)):
            continue
        # rows with a target, in an order that is theirs
        sides = (t.sample.iloc[np.argsort(t.hashes, kind="stable")] for t in (pair.reference, pair.current))
        before, after = (side[side[target].notna()].iloc[:5_000] for side in sides)
        if min(len(before), len(after)) < _FEWEST:
            continue
        found, time = True, time_of(pair, case)
        skip = {target, case.roles.prediction, time, *case.roles.key}
        names = [n for n in sorted(set(after.columns) - skip) if n in before or n not in pair.reference.columns]
        parts: list[tuple[dict[str, Any], pd.DataFrame, list[pd.DataFrame]]] = [({}, after, [before])]
        for share in (1 / 2, 1 / 4, 1 / 8) if time else ():
            since = [side[time].quantile(1 - share) for side in (before, after)]  # the newest may be easier to tell
            late = [side[side[time] >= onset] for side, onset in zip((before, after), since, strict=True)]
            if min(map(len, late)) < _ENOUGH:
                break
            parts.append(({"time": time, "onset": str(iso(since[1]))}, late[1], [before, late[0]]))
        for name in names:
            for where, part, older in parts:
                left = _left(part[name], part[target])
                now = 1 - left.mean()
                if now < strength:
                    continue
                new = name not in before
                rivals = [n for n in names if n in before] if new else [name]
                told = (_left(side[n], side[target]) for n in rivals for side in older)
                past = min(told, key=np.mean, default=np.ones(len(before)))
                usual = max(1 - past.mean(), 0.0)
                if now - usual < min(rise, 0.9 * (1 - usual)):  # of a strong column there is less left to rise
                    continue
                then = "and is not in the reference" if new else f"{percent(round(usual, 3))} in the reference"
                newer = f" since {where['onset'][:10]}" if where else ""
                text = f"{name} alone tells {percent(round(now, 3))} of what {target} is in {pair.name}{newer}, {then}."
                facts = {"column": name, "target": target, "strength": now, "before": usual, "new": new, **where}
                # of how many rows less than half is told
                p_value = rate_change(int((left > 0.5).sum()), len(left), int((past > 0.5).sum()), len(past)).p_value
                subject = f"data.{pair.name}.{name}"
                yield Finding("", "leakage", subject, text, effect=now - usual, p_value=p_value, evidence=facts)
                break
    if not found:
        raise NotApplicable(f"no table has the target in {_FEWEST} rows of both sides.")


def _left(values: pd.Series, target: pd.Series) -> Floats:
    """Return what a tree on a column, learned from other rows, leaves of the target's variance in each row."""
    from sklearn.tree import DecisionTreeRegressor

    few = target.dtype == "category" or target.nunique() <= 10
    shown = pd.get_dummies(target.astype("object")) if few else target.rank(pct=True).to_frame()
    answer = np.array(shown, dtype=float, order="C")[:, :50]
    known = (values.cat.codes if values.dtype == "category" else values).to_numpy().astype(float)[:, None]
    known = np.where(np.isfinite(known), known.clip(-1e38, 1e38), np.nan)  # a tree reads single precision
    odd = np.arange(len(values)) % 2 == 1
    left, variance = np.ones(len(values)), answer.var(axis=0).sum()
    for learn in (odd, ~odd) if variance > 0 else ():
        tree = DecisionTreeRegressor(min_samples_leaf=max(5, int(learn.sum() ** 0.5)), random_state=0)
        guess = tree.fit(known[learn], answer[learn]).predict(known[~learn]).reshape(-1, answer.shape[1])
        left[~learn] = ((answer[~learn] - guess) ** 2).sum(axis=1) / variance
    return left
