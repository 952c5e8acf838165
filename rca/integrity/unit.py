"""RCA104, whether a column changed its unit or scale."""

from collections.abc import Iterator
from typing import Any

from rca.integrity._common import numbers, report
from rca.integrity._units import explain
from rca.registry import check
from rca.types import Case, Finding


@check("RCA104", "unit or scale changed", alone=True)
def unit_change(case: Case, *, tolerance: float = 0.02, floor: float = 0.001) -> Iterator[Finding]:
    """Find numeric columns that are in another unit than the reference, in all rows or in some.

    Known are the powers of ten, inches, pounds, miles, minutes, hours, degrees, and any constant factor
    that stretches a skewed column evenly (a currency). A column that moved by itself is none of these. Two
    distributions are called the same that lie apart by no more than `tolerance`, beyond noise.

    The evidence holds what a repair needs: factor, offset, and the bounds outside of which a value is damaged
    (both None: all are, or all of a part).

    Examples
    --------
    >>> hours = pd.date_range("2024-01-01", periods=2000, freq="h")
    >>> whole = pd.DataFrame({"height": np.random.default_rng(0).normal(170, 9, 2000), "at": hours})
    >>> damaged = whole.assign(height=whole["height"].where(whole["at"] < "2024-02-01", whole["height"] / 100))
    >>> texts(unit_change, whole, damaged, time="at")
    ['height is /100 in 63 % of the rows of train, all of them since 2024-02-01.']
    >>> texts(unit_change, whole, whole.assign(height=whole["height"] + 25))
    []
    """
    for pair, reference, current in numbers(case):
        change = explain(pair, reference, current, case, tolerance)
        if change is None:
            continue
        unit, some = change.unit, change.low is not None or bool(change.where)
        rows = "{least}{share} of the rows of {table}{where}." if some else "all rows of {table}."
        told: dict[str, Any] = {
            "unit": unit.name,
            "said": unit.name if unit.name.startswith(("x", "/", "a ")) else f"x{unit.factor:.4g} ({unit.name})",
            "least": "at least " if change.seen < 0.99 else "",
            **{"factor": unit.factor, "offset": unit.offset, "low": change.low, "high": change.high},
            **{"seen": change.seen, "where": change.where or (None if some else {}), "p_value": change.p_value},
        }
        text = "{column} is {said} in " + rows
        yield from report(pair, reference.name, case, change.hit, "unit_change", text, floor, **told)
