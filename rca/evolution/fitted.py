"""What differs between two fitted models: their steps and settings, and what they learned."""

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from rca import models, pickles
from rca.errors import ModelError, NotApplicable
from rca.evolution._changes import kind_of_key, sides
from rca.registry import diff
from rca.types import Case, Finding, Version

#: Settings that change no prediction.
_IDLE = {"n_jobs", "verbose", "copy", "copy_X", "memory", "warm_start", "verbose_feature_names_out"}
#: How deep and how far is looked, at most.
_DEPTH, _PARTS = 12, 1_000_000


class Part(NamedTuple):
    """One estimator of a model."""

    name: str = "absent"
    state: Mapping[str, Any] = MappingProxyType({})
    prepares: bool = False  # whether it prepares inputs for another


Parts = dict[str, Part]


@diff("RCA206", "the model's steps or settings changed")
def settings(case: Case) -> Iterator[Finding]:
    """Compare the two models step by step: which there are, of which type, and how each is set.

    A pickle is compared as well, without being loaded.

    Yields
    ------
    Finding
        One for each step that came, went or became another type, and for each setting; `effect` is the relative
        change where both values are numbers.

    Examples
    --------
    >>> from rca.types import Case, Roles, Version
    >>> from sklearn.linear_model import LogisticRegression
    >>> old, new = (Version(r, r, model=LogisticRegression(C=c)) for r, c in (("good", 1.0), ("bad", 0.1)))
    >>> [(f.subject, f.kind, f.effect) for f in settings(Case((), Roles(), old, new))]
    [('model.C', 'hyperparameter', -0.9)]
    """
    before, after = _both(case)
    for path in {**before, **after}:
        subject, kind = f"model.{path}".rstrip("."), "algorithm"
        old, new = (parts.get(path, Part()) for parts in (before, after))
        if old.name != new.name:
            text = f"the model's {f'step {path}' if path else 'type'} went from {old.name} to {new.name}"
            kind = "preprocessing" if old.prepares or new.prepares else "algorithm"
            yield Finding("RCA206", kind, subject, text, evidence=_values(old.name, new.name))
            continue
        for key in {**old.state, **new.state}:
            pair = [side.state.get(key, "unset") for side in (old, new)]
            if key.endswith("_") or key.startswith("_") or key in _IDLE or _same(*pair):
                continue
            text = f"{subject}.{key} went from {_short(pair[0])} to {_short(pair[1])}"
            numbers = [float(v) for v in pair if type(v) in (int, float)]
            effect = (numbers[1] - numbers[0]) / abs(numbers[0]) if len(numbers) == 2 and numbers[0] else None
            kind = "preprocessing" if new.prepares else kind_of_key(key)
            facts = _values(*map(_short, pair))
            yield Finding("RCA206", kind, f"{subject}.{key}", text, effect=effect, evidence=facts)
    names = [[name for name in parts if name and name in before and name in after] for parts in (before, after)]
    if names[0] != names[1]:
        text = f"the model's steps went from the order {', '.join(names[0])} to {', '.join(names[1])}"
        yield Finding("RCA206", "preprocessing", "model", text, evidence=_values(*names))


@diff("RCA207", "what the model learned changed")
def learned(case: Case) -> Iterator[Finding]:
    """Compare what each step of the two models learned: means, categories, weights, trees, features.

    Yields
    ------
    Finding
        One for each step that is of one type in both models; `effect` is the largest relative change of a number, and
        the text names it, by its feature where that is known.

    Examples
    --------
    >>> import numpy as np
    >>> from rca.types import Case, Roles, Version
    >>> from sklearn.preprocessing import StandardScaler
    >>> x = np.array([[1.0, 5.0], [3.0, 7.0]])
    >>> old, new = (Version(r, r, model=StandardScaler().fit(x * [1, c])) for r, c in (("good", 1), ("bad", 3)))
    >>> [f.text for f in learned(Case((), Roles(), old, new))]
    ["the model learned other values: mean_ (most at '1': 6 → 18), scale_ (most at '1': 1 → 3), \
var_ (most at '1': 1 → 9)"]
    """
    before, after = _both(case)
    columns = _columns(sides(case)[1].model)
    for path, (name, new, prepares) in after.items():
        old, moved, effect = before.get(path, Part()).state, [], 0.0
        keys = [k for k in {**old, **new} if k.endswith("_") or k.startswith("_")]
        found = sorted(k for k in keys if before[path].name == name and not _same(old.get(k), new.get(k)))
        fitted = [k for k in found if not k.startswith("_")] or found
        names = list(map(str, pickles.plain(new.get("feature_names_in_", ())))) or columns
        for key in fitted:
            size, where = _largest(old.get(key), new.get(key), names)
            effect = max(effect, size)
            moved.append(f"{key}{where}")
        if moved:
            subject = f"model.{path}".rstrip(".")
            text = f"{f'the step {path}' if path else 'the model'} learned other values: {', '.join(moved)}"
            kind = "objective" if "classes_" in fitted else "preprocessing" if prepares else "weights"
            yield Finding("RCA207", kind, subject, text, effect=effect or None, evidence={"attributes": fitted})


def _columns(model: Any) -> list[str]:
    """Return the names of what a pipeline's last step sees, or of what the model sees."""
    try:
        return list(model[:-1].get_feature_names_out())
    except Exception:  # noqa: BLE001  names are a courtesy, and few models know them
        return list(map(str, getattr(model, "feature_names_in_", ())))


def _both(case: Case) -> tuple[Parts, Parts]:
    """Return the parts of both models by their dotted path."""
    found: list[Parts] = []
    for side in sides(case):
        try:
            model = side.model if side.model is not None else _unloaded(side)
        except ModelError as problem:
            raise NotApplicable(f"the model of {side.rev} cannot be read: {problem}") from None
        parts: Parts = {}
        _walk(model, "", parts)
        found.append(parts)
    return found[0], found[1]


def _unloaded(side: Version) -> Any:
    """Return what a pickled model holds, without loading it."""
    artifact = side.artifacts.get("model")
    if artifact is None or artifact.file is None or PurePosixPath(artifact.path).suffix not in models.PICKLES:
        raise NotApplicable(f"the model of {side.rev} cannot be read: {side.model_problem or 'there is none'}")
    return pickles.read(artifact.file).content


def _state(thing: Any) -> dict[str, Any]:
    """Return the attributes of an object, or of what stands for one."""
    if isinstance(thing, pickles.Inert):
        return thing.state if isinstance(thing.state, dict) else {}  # type: ignore[attr-defined]
    if isinstance(thing, type) or not hasattr(thing, "__getstate__"):
        return {}
    state = thing.__getstate__()
    return state if isinstance(state, dict) else {}


def _is_part(thing: Any) -> bool:
    named = thing.name if isinstance(thing, pickles.Inert) else ""
    return hasattr(thing, "get_params") or (
        named.split(".")[0] not in {"", "numpy", "builtins"} and bool(_state(thing))
    )


def _walk(model: Any, path: str, parts: Parts, depth: int = 0, *, prepares: bool = False) -> None:
    """Gather a model's parts, outer before inner, in the order in which they are run."""
    state = {str(k): pickles.plain(v) for k, v in _state(model).items() if k != "_sklearn_version"}
    name = model.name if isinstance(model, pickles.Inert) else f"{type(model).__module__}.{type(model).__qualname__}"
    own: dict[str, Any] = {}
    parts[path] = Part(name.rsplit(".", 1)[-1], own, prepares)
    for key, value in state.items():
        inner = {} if depth > _DEPTH or key.startswith("_") else _children(key, value)
        if not inner:
            own[key] = value
        elif f"{key}_" not in state:  # the fitted copy tells more than what it was made from
            for i, (child, part) in enumerate(inner.items(), 1):
                first = key.startswith("transformer") or (key == "steps" and i < len(inner))
                _walk(part, f"{path}.{child}".lstrip("."), parts, depth + 1, prepares=prepares or first)


def _children(key: str, value: Any) -> dict[str, Any]:
    """Return the parts that an attribute holds: one, or a list of names with parts."""
    if _is_part(value):
        return {key.rstrip("_"): value}
    items = value if isinstance(value, list) else []
    named = [i for i in items if isinstance(i, tuple) and len(i) > 1 and isinstance(i[0], str)]
    return {i[0]: i[1] for i in named if _is_part(i[1])} if len(named) == len(items) else {}


def _same(one: Any, other: Any) -> bool:
    """Whether two values are equal, whatever they are made of."""
    return _digest(one, {}) == _digest(other, {})


def _digest(value: Any, known: dict[int, tuple[str, Any]]) -> str:
    """Return what stands for a value; each object is looked at once, as a hostile file may repeat it without end."""
    if id(value) in known or len(known) > _PARTS:
        return known.get(id(value), ("", None))[0]
    known[id(value)] = "", value
    bare = pickles.plain(value)
    parts: Any = None
    if isinstance(bare, np.ndarray):
        parts = bare.shape, bare.tobytes() if bare.dtype != object else list(map(str, bare.ravel()))
    elif isinstance(bare, Mapping):
        parts = [(str(k), _digest(v, known)) for k, v in bare.items()]
    elif isinstance(bare, list | tuple | set | frozenset):
        parts = [_digest(v, known) for v in bare]
    elif isinstance(bare, pickles.Inert):
        parts = bare.name, [_digest(v, known) for v in bare.__dict__.values()]
    elif isinstance(bare, type):
        parts = getattr(bare, "name", f"{bare.__module__}.{bare.__qualname__}")
    elif _state(bare):
        parts = type(bare).__qualname__, _digest(_state(bare), known)
    elif bare is None or isinstance(bare, str | bytes | int | float | complex | np.generic):
        parts = bare.item() if isinstance(bare, np.generic) else bare
    else:
        parts = type(bare).__qualname__  # what a compiled object holds is not seen
    known[id(value)] = hashlib.sha256(repr(parts).encode(errors="replace")).hexdigest(), value
    return known[id(value)][0]


def _largest(old: Any, new: Any, names: list[str]) -> tuple[float, str]:
    """Return the largest relative change between two arrays of one shape, and where it is."""
    try:
        one, two = (np.asarray(pickles.plain(v), dtype=float) for v in (old, new))
    except (TypeError, ValueError):
        return 0.0, ""
    if one.shape != two.shape or not one.size:
        return 0.0, f" (of shape {one.shape} → {two.shape})"
    step = np.nan_to_num(np.abs(two - one) / np.maximum(np.abs(one), np.nanmedian(np.abs(one)) or 1.0), nan=0.0)
    at = int(step.argmax())
    column = at % one.shape[-1] if one.ndim else 0
    where = names[column] if one.ndim and len(names) == one.shape[-1] else str(at)
    values = f"{one.ravel()[at]:.4g} → {two.ravel()[at]:.4g}"
    return float(step.ravel()[at]), f" (most at '{where}': {values})" if one.size > 1 else f" ({values})"


def _short(value: Any) -> str:
    text = " ".join(str(value).split())
    return text if len(text) <= 60 else f"{text[:57]}..."


def _values(before: Any, after: Any) -> dict[str, Any]:
    return {"reference": before, "current": after}
