from __future__ import annotations

from typing import TYPE_CHECKING, Any
import numpy as np
import pandas as pd
import pytest
from rca.inputs.decompose import LabelShift, label_shift

if TYPE_CHECKING:
    from collections.abc import Callable

Rng = np.random.Generator
Side = tuple[np.ndarray, np.ndarray, pd.DataFrame]


def side(rng: Rng, n: int, change: str = "none") -> Side:
    """Draw three inputs and an outcome; the loss is that of a fixed score."""
    if change == "label":
        y = rng.random(n) < 0.45
        x = rng.normal(y[:, None] * [1.0, 0.5, 0.0], 1.0, (n, 3))
    else:
        y = rng.random(n) < 0.3
        x = rng.normal(y[:, None] * [1.0, 0.5, 0.0], 1.0, (n, 3))
        if change in {"covariate", "both"}:
            # Keep rows by their inputs only: the relation stays.
            kept = rng.random(n) < 1 / (1 + np.exp(-2 * x[:, 2]))
            x, y = x[kept], y[kept]
        if change in {"concept", "both"}:
            y = y ^ ((x[:, 1] > 0.8) & (rng.random(len(y)) < 0.8))
    score = 1 / (1 + np.exp(1.2 - x[:, 0]))
    return np.square(y - score), y, pd.DataFrame(x, columns=["a", "b", "c"])


def run(p: Side, q: Side, seed: int = 0) -> LabelShift:
    return label_shift(p[0], q[0], p[1], q[1], p[2], q[2], np.random.default_rng(seed))


@pytest.mark.parametrize("n", [3000, 12_000])
@pytest.mark.parametrize(
    ("change", "verdict"),
    [
        ("none", "none"),
        ("covariate", "covariate"),
        ("label", "label"),
        ("concept", "concept/mixed"),
        ("both", "concept/mixed"),
    ],
)
def test_the_verdict_is_that_of_the_change_at_every_size(change: str, verdict: str, n: int) -> None:
    rng = np.random.default_rng(1)
    p, q = side(rng, n), side(rng, n, change)
    assert run(p, q).verdict == verdict


def test_the_two_parts_sum_to_the_gap_and_label_shift_is_all_of_it(rng: Rng) -> None:
    p, q = side(rng, 4000), side(rng, 4000, "label")
    found = run(p, q)
    gap = q[0].mean() - p[0].mean()
    assert found.label.value + found.rest.value == pytest.approx(gap, abs=1e-12)
    by_hand = sum((q[1].mean() - p[1].mean()) * sign * p[0][p[1] == (sign > 0)].mean() for sign in (1, -1))
    assert found.label.value == pytest.approx(by_hand)
    assert abs(found.rest.value) < 3 * found.rest.se


def test_the_interval_of_the_label_part_covers(rng: Rng) -> None:
    def one() -> Estimates:
        p, q = side(rng, 500), side(rng, 500, "label")
        found = run_mix(p, q)
        return found.value, found.se

    values, errors = np.array([one() for _ in range(200)]).T
    assert errors.mean() == pytest.approx(values.std(), rel=0.2)


Estimates = tuple[float, float]


def run_mix(p: Side, q: Side) -> Any:
    from rca.inputs.decompose import _mix

    return _mix(p[0], p[1].astype(np.int64), q[1].astype(np.int64))


@pytest.mark.parametrize("kind", ["number", "text"])
def test_other_kinds_of_outcome(rng: Rng, kind: str) -> None:
    def some(n: int, by: float) -> Side:
        y = rng.normal(by, 1, n)
        x = pd.DataFrame({"a": y + rng.normal(size=n), "b": rng.choice(["u", "v"], n)})
        outcome: Any = y if kind == "number" else np.array(["low", "middle", "high"])[np.digitize(y, [-0.5, 0.5])]
        return np.square(y), outcome, x

    found = run(some(3000, 0.0), some(3000, 0.6))
    assert found.verdict == "label"
    assert found.label.value > 0.05


def test_the_order_of_rows_does_not_matter(rng: Rng, draw: Callable[..., Any]) -> None:
    p, q = draw(rng, 500), draw(rng, 500, rate=0.5)
    order = rng.permutation(500)
    once = label_shift(p.loss, q.loss, p.y, q.y, p.inputs, q.inputs, np.random.default_rng(0))
    again = label_shift(
        p.loss, q.loss[order], p.y, q.y[order], p.inputs, q.inputs.iloc[order], np.random.default_rng(0)
    )
    assert again.verdict == once.verdict
    assert again.inputs_beyond_outcome.value == pytest.approx(once.inputs_beyond_outcome.value, rel=1e-9)
    assert again.label.value == pytest.approx(once.label.value, rel=1e-9)
