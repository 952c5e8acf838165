from __future__ import annotations

import functools
import os
import zipfile
from typing import TYPE_CHECKING, Any
import joblib
import numpy as np
import pytest
import skops.io
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.feature_selection import SelectKBest, f_classif
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression, SGDClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from rca import models
from rca.errors import ModelError

if TYPE_CHECKING:
    from pathlib import Path


class Foreign:
    """A type that is not on the list."""

    def __init__(self) -> None:
        self.value = 1


def test_a_model_of_known_types_loads(tmp_path: Path) -> None:
    skops.io.dump(LinearRegression().fit([[0.0], [1.0]], [0.0, 1.0]), tmp_path / "m.skops")
    loaded: Any = models.load(str(tmp_path / "m.skops"))
    assert loaded.predict([[2.0]]) == pytest.approx([2.0])
    assert models.classes(loaded) is None


def test_foreign_types_are_refused_by_name(tmp_path: Path) -> None:
    skops.io.dump(Foreign(), tmp_path / "m.skops")
    with pytest.raises(ModelError, match=r"names types outside the allow-list \('.*Foreign'\)"):
        models.load(str(tmp_path / "m.skops"))


@pytest.mark.parametrize("function", [exec, os.system, np.load, joblib.load, functools.reduce])
def test_a_function_that_could_do_harm_is_refused(tmp_path: Path, function: Any) -> None:
    skops.io.dump(make_pipeline(FunctionTransformer(function), LinearRegression()), tmp_path / "m.skops")
    with pytest.raises(ModelError, match="outside the allow-list"):
        models.load(str(tmp_path / "m.skops"))


@pytest.mark.parametrize(
    "estimator",
    [
        RandomForestClassifier(3),
        GradientBoostingClassifier(n_estimators=2),
        HistGradientBoostingClassifier(max_iter=2),
        KNeighborsClassifier(2),
        SGDClassifier(),
        CalibratedClassifierCV(LogisticRegression(), cv=2),
        MLPClassifier(4, max_iter=2000, tol=1.0),
        make_pipeline(SimpleImputer(), SelectKBest(f_classif, k=2), LogisticRegression()),
        make_pipeline(FunctionTransformer(np.log1p), StandardScaler(), LogisticRegression()),
    ],
    ids=lambda e: type(e).__name__,
)
def test_scikit_learns_own_models_load(tmp_path: Path, estimator: Any) -> None:
    x, y = np.random.default_rng(0).random((60, 3)), np.arange(60) % 2
    skops.io.dump(estimator.fit(x, y), tmp_path / "m.skops")
    loaded: Any = models.load(str(tmp_path / "m.skops"))
    assert (loaded.predict(x) == estimator.predict(x)).all()


@pytest.mark.parametrize("name", ["m.pkl", "m.joblib", "m.pickle"])
def test_a_pickle_is_never_read(name: str) -> None:
    with pytest.raises(ModelError, match="is a pickle, which runs code when it is read"):
        models.load(name)


def test_a_damaged_or_foreign_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "m.skops").write_bytes(b"no zip")
    with pytest.raises(ModelError, match="does not load"):
        models.load(str(tmp_path / "m.skops"))
    with zipfile.ZipFile(tmp_path / "e.skops", "w") as archive:
        archive.writestr("schema.json", "{}")
    with pytest.raises(ModelError, match="does not load"):
        models.load(str(tmp_path / "e.skops"))
    with pytest.raises(ModelError, match="format that is not read here"):
        models.load("m.h5")
