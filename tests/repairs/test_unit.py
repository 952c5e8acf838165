from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from rca.errors import NotApplicable
from rca.repairs.values import unit_change
from rca.types import Finding

WHOLE = pd.DataFrame({"age": [20, 30, 40, 50]})


def found(**rule: float | None) -> Finding:
    return Finding("RCA104", "unit_change", "data.train.age", "", evidence={"column": "age", **rule})


def test_undoes_only_what_lies_outside_the_bounds(rng: np.random.Generator) -> None:
    damaged = pd.DataFrame({"age": [20, 30, 4000, 5000]})
    repaired = unit_change(damaged, found(factor=100.0, offset=0.0, low=5.0, high=90.0), WHOLE, rng)
    pd.testing.assert_frame_equal(repaired, WHOLE)


def test_undoes_an_offset_in_all_rows(rng: np.random.Generator) -> None:
    damaged = WHOLE * 1.8 + 32
    repaired = unit_change(damaged, found(factor=1.8, offset=32.0, low=None, high=None), WHOLE, rng)
    pd.testing.assert_frame_equal(repaired, WHOLE)


def test_missing_and_infinite_values_stay(rng: np.random.Generator) -> None:
    damaged = pd.DataFrame({"age": [2000, np.nan, np.inf, 50]})
    repaired = unit_change(damaged, found(factor=100.0, low=5.0, high=90.0), WHOLE, rng)
    assert repaired["age"].tolist() == pytest.approx([20, np.nan, np.inf, 50], nan_ok=True)


def test_needs_a_factor(rng: np.random.Generator) -> None:
    with pytest.raises(NotApplicable, match="no factor to undo in age"):
        unit_change(WHOLE, found(), WHOLE, rng)
