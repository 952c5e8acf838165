"""RCA107 and RCA111, whether there are categories that the reference never had, or under another name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

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
    A sample misses rare categories: about as large a share as it has of those seen once (Good, 1953, The
    population frequencies of species, Biometrika 40), which is what the new share is compared with.

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
        if not levels.new:
            continue
        name, shown = reference.name, {v: n for v, n in levels.new.items() if n >= _FEW}
        once = sum(n == 1 for n in reference.top.values()) / reference.rows
        what = listed(list(shown)) or f"{len(levels.new)} values"
        text = (
            said(f"{name} of {pair.name} has {what} in ") + "{share} of the rows{where}, never seen in the reference."
        )
        hit, known = pair.current.sample[name].isin(list(levels.new)).to_numpy(), {"new": shown, "mapping": {}}
        facts: dict[str, Any] = {"text": text, "floor": floor, "before": once, **known}
        yield from damage("RCA107", "new_category", pair, name, hit, case, **facts)


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
            name, old = reference.name, listed(list(mapping.values()))
            text = said(f"{name} of {pair.name} has {listed(list(mapping))} in ") + "{share} of the rows{where}"
            facts: dict[str, Any] = {
                "text": text + said(f" where the reference has {old}."),
                "floor": floor,
                "mapping": mapping,
            }
            hit = pair.current.sample[name].isin(list(mapping)).to_numpy()
            yield from damage("RCA111", "renamed_category", pair, name, hit, case, **facts)
