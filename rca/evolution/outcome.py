"""Whether the model is another file, and which recorded metrics moved with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rca.evolution._changes import producer, sides
from rca.registry import diff
from rca.types import Case, Finding

if TYPE_CHECKING:
    from collections.abc import Iterator


@diff("RCA204", "model and recorded metrics changed")
def outcome(case: Case) -> Iterator[Finding]:
    """Compare the model's hash and the metrics that both versions recorded.

    Yields
    ------
    Finding
        At most one, with the metrics before and after; recorded metrics carry no interval, which is why
        an investigation measures its own.

    Examples
    --------
    >>> from rca.types import Artifact, Case, Roles, Version
    >>> old, new = (
    ...     Version(r, r, artifacts={"model": Artifact("m.skops", md5, None)}, metrics={"auc": auc})
    ...     for r, md5, auc in (("good", "aa", 0.81), ("bad", "bb", 0.74))
    ... )
    >>> [f.text for f in outcome(Case((), Roles(), old, new))]
    ['the model m.skops is another one; recorded auc 0.81 → 0.74']
    >>> list(outcome(Case((), Roles(), old, old)))
    []
    """
    reference, current = sides(case)
    models = reference.artifacts.get("model"), current.artifacts.get("model")
    hashes = [m.md5 or m.file if m else None for m in models]
    shared = {**reference.metrics, **current.metrics}
    moved = {
        name: (reference.metrics[name], current.metrics[name])
        for name in shared
        if name in reference.metrics and name in current.metrics and reference.metrics[name] != current.metrics[name]
    }
    if hashes[0] == hashes[1] and not moved:
        return
    path = models[1].path if models[1] else case.model_path
    changes = ", ".join(f"{name} {a:g} → {b:g}" for name, (a, b) in moved.items())
    what = f"the model {path} is another one" if hashes[0] != hashes[1] else f"the model {path} is the same"
    yield Finding(
        code="RCA204",
        kind="weights",
        subject="model",
        stage=producer(current, path),
        text=what + (f"; recorded {changes}" if changes else ""),
        evidence={"metrics": {name: list(pair) for name, pair in moved.items()}, "md5": hashes},
    )
