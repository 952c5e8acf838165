"""What differs between two fitted models: their steps and settings, and what they learned."""

from collections.abc import Iterator, Mapping
from typing import Any
import numpy as np
from rca.errors import NotApplicable
from rca.evolution._changes import asked, kind_of_key, relative
from rca.registry import diff
from rca.types import Case, Finding, Model

#: Settings that change no prediction.
_IDLE = {"n_jobs", "verbose", "copy", "copy_X", "memory", "warm_start", "verbose_feature_names_out"}
_IDLE |= {"steps", "transformers", "estimators"}  # which are parts
_DEPTH = 12  # how far into values is looked

Part = tuple[Any, bool]  # an estimator, and whether it prepares inputs for another


@diff("RCA206", "the model's steps or settings changed")
def settings(case: Case) -> Iterator[Finding]:
    """Compare the two models step by step: which there are, of which type, and how each is set.

    One finding for each step that came, went or became another type, and for each setting; `effect` is the relative
    change where both values are numbers.

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> old, new = (Version("", "", model=Ridge(alpha).fit([[0.0], [2.0]], [0.0, 2.0])) for alpha in (1, 2))
    >>> case = Case((), Roles(), old, new)
    >>> [(f.subject, f.kind, f.effect) for f in settings(case)]
    [('model.alpha', 'hyperparameter', 1.0)]
    >>> [f.text for f in learned(case)]
    ['the model learned other values: coef_ (0.6667 → 0.5), intercept_ (0.3333 → 0.5)']
    """
    sides = [dict(_parts(model)) for model in _opened(case)]
    for path in {**sides[0], **sides[1]}:
        subject = f"model.{path}".rstrip(".")
        (old, prepared), (new, prepares) = (side.get(path, (None, False)) for side in sides)
        names = [type(part).__name__ if part is not None else "absent" for part in (old, new)]
        if names[0] != names[1]:
            kind = "preprocessing" if prepared or prepares else "algorithm"
            text = f"the model's {f'step {path}' if path else 'type'} went from {names[0]} to {names[1]}"
            yield Finding("RCA206", kind, subject, text, evidence={"reference": names[0], "current": names[1]})
            continue
        values = [{k: v for k, v in part.get_params(deep=False).items() if k not in _IDLE} for part in (old, new)]
        for key in {**values[0], **values[1]}:
            pair = [side.get(key, "unset") for side in values]
            if not _same(*pair) and not any(hasattr(value, "fit") for value in pair):
                before, after = (" ".join(str(value).split())[:60] for value in pair)
                text = f"{subject}.{key} went from {before} to {after}"
                kind = "preprocessing" if prepares else kind_of_key(key)
                facts = {"reference": before, "current": after}
                yield Finding("RCA206", kind, f"{subject}.{key}", text, effect=relative(*pair), evidence=facts)
    order = [[path for path in side if path in sides[0] and path in sides[1]] for side in sides]
    if order[0] != order[1]:
        text = f"the model's steps went from the order {', '.join(order[0][1:])} to {', '.join(order[1][1:])}"
        yield Finding("RCA206", "preprocessing", "model", text)


@diff("RCA207", "what the model learned changed")
def learned(case: Case) -> Iterator[Finding]:
    """Compare what each step of the two models learned: means, categories, weights; see :func:`settings`.

    One finding for each step that is of one type in both models; `effect` is the largest relative change of a number,
    which the text names, by its feature where that is known.
    """
    models = _opened(case)
    before, after = (dict(_parts(model)) for model in models)
    try:
        columns = list(models[1][:-1].get_feature_names_out())  # type: ignore[index]  # what a pipeline's end sees
    except (TypeError, AttributeError, ValueError):
        columns = []
    for path, (part, prepares) in after.items():
        earlier, _ = before.get(path, (None, False))
        if type(earlier) is not type(part):
            continue
        old, new = vars(earlier), vars(part)
        moved = sorted(k for k in {**old, **new} if (k.endswith("_") or k.startswith("_")) and k != "transformers_")
        moved = [k for k in moved if not _same(old.get(k), new.get(k))]
        moved = [k for k in moved if not k.startswith("_")] or moved
        names = list(map(str, new.get("feature_names_in_", columns)))
        found = [_largest(old.get(key), new.get(key), names) for key in moved]
        if moved:
            subject, told = f"model.{path}".rstrip("."), [key + f[1] for key, f in zip(moved, found, strict=True)]
            text = f"{f'the step {path}' if path else 'the model'} learned other values: {', '.join(told)}"
            kind = "objective" if "classes_" in moved else "preprocessing" if prepares else "weights"
            effect = max(size for size, _ in found) or None
            yield Finding("RCA207", kind, subject, text, effect=effect, evidence={"attributes": moved})


def _opened(case: Case) -> tuple[Model, Model]:
    models = asked(case)
    if not all(hasattr(model, "get_params") for model in models):
        raise NotApplicable("a model of this format only answers: its parts are not known")
    return models


def _parts(model: Any, path: str = "", *, prepares: bool = False) -> Iterator[tuple[str, Part]]:
    """Return a model's estimators by their dotted path, outer before inner, in the order in which they are run."""
    yield path, (model, prepares)
    steps = list(getattr(model, "named_steps", {}).items())
    inner = [(name, part, prepares or i < len(steps)) for i, (name, part) in enumerate(steps, 1)]
    inner += [(name, part, True) for name, part in getattr(model, "named_transformers_", {}).items()]
    own = model.get_params(deep=False) if hasattr(model, "get_params") else {}
    # the fitted copy tells more than what it was made from
    inner += [(key, getattr(model, f"{key}_", value), prepares) for key, value in own.items() if hasattr(value, "fit")]
    for name, part, first in inner:
        if hasattr(part, "get_params"):
            yield from _parts(part, f"{path}.{name}".lstrip("."), prepares=first)


def _same(one: Any, other: Any, depth: int = 0) -> bool:
    """Whether two values are equal, as far as can be seen; bytes will not do, for trees have gaps between numbers."""
    if type(one) is not type(other) or depth > _DEPTH:
        return type(one) is type(other)
    if isinstance(one, np.ndarray) and one.dtype != object:
        return one.shape == other.shape and bool(np.all((one == other) | ((one != one) & (other != other))))  # noqa: PLR0124  nan
    states: list[Any] = [None if isinstance(v, type) else v.__getstate__() for v in (one, other)]
    pair: list[Any] = states if all(isinstance(s, dict) and s for s in states) else [one, other]
    if isinstance(pair[0], Mapping):
        return pair[0].keys() == pair[1].keys() and all(_same(v, pair[1][k], depth + 1) for k, v in pair[0].items())
    if isinstance(pair[0], list | tuple | np.ndarray):
        return len(pair[0]) == len(pair[1]) and all(_same(a, b, depth + 1) for a, b in zip(*pair, strict=True))
    default: Any = object.__eq__  # what a compiled object holds is not seen
    return bool(type(one).__eq__ == default or one == other or one != one)  # noqa: PLR0124  nan


def _largest(old: Any, new: Any, names: list[str]) -> tuple[float, str]:
    """Return the largest relative change between two arrays of one shape, and where it is."""
    try:
        one, two = (np.atleast_1d(np.asarray(value, dtype=float)) for value in (old, new))
    except (TypeError, ValueError):
        return 0.0, ""
    if one.shape != two.shape or not one.size:
        return 0.0, f" (of shape {one.shape} → {two.shape})"
    step = np.nan_to_num(np.abs(two - one) / np.maximum(np.abs(one), np.nanmedian(np.abs(one)) or 1.0), nan=0.0)
    at = int(step.argmax())
    where = names[at % one.shape[-1]] if len(names) == one.shape[-1] else str(at)
    values = f"{one.ravel()[at]:.4g} → {two.ravel()[at]:.4g}"
    return float(step.ravel()[at]), f" (most at '{where}': {values})" if one.size > 1 else f" ({values})"
