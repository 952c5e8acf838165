from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from rca.errors import NotApplicable
from rca.repairs.values import range_violation
from rca.types import Finding

WHOLE = pd.DataFrame({"city": ["A", "B"] * 100, "age": [30.0, 40.0] * 100})


def test_draws_infinite_and_impossible_values_again(rng: np.random.Generator) -> None:
    damaged = WHOLE.assign(age=WHOLE["age"].mask(WHOLE.index < 10, np.inf).mask(WHOLE.index > 180, -999))
    finding = Finding("RCA103", "range_violation", "data.train.age", "", evidence={"low": 0.0, "high": 70.0})
    pd.testing.assert_frame_equal(range_violation(damaged, finding, WHOLE, rng), WHOLE)


def test_needs_the_bounds(rng: np.random.Generator) -> None:
    with pytest.raises(NotApplicable, match="bounds of age are not known"):
        range_violation(WHOLE, Finding("RCA103", "range_violation", "data.train.age", ""), WHOLE, rng)
