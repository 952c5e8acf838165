"""The repair of a changed type."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from rca.errors import NotApplicable
from rca.registry import repair
from rca.repairs._common import column_of
from rca.repairs._resample import restore

if TYPE_CHECKING:
    import numpy as np

    from rca.types import Finding


@repair("type_change", "cast a column back to its type")
def type_change(
    frame: pd.DataFrame,
    finding: Finding,
    reference: pd.DataFrame,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Read the values of a column as the type that they have in the reference.

    Parameters
    ----------
    frame : DataFrame
        The damaged table; it is not changed.
    finding : Finding
        Its evidence names the column.
    reference : DataFrame
    rng : Generator
        Not needed.

    Returns
    -------
    DataFrame
        The repaired table, with the same index. Cells that cannot be read are left missing.

    Examples
    --------
    >>> from rca.types import Finding
    >>> whole = pd.DataFrame({"zip": [101, 202, 303]})
    >>> damaged = pd.DataFrame({"zip": ["101", " 202", "303"]})
    >>> finding = Finding("RCA108", "type_change", "data.train.zip", "", evidence={"column": "zip"})
    >>> type_change(damaged, finding, whole, None)["zip"].tolist()
    [101, 202, 303]
    """
    column = column_of(frame, finding, reference)
    values, wanted = frame[column], reference[column].dtype
    if pd.api.types.is_bool_dtype(wanted):
        cast = values.astype("object").map(_truth)
    elif pd.api.types.is_numeric_dtype(wanted):
        cast = pd.to_numeric(values.map(_clean), errors="coerce")
    elif pd.api.types.is_datetime64_any_dtype(wanted):
        cast = pd.to_datetime(values, errors="coerce")
    else:
        cast = values.astype("object").map(str, na_action="ignore")
    if cast.notna().sum() < values.notna().sum() / 2:
        raise NotApplicable(f"most values of {column} cannot be read as {wanted}.")
    return frame.assign(**{column: restore(cast, wanted)})


def _clean(value: object) -> object:
    """Drop blanks, and read a comma as the decimal sign where there is no point."""
    if not isinstance(value, str):
        return value
    text = value.strip()
    return text.replace(",", ".") if text.count(",") == 1 and "." not in text else text


def _truth(value: object) -> bool | None:
    return {"true": True, "1": True, "1.0": True, "false": False, "0": False, "0.0": False}.get(str(value).lower())
