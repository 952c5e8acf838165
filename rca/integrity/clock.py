"""RCA117, RCA118 and RCA119, whether a column stands still or lags, or times are shifted; and rows in order of time."""

import functools
from collections.abc import Iterator, Mapping
from typing import Any
import numpy as np
import pandas as pd
from scipy.special import ndtr
from scipy.stats import mode
from rca.errors import NotApplicable
from rca.integrity._common import FEWEST, Mask, beside, columns, filled, iso, locate, report, time_of
from rca.integrity._law import Rows, joint, part_of, settle, views
from rca.registry import check
from rca.stats import Floats
from rca.tables import SAMPLE, Column, Table
from rca.types import Case, Finding, Pair, Roles

_LAGS = range(1, 31)
_HOUR, _DAY = 3600e6, 24 * 3600e6
#: Time zones differ by quarters of an hour; the smallest shift that is looked for without a key is half an hour.
_QUARTER = _HOUR / 4
_FLOOR = 0.05  # of the rows in which a column stands still
#: The logarithm of a chance that no number of columns and runs makes likely.
_NEVER = np.log(1e-8)


def entity_of(table: Any, roles: Roles) -> tuple[str, ...]:
    """Return the key without the time if its values come back again and again; else nothing."""
    key = [name for name in roles.key if name != roles.time]
    known = key and set(key) <= set(table.sample.columns)
    return tuple(key) if known and len(table.sample) >= 3 * len(table.sample[key].drop_duplicates()) else ()


@functools.lru_cache(maxsize=4)
def ordered(table: Any, time: str, entity: tuple[str, ...]) -> tuple[pd.DataFrame, Rows]:
    """Return the sample in the order of time (rows without one left out), and a number for each entity."""
    sample = table.sample
    order = np.lexsort((table.hashes, sample[time].to_numpy()))
    frame = sample.iloc[order[sample[time].notna().to_numpy()[order]]]
    groups = frame.groupby(list(entity), observed=True, sort=False).ngroup().to_numpy() if entity else 0
    return frame, np.zeros(len(frame), dtype=np.intp) + groups


def micros(times: pd.Series) -> Floats:
    """Return times as microseconds; NaN where there is none."""
    return np.where(times.isna(), np.nan, times.to_numpy().astype("datetime64[us]").astype(float))


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


@check("RCA118", "a column lags behind the others")
def stale_column(case: Case) -> Iterator[Finding]:
    """Find columns whose values are those of earlier rows, of each entity or of earlier days; see :func:`time_shift`.

    The effect is the share of rows that lag; shifted back by the lag they have the reference's relations to the
    other columns. A column that has none cannot be judged.
    """
    pairs: list[tuple[Any, str]] = [(pair, time) for pair in filled(case) if (time := time_of(pair, case)) is not None]
    if not pairs:
        raise NotApplicable("without a time column no row is before another.")
    for pair, time in pairs:
        entity = entity_of(pair.current, case.roles)
        (law, seen), recent = joint(pair, case), pair.current
        if recent.rows > SAMPLE:  # all of the newest rows, for a sample has no neighbours
            edge: Any = recent.sample[time].quantile(1 - 0.9 * SAMPLE / recent.rows)
            recent = Table(recent.expr.filter(recent.expr[time] >= edge.to_pydatetime()), recent.name)
        frame, groups = ordered(recent, time, entity)
        frame, groups = frame.iloc[-law.most :], groups[-law.most :]
        sight = law.look(frame, np.arange(len(frame)))
        for name in law.names:
            relation = law.relation(name, seen)
            if name not in frame.columns or not relation.known or relation.slope > 0.92:
                continue
            found = _judge(law.pulls(name, sight), law.cuts[name].codes(frame[name]), frame[time], groups)
            if found is None:
                continue
            lag, unit, onset, z = found
            late = (pair.current.sample[time] >= (onset or pd.Timestamp.min)).to_numpy()
            where = {"time": time, "onset": iso(onset), "all_since": True, "before": 1 - late.mean()} if onset else {}
            by = unit if lag > 1 else unit.replace("s", "", 1)
            text = f"{{column}} is {{lag}} {by} late in {{share}} of the rows of {{table}}{{where}}."
            facts: dict[str, Any] = {"where": where, "lag": lag, "unit": unit, "clock": time}
            facts["entity"] = list(entity) if unit == "rows of its key" else []
            yield from report(pair, name, case, late, "stale_column", text, 0.05, p_value=float(ndtr(-z)), **facts)


def _judge(pulls: Floats, bins: Rows, times: pd.Series, groups: Rows) -> tuple[int, str, Any, float] | None:
    """Return the lag whose undoing makes a column right in the newest part of the rows where it is wrong, and when."""

    def score(source: Rows, start: int) -> Floats:
        centred = pulls[start:] - pulls[start:].mean(axis=0)
        return np.where(source[start:] >= 0, centred[np.arange(n - start), bins[source[start:]]], np.nan)

    n, lags = len(times), list(_sources(times, groups, bins))
    for start in (n - n // part for part in (1, 2, 4, 8)):
        base = score(np.arange(n), start)
        if n - start < 40 or not lags:
            return None
        tried = [score(source, start) for _, _, source in lags]
        means = np.array([np.nanmean(t) if np.isfinite(t).sum() > 20 else -np.inf for t in tried])
        best = int(means.argmax())
        blocks = np.array([block.mean() for block in np.array_split(np.nan_to_num(tried[best] - base), 30)])
        z = float(blocks.mean() / max(blocks.std() / 30**0.5, 1e-9))
        if base.mean() <= 0.8 and means[best] >= max(0.65, base.mean() + 0.2) and z >= 4.5:
            lag, unit, source = lags[best]
            change = np.nan_to_num(score(source, 0) - score(np.arange(n), 0))
            first = int(np.append(0.0, np.cumsum(change))[:n].argmin())
            return lag, unit, times.iloc[first] if first > 0.05 * n else None, z
    return None


def _sources(times: pd.Series, groups: Rows, values: Rows) -> Iterator[tuple[int, str, Rows]]:
    """Yield the lags that rows of this order can have, and for each row the one that holds its value, or -1."""
    n = len(times)
    _, first, day = np.unique(times.dt.floor("D"), return_index=True, return_inverse=True)
    if 20 <= len(first) < n / 2 and np.mean(values[first[day]] == values) > 0.98:
        later = np.append(first, np.full(len(_LAGS), -1))
        yield from ((lag, "days", later[day + lag]) for lag in _LAGS)
    series = [("rows", np.zeros(n))] if times.nunique() > 0.95 * n else []
    for unit, group in [*series, ("rows of its key", groups)] if groups.any() else series:
        rows = pd.Series(np.arange(n)).groupby(group)
        yield from ((lag, unit, rows.shift(-lag, fill_value=-1).to_numpy()) for lag in _LAGS)


@check("RCA119", "times are shifted")
def time_shift(case: Case) -> Iterator[Finding]:
    """Find timestamps that are off by hours, as a wrong time zone or daylight saving makes them.

    The effect is the share of rows that are off. They differ from the same key's time in the reference by the
    same hours, or were dates without hours; or the hours of the day are the reference's, turned round.

    Examples
    --------
    >>> days = pd.Series(pd.date_range("2024", periods=900))
    >>> whole = pd.DataFrame({"at": days + pd.to_timedelta(np.arange(900) * 7 % 480 + 540, unit="min")})
    >>> texts(time_shift, whole, whole + pd.Timedelta(hours=2)), texts(time_shift, whole, whole)
    (['at is 2 hours late in 100 % of the rows of train.'], [])
    """
    for pair, before, after in columns(case, "time"):
        if min(before.present, after.present) < 2 or not (found := _found(pair, case, after.name)):
            continue
        hours, hit, how, where = found
        late = f"{abs(hours):g} hour{'s' * (abs(hours) != 1)} {'late' if hours > 0 else 'early'}"
        text = f"{{column}} is {late} in {{share}} of the rows of {{table}}{{where}}."
        facts: dict[str, Any] = {"where": where, "hours": hours, "how": how, "key": list(case.roles.key)}
        yield from report(pair, after.name, case, hit, "time_shift", text, 0.01, **facts)


def _found(pair: Any, case: Case, name: str) -> tuple[float, Mask, str, Mapping[str, Any]] | None:
    """Return by how many hours which rows are off, how that is known, and where they are."""
    sample, key = pair.current.sample, case.roles.key
    first, second = (micros(table.sample[name]) for table in (pair.reference, pair.current))
    both = beside(pair.reference, pair.current, key) if name not in key else None
    if both is not None and (found := _same(micros(both[1][name]) - micros(both[0][name]))):
        return *found, "key", locate(both[1], found[1], case)
    days = np.mean(first[np.isfinite(first)] % _DAY != 0) <= 0.005
    if days and (found := _same((second + _DAY / 2) % _DAY - _DAY / 2)):
        return *found, "midnight", locate(sample, found[1], case)
    angle = second % _DAY * (2 * np.pi / _DAY)
    parts = views(pair, case, np.sin(angle), np.cos(angle))
    whole = settle(parts, lambda view: _turn(first[part_of(pair, view)], second[view.mask]))
    return (whole[1], whole[0].mask & np.isfinite(second), "turned", whole[0].where) if whole else None


def _same(late: Floats) -> tuple[float, Mask] | None:
    values, counts = np.unique(late[np.nan_to_num(late) != 0], return_counts=True)
    if not len(values) or counts.max() < max(0.9 * counts.sum(), 5):
        return None
    shift = float(values[counts.argmax()])
    return None if shift % _QUARTER or abs(shift) > 26 * _HOUR else (shift / _HOUR, late == shift)


def _turn(first: Floats, second: Floats) -> float | None:
    """Return the hours of a turn that alone brings the times of day of both sides together."""
    old, new = (side[np.isfinite(side)] for side in (first, second))
    if min(len(old), len(new)) < FEWEST:
        return None
    unit = (1 / len(old) + 1 / len(new)) ** 0.5
    before, now = (np.bincount((side % _DAY // _QUARTER).astype(int), minlength=96) / len(side) for side in (old, new))
    # how far two circular distributions lie apart (Kuiper, 1960), for each turn
    left = {h / 2: float(np.ptp(np.cumsum(now - np.roll(before, 2 * h)))) for h in range(-23, 25)}
    moved = left.pop(0.0)
    best = min(left, key=lambda h: (left[h], abs(h), h))
    rival = min(gap for h, gap in left.items() if abs(h - best) >= 1)
    bound = min(0.02 + 1.8 * unit, moved / 3 + 0.6 * unit, rival - 0.03)
    return best if moved >= 0.05 + 2.3 * unit and left[best] <= bound else None
