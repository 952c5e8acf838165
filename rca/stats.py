"""Numbers with their uncertainty: estimates that add up, Shapley values, multiplicity."""

import math
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import TypeVar
import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri
from scipy.stats import false_discovery_control
from rca.types import Gap

Floats = NDArray[np.float64]
Player = TypeVar("Player", bound=Hashable)

#: Intervals are two-sided at this level unless said otherwise.
LEVEL = 0.9
#: A gap must exclude zero at this level before it is called one.
ALARM = 0.99
_POWER = 0.8416  # the normal quantile of 80 % power


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number, and by sample the influence of each row, scaled so that the squares sum to the variance.

    Examples
    --------
    >>> a, b = mean(np.array([1.0, 2.0, 3.0]), "ref"), mean(np.array([2.0, 3.0, 4.0]), "cur")
    >>> (b - a).value, round((b - a).se, 3), (a - a).se   # the same rows cancel
    (1.0, 0.667, 0.0)
    """

    value: float
    influence: Mapping[str, Floats] = field(default_factory=dict, repr=False)

    def __add__(self, other: "Estimate | float") -> "Estimate":
        if not isinstance(other, Estimate):
            return Estimate(self.value + other, self.influence)
        merged = dict(self.influence)
        for sample, rows in other.influence.items():
            # Rows that a repair brought back are in one of the two alone.
            short, long = sorted((merged.get(sample, rows[:0]), rows), key=len)
            merged[sample] = long.copy()
            merged[sample][: len(short)] += short
        return Estimate(self.value + other.value, merged)

    __radd__ = __add__

    def __mul__(self, factor: float) -> "Estimate":
        return Estimate(self.value * factor, {sample: rows * factor for sample, rows in self.influence.items()})

    __rmul__ = __mul__

    def __sub__(self, other: "Estimate | float") -> "Estimate":
        return self + other * -1.0

    @property
    def se(self) -> float:
        """Standard error: the samples are independent of each other, rows within one too."""
        return math.sqrt(sum(float(rows @ rows) for rows in self.influence.values()))

    def interval(self, level: float = LEVEL, extra_se: float = 0.0) -> tuple[float, float]:
        """Return the normal interval; `extra_se` adds a source of noise that rows do not carry."""
        half = quantile(level) * math.hypot(self.se, extra_se)
        return self.value - half, self.value + half


def scatter(pull: Floats, rows: NDArray[np.int64], size: int) -> Floats:
    """Return the influence of some rows as one of all `size` rows of the sample."""
    return np.bincount(rows, pull, size).astype(float)


def quantile(level: float) -> float:
    """Return the two-sided standard normal quantile."""
    return float(ndtri(0.5 + level / 2))


def mean(values: Floats, sample: str, weights: Floats | None = None) -> Estimate:
    """Return the (weighted) mean of `values` as an estimate on the rows of `sample`."""
    weights = np.ones(len(values)) if weights is None else weights
    centre, whole = np.average(values, weights=weights, returned=True)
    return Estimate(float(centre), {sample: weights * (values - centre) / whole})


def shapley(value: Callable[[frozenset[Player]], Estimate], players: Sequence[Player]) -> dict[Player, Estimate]:
    """Return each player's exact Shapley value (1953); they sum to ``value(all) - value(none)``."""
    k = len(players)
    worth = {frozenset(s): value(frozenset(s)) for size in range(k + 1) for s in combinations(players, size)}
    share = [math.factorial(size) * math.factorial(k - size - 1) / math.factorial(k) for size in range(k)]
    return {p: total((worth[s | {p}] - worth[s]) * share[len(s)] for s in worth if p not in s) for p in players}


def benjamini_hochberg(p_values: Sequence[float], tests: int | None = None) -> Floats:
    """Adjust p-values for the false discovery rate (Benjamini and Hochberg, 1995), `tests` being all that were made."""
    silent = np.ones(max((tests or 0) - len(p_values), 0))
    known = np.nan_to_num(np.concatenate([p_values, silent]), nan=1.0)  # what has no number proves nothing
    return np.asarray(false_discovery_control(known)[: len(p_values)])


@dataclass(frozen=True, slots=True)
class Rate:
    """How far a share moved: difference with interval, and the p-value of "it moved by more than the floor"."""

    difference: float
    low: float
    high: float
    p_value: float


def rate_change(k0: int, n0: int, k1: int, n1: int, floor: float = 0.0, level: float = LEVEL) -> Rate:
    """Compare two shares, k1 of n1 minus k0 of n0, against the floor; with Newcombe's interval (1998, method 10)."""
    z, n = quantile(level), np.array([n0, n1], dtype=float)
    p = np.array([k0, k1]) / n
    # Wilson's interval of each share
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    down, up = p - np.maximum(0.0, centre - half), np.minimum(1.0, centre + half) - p
    difference = float(p[1] - p[0])
    low, high = difference - math.hypot(down[1], up[0]), difference + math.hypot(up[1], down[0])
    # The standard error is the larger of Newcombe's half width and one row, so that 0 of n is no certainty.
    se = max((difference - low if difference > 0 else high - difference) / z, 1 / n1, 1e-12)
    return Rate(difference, low, high, float(ndtr(-(abs(difference) - floor) / se)))


def gap_of(name: str, reference: Estimate, current: Estimate, rows: tuple[int, int]) -> Gap:
    """Return the gap between two values of a metric, called one if it excludes zero at the level ``ALARM``."""
    difference = current - reference
    detectable = (quantile(ALARM) + _POWER) * difference.se
    return Gap(name, reference.value, current.value, difference.value, *difference.interval(), *rows, detectable)


def total(estimates: Iterable[Estimate]) -> Estimate:
    """Return the sum of estimates; the sum of none is zero without noise."""
    return sum(estimates, Estimate(0.0))
