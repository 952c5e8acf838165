from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from rca.registry import fault

if TYPE_CHECKING:
    from tests.conftest import Findings

flip = fault.get("sign_flip").function


@pytest.fixture(scope="module")
def whole() -> pd.DataFrame:
    draw = np.random.default_rng(0)
    base = draw.normal(0, 1, (4000, 2))
    return pd.DataFrame(
        {
            "balance": base[:, 0] * 100,
            "debt": draw.lognormal(2, 1, 4000),
            "income": base[:, 0] + base[:, 1],
            "rent": base[:, 0] - base[:, 1] + draw.normal(0, 1, 4000),
            "shop": draw.choice(["north", "south"], 4000),
            "at": pd.date_range("2024-01-01", periods=4000, freq="h"),
        }
    )


@pytest.mark.parametrize("knobs", [{}, {"share": 0.05}, {"where": {"shop": "north"}}], ids=str)
def test_a_column_that_was_never_negative(findings: Findings, whole: pd.DataFrame, knobs: dict[str, Any]) -> None:
    damaged, truth = flip(whole, "debt", np.random.default_rng(1), **knobs)
    (found,) = findings("RCA121", whole, damaged, time="at")
    assert (found.subject, found.evidence["rows"]) == ("data.train.debt", truth["rows"])
    assert found.evidence.get("segment") == knobs.get("where")


@pytest.mark.parametrize("since", [None, "2024-04-20"])
def test_a_column_about_zero_is_told_by_its_relations(findings: Findings, whole: pd.DataFrame, since: str) -> None:
    damaged, _ = flip(whole, "balance", np.random.default_rng(1), since=since, time="at")
    (found,) = findings("RCA121", whole, damaged, time="at")
    assert found.subject == "data.train.balance"
    assert (found.evidence.get("onset") is None) == (since is None)


def test_a_loss_after_a_gain_is_no_flip(findings: Findings, whole: pd.DataFrame) -> None:
    moved = whole.assign(balance=whole["balance"] - 300, debt=whole["debt"] - 5)
    assert findings("RCA121", whole, moved) == []
