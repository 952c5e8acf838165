"""RCA115 and RCA116, whether the exam holds training rows, or a feature knows the target."""

from collections.abc import Iterator, Sequence
from typing import Any
import numpy as np
import pandas as pd
from rca.engine import hash_of
from rca.errors import NotApplicable
from rca.integrity._common import ALPHA, filled, iso, percent, rows, samples, time_of
from rca.registry import check
from rca.stats import Floats, rate_change
from rca.types import Case, Finding

#: How the engine reads values, so that whole numbers and floats of one value are equal.
_AS = {"number": "float64", "category": "string", "time": "timestamp"}
_FEWEST, _ENOUGH = 60, 200  # rows of a table, and of a part of it: a tree on fewer is chance
_LIKE = ("sentinel_values", "type_change", "range_violation", "unit_change", "broken_relation", "frozen_column")


@check("RCA115", "the exam holds training rows")
def train_test_overlap(case: Case, *, floor: float = 0.01) -> Iterator[Finding]:
    """Find exams of which training knows more rows than before, by key or by all they say; see :func:`leakage`.

    Rows of few values, and clients that come back, are in both tables by nature: what counts is what goes beyond the
    reference, half as much again.

    The subject is the exam, the effect the rise of the share of its rows that training has seen.
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
        for names in [*ways, [n for n in common if n not in roles]]:
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
    """Count the rows of an exam that the training table has as well."""
    if not names:
        return 0
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
