"""What is known of a table without its rows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

Kind = Literal["number", "category", "time", "other"]

#: The probabilities at which numeric columns are profiled.
GRID = (0.001, 0.01, *(i / 20 for i in range(1, 20)), 0.99, 0.999)
#: Rows that checks look at: a share is known to half a percent.
SAMPLE = 50_000


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
