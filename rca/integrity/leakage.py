"""RCA116, whether a feature knows the target."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from rca.errors import NotApplicable
from rca.integrity._common import damage, filled, iso, percent, time_of
from rca.integrity.selection import codes_of
from rca.registry import check
from rca.types import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rca.integrity._common import Mask
    from rca.stats import Floats
    from rca.types import Case, Pair

_ROWS = 10_000
_FEWEST = 60
_CLASSES = 10
_LEVELS = 50
_EVER, _LATE = 0.01, 0.02  # the shares of rows with a time from the future, before at most and now at least
#: A column whose name speaks of the target is suspected from this part of the strength on.
_NAMED = 2 / 3
_WORDS = {"label", "target", "outcome"}


@check("RCA116", "a feature knows the target")
def leakage(case: Case, *, strength: float = 0.75, rise: float = 0.3) -> Iterator[Finding]:
    """Find columns that tell the target alone, and did not before, and times that newly lie after the row's own.

    Parameters
    ----------
    strength : float
        From this share of the target's variance on (of its ranks, for a number), told by one column alone to rows
        that it was not learned from. A third less is enough where the name speaks of the target.
    rise : float
        Of the strength, at least; for a new column above the strongest of the reference.

    Yields
    ------
    Finding
        The effect is the rise of the strength, or of the share of rows with a time from the future.

    Examples
    --------
    >>> from rca.tables import open_table
    >>> from rca.types import Case, Pair, Roles
    >>> draw = np.random.default_rng(0)
    >>> whole = pd.DataFrame({"age": draw.normal(40, 9, 500), "bought": draw.integers(0, 2, 500)})
    >>> damaged = whole.assign(age=whole["age"].round() + 100 * whole["bought"])
    >>> roles = Roles(target="bought")
    >>> [f.text for f in leakage(Case((Pair("train", open_table(whole), open_table(damaged)),), roles))]
    ['age alone tells 97 % of what bought is in train, 0 % in the reference.']
    >>> list(leakage(Case((Pair("train", open_table(whole), open_table(whole)),), roles)))
    []
    """
    target = case.roles.target
    pairs = [p for p in filled(case) if all(target in t.sample for t in (p.reference, p.current))]
    if target is None or not pairs:
        raise NotApplicable("no table has the target on both sides.")
    for pair in pairs:
        yield from _strong(pair, case, target, strength, rise)
        yield from _late(pair, case)


def _strong(pair: Pair, case: Case, target: str, least: float, rise: float) -> Iterator[Finding]:
    before, after = (_rows(side, target) for side in (pair.reference, pair.current))
    time = time_of(pair, case)
    skip = {target, case.roles.prediction, time, *case.roles.key}
    names = [n for n in sorted(set(after.columns) - skip) if n in before or n not in pair.reference.columns]
    parts: list[tuple[dict[str, Any], pd.DataFrame]] = [({}, after)]
    if time is not None:
        for part in (2, 4, 8):
            onset = after[time].quantile(1 - 1 / part)
            parts.append(({"time": time, "onset": iso(onset)}, after[after[time] >= onset]))
    for name in names:
        enough = least * (_NAMED if _speaks(name, target) else 1.0)
        for where, rows in parts:
            now = _told(rows[name], rows[target])[0]
            if now < enough:
                continue
            rivals = [name] if name in before else [n for n in names if n in before]
            usual = max((_told(before[n], before[target])[1] for n in rivals), default=0.0)
            if now - usual >= rise:
                yield _finding(pair, name, target, now, usual, where, name not in before)
                break


def _finding(pair: Pair, name: str, target: str, now: float, usual: float, where: dict[str, Any], new: bool) -> Finding:
    then = f", {percent(round(usual, 3))} in the reference" if not new else ", and is not in the reference"
    since = f" since {where['onset'][:10]}" if where else ""
    return Finding(
        code="RCA116",
        kind="leakage",
        subject=f"data.{pair.name}.{name}",
        text=f"{name} alone tells {percent(round(now, 3))} of what {target} is in {pair.name}{since}{then}.",
        effect=now - usual,
        evidence={"column": name, "target": target, "strength": now, "before": usual, "new": new, **where},
    )


def _rows(table: Any, target: str) -> pd.DataFrame:
    """Return rows with a target, in an order that is theirs."""
    order = np.argsort(table.hashes, kind="stable")
    frame: pd.DataFrame = table.sample.iloc[order]
    frame = frame[frame[target].notna()]
    return frame.iloc[:_ROWS]


def _speaks(name: str, target: str) -> bool:
    words = set(re.split(r"[^a-z0-9]+|(?<=[a-z])(?=[A-Z])", name.lower()))
    return bool(words & _WORDS) or (len(target) > 2 and target.lower() in name.lower())


def _told(values: pd.Series, target: pd.Series) -> tuple[float, float]:
    """Return the share of the target's variance that bins of a column tell: of each half, as the other half has it."""
    if len(values) < _FEWEST or values.nunique() < 2:
        return 0.0, 0.0
    if target.dtype == "category" or target.nunique() <= _CLASSES:
        classes = pd.factorize(target, sort=True)[0]
        answer: Any = np.eye(classes.max() + 1)[classes][:, :_LEVELS]
    else:
        answer = target.rank(pct=True).to_numpy()[:, None]
    odd = np.arange(len(values)) % 2 == 1
    halves = sorted(_learned(values, answer, learn) for learn in (odd, ~odd))
    return halves[0], halves[1]


def _learned(values: pd.Series, answer: Floats, learn: Mask) -> float:
    cuts: Any = np.zeros(0)
    if values.dtype != "category":
        known = values.to_numpy().astype(float)
        probabilities: Any = np.linspace(0, 1, int(np.clip(len(values) / 20, 5, 40)))[1:-1]
        # a class that is rare lies between its own extremes
        own: list[Any] = [known[learn & (a == 1)] for a in answer.T] if answer.shape[1] > 1 else []
        ends = [_quantiles(k, [0, 1]) for k in own]
        cuts = np.concatenate([_quantiles(known[learn], probabilities), *ends])
    (codes,) = codes_of(values, cuts=np.unique(cuts))
    size, middle = int(codes.max()) + 1, answer[learn].mean(axis=0)
    counts = np.bincount(codes[learn], minlength=size)[:, None]
    sums = np.column_stack([np.bincount(codes[learn], weights=a, minlength=size) for a in answer[learn].T])
    guess, asked = ((sums + middle) / (counts + 1))[codes[~learn]], answer[~learn]
    rest = ((asked - middle) ** 2).sum()
    return max(float(1 - ((asked - guess) ** 2).sum() / rest), 0.0) if rest > 0 else 0.0


def _quantiles(values: Floats, probabilities: Any) -> Floats:
    values = values[np.isfinite(values)]
    return np.asarray(np.quantile(values, probabilities, method="inverted_cdf")) if len(values) else np.zeros(0)


def _late(pair: Pair, case: Case) -> Iterator[Finding]:
    """Find times that lie after the row's own time."""
    own = time_of(pair, case)
    before, after = pair.reference.sample, pair.current.sample
    for name in sorted(set(after.columns) & set(before.columns) - {own}):
        if own is None or after[name].dtype.kind != "M" or before[name].dtype.kind != "M":
            continue
        late = [(side[name] > side[own]).to_numpy() for side in (before, after)]
        if late[0].mean() < _EVER:
            text = f"{name} is later than {own} in {{share}} of the rows of {{table}}{{where}}."
            yield from damage(
                "RCA116",
                "leakage",
                pair,
                name,
                late[1],
                case,
                text=text,
                floor=_LATE,
                before=late[0].mean(),
                later_than=own,
            )
