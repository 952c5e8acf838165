"""The faults of a new and of a renamed category."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rca.errors import ConfigError
from rca.faults._common import chosen, require
from rca.registry import fault

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    import pandas as pd

    Names = Mapping[Any, str] | None


@fault("renamed_category", "give categories other names")
def renamed_category(
    frame: pd.DataFrame, column: str | None, rng: np.random.Generator, *, share: float = 1.0, mapping: Names = None
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Rename by `mapping` (old to new; without one all levels become codes) in a share; see :func:`new_category`."""
    name = require(frame, column)
    text = frame[name].astype("object").map(str, na_action="ignore")
    names = mapping or {level: f"c{i}" for i, level in enumerate(sorted(text.dropna().unique()))}
    rows = chosen(frame, rng, share) & text.isin(list(names)).to_numpy()
    damaged = frame.assign(**{name: text.mask(rows, text.map(names)).astype("str")})
    truth = {"kind": "renamed_category", "column": name, "mapping": {new: old for old, new in names.items()}}
    return damaged, {**truth, "rows": int(rows.sum())}


@fault("new_category", "write a category that never was")
def new_category(
    frame: pd.DataFrame, column: str | None, rng: np.random.Generator, *, share: float = 0.1, value: str = "unheard of"
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Give a random share of the rows a category that the column never had.

    Parameters
    ----------
    share : float
        Of the rows.
    value : str
        The new category.

    Returns
    -------
    DataFrame, dict
        The damaged table, and the truth about it.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> whole = pd.DataFrame({"city": ["Rome", "Oslo"] * 5})
    >>> damaged, truth = new_category(whole, "city", np.random.default_rng(0), share=0.2, value="Lima")
    >>> int((damaged["city"] == "Lima").sum()), truth["rows"]
    (2, 2)
    """
    name = require(frame, column)
    if (frame[name] == value).any():
        raise ConfigError(f"'{value}' is a category of {name} already: choose another value.")
    rows = chosen(frame, rng, share)
    damaged = frame.assign(**{name: frame[name].astype("object").mask(rows, value).astype("str")})
    damaged.loc[frame[name].isna() & ~rows, name] = None
    return damaged, {"kind": "new_category", "column": name, "value": value, "share": share, "rows": int(rows.sum())}
