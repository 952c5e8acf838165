from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Mapping
from typing import Any
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rca.errors import ConfigError, DataError
from rca.inputs.decompose import Decomposition, by_group, decompose, outside
from rca.stats import Estimate, shapley

Rng = np.random.Generator
Draw = Callable[..., Any]
Groups = Mapping[str, list[str]]


def run(p: Any, q: Any, groups: Groups, seed: int = 0) -> Decomposition:
    return decompose(p.loss, q.loss, p.inputs, q.inputs, groups, rng=np.random.default_rng(seed))


def check_sum(found: Decomposition, lp: np.ndarray, lq: np.ndarray) -> None:
    support = found.support or Estimate(0.0)
    gap = lq.mean() - lp.mean()
    scale = max(np.abs(lp).max(), np.abs(lq).max(), 1e-300)
    assert abs(support.value + found.covariate.value + found.concept.value - gap) <= 1e-12 * scale
    assert abs(sum(part.value for part in found.support_groups.values()) - support.value) <= 1e-12 * scale
    if found.identified and found.groups:
        assert abs(sum(part.value for part in found.groups.values()) - found.covariate.value) <= 1e-12 * scale
    whole = support + found.covariate + found.concept
    np.testing.assert_allclose(whole.influence["current"], (lq - lq.mean()) / len(lq), atol=1e-12 * scale)
    np.testing.assert_allclose(whole.influence["reference"], -(lp - lp.mean()) / len(lp), atol=1e-12 * scale)


def covers(part: Estimate, truth: float, se: float = 3.0) -> bool:
    return abs(part.value - truth) <= se * part.se


def test_nothing_changed_gives_terms_near_zero(draw: Draw, groups: Groups, rng: Rng) -> None:
    p, q = draw(rng, 3000), draw(rng, 3000)
    found = run(p, q, groups)
    check_sum(found, p.loss, q.loss)
    assert found.support is None
    assert found.identified
    for part in (found.covariate, found.concept, *found.groups.values()):
        assert abs(part.value) < 0.01
        assert covers(part, 0.0)


def test_a_moved_input_is_found_and_its_correlated_decoy_is_not(draw: Draw, groups: Groups) -> None:
    # Rate moves and is what the loss depends on; rain is correlated .8 with it, and follows it.
    rng = np.random.default_rng(1)
    p, q = draw(rng, 4000), draw(rng, 4000, rate=0.8)
    rain = q.inputs["rain"] + 0.8 * 0.8
    found = run(p, type(q)(q.inputs.assign(rain=rain), q.y, q.score), groups)
    assert found.identified
    assert found.groups["api"].value > 3 * abs(found.groups["user"].value)
    # The decoy moves alone, but adds nothing once the rate is known.
    blind, seen = (side.inputs.drop(columns=groups["env"]) for side in (p, q))
    others = {name: columns for name, columns in groups.items() if name != "env"}
    without = decompose(p.loss, q.loss, blind, seen, others, rng=np.random.default_rng(0))
    assert abs(found.covariate.value - without.covariate.value) < 0.3 * abs(found.groups["api"].value) + 0.003
    assert covers(found.concept, 0.0)


def test_an_independently_moved_group_takes_the_whole_covariate_term(draw: Draw, groups: Groups) -> None:
    # The wind moves, which nothing depends on.
    rng = np.random.default_rng(2)
    p, q = draw(rng, 4000), draw(rng, 4000)
    q.inputs["wind"] += 1.0
    found = run(p, q, groups)
    assert found.identified
    assert all(covers(part, 0.0) for part in (found.concept, *found.groups.values()))
    assert abs(found.covariate.value) < 0.02


def test_a_flip_in_one_segment_is_concept(draw: Draw, groups: Groups) -> None:
    rng = np.random.default_rng(3)
    p, q = draw(rng, 4000), draw(rng, 4000, flip=0.8)
    found = run(p, q, groups)
    gap = q.loss.mean() - p.loss.mean()
    assert found.concept.interval()[0] > 0
    assert abs(found.concept.value - gap) < 0.01
    assert covers(found.covariate, 0.0)


def test_two_changes_at_once_are_told_apart(draw: Draw, groups: Groups) -> None:
    rng = np.random.default_rng(4)
    large = draw(rng, 300_000, rate=0.7), draw(rng, 300_000)
    truth = large[0].loss.mean() - large[1].loss.mean()
    p, q = draw(rng, 5000), draw(rng, 5000, rate=0.7, flip=0.5)
    found = run(p, q, groups)
    assert covers(found.covariate, truth)
    assert covers(found.concept, q.loss.mean() - p.loss.mean() - truth, se=4)
    assert max(found.groups, key=lambda g: abs(found.groups[g].value)) == "api"


def test_rows_outside_the_support_are_an_exact_part(draw: Draw, groups: Groups, rng: Rng) -> None:
    p, q = draw(rng, 2000), draw(rng, 2000)
    q.inputs.loc[:199, "job"] = "baker"
    q.inputs.loc[200:299, "rate"] = 1000.0
    q.y[:300] = 1 - q.score[:300].round()
    found = run(p, q, groups)
    check_sum(found, p.loss, q.loss)
    assert found.support is not None
    assert found.support.value == pytest.approx((q.loss[:300] - p.loss.mean()).sum() / 2000)
    assert found.support_groups["user"].value == pytest.approx((q.loss[:200] - p.loss.mean()).sum() / 2000)
    assert set(found.support_groups) == {"user", "api"}
    assert covers(found.concept, 0.0)


def test_all_rows_outside_leave_nothing_to_the_other_terms(draw: Draw, groups: Groups, rng: Rng) -> None:
    p, q = draw(rng, 500), draw(rng, 500)
    q.inputs["rate"] = q.inputs["rate"] + 100.0
    found = run(p, q, groups)
    check_sum(found, p.loss, q.loss)
    assert found.identified
    assert found.covariate.value == found.concept.value == 0.0


def test_too_little_overlap_is_said_and_no_number_is_given(draw: Draw, groups: Groups, rng: Rng) -> None:
    p, q = draw(rng, 2000), draw(rng, 2000, rate=3.5)
    found = run(p, q, groups)
    check_sum(found, p.loss, q.loss)
    assert not found.identified
    assert found.groups == {}
    assert found.concept.value == 0.0
    assert found.reason is not None
    assert "'api' tells the sides apart most" in found.reason


@pytest.mark.parametrize("n", [300, 2000])
@pytest.mark.parametrize("rate", [0.0, 0.3, 0.6])  # the last is one deviation, given the rain
def test_good_overlap_is_never_refused(draw: Draw, groups: Groups, n: int, rate: float) -> None:
    for seed in range(3):
        rng = np.random.default_rng(seed)
        p, q = draw(rng, n), draw(rng, n, rate=rate)
        assert run(p, q, {"all": [c for names in groups.values() for c in names]}).identified


def quadratic(rng: Rng, n: int, spread: float, slope: float, sign: float) -> tuple[pd.DataFrame, np.ndarray]:
    """Draw DoWhy's own test of its robust attribution."""
    x1 = rng.normal(1, spread, n)
    x2 = slope * x1 + rng.normal(size=n)
    y = x1 + x2 + 0.25 * x1**2 + sign * 0.25 * x2**2 + rng.normal(size=n)
    return pd.DataFrame({"x1": x1, "x2": x2}), y


def test_the_quadratic_case_is_split_within_its_tolerance() -> None:
    rng = np.random.default_rng(5)
    n = 1_000_000

    # The exact worth of each coalition: the group in it drawn from the current law, the other given it.
    def mean_y(x1: np.ndarray, x2: np.ndarray) -> float:
        return float(np.mean(x1 + x2 + 0.25 * x1**2 + 0.25 * x2**2))

    q, _ = quadratic(rng, n, 1.1, 0.2, -1)
    x1, x2 = q["x1"].to_numpy(), q["x2"].to_numpy()
    both, none = mean_y(x1, x2), 2.375
    first = mean_y(x1, 0.5 * x1 + rng.normal(size=n))
    second = mean_y(1 + 0.4 * (x2 - 0.5) + np.sqrt(0.8) * rng.normal(size=n), x2)
    truth = {
        "x1": (first - none + both - second) / 2,
        "x2": (second - none + both - first) / 2,
        "concept": 1.4804 - both,
    }
    errors = []
    for seed in range(4):
        rng = np.random.default_rng(seed)
        (p, lp), (q, lq) = quadratic(rng, 2000, 1.0, 0.5, 1), quadratic(rng, 2000, 1.1, 0.2, -1)
        found = decompose(lp, lq, p, q, {"x1": ["x1"], "x2": ["x2"]}, rng=rng)
        parts = {**found.groups, "concept": found.concept}
        errors.append([parts[name].value - value for name, value in truth.items()])
        assert all(covers(parts[name], value, se=4) for name, value in truth.items())
    assert (np.abs(np.mean(errors, axis=0)) < 0.1).all()


def gaussian(across: float = 0.2, within: float = 0.5) -> np.ndarray:
    """Return the correlations of twelve inputs in three groups of four."""
    law = np.full((12, 12), across)
    for start in range(0, 12, 4):
        law[start : start + 4, start : start + 4] = within
    np.fill_diagonal(law, 1.0)
    return law


def test_twelve_correlated_inputs_are_attributed_to_the_group_that_moved() -> None:
    names = [f"{group}{i}" for group in ("user", "env", "api") for i in range(4)]
    groups = {group: [f"{group}{i}" for i in range(4)] for group in ("user", "env", "api")}
    law, shift = gaussian(), np.zeros(12)
    shift[8:10] = 0.7, 0.5
    slopes = np.array([0.3, 0.1, 0, 0.2, 0.1, -0.2, 0.2, 0, 1.0, 0.6, 0, 0.3])

    def worth(x: np.ndarray) -> np.ndarray:
        expected: np.ndarray = np.tanh(x @ slopes / 2) + 0.1 * x[:, 8] ** 2
        return expected

    def true_worth(coalition: frozenset[str], n: int = 200_000) -> Estimate:
        rng = np.random.default_rng(9)
        inside = [i for i, name in enumerate(names) if name[:-1] in coalition]
        rest = [i for i in range(12) if i not in inside]
        x = rng.multivariate_normal(np.zeros(12), law, n)
        x[:, inside] += shift[inside]
        if inside and rest:
            # Given the moved ones, the others follow the reference's law.
            turn = law[np.ix_(rest, inside)] @ np.linalg.inv(law[np.ix_(inside, inside)])
            x[:, rest] += shift[inside] @ turn.T
        return Estimate(float(worth(x).mean()))

    truth = shapley(true_worth, list(groups))
    rng = np.random.default_rng(6)
    x0, x1 = (rng.multivariate_normal(mean, law, 8000) for mean in (np.zeros(12), shift))
    l0, l1 = (worth(x) + 0.3 * rng.normal(size=8000) for x in (x0, x1))
    found = decompose(l0, l1, pd.DataFrame(x0, columns=names), pd.DataFrame(x1, columns=names), groups, rng=rng)
    for name in groups:
        assert covers(found.groups[name], truth[name].value), name
        assert abs(found.groups[name].value - truth[name].value) < 0.03
    assert covers(found.concept, 0.0)


def test_a_changed_correlation_is_covariate_shift() -> None:
    rng = np.random.default_rng(7)

    def pair(n: int, r: float) -> tuple[pd.DataFrame, np.ndarray]:
        a = rng.normal(size=n)
        b = r * a + np.sqrt(1 - r * r) * rng.normal(size=n)
        return pd.DataFrame({"a": a, "b": b}), a * b + rng.normal(size=n)

    (p, lp), (q, lq) = pair(4000, 0.5), pair(4000, -0.1)
    found = decompose(lp, lq, p, q, {"a": ["a"], "b": ["b"]}, rng=rng)
    assert covers(found.covariate, -0.6)
    assert covers(found.concept, 0.0)
    assert found.groups["a"].value == pytest.approx(-0.3, abs=0.08)


def test_rows_and_columns_in_another_order_give_the_same_numbers(draw: Draw, groups: Groups, rng: Rng) -> None:
    p, q = draw(rng, 600), draw(rng, 500, rate=0.4)
    q.inputs.loc[:60, "job"] = "baker"
    found = run(p, q, groups)
    first, second = rng.permutation(600), rng.permutation(500)
    again = decompose(
        p.loss[first],
        q.loss[second],
        p.inputs.iloc[first, ::-1],
        q.inputs.iloc[second],
        {name: columns[::-1] for name, columns in reversed(list(groups.items()))},
        rng=np.random.default_rng(0),
    )
    for name in groups:
        assert again.groups[name].value == found.groups[name].value
        assert again.groups[name].se == pytest.approx(found.groups[name].se, rel=1e-9)
    assert again.support is not None
    assert found.support is not None
    assert again.support.value == pytest.approx(found.support.value, rel=1e-12)
    np.testing.assert_allclose(again.covariate.influence["current"], found.covariate.influence["current"][second])
    np.testing.assert_allclose(again.concept.influence["reference"], found.concept.influence["reference"][first])


def test_the_seed_decides_everything(draw: Draw, groups: Groups, rng: Rng) -> None:
    p, q = draw(rng, 350), draw(rng, 350, rate=0.4)
    once, twice, other = run(p, q, groups), run(p, q, groups), run(p, q, groups, seed=1)
    assert {g: e.value for g, e in once.groups.items()} == {g: e.value for g, e in twice.groups.items()}
    assert once.covariate.value != other.covariate.value


def test_many_groups_are_merged_by_what_their_shift_does(rng: Rng) -> None:
    p, q = (pd.DataFrame(rng.normal(size=(250, 9)), columns=list("abcdefghi")) for _ in range(2))
    q["e"] += 0.8
    found = decompose(2 * p["e"].to_numpy(), 2 * q["e"].to_numpy(), p, q, {c: [c] for c in "abcdefghi"}, rng=rng)
    assert len(found.groups) == 6
    assert {"e", "other"} < set(found.groups)
    assert found.groups["e"].value == pytest.approx(2 * (q["e"].mean() - p["e"].mean()), abs=0.1)


def test_hints_are_of_use(draw: Draw, rng: Rng) -> None:
    p, q = draw(rng, 1000), draw(rng, 1000)
    groups = {"all": list(p.inputs)}
    hints = p.loss[:, None], q.loss[:, None]
    found = decompose(p.loss, q.loss, p.inputs, q.inputs, groups, rng=rng, hints=hints)
    assert found.concept.se < 0.2 * run(p, q, groups).concept.se


@given(
    n=st.tuples(st.integers(50, 80), st.integers(50, 80)),
    scale=st.sampled_from([1e-6, 1.0, 1e6]),
    shift=st.sampled_from([0.0, 0.5, 50.0]),
    gone=st.sampled_from([0.0, 0.3, 1.0]),
    seed=st.integers(0, 1000),
)
@settings(max_examples=25, deadline=None)
def test_the_terms_sum_to_the_gap(n: tuple[int, int], scale: float, shift: float, gone: float, seed: int) -> None:
    rng = np.random.default_rng(seed)

    def side(rows: int, by: float, missing: float) -> pd.DataFrame:
        number = np.where(rng.random(rows) < missing, np.nan, rng.normal(by, 1, rows))
        return pd.DataFrame(
            {"x": number, "flat": 1.0, "c": rng.choice(np.array(["a", "b", None]), rows), "z": [None] * rows}
        )

    p, q = side(n[0], 0.0, 0.0), side(n[1], shift, gone)
    lp, lq = rng.exponential(scale, n[0]), rng.exponential(scale, n[1])
    found = decompose(lp, lq, p, q, {"x": ["x"], "rest": ["c", "flat"]}, rng=rng)
    check_sum(found, lp, lq)


def test_errors_say_what_is_wrong(draw: Draw, rng: Rng) -> None:
    p, q = draw(rng, 100), draw(rng, 40)
    with pytest.raises(DataError, match="the current side has 40 rows, and a gap is split from 50 up"):
        run(p, q, {})
    q = draw(rng, 100)
    with pytest.raises(ConfigError, match="the group 'a' names the column 'height', which is no input of both sides"):
        run(p, q, {"a": ["height"]})
    with pytest.raises(ConfigError, match="'age' is named by the group 'a' and again by 'b'"):
        run(p, q, {"a": ["age"], "b": ["age"]})
    with pytest.raises(DataError, match="the reference side has values that are not finite"):
        decompose(np.full(100, np.inf), q.loss, p.inputs, q.inputs, {}, rng=rng)


def table(rng: np.random.Generator, n: int) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "amount": rng.lognormal(3, 1, n),
            "city": rng.choice([f"c{i}" for i in range(60)], n, p=np.arange(60, 0, -1) / 1830),
            "client": [f"k{i}" for i in rng.integers(0, 100_000, n)],
            "ok": rng.random(n) < 0.5,
            "gap": np.where(rng.random(n) < 0.2, np.nan, rng.standard_cauchy(n)),
        }
    )


@pytest.mark.parametrize(("n_reference", "n_current"), [(50, 50), (200, 200), (200, 20_000), (5000, 300)])
def test_honest_rows_are_never_peeled_off(n_reference: int, n_current: int) -> None:
    for seed in range(25):
        rng = np.random.default_rng(seed)
        found = outside(table(rng, n_reference), table(rng, n_current))
        assert not found.to_numpy().any(), found.sum()


@pytest.mark.parametrize("damage", ["level", "missing", "range", "present"])
def test_each_kind_of_row_is_found_and_counted(rng: np.random.Generator, damage: str) -> None:
    p, q = table(rng, 2000), table(rng, 2000)
    hit = np.arange(2000) % 4 == 0
    if damage == "level":
        q.loc[hit, "city"] = "new"
    elif damage == "missing":
        q.loc[hit, "city"] = None
    elif damage == "range":
        p["amount"], q["amount"] = rng.normal(50, 5, 2000), rng.normal(50, 5, 2000)
        q.loc[hit, "amount"] *= 100
    else:
        p["amount"] = np.nan
        q.loc[~hit, "amount"] = np.nan
    found = outside(p, q)
    column = "city" if damage in {"level", "missing"} else "amount"
    assert found.sum()[lambda n: n > 0].to_dict() == {column: 500}
    assert (found[column] == hit).all()


def test_many_new_levels_are_found_though_each_is_rare(rng: np.random.Generator) -> None:
    p = pd.DataFrame({"device": [f"d{i}" for i in rng.integers(0, 200, 4000)]})
    q = pd.DataFrame({"device": [f"e{i}" for i in rng.integers(0, 2000, 4000)]})
    assert outside(p, q)["device"].all()


def test_a_row_goes_to_the_group_with_most_columns_outside(rng: np.random.Generator) -> None:
    p = pd.DataFrame(rng.normal(size=(500, 3)), columns=["a", "b", "c"])
    q = pd.DataFrame(rng.normal(size=(500, 3)), columns=["a", "b", "c"])
    q.loc[:99] *= 0
    q.loc[:99] += 1000
    q.loc[100:149, "c"] = 1000
    masks = by_group(outside(p, q), {"one": ["c"], "two": ["a", "b"]})
    assert {name: int(mask.sum()) for name, mask in masks.items()} == {"one": 50, "two": 100}


def test_the_order_of_rows_and_columns_does_not_matter(rng: np.random.Generator) -> None:
    p, q = table(rng, 1000), table(rng, 1000)
    q.loc[:200, "city"] = "new"
    found = outside(p, q)
    order = rng.permutation(1000)
    again = outside(p[p.columns[::-1]], q[q.columns[::-1]].iloc[order].reset_index(drop=True))
    assert found["city"].sum() == 201
    assert again[found.columns].equals(found.iloc[order].reset_index(drop=True))


def test_the_first_of_a_process_is_held_to_one_thread_too() -> None:
    code = (
        "from threadpoolctl import threadpool_info; from rca.inputs.nuisance import one_thread\n"
        "with one_thread():\n"
        "    known = [(lib['user_api'], lib['num_threads']) for lib in threadpool_info()]\n"
        "assert ('openmp', 1) in known and {n for _, n in known} == {1}, known\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
