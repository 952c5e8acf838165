"""The faults of cells: emptied, renamed, never heard of, misread; numbers of another unit, sign, range or type."""

import html
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from rca.errors import ConfigError, choices
from rca.faults._common import Cells, Draw, Mask, cells

NUMBER = "numeric column"


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

    The `way` is one of ``WAYS``; 'accents', 'typed' and 'lost' damage plain ASCII too.

    Examples
    --------
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
    >>> damaged, truth = missing_values(pd.DataFrame({"age": range(10)}), "age", np.random.default_rng(0), share=0.3)
    >>> int(damaged["age"].isna().sum()), truth["rows"]
    (3, 3)
    """
    return values.mask(rows)


@cells("unit_change", "multiply a column, as a changed unit does", of=NUMBER)
def unit_change(values: Cells, rows: Mask, rng: Draw, *, factor: float = 100.0, offset: float = 0.0) -> Cells:
    """Put a numeric column in another unit: a damaged value is ``factor * value + offset``.

    Examples
    --------
    >>> whole = pd.DataFrame({"height": [1.6, 1.7], "at": pd.to_datetime(["2024-01-01", "2024-02-01"])})
    >>> damaged, truth = unit_change(whole, "height", np.random.default_rng(0), since="2024-02-01", time="at")
    >>> damaged["height"].tolist(), truth["rows"]
    ([1.6, 170.0], 1)
    """
    moved = values.astype(float).mask(rows, values * factor + offset)
    # a whole factor leaves whole numbers, and most exports keep their type
    whole = pd.api.types.is_integer_dtype(values) and (moved % 1 == 0).all()
    return moved.astype("int64") if whole else moved


@cells("sign_flip", "turn the sign of a column", of=NUMBER)
def sign_flip(values: Cells, rows: Mask, rng: Draw) -> Cells:
    """Turn the sign, as a change of convention (a debt for a balance) does; see :func:`unit_change`."""
    return values.mask(rows, -values)


@cells("range_violation", "write impossible values", of=NUMBER, most=0.02)
def range_violation(values: Cells, rows: Mask, rng: Draw, *, reach: float = 10.0) -> Cells:
    """Throw values beyond the extremes by one to two times `reach` widths of the range; see :func:`unit_change`."""
    low, high = np.nan_to_num([values.min(), values.max()])
    away = reach * max(high - low, 1.0) * rng.uniform(1, 2, len(values))
    thrown = pd.Series(np.round(np.where(rng.random(len(values)) < 0.5, low - away, high + away)), values.index)
    return values.mask(rows, thrown.astype("int64") if pd.api.types.is_integer_dtype(values) else thrown)


@cells("range_violation", "cut a column off at a bound", of=NUMBER, code="clipped")
def clipped(values: Cells, rows: Mask, rng: Draw, *, quantile: float = 0.9) -> Cells:
    """Move values to a quantile, those above one over a half, those below another; see :func:`unit_change`."""
    bound = values.quantile(quantile, interpolation="lower")
    return values.mask(rows & (values.gt(bound) if quantile > 0.5 else values.lt(bound)), bound)


@cells("type_change", "round a column", of=NUMBER, code="rounded")
def rounded(values: Cells, rows: Mask, rng: Draw, *, decimals: int = 0) -> Cells:
    """Round to so many decimals; see :func:`unit_change`."""
    return values.mask(rows, values.round(decimals))


@cells("type_change", "write numbers as text", of=NUMBER)
def type_change(values: Cells, rows: Mask, rng: Draw) -> Cells:
    """Write numbers as text, as an export through a spreadsheet does; see :func:`unit_change`."""
    return values.astype("object").mask(rows, values.astype("str")).infer_objects()


@cells("train_serve_skew", "compute a feature otherwise", of=NUMBER)
def train_serve_skew(values: Cells, rows: Mask, rng: Draw, *, how: str = "round", value: float = 0.0) -> Cells:
    """Round a feature to `value` decimals, fill its nulls with it, or multiply by it.

    Examples
    --------
    >>> train_serve_skew(pd.DataFrame({"x": [1.25, 2.75]}), "x", np.random.default_rng(0))[0]["x"].tolist()
    [1.0, 3.0]
    """
    ways = {"round": values.round(int(value)), "fill": values.fillna(value), "factor": values * value}
    if how not in ways:
        raise ConfigError(f"how is {how!r}: choose one of {choices(ways)}.")
    return values.mask(rows, ways[how])
