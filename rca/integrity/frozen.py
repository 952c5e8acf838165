"""RCA117, whether a column became constant."""

from collections.abc import Iterator
from typing import Any
import numpy as np
import pandas as pd
from scipy.stats import mode
from rca.integrity._common import Mask, columns, report, time_of
from rca.integrity._law import joint
from rca.integrity.clock import entity_of, micros, ordered
from rca.registry import check
from rca.stats import Floats
from rca.tables import Column
from rca.types import Case, Finding, Pair

_FLOOR = 0.05
#: The logarithm of a chance that no number of columns and runs makes likely.
_NEVER = np.log(1e-8)


@check("RCA117", "a column became constant", explains=("label_noise",))
def frozen_column(case: Case) -> Iterator[Finding]:
    """Find columns that hold on to one value: in all rows, for a time, in part of the rows, or in each entity.

    The effect is the share of rows that hold the value. What the reference did as long itself, as slow series
    and rare flags do, is no finding, nor is a value that the other columns of its rows speak for.

    Examples
    --------
    >>> whole = pd.DataFrame({"at": pd.date_range("2024", periods=900, freq="h"), "load": np.arange(900) * 7 % 901})
    >>> texts(frozen_column, whole, whole.assign(load=whole["load"].where(whole.index < 600, 5)), time="at")
    ['load stays at 5 in 33 % of the rows of train, all of them since 2024-01-26.']
    """
    for pair, before, now in columns(case):
        if before.kind != now.kind or now.kind not in ("number", "category") or (before.distinct or 0) < 2:
            continue
        name, time, was = now.name, time_of(pair, case), 0.0
        entity: tuple[str, ...] = ()
        both: list[Any] = [table.sample[name] for table in (pair.reference, pair.current)]
        if now.kind == "category":
            levels = both[0].cat.categories.union(both[1].cat.categories)
            both = [(codes := side.cat.set_categories(levels).cat.codes).where(codes >= 0) for side in both]
        sides = [side.to_numpy(dtype=float) for side in both]
        most = 0.97 if name == case.roles.target else 0.8  # other flags are as rare by nature
        hit = _whole(pair, case, name, *sides) if time is None else _run(pair, time, most, *sides)
        if hit is None and now.kind == "number" and (before.distinct or 0) >= 50 and now.distinct:
            hit, was = _part(before, now, *sides)
        if hit is None and time and now.distinct != 1 and (entity := entity_of(pair.current, case.roles)):
            hit = _each(pair, time, entity, *sides)
        if hit is None:
            continue
        value = None if entity else pair.current.sample[name].to_numpy()[hit][0]
        shown = "what it was for each key" if entity else "at {value:g}" if now.kind == "number" else "at '{value}'"
        text = f"{{column}} stays {shown} in {{share}} of the rows of {{table}}{{where}}."
        facts: dict[str, Any] = {"value": value, "entity": list(entity), "clock": time}
        yield from report(pair, name, case, hit, "frozen_column", text, _FLOOR, before=was, **facts)


def _top(known: Floats) -> float:
    """Return the share of the most frequent value."""
    return float(mode(known).count / len(known)) if len(known) else 1.0


def _whole(pair: Pair, case: Case, name: str, first: Floats, second: Floats) -> Mask | None:
    """Return all rows that have a value if it is one, against chance and against what other columns say."""
    known, top = np.isfinite(second), _top(first[np.isfinite(first)])
    if not known.any() or np.ptp(second[known]) or top > 0.9 or known.sum() * np.log(top) >= _NEVER:
        return None
    law, seen = joint(pair, case)
    if name in law.names:
        # what rows of the reference with this value have in the other columns, beside all and beside the current rows
        shares, place = law.seen.shares, law.place[name].start
        place += int(law.cuts[name].codes(pair.current.sample[name][known][:1])[0])
        due = law.seen.joint[place] / max(shares[place], 1e-9) - shares
        weights = np.repeat(law.partners[law.names.index(name)], law.sizes) / np.maximum(shares, 0.02)
        least = 40 / max(shares[place] * law.rows, 1.0) + 40 / seen.rows
        # a value that its partners expect is a narrow choice of rows, and no damage
        if weights @ (due * (seen.shares - shares)) >= 0.5 * max(weights @ due**2, least):
            return None
    return known


def _run(pair: Any, time: str, most: float, first: Floats, second: Floats) -> Mask | None:
    """Return the longest run of one value, if it is longer than any of the reference by rows and by time."""
    sides = []
    for table, values in ((pair.reference, first), (pair.current, second)):
        frame, _ = ordered(table, time, ())
        rows = frame.index.to_numpy()[np.isfinite(values[frame.index])]
        edges = np.flatnonzero(np.diff(values[rows], prepend=np.nan, append=np.nan) != 0)
        sides.append((values[rows], micros(table.sample[time])[rows], edges, rows))
    (old, when, past, _), (new, then, edges, rows) = sides
    if len(past) <= 20 or len(new) < 20:
        return None
    i, top, same = int(np.diff(edges).argmax()), _top(old), old[1:] == old[:-1]
    start, stop, again = edges[i], edges[i + 1], old == new[edges[i]]
    share, long = (stop - start) / len(new), max((when[past[1:] - 1] - when[past[:-1]]).max(), 1.0)
    factor = min(share * len(old) / np.diff(past).max(), (then[stop - 1] - then[start]) / long)
    stays = same[again[:-1]] if again[:-1].sum() > 20 else same
    chance = np.log(len(new)) + (stop - start) * np.log(max(stays.mean(), again.mean(), 1e-9))
    # a habit that began later than the table, such as a new level of few, is history and no damage
    natural = top > most or (start == 0 and share < 1 and top > _FLOOR)
    if natural or stop - start < max(20, _FLOOR * len(new)) or factor < 5 or chance >= _NEVER:
        return None
    return np.isin(np.arange(len(second)), rows[start:stop])


def _part(before: Column, now: Column, first: Floats, second: Floats) -> tuple[Mask | None, float]:
    """Return the rows of a value well inside the range of a continuous column that no value was as frequent as."""
    was, known = (side[np.isfinite(side)] for side in (first, second))
    value = mode(known).mode if len(known) else 0.0
    share, old = float(np.mean(known == value)), float(np.mean(was == value))
    inside = all(0.02 < (side < value).mean() / max((side != value).mean(), 1e-9) < 0.98 for side in (known, was))
    filled = before.missing / before.rows - now.missing / now.rows > 0.5 * (share - old)
    token = value in (0, -1) or set(f"{abs(value):g}") == {"9"}
    least = max(2 * _top(was) + 0.02, old + _FLOOR)
    return (second == value, old) if inside and not filled and not token and least <= share < 1 else (None, 0.0)


def _each(pair: Any, time: str, entity: tuple[str, ...], first: Floats, second: Floats) -> Mask | None:
    """Return the newest rows in which no entity's value moves any more, where they moved in the reference."""
    same = []
    for table, values in ((pair.reference, first), (pair.current, second)):
        frame, groups = ordered(table, time, entity)
        held = pd.Series(values[frame.index])
        last = held.groupby(groups).shift()
        same.append((held == last).astype(float).where(held.notna() & last.notna()).to_numpy())
    for part in (1, 2, 4, 8):
        old, new = (side[len(side) - len(side) // part :] for side in same)
        old, found = old[np.isfinite(old)], new[np.isfinite(new)]
        if min(len(found), len(old)) < 40:
            return None
        rate = max(float(old.mean()), float(np.nanmean(same[0])))
        if rate <= 0.9 and 1 - found.mean() < 0.1 * (1 - rate) and len(found) * np.log(max(rate, 0.01)) < _NEVER:
            gain = np.where(np.isfinite(same[1]), same[1] - (1 + rate) / 2, 0.0)
            start = int(np.concatenate([[0.0], np.cumsum(gain)])[:-1].argmin())
            return np.isin(np.arange(len(second)), frame.index[start:][same[1][start:] == 1])
    return None
