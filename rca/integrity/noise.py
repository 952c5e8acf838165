"""RCA124, whether labels were made wrong."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from rca.errors import NotApplicable
from rca.integrity._common import FEWEST, counterpart, filled, lost, paired, report, views
from rca.integrity._law import Law, Relation, Seen, law_of, seen_of
from rca.registry import check
from rca.types import Case, Finding


@check("RCA124", "labels are wrong")
def label_noise(case: Case, *, floor: float = 0.005, least: float = 0.1) -> Iterator[Finding]:
    """Find targets that are wrong in part of the rows, overall, since a moment, or in a segment.

    Rows that both tables have, by their key, are held against each other. Without common rows the relations of
    the target to the inputs tell: wrong labels make every one of them smaller by the same factor, 1 - e0 - e1
    (Natarajan et al., 2013, Learning with noisy labels, NeurIPS), and leave the inputs and their own relations alone.
    A concept that moved changes some relations and not others.

    Without common rows the effect is the share of the relation that is lost, at most twice that of wrong labels.

    Examples
    --------
    >>> draw = np.random.default_rng(0)
    >>> x = draw.normal(0, 1, (6000, 3))
    >>> whole = pd.DataFrame(x, columns=list("abc")).assign(y=(x.sum(axis=1) > 0).astype(int))
    >>> noisy = whole.assign(y=whole["y"].mask(draw.random(6000) < 0.15, 1 - whole["y"]))
    >>> len(texts(label_noise, whole[:3000], noisy[3000:], target="y"))
    1
    """
    target = case.roles.target
    pairs = [p for p in filled(case) if p.same_role and target in p.reference.columns and target in p.current.columns]
    if target is None or not pairs:
        raise NotApplicable("no pair of tables with the same role has the target on both sides.")
    for pair in pairs:
        keys, columns = list(case.roles.key), set(pair.reference.sample) & set(pair.current.sample)
        others = sorted(map(str, columns - {target, *keys}))[:8]  # enough to say whether rows are the same
        joined = paired(pair, case, (target, *others))
        if joined is not None and len(joined[0]) >= FEWEST and _same_rows(*joined, others):
            before, after = (side[target] for side in joined)
            same = (before.astype(str) == after.astype(str)) | before.isna() | after.isna()
            wrong = joined[1].loc[~same.to_numpy(), keys].assign(wrong=True)
            hit = pair.current.sample[keys].merge(wrong, on=keys, how="left")["wrong"].notna().to_numpy()
            text = "{column} is another than in the reference in {share} of the rows of {table}{where}."
            yield from report(pair, target, case, hit, "label_noise", text, floor, key=keys)
            continue
        law, whole = law_of(pair.reference, case), seen_of(pair, case)
        usual = Seen(law, pair.reference.sample)
        # labels that are wrong in a part only make the whole of the relations a little smaller
        for view in views(pair, case) if law.relation(target, whole).slope < 1 - least / 3 else ():
            seen = whole.part(view.mask)
            relation = law.relation(target, seen)
            if not _attenuated(law, seen, target, relation, least):
                continue
            # the target may have less to do with the inputs there, and always had
            due = law.relation(target, usual.part(counterpart(pair, view))).slope
            if not view.where or relation.slope < due - least - 6 * relation.error:
                text = "{column} of {table}{where} lost {share} of its relation to the inputs, which are as they were."
                yield lost(pair, target, "label_noise", relation, view, text)
                break


def _same_rows(before: pd.DataFrame, after: pd.DataFrame, others: list[str]) -> bool:
    """Say whether rows of one key are one row: a running number is the same on rows that have nothing in common."""
    sides = [table[others].astype("object").where(table[others].notna(), None) for table in (before, after)]
    return bool(others) and float(np.median((sides[0] == sides[1]).mean())) > 0.5


def _attenuated(law: Law, seen: Seen, target: str, relation: Relation, least: float) -> bool:
    """Say whether the target's relations, and they alone, are smaller by one factor, beyond chance."""
    if not relation.known or relation.slope > 1 - least - 3 * relation.error:
        return False
    if relation.slope < 0.25 or relation.shape < 0.9:
        # hardly a relation is left, or another one: that is more than wrong labels, unless all are turned round
        return relation.slope < -0.5 and relation.shape < -0.9
    others = [n for n in law.names if n != target]
    kept = [r.slope for n in others if (r := law.relation(n, seen, None, frozenset({target}))).known]
    still = np.median([law.moved(n, seen) for n in others]) <= 0.02
    return bool(still and (not kept or np.median(kept) > max(0.85, relation.slope + 0.1)))
