from __future__ import annotations

from typing import TYPE_CHECKING, Any
import numpy as np
import pandas as pd
import pytest

if TYPE_CHECKING:
    from tests.conftest import Findings

N = 2000
DRAW = np.random.default_rng(0)
WHOLE = pd.DataFrame(
    {
        "size": DRAW.normal(40, 8, N),
        "holes": np.where(DRAW.random(N) < 0.2, np.nan, DRAW.normal(0, 1, N)),
        "count": DRAW.poisson(2, N),
        "job": pd.Series(DRAW.choice(["cook", "clerk", ""], N, p=[0.5, 0.3, 0.2])).replace("", None),
        "born": pd.Timestamp("1980-01-01") + pd.to_timedelta(DRAW.integers(0, 9000, N), unit="D"),
        "at": pd.date_range("2024-01-01", periods=N, freq="h"),
    }
)


def written(column: str, value: Any, step: int = 10) -> pd.DataFrame:
    return WHOLE.assign(**{column: WHOLE[column].astype("object").mask(WHOLE.index % step == 0, value).infer_objects()})


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("size", -1),
        ("size", 0),
        ("size", 99),
        ("size", 54321),
        ("count", 999),
        ("count", -9),
        ("job", "?"),
        ("job", " N/A"),
        ("born", pd.Timestamp("1970-01-01")),
        ("born", pd.Timestamp("1900-01-01")),
    ],
)
def test_finds_constants_that_stand_for_null(findings: Findings, column: str, value: Any) -> None:
    (found,) = findings("RCA102", WHOLE, written(column, value))
    assert (found.kind, found.evidence["column"]) == ("sentinel_values", column)
    assert len(found.evidence["values"]) == 1
    assert found.effect == pytest.approx(0.1, abs=0.01)


@pytest.mark.parametrize("value", [WHOLE["holes"].mean(), WHOLE["holes"].median(), 0.123])
def test_finds_what_missing_values_were_filled_with(findings: Findings, value: float) -> None:
    (found,) = findings("RCA102", WHOLE, WHOLE.assign(holes=WHOLE["holes"].fillna(value)))
    assert found.evidence["values"] == [pytest.approx(value)]
    (found,) = findings("RCA102", WHOLE, WHOLE.assign(job=WHOLE["job"].fillna("cook")))
    assert found.evidence["values"] == ["cook"]


def test_a_fair_fill_is_none(findings: Findings) -> None:
    draw = np.random.default_rng(1)
    fair = WHOLE.assign(job=WHOLE["job"].fillna(pd.Series(draw.choice(["cook", "clerk"], N, p=[0.625, 0.375]))))
    assert findings("RCA102", WHOLE, fair) == []


def test_cut_and_frozen_and_moved_columns_are_other_damages(findings: Findings) -> None:
    for damaged in (
        WHOLE.assign(holes=WHOLE["holes"].clip(lower=0)),
        WHOLE.assign(holes=WHOLE["holes"].mask(WHOLE["at"] > "2024-03-01", -1.0)),
        WHOLE.assign(count=WHOLE["count"] + 20),
        WHOLE.assign(size=WHOLE["size"] * 100),
    ):
        assert findings("RCA102", WHOLE, damaged, time="at") == []


def test_a_word_among_numbers_is_found(findings: Findings) -> None:
    damaged = WHOLE.assign(size=WHOLE["size"].astype(str).mask(WHOLE.index % 10 == 0, "NULL"))
    (found,) = findings("RCA102", WHOLE, damaged)
    assert found.evidence["values"] == ["NULL"]
