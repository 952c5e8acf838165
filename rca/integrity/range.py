"""RCA103, whether a few rows hold impossible values."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rca.integrity._common import beyond_chance, noise, numbers, percent
from rca.integrity._units import distance, explain, law
from rca.registry import check
from rca.stats import rate_change
from rca.tables import Column, finite
from rca.types import Case, Finding, Pair

if TYPE_CHECKING:
    from collections.abc import Iterator


@check("RCA103", "values lie far outside the range", symptom=True)
def range_violation(case: Case, *, reach: float = 3.0, floor: float = 0.001, alpha: float = 1e-3) -> Iterator[Finding]:
    """Find numeric columns in which a minority of rows lies far outside, while the others are as they were.

    Far outside is beyond the reference's extremes by half their distance, and beyond its central 98 % by
    `reach` times their width, or negative where the reference never is, or infinite. A population that moved as
    a whole is not meant, nor a tail that grew; rows that a change of unit explains are left to that check.

    Parameters
    ----------
    case : Case
    reach : float
        Widths of the central 98 % that a value must be away from it.
    floor : float
        A share of rows up to this is no finding.
    alpha : float
        A heavy tail puts some rows beyond the reference's extremes by chance; it must be less likely than this.

    Yields
    ------
    Finding
        The evidence holds the bounds.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from rca.tables import open_table
    >>> from rca.types import Case, Pair, Roles
    >>> whole = pd.DataFrame({"age": np.random.default_rng(0).normal(40, 8, 5000).clip(18)})
    >>> damaged = whole.assign(age=whole["age"].where(whole.index % 50 > 0, -1e6 - whole["age"] ** 2))
    >>> case = Case((Pair("train", open_table(whole), open_table(damaged)),), Roles())
    >>> [(f.subject, f.text) for f in range_violation(case)]
    [('data.train.age', 'age is outside 0 to 167.2 in 2.0 % of the rows of train, 0 % in the reference.')]
    >>> moved = whole.assign(age=whole["age"] + 200)
    >>> list(range_violation(Case((Pair("train", open_table(whole), open_table(moved)),), Roles())))
    []
    """
    for pair, reference, current in numbers(case):
        low, high = _bounds(reference, reach)
        if not current.quantiles or (current.min >= low and current.max <= high and not current.infinite):
            continue
        value = finite(pair.current.expr[reference.name])
        beyond = (value < low) | (value > high)
        count = int(pair.current.expr.aggregate(n=beyond.sum()).to_pyarrow()["n"][0].as_py() or 0) + current.infinite
        change = rate_change(reference.infinite, reference.rows, count, current.rows, floor)
        chance = max(change.p_value, beyond_chance(count, reference.present, current.present))
        if change.difference <= floor or chance > alpha or count > current.present / 2:
            continue
        if _bridged(pair, reference, low, high, count) or not _others_alike(pair, reference, current, low, high):
            continue
        if explain(pair, reference, current, case.roles.time):
            continue
        yield Finding(
            code="RCA103",
            kind="range_violation",
            subject=f"data.{pair.name}.{reference.name}",
            text=f"{reference.name} is outside {low:.4g} to {high:.4g} in {percent(count / current.rows)} of the rows "
            f"of {pair.name}, {percent(reference.infinite / reference.rows)} in the reference.",
            effect=change.difference,
            low=change.low,
            high=change.high,
            p_value=chance,
            evidence={
                "column": reference.name,
                "low": low,
                "high": high,
                "rows": count,
                "infinite": current.infinite,
                "min": current.min,
                "max": current.max,
            },
        )


def _bounds(reference: Column, reach: float) -> tuple[float, float]:
    first, last = reference.at(0.01), reference.at(0.99)
    # a tail may well be longer than the one sample of it that the reference is
    tail = (float(reference.max) - float(reference.min)) / 2
    low = min(float(reference.min) - tail, first - reach * (last - first))
    high = max(float(reference.max) + tail, last + reach * (last - first))
    return (max(low, 0.0) if reference.min >= 0 else low), high


def _bridged(pair: Pair, reference: Column, low: float, high: float, count: int) -> bool:
    """Say whether values lie between the reference's extremes and the bounds too: a tail grew, and nothing broke."""
    value = finite(pair.current.expr[reference.name])
    near = value.between(low, high) & ((value < float(reference.min)) | (value > float(reference.max)))
    bridge = pair.current.expr.aggregate(n=near.sum()).to_pyarrow()["n"][0].as_py()
    return int(bridge or 0) > count / 2


def _others_alike(pair: Pair, reference: Column, current: Column, low: float, high: float) -> bool:
    points = np.unique(reference.quantiles)
    value = finite(pair.current.expr[reference.name])
    expected = law(pair.reference.expr, reference.name, points)
    now = law(pair.current.expr, reference.name, points, where=value.between(low, high))
    return distance(expected, now) <= 0.2 + noise(reference.present, current.present)
