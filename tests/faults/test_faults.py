"""Each fault does what its truth says, and nothing else."""

from __future__ import annotations

from typing import Any
import numpy as np
import pandas as pd
import pytest
from rca.errors import ConfigError
from rca.registry import fault

CASES: list[tuple[str, str | None, dict[str, Any]]] = [
    ("unit_change", "age", {"factor": 2.54, "share": 0.3}),
    ("unit_change", "euribor3m", {"factor": 100.0, "since": "2009-06-03", "time": "at"}),
    ("missing_values", "job", {"share": 0.2}),
    ("missing_values", "job", {"since": "2009-06-03", "time": "at", "where": {"marital": "single"}}),
    ("sentinel_values", "age", {"share": 0.2}),
    ("sentinel_values", "job", {"where": {"marital": "single"}}),
    ("sentinel_values", "at", {}),
    ("renamed_category", "job", {}),
    ("renamed_category", "job", {"mapping": {"student": "pupil"}, "share": 0.5}),
    ("encoding", "job", {"share": 0.2}),
    ("clipped", "age", {"quantile": 0.1}),
    ("rounded", "euribor3m", {"decimals": 1, "share": 0.3}),
    ("new_category", "job", {"share": 0.05}),
    ("range_violation", "age", {"share": 0.01}),
    ("frozen_column", "job", {"share": 0.3}),
    ("frozen_column", "age", {"since": "2009-06-03", "time": "at", "key": ("job",)}),
    ("stale_column", "age", {"lag": 3, "since": "2009-06-03", "time": "at"}),
    ("stale_column", "contact", {"time": "at", "key": ("job",)}),
    ("time_shift", "at", {"hours": 5.5, "share": 0.3, "where": {"contact": "cellular"}}),
    ("truncation", "at", {"share": 0.25}),
    ("truncation", None, {"limit": 1000}),
    ("missing_segment", "job", {}),
    ("missing_segment", "at", {"share": 0.2}),
    ("selection_bias", "y", {"share": 0.3}),
    ("selection_bias", "age", {"share": 0.3}),
    ("duplicate_rows", None, {"share": 0.1}),
    ("join_fanout", "job", {}),
    ("join_fanout", "job", {"values": ["admin."], "joined": "age"}),
    ("leakage", "age", {}),
    ("leakage", "age", {"noise": 0.1, "where": {"contact": "cellular"}}),
    ("type_change", "euribor3m", {}),
    ("type_change", "age", {"share": 0.5}),
    ("sign_flip", "euribor3m", {"share": 0.5, "since": "2009-06-03", "time": "at"}),
    ("label_noise", "y", {"where": {"contact": "cellular"}}),
    ("label_noise", "duration", {"share": 0.3, "since": "2009-06-03", "time": "at"}),
    ("broken_relation", "duration", {"where": {"contact": "cellular"}}),
    ("training_data", None, {"share": 0.4}),
    ("concept_shift", "y", {"by": "age", "where": {"contact": "cellular"}}),
    ("concept_shift", "duration", {"by": "age", "since": "2009-06-03", "time": "at"}),
    ("new_population", "age", {}),
    ("dependency_outage", "euribor3m", {"since": "2009-06-03", "time": "at"}),
    ("mixed_versions", "age", {"other": "duration", "since": "2009-06-03", "time": "at"}),
]


@pytest.mark.parametrize(("kind", "column", "knobs"), CASES)
def test_changes_the_rows_that_the_truth_counts_and_no_others(
    calls: pd.DataFrame, kind: str, column: str | None, knobs: dict[str, Any]
) -> None:
    before = calls.copy()
    damaged, truth = fault.get(kind).function(calls, column, np.random.default_rng(0), **knobs)
    again, _ = fault.get(kind).function(calls, column, np.random.default_rng(0), **knobs)
    pd.testing.assert_frame_equal(calls, before)
    pd.testing.assert_frame_equal(damaged, again)
    assert truth["kind"] == {"clipped": "range_violation", "rounded": "type_change"}.get(kind, kind)
    if truth["column"] is None:
        more = kind in ("duplicate_rows", "join_fanout")
        assert len(damaged) - len(calls) == (truth["rows"] if more else -truth["rows"])
        pd.testing.assert_frame_equal(damaged[: len(calls)], calls.loc[damaged.index[: len(calls)]])
        return
    assert truth["column"] == column
    moved = damaged[column].ne(calls[column])
    assert moved.sum() == truth["rows"]
    pd.testing.assert_frame_equal(damaged.drop(columns=column), calls.drop(columns=column))


def test_truncation_by_time_takes_the_newest(calls: pd.DataFrame) -> None:
    shuffled = calls.sample(frac=1, random_state=0)
    damaged, _ = fault.get("truncation").function(shuffled, "at", np.random.default_rng(0), share=0.5)
    assert damaged["at"].max() < calls["at"].drop(damaged.index).min()


@pytest.mark.parametrize(
    ("kind", "column", "knobs", "message"),
    [
        ("unit_change", "job", {}, "'job' is no numeric column: choose one of 'age'"),
        ("unit_change", "age", {"since": "2009-01-01"}, "'age' is no time column, which 'since' needs"),
        ("missing_values", "jobs", {}, "'jobs' is no column of the table"),
        ("missing_values", "job", {"share": 0}, "share is 0: choose a number above 0"),
        ("encoding", "job", {"way": "magic"}, "there is no way 'magic': choose one of"),
        ("new_category", "job", {"value": "student"}, "'student' is a category of job already"),
        ("truncation", None, {"share": 1.5}, "share is 1.5: choose a number above 0 and below 1"),
        ("missing_segment", "client", {}, "no value of client has 2 % to 50 % of the rows"),
        ("train_test_overlap", None, {}, "the training table is needed"),
        ("concept_shift", "y", {"by": "job"}, "'job' is no numeric column"),
        ("mixed_versions", "age", {"other": "age"}, "holds the answers already"),
    ],
)
def test_says_what_it_needs(
    calls: pd.DataFrame, kind: str, column: str | None, knobs: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        fault.get(kind).function(calls, column, np.random.default_rng(0), **knobs)


def test_columns_change_places_and_names(calls: pd.DataFrame, rng: np.random.Generator) -> None:
    knobs = {"other": "duration", "since": "2009-06-03", "time": "at"}
    late = calls["at"] >= "2009-06-03"
    swapped, truth = fault.get("column_swap").function(calls, "age", rng, **knobs)
    assert swapped["age"].equals(calls["age"].mask(late, calls["duration"]))
    assert swapped["duration"].equals(calls["duration"].mask(late, calls["age"]))
    assert truth["rows"] == swapped["age"].ne(calls["age"]).sum() > 0
    change = fault.get("schema_change").function
    assert list(change(calls, "age", rng)[0]) == list(calls)[1:]
    assert list(change(calls, "age", rng, name="years")[0]) == ["years", *list(calls)[1:]]


def test_rows_in_no_order_and_without_a_time_are_put_back(calls: pd.DataFrame, rng: np.random.Generator) -> None:
    shuffled = calls.sample(frac=1, random_state=0).set_axis(["a", *"b" * (len(calls) - 1)])
    shuffled = shuffled.assign(at=shuffled["at"].mask(shuffled["age"] > 60).dt.tz_localize("UTC"))
    late, _ = fault.get("stale_column").function(shuffled, "client", rng, time="at")
    known = shuffled["at"].notna().to_numpy()
    assert late["at"].equals(shuffled["at"])
    assert late.index.equals(shuffled.index)
    expected = shuffled.reset_index(drop=True)[known].sort_values("at")["client"].shift().fillna(calls["client"][0])
    assert (late["client"].to_numpy()[known] == expected.sort_index()).all()


DAYS = list(pd.date_range("2024-01-01", periods=3))
EXACT: list[tuple[str, dict[str, list[Any]], dict[str, Any], list[Any]]] = [
    ("encoding", {"a": ["Köln", "Bonn"]}, {"way": "mojibake", "share": 1.0}, ["KÃ¶ln", "Bonn"]),
    ("train_serve_skew", {"a": [1.25, 2.75]}, {}, [1.0, 3.0]),
    ("leakage", {"a": [31, 42, 53], "y": ["no", "yes", "no"]}, {}, [0.0, 1.0, 0.0]),
    ("frozen_column", {"a": [1, 2, 3], "at": DAYS}, {"since": "2024-01-02", "time": "at"}, [1, 1, 1]),
]


@pytest.mark.parametrize(("name", "whole", "knobs", "expected"), EXACT)
def test_what_becomes_of_a_cell(
    name: str, whole: dict[str, list[Any]], knobs: dict[str, Any], expected: list[Any], rng: np.random.Generator
) -> None:
    damaged, truth = fault.get(name).function(pd.DataFrame(whole), "a", rng, **knobs)
    assert damaged["a"].tolist() == expected
    assert truth["rows"] == sum(old != new for old, new in zip(whole["a"], expected, strict=True))


def test_a_new_category_is_written_as_often_as_asked(rng: np.random.Generator) -> None:
    whole = pd.DataFrame({"city": ["Rome", "Oslo"] * 5})
    damaged, truth = fault.get("new_category").function(whole, "city", rng, share=0.2, value="Lima")
    assert (int((damaged["city"] == "Lima").sum()), truth["rows"]) == (2, 2)


def test_a_shuffled_column_keeps_its_values(rng: np.random.Generator) -> None:
    damaged, _ = fault.get("broken_relation").function(pd.DataFrame({"a": range(9)}), "a", rng)
    assert damaged["a"].tolist() != sorted(damaged["a"]) == list(range(9))


def test_a_join_repeats_the_rows_of_a_value(rng: np.random.Generator) -> None:
    whole = pd.DataFrame({"shop": ["A", "B"] * 3, "amount": range(6)})
    damaged, truth = fault.get("join_fanout").function(whole, "shop", rng, values=["B"])
    assert (damaged["amount"].tolist(), truth["rows"]) == ([0, 1, 2, 3, 4, 5, 1, 3, 5], 3)


def test_other_rows_of_the_same_law(calls: pd.DataFrame, rng: np.random.Generator) -> None:
    older, truth = fault.get("covariate_shift").function(calls, "age", rng, strength=4.0)
    assert older["age"].mean() > calls["age"].mean() + 5
    assert older.index.is_unique
    assert len(older) + truth["rows"] == len(calls)
    rarer = calls["y"].value_counts().idxmin()
    more, truth = fault.get("label_shift").function(calls, "y", rng, factor=3.0)
    assert truth["value"] == rarer
    share = (calls["y"] == rarer).mean()
    assert (more["y"] == rarer).mean() == pytest.approx(3 * share / (1 + 2 * share), abs=0.05)


def test_a_source_is_silent_in_all_its_columns(calls: pd.DataFrame, rng: np.random.Generator) -> None:
    knobs = {"columns": ["age"], "value": -1, "since": "2009-06-03", "time": "at"}
    late = calls["at"] >= "2009-06-03"
    silent, _ = fault.get("dependency_outage").function(calls, "euribor3m", rng, **knobs)
    for name in ("euribor3m", "age"):
        assert silent[name].eq(-1).equals(late)


PARAMS = {"fit": {"depth": 8, "loss": "mse"}, "seed": 3}


@pytest.mark.parametrize("kind", ["hyperparameter", "objective", "algorithm", "preprocessing", "seed", "threshold"])
def test_a_parameter_is_set_and_the_others_stay(kind: str, rng: np.random.Generator) -> None:
    damaged, truth = fault.get(kind).function(PARAMS, "fit.depth", rng)
    assert damaged == {"fit": {"depth": 16, "loss": "mse"}, "seed": 3}
    assert truth == {"kind": kind, "column": "fit.depth", "was": 8, "value": 16}
    assert PARAMS["fit"]["depth"] == 8  # type: ignore[index]  # a mapping of mappings


def test_texts_and_files_are_changed_where_it_is_said(rng: np.random.Generator) -> None:
    script, truth = fault.get("code_change").function("a = 1\nb = 2\n", None, rng, old="a = 1", new="a = 3")
    assert (script, truth["kind"]) == ("a = 3\nb = 2\n", "code_change")
    pins, truth = fault.get("environment_change").function("numpy==2.0\nnumpy-x==1.0\n", "numpy", rng, version="2.1")
    assert (pins, truth["was"]) == ("numpy==2.1\nnumpy-x==1.0\n", "2.0")
    assert fault.get("corrupt_artifact").function(b"0123456789", None, rng, share=0.3)[0] == b"0123456"


@pytest.mark.parametrize(
    ("kind", "thing", "column", "knobs", "message"),
    [
        ("hyperparameter", PARAMS, "fit.deep", {}, "'fit.deep' is no parameter that can be set so: .* 'fit.depth'"),
        ("objective", PARAMS, "fit.loss", {}, "give a value to one of"),
        ("seed", {"seed": 0}, "seed", {}, "'seed' is 0 already"),
        ("code_change", "a = 1", None, {"old": "b"}, "'b' is not in the script"),
        ("environment_change", "numpy==2.0\n", "pandas", {}, "'pandas' is no pinned package: choose one of 'numpy'"),
    ],
)
def test_what_a_project_lacks_is_said(
    kind: str, thing: Any, column: str | None, knobs: dict[str, Any], message: str, rng: np.random.Generator
) -> None:
    with pytest.raises(ConfigError, match=message):
        fault.get(kind).function(thing, column, rng, **knobs)
