"""Which change of unit explains a column, if any; asked by the unit check and, before it speaks, by the range check.

A unit is a line: current = factor * reference + offset. A change of the whole column shows when undoing it
lays the two distributions on each other. A change of part of the rows shows in values that no reference row
comes near, which all fall back among the reference's values when it is undone. Only damaged rows that land
outside the reference's support can be told from sound ones, so the law they should follow is the
reference's among the values that the change would carry out of the support.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from rca.integrity._common import beyond_chance, noise
from rca.tables import GRID, Column, finite

if TYPE_CHECKING:
    from rca.stats import Floats
    from rca.types import Pair


@dataclass(frozen=True, slots=True)
class Law:
    """The distribution of a column at given points."""

    rows: int
    shares: Floats
    """The share of the values at or below each point; NaN where there are no rows."""


def law(table: Any, column: str, points: Floats, where: Any = None, factor: float = 1.0, offset: float = 0.0) -> Law:
    """Return the distribution of a column at some points, counted in the engine.

    With a factor and an offset the points are moved instead of the values, by a hair more than asked, so that
    a value which was multiplied and divided again still counts as equal to itself.
    """
    value = finite(table[column])
    hair = 1e-9 * np.maximum(np.abs(points), float(np.ptp(points)) or 1.0)
    counts = table.aggregate(
        n=value.notnull().sum(where=where),
        **{
            f"p{i}": (value <= float(point)).sum(where=where)
            for i, point in enumerate((points + hair) * factor + offset)
        },
    )
    row = counts.to_pyarrow().to_pylist()[0]
    total = int(row["n"] or 0)
    below = np.array([row[f"p{i}"] or 0 for i in range(len(points))], dtype=float)
    return Law(total, below / total if total else np.full(len(points), np.nan))


def distance(first: Law, second: Law) -> float:
    """Return the largest difference of two distributions; 1 where one has no rows."""
    if not first.rows or not second.rows:
        return 1.0
    return float(np.abs(first.shares - second.shares).max())


@dataclass(frozen=True, slots=True)
class Unit:
    """A change of unit."""

    name: str
    factor: float
    offset: float = 0.0


def _both(one: str, other: str, factor: float) -> tuple[Unit, Unit]:
    return Unit(f"{one} to {other}", factor), Unit(f"{other} to {one}", 1 / factor)


def _power(k: int) -> Unit:
    return Unit(f"x{10**k:,}" if k > 0 else f"/{10**-k:,}", 10.0**k)


#: From the most to the least common; the order decides where the data cannot.
UNITS: tuple[Unit, ...] = (
    *(_power(k) for k in (2, -2, 3, -3, 1, -1, 6, -6, 4, -4, 5, -5)),
    *_both("inches", "centimetres", 2.54),
    *_both("pounds", "kilograms", 0.45359237),
    *_both("miles", "kilometres", 1.609344),
    *_both("minutes", "seconds", 60.0),
    *_both("hours", "seconds", 3600.0),
    Unit("Celsius to Fahrenheit", 1.8, 32.0),
    Unit("Fahrenheit to Celsius", 1 / 1.8, -32 / 1.8),
)
_COMMON = 12  # so many of them are powers of ten
_NEIGHBOURS = 100
_FEW = 5000  # a column with more distinct values is a continuum


@dataclass(frozen=True, slots=True)
class Change:
    """A change of unit in a column of a pair of tables."""

    unit: Unit
    low: float | None
    """Values below are damaged; with `high` None, all values are."""
    high: float | None
    rows: int
    seen: float
    """The share of all damaged rows that can be told from sound ones; the others stay damaged."""
    p_value: float


def support(reference: Column) -> tuple[float, float]:
    """Return the bounds outside of which no reference row comes near: the extremes and a margin."""
    margin = max(reference.at(0.75) - reference.at(0.25), 0.1 * (reference.at(0.99) - reference.at(0.01)))
    low, high = float(reference.min) - margin, float(reference.max) + margin
    if reference.min > 0 and reference.at(0.25) > 0:
        # a positive column has a margin in ratios too, or else nothing could lie below it
        low = max(low, float(reference.min) * min(reference.at(0.25) / reference.at(0.75), 0.5))
    return low, high


def damaged(column: Any, change: Change) -> Any:
    """Return the condition that a row is damaged."""
    value = finite(column)
    if change.low is None or change.high is None:
        return value.notnull()
    return _outside(value, (change.low, change.high))


def explain(
    pair: Pair, reference: Column, current: Column, time: str | None = None, tolerance: float = 0.02
) -> Change | None:
    """Return the change of unit that explains how a numeric column differs, or None."""
    if not reference.quantiles or not current.quantiles:
        return None
    return _whole(pair, reference, current, tolerance) or _part(pair, reference, current, time)


def _whole(pair: Pair, reference: Column, current: Column, tolerance: float) -> Change | None:
    q0, q1 = np.array(reference.quantiles), np.array(current.quantiles)
    # no unit leaves every quantile where it was
    if np.abs(q1 - q0).max() <= 0.02 * (q0[-1] - q0[0]):
        return None
    bar = tolerance + noise(reference.present, current.present)
    fit = [u for u in (*UNITS, *_constant(reference, current)) if _near((q1 - u.offset) / u.factor, q0, bar)]
    if not fit:
        return None
    name, points = reference.name, np.unique(q0)
    expected = law(pair.reference.expr, name, points)
    before = distance(expected, law(pair.current.expr, name, points))
    if before < max(2 * bar, 0.1):
        return None
    found: list[tuple[float, Unit]] = []
    # a column that spreads about zero looks stretched when it is merely selected: only its own values are proof
    centred = reference.at(0.25) < 0 < reference.at(0.75)
    everywhere = finite(pair.current.expr[name]).notnull()

    def after(factor: float, offset: float) -> float:
        return distance(expected, law(pair.current.expr, name, points, factor=factor, offset=offset))

    for unit in fit:
        if centred and not _sharp(unit) and _known(pair, reference, unit, everywhere) < 0.9:
            continue
        left = after(unit.factor, unit.offset)
        if left > min(bar, before / 3) or not _whole_numbers(pair, reference, current, unit):
            continue
        # a small factor must be the very one: where others do as well, the column may just have grown
        if _sharp(unit) or unit.offset or min(after(unit.factor * k, 0.0) for k in (1 / 1.15, 1.15)) > bar:
            found.append((left, unit))
    if not found:
        return None
    unit = min(found, key=lambda item: item[0])[1]
    return Change(unit, None, None, current.present - current.infinite, 1.0, 0.0)


def _near(undone: Floats, expected: Floats, bar: float) -> bool:
    """Say whether quantiles are worth a closer look: each between two that are apart by more than the bar."""
    steps = 1 + int(np.ceil(bar / 0.05))
    inner = np.arange(steps, len(GRID) - steps)
    hair = 1e-9 * (expected[-1] - expected[0])
    above = undone[inner] >= expected[inner - steps] - hair
    return bool((above & (undone[inner] <= expected[inner + steps] + hair)).all())


def _constant(reference: Column, current: Column) -> tuple[Unit, ...]:
    """Return a factor that has no name, such as a currency's: only where a skewed column was stretched evenly."""
    q0, q1 = np.array(reference.quantiles[2:-2]), np.array(current.quantiles[2:-2])
    if q0[0] <= 0 or q1[0] <= 0 or q0[-1] < 5 * q0[0] or (q0[-1] - q0[9]) < 1.5 * (q0[9] - q0[0]):
        return ()
    ratios = np.log(q1 / q0)
    factor = float(np.exp(np.median(ratios)))
    even = np.ptp(ratios) <= 0.03 + 2 * np.sqrt(1 / reference.present + 1 / current.present)
    if not even or abs(np.log(factor)) < 0.15 or any(abs(u.factor / factor - 1) < 0.03 for u in UNITS):
        return ()
    return (Unit(f"a constant x{factor:.3g}", factor),)


def _whole_numbers(pair: Pair, reference: Column, current: Column, unit: Unit, where: Any = None) -> bool:
    """Say whether undoing the unit gives whole numbers again where the reference has only such.

    A count that grew tenfold is no multiple of ten; a column that was multiplied by ten is.
    """
    if not reference.type.startswith(("int", "uint")):
        return True
    value = finite(pair.current.expr[current.name])
    whole = current.type.startswith(("int", "uint"))
    if whole and unit.factor < 1:
        # a division leaves decimals; where they were cut off, only a large change of all rows is beyond doubt
        return where is None and _sharp(unit)
    again = ((value - unit.offset) / unit.factor).round(0) * unit.factor + unit.offset
    # decimals of the new unit may be cut off; other columns come this close in at most three of five rows
    close = (again - value).abs() <= (0.51 if whole and unit.factor % 1 else 0.2 * unit.factor * (not whole)) + 1e-6
    share = pair.current.expr.aggregate(close=close.mean(where=where)).to_pyarrow()["close"][0].as_py()
    return float(share or 0) >= 0.95


def _part(pair: Pair, reference: Column, current: Column, time: str | None) -> Change | None:
    low, high = support(reference)
    if current.min >= low and current.max <= high:
        return None
    value = finite(pair.current.expr[current.name])
    outside = _outside(value, (low, high))
    row = (
        pair.current.expr.aggregate(n=outside.sum(), quantiles=value.quantile(list(GRID), where=outside))
        .to_pyarrow()
        .to_pylist()[0]
    )
    n = int(row["n"] or 0)
    chance = beyond_chance(n, reference.present, current.present)
    if not n or chance > 1e-3:
        return None
    found: list[tuple[float, Unit, float]] = []
    middle, width = (reference.max + reference.min) / 2, reference.max - reference.min
    step = _step(pair, reference, time, (low, high))
    for i, unit in enumerate(UNITS):
        undone = (np.array(row["quantiles"]) - unit.offset) / unit.factor
        # it may have moved on meanwhile, by the width of what it was
        stepped = (
            _sharp(unit) and 0.9 < step / unit.factor < 1.1 and bool((np.abs(undone - middle) < 1.5 * width).all())
        )
        if not (stepped or _belongs(undone, reference)):
            continue
        if not _whole_numbers(pair, reference, current, unit, outside):
            continue
        fit = (0.0, 1.0) if stepped else _fit(pair, reference, unit, (low, high), time)
        if fit is not None:
            found.append((fit[0] + 0.1 * (i >= _COMMON), unit, fit[1]))
    if not found:
        return None
    _, unit, seen = min(found, key=lambda item: item[0])
    return Change(unit, low, high, n, seen, chance)


def _belongs(undone: Floats, reference: Column) -> bool:
    """Say whether nearly all undone values fall among the reference's, and most not at its edges."""
    hair = 1e-9 * (reference.quantiles[-1] - reference.quantiles[0])
    ends, core = (reference.at(0.001), reference.at(0.999)), (reference.at(0.01), reference.at(0.99))
    nearly_all, most = undone[2:-2], undone[6:-6]  # from the 5th to the 95th and from the 25th to the 75th percentile
    return bool(
        (nearly_all >= ends[0] - hair).all()
        and (nearly_all <= ends[1] + hair).all()
        and (most >= core[0] - hair).all()
        and (most <= core[1] + hair).all()
    )


def _sharp(unit: Unit) -> bool:
    return not unit.offset and max(unit.factor, 1 / unit.factor) >= 9.99


def _step(pair: Pair, reference: Column, time: str | None, bounds: tuple[float, float]) -> float:
    """Return the factor by which a column jumps from the last sound rows to the first damaged ones, or NaN.

    A column may move to where the reference never was, and be in another unit as well. It does not move tenfold
    between neighbours in time, and stay there.
    """
    import ibis

    first, second = pair.reference.expr, pair.current.expr
    if time not in first.columns or time not in second.columns or first[time].type() != second[time].type():
        return float("nan")
    rows = [table.select(at=table[time], value=finite(table[reference.name])).drop_null() for table in (first, second)]
    outside = _outside(rows[1].value, bounds)
    onset = rows[1].aggregate(at=rows[1]["at"].min(where=outside)).to_pyarrow()["at"][0].as_py()
    since = rows[1].filter(rows[1]["at"] >= onset)
    lasting = since.aggregate(share=_outside(since.value, bounds).mean()).to_pyarrow()["share"][0].as_py()
    if not lasting or lasting < 0.95:
        return float("nan")
    sound = rows[0].filter(rows[0]["at"] < onset).union(rows[1].filter(rows[1]["at"] < onset))
    ends = [sound.order_by(ibis.desc("at")).limit(_NEIGHBOURS), since.order_by("at").limit(_NEIGHBOURS)]
    before, after = (end.aggregate(middle=end.value.median()).to_pyarrow()["middle"][0].as_py() for end in ends)
    return float(after / before) if before and after else float("nan")


def _fit(
    pair: Pair, reference: Column, unit: Unit, bounds: tuple[float, float], time: str | None
) -> tuple[float, float] | None:
    """Return how badly the undone rows fit and what share of damaged rows is seen, or None where they do not fit.

    Undone, the rows must follow the law of the reference, or of the reference in the same span of time, or of
    the sound rows beside them; or else hit the very values that the reference has. A small factor may be a
    natural move between a few values, and there only the values themselves are proof.
    """
    name = reference.name
    points = np.unique(reference.quantiles)
    outside = _outside(finite(pair.current.expr[name]), bounds)
    known = _known(pair, reference, unit, outside)
    moved = law(pair.current.expr, name, points, outside, unit.factor, unit.offset)
    gap, seen = 1.0, 0.0
    for i, (table, rows) in enumerate(_laws(pair, name, unit, bounds, time)):
        expected = law(table, name, points, rows)
        gap = min(gap, _misfit(expected, moved))
        if i == 0:
            seen = expected.rows / reference.present
            # a tail that grew a little longer looks like a change of which only the extremes can be seen
            if seen < 0.5:
                return None
    if known >= 0.9 or (gap <= 0 and (_sharp(unit) or (reference.distinct or 0) >= 50)):
        return gap - known, seen
    return None


def _laws(pair: Pair, name: str, unit: Unit, bounds: tuple[float, float], time: str | None) -> list[tuple[Any, Any]]:
    """Return the tables, and the rows of them, whose law the undone rows may follow."""
    first, second = pair.reference.expr, pair.current.expr
    original, now = finite(first[name]), finite(second[name])
    visible = _outside(original * unit.factor + unit.offset, bounds)
    outside = _outside(now, bounds)
    laws = [
        (first, visible),
        (second, ~outside & _outside(now * unit.factor + unit.offset, bounds)),
    ]
    if time in first.columns and time in second.columns and first[time].type() == second[time].type():
        span = second.aggregate(first=second[time].min(where=outside), last=second[time].max(where=outside))
        row = span.to_pyarrow().to_pylist()[0]
        if row["first"] is not None:
            laws.append((first, visible & first[time].between(row["first"], row["last"])))
    return laws


def _misfit(expected: Law, moved: Law) -> float:
    """Return by how much two laws differ beyond noise (Kuiper, 1960: the sum of the largest gaps to both sides)."""
    if expected.rows < 20 or not moved.rows:
        return 1.0
    above, below = moved.shares - expected.shares, expected.shares - moved.shares
    apart = float(np.max(above, initial=0.0) + np.max(below, initial=0.0))
    return apart - min(0.05 + 2.0 * float(np.sqrt(1 / expected.rows + 1 / moved.rows)), 0.5)


def _outside(value: Any, bounds: tuple[float, float]) -> Any:
    return (value < bounds[0]) | (value > bounds[1])


def _known(pair: Pair, reference: Column, unit: Unit, outside: Any) -> float:
    """Return the share of distinct undone values that are among the reference's own, where those are few."""
    name = reference.name
    few = (reference.distinct or 0) <= min(_FEW, reference.present / 2)
    if not few or not reference.type.startswith(("float", "decimal")):
        return 0.0
    own = _distinct(pair.reference.expr, name)
    now = (_distinct(pair.current.expr.filter(outside), name) - unit.offset) / unit.factor
    if len(now) < 5 or not len(own):
        return 0.0
    place = np.clip(np.searchsorted(own, now), 1, max(len(own) - 1, 1))
    near = np.minimum(np.abs(own[place - 1] - now), np.abs(own[np.minimum(place, len(own) - 1)] - now))
    return float((near <= 1e-6 * np.maximum(np.abs(now), 1e-12)).mean())


def _distinct(table: Any, name: str) -> Floats:
    found = table.select(value=finite(table[name])).distinct().filter(lambda t: t.value.notnull())
    return np.sort(found.order_by("value").limit(_FEW).to_pyarrow()["value"].to_numpy().astype(float))
