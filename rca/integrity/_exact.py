"""Rules that every row of the reference follows: orderings, sums, products, and columns that settle others."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rca.integrity._common import FEWEST, Mask
from rca.stats import Floats
from rca.types import Case, Pair

_FIRST = 500  # rows that are looked at before all are
_MOST = 60  # columns that are looked at in pairs
_LEVELS = 1000
#: A rule that unrelated columns would break in no more rows than this says nothing of their relation.
_BROKEN = 0.05
_HAIR = 1e-6


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule: its kind, and its columns, the first being the one that it is mainly about.

    The kinds are `<=` (never above), `+` and `*` (the sum, the product of the others), and `settled by`.
    """

    kind: str
    columns: tuple[str, ...]
    settled: Mapping[object, object] = field(default_factory=dict, repr=False)  # what a value makes of the first column

    @property
    def terms(self) -> tuple[str, ...]:
        """The rule as plain text, part by part."""
        return (self.kind, *self.columns)

    @property
    def text(self) -> str:
        """The rule as a person reads it."""
        sign = "=" if self.kind in "+*" else self.kind
        return f"{self.columns[0]} {sign} " + f" {self.kind} ".join(self.columns[1:])

    def broken(self, table: pd.DataFrame) -> Mask:
        """Return the rows of a table, as checks read it, that break the rule."""
        if self.kind == "settled by":
            values, by = (table[name].astype("object") for name in self.columns)
            wanted = by.map(self.settled)
            wrong = (wanted.notna() & values.isin(set(self.settled.values())) & (wanted != values)).to_numpy()
            # where all rows of a value agree on another one, its meaning changed and nothing is torn
            share = pd.Series(wrong).groupby(by.to_numpy(), observed=True).transform("mean").to_numpy(dtype=float)
            return np.asarray(wrong & (share < 0.9))
        whole, *parts = (as_numbers(table[name]) for name in self.columns)
        if self.kind == "<=":
            return np.asarray(whole > parts[0])
        made = parts[0] + parts[1] if self.kind == "+" else parts[0] * parts[1]
        return np.asarray(np.abs(whole - made) > _HAIR * (np.abs([whole, *parts]).max(axis=0) + 1e-300))


def rule_of(terms: Sequence[str], reference: pd.DataFrame) -> Rule:
    """Return the rule that a finding names."""
    kind, *columns = terms
    return Rule(kind, tuple(columns), _learn(reference, *columns) if kind == "settled by" else {})


def broken_rules(pair: Pair, case: Case) -> Iterator[tuple[Rule, Mask, float]]:
    """Yield the rules of the reference that current rows break, with these rows and the share in the reference."""
    before, now = pair.reference.sample, pair.current.sample
    names = [n for n in sorted(before.columns) if n in now.columns and n not in case.roles.key]
    names = [n for n in names if before[n].dtype.kind == now[n].dtype.kind or before[n].dtype == "category"]
    taken: set[str] = set()
    for rule in rules_of(before, names) if len(now) >= FEWEST else ():
        hit = rule.broken(now)
        # one damaged column breaks many rules: the first that is about it is enough
        if hit.mean() > 0.002 and not taken & set(rule.columns):
            taken |= set(rule.columns)
            yield rule, hit, float(rule.broken(before).mean())


def rules_of(sample: pd.DataFrame, names: list[str]) -> Iterator[Rule]:
    """Yield the rules that all rows of a sample follow, as unrelated columns would not."""
    if len(sample) >= FEWEST:
        for find in (_identities, _orderings, _settled):
            yield from find(sample, names)


def _numbers(sample: pd.DataFrame, names: list[str]) -> dict[str, Floats]:
    """Return the numeric columns and times that vary, as floats."""
    values = {n: as_numbers(sample[n]) for n in names if sample[n].dtype.kind in "fM"}
    known = {n: v[np.isfinite(v)] for n, v in values.items()}
    varied = [n for n, v in known.items() if len(v) >= FEWEST and np.ptp(v[:_FIRST]) > 0]
    return {n: values[n] for n in varied[:_MOST]}


def as_numbers(column: pd.Series) -> Floats:
    """Return a column of numbers or times as floats (seconds), NaN where there is no value."""
    if column.dtype.kind == "M":
        return np.where(column.isna(), np.nan, column.to_numpy().astype("datetime64[us]").astype(np.int64) / 1e6)
    return column.to_numpy(dtype=float) if column.dtype.kind == "f" else np.full(len(column), np.nan)


def _orderings(sample: pd.DataFrame, names: list[str]) -> Iterator[Rule]:
    """Yield the pairs of columns of which one is never above the other, though their ranges overlap."""
    values = _numbers(sample, names)
    mixed = np.random.default_rng(0).permutation(min(len(sample), 5000))
    for low, high in ((a, b) for pair in combinations(values, 2) for a, b in (pair, pair[::-1])):
        if sample[low].dtype != sample[high].dtype or (values[low][:_FIRST] > values[high][:_FIRST]).any():
            continue
        one, other = values[low], values[high]
        both = np.isfinite(one) & np.isfinite(other)
        if both.sum() < FEWEST or (one[both] > other[both]).any() or (one[both] == other[both]).all():
            continue
        # unrelated columns with these values would break it often, so it is no accident
        if np.nanmean(one[: len(mixed)] > other[: len(mixed)][mixed]) > _BROKEN:
            yield Rule("<=", (low, high))


def _identities(sample: pd.DataFrame, names: list[str]) -> Iterator[Rule]:
    """Yield the columns that are the sum or product of two others (a difference or ratio is one, read backwards)."""
    names = [n for n in _numbers(sample, names) if sample[n].dtype.kind == "f"]
    values = sample[names].to_numpy(dtype=float)
    head = values[np.isfinite(values).all(axis=1)][:50]
    if len(head) < 30:
        return
    scale, taken = np.abs(head).max(axis=0) + 1e-300, set[np.intp]()
    # a product with a constant one, or a sum with zeros, is no rule
    for i, j in combinations(np.flatnonzero(np.ptp(head, axis=0)), 2):
        for sign, made in (("+", head[:, i] + head[:, j]), ("*", head[:, i] * head[:, j])):
            for k in np.flatnonzero(np.abs(head - made[:, None]).max(axis=0) <= _HAIR * scale):
                rule = Rule(sign, (names[k], names[i], names[j]))
                if k not in (i, j, *taken) and rule.broken(sample).mean() <= 1e-4:
                    taken.add(k)
                    yield rule


def _settled(sample: pd.DataFrame, names: list[str]) -> Iterator[Rule]:
    """Yield the pairs of columns of which one settles the other (functional dependencies)."""
    # most columns of many values show it in a few rows
    few = [n for n in names if sample[n].dtype.kind != "M" and sample[n].iloc[: 2 * _LEVELS].nunique() <= _LEVELS]
    coded = ((n, *pd.factorize(sample[n])) for n in few)
    # a column of one value is settled anyway, and one of many settles everything
    codes = {n: c for n, c, levels in coded if 1 < len(levels) <= min(_LEVELS, len(sample) / 5)}
    for one, other in ((a, b) for pair in combinations(list(codes)[:_MOST], 2) for a, b in (pair, pair[::-1])):
        x, y = codes[one], codes[other]
        both = (x >= 0) & (y >= 0)
        head = np.flatnonzero(both)[:_FIRST]
        if both.sum() < FEWEST or x.max() < y.max() or _unsettled(x[head], y[head]) > 0:
            continue
        most = np.bincount(y[both]).max() / both.sum()
        # each value is seen often enough, and the other column is not settled anyway
        if most < 1 - _BROKEN and both.sum() >= 5 * (x.max() + 1) and _unsettled(x[both], y[both]) <= 1e-3:
            yield Rule("settled by", (other, one), _learn(sample, other, one))


def _unsettled(x: NDArray[np.intp], y: NDArray[np.intp]) -> float:
    """Return the share of rows whose y is not the most frequent one of their x."""
    height, width = int(x.max()) + 1, int(y.max()) + 1
    counts = np.bincount(x * width + y, minlength=height * width).reshape(height, width)
    return 1 - float(counts.max(axis=1).sum()) / len(x)


def _learn(sample: pd.DataFrame, name: str, by: str) -> dict[object, object]:
    # what a value goes with most
    known = sample[[name, by]].astype("object").value_counts(sort=True).reset_index().drop_duplicates(by)
    return dict(zip(known[by], known[name], strict=True))
