"""RCA124 and RCA114, whether labels were made wrong, or rows were lost for their label."""

from collections.abc import Iterator
from functools import partial
from typing import Any
import numpy as np
import pandas as pd
from rca.errors import NotApplicable
from rca.integrity._common import FEWEST, beside, chosen, filled, lost, percent, report, rows, samples, text_of, time_of
from rca.integrity._law import Law, Relation, Seen, joint
from rca.integrity._views import View, counterpart, settle, ties, views
from rca.registry import check
from rca.stats import rate_change
from rca.types import Case, Finding, Pair


@check("RCA124", "labels are wrong")
def label_noise(case: Case, *, floor: float = 0.005, least: float = 0.1) -> Iterator[Finding]:
    """Find targets that are wrong in rows overall, since a moment or in a segment; see :func:`selection_bias`.

    Rows that both tables have, by their key, are held against each other. Without common rows the relations of
    the target to the inputs tell: wrong labels make every one of them smaller by the same factor, 1 - e0 - e1
    (Natarajan et al., 2013, Learning with noisy labels, NeurIPS), and leave the inputs and their own relations alone.
    A concept that moved changes some relations and not others.

    Without common rows the effect is the share of the relation that is lost, at most twice that of wrong labels.
    """
    for pair, target in _labelled(case):
        keys, joined = list(case.roles.key), beside(pair.reference, pair.current, case.roles.key)
        if joined is not None and len(joined[0]) >= FEWEST and _same_rows(*joined, {target, *keys}):
            before, after = (side[target] for side in joined)
            same = (before.astype(str) == after.astype(str)) | before.isna() | after.isna()
            wrong = joined[1].loc[~same.to_numpy(), keys].assign(wrong=True)
            hit = pair.current.sample[keys].merge(wrong, on=keys, how="left")["wrong"].notna().to_numpy()
            text = "{column} is another than in the reference in {share} of the rows of {table}{where}."
            yield from report(pair, target, case, hit, "label_noise", text, floor, key=keys)
            continue
        law, whole = joint(pair, case)
        if law.relation(target, whole).slope >= 1 - least / 3:
            continue
        # labels that are wrong in a part only make the whole of the relations a little smaller
        parts = views(pair, case, *ties(pair, case, target))
        if found := settle(parts, partial(_noisy, pair, law, whole, target, least)):
            said = "lost {share} of its" if found[1].slope > -0.5 else "has the opposite of its"
            text = f"{{column}} of {{table}}{{where}}, wrong or harder to tell, {said} relation to the inputs."
            yield lost(pair, target, "label_noise", found[1], found[0].where, text)


def _labelled(case: Case) -> list[tuple[Any, str]]:
    """Return the pairs of one role with the target on both sides, and its name; NotApplicable where there is none."""
    target = case.roles.target or ""
    pairs = [p for p in filled(case) if p.same_role and all(target in t.sample for t in (p.reference, p.current))]
    if not pairs:
        raise NotApplicable("no pair of tables with the same role has the target on both sides.")
    return [(pair, target) for pair in pairs]


def _same_rows(before: pd.DataFrame, after: pd.DataFrame, skip: set[str]) -> bool:
    """Say whether rows of one key are one row: a running number is the same on rows that have nothing in common."""
    others = [name for name in before.columns if name not in skip][:8]
    sides = [table[others].astype("object").where(table[others].notna(), None) for table in (before, after)]
    return bool(others) and float(np.median((sides[0] == sides[1]).mean())) > 0.5


def _noisy(pair: Pair, law: Law, whole: Seen, target: str, least: float, view: View) -> Relation | None:
    """Return what became of the target's relations in a view if they, and they alone, are smaller by one factor."""
    seen = whole.part(view.mask)
    relation = law.relation(target, seen)
    # where one class is rarer there is less to tell, and what is told of it may be as it was
    spread = [1 - float((side.shares[law.place[target]] ** 2).sum()) for side in (law.seen, seen)]
    told = relation.slope * max(spread[0] / max(spread[1], 1e-9), 1.0)
    if not relation.known or told > 1 - least - 3 * relation.error:
        return None
    # other relations, as strong as before, are another concept; none, or all turned round, are other labels
    if abs(relation.shape) < 0.9 and relation.size > max(abs(relation.slope) / 0.7, 0.3 + 3 * relation.error):
        return None
    # the target may have less to do with the inputs there, and always had
    due = law.relation(target, law.seen.part(counterpart(pair, view))).slope if view.where else 2.0
    others = [n for n in law.names if n != target]
    kept = [r.slope for n in others if (r := law.relation(n, seen, None, frozenset({target}))).known]
    still = np.median([law.moved(n, seen) for n in others]) <= 0.02
    alone = still and (not kept or np.median(kept) > max(0.85, relation.slope + 0.1))
    return relation if alone and relation.slope < due - least - 6 * relation.error else None


@check("RCA114", "rows were lost for their label")
def selection_bias(case: Case, *, floor: float = 0.05) -> Iterator[Finding]:
    """Find tables that lost rows of one class of the target, or of targets above or below a number.

    A key tells which rows are gone. Without one, rows of one class are gone where its count fell and those of the
    others stayed, between tables of one role and period. Where other columns tell as well which rows are gone, such
    as a time, the rows were not lost for their label.

    The effect is how much larger the lost share of the class is.

    Examples
    --------
    >>> whole = pd.DataFrame({"id": range(1000), "bought": ["no", "no", "no", "yes"] * 250})
    >>> damaged = whole[(whole["bought"] == "no") | (whole["id"] % 8 == 3)]
    >>> texts(selection_bias, whole, damaged, target="bought", key=("id",))
    ["train lost 50 % of the rows with bought 'yes', 0 % of the others."]
    """
    for pair, target in _labelled(case):
        if found := lost_by_label(pair, case, floor):
            which = f"'{found['value']}'" if "value" in found else f"{found['side']} {found['cut']:.6g}"
            others = f"{percent(max(found['others'], 0.0))} of the others"
            text = f"{pair.name} lost {percent(found['share'])} of the rows with {target} {which}, {others}."
            facts = {"missing_keys": found["rows"] if found["key"] else None, **found}
            rate, subject = facts.pop("rate"), f"data.{pair.name}"
            size = rate.difference, rate.low, rate.high, rate.p_value
            yield Finding("", "selection_bias", subject, text, None, *size, facts)


def lost_by_label(pair: Pair, case: Case, floor: float = 0.05) -> dict[str, Any]:
    """Return which class lost rows that the others did not lose; nothing where there is none."""
    target, key, time = case.roles.target, list(case.roles.key), time_of(pair, case)
    before, after = sides = samples(pair)
    if target is None or not pair.same_role or any(target not in s or s[target].dtype.kind == "M" for s in sides):
        return {}
    scale = len(before) / rows(pair)[0] * rows(pair)[1] / len(after)
    keyed = chosen((pair.reference, pair.current), key, before.columns)
    if keyed:
        before, there = keyed[0], keyed[1][key]
        after, scale = before[pd.MultiIndex.from_frame(before[key]).isin(pd.MultiIndex.from_frame(there))], 1.0
        if not 0.05 * len(before) <= len(after) <= (1 - floor / 5) * len(before):
            return {}
    elif time is not None and after[time].max() > before[time].max():
        return {}  # another period has other rows
    best: dict[str, Any] = {}
    most = floor
    for which, *hits in _classes(before[target], after[target]):
        n, m = np.bincount(~hits[0], minlength=2), scale * np.bincount(~hits[1], minlength=2)
        if min(n) < 10:
            continue
        share, others = map(float, 1 - m / n)
        rate = rate_change(round(max(others, 0.0) * n[1]), int(n[1]), round(max(share, 0.0) * n[0]), int(n[0]), floor)
        # without a key the tables are two samples, whose counts are apart by chance
        fell, rest = n - m
        stayed = abs(others) <= floor + 3 * np.sqrt(2 / n[1]) and fell > max(4 * np.sqrt(n[0] + m[0]), -2 * rest)
        if (keyed or stayed) and rate.p_value <= 1e-4 and rate.difference > most:
            most, gone = rate.difference, round(fell * rows(pair)[0] / len(before))
            best = {"rate": rate, "hits": hits, "rows": gone, "share": share, "others": others, **which}
    if not best or _explained(before, after, best.pop("hits"), [target, *key], most / 2, scale):
        return {}
    return best | {"target": target, "key": key if keyed else []}


def _classes(before: pd.Series, after: pd.Series) -> Iterator[tuple[dict[str, Any], Any, Any]]:
    """Each class of a target, or each side of some numbers, and which rows of both sides are of it."""
    levels = before.dropna().unique()
    if before.dtype == "category" or len(levels) <= 10:
        for level in sorted(levels)[:50]:
            yield {"value": text_of(level)}, before.eq(level).to_numpy(), after.eq(level).to_numpy()
        return
    for cut in map(float, before.quantile([i / 10 for i in range(1, 10)])):
        yield {"side": "above", "cut": cut}, before.gt(cut).to_numpy(), after.gt(cut).to_numpy()
        yield {"side": "up to", "cut": cut}, before.le(cut).to_numpy(), after.le(cut).to_numpy()


def _explained(before: pd.DataFrame, after: pd.DataFrame, hits: Any, skip: list[str], least: float, of: float) -> bool:
    """Say whether among rows that are alike in another column the class lost hardly more rows than the others."""
    for name in (n for n in before.columns if n not in skip and n in after.columns):
        sides = [before[name], after[name]]
        if len({side.dtype.kind for side in sides}) > 1:
            continue
        if sides[0].dtype == "category":
            bins = [side.astype("object").fillna("").to_numpy() for side in sides]
        else:
            cuts = sides[0].quantile(np.arange(1, 20) / 20).to_numpy()
            bins = [np.where(side.isna(), 0, np.searchsorted(cuts, side.to_numpy()) + 1) for side in sides]
        n, m = (pd.crosstab(part, hit) for part, hit in zip(bins, hits, strict=True))
        gone = 1 - of * m.reindex_like(n).fillna(0) / n.clip(1)
        weights = (n.prod(axis=1) / n.sum(axis=1)).to_numpy(dtype=float)
        if float(weights @ (gone[True] - gone[False]).to_numpy(dtype=float)) < least * weights.sum():
            return True
    return False
