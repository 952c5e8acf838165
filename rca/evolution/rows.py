"""Which rows of the training table came, went or changed."""

from collections.abc import Iterator
from typing import Any
import ibis
from rca.engine import fetch
from rca.errors import NotApplicable
from rca.registry import diff
from rca.tables import Table
from rca.types import Case, Finding, Pair

_MOST = 5  # columns that the text names


@diff("RCA210", "rows of the training table changed")
def training_rows(case: Case) -> Iterator[Finding]:
    """Join both training tables on the key: rows that came, rows that went, and cells that changed, by column.

    At most one finding, with the number of rows and the target's mean or shares on both sides; without a key, it is
    these alone that are told. `effect` is the share of the current rows that are new or changed; of the rows that the
    table grew by where they have no key.

    Examples
    --------
    >>> old = pd.DataFrame({"id": range(100), "age": range(100), "y": [0, 1] * 50})
    >>> new = pd.concat([old[10:], pd.DataFrame({"id": [200], "age": [7], "y": [1]})])
    >>> new.loc[20:39, "age"] = 0
    >>> case = Case((Pair("train", open_table(old), open_table(new)),), Roles(target="y", key=("id",)))
    >>> [f.text for f in training_rows(case)]
    ['train went from 100 to 91 rows: 1 came, 10 went, and 20 have other values (age in 20); mean y from 0.5 to 0.5055']
    """
    pair = next((p for p in case.pairs if p.name == "train"), None)
    if pair is None:
        raise NotApplicable("there is no training table on both sides")
    before, after = pair.reference.profile.rows, pair.current.profile.rows
    facts: dict[str, Any] = {"rows": [before, after], **_label(pair, case)}
    key, text = list(case.roles.key), f"train went from {before:,} to {after:,} rows"
    if key and all(set(key) <= set(table.columns) for table in (pair.reference, pair.current)):
        facts |= _joined(pair, key)
        cells = dict(sorted(facts["cells"].items(), key=lambda item: -item[1])[:_MOST])
        named = f" ({', '.join(f'{name} in {count:,}' for name, count in cells.items())})" if cells else ""
        text += f": {facts['came']:,} came, {facts['went']:,} went, and {facts['changed']:,} have other values{named}"
        moved = facts["came"] + facts["changed"]
    else:
        moved = after - before
    if "target" in facts:
        text += "; {} from {:.4g} to {:.4g}".format(facts["target"], *facts["rate"])
    if moved or before != after:
        yield Finding("RCA210", "training_data", "data.train", text, None, moved / max(after, 1), evidence=facts)


def _joined(pair: Pair, key: list[str]) -> dict[str, Any]:
    """Count keys on one side alone, and of the others the rows and cells that differ."""
    sides = pair.reference.expr, pair.current.expr
    types = [side.schema() for side in sides]
    # a column of another type is a change of its own, that the checks tell
    shared = [n for n in types[0] if types[0][n] == types[1].get(n) and n not in key]
    for table in (pair.reference, pair.current):
        if (repeated := table.profile.rows - Table(table.expr.select(*key).distinct()).rows) > 0:
            raise NotApplicable(f"{repeated:,} rows of {table.name} have the key of another")
    # names may be anything, so the join is told numbers
    keys = {f"k{i}": ibis._[name] for i, name in enumerate(key)}
    old, new = ({f"{side}{i}": ibis._[name] for i, name in enumerate(shared)} for side in "ab")
    both = sides[0].select(**keys, **old).inner_join(sides[1].select(**keys, **new), [*keys])
    other = {f"c{i}": ~both[f"a{i}"].identical_to(both[f"b{i}"]) for i in range(len(shared))}
    if other:
        other["changed"] = ibis.or_(*other.values())
    (found,) = fetch(both.aggregate(n=both.count(), **{name: hit.sum() for name, hit in other.items()})).to_pylist()
    cells = {name: found[f"c{i}"] for i, name in enumerate(shared) if found[f"c{i}"]}
    came, went = (table.profile.rows - found["n"] for table in (pair.current, pair.reference))
    # the sum of no rows is null
    return {"came": came, "went": went, "changed": found.get("changed") or 0, "cells": cells}


def _label(pair: Pair, case: Case) -> dict[str, Any]:
    """Return the mean of a target that is a number, or the share of its positive class."""
    target, found = case.roles.target or "", []
    for table in (pair.reference, pair.current):
        column = table.profile.columns.get(target)
        if column is None or not column.present:
            return {}
        if column.mean is not None:
            what, rate = f"mean {target}", column.mean
        else:
            positive = str(case.roles.positive if case.roles.positive is not None else max(column.top))
            what, rate = f"the share of {target} '{positive}'", column.top.get(positive, 0) / column.present
        found.append(rate)
    return {"target": what, "rate": found}
