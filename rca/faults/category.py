"""The faults of a new and of a renamed category."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rca.errors import ConfigError
from rca.faults._common import Cells, Draw, Mask, cells


@cells("renamed_category", "give categories other names")
def renamed_category(values: Cells, rows: Mask, rng: Draw, *, mapping: Mapping[Any, str] | None = None) -> Cells:
    """Rename by `mapping`, old to new; without one all levels become codes; see :func:`new_category`."""
    text = values.astype("object").map(str, na_action="ignore")
    names = mapping or {level: f"c{i}" for i, level in enumerate(sorted(text.dropna().unique()))}
    return text.mask(rows & text.isin(list(names)), text.map(names)).infer_objects()


@cells("new_category", "write a category that never was", most=0.1)
def new_category(values: Cells, rows: Mask, rng: Draw, *, value: str = "unheard of") -> Cells:
    """Write a category that the column never had.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> whole = pd.DataFrame({"city": ["Rome", "Oslo"] * 5})
    >>> damaged, truth = new_category(whole, "city", np.random.default_rng(0), share=0.2, value="Lima")
    >>> int((damaged["city"] == "Lima").sum()), truth["rows"]
    (2, 2)
    """
    if (values == value).any():
        raise ConfigError(f"'{value}' is a category of {values.name} already: choose another value.")
    return values.astype("object").mask(rows, value).infer_objects()
