"""RCA110 and RCA114, whether rows were lost, or lost for their label."""

from collections.abc import Iterator
from dataclasses import astuple
from typing import Any
import numpy as np
import pandas as pd
from scipy.stats import poisson
from rca.integrity._common import chosen, filled, iso, labelled, noise, percent, rows, samples, text_of, time_of
from rca.integrity.clock import micros
from rca.registry import check
from rca.stats import rate_change
from rca.types import Case, Finding, Pair

#: What file formats and programs hold at most, with and without a header row.
LIMITS = (65_535, 65_536, 1_048_575, 1_048_576)
_STEPS = 20
Which = dict[str, Any]  # which rows are gone, as the evidence has it; nothing where no one knows


@check("RCA110", "rows were lost")
def truncation(case: Case, *, floor: float = 0.05) -> Iterator[Finding]:
    """Find tables that lack rows, and say which.

    Fewer rows than the reference tell it between tables of one role: by key, by time, by counts. In any
    table a gap in time tells it that its rhythm does not explain, a category that was always there, or few new rows.
    A loss up to the share `floor` of the reference's rows is no finding, unless the rows end at a known limit; a fifth
    of it is enough of a table that has no fewer rows, and where a key tells that a part is gone as a whole.

    Findings are of kind ``missing_segment`` where the lost rows are one category of a column or one span of time,
    else of kind ``truncation``. The evidence names the rows so that a repair can bring them back.

    Examples
    --------
    >>> hours = pd.date_range("2024-01-01", periods=2000, freq="h")
    >>> whole = pd.DataFrame({"at": hours, "shop": ["A", "B", "C", "D"] * 500})
    >>> texts(truncation, whole, whole[:1500], time="at")
    ['train lost 500 of 2,000 rows (25 %), those after 2024-03-03.']
    >>> texts(truncation, whole, whole[whole["shop"] != "B"], time="at")
    ["train lost 500 of 2,000 rows (25 %), those with shop 'B'."]
    """
    usable = filled(case)
    for pair in (p for p in case.pairs if rows(p)[1] == 0 < rows(p)[0]):
        yield _finding(pair, {}, rows(pair)[0], rows(pair)[0], floor, {"missing_keys": None, "limit": None})
    for pair in usable:
        (before, after), time = rows(pair), time_of(pair, case)
        limit = after if after in LIMITS or (after < before and after % 1000 == 0 != before % 1000) else None
        missing, lost = _lost(pair, case.roles.key, time)
        facts = {"limit": limit, "key": list(case.roles.key), "missing_keys": missing}
        which = _which(pair, case, lost, time) if lost > floor / 5 * before else {}
        sure = missing and which.keys() & {"value", "until"}  # a part gone as a whole, as keys tell, is no accident
        if missing is None and not which and limit not in LIMITS and _strangers(pair, case):
            lost = 0
        if lost > (floor / 5 if sure else floor) * before or (lost > 0 and limit in LIMITS):
            if not lost_by_label(pair, case):  # a loss by label has a check of its own
                yield _finding(pair, which, lost, before, floor, facts)
        elif limit in LIMITS and before != after:
            text = f"{pair.name} has exactly {after:,} rows, which is as many as a file of some formats can hold."
            yield Finding("", "truncation", f"data.{pair.name}", text, evidence={"rows_current": after, **facts})
        else:
            for find in (_gap, _vanished, _late) if time is not None else (_vanished,):
                which = find(pair, case, time)
                if which and which["lost"] > floor / 5 * after:
                    yield _finding(pair, which, round(which.pop("lost")), after, floor / 5, facts)
                    break


def _strangers(pair: Any, case: Case) -> bool:
    """Say whether two tables of no system have hardly a value in common: then one is no remnant of the other."""
    before, after = samples(pair)
    columns = pair.reference.profile.columns.items()
    alone = [n for n, c in columns if n in before and n in after and (c.distinct or 0) >= 0.9 * len(before)]
    sides = [(after[n], before[n]) for n in alone] or [(pair.current.hashes, pair.reference.hashes)]
    return case.current is None and max(np.isin(now, then).mean() for now, then in sides) < 0.5


def _finding(pair: Pair, which: Which, lost: int, of: int, floor: float, facts: dict[str, Any]) -> Finding:
    before, after = rows(pair)
    limit = f" and ends at {after:,} rows" if facts["limit"] else ""
    place = f"{limit}, those {_told(which)}" if which else limit or ", which are not one category or span of time"
    text = f"{pair.name} lost {lost:,} of {of:,} rows ({percent(min(lost / of, 1.0))}){place}."
    kind = "missing_segment" if which.keys() & {"value", "until"} else "truncation"
    rate = rate_change(0, of, min(lost, of), of, floor)
    evidence = {**facts, **which, "rows": lost, "rows_reference": before, "rows_current": after}
    size = rate.difference, rate.low, rate.high, None if facts["missing_keys"] else rate.p_value
    return Finding("", kind, f"data.{pair.name}", text, None, *size, evidence)


def _told(which: Which) -> str:
    since = (which.get("since") or which.get("onset") or "")[:10]
    if "value" in which:
        return f"with {which['column']} '{which['value']}'" + (f" after {since}" if since else "")
    if "until" in which:
        return f"between {since} and {which['until'][:10]}"
    return f"after {since}" + (" in part" if "onset" in which else "")


def _lost(pair: Pair, key: tuple[str, ...], time: str | None) -> tuple[int | None, int]:
    """Return how many keys of the reference are not there any more, and how many rows that should be."""
    before, after = rows(pair)
    if not pair.same_role:
        return None, 0
    tables = pair.reference, pair.current
    first, last = (t.profile.columns[time] if time else None for t in tables)
    # in another period there are other rows
    moved = first and last and None not in (first.max, last.max) and not first.min < last.max <= first.max
    kinds = [[t.profile.columns[name].kind for name in key if name in t.columns] for t in tables]
    if key and kinds[0] == kinds[1] and len(kinds[0]) == len(key):
        missing = int(pair.reference.expr.anti_join(pair.current.expr, list(key)).count().execute())
        # with hardly a key in common they are other rows, and not fewer of the same
        return missing, 0 if before - missing < 0.05 * after else missing if moved else before - after
    # a table that only lost rows has in no part more than it had
    risen = [(c[1] - c[0] - 4 * np.sqrt(c[0] + c[1])).max() > 0.02 * before for _, c in _counts(pair, set())]
    return None, 0 if moved or (time is None and sum(risen) > len(risen) / 3) else before - after


def _few(pair: Pair, skip: set[str | None]) -> list[str]:
    old, new = pair.reference.profile.columns, pair.current.profile.columns
    same = [n for n in sorted(set(old) & set(new) - skip) if old[n].kind == new[n].kind]
    return [n for n in same if old[n].kind in ("category", "number") and 1 < (old[n].distinct or 0) <= 50]


def _counts(pair: Pair, skip: set[str | None]) -> Iterator[tuple[str, pd.DataFrame]]:
    for name in _few(pair, skip):
        values = [side[name].astype("object") for side in samples(pair)]
        scaled = {i: v.value_counts() * (rows(pair)[i] / len(v)) for i, v in enumerate(values)}
        yield name, pd.DataFrame(scaled).fillna(0.0)


def _which(pair: Pair, case: Case, lost: int, time: str | None) -> Which:
    """Return which rows are gone: the newest, those of one category or of one span of time."""
    before, after = samples(pair)
    share = lost * len(before) / rows(pair)[0]
    if time is not None:
        end = pair.current.profile.columns[time].max
        if (before[time] > end).sum() >= 0.9 * share:
            return {"time": time, "since": iso(end), "newest": True}
    for name, counts in _counts(pair, {case.roles.target, *case.roles.key}):
        fell = counts[0] - counts[1]
        fits = fell.index[(fell >= 0.9 * counts[0].clip(1)) & ((fell - lost).abs() <= 0.1 * lost)]
        if len(fits):
            return {"column": name, "value": text_of(fits[0])}
    if time is not None:
        then, now = (np.sort(side[time].dropna().to_numpy()) for side in (before, after))
        between = np.bincount(np.searchsorted(now, then)[~np.isin(then, now)], minlength=1)
        if between.max() >= 0.9 * share:
            since, until = np.concatenate([then[:1], now, then[-1:]])[between.argmax() :][:2]
            return {"time": time, "since": iso(since), "until": iso(until)}
    return {}


def _gap(pair: Pair, case: Case, time: Any) -> Which:
    """Return the span of time that holds no rows though its rhythm would have it."""
    then, now = (micros(side[time].dropna()) / 1e6 for side in samples(pair))
    old, moments = np.diff(np.unique(then)), np.unique(now)
    if len(moments) <= _STEPS:
        return {}
    steps = np.diff(moments)
    order, start = np.sort(steps), float(moments[steps.argmax()])
    longest, third = float(order[-1]), order[-3]
    stop = start + longest
    beside = ((max(start - 2 * longest, moments[0] - 1), start), (stop, min(stop + 2 * longest, moments[-1] + 1)))
    expected = longest * min(((now >= a) & (now <= b)).sum() / (b - a) for a, b in beside)
    # the longest of many steps is long by nature, by so much as the tail of their law says (Hill, 1975)
    tail = float(np.log(order[-_STEPS:-1] / order[-_STEPS]).mean())
    natural = longest < 3 * max(third, old.max(initial=0.0)) or np.log(longest / third) < 5 * tail
    if natural or not 15 <= expected <= len(now):  # more than there are is no gap, but a time that is none
        return {}
    since, until = (iso(pd.Timestamp(round(s * 1e6), unit="us")) for s in (start, stop))
    return {"time": time, "since": since, "until": until, "lost": expected * rows(pair)[1] / len(now)}


def _late(pair: Pair, case: Case, time: Any) -> Which:
    """Return since when rows come in part only: less than half as many as in any part of the table as long."""
    sides = [micros(side[time].dropna()) for side in samples(pair)]
    if any(len(np.unique(side)) < 2 for side in sides):
        return {}
    (then, _), (now, edges) = (np.histogram(side, bins=_STEPS) for side in sides)
    expected = float(now[:-1].min())
    if then[-1] < then[:-1].min() / 2 or now[-1] >= expected / 2 or poisson.cdf(now[-1], expected) > 1e-6:
        return {}
    lost = (np.median(now) - now[-1]) * rows(pair)[1] / now.sum()
    return {"time": time, "onset": iso(pd.Timestamp(round(edges[-2]), unit="us")), "lost": float(lost)}


def _vanished(pair: Pair, case: Case, time: str | None) -> Which:
    """Return the category that all of the reference has and the current table lacks, or lacks since a moment."""
    before, after = samples(pair)
    best: Which = {"lost": 0.0}
    moments = after[time] if time else pd.Series(0, index=after.index)
    tenth = np.ceil(10 * before[time].rank(pct=True, method="first")) if time else pd.Series(0, index=before.index)
    for name in _few(pair, {*case.roles.key, case.roles.target, case.roles.prediction}):
        first, last = before[name].astype("object"), after[name].astype("object")
        shares = pd.crosstab(first, tenth, normalize="columns")
        steady = shares.min(axis=1) >= np.maximum(0.3 * shares.mean(axis=1), 1e-9)
        for value in shares.index[steady & (shares.mean(axis=1) >= 0.02)]:
            hit = (last == value).to_numpy()
            gone = (moments > moments[hit].max()).to_numpy() if hit.any() else np.ones(len(after), dtype=bool)
            share = 0.8 * min(shares.loc[value].min(), hit[~gone].mean() if hit.any() else 1.0)
            lost = float(rows(pair)[1] / len(after) * share * gone.sum())
            if lost <= best["lost"] or (1 - share) ** gone.sum() > 1e-6:
                continue
            early = last[~gone] if hit.any() else first  # the others keep their shares, unless the category was renamed
            rest = [side.value_counts(normalize=True, dropna=False) for side in (early[early != value], last[gone])]
            allowed = (0.5 if time else 0.3) * (early == value).mean() + noise(len(early), int(gone.sum())) / 2
            if rest[1].sub(rest[0], fill_value=0.0).abs().max() <= allowed:
                best = {"column": name, "value": text_of(value), "lost": lost}
                best |= {"time": time, "since": iso(moments[hit].max())} if hit.any() else {}
    return best


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
    for pair, target in labelled(case):
        if found := lost_by_label(pair, case, floor):
            which = f"'{found['value']}'" if "value" in found else f"{found['side']} {found['cut']:.6g}"
            others = f"{percent(max(found['others'], 0.0))} of the others"
            text = f"{pair.name} lost {percent(found['share'])} of the rows with {target} {which}, {others}."
            facts = {"missing_keys": found["rows"] if found["key"] else None, **found}
            size: tuple[float, float, float, float] = astuple(facts.pop("rate"))
            yield Finding("", "selection_bias", f"data.{pair.name}", text, None, *size, facts)


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
        fell, rest = n - m  # without a key the tables are two samples, whose counts are apart by chance
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
    for name in (n for n in after if n not in skip and n in before and before[n].dtype.kind == after[n].dtype.kind):
        sides = [before[name], after[name]]
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
