"""RCA109, whether text was written or read in a wrong encoding."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from rca.integrity._common import columns, damage
from rca.integrity._levels import MANY, changed, said
from rca.integrity._text import GAP, bare, marked
from rca.registry import check

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd

    from rca.integrity._common import Mask
    from rca.types import Case, Finding, Pair


@check("RCA109", "text was read in a wrong encoding")
def encoding(case: Case, *, floor: float = 0.005) -> Iterator[Finding]:
    """Find text with the marks of a wrong encoding, or with accents lost or gained.

    Parameters
    ----------
    floor : float
        A rise of the share of such rows up to this is no finding.

    Yields
    ------
    Finding
        The evidence maps damaged values to the categories that they were, as far as that is sure.

    Examples
    --------
    >>> import pandas as pd
    >>> from rca.tables import open_table
    >>> from rca.types import Case, Pair, Roles
    >>> whole = pd.DataFrame({"city": ["Köln", "Bonn", "Bonn", "Oslo"] * 200})
    >>> broken = whole.assign(city=[name.encode().decode("latin-1") for name in whole["city"]])
    >>> case = Case((Pair("train", open_table(whole), open_table(broken)),), Roles())
    >>> [(f.text, f.evidence["mapping"]) for f in encoding(case)]
    [('city of train has text in a wrong encoding in 25 % of the rows.', {'KÃ¶ln': 'Köln'})]
    >>> list(encoding(Case((Pair("train", open_table(whole), open_table(whole)),), Roles())))
    []
    """
    for pair, name, hit, before, mapping in _damaged(case):
        text = said(name) + " of {table} has text in a wrong encoding in {share} of the rows{where}."
        facts: dict[str, Any] = {"text": text, "floor": floor, "before": before, "mapping": mapping}
        yield from damage("RCA109", "encoding", pair, name, hit, case, **facts)


def _damaged(case: Case) -> Iterator[tuple[Pair, str, Mask, float, dict[str, str]]]:
    done = set()
    for pair, reference, levels in changed(case):
        hit = pair.current.sample[reference.name].isin(list(levels.damaged)).to_numpy()
        if hit.any():
            done.add((pair.name, reference.name))
            known = {v: old for v, old in levels.damaged.items() if old is not None and reference.top[old] >= 10}
            yield pair, reference.name, hit, 0.0, known
    for pair, reference, _ in columns(case, "category"):
        if (reference.distinct or 0) > MANY and (pair.name, reference.name) not in done:
            sides = [table.sample[reference.name] for table in (pair.reference, pair.current)]
            (first, now), (plain, odd) = map(_marked, sides), map(_accented, sides)
            # accents are a damage where there were none
            hit = now | odd if plain.mean() < 0.001 else now
            yield pair, reference.name, hit, float(first.mean()), {}


def _marked(values: pd.Series) -> Mask:
    """Return the rows whose text shows marks that no reader would leave there."""
    levels = values.cat.categories.tolist()
    whole = "\n".join(levels)
    clean = whole.isascii() and not marked(whole) and not GAP.search(whole)
    return _rows(values, [not clean and (marked(text) or GAP.search(text) is not None) for text in levels])


def _accented(values: pd.Series) -> Mask:
    return _rows(values, [not text.isascii() and bare(text) != text for text in values.cat.categories.tolist()])


def _rows(values: pd.Series, levels: list[bool]) -> Mask:
    return np.array([*levels, False])[values.cat.codes.to_numpy()]
