from __future__ import annotations

from typing import TYPE_CHECKING
import numpy as np
import pandas as pd
import pytest
from rca.errors import NotApplicable
from rca.registry import repair
from rca.types import Finding

if TYPE_CHECKING:
    from tests.conftest import Findings

N = 1501
WHOLE = pd.DataFrame(
    {
        "id": range(N),
        "at": pd.date_range("2024-01-01", periods=N, freq="h"),
        "shop": np.random.default_rng(0).choice(["A", "B", "C"], N),
    }
)
LOSSES = {
    "the newest": WHOLE["at"] > "2024-02-20",
    "a shop": WHOLE["shop"] == "B",
    "ten days": WHOLE["at"].between("2024-01-10", "2024-01-20"),
}


@pytest.mark.parametrize("roles", [{"key": ("id",), "time": "at"}, {"time": "at"}], ids=["key", "time"])
@pytest.mark.parametrize("loss", LOSSES)
def test_brings_back_exactly_what_was_lost(
    findings: Findings, rng: np.random.Generator, loss: str, roles: dict[str, object]
) -> None:
    damaged = WHOLE[~LOSSES[loss]]
    (found,) = findings("RCA110", WHOLE, damaged, **roles)
    repaired = repair.get(found.kind).function(damaged, found, WHOLE, rng)
    assert sorted(repaired["id"]) == list(range(N))
    assert repaired.index.is_unique
    assert repaired.index[: len(damaged)].tolist() == damaged.index.tolist()


def test_cannot_guess_which_rows_were_lost(rng: np.random.Generator) -> None:
    finding = Finding("RCA110", "truncation", "data.train", "", evidence={"rows": 5})
    with pytest.raises(NotApplicable, match="says which rows were lost"):
        repair.get("truncation").function(WHOLE, finding, WHOLE, rng)
