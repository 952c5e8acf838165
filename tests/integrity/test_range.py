from __future__ import annotations

from typing import TYPE_CHECKING
import numpy as np
import pandas as pd
import pytest
from rca.registry import fault
from rca.tables import open_table

if TYPE_CHECKING:
    from tests.conftest import Findings

DRAW = np.random.default_rng(0)
WHOLE = pd.DataFrame({"age": DRAW.normal(40, 8, 4000).clip(18), "delta": DRAW.normal(0, 1, 4000)})
TABLE = open_table(WHOLE)  # profiled once


@pytest.mark.parametrize("share", [0.005, 0.02, 0.1])
@pytest.mark.parametrize("column", ["age", "delta"])
def test_finds_impossible_values(findings: Findings, column: str, share: float) -> None:
    damaged, truth = fault.get("range_violation").function(WHOLE, column, np.random.default_rng(1), share=share)
    (found,) = findings("RCA103", TABLE, damaged)
    assert (found.kind, found.subject) == ("range_violation", f"data.train.{column}")
    assert found.evidence["rows"] == truth["rows"]
    assert found.effect == pytest.approx(share, abs=1e-3)


def test_finds_negative_values_where_there_were_none(findings: Findings) -> None:
    (found,) = findings("RCA103", TABLE, WHOLE.assign(age=WHOLE["age"].where(WHOLE.index % 20 > 0, -1)))
    assert found.evidence["low"] == 0
    assert found.evidence["rows"] == 200


def test_finds_infinite_values(findings: Findings) -> None:
    (found,) = findings("RCA103", TABLE, WHOLE.assign(delta=WHOLE["delta"].where(WHOLE.index % 20 > 0, np.inf)))
    assert found.evidence["infinite"] == 200


@pytest.mark.parametrize("shift", [5, 50, 500])
def test_a_population_that_moved_is_no_violation(findings: Findings, shift: float) -> None:
    assert findings("RCA103", TABLE, WHOLE + shift) == []


def test_rows_in_another_unit_are_left_to_that_check(findings: Findings) -> None:
    damaged = WHOLE.assign(age=WHOLE["age"].where(WHOLE.index % 20 > 0, WHOLE["age"] * 100))
    assert findings("RCA103", TABLE, damaged) == []
    assert len(findings("RCA104", TABLE, damaged)) == 1


@pytest.mark.parametrize("seed", range(5))
def test_heavy_tails_go_far_by_themselves(findings: Findings, seed: int) -> None:
    draw = np.random.default_rng(seed)
    samples = [pd.DataFrame({"wild": draw.standard_cauchy(4000), "loss": draw.pareto(1, 4000)}) for _ in range(2)]
    assert findings("RCA103", *samples) == []
    assert findings("RCA104", *samples) == []


def test_a_tail_that_grew_is_no_violation(findings: Findings) -> None:
    draw = np.random.default_rng(0)
    calls = [pd.DataFrame({"calls": draw.geometric(p, 4000)}) for p in (0.5, 0.08)]
    mixed = pd.concat([calls[0], calls[1][:600]], ignore_index=True)
    assert findings("RCA103", calls[0], mixed) == []


N = 3000
CHANCE = np.random.default_rng(0)
BOUNDED = pd.DataFrame(
    {
        "heat": CHANCE.normal(20, 5, N),
        "wait": CHANCE.exponential(10, N),
        "years": CHANCE.integers(18, 90, N),
        "shop": CHANCE.choice(["A", "B", "C"], N),
        "at": pd.date_range("2024-01-01", periods=N, freq="h"),
    }
)


@pytest.mark.parametrize(
    ("column", "low", "high"), [("heat", None, 26), ("heat", 15, 26), ("wait", None, 20), ("years", 25, None)]
)
def test_finds_the_bounds(findings: Findings, column: str, low: float | None, high: float | None) -> None:
    damaged = BOUNDED.assign(**{column: BOUNDED[column].clip(low, high)})
    (found,) = findings("RCA105", BOUNDED, damaged)
    assert (found.kind, found.subject) == ("range_violation", f"data.train.{column}")
    assert found.evidence["clip"] == [end for end in (low, high) if end is not None]
    outside = (damaged[column] < found.evidence["low"]) | (damaged[column] > found.evidence["high"])
    assert outside.sum() == damaged[column].isin([low, high]).sum()


def test_finds_them_in_a_part_of_the_rows(findings: Findings) -> None:
    late, shop = BOUNDED["at"] > "2024-04-10", BOUNDED["shop"] == "B"
    (found,) = findings(
        "RCA105", BOUNDED, BOUNDED.assign(heat=BOUNDED["heat"].mask(late, BOUNDED["heat"].clip(upper=24))), time="at"
    )
    assert found.evidence["onset"] >= "2024-03"
    (found,) = findings(
        "RCA105", BOUNDED, BOUNDED.assign(heat=BOUNDED["heat"].mask(shop, BOUNDED["heat"].clip(upper=24)))
    )
    assert found.evidence["segment"] == {"shop": "B"}


def test_bounds_that_always_were_and_smaller_values_are_none(findings: Findings) -> None:
    capped = BOUNDED.assign(wait=BOUNDED["wait"].clip(upper=20))
    assert findings("RCA105", capped, capped) == []
    assert findings("RCA105", BOUNDED, BOUNDED[BOUNDED["wait"] < 20]) == []
    assert findings("RCA105", BOUNDED, BOUNDED.assign(wait=BOUNDED["wait"].mask(BOUNDED["wait"] > 20, 0))) == []
