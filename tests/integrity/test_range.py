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
