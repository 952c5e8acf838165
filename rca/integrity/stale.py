"""RCA118, whether a column lags behind the others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from rca.errors import NotApplicable
from rca.integrity._common import chance, damage, filled, iso, time_of
from rca.integrity._law import Seen, law_of, seen_of
from rca.integrity._series import codes, entity_of, joined, newest, ordered, pull, row_key, slopes_of
from rca.registry import check

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rca.integrity._common import Mask
    from rca.integrity._series import Rows
    from rca.stats import Floats
    from rca.types import Case, Finding

    Score = Callable[[Rows, int], Floats]

_LAGS = range(1, 31)
_FLOOR = 0.05
#: A lag and what it is counted in; for each row the one that holds its value, or -1.
Lag = tuple[int, str, "Rows"]


@check("RCA118", "a column lags behind the others")
def stale_column(case: Case) -> Iterator[Finding]:
    """Find columns whose values are those of earlier rows, of the series, of each entity or of earlier days.

    Yields
    ------
    Finding
        The effect is the share of rows that lag; shifted back by the lag they have the reference's relations to the
        other columns, or the reference's own values for their keys. A column that has neither cannot be judged.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from rca.tables import open_table
    >>> from rca.types import Case, Pair, Roles
    >>> x = np.random.default_rng(0).normal(size=2000)
    >>> whole = pd.DataFrame({"at": pd.date_range("2024", periods=2000, freq="h"), "load": x, "cost": x + 1})
    >>> def found(table):
    ...     case = Case((Pair("train", open_table(whole), open_table(table)),), Roles(time="at"))
    ...     return [f.text for f in stale_column(case) if f.evidence["column"] == "load"]
    >>> found(whole.assign(load=whole["load"].shift(3)))
    ['load is 3 rows late in 100 % of the rows of train.']
    >>> found(whole)
    []
    """
    pairs = [(pair, time) for pair in filled(case) if (time := time_of(pair, case)) is not None]
    if not pairs:
        raise NotApplicable("without a time column no row is before another.")
    for pair, time in pairs:
        for name, (lag, unit, _), onset, z in _lags(pair, case, time):
            current: Any = pair.current
            sample, evidence = current.sample, {"time": time, "onset": onset} if onset else {}
            hit = (sample[time] >= np.datetime64(onset)).to_numpy() if onset else np.ones(len(sample), dtype=bool)
            text = f"{name} is {lag} {unit if lag > 1 else unit[:-1]} late".replace("{", "{{").replace("}", "}}")
            yield from damage(
                *("RCA118", "stale_column", pair, name, hit, case),
                text=f"{text} in {{share}} of the rows of {{table}}{{where}}.",
                floor=_FLOOR,
                p_value=chance(z),
                lag=lag,
                unit=unit,
                clock=time,
                where=evidence | {"before": 1 - hit.mean(), "all_since": True} if onset else {},
                entity=entity_of(current, case.roles) if unit == "rows of its key" else [],
            )


def _lags(pair: Any, case: Case, time: str) -> Iterator[tuple[str, Lag, str | None, float]]:
    """Yield each column that lags, by what, since when, and how far that is beyond chance."""
    skip = (*case.roles.key, time)
    law, seen = law_of(pair.reference, case), seen_of(pair, case)
    recent = newest(pair.current, time)
    frame, groups = ordered(recent, time, entity_of(pair.current, case.roles))
    both = joined(recent, pair.reference, row_key(pair.reference, case.roles))
    sight: Seen | None = None
    slopes = slopes_of(law, seen)
    for name in sorted(set(frame.columns) & set(pair.reference.sample.columns) - set(skip)):
        found = None
        if both is not None and name in both[1].columns:
            old = pd.Series(both[1][name].to_numpy(dtype=object), index=both[0]).reindex(frame.index)
            score: Score = _Equal(frame[name], old, frame.index.isin(both[0]))
            found = _judge(score, frame, groups, time, frame[name], 0.97, 0.02)
        if found is None and slopes.get(name, 1.0) < 0.92 and law.relation(name, seen).known:
            part = frame.iloc[-20_000:]
            sight = sight or Seen(law, part)
            score = _Agree(pull(law, name, sight), law.cuts[name].codes(part[name]))
            found = _judge(score, part, groups[-20_000:], time, part[name], 0.8, 0.2)
        if found is not None:
            yield name, *found


class _Equal:
    """Whether a column has the value that the reference has for the same key."""

    def __init__(self, now: pd.Series, old: pd.Series, known: Mask) -> None:
        levels = {value: i for i, value in enumerate(pd.unique(pd.concat([now.astype("object"), old]).dropna()))}
        self.now, self.old = (side.astype("object").map(levels).fillna(-1).to_numpy(dtype=float) for side in (now, old))
        self.known = known

    def __call__(self, source: Rows, start: int) -> Floats:
        fine = self.known[start:] & (source[start:] >= 0)
        return np.where(fine, self.now[source[start:]] == self.old[start:], np.nan)


class _Agree:
    """How far a column agrees with the others of its row: on average as in the reference where it is 1."""

    def __init__(self, pulls: Floats, bins: Rows) -> None:
        self.pulls, self.bins = pulls, bins

    def __call__(self, source: Rows, start: int) -> Floats:
        pulls = self.pulls[start:] - self.pulls[start:].mean(axis=0)
        return np.where(source[start:] >= 0, pulls[np.arange(len(pulls)), self.bins[source[start:]]], np.nan)


def _judge(
    score: Score, frame: pd.DataFrame, groups: Rows, time: str, values: pd.Series, least: float, gain: float
) -> tuple[Lag, str | None, float] | None:
    """Return the lag whose undoing makes a column right in the newest part of the rows where it is wrong."""
    n = len(frame)
    lags: list[Lag] = []
    for part in (1, 2, 4, 8):
        start = n - n // part
        base = score(np.arange(n), start)
        if n - start < 40 or np.isfinite(base).sum() < 30:
            return None
        if np.nanmean(base) > 1 - gain:
            continue
        lags = lags or list(_sources(frame[time], groups, codes(values)))
        tried = [score(source, start) for _, _, source in lags]
        means = [np.nanmean(t) if np.isfinite(t).sum() > 20 else -np.inf for t in tried]
        best = int(np.argmax(np.array(means, dtype=float))) if means else -1
        if best < 0 or means[best] < max(least, float(np.nanmean(base)) + gain):
            continue
        better = np.nan_to_num(tried[best] - base)
        blocks = np.array([block.mean() for block in np.array_split(better, 30)])
        z = float(blocks.mean() / max(blocks.std() / 30**0.5, 1e-9))
        if z < 6:
            continue
        change = np.nan_to_num(score(lags[best][2], 0) - score(np.arange(n), 0))
        first = int(np.concatenate([[0.0], np.cumsum(change)])[:n].argmin())
        return lags[best], iso(frame[time].iloc[first].to_pydatetime()) if first > 0.05 * n else None, z
    return None


def _sources(times: pd.Series, groups: Rows, values: Floats) -> Iterator[Lag]:
    """Yield the lags that rows of this order can have."""
    n = len(times)
    if times.nunique() > 0.95 * n:
        for lag in _LAGS:
            yield lag, "rows", np.where(np.arange(n) + lag < n, np.arange(n) + lag, -1)
    order = np.argsort(groups, kind="stable")
    for lag in _LAGS if groups.any() else ():
        source = np.full(n, -1)
        mine = groups[order[lag:]] == groups[order[:-lag]]
        source[order[:-lag][mine]] = order[lag:][mine]
        yield lag, "rows of its key", source
    _, first, day = np.unique(times.dt.floor("D"), return_index=True, return_inverse=True)
    if 20 <= len(first) < n / 2 and np.mean((values[first[day]] == values)[np.isfinite(values)]) > 0.98:
        later = np.append(first, np.full(len(_LAGS), -1))
        yield from ((lag, "days", later[day + lag]) for lag in _LAGS)
