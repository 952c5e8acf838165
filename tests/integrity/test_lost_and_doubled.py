"""Rows that are gone, doubled or known, and features that know: what is found, and what is left alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_breast_cancer
from rca import api
from rca.registry import check, fault
from rca.tables import open_table
from rca.types import Case, Pair, Roles

if TYPE_CHECKING:
    from tests.conftest import Findings

ROLES = {"key": ("client",), "time": "at", "target": "y"}


@pytest.mark.parametrize(
    ("code", "kind", "column", "knobs"),
    [
        ("RCA112", "duplicate_rows", None, {"share": 0.05}),
        ("RCA113", "join_fanout", "job", {"values": ["admin."]}),
        ("RCA113", "join_fanout", "contact", {"joined": "age"}),
        ("RCA114", "selection_bias", "y", {"share": 0.3}),
        ("RCA116", "leakage", "age", {"noise": 0.2}),
    ],
)
@pytest.mark.parametrize("roles", [ROLES, {"target": "y"}], ids=["key", "none"])
def test_finds_what_was_done(
    findings: Findings, calls: pd.DataFrame, code: str, kind: str, column: str | None, knobs: Any, roles: Any
) -> None:
    damaged, truth = fault.get(kind).function(calls, column, np.random.default_rng(0), **knobs)
    (found,) = findings(code, calls, damaged, **roles)
    assert found.kind == kind
    assert found.subject == ("data.train.age" if kind == "leakage" else "data.train")
    if kind == "duplicate_rows":
        assert found.text == "4.8 % of the rows of train are copies of others, 0 % in the reference."
    if "rows" in found.evidence:
        assert found.evidence["rows"] == pytest.approx(truth["rows"], rel=0.1)


@pytest.mark.parametrize("seed", range(8))
def test_strong_features_of_a_small_table_are_no_leak(findings: Findings, seed: int) -> None:
    cancer = load_breast_cancer(as_frame=True).frame  # the newest rows are of one class more often, on both sides
    rows = np.random.default_rng(seed).permutation(len(cancer))
    whole = cancer.assign(at=pd.date_range("2024", periods=len(cancer), freq="8h"))
    halves = whole.iloc[rows[:284]], whole.iloc[rows[284:]]
    assert findings("RCA116", *halves, target="target", time="at") == []


def test_a_column_that_said_nothing_before_is_a_leak_all_the_same(findings: Findings, calls: pd.DataFrame) -> None:
    empty = calls.assign(age=0.0)
    (found,) = findings("RCA116", empty, empty.assign(age=(calls["y"] == "yes").astype(float)), target="y")
    assert (found.subject, found.evidence["before"]) == ("data.train.age", 0.0)
    assert found.p_value is not None
    assert found.p_value < 1e-6


def test_a_leak_is_named_and_not_what_the_column_looks_like(calls: pd.DataFrame) -> None:
    found = api.check(calls, calls.assign(age=(calls["y"] == "yes").astype(float)), target="y", key=("client",))
    assert found.findings[0].kind == "leakage"
    assert [f.kind for f in found.findings if f.subject == "data.current.age"] == ["leakage"]


def test_a_numeric_target_loses_its_high_values(findings: Findings, calls: pd.DataFrame) -> None:
    damaged, _ = fault.get("selection_bias").function(calls, "duration", np.random.default_rng(0))
    (found,) = findings("RCA114", calls, damaged, key=("client",), target="duration")
    assert found.evidence["side"] == "above"


@pytest.mark.parametrize("loss", ["newest", "category"])
def test_rows_lost_for_other_reasons_are_no_selection(findings: Findings, calls: pd.DataFrame, loss: str) -> None:
    kept = calls[:2500] if loss == "newest" else calls[calls["contact"] != "telephone"]
    assert findings("RCA114", calls, kept, **ROLES) == []


def test_rows_of_few_values_repeat_by_nature(findings: Findings) -> None:
    draw = np.random.default_rng(0)
    first, last = (pd.DataFrame(draw.integers(0, 9, (800, 3)), columns=list("abc")) for _ in range(2))
    for code in ("RCA112", "RCA113"):
        assert findings(code, first, last) == []


@pytest.mark.parametrize("key", [("client",), ()], ids=["key", "values"])
def test_training_rows_in_the_exam(calls: pd.DataFrame, key: tuple[str, ...]) -> None:
    train, exam = calls[:3000], calls[3000:]
    damaged, truth = fault.get("train_test_overlap").function(exam, None, np.random.default_rng(0), other=train)
    for table, expected in ((damaged, ["data.evaluate"]), (exam, [])):
        pairs = (
            Pair("train", open_table(train), open_table(train)),
            Pair("evaluate", open_table(exam), open_table(table)),
        )
        found = list(check.get("RCA115").function(Case(pairs, Roles(key=key, target="y"))))
        assert [f.subject for f in found] == expected
        assert [f.evidence["rows"] for f in found] == [truth["rows"]] * len(found)
        text = "20 % of the rows of evaluate are in train as well, 0 % in the reference."
        assert [f.text for f in found] == [text] * len(found)


def test_a_gap_in_another_period(findings: Findings) -> None:
    draw = np.random.default_rng(0)
    days = [np.sort(draw.uniform(start, start + 100, 3000)) for start in (0, 200)]
    before, after = (
        pd.DataFrame({"at": pd.Timestamp("2024-01-01") + pd.to_timedelta(d, unit="D").round("s")}) for d in days
    )
    holes = (after["at"] > "2024-08-20") & (after["at"] < "2024-08-25")
    (found,) = findings("RCA110", before, after[~holes], time="at", same_role=False)
    assert (found.kind, found.evidence["since"][:10]) == ("missing_segment", "2024-08-19")
    assert findings("RCA110", before, after, time="at", same_role=False) == []


@pytest.mark.parametrize("since", ["2024-01-01", "2024-10-01"])
def test_a_category_that_was_always_there(findings: Findings, since: str) -> None:
    draw = np.random.default_rng(0)
    at = pd.date_range("2024-01-01", periods=8000, freq="h")
    whole = pd.DataFrame(
        {"at": at, "shop": draw.choice(list("ABC"), 8000, p=[0.6, 0.3, 0.1]), "month": at.month_name()}
    )
    before, after = whole[:4000], whole[4000:]
    lost = (after["shop"] == "C") & (after["at"] >= since)
    (found,) = findings("RCA110", before, after[~lost], time="at", same_role=False)
    assert (found.kind, found.evidence["column"], found.evidence["value"]) == ("missing_segment", "shop", "C")
    assert findings("RCA110", before, after, time="at", same_role=False) == []
    renamed = after.assign(shop=after["shop"].where(~lost, "c"))
    assert findings("RCA110", before, renamed, time="at", same_role=False) == []
