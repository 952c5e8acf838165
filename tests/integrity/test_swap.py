from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from rca.registry import fault

if TYPE_CHECKING:
    from tests.conftest import Findings

swap = fault.get("column_swap").function


@pytest.fixture(scope="module")
def whole() -> pd.DataFrame:
    draw = np.random.default_rng(0)
    left, right = draw.normal(0, 1, (2, 4000))
    return pd.DataFrame(
        {
            "age": draw.normal(40, 9, 4000),
            "balance": draw.lognormal(7, 1, 4000),
            "left": left,
            "right": right,
            "load": left + draw.normal(0, 0.5, 4000),
            "pull": right + draw.normal(0, 0.5, 4000),
            "turn": left - right + draw.normal(0, 0.5, 4000),
            "home": draw.choice(["Rome", "Oslo", "Bonn"], 4000),
            "work": draw.choice(["bank", "shop", "farm"], 4000),
            "at": pd.date_range("2024-01-01", periods=4000, freq="h"),
        }
    )


@pytest.mark.parametrize(
    ("one", "other", "knobs"),
    [
        ("age", "balance", {}),
        ("age", "balance", {"share": 0.05}),
        ("age", "balance", {"since": "2024-05-01", "time": "at"}),
        ("left", "right", {}),
        ("left", "right", {"since": "2024-04-01", "time": "at"}),
        ("home", "work", {"share": 0.1}),
    ],
    ids=str,
)
def test_names_the_pair(findings: Findings, whole: pd.DataFrame, one: str, other: str, knobs: dict[str, Any]) -> None:
    damaged, truth = swap(whole, one, np.random.default_rng(1), other=other, **knobs)
    (found,) = findings("RCA122", whole, damaged, time="at")
    assert found.evidence["columns"] == [one, other]
    assert found.evidence["rows"] == pytest.approx(truth["rows"], rel=0.2)


def test_columns_that_move_apart_are_not_exchanged(findings: Findings, whole: pd.DataFrame) -> None:
    assert findings("RCA122", whole, whole.assign(age=whole["age"] + 20, balance=whole["balance"] * 0.5)) == []
