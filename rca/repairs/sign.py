"""The repair of a flipped sign."""

from __future__ import annotations

import numpy as np
import pandas as pd

from rca.registry import repair
from rca.repairs._common import column_of, where
from rca.types import Finding


@repair("sign_flip", "turn the sign back")
def sign_flip(frame: pd.DataFrame, finding: Finding, reference: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Turn the sign of the damaged cells back.

    Returns
    -------
    DataFrame
        With `negative` in the evidence, the cells on the wrong side of zero are turned, else all of the part.

    Examples
    --------
    >>> import pandas as pd
    >>> from rca.types import Finding
    >>> whole = pd.DataFrame({"debt": [1.0, 2.0, 3.0]})
    >>> finding = Finding("RCA121", "sign_flip", "data.train.debt", "", evidence={"column": "debt", "negative": True})
    >>> sign_flip(whole.replace(2.0, -2.0), finding, whole, None).equals(whole)
    True
    """
    name = column_of(frame, finding, reference)
    wrong = where(frame, finding)
    if finding.evidence.get("negative"):
        side = -1 if reference[name].max() <= 0 else 1
        wrong = (frame[name] * side < 0).to_numpy(dtype=bool, na_value=False)
    return frame.assign(**{name: frame[name].mask(wrong, -frame[name])})
