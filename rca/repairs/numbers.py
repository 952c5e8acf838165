"""The repairs of numbers: units, signs, ranges, exchanged columns, and columns without their relations."""

from typing import Any
import numpy as np
import pandas as pd
from rca.errors import NotApplicable
from rca.integrity._exact import rule_of
from rca.integrity._units import beyond
from rca.integrity.numbers import score
from rca.registry import repair
from rca.repairs._common import Draw, Frame, column_of, plain, resample, restore, where
from rca.types import Finding


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
        # only the cells at the bound lost their value
        outside = np.isin(values, told["clip"]) & where(frame, finding)
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
