"""RCA123, whether columns still go together as they did."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rca.integrity._common import ALPHA, FEWEST, braced, chance, damage, filled, listed, percent, told, views
from rca.integrity._exact import broken_rules
from rca.integrity._law import Law, Seen, law_of, seen_of
from rca.registry import check
from rca.types import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rca.integrity._common import View
    from rca.integrity._law import Relation
    from rca.types import Case, Pair


@check("RCA123", "a relation between columns broke", symptom=True)
def broken_relation(case: Case, *, kept: float = 0.6, floor: float = 0.005) -> Iterator[Finding]:
    """Find rules and relations that the reference follows and the current table does not.

    Rules hold in every row of the reference: a column is never above another, is the sum, difference or product
    of two others, or is settled by another. A relation is what a column says of the others by tendency; it is
    broken where the column's own law is as before but the relations are lost, as in a shuffled column. Columns
    that moved are left to the question of drift.

    Parameters
    ----------
    kept : float
        A column that keeps more than this share of its relations is not broken.
    floor : float
        A share of rows up to this may break a rule.

    Yields
    ------
    Finding
        The evidence names all `columns` of the rule, or those that the column had most to do with.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from rca.tables import open_table
    >>> from rca.types import Case, Pair, Roles
    >>> draw = np.random.default_rng(0)
    >>> whole = pd.DataFrame({"size": draw.normal(80, 20, 3000), "age": draw.uniform(0, 90, 3000)})
    >>> whole["price"] = 3 * whole["size"] + draw.normal(0, 20, 3000)
    >>> whole["rent"] = whole["price"] / 9 - whole["age"] / 9 + draw.normal(0, 1, 3000)
    >>> shuffled = whole.assign(size=draw.permutation(whole["size"]))
    >>> def found(table):
    ...     case = Case((Pair("train", open_table(whole), open_table(table)),), Roles())
    ...     return [f.subject for f in broken_relation(case)]
    >>> found(shuffled)
    ['data.train.size']
    >>> found(whole.sample(frac=1, random_state=0))
    []
    """
    for pair in filled(case):
        for rule, hit, before in broken_rules(pair, case):
            yield from damage(
                "RCA123",
                "broken_relation",
                pair,
                rule.column,
                hit,
                case,
                text=f"{braced(rule.text)} does not hold in {{share}} of the rows of {{table}}{{where}}, "
                f"{percent(before)} in the reference.",
                floor=floor,
                before=before,
                columns=list(rule.columns),
                rule=list(rule.terms),
            )
        law = law_of(pair.reference, case)
        seen: set[str] = set()
        for view in (v for v in views(pair, case) if "segment" not in v.where):
            part = seen_of(pair, case).part(view.mask)
            for name, relation in _lost(law, part, kept):
                # labels that lost their relations are another question
                if name not in seen and name != case.roles.target:
                    seen.add(name)
                    yield _finding(pair, law, name, relation, view)


def _lost(law: Law, seen: Seen, kept: float) -> list[tuple[str, Relation]]:
    """Return the columns whose relations are lost, the worst first, each judged without those before it."""
    found: list[tuple[str, Relation]] = []
    if seen.rows < FEWEST:
        return found
    # what moved, or is gone, says nothing of what the others are to each other
    moved = {name for name in law.names if law.moved(name, seen) > 0.02}
    while True:
        without = frozenset(moved | {name for name, _ in found})
        left = [(n, r) for n in law.names if n not in without and (r := law.relation(n, seen, None, without)).known]
        lost = [(n, r) for n, r in left if r.slope < min(kept, 0.9 - 3 * r.error)]
        if not lost:
            return found
        # the column that takes most relations with it is the one that broke; its partners only lost that one
        found.append(min(lost, key=lambda item: (item[1].slope - 1) * item[1].strength))


def _finding(pair: Pair, law: Law, name: str, relation: Relation, view: View) -> Finding:
    i = law.names.index(name)
    order = [law.names[j] for j in np.argsort(-law.dependence[i], kind="stable") if law.partners[i, j]]
    lost, error = 1 - relation.slope, relation.error
    others = f"other columns (such as {listed(order[:2])})"
    return Finding(
        code="RCA123",
        kind="broken_relation",
        subject=f"data.{pair.name}.{name}",
        text=f"{name} of {pair.name}{told(view.where)} lost {percent(min(lost, 1.0))} of its relations to {others}, "
        "and its values are as before.",
        effect=lost,
        low=lost - 1.645 * error,
        high=lost + 1.645 * error,
        p_value=min(chance(lost / error), ALPHA),
        evidence={"column": name, "columns": [name], "partners": order[:5], "slope": relation.slope, **view.where},
    )
