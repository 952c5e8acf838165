"""RCA102, whether a constant stands where a value is missing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from rca.integrity._common import DISTINCT, columns, damage, iso, listed, locate
from rca.integrity._levels import changed, said
from rca.integrity._tally import error, risen, tally
from rca.integrity._text import NULLS
from rca.registry import check

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rca.tables import Column
    from rca.types import Case, Finding, Pair

_NUMBERS = {0.0, -1.0, -9.0, 32767.0, -32768.0, 65535.0, 2147483647.0, -2147483648.0, 1e9, -1e9, 1e10}
_DAYS = {"0001-01-01", "1753-01-01", "1899-12-30", "1900-01-01", "1970-01-01", "2099-12-31", "9999-12-31"}


@check("RCA102", "a constant stands for missing values")
def sentinel_values(case: Case, *, floor: float = 0.005) -> Iterator[Finding]:
    """Find constants that stand for null: words and numbers known for it, lonely spikes, fills of what was missing.

    Parameters
    ----------
    floor : float
        A rise of the share of such cells up to this is no finding.

    Yields
    ------
    Finding
        The evidence lists the constants as `values`.

    Notes
    -----
    A value counts that the reference has a tenth as often at most, if it is known to stand for null, or lies
    as far outside as the reference is wide. Any value counts that rose by the share by which the nulls fell.
    A bound at which values are cut off is another damage, and so is a usual value that is all there is from a
    moment on.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from rca.tables import open_table
    >>> from rca.types import Case, Pair, Roles
    >>> whole = pd.DataFrame({"age": np.random.default_rng(0).normal(40, 8, 2000), "job": ["cook", "clerk"] * 1000})
    >>> damaged = whole.copy()
    >>> damaged.loc[::10, "age"], damaged.loc[5::10, "job"] = -1, "n/a"
    >>> case = Case((Pair("train", open_table(whole), open_table(damaged)),), Roles())
    >>> [f.text for f in sentinel_values(case)]
    ["age holds '-1' in 10 % of the rows of train.", "job holds 'n/a' in 10 % of the rows of train."]
    >>> list(sentinel_values(Case((Pair("train", open_table(whole), open_table(whole)),), Roles())))
    []
    """
    nulls = {(pair.name, reference.name): list(levels.nulls) for pair, reference, levels in changed(case)}
    for pair, reference, current in columns(case):
        name = reference.name
        if name not in pair.current.sample or not current.present or not reference.present:
            continue
        if current.kind == "category":
            values, before = _words(reference, current, nulls.get((pair.name, name), []), pair)
        else:
            values, before = _constants(pair, reference, current, case, floor)
        if not values:
            continue
        hit, shown = pair.current.sample[name].isin(values).to_numpy(), [_shown(value) for value in values]
        told = listed([v if isinstance(v, str) else f"{v:.6g}" for v in shown])
        text = said(f"{name} holds {told} in ") + "{share} of the rows of {table}{where}."
        facts: dict[str, Any] = {"text": text, "floor": floor, "before": before, "values": shown}
        yield from damage("RCA102", "sentinel_values", pair, name, hit, case, **facts)


def _words(reference: Column, current: Column, new: list[str], pair: Pair) -> tuple[list[Any], float]:
    if reference.kind != "category":
        return [v for v in current.top if v.strip().casefold() in NULLS - {"0", "-1", "99", "999"}], 0.0
    if new:
        return new, 0.0
    levels = sorted(current.top)
    shares = ([side.top.get(v, 0) / side.rows for v in levels] for side in (current, reference))
    now, before = map(np.array, shares)
    i = _fill(pair, reference, current, now, before)
    return ([levels[i]], float(before[i])) if i is not None else ([], 0.0)


def _constants(pair: Pair, reference: Column, current: Column, case: Case, floor: float) -> tuple[list[Any], float]:
    values, now, before = risen(pair, reference.name, floor) if reference.kind == current.kind else (np.zeros(0),) * 3
    if not len(values):
        return [], 0.0
    i = _fill(pair, reference, current, now, before)
    if i is not None:
        return [values[i]], float(before[i])
    (old, _), (new, _) = (tally(side, reference.name) for side in (pair.reference, pair.current))
    if not len(old):
        return [], 0.0
    low, high, rest = old[0], old[-1], ~np.isin(new, values)
    rare = before <= 0.1 * now
    known = rare & np.array([_known(value) for value in values])
    far = rare & ((low - values > high - low) | (values - high > high - low)) & (len(old) >= DISTINCT)
    # a column that moved as a whole, or goes by steps, comes to new values all the time
    steps = now[rare & ~known & ~far].sum()
    calm = ((new < low) | (new > high))[rest].sum() <= 0.02 * rest.sum() and far.sum() == 1 and not steps
    found = [
        k
        for k in np.flatnonzero(known | (far & calm))
        if far[k] or (steps <= now[k] / 2 and not _elsewhere(pair, reference.name, values[k], now[k], case))
    ]
    return [values[k] for k in found], float(before[found].sum())


def _elsewhere(pair: Pair, name: str, value: Any, share: float, case: Case) -> bool:
    """Say whether values were cut off here, or a usual value is all there is from a moment on."""
    old, new = (side.sample[name].dropna().to_numpy() for side in (pair.reference, pair.current))
    beyond = (old < value).mean() if value == new.min() else (old > value).mean() if value == new.max() else 0.0
    usual = old.min() <= value <= old.max()
    hit = (pair.current.sample[name] == value).to_numpy()
    frozen = usual and locate(pair.current.sample, hit, case, name).get("all_since")
    return bool(beyond > 0.3 * share or frozen)


def _known(value: Any) -> bool:
    if isinstance(value, np.datetime64):
        return str(value)[:10] in _DAYS
    size = abs(float(value))
    return float(value) in _NUMBERS or (size >= 99 and set(f"{size:.10g}".replace(".", "")) == {"9"})


def _fill(pair: Pair, reference: Column, current: Column, now: Any, before: Any) -> int | None:
    """Return which value rose by as much as the nulls fell, where a fair fill would have raised it less."""
    fall = reference.missing / reference.rows - current.missing / current.rows
    noise = 3 * error(reference.missing / reference.rows, pair)
    if fall <= 0.02 + noise or not len(now):
        return None
    i = int(np.argmax(now - before))
    fair = before[i] / max(reference.present / reference.rows, 1e-9) * fall
    rise = now[i] - before[i]
    slack = 0.15 * fall + 3 * error(before[i], pair) + noise
    return i if abs(rise - fall) < slack and rise - fair > max(noise, (fall - fair) / 2) else None


def _shown(value: Any) -> str | float:
    if isinstance(value, np.datetime64):
        return str(iso(value.astype("datetime64[us]").item()))
    return value if isinstance(value, str) else float(value)
