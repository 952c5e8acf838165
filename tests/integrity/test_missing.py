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


def test_blank_text_is_missing(findings: Findings) -> None:
    (found,) = findings("RCA101", WHOLE, WHOLE.assign(city=WHOLE["city"].mask(WHOLE.index < 50, " ")))
    assert found.evidence["rows"] == 50


def test_says_where(findings: Findings) -> None:
    whole = WHOLE.assign(at=pd.date_range("2024-01-01", periods=1000, freq="h"))
    (found,) = findings("RCA101", whole, whole.assign(income=whole["income"].mask(whole.index >= 800)), time="at")
    assert found.evidence["onset"].startswith("2024-02-03")
    (found,) = findings("RCA101", whole, whole.assign(income=whole["income"].mask(whole["city"] == "A")), time="at")
    assert found.evidence["segment"] == {"city": "A"}


def test_a_share_that_the_reference_had_for_a_while_is_natural(findings: Findings) -> None:
    whole = pd.DataFrame({"at": pd.date_range("2024-01-01", periods=4000, freq="h"), "heat": np.arange(4000.0)})
    whole["heat"] = whole["heat"].mask((whole.index < 1000) & (whole.index % 2 == 0))
    current = whole.assign(heat=np.where(np.arange(4000) % 5 < 2, np.nan, 1.0))
    assert findings("RCA101", whole, current, time="at") == []
    assert len(findings("RCA101", whole, current)) == 1


@pytest.mark.parametrize("usual", [0, 15])
@pytest.mark.parametrize("where", ["city", "time"])
def test_says_where_also_when_some_were_always_missing(findings: Findings, where: str, usual: int) -> None:
    whole = pd.DataFrame({"income": np.arange(3000.0), "city": ["A", "B", "C"] * 1000})
    whole["at"] = pd.date_range("2024-01-01", periods=3000, freq="h")
    whole["income"] = whole["income"].mask(np.random.default_rng(0).random(3000) < usual / 100)
    struck = whole["city"] == "B" if where == "city" else whole.index >= 2000
    (found,) = findings("RCA101", whole, whole.assign(income=whole["income"].mask(struck)), time="at")
    if where == "city":
        assert found.evidence["segment"] == {"city": "B"}
    else:
        assert found.evidence["onset"][:10] in ("2024-03-23", "2024-03-24")
