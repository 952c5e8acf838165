"""RCA114, whether rows were lost for their label."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from rca.errors import NotApplicable
from rca.integrity._common import filled, percent, rows, segments, time_of, told
from rca.integrity._gaps import others
from rca.integrity._repeats import by_key
from rca.registry import check
from rca.stats import rate_change
from rca.tables import Table
from rca.types import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from rca.stats import Floats
    from rca.types import Case, Pair

_CLASSES = 10
_ALPHA = 1e-4


@check("RCA114", "rows were lost for their label")
def selection_bias(case: Case, *, floor: float = 0.05) -> Iterator[Finding]:
    """Find tables that lost rows of one class of the target, or of targets above or below a number.

    A key tells which rows are gone. Without one, rows of one class are gone where its count fell and those of the
    others stayed, between tables of one role and period. Where other columns tell as well which rows are gone, such
    as a time, the rows were not lost for their label.

    Parameters
    ----------
    floor : float
        The lost share of the class may be larger by so much than that of the other rows.

    Yields
    ------
    Finding
        The effect is how much larger the lost share of the class is.

    Examples
    --------
    >>> from rca.tables import open_table
    >>> from rca.types import Case, Pair, Roles
    >>> whole = pd.DataFrame({"id": range(1000), "bought": ["no", "no", "no", "yes"] * 250})
    >>> damaged = whole[(whole["bought"] == "no") | (whole["id"] % 8 == 3)]
    >>> roles = Roles(target="bought", key=("id",))
    >>> [f.text for f in selection_bias(Case((Pair("train", open_table(whole), open_table(damaged)),), roles))]
    ["train lost 50 % of the rows with bought 'yes', 0 % of the others."]
    >>> list(selection_bias(Case((Pair("train", open_table(whole), open_table(whole)),), roles)))
    []
    """
    target = case.roles.target
    pairs = [p for p in filled(case) if p.same_role and all(target in t.sample for t in (p.reference, p.current))]
    if not pairs:
        raise NotApplicable("no table of one role has the target on both sides.")
    for pair in pairs:
        found = lost_by_label(pair, case, floor)
        if found:
            yield _finding(pair, found)


def _finding(pair: Pair, found: Mapping[str, Any]) -> Finding:
    rate = found["rate"]
    which = f"'{found['value']}'" if "value" in found else f"{found['side']} {found['cut']:.6g}"
    return Finding(
        code="RCA114",
        kind="selection_bias",
        subject=f"data.{pair.name}",
        text=f"{pair.name} lost {percent(found['share'])} of the rows with {found['target']} {which}{told(found)}, "
        f"{percent(max(found['others'], 0.0))} of the others.",
        effect=rate.difference,
        low=rate.low,
        high=rate.high,
        p_value=rate.p_value,
        evidence={"missing_keys": found["rows"] if found["key"] else None}
        | {name: value for name, value in found.items() if name != "rate"},
    )


def lost_by_label(pair: Pair, case: Case, floor: float = 0.05) -> dict[str, Any]:
    """Return which class lost rows that the others did not lose; nothing where there is none."""
    target = case.roles.target
    if not pair.same_role or not all(target in t.sample for t in (pair.reference, pair.current)):
        return {}
    return _lost(pair, str(target), case.roles.key, time_of(pair, case), floor)


@functools.lru_cache(maxsize=8)
def _lost(pair: Pair, target: str, key: tuple[str, ...], time: str | None, floor: float) -> dict[str, Any]:
    first, last = pair.reference, pair.current
    keyed = bool(key) and all(set(key) <= set(t.columns) for t in (first, last))
    if keyed:
        whole = by_key(first, key)
        kept = Table(whole.expr.semi_join(last.expr, list(key)))
        before, scale = whole.sample, 1.0
        if not 0.05 * whole.rows <= kept.rows <= (1 - floor / 5) * whole.rows or not set(key) <= set(before.columns):
            return {}
        names = [pd.MultiIndex.from_frame(side[list(key)]) for side in (before, kept.sample)]
        after = before[names[0].isin(names[1])]
    else:
        before, after = first.sample, last.sample
        scale = len(before) / rows(pair)[0] * rows(pair)[1] / len(after)
        if time is not None and after[time].max() > before[time].max() + (before[time].max() - before[time].min()) / 50:
            return {}  # another period has other rows
        if others(pair):
            return {}
    views: list[tuple[dict[str, str], Any, Any]] = [({}, slice(None), slice(None))]
    for name, level, mask in segments(after, before) if keyed else ():
        views.append(({name: level}, (before[name] == level).to_numpy(), mask))
    for segment, mine, theirs in views:
        best = _class(before[target][mine], after[target][theirs], scale, floor, keyed)
        if best:
            facts = {"target": target, "key": list(key) if keyed else []} | ({"segment": segment} if segment else {})
            hit, half = best.pop("hit"), best.pop("difference") / 2
            clear = _not_explained(before[mine], after[theirs], hit, (target, *key), half, scale)
            best["rows"] = round(best["rows"] * rows(pair)[0] / len(before))
            return best | facts if clear else {}
    return {}


def _class(before: pd.Series, after: pd.Series, scale: float, floor: float, keyed: bool) -> dict[str, Any]:
    """Return the class of the target that lost the most rows, if it lost more than the others did."""
    best: dict[str, Any] = {}
    for which, hit in _classes(before):
        n, m = np.array([hit(before).sum(), len(before)]), scale * np.array([hit(after).sum(), len(after)])
        n[1], m[1] = n[1] - n[0], m[1] - m[0]
        if min(n) < 10:
            continue
        share, others = 1 - m / n
        rate = rate_change(round(max(others, 0.0) * n[1]), int(n[1]), round(max(share, 0.0) * n[0]), int(n[0]), floor)
        # without a key the tables are two samples, whose counts are apart by chance
        stayed = keyed or (abs(others) <= floor + 3 * np.sqrt(2 / n[1]) and (n[0] - m[0]) > 4 * np.sqrt(n[0] + m[0]))
        if stayed and rate.p_value <= _ALPHA and rate.difference > best.get("difference", floor):
            best = {
                "share": float(share),
                "others": float(others),
                "rows": round(n[0] - m[0]),
                "rate": rate,
                "hit": hit,
            }
            best |= {"difference": rate.difference, **which}
    return best


def _classes(values: pd.Series) -> Iterator[tuple[dict[str, Any], Any]]:
    """Each class of a target, or each side of some numbers, and the function that says which rows are of it."""
    levels = values.dropna().unique()
    if values.dtype == "category" or len(levels) <= _CLASSES:
        for level in sorted(levels)[:50]:
            yield {"value": str(level)}, lambda v, level=level: (v == level).to_numpy()
        return
    for cut in values.quantile([i / 10 for i in range(1, 10)]):
        yield {"side": "above", "cut": float(cut)}, lambda v, cut=cut: (v > cut).to_numpy()
        yield {"side": "up to", "cut": float(cut)}, lambda v, cut=cut: (v <= cut).to_numpy()


def _not_explained(
    before: pd.DataFrame, after: pd.DataFrame, hit: Any, skip: tuple[str, ...], least: float, scale: float
) -> bool:
    """Say whether the class lost more rows than the others also among rows that are alike in any other column."""
    classes = hit(before[skip[0]]), hit(after[skip[0]])
    for name in (n for n in before.columns if n not in skip and n in after.columns):
        codes = codes_of(before[name], after[name])
        size = max(int(c.max(initial=0)) for c in codes) + 1
        n = [np.bincount(codes[0][classes[0] == own], minlength=size) for own in (True, False)]
        m = [scale * np.bincount(codes[1][classes[1] == own], minlength=size) for own in (True, False)]
        weights = n[0] * n[1] / np.maximum(n[0] + n[1], 1)
        lost = [1 - kept / np.maximum(there, 1) for kept, there in zip(m, n, strict=True)]
        if weights.sum() and weights @ (lost[0] - lost[1]) < least * weights.sum():
            return False
    return True


def codes_of(*sides: pd.Series, cuts: Floats | None = None) -> list[NDArray[np.intp]]:
    """Return the values of columns as the numbers of their bins, the last one for what is missing.

    The bins are cut at the quantiles of the first column, unless `cuts` are given; categories have one each.
    """
    if sides[0].dtype == "category":
        place = {level: i for i, level in enumerate(sides[0].cat.categories)}
        return [side.astype("object").map(place).fillna(len(place)).to_numpy(dtype=np.intp) for side in sides]
    known = [side.to_numpy().astype("int64" if side.dtype.kind == "M" else float).astype(float) for side in sides]
    if cuts is None:
        finite = known[0][np.isfinite(known[0])]
        cuts = np.quantile(finite, np.arange(1, 20) / 20) if len(finite) else np.zeros(1)
    return [np.where(np.isnan(v), len(cuts) + 1, np.searchsorted(cuts, v)) for v in known]
