"""The repairs of labels, and of features that know them."""

from __future__ import annotations

import numpy as np
import pandas as pd

from rca.errors import NotApplicable
from rca.registry import repair
from rca.repairs._common import column_of, where
from rca.repairs._resample import resample
from rca.types import Finding


@repair("label_noise", "take the labels of common rows from the reference")
def label_noise(
    frame: pd.DataFrame, finding: Finding, reference: pd.DataFrame, rng: np.random.Generator
) -> pd.DataFrame:
    """Give the rows that the reference has too, by their key, the labels that they have there.

    Returns
    -------
    DataFrame
        The repaired table, with the same index.

    Raises
    ------
    NotApplicable
        If there are no common rows: which labels are wrong cannot be known then.

    Examples
    --------
    >>> whole = pd.DataFrame({"id": [1, 2, 3], "y": [0, 1, 1]})
    >>> finding = Finding("RCA124", "label_noise", "data.train.y", "", evidence={"column": "y", "key": ["id"]})
    >>> label_noise(whole.assign(y=[0, 0, 1]), finding, whole, None)["y"].tolist()
    [0, 1, 1]
    """
    name = column_of(frame, finding, reference)
    key = list(finding.evidence.get("key") or [])
    if not key:
        raise NotApplicable(f"which cells of {name} are wrong cannot be known without rows that both tables have.")
    known = reference.dropna(subset=[*key, name]).drop_duplicates(key, keep=False).set_index(key)[name]
    asked = frame[key[0]] if len(key) == 1 else frame[key].agg(tuple, axis=1)
    right = asked.map(known.to_dict())
    return frame.assign(**{name: right.where(right.notna(), frame[name]).astype(reference[name].dtype)})


@repair("leakage", "make the feature forget the target")
def leakage(frame: pd.DataFrame, finding: Finding, reference: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Drop the column if it is new; else draw it from the reference, given the other columns but the target.

    Returns
    -------
    DataFrame
        The repaired table, with the same index.

    Examples
    --------
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
    blind = [side.drop(columns=told.get("target") or []) for side in (frame, reference)]
    return frame.assign(**{name: resample(blind[0], name, where(frame, finding), blind[1], rng)})
