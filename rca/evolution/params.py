"""Which parameters changed, by key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rca.evolution._changes import kind_of_key, sides
from rca.registry import diff
from rca.types import Case, Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

_UNSET = object()


@diff("RCA201", "parameters changed")
def parameters(case: Case) -> Iterator[Finding]:
    """Compare every parameter file key by key.

    The kind follows from the key's name: a seed, a threshold, an objective, preprocessing, an algorithm;
    anything else is a hyper-parameter. A key that no stage declares is said to be so, since DVC does not
    run a stage again for it.

    Yields
    ------
    Finding
        One for each key; `effect` is the relative change where both values are numbers.

    Examples
    --------
    >>> from rca.types import Case, Roles, Version
    >>> old = Version("good", "1", params={"train.max_depth": 4, "train.seed": 0})
    >>> new = Version("bad", "2", params={"train.max_depth": 8, "train.seed": 0})
    >>> [(f.subject, f.kind, f.effect) for f in parameters(Case((), Roles(), old, new))]
    [('params.train.max_depth', 'hyperparameter', 1.0)]
    >>> list(parameters(Case((), Roles(), old, old)))
    []
    """
    reference, current = sides(case)
    declared = {
        (key if file == "params.yaml" else f"{file}:{key}"): stage.name
        for stage in (*reference.stages.values(), *current.stages.values())
        for file, values in stage.params.items()
        for key in values
    }
    for key in {**reference.params, **current.params}:
        before, after = reference.params.get(key, _UNSET), current.params.get(key, _UNSET)
        if before == after and type(before) is type(after):
            continue
        stage = declared.get(key) or next((s for k, s in declared.items() if key.startswith(f"{k}.")), None)
        note = "" if stage else ", and no stage declares it"
        yield Finding(
            code="RCA201",
            kind=kind_of_key(key, case.seed_key),
            subject=f"params.{key}",
            stage=stage,
            effect=_relative(before, after),
            text=f"{key} went from {_show(before)} to {_show(after)}{note}",
            evidence={"reference": _show(before), "current": _show(after), "declared": stage is not None},
        )


def _relative(before: object, after: object) -> float | None:
    numbers = [float(v) for v in (before, after) if isinstance(v, int | float) and not isinstance(v, bool)]
    return (numbers[1] - numbers[0]) / abs(numbers[0]) if len(numbers) == 2 and numbers[0] else None


def _show(value: object) -> str:
    return "unset" if value is _UNSET else str(value)
