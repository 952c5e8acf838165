from __future__ import annotations

from typing import TYPE_CHECKING
import numpy as np
import pandas as pd
import pytest
from rca.registry import fault

if TYPE_CHECKING:
    from tests.conftest import Findings

shuffle = fault.get("broken_relation").function


@pytest.fixture(scope="module")
def whole() -> pd.DataFrame:
    draw = np.random.default_rng(0)
    price, tax = draw.lognormal(4, 0.4, (2, 4000))
    zone = draw.integers(0, 30, 4000)
    return pd.DataFrame(
        {
            "price": price,
            "tax": tax,
            "total": price + tax,
            "paid": (price + tax) * draw.uniform(0.2, 1, 4000),
            "quality": np.log(price) + draw.normal(0, 0.3, 4000),
            "zone": [f"z{z}" for z in zone],
            "land": [f"l{z % 4}" for z in zone],
            "noise": draw.normal(0, 1, 4000),
        }
    )


@pytest.mark.parametrize(("column", "share"), [("quality", 1.0), ("quality", 0.7), ("price", 1.0), ("land", 1.0)])
def test_a_shuffled_column(findings: Findings, whole: pd.DataFrame, column: str, share: float) -> None:
    damaged, _ = shuffle(whole, column, np.random.default_rng(1), share=share)
    found = findings("RCA123", whole, damaged)
    assert any(column in (f.evidence["column"], *f.evidence.get("columns", ())) for f in found)


@pytest.mark.parametrize(
    ("column", "rule"),
    [
        ("total", ["+", "total", "price", "tax"]),
        ("paid", ["<=", "paid", "total"]),
        ("land", ["settled by", "land", "zone"]),
    ],
)
def test_a_rule_that_some_rows_break(findings: Findings, whole: pd.DataFrame, column: str, rule: list[str]) -> None:
    damaged, _ = shuffle(whole, column, np.random.default_rng(1), share=0.1)
    found = [f for f in findings("RCA123", whole, damaged) if f.evidence.get("rule") == rule]
    assert len(found) == 1
    assert 0.005 < found[0].evidence["share"] < 0.11


def test_what_has_no_relations_cannot_be_told(findings: Findings, whole: pd.DataFrame) -> None:
    damaged, _ = shuffle(whole, "noise", np.random.default_rng(1))
    assert findings("RCA123", whole, damaged) == []


def test_a_column_that_moved_is_left_to_drift(findings: Findings, whole: pd.DataFrame) -> None:
    moved = whole.assign(quality=np.random.default_rng(1).normal(9, 1, 4000))
    assert findings("RCA123", whole, moved) == []
