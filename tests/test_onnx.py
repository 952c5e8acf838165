from __future__ import annotations

from typing import TYPE_CHECKING, Any
import numpy as np
import pandas as pd
import pytest
from skl2onnx import convert_sklearn, to_onnx
from skl2onnx.common.data_types import FloatTensorType, Int64TensorType, StringTensorType
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from rca import metrics, models
from rca.errors import ModelError
from rca.registry import diff, run
from rca.tables import open_table
from rca.types import Case, Pair, Roles, Version

if TYPE_CHECKING:
    from pathlib import Path

DRAW = np.random.default_rng(0)
FRAME = pd.DataFrame({"a": DRAW.normal(size=300), "c": ["x", "y", None] * 100, "other": 1.0})
FRAME["y"] = np.where(FRAME["a"] > 0, "yes", "no")


def keep(tmp_path: Path, graph: Any) -> str:
    (tmp_path / "m.onnx").write_bytes(graph.SerializeToString())
    return str(tmp_path / "m.onnx")


def test_columns_go_in_by_name_and_both_formats_answer_alike(tmp_path: Path) -> None:
    pipeline = make_pipeline(
        make_column_transformer((OneHotEncoder(handle_unknown="ignore"), ["c"]), ("passthrough", ["a"])),
        LogisticRegression(),
    ).fit(FRAME[["a", "c"]].fillna(""), FRAME["y"])
    types = [("a", FloatTensorType([None, 1])), ("c", StringTensorType([None, 1]))]
    loaded = models.load(keep(tmp_path, convert_sklearn(pipeline, initial_types=types)))
    assert models.classes(loaded) == ["no", "yes"]
    shuffled = FRAME[["other", "y", "c", "a"]]
    for name in ("roc_auc", "neg_log_loss", "accuracy"):
        metric = metrics.get(name)
        sides = [
            metrics.answers(metric, m, t, "y", "yes", "x")
            for m, t in ((loaded, shuffled), (pipeline, FRAME.fillna("")))
        ]
        assert metric.estimate(sides[0]).value == pytest.approx(metric.estimate(sides[1]).value, abs=1e-5)


@pytest.mark.parametrize("classes", [2, 3])
def test_one_input_takes_the_features_in_their_order(tmp_path: Path, classes: int) -> None:
    x, y = DRAW.normal(size=(200, 2)), np.arange(200) % classes
    model = LogisticRegression().fit(x, y)
    file = keep(tmp_path, to_onnx(model, x[:1].astype("float32")))
    loaded: Any = models.load(file, features=["b", "a"])
    table = pd.DataFrame({"a": x[:, 1], "b": x[:, 0]})
    assert models.classes(loaded) == list(range(classes))
    assert loaded.predict_proba(table) == pytest.approx(model.predict_proba(x), abs=1e-5)
    assert (loaded.predict(table) == model.predict(x)).all()
    with pytest.raises(ModelError, match="list them in order as 'features'"):
        models.load(file)


def test_a_regressor_has_no_classes(tmp_path: Path) -> None:
    x = DRAW.normal(size=(50, 2))
    model = LinearRegression().fit(x, x.sum(axis=1))
    loaded: Any = models.load(keep(tmp_path, to_onnx(model, x[:1].astype("float32"))), features=["a", "b"])
    assert models.classes(loaded) is None
    assert loaded.predict(pd.DataFrame(x, columns=["a", "b"])) == pytest.approx(model.predict(x), abs=1e-4)


def test_damaged_files_and_unknown_classes_are_said(tmp_path: Path) -> None:
    (tmp_path / "cut.onnx").write_bytes(b"\x08\x0aonnx")
    with pytest.raises(ModelError, match="does not load"):
        models.load(str(tmp_path / "cut.onnx"), features=["a"])
    x = DRAW.normal(size=(50, 1))
    model = LogisticRegression().fit(x, np.where(x[:, 0] > 0, "yes", "no"))
    file = keep(tmp_path, to_onnx(model, x[:1].astype("float32"), options={"zipmap": False}))
    with pytest.raises(ModelError, match="write the model with a map"):
        models.load(file, features=["a"])


def test_its_answers_are_compared_and_its_parts_are_not_known(tmp_path: Path) -> None:
    x = DRAW.normal(size=(300, 1)).astype("float32")
    sides = []
    for name, turn in (("good", 1), ("bad", -1)):
        model = LogisticRegression().fit(x, (turn * x[:, 0] > 0).astype(int))
        loaded = models.load(keep(tmp_path, to_onnx(model, x[:1])), features=["a"])
        sides.append(Version(name, name, model=loaded))
    exam = open_table(pd.DataFrame({"a": x[:, 0], "y": (x[:, 0] > 0).astype(int)}))
    case = Case((Pair("evaluate", exam, exam),), Roles(target="y", features=("a",)), sides[0], sides[1])
    outcomes, findings = run([diff.get(code) for code in ("RCA206", "RCA207", "RCA208")], case)
    assert [o.status for o in outcomes] == ["not_applicable", "not_applicable", "found"]
    assert findings[0].effect is not None
    assert findings[0].effect < -0.9


def test_decimals_are_not_cut_for_an_input_of_whole_numbers(tmp_path: Path) -> None:
    x = pd.DataFrame({"a": np.arange(50), "b": np.arange(50) % 7})
    model = LinearRegression().fit(x, x["a"])
    file = keep(tmp_path, convert_sklearn(model, initial_types=[("x", Int64TensorType([None, 2]))]))
    loaded: Any = models.load(file, features=["a", "b"])
    assert loaded.predict(x * 1.0) == pytest.approx(model.predict(x), abs=1e-3)
    with pytest.raises(ModelError, match="input 'x' takes whole numbers"):
        loaded.predict(x + 0.5)


def test_whole_numbers_beside_others_stay_whole(tmp_path: Path) -> None:
    table = pd.DataFrame({"c": ["1", "2"] * 50, "x": np.arange(100.0)})
    encoder = make_column_transformer((OneHotEncoder(handle_unknown="ignore"), ["c"]), ("passthrough", ["x"]))
    model = make_pipeline(encoder, LinearRegression()).fit(table, (table["c"] == "2") * 10.0)
    types = [("c", StringTensorType([None, 1])), ("x", FloatTensorType([None, 1]))]
    loaded: Any = models.load(keep(tmp_path, convert_sklearn(model, initial_types=types)))
    assert loaded.predict(table.assign(c=table["c"].astype(int))) == pytest.approx(model.predict(table), abs=1e-3)
