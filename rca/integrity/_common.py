"""What the checks share: which tables and columns can be looked at, how alike two columns are, how a share reads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from rca.errors import NotApplicable
from rca.tables import Column, finite

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rca.stats import Floats
    from rca.types import Case, Pair

#: A share counts as risen above its floor when chance would do it less often than this.
ALPHA = 0.01
#: Numeric columns with fewer distinct values are flags or small counts, for which range and unit mean nothing.
DISTINCT = 10


def filled(case: Case) -> list[Pair]:
    """Return the pairs of tables that have at least two rows on both sides.

    Raises
    ------
    NotApplicable
        If there is none, naming the tables and their rows.
    """
    pairs = [pair for pair in case.pairs if min(rows(pair)) > 1]
    if pairs:
        return pairs
    short = [f"{pair.name} has {rows(pair)[0]:,} and {rows(pair)[1]:,}" for pair in case.pairs]
    raise NotApplicable(
        f"at least two rows are needed on both sides: {', '.join(short)}." if short else "there is no pair of tables."
    )


def rows(pair: Pair) -> tuple[int, int]:
    """Return the rows of the reference and of the current table."""
    return pair.reference.profile.rows, pair.current.profile.rows


def columns(case: Case, kind: str | None = None) -> Iterator[tuple[Pair, Column, Column]]:
    """Each column that both sides have, of one kind on both where `kind` is given, without keys."""
    for pair in filled(case):
        before, after = pair.reference.profile.columns, pair.current.profile.columns
        for name, reference in before.items():
            current = after.get(name)
            if current is None or name in case.roles.key:
                continue
            if kind is None or (reference.kind == current.kind == kind):
                yield pair, reference, current


def numbers(case: Case) -> Iterator[tuple[Pair, Column, Column]]:
    """Each numeric column that has a range: no key, no target, no flag, no constant."""
    for pair, reference, current in columns(case, "number"):
        spread = reference.quantiles and reference.max > reference.min
        if reference.name != case.roles.target and spread and (reference.distinct or 0) >= DISTINCT:
            yield pair, reference, current


@dataclass(frozen=True, slots=True)
class Law:
    """The distribution of a column at given points."""

    rows: int
    shares: Floats
    """The share of the values at or below each point; NaN where there are no rows."""


def law(table: Any, column: str, points: Floats, where: Any = None, factor: float = 1.0, offset: float = 0.0) -> Law:
    """Return the distribution of a column at some points, counted in the engine.

    With a factor and an offset the points are moved instead of the values, by a hair more than asked, so that
    a value which was multiplied and divided again still counts as equal to itself.
    """
    value = finite(table[column])
    hair = 1e-9 * np.maximum(np.abs(points), float(np.ptp(points)) or 1.0)
    counts = table.aggregate(
        n=value.notnull().sum(where=where),
        **{
            f"p{i}": (value <= float(point)).sum(where=where)
            for i, point in enumerate((points + hair) * factor + offset)
        },
    )
    row = counts.to_pyarrow().to_pylist()[0]
    total = int(row["n"] or 0)
    below = np.array([row[f"p{i}"] or 0 for i in range(len(points))], dtype=float)
    return Law(total, below / total if total else np.full(len(points), np.nan))


def distance(first: Law, second: Law) -> float:
    """Return the largest difference of two distributions; 1 where one has no rows."""
    if not first.rows or not second.rows:
        return 1.0
    return float(np.abs(first.shares - second.shares).max())


def noise(n0: int, n1: int) -> float:
    """Return the distance that two samples of one distribution keep, 99 times in 100 (Kolmogorov and Smirnov)."""
    return 1.63 * float(np.sqrt(1 / max(n0, 1) + 1 / max(n1, 1)))


def beyond_chance(count: int, n0: int, n1: int) -> float:
    """Return the chance that the `count` largest values of two like samples all come from the second.

    A heavy tail alone puts a few rows beyond the other sample's extremes, however large the samples.
    """
    return float((n1 / (n0 + n1)) ** count)


def percent(share: float) -> str:
    """Return a share as a person reads it; neither all nor none unless it is so.

    Examples
    --------
    >>> percent(0.8713), percent(0.0213), percent(0.99999), percent(1.0), percent(0.00001)
    ('87 %', '2.1 %', 'over 99.9 %', '100 %', 'under 0.1 %')
    """
    if 0 < share < 0.001:
        return "under 0.1 %"
    if 0.999 < share < 1:
        return "over 99.9 %"
    return f"{100 * share:.1f} %" if share % 1 and (share < 0.0995 or share > 0.99) else f"{100 * share:.0f} %"


def listed(values: Sequence[str], limit: int = 3) -> str:
    """Return a few values in quotes and how many more there are.

    Examples
    --------
    >>> listed(["a", "b"]), listed(list("abcde"))
    ("'a', 'b'", "'a', 'b', 'c' and 2 more")
    """
    more = f" and {len(values) - limit} more" if len(values) > limit else ""
    return ", ".join(f"'{value}'" for value in values[:limit]) + more


def iso(moment: Any) -> str | None:
    """Return a date or time as text, to the day where it falls on midnight."""
    return moment.isoformat().removesuffix("T00:00:00") if moment is not None else None
