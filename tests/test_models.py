from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING, Any

import pytest
import skops.io
from sklearn.linear_model import LinearRegression

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
        models.load("m.onnx")
