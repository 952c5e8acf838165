"""RCA118, whether a column lags behind the others."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import ndtr

from rca.errors import NotApplicable
from rca.integrity._common import filled, iso, report, time_of
from rca.integrity._law import Seen, law_of, seen_of
from rca.integrity._series import Rows, entity_of, ordered
from rca.registry import check
from rca.stats import Floats
from rca.tables import SAMPLE, Table
from rca.types import Case, Finding

_LAGS = range(1, 31)
_FLOOR = 0.05


@check("RCA118", "a column lags behind the others")
def stale_column(case: Case) -> Iterator[Finding]:
    """Find columns whose values are those of earlier rows, of the series, of each entity or of earlier days.

    The effect is the share of rows that lag; shifted back by the lag they have the reference's relations to the
    other columns. A column that has none cannot be judged.

    Examples
    --------
    >>> x = np.random.default_rng(0).normal(size=2000)
    >>> whole = pd.DataFrame({"at": pd.date_range("2024", periods=2000, freq="h"), "load": x, "cost": x + 1})
    >>> texts(stale_column, whole, whole.assign(load=whole["load"].shift(3)), time="at")
    ['load is 3 rows late in 100 % of the rows of train.']
    """
    pairs: list[tuple[Any, str]] = [(pair, time) for pair in filled(case) if (time := time_of(pair, case)) is not None]
    if not pairs:
        raise NotApplicable("without a time column no row is before another.")
    for pair, time in pairs:
        entity = entity_of(pair.current, case.roles)
        law, seen, recent = law_of(pair.reference, case), seen_of(pair, case), pair.current
        if recent.rows > SAMPLE:  # all of the newest rows, for a sample has no neighbours
            edge: Any = recent.sample[time].quantile(1 - 0.9 * SAMPLE / recent.rows)
            recent = Table(recent.expr.filter(recent.expr[time] >= edge.to_pydatetime()), recent.name)
        frame, groups = ordered(recent, time, entity)
        frame, groups = frame.iloc[-law.most :], groups[-law.most :]
        sight = Seen(law, frame)
        for i, name in enumerate(law.names):
            relation = law.relation(name, seen)
            if name not in frame.columns or not relation.known or relation.slope > 0.92:
                continue
            # how much the other columns of each row speak for each bin: on average 1 at the bins that rows have
            weights, own = np.where(law.partners[i], law.dependence[i], 0.0), law.place[name]
            weights = np.repeat(weights / weights.sum() / law.phi[i], law.sizes)
            pulls = sight.cells @ (law.relations[own] / law.scale[own] * weights).T
            found = _judge(pulls, law.cuts[name].codes(frame[name]), frame[time], groups)
            if found is None:
                continue
            lag, unit, onset, z = found
            late = (pair.current.sample[time] >= (onset or pd.Timestamp.min)).to_numpy()
            where = {"time": time, "onset": iso(onset), "all_since": True, "before": 1 - late.mean()} if onset else {}
            by = unit if lag > 1 else unit.replace("s", "", 1)
            text = f"{{column}} is {{lag}} {by} late in {{share}} of the rows of {{table}}{{where}}."
            facts: dict[str, Any] = {"where": where, "lag": lag, "unit": unit, "clock": time}
            facts["entity"] = list(entity) if unit == "rows of its key" else []
            yield from report(pair, name, case, late, "stale_column", text, _FLOOR, p_value=float(ndtr(-z)), **facts)


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
        if base.mean() > 0.8 or means[best] < max(0.65, base.mean() + 0.2):
            continue
        blocks = np.array([block.mean() for block in np.array_split(np.nan_to_num(tried[best] - base), 30)])
        z = float(blocks.mean() / max(blocks.std() / 30**0.5, 1e-9))
        if z < 4.5:
            continue
        lag, unit, source = lags[best]
        change = np.nan_to_num(score(source, 0) - score(np.arange(n), 0))
        first = int(np.concatenate([[0.0], np.cumsum(change)])[:n].argmin())
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
