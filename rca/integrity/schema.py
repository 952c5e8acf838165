"""RCA108, whether the table still has its columns, and of the same type."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rca.integrity._common import filled
from rca.registry import check
from rca.types import Case, Finding, Pair

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rca.tables import Column

_WORDS = {"number": "numbers", "category": "text", "time": "times", "other": "another type"}


@check("RCA108", "a column is gone or changed its type")
def schema_change(case: Case) -> Iterator[Finding]:
    """Find columns that disappeared, or whose values are of another family (number, text, time).

    Parameters
    ----------
    case : Case
        Where the two tables of a pair play different roles, only features are expected on both sides.

    Yields
    ------
    Finding
        Of kind ``schema_change`` or ``type_change``. These are facts, not samples: there is no p-value.

    Examples
    --------
    >>> import pandas as pd
    >>> from rca.tables import open_table
    >>> from rca.types import Case, Pair, Roles
    >>> whole = pd.DataFrame({"age": [30, 40, 50], "zip": [101, 202, 303]})
    >>> damaged = pd.DataFrame({"zip": ["101", "202", "303"]})
    >>> case = Case((Pair("train", open_table(whole), open_table(damaged)),), Roles())
    >>> [(f.kind, f.text) for f in schema_change(case)]
    [('schema_change', 'age is gone from train.'), ('type_change', 'zip of train holds text (string), \
numbers (int64) in the reference.')]
    >>> list(schema_change(Case((Pair("train", open_table(whole), open_table(whole)),), Roles())))
    []
    """
    for pair in filled(case):
        after = pair.current.profile.columns
        for name, reference in pair.reference.profile.columns.items():
            current = after.get(name)
            if current is None and _expected(case, pair, name):
                yield Finding(
                    code="RCA108",
                    kind="schema_change",
                    subject=f"data.{pair.name}.{name}",
                    text=f"{name} is gone from {pair.name}.",
                    effect=1.0,
                    evidence={"column": name, "from": reference.type, "to": None, "rows": reference.rows},
                )
            elif current is not None and _retyped(reference, current):
                yield Finding(
                    code="RCA108",
                    kind="type_change",
                    subject=f"data.{pair.name}.{name}",
                    text=f"{name} of {pair.name} holds {_WORDS[current.kind]} ({current.type}), "
                    f"{_WORDS[reference.kind]} ({reference.type}) in the reference.",
                    effect=1.0,
                    evidence={"column": name, "from": reference.type, "to": current.type, "rows": current.present},
                )


def _expected(case: Case, pair: Pair, name: str) -> bool:
    roles = case.roles
    if pair.same_role:
        return True
    return name in roles.features if roles.features else name not in (roles.target, roles.prediction, *roles.key)


def _retyped(reference: Column, current: Column) -> bool:
    # a column without any value has whatever type the file format gives it
    return bool(reference.present and current.present) and reference.kind != current.kind
