from __future__ import annotations

import os
import pickle
from typing import TYPE_CHECKING, Any
import joblib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from rca import models
from rca.errors import ModelError

if TYPE_CHECKING:
    from pathlib import Path

COMPRESSIONS = [0, 3, ("gzip", 3), ("bz2", 3), ("xz", 3), ("lzma", 3)]


class Evil:
    """Runs a command when it is unpickled."""

    def __init__(self, mark: str) -> None:
        self.mark = mark

    def __reduce__(self) -> Any:
        return os.system, (f"touch {self.mark}",)


def forest() -> Any:
    columns = make_column_transformer((StandardScaler(), [0, 1]), (OneHotEncoder(), [2]))
    x = np.random.default_rng(0).integers(0, 3, (90, 3)).astype(object)
    return make_pipeline(columns, RandomForestClassifier(3, random_state=0)).fit(x, np.arange(90) % 2)


@pytest.mark.parametrize("compress", COMPRESSIONS, ids=str)
def test_what_a_joblib_file_would_run_is_named_and_not_run(tmp_path: Path, compress: Any) -> None:
    mark = tmp_path / "mark"
    # Behind arrays, whose bytes lie between the instructions.
    joblib.dump([forest(), np.arange(1000.0), Evil(str(mark))], tmp_path / "m.joblib", compress=compress)
    found = models.imported(tmp_path / "m.joblib")
    assert {"posix.system", "sklearn.ensemble._forest.RandomForestClassifier"} <= set(found)
    assert not mark.exists()
    with pytest.raises(ModelError, match=r"m.joblib is a pickle, .* it imports .*'posix.system'"):
        models.load(str(tmp_path / "m.joblib"))
    assert not mark.exists()


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_every_protocol_is_read(tmp_path: Path, protocol: int) -> None:
    (tmp_path / "m.pkl").write_bytes(pickle.dumps([forest(), Evil("x")], protocol))
    assert "posix.system" in models.imported(tmp_path / "m.pkl")


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_a_damaged_file_is_an_error_and_nothing_else(tmp_path_factory: pytest.TempPathFactory, data: Any) -> None:
    file = tmp_path_factory.mktemp("damaged") / "m.pkl"
    whole = pickle.dumps({"a": np.arange(5.0), "b": ["x", (1, 2)], "c": LogisticRegression()})
    at = data.draw(st.integers(0, len(whole) - 1))
    change = data.draw(st.binary(min_size=0, max_size=6))
    file.write_bytes(whole[:at] + change + whole[at + len(change) :][: data.draw(st.integers(0, len(whole)))])
    try:
        found = models.imported(file)
    except ModelError:
        return
    assert isinstance(found, tuple)


def test_a_trusted_pickle_is_loaded_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "token")
    model = forest()
    joblib.dump(model, tmp_path / "m.joblib", compress=3)
    loaded: Any = models.load(str(tmp_path / "m.joblib"), trust=True)
    x = np.random.default_rng(1).integers(0, 3, (20, 3)).astype(object)
    assert (loaded.predict(x) == model.predict(x)).all()
    # What a trusted pickle runs does not see this process's variables, and does not come back as an object.
    seen = tmp_path / "seen"
    evil = Evil("x")
    evil.mark = f"x; env > {seen}"
    (tmp_path / "e.pkl").write_bytes(pickle.dumps([evil]))
    with pytest.raises(ModelError, match="is no model but a list"):
        models.load(str(tmp_path / "e.pkl"), trust=True)
    assert "SECRET" not in seen.read_text()


def test_a_trusted_file_that_is_none_is_told(tmp_path: Path) -> None:
    (tmp_path / "m.pkl").write_bytes(b"nothing")
    with pytest.raises(ModelError, match="does not load, or cannot be saved by skops"):
        models.load(str(tmp_path / "m.pkl"), trust=True)
    with pytest.raises(ModelError, match=r"it is no whole pickle \(UnpicklingError: .*\): save the model with skops"):
        models.load(str(tmp_path / "m.pkl"))
