"""RCA112, whether rows are there more than once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rca.integrity._common import filled, locate, percent, told
from rca.integrity._repeats import repeats_of, report
from rca.integrity.fanout import join_of
from rca.registry import check

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rca.types import Case, Finding


@check("RCA112", "rows are repeated")
def duplicate_rows(case: Case, *, floor: float = 0.01) -> Iterator[Finding]:
    """Find rows that are repeated as they are, but for their key, and by no join.

    Parameters
    ----------
    floor : float
        A rise of the share of copies up to this is no finding. Rows of few values repeat by nature: what counts
        is what goes beyond the reference, half as much again.

    Yields
    ------
    Finding
        The effect is the rise of the share of copies.

    Examples
    --------
    >>> import pandas as pd
    >>> from rca.tables import open_table
    >>> from rca.types import Case, Pair, Roles
    >>> whole = pd.DataFrame({"amount": [1.5 * i for i in range(800)]})
    >>> damaged = pd.concat([whole, whole[::4]])
    >>> case = Case((Pair("train", open_table(whole), open_table(damaged)),), Roles())
    >>> [(f.text, f.evidence["rows"]) for f in duplicate_rows(case)]
    [('20 % of the rows of train are copies of others, 0 % in the reference.', 200)]
    >>> list(duplicate_rows(Case((Pair("train", open_table(whole), open_table(whole)),), Roles())))
    []
    """
    for pair in filled(case):
        found = repeats_of(pair, case.roles.key, case.roles.time, floor)
        if found and not join_of(found, (*case.roles.key, case.roles.time)):
            place = locate(found.sample, found.extra, case)
            how = f"{percent(found.before)} in the reference{told(place)}"
            yield from report("RCA112", "duplicate_rows", pair, found, floor, how, **place)
