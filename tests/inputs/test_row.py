from __future__ import annotations

from typing import Any
import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from sklearn.svm import LinearSVC
import rca
from rca.errors import ConfigError, DataError, ModelError

N = 1000


@pytest.fixture(scope="module")
def usual() -> pd.DataFrame:
    draw = np.random.default_rng(0)
    frame = pd.DataFrame(draw.normal(size=(N, 9)), columns=list("abcdefghi"))
    return frame.assign(
        city=draw.choice(["Oslo", "Rome"], N), y=(frame["a"] + frame["b"] > 0).map({True: "yes", False: "no"})
    )


def test_a_linear_model_is_explained_exactly(usual: pd.DataFrame) -> None:
    model = LinearRegression().fit(usual[list("abc")], usual["a"] - 2 * usual["b"])
    row = {"a": 3.0, "b": 0.1, "c": 0.0}
    found = rca.explain_row(row, usual, model=model, groups={"api": ["a"], "rest": ["b", "c"]})
    near = found.neighbours.mean()
    frame = found.frame().set_index("group")["contribution"]
    assert frame["api"] == pytest.approx(3.0 - near["a"])
    assert frame["rest"] == pytest.approx(-2 * (0.1 - near["b"]))
    assert frame.sum() == pytest.approx(found.prediction - found.usual)


def test_many_columns_are_joined_and_still_sum(usual: pd.DataFrame) -> None:
    names = [*"abcdefghi", "city"]
    model = make_pipeline(
        make_column_transformer((OneHotEncoder(), ["city"]), remainder="passthrough"),
        HistGradientBoostingClassifier(max_iter=20),
    ).fit(usual[names], usual["y"])
    row = usual.iloc[5][names].copy()
    row["a"] = 8.0
    found = rca.explain_row(row, usual, model=model)
    frame = found.frame()
    assert len(frame) == 8
    assert {"other", "a", "b"} <= set(frame["group"])
    assert frame["contribution"].sum() == pytest.approx(found.prediction - found.usual)
    assert (frame["low"] <= frame["contribution"]).all()


def test_three_classes_and_scores_without_probability(usual: pd.DataFrame) -> None:
    y = pd.cut(usual["a"], [-9, -0.5, 0.5, 9], labels=["low", "mid", "high"]).astype(str)
    row = usual[["a", "b"]].iloc[[0]].assign(a=3.0)
    found = rca.explain_row(row, usual, model=LogisticRegression().fit(usual[["a", "b"]], y))
    assert found.prediction > 0.8
    assert found.frame()["group"][0] == "a"
    assert rca.explain_row(row, usual, model=LinearSVC().fit(usual[["a", "b"]], usual["y"])).prediction > 1


@pytest.mark.parametrize(
    ("row", "how", "error", "text"),
    [
        ({"a": 1.0}, {}, DataError, "the row lacks the inputs 'b'"),
        ({"a": [1.0, 2.0], "b": [1.0, 2.0]}, {}, ConfigError, "give one row"),
        ({"a": 1.0, "b": 1.0}, {"neighbours": N + 1}, ConfigError, "1001 neighbours of 1000"),
        ({"a": "x", "b": 1.0}, {}, DataError, "has 'x' as 'a', where the reference has numbers"),
        ({"a": 1.0, "b": 1.0}, {"groups": {"g": ["a", "z"]}}, ConfigError, "names the column 'z'"),
        ([1.0, 2.0], {}, ConfigError, "the row is a list: give a mapping"),
        (None, {}, ConfigError, "the row is a NoneType"),
    ],
)
def test_what_cannot_be_explained_is_said(usual: Any, row: Any, how: Any, error: Any, text: str) -> None:
    model = LinearRegression().fit(usual[["a", "b"]], usual["a"])
    table = pd.DataFrame(row) if isinstance(row, dict) and isinstance(row["a"], list) else row
    with pytest.raises(error, match=text):
        rca.explain_row(table, usual, model=model, **how)


def test_the_order_of_the_reference_does_not_matter() -> None:
    tie = pd.DataFrame({"a": [-1.0] * 100 + [1.0] * 100, "b": np.arange(200.0) % 7})
    model = LinearRegression().fit(tie, tie["a"])
    first, second = (rca.explain_row({"a": 0.0, "b": 3.0}, t, model=model) for t in (tie, tie[::-1]))
    assert first.usual == second.usual
    pd.testing.assert_frame_equal(first.frame(), second.frame())


def test_any_name_and_categories_are_taken_as_the_model_takes_them() -> None:
    draw = np.random.default_rng(0)
    usual = pd.DataFrame({"self": draw.normal(size=500), "place": pd.Categorical(draw.choice(["a", "b"], 500))})
    y = usual["self"] + 3 * (usual["place"] == "b")
    model = HistGradientBoostingRegressor(categorical_features="from_dtype").fit(usual, y)
    found = rca.explain_row({"self": 0.0, "place": "b"}, usual[usual["place"] == "a"], model=model)
    assert found.frame()["group"][0] == "place"
    assert found.frame()["contribution"][0] == pytest.approx(3, abs=0.3)


def test_whole_numbers_as_categories_are_numbers() -> None:
    usual = pd.DataFrame({"a": np.arange(200.0), "b": np.arange(200) % 5})
    model = LinearRegression().fit(usual, usual["a"])
    row = pd.DataFrame({"a": [500.0], "b": pd.Categorical([3])})
    assert rca.explain_row(row, usual, model=model).prediction == pytest.approx(500)


def test_a_reference_that_the_model_does_not_read_is_said(usual: pd.DataFrame) -> None:
    model = LinearRegression().fit(usual[["a", "b"]], usual["a"])
    with pytest.raises(ModelError, match="does not read the row, or those of the reference"):
        rca.explain_row({"a": 1.0, "b": 1.0}, usual.assign(b=np.nan), model=model)


def test_a_number_beyond_all_that_is_usual_does_not_choose_the_neighbours() -> None:
    draw = np.random.default_rng(0)
    usual = pd.DataFrame({"rate": draw.normal(1.5, 0.1, 2000), "age": draw.normal(40, 10, 2000)})
    # old people have low rates, so that the highest rates would choose the young
    usual["rate"] -= 0.02 * (usual["age"] - 40)
    model = LinearRegression().fit(usual, 0.1 * usual["rate"] + usual["age"])
    found = rca.explain_row({"rate": 83.4, "age": 70.0}, usual, model=model)
    assert found.neighbours["age"].mean() > 60
    assert found.frame()["group"][0] == "rate"


def test_a_missing_category_is_asked_for_as_one() -> None:
    usual = pd.DataFrame({"a": np.arange(200.0), "city": ["Oslo", "Rome", None, "Bern"] * 50})
    encoder = make_column_transformer((OneHotEncoder(handle_unknown="ignore"), ["city"]), ("passthrough", ["a"]))
    model = make_pipeline(encoder, LinearRegression()).fit(usual, usual["a"])
    assert np.isfinite(rca.explain_row(usual.iloc[2], usual, model=model).prediction)
