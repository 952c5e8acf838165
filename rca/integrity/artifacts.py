"""RCA100, whether the files are what the lock says they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rca.errors import NotApplicable
from rca.registry import check
from rca.types import Case, Finding

if TYPE_CHECKING:
    from collections.abc import Iterator


@check("RCA100", "a file is not what was recorded")
def corrupt_artifact(case: Case) -> Iterator[Finding]:
    """Find artifacts whose bytes do not have the hash that the version recorded.

    Parameters
    ----------
    case : Case
        With a version on at least one side; two plain tables have no recorded hash.

    Yields
    ------
    Finding
        One for each side and role (``model``, ``data.train``, ...).

    Examples
    --------
    A model file was cut off; the training table is as it was recorded.

    >>> from rca.types import Artifact, Case, Roles, Version
    >>> cut = Artifact("models/model.skops", "9f3c1a", None, "it has 10 of 2,000 bytes", corrupt=True)
    >>> whole = Artifact("data/train.parquet", "77aa01", "train.parquet")
    >>> version = Version("HEAD", "1f2e", artifacts={"model": cut, "data.train": whole})
    >>> [(f.subject, f.text) for f in corrupt_artifact(Case((), Roles(), current=version))]
    [('model', 'models/model.skops of the current version is not the file that was recorded (hash 9f3c1a): \
it has 10 of 2,000 bytes.')]
    >>> sound = Version("HEAD", "1f2e", artifacts={"data.train": whole})
    >>> list(corrupt_artifact(Case((), Roles(), current=sound)))
    []
    """
    sides = {"reference": case.reference, "current": case.current}
    versions = {side: version for side, version in sides.items() if version is not None and version.artifacts}
    if not versions:
        raise NotApplicable("the case is two tables: there are no recorded files to verify.")
    for side, version in versions.items():
        for role, artifact in version.artifacts.items():
            if not artifact.corrupt:
                continue
            detail = f": {artifact.problem.rstrip('.')}" if artifact.problem else ""
            yield Finding(
                code="RCA100",
                kind="corrupt_artifact",
                subject=role,
                text=f"{artifact.path} of the {side} version is not the file that was recorded "
                f"(hash {artifact.md5}){detail}.",
                evidence={"path": artifact.path, "md5": artifact.md5, "side": side, "rev": version.rev},
            )
