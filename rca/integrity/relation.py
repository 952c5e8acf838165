"""RCA123, whether columns still go together as they did."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any
import numpy as np
from rca.integrity._common import FEWEST, filled, listed, lost, report
from rca.integrity._exact import broken_rules
from rca.integrity._law import Relation, joint
from rca.integrity._views import View, counterpart, ties, views
from rca.registry import check
from rca.types import Case, Finding, Pair


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
            told: dict[str, Any] = {"columns": list(rule.columns), "rule": list(rule.terms), "said": rule.text}
            yield from report(pair, rule.columns[0], case, hit, "broken_relation", text, floor, before=before, **told)
        law, seen = joint(pair, case)
        # the relations of a few columns are followed in time
        torn = sorted(law.names, key=lambda name: law.relation(name, seen).slope)[:5]
        scores = [score for name in torn for score in ties(pair, case, name)]
        found: dict[str, tuple[View, Relation, float]] = {}
        for view in (v for v in views(pair, case, *scores) if "segment" not in v.where):
            for name, (relation, due) in _broken(pair, case, view, kept).items():
                known = found.get(name)
                rest = replace(view, mask=~view.mask)
                # it is the whole that broke, unless it is a span of time and not the rest
                if known is None or (not known[0].where and name not in _broken(pair, case, rest, kept)):
                    found[name] = view, relation, due
        for name, (view, relation, due) in found.items():
            strong = np.argsort(-law.dependence[law.names.index(name)], kind="stable")[:5]
            partners = [law.names[j] for j in strong if law.partners[law.names.index(name), j]]
            others = f"other columns (such as {listed(partners[:2])}), and its values are as before."
            text = "{column} of {table}{where} lost {share} of its relations to {others}"
            yield lost(pair, name, "broken_relation", relation, view.where, text, due, partners=partners, others=others)


def _broken(pair: Pair, case: Case, view: View, kept: float) -> dict[str, tuple[Relation, float]]:
    """Return the columns whose relations are lost in a view, and what slope chance and nature leave them.

    The worst comes first, and each is judged without those before it.
    """
    law, seen = joint(pair, case, view.mask)
    found: dict[str, Relation] = {}
    # what moved, or is gone, says nothing of what the others are to each other
    moved = {name for name in law.names if law.moved(name, seen) > 0.02}
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
