"""The parts of the rows in which a damage may be whole, and the rows of the reference that they are held against."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar
import numpy as np
import pandas as pd
from rca.integrity._common import FEWEST, Mask, cumulated, iso, time_of
from rca.integrity._law import joint
from rca.stats import Floats
from rca.types import Case, Pair

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class View:
    """Some rows of the current sample, in which a damage may be whole."""

    mask: Mask
    where: Mapping[str, Any] = field(default_factory=dict)  # `time` and `onset`, or `segment`; nothing for all rows


def views(pair: Pair, case: Case, *scores: Floats) -> Iterator[View]:
    """All current rows, then spans of time in which a score of rows has another level, then segments of few values."""
    sample = pair.current.sample
    yield View(np.ones(len(sample), dtype=bool))
    time = time_of(pair, case)
    for score in scores if time is not None else ():
        yield from _spans(sample[time], score)
    for name in sorted(sample.columns):
        values = sample[name]
        if values.dtype != "category" or name not in pair.reference.sample or len(values.cat.categories) > 12:
            continue
        for level in sorted(map(str, values.cat.categories)):
            mask = (values == level).to_numpy()
            if FEWEST <= mask.sum() < 0.8 * len(sample):
                yield View(mask, {"segment": {name: level}})


def settle(parts: Iterable[View], holds: Callable[[View], T | None]) -> tuple[View, T] | None:
    """Return where something holds, and what: in all rows, unless it does in a span of time and not in the rest."""
    whole: tuple[View, T] | None = None
    for view in parts:
        if whole is not None and "segment" in view.where:
            break
        if (found := holds(view)) is None:
            continue
        rest = replace(view, mask=~view.mask)
        if not view.where:
            whole = view, found
        elif whole is None or (rest.mask.sum() >= FEWEST and holds(rest) is None):
            return view, found
    return whole


def _spans(times: pd.Series, score: Floats) -> Iterator[View]:
    """Yield the span between the two turns of a cumulated score, or what is before and after its only turn."""
    moments, score, total = cumulated(times.to_numpy(), score)
    n, spread = len(score), score.std()
    # without a change scores are cumulated so far from zero once in a hundred times (Kuiper, 1960)
    if n < 2 * FEWEST or not spread or np.nanmax(total) - np.nanmin(total) < 2 * spread * np.sqrt(n):
        return
    start, stop = sorted((int(np.nanargmin(total)), int(np.nanargmax(total))))
    ends = [(start, stop)] if 0.02 * n < start and stop < 0.98 * n else []
    turn = stop if start <= 0.02 * n else start
    for first, last in ends or [(turn, n), (0, turn)]:
        if last - first >= FEWEST:
            span = {"time": str(times.name), "all_since": last == n}
            told = {"onset": moments[first]} if first else {}, {"until": moments[last - 1]} if last < n else {}
            inside = times.between(moments[first], moments[last - 1]).to_numpy()
            yield View(inside, span | {k: iso(v) for side in told for k, v in side.items()})


def traces(pair: Pair, case: Case, name: str) -> list[Floats]:
    """Return scores of a column that change with its values, their spread, and what they say of the other columns."""
    found = []
    old, new = (table.sample[name] for table in (pair.reference, pair.current))
    if old.dtype.kind == new.dtype.kind == "f":
        known = np.sort(old.dropna().to_numpy())
        rank = np.where(new.isna(), np.nan, np.searchsorted(known, new) / max(len(known), 1))
        found = [rank, np.abs(rank - 0.5)]
    return [*found, *ties(pair, case, name)]


def ties(pair: Pair, case: Case, name: str) -> list[Floats]:
    """Return how well each row keeps what a column says of the others: on average 1; nothing where it says nothing."""
    law, seen = joint(pair, case)
    if name not in law.names or not law.partners[law.names.index(name)].any():
        return []
    score = np.full(len(pair.current.sample), np.nan)
    score[seen.at] = (law.pulls(name, seen) * seen.cells[:, law.place[name]]).sum(axis=1)
    return [score]


def part_of(pair: Pair, view: View) -> Mask:
    """Return the rows of the reference that a view is held against: the same segment, or all."""
    sample, segment = pair.reference.sample, view.where.get("segment", {})
    found = [(sample[name] == level).to_numpy() for name, level in segment.items()]
    return found[0] if found else np.ones(len(sample), dtype=bool)


def counterpart(pair: Pair, view: View) -> Mask:
    """Return the rows of the reference that are like a view by nature: the same segment, or those as old there."""
    if "time" not in view.where:
        return part_of(pair, view)
    then, now = (table.sample[view.where["time"]] for table in (pair.reference, pair.current))
    inside = now[view.mask]
    first, last = (now < inside.min()).mean(), (now <= inside.max()).mean()
    return np.asarray(then.between(then.quantile(first), then.quantile(last)))
