"""RCA104, whether a column changed its unit or scale."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rca.integrity._common import ALPHA, iso, numbers, percent
from rca.integrity._units import Change, damaged, explain
from rca.registry import check
from rca.stats import rate_change
from rca.tables import Column, finite, kind_of
from rca.types import Case, Finding, Pair

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


@check("RCA104", "unit or scale changed")
def unit_change(case: Case, *, tolerance: float = 0.02, floor: float = 0.001) -> Iterator[Finding]:
    """Find numeric columns that are in another unit than the reference, in all rows or in some.

    Known are the powers of ten, inches, pounds, miles, minutes, hours, degrees, and any constant factor
    that stretches a skewed column evenly (a currency). A column that moved by itself is none of these.

    Parameters
    ----------
    case : Case
        With a time column, the first damaged moment is found too.
    tolerance : float
        How far two distributions may lie apart, beyond noise, and still be called the same.
    floor : float
        A share of rows up to this is no finding.

    Yields
    ------
    Finding
        The effect is the share of rows that are damaged. The evidence holds what a repair needs: factor,
        offset, and the bounds outside of which a value is damaged (both None: all are).

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from rca.tables import open_table
    >>> from rca.types import Case, Pair, Roles
    >>> draw = np.random.default_rng(0)
    >>> hours = pd.date_range("2024-01-01", periods=2000, freq="h")
    >>> whole = pd.DataFrame({"height": draw.normal(170, 9, 2000), "at": hours})
    >>> since = whole["at"] >= "2024-02-01"
    >>> damaged = whole.assign(height=whole["height"].where(~since, whole["height"] / 100))
    >>> case = Case((Pair("production", open_table(whole), open_table(damaged)),), Roles(time="at"))
    >>> [(f.subject, f.text) for f in unit_change(case)]
    [('data.production.height', 'height is /100 in 63 % of the rows of production, all of them since 2024-02-01.')]
    >>> grown = whole.assign(height=whole["height"] + 25)
    >>> list(unit_change(Case((Pair("production", open_table(whole), open_table(grown)),), Roles())))
    []
    """
    for pair, reference, current in numbers(case):
        change = explain(pair, reference, current, case.roles.time, tolerance)
        if change is None:
            continue
        rate = rate_change(0, reference.rows, change.rows, current.rows, floor)
        if rate.difference <= floor or max(rate.p_value, change.p_value) > ALPHA:
            continue
        onset = _onset(pair, current, change, case.roles.time)
        yield Finding(
            code="RCA104",
            kind="unit_change",
            subject=f"data.{pair.name}.{reference.name}",
            text=_text(pair, current, change, onset),
            effect=rate.difference,
            low=rate.low,
            high=rate.high,
            p_value=max(rate.p_value, change.p_value),
            evidence={
                "column": reference.name,
                "unit": change.unit.name,
                "factor": change.unit.factor,
                "offset": change.unit.offset,
                "low": change.low,
                "high": change.high,
                "rows": change.rows,
                "share": change.rows / current.rows,
                "seen": change.seen,
                **onset,
            },
        )


def _onset(pair: Pair, current: Column, change: Change, time: str | None) -> Mapping[str, Any]:
    """Return the first damaged moment, and whether every row since is damaged."""
    table = pair.current.expr
    if time not in pair.current.columns or change.low is None or kind_of(table[time].type()) != "time":
        return {"onset": None, "all_since": None, "before": None}
    hit = damaged(table[current.name], change)
    first = table.aggregate(first=table[time].min(where=hit)).to_pyarrow()["first"][0].as_py()
    if first is None:
        return {"onset": None, "all_since": None, "before": None}
    valued = finite(table[current.name]).notnull()
    row = table.aggregate(
        share=hit.mean(where=valued & (table[time] >= first)), before=(table[time] < first).mean(where=valued)
    )
    told = row.to_pyarrow().to_pylist()[0]
    # a change that was always there has no onset worth telling
    return {"onset": iso(first), "all_since": told["share"] >= 0.99, "before": told["before"]}


def _text(pair: Pair, current: Column, change: Change, onset: Mapping[str, Any]) -> str:
    name, factor = change.unit.name, change.unit.factor
    told = name if name.startswith(("x", "/", "a ")) else f"x{factor:.4g} ({name})"
    if change.low is None:
        return f"{current.name} is {told} in all rows of {pair.name}."
    least = "at least " if change.seen < 0.99 else ""
    text = f"{current.name} is {told} in {least}{percent(change.rows / current.rows)} of the rows of {pair.name}"
    if onset["onset"] is None or onset["before"] < 0.05:
        return f"{text}."
    return f"{text}, {'all of them since' if onset['all_since'] else 'the first on'} {onset['onset'][:10]}."
