"""RCA121, whether the sign of a column was flipped."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from rca.integrity._common import Mask, differ, numbers, part_of, report, tail_chance, views
from rca.integrity._law import Law, Relation, Seen, law_of, seen_of
from rca.registry import check
from rca.stats import Floats
from rca.tables import Column
from rca.types import Case, Finding, Pair


@check("RCA121", "a sign was flipped", alone=True)
def sign_flip(case: Case, *, floor: float = 0.002) -> Iterator[Finding]:
    """Find numeric columns whose values have the other sign, in all rows, since a moment, in a segment or in some.

    Where a column spreads about zero, only its relations to the others can tell, and they must be turned round.

    Examples
    --------
    >>> draw = np.random.default_rng(0)
    >>> whole = pd.DataFrame({"balance": draw.normal(0, 5, 3000), "amount": draw.lognormal(3, 1, 3000)})
    >>> whole = whole.assign(debt=draw.normal(0, 1, 3000) - whole["balance"], rent=whole["balance"] + whole["amount"])
    >>> texts(sign_flip, whole, whole.assign(balance=-whole["balance"]))
    ['balance has the other sign in 100 % of the rows of train.']
    >>> texts(sign_flip, whole, whole.assign(amount=whole["amount"].mask(whole.index < 300, -whole["amount"])))
    ['amount has the other sign in 10 % of the rows of train.']
    """
    turned: dict[str, frozenset[str]] = {}

    def kept(item: tuple[Pair, Column, Column]) -> float:
        relation = law_of(item[0].reference, case).relation(item[1].name, seen_of(item[0], case))
        return (relation.slope - 1) * relation.strength

    # the column that turns most of the relations is the one; it says nothing of the others any more
    for pair, reference, current in sorted(numbers(case), key=kept):
        name, gone = reference.name, turned.get(pair.name, frozenset())
        old, new = pair.reference.sample[name].to_numpy(), pair.current.sample[name].to_numpy()
        law, seen, hit, where = law_of(pair.reference, case), seen_of(pair, case), _negative(old, new), None
        if hit is None and current.present and _suspicious(old, new, law, seen, name):
            for view in views(pair, case):
                raw, undone = (law.relation(name, seen.part(view.mask), values, gone) for values in (None, -new))
                if _flipped(old[part_of(pair, view)], new[view.mask], raw, undone):
                    hit, where = view.mask & np.isfinite(new), view.where
                    break
        if hit is not None:
            turned[pair.name] = gone | {name}
            text = "{column} has the other sign in {share} of the rows of {table}{where}."
            # of a column on one side of zero none is on the other
            ends = (0.0, np.inf) if old[np.isfinite(old)].min() >= 0 else (-np.inf, 0.0)
            tail = tail_chance(old, *ends, int(hit.sum()), current.present) if where is None else 1.0
            facts: dict[str, Any] = {"where": where, "negative": where is None}
            yield from report(pair, name, case, hit, "sign_flip", text, floor, tail=tail, **facts)


def _negative(old: Floats, new: Floats) -> Mask | None:
    """Return the rows on the wrong side of zero, where the reference has one side only and the sizes are its own."""
    known = old[np.isfinite(old)]
    if not len(known):
        return None
    side = 1.0 if known.min() >= 0 else -1.0 if known.max() <= 0 else 0.0
    hit = np.where(np.isfinite(new), new, 0.0) * side < 0
    if not hit.any() or len(np.unique(new[hit])) < 5:
        return None
    # a zero has no sign: the sizes are held against those that have one
    known = known[known != 0]
    return hit if differ(known, -new[hit]) <= 0.1 else None


def _suspicious(old: Floats, new: Floats, law: Law, seen: Seen, name: str) -> bool:
    relation = law.relation(name, seen)
    return differ(old, new) > 0.02 or (relation.known and relation.slope < 0.95)


def _flipped(old: Floats, new: Floats, raw: Relation, undone: Relation) -> bool:
    if differ(old, -new) > 0.1:
        return False
    return raw.slope < 0.5 and undone.slope > max(raw.slope + 0.5, 0.6) if raw.known else differ(old, new) > 0.2
