"""RCA101, whether more values are missing than before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from rca.integrity._common import columns, damage, percent
from rca.integrity._levels import said
from rca.registry import check

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd

    from rca.integrity._common import Mask
    from rca.tables import Column
    from rca.types import Case, Finding, Table


@check("RCA101", "values went missing")
def missing_values(case: Case, *, floor: float = 0.02) -> Iterator[Finding]:
    """Find columns whose share of missing values (null, NaN or blank text) rose beyond what it ever was.

    Parameters
    ----------
    floor : float
        A rise up to this share is no finding: over the reference's, or over the largest that it has in a tenth
        of its time.

    Yields
    ------
    Finding
        The effect is the rise of the share. The target counts only between tables of the same role, since the
        newest labels of a production table are not known yet.

    Examples
    --------
    >>> import pandas as pd
    >>> from rca.tables import open_table
    >>> from rca.types import Case, Pair, Roles
    >>> whole = pd.DataFrame({"income": range(1000), "city": ["A", "B"] * 500})
    >>> damaged = whole.assign(income=whole["income"].where(whole.index >= 300))
    >>> case = Case((Pair("train", open_table(whole), open_table(damaged)),), Roles())
    >>> [(f.subject, round(f.effect, 2), f.text) for f in missing_values(case)]
    [('data.train.income', 0.3, 'income is missing in 30 % of the rows of train, 0 % in the reference.')]
    >>> list(missing_values(Case((Pair("train", open_table(whole), open_table(whole)),), Roles())))
    []
    """
    for pair, reference, current in columns(case):
        name = reference.name
        if name == case.roles.target and not pair.same_role:
            continue
        before, hit = (_empty(*side) for side in ((pair.reference, reference), (pair.current, current)))
        share, most = float(before.mean()), _natural(pair.reference.sample, before, case.roles.time, name)
        text = said(f"{name} is missing in") + " {share} of the rows of {table}{where}, "
        text += f"{percent(share)} in the reference."
        facts: dict[str, Any] = {
            "text": text,
            "floor": floor,
            "before": most,
            "reference_share": share,
            "current_share": hit.mean(),
        }
        where: dict[str, Any] | None = None if name in pair.current.sample else {}
        yield from damage("RCA101", "missing_values", pair, name, hit, case, where=where, **facts)


def _empty(table: Table, column: Column) -> Mask:
    """Return which cells hold nothing, or nothing but blanks."""
    sample = table.sample
    if column.name not in sample:  # of a type of which only the count is known
        return np.arange(len(sample)) * column.rows < column.missing * len(sample)
    values = sample[column.name]
    if values.dtype != "category":
        return np.asarray(values.isna())
    full = [bool(level.strip()) for level in values.cat.categories.tolist()]
    return ~np.array([*full, False])[values.cat.codes.to_numpy()]


def _natural(reference: pd.DataFrame, empty: Mask, time: str | None, name: str) -> float:
    """Return the largest share of the tenths of the reference's time, beyond what chance makes of them."""
    share = float(empty.mean())
    if time not in reference or time == name or reference[time].dtype.kind != "M" or not 0 < share < 1:
        return share
    order = np.argsort(reference[time].to_numpy(), kind="stable")
    blocks = [empty[part].mean() for part in np.array_split(order, 10) if len(part)]
    slack = 2 * np.sqrt(share * (1 - share) * 10 / len(empty))
    return max(share, float(max(blocks) - slack))
