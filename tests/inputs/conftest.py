"""Tables whose truth is known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

if TYPE_CHECKING:
    from collections.abc import Callable

Rng = np.random.Generator


@dataclass(frozen=True)
class Sample:
    """Inputs, outcome, the score of a model, and the loss of each row."""

    inputs: pd.DataFrame
    y: np.ndarray
    score: np.ndarray

    @property
    def loss(self) -> np.ndarray:
        loss: np.ndarray = np.square(self.y - self.score)
        return loss

    def table(self) -> pd.DataFrame:
        return self.inputs.assign(y=self.y, score=self.score)


GROUPS = {"user": ["age", "job"], "env": ["rain", "wind"], "api": ["rate", "tier"]}


def serve(rng: Rng, n: int, *, rain: float = 0.0, rate: float = 0.0, flip: float = 0.0) -> Sample:
    """Draw mixed inputs; the two of a group, and wind and rate across groups, are correlated.

    Parameters
    ----------
    rain, rate : float
        By how much the means of these inputs move.
    flip : float
        Which share of the outcomes turns round for the job "clerk".
    """
    base = rng.normal(size=n)
    job = rng.choice(["clerk", "nurse", "smith"], n, p=[0.3, 0.4, 0.3])
    steady = rng.normal(size=n)
    inputs = pd.DataFrame(
        {
            "age": rng.normal(40, 10, n),
            "job": job,
            "rain": 0.8 * base + 0.6 * steady + rain,
            "wind": rng.normal(size=n),
            "rate": base + rate,
            "tier": rng.random(n) < 0.5,
        }
    )
    inputs.loc[rng.random(n) < 0.05, "age"] = np.nan
    p = expit(1.2 * inputs["rate"].to_numpy() - 0.5 + 0.5 * (job == "nurse"))
    p = np.where(job == "clerk", p + flip * (1 - 2 * p), p)
    score = expit(0.6 * inputs["rate"].to_numpy() - 0.5)
    return Sample(inputs, (rng.random(n) < p).astype(float), score)


@pytest.fixture
def draw() -> Callable[..., Sample]:
    return serve


@pytest.fixture
def groups() -> dict[str, list[str]]:
    return GROUPS


@pytest.fixture
def rng() -> Rng:
    return np.random.default_rng(0)
