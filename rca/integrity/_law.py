"""The joint law of a table's columns, two by two: what columns say of each other, learned from the reference.

Every column is cut into a few bins of the reference. The share of rows in each pair of bins, less what it
would be if the two columns had nothing to do with each other, is the *relation* of two columns. A damage leaves
a trace in it that is its own: a shuffled column loses its relations, a column with its sign flipped has them
mirrored, swapped columns have each other's. So a hypothesis about a column is tested by undoing it: with the
values it should have, the column's marginal law and its relations must be those of the reference again; in all
rows, or in a *view*: a part of the rows in which a damage may be whole.
"""

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rca.integrity._common import FEWEST, Mask, cumulated, iso, noise, time_of
from rca.stats import Floats
from rca.types import Case, Pair

Rows = NDArray[np.intp]
T = TypeVar("T")

_ROWS = 20_000
_WIDE = 150  # more columns get fewer bins and rows, so that memory stays bounded
_RARE = 0.02


@dataclass(frozen=True, slots=True)
class Relation:
    """What became of a column's relations to the others."""

    slope: float  # 1 where they are as before, 0 where they are lost, negative where they are turned round
    error: float  # the standard error of the slope, for the noise of both samples
    strength: float  # the sum of the dependences that were looked at
    shape: float  # the cosine between the relations before and now: 1 where they are the same but for their size
    size: float = 1.0  # how strong they are, as a multiple of what they were

    @property
    def known(self) -> bool:
        """Whether the reference knows enough of the column."""
        return self.strength >= 0.05 and self.error < 0.2


class Seen:
    """Rows of a sample in the bins of a law."""

    def __init__(self, cells: NDArray[np.float32], at: Rows, whole: bool = True) -> None:
        self.cells, self.at, self.rows, self.whole = cells, at, len(at), whole
        self.shares = cells.mean(axis=0, dtype=np.float64) if len(at) else np.zeros(cells.shape[1])

    def part(self, mask: Mask) -> "Seen":
        """Return those of the rows that a mask over the sample marks."""
        inside = mask[self.at]
        return self if inside.all() else Seen(self.cells[inside], self.at[inside], whole=False)

    def block(self, own: slice) -> Floats:
        """Return the share of rows in each pair of some bins and all, all that one question needs."""
        if self.whole:
            return self.joint[own]
        return (self.cells[:, own].T @ self.cells).astype(np.float64) / max(self.rows, 1)

    @functools.cached_property
    def joint(self) -> Floats:
        """The share of rows in each pair of bins."""
        return (self.cells.T @ self.cells).astype(np.float64) / max(self.rows, 1)


class Law:
    """The law of a reference sample, without the columns to skip: keys and times."""

    def __init__(self, whole: pd.DataFrame, skip: tuple[str, ...], order: Rows) -> None:
        names = [n for n in sorted(whole.columns) if n not in skip and whole[n].dtype.kind != "M"][:600]
        self.most, bins = (_ROWS, 8) if len(names) <= _WIDE else (_ROWS // 4, 4)
        self.skip, self.sample = skip, (sample := whole.iloc[order[: self.most]])
        bins = int(np.clip(round(len(sample) ** (1 / 3) / 2), 3, bins))
        self.cuts = {name: cut for name in names if (cut := _cut(sample[name], bins)) is not None}
        self.names, self.rows = list(self.cuts), len(sample)
        self.sizes = np.array([cut.size for cut in self.cuts.values()], dtype=int)
        stops = self.sizes.cumsum()
        self.starts = stops - self.sizes
        self.place = {n: slice(a, b) for n, a, b in zip(self.names, self.starts, stops, strict=True)}
        self.seen = self.look(whole, order)
        # the metric of correspondence analysis, in which rare bins weigh no more than bins of two percent
        width = np.sqrt(np.maximum(self.seen.shares, _RARE))
        self.scale = np.outer(width, width)
        self.relations = (self.seen.joint - np.outer(self.seen.shares, self.seen.shares)) / self.scale
        used = np.add.reduceat(self.seen.shares * (1 - self.seen.shares) / width**2, self.starts)
        self.freedom = np.outer(used, used)  # the squares to expect of columns that have nothing to do with each other
        phi = np.add.reduceat(np.add.reduceat(self.relations**2, self.starts, axis=0), self.starts, axis=1)
        phi -= self.freedom / max(self.rows - 1, 1)
        least = np.maximum(np.minimum.outer(used, used), 1e-9)
        self.dependence = np.clip(phi / least, 0.0, 1.0)
        np.fill_diagonal(self.dependence, 0.0)
        self.phi = np.maximum(phi, 1e-12)
        chance = 6 * np.sqrt(2 * self.freedom) / max(self.rows - 1, 1) / least
        # a relation counts from two percent of dependence on (Cramer's V squared, without bias)
        self.partners = self.dependence > np.maximum(0.02, chance)

    def look(self, sample: pd.DataFrame, order: Rows) -> Seen:
        """Return the rows of a sample in the bins of the law, the first in an order where they are many."""
        at = order[: self.most]
        sample, blank = sample.iloc[at], np.full(len(at), np.nan)
        parts = [cut.cells(sample[n] if n in sample.columns else blank) for n, cut in self.cuts.items()]
        return Seen(np.hstack(parts) if parts else np.zeros((len(at), 0), dtype=np.float32), at)

    def relation(self, name: str, seen: Seen, values: Any = None, without: frozenset[str] = frozenset()) -> Relation:
        """Return what became of a column's relations, with other values in its place if given."""
        weights = self._weights(name, without) if name in self.place else np.zeros(1)
        strength = float(weights.sum())
        if not strength or not seen.rows:
            return Relation(1.0, np.inf, 0.0, 1.0)
        i, own = self.names.index(name), self.place[name]
        if values is None:
            shares, joint = seen.shares[own], seen.block(own)
        else:
            cells = self.cuts[name].cells(getattr(values, "iloc", values)[seen.at])
            shares, joint = cells.mean(axis=0), cells.T @ seen.cells / seen.rows
        now = (joint - np.outer(shares, seen.shares)) / self.scale[own]
        cross = np.add.reduceat((now * self.relations[own]).sum(axis=0), self.starts)
        size = np.add.reduceat((now**2).sum(axis=0), self.starts) - self.freedom[i] / max(seen.rows, 1)
        slopes = cross / self.phi[i]
        weights /= strength
        # how much the rows of the reference pull the slope by themselves, those in rare bins most
        error = 1.6 / np.sqrt(min(self.rows, seen.rows))
        if weights @ slopes < 0.9:
            pulls = (self.pulls(name, self.seen, without) * self.seen.cells[:, own]).sum(axis=1)
            error = max(error, float(pulls.std()) * np.sqrt(1 / seen.rows + 1 / self.rows))
        length = np.sqrt(np.maximum(size, self.phi[i] * 1e-2) * self.phi[i])
        shape = float(weights @ np.clip(cross / length, -1, 1))
        times = float(np.sqrt(np.clip(weights @ size, 0, None) / (weights @ self.phi[i])))
        return Relation(float(weights @ slopes), error, strength, shape, times)

    def _weights(self, name: str, without: frozenset[str]) -> Floats:
        i = self.names.index(name)
        others = self.partners[i] & np.array([other not in without for other in self.names])
        return np.where(others, self.dependence[i], 0.0)

    def pulls(self, name: str, seen: Seen, without: frozenset[str] = frozenset()) -> Floats:
        """Return how much the other columns of each row speak for each bin: on average 1 at the bins that rows have."""
        own, weights = self.place[name], self._weights(name, without)
        weights = np.repeat(weights / weights.sum() / self.phi[self.names.index(name)], self.sizes)
        return np.asarray(seen.cells @ (self.relations[own] / self.scale[own] * weights).T)

    @functools.cached_property
    def steady(self) -> dict[str, float]:
        """What one half of the rows keeps of each column's relations in the other half: chance takes its part."""
        halves = self.sample.iloc[::2], self.sample.iloc[1::2]
        found = []
        for learned, other in (halves, halves[::-1]):
            law = Law(learned, self.skip, np.arange(len(learned)))
            seen = law.look(other, np.arange(len(other)))
            found.append({n: r.slope for n in law.names if (r := law.relation(n, seen)).strength})
        return {n: float(np.mean([side.get(n, 0.0) for side in found]).clip(0, 1)) for n in self.names}

    def moved(self, name: str, seen: Seen) -> float:
        """Return how far a column's own law lies from the reference's, beyond noise; at most 1."""
        own = self.place[name]
        before, gap = self.seen.shares[own], seen.shares[own] - self.seen.shares[own]
        bar = noise(self.rows, seen.rows)
        if self.cuts[name].levels is None:
            return float(np.abs(np.cumsum(gap)).max() - bar)
        # the distance of two samples grows with the number of their categories
        chance = 0.65 * np.sqrt(before * (1 - before) * (1 / self.rows + 1 / max(seen.rows, 1))).sum()
        return float(np.abs(gap).sum() / 2 - max(bar, chance))


@dataclass(frozen=True, slots=True)
class Cut:
    """How a column is cut into bins; the last bin holds what is missing, and levels that are not listed."""

    edges: Floats | None
    levels: tuple[str, ...] | None

    @property
    def size(self) -> int:
        """Number of bins."""
        return len(self.edges) + 2 if self.edges is not None else len(self.levels or ()) + 2

    def codes(self, values: Any) -> Rows:
        """Return the bin of each value."""
        column = pd.Series(values)
        if self.edges is not None:
            numeric = column.to_numpy(dtype=float) if column.dtype.kind in "iufb" else np.full(len(column), np.nan)
            return np.where(np.isnan(numeric), self.size - 1, np.searchsorted(self.edges, numeric, "left"))
        if column.dtype != "category":
            column = column.astype("object").map(str, na_action="ignore").astype("category")
        place = {level: i for i, level in enumerate(self.levels or ())}
        table = np.array([*(place.get(str(c), self.size - 2) for c in column.cat.categories), self.size - 1])
        return table[column.cat.codes.to_numpy()]

    def cells(self, values: Any) -> NDArray[np.float32]:
        """Return a row of zeros and a one for each value."""
        return np.eye(self.size, dtype=np.float32)[self.codes(values)]


def _cut(values: pd.Series, bins: int) -> Cut | None:
    """Cut a column at quantiles, or into its most frequent categories; None where it says nothing."""
    if values.dtype == "category":
        counts = values.value_counts()
        levels = sorted(str(level) for level in counts.index[: 2 * bins] if counts[level] >= 10)
        return Cut(None, tuple(levels)) if len(levels) > 1 or (levels and len(counts) > 1) else None
    known = values.to_numpy(dtype=float)
    known = known[np.isfinite(known)]
    if len(known) < 20 or known.min() == known.max():
        return None
    edges = np.unique(np.quantile(known, np.arange(1, bins) / bins, method="inverted_cdf"))
    return Cut(edges[edges < known.max()] if edges[0] < known.max() else np.array([known.min()]), None)


def skipped(case: Case) -> tuple[str, ...]:
    """Return the columns that have no place in a law: keys and the time."""
    return (*case.roles.key, case.roles.time or "")


def joint(pair: Any, case: Case, mask: Mask | None = None) -> tuple[Law, Seen]:
    """Return the law of the reference's sample, learned once, and the current sample, or a part, in its bins."""
    seen = _seen(pair.reference, pair.current, skipped(case))
    return _law(pair.reference, skipped(case)), seen if mask is None else seen.part(mask)


@functools.lru_cache(maxsize=8)
def _law(table: Any, skip: tuple[str, ...]) -> Law:
    return Law(table.sample, skip, _order(table))


@functools.lru_cache(maxsize=8)
def _seen(reference: Any, current: Any, skip: tuple[str, ...]) -> Seen:
    return _law(reference, skip).look(current.sample, _order(current))


def kinship(sides: tuple[Any, Any], skip: tuple[str, ...], name: str, values: list[str], olds: list[str]) -> Floats:
    """Return how far the rows of new values are, in other columns, from those of old ones; 1 is what chance does."""
    law, seen, far = _law(sides[0], skip), _seen(*sides, skip), np.ones((len(values), len(olds)))
    levels = law.cuts[name].levels if name in law.cuts else None
    partners = law.partners[law.names.index(name)] if levels else np.zeros(0, dtype=bool)
    if not levels or not partners.any():
        return far
    column, cells = sides[1].sample[name].to_numpy()[seen.at], np.repeat(partners, law.sizes)
    weights = cells / np.maximum(law.seen.shares, _RARE)
    spread = weights @ (law.seen.shares * (1 - law.seen.shares))
    for j, old in ((j, old) for j, old in enumerate(olds) if old in levels):
        place = law.place[name].start + levels.index(old)
        was = law.seen.joint[place] / law.seen.shares[place]
        for i, rows in ((i, column == value) for i, value in enumerate(values)):
            due = spread * (1 / max(rows.sum(), 1) + 1 / (law.seen.shares[place] * law.rows))
            far[i, j] = weights @ (seen.cells[rows].mean(axis=0) - was) ** 2 / due if rows.any() else 1.0
    return far


def _order(table: Any) -> Rows:
    """Return an order of a sample's rows that, where they are many, has nothing to do with how they were stored."""
    n = len(table.sample)
    return np.argsort(table.hashes, kind="stable") if n > _ROWS // 4 else np.arange(n)


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
    old, new = (table.sample[name] for table in (pair.reference, pair.current))
    if not old.dtype.kind == new.dtype.kind == "f":
        return ties(pair, case, name)
    known = np.sort(old.dropna().to_numpy())
    rank = np.where(new.isna(), np.nan, np.searchsorted(known, new) / max(len(known), 1))
    return [rank, np.abs(rank - 0.5), *ties(pair, case, name)]


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
