from __future__ import annotations

import math
from typing import TYPE_CHECKING
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rca.stats import Estimate, benjamini_hochberg, mean, quantile, rate_change, shapley, total

if TYPE_CHECKING:
    from collections.abc import Mapping

numbers = st.floats(-100, 100)
worths = st.lists(numbers, min_size=8, max_size=8)
PLAYERS = ["a", "b", "c"]


def game(worth: list[float]) -> Mapping[frozenset[str], Estimate]:
    coalitions = [frozenset(p for i, p in enumerate(PLAYERS) if k >> i & 1) for k in range(8)]
    return {s: Estimate(w, {"rows": np.array([w, -w])}) for s, w in zip(coalitions, worth, strict=True)}


@given(worths)
def test_shapley_values_sum_to_the_worth_of_all(worth: list[float]) -> None:
    table = game(worth)
    parts = total(shapley(lambda s: table[s], PLAYERS).values())
    assert parts.value == pytest.approx(worth[7] - worth[0], abs=1e-9)
    expected = table[frozenset(PLAYERS)] - table[frozenset()]
    assert parts.influence["rows"] == pytest.approx(expected.influence["rows"], abs=1e-9)


@given(st.lists(numbers, min_size=3, max_size=3))
def test_shapley_gives_each_its_own_where_nothing_interacts(own: list[float]) -> None:
    found = shapley(lambda s: Estimate(sum(own[PLAYERS.index(p)] for p in s)), PLAYERS)
    assert [found[p].value for p in PLAYERS] == pytest.approx(own, abs=1e-9)


def test_shapley_asks_for_each_coalition_once() -> None:
    asked: list[frozenset[str]] = []

    def value(coalition: frozenset[str]) -> Estimate:
        asked.append(coalition)
        return Estimate(len(coalition))

    shapley(value, PLAYERS)
    assert len(asked) == len(set(asked)) == 8


def test_benjamini_hochberg_as_in_the_paper() -> None:
    # the fifteen p-values of Benjamini and Hochberg (1995), of which four are found at 0.05
    p = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459]
    p += [0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0]
    adjusted = benjamini_hochberg(p)
    assert (adjusted <= 0.05).tolist() == [True] * 4 + [False] * 11
    assert adjusted[0] == pytest.approx(0.0015)
    assert adjusted[3] == pytest.approx(0.035625)


def test_benjamini_hochberg_counts_tests_that_are_not_passed_on() -> None:
    assert benjamini_hochberg([0.001, 0.01], tests=20).tolist() == pytest.approx([0.02, 0.1])
    assert benjamini_hochberg([]).tolist() == []


def test_estimates_add_up_row_by_row() -> None:
    values = np.array([1.0, 2.0, 6.0])
    a, b = mean(values, "p"), mean(values * 2, "q")
    assert (a + b).value == a.value + b.value == 9.0
    assert (a + b).se == pytest.approx(math.hypot(a.se, b.se))
    assert (b - 2 * mean(values, "q")).se == pytest.approx(0)
    assert (a + 1.0).se == (1.0 + a).se == a.se
    assert (a * 0.5).value == (0.5 * a).value == 1.5
    assert total([]).value == 0


def test_the_standard_error_of_a_mean_is_the_textbook_one(rng: np.random.Generator) -> None:
    values = rng.normal(size=400)
    assert mean(values, "p").se == pytest.approx(values.std() / 20)


def test_a_weighted_mean_is_that_of_repeated_rows() -> None:
    weighted = mean(np.array([1.0, 5.0]), "p", np.array([3.0, 1.0]))
    assert weighted.value == mean(np.array([1.0, 1.0, 1.0, 5.0]), "p").value


def test_an_interval_has_its_level_and_takes_more_noise() -> None:
    one = Estimate(1.0, {"p": np.array([3.0])})
    assert one.interval() == pytest.approx((1 - 3 * quantile(0.9), 1 + 3 * quantile(0.9)))
    assert one.interval(extra_se=4.0) == pytest.approx((1 - 5 * quantile(0.9), 1 + 5 * quantile(0.9)))


@pytest.mark.parametrize(("p0", "p1", "floor"), [(0.2, 0.2, 0.0), (0.0, 0.0, 0.01), (0.1, 0.12, 0.02)])
def test_rate_change_is_rarely_fooled(rng: np.random.Generator, p0: float, p1: float, floor: float) -> None:
    changes = [rate_change(rng.binomial(500, p0), 500, rng.binomial(500, p1), 500, floor) for _ in range(400)]
    # two-sided at no floor: the sign is open
    assert np.mean([c.p_value < 0.01 for c in changes]) <= 0.035
    assert np.mean([c.low <= p1 - p0 <= c.high for c in changes]) > 0.86


def test_rate_change_sees_a_change_above_the_floor() -> None:
    found = rate_change(0, 1000, 60, 1000, floor=0.02)
    assert found.difference == pytest.approx(0.06)
    assert found.low < 0.06 < found.high
    assert found.p_value < 1e-3
