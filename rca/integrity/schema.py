"""RCA108, whether the table still has its columns, and of the same type."""

from collections.abc import Iterator
from typing import Any
import numpy as np
from rca.integrity._common import FEWEST, filled, noise, rows
from rca.integrity._law import joint
from rca.registry import check
from rca.types import Case, Finding, Pair

_WORDS = {"number": "numbers", "category": "text", "time": "times", "other": "another type"}


@check("RCA108", "a column is gone or changed its type", alone=True)
def schema_change(case: Case) -> Iterator[Finding]:
    """Find columns that disappeared, or whose values are of another family (number, text, time).

    Findings are of kind ``schema_change`` (`renamed` tells the new name of the values) or ``type_change``; facts,
    without p-value. Where the tables of a pair play different roles, only features are expected on both sides.

    Examples
    --------
    >>> whole = pd.DataFrame({"age": range(500), "zip": range(500, 1000)})
    >>> texts(schema_change, whole, whole.drop(columns="age").astype(str))
    ['age is gone from train.', 'zip of train holds text (string), numbers (int64) in the reference.']
    >>> texts(schema_change, whole, whole.rename(columns={"age": "years"})), texts(schema_change, whole, whole)
    (['age is called years in train.'], [])
    """
    roles = case.roles
    for pair in filled(case):
        before, after, renamed = pair.reference.profile.columns, pair.current.profile.columns, _renamed(pair, case)
        for name, reference in before.items():
            current = after.get(name)
            facts: dict[str, Any] = {"column": name, "from": reference.type, "to": None, "rows": reference.rows}
            others = (roles.target, roles.prediction, *roles.key)
            expected = pair.same_role or (name in roles.features if roles.features else name not in others)
            if current is None and expected:
                kind, text = "schema_change", f"{name} is gone from {pair.name}."
                if name in renamed:
                    text, facts["renamed"] = f"{name} is called {renamed[name]} in {pair.name}.", renamed[name]
            # a column without any value has whatever type the file format gives it
            elif current and reference.present and current.present and reference.kind != current.kind:
                kind, words = "type_change", [f"{_WORDS[side.kind]} ({side.type})" for side in (current, reference)]
                text = f"{name} of {pair.name} holds {', '.join(words)} in the reference."
                facts |= {"to": current.type, "rows": current.present}
            else:
                continue
            yield Finding("RCA108", kind, f"data.{pair.name}.{name}", text, effect=1.0, evidence=facts)


def _renamed(pair: Pair, case: Case) -> dict[str, str]:
    """Map lost columns to the only new one that has the same law."""
    before, after = pair.reference.profile.columns, pair.current.profile.columns
    lost, fresh = ([n for n in one if n not in other] for one, other in ((before, after), (after, before)))
    if not lost or not fresh or min(rows(pair)) < FEWEST:
        return {}
    law, found = joint(pair, case)[0], []
    for old, new in ((old, new) for old in lost for new in fresh if old in law.names):
        if before[old].kind == after[new].kind:
            gap = law.cuts[old].cells(pair.current.sample[new]).mean(axis=0) - law.seen.shares[law.place[old]]
            found += [(old, new)] if np.abs(np.cumsum(gap)).max() <= noise(*rows(pair)) else []
    names = [name for one in found for name in one]
    return {old: new for old, new in found if names.count(old) == names.count(new) == 1}
