"""What an engine is asked, in words that DuckDB and Spark understand alike."""

import sys
from collections.abc import Iterable
from typing import Any
import ibis
import numpy as np
import pandas as pd
import pyarrow as pa
from rca.profiles import Kind

#: The first and the last moment that Python knows; engines know infinity.
_YEARS = np.array(["0001-01-01", "9999-12-31T23:59:59.999999"], dtype="datetime64[us]")


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
