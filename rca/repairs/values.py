"""The repairs of cells: missing and sentinel values, categories, types; and of a renamed column."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas import DataFrame

from rca.errors import NotApplicable
from rca.integrity.category import marked, mended
from rca.registry import repair
from rca.repairs._common import column_of, plain
from rca.repairs._resample import chance_missing, resample, restore
from rca.types import Finding

_MANY = 200
_TRUTH = {"true": True, "1": True, "1.0": True, "false": False, "0": False, "0.0": False}


@repair("sentinel_values", "draw the values again for which a constant stands")
def sentinel_values(frame: DataFrame, finding: Finding, reference: DataFrame, rng: np.random.Generator) -> DataFrame:
    """Empty the cells that hold one of the evidence's `values`, and fill them; see :func:`missing_values`."""
    column = column_of(frame, finding, reference)
    cells = plain(frame, [column])[column]
    hit = cells.isin(pd.Series(finding.evidence["values"]).astype(cells.dtype))
    fixed: DataFrame = missing_values(frame.assign(**{column: frame[column].mask(hit)}), finding, reference, rng)
    return fixed


@repair("missing_values", "draw the missing values from the reference")
def missing_values(frame: DataFrame, finding: Finding, reference: DataFrame, rng: np.random.Generator) -> DataFrame:
    """Fill the cells that went missing as the reference would have filled them.

    Returns
    -------
    DataFrame
        As many cells stay empty as are empty in the reference, those where it most often is.

    Examples
    --------
    >>> from rca.types import Finding
    >>> whole = pd.DataFrame({"city": ["A", "B"] * 100, "zip": [10, 20] * 100})
    >>> damaged = whole.assign(zip=whole["zip"].where(whole.index >= 60))
    >>> finding = Finding("RCA101", "missing_values", "data.train.zip", "", evidence={"column": "zip"})
    >>> missing_values(damaged, finding, whole, np.random.default_rng(0)).equals(whole)
    True
    """
    column = column_of(frame, finding, reference)
    empty, before = (_empty(side, column) for side in (frame, reference))
    frame = frame.assign(**{column: frame[column].mask(empty)})
    stay = round(float(before.mean()) * len(frame))
    if empty.sum() <= stay:
        return frame
    chance = chance_missing(frame, column, empty, reference)
    order = np.lexsort((rng.random(len(chance)), -chance))
    fill = empty.copy()
    fill[np.flatnonzero(empty)[order[:stay]]] = False
    return frame.assign(**{column: resample(frame, column, fill, reference, rng)})


def _empty(frame: DataFrame, column: str) -> NDArray[np.bool_]:
    cells = plain(frame, [column])[column]
    blank = [value for value in cells.unique() if isinstance(value, str) and not value.strip()]
    return np.asarray(cells.isna() | cells.isin(blank))


@repair("encoding", "read text in the encoding that it has")
@repair("renamed_category", "give a renamed category its old name")
@repair("new_category", "draw the rows of a new category from the reference")
def new_category(frame: DataFrame, finding: Finding, reference: DataFrame, rng: np.random.Generator) -> DataFrame:
    """Map categories that the reference never had to what they were, and draw the others again.

    Returns
    -------
    DataFrame
        The evidence's `mapping` holds what is known. Of text with many values only what shows marks of a wrong
        encoding is mended, or drawn again.

    Examples
    --------
    >>> from rca.types import Finding
    >>> whole = pd.DataFrame({"city": ["Rome", "Oslo"] * 50, "zip": [10, 20] * 50})
    >>> renamed, known = whole.replace("Rome", "Roma"), {"column": "city", "mapping": {"Roma": "Rome"}}
    >>> finding = Finding("RCA111", "renamed_category", "data.train.city", "", evidence=known)
    >>> new_category(renamed, finding, whole, np.random.default_rng(0)).equals(whole)
    True
    """
    column = column_of(frame, finding, reference)
    known = set(reference[column].dropna().astype("object").map(str))
    fixed = frame[column].astype("object")
    text = fixed.map(str, na_action="ignore")
    odd = text.notna() & ~text.isin(known)
    names = {value: finding.evidence.get("mapping", {}).get(value, mended(value)) for value in text[odd].unique()}
    sure = {value: old for value, old in names.items() if old in known or (len(known) > _MANY and not marked(old))}
    fixed = fixed.mask(odd & text.isin(list(sure)), text.map(sure))
    strange = (odd & ~text.isin(list(sure))).to_numpy()
    if not strange.any():
        return frame.assign(**{column: restore(fixed, reference[column].dtype)})
    return frame.assign(**{column: resample(frame.assign(**{column: fixed}), column, strange, reference, rng)})


@repair("type_change", "cast a column back to its type")
def type_change(frame: DataFrame, finding: Finding, reference: DataFrame, rng: np.random.Generator) -> DataFrame:
    """Read the values of a column as the type that they have in the reference.

    Returns
    -------
    DataFrame
        Cells that cannot be read are missing; a comma is the decimal sign where there is no point.

    Examples
    --------
    >>> from rca.types import Finding
    >>> damaged = pd.DataFrame({"zip": ["101", " 202", "303"]})
    >>> finding = Finding("RCA108", "type_change", "data.train.zip", "", evidence={"column": "zip"})
    >>> type_change(damaged, finding, pd.DataFrame({"zip": [1]}), None)["zip"].tolist()
    [101, 202, 303]
    """
    column = column_of(frame, finding, reference)
    if "decimals" in finding.evidence:
        raise NotApplicable(f"the decimals that {column} lost cannot be known.")
    values, wanted = frame[column], reference[column].dtype
    cast: pd.Series = values.astype("object").map(str, na_action="ignore").str.strip()
    if pd.api.types.is_bool_dtype(wanted):
        cast = cast.str.lower().map(_TRUTH)
    elif pd.api.types.is_numeric_dtype(wanted):
        cast = pd.to_numeric(cast.str.replace(r"^([^.,]*),([^.,]*)$", r"\1.\2", regex=True), errors="coerce")
    elif pd.api.types.is_datetime64_any_dtype(wanted):
        cast = pd.to_datetime(values, errors="coerce")
    if cast.notna().sum() < values.notna().sum() / 2:
        raise NotApplicable(f"most values of {column} cannot be read as {wanted}.")
    return frame.assign(**{column: restore(cast, wanted)})


@repair("schema_change", "give a renamed column its old name")
def schema_change(frame: DataFrame, finding: Finding, reference: DataFrame, rng: np.random.Generator) -> DataFrame:
    """Give a column its old name back, whose new name is known; see :func:`type_change`."""
    new, old = finding.evidence.get("renamed"), finding.evidence["column"]
    if new not in frame.columns or old in frame.columns:
        raise NotApplicable(f"no column holds the values of {old}.")
    return frame.rename(columns={new: old})
