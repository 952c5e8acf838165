"""RCA124, whether labels were made wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rca.errors import NotApplicable
from rca.integrity._common import FEWEST, braced, chance, damage, filled, paired, part_of, percent, told, views
from rca.integrity._law import Law, Relation, Seen, law_of, seen_of
from rca.registry import check
from rca.types import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from rca.types import Case, Pair


@check("RCA124", "labels are wrong")
def label_noise(case: Case, *, floor: float = 0.005, least: float = 0.1) -> Iterator[Finding]:
    """Find targets that are wrong in part of the rows, overall, since a moment, or in a segment.

    Rows that both tables have, by their key, are held against each other. Without common rows the relations of
    the target to the inputs tell: wrong labels make every one of them smaller by the same factor, and leave
    the inputs and their own relations alone. A concept that moved changes some relations and not others.

    Parameters
    ----------
    floor : float
        A share of changed labels on common rows up to this is no finding.
    least : float
        Relations that are smaller by no more than this are no finding.

    Yields
    ------
    Finding
        Without common rows the effect is the share of the relation that is lost, at most twice that of wrong labels.

    References
    ----------
    Natarajan et al. (2013). Learning with noisy labels. NeurIPS: noise scales the covariance by 1 - e0 - e1.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from rca.tables import open_table
    >>> from rca.types import Case, Pair, Roles
    >>> draw = np.random.default_rng(0)
    >>> x = draw.normal(0, 1, (6000, 3))
    >>> whole = pd.DataFrame(x, columns=list("abc")).assign(y=(x.sum(axis=1) > 0).astype(int))
    >>> noisy = whole.assign(y=whole["y"].mask(draw.random(6000) < 0.15, 1 - whole["y"]))
    >>> def found(table):
    ...     case = Case((Pair("train", open_table(whole[:3000]), open_table(table[3000:])),), Roles(target="y"))
    ...     return [(f.kind, f.subject) for f in label_noise(case)]
    >>> found(noisy), found(whole)
    ([('label_noise', 'data.train.y')], [])
    """
    target = case.roles.target
    pairs = [p for p in filled(case) if p.same_role and target in p.reference.columns and target in p.current.columns]
    if target is None or not pairs:
        raise NotApplicable("no pair of tables with the same role has the target on both sides.")
    for pair in pairs:
        joined = paired(pair, case, (target,))
        if joined is not None and len(joined[0]) >= FEWEST:
            yield from _changed(pair, case, target, joined, floor)
            continue
        law = law_of(pair.reference, case)
        if target not in law.names:
            continue
        whole, before = seen_of(pair, case), Seen(law, pair.reference.sample)
        # labels that are wrong in a part only make the whole of the relations a little smaller
        near = law.relation(target, whole).slope < 1 - least / 3
        for view in views(pair, case) if near else ():
            seen = whole.part(view.mask)
            relation = law.relation(target, seen)
            if not _attenuated(law, seen, target, relation, least):
                continue
            # the target may have less to do with the inputs there, and always had
            usual = law.relation(target, before.part(part_of(pair.reference.sample, view)))
            if not view.where or relation.slope < usual.slope - least - 6 * relation.error:
                yield _finding(pair, target, relation, seen.rows, view.where)
                break


def _changed(pair: Pair, case: Case, target: str, joined: Any, floor: float) -> Iterator[Finding]:
    before, after = (side[target] for side in joined)
    same = (before.astype(str) == after.astype(str)).to_numpy() | (before.isna() | after.isna()).to_numpy()
    keys = list(case.roles.key)
    wrong = joined[1].loc[~same, keys].assign(wrong=True)
    hit = pair.current.sample[keys].merge(wrong, on=keys, how="left")["wrong"].notna().to_numpy()
    text = f"{braced(target)} is another than in the reference in {{share}} of the rows of {{table}}{{where}}."
    yield from damage("RCA124", "label_noise", pair, target, hit, case, text=text, floor=floor, key=keys)


def _attenuated(law: Law, seen: Seen, target: str, relation: Relation, least: float) -> bool:
    """Say whether the target's relations, and they alone, are smaller by one factor, beyond chance."""
    if not relation.known or relation.slope > 1 - least - 3 * relation.error:
        return False
    if relation.slope < 0.25 or relation.shape < 0.9:
        # hardly a relation is left, or another one: that is more than wrong labels
        return relation.slope < -0.5 and relation.shape < -0.9
    others = [n for n in law.names if n != target]
    kept = [r.slope for n in others if (r := law.relation(n, seen, None, frozenset({target}))).known]
    still = np.median([law.moved(n, seen) for n in others]) <= 0.02
    return bool(still and (not kept or np.median(kept) > max(0.85, relation.slope + 0.1)))


def _finding(pair: Pair, target: str, relation: Relation, rows: int, where: Mapping[str, Any]) -> Finding:
    lost, error = 1 - relation.slope, relation.error
    what = "says the opposite of what it said" if lost > 1.5 else f"lost {percent(lost)} of its relation to the inputs"
    return Finding(
        code="RCA124",
        kind="label_noise",
        subject=f"data.{pair.name}.{target}",
        text=f"{target} of {pair.name}{told(where)} {what}, and the inputs are as they were: labels are wrong.",
        effect=lost,
        low=lost - 1.645 * error,
        high=lost + 1.645 * error,
        p_value=chance(lost / error),
        evidence={"column": target, "rows": rows, "slope": relation.slope, **where},
    )
