"""RCA120, whether production computes a feature otherwise than training."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from rca.errors import NotApplicable
from rca.integrity._common import ALPHA, filled, locate, noise, percent, told
from rca.integrity._law import same
from rca.integrity._series import joined, numeric, row_key
from rca.registry import check
from rca.stats import rate_change
from rca.types import Case, Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rca.integrity._common import Mask
    from rca.integrity._series import Rows
    from rca.stats import Floats
    from rca.types import Roles

    Different = tuple[str | None, int, Mask, Rows, dict[str, Any]]


@check("RCA120", "production computes a feature otherwise than training")
def train_serve_skew(case: Case, *, floor: float = 0.02) -> Iterator[Finding]:
    """Compare rows of production with the same rows of train or evaluate, joined on the key, cell by cell.

    Parameters
    ----------
    floor : float
        A share of different cells up to this is no finding.

    Yields
    ------
    Finding
        The effect is the share of the joined rows that differ, where most columns do not. Without a common key only
        what the values alone give away: nulls that became one value, and decimals that are gone.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from rca.tables import open_table
    >>> from rca.types import Case, Pair, Roles
    >>> train = pd.DataFrame({"id": range(500), "age": 20.25 + np.arange(500) % 50, "city": ["A", "B"] * 250})
    >>> def found(served):
    ...     case = Case((Pair("production", open_table(train), open_table(served), False),), Roles(key=("id",)))
    ...     return [f.text for f in train_serve_skew(case)]
    >>> found(train.assign(age=train["age"].round()))
    ['age differs from train in 100 % of the 500 rows that production shares with it: rounded.']
    >>> found(train)
    []
    """
    pairs = [pair for pair in filled(case) if not pair.same_role]
    if not pairs:
        raise NotApplicable("there is no production table beside one that was trained on.")
    silent = True
    for pair in pairs:
        known = case.current.tables if case.current is not None else {}
        sides = {role: known[role] for role in ("train", "evaluate") if role in known} or {"train": pair.reference}
        done: set[str] = set()
        for role, other in sides.items():
            for name, n, hit, rows, how in _different(pair.current, other, case.roles, floor):
                silent = False
                rate = rate_change(0, n, int(hit.sum()), n, floor)
                if name is None or name in done or rate.difference <= floor or rate.p_value > ALPHA:
                    continue
                done.add(name)
                place = locate(pair.current.sample.iloc[rows].reset_index(drop=True), hit, case, name)
                yield Finding(
                    code="RCA120",
                    kind="train_serve_skew",
                    subject=f"data.{pair.name}.{name}",
                    text=f"{name} differs from {role} in {percent(rate.difference)} of the {n:,} rows that {pair.name} "
                    f"shares with it{told(place) if place.get('before', 1.0) >= 0.05 else ''}: {how.pop('text')}.",
                    effect=rate.difference,
                    low=rate.low,
                    high=rate.high,
                    p_value=rate.p_value,
                    evidence={
                        "column": name,
                        "rows": n,
                        "share": rate.difference,
                        "table": role,
                        "key": list(case.roles.key),
                        **how,
                        **place,
                    },
                )
    if silent:
        raise NotApplicable("without a key that production shares with train or evaluate no cells can be compared.")


def _different(current: Any, other: Any, roles: Roles, floor: float) -> Iterator[Different]:
    """Yield the columns in which the same rows differ, and None for all that were compared."""
    key = row_key(current, roles)
    both = joined(current, other, key)
    skip = {*key, roles.target, roles.prediction, roles.time}
    names = [n for n in sorted(set(current.sample) & set(other.sample) - skip) if current.kinds[n] != "time"]
    if both is None:
        yield from (d for name in names if (d := _by_values(current, other, name)) is not None)
        return
    rows, theirs = both
    compared = {name: _cells(current.sample[name].iloc[rows], theirs[name]) for name in names}
    shares = {name: float(cells[2].mean()) for name, cells in compared.items()}
    yield None, len(rows), np.zeros(len(rows), dtype=bool), rows, {}
    # where most columns differ the key names other rows, and not these
    if np.median([*shares.values(), 0.0]) > floor:
        return
    for name, (now, old, hit) in compared.items():
        if shares[name] > floor:
            yield name, len(rows), hit, rows, _how(now, old, hit)


def _cells(now: pd.Series, old: pd.Series) -> tuple[Any, Any, Mask]:
    """Return both sides in one type, and where they differ."""
    first, second = numeric(now), numeric(old)
    if first is not None and second is not None:
        gap = np.abs(first - second) > 1e-6 * np.maximum(np.abs(first), np.abs(second))
        return first, second, (gap & (first != second)) | (np.isnan(first) != np.isnan(second))
    words = [side.astype("object").map(str, na_action="ignore").to_numpy() for side in (now, old)]
    empty = [pd.isna(side) for side in words]
    return *words, (words[0] != words[1]) & ~(empty[0] & empty[1])


def _how(now: Any, old: Any, hit: Mask) -> dict[str, Any]:
    """Say how the cells of a column differ, as a sentence and for a repair."""
    gone, empty = pd.isna(old) & ~pd.isna(now), pd.isna(now)
    values, counts = np.unique(now[hit & gone], return_counts=True) if gone[hit].mean() > 0.9 else (now[:0], [0])
    if max(counts) > 0.95 * (hit & gone).sum():
        value = values[int(np.argmax(counts))]
        return {"how": "null_fill", "value": value, "text": f"missing values are {value}"}
    if empty[hit].mean() > 0.9:
        return {"how": "nulls", "text": "missing in production"}
    if now.dtype.kind != "f":
        pairs = pd.DataFrame({"now": now, "old": old}).value_counts()
        one = pairs.groupby("old").max().sum() / max(pairs.sum(), 1) > 0.98
        return {"how": "recoded" if one else "other", "text": "recoded" if one else "other values"}
    x, y = old[hit], now[hit]
    x, y = (side[np.isfinite(x) & np.isfinite(y)] for side in (x, y))
    for decimals in range(-3, 7):
        for word, change in (("rounded", np.round), ("cut off", _cut)):
            if np.isclose(now, change(old, decimals), equal_nan=True, atol=1e-12).mean() > 0.98:
                return {"how": "rounded", "decimals": decimals, "text": word}
    factor = float(np.median(y[x != 0] / x[x != 0])) if (x != 0).any() else 0.0
    offset = float(np.median(y - x)) if len(x) else 0.0
    slope, level = np.polyfit(x, y, 1) if len(x) > 2 and x.min() < x.max() else (1.0, 0.0)
    for a, b, text in (
        (factor, 0.0, f"times {factor:.6g}"),
        (1.0, offset, f"plus {offset:.6g}"),
        (slope, level, "scaled"),
    ):
        if len(x) and a and np.isclose(y, a * x + b, rtol=1e-4).mean() > 0.95:
            return {"how": "scaled", "factor": float(a), "offset": float(b), "text": text}
    return {"how": "other", "text": "other values"}


def _cut(values: Floats, decimals: int) -> Floats:
    return np.asarray(np.trunc(values * 10.0**decimals) / 10.0**decimals)


def _by_values(current: Any, other: Any, name: str) -> Different | None:
    """Say what the values alone give away: nulls that became one value, or decimals that are gone."""
    now, old = (numeric(table.sample[name]) for table in (current, other))
    if now is None or old is None or min(len(now), len(old)) < 100:
        return None
    empty, known, was = float(np.isnan(old).mean()), now[np.isfinite(now)], old[np.isfinite(old)]
    rows = np.arange(len(now))
    if empty > 0.02 and len(known) == len(now) and len(was):
        values, counts = np.unique(now, return_counts=True)
        value = values[counts.argmax()]
        if (
            abs(counts.max() / len(now) - empty - (1 - empty) * (was == value).mean())
            < 0.01 + noise(len(now), len(old)) / 2
        ):
            how = {"how": "null_fill", "value": float(value), "text": f"missing values are {value:g}"}
            return name, len(now), now == value, rows, how
    if len(known) and len(was) and (was % 1 != 0).mean() > 0.5 and (known % 1 == 0).all():
        for word, change in (("rounded", np.round), ("cut off", np.trunc)):
            if np.ptp(known) >= 10 and same(change(was), known):
                return name, len(now), np.isfinite(now), rows, {"how": "rounded", "decimals": 0, "text": word}
    return None
