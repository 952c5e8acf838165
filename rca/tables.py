"""Any table, as an Ibis expression: opened, sampled into memory, profiled.

What must be exact (rows, missing values, extremes, frequent categories) is counted in the engine, in one pass, the
rest in a sample of at most ``SAMPLE`` rows. A hash of the row chooses it: the order of rows does not matter, and
duplicates of a row come together or not at all.
"""

import math
import sys
from collections.abc import Iterable
from functools import cache, cached_property
from pathlib import Path
from typing import Any
import ibis
import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray
from rca.errors import DataError, choices
from rca.profiles import GRID, SAMPLE, Column, Kind, Profile, imagine, load

__all__ = ["CATEGORIES", "GRID", "LIMIT", "SAMPLE", "Column", "Table", "open_table"]

#: Categories beyond this many are not listed, most frequent first.
CATEGORIES = 1000
#: Rows that are brought into memory at most, unless asked for otherwise.
LIMIT = 200_000
#: The first and the last moment that Python knows; engines know infinity.
_YEARS = np.array(["0001-01-01", "9999-12-31T23:59:59.999999"], dtype="datetime64[us]")

Hashes = NDArray[np.uint64]


class Table:
    """One table: a lazy expression, its profile, a sample of it.

    Examples
    --------
    >>> table = open_table(pd.DataFrame({"income": [1.0, 2.0, None], "city": ["A", "B", "B"]}), "toy")
    >>> table.profile.rows, table.profile.columns["income"].missing
    (3, 1)
    >>> dict(table.profile.columns["city"].top)
    {'B': 2, 'A': 1}
    """

    def __init__(self, expr: Any, name: str = "table", profile: Profile | None = None) -> None:
        self.expr = expr
        self.name = name
        #: Whether the rows are imagined, from a stored profile.
        self.imagined = profile is not None
        if profile is not None:
            self.profile = profile

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """Column names, in order."""
        return tuple(self.expr.columns)

    @cached_property
    def kinds(self) -> dict[str, Kind]:
        """How each column is looked at."""
        return {name: kind_of(dtype) for name, dtype in self.expr.schema().items()}

    @cached_property
    def profile(self) -> Profile:
        """Counts, extremes, quantiles and categories of every column, computed once."""
        whole = len(self.sample) == self.rows
        facts = {} if whole else _facts(self)
        columns = {}
        for name, dtype in self.expr.schema().items():
            told = _describe(self, name) | facts.get(name, {})
            # many categories, such as names, are not worth a pass of their own
            if not whole and told.get("distinct", CATEGORIES) < CATEGORIES and self.kinds[name] == "category":
                known = self.expr.filter(self.expr[name].notnull()).group_by(value=self.expr[name].cast("string"))
                counts = known.aggregate(n=lambda t: t.count()).order_by([ibis.desc("n"), "value"]).limit(CATEGORIES)
                told["top"] = {item["value"]: int(item["n"]) for item in fetch(counts).to_pylist()}
            columns[name] = Column(name, self.kinds[name], str(dtype.copy(nullable=True)), self.rows, **told)
        return Profile(self.rows, columns)

    @cached_property
    def rows(self) -> int:
        """Number of rows."""
        return int(fetch(self.expr.aggregate(n=self.expr.count()))["n"][0].as_py())

    @cached_property
    def hashes(self) -> Hashes:
        """A number for each row of the sample that equal rows share."""
        return self._sampled[1]

    @cached_property
    def sample(self) -> pd.DataFrame:
        """The rows, or those that a hash chooses, as checks read them.

        Numbers are floats, times are without zone (in UTC), text and truth values are categories of strings;
        columns of other types are left out.
        """
        return self._sampled[0]

    @cached_property
    def _sampled(self) -> tuple[pd.DataFrame, Hashes]:
        kept = [name for name, kind in self.kinds.items() if kind != "other"]
        return self._picked(kept, sorted(self.columns), math.ceil(self.rows / SAMPLE))

    def keyed(self, key: list[str], names: list[str], step: int) -> pd.DataFrame:
        """Return the rows that a hash of the key chooses, one key in `step`: the same keys of every table."""
        return self._picked([*key, *names], sorted(key), step)[0]

    def _picked(self, kept: list[str], hashed: list[str], step: int) -> tuple[pd.DataFrame, Hashes]:
        cells = {f"c{i}": self.expr[name] for i, name in enumerate(kept)}
        picked = self.expr.select(**cells, row=hash_of(self.expr, hashed))
        if step > 1:
            picked = picked.filter(picked["row"] % step == 0)
        found = fetch(picked)
        series = {name: normal(found.column(f"c{i}"), self.kinds[name]) for i, name in enumerate(kept)}
        hashes = found.column("row").to_numpy().astype(np.uint64, casting="unsafe")
        return pd.DataFrame(series, index=pd.RangeIndex(len(hashes))), hashes

    def frame(self, limit: int = LIMIT, seed: int = 0) -> pd.DataFrame:
        """Return the rows as a DataFrame, a random sample of about `limit` where there are more."""
        expr = self.expr.sample(limit / self.rows, seed=seed) if self.rows > limit else self.expr
        frame: pd.DataFrame = (fetch(expr) if is_spark(expr) else expr).to_pandas()
        return frame

    def read(self) -> None:
        """Read what checks look at; where the file is damaged inside, a DataError says so."""
        try:
            _ = self.profile
        except Exception as problem:  # noqa: BLE001  engines raise what they like
            detail = " ".join(str(problem).split("LINE 1:")[0].split())[:300]  # engines show their own query
            raise DataError(f"{self.name} cannot be read ({detail}): mend the table, or give another.") from None

    def require(self, *names: str | None) -> None:
        """Check that columns exist; a DataError names the first that is missing, and those there are."""
        for name in names:
            if name is not None and name not in self.columns:
                hint = "correct the name, or the table."
                raise DataError(f"{self.name} has no column '{name}': it has {choices(self.columns)}; {hint}")


def open_table(source: Any, name: str = "table", like: str | None = None) -> Table:
    """Open a path, a URL, a DataFrame, an Arrow table or an Ibis table; a DataError says why it cannot be read.

    `like` is a path whose extension tells the format, for a file that has none of its own, as in a cache.
    """
    if isinstance(source, Table):
        return source
    try:
        if isinstance(source, str | Path) and str(source).endswith(".json"):
            stored = load(str(source))
            return Table(ibis.memtable(imagine(stored)), str(name), stored)
        if isinstance(source, str | Path):
            return Table(_read(str(source), like or str(source)), str(name))
        if hasattr(source, "columns") and hasattr(source, "execute"):
            return Table(source, name)
        # of an Arrow table the columns are the data
        names = [str(c) for c in getattr(source, "column_names", getattr(source, "columns", ()))]
        if repeated := {c for c in names if names.count(c) > 1}:
            raise DataError(f"{name} has the column {choices(repeated)} more than once: rename one of them.")
        if not names:
            kind = "has no columns" if hasattr(source, "columns") else f"is a {type(source).__name__}, and no table"
            raise DataError(f"{name} {kind}: give a path, a DataFrame, an Arrow or an Ibis table with columns.")
        if odd := [c for c in names if not c or "\0" in c]:
            raise DataError(f"{name} has the column name {odd[0]!r}, which no engine knows: rename it.")
        return Table(ibis.memtable(_named(source)), name)
    except DataError:
        raise
    except Exception as problem:  # noqa: BLE001  engines raise what they like
        detail = " ".join(str(problem).split("LINE 1:")[0].split())[:300]  # engines show their own query
        raise DataError(f"{name} cannot be read as a table ({detail}): give parquet, csv or a DataFrame.") from None


def _named(source: Any) -> Any:
    """Engines want string names and columns of one type; an index is no column."""
    if not hasattr(source, "rename") or not hasattr(source, "index"):
        return source
    named = source.reset_index(drop=True).rename(columns=str)
    odd = [name for name in named if named[name].dtype.kind in "OcM" or named[name].dtype == "float16"]
    return named.assign(**{name: _plain(named[name]) for name in odd}) if odd else named


def _plain(column: pd.Series) -> Any:
    """Make text of what has no one type (a number beside a word), and floats of decimals."""
    if column.dtype.kind == "M":
        return column.dt.as_unit("us")  # no engine keeps more
    if column.dtype == "float16":
        return column.astype("float32")
    try:
        held = pa.array(column, from_pandas=True).type
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, OverflowError):
        held = None
    if held is None or isinstance(held, pa.BaseExtensionType):
        return column.astype("object").map(str, na_action="ignore")
    return column.astype("float64") if pa.types.is_decimal(held) else column


@cache
def _engine() -> Any:
    return ibis.duckdb.connect()


def _read(path: str, name: str) -> Any:
    """Read by the extension of `name`, since objects in a cache have none of their own."""
    if "://" not in path and not Path(path).exists():
        raise DataError(f"there is no file {path}: check the path.")
    if name.lower().removesuffix(".gz").endswith((".csv", ".tsv", ".txt")):
        try:
            return _engine().read_csv(path, sample_size=-1)
        except Exception as problem:
            if "utf-8" not in str(problem).lower():
                raise
            return _engine().read_csv(path, sample_size=-1, encoding="latin-1")  # every byte is a character of latin-1
    return _engine().read_parquet(path)


def _facts(table: Table) -> dict[str, dict[str, Any]]:
    """Count in the engine, in one pass, what a sample does not tell of each column."""
    asked: dict[tuple[str, str], Any] = {}
    for name, kind in table.kinds.items():
        column = table.expr[name]
        asked[name, "missing"] = missing(column).sum()
        if kind in ("number", "time"):
            value = finite(column) if kind == "number" else column
            asked |= {(name, "min"): value.min(), (name, "max"): value.max()}
        if column.type().is_floating():
            asked[name, "infinite"] = infinite(column).sum()
    found = fetch(table.expr.aggregate(**{f"m{i}": measure for i, measure in enumerate(asked.values())}))
    facts: dict[str, dict[str, Any]] = {name: {} for name in table.columns}
    for (name, word), value in zip(asked, found.columns, strict=True):
        time = pa.types.is_temporal(value.type)
        facts[name][word] = normal(value, "time").astype(object)[0] if time else value[0].as_py()
    return facts


def _describe(table: Table, name: str) -> dict[str, Any]:
    kind = table.kinds[name]
    if kind == "other":
        return {"missing": int(fetch(table.expr.aggregate(n=missing(table.expr[name]).sum()))["n"][0].as_py() or 0)}
    values = table.sample[name]
    told: dict[str, Any] = {"missing": int(values.isna().sum())}
    if kind == "number":
        whole = values.to_numpy()
        known = whole[np.isfinite(whole)]
        told |= {"infinite": len(whole) - told["missing"] - len(known), "distinct": len(np.unique(known))}
        if len(known):
            ends = float(known.min()), float(known.max())
            told |= {"min": ends[0], "max": ends[1], "quantiles": tuple(np.quantile(known, GRID).tolist())}
        if len(tame := known[np.abs(known) < 1e150]):  # beyond this sums of squares overflow
            told |= {"mean": float(tame.mean()), "std": float(tame.std())}
        return told
    if kind == "time":
        told["distinct"] = int(values.nunique())
        times = values.agg(["min", "max"]).to_dict() if told["missing"] < len(values) else {}
        return told | {str(name): moment.to_pydatetime() for name, moment in times.items()}
    seen = sorted((-n, str(value)) for value, n in values.value_counts().items() if n)
    return told | {"distinct": len(seen), "top": {value: -n for n, value in seen[:CATEGORIES]}}


def fetch(expr: Any) -> Any:
    """Run a query; return its rows as an Arrow table. Ibis goes through pandas to bring them from Spark."""
    if not is_spark(expr):
        return expr.to_pyarrow()
    engine = expr.get_backend()
    return engine.raw_sql(engine.compile(expr)).toArrow()


def is_spark(expr: Any) -> bool:
    """Say whether Spark computes an expression."""
    return bool(expr.get_backend().name == "pyspark")


def hash_of(expr: Any, names: Iterable[str]) -> Any:
    """Return a number for each row that rows with equal values in some columns share."""
    cells = [expr[name] for name in sorted(names)]
    if not is_spark(expr):
        # fields have numbers, since engines take names that differ by case for one
        return ibis.struct({f"c{i}": cell for i, cell in enumerate(cells)}).hash()
    cells = [cell for cell in cells if not cell.type().is_map()]  # Spark passes over nulls, and cannot hash maps
    absent = ibis.array([cell.isnull() for cell in cells])
    return xxhash64(ibis.struct({**{f"c{i}": cell for i, cell in enumerate(cells)}, "absent": absent}))


@ibis.udf.scalar.builtin(signature=((None,), "int64"))  # type: ignore[untyped-decorator]  # ibis says no types
def xxhash64(_: Any) -> int:  # type: ignore[empty-body]  # the engine has the body
    """Return Spark's longer hash: its usual one has 32 bits, too few to tell rows apart."""


def kind_of(dtype: Any) -> Kind:
    """Return how a column of an Ibis type is looked at."""
    if dtype.is_numeric():
        return "number"
    if dtype.is_string() or dtype.is_boolean():
        return "category"
    return "time" if dtype.is_timestamp() or dtype.is_date() else "other"


def normal(values: Any, kind: Kind) -> Any:
    """Return a column of an Arrow table as checks read it; see :attr:`Table.sample`."""
    values = values.combine_chunks()
    if kind == "number":
        return values.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    if kind == "time":
        zoned = values.cast(pa.timestamp("us", tz=getattr(values.type, "tz", None)), safe=False)
        return zoned.cast(pa.timestamp("us"), safe=False).to_numpy(zero_copy_only=False).clip(*_YEARS)
    coded = values.cast(pa.string()).dictionary_encode()
    parts = coded.indices.fill_null(-1), coded.dictionary
    return pd.Categorical.from_codes(*(part.to_numpy(zero_copy_only=False) for part in parts))


def missing(column: Any) -> Any:
    """Return the condition that a value is missing: null, or NaN in a float column."""
    return column.isnull() | column.isnan() if column.type().is_floating() else column.isnull()


def infinite(column: Any) -> Any:
    """Return the condition that a float is infinite; Ibis's own is never true on Spark."""
    return ~missing(column) & (column.abs() > sys.float_info.max)


def finite(column: Any) -> Any:
    """Return the column as floats with null in place of NaN and infinity."""
    if column.type().is_floating():
        column = ibis.ifelse(column.isnan() | infinite(column), None, column)
    return column.cast("float64")
