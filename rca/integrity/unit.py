"""RCA104, whether a column changed its unit or scale."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rca.integrity._common import braced, damage, numbers
from rca.integrity._units import Change, explain
from rca.registry import check

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rca.types import Case, Finding


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
        change = explain(pair, reference, current, case, tolerance)
        if change is None:
            continue
        name, unit = reference.name, change.unit
        told = unit.name if unit.name.startswith(("x", "/", "a ")) else f"x{unit.factor:.4g} ({unit.name})"
        least = "at least " if change.seen < 0.99 else ""
        rows = f"in {least}{{share}} of the rows of {{table}}{{where}}." if _part(change) else "in all rows of {table}."
        yield from damage(
            "RCA104",
            "unit_change",
            pair,
            name,
            change.hit,
            case,
            text=f"{braced(name)} is {told} {rows}",
            floor=floor,
            p_value=change.p_value,
            where=change.where or (None if _part(change) else {}),
            unit=unit.name,
            factor=unit.factor,
            offset=unit.offset,
            low=change.low,
            high=change.high,
            seen=change.seen,
        )


def _part(change: Change) -> bool:
    return change.low is not None or bool(change.where)
