from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

if TYPE_CHECKING:
    from tests.conftest import Findings

N = 3000
DRAW = np.random.default_rng(0)
WHOLE = pd.DataFrame(
    {
        "heat": DRAW.normal(20, 5, N),
        "wait": DRAW.exponential(10, N),
        "years": DRAW.integers(18, 90, N),
        "shop": DRAW.choice(["A", "B", "C"], N),
        "at": pd.date_range("2024-01-01", periods=N, freq="h"),
    }
)


@pytest.mark.parametrize(
    ("column", "low", "high"), [("heat", None, 26), ("heat", 15, 26), ("wait", None, 20), ("years", 25, None)]
)
def test_finds_the_bounds(findings: Findings, column: str, low: float | None, high: float | None) -> None:
    damaged = WHOLE.assign(**{column: WHOLE[column].clip(low, high)})
    (found,) = findings("RCA105", WHOLE, damaged)
    assert (found.kind, found.subject) == ("range_violation", f"data.train.{column}")
    assert found.evidence["clip"] == [end for end in (low, high) if end is not None]
    outside = (damaged[column] < found.evidence["low"]) | (damaged[column] > found.evidence["high"])
    assert outside.sum() == damaged[column].isin([low, high]).sum()


def test_finds_them_in_a_part_of_the_rows(findings: Findings) -> None:
    late, shop = WHOLE["at"] > "2024-04-10", WHOLE["shop"] == "B"
    (found,) = findings(
        "RCA105", WHOLE, WHOLE.assign(heat=WHOLE["heat"].mask(late, WHOLE["heat"].clip(upper=24))), time="at"
    )
    assert found.evidence["onset"] >= "2024-03"
    (found,) = findings("RCA105", WHOLE, WHOLE.assign(heat=WHOLE["heat"].mask(shop, WHOLE["heat"].clip(upper=24))))
    assert found.evidence["segment"] == {"shop": "B"}


def test_bounds_that_always_were_and_smaller_values_are_none(findings: Findings) -> None:
    capped = WHOLE.assign(wait=WHOLE["wait"].clip(upper=20))
    assert findings("RCA105", capped, capped) == []
    assert findings("RCA105", WHOLE, WHOLE[WHOLE["wait"] < 20]) == []
    assert findings("RCA105", WHOLE, WHOLE.assign(wait=WHOLE["wait"].mask(WHOLE["wait"] > 20, 0))) == []
