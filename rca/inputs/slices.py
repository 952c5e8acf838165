"""For whom: the slices of rows whose part in the gap is otherwise than that of the rest.

They are found on one half of the rows and confirmed on the other. Each has its own line of the gap (Kitagawa, 1955):
*mix*, that there are more or fewer such rows, and *rate*, that they fare otherwise than such rows did.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
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


@dataclass(frozen=True, slots=True, eq=False)
class Slice:
    """Rows that meet one or two conditions, out of those of both sides, the reference's first."""

    columns: tuple[str, ...]
    text: str
    rows: Mask

    def beyond(self, values: Floats, now: Mask, part: Mask) -> tuple[float, float, float]:
        """Return how much more its rows in a part changed than the others there, the standard error, and the ratio."""
        found, variance = 0.0, 0.0
        for sign, side in ((-1, part & ~now), (1, part & now)):
            mine, others = values[side & self.rows], values[side & ~self.rows]
            if min(len(mine), len(others)) < _FEWEST:
                return 0.0, np.inf, 0.0
            found += sign * float(mine.mean() - others.mean())
            # a few rows without a rare event seem to have no variance
            variance += float(max(mine.var(), others.var()) / len(mine) + others.var() / len(others))
        return found, variance**0.5, found / max(variance**0.5, 1e-12)


def slices(
    values: tuple[Floats, Floats], tables: tuple[Any, Any], rng: np.random.Generator, sensitive: Sequence[str] = ()
) -> pd.DataFrame:
    """Return the slices of one or two conditions that moved otherwise than the rest, those that cost most first.

    A row for each: its rows on both sides; `mix` and `rate`, its part of the gap by share and by fate;
    `beyond`, how much more its rows changed than the others, with the 90 % interval and the adjusted p-value of the
    half on which it was not found. Slices of the `sensitive` columns are listed whatever they show.
    """
    orders = [shuffled(v, table, rng)[:_ROWS] for v, table in zip(values, tables, strict=True)]
    p, q = (table.iloc[order] for table, order in zip(tables, orders, strict=True))
    loss = np.concatenate([v[order] for v, order in zip(values, orders, strict=True)])
    now = np.arange(len(loss)) >= len(p)
    half = np.concatenate([np.arange(len(side)) < len(side) // 2 for side in orders])
    single = [s for s in _conditions(p, q) if min(np.bincount(now[s.rows], minlength=2)) >= MASKED and not s.rows.all()]
    odd = {s: abs(s.beyond(loss, now, half)[2]) for s in single}
    best = sorted(single, key=lambda s: -odd[s])[:_BEST]
    asked = [s for s in single if odd[s] > _ODD] + list(_pairs(best, loss, now, half))
    asked += [s for s in single if s.columns[0] in sensitive and s not in asked]
    seen = [s.beyond(loss, now, ~half) for s in asked]
    p_values = benjamini_hochberg([2 * float(ndtr(-abs(z))) for _, _, z in seen]) if asked else np.zeros(0)
    kept: list[Slice] = []
    left = np.ones(len(loss), dtype=bool)
    # what is told by the strongest is not told again: it must show in the rows that those before it leave
    for i in np.argsort([-abs(z) for _, _, z in seen], kind="stable"):
        if p_values[i] <= FDR and (not kept or abs(asked[i].beyond(loss, now, left)[2]) > _ODD):
            kept.append(asked[i])
            left &= ~asked[i].rows
    rows = []
    for s, (size, se, _), p_value in zip(asked, seen, p_values, strict=True):
        watched = len(s.columns) == 1 and s.columns[0] in sensitive
        if s in kept or watched:
            ends = size - quantile(0.9) * se, size + quantile(0.9) * se
            before, after = (int((s.rows & side).sum()) for side in (~now, now))
            was, fate, whole = (float(loss[part].mean()) for part in (s.rows & ~now, s.rows & now, ~now))
            old, new = before / (~now).sum(), after / now.sum()
            mix, rate = (new - old) * (was - whole) / max(1 - old, 1e-12), new * (fate - was)
            rows.append((s.text, s.columns, before, after, mix, rate, size, *ends, p_value, watched, s in kept))
    found = pd.DataFrame(rows, columns=COLUMNS).astype({"sensitive": bool, "confirmed": bool})
    cost = (found["beyond"] * found["rows_current"]).abs()
    return found.loc[cost.sort_values(ascending=False, kind="stable").index].reset_index(drop=True)


def said(found: pd.DataFrame, limit: int = 2) -> list[str]:
    """Return the confirmed slices as a sentence, or nothing."""
    hit = found[found["confirmed"]].head(limit)[["slice", "beyond"]].to_numpy()
    told = [f"{text} ({beyond:+.2g} beyond the others)" for text, beyond in hit]
    return [f"what is not broken moved most where {' and where '.join(told)}"] if told else []


def _conditions(p: pd.DataFrame, q: pd.DataFrame) -> Iterator[Slice]:
    for name in sorted(n for n in p.columns if n in q.columns):
        sides = p[name], q[name]
        if all(map(is_number, sides)) and pd.concat(sides, ignore_index=True).nunique() > _LEVELS:
            known: Any = np.concatenate([numbers(side) for side in sides])
            cuts = np.unique(np.quantile(known[np.isfinite(known)], _CUTS)).tolist()
            for low, high in pairwise([-np.inf, *cuts, np.inf]):
                text = f"{name} <= {high:.6g}" if low == -np.inf else f"{low:.6g} < {name} <= {high:.6g}"
                text = f"{name} > {low:.6g}" if high == np.inf else text
                yield Slice((name,), text, (known > low) & (known <= high))
        else:
            known = np.concatenate([labels(side) for side in sides])
            for level in pd.Series(known).value_counts().index[:_LEVELS]:
                yield Slice((name,), f"{name} = '{level}'", known == level)


def _pairs(best: Sequence[Slice], values: Floats, now: Mask, part: Mask) -> Iterator[Slice]:
    """Yield two conditions together whose rows stand out more than those of either."""
    alone = {s: abs(s.beyond(values, now, part)[2]) for s in best}
    for one, other in combinations(best, 2):
        pair = Slice((*one.columns, *other.columns), f"{one.text} and {other.text}", one.rows & other.rows)
        z = pair.beyond(values, now, part)[2]
        # of more evidence than either, or a mere part of one
        if one.columns != other.columns and abs(z) > max(_ODD, alone[one], alone[other]):
            yield pair
