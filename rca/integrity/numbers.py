"""RCA104, RCA121 and RCA122, whether values are in another unit, of the other sign, or in each other's column."""

from collections.abc import Iterator
from functools import partial
from itertools import combinations
from typing import Any
import numpy as np
import pandas as pd
from rca.integrity._common import Mask, differ, filled, noise, numbers, report, samples, tail_chance
from rca.integrity._law import Law, Seen, joint
from rca.integrity._units import explain
from rca.integrity._views import View, part_of, settle, traces, views
from rca.registry import check
from rca.stats import Floats
from rca.tables import Column
from rca.types import Case, Finding, Pair

_MOST = 40  # columns that are looked at in pairs
_BINS = 32
#: What a column with another one's values may look like.
_LIKE = """unit_change sign_flip sentinel_values frozen_column stale_column renamed_category encoding leakage
missing_values type_change"""


@check("RCA104", "unit or scale changed", alone=True)
def unit_change(case: Case, *, tolerance: float = 0.02, floor: float = 0.001) -> Iterator[Finding]:
    """Find numeric columns that are in another unit than the reference, in all rows or in some.

    Known are the powers of ten, inches, pounds, miles, minutes, hours, degrees, any constant factor that stretches
    a skewed column evenly (a currency), and any constant that was added to a column which then, less that constant,
    says of the others what it did. A column that moved by itself is none of these. Two
    distributions are called the same that lie apart by no more than `tolerance`, beyond noise.

    The evidence holds what a repair needs: factor, offset, and the bounds outside of which a value is damaged
    (both None: all are, or all of a part).

    Examples
    --------
    >>> hours = pd.date_range("2024-01-01", periods=2000, freq="h")
    >>> whole = pd.DataFrame({"height": np.random.default_rng(0).normal(170, 9, 2000), "at": hours})
    >>> damaged = whole.assign(height=whole["height"].where(whole["at"] < "2024-02-01", whole["height"] / 100))
    >>> texts(unit_change, whole, damaged, time="at")
    ['height is /100 in 63 % of the rows of train, all of them since 2024-02-01.']
    >>> texts(unit_change, whole, whole.assign(height=whole["height"] + 25))
    []
    """
    for pair, reference, current in numbers(case):
        change = explain(pair, reference, current, case, tolerance)
        if change is None:
            continue
        unit, some = change.unit, change.low is not None or bool(change.where)
        by = f"x{unit.factor:.4g}" if unit.factor != 1 else f"{unit.offset:+.6g}"
        told: dict[str, Any] = {"unit": unit.name, "said": f"{by} ({unit.name})" if " to " in unit.name else unit.name}
        told |= {"least": "at least " if change.seen < 0.99 else "", "factor": unit.factor, "offset": unit.offset}
        told |= {"low": change.low, "high": change.high, "seen": change.seen, "p_value": change.p_value}
        told["where"] = change.where or (None if some else {})
        text = "{column} is {said} in "
        text += "{least}{share} of the rows of {table}{where}." if some else "all rows of {table}."
        yield from report(pair, reference.name, case, change.hit, "unit_change", text, floor, **told)


@check("RCA121", "a sign was flipped", alone=True)
def sign_flip(case: Case, *, floor: float = 0.002) -> Iterator[Finding]:
    """Find numeric columns whose values have the other sign, in all rows or in a part; see :func:`unit_change`.

    Where a column spreads about zero, only its relations to the others can tell, and they must be turned round.
    """
    turned: dict[str, frozenset[str]] = {}
    for pair in filled(case):  # labels that were turned round turn the relations of all columns to them
        (law, seen), target = joint(pair, case), str(case.roles.target)
        if target in law.names and law.relation(target, seen).slope < 0:
            turned[pair.name] = frozenset({target})

    def kept(item: tuple[Pair, Column, Column]) -> float:
        law, seen = joint(item[0], case)
        relation = law.relation(item[1].name, seen)
        return (relation.slope - 1) * relation.strength

    # the column that turns most of the relations is the one; it says nothing of the others any more
    for pair, reference, current in sorted(numbers(case), key=kept):
        name, gone = reference.name, turned.get(pair.name, frozenset())
        old, new = (side[name].to_numpy() for side in samples(pair))
        (law, seen), hit, where = joint(pair, case), _negative(old, new), None
        if hit is None and current.present and (differ(old, new) > 0.02 or _torn(law, seen, name, 0.95)):
            turn = partial(_turned, pair, case, name, gone)
            parts = views(pair, case, *traces(pair, case, name))
            if found := settle((v for v in parts if gone.isdisjoint(v.where.get("segment", ()))), turn):
                hit, where = found[0].mask & np.isfinite(new), found[0].where
        if hit is not None:
            turned[pair.name] = gone | {name}
            text = "{column} has the other sign in {share} of the rows of {table}{where}."
            # of a column on one side of zero none is on the other
            ends = (0.0, np.inf) if old[np.isfinite(old)].min() >= 0 else (-np.inf, 0.0)
            tail = tail_chance(old, *ends, int(hit.sum()), current.present) if where is None else 1.0
            facts: dict[str, Any] = {"where": where, "negative": where is None}
            yield from report(pair, name, case, hit, "sign_flip", text, floor, tail=tail, **facts)


def _turned(pair: Pair, case: Case, name: str, gone: frozenset[str], view: View) -> bool | None:
    """Say whether all values of a view have the other sign; None if they have not."""
    old, new = (side[name].to_numpy() for side in samples(pair))
    law, seen = joint(pair, case, view.mask)
    raw, undone = (law.relation(name, seen, values, gone) for values in (None, -new))
    was, now = old[part_of(pair, view)], new[view.mask]
    turn = raw.slope < 0.5 and undone.slope > max(raw.slope + 0.5, 0.6)
    return (differ(was, -now) <= 0.1 and (turn if raw.known else differ(was, now) > 0.2)) or None


def _negative(old: Floats, new: Floats) -> Mask | None:
    """Return the rows on the wrong side of zero, where the reference has one side only and the sizes are its own."""
    known = old[np.isfinite(old)]
    side = 1.0 if (known >= 0).all() else -1.0 if (known <= 0).all() else 0.0
    hit = np.where(np.isfinite(new), new, 0.0) * side < 0
    # a zero has no sign: the sizes are held against those that have one
    return hit if len(np.unique(new[hit])) >= 5 and differ(known[known != 0], -new[hit]) <= 0.1 else None


def _torn(law: Law, seen: Seen, name: str, kept: float) -> bool:
    relation = law.relation(name, seen)
    return relation.known and relation.slope < kept


@check("RCA122", "two columns were exchanged", explains=tuple(_LIKE.split()))
def column_swap(case: Case, *, floor: float = 0.002) -> Iterator[Finding]:
    """Find pairs of columns that hold each other's values, in all rows or in a part; see :func:`unit_change`.

    The subject is the first of the two, `columns` of the evidence has both. Columns with the same values are
    told apart by their relations to the others; single rows by values that fit the other column far better.
    """
    for pair in filled(case):
        law, seen = joint(pair, case)
        common = [n for n in law.names if n in pair.current.columns]
        odd = [n for n in common if law.moved(n, seen) > 0 or _torn(law, seen, n, 0.9)]
        kinds = {n: {table.profile.columns[n].kind for table in (pair.reference, pair.current)} for n in odd}
        left = [(a, b) for a, b in combinations(sorted(odd)[:_MOST], 2) if len(kinds[a] | kinds[b]) == 1]
        scores = [t for n in sorted({n for both in left for n in both}) for t in traces(pair, case, n)]
        parts = list(views(pair, case, *scores)) if left else []
        held = {both: all_of[0] for both in left if (all_of := settle(parts, partial(_fits, pair, case, both)))}
        whole = sorted(held.items(), key=lambda item: -item[1].mask.sum())
        found: list[tuple[Any, Mask, Any, Any]] = [(both, view.mask, dict(view.where), {}) for both, view in whole]
        # what is exchanged as a whole comes before what is in some rows
        found += [(both, some[0], None, {"score": some[1]}) for both in left if (some := _of_rows(pair, *both))]
        taken: set[str] = set()
        for (one, other), hit, where, rule in found:
            if taken.isdisjoint((one, other)):
                taken |= {one, other}
                text = "{column} and {other} are exchanged in {share} of the rows of {table}{where}."
                told: dict[str, Any] = {"columns": [one, other], "other": other, "rule": rule}
                yield from report(pair, one, case, hit, "column_swap", text, floor, where=where, **told)


def _of_rows(pair: Pair, one: str, other: str) -> tuple[Mask, float] | None:
    """Return the single rows that are exchanged, and the score from which on they are."""
    before, now = pair.reference.sample, pair.current.sample
    first, second = (score(table, before, one, other) for table in (before, now))
    # so much likelier the other way round that hardly a sound row is
    bar = max(np.log(1e3), float(np.quantile(first, 0.999)) if len(first) else 0.0)
    hit = second > bar
    if hit.sum() < 5 or hit.mean() < 5 * float((first > bar).mean()):
        return None
    far = any(_gap(before[name], now[twin][hit]) > 0.2 for name, twin in ((one, other), (other, one)))
    return None if far else (hit, bar)


def _fits(pair: Pair, case: Case, both: tuple[str, str], view: View) -> bool | None:
    """Say whether all rows of a view fit when they are exchanged back, and do not as they are; None if not."""
    (one, other), now = both, pair.current.sample
    old, new = pair.reference.sample.loc[part_of(pair, view), [*both]], now.loc[view.mask, [*both]]
    if _gap(old[one], new[other]) > 0.05 or _gap(old[other], new[one]) > 0.05:
        return None
    if min(_gap(old[one], new[one]), _gap(old[other], new[other])) > 0.1:
        return True
    law, part = joint(pair, case, view.mask)
    proof = 0
    for name, values in ((one, now[other]), (other, now[one])):
        without = frozenset({one, other})
        raw, undone = law.relation(name, part, None, without), law.relation(name, part, values, without)
        if raw.known and (raw.slope > 0.7 or undone.slope < max(raw.slope + 0.3, 0.85 - 2 * undone.error)):
            return None
        proof += raw.known
    return proof > 0 or None


def _gap(old: pd.Series, new: pd.Series) -> float:
    """Return how far the laws of two columns of one kind lie apart, beyond noise."""
    if old.dtype != "category":
        return differ(old.to_numpy(), new.to_numpy())
    shares = [side.astype("object").value_counts(normalize=True) for side in (old, new)]
    return float(shares[0].sub(shares[1], fill_value=0.0).abs().sum() / 2) - noise(old.count(), new.count())


def score(table: pd.DataFrame, reference: pd.DataFrame, one: str, other: str) -> Floats:
    """Return how much likelier a row's two values are the other way round (a log ratio, by the reference's shares)."""
    if reference[one].dtype == "category":
        cuts: Any = reference[one].cat.categories.union(reference[other].cat.categories)
    else:
        known = reference[[one, other]].to_numpy(dtype=float)
        cuts = np.unique(np.quantile(known[np.isfinite(known)], np.arange(1, _BINS) / _BINS))

    def place(side: pd.Series) -> Any:
        if side.dtype == "category":
            return side.cat.set_categories(cuts).cat.codes.to_numpy()
        return np.where(np.isfinite(side), np.searchsorted(cuts, side), -1)

    ratio = np.zeros(len(table))
    for name, twin in ((one, other), (other, one)):
        own, size = place(reference[name]), len(cuts) + 1
        counts = np.bincount(own[own >= 0], minlength=size) + 0.1
        weight = np.log(np.append(counts / counts.sum(), 1.0 / size))
        ratio += weight[place(table[twin])] - weight[place(table[name])]
    return ratio
