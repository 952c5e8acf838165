"""The faults of tables: cells (emptied, renamed, misread, of another unit, sign, range or type, misplaced) and rows."""

import html
from collections.abc import Callable, Mapping, Sequence
from typing import Any
import numpy as np
import pandas as pd
from rca.errors import ConfigError, choices
from rca.faults._common import Cells, Done, Draw, Frame, Mask, Name, cells, chosen, require
from rca.registry import fault

NUMBER = "numeric column"


@cells("renamed_category", "give categories other names")
def renamed_category(values: Cells, rows: Mask, rng: Draw, *, mapping: Mapping[Any, str] | None = None) -> Cells:
    """Rename by `mapping`, old to new; without one all levels become codes; see :func:`unit_change`."""
    text = values.astype("object").map(str, na_action="ignore")
    names = mapping or {level: f"c{i}" for i, level in enumerate(sorted(text.dropna().unique()))}
    return text.mask(rows & text.isin(list(names)), text.map(names)).infer_objects()


@cells("new_category", "write a category that never was", most=0.1)
def new_category(values: Cells, rows: Mask, rng: Draw, *, value: str = "unheard of") -> Cells:
    """Write a category that the column never had; see :func:`unit_change`."""
    if (values == value).any():
        raise ConfigError(f"'{value}' is a category of {values.name} already: choose another value.")
    return values.astype("object").mask(rows, value).infer_objects()


WAYS: dict[str, Callable[[str], str]] = {
    "mojibake": lambda text: text.encode().decode("cp1252", "replace"),
    "twice": lambda text: WAYS["mojibake"](WAYS["mojibake"](text)),
    "latin": lambda text: text.encode("latin-1", "replace").decode("utf-8", "replace"),
    "ascii": lambda text: text.encode("ascii", "replace").decode(),
    "html": lambda text: html.escape(text).encode("ascii", "xmlcharrefreplace").decode(),
    "bom": lambda text: "\ufeff" + text,
    "accents": lambda text: text.translate(str.maketrans("aeiouAEIOU", "áéíóúÁÉÍÓÚ")),
    "typed": lambda text: WAYS["mojibake"](WAYS["accents"](text)),
    "lost": lambda text: WAYS["ascii"](WAYS["accents"](text)),
}


@cells("encoding", "read text in a wrong encoding", most=0.1)
def encoding(values: Cells, rows: Mask, rng: Draw, *, way: str = "typed") -> Cells:
    """Damage text by one of ``WAYS``; 'accents', 'typed' and 'lost' damage plain ASCII too; see :func:`unit_change`."""
    if way not in WAYS:
        raise ConfigError(f"there is no way '{way}': choose one of {choices(WAYS)}.")
    text = values.astype("object").map(str, na_action="ignore")
    return text.mask(rows, text.map(WAYS[way], na_action="ignore")).infer_objects()


@cells("sentinel_values", "write a constant for missing values", most=0.1)
def sentinel_values(values: Cells, rows: Mask, rng: Draw, *, value: Any = None) -> Cells:
    """Write a value (or -999, 1970-01-01, ?) into the cells, and all that are empty; see :func:`unit_change`."""
    moment = pd.api.types.is_datetime64_any_dtype(values)
    if value is None:
        value = "1970-01-01" if moment else -999 if pd.api.types.is_numeric_dtype(values) else "?"
    return values.mask(rows | values.isna(), pd.Timestamp(value) if moment else value)


@cells("missing_values", "empty some cells of a column", most=0.1)
def missing_values(values: Cells, rows: Mask, rng: Draw) -> Cells:
    """Empty cells of a column; see :func:`unit_change`."""
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


@cells("range_violation", "cut a column off at a bound", of=NUMBER)
def clipped(values: Cells, rows: Mask, rng: Draw, *, quantile: float = 0.9) -> Cells:
    """Move values to a quantile, those above one over a half, those below another; see :func:`unit_change`."""
    bound = values.quantile(quantile, interpolation="lower")
    return values.mask(rows & (values.gt(bound) if quantile > 0.5 else values.lt(bound)), bound)


@cells("type_change", "round a column", of=NUMBER)
def rounded(values: Cells, rows: Mask, rng: Draw, *, decimals: int = 0) -> Cells:
    """Round to so many decimals; see :func:`unit_change`."""
    return values.mask(rows, values.round(decimals))


@cells("type_change", "write numbers as text", of=NUMBER)
def type_change(values: Cells, rows: Mask, rng: Draw) -> Cells:
    """Write numbers as text, as an export through a spreadsheet does; see :func:`unit_change`."""
    return values.astype("object").mask(rows, values.astype("str")).infer_objects()


@cells("train_serve_skew", "compute a feature otherwise", of=NUMBER)
def train_serve_skew(values: Cells, rows: Mask, rng: Draw, *, how: str = "round", value: float = 0.0) -> Cells:
    """Round a feature to `value` decimals, fill its nulls with it, or multiply by it; see :func:`unit_change`."""
    ways = {"round": values.round(int(value)), "fill": values.fillna(value), "factor": values * value}
    if how not in ways:
        raise ConfigError(f"how is {how!r}: choose one of {choices(ways)}.")
    return values.mask(rows, ways[how])


@cells("broken_relation", "shuffle a column")
def broken_relation(values: Cells, rows: Mask, rng: Draw) -> Cells:
    """Shuffle cells, as a join on the wrong key does: the values stay, their rows do not; see :func:`unit_change`."""
    order = np.arange(len(values))
    order[rows] = rng.permutation(order[rows])
    return values.iloc[order].set_axis(values.index)


@cells("label_noise", "make labels wrong", most=0.2)
def label_noise(values: Cells, rows: Mask, rng: Draw) -> Cells:
    """Give rows another class, or, of more than 20 values, that of any row; see :func:`unit_change`."""
    codes, levels = pd.factorize(values, sort=True)
    if 1 < len(levels) <= 20:
        other = levels.take((codes + rng.integers(1, len(levels), len(values))) % len(levels)).array
    else:
        other = values.dropna().sample(len(values), replace=True, random_state=rng).array
    return values.mask(rows & values.notna(), pd.Series(other, values.index))


@cells("column_swap", "exchange two columns")
def column_swap(values: Cells, rows: Mask, rng: Draw, *, frame: Frame, other: Name = None) -> Frame:
    """Exchange cells with `other`, or with the next column of the same kind; see :func:`unit_change`."""
    number = pd.api.types.is_numeric_dtype
    alike = [n for n in frame.columns if n != values.name and number(frame[n]) == number(values)]
    twin = require(frame, other or next(iter(alike), None))
    return pd.DataFrame({values.name: values.mask(rows, frame[twin]), twin: frame[twin].mask(rows, values)})


@fault("schema_change", "drop or rename a column")
def schema_change(frame: Frame, column: Name, rng: Draw, *, name: Name = None) -> Done:
    """Give a column another name, or drop it where none is given; see :func:`unit_change`."""
    old = require(frame, column)
    damaged = frame.drop(columns=old) if name is None else frame.rename(columns={old: name})
    return damaged, {"kind": "schema_change", "column": old, "name": name, "rows": len(frame)}


@cells("leakage", "let a feature know the target", of="new column")
def leakage(values: Cells, rows: Mask, rng: Draw, *, frame: Frame, target: str = "y", noise: float = 0.0) -> Cells:
    """Write the target as numbers, blurred by `noise` times its deviation, into any column; see :func:`unit_change`."""
    answer = frame[require(frame, target)]
    number = pd.api.types.is_numeric_dtype(answer)
    known = answer.to_numpy(dtype=float) if number else pd.factorize(answer, sort=True)[0].astype(float)
    known = known + rng.normal(0, noise * np.nanstd(known), len(frame))
    return pd.Series(np.where(rows, known, values), values.index)


def _entity(frame: Frame, key: Sequence[str]) -> Any:
    names = [require(frame, name) for name in key]
    return frame.groupby(names, dropna=False).ngroup() if names else np.zeros(len(frame))


@cells("frozen_column", "hold on to one value")
def frozen_column(values: Cells, rows: Mask, rng: Draw, *, frame: Frame, key: Sequence[str] = ()) -> Cells:
    """Keep the value before the chosen rows, or else the first, of each entity by a `key`; see :func:`unit_change`."""
    entity = _entity(frame, key)
    begun = pd.Series(rows).groupby(entity).cummax()
    held = values.mask(begun).groupby(entity).ffill().fillna(values.groupby(entity).transform("first"))
    return values.mask(rows, held.astype(values.dtype))


@cells("stale_column", "let a column lag")
def stale_column(values: Cells, rows: Mask, rng: Draw, *, frame: Frame, lag: int = 1, key: Sequence[str] = ()) -> Cells:
    """Put the value of an earlier row, of the entity where a key is given, in place; see :func:`unit_change`."""
    return values.mask(rows, values.groupby(_entity(frame, key)).shift(lag).fillna(values).astype(values.dtype))


@cells("time_shift", "shift a time by hours", of="time column")
def time_shift(values: Cells, rows: Mask, rng: Draw, *, hours: float = 1.0) -> Cells:
    """Move a timestamp by hours, as a wrong time zone does; see :func:`unit_change`."""
    return values.mask(rows, values + pd.Timedelta(hours=hours))


@cells("concept_shift", "let another outcome follow from an input")
def concept_shift(values: Cells, rows: Mask, rng: Draw, *, frame: Frame, by: str = "", value: Any = None) -> Cells:
    """Give an outcome `value` where another column is above its median; see :func:`unit_change`.

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
    """Move the chosen rows beyond all that was seen, in `columns` too; see :func:`unit_change`."""
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
    """Write nothing, or a default `value`, into a column and others of its source; see :func:`unit_change`."""
    return pd.DataFrame({name: frame[require(frame, name)].mask(rows, value) for name in [str(values.name), *columns]})


@cells("mixed_versions", "let another model answer")
def mixed_versions(values: Cells, rows: Mask, rng: Draw, *, frame: Frame, other: str = "") -> Cells:
    """Log what another model said, which stands in the column `other`; see :func:`unit_change`."""
    if other == values.name:
        raise ConfigError(f"'{other}' holds the answers already: name the column of another model's.")
    return values.mask(rows, frame[require(frame, other)])


def _done(damaged: Frame, struck: Any, kind: str, **told: Any) -> Done:
    return damaged.copy(), {"kind": kind, "column": None, **told, "rows": int(struck.sum())}


@fault("truncation", "cut the table off")
def truncation(frame: Frame, column: Name, rng: Draw, *, share: float = 0.2, limit: int | None = None) -> Done:
    """Drop the last rows of a table, as a file format's limit or an interrupted copy does; `rows` counts them.

    The newest rows go where the column is a time, else those at the end; `limit` stay, whatever the share.

    Examples
    --------
    >>> damaged, truth = truncation(pd.DataFrame({"age": range(10)}), None, None, share=0.3)
    >>> damaged["age"].tolist(), truth["rows"]
    ([0, 1, 2, 3, 4, 5, 6], 3)
    """
    if limit is None and not 0 < share < 1:
        raise ConfigError(f"share is {share}: choose a number above 0 and below 1.")
    stay = len(frame) - round(share * len(frame)) if limit is None else limit
    rank = np.arange(len(frame)) + 1 if column is None else frame[require(frame, column)].rank(method="first")
    lost = ~np.asarray(rank <= stay)
    return _done(frame[~lost], lost, "truncation", time=column, share=share, limit=limit)


@fault("missing_segment", "lose one category or one span of time")
def missing_segment(frame: Frame, column: Name, rng: Draw, *, value: Any = None, share: float = 0.1) -> Done:
    """Drop all rows of one value (of 2 % to 50 % unless said), or a share in a span of time; see :func:`truncation`."""
    name = require(frame, column)
    if pd.api.types.is_datetime64_any_dtype(frame[name]):
        start = rng.uniform(0.2, max(0.8 - share, 0.2))
        lost = frame[name].rank(pct=True).between(start, start + share, inclusive="right")
    else:
        shares = frame[name].value_counts(normalize=True).sort_index()
        fit = [value] if value is not None else list(shares.index[shares.between(0.02, 0.5)])
        if not fit:
            raise ConfigError(f"no value of {name} has 2 % to 50 % of the rows: choose another column.")
        value = fit[int(rng.integers(len(fit)))]
        lost = frame[name] == value
    return _done(frame[~lost.to_numpy(bool)], lost, "missing_segment", by=name, value=value)


@fault("selection_bias", "lose rows of one label")
def selection_bias(frame: Frame, column: Name, rng: Draw, *, value: Any = None, share: float = 0.5) -> Done:
    """Drop a share of one class (the rarest), or above the median of many numbers; see :func:`truncation`."""
    name = require(frame, column)
    counts = frame[name].value_counts().sort_index()
    many = len(counts) > 10 and pd.api.types.is_numeric_dtype(frame[name])
    value = counts.idxmin() if value is None and not many else value
    mine = np.flatnonzero(frame[name] > frame[name].median() if value is None else frame[name] == value)
    lost = np.zeros(len(frame), dtype=bool)
    lost[mine] = chosen(frame.iloc[mine], rng, share)
    return _done(frame[~lost], lost, "selection_bias", target=name, value=value, share=share)


@fault("training_data", "train on another extract")
def training_data(frame: Frame, column: Name, rng: Draw, *, share: float = 0.9) -> Done:
    """Lose a random share of the rows, as an extract that was sampled; see :func:`truncation`."""
    lost = chosen(frame, rng, share)
    return _done(frame[~lost], lost, "training_data", share=share)


@fault("duplicate_rows", "repeat some rows")
def duplicate_rows(frame: Frame, column: Name, rng: Draw, *, share: float = 0.1) -> Done:
    """Append a random share of the rows again, as a load that ran twice does; see :func:`truncation`."""
    rows = chosen(frame, rng, share)
    return _done(pd.concat([frame, frame[rows]], ignore_index=True), rows, "duplicate_rows", share=share)


@fault("train_test_overlap", "put rows of the training table into the exam")
def train_test_overlap(
    frame: Frame, column: Name, rng: Draw, *, other: Frame | None = None, share: float = 0.2
) -> Done:
    """Replace a share of an exam's rows by rows of the training table, `other`; see :func:`truncation`."""
    rows = chosen(frame, rng, share)
    if other is None or len(other) < rows.sum():
        raise ConfigError("the training table is needed: give it as 'other', with as many rows as are replaced.")
    seen = other.iloc[rng.choice(len(other), int(rows.sum()), replace=False)].reindex(columns=frame.columns)
    damaged = pd.concat([frame[~rows], seen.set_index(frame.index[rows])]).loc[frame.index]
    return _done(damaged, rows, "train_test_overlap", share=share)


@fault("join_fanout", "multiply rows by a join")
def join_fanout(frame: Frame, column: Name, rng: Draw, *, values: list[Any] | None = None, joined: Name = None) -> Done:
    """Repeat all rows with some values of a column, as a key that a joined table has twice; see :func:`truncation`.

    The values are one of those with 1 % to 60 % of the rows unless said. In `joined`, a column that came with the join,
    the copies have values of other rows. The rows get new labels. The `join` of the truth is the column.
    """
    name = require(frame, column)
    if values is None:
        shares = frame[name].value_counts(normalize=True).sort_index()
        fit = shares.index[shares.between(0.01, 0.6)]
        values = [fit[int(rng.integers(len(fit)))]] if len(fit) else []
    copied = frame[name].isin(values)
    copies = frame[copied]
    if joined is not None:
        drawn = frame[require(frame, joined)].iloc[rng.integers(len(frame), size=len(copies))]
        copies = copies.assign(**{joined: drawn.to_numpy()})
    told = {"join": name, "values": list(values), "joined": joined}
    return _done(pd.concat([frame, copies], ignore_index=True), copied, "join_fanout", **told)


def _kept(frame: Frame, weights: Any, rng: Draw, kind: str, column: str, **told: Any) -> Done:
    stay = rng.random(len(frame)) < weights / weights.max()
    return frame[stay].copy(), {"kind": kind, "column": column, **told, "rows": int((~stay).sum())}


@fault("covariate_shift", "see other rows of the same law")
def covariate_shift(frame: Frame, column: Name, rng: Draw, *, strength: float = 2.0) -> Done:
    """Keep rows of the largest value e^strength times as often as of the smallest; see :func:`truncation`."""
    name = require(frame, column)
    weights = np.exp(strength * frame[name].rank(pct=True).fillna(0.5).to_numpy())
    return _kept(frame, weights, rng, "covariate_shift", name, strength=strength)


@fault("label_shift", "see one outcome more often")
def label_shift(frame: Frame, column: Name, rng: Draw, *, value: Any = None, factor: float = 4.0) -> Done:
    """Keep rows of one outcome (the rarest) `factor` times as often as others; see :func:`truncation`."""
    name = require(frame, column)
    value = frame[name].value_counts().sort_index().idxmin() if value is None else value
    weights = np.where(frame[name] == value, factor, 1.0)
    return _kept(frame, weights, rng, "label_shift", name, value=value, factor=factor)
