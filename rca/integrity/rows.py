"""RCA110, whether rows were lost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from rca.integrity._common import filled, iso, percent, rows, time_of
from rca.integrity._gaps import coded, gap, late, leveled, others, vanished
from rca.integrity.selection import lost_by_label
from rca.registry import check
from rca.stats import rate_change
from rca.types import Case, Finding, Pair

if TYPE_CHECKING:
    from collections.abc import Iterator

#: What file formats and programs hold at most, with and without a header row.
LIMITS = (65_535, 65_536, 1_048_575, 1_048_576)
_BINS = 200


@check("RCA110", "rows were lost")
def truncation(case: Case, *, floor: float = 0.05) -> Iterator[Finding]:
    """Find tables that lack rows, and say which.

    Fewer rows than the reference tell it between tables of one role: by key, by time, by counts. In any table a gap
    in time tells it that its rhythm does not explain, a category that was always there, or volume that falls off at
    the end.

    Parameters
    ----------
    floor : float
        A loss up to this share of the reference's rows is no finding, unless the rows end at a known limit; of a
        table that has no fewer rows, a fifth of it is enough.

    Yields
    ------
    Finding
        Of kind ``missing_segment`` where the lost rows are one category of a column or one span of time,
        else of kind ``truncation``. The evidence names the rows so that a repair can bring them back.

    Examples
    --------
    >>> import pandas as pd
    >>> from rca.tables import open_table
    >>> from rca.types import Case, Pair, Roles
    >>> hours = pd.date_range("2024-01-01", periods=2000, freq="h")
    >>> whole = pd.DataFrame({"at": hours, "shop": ["A", "B", "C", "D"] * 500})
    >>> def found(table):
    ...     case = Case((Pair("train", open_table(whole), open_table(table)),), Roles(time="at"))
    ...     return [(f.kind, f.text) for f in truncation(case)]
    >>> found(whole[:1500])
    [('truncation', 'train lost 500 of 2,000 rows (25 %), those after 2024-03-03.')]
    >>> found(whole[whole["shop"] != "B"])
    [('missing_segment', "train lost 500 of 2,000 rows (25 %), those with shop 'B'.")]
    >>> found(whole)
    []
    """
    for pair in filled(case):
        before, after = rows(pair)
        limit, time = _limit(before, after), time_of(pair, case)
        evidence: dict[str, Any] = {"limit": limit, "key": list(case.roles.key)}
        evidence["missing_keys"], lost = _lost(pair, case.roles.key, time)
        if lost > floor * before or (lost > 0 and limit in LIMITS):
            # a loss by label has a check of its own
            if not lost_by_label(pair, case):
                kind, which = _which(pair, case, lost, time)
                yield _finding(pair, kind, lost, before, floor, {**evidence, **which})
        elif limit in LIMITS and before != after:
            text = f"{pair.name} has exactly {after:,} rows, which is as many as a file of some formats can hold."
            yield Finding(
                "RCA110", "truncation", f"data.{pair.name}", text, evidence={"rows_current": after, **evidence}
            )
        else:
            for kind, which in (gap(pair, time), vanished(pair, case, time), late(pair, time)):
                if which and which["lost"] > floor / 5 * after:
                    yield _finding(pair, kind, round(which["lost"]), after, floor / 5, {**evidence, **which})
                    break


def _limit(before: int, after: int) -> int | None:
    """Return the limit that the rows end at: of a file format, or a page of round size."""
    if after in LIMITS or after + 1 in LIMITS or after - 1 in LIMITS:
        return after if after in LIMITS else min(LIMITS, key=lambda limit: abs(limit - after))
    return after if after < before and after % 1000 == 0 and before % 1000 else None


def _lost(pair: Pair, key: tuple[str, ...], time: str | None) -> tuple[int | None, int]:
    """Return how many keys of the reference are not there any more, and how many rows that should be."""
    before, after = rows(pair)
    missing, lost = None, before - after
    if not pair.same_role:
        return None, 0
    if key and all(set(key) <= set(table.columns) for table in (pair.reference, pair.current)):
        missing = int(pair.reference.expr.anti_join(pair.current.expr, list(key)).count().execute())
        if before - missing < 0.05 * after:
            return missing, 0  # hardly a key in common: other rows, and not fewer of the same
        lost = missing if _moved(pair, time) else lost
    elif _moved(pair, time) or (time is None and others(pair)):
        lost = 0
    return missing, lost


def _moved(pair: Pair, time: str | None) -> bool:
    """Say whether the current table covers another period, in which there are other rows."""
    if time is None:
        return False
    before, after = pair.reference.profile.columns[time], pair.current.profile.columns[time]
    if None in (after.max, before.max):
        return False
    return not bool(before.min < after.max <= before.max + (before.max - before.min) / 50)


def _which(pair: Pair, case: Case, lost: int, time: str | None) -> tuple[str, dict[str, Any]]:
    """Return the kind of loss and which rows are gone: the newest, one category, one span of time, or no one knows."""
    before, after = pair.reference.sample, pair.current.sample
    scales = [n / len(side) for n, side in zip(rows(pair), (before, after), strict=True)]
    if time is not None:
        end = pair.current.profile.columns[time].max
        if scales[0] * (before[time] > end).sum() >= 0.9 * lost:
            return "truncation", {"time": time, "since": iso(end), "newest": True}
    for name in leveled(pair, {case.roles.target, *case.roles.key}):
        levels, *codes = coded(before[name], after[name])
        first, last = (scale * np.bincount(c, minlength=len(levels)) for scale, c in zip(scales, codes, strict=True))
        fits = (
            (first - last >= 0.9 * np.maximum(first, 1))
            & (abs(first - last - lost) <= 0.1 * lost + 3 * np.sqrt(first))
            & (first <= 0.8 * first.sum())
        )
        # the others are as many as they were, but for chance
        rest = np.abs(first - last).sum() - lost
        if fits[:-1].any() and rest <= 0.2 * lost + 3 * np.sqrt(first.sum()):
            return "missing_segment", {"column": name, "value": levels[int(fits.argmax())]}
    span = _span(before[time], after[time], lost / scales[0]) if time is not None else None
    return ("missing_segment", {"time": time, **span}) if span else ("truncation", {})


def _span(before: pd.Series, after: pd.Series, lost: float) -> dict[str, Any] | None:
    """Return the span of time that holds reference rows and no current ones, if it holds the lost rows."""
    edges = pd.date_range(before.min(), before.max(), periods=_BINS + 1).to_numpy()
    counts = [np.histogram(side.dropna(), edges)[0] for side in (before, after)]
    bins = np.flatnonzero((counts[0] > 0) & (counts[1] == 0))
    if not len(bins) or counts[1][bins[0] : bins[-1] + 1].sum():
        return None
    # a span rarely starts where a bin does, so its two outer bins still hold some rows
    if counts[0][max(bins[0] - 1, 0) : bins[-1] + 2].sum() < 0.9 * lost:
        return None
    start, stop = after[after < edges[bins[0]]].max(), after[after >= edges[bins[-1] + 1]].min()
    ends = [value if pd.notna(value) else end for value, end in ((start, before.min()), (stop, before.max()))]
    return {"since": iso(ends[0]), "until": iso(ends[1])}


def _finding(pair: Pair, kind: str, lost: int, of: int, floor: float, evidence: dict[str, Any]) -> Finding:
    rate = rate_change(0, of, min(lost, of), of, floor)
    text = f"{pair.name} lost {lost:,} of {of:,} rows ({percent(min(lost / of, 1.0))})"
    return Finding(
        code="RCA110",
        kind=kind,
        subject=f"data.{pair.name}",
        text=f"{text}{_words(evidence, rows(pair)[1])}.",
        effect=rate.difference,
        low=rate.low,
        high=rate.high,
        p_value=rate.p_value,
        evidence={
            **evidence,
            "rows": lost,
            "lost": lost,
            "rows_reference": rows(pair)[0],
            "rows_current": rows(pair)[1],
        },
    )


def _words(evidence: dict[str, Any], after: int) -> str:
    limit = f" and ends at {after:,} rows" if evidence["limit"] else ""
    since = (evidence.get("since") or "")[:10]
    if evidence.get("days"):
        return f", since in the last {evidence['days']} days came {percent(evidence['ratio'])} of the usual"
    if evidence.get("newest"):
        return f"{limit}, those after {since}"
    if "value" in evidence:
        return f"{limit}, those with {evidence['column']} '{evidence['value']}'" + (f" after {since}" if since else "")
    if "until" in evidence:
        return f"{limit}, those between {since} and {evidence['until'][:10]}"
    return limit or ", spread over the table"
