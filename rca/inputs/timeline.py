"""Since when: change points in the loss, in what the inputs do not explain of it, in each group of inputs, in volume.

A series of rows in the order of time is cut where its cumulated deviation turns (Page, 1954), and each part again.
The p-value is Kolmogorov's, with the variance of blocks of rows so that neighbours may be alike; the interval is that
of the likelihood over all places of the cut. Changes that are small beside the spread of the rows are none.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
import numpy as np
import pandas as pd
from scipy.stats import kstwobign
from rca.errors import DataError, choices
from rca.inputs.encode import encode, shuffled
from rca.inputs.nuisance import expected, log_ratio, one_thread, split
from rca.stats import Floats, mean
from rca.tables import open_table

Sides = tuple[Any, Any]  # arrays, tables or columns of the reference and the current side
Groups = Mapping[str, Sequence[str]]
_ALPHA = 0.01  # over all series
_FEWEST = 30  # rows of a part
_SMALL = 0.1  # shift, in standard deviations of a row, below which it is none
_BINS = 100  # of time, in which rows are counted
_SPANS = 20  # of a side's history
_NEAR = 0.02  # an event this share of the time away may match
_CHANCE = 0.2  # events that come this near by chance this often do not match
_COLUMNS = ["time", "low", "high", "series", "p_value", "event", "event_p_value", "shift"]


@dataclass(frozen=True, slots=True)
class Turn:
    """A change of the level of a series, the first row after it, and between which rows that is with 90 %."""

    at: int
    low: int
    high: int
    p_value: float
    shift: float  # in standard deviations of a row
    strength: float


def turns(values: Floats, moments: Floats, alpha: float = _ALPHA, start: int = 0, deep: int = 2) -> Iterator[Turn]:
    """Yield the strongest change point of a series in the order of its moments, and one before and one after it."""
    n = len(values)
    places = np.arange(_FEWEST, n - _FEWEST + 1)
    places = places[moments[places] > moments[places - 1]]
    if not len(places) or np.ptp(values) == 0 or not deep:
        return
    total = np.cumsum(values - values.mean())[places - 1]
    # what a cut there takes from the sum of squares
    taken = total**2 * n / (places * (n - places))
    squares = float(np.square(values - values.mean()).sum())
    at = int(places[taken.argmax()])
    parts = values[:at], values[at:]
    rest = np.concatenate([part - part.mean() for part in parts])
    spread = float(rest.std()) or 1e-12
    # what the means of blocks of neighbours say of the spread of rows
    blocks = [rest[: n // k * k].reshape(-1, k) for k in (round(n**0.33), round(n**0.5))]
    noise = max(spread, *(float(block.mean(axis=1).std() * block.shape[1] ** 0.5) for block in blocks))
    strength = float(np.abs(total).max() / (noise * n**0.5))
    p_value = float(kstwobign.sf(strength))
    shift = float(parts[1].mean() - parts[0].mean()) / spread
    if p_value > alpha or abs(shift) < _SMALL:
        return
    likelihood = -n / 2 * np.log(np.maximum(squares - taken, 1e-12 * squares)) * (spread / noise) ** 2
    weights = np.cumsum(np.exp(likelihood - likelihood.max()))
    low, high = (int(places[np.searchsorted(weights, q * weights[-1])]) for q in (0.05, 0.95))
    yield Turn(start + at, start + low, start + high, p_value, shift, strength)
    yield from turns(parts[0], moments[:at], alpha / 2, start, deep - 1)
    yield from turns(parts[1], moments[at:], alpha / 2, start + at, deep - 1)


def _series(values: Sides, tables: Sides, groups: Groups, seed: int) -> tuple[list[Any], dict[str, Floats]]:
    """Return an order of each side's rows, and in it the loss, the residual, and how current each group looks."""
    rng = np.random.default_rng(seed)
    orders = [shuffled(v, table, rng) for v, table in zip(values, tables, strict=True)]
    mixed = [v[order] for v, order in zip(values, orders, strict=True)]
    loss = np.concatenate(mixed)
    with one_thread():
        data = encode(tables[0].iloc[orders[0]], tables[1].iloc[orders[1]])
        folds = split(len(orders[0]), len(orders[1]), rng)
        columns = [name for group in groups.values() for name in group]
        found = {"loss": loss, "residual": loss - expected(mixed[0], data.pick(columns), folds)[0]}
        found |= {name: log_ratio(data.pick(group), folds, trees=False)[0] for name, group in sorted(groups.items())}
    return orders, found


def change_points(
    values: Sides, tables: Sides, times: Sides, groups: Groups, events: pd.DataFrame | None = None, seed: int = 0
) -> pd.DataFrame:
    """Return the change points of every series over both sides, strongest first, with the event that each matches."""
    sides = [moments(side) for side in times]
    orders, scores = _series(values, tables, groups, seed)
    clock = np.concatenate([side[order] for side, order in zip(sides, orders, strict=True)])
    order = np.argsort(clock, kind="stable")[: int(np.isfinite(clock).sum())]
    clock = clock[order]
    alpha = _ALPHA / (tests := len(scores) + len(sides))
    lines = [(name, series[order], clock) for name, series in scores.items()]
    # both sides may be samples of their times, so that rows are counted in each alone
    for side in sides:
        if len(known := side[np.isfinite(side)]) >= 4 * _FEWEST and np.ptp(known) > 0:
            counts, edges = np.histogram(known, _BINS)
            lines.append(("volume", counts * 1.0, edges))
    rows = [(when[[t.at, t.low, t.high]], name, t) for name, line, when in lines for t in turns(line, when, alpha)]
    told = []
    for cut, name, turn in sorted(rows, key=lambda row: -row[-1].strength):
        event = (None, None) if events is None else _match(cut, name, events, float(np.ptp(clock)))
        stamps = [pd.Timestamp(round(moment * 1e6), unit="us") for moment in cut]
        told.append((*stamps, name, min(turn.p_value * tests, 1.0), *event, turn.shift))
    found = pd.DataFrame(told, columns=_COLUMNS, dtype=object)
    return found.infer_objects().assign(event=found["event"])


def history(values: Sides, times: Sides) -> pd.DataFrame:
    """Return the mean of the rows' values over time with its 90 % interval, in spans of as many rows of each side."""
    rows = []
    for side, each, when in zip(("reference", "current"), values, map(moments, times), strict=True):
        order = np.argsort(when, kind="stable")[: int(np.isfinite(when).sum())]
        for part in np.array_split(order, max(min(_SPANS, len(order) // _FEWEST), 1)) if len(order) else ():
            found = mean(each[part], side)
            rows.append((pd.Timestamp(when[part].mean(), unit="s"), found.value, *found.interval(), len(part), side))
    return pd.DataFrame(rows, columns=["time", "mean", "low", "high", "rows", "side"])


def said(points: pd.DataFrame) -> dict[str, str]:
    """Return of each series since when it is otherwise, and with which event, to be put behind a verb."""
    first: Any = points.drop_duplicates("series").itertuples()
    return {p.series: f" since {p.time:%Y-%m-%d}" + (f" (event '{p.event}')" if p.event else "") for p in first}


def moments(times: pd.Series) -> Floats:
    """Return times as seconds in UTC, NaN where there is none."""
    try:
        known = pd.to_datetime(times, utc=True).dt.tz_localize(None)
    except (ValueError, TypeError) as problem:
        raise DataError(f"the time column '{times.name}' holds no times ({problem}): make it a timestamp.") from None
    return np.where(known.isna(), np.nan, known.to_numpy(dtype="datetime64[us]").astype(np.int64) / 1e6)


def read_events(source: Any) -> pd.DataFrame:
    """Return an event log: seconds, the name, and the group of inputs where the log has one."""
    table = open_table(source, "the event log")
    if missing := {"time", "name"} - set(table.columns):
        raise DataError(f"the event log has no column {choices(missing)}: it has {choices(table.columns)}.")
    seconds = moments((log := table.frame().rename(columns=str))["time"])
    if np.isnan(seconds).any():
        raise DataError(f"{int(np.isnan(seconds).sum())} events of the log have no time: give them one.")
    return log.assign(time=seconds, input=log.get("input"))


def _match(cut: Floats, name: str, events: pd.DataFrame, span: float) -> tuple[Any, float | None]:
    """Return the logged event that a change point is nearest to, and how often chance would bring one as near."""
    at, low, high = cut
    anyone = events["input"].isna() | (name in ("loss", "residual", "volume"))
    fits = events[anyone | (events["input"] == name)].sort_values("time")
    when = fits["time"].to_numpy()
    near = np.flatnonzero((when >= low - _NEAR * span) & (when <= high + _NEAR * span))
    if not len(near):
        return None, None
    best = near[np.abs(when[near] - at).argmin()]
    reach = max(abs(when[best] - at), (high - low) / 2)
    chance = float(1 - (1 - min(2 * reach / span, 1.0)) ** len(fits))
    return (str(fits["name"].iloc[best]), chance) if chance <= _CHANCE else (None, None)
