"""The faults of cells: emptied, renamed, never heard of, read in a wrong encoding."""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd

from rca.errors import ConfigError, choices
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
    >>> import numpy as np
    >>> whole = pd.DataFrame({"city": ["Rome", "Oslo"] * 5})
    >>> damaged, truth = new_category(whole, "city", np.random.default_rng(0), share=0.2, value="Lima")
    >>> int((damaged["city"] == "Lima").sum()), truth["rows"]
    (2, 2)
    """
    if (values == value).any():
        raise ConfigError(f"'{value}' is a category of {values.name} already: choose another value.")
    return values.astype("object").mask(rows, value).infer_objects()


_ACCENTS = str.maketrans("aeiouAEIOU", "áéíóúÁÉÍÓÚ")
WAYS: dict[str, Callable[[str], str]] = {
    "mojibake": lambda text: text.encode().decode("cp1252", "replace"),
    "twice": lambda text: WAYS["mojibake"](WAYS["mojibake"](text)),
    "latin": lambda text: text.encode("latin-1", "replace").decode("utf-8", "replace"),
    "ascii": lambda text: text.encode("ascii", "replace").decode(),
    "html": lambda text: html.escape(text).encode("ascii", "xmlcharrefreplace").decode(),
    "bom": lambda text: "\ufeff" + text,
    "accents": lambda text: text.translate(_ACCENTS),
    "typed": lambda text: WAYS["mojibake"](WAYS["accents"](text)),
    "lost": lambda text: text.translate(_ACCENTS).encode("ascii", "replace").decode(),
}


@cells("encoding", "read text in a wrong encoding", most=0.1)
def encoding(values: Cells, rows: Mask, rng: Draw, *, way: str = "typed") -> Cells:
    """Damage text as programs do that disagree on an encoding.

    Parameters
    ----------
    way : str
        One of ``WAYS``; 'accents', 'typed' and 'lost' damage plain ASCII too.

    Examples
    --------
    >>> import numpy as np
    >>> whole = pd.DataFrame({"city": ["Köln", "Bonn"]})
    >>> encoding(whole, "city", np.random.default_rng(0), way="mojibake", share=1.0)[0]["city"].tolist()
    ['KÃ¶ln', 'Bonn']
    """
    if way not in WAYS:
        raise ConfigError(f"there is no way '{way}': choose one of {choices(WAYS)}.")
    text = values.astype("object").map(str, na_action="ignore")
    return text.mask(rows, text.map(WAYS[way], na_action="ignore")).infer_objects()


@cells("sentinel_values", "write a constant for missing values", most=0.1)
def sentinel_values(values: Cells, rows: Mask, rng: Draw, *, value: Any = None) -> Cells:
    """Write a value (or -999, 1970-01-01, ?) into the cells, and all that are empty; see :func:`missing_values`."""
    moment = pd.api.types.is_datetime64_any_dtype(values)
    if value is None:
        value = "1970-01-01" if moment else -999 if pd.api.types.is_numeric_dtype(values) else "?"
    return values.mask(rows | values.isna(), pd.Timestamp(value) if moment else value)


@cells("missing_values", "empty some cells of a column", most=0.1)
def missing_values(values: Cells, rows: Mask, rng: Draw) -> Cells:
    """Empty cells of a column.

    Examples
    --------
    >>> import numpy as np
    >>> damaged, truth = missing_values(pd.DataFrame({"age": range(10)}), "age", np.random.default_rng(0), share=0.3)
    >>> int(damaged["age"].isna().sum()), truth["rows"]
    (3, 3)
    """
    return values.mask(rows)
