from __future__ import annotations

from typing import Any
import numpy as np
import pandas as pd
import pytest
from sklearn.dummy import DummyRegressor
from sklearn.linear_model import LogisticRegression
from rca.registry import diff, run
from rca.tables import open_table
from rca.types import Case, Finding, Pair, Roles, Version

N = 2000


@pytest.fixture(scope="module")
def log() -> pd.DataFrame:
    draw = np.random.default_rng(0)
    frame = pd.DataFrame(draw.normal(size=(N, 2)), columns=["a", "b"])
    y = np.where(draw.random(N) < 1 / (1 + np.exp(-frame["a"])), "yes", "no")
    return frame.assign(y=y, at=pd.date_range("2024-01-01", periods=N, freq="h"))


@pytest.fixture(scope="module")
def models(log: pd.DataFrame) -> tuple[Any, Any]:
    x, y = log[["a", "b"]], log["y"]
    return LogisticRegression().fit(x, y), LogisticRegression(C=0.01).fit(x[: N // 2], y[: N // 2])


def found(log: pd.DataFrame, models: tuple[Any, Any], score: Any) -> tuple[Any, tuple[Finding, ...]]:
    table = open_table(log.assign(score=score), "log")
    roles = Roles(target="y", positive="yes", features=("a", "b"), prediction="score", time="at")
    old, new = (Version(rev, rev, model=model) for rev, model in zip(("good", "bad"), models, strict=True))
    case = Case((Pair("production", table, table, same_role=False),), roles, old, new)
    (outcome,), findings = run([diff.get("RCA209")], case)
    return outcome, findings


def score(model: Any, log: pd.DataFrame) -> Any:
    return model.predict_proba(log[["a", "b"]])[:, 1]


@pytest.mark.parametrize("decimals", [3, 6, 17])
def test_rows_of_the_old_model_are_found_with_their_time(log: Any, models: Any, decimals: int) -> None:
    old, new = (score(model, log) for model in models)
    said = np.where(np.arange(N) >= 1500, old, new).round(decimals)
    outcome, (finding,) = found(log, models, said)
    assert outcome.status == "found"
    assert (finding.kind, finding.subject) == ("mixed_versions", "model")
    assert abs(float(finding.effect or 0) - 0.25) < 0.02
    assert finding.evidence["onset"][:10] == f"{log['at'][1500]:%Y-%m-%d}"
    assert finding.evidence["neither"] == 0


def test_a_release_that_never_reached_production_is_found(log: Any, models: Any) -> None:
    _, (finding,) = found(log, models, score(models[0], log))
    assert finding.effect == 1


def test_classes_that_were_logged_are_held_against_classes(log: Any, models: Any) -> None:
    said = np.where(np.arange(N) % 2, *(model.predict(log[["a", "b"]]) for model in models))
    _, (finding,) = found(log, models, said)
    assert abs(float(finding.effect or 0) - 0.5) < 0.15


def test_the_rows_of_a_regressor_are_counted() -> None:
    x = pd.DataFrame({"x": np.arange(100.0)})
    old, new = (
        Version(rev, rev, model=DummyRegressor(strategy="mean").fit(x, x["x"] + c)) for rev, c in (("a", 0), ("b", 9))
    )
    table = open_table(x.assign(score=[49.5] * 40 + [58.5] * 60), "log")
    roles = Roles(target="y", features=("x",), prediction="score")
    case = Case((Pair("production", table, table, same_role=False),), roles, old, new)
    (finding,) = diff.get("RCA209").function(case)
    told = "40 of the 100 rows of log that tell the models apart were answered by the model of a."
    assert finding.text == told


def test_one_model_is_no_finding(log: Any, models: Any) -> None:
    outcome, findings = found(log, models, score(models[1], log))
    assert (outcome.status, findings) == ("clear", ())


@pytest.mark.parametrize("decimals", [2, 17])
def test_scores_of_neither_model_tell_nothing(log: Any, models: Any, decimals: int) -> None:
    outcome, _ = found(log, models, np.random.default_rng(1).random(N).round(decimals))
    assert outcome.status == "not_applicable"


def test_what_is_missing_is_said(log: Any, models: Any) -> None:
    outcome, _ = found(log, (models[1], models[1]), score(models[1], log))
    assert "0 of the 0 rows of log on which the models differ" in str(outcome.reason)
    plain = Case((Pair("production", open_table(log), open_table(log), same_role=False),), Roles(target="y"))
    (outcome,), _ = run([diff.get("RCA209")], plain)
    assert outcome.status == "not_applicable"


def test_text_that_is_no_class_tells_nothing(log: Any, models: Any) -> None:
    outcome, _ = found(log, models, np.where(score(models[1], log) > 0.5, "Y", "N"))
    assert "neither a number nor a class" in str(outcome.reason)


def test_scores_that_were_cut_off_are_of_no_other_model(log: Any, models: Any) -> None:
    for digits in (1, 2, 3):
        said = np.floor(score(models[1], log) * 10**digits) / 10**digits
        assert found(log, models, said)[1] == ()


def test_scores_without_a_bound_and_times_that_are_missing_are_no_failure(log: Any, models: Any) -> None:
    old, new = (score(model, log) for model in models)
    said = np.where(np.arange(N) >= 1500, old, new)
    said[::100] = np.inf
    outcome, (finding,) = found(log.assign(at=pd.NaT), models, said)
    assert (outcome.status, "onset" in finding.evidence) == ("found", False)
    assert abs(float(finding.effect or 0) - 0.25) < 0.02
