"""What holds of every plug-in; a new one is tested here without a line being written."""

from __future__ import annotations

import doctest
import functools
import importlib
import inspect
import re
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any
import numpy as np
import pandas as pd
import pytest
from rca.registry import Entry, check, diff, fault, repair, run
from tests.conftest import case_of

if TYPE_CHECKING:
    from rca.types import Case, Finding, Outcome

KINDS = frozenset(
    word
    for line in (
        "missing_values sentinel_values unit_change sign_flip type_change new_category renamed_category encoding",
        "column_swap frozen_column stale_column time_shift truncation missing_segment duplicate_rows join_fanout",
        "label_noise leakage train_test_overlap schema_change range_violation broken_relation train_serve_skew",
        "selection_bias corrupt_artifact",
    )
    for word in line.split()
)
OTHERS = frozenset(
    word
    for line in (
        "hyperparameter algorithm objective preprocessing code_change environment_change training_data seed threshold",
        "weights mixed_versions covariate_shift concept_shift label_shift new_population dependency_outage",
    )
    for word in line.split()
)
CHECKS = check.load()
SEEDS = range(3)
Make = Callable[[int, int], pd.DataFrame]
each_check = pytest.mark.parametrize("entry", CHECKS.values(), ids=list(CHECKS))
plugins = [(r, e) for r in (check, diff, repair, fault) for e in r.load().values()]


def look(entry: Entry, case: Case) -> tuple[Outcome, tuple[Finding, ...]]:
    outcomes, findings = run([entry], case)
    return replace(outcomes[0], seconds=0.0), findings


@functools.cache
def halves(seed: int) -> Case:
    """Two samples of the bank's calls: the same data on both sides."""
    from tests.conftest import RAW

    rows = np.random.default_rng(seed).permutation(41_188)[:8000]
    bank = pd.read_parquet(RAW).iloc[rows].drop(columns="year")
    return case_of(bank[:4000], bank[4000:], target="y", positive="yes")


@functools.cache
def twins(seed: int, make: Make) -> Case:
    return case_of(make(2 * seed, 1000), make(2 * seed + 1, 1000), key=("name",), time="at", target="flag")


@functools.cache
def damaged(make: Make, shuffle: bool = False, turn: bool = False) -> Case:
    """A table with many damages at once, as it is, with its rows shuffled or its columns turned round."""
    whole, other = make(0, 1000), make(0, 1000)  # rows are only known to be lost where the others are the same
    broken = other[:900].assign(
        normal=other["normal"] * 100,
        holes=other["holes"].mask(other.index < 400),
        whole=other["whole"].mask(other.index % 10 == 0, 10**6),
        city=other["city"].mask(other.index % 7 == 0, "Bern"),
        yes=other["yes"].astype(int),
    )
    broken = broken.drop(columns="count")
    if shuffle:
        whole, broken = (t.sample(frac=1, random_state=1) for t in (whole, broken))
    if turn:
        whole, broken = (t[t.columns[::-1]] for t in (whole, broken))
    return case_of(whole, broken, target="flag", positive=1)


def facts(findings: tuple[Finding, ...]) -> list[tuple[Any, ...]]:
    return sorted((f.code, f.kind, f.subject, f.text, round(f.effect or 0, 9)) for f in findings)


@each_check
@pytest.mark.parametrize("seed", SEEDS)
def test_silent_on_two_samples_of_the_same_data(entry: Entry, seed: int, mixed: Make) -> None:
    for case in (halves(seed), twins(seed, mixed)):
        outcome, findings = look(entry, case)
        assert outcome.status in ("clear", "not_applicable"), (outcome.reason, [f.text for f in findings])


@each_check
def test_deterministic(entry: Entry, mixed: Make) -> None:
    assert look(entry, damaged(mixed)) == look(entry, damaged(mixed))


@each_check
def test_the_order_of_rows_and_of_columns_does_not_matter(entry: Entry, mixed: Make) -> None:
    expected = facts(look(entry, damaged(mixed))[1])
    assert facts(look(entry, damaged(mixed, shuffle=True))[1]) == expected
    assert facts(look(entry, damaged(mixed, turn=True))[1]) == expected


@each_check
def test_leaves_its_input_alone(entry: Entry, mixed: Make) -> None:
    tables = mixed(0, 200), mixed(1, 180).assign(normal=0.0)
    before = [table.copy(deep=True) for table in tables]
    look(entry, case_of(*tables))
    for table, kept in zip(tables, before, strict=True):
        pd.testing.assert_frame_equal(table, kept)


@each_check
@pytest.mark.parametrize("rows", [(0, 0), (0, 50), (50, 0), (1, 1), (1, 50), (50, 1)], ids=str)
def test_empty_and_one_row_tables_cannot_be_looked_at(entry: Entry, rows: tuple[int, int], mixed: Make) -> None:
    outcome, findings = look(entry, case_of(mixed(0, rows[0]), mixed(1, rows[1])))
    assert (outcome.status, findings) == ("not_applicable", ())
    assert outcome.reason
    assert outcome.reason.endswith(".")


@each_check
@pytest.mark.parametrize("rows", [2, 3, 10])
def test_few_rows_and_odd_columns_are_no_failure(entry: Entry, rows: int, mixed: Make) -> None:
    case = case_of(mixed(0, rows), mixed(1, rows), time="at", key=("name",))
    assert look(entry, case)[0].status in ("clear", "not_applicable")


@each_check
def test_a_role_that_no_column_has_is_no_failure(entry: Entry, mixed: Make) -> None:
    case = case_of(mixed(0, 100), mixed(1, 100), time="when", key=("who",), target="what", features=("a", "b"))
    assert look(entry, case)[0].status in ("clear", "not_applicable")


@each_check
def test_a_finding_is_whole(entry: Entry, mixed: Make) -> None:
    case = damaged(mixed)
    (pair,) = case.pairs
    known = {
        "data.train",
        "model",
        *(f"data.train.{name}" for name in (*pair.reference.columns, *pair.current.columns)),
    }
    for finding in look(entry, case)[1]:
        assert finding.code == entry.code
        assert finding.kind in KINDS
        assert finding.subject in known
        assert finding.text.endswith(".")
        assert re.search(r"\d|gone|holds", finding.text), "a person wants to know how much"
        assert finding.p_value is None or 0 <= finding.p_value <= 1
        if finding.low is not None and finding.high is not None and finding.effect is not None:
            assert finding.low <= finding.effect <= finding.high


def test_together_they_name_every_damage(mixed: Make) -> None:
    _, findings = run(CHECKS.values(), damaged(mixed))
    assert {(f.kind, f.subject) for f in findings} >= {
        ("unit_change", "data.train.normal"),
        ("missing_values", "data.train.holes"),
        ("range_violation", "data.train.whole"),
        ("new_category", "data.train.city"),
        ("schema_change", "data.train.count"),
        ("type_change", "data.train.yes"),
        ("truncation", "data.train"),
    }


@pytest.mark.parametrize("code", CHECKS)
def test_codes_have_the_form_of_their_pillar(code: str) -> None:
    assert re.fullmatch(r"RCA1\d\d", code)


def test_repairs_and_faults_are_known_by_their_kind() -> None:
    assert set(repair.load()) <= KINDS
    assert set(fault.load()) - {"clipped", "rounded"} <= KINDS | OTHERS  # these two are kinds of others


def test_every_kind_can_be_done_on_purpose() -> None:
    # weights are never changed by themselves, but by what trains them
    assert {*fault.load(), "weights"} >= KINDS | OTHERS


@pytest.mark.parametrize(("registry", "entry"), plugins, ids=[f"{r.package}-{e.code}" for r, e in plugins])
def test_the_docstring_is_a_proof(registry: Any, entry: Entry) -> None:
    function = entry.function
    text = inspect.getdoc(function) or ""
    assert text.splitlines()[0].endswith(".")
    if "; see :func:`" in text:  # another entry of the same module tells the whole
        return
    # what all plug-ins of a kind give, their package says once
    assert re.search("returns|yields", importlib.import_module(registry.package).__doc__ or "")
    assert "\nExamples\n--------\n" in text
    examples = doctest.DocTestParser().get_examples(text)
    assert any(function.__name__ in example.source for example in examples)


@pytest.mark.parametrize("entry", [e for r, e in plugins if r is repair], ids=lambda e: e.code)
def test_repairs_have_the_same_signature(entry: Entry) -> None:
    assert list(inspect.signature(entry.function).parameters) == ["frame", "finding", "reference", "rng"]


@pytest.mark.parametrize("entry", [e for r, e in plugins if r is fault], ids=lambda e: e.code)
def test_faults_have_the_same_signature(entry: Entry) -> None:
    first, *knobs = list(inspect.signature(entry.function).parameters.values())
    assert first.name in ("frame", "params", "text", "content")  # a table, or a part of a project
    assert [p.name for p in knobs[:2]] == ["column", "rng"]
    assert all(p.kind is p.KEYWORD_ONLY and p.default is not p.empty for p in knobs[2:])


@each_check
def test_checks_take_a_case_and_knobs_with_defaults(entry: Entry) -> None:
    case, *knobs = inspect.signature(entry.function).parameters.values()
    assert case.name == "case"
    assert all(p.kind is p.KEYWORD_ONLY and p.default is not p.empty for p in knobs)
