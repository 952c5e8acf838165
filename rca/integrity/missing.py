"""RCA101 and RCA102, whether more values are missing than before, or a constant stands in their place."""

from collections.abc import Iterator
from typing import Any
import numpy as np
from rca.integrity._common import DISTINCT, FEWEST, Mask, columns, iso, listed, locate, percent, report, time_of
from rca.integrity.category import NULLS, changed
from rca.registry import check
from rca.stats import Floats
from rca.tables import Column
from rca.types import Case, Finding, Pair, Table

_NUMBERS = {0.0, -1.0, -9.0, 32767.0, -32768.0, 65535.0, 2147483647.0, -2147483648.0, 1e9, -1e9, 1e10}
_DAYS = {"0001-01-01", "1753-01-01", "1899-12-30", "1900-01-01", "1970-01-01", "2099-12-31", "9999-12-31"}


@check("RCA101", "values went missing", alone=True, explains=("label_noise",))
def missing_values(case: Case, *, floor: float = 0.02) -> Iterator[Finding]:
    """Find columns whose share of missing values (null, NaN or blank text) rose beyond what it ever was.

    What counts is the rise over the reference's share, or its largest in a tenth of its time. The target
    counts only between tables of the same role: the newest labels may not be known yet.

    Examples
    --------
    >>> whole = pd.DataFrame({"income": range(1000), "city": ["A", "B"] * 500})
    >>> damaged = whole.assign(income=whole["income"].where(whole.index >= 300))
    >>> texts(missing_values, whole, damaged), texts(missing_values, whole, whole)
    (['income is missing in 30 % of the rows of train, 0 % in the reference.'], [])
    """
    for pair, reference, current in columns(case):
        name, time = reference.name, time_of(pair, case)
        if name == case.roles.target and not pair.same_role:
            continue
        empty, hit = _empty(pair.reference, reference), _empty(pair.current, current)
        share = most = float(empty.mean())
        if time is not None and time != name and 0 < share < 1 and len(empty) >= FEWEST:
            order = np.argsort(pair.reference.sample[time].to_numpy(), kind="stable")
            tenths = [empty[part].mean() for part in np.array_split(order, 10)]
            most = max(share, float(max(tenths) - 2 * np.sqrt(share * (1 - share) * 10 / len(empty))))
        text = "{column} is missing in {share} of the rows of {table}{where}, " + f"{percent(share)} in the reference."
        where: dict[str, Any] | None = None if name in pair.current.sample else {}
        yield from report(pair, name, case, hit, "missing_values", text, floor, before=most, where=where)


def _empty(table: Table, column: Column) -> Mask:
    """Return which cells hold nothing, or nothing but blanks."""
    sample = table.sample
    if column.name not in sample:  # of a type of which only the count is known
        return np.arange(len(sample)) * column.rows < column.missing * len(sample)
    return np.asarray(sample[column.name].isna() | sample[column.name].isin([v for v in column.top if not v.strip()]))


@check("RCA102", "a constant stands for missing values")
def sentinel_values(case: Case, *, floor: float = 0.005) -> Iterator[Finding]:
    """Find constants that stand for null: known ones, lonely spikes, or fills; see :func:`missing_values`.

    The evidence lists the constants as `values`. One counts that the reference has a tenth as often at most, if
    it is known to stand for null or lies as far outside as the reference is wide, or that rose as the nulls fell.
    """
    text = "{column} holds {names} in {share} of the rows of {table}{where}."
    words = {(pair.name, column.name): np.array(list(new)) for pair, column, new in changed(case, "nulls")}
    for pair, reference, current in columns(case):
        name, sample = reference.name, pair.current.sample
        if name not in sample or name not in pair.reference.sample or not current.present or not reference.present:
            continue
        values, now, before = risen(pair, name, floor)
        sure = _constants(pair, reference, current, case, values, now, before)
        values, before = values[sure], before[sure]
        if len(said := words.get((pair.name, name), ())):
            values, before = said, np.zeros(1)
        shown = [iso(v) if hasattr(v, "isoformat") else v for v in values.tolist()]
        names = listed([f"{v:.6g}" if isinstance(v, float) else str(v) for v in shown])
        facts: dict[str, Any] = {"before": before.sum(), "values": shown, "names": names}
        hit = sample[name].isin(values).to_numpy()
        yield from report(pair, name, case, hit, "sentinel_values", text, floor, **facts)


def _constants(pair: Pair, reference: Column, current: Column, case: Case, values: Any, now: Any, before: Any) -> Mask:
    """Return which of the values that rose stand for null."""
    if reference.kind != current.kind:
        said = (str(v).strip().casefold() for v in values)
        return np.array([word in NULLS and not word[-1].isdigit() for word in said], dtype=bool)
    fill = np.zeros(len(values), dtype=bool)
    fall = reference.missing / reference.rows - current.missing / current.rows
    noise = 3 * error(reference.missing / reference.rows, pair)
    if len(values) and fall > 0.02 + noise:  # one value rose by as much as the nulls fell; a fair fill raises it less
        i = int(np.argmax(now - before))
        fair, rise = before[i] * reference.rows / reference.present * fall, now[i] - before[i]
        slack = 0.15 * fall + 3 * error(before[i], pair) + noise
        fill[i] = abs(rise - fall) < slack and rise - fair > max(noise, (fall - fair) / 2)
    if fill.any() or not len(values) or reference.max is None:  # categories have no extremes
        return fill
    cells, name = pair.current.sample, reference.name
    old, new = (side[np.isfinite(side)] for side in (pair.reference.sample[name].to_numpy(), cells[name].to_numpy()))
    low, high, rare = old.min(), old.max(), before <= 0.1 * now
    known = rare & [_known(value) for value in values]
    far = rare & ((low - values > high - low) | (values - high > high - low)) & ((reference.distinct or 0) >= DISTINCT)
    # a column that moved as a whole, or goes by steps, comes to new values all the time
    steps, rest = now[rare & ~known & ~far].sum(), new[~np.isin(new, values)]
    calm = ((rest < low) | (rest > high)).sum() <= 0.02 * len(rest) and far.sum() == 1 and not steps
    # values may be cut off there, or a usual value is all there is from a moment on
    tails = [(old < v).mean() if v == new.min() else (old > v).mean() if v == new.max() else 0.0 for v in values]
    frozen = [
        k and low <= v <= high and locate(cells, (cells[name] == v).to_numpy(), case, name).get("all_since", False)
        for k, v in zip(known, values, strict=True)
    ]
    other = (np.array(tails) > 0.3 * now) | np.array(frozen, dtype=bool)
    return np.asarray(far & (calm | known) | known & (steps <= now / 2) & ~other)


def _known(value: Any) -> bool:
    if isinstance(value, np.datetime64):
        return str(value)[:10] in _DAYS
    size = abs(float(value))
    return float(value) in _NUMBERS or (size >= 99 and set(f"{size:.10g}".replace(".", "")) == {"9"})


def error(share: Any, pair: Pair) -> Any:
    """Return the standard error of the difference of two shares of about this size."""
    share = np.clip(share, 0.005, 0.995)
    return np.sqrt(share * (1 - share) * sum(1 / len(side.sample) for side in (pair.reference, pair.current)))


def risen(pair: Pair, name: str, floor: float) -> tuple[Any, Floats, Floats]:
    """Return the values whose share rose by more than the floor and than chance, and both shares."""
    old, new = (table.sample[name].value_counts() / len(table.sample) for table in (pair.reference, pair.current))
    now = new[new > floor].drop([np.inf, -np.inf], errors="ignore").sort_index()
    before = np.array([old.get(value, 0.0) for value in now.index])
    rose = (now - before > floor + 2 * error(before, pair)).to_numpy()
    return now.index.to_numpy()[rose], now.to_numpy()[rose], before[rose]
