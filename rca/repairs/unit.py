"""The repair of a change of unit."""

from __future__ import annotations

import numpy as np
import pandas as pd

from rca.errors import NotApplicable
from rca.registry import repair
from rca.repairs._common import column_of, where
from rca.repairs._resample import restore
from rca.types import Finding


@repair("unit_change", "undo the change of unit")
def unit_change(
    frame: pd.DataFrame, finding: Finding, reference: pd.DataFrame, rng: np.random.Generator
) -> pd.DataFrame:
    """Undo the factor and offset in the cells that the finding's rule calls damaged.

    Returns
    -------
    DataFrame
        The repaired table, with the same index.

    Examples
    --------
    >>> from rca.types import Finding
    >>> whole = pd.DataFrame({"height": [1.6, 1.7, 1.8]})
    >>> damaged = pd.DataFrame({"height": [1.6, 170.0, 180.0]})
    >>> rule = {"column": "height", "factor": 100.0, "offset": 0.0, "low": 1.0, "high": 2.5}
    >>> finding = Finding("RCA104", "unit_change", "data.train.height", "", evidence=rule)
    >>> unit_change(damaged, finding, whole, np.random.default_rng(0))["height"].tolist()
    [1.6, 1.7, 1.8]
    """
    column = column_of(frame, finding, reference)
    rule = finding.evidence
    if not rule.get("factor") or not pd.api.types.is_numeric_dtype(frame[column]):
        raise NotApplicable(f"there is no factor to undo in {column}.")
    values = frame[column].to_numpy(dtype=float, na_value=np.nan)
    damaged = np.isfinite(values) & where(frame, finding)
    if rule.get("low") is not None and rule.get("high") is not None:
        damaged = np.isfinite(values) & ((values < rule["low"]) | (values > rule["high"]))
    undone = np.where(damaged, (values - rule.get("offset", 0.0)) / rule["factor"], values)
    if pd.api.types.is_integer_dtype(reference[column]) and np.isfinite(undone).all():
        undone = np.where(damaged, np.round(undone), undone)
    fixed = restore(pd.Series(undone, index=frame.index, name=column), reference[column].dtype)
    return frame.assign(**{column: fixed})
