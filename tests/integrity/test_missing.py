from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

if TYPE_CHECKING:
    from tests.conftest import Findings

WHOLE = pd.DataFrame({"income": np.arange(1000.0), "city": ["A", "B"] * 500, "y": [0, 1] * 500})


def emptied(column: str, rows: int) -> pd.DataFrame:
    return WHOLE.assign(**{column: WHOLE[column].mask(WHOLE.index < rows)})


@pytest.mark.parametrize("rows", [50, 300, 1000])
@pytest.mark.parametrize("column", ["income", "city"])
def test_finds_the_share_that_went_missing(findings: Findings, column: str, rows: int) -> None:
    (found,) = findings("RCA101", WHOLE, emptied(column, rows))
    assert found.subject == f"data.train.{column}"
    assert found.effect == pytest.approx(rows / 1000)
    assert (found.low or 0) <= rows / 1000 <= (found.high or 0)
    assert found.p_value == pytest.approx(0, abs=0.01)
    assert found.evidence["rows"] == rows


def test_is_silent_up_to_the_floor(findings: Findings) -> None:
    assert findings("RCA101", WHOLE, emptied("income", 20)) == []


def test_fewer_missing_values_are_no_damage(findings: Findings) -> None:
    assert findings("RCA101", emptied("income", 500), WHOLE) == []


def test_labels_that_are_not_known_yet_are_no_damage(findings: Findings) -> None:
    damaged = emptied("y", 500)
    assert findings("RCA101", WHOLE, damaged, target="y", same_role=False) == []
    assert len(findings("RCA101", WHOLE, damaged, target="y")) == 1
