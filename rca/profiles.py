"""What is known of a table without its rows, and the file that keeps it.

A stored profile takes the place of the reference table where its rows may not leave the house.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field, fields, replace
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from rca.errors import DataError
from rca.types import plain

if TYPE_CHECKING:
    from collections.abc import Mapping

Kind = Literal["number", "category", "time", "other"]

#: The probabilities at which numeric columns are profiled.
GRID = (0.001, 0.01, *(i / 20 for i in range(1, 20)), 0.99, 0.999)
#: Rows that checks look at: a share is known to half a percent.
SAMPLE = 50_000
#: What a file says to be a stored profile.
SCHEMA = "rca/profile/1"
#: A stored profile lists no category of fewer rows, since few rows are somebody.
FEWEST = 10


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
    """Distinct values that are not missing, in the sample; None where the type cannot be compared."""
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


def store(profile: Profile, path: str | Path, key: tuple[str, ...] = ()) -> None:
    """Write a profile as JSON, without rare categories and without a value of a key.

    Parameters
    ----------
    key : tuple of str
        Columns that name a row; whole numbers that never repeat are taken for such as well.

    Examples
    --------
    >>> import tempfile
    >>> age = Column("age", "number", "int64", 40, 0, distinct=12, min=18, max=30, top={})
    >>> city = Column("city", "category", "string", 40, 1, distinct=2, top={"Rome": 38, "Oslo": 1})
    >>> path = f"{tempfile.mkdtemp()}/train.profile.json"
    >>> store(Profile(40, {"age": age, "city": city}), path)
    >>> load(path).columns["city"].top
    {'Rome': 38}
    """
    columns = [_unnamed(c) if c.name in key or _names_rows(c) else c for c in profile.columns.values()]
    kept = [replace(c, top={value: n for value, n in c.top.items() if n >= FEWEST}) for c in columns]
    told = {"schema": SCHEMA, "rows": profile.rows, "columns": [_ends(plain(c)) for c in kept]}
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(json.dumps(told, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def load(path: str | Path) -> Profile:
    """Read a stored profile.

    Raises
    ------
    DataError
        If the file holds none.
    """
    try:
        told = json.loads(Path(path).read_text(encoding="utf-8"))
        if told["schema"] != SCHEMA:
            raise ValueError(f"its schema is {told['schema']!r}")
        columns = [_column(item) for item in told["columns"]]
        return Profile(int(told["rows"]), {c.name: c for c in columns})
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as problem:
        detail = " ".join(str(problem).split())[:200]
        raise DataError(
            f"{path} is no stored profile ({detail}): give a table, or what rca check --profile wrote."
        ) from None


def _column(item: Mapping[str, Any]) -> Column:
    known = {f.name: item[f.name] for f in fields(Column) if f.name in item}
    known["quantiles"] = tuple(known.get("quantiles", ()))
    if known["kind"] == "time":
        read = date.fromisoformat if known["type"] == "date" else datetime.fromisoformat
        known |= {end: read(known[end]) for end in ("min", "max") if known.get(end)}
    return Column(**known)


def _names_rows(column: Column) -> bool:
    if column.present < FEWEST or column.distinct is None or not column.type.startswith(("int", "uint")):
        return False
    # of a large table, the distinct values of a sample are known
    step = math.ceil(column.rows / SAMPLE)
    return column.distinct >= column.present / step * (1 if step == 1 else 0.95)


def _unnamed(column: Column) -> Column:
    return replace(column, min=None, max=None, mean=None, std=None, quantiles=(), top={})


def _ends(item: dict[str, Any]) -> dict[str, Any]:
    """Leave out what is empty, for a file that a person can read."""
    return {name: value for name, value in item.items() if value not in (None, [], {})}
