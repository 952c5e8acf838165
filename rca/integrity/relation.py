"""RCA123 and RCA124, whether columns still go together as they did, by rule or by tendency, and labels with inputs."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import combinations
from typing import Any
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtr
from rca.integrity._common import ALPHA, FEWEST, Mask, Where, beside, filled, labelled, listed, percent, report, told
from rca.integrity._law import Law, Relation, Seen, View, counterpart, joint, settle, ties, views
from rca.integrity.clock import micros
from rca.registry import check
from rca.stats import Floats
from rca.types import Case, Finding, Pair

_FIRST = 500  # rows that are looked at before all are
_MOST = 60  # columns that are looked at in pairs
_LEVELS = 1000
#: A rule that unrelated columns would break in no more rows than this says nothing of their relation.
_BROKEN = 0.05
_HAIR = 1e-6


@check("RCA123", "a relation between columns broke", symptom=True)
def broken_relation(case: Case, *, kept: float = 0.6, floor: float = 0.005) -> Iterator[Finding]:
    """Find rules and relations that the reference follows and the current table does not.

    Rules hold in every row of the reference: a column is never above another, is the sum or product of two others,
    or is settled by another. A relation is what a column says of the others by tendency; it is broken where the
    column's own law is as before but the relations are lost, as in a shuffled column. Columns that moved are left
    to the question of drift.

    The evidence names all `columns` of the rule, or the `partners` that the column had most to do with.

    Examples
    --------
    >>> draw = np.random.default_rng(0)
    >>> whole = pd.DataFrame({"size": draw.normal(80, 20, 3000), "age": draw.uniform(0, 90, 3000)})
    >>> whole["price"] = whole["size"] + whole["age"]
    >>> texts(broken_relation, whole, whole.assign(size=draw.permutation(whole["size"])))[0][:23]
    'price = age + size does'
    """
    for pair in filled(case):
        for rule, hit, before in broken_rules(pair, case):
            text = "{said} does not hold in {share} of the rows of {table}{where}, {before} in the reference."
            facts: dict[str, Any] = {"columns": [*rule.columns], "rule": [rule.kind, *rule.columns], "said": rule.text}
            yield from report(pair, rule.columns[0], case, hit, "broken_relation", text, floor, before=before, **facts)
        law, seen = joint(pair, case)
        torn = sorted(law.names, key=lambda name: law.relation(name, seen).slope)[:5]  # a few are followed in time
        scores = [score for name in torn for score in ties(pair, case, name)]
        found: dict[str, tuple[View, Relation, float]] = {}
        for view in (v for v in views(pair, case, *scores) if "segment" not in v.where):
            for name, (relation, due) in _broken(pair, case, view, kept).items():
                rest = replace(view, mask=~view.mask)
                # it is the whole that broke, unless it is a span of time and not the rest
                if name not in found or (not found[name][0].where and name not in _broken(pair, case, rest, kept)):
                    found[name] = view, relation, due
        for name, (view, tie, due) in found.items():
            strong = np.argsort(-law.dependence[law.names.index(name)], kind="stable")[:5]
            partners = [law.names[j] for j in strong if law.partners[law.names.index(name), j]]
            others = f"other columns (such as {listed(partners[:2])}), and its values are as before."
            text = "{column} of {table}{where} lost {share} of its relations to {others}"
            yield _lost(pair, name, "broken_relation", tie, view.where, text, due, partners=partners, others=others)


def _broken(pair: Pair, case: Case, view: View, kept: float) -> dict[str, tuple[Relation, float]]:
    """Return the columns whose relations are lost in a view, worst first, and what slope chance and nature leave."""
    law, seen = joint(pair, case, view.mask)
    found: dict[str, Relation] = {}
    moved = {name for name in law.names if law.moved(name, seen) > 0.02}  # what moved tells nothing of the others
    while seen.rows >= FEWEST:
        without = frozenset(moved | found.keys())
        left = [(n, r) for n in law.names if n not in without and (r := law.relation(n, seen, None, without)).known]
        broken = {n: r for n, r in left if r.slope < min(kept, 0.9 - 3 * r.error)}
        if not broken:
            break
        # the column that takes most relations with it is the one that broke; its partners only lost that one
        worst = min(broken, key=lambda n: (broken[n].slope - 1) * broken[n].strength)
        found[worst] = broken[worst]
    usual = law.seen.part(counterpart(pair, view))
    # the newest rows may hang together less by nature, and what was learned may be chance in part
    due = {name: min(law.relation(name, usual).slope, law.steady[name]) for name in found}
    # labels that lost their relations are another question
    return {n: (r, due[n]) for n, r in found.items() if n != case.roles.target and r.slope <= due[n] - 0.3}


def _lost(
    pair: Pair, column: str, kind: str, relation: Relation, where: Where, text: str, due: float = 1.0, **evidence: Any
) -> Finding:
    """Report that a column lost relations, which single rows do not show; `due` is what chance leaves of them."""
    gone, error = 1 - relation.slope, 1.645 * relation.error
    place = told(where).replace(", all of them", "")
    facts = {"column": column, "slope": relation.slope, **evidence, **where}
    said = text.format(**evidence, column=column, table=pair.name, share=percent(min(gone, 1.0)), where=place)
    p_value = min(float(ndtr((relation.slope - due) / relation.error)), ALPHA)
    return Finding("", kind, f"data.{pair.name}.{column}", said, None, gone, gone - error, gone + error, p_value, facts)


@check("RCA124", "labels are wrong")
def label_noise(case: Case, *, floor: float = 0.005, least: float = 0.1) -> Iterator[Finding]:
    """Find targets that are wrong in rows overall, since a moment or in a segment; see :func:`broken_relation`.

    Rows that both tables have, by their key, are held against each other. Without common rows the relations of
    the target to the inputs tell: wrong labels make every one of them smaller by the same factor, 1 - e0 - e1
    (Natarajan et al., 2013, Learning with noisy labels, NeurIPS), and leave the inputs and their own relations alone.
    A concept that moved changes some relations and not others.

    Without common rows the effect is the share of the relation that is lost, at most twice that of wrong labels.
    """
    for pair, target in labelled(case):
        keys, joined = list(case.roles.key), beside(pair.reference, pair.current, case.roles.key)
        if joined is not None and len(joined[0]) >= FEWEST and _same_rows(*joined, {target, *keys}):
            before, after = (side[target] for side in joined)
            same = (before.astype(str) == after.astype(str)) | before.isna() | after.isna()
            wrong = joined[1].loc[~same.to_numpy(), keys].assign(wrong=True)
            hit = pair.current.sample[keys].merge(wrong, on=keys, how="left")["wrong"].notna().to_numpy()
            text = "{column} is another than in the reference in {share} of the rows of {table}{where}."
            yield from report(pair, target, case, hit, "label_noise", text, floor, key=keys)
            continue
        law, whole = joint(pair, case)
        if law.relation(target, whole).slope >= 1 - least / 3:
            continue
        parts = views(pair, case, *ties(pair, case, target))  # wrong labels of a part hardly change the whole
        if found := settle(parts, partial(_noisy, pair, law, whole, target, least)):
            said = "lost {share} of its" if found[1].slope > -0.5 else "has the opposite of its"
            text = f"{{column}} of {{table}}{{where}}, wrong or harder to tell, {said} relation to the inputs."
            yield _lost(pair, target, "label_noise", found[1], found[0].where, text)


def _same_rows(before: pd.DataFrame, after: pd.DataFrame, skip: set[str]) -> bool:
    """Say whether rows of one key are one row: a running number is the same on rows that have nothing in common."""
    others = [name for name in before.columns if name not in skip][:8]
    sides = [table[others].astype("object").where(table[others].notna(), None) for table in (before, after)]
    return bool(others) and float(np.median((sides[0] == sides[1]).mean())) > 0.5


def _noisy(pair: Pair, law: Law, whole: Seen, target: str, least: float, view: View) -> Relation | None:
    """Return what became of the target's relations in a view if they, and they alone, are smaller by one factor."""
    seen = whole.part(view.mask)
    relation = law.relation(target, seen)
    # where one class is rarer there is less to tell, and what is told of it may be as it was
    spread = [1 - float((side.shares[law.place[target]] ** 2).sum()) for side in (law.seen, seen)]
    told = relation.slope * max(spread[0] / max(spread[1], 1e-9), 1.0)
    if not relation.known or told > 1 - least - 3 * relation.error:
        return None
    # other relations, as strong as before, are another concept; none, or all turned round, are other labels
    if abs(relation.shape) < 0.9 and relation.size > max(abs(relation.slope) / 0.7, 0.3 + 3 * relation.error):
        return None
    # the target may have less to do with the inputs there, and always had
    due = law.relation(target, law.seen.part(counterpart(pair, view))).slope if view.where else 2.0
    others = [n for n in law.names if n != target]
    kept = [r.slope for n in others if (r := law.relation(n, seen, None, frozenset({target}))).known]
    still = np.median([law.moved(n, seen) for n in others]) <= 0.02
    alone = still and (not kept or np.median(kept) > max(0.85, relation.slope + 0.1))
    return relation if alone and relation.slope < due - least - 6 * relation.error else None


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule that a table follows."""

    kind: str  # `<=` (never above), `+` and `*` (the sum, the product of the others), `settled by`
    columns: tuple[str, ...]  # the first being the one that it is mainly about
    settled: Mapping[object, object] = field(default_factory=dict, repr=False)  # what a value makes of the first column

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
    """Return the rule that a finding names; what a value goes with most in a reference is what it settles."""
    kind, *columns = terms
    if kind != "settled by":
        return Rule(kind, tuple(columns))
    known = reference[columns].astype("object").value_counts(sort=True).reset_index().drop_duplicates(columns[1])
    return Rule(kind, tuple(columns), dict(zip(known[columns[1]], known[columns[0]], strict=True)))


def broken_rules(pair: Pair, case: Case) -> Iterator[tuple[Rule, Mask, float]]:
    """Yield the rules of the reference that current rows break, with these rows and the share in the reference."""
    before, now = pair.reference.sample, pair.current.sample
    names = [n for n in sorted(before.columns) if n in now.columns and n not in case.roles.key]
    names = [n for n in names if before[n].dtype.kind == now[n].dtype.kind or before[n].dtype == "category"]
    taken: set[str] = set()
    for rule in rules_of(before, names) if len(now) >= FEWEST else ():
        hit = rule.broken(now)
        if hit.mean() > 0.002 and not taken & set(rule.columns):  # of a damaged column the first rule is enough
            taken |= set(rule.columns)
            yield rule, hit, float(rule.broken(before).mean())


def rules_of(sample: pd.DataFrame, names: list[str]) -> Iterator[Rule]:
    """Yield the rules that all rows of a sample follow, as unrelated columns would not."""
    if len(sample) >= FEWEST:
        for find in (_identities, _orderings, _settled):
            yield from find(sample, names)


def _numbers(sample: pd.DataFrame, names: list[str]) -> dict[str, Floats]:
    values = {n: as_numbers(sample[n]) for n in names if sample[n].dtype.kind in "fM"}
    known = {n: v[np.isfinite(v)] for n, v in values.items()}
    varied = [n for n, v in known.items() if len(v) >= FEWEST and np.ptp(v[:_FIRST]) > 0]
    return {n: values[n] for n in varied[:_MOST]}


def as_numbers(column: pd.Series) -> Floats:
    """Return a column of numbers or times as floats (seconds), NaN where there is no value."""
    if column.dtype.kind == "M":
        return micros(column) / 1e6
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
    for i, j in combinations(np.flatnonzero(np.ptp(head, axis=0)), 2):  # times one, or plus zero, is no rule
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
            yield rule_of(("settled by", other, one), sample)


def _unsettled(x: NDArray[np.intp], y: NDArray[np.intp]) -> float:
    height, width = int(x.max()) + 1, int(y.max()) + 1
    counts = np.bincount(x * width + y, minlength=height * width).reshape(height, width)
    return 1 - float(counts.max(axis=1).sum()) / len(x)
