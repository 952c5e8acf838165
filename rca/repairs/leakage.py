"""The repair of a feature that knows the target."""

from __future__ import annotations

import numpy as np
import pandas as pd

from rca.registry import repair
from rca.repairs._common import column_of
from rca.repairs._resample import resample
from rca.types import Finding


@repair("leakage", "make the feature forget the target")
def leakage(frame: pd.DataFrame, finding: Finding, reference: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Drop the column if it is new; else draw it from the reference, given the other columns but the target.

    Returns
    -------
    DataFrame
        The repaired table, with the same index.

    Examples
    --------
    >>> from rca.types import Finding
    >>> facts = {"column": "paid", "target": "y", "new": True}
    >>> leakage(pd.DataFrame({"paid": [0, 1], "y": [0, 1]}), Finding("", "", "", "", evidence=facts), None, None)
       y
    0  0
    1  1
    """
    told = finding.evidence
    if told.get("new"):
        return frame.drop(columns=str(told["column"]))
    name = column_of(frame, finding, reference)
    rows = np.ones(len(frame), dtype=bool)
    if told.get("onset"):
        rows = (frame[told["time"]] >= pd.Timestamp(told["onset"])).to_numpy(dtype=bool)
    blind = [frame.drop(columns=told.get("target") or []), reference.drop(columns=told.get("target") or [])]
    return frame.assign(**{name: resample(blind[0], name, rows, blind[1], rng)})
