"""Which change of unit explains a column, if any; asked by the unit check and, before it speaks, by the range check.

A unit is a line: current = factor * reference + offset. A change of the whole column, or of all rows since a
moment or of a segment, shows when undoing it lays the two distributions on each other. A change of single rows
shows in values that no reference row comes near, which all fall back among the reference's values when it is
undone. Only damaged rows that land outside the reference's support can be told from sound ones, so the law they
should follow is the reference's among the values that the change would carry out of the support.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rca.integrity._common import Mask, apart, beyond_chance, differ, noise, samples, time_of
from rca.integrity._law import View, joint, part_of, settle, traces, views
from rca.stats import Floats
from rca.tables import GRID, Column
from rca.types import Case, Pair


@dataclass(frozen=True, slots=True)
class Unit:
    """A change of unit."""

    name: str
    factor: float
    offset: float = 0.0

    @property
    def sharp(self) -> bool:
        """Whether the factor is so large that no column takes it by itself."""
        return not self.offset and max(self.factor, 1 / self.factor) >= 9.99

    def undo(self, values: Floats) -> Floats:
        """Return the values in the old unit."""
        return (values - self.offset) / self.factor


def _both(one: str, other: str, factor: float, offset: float = 0.0) -> tuple[Unit, Unit]:
    return Unit(f"{one} to {other}", factor, offset), Unit(f"{other} to {one}", 1 / factor, 0.0 - offset / factor)


#: From the most to the least common; the order decides where the data cannot.
UNITS: tuple[Unit, ...] = (
    *(Unit(f"x{10**k:,}" if k > 0 else f"/{10**-k:,}", 10.0**k) for k in (2, -2, 3, -3, 1, -1, 6, -6, 4, -4, 5, -5)),
    *_both("inches", "centimetres", 2.54),
    *_both("pounds", "kilograms", 0.45359237),
    *_both("miles", "kilometres", 1.609344),
    *_both("minutes", "seconds", 60.0),
    *_both("hours", "seconds", 3600.0),
    *_both("Celsius", "Fahrenheit", 1.8, 32.0),
    *_both("Celsius", "kelvins", 1.0, 273.15),
)
_FEW = 5000  # a column with more distinct values is a continuum
_ENOUGH = 150  # fewer rows of a part look like too much


@dataclass(frozen=True, slots=True)
class Change:
    """A change of unit in a column of a pair of tables."""

    unit: Unit
    hit: Mask  # the damaged rows of the current sample that can be told from sound ones
    low: float | None = None  # values below are damaged; with `high` None, all values are
    high: float | None = None
    where: Mapping[str, Any] = field(default_factory=dict)  # the part of which all rows are damaged, if it is a part
    seen: float = 1.0  # the share of all damaged rows that can be told from sound ones; the others stay damaged
    p_value: float = 0.0


@dataclass(frozen=True, slots=True)
class Sides:
    """One numeric column on both sides, which have values."""

    old: Floats  # the reference's finite values
    new: Floats  # the current values, NaN where there is none
    reference: Column
    current: Column
    times: tuple[NDArray[Any], NDArray[Any]]  # when both were, NaT where that is not known

    @property
    def known(self) -> Floats:
        """The current values that are finite."""
        return self.new[np.isfinite(self.new)]


def support(reference: Column) -> tuple[float, float]:
    """Return the bounds outside of which no reference row comes near: the extremes and a margin."""
    margin = max(reference.at(0.75) - reference.at(0.25), 0.1 * (reference.at(0.99) - reference.at(0.01)))
    low, high = float(reference.min) - margin, float(reference.max) + margin
    if reference.min > 0:  # a positive column has a margin in ratios too, or else nothing could lie below it
        low = max(low, float(reference.min) * min(reference.at(0.25) / reference.at(0.75), 0.5))
    return low, high


def explain(pair: Pair, reference: Column, current: Column, case: Case, tolerance: float = 0.02) -> Change | None:
    """Return the change of unit that explains how a numeric column differs, or None."""
    if not current.quantiles:
        return None
    old, new = (side[reference.name].to_numpy() for side in samples(pair))
    time, never = time_of(pair, case), np.datetime64("NaT", "us")
    then, now = (side[time].to_numpy() if time else np.full(len(side), never) for side in samples(pair))
    known = np.isfinite(old)
    sides = Sides(old[known], np.where(np.isfinite(new), new, np.nan), reference, current, (then[known], now))
    near = reference.name not in joint(pair, case)[0].names or differ(sides.old, sides.known) < 0.03
    parts = [View(np.isfinite(sides.new))] if near else views(pair, case, *traces(pair, case, reference.name))
    found = settle(parts, partial(_held, pair, case, sides, tolerance))
    if found is None or found[0].where:
        single = _of_rows(sides)
        # rows that can be told one by one are more than a span of them
        if found is None or (single is not None and single.seen >= 0.99 and found[1] in UNITS):
            return single
    return Change(found[1], found[0].mask & np.isfinite(sides.new), where=found[0].where)


def _whole(sides: Sides, tolerance: float, kept: Callable[[Unit], float]) -> Unit | None:
    """Return the unit that all of the current values are in; `kept` is what undoing one leaves of the relations."""
    known = sides.known
    q0, q1 = np.quantile(sides.old, GRID), np.quantile(known, GRID)
    if np.abs(q1 - q0).max() <= 0.02 * (q0[-1] - q0[0]):  # no unit leaves every quantile where it was
        return None
    bar = tolerance + noise(len(sides.old), len(known))
    # any population may have moved on by a constant: only what a column says of the others is proof
    moved = {unit: kept(unit) for unit in _offset(sides, q0, q1)}
    units = (*UNITS, *_constant(q0, q1, len(sides.old), len(known)), *(u for u in moved if moved[u] > 0.6))
    fit = [unit for unit in units if _distance(q0, unit.undo(q1)) <= bar + 0.15]  # the quantiles alone spare most
    before = apart(sides.old, known) if fit else 0.0
    if before < max(2 * bar, 0.1):
        return None
    # a column that spreads about zero looks stretched when it is merely selected: only its own values are proof
    centred = np.quantile(sides.old, 0.25) < 0 < np.quantile(sides.old, 0.75)
    found: list[tuple[float, Unit]] = []
    for unit in fit:
        if centred and not unit.sharp and _values_known(sides, unit, known) < 0.9:
            continue
        left = _distance(sides.old, unit.undo(known))
        if left > min(bar, before / 3) or not _whole_numbers(sides, unit, known):
            continue
        # a small factor must be the very one: where others do as well, the column may just have grown
        beside = [_distance(sides.old, known / (unit.factor * k)) for k in (1 / 1.15, 1.15)]
        if unit.sharp or unit.offset or min(beside) > bar:
            found.append((left - moved.get(unit, 0.0), unit))
    return min(found, key=lambda item: item[0])[1] if found else None


def _distance(old: Floats, new: Floats, both: bool = False) -> float:
    hair = 1e-9 * (float(np.ptp(old)) or 1.0)
    return apart(np.round(old / hair), np.round(new / hair), both)


def _constant(before: Floats, after: Floats, n0: int, n1: int) -> tuple[Unit, ...]:
    """Return a factor that has no name, such as a currency's: only where a skewed column was stretched evenly."""
    q0, q1 = before[2:-2], after[2:-2]
    if q0[0] <= 0 or q1[0] <= 0 or q0[-1] < 5 * q0[0] or (q0[-1] - q0[9]) < 1.5 * (q0[9] - q0[0]):
        return ()
    ratios = np.log(q1 / q0)
    factor = float(np.exp(np.median(ratios)))
    even = np.ptp(ratios) <= 0.03 + 2 * np.sqrt(1 / n0 + 1 / n1)
    close = 0.03 + 2 * np.log(q0[-4] / q0[3]) * np.sqrt(1 / n0 + 1 / n1)  # a median knows a named factor no better
    nameless = abs(np.log(factor)) >= 0.15 and all(abs(np.log(u.factor / factor)) >= close for u in UNITS)
    return (Unit(f"a constant x{factor:.3g}", factor),) if even and nameless else ()


def _offset(sides: Sides, before: Floats, after: Floats) -> tuple[Unit, ...]:
    """Return a constant that was added, or from which the values were taken: all of them lie where none ever was."""
    old, new = before[[0, -1]], after[[2, -3]]  # of a span some rows may be others; the other sign is another damage
    if max(new[0] - old[1], old[0] - new[1]) <= old[1] - old[0] or differ(sides.old, -sides.known) <= 0.1:
        return ()
    error = 1.3 * np.std(sides.old) / np.sqrt(min(len(sides.old), len(sides.known)))  # medians say no more digits
    digits = 1 - int(np.ceil(np.log10(max(error, 1e-9))))
    added, taken = (round(float(np.median(side)), digits) for side in (after - before, after + before[::-1]))
    named = any(u.factor == 1 and abs(u.offset - added) < 0.1 * (old[1] - old[0]) for u in UNITS)
    return () if named else (Unit(f"{added:+.6g}", 1.0, added), Unit(f"{taken:.6g} minus its value", -1.0, taken))


def _whole_numbers(sides: Sides, unit: Unit, values: Floats, part: bool = False) -> bool:
    """Say whether undoing the unit gives whole numbers, if the reference has such: a count that grew gives others."""
    if not sides.reference.type.startswith(("int", "uint")):
        return True
    whole = sides.current.type.startswith(("int", "uint"))
    if whole and unit.factor < 1:
        return not part and unit.sharp  # a division leaves decimals; of those cut off only a large one of all is sure
    again = np.round(unit.undo(values)) * unit.factor + unit.offset
    # decimals of the new unit may be cut off; other columns come this close in at most three of five rows
    slack = (0.51 if whole and (unit.factor % 1 or unit.offset % 1) else 0.2 * unit.factor * (not whole)) + 1e-6
    return float((np.abs(again - values) <= slack).mean()) >= 0.95


def _held(pair: Pair, case: Case, sides: Sides, tolerance: float, view: View) -> Unit | None:
    """Return the unit that all values of a view are in; in a part they stay among the reference's values."""
    name, (law, seen) = sides.reference.name, joint(pair, case, view.mask)
    raw = law.relation(name, seen)

    def kept(unit: Unit) -> float:
        return law.relation(name, seen, unit.undo(sides.new)).slope if raw.known and raw.slope < 0.7 else 0.0

    if not view.where:
        return _whole(sides, tolerance, kept)
    old = pair.reference.sample[name].to_numpy()[part_of(pair, view)]
    part = replace(sides, old=old[np.isfinite(old)], new=np.where(view.mask, sides.new, np.nan))
    unit = _whole(part, tolerance, kept) if min(len(part.known), len(part.old)) >= _ENOUGH else None
    # what a column says of the others tells a unit from a move, where it says anything
    return unit if unit is not None and kept(unit) > max(raw.slope + 0.3, 0.6) else None


def _of_rows(sides: Sides) -> Change | None:
    """Return a change of rows that land outside the reference's support."""
    reference, bounds = sides.reference, support(sides.reference)
    outside = beyond(sides.new, bounds)
    moved = sides.new[outside]
    chance = beyond_chance(len(moved), len(sides.old), len(sides.known))
    if chance > 1e-3:
        return None
    found: list[tuple[float, Change]] = []
    middle, width = (reference.max + reference.min) / 2, reference.max - reference.min
    step, hair = _step(sides, outside), 1e-9 * (reference.quantiles[-1] - reference.quantiles[0])
    for unit in UNITS:
        undone = np.quantile(unit.undo(moved), GRID)
        # it may have moved on meanwhile, by the width of what it was
        stepped = unit.sharp and 0.9 < step / unit.factor < 1.1 and bool((np.abs(undone - middle) < 1.5 * width).all())
        # nearly all fall among the reference's (5th to 95th percentile), and most (25th to 75th) not at its edges
        parts = (undone[2:-2], 0.001, 0.999), (undone[6:-6], 0.01, 0.99)
        belongs = all(p.min() >= reference.at(a) - hair and p.max() <= reference.at(b) + hair for p, a, b in parts)
        if not (stepped or belongs) or not _whole_numbers(sides, unit, moved, part=True):
            continue
        fit = (0.0, 1.0) if stepped else _fit(sides, unit, bounds, outside)
        if fit is not None:
            rank = fit[0] + 0.1 * (" to " in unit.name)  # powers of ten are more common than units that have a name
            found.append((rank, Change(unit, outside, *bounds, seen=fit[1], p_value=chance)))
    return min(found, key=lambda item: item[0])[1] if found else None


def _step(sides: Sides, outside: Mask) -> float:
    """Return the factor by which a column jumps, and stays, at the first damaged rows, or NaN: a unit's is no move."""
    before, now = sides.times
    onset = now[outside & ~np.isnat(now)].min(initial=now.max())
    since = np.isfinite(sides.new) & (now >= onset)
    if not since.any() or outside[since].mean() < 0.95:  # where no times are known nothing is since a moment
        return float("nan")
    moments, values = (np.concatenate(both) for both in ((before, now[~since]), (sides.old, sides.new[~since])))
    sound = pd.Series(values, moments).dropna().sort_index(kind="stable")
    last = sound[sound.index < onset][-100:].median()
    first = pd.Series(sides.new[since], now[since]).sort_index(kind="stable")[:100].median()
    return float(first / last) if last else float("nan")


def _fit(sides: Sides, unit: Unit, bounds: tuple[float, float], outside: Mask) -> tuple[float, float] | None:
    """Return how badly the undone rows fit and what share of damaged rows is seen, or None where they do not fit.

    Undone, the rows must follow the law of the reference, or of the reference in the same span of time, or of
    the sound rows beside them; or else hit the very values that the reference has. A small factor may be a
    natural move between a few values, and there only the values themselves are proof.
    """
    moved = unit.undo(sides.new[outside])
    visible = beyond(sides.old * unit.factor + unit.offset, bounds)
    seen = float(visible.mean())
    if seen < 0.5:  # a tail that grew a little longer looks like a change of which only the extremes can be seen
        return None
    sound = sides.new[~outside & beyond(sides.new * unit.factor + unit.offset, bounds)]
    then, hits = pd.Series(sides.times[0]), pd.Series(sides.times[1][outside])
    laws, gap = [sides.old[visible], sound, sides.old[visible & then.between(hits.min(), hits.max())]], 1.0
    for law in (law for law in laws if len(law) >= 20):
        bar = min(0.05 + 2.0 * (1 / len(law) + 1 / len(moved)) ** 0.5, 0.5)
        gap = min(gap, _distance(law, moved, both=True) - bar)
    known = _values_known(sides, unit, sides.new[outside])
    fits = known >= 0.9 or (gap <= 0 and (unit.sharp or (sides.reference.distinct or 0) >= 50))
    return (gap - known, seen) if fits else None


def beyond(values: Floats, bounds: tuple[float, float]) -> Mask:
    """Return which values lie beyond two bounds."""
    return (values < bounds[0]) | (values > bounds[1])


def _values_known(sides: Sides, unit: Unit, values: Floats) -> float:
    few = (sides.reference.distinct or 0) <= min(_FEW, sides.reference.present / 2)
    own, now = pd.Index(np.unique(sides.old)), unit.undo(np.unique(values[np.isfinite(values)]))
    if not few or not sides.reference.type.startswith(("float", "decimal")) or len(now) < 5:
        return 0.0
    hair = 1e-6 * np.maximum(np.abs(now), 1e-12)
    return float((own.get_indexer(pd.Index(now), method="nearest", tolerance=hair) >= 0).mean())
