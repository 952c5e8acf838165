"""Model files, read without running what is in them, and asked for predictions."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

from rca.errors import ModelError, choices
from rca.types import Model

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


def load(file: str, name: str | None = None) -> Model:
    """Read a model that skops saved; `name` is its path in the project, for a DVC cache has no extensions.

    Examples
    --------
    >>> load("model.pkl")
    Traceback (most recent call last):
    ...
    rca.errors.ModelError: model.pkl is a pickle, which runs code when it is read: save the model with skops.io.dump.
    """
    import skops.io

    name = name or file
    suffix = PurePosixPath(name).suffix
    if suffix in {".pkl", ".pickle", ".joblib"}:
        raise ModelError(f"{name} is a pickle, which runs code when it is read: save the model with skops.io.dump.")
    if suffix != ".skops":
        raise ModelError(f"{name} is in a format that is not read here: the formats are '.skops'; save the model so.")
    try:
        named = skops.io.get_untrusted_types(file=file)
        foreign = [kind for kind in named if not _is_trusted(kind)]
        if not foreign:
            return skops.io.load(file, trusted=named)  # type: ignore[no-any-return]  # skops is untyped
    except Exception as problem:  # noqa: BLE001  a damaged file may raise anything
        detail = " ".join(str(problem).split())[:300]
        raise ModelError(f"{name} does not load ({type(problem).__name__}: {detail}): save it again.") from None
    raise ModelError(
        f"{name} names types outside the allow-list ({choices(foreign)}), so it is not loaded: "
        "build the model of scikit-learn's own types."
    )


def _is_trusted(kind: str) -> bool:
    name = kind.rsplit(".", 1)[-1]
    return kind.startswith(TRUSTED) and (name in FUNCTIONS or name.lstrip("_")[:1].isupper())


def classes(model: Model) -> list[Any] | None:
    """Return the classes of a classifier, or None for a regressor."""
    found = getattr(model, "classes_", None)
    return None if found is None else list(found)
