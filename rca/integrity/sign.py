"""RCA121, whether the sign of a column was flipped."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rca.integrity._common import apart, braced, damage, noise, numbers, part_of, views
from rca.integrity._law import Law, Seen, law_of, seen_of
from rca.registry import check

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rca.integrity._common import Mask
    from rca.stats import Floats
    from rca.types import Case, Finding


@check("RCA121", "a sign was flipped")
def sign_flip(case: Case, *, floor: float = 0.002) -> Iterator[Finding]:
    """Find numeric columns whose values have the other sign, in all rows, since a moment, in a segment or in some.

    Parameters
    ----------
    floor : float
        A share of rows up to this is no finding.

    Yields
    ------
    Finding
        Where a column spreads about zero, only its relations to the others can tell, and they must be turned round.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from rca.tables import open_table
    >>> from rca.types import Case, Pair, Roles
    >>> draw = np.random.default_rng(0)
    >>> whole = pd.DataFrame({"balance": draw.normal(0, 5, 3000)}).assign(debt=lambda t: -t["balance"] + draw.normal())
    >>> whole["amount"] = draw.lognormal(3, 1, 3000)
    >>> some = whole["amount"].mask(whole.index < 300, -whole["amount"])
    >>> flipped = whole.assign(balance=-whole["balance"], amount=some)
    >>> def found(table):
    ...     return [f.text for f in sign_flip(Case((Pair("train", open_table(whole), open_table(table)),), Roles()))]
    >>> sorted(found(flipped))[0]
    'amount has the other sign in 10 % of the rows of train.'
    >>> found(whole.sample(frac=1, random_state=0))
    []
    """
    for pair, reference, current in numbers(case):
        name = reference.name
        old, new = pair.reference.sample[name].to_numpy(), pair.current.sample[name].to_numpy()
        hit, where = _negative(old, new), None
        if hit is None and _suspicious(old, new, law_of(pair.reference, case), seen_of(pair, case), name):
            law = law_of(pair.reference, case)
            for view in views(pair, case):
                before = old[part_of(pair.reference.sample, view)]
                if _flipped(before, new, view.mask, law, seen_of(pair, case), name):
                    hit, where = view.mask & np.isfinite(new), view.where
                    break
        if hit is None or not current.present:
            continue
        text = f"{braced(name)} has the other sign in {{share}} of the rows of {{table}}{{where}}."
        yield from damage(
            "RCA121", "sign_flip", pair, name, hit, case, text=text, floor=floor, where=where, negative=where is None
        )


def _negative(old: Floats, new: Floats) -> Mask | None:
    """Return the rows on the wrong side of zero, where the reference has one side only and the sizes are its own."""
    known = old[np.isfinite(old)]
    side = 1.0 if known.min() >= 0 else -1.0 if known.max() <= 0 else 0.0
    hit = np.isfinite(new) & (new * side < 0)
    if not hit.any() or len(np.unique(new[hit])) < 5:
        return None
    nonzero = known[known != 0]
    # a zero has no sign: the sizes are held against those that have one
    return hit if apart(nonzero, -new[hit]) <= 0.1 + noise(len(nonzero), int(hit.sum())) else None


def _suspicious(old: Floats, new: Floats, law: Law, seen: Seen, name: str) -> bool:
    # part of the rows turn a part of the relations
    known = name in law.names and law.relation(name, seen)
    moved = apart(old, new) > 0.02 + noise(len(old), len(new))
    return bool(moved or (known and known.known and known.slope < 0.95))


def _flipped(old: Floats, new: Floats, mask: Mask, law: Law, seen: Seen, name: str) -> bool:
    bar = noise(len(old), int(mask.sum()))
    if apart(old, -new[mask]) > 0.1 + bar:
        return False
    part = seen.part(mask)
    if name in law.names and (raw := law.relation(name, part)).known:
        undone = law.relation(name, part, -new)
        return undone.slope > max(raw.slope + 0.5, 0.6)
    return apart(old, new[mask]) > 0.2 + bar
