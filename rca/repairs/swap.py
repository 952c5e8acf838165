"""The repair of exchanged columns."""

from __future__ import annotations

import numpy as np
import pandas as pd

from rca.integrity.swap import score
from rca.registry import repair
from rca.repairs._common import column_of, plain, where
from rca.repairs._resample import restore
from rca.types import Finding


@repair("column_swap", "exchange the columns back")
def column_swap(
    frame: pd.DataFrame, finding: Finding, reference: pd.DataFrame, rng: np.random.Generator
) -> pd.DataFrame:
    """Exchange two columns back, in all rows of the part, or in those that fit far better the other way round.

    Returns
    -------
    DataFrame
        The repaired table, with the same index and the reference's types.

    Examples
    --------
    >>> import pandas as pd
    >>> from rca.types import Finding
    >>> whole = pd.DataFrame({"age": [30, 40], "rooms": [3, 4]})
    >>> found = {"column": "age", "columns": ["age", "rooms"]}
    >>> finding = Finding("RCA122", "column_swap", "data.train.age", "", evidence=found)
    >>> column_swap(whole.assign(age=whole["rooms"], rooms=whole["age"]), finding, whole, None).equals(whole)
    True
    """
    one, other = finding.evidence["columns"]
    column_of(frame, finding, reference)
    rule = (finding.evidence.get("rule") or {}).get("score")
    if rule is None:
        rows = where(frame, finding)
    else:
        rows = score(plain(frame, (one, other)), plain(reference, (one, other)), one, other) > rule
    back = {
        name: restore(frame[name].astype("object").mask(rows, frame[twin]), reference[name].dtype)
        for name, twin in ((one, other), (other, one))
    }
    return frame.assign(**back)
