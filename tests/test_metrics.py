from __future__ import annotations

import fairlearn.metrics
import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    balanced_accuracy_score,
    f1_score,
    get_scorer,
    log_loss,
    roc_auc_score,
)
from rca.errors import ConfigError, InconclusiveError, ModelError
from rca.metrics import Scored, answers, get, linearised, score

N = 600


def sample(seed: int = 0, rows: int = N) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(seed)
    x = draw.normal(-1, 1, rows)
    return (draw.random(rows) < 1 / (1 + np.exp(-x))).astype(float), 1 / (1 + np.exp(-1.3 * x))


def scored(name: str, y: np.ndarray, p: np.ndarray) -> Scored:
    return score(y, (p > 0.4).astype(float) if get(name).response == "predict" else p, "rows")


FUNCTIONS = {
    "roc_auc": roc_auc_score,
    "average_precision": average_precision_score,
    "f1": f1_score,
    "neg_log_loss": lambda y, p: -log_loss(y, p),
    "accuracy": accuracy_score,
    "balanced_accuracy": balanced_accuracy_score,
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_standard_error_is_that_of_a_bootstrap(name: str) -> None:
    y, p = sample()
    one = scored(name, y, p)
    draw = np.random.default_rng(1)
    rows = (draw.integers(0, N, N) for _ in range(300))
    values = [FUNCTIONS[name](one.y[i], one.response[i]) for i in rows]
    assert get(name).estimate(one).se == pytest.approx(np.std(values), rel=0.2)


@pytest.mark.parametrize("name", ["roc_auc", "average_precision", "neg_log_loss", "neg_brier_score", "f1"])
def test_the_value_is_that_of_scikit_learn(name: str) -> None:
    y, p = sample()
    x = np.log(p / (1 - p))[:, None]
    model = LogisticRegression().fit(x, y)
    frame = pd.DataFrame({"x": x[:, 0], "y": y})
    model.fit(frame[["x"]], frame["y"])
    found = get(name).estimate(answers(get(name), model, frame, "y", None, "rows"))
    assert found.value == pytest.approx(get_scorer(name)(model, frame[["x"]], frame["y"]))


def test_weights_are_repeated_rows() -> None:
    y, p = sample(rows=100)
    weights = np.random.default_rng(0).integers(1, 4, 100).astype(float)
    for name, function in [("roc_auc", roc_auc_score), ("average_precision", average_precision_score)]:
        found = get(name).estimate(score(y, p, "rows"), weights)
        assert found.value == pytest.approx(function(y, p, sample_weight=weights))


@pytest.mark.parametrize("name", ["roc_auc", "average_precision", "neg_log_loss"])
def test_linearised_values_differ_by_the_gap(name: str) -> None:
    metric = get(name)
    sides = [score(*sample(seed), f"side {seed}") for seed in (0, 1)]
    gap = metric.estimate(sides[1]).value - metric.estimate(sides[0]).value
    first, second = linearised(metric, sides[0], sides[1])
    assert second.mean() - first.mean() == pytest.approx(gap, abs=0.15 * abs(gap) + 1e-3)


def test_rows_without_a_label_pull_nothing() -> None:
    y, p = sample(rows=50)
    frame = pd.DataFrame({"x": p, "y": y}).assign(y=lambda t: t["y"].mask(t.index < 10))
    model = LogisticRegression().fit(frame[["x"]][10:], frame["y"][10:])
    found = get("roc_auc").estimate(answers(get("roc_auc"), model, frame, "y", 1, "rows"))
    assert len(found.influence["rows"]) == 50
    assert (found.influence["rows"][:10] == 0).all()


def test_says_what_is_wrong() -> None:
    y, p = sample(rows=20)
    model = LogisticRegression().fit(pd.DataFrame({"x": p}), y)
    with pytest.raises(ConfigError, match="did you mean 'roc_auc'"):
        get("roc_aucc")
    with pytest.raises(InconclusiveError, match="needs rows of both classes"):
        get("roc_auc").estimate(score(np.ones(5), p[:5], "toy"))
    with pytest.raises(InconclusiveError, match="toy has none"):
        get("f1").estimate(score([], [], "toy"))
    with pytest.raises(ModelError, match="needs the columns 'x'"):
        answers(get("f1"), model, pd.DataFrame({"z": p, "y": y}), "y", None, "toy")
    with pytest.raises(ConfigError, match=r"positive class 'yes' is none of the model's: choose one of '0.0', '1.0'"):
        answers(get("f1"), model, pd.DataFrame({"x": p, "y": y}), "y", "yes", "toy")


def in_groups(seed: int, rows: int = 3000, unfair: float = 1.0) -> Scored:
    draw = np.random.default_rng(seed)
    group = draw.integers(0, 3, rows)
    x = draw.normal(0, 1, rows)
    y = (draw.random(rows) < 1 / (1 + np.exp(-x))).astype(float)
    return score(y, (x > 0.3 + unfair * (group == 2)).astype(float), "rows", group.astype("uint64"))


FAIR = {
    "demographic_parity_difference": fairlearn.metrics.demographic_parity_difference,
    "equalized_odds_difference": fairlearn.metrics.equalized_odds_difference,
    "equal_opportunity_difference": fairlearn.metrics.equal_opportunity_difference,
    "accuracy_score_difference": fairlearn.metrics.accuracy_score_difference,
}


@pytest.mark.parametrize("name", FAIR)
def test_gaps_between_groups_are_those_of_fairlearn(name: str) -> None:
    s, metric = in_groups(0), get(name, ["sex"])
    found = metric.estimate(s)
    assert found.value == pytest.approx(FAIR[name](s.y, s.response, sensitive_features=s.group))
    weights = np.random.default_rng(1).uniform(0.5, 2, len(s.y))
    weighed = FAIR[name](s.y, s.response, sensitive_features=s.group, sample_weight=weights)
    assert metric.estimate(s, weights).value == pytest.approx(weighed)
    spread = np.std([metric.estimate(in_groups(i)).value for i in range(200)])
    assert found.se == pytest.approx(spread, rel=0.25)


def test_a_gap_that_grew_is_split_over_the_rows() -> None:
    metric = get("equalized_odds_difference", ["sex"])
    before, after = in_groups(0, unfair=0.0), in_groups(1)
    old, new = linearised(metric, before, after)
    assert new.mean() - old.mean() == pytest.approx(
        metric.estimate(after).value - metric.estimate(before).value, abs=0.02
    )


def test_groups_that_are_too_small_or_not_named_are_said() -> None:
    few = in_groups(0, 60)
    with pytest.raises(InconclusiveError, match="two groups of 'sex' with 30 rows"):
        get("demographic_parity_difference", ["sex"]).estimate(few)
    with pytest.raises(ConfigError, match="name their column as 'sensitive'"):
        get("demographic_parity_difference")


def test_groups_are_those_of_the_first_sensitive_column() -> None:
    metric = get("demographic_parity_difference", ["sex"])
    said, sex = np.tile([1, 1, 1, 0], 20), np.repeat([0, 1], 40)
    said[40:] = np.tile([1, 0, 0, 0], 10)
    assert metric.estimate(score(said, said, "exam", sex)).value == 0.5
