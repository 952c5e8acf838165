"""RCA114, whether rows were lost for their label."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from rca.errors import NotApplicable
from rca.integrity._common import chosen, filled, percent, rows, samples, time_of
from rca.registry import check
from rca.stats import rate_change
from rca.tables import SAMPLE
from rca.types import Case, Finding, Pair

_ALPHA = 1e-4


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
    target = case.roles.target
    pairs = [p for p in filled(case) if p.same_role and all(target in t.sample for t in (p.reference, p.current))]
    if not pairs:
        raise NotApplicable("no table of one role has the target on both sides.")
    for pair in pairs:
        found = lost_by_label(pair, case, floor)
        if found:
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
    keyed = bool(key) and all(set(key) <= set(side.columns) for side in sides)
    if keyed:
        step = -(-max(rows(pair)) // SAMPLE)
        before = chosen(pair.reference, key, [n for n in before.columns if n not in key], step)
        there = chosen(pair.current, key, [], step)
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
        stayed = keyed or (abs(others) <= floor + 3 * np.sqrt(2 / n[1]) and (n[0] - m[0]) > 4 * np.sqrt(n[0] + m[0]))
        if stayed and rate.p_value <= _ALPHA and rate.difference > most:
            most, lost = rate.difference, round((n[0] - m[0]) * rows(pair)[0] / len(before))
            best = {"rate": rate, "hits": hits, "rows": lost, "share": share, "others": others, **which}
    if not best or _explained(before, after, best.pop("hits"), [target, *key], most / 2, scale):
        return {}
    return best | {"target": target, "key": key if keyed else []}


def _classes(before: pd.Series, after: pd.Series) -> Iterator[tuple[dict[str, Any], Any, Any]]:
    """Each class of a target, or each side of some numbers, and which rows of both sides are of it."""
    levels = before.dropna().unique()
    if before.dtype == "category" or len(levels) <= 10:
        for level in sorted(levels)[:50]:
            yield {"value": str(level)}, before.eq(level).to_numpy(), after.eq(level).to_numpy()
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
        lost = 1 - of * m.reindex_like(n).fillna(0) / n.clip(1)
        weights = (n.prod(axis=1) / n.sum(axis=1)).to_numpy(dtype=float)
        if float(weights @ (lost[True] - lost[False]).to_numpy(dtype=float)) < least * weights.sum():
            return True
    return False
