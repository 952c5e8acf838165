"""Rows of production are compared with their former selves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
import numpy as np
import pytest
from rca.registry import fault, repair

if TYPE_CHECKING:
    import pandas as pd
    from tests.conftest import Findings

ROLES: dict[str, Any] = {"key": ("client",), "time": "at", "target": "y", "same_role": False}


@pytest.mark.parametrize(("how", "value", "column"), [("round", 0, "cons.conf.idx"), ("factor", 1.1, "age")])
def test_says_how_a_feature_differs_and_takes_it_back(
    findings: Findings, calls: pd.DataFrame, how: str, value: float, column: str
) -> None:
    served, _ = fault.get("train_serve_skew").function(calls, column, np.random.default_rng(0), how=how, value=value)
    (found,) = findings("RCA120", calls, served, **ROLES)
    assert found.subject == f"data.train.{column}"
    assert found.evidence["how"] == {"round": "rounded", "factor": "scaled"}[how]
    repaired = repair.get(found.kind).function(served, found, calls, np.random.default_rng(0))
    assert findings("RCA120", calls, repaired, **ROLES) == []


def test_missing_values_that_became_zero(findings: Findings, calls: pd.DataFrame) -> None:
    holes = calls.assign(age=calls["age"].mask(calls.index % 5 == 0))
    (found,) = findings("RCA120", holes, holes.assign(age=holes["age"].fillna(0.0)), **ROLES)
    assert (found.evidence["how"], found.evidence["value"]) == ("null_fill", 0.0)


def test_other_rows_under_the_same_keys_are_no_skew(findings: Findings, calls: pd.DataFrame) -> None:
    other = calls[::-1].assign(client=calls["client"].to_numpy())
    assert findings("RCA120", calls, other, **ROLES) == []
