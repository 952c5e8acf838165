"""RCA103, whether a few rows hold impossible values."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from rca.integrity._common import beyond_chance, differ, numbers, report, samples, tail_chance
from rca.integrity._units import beyond, explain
from rca.registry import check
from rca.tables import Column
from rca.types import Case, Finding


@check("RCA103", "values lie far outside the range", symptom=True, alone=True)
def range_violation(case: Case, *, reach: float = 3.0, floor: float = 0.001) -> Iterator[Finding]:
    """Find numeric columns in which a minority of rows lies far outside, while the others are as they were.

    Far outside is beyond the reference's extremes by half their distance, and beyond its central 98 % by
    `reach` times their width, or negative where the reference never is, or infinite. A population that moved as
    a whole is not meant, nor a tail that grew; rows that a change of unit explains are left to that check.

    The evidence holds the bounds.

    Examples
    --------
    >>> whole = pd.DataFrame({"age": np.random.default_rng(0).normal(40, 8, 5000).clip(18)})
    >>> thrown = whole["age"].where(whole.index % 50 > 0, -1e6 - whole["age"] ** 2)
    >>> texts(range_violation, whole, whole.assign(age=thrown))
    ['age is outside 0 to 167.2 in 2.0 % of the rows of train, 0 % in the reference.']
    >>> texts(range_violation, whole, whole + 200)
    []
    """
    for pair, reference, current in numbers(case):
        low, high = _bounds(reference, reach)
        within = not current.quantiles or (current.min >= low and current.max <= high)
        if within and not current.infinite:
            continue
        name = reference.name
        old, new = (side[name].to_numpy() for side in samples(pair))
        hit = beyond(new, (low, high)) | np.isinf(new)
        whole = np.isinf(new).mean() > 0.5
        tail = np.isfinite(new) & ~hit & beyond(new, (float(reference.min), float(reference.max)))
        if (hit.mean() > 0.5 and not whole) or hit.sum() < tail.sum():
            continue
        # all others must be as they were, and nothing but a tail that grew lies between them and the bounds
        if not whole and (differ(old, new[~hit]) > 0.2 or explain(pair, reference, current, case)):
            continue
        text = "{column} is outside {span} in {share} of the rows of {table}{where}, {before} in the reference."
        told: dict[str, Any] = {"low": low, "high": high, "infinite": current.infinite}
        told |= {"min": current.min, "max": current.max, "span": f"{low:.4g} to {high:.4g}"}
        told["before"] = reference.infinite / reference.rows
        told["p_value"] = beyond_chance(int(hit.sum()), reference.present, max(current.present, 1))
        told["tail"] = tail_chance(old, low, high, int(hit.sum()), current.present)
        yield from report(pair, name, case, hit, "range_violation", text, floor, **told)


def _bounds(reference: Column, reach: float) -> tuple[float, float]:
    first, last = reference.at(0.01), reference.at(0.99)
    # a tail may well be longer than the one sample of it that the reference is
    tail = (float(reference.max) - float(reference.min)) / 2
    low = min(float(reference.min) - tail, first - reach * (last - first))
    high = max(float(reference.max) + tail, last + reach * (last - first))
    return (max(low, 0.0) if reference.min >= 0 else low), high
