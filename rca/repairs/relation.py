"""The repair of broken relations."""

from __future__ import annotations

import numpy as np
import pandas as pd

from rca.integrity._exact import rule_of
from rca.registry import repair
from rca.repairs._common import column_of, plain, where
from rca.repairs._resample import resample
from rca.types import Finding


@repair("broken_relation", "draw the column again, given the others")
def broken_relation(
    frame: pd.DataFrame, finding: Finding, reference: pd.DataFrame, rng: np.random.Generator
) -> pd.DataFrame:
    """Draw a column that lost its relations from the reference, given the other columns.

    Returns
    -------
    DataFrame
        Where a rule is broken, only the rows that break it are drawn.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from rca.types import Finding
    >>> whole = pd.DataFrame({"low": [1.0, 9.0] * 50, "high": [2.0, 10.0] * 50})
    >>> rule = {"column": "low", "rule": ["<=", "low", "high"]}
    >>> finding = Finding("RCA123", "broken_relation", "data.train.low", "", evidence=rule)
    >>> broken = whole.assign(low=whole["low"].where(whole.index > 3, 9.0))
    >>> broken_relation(broken, finding, whole, np.random.default_rng(0)).equals(whole)
    True
    """
    name = column_of(frame, finding, reference)
    terms = finding.evidence.get("rule")
    rows = where(frame, finding)
    if terms:
        names = terms[1:]
        rows = rule_of(terms, plain(reference, names)).broken(plain(frame, names))
    return frame.assign(**{name: resample(frame, name, rows, reference, rng)})
