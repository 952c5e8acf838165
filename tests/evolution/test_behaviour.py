from __future__ import annotations

from typing import Any
import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import accuracy_score
from sklearn.tree import DecisionTreeClassifier
from rca import registry
from rca.tables import open_table
from rca.types import Case, Finding, Pair, Roles, Version


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    draw = np.random.default_rng(0)
    made = pd.DataFrame({"x": draw.normal(size=4000), "sex": draw.choice(["f", "m"], 4000)})
    return made.assign(y=(made["x"] + draw.normal(size=4000) > 0).astype(int))


def found(old: Any, new: Any, frame: pd.DataFrame, **roles: Any) -> list[Finding]:
    exam = open_table(frame, "exam")
    known = Roles(target="y", **{"features": ("x", "sex"), **roles})
    case = Case((Pair("evaluate", exam, exam),), known, Version("g", "1", model=old), Version("b", "2", model=new))
    outcomes, findings = registry.run([registry.diff.get("RCA208")], case)
    assert outcomes[0].status in ("found", "clear"), outcomes[0].reason
    return list(findings)


def test_flips_make_the_change_of_accuracy(frame: pd.DataFrame) -> None:
    old = LogisticRegression().fit(frame[["x"]], frame["y"])
    new = DecisionTreeClassifier(random_state=0).fit(frame[["x"]][:300], frame["y"][:300])
    (f,) = found(old, new, frame)
    facts = f.evidence
    gain = accuracy_score(frame["y"], new.predict(frame[["x"]])) - accuracy_score(frame["y"], old.predict(frame[["x"]]))
    assert f.effect == pytest.approx(gain)
    assert f.effect == pytest.approx((facts["positive_flips"] - facts["negative_flips"]) / len(frame))
    assert facts["churn"] == pytest.approx((facts["positive_flips"] + facts["negative_flips"]) / len(frame))
    assert f.low is not None
    assert f.high is not None
    assert f.low < gain < f.high < 0


def test_the_same_answers_are_no_finding(frame: pd.DataFrame) -> None:
    model = LogisticRegression().fit(frame[["x"]], frame["y"])
    assert found(model, LogisticRegression().fit(frame[["x"]], frame["y"]), frame) == []


def test_scores_that_move_without_a_flip_are_told(frame: pd.DataFrame) -> None:
    old = LogisticRegression().fit(frame[["x"]], frame["y"])
    new = LogisticRegression().fit(frame[["x"]], frame["y"])
    new.coef_, new.intercept_ = old.coef_ * 3, old.intercept_ * 3  # the same side of one half, farther from it
    (f,) = found(old, new, frame)
    assert f.evidence["churn"] == 0
    assert f.evidence["scores"]["calibration_error"][1] > f.evidence["scores"]["calibration_error"][0] + 0.05
    assert "The mean score went from" in f.text


def test_the_slice_and_the_group_that_suffer_are_named(frame: pd.DataFrame) -> None:
    x = frame.assign(sex=(frame["sex"] == "f").astype(int))
    old = LogisticRegression().fit(x[["x", "sex"]], x["y"])
    new = LogisticRegression().fit(x[["x", "sex"]], x["y"] & (x["sex"] == 0))
    (f,) = found(old, new, x, sensitive=("sex",))
    assert f.evidence["slices"][0]["where"].startswith("sex = ")
    assert "Between the groups of 'sex', positive answers differ by" in f.text
    group = next(g for g in f.evidence["groups"] if g["of"] == "positive answers")
    assert group["low"] < group["moved"] < group["high"]
    assert group["moved"] > 0.2


def test_samples_of_one_model_name_no_group_or_slice() -> None:
    named = 0
    for seed in range(40):
        draw = np.random.default_rng(seed)
        made = pd.DataFrame({"x": draw.normal(size=1000), "sex": draw.choice(["f", "m"], 1000)})
        made["y"] = (made["x"] + draw.normal(size=1000) > 0).astype(int)
        a, b = (RandomForestClassifier(20, max_depth=3, random_state=s).fit(made[["x"]], made["y"]) for s in (0, 1))
        named += sum(bool(f.evidence["slices"] or f.evidence["groups"]) for f in found(a, b, made, sensitive=("sex",)))
    assert named <= 4


def test_regressors_are_compared_by_their_error(frame: pd.DataFrame) -> None:
    table = frame.assign(y=3 * frame["x"] + np.random.default_rng(1).normal(size=len(frame)))
    old, new = LinearRegression().fit(table[["x"]], table["y"]), LinearRegression().fit(table[["x"]], table["y"] + 1)
    (f,) = found(old, new, table)
    errors = [float(np.abs(m.predict(table[["x"]]) - table["y"]).mean()) for m in (old, new)]
    assert f.effect == pytest.approx(errors[0] - errors[1])
    assert "minus the mean absolute error moved by" in f.text
