from __future__ import annotations

from typing import TYPE_CHECKING, Any
import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, StandardScaler
from rca import models, registry
from rca.evolution import behaviour
from rca.types import Case, Roles, Version

if TYPE_CHECKING:
    from pathlib import Path

DRAW = np.random.default_rng(0)
X = pd.DataFrame({"a": DRAW.random(300), "b": DRAW.random(300), "c": DRAW.choice(["u", "v"], 300)})
Y = np.where(X["a"] > 0.5, "yes", "no")


def pipe(clf: Any, scaler: Any = None, *, turned: bool = False, x: pd.DataFrame = X) -> Any:
    steps = [("num", scaler or StandardScaler(), ["a", "b"]), ("cat", OneHotEncoder(), ["c"])]
    return Pipeline([("prep", ColumnTransformer(steps[::-1] if turned else steps)), ("clf", clf)]).fit(x, Y)


def told(old: Any, new: Any) -> dict[str, str]:
    case = Case((), Roles(), Version("g", "1", model=old), Version("b", "2", model=new))
    outcomes, findings = registry.run([registry.diff.get(code) for code in ("RCA206", "RCA207")], case)
    assert {o.status for o in outcomes} <= {"found", "clear"}, outcomes
    return {f"{f.code} {f.subject}": f.kind for f in findings}


FOREST = RandomForestClassifier(5, random_state=0)
CASES: dict[str, tuple[Any, Any, dict[str, str]]] = {
    "setting": (
        LogisticRegression(),
        LogisticRegression(C=0.1),
        {"RCA206 model.clf.C": "hyperparameter", "RCA207 model.clf": "weights"},
    ),
    "objective": (
        LogisticRegression(),
        LogisticRegression(class_weight="balanced"),
        {"RCA206 model.clf.class_weight": "objective", "RCA207 model.clf": "weights"},
    ),
    "algorithm": (LogisticRegression(), FOREST, {"RCA206 model.clf": "algorithm"}),
    "seed": (
        FOREST,
        RandomForestClassifier(5, random_state=1),
        {"RCA206 model.clf.random_state": "seed", "RCA207 model.clf": "weights"},
    ),
}


def test_the_largest_change_is_named_with_its_place() -> None:
    x = np.array([[1.0, 5.0], [3.0, 7.0]])
    old, new = (Version("", "", model=StandardScaler().fit(x * [1, c])) for c in (1, 3))
    (found,) = behaviour.learned(Case((), Roles(), old, new))
    values = "mean_ (most at '1': 6 → 18), scale_ (most at '1': 1 → 3), var_ (most at '1': 1 → 9)"
    assert found.text == f"the model learned other values: {values}"


@pytest.mark.parametrize("name", CASES)
def test_a_change_is_named_with_its_kind(name: str) -> None:
    old, new, expected = CASES[name]
    assert told(pipe(old), pipe(new)) == expected


def test_preprocessing_is_told_from_the_predictor() -> None:
    base = pipe(LogisticRegression())
    scaled = told(base, pipe(LogisticRegression(), MinMaxScaler()))
    assert scaled["RCA206 model.prep.num"] == "preprocessing"
    moved = told(base, pipe(LogisticRegression(), x=X.assign(a=X["a"] * 10)))
    assert moved["RCA207 model.prep.num"] == "preprocessing"
    assert "RCA206 model" in told(base, pipe(LogisticRegression(), turned=True))


@pytest.mark.parametrize(
    "estimator",
    [LogisticRegression(), FOREST, HistGradientBoostingClassifier(max_iter=3), CalibratedClassifierCV(FOREST, cv=2)],
    ids=lambda e: type(e).__name__,
)
def test_the_same_model_differs_in_nothing(tmp_path: Path, estimator: Any) -> None:
    model = pipe(estimator)
    skops.io.dump(model, tmp_path / "m.skops")
    loaded = [models.load(str(tmp_path / "m.skops")) for _ in range(2)]
    assert told(*loaded) == {}
