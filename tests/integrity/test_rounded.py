from __future__ import annotations

from typing import TYPE_CHECKING
import numpy as np
import pandas as pd
import pytest

if TYPE_CHECKING:
    from tests.conftest import Findings

DRAW = np.random.default_rng(0)
WHOLE = pd.DataFrame(
    {
        "heat": DRAW.normal(20, 5, 2000),
        "price": DRAW.lognormal(3, 1, 2000).round(2),
        "risk": DRAW.random(2000),
        "pay": DRAW.integers(1000, 9000, 2000),
    }
)


@pytest.mark.parametrize(("column", "decimals"), [("heat", 0), ("heat", 2), ("price", 0), ("risk", 0), ("pay", -2)])
@pytest.mark.parametrize("share", [0.2, 1.0])
def test_finds_how_many_are_left(findings: Findings, column: str, decimals: int, share: float) -> None:
    rows = WHOLE.index < share * len(WHOLE)
    (found,) = findings(
        "RCA106", WHOLE, WHOLE.assign(**{column: WHOLE[column].mask(rows, WHOLE[column].round(decimals))})
    )
    assert (found.kind, found.subject) == ("type_change", f"data.train.{column}")
    assert found.evidence["decimals"] == decimals
    assert found.effect == pytest.approx(share, rel=0.2)


def test_values_cut_to_whole_numbers_are_found(findings: Findings) -> None:
    (found,) = findings("RCA106", WHOLE, WHOLE.assign(heat=WHOLE["heat"].astype("int64")))
    assert found.evidence["decimals"] == 0


def test_whole_numbers_of_another_law_are_other_damages(findings: Findings) -> None:
    for values in (WHOLE["heat"].mask(WHOLE.index % 5 == 0, -999), WHOLE["heat"].mask(WHOLE.index % 5 == 0, 20.0)):
        assert findings("RCA106", WHOLE, WHOLE.assign(heat=values)) == []
    assert findings("RCA106", WHOLE, WHOLE.assign(price=(WHOLE["price"] * 100).round())) == []
