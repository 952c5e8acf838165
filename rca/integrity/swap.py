"""RCA122, whether two columns were exchanged."""

from collections.abc import Iterator
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from rca.integrity._common import Mask, differ, filled, noise, part_of, report, views
from rca.integrity._law import Law, Seen, law_of, seen_of
from rca.registry import check
from rca.stats import Floats
from rca.types import Case, Finding, Pair

_MOST = 40  # columns that are looked at in pairs
_BINS = 32
#: What a column with another one's values may look like.
_LIKE = (
    "unit_change",
    "sign_flip",
    "sentinel_values",
    "frozen_column",
    "stale_column",
    "renamed_category",
    "encoding",
    "leakage",
    "missing_values",
    "type_change",
)


@check("RCA122", "two columns were exchanged", explains=_LIKE)
def column_swap(case: Case, *, floor: float = 0.002) -> Iterator[Finding]:
    """Find pairs of columns that hold each other's values, in all rows, since a moment, in a segment or in some.

    The subject is the first of the two, `columns` of the evidence has both. Columns with the same values are
    told apart by their relations to the others; single rows by values that fit the other column far better.

    Examples
    --------
    >>> draw = np.random.default_rng(0)
    >>> whole = pd.DataFrame({"age": draw.normal(40, 9, 2000), "rooms": draw.integers(1, 9, 2000)})
    >>> texts(column_swap, whole, whole.rename(columns={"age": "rooms", "rooms": "age"}))
    ['age and rooms are exchanged in 100 % of the rows of train.']
    """
    for pair in filled(case):
        law, seen = law_of(pair.reference, case), seen_of(pair, case)
        odd = [n for n in law.names if n in pair.current.columns and (law.moved(n, seen) > 0 or _torn(law, seen, n))]
        left = [both for both in combinations(sorted(odd)[:_MOST], 2) if _alike(pair, *both)]
        found: dict[tuple[str, str], tuple[Mask, Any, dict[str, Any]]] = {}
        taken: set[str] = set()
        for view in views(pair, case) if left else ():
            now = pair.current.sample
            part = pair.reference.sample.loc[part_of(pair, view), odd], now.loc[view.mask, odd]
            for both in left:
                if taken.isdisjoint(both) and _fits(part, now, view.mask, law, seen, *both):
                    found[both] = view.mask, dict(view.where), {}
                    taken.update(both)
        for both in left:
            if taken.isdisjoint(both) and (some := _of_rows(pair, *both)):
                found[both] = some[0], None, {"score": some[1]}
                taken.update(both)
        for (one, other), (hit, where, rule) in sorted(found.items()):
            text = "{column} and {other} are exchanged in {share} of the rows of {table}{where}."
            told: dict[str, Any] = {"columns": [one, other], "other": other, "rule": rule}
            yield from report(pair, one, case, hit, "column_swap", text, floor, where=where, **told)


def _torn(law: Law, seen: Seen, name: str) -> bool:
    relation = law.relation(name, seen)
    return relation.known and relation.slope < 0.9


def _alike(pair: Pair, one: str, other: str) -> bool:
    kinds = {table.profile.columns[name].kind for table in (pair.reference, pair.current) for name in (one, other)}
    return len(kinds) == 1


def _of_rows(pair: Pair, one: str, other: str) -> tuple[Mask, float] | None:
    """Return the single rows that are exchanged, and the score from which on they are."""
    before, now = pair.reference.sample, pair.current.sample
    first, second = (score(table, before, one, other) for table in (before, now))
    # so much likelier the other way round that hardly a sound row is
    bar = max(np.log(1e3), float(np.quantile(first, 0.999)) if len(first) else 0.0)
    hit = second > bar
    if hit.sum() < 5 or hit.mean() < 5 * float((first > bar).mean()):
        return None
    back = now.assign(**{one: now[other].to_numpy(), other: now[one].to_numpy()})[hit]
    if any(_gap(before[n], back[n]) > 0.2 for n in (one, other)):
        return None
    return hit, bar


def _fits(
    sides: tuple[pd.DataFrame, pd.DataFrame], now: pd.DataFrame, mask: Mask, law: Law, seen: Seen, one: str, other: str
) -> bool:
    """Say whether all rows of a part fit when they are exchanged back, and do not as they are."""
    old, new = sides
    if _gap(old[one], new[other]) > 0.05 or _gap(old[other], new[one]) > 0.05:
        return False
    if min(_gap(old[one], new[one]), _gap(old[other], new[other])) > 0.1:
        return True
    part = seen.part(mask)
    proof = 0
    for name, values in ((one, now[other]), (other, now[one])):
        without = frozenset({one, other})
        raw, undone = law.relation(name, part, None, without), law.relation(name, part, values, without)
        if raw.known and (raw.slope > 0.7 or undone.slope < max(raw.slope + 0.3, 0.85 - 2 * undone.error)):
            return False
        proof += raw.known
    return proof > 0


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
        numbers = reference[[one, other]].to_numpy(dtype=float)
        cuts = np.unique(np.quantile(numbers[np.isfinite(numbers)], np.arange(1, _BINS) / _BINS))

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
