"""The repairs of values (missing, impossible, of another unit, type or name, in a wrong place), columns and rows."""

from typing import Any
import numpy as np
import pandas as pd
from rca.errors import NotApplicable
from rca.integrity._units import beyond
from rca.integrity.numbers import score
from rca.integrity.relation import rule_of
from rca.integrity.values import marked, mended
from rca.registry import repair
from rca.repairs._common import Draw, Frame, chance_missing, column_of, plain, resample, restore, where
from rca.types import Finding

_TRUTH = {"true": True, "1": True, "1.0": True, "false": False, "0": False, "0.0": False}


@repair("unit_change", "undo the change of unit")
def unit_change(frame: Frame, finding: Finding, reference: Frame, rng: Draw) -> Frame:
    """Undo the factor and offset in the cells that the finding's rule calls damaged.

    Examples
    --------
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
    bounds: Any = rule.get("low"), rule.get("high")
    damaged = np.isfinite(values) & (where(frame, finding) if None in bounds else beyond(values, bounds))
    undone = np.where(damaged, (values - rule.get("offset", 0.0)) / rule["factor"], values)
    if pd.api.types.is_integer_dtype(reference[column]) and np.isfinite(undone).all():
        undone = np.where(damaged, np.round(undone), undone)
    return frame.assign(**{column: restore(pd.Series(undone, index=frame.index), reference[column].dtype)})


@repair("sign_flip", "turn the sign back")
def sign_flip(frame: Frame, finding: Finding, reference: Frame, rng: Draw) -> Frame:
    """Turn the sign of the damaged cells back; see :func:`unit_change`.

    With `negative` in the evidence, these are the cells on the wrong side of zero, else all of the part.
    """
    name = column_of(frame, finding, reference)
    wrong = where(frame, finding)
    if finding.evidence.get("negative"):
        wrong = (frame[name] * (-1 if reference[name].max() <= 0 else 1) < 0).to_numpy(dtype=bool, na_value=False)
    return frame.assign(**{name: frame[name].mask(wrong, -frame[name])})


@repair("range_violation", "draw the impossible values from the reference")
def range_violation(frame: Frame, finding: Finding, reference: Frame, rng: Draw) -> Frame:
    """Draw the values outside the finding's bounds again, given the others; see :func:`unit_change`."""
    column, told = column_of(frame, finding, reference), finding.evidence
    bounds: Any = told.get("low"), told.get("high")
    if None in bounds:
        raise NotApplicable(f"the bounds of {column} are not known.")
    values = frame[column].to_numpy(dtype=float, na_value=np.nan)
    outside = beyond(values, bounds)
    if told.get("clip") is not None:
        outside = np.isin(values, told["clip"]) & where(frame, finding)  # only the cells at the bound lost their value
    return frame.assign(**{column: resample(frame, column, outside, reference, rng)})


@repair("column_swap", "exchange the columns back")
def column_swap(frame: Frame, finding: Finding, reference: Frame, rng: Draw) -> Frame:
    """Exchange two columns back, which take the reference's types; see :func:`unit_change`.

    It is done in all rows of the part, or in those that fit far better the other way round.
    """
    one, other = finding.evidence["columns"]
    column_of(frame, finding, reference)
    rows = where(frame, finding)
    if (rule := (finding.evidence.get("rule") or {}).get("score")) is not None:
        now, before = (side[[one, other]].apply(plain) for side in (frame, reference))
        rows = score(now, before, one, other) > rule
    back = {n: frame[n].astype("object").mask(rows, frame[twin]) for n, twin in ((one, other), (other, one))}
    return frame.assign(**{name: restore(values, reference[name].dtype) for name, values in back.items()})


@repair("broken_relation", "draw the column again, given the others")
def broken_relation(frame: Frame, finding: Finding, reference: Frame, rng: Draw) -> Frame:
    """Draw a column that lost its relations from the reference, given the other columns; see :func:`unit_change`.

    Where a rule is broken, only the rows that break it are drawn.
    """
    name, rows = column_of(frame, finding, reference), where(frame, finding)
    if terms := finding.evidence.get("rule"):
        now, before = (side[[*terms[1:]]].apply(plain) for side in (frame, reference))
        rows = rule_of(terms, before).broken(now)
    return frame.assign(**{name: resample(frame, name, rows, reference, rng)})


@repair("sentinel_values", "draw the values again for which a constant stands")
def sentinel_values(frame: Frame, finding: Finding, reference: Frame, rng: Draw) -> Frame:
    """Empty the cells that hold one of the evidence's `values`, and fill them; see :func:`missing_values`."""
    column = column_of(frame, finding, reference)
    cells = plain(frame[column])
    hit = cells.isin(pd.Series(finding.evidence["values"]).astype(cells.dtype))
    fixed: Frame = missing_values(frame.assign(**{column: frame[column].mask(hit)}), finding, reference, rng)
    return fixed


@repair("missing_values", "draw the missing values from the reference")
def missing_values(frame: Frame, finding: Finding, reference: Frame, rng: Draw) -> Frame:
    """Fill the cells that went missing as the reference would have filled them.

    As many cells stay empty as are empty in the reference, those where it most often is.

    Examples
    --------
    >>> whole = pd.DataFrame({"city": ["A", "B"] * 100, "zip": [10, 20] * 100})
    >>> damaged = whole.assign(zip=whole["zip"].where(whole.index >= 60))
    >>> finding = Finding("RCA101", "missing_values", "data.train.zip", "", evidence={"column": "zip"})
    >>> missing_values(damaged, finding, whole, np.random.default_rng(0)).equals(whole)
    True
    """
    column = column_of(frame, finding, reference)
    cells = (plain(side[column]) for side in (frame, reference))
    empty, before = (np.asarray(side.isna() | side.astype(str).str.strip().eq("")) for side in cells)
    frame = frame.assign(**{column: frame[column].mask(empty)})
    stay = round(float(before.mean()) * len(frame))
    if empty.sum() <= stay:
        return frame
    chance = chance_missing(frame, column, empty, reference)
    order = np.lexsort((rng.random(len(chance)), -chance))
    fill = empty.copy()
    fill[np.flatnonzero(empty)[order[:stay]]] = False
    return frame.assign(**{column: resample(frame, column, fill, reference, rng)})


@repair("encoding", "read text in the encoding that it has")
@repair("renamed_category", "give a renamed category its old name")
@repair("new_category", "draw the rows of a new category from the reference")
def new_category(frame: Frame, finding: Finding, reference: Frame, rng: Draw) -> Frame:
    """Map categories that the reference never had to what they were, or draw them; see :func:`missing_values`.

    The evidence's `mapping` holds what is known. Of text with many values only what shows marks of a wrong
    encoding is mended, or drawn again.
    """
    column = column_of(frame, finding, reference)
    known = set(reference[column].dropna().astype("object").map(str))
    fixed = frame[column].astype("object")
    text = fixed.map(str, na_action="ignore")
    odd = text.notna() & ~text.isin(known)
    names = {value: finding.evidence.get("mapping", {}).get(value, mended(value)) for value in text[odd].unique()}
    sure = {value: old for value, old in names.items() if old in known or (len(known) > 200 and not marked(old))}
    fixed = fixed.mask(odd & text.isin(list(sure)), text.map(sure))
    strange = (odd & ~text.isin(list(sure))).to_numpy()
    return frame.assign(**{column: resample(frame.assign(**{column: fixed}), column, strange, reference, rng)})


@repair("type_change", "cast a column back to its type")
def type_change(frame: Frame, finding: Finding, reference: Frame, rng: Draw) -> Frame:
    """Read the values of a column as the type that they have in the reference; see :func:`missing_values`.

    Cells that cannot be read are missing; a comma is the decimal sign where there is no point.
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
def schema_change(frame: Frame, finding: Finding, reference: Frame, rng: Draw) -> Frame:
    """Give a column its old name back, whose new name is known; see :func:`missing_values`."""
    new, old = finding.evidence.get("renamed"), finding.evidence["column"]
    if new not in frame.columns or old in frame.columns:
        raise NotApplicable(f"no column holds the values of {old}.")
    return frame.rename(columns={new: old})


@repair("train_serve_skew", "take the values that training saw")
def train_serve_skew(frame: Frame, finding: Finding, reference: Frame, rng: Draw) -> Frame:
    """Undo how the column differs, and take the reference's values where it has the row; see :func:`missing_values`."""
    name, told, rows = column_of(frame, finding, reference), finding.evidence, where(frame, finding)
    fixed = frame[name]
    if told["how"] == "null_fill":
        fixed = fixed.mask(rows & (fixed.astype("object") == told["value"]).to_numpy(dtype=bool))
    elif told["how"] == "scaled":
        fixed = fixed.mask(rows, fixed / told["factor"])
    else:
        fixed = resample(frame, name, rows, reference, rng)
    key = list(told["key"])
    if set(key) <= set(reference.columns):
        there = frame[key].join(reference.drop_duplicates(key).set_index(key)[[name]].assign(known_=True), on=key)
        fixed = fixed.astype("object").where(there["known_"].isna(), there[name])
    return frame.assign(**{name: restore(fixed, reference[name].dtype)})


@repair("label_noise", "take the labels of common rows from the reference")
def label_noise(frame: Frame, finding: Finding, reference: Frame, rng: Draw) -> Frame:
    """Give the rows that the reference has too, by their key, its labels; see :func:`missing_values`."""
    name = column_of(frame, finding, reference)
    if not (key := list(finding.evidence.get("key") or [])):
        raise NotApplicable(f"which cells of {name} are wrong cannot be known without rows that both tables have.")
    known = reference.dropna(subset=[*key, name]).drop_duplicates(key, keep=False).set_index(key)[name]
    right = frame[key].join(known, on=key)[name]
    return frame.assign(**{name: right.where(right.notna(), frame[name]).astype(reference[name].dtype)})


@repair("leakage", "make the feature forget the target")
def leakage(frame: Frame, finding: Finding, reference: Frame, rng: Draw) -> Frame:
    """Drop the column if it is new; else draw it, given all columns but the target; see :func:`missing_values`."""
    told = finding.evidence
    if told.get("new"):
        return frame.drop(columns=str(told["column"]))
    name = column_of(frame, finding, reference)
    blind = [side.drop(columns=told.get("target") or []) for side in (frame, reference)]
    return frame.assign(**{name: resample(blind[0], name, where(frame, finding), blind[1], rng)})


@repair("frozen_column", "draw the frozen values from the reference")
def frozen_column(frame: Frame, finding: Finding, reference: Frame, rng: Draw) -> Frame:
    """Draw the cells that hold on to a value again, given the other columns; see :func:`missing_values`."""
    name, told, rows = column_of(frame, finding, reference), finding.evidence, where(frame, finding)
    if told.get("entity"):
        ranked, groups = _order(frame, finding)
        rows &= (ranked[name] == ranked[name].groupby(groups).shift()).sort_index().to_numpy(dtype=bool)
    else:
        rows &= plain(frame[name]).eq(told["value"]).to_numpy(dtype=bool)
    return frame.assign(**{name: resample(frame, name, rows, reference, rng)})


@repair("stale_column", "shift the values back to their rows")
def stale_column(frame: Frame, finding: Finding, reference: Frame, rng: Draw) -> Frame:
    """Give each row the value that came the lag later, and draw those of the last; see :func:`missing_values`."""
    name, lag, rows = column_of(frame, finding, reference), finding.evidence["lag"], where(frame, finding)
    ranked, groups = _order(frame, finding)
    if finding.evidence["unit"] == "days":
        day = ranked[finding.evidence["clock"]].dt.floor("D").rank(method="dense")
        values, last = (day + lag).map(ranked[name].groupby(day).first()), day + lag > day.max()
    else:
        values = ranked[name].groupby(groups).shift(-lag)
        last = ranked.groupby(groups).cumcount(ascending=False) < lag
    values, last = (side.sort_index().set_axis(frame.index) for side in (values, last))
    fixed = frame.assign(**{name: restore(frame[name].astype("object").mask(rows, values), reference[name].dtype)})
    return fixed.assign(**{name: resample(fixed, name, rows & last.to_numpy(), reference, rng)})


@repair("time_shift", "shift the times back")
def time_shift(frame: Frame, finding: Finding, reference: Frame, rng: Draw) -> Frame:
    """Take the hours from the times that are off; see :func:`missing_values`."""
    name, told, rows = column_of(frame, finding, reference), finding.evidence, where(frame, finding)
    late = pd.Timedelta(hours=told["hours"])
    if told["how"] == "key":
        old = reference.drop_duplicates(told["key"]).set_index(told["key"])[name]
        rows = (frame[name] - late == frame[told["key"]].join(old, on=told["key"])[name]).to_numpy(dtype=bool)
    elif told["how"] == "midnight":
        rows &= (frame[name] != frame[name].dt.floor("D")).to_numpy(dtype=bool)
    return frame.assign(**{name: frame[name].mask(rows, frame[name] - late)})


def _order(frame: Frame, finding: Finding) -> tuple[Frame, pd.Series]:
    ranked = frame.reset_index(drop=True).sort_values(finding.evidence["clock"], kind="stable")
    entity = list(finding.evidence["entity"])
    return ranked, ranked.groupby(entity, dropna=False).ngroup() if entity else pd.Series(0, index=ranked.index)


@repair("truncation", "bring back the rows that were lost")
@repair("missing_segment", "bring back the segment that was lost")
@repair("selection_bias", "bring back the rows that were lost for their label")
def truncation(frame: Frame, finding: Finding, reference: Frame, rng: Draw) -> Frame:
    """Add the reference's rows that the table lost: by key, else by label, by category, by time.

    They stand at the end of the table, under labels beyond those it has.

    Examples
    --------
    >>> whole = pd.DataFrame({"id": [1, 2, 3], "age": [30, 40, 50]})
    >>> finding = Finding("RCA110", "truncation", "data.train", "", evidence={"key": ["id"], "missing_keys": 1})
    >>> truncation(whole[:2], finding, whole, None).equals(whole)
    True
    """
    lost = reference[_lost(frame, finding.evidence, reference, rng)].reindex(columns=frame.columns)
    first = int(frame.index.max()) + 1 if len(frame) and pd.api.types.is_integer_dtype(frame.index) else len(frame)
    lost.index = pd.RangeIndex(first, first + len(lost))
    return pd.concat([frame, lost]) if len(lost) else frame.copy()


@repair("duplicate_rows", "drop the copies of rows")
@repair("train_test_overlap", "drop the training rows from the exam")
@repair("join_fanout", "drop the rows that a join added")
def duplicates(frame: Frame, finding: Finding, reference: Frame, rng: Draw) -> Frame:
    """Keep the first of the rows that are equal but for some columns; see :func:`truncation`.

    These are the finding's `numbered` and `joined` columns. The rows that are left keep their labels.
    """
    if finding.kind == "train_test_overlap":
        raise NotApplicable("only the training table tells which rows of the exam are its own: split them again.")
    varying = {*finding.evidence.get("numbered", ()), *finding.evidence.get("joined", ())}
    same = [name for name in frame.columns if name not in varying]
    return frame[~_hashes(frame, same).duplicated().to_numpy()] if same else frame.copy()


def _lost(frame: Frame, told: Any, reference: Frame, rng: Draw) -> Any:
    both = [name for name in reference.columns if name in frame.columns]
    key, time, since, until = list(told.get("key") or []), *(told.get(n) for n in ("time", "since", "until"))
    if key and told.get("missing_keys") and set(key) <= set(both):
        return ~_hashes(reference, key).isin(_hashes(frame, key))
    target = told.get("target")
    name, value = target or told.get("column"), told.get("value")
    found: Any = np.ones(len(reference), dtype=bool)
    if name in both and value is not None:
        number = reference[name].dtype.kind in "iuf"
        found = reference[name].eq(float(value)) if number else reference[name].astype(str).eq(value)
    elif not since and target not in both:
        raise NotApplicable("neither a key nor a time nor a category says which rows were lost.")
    if target in both:
        if told.get("side"):
            found = reference[target].gt(told["cut"]).eq(told["side"] == "above")
        fresh = np.flatnonzero(found & ~_hashes(reference, both).isin(_hashes(frame, both)))
        return np.isin(np.arange(len(found)), rng.choice(fresh, min(len(fresh), told["rows"]), replace=False))
    if time in both and since:
        span = pd.Timestamp(since), pd.Timestamp(until or pd.Timestamp.max)
        found = found & reference[time].between(*span, inclusive="neither")
    return np.asarray(found, dtype=bool)


def _hashes(frame: Frame, names: list[str]) -> pd.Series:
    plain = {n: frame[n].map(repr) for n in names if frame[n].dtype == object}
    return pd.util.hash_pandas_object(frame[names].assign(**plain), index=False)
