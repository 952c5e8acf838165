"""For whom: the slices of rows whose part in the gap is otherwise than that of the rest.

They are found on one half of the rows and confirmed on the other. Each has its own line of the gap (Kitagawa, 1955):
*mix*, that there are more or fewer such rows, and *rate*, that they fare otherwise than such rows did.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any
import numpy as np
import pandas as pd
from scipy.special import ndtr
from rca.inputs.encode import Mask, is_number, labels, numbers, shuffled
from rca.stats import Floats, benjamini_hochberg, quantile

FDR = 0.01
MASKED = 10  # rows of a group on one side below which it is not shown: it may be somebody
_ROWS = 60_000  # of a side
_FEWEST = 20  # rows of a slice, and of the rest, on each half of each side
_LEVELS = 12  # most frequent values of a text column
_CUTS = (0.25, 0.5, 0.75)  # quantiles at which numbers are cut
_BEST = 16  # conditions that are tried in pairs
_ODD = 2.5  # standard errors at which a slice is worth a look on the other half
COLUMNS = ["slice", "columns", "rows_reference", "rows_current", "mix", "rate", "beyond", "low", "high", "p_value"]
COLUMNS += ["sensitive", "confirmed"]

Rows = tuple[Mask, Mask]  # of the reference and the current side
Sides = tuple[Floats, Floats]


@dataclass(frozen=True, slots=True)
class Slice:
    """Rows that meet one or two conditions."""

    columns: tuple[str, ...]
    text: str
    rows: Rows

    def beyond(self, values: Sides, part: Rows) -> tuple[float, float, float]:
        """Return how much more its rows in a part changed than the others there, the standard error, and the ratio."""
        found, variance = 0.0, 0.0
        for sign, rows, v, inside in zip((-1, 1), self.rows, values, part, strict=True):
            mine, others = v[rows & inside], v[~rows & inside]
            if min(len(mine), len(others)) < _FEWEST:
                return 0.0, np.inf, 0.0
            found += sign * float(mine.mean() - others.mean())
            variance += float(mine.var() / len(mine) + others.var() / len(others))
        return found, variance**0.5, found / max(variance**0.5, 1e-12)


def slices(
    values: Sides, tables: tuple[Any, Any], rng: np.random.Generator, sensitive: Sequence[str] = ()
) -> pd.DataFrame:
    """Return the slices of one or two conditions that moved otherwise than the rest, those that cost most first.

    A row for each: its rows on both sides; `mix` and `rate`, its part of the gap by its share and by its fate;
    `beyond`, how much more its rows changed than the others, with the 90 % interval and the adjusted p-value of the
    half on which it was not found. Slices of the `sensitive` columns are listed whatever they show.

    Examples
    --------
    >>> draw = np.random.default_rng(0)
    >>> p, q = (pd.DataFrame({"job": draw.choice(list("abcd"), 4000), "age": draw.normal(size=4000)}) for _ in "pq")
    >>> loss = draw.normal(size=4000), draw.normal(size=4000) + (q["job"] == "c")
    >>> found = slices(loss, (p, q), draw)
    >>> found["slice"].tolist(), found["rate"].round(1).tolist()
    (["job = 'c'"], [0.3])
    """
    orders = [shuffled(v, table, rng)[:_ROWS] for v, table in zip(values, tables, strict=True)]
    p, q = (table.iloc[order] for table, order in zip(tables, orders, strict=True))
    values = values[0][orders[0]], values[1][orders[1]]
    halves = [np.arange(len(v)) < len(v) // 2 for v in values]
    first, second = (halves[0], halves[1]), (~halves[0], ~halves[1])
    whole = first[0] | second[0], first[1] | second[1]
    single = [s for s in _conditions(p, q) if min(rows.sum() for rows in s.rows) >= MASKED]
    odd = {s.text: abs(s.beyond(values, first)[2]) for s in single}
    best = sorted(single, key=lambda s: -odd[s.text])[:_BEST]
    asked = [s for s in single if odd[s.text] > _ODD] + list(_pairs(best, values, first))
    asked += [s for s in single if s.columns[0] in sensitive and s not in asked]
    seen = [s.beyond(values, second) for s in asked]
    p_values = benjamini_hochberg([2 * float(ndtr(-abs(z))) for _, _, z in seen]) if asked else np.zeros(0)
    kept: list[Slice] = []
    left = whole
    # what is told by the strongest is not told again: it must show in the rows that those before it leave
    for i in np.argsort([-abs(z) for _, _, z in seen], kind="stable"):
        if p_values[i] <= FDR and (not kept or abs(asked[i].beyond(values, left)[2]) > _ODD):
            kept.append(asked[i])
            left = left[0] & ~asked[i].rows[0], left[1] & ~asked[i].rows[1]
    rows = []
    for s, (size, se, _), p_value in zip(asked, seen, p_values, strict=True):
        watched = len(s.columns) == 1 and s.columns[0] in sensitive
        if s in kept or watched:
            ends = size - quantile(0.9) * se, size + quantile(0.9) * se
            counts = [int(side.sum()) for side in s.rows]
            rows.append((s.text, s.columns, *counts, *_parts(s, values), size, *ends, p_value, watched, s in kept))
    found = pd.DataFrame(rows, columns=COLUMNS).astype({"sensitive": bool, "confirmed": bool})
    order = (found["beyond"] * found["rows_current"]).abs().sort_values(ascending=False, kind="stable").index
    return found.loc[order].reset_index(drop=True)


def said(found: pd.DataFrame, limit: int = 2) -> str:
    """Return the confirmed slices as the end of a sentence."""
    hit = found[found["confirmed"]].head(limit)
    told = [
        f"{text} ({beyond:+.2g} beyond the others)" for text, beyond in zip(hit["slice"], hit["beyond"], strict=True)
    ]
    return f", most where {' and where '.join(told)}" if told else ""


def _conditions(p: pd.DataFrame, q: pd.DataFrame) -> Iterator[Slice]:
    for name in sorted(n for n in p.columns if n in q.columns):
        sides = p[name], q[name]
        if all(map(is_number, sides)) and pd.concat(sides, ignore_index=True).nunique() > _LEVELS:
            known: Any = [numbers(side) for side in sides]
            cuts = np.unique(np.nanquantile(np.concatenate(known), _CUTS)).tolist()
            for low, high in zip([-np.inf, *cuts], [*cuts, np.inf], strict=True):
                text = f"{name} <= {high:.4g}" if low == -np.inf else f"{low:.4g} < {name} <= {high:.4g}"
                text = f"{name} > {low:.4g}" if high == np.inf else text
                yield Slice((name,), text, _both(known, lambda v, low=low, high=high: (v > low) & (v <= high)))
        else:
            known = [labels(side) for side in sides]
            for level in pd.Series(np.concatenate(known)).value_counts().index[:_LEVELS]:
                yield Slice((name,), f"{name} = '{level}'", _both(known, lambda v, level=level: v == level))


def _both(known: Sequence[Any], hit: Callable[..., Any]) -> Rows:
    first, second = (np.asarray(hit(side), dtype=bool) for side in known)
    return first, second


def _pairs(best: Sequence[Slice], values: Sides, part: Rows) -> Iterator[Slice]:
    """Yield two conditions together whose rows stand out more than those of either."""
    alone = {s.text: s.beyond(values, part) for s in best}
    for one, other in combinations(best, 2):
        rows = one.rows[0] & other.rows[0], one.rows[1] & other.rows[1]
        pair = Slice((*one.columns, *other.columns), f"{one.text} and {other.text}", rows)
        size, _, z = pair.beyond(values, part)
        # of more evidence than either, or a mere part of one
        rivals = [alone[one.text], alone[other.text]]
        if one.columns != other.columns and abs(z) > max(_ODD, *(abs(r[2]) for r in rivals)) and abs(size) > 0:
            yield pair


def _parts(s: Slice, values: Sides) -> tuple[float, float]:
    """Return a slice's part of the gap by its share, against the rest, and by the change of its rows."""
    before, now = (float(rows.mean()) for rows in s.rows)
    was, rest, fate = values[0][s.rows[0]].mean(), values[0][~s.rows[0]].mean(), values[1][s.rows[1]].mean()
    return float((now - before) * (was - rest)), float(now * (fate - was))
