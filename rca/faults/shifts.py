"""The faults of a world that moved: other rows, another relation, a source that is silent, another model's scores."""

from collections.abc import Sequence
from typing import Any
import numpy as np
import pandas as pd
from rca.errors import ConfigError
from rca.faults._common import Cells, Done, Draw, Frame, Mask, cells, require
from rca.registry import fault


def _kept(frame: Frame, weights: Any, rng: Draw, kind: str, column: str, **told: Any) -> Done:
    """Keep each row with a chance in proportion to its weight: none is drawn twice."""
    stay = rng.random(len(frame)) < weights / weights.max()
    return frame[stay].copy(), {"kind": kind, "column": column, **told, "rows": int((~stay).sum())}


@fault("covariate_shift", "see other rows of the same law")
def covariate_shift(frame: Frame, column: str | None, rng: Draw, *, strength: float = 2.0) -> Done:
    """Keep rows of large values more often: e^strength times as often the largest as the smallest.

    Texts are large in the order of the alphabet. What the target is, given the other columns, stays.

    Examples
    --------
    >>> frame = pd.DataFrame({"age": range(1000)})
    >>> damaged, truth = covariate_shift(frame, "age", np.random.default_rng(0), strength=5.0)
    >>> bool(damaged["age"].median() > 800), truth["strength"]
    (True, 5.0)
    """
    name = require(frame, column)
    weights = np.exp(strength * frame[name].rank(pct=True).fillna(0.5).to_numpy())
    return _kept(frame, weights, rng, "covariate_shift", name, strength=strength)


@fault("label_shift", "see one outcome more often")
def label_shift(frame: Frame, column: str | None, rng: Draw, *, value: Any = None, factor: float = 4.0) -> Done:
    """Keep rows of one outcome (the rarest) `factor` times as often as others; see :func:`covariate_shift`.

    What the other columns are, given the outcome, stays.
    """
    name = require(frame, column)
    value = frame[name].value_counts().sort_index().idxmin() if value is None else value
    weights = np.where(frame[name] == value, factor, 1.0)
    return _kept(frame, weights, rng, "label_shift", name, value=value, factor=factor)


@cells("concept_shift", "let another outcome follow from an input")
def concept_shift(values: Cells, rows: Mask, rng: Draw, *, frame: Frame, by: str = "", value: Any = None) -> Cells:
    """Give an outcome `value` where another column is above its median; see :func:`covariate_shift`.

    By default each class becomes the next, and numbers grow by their standard deviation.
    """
    struck = rows & frame[require(frame, by, "numeric column")].gt(frame[by].median()).to_numpy()
    if value is None and pd.api.types.is_numeric_dtype(values) and values.nunique() > 2:
        return values.mask(struck, values + float(values.std()))
    levels = sorted(values.dropna().unique())
    turned = dict(zip(levels, [*levels[1:], *levels[:1]], strict=True))
    return values.mask(struck, values.map(turned) if value is None else value)


@cells("new_population", "serve people that nobody trained for", most=0.3)
def new_population(values: Cells, rows: Mask, rng: Draw, *, frame: Frame, columns: Sequence[str] = ()) -> Frame:
    """Move the chosen rows beyond all that was seen, in `columns` too; see :func:`covariate_shift`."""
    found = {}
    for name in [str(values.name), *columns]:
        old = frame[require(frame, name)]
        number = pd.api.types.is_numeric_dtype(old)
        found[name] = old.mask(rows, old + 2 * (old.max() - old.min()) if number else "from elsewhere")
    return pd.DataFrame(found)


@cells("dependency_outage", "silence a source of inputs")
def dependency_outage(
    values: Cells, rows: Mask, rng: Draw, *, frame: Frame, columns: Sequence[str] = (), value: Any = None
) -> Frame:
    """Write nothing, or a default `value`, into a column and others of its source; see :func:`covariate_shift`."""
    return pd.DataFrame({name: frame[require(frame, name)].mask(rows, value) for name in [str(values.name), *columns]})


@cells("mixed_versions", "let another model answer")
def mixed_versions(values: Cells, rows: Mask, rng: Draw, *, frame: Frame, other: str = "") -> Cells:
    """Log what another model said, which stands in the column `other`; see :func:`covariate_shift`."""
    if other == values.name:
        raise ConfigError(f"'{other}' holds the answers already: name the column of another model's.")
    return values.mask(rows, frame[require(frame, other)])
