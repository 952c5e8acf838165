"""RCA103 to RCA106, RCA121 and RCA122, whether numbers are out of range, unit, sign or column, cut off or rounded."""

from collections.abc import Iterator
from functools import partial
from itertools import combinations
from typing import Any
import numpy as np
import pandas as pd
from rca.integrity._common import Mask, beyond_chance, differ, filled, noise, numbers, report, samples, tail_chance
from rca.integrity._law import View, joint, part_of, settle, traces, views
from rca.integrity._units import beyond, explain
from rca.integrity.values import error, risen
from rca.registry import check
from rca.stats import Floats
from rca.tables import Column
from rca.types import Case, Finding, Pair

_MOST = 40  # columns that are looked at in pairs
_BINS = 32
_DIGITS = range(-3, 7)
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
        if (change := explain(pair, reference, current, case, tolerance)) is None:
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
        torn = (tie := law.relation(name, seen)).known and tie.slope < 0.95
        if hit is None and current.present and (differ(old, new) > 0.02 or torn):
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


@check("RCA122", "two columns were exchanged", explains=tuple(_LIKE.split()))
def column_swap(case: Case, *, floor: float = 0.002) -> Iterator[Finding]:
    """Find pairs of columns that hold each other's values, in all rows or in a part; see :func:`unit_change`.

    The subject is the first of the two, `columns` of the evidence has both. Columns with the same values are
    told apart by their relations to the others; single rows by values that fit the other column far better.
    """
    for pair in filled(case):
        law, seen = joint(pair, case)
        common = [n for n in law.names if n in pair.current.columns]
        odd = [n for n in common if law.moved(n, seen) > 0 or ((r := law.relation(n, seen)).known and r.slope < 0.9)]
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
        raw, undone = (law.relation(name, part, given, frozenset(both)) for given in (None, values))
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


@check("RCA103", "values lie far outside the range", symptom=True, alone=True)
def range_violation(case: Case, *, reach: float = 3.0, floor: float = 0.001) -> Iterator[Finding]:
    """Find numeric columns in which a minority of rows lies far outside, while the others are as they were.

    Far outside is beyond the reference's extremes by half their distance, and beyond its central 98 % by
    `reach` times their width, or negative where the reference never is, or infinite. A population that moved as
    a whole is not meant, nor a tail that grew; rows that a change of unit explains are left to that check.

    The evidence holds the bounds.

    Examples
    --------
    >>> whole = pd.DataFrame({"age": np.random.default_rng(0).normal(40, 8, 5000).clip(18)})
    >>> thrown = whole["age"].where(whole.index % 50 > 0, -1e6 - whole["age"] ** 2)
    >>> texts(range_violation, whole, whole.assign(age=thrown))
    ['age is outside 0 to 167.2 in 2.0 % of the rows of train, 0 % in the reference.']
    >>> texts(range_violation, whole, whole + 200)
    []
    """
    for pair, reference, current in numbers(case):
        first, last = reference.at(0.01), reference.at(0.99)
        least, most = float(reference.min), float(reference.max)
        # a tail may well be longer than the one sample of it that the reference is
        low = min(least - (most - least) / 2, first - reach * (last - first))
        low = max(low, 0.0) if least >= 0 else low
        high = max(most + (most - least) / 2, last + reach * (last - first))
        name = reference.name
        old, new = (side[name].to_numpy() for side in samples(pair))
        hit = beyond(new, (low, high)) | np.isinf(new)
        whole = np.isinf(new).mean() > 0.5
        if not hit.any() or (hit.mean() > 0.5 and not whole) or hit.sum() < (~hit & beyond(new, (least, most))).sum():
            continue
        # all others must be as they were, and nothing but a tail that grew lies between them and the bounds
        if not whole and (differ(old, new[~hit]) > 0.2 or explain(pair, reference, current, case)):
            continue
        text = "{column} is outside {span} in {share} of the rows of {table}{where}, {before} in the reference."
        told: dict[str, Any] = {"low": low, "high": high, "infinite": current.infinite, "min": current.min}
        told |= {"max": current.max, "span": f"{low:.4g} to {high:.4g}", "before": reference.infinite / reference.rows}
        told["p_value"] = beyond_chance(int(hit.sum()), reference.present, max(current.present, 1))
        told["tail"] = tail_chance(old, low, high, int(hit.sum()), current.present)
        yield from report(pair, name, case, hit, "range_violation", text, floor, **told)


@check("RCA105", "values were cut off at a bound")
def clipped(case: Case, *, floor: float = 0.005) -> Iterator[Finding]:
    """Find numeric columns that end at a bound at which the rows beyond it now stand; see :func:`range_violation`.

    Findings are of kind ``range_violation``. The evidence holds the bounds as `clip`, and as `low` and `high` the
    last numbers within them, so that the cells at a bound are those outside.
    """
    for pair, reference, current in numbers(case):
        name = reference.name
        before, now = (side[name] for side in samples(pair))
        values = risen(pair, name, floor)[0] if current.quantiles else ()
        parts = views(pair, case, np.where(now.isin(values), 1.0, 0.0)) if len(values) else ()
        if found := settle(parts, partial(_ends, pair, before, now, values)):
            view, ends = found
            clip = list(ends.values())
            hit = view.mask & now.isin(clip).to_numpy()
            text = "{column} ends at {ends} in {table}, with {share} of the rows there{where}."
            facts: dict[str, Any] = {"clip": clip, "ends": " and ".join(f"{end:.6g}" for end in clip)}
            facts["low"] = float(np.nextafter(ends["low"], np.inf)) if "low" in ends else current.min
            facts["high"] = float(np.nextafter(ends["high"], -np.inf)) if "high" in ends else current.max
            facts |= {"before": before.isin(clip).mean(), "where": view.where}
            yield from report(pair, name, case, hit, "range_violation", text, floor, **facts)


def _ends(pair: Pair, before: pd.Series, now: pd.Series, values: Any, view: View) -> dict[str, float] | None:
    """Return the bounds of a view at which the reference's tail beyond stands, while all else is as it was."""
    ends = {}
    for word, sign in (("low", -1), ("high", 1)):
        old, new = (sign * side[np.isfinite(side)].to_numpy() for side in (before[part_of(pair, view)], now[view.mask]))
        if min(len(old), len(new)) < 20 or sign * new.max() not in values:
            continue
        end = new.max()
        spike, tail = float((new == end).mean() - (old == end).mean()), float((old > end).mean())
        rest, left = np.maximum(old[old < end], new.min()), new[new < end]  # the other end may be cut off too
        steps = len(np.unique(left)) < (10 if "segment" in view.where else 3)  # a series of steps ends at one anyway
        stands = tail > 0 and abs(spike - tail) <= 3 * error(tail, pair) + 0.3 * tail and spike >= tail / 2
        if stands and not steps and differ(rest, left) <= 0.05:
            ends[word] = float(sign * end)
    return ends or None


@check("RCA106", "values lost their decimals")
def rounded(case: Case, *, floor: float = 0.02) -> Iterator[Finding]:
    """Find numeric columns whose values have fewer decimals or end in more zeros; see :func:`range_violation`.

    Findings are of kind ``type_change``. The evidence holds the `decimals` that are left, negative for tens and
    hundreds. Only if the reference's values, rounded likewise, have the same law: other values are other damages.
    """
    text = "{column} lost {lost} in {share} of the rows of {table}{where}, {before} in the reference."
    for pair, reference, _ in numbers(case):
        old, new = (side[reference.name].to_numpy() for side in samples(pair))
        first = np.array([_whole(old, digits).mean() for digits in _DIGITS])
        rise = np.where(first <= 0.2, [_whole(new, digits).mean() for digits in _DIGITS] - first, 0.0)
        if rise.max() <= floor / 2:
            continue
        digits = _DIGITS[int(np.argmax(rise >= 0.9 * rise.max()))]
        hit, before = _whole(new, digits), float(_whole(old, digits).mean())
        known, now = old[np.isfinite(old)] * 10.0**digits, np.round(new[hit] * 10.0**digits)
        if len(np.unique(now)) > 1 and min(differ(way(known), now) for way in (np.round, np.trunc, np.floor)) <= 0.1:
            lost = f"digits beyond {10.0**-digits:g}" if digits else "its decimals"
            facts: dict[str, Any] = {"before": before, "decimals": digits, "lost": lost}
            yield from report(pair, reference.name, case, hit, "type_change", text, floor, **facts)


def _whole(values: Any, digits: int) -> Mask:
    scaled = values * 10.0**digits
    with np.errstate(invalid="ignore"):
        return np.asarray(np.isfinite(values) & (np.abs(scaled - np.round(scaled)) <= 1e-9 + 1e-7 * np.abs(scaled)))
