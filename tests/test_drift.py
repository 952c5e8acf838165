from __future__ import annotations

from typing import TYPE_CHECKING
import numpy as np
import pandas as pd
import pytest
from rca import api

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.slow
def test_evidently_tells_what_drifted_and_changes_nothing(tmp_path: Path, rng: np.random.Generator) -> None:
    whole = pd.DataFrame(
        {
            "id": [f"n{i}" for i in range(3000)],
            "x": rng.normal(size=3000),
            "wild": np.where(rng.random(3000) < 0.01, np.inf, rng.normal(size=3000)),
            "city": rng.choice(["A", "B"], 3000),
            "empty": np.nan,
            "at": pd.date_range("2024-01-01", periods=3000, freq="h"),
        }
    )
    path = tmp_path / "reports" / "drift.html"
    found = api.check(whole, whole.assign(x=whole["x"] + 1), evidently=path)
    outcome = next(o for o in found.outcomes if o.code == "RCA198")
    assert (outcome.status, outcome.findings) == ("clear", ())
    assert outcome.reason is not None
    assert "columns drifted: 'x'; not shown to it" in outcome.reason
    assert "'empty', 'id'" in outcome.reason
    assert "<html" in path.read_text()[:2000].lower()


def test_a_failure_of_evidently_is_an_outcome(tmp_path: Path) -> None:
    empty = pd.DataFrame({"x": [np.nan] * 5})
    found = api.check(empty, empty, evidently=tmp_path / "drift.html")
    outcome = next(o for o in found.outcomes if o.code == "RCA198")
    assert outcome.status in ("failed", "clear")
    assert outcome.reason
