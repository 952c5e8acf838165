"""What the repairs share: where the damage is, and drawing cells again as the reference would have filled them."""

from typing import Any
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rca.errors import NotApplicable
from rca.stats import Floats
from rca.types import Finding

Frame = pd.DataFrame
Draw = np.random.Generator
Mask = NDArray[np.bool_]

_LEAF = 25  # reference rows that are alike enough to stand for each other
_ROWS = 20_000
_LEVELS = 50  # a text column with more values than this is a name, and tells a tree nothing


def column_of(frame: Frame, finding: Finding, reference: Frame) -> str:
    """Return the column that a finding is about; where a table does not have it, NotApplicable says so."""
    name = str(finding.evidence.get("column") or "".join(finding.subject.split(".", 2)[2:]))
    for side, table in (("current", frame), ("reference", reference)):
        if name not in table.columns:
            raise NotApplicable(f"the {side} table has no column '{name}' to repair.")
    return name


def where(frame: Frame, finding: Finding) -> Mask:
    """Return the rows of the part in which a finding says all are damaged; all rows if it says nothing."""
    told = finding.evidence
    rows = np.ones(len(frame), dtype=bool)
    for name, level in (told.get("segment") or {}).items():
        rows &= frame[name].astype("object").map(_text, na_action="ignore").eq(level).to_numpy()
    if (time := told.get("time")) in frame.columns:
        moments = naive(frame[time])
        for word, within in (("onset", moments.ge), ("until", moments.le)):
            if told.get(word):
                rows &= within(pd.Timestamp(told[word])).to_numpy()
    return rows


def naive(column: pd.Series) -> pd.Series:
    """Return times without their zone, in UTC, as checks read them."""
    return pd.to_datetime(column, utc=True).dt.tz_localize(None).astype("datetime64[us]")


def plain(column: pd.Series) -> pd.Series:
    """Return a column as checks read it: numbers as floats, times without zone, all else as categories."""
    if pd.api.types.is_datetime64_any_dtype(column):
        return naive(column)
    if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
        return column.astype("float64")
    return column.astype("object").map(_text, na_action="ignore").astype("category")


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool | np.bool_) else str(value)


def resample(frame: Frame, column: str, rows: Mask, reference: Frame, rng: Draw) -> pd.Series:
    """Return the column with the marked rows drawn from the reference, given the other columns.

    A decision tree groups the reference's rows by what the other columns say of this one; a damaged cell takes
    the value of a random row of its group (Burgette and Reiter, 2010). All other columns take part, the target
    too: without it the repaired column would be less related to the target than it was, and the repair would hide
    part of the truth.
    """
    known = reference[reference[column].notna()]
    if len(known) > _ROWS:
        known = known.iloc[np.sort(rng.choice(len(known), _ROWS, replace=False))]
    if known.empty:
        raise NotApplicable(f"the reference has no value of {column} to draw from.")
    fixed = frame[column].astype("object").copy()
    if rows.any():
        leaves, places = _leaves(known, frame[rows], column)
        asked = pd.Series(places).groupby(places)
        drawn = asked.transform(lambda leaf: rng.choice(np.flatnonzero(leaves == leaf.name), len(leaf)))
        fixed[rows] = known[column].to_numpy(dtype=object)[drawn]
    return restore(fixed, reference[column].dtype)


def chance_missing(frame: Frame, column: str, rows: Mask, reference: Frame) -> Floats:
    """Return for the marked rows how likely the reference would have left the cell empty."""
    empty = reference[column].isna()
    if not empty.any() or empty.all():
        return np.full(int(rows.sum()), float(empty.mean()))
    leaves, places = _leaves(reference.assign(**{column: empty.astype(float)}), frame[rows], column)
    return np.asarray(empty.groupby(leaves).mean()[places])


def restore(values: pd.Series, dtype: Any) -> pd.Series:
    """Return the values in the reference's type where they fit it, else in the type they have."""
    try:
        return values.astype(dtype)
    except (TypeError, ValueError):
        return values.infer_objects()


def _leaves(known: Frame, asked: Frame, column: str) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the group of each known row and of each row that is asked about."""
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

    others = [name for name in known.columns if name != column and name in asked.columns]
    pieces = [piece for name in others if (piece := _encode(known[name], asked[name])) is not None]
    if not pieces:
        return np.zeros(len(known), dtype=np.intp), np.zeros(len(asked), dtype=np.intp)
    inputs, questions = (np.column_stack([piece[side] for piece in pieces]) for side in (0, 1))
    number = pd.api.types.is_numeric_dtype(known[column]) and not pd.api.types.is_bool_dtype(known[column])
    answer = known[column].to_numpy(dtype=float) if number else pd.factorize(known[column])[0]
    answer = np.where(np.isfinite(answer), answer, 0.0)
    kind = DecisionTreeRegressor if number else DecisionTreeClassifier
    tree = kind(min_samples_leaf=min(_LEAF, len(known)), random_state=0).fit(inputs, answer)
    return tree.apply(inputs), tree.apply(questions)


def _encode(known: pd.Series, asked: pd.Series) -> list[Floats] | None:
    """Return both sides of a column as numbers that a tree can split, or None where it tells nothing."""
    both = [plain(side) for side in (known, asked)]
    if both[0].dtype.kind == both[1].dtype.kind == "M":
        return [np.where(side.isna(), np.nan, side.astype("int64").astype(float)) for side in both]
    if both[0].dtype.kind == both[1].dtype.kind == "f":
        return [np.where(np.abs(side) < 1e30, side, np.nan) for side in both]  # a tree reads single precision
    levels = both[0].astype("category").cat.categories
    if not 1 < len(levels) <= _LEVELS:
        return None
    return [np.where(side.isin(levels), levels.get_indexer(pd.Index(side)), np.nan) for side in both]
