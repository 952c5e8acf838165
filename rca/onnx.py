"""A model of the ONNX format, asked as scikit-learn's are; its graph can call ONNX's own operators alone."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rca.errors import ConfigError, ModelError

_TYPES = {"float": "float32", "string": "str"}  # what ONNX calls otherwise than numpy


class OnnxModel:
    """A graph with an input for each column, or with one that takes the `features` side by side.

    Two outputs are a classifier's label and a map of its probabilities by class, as skl2onnx writes them; one is a
    regressor's.
    """

    def __init__(self, file: str, features: Sequence[str] = ()) -> None:
        try:
            import onnxruntime
        except ImportError:
            raise ConfigError("onnxruntime is not installed: pip install 'rca[onnx]'.") from None
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 4  # what goes wrong is raised
        # from its bytes, so that a file cannot name others to be read
        content = Path(file).read_bytes()
        self._session: Any = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        types = {i.name: i.type.removeprefix("tensor(").removesuffix(")") for i in self._session.get_inputs()}
        self._inputs = {name: np.dtype(_TYPES.get(kind, kind)) for name, kind in types.items()}
        self.feature_names_in_ = [*self._inputs] if len(self._inputs) > 1 else list(features)
        if not self.feature_names_in_:
            raise ModelError("one input takes all columns side by side: list them in order as 'features' in rca.yaml.")
        outputs = self._session.get_outputs()
        if len(outputs) > 1 and not outputs[-1].type.startswith("seq(map"):
            raise ModelError("the classes of its probabilities are not known: write the model with a map of them.")
        if len(outputs) > 1:
            blank = ["" if kind.kind == "U" else 0 for kind in self._inputs.values()]
            row = [blank * (len(self.feature_names_in_) if len(self._inputs) == 1 else 1)]
            self.classes_ = sorted(self._run(np.array(row, dtype=object))[1][0])

    def _run(self, table: Any) -> list[Any]:
        cells = np.asarray(table, dtype=object)
        fed = {}
        for i, (name, kind) in enumerate(self._inputs.items()):
            given = cells if len(self._inputs) == 1 else cells[:, [i]]
            if kind.kind == "U":  # which is empty where it is missing
                fed[name] = np.vectorize(str, otypes=[object])(np.where(pd.isna(given), "", given))
            else:
                fed[name] = given.astype(kind)
                if kind.kind in "iu" and not np.array_equal(fed[name], given):
                    raise ModelError(f"the model's input '{name}' takes whole numbers, and is given others: cut them.")
        return list(self._session.run(None, fed))

    def predict(self, X: Any) -> NDArray[Any]:  # noqa: N803  as scikit-learn calls it
        """Return the labels, or the numbers of a regressor."""
        return np.asarray(self._run(X[self.feature_names_in_])[0]).reshape(len(X))

    def predict_proba(self, X: Any) -> NDArray[np.float64]:  # noqa: N803  as scikit-learn calls it
        """Return a column of probabilities for each class."""
        scores = self._run(X[self.feature_names_in_])[1]
        return np.array([[row[name] for name in self.classes_] for row in scores], dtype=float)
