"""RCA101, whether more values are missing than before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rca.integrity._common import ALPHA, columns, percent
from rca.registry import check
from rca.stats import rate_change
from rca.types import Case, Finding

if TYPE_CHECKING:
    from collections.abc import Iterator


@check("RCA101", "values went missing")
def missing_values(case: Case, *, floor: float = 0.02) -> Iterator[Finding]:
    """Find columns whose share of missing values (null or NaN) rose.

    Parameters
    ----------
    case : Case
    floor : float
        A rise up to this share is no finding.

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
        if reference.name == case.roles.target and not pair.same_role:
            continue
        change = rate_change(reference.missing, reference.rows, current.missing, current.rows, floor)
        if change.difference <= floor or change.p_value > ALPHA:
            continue
        before, after = reference.missing / reference.rows, current.missing / current.rows
        yield Finding(
            code="RCA101",
            kind="missing_values",
            subject=f"data.{pair.name}.{reference.name}",
            text=f"{reference.name} is missing in {percent(after)} of the rows of {pair.name}, "
            f"{percent(before)} in the reference.",
            effect=change.difference,
            low=change.low,
            high=change.high,
            p_value=change.p_value,
            evidence={
                "column": reference.name,
                "rows": current.missing,
                "reference_share": before,
                "current_share": after,
            },
        )
