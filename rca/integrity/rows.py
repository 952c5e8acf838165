"""RCA110, whether rows were lost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from rca.integrity._common import filled, iso, percent, rows
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
    """Find tables that have fewer rows than before, and say which rows are gone.

    Parameters
    ----------
    case : Case
        Keys tell how many rows of the reference are missing, times which. Tables of different roles are only
        held against the limits of file formats.
    floor : float
        A loss up to this share of the reference's rows is no finding, unless the rows end at a known limit.

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
        limit = _limit(before, after)
        if not pair.same_role:
            if limit in LIMITS:
                yield _finding(pair, "truncation", before, after, {"limit": limit}, floor)
            continue
        missing, own = _missing_keys(pair, case.roles.key)
        lost = before - after
        if case.roles.key and own is None:
            continue  # the tables share no key, so they are other rows and not fewer of the same
        if _moved(pair, case.roles.time):
            # another period has other rows; only rows that should be in this one can be lost
            lost = own or 0
        if lost <= 0 or (lost <= floor * before and limit not in LIMITS):
            continue
        evidence = {"limit": limit, "missing_keys": missing, "key": list(case.roles.key), "lost": lost}
        kind, which = _which(pair, lost, case.roles.time)
        yield _finding(pair, kind, before, after, evidence | which, floor)


def _limit(before: int, after: int) -> int | None:
    """Return the limit that the rows end at: of a file format, or a page of round size."""
    if after in LIMITS or after + 1 in LIMITS or after - 1 in LIMITS:
        return after if after in LIMITS else min(LIMITS, key=lambda limit: abs(limit - after))
    return after if after < before and after % 1000 == 0 and before % 1000 else None


def _missing_keys(pair: Pair, key: tuple[str, ...]) -> tuple[int | None, int | None]:
    """Return how many reference rows have a key that the current table lacks, where keys are comparable at all."""
    known = [set(table.columns) for table in (pair.reference, pair.current)]
    if not key or not all(set(key) <= columns for columns in known):
        return None, None
    lost = pair.reference.expr.anti_join(pair.current.expr, list(key))
    n = int(lost.count().execute())
    kept = pair.reference.profile.rows - n
    # with hardly a key in common the two tables hold different things
    return (n, n) if kept >= 0.05 * pair.current.profile.rows else (n, None)


def _moved(pair: Pair, time: str | None) -> bool:
    if not _timed(pair, time):
        return False
    before, after = pair.reference.profile.columns[time], pair.current.profile.columns[time]
    return bool(before.max is not None and after.max is not None and after.max > before.max)


def _timed(pair: Pair, time: str | None) -> bool:
    return time is not None and all(
        time in table.columns and table.profile.columns[time].kind == "time" for table in (pair.reference, pair.current)
    )


def _which(pair: Pair, lost: int, time: str | None) -> tuple[str, dict[str, Any]]:
    """Return the kind of loss and which rows are gone: the newest, one category, one span of time, or no one knows."""
    if _timed(pair, time):
        assert time is not None  # noqa: S101  _timed says so
        end = pair.current.profile.columns[time].max
        newer = pair.reference.expr.aggregate(n=(pair.reference.expr[time] > end).sum()).to_pyarrow()["n"][0].as_py()
        if (newer or 0) >= 0.9 * lost:
            return "truncation", {"time": time, "since": iso(end), "newest": True}
    for name, reference in pair.reference.profile.columns.items():
        current = pair.current.profile.columns.get(name)
        if current is None or reference.kind != "category" or not 1 < (reference.distinct or 0) <= 50:
            continue
        for value, n in reference.top.items():
            gone = n - current.top.get(value, 0)
            if gone >= 0.9 * n and 0.9 * lost <= gone <= 1.1 * lost:
                return "missing_segment", {"column": name, "value": value}
    if _timed(pair, time):
        span = _span(pair, str(time), lost)
        if span is not None:
            return "missing_segment", {"time": time, "since": span[0], "until": span[1]}
    return "truncation", {}


def _span(pair: Pair, time: str, lost: int) -> tuple[str, str] | None:
    """Return the span of time that holds reference rows and no current ones, if it holds the lost rows."""
    whole = pair.reference.profile.columns[time]
    first, last = whole.min.timestamp(), whole.max.timestamp()
    if last <= first:
        return None
    width = (last - first) / _BINS
    counts = [_histogram(table.expr, time, first, width) for table in (pair.reference, pair.current)]
    # a span rarely starts where a bin does, so its two outer bins still hold some rows
    empty = (counts[0] > 0) & (counts[1] == 0)
    if not empty.any():
        return None
    bins = np.flatnonzero(empty)
    if counts[1][bins[0] : bins[-1] + 1].sum() or counts[0][max(bins[0] - 1, 0) : bins[-1] + 2].sum() < 0.9 * lost:
        return None
    edge = pair.current.expr[time].epoch_seconds()
    start, stop = first + bins[0] * width, first + (bins[-1] + 1) * width
    row = pair.current.expr.aggregate(
        before=pair.current.expr[time].max(where=edge < start), after=pair.current.expr[time].min(where=edge >= stop)
    )
    found = row.to_pyarrow().to_pylist()[0]
    return iso(found["before"] or whole.min) or "", iso(found["after"] or whole.max) or ""


def _histogram(table: Any, time: str, first: float, width: float) -> np.ndarray[Any, np.dtype[np.int64]]:
    place = ((table[time].epoch_seconds() - int(first)) / width).floor().cast("int64")
    counted = table.filter(table[time].notnull()).group_by(bin=place).aggregate(n=lambda t: t.count()).to_pyarrow()
    counts = np.zeros(_BINS, dtype=np.int64)
    for item in counted.to_pylist():
        if -1 <= item["bin"] <= _BINS:
            counts[min(max(item["bin"], 0), _BINS - 1)] += item["n"]
    return counts


def _finding(pair: Pair, kind: str, before: int, after: int, evidence: dict[str, Any], floor: float) -> Finding:
    lost = evidence.get("lost")
    if lost is None:
        text = f"{pair.name} has exactly {after:,} rows, which is as many as a file of some formats can hold."
        return Finding("RCA110", kind, f"data.{pair.name}", text, evidence={"rows_current": after, **evidence})
    rate = rate_change(0, before, min(lost, before), before, floor)
    text = f"{pair.name} lost {lost:,} of {before:,} rows ({percent(min(lost / before, 1.0))})"
    return Finding(
        code="RCA110",
        kind=kind,
        subject=f"data.{pair.name}",
        text=f"{text}{_words(evidence, after)}.",
        effect=rate.difference,
        low=rate.low,
        high=rate.high,
        p_value=rate.p_value,
        evidence={"rows": lost, "rows_reference": before, "rows_current": after, **evidence},
    )


def _words(evidence: dict[str, Any], after: int) -> str:
    limit = f" and ends at {after:,} rows" if evidence["limit"] else ""
    if evidence.get("newest"):
        return f"{limit}, those after {evidence['since'][:10]}"
    if "value" in evidence:
        return f"{limit}, those with {evidence['column']} '{evidence['value']}'"
    if "until" in evidence:
        return f"{limit}, those between {evidence['since'][:10]} and {evidence['until'][:10]}"
    return limit or ", spread over the table"
