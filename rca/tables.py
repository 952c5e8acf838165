"""Any table, as an Ibis expression: opened, profiled in the engine, sampled into memory."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from rca.errors import DataError, choices

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

Kind = Literal["number", "category", "time", "other"]

#: The probabilities at which numeric columns are profiled.
GRID = (0.001, 0.01, *(i / 20 for i in range(1, 20)), 0.99, 0.999)
#: Categories beyond this many are not listed, most frequent first.
CATEGORIES = 1000
#: Rows that are brought into memory at most, unless asked for otherwise.
LIMIT = 200_000


@dataclass(frozen=True, slots=True)
class Column:
    """What is known of one column without its rows."""

    name: str
    kind: Kind
    type: str
    rows: int
    missing: int
    """Nulls and NaN."""
    infinite: int = 0
    distinct: int | None = None
    """Distinct values that are not missing; None where the type cannot be compared."""
    min: Any = None
    max: Any = None
    mean: float | None = None
    std: float | None = None
    quantiles: tuple[float, ...] = ()
    """At the probabilities of ``GRID``; empty unless numeric with at least one finite value."""
    top: Mapping[str, int] = field(default_factory=dict)
    """Category to count, most frequent first."""

    @property
    def present(self) -> int:
        """Rows with a value."""
        return self.rows - self.missing

    def at(self, probability: float) -> float:
        """Return the quantile at a probability of ``GRID``."""
        return self.quantiles[GRID.index(probability)]


@dataclass(frozen=True, slots=True)
class Profile:
    """What is known of one table without its rows."""

    rows: int
    columns: Mapping[str, Column]


class Table:
    """One table: a lazy expression, its profile, a sample of it.

    Parameters
    ----------
    expr : ibis.Table
        Nothing is read until a property asks for it.
    name : str
        How messages call the table.

    Examples
    --------
    >>> import pandas as pd
    >>> table = open_table(pd.DataFrame({"income": [1.0, 2.0, None], "city": ["A", "B", "B"]}), "toy")
    >>> table.profile.rows, table.profile.columns["income"].missing
    (3, 1)
    >>> dict(table.profile.columns["city"].top)
    {'B': 2, 'A': 1}
    """

    def __init__(self, expr: Any, name: str = "table") -> None:
        self.expr = expr
        self.name = name

    def __repr__(self) -> str:
        return f"Table({self.name!r}, {len(self.columns)} columns)"

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """Column names, in order."""
        return tuple(self.expr.columns)

    @cached_property
    def profile(self) -> Profile:
        """Counts, moments, quantiles and categories of every column, computed in the engine once."""
        return _profile(self.expr)

    @cached_property
    def rows(self) -> int:
        """Number of rows."""
        return int(self.expr.count().execute())

    def frame(self, limit: int = LIMIT, seed: int = 0) -> pd.DataFrame:
        """Return the rows as a DataFrame, a random sample of about `limit` where there are more."""
        expr = self.expr
        if self.rows > limit:
            expr = expr.sample(limit / self.rows, seed=seed)
        frame: pd.DataFrame = expr.to_pandas()
        return frame

    def require(self, *names: str | None) -> None:
        """Check that columns exist.

        Raises
        ------
        DataError
            Naming the first that is missing and those there are.
        """
        for name in names:
            if name is not None and name not in self.columns:
                raise DataError(
                    f"{self.name} has no column '{name}': it has {choices(self.columns)}; "
                    "correct the name, or the table."
                )


def open_table(source: Any, name: str = "table", like: str | None = None) -> Table:
    """Open a path, a URL, a DataFrame, an Arrow table or an Ibis table.

    Parameters
    ----------
    like : str, optional
        A path whose extension tells the format, for a file that has none of its own, as in a cache.

    Raises
    ------
    DataError
        If it cannot be read as a table, or two columns share a name.
    """
    import ibis

    if isinstance(source, Table):
        return source
    try:
        if isinstance(source, str | Path):
            return Table(_read(str(source), like or str(source)), str(name))
        if hasattr(source, "columns") and hasattr(source, "execute"):
            return Table(source, name)
        repeated = {str(c) for c in getattr(source, "columns", []) if list(source.columns).count(c) > 1}
        if repeated:
            raise DataError(f"{name} has the column {choices(repeated)} more than once: rename one of them.")
        if not len(getattr(source, "columns", [])):
            raise DataError(f"{name} has no columns: give a table with at least one.")
        return Table(ibis.memtable(_named(source)), name)
    except DataError:
        raise
    except Exception as problem:  # noqa: BLE001  engines raise what they like
        detail = " ".join(str(problem).split())[:300]
        raise DataError(f"{name} cannot be read as a table ({detail}): give parquet, csv or a DataFrame.") from None


def _named(source: Any) -> Any:
    """Engines want string names and columns of one type; an index is no column."""
    if not hasattr(source, "rename") or not hasattr(source, "index"):
        return source
    named = source.reset_index(drop=True).rename(columns=str)
    odd = {name: _plain(named[name]) for name in named.columns if named[name].dtype.kind in "Oc"}
    return named.assign(**odd) if odd else named


def _plain(column: pd.Series) -> pd.Series:
    """Make text of what has no one type (a number beside a word), and floats of decimals."""
    import pyarrow as pa

    try:
        held = pa.array(column, from_pandas=True).type
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError):
        held = None
    if held is None or isinstance(held, pa.BaseExtensionType):
        return column.astype("object").map(str, na_action="ignore")
    return column.astype("float64") if pa.types.is_decimal(held) else column


@functools.cache
def _engine() -> Any:
    import ibis

    return ibis.duckdb.connect()


def _read(path: str, name: str) -> Any:
    """Read by the extension of `name`, since objects in a cache have none of their own."""
    if "://" not in path and not Path(path).exists():
        raise DataError(f"there is no file {path}: check the path.")
    if name.lower().removesuffix(".gz").endswith((".csv", ".tsv", ".txt")):
        return _engine().read_csv(path, sample_size=-1)
    return _engine().read_parquet(path)


def kind_of(dtype: Any) -> Kind:
    """Return how a column of an Ibis type is looked at."""
    if dtype.is_numeric():
        return "number"
    if dtype.is_string() or dtype.is_boolean():
        return "category"
    if dtype.is_timestamp() or dtype.is_date():
        return "time"
    return "other"


def missing(column: Any) -> Any:
    """Return the condition that a value is missing: null, or NaN in a float column."""
    return column.isnull() | column.isnan() if column.type().is_floating() else column.isnull()


def finite(column: Any) -> Any:
    """Return the column as floats with null in place of NaN and infinity."""
    import ibis

    if column.type().is_floating():
        column = ibis.ifelse(column.isnan() | column.isinf(), None, column)
    return column.cast("float64")


def _profile(expr: Any) -> Profile:
    import ibis

    schema = expr.schema()
    measures: dict[str, Any] = {"rows": expr.count()}
    for i, (name, dtype) in enumerate(schema.items()):
        column = expr[name]
        measures[f"missing{i}"] = missing(column).sum()
        kind = kind_of(dtype)
        if kind == "number":
            value = finite(column)
            # beyond this the engine's sums of squares overflow, which it takes for an error
            tame = ibis.ifelse(value.abs() < 1e150, value, None)
            measures |= {
                f"distinct{i}": value.nunique(),
                f"min{i}": value.min(),
                f"max{i}": value.max(),
                f"mean{i}": tame.mean(),
                f"std{i}": tame.std(how="pop"),
                f"quantiles{i}": value.quantile(list(GRID)),
            }
            if dtype.is_floating():
                measures[f"infinite{i}"] = column.isinf().sum()
        elif kind in ("time", "category"):
            measures |= {f"distinct{i}": column.nunique()}
            if kind == "time":
                measures |= {f"min{i}": column.min(), f"max{i}": column.max()}
    row = expr.aggregate(**measures).to_pyarrow().to_pylist()[0]
    rows = int(row["rows"])
    columns = {
        name: _column(i, name, dtype, rows, row, _top(expr, name) if kind_of(dtype) == "category" else {})
        for i, (name, dtype) in enumerate(schema.items())
    }
    return Profile(rows, columns)


def _column(i: int, name: str, dtype: Any, rows: int, row: Mapping[str, Any], top: Mapping[str, int]) -> Column:
    quantiles = row.get(f"quantiles{i}") or ()
    return Column(
        name=name,
        kind=kind_of(dtype),
        type=str(dtype.copy(nullable=True)),
        rows=rows,
        missing=int(row[f"missing{i}"] or 0),
        infinite=int(row.get(f"infinite{i}") or 0),
        distinct=row.get(f"distinct{i}"),
        min=row.get(f"min{i}"),
        max=row.get(f"max{i}"),
        mean=row.get(f"mean{i}"),
        std=row.get(f"std{i}"),
        quantiles=() if any(q is None or math.isnan(q) for q in quantiles) else tuple(quantiles),
        top=top,
    )


def _top(expr: Any, name: str) -> dict[str, int]:
    import ibis

    column = expr[name]
    counts = (
        expr.filter(column.notnull())
        .group_by(value=column.cast("string"))
        .aggregate(n=lambda t: t.count())
        .order_by([ibis.desc("n"), "value"])
        .limit(CATEGORIES)
        .to_pyarrow()
        .to_pylist()
    )
    return {item["value"]: int(item["n"]) for item in counts}
