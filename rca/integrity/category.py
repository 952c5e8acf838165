"""RCA107, whether there are categories that the reference never had."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rca.integrity._common import ALPHA, columns, listed, percent
from rca.registry import check
from rca.stats import rate_change
from rca.types import Case, Finding

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rca.tables import Column


@check("RCA107", "a category is new or was renamed", symptom=True)
def new_category(case: Case, *, floor: float = 0.005, levels: int = 200) -> Iterator[Finding]:
    """Find text columns with categories that the reference never had.

    Parameters
    ----------
    case : Case
    floor : float
        Categories that make up no more than this share of the rows are no finding.
    levels : int
        Columns with more distinct values in the reference are text or keys, and are left alone.

    Yields
    ------
    Finding
        Of kind ``renamed_category`` where for every new category an old one vanished that was as frequent, or
        is spelled alike; its evidence maps new to old. Otherwise of kind ``new_category``.

    Notes
    -----
    A sample always misses some rare categories. The share that it misses is estimated by the share of
    categories seen once (Good, 1953), and is what the new share is compared with.

    References
    ----------
    Good, I. J. (1953). The population frequencies of species. Biometrika 40.

    Examples
    --------
    >>> import pandas as pd
    >>> from rca.tables import open_table
    >>> from rca.types import Case, Pair, Roles
    >>> whole = pd.DataFrame({"city": ["Rome", "Bonn", "Bonn", "Oslo"] * 200})
    >>> renamed = whole.replace("Rome", "Roma")
    >>> opened = whole.assign(city=whole["city"].where(whole.index % 10 > 0, "Lima"))
    >>> def found(table):
    ...     pair = Pair("train", open_table(whole), open_table(table))
    ...     return [(f.kind, f.text) for f in new_category(Case((pair,), Roles()))]
    >>> found(renamed)
    [('renamed_category', "city of train has 'Roma' in 25 % of the rows where the reference has 'Rome'.")]
    >>> found(opened)
    [('new_category', "city of train has 'Lima' in 10 % of the rows, never seen in the reference.")]
    >>> found(whole)
    []
    """
    for pair, reference, current in columns(case, "category"):
        if not reference.present or not current.present or (reference.distinct or 0) > levels:
            continue
        new = {value: n for value, n in current.top.items() if value not in reference.top}
        once = sum(n == 1 for n in reference.top.values())
        count = sum(new.values())
        change = rate_change(once, reference.present, count, current.present, floor)
        if change.difference <= floor or change.p_value > ALPHA:
            continue
        name, share = reference.name, percent(count / current.present)
        mapping = _renamed(reference, current, new)
        if len(mapping) == len(new):
            kind, tail = "renamed_category", f" where the reference has {listed(list(mapping.values()))}"
        else:
            kind, tail = "new_category", ", never seen in the reference"
        yield Finding(
            code="RCA107",
            kind=kind,
            subject=f"data.{pair.name}.{name}",
            text=f"{name} of {pair.name} has {listed(list(new))} in {share} of the rows{tail}.",
            effect=change.difference,
            low=change.low,
            high=change.high,
            p_value=change.p_value,
            evidence={"column": name, "rows": count, "new": new, "mapping": mapping},
        )


def _renamed(reference: Column, current: Column, new: Mapping[str, int]) -> dict[str, str]:
    """Map each new category to the old one that it stands for, as far as there is one."""
    spelled = {_spelling(old): old for old in reference.top if _spelling(old)}
    gone = {old: n / reference.present for old, n in reference.top.items() if old not in current.top}
    mapping: dict[str, str] = {}
    for value, count in new.items():
        share = count / current.present
        old = spelled.get(_spelling(value))
        if old is None:
            near = min((o for o in gone if o not in mapping.values()), key=lambda o: abs(gone[o] - share), default=None)
            if near is None:
                continue
            error = np.sqrt(share * (1 - share) * (1 / reference.present + 1 / current.present))
            if abs(gone[near] - share) > max(3 * error, 0.1 * share):
                continue
            old = near
        mapping[value] = old
    return mapping


def _spelling(value: str) -> str:
    return "".join(sign for sign in value.casefold() if sign.isalnum())
