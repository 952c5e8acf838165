"""What is known of a table without its rows, and the file that keeps it."""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Literal
import numpy as np
import pandas as pd
from pydantic import TypeAdapter
from rca.errors import DataError
from rca.types import plain

Kind = Literal["number", "category", "time", "other"]

#: The probabilities at which numeric columns are profiled.
GRID = (0.001, 0.01, *(i / 20 for i in range(1, 20)), 0.99, 0.999)
#: Rows that checks look at: a share is known to half a percent.
SAMPLE = 50_000
#: What a file says to be a stored profile.
SCHEMA = "rca/profile/1"
_TYPES = {"number": "float64", "category": "string", "time": "datetime64[us]", "other": "object"}
#: A stored profile lists no category of fewer rows, since few rows are somebody.
FEWEST = 10


@dataclass(frozen=True, slots=True)
class Column:
    """What is known of one column without its rows."""

    name: str
    kind: Kind
    type: str
    rows: int
    missing: int  # nulls and NaN
    infinite: int = 0
    distinct: int | None = None  # values that are not missing, in the sample; None where the type cannot be compared
    min: Any = None
    max: Any = None
    mean: float | None = None
    std: float | None = None
    quantiles: tuple[float, ...] = ()  # at the probabilities of ``GRID``; empty unless a number with a finite value
    top: Mapping[str, int] = field(default_factory=dict)  # category to count, most frequent first

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
    """Write a profile as JSON, without rare categories and without a value of the key."""
    hidden: dict[str, Any] = {"min": None, "max": None, "mean": None, "std": None, "quantiles": (), "top": {}}
    columns = {}
    for name, column in profile.columns.items():
        shown = {value: count for value, count in column.top.items() if count >= FEWEST}
        columns[name] = asdict(column) | {"top": shown} | (hidden if name in key else {})
    told = {"schema": SCHEMA, "rows": profile.rows, "columns": columns}
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(json.dumps(plain(told), indent=1, allow_nan=False) + "\n", encoding="utf-8")


def load(path: str | Path) -> Profile:
    """Read a stored profile; a DataError says why a file holds none."""
    try:
        told = json.loads(Path(path).read_text(encoding="utf-8"))
        if told["schema"] != SCHEMA:
            raise ValueError(f"its schema is {told['schema']!r}")
        rows = int(told["rows"])
        return Profile(rows, {name: _column(name, facts, rows) for name, facts in told["columns"].items()})
    except (OSError, ValueError, RecursionError, KeyError, TypeError, AttributeError) as problem:
        what = f"{path} is no stored profile ({' '.join(str(problem).split())[:200]})"
        raise DataError(f"{what}: give a table, or what rca check --profile wrote.") from None


def imagine(profile: Profile) -> Any:
    """Return rows that have each column's law, and nothing of what columns say of each other."""
    size, draw, made = min(profile.rows, SAMPLE), np.random.default_rng(0), {}
    for name, column in profile.columns.items():
        points = (np.arange(round(size * column.present / max(column.rows, 1))) + 0.5) * column.rows / max(size, 1)
        points /= max(column.present, 1)
        made[name] = values = pd.Series(None, index=range(size), dtype=_TYPES[column.kind])
        if column.quantiles:
            found: Any = np.interp(points, (0, *GRID, 1), (column.min, *column.quantiles, column.max))
            found = np.round(found) if "int" in column.type else found
        elif column.top:
            ends = np.cumsum(list(column.top.values())) / sum(column.top.values())
            found = np.array(list(column.top), dtype=object)[np.searchsorted(ends, points.clip(max=1))]
        elif column.kind == "time" and column.min is not None:
            found = pd.Timestamp(column.min) + points * (pd.Timestamp(column.max) - pd.Timestamp(column.min))
        else:
            continue
        values.iloc[draw.permutation(size)[: len(found)]] = found
    return pd.DataFrame(made)


def _column(name: str, told: Mapping[str, Any], rows: int) -> Column:
    column = TypeAdapter(Column).validate_python(told)
    ends = [end for end in (column.min, *column.quantiles, column.max) if end is not None]
    sound = len(ends) in (0, 2 + len(GRID) * (column.kind == "number"))
    if column.kind == "number":
        sound = sound and sorted(map(float, ends)) == ends and all(map(math.isfinite, ends))
    if column.kind == "time" and ends:
        column = replace(column, min=datetime.fromisoformat(column.min), max=datetime.fromisoformat(column.max))
    counts = [column.missing, column.infinite, *column.top.values()]
    if not sound or column.name != name or column.rows != rows or min(counts) < 0 or sum(counts) > rows:
        raise ValueError(f"the facts of column {name!r} contradict each other")
    return column
