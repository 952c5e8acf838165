"""RCA113, whether a join multiplied rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from rca.integrity._common import filled, listed
from rca.integrity._repeats import Repeats, repeats_of, report
from rca.registry import check

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rca.types import Case, Finding

_PURE = 0.9
_VALUES = 10
_ROWS = 10


@check("RCA113", "a join multiplied rows")
def join_fanout(case: Case, *, floor: float = 0.01) -> Iterator[Finding]:
    """Find rows that are there several times as a join leaves them.

    Such copies are those of all rows with certain values of one column, the key of the join, or differ in a few
    columns, which came from the joined table.

    Parameters
    ----------
    floor : float
        A rise of the share of copies up to this is no finding.

    Yields
    ------
    Finding
        The evidence has the `join` column and its `values`, or the `joined` columns.

    Examples
    --------
    >>> from rca.tables import open_table
    >>> from rca.types import Case, Pair, Roles
    >>> whole = pd.DataFrame({"amount": np.arange(800) * 1.5, "shop": ["Bonn", "Oslo", "Rome", "Wien"] * 200})
    >>> damaged = pd.concat([whole, whole[whole["shop"] == "Oslo"]])
    >>> case = Case((Pair("train", open_table(whole), open_table(damaged)),), Roles())
    >>> [f.text for f in join_fanout(case)]
    ["20 % of the rows of train are copies of others, as of a join that multiplies the rows with shop 'Oslo'."]
    >>> list(join_fanout(Case((Pair("train", open_table(whole), open_table(whole)),), Roles())))
    []
    """
    for pair in filled(case):
        found = repeats_of(pair, case.roles.key, case.roles.time, floor)
        cause = join_of(found, (*case.roles.key, case.roles.time)) if found else {}
        if found and cause:
            how = f"multiplies the rows with {cause['join']} {listed(cause['values'])}" if "join" in cause else ""
            how = how or f"adds {listed(found.joined)} more than once"
            yield from report("RCA113", "join_fanout", pair, found, floor, f"as of a join that {how}", **cause)


def join_of(found: Repeats, skip: tuple[str | None, ...]) -> dict[str, Any]:
    """Return what tells that a join made the copies: the column and values that they all have, or joined columns."""
    choices = []
    for name in sorted(set(found.sample.columns) - {*skip, *found.joined}):
        codes, levels = pd.factorize(found.sample[name], use_na_sentinel=False)
        parts = (~found.extra, found.copied & ~found.extra, found.extra)
        size, hit, extra = (np.bincount(codes[part], minlength=len(levels)) for part in parts)
        full = hit >= _PURE * np.maximum(size, 1)
        all_there = extra[full].sum() >= _PURE * found.extra.sum()
        # the few rows of a rare value are all copied by chance
        if all_there and 5 * full.sum() <= size[full].sum() <= 0.8 * size.sum():
            choices.append((int(full.sum()), name, sorted(str(v) for v in levels[full & (size + extra >= _ROWS)])))
    if choices:
        _, name, values = min(choices)
        return {"join": name, "values": values[:_VALUES], "joined": list(found.joined)}
    return {"joined": list(found.joined)} if found.joined else {}
