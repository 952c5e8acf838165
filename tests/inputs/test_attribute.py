from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any
import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from scipy.stats import norm
from sklearn.linear_model import LinearRegression, LogisticRegression
from rca.errors import ConfigError, DataError, InconclusiveError, NotApplicable
from rca.inputs.attribute import Attribution, attribute

if TYPE_CHECKING:
    from pathlib import Path

Rng = np.random.Generator
Draw = Callable[..., Any]
Groups = Mapping[str, list[str]]


def check_frame(found: Attribution) -> Any:
    """Check what every frame keeps to, and return the whole terms by name."""
    frame = found.frame()
    assert list(frame) == ["term", "group", "contribution", "low", "high", "status"]
    whole = frame[frame["group"].isna()].set_index("term")
    assert list(whole.index) == ["support", "covariate", "concept"]
    assert whole["contribution"].sum() == pytest.approx(found.gap.difference, rel=1e-9, abs=1e-12)
    for term, rows in frame[frame["group"].notna()].groupby("term"):
        assert rows["contribution"].sum() == pytest.approx(whole["contribution"][term], rel=1e-9, abs=1e-12)
    assert (frame["low"] <= frame["contribution"]).all()
    assert (frame["contribution"] <= frame["high"]).all()
    assert found.gap.difference == pytest.approx(found.gap.current - found.gap.reference)
    return whole


def by_group(found: Attribution, term: str = "covariate") -> dict[str, float]:
    frame = found.frame()
    rows = frame[(frame["term"] == term) & frame["group"].notna()]
    return dict(zip(rows["group"], rows["contribution"], strict=True))


def test_the_rates_move_and_the_relation_of_the_target_to_them_stays() -> None:
    rng = np.random.default_rng(0)

    def served(mean: float, n: int = 2000) -> pd.DataFrame:
        table = pd.DataFrame({"rate": rng.normal(mean, 1, n), "age": rng.normal(40, 9, n)})
        y = rng.random(n) < 1 / (1 + np.exp(-table.rate))
        return table.assign(y=y, score=1 / (1 + np.exp(-0.5 * table.rate)))

    found = attribute(served(0), served(1), target="y", prediction="score", groups={"api": ["rate"]})
    assert abs(by_group(found)["api"] - found.gap.difference) < 0.04


LOSSES = ["log_loss", "brier", "zero_one"]


@pytest.mark.parametrize("metric", [*LOSSES, "roc_auc", "average_precision", "accuracy", "f1"])
def test_a_moved_group_is_named_for_every_metric(draw: Draw, groups: Groups, metric: str) -> None:
    rng = np.random.default_rng(1)
    p, q = draw(rng, 2500), draw(rng, 2500, rate=0.5)
    found = attribute(p.table(), q.table(), target="y", prediction="score", metric=metric, groups=groups)
    whole = check_frame(found)
    assert (whole["status"] == "identified").all()
    parts = by_group(found)
    assert list(parts) == ["user", "env", "api"]
    if abs(found.gap.difference) > 2 * found.gap.detectable:
        assert max(parts, key=lambda g: abs(parts[g])) == "api"
    concept = whole.loc["concept"]
    assert concept["low"] <= 0.02
    assert concept["high"] >= -0.02


@pytest.mark.parametrize("metric", ["neg_log_loss", "roc_auc"])
def test_a_model_answers_in_place_of_a_column(draw: Draw, groups: Groups, metric: str) -> None:
    rng = np.random.default_rng(2)
    train, p, q = (draw(rng, 3000) for _ in range(3))
    q = draw(rng, 3000, flip=0.8)
    model = LogisticRegression().fit(train.inputs[["rate", "rain"]], train.y)
    found = attribute(
        p.inputs.assign(y=p.y), q.inputs.assign(y=q.y), target="y", model=model, metric=metric, groups=groups
    )
    whole = check_frame(found)
    assert found.gap.difference < 0  # a scorer: higher is better
    assert whole.loc["concept", "high"] < 0
    assert abs(whole.loc["covariate", "contribution"]) < 0.2 * abs(found.gap.difference)


def test_a_flipped_segment_is_concept_and_an_unseen_level_support(draw: Draw, groups: Groups) -> None:
    rng = np.random.default_rng(3)
    p, q = draw(rng, 2000), draw(rng, 2000, flip=0.7)
    table = q.table()
    table.loc[:299, "job"] = "baker"
    table.loc[:299, "y"] = 1 - table.loc[:299, "score"].round()
    found = attribute(p.table(), table, target="y", prediction="score", metric="brier", groups=groups)
    whole = check_frame(found)
    assert whole.loc["support", "low"] > 0
    assert whole.loc["concept", "low"] > 0
    assert set(by_group(found, "support")) == {"user"}


@pytest.mark.parametrize("damage", ["unit", "nulls"])
def test_a_damaged_dependency_is_support_of_its_group(draw: Draw, groups: Groups, rng: Rng, damage: str) -> None:
    p, q = draw(rng, 2000), draw(rng, 2000)
    p.inputs["rate"], q.inputs["rate"] = p.inputs["rate"] + 20, q.inputs["rate"] + 20
    table = q.table()
    hit = rng.random(2000) < 0.3
    table.loc[hit, "rate"] = table.loc[hit, "rate"] * 100 if damage == "unit" else np.nan
    table.loc[hit, "score"] = 0.99
    found = attribute(p.table(), table, target="y", prediction="score", metric="brier", groups=groups)
    whole = check_frame(found)
    assert set(by_group(found, "support")) == {"api"}
    assert whole.loc["support", "contribution"] > 0.9 * found.gap.difference


def test_low_overlap_is_not_identified_with_infinite_intervals(draw: Draw, groups: Groups, rng: Rng) -> None:
    found = attribute(
        draw(rng, 1000).table(), draw(rng, 1000, rate=3.5).table(), target="y", prediction="score", groups=groups
    )
    whole = check_frame(found)
    assert list(whole["status"]) == ["identified", "not_identified", "not_identified"]
    assert np.isinf(whole.loc[["covariate", "concept"], ["low", "high"]].to_numpy()).all()
    assert found.reason is not None
    assert "overlap too little" in found.reason


def test_without_prediction_the_mean_of_the_target_is_split(draw: Draw, groups: Groups, rng: Rng) -> None:
    p, q = draw(rng, 3000), draw(rng, 3000, rate=0.5)
    text = [t.table().drop(columns="score").assign(y=np.where(t.y == 1, "yes", "no")) for t in (p, q)]
    found = attribute(*text, target="y", groups=groups)
    check_frame(found)
    assert found.gap.metric == "mean of y"
    assert found.gap.difference == pytest.approx(q.y.mean() - p.y.mean())
    assert by_group(found)["api"] == pytest.approx(found.gap.difference, abs=0.03)


def test_a_regression(rng: Rng) -> None:
    def served(by: float, slope: float = 2.0) -> pd.DataFrame:
        x = pd.DataFrame({"a": rng.normal(by, 1, 1000), "b": rng.normal(size=1000)})
        return x.assign(y=slope * x["a"] + rng.normal(size=1000))

    train = served(0)
    model = LinearRegression().fit(train[["a", "b"]], train["y"])
    found = attribute(served(0), served(0, slope=3.0), target="y", model=model, metric="neg_mean_squared_error")
    whole = check_frame(found)
    assert whole.loc["concept", "high"] < -0.5
    predicted = [t.assign(guess=model.predict(t[["a", "b"]])) for t in (served(0), served(0.5))]
    for metric in ("absolute_error", "r2"):
        check_frame(attribute(*predicted, target="y", prediction="guess", metric=metric))


def test_paths_and_kinds_of_labels_give_the_same(draw: Draw, groups: Groups, rng: Rng, tmp_path: Path) -> None:
    p, q = draw(rng, 200).table(), draw(rng, 200).table()
    expected = attribute(p, q, target="y", prediction="score", groups=groups).frame()
    p.to_parquet(tmp_path / "p.parquet")
    frame = attribute(tmp_path / "p.parquet", q, target="y", prediction="score", groups=groups).frame()
    pd.testing.assert_frame_equal(frame, expected)
    for kind in (p["y"] == 1, p["y"].map({0.0: "no", 1.0: "yes"}), p["y"].astype(int)):
        other = q["y"].map({0.0: "no", 1.0: "yes"}) if kind.dtype == "str" else q["y"]
        frame = attribute(p.assign(y=kind), q.assign(y=other), target="y", prediction="score", groups=groups).frame()
        np.testing.assert_allclose(frame["contribution"], expected["contribution"], atol=1e-12)


def test_order_and_seed(draw: Draw, groups: Groups, rng: Rng) -> None:
    p, q = draw(rng, 500).table(), draw(rng, 500, rate=0.4).table()
    one = attribute(p, q, target="y", prediction="score", groups=groups).frame()
    mixed = p.iloc[rng.permutation(500), ::-1], q.sample(frac=1, random_state=1)
    two = attribute(*mixed, target="y", prediction="score", groups=groups).frame()
    pd.testing.assert_frame_equal(one, two, rtol=1e-9)


def test_keys_times_and_constants_are_no_inputs(draw: Draw, rng: Rng) -> None:
    p, q = (draw(rng, 150).table() for _ in range(2))
    for start, table in ((0, p), (150, q)):
        table["id"] = np.arange(start, start + 150)
        table["at"] = pd.Timestamp("2026-01-01") + pd.to_timedelta(table["id"], unit="h")
        table["version"] = "v1"
    found = attribute(p, q, target="y", prediction="score")
    assert found.parts.identified
    assert found.parts.support is None
    named = attribute(p, q, target="y", prediction="score", groups={"clock": ["at"]})
    assert named.parts.support is not None or not named.parts.identified


def test_label_shift_is_the_other_reading(rng: Rng) -> None:
    def served(share: float) -> pd.DataFrame:
        y = (rng.random(3000) < share).astype(int)
        a = rng.normal(y, 1.0)
        return pd.DataFrame({"a": a, "b": rng.normal(size=3000), "y": y, "score": expit(a - 1)})

    found = attribute(served(0.3), served(0.5), target="y", prediction="score", metric="brier")
    assert found.label_shift().verdict == "label"


def latent(rng: Rng, n: int, q: float = 0.9, add: float = 3.0, slope: float = 1.0) -> pd.DataFrame:
    """Draw the synthetic data of Zhang et al. (2023), "Why did the model fail?", as the model sees them."""
    g = rng.random(n) < 0.5
    y = g ^ (rng.random(n) < 1 - q)
    noisy = y[:, None] ^ (rng.random((n, 3)) < 0.25)
    x = rng.normal(np.column_stack([slope * noisy[:, 0], noisy[:, 1] + 1.0 * g, noisy[:, 2] + add * g]), 1.0)
    return pd.DataFrame(x, columns=["x1", "x2", "x3"]).assign(y=y.astype(int))


def chance(x: np.ndarray, q: float = 0.9, add: float = 3.0) -> np.ndarray:
    """Return P(y = 1 | x) under the reference, by Bayes' rule."""

    def density(y: int, g: int) -> np.ndarray:
        means = (0.0, 1.0 * g, add * g)
        parts = [
            0.75 * norm.pdf(x[:, i], mean + y) + 0.25 * norm.pdf(x[:, i], mean + 1 - y) for i, mean in enumerate(means)
        ]
        product: np.ndarray = np.prod(parts, axis=0) * (q if y == g else 1 - q)
        return product

    yes, no = (density(y, 0) + density(y, 1) for y in (1, 0))
    result: np.ndarray = yes / (yes + no)
    return result


@pytest.mark.parametrize("changes", [{}, {"q": 0.1}, {"q": 0.5}, {"add": 0.0}, {"q": 0.5, "slope": 0.0}])
def test_why_did_the_model_fail(changes: dict[str, float]) -> None:
    rng = np.random.default_rng(4)
    names = ["x1", "x2", "x3"]
    train = latent(rng, 20_000)
    model = LogisticRegression().fit(train[names], train["y"])

    def expected_loss(table: pd.DataFrame) -> float:
        score = model.predict_proba(table[names])[:, 1]
        true = chance(table[names].to_numpy())
        return float(np.mean(true * (1 - score) ** 2 + (1 - true) * score**2))

    large = latent(rng, 300_000), latent(rng, 300_000, **changes)
    covariate = expected_loss(large[1]) - expected_loss(large[0])
    both = [np.square(t["y"] - model.predict_proba(t[names])[:, 1]).mean() for t in large]
    concept = both[1] - both[0] - covariate
    p, q = latent(rng, 5000), latent(rng, 5000, **changes)
    found = attribute(p, q, target="y", model=model, metric="brier", groups={name: [name] for name in names})
    whole = check_frame(found)
    assert (whole["status"] == "identified").all()
    assert whole.loc["covariate", "contribution"] == pytest.approx(covariate, abs=0.02)
    assert whole.loc["concept", "contribution"] == pytest.approx(concept, abs=0.02)


def errors(rng: Rng) -> list[tuple[type[Exception], str, dict[str, Any]]]:
    table = pd.DataFrame({"a": rng.normal(size=100), "y": rng.integers(0, 2, 100), "score": rng.random(100)})
    both = {"reference": table, "current": table}
    return [
        (DataError, "the current table has no column 'y'", {**both, "current": table.drop(columns="y")}),
        (DataError, "has no column 'guess'", {**both, "prediction": "guess"}),
        (DataError, "the current side has no value in 'y'", {**both, "current": table.assign(y=np.nan)}),
        (DataError, "the reference side has 40 rows", {**both, "reference": table[:40]}),
        (InconclusiveError, "needs rows of both classes", {**both, "current": table.assign(y=0), "metric": "roc_auc"}),
        (DataError, r"leaves \[0, 1\]", {**both, "current": table.assign(score=7.0)}),
        (DataError, "is no number", {**both, "reference": table.assign(score="high")}),
        (ConfigError, "there is no metric 'roc_aux'", {**both, "metric": "roc_aux"}),
        (ConfigError, "names the column 'b', which is no input", {**both, "groups": {"g": ["b"]}}),
        (ConfigError, "'a' is named by the group 'g' and again by 'h'", {**both, "groups": {"g": ["a"], "h": ["a"]}}),
        (ConfigError, "name their column as time", {**both, "events": table}),
        (ConfigError, "both a prediction column and a model", {**both, "model": LogisticRegression()}),
        (ConfigError, "share no input column", {"reference": table[["y", "score"]], "current": table}),
        (ConfigError, "'y' has 3 values", {**both, "current": table.assign(y=2)}),
    ]


@pytest.mark.parametrize("case", range(14))
def test_errors_name_the_fact_in_one_sentence(rng: Rng, case: int) -> None:
    kind, text, arguments = errors(rng)[case]
    with pytest.raises(kind, match=text) as caught:
        attribute(**{"target": "y", "prediction": "score", **arguments})
    assert "\n" not in str(caught.value)


def test_rows_without_labels_are_left_out_and_told(draw: Draw, groups: Groups, rng: Rng) -> None:
    p, q = draw(rng, 200).table(), draw(rng, 200).table()
    q.loc[:19, "y"] = np.nan
    found = attribute(p, q, target="y", prediction="score", groups=groups)
    assert found.gap.n_current == 180
    assert found.notes == ("20 rows of the current side without target or prediction are left out",)


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "target": ({"target": None}, "the target's name"),
    "seed": ({"seed": -1}, "a seed from 0 on"),
    "groups": ({"groups": ["x"]}, "groups as"),
    "nested": ({"groups": {"g": ["z"]}}, "'z' holds lists"),
    "nulls": ({"prediction": "nothing"}, "no row with both"),
}


@pytest.mark.parametrize("what", BAD)
def test_what_is_asked_wrongly_is_said(what: str) -> None:
    draw = np.random.default_rng(0)
    table = pd.DataFrame({"x": draw.normal(size=200), "y": draw.integers(0, 2, 200), "nothing": np.nan})
    table["z"] = [[1, 2]] * 200
    asked, text = BAD[what]
    with pytest.raises(ConfigError, match=text):
        attribute(table, table, **{"target": "y", **asked})
    numbered: Any = {1: ["x"]}
    found = attribute(table, table, target="y", groups=numbered)
    assert "z" not in by_group(found)
    assert "1" in by_group(found)


def test_for_whom_is_told_with_sensitive_groups(draw: Draw, groups: Groups) -> None:
    found = attribute(
        draw(np.random.default_rng(0), 3000).table(),
        draw(np.random.default_rng(1), 3000, flip=0.4).table(),
        target="y",
        prediction="score",
        groups=groups,
        sensitive="tier",
    )
    slices = found.slices
    assert slices[slices["confirmed"]]["slice"][0] == "job = 'clerk'"
    assert set(slices[slices["sensitive"]]["slice"]) == {"tier = 'True'", "tier = 'False'"}


def test_a_gap_between_groups_is_attributed(rng: Rng) -> None:
    def served(n: int, against: float) -> pd.DataFrame:
        x, sex = rng.normal(size=n), rng.choice(["f", "m"], n)
        y = rng.random(n) < 1 / (1 + np.exp(-2 * x))
        return pd.DataFrame({"x": x, "sex": sex, "y": y, "score": 1 / (1 + np.exp(-2 * x + against * (sex == "f")))})

    how: dict[str, Any] = {
        "target": "y",
        "prediction": "score",
        "sensitive": ["sex"],
        "groups": {"a": ["x"], "b": ["sex"]},
    }
    found = attribute(served(4000, 0.0), served(4000, 2.0), metric="demographic_parity_difference", **how)
    frame = found.frame().set_index(["term", "group"])["contribution"]
    assert found.gap.difference == pytest.approx(0.3, abs=0.07)
    assert frame[["support", "covariate", "concept"]].xs(None, level="group").sum() == pytest.approx(
        found.gap.difference
    )
    # the score treats one group otherwise on like inputs: that is no move of the inputs
    assert float(frame.iloc[-1]) == pytest.approx(found.gap.difference, abs=0.08)
    with pytest.raises(ConfigError, match="name their column as 'sensitive'"):
        attribute(
            served(100, 0.0), served(100, 0.0), target="y", prediction="score", metric="equalized_odds_difference"
        )


def test_without_current_labels_the_loss_is_estimated(draw: Draw, groups: Groups) -> None:
    p, q = (draw(np.random.default_rng(i), 6000, rate=i * 0.5).table() for i in (0, 1))
    how: dict[str, Any] = {"target": "y", "prediction": "score", "groups": groups}
    known = attribute(p, q, metric="brier", **how)
    for blind in (q.drop(columns="y"), q.assign(y=np.nan)):
        found = attribute(p, blind, metric="estimated_brier", **how)
        assert found.gap.metric == "estimated_brier"
        assert found.gap.difference == pytest.approx(known.gap.difference, abs=0.02)
        assert by_group(found)["api"] == pytest.approx(by_group(known)["api"], abs=0.02)
        assert "would not show" in found.notes[-1]
        with pytest.raises(NotApplicable, match="no labels"):
            found.label_shift()
    mean = attribute(p, q.drop(columns="y"), metric="mean_prediction", **how)
    assert mean.gap.current == pytest.approx(q["score"].mean())
    with pytest.raises(ConfigError, match="cannot be known without labels"):
        attribute(p, q, metric="estimated_roc_auc", **how)
    with pytest.raises(ConfigError, match="is about predictions"):
        attribute(p, q, target="y", metric="mean_prediction")
    with pytest.raises(ConfigError, match="how groups are answered"):
        attribute(p, q, target="y", metric="demographic_parity_difference", sensitive=[groups["api"][0]])


def test_the_mean_of_a_column_of_predictions_needs_no_label_at_all(rng: Rng) -> None:
    p, q = (pd.DataFrame({"x": rng.normal(m, 1, 2000), "y": rng.choice(list("abc"), 2000)}) for m in (0, 1))
    p, q = (t.assign(p=2 * t["x"]) for t in (p, q))
    found = attribute(p.assign(y=None), q.drop(columns="y"), target="y", prediction="p", metric="mean_prediction")
    assert found.gap.difference == pytest.approx(2, abs=0.2)
    assert len(repr(found)) < 5000


def test_what_the_scores_miss_is_no_slice_of_an_estimate(rng: Rng) -> None:
    def served() -> pd.DataFrame:
        x, z = rng.normal(size=3000), rng.choice(["a", "b"], 3000)
        y = rng.random(3000) < expit(x + 1.5 * (z == "a") - 0.75)
        return pd.DataFrame({"x": x, "z": z, "y": y, "p": expit(x)})

    found = attribute(served(), served().drop(columns="y"), target="y", prediction="p", metric="estimated_log_loss")
    assert not found.slices["confirmed"].any()
    assert abs(found.gap.difference) < 0.02
    with pytest.raises(ConfigError, match="'estimated_log_loss' or 'estimated_brier'"):
        attribute(served(), served(), target="y", prediction="p", metric="estimated_accuracy")


def test_answers_are_classes_grades_or_chances(rng: Rng) -> None:
    table = pd.DataFrame({"x": rng.normal(size=2000), "g": rng.choice(["a", "b"], 2000), "y": rng.integers(0, 2, 2000)})
    table["p"] = np.clip(0.5 + 0.02 * table["x"] + 0.01 * (table["g"] == "a"), 0, 1)
    how: dict[str, Any] = {"target": "y", "prediction": "p", "sensitive": ["g"]}
    graded = attribute(table, table, metric="mean_prediction_difference", **how)
    assert graded.gap.reference == pytest.approx(abs(np.subtract(*table.groupby("g")["p"].mean())))
    with pytest.raises(DataError, match=r"leaves \[0, 1\], and accuracy needs the probability"):
        attribute(table.assign(p=table["p"] * 100), table, metric="accuracy", **how)
    words = table.assign(p=np.where(table["p"] > 0.5, "yes", "no"))
    with pytest.raises(DataError, match="have no class in common"):
        attribute(words, words, metric="accuracy", **how)
    named = table.assign(y=table["y"] + 1, p=(table["p"] > 0.5) + 1)
    assert attribute(named, named, metric="accuracy", **how).gap.reference == pytest.approx((named.y == named.p).mean())
    with pytest.raises(ConfigError, match="is the target and the prediction too"):
        attribute(table, table, target="p", prediction="p", metric="mean_prediction")
