"""RCA107 and RCA111, whether there are categories that the reference never had, or under another name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rca.integrity._common import damage, listed
from rca.integrity._levels import changed, said
from rca.registry import check

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rca.types import Case, Finding

_FEW = 10  # a value in fewer rows may be a person's


@check("RCA107", "a category is new", symptom=True)
def new_category(case: Case, *, floor: float = 0.005) -> Iterator[Finding]:
    """Find text columns with categories that the reference never had, under no name.

    Parameters
    ----------
    floor : float
        Categories that make up no more than this share of the rows are no finding.

    Yields
    ------
    Finding
        The evidence holds the new categories and their rows.

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
    >>> opened = whole.assign(city=whole["city"].where(whole.index % 10 > 0, "Lima"))
    >>> case = Case((Pair("train", open_table(whole), open_table(opened)),), Roles())
    >>> [(f.kind, f.text) for f in new_category(case)]
    [('new_category', "city of train has 'Lima' in 10 % of the rows, never seen in the reference.")]
    >>> list(new_category(Case((Pair("train", open_table(whole), open_table(whole)),), Roles())))
    []
    """
    for pair, reference, levels in changed(case):
        if levels.new:
            shown = {v: n for v, n in levels.new.items() if n >= _FEW}
            what = said(listed(list(shown)) or f"{len(levels.new)} values")
            once = sum(n == 1 for n in reference.top.values()) / reference.rows
            text = f"{said(reference.name)} of {{table}} has {what} in {{share}} of the rows{{where}}, never seen in "
            hit = pair.current.sample[reference.name].isin(list(levels.new)).to_numpy()
            yield from damage(
                "RCA107",
                "new_category",
                pair,
                reference.name,
                hit,
                case,
                text=text + "the reference.",
                floor=floor,
                before=once,
                new=shown,
                mapping={},
            )


@check("RCA111", "a category was renamed")
def renamed_category(case: Case, *, floor: float = 0.005) -> Iterator[Finding]:
    """Find categories under a new name: an old one spelled otherwise, or one that lost as many rows.

    Parameters
    ----------
    floor : float
        New names in no more than this share of the rows are no finding.

    Yields
    ------
    Finding
        The evidence maps new names to old ones. Where several old names fit, it is left to ``new_category``.

    Examples
    --------
    >>> import pandas as pd
    >>> from rca.tables import open_table
    >>> from rca.types import Case, Pair, Roles
    >>> whole = pd.DataFrame({"city": ["Rome", "Bonn", "Bonn", "Oslo"] * 200})
    >>> renamed = whole.replace({"Oslo": "Christiania", "Rome": "ROME"})
    >>> case = Case((Pair("train", open_table(whole), open_table(renamed)),), Roles())
    >>> [f.text for f in renamed_category(case)]
    ["city of train has 'Christiania', 'ROME' in 50 % of the rows where the reference has 'Oslo', 'Rome'."]
    >>> list(renamed_category(Case((Pair("train", open_table(whole), open_table(whole)),), Roles())))
    []
    """
    for pair, reference, levels in changed(case):
        mapping = {v: old for v, old in sorted(levels.renamed.items()) if reference.top[old] >= _FEW}
        if mapping:
            told = f"{listed(list(mapping))} in {{share}} of the rows{{where}} where the reference has "
            text = f"{said(reference.name)} of {{table}} has " + said(told + listed(list(mapping.values())) + ".")
            yield from damage(
                "RCA111",
                "renamed_category",
                pair,
                reference.name,
                pair.current.sample[reference.name].isin(list(mapping)).to_numpy(),
                case,
                text=text.replace("{{share}}", "{share}").replace("{{where}}", "{where}"),
                floor=floor,
                mapping=mapping,
            )
