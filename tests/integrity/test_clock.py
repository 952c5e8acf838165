"""A lag is told by the reference's values or by the other columns; times that are off by their key, or the day."""

from __future__ import annotations

from typing import TYPE_CHECKING
import numpy as np
import pandas as pd
import pytest
from rca.registry import fault, repair

if TYPE_CHECKING:
    from tests.conftest import Findings


def events(seed: int, rows: int = 3000) -> pd.DataFrame:
    draw = np.random.default_rng(seed)
    days = pd.Timestamp("2024-01-01") + pd.to_timedelta(draw.integers(0, 200, rows), unit="D")
    at = days + pd.to_timedelta(np.clip(draw.normal(14, 2, rows), 8, 20), unit="h").round("s")
    seen = at + pd.to_timedelta(draw.integers(1, 600, rows), unit="s")
    return pd.DataFrame({"at": at, "day": days, "seen": seen, "shop": draw.choice(["A", "B"], rows)})


@pytest.mark.parametrize("column", ["at", "day", "seen"])
@pytest.mark.parametrize("hours", [-2.0, 1.0, 5.5])
def test_hours_without_a_key(findings: Findings, column: str, hours: float) -> None:
    whole, other = events(0), events(1)
    damaged, _ = fault.get("time_shift").function(other, column, np.random.default_rng(0), hours=hours)
    (found,) = findings("RCA119", whole, damaged, time="at")
    assert (found.evidence["column"], found.evidence["hours"]) == (column, hours)
    repaired = repair.get(found.kind).function(damaged, found, whole, np.random.default_rng(0))
    assert findings("RCA119", whole, repaired, time="at") == []
    assert findings("RCA119", whole, other, time="at") == []


def test_one_shop_or_since_a_moment(findings: Findings) -> None:
    whole, other = (events(seed).drop(columns=["day", "seen"]) for seed in (0, 1))
    for knobs in ({"where": {"shop": "B"}}, {"since": "2024-04-20"}):
        damaged, _ = fault.get("time_shift").function(other, "at", np.random.default_rng(0), hours=3.0, **knobs)
        (found,) = findings("RCA119", whole, damaged, time="at")
        assert found.evidence["hours"] == 3.0
        assert ("segment" in found.evidence) == ("where" in knobs)


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
    assert found[0].text == "load is 4 rows late in 100 % of the rows of train."
    assert findings("RCA118", whole, other, key=key, time="at") == []


def test_a_lag_of_a_day(findings: Findings) -> None:
    draw = np.random.default_rng(0)
    rate = np.repeat(draw.normal(size=240), 24)
    at = pd.date_range("2024-01-01", periods=len(rate), freq="h")
    whole = pd.DataFrame({"at": at, "rate": rate, "cost": rate + draw.normal(0, 0.3, len(rate))})
    damaged = whole.assign(rate=whole["rate"].shift(24).bfill())
    found = findings("RCA118", whole, damaged, time="at")
    assert [(f.evidence["column"], f.evidence["lag"], f.evidence["unit"]) for f in found] == [("rate", 1, "days")]
