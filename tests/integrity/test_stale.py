"""A lag is told by the reference's values or by the other columns; large tables too."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from rca.registry import fault

if TYPE_CHECKING:
    from tests.conftest import Findings


def series(seed: int, rows: int) -> pd.DataFrame:
    draw = np.random.default_rng(seed)
    at = pd.date_range("2024-01-01", periods=rows, freq="min")
    load = draw.normal(size=rows)
    day = np.sin(0.9 * (np.arange(rows) // 1440))
    return pd.DataFrame({"at": at, "id": np.arange(rows), "load": load, "cost": load + day, "rate": day})


@pytest.mark.parametrize("rows", [3000, 120_000])
@pytest.mark.parametrize("key", [(), ("id",)])
def test_a_lag_of_rows(findings: Findings, rows: int, key: tuple[str, ...]) -> None:
    whole, other = series(0, rows), series(0 if key else 1, rows)
    damaged, _ = fault.get("stale_column").function(other, "load", np.random.default_rng(0), lag=4, time="at")
    found = [f for f in findings("RCA118", whole, damaged, key=key, time="at") if f.evidence["column"] == "load"]
    assert [(f.evidence["lag"], f.evidence["unit"]) for f in found] == [(4, "rows")]
    assert findings("RCA118", whole, other, key=key, time="at") == []


def test_a_lag_of_a_day(findings: Findings) -> None:
    draw = np.random.default_rng(0)
    rate = np.repeat(draw.normal(size=240), 24)
    at = pd.date_range("2024-01-01", periods=len(rate), freq="h")
    whole = pd.DataFrame({"at": at, "rate": rate, "cost": rate + draw.normal(0, 0.3, len(rate))})
    damaged = whole.assign(rate=whole["rate"].shift(24).bfill())
    found = findings("RCA118", whole, damaged, time="at")
    assert [(f.evidence["column"], f.evidence["lag"], f.evidence["unit"]) for f in found] == [("rate", 1, "days")]
