"""The repair of new, renamed and wrongly encoded categories."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rca.integrity._text import marked, mended
from rca.registry import repair
from rca.repairs._common import column_of
from rca.repairs._resample import resample, restore

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from rca.types import Finding

_MANY = 200


@repair("encoding", "read text in the encoding that it has")
@repair("renamed_category", "give a renamed category its old name")
@repair("new_category", "draw the rows of a new category from the reference")
def new_category(
    frame: pd.DataFrame, finding: Finding, reference: pd.DataFrame, rng: np.random.Generator
) -> pd.DataFrame:
    """Map categories that the reference never had to what they were, and draw the others again.

    Parameters
    ----------
    finding : Finding
        Its evidence holds ``mapping`` (new to old, where that is known).

    Returns
    -------
    DataFrame
        The repaired table, with the same index. Of text with many values only what shows marks of a wrong
        encoding is mended, or drawn again.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from rca.types import Finding
    >>> whole = pd.DataFrame({"city": ["Rome", "Oslo"] * 50, "zip": [10, 20] * 50})
    >>> renamed = whole.replace("Rome", "Roma")
    >>> found = {"column": "city", "mapping": {"Roma": "Rome"}}
    >>> finding = Finding("RCA111", "renamed_category", "data.train.city", "", evidence=found)
    >>> new_category(renamed, finding, whole, np.random.default_rng(0)).equals(whole)
    True
    >>> unknown = Finding("RCA107", "new_category", "data.train.city", "", evidence={**found, "mapping": {}})
    >>> new_category(renamed, unknown, whole, np.random.default_rng(0)).equals(whole)
    True
    """
    column = column_of(frame, finding, reference)
    known = set(reference[column].dropna().astype("object").map(str))
    fixed = frame[column].astype("object")
    text = fixed.map(str, na_action="ignore")
    odd = text.notna() & ~text.isin(known)
    names = {value: finding.evidence.get("mapping", {}).get(value, mended(value)) for value in text[odd].unique()}
    sure = {value: old for value, old in names.items() if old in known or (len(known) > _MANY and not marked(old))}
    fixed = fixed.mask(odd & text.isin(list(sure)), text.map(sure))
    strange = (odd & ~text.isin(list(sure))).to_numpy()
    if not strange.any():
        return frame.assign(**{column: restore(fixed, reference[column].dtype)})
    return frame.assign(**{column: resample(frame.assign(**{column: fixed}), column, strange, reference, rng)})
