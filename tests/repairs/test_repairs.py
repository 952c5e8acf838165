"""A repair undoes its damage: after it, the check that found the damage is silent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
import numpy as np
import pandas as pd
import pytest
from rca.registry import fault, repair
from rca.tables import Table, open_table
from rca.types import Finding

if TYPE_CHECKING:
    from tests.conftest import Findings

ROLES = {"key": ("client",), "time": "at", "target": "y"}
DAMAGES = [
    ("unit_change", "RCA104", "euribor3m", {"factor": 100.0, "share": 0.3}),
    ("unit_change", "RCA104", "age", {"factor": 1 / 2.54}),
    ("missing_values", "RCA101", "age", {"share": 0.2}),
    ("missing_values", "RCA101", "job", {"share": 1.0}),
    ("new_category", "RCA107", "contact", {"share": 0.1}),
    ("missing_values", "RCA101", "age", {"where": {"contact": "telephone"}}),
    ("sentinel_values", "RCA102", "age", {"share": 0.1}),
    ("sentinel_values", "RCA102", "job", {"share": 0.1}),
    ("renamed_category", "RCA111", "contact", {}),
    ("renamed_category", "RCA111", "marital", {"mapping": {"single": "SGL"}}),
    ("encoding", "RCA109", "job", {"share": 0.2}),
    ("clipped", "RCA105", "age", {"quantile": 0.9}),
    ("range_violation", "RCA103", "age", {"share": 0.05}),
    ("truncation", "RCA110", "at", {"share": 0.3}),
    ("truncation", "RCA110", None, {"share": 0.3}),
    ("missing_segment", "RCA110", "contact", {}),
    ("missing_segment", "RCA110", "at", {"share": 0.2}),
    ("selection_bias", "RCA114", "y", {"share": 0.5}),
    ("duplicate_rows", "RCA112", None, {"share": 0.1}),
    ("join_fanout", "RCA113", "marital", {}),
    ("join_fanout", "RCA113", "marital", {"joined": "duration"}),
    ("leakage", "RCA116", "age", {"noise": 0.1}),
    ("leakage", "RCA116", "paid", {}),
    ("frozen_column", "RCA117", "duration", {"since": "2009-06-03", "time": "at"}),
    ("stale_column", "RCA118", "age", {"lag": 3, "time": "at"}),
    ("time_shift", "RCA119", "at", {"hours": -5.5, "share": 0.3}),
]


@pytest.fixture(scope="module")
def table(calls: pd.DataFrame) -> Table:
    return open_table(calls)  # profiled once


@pytest.mark.parametrize(("kind", "code", "column", "knobs"), DAMAGES)
def test_the_check_is_silent_after_the_repair(
    findings: Findings,
    calls: pd.DataFrame,
    table: Table,
    kind: str,
    code: str,
    column: str | None,
    knobs: dict[str, Any],
) -> None:
    damaged, _ = fault.get(kind).function(calls, column, np.random.default_rng(1), **knobs)
    before = damaged.copy()
    (found,) = findings(code, table, damaged, **ROLES)
    repaired = repair.get(found.kind).function(damaged, found, calls, np.random.default_rng(2))
    assert findings(code, table, repaired, **ROLES) == []
    pd.testing.assert_frame_equal(damaged, before)
    assert repaired.index[: len(damaged)].tolist() == damaged.index[: len(repaired)].tolist()
    assert list(repaired.columns) == [name for name in damaged.columns if name != "paid"]
    again = repair.get(found.kind).function(damaged, found, calls, np.random.default_rng(2))
    pd.testing.assert_frame_equal(repaired, again)


def test_a_leak_since_a_moment_is_undone_where_times_have_a_zone(calls: pd.DataFrame) -> None:
    zoned = calls.assign(at=calls["at"].dt.tz_localize("Europe/Rome", ambiguous=True, nonexistent="shift_forward"))
    onset = zoned["at"].iloc[2000].tz_convert(None)
    facts = {"column": "age", "target": "y", "time": "at", "onset": onset.isoformat()}
    finding = Finding("RCA116", "leakage", "data.train.age", "", evidence=facts)
    damaged = zoned.assign(age=zoned["age"].where(zoned["at"] < zoned["at"].iloc[2000], 1))
    repaired = repair.get("leakage").function(damaged, finding, zoned, np.random.default_rng(0))
    assert repaired["age"][:2000].equals(zoned["age"][:2000])
    assert (repaired["age"][2000:] > 1).all()


def test_a_sign_is_turned_back_where_it_is_wrong(rng: np.random.Generator) -> None:
    whole = pd.DataFrame({"debt": [1.0, 2.0, 3.0]})
    finding = Finding("RCA121", "sign_flip", "data.train.debt", "", evidence={"column": "debt", "negative": True})
    assert repair.get("sign_flip").function(whole.replace(2.0, -2.0), finding, whole, rng).equals(whole)


def test_labels_of_common_rows_are_the_references(rng: np.random.Generator) -> None:
    whole = pd.DataFrame({"id": [1, 2, 3], "y": [0, 1, 1]})
    finding = Finding("RCA124", "label_noise", "data.train.y", "", evidence={"column": "y", "key": ["id"]})
    assert repair.get("label_noise").function(whole.assign(y=[0, 0, 1]), finding, whole, rng).equals(whole)


def test_what_production_computes_otherwise_is_what_training_saw(rng: np.random.Generator) -> None:
    train = pd.DataFrame({"id": range(4), "age": [20.0, 31.0, 42.0, 53.0]})
    told = {"column": "age", "how": "scaled", "factor": 12.0, "key": ["id"]}
    finding = Finding("RCA120", "train_serve_skew", "data.production.age", "", evidence=told)
    damaged = train.assign(age=train["age"] * 12)
    assert repair.get("train_serve_skew").function(damaged, finding, train, rng).equals(train)


def test_columns_are_exchanged_back(rng: np.random.Generator) -> None:
    whole = pd.DataFrame({"age": [30, 40], "rooms": [3, 4]})
    told = {"column": "age", "columns": ["age", "rooms"]}
    finding = Finding("RCA122", "column_swap", "data.train.age", "", evidence=told)
    damaged = whole.assign(age=whole["rooms"], rooms=whole["age"])
    assert repair.get("column_swap").function(damaged, finding, whole, rng).equals(whole)


def test_frozen_values_are_drawn_given_the_others(rng: np.random.Generator) -> None:
    whole = pd.DataFrame({"city": ["A", "B"] * 50, "age": [30, 40] * 50})
    finding = Finding("RCA117", "frozen_column", "data.train.age", "", evidence={"column": "age", "value": 30})
    assert repair.get("frozen_column").function(whole.assign(age=30), finding, whole, rng).equals(whole)


def test_the_first_of_joined_rows_stays(rng: np.random.Generator) -> None:
    damaged = pd.DataFrame({"id": [1, 2, 2], "price": [5, 6, 7]})
    finding = Finding("RCA113", "join_fanout", "data.train", "", evidence={"joined": ["price"]})
    assert repair.get("join_fanout").function(damaged, finding, damaged, rng).index.tolist() == [0, 1]


def test_only_rows_that_break_a_rule_are_drawn(rng: np.random.Generator) -> None:
    whole = pd.DataFrame({"low": [1.0, 9.0] * 50, "high": [2.0, 10.0] * 50})
    told = {"column": "low", "rule": ["<=", "low", "high"]}
    finding = Finding("RCA123", "broken_relation", "data.train.low", "", evidence=told)
    broken = whole.assign(low=whole["low"].where(whole.index > 3, 9.0))
    assert repair.get("broken_relation").function(broken, finding, whole, rng).equals(whole)
