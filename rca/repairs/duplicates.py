"""The repair of rows that are there more than once."""

from __future__ import annotations

import numpy as np
import pandas as pd

from rca.errors import NotApplicable
from rca.registry import repair
from rca.types import Finding


@repair("duplicate_rows", "drop the copies of rows")
@repair("train_test_overlap", "drop the training rows from the exam")
@repair("join_fanout", "drop the rows that a join added")
def duplicates(
    frame: pd.DataFrame, finding: Finding, reference: pd.DataFrame, rng: np.random.Generator
) -> pd.DataFrame:
    """Keep the first of the rows that are equal but for the finding's `numbered` and `joined` columns.

    Returns
    -------
    DataFrame
        The rows that are left, with their labels.

    Examples
    --------
    >>> import pandas as pd
    >>> from rca.types import Finding
    >>> finding = Finding("RCA113", "join_fanout", "data.train", "", evidence={"joined": ["price"]})
    >>> duplicates(pd.DataFrame({"id": [1, 2, 2], "price": [5, 6, 7]}), finding, None, None).index.tolist()
    [0, 1]
    """
    if finding.kind == "train_test_overlap":
        raise NotApplicable("only the training table tells which rows of the exam are its own: split them again.")
    varying = {*finding.evidence.get("numbered", ()), *finding.evidence.get("joined", ())}
    same = [name for name in frame.columns if name not in varying]
    # lists cannot be compared as they are
    odd = {name: frame[name].map(repr) for name in same if frame[name].dtype == object}
    return frame[~frame[same].assign(**odd).duplicated()] if same else frame.copy()
