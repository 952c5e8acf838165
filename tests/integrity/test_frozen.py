"""What stays at one value is found; what always stayed for long is not."""

from __future__ import annotations

from typing import TYPE_CHECKING
import numpy as np
import pandas as pd
from rca.registry import fault

if TYPE_CHECKING:
    from tests.conftest import Findings


def panel(seed: int, days: int = 120) -> pd.DataFrame:
    draw = np.random.default_rng(seed)
    at = np.repeat(pd.date_range("2024-01-01", periods=days).to_numpy(), 10)
    month = (np.arange(days * 10) // 300).astype(float)
    shop = np.tile([f"s{i}" for i in range(10)], days)
    return pd.DataFrame({"at": at, "shop": shop, "sales": draw.normal(size=days * 10), "rate": month})


def test_an_entity_that_stays_where_it_was(findings: Findings) -> None:
    whole, other = panel(0), panel(1)
    knobs = {"since": "2024-03-15", "time": "at", "key": ("shop",)}
    damaged, _ = fault.get("frozen_column").function(other, "sales", np.random.default_rng(0), **knobs)
    (found,) = findings("RCA117", whole, damaged, key=("shop",), time="at")
    assert (found.evidence["column"], found.evidence["entity"]) == ("sales", ["shop"])
    assert found.evidence["onset"][:7] == "2024-03"
    assert findings("RCA117", whole, other, key=("shop",), time="at") == []


def test_a_series_that_moves_once_a_month_may_stay_for_a_month(findings: Findings) -> None:
    assert findings("RCA117", panel(0), panel(1, 30), time="at") == []


def test_a_value_that_holds_a_share_of_a_continuous_column(findings: Findings) -> None:
    whole, other = panel(0), panel(1)
    damaged, _ = fault.get("frozen_column").function(other, "sales", np.random.default_rng(0), share=0.3)
    (found,) = findings("RCA117", whole.drop(columns="at"), damaged.drop(columns="at"))
    assert abs(found.evidence["share"] - 0.3) < 0.01
