"""Model files, read without running what is in them, and asked for predictions."""

import bz2
import gzip
import lzma
import math
import pickle
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath
from subprocess import TimeoutExpired, run
from typing import Any, BinaryIO, Self
import numpy as np
import pandas as pd
from joblib.compressor import BinaryZlibFile
from numpy.typing import NDArray
from rca.errors import ConfigError, ModelError, RcaError, choices
from rca.types import Model

#: How joblib packs pickles, by how the file begins.
_PACKED: dict[bytes, Callable[[Any], Any]] = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\x78": BinaryZlibFile}
_PACKED |= dict.fromkeys((b"\xfd7zXZ", b"\x5d\x00"), lzma.open)
#: Compiled parts of scikit-learn's estimators that skops leaves to its callers. Classes only: a function that a
#: file may name is a function that it may call.
TRUSTED = (
    "numpy.dtype", "sklearn._loss.", "sklearn.calibration._", "sklearn.ensemble._hist_gradient_boosting.",
    "sklearn.feature_selection._univariate_selection.", "sklearn.gaussian_process.kernels.",
    "sklearn.linear_model._sgd_fast.", "sklearn.metrics._dist_metrics.", "sklearn.neighbors._ball_tree.",
    "sklearn.neighbors._kd_tree.", "sklearn.neural_network._stochastic_optimizers.", "sklearn.tree._tree.",
)  # fmt: skip

#: What else may be named: a type of numbers, and the scores of scikit-learn's feature selection.
FUNCTIONS = {"dtype", "f_classif", "f_regression", "chi2"}

#: Runs apart: it loads a pickle, which may do anything, and hands on what skops writes, which is data again.
_CONVERT = """
import resource, sys
for limit, most in ((resource.RLIMIT_CPU, 600), (resource.RLIMIT_AS, 16 << 30), (resource.RLIMIT_FSIZE, 4 << 30)):
    resource.setrlimit(limit, (most, most))
import joblib, skops.io
skops.io.dump(joblib.load(sys.argv[1]), sys.argv[2])
"""
PICKLES = {".pkl", ".pickle", ".joblib"}
#: More bytes than this, once decompressed, are no model that is read here.
LARGEST = 8 << 30
_TYPES = {"float": "float32", "string": "str"}  # what ONNX calls otherwise than numpy


def load(file: str, name: str | None = None, *, trust: bool = False, features: Sequence[str] = ()) -> Model:
    """Read a model; `name` is its path in the project, for a DVC cache has no extensions.

    The `features` are the columns of an ONNX model that takes them as one input, in order.

    With `trust`, a pickle is loaded by a process apart, without this one's environment, with limits and in a folder of
    its own; that is no sandbox: it may still read files and use the network.
    Where the file is damaged, would run code, or holds what is not on the allow-list, a ModelError says so.
    """
    name = name or file
    suffix = PurePosixPath(name).suffix
    if suffix in PICKLES and not trust:
        hint = "save the model with skops.io.dump, or trust it (--trust)."
        raise ModelError(f"{name} is a pickle, which runs code when it is read; {_named(file)}: {hint}")
    if suffix in PICKLES:
        with tempfile.TemporaryDirectory(prefix="rca-model-") as home:
            return _read(_converted(file, name, home), name)
    if suffix not in (".skops", ".onnx"):
        raise ModelError(f"{name} is in a format that is not read here: save the model as .skops, or as .onnx.")
    return _read(file, name, features)


def _named(file: str) -> str:
    try:
        names = imported(file)
    except ModelError as problem:
        return str(problem).removesuffix(": save the model again.")
    rare = [n for n in names if n.split(".")[0] not in {"sklearn", "numpy", "scipy", "pandas", "joblib"}]
    return f"it imports {choices(rare)}" if rare else "it names parts of scikit-learn and numpy alone"


def _converted(file: str, name: str, home: str) -> str:
    target, variables = f"{home}/model.skops", {"HOME": home, "TMPDIR": home, "PATH": "/usr/bin:/bin"}
    command = [sys.executable, "-I", "-c", _CONVERT, str(Path(file).resolve()), target]
    try:
        done = run(command, cwd=home, env=variables, capture_output=True, errors="replace", timeout=900, check=False)
    except TimeoutExpired:
        raise ModelError(f"{name} did not load within 900 s: save the model with skops.io.dump.") from None
    if done.returncode:
        detail = (done.stderr.strip().splitlines() or [f"it ended with {done.returncode}"])[-1][:300]
        raise ModelError(f"{name} does not load, or cannot be saved by skops ({detail}): save it with skops.io.dump.")
    return target


def _read(file: str, name: str, features: Sequence[str] = ()) -> Model:
    import skops.io

    try:
        if name.endswith(".onnx"):
            return OnnxModel(file, features)
        named = skops.io.get_untrusted_types(file=file)
        last = {kind: kind.rsplit(".", 1)[-1] for kind in named if kind.startswith(TRUSTED)}
        known = {kind for kind, name in last.items() if name in FUNCTIONS or name.lstrip("_")[:1].isupper()}
        foreign = [kind for kind in named if kind not in known]
        found: Any = None if foreign else skops.io.load(file, trusted=named)
    except RcaError:
        raise
    except Exception as problem:  # noqa: BLE001  a damaged file may raise anything
        detail, make = " ".join(str(problem).split())[:300], "write" if name.endswith(".onnx") else "save"
        raise ModelError(f"{name} does not load ({type(problem).__name__}: {detail}): {make} it again.") from None
    if foreign:
        why = f"{name} names types outside the allow-list ({choices(foreign)}), so it is not loaded"
        raise ModelError(f"{why}: build the model of scikit-learn's own types.")
    if not hasattr(found, "predict"):
        raise ModelError(f"{name} is no model but a {type(found).__name__}: save the fitted estimator itself.")
    return found  # type: ignore[no-any-return]  # skops is untyped


def classes(model: Model) -> list[Any] | None:
    """Return the classes of a classifier, or None for a regressor."""
    found = getattr(model, "classes_", None)
    return None if found is None else list(found)


class OnnxModel:
    """A model of the ONNX format, asked as scikit-learn's are; its graph can call ONNX's own operators alone.

    It has an input for each column, or one that takes the `features` side by side. Two outputs are a classifier's
    label and a map of its probabilities by class, as skl2onnx writes them; one is a regressor's.
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
        # column by column, or whole numbers beside others would be none any more
        cells = table.astype(object).to_numpy() if isinstance(table, pd.DataFrame) else np.asarray(table, dtype=object)
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


class _Counted:
    """A stream of bytes that ends with an error where there are too many."""

    def __init__(self, stream: BinaryIO) -> None:
        self.stream = stream
        self.left = LARGEST

    def read(self, size: int) -> bytes:
        return self._count(self.stream.read(min(size, self.left + 1)))

    def readline(self) -> bytes:
        return self._count(self.stream.readline(self.left + 1))

    def _count(self, found: bytes) -> bytes:
        self.left -= len(found)
        if self.left < 0:
            raise ValueError(f"it holds more than {LARGEST >> 30} GB")
        return found


class Inert:
    """Stands for whatever a pickle names: it takes what it is given, and does nothing."""

    name = ""
    source: _Counted
    found: dict[str, None]

    def __new__(cls, *given: Any, **_: Any) -> Self:  # noqa: D102  nothing is done
        made = super().__new__(cls)
        made.__dict__["given"] = given
        return made

    def __setstate__(self, state: Any) -> None:
        """Pass over the array that joblib lays between the instructions; one of objects is a pickle itself."""
        if not self.name.endswith(".NumpyArrayWrapper"):
            return
        kind = np.dtype(state["dtype"].given[0])
        if kind.hasobject:
            _load(self.source, self.found)
            return
        if state.get("numpy_array_alignment_bytes") is not None:
            self.source.read(self.source.read(1)[0])
        left = math.prod(map(int, state["shape"])) * kind.itemsize
        while left > 0:
            if not (part := self.source.read(min(left, 1 << 24))):
                raise ValueError("an array is cut off")
            left -= len(part)

    def append(self, *_: Any) -> None:
        """Do nothing."""

    extend = add = __setitem__ = append


def imported(file: str | Path) -> tuple[str, ...]:
    """Return what a pickle or a joblib file, compressed or not, would import, such as ``posix.system``.

    Where it is cut off, no pickle, or compressed as the standard library does not know, a ModelError says so.
    """
    found: dict[str, None] = {}
    try:
        with Path(file).open("rb") as raw:
            unpack = next((way for magic, way in _PACKED.items() if raw.peek().startswith(magic)), lambda raw: raw)
            _load(_Counted(unpack(raw)), found)
    except Exception as problem:  # noqa: BLE001  a hostile file may raise anything
        detail = " ".join(str(problem).split())[:200]
        raise ModelError(f"it is no whole pickle ({type(problem).__name__}: {detail}): save the model again.") from None
    return tuple(found)


def _load(source: _Counted, found: dict[str, None]) -> Any:
    class Reader(pickle.Unpickler):
        def find_class(self, module: str, name: str) -> Any:
            full = f"{module}.{name}"
            found[full] = None
            return type("Named", (Inert,), {"name": full, "source": source, "found": found})

        def persistent_load(self, pid: Any) -> Any:
            return Inert(pid)

    return Reader(source).load()  # a reader without `peek`, so that no byte is read ahead
