"""The repair of features that production computes otherwise."""

from __future__ import annotations

from numpy.random import Generator
from pandas import DataFrame

from rca.registry import repair
from rca.repairs._common import column_of, where
from rca.repairs._resample import resample, restore
from rca.types import Finding


@repair("train_serve_skew", "take the values that training saw")
def train_serve_skew(frame: DataFrame, finding: Finding, reference: DataFrame, rng: Generator) -> DataFrame:
    """Undo how the column differs, and take the reference's values where it has the row.

    Returns
    -------
    DataFrame
        The repaired table, with the same index.

    Examples
    --------
    >>> import numpy as np
    >>> from rca.types import Finding
    >>> train = DataFrame({"id": range(4), "age": [20.0, 31.0, 42.0, 53.0]})
    >>> evidence = {"column": "age", "how": "scaled", "factor": 12.0, "key": ["id"]}
    >>> finding = Finding("RCA120", "train_serve_skew", "data.production.age", "", evidence=evidence)
    >>> train_serve_skew(train.assign(age=train["age"] * 12), finding, train, np.random.default_rng(0)).equals(train)
    True
    """
    name, told, rows = column_of(frame, finding, reference), finding.evidence, where(frame, finding)
    fixed = frame[name]
    if told["how"] == "null_fill":
        fixed = fixed.mask(rows & (fixed.astype("object") == told["value"]).to_numpy(dtype=bool))
    elif told["how"] == "scaled":
        fixed = fixed.mask(rows, fixed / told["factor"])
    else:
        fixed = resample(frame, name, rows, reference, rng)
    key = list(told["key"])
    if set(key) <= set(reference.columns):
        there = frame[key].join(reference.drop_duplicates(key).set_index(key)[[name]].assign(known_=True), on=key)
        fixed = fixed.astype("object").where(there["known_"].isna(), there[name])
    return frame.assign(**{name: restore(fixed, reference[name].dtype)})
