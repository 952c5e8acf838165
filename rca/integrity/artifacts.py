"""RCA100, whether the files are what the lock says they are."""

from collections.abc import Iterator
from rca.errors import NotApplicable
from rca.registry import check
from rca.types import Artifact, Case, Finding, Version


@check("RCA100", "a file is not what was recorded")
def corrupt_artifact(case: Case) -> Iterator[Finding]:
    """Find files whose bytes do not have the hash that the version recorded.

    Every output, source and file of a folder that DVC keeps is hashed where the local cache has it, whether or
    not it plays a role; what is absent there is no finding.

    One finding for each side and role (``model``, ``data.train``, ...) or other path (``data.`` and the path).

    Examples
    --------
    A model file was cut off; the training table is as it was recorded.

    >>> cut = Artifact("models/model.skops", "9f3c1a", None, "it has 10 of 2,000 bytes", corrupt=True)
    >>> whole = Artifact("data/train.parquet", "77aa01", "train.parquet")
    >>> version = Version("HEAD", "1f2e", artifacts={"model": cut, "data.train": whole})
    >>> [(f.subject, f.text) for f in corrupt_artifact(Case((), Roles(), current=version))]
    [('model', 'models/model.skops of the current version is not the file that was recorded (hash 9f3c1a): \
it has 10 of 2,000 bytes.')]
    """
    sides = {"reference": case.reference, "current": case.current}
    versions = {side: version for side, version in sides.items() if version is not None and version.artifacts}
    if not versions:
        raise NotApplicable("the case is two tables: there are no recorded files to verify.")
    known: dict[str, bool | None] = {}
    for side, version in versions.items():
        roles = {artifact.path: role for role, artifact in version.artifacts.items()}
        for artifact, members in _corrupt(version, known):
            detail = f": {artifact.problem.rstrip('.')}" if artifact.problem else ""
            listed = {"members": members[:10], "damaged": len(members)} if members else {}
            kept = "what" if members else "the file that"
            text = f"{artifact.path} of the {side} version is not {kept} was recorded (hash {artifact.md5}){detail}."
            subject = roles.get(artifact.path, f"data.{artifact.path}")
            facts = {"path": artifact.path, "md5": artifact.md5, "side": side, "rev": version.rev, **listed}
            yield Finding("RCA100", "corrupt_artifact", subject, text, evidence=facts)
    usable = any(a.file or a.corrupt for version in versions.values() for a in version.artifacts.values())
    if not usable and not any(found is not None for found in known.values()):
        raise NotApplicable(f"none of the {len(known):,} recorded files is in the local cache: run 'dvc fetch'.")


def _corrupt(version: Version, known: dict[str, bool | None]) -> Iterator[tuple[Artifact, list[str]]]:
    """Yield what is not as recorded, and which files of it where it is a folder; each object is hashed once."""
    roles = {artifact.path: artifact for artifact in version.artifacts.values()}
    yield from ((artifact, []) for artifact in roles.values() if artifact.corrupt)
    if version.snapshot is None:
        return

    def broken(md5: str | None) -> bool:
        if md5 and md5 not in known:
            known[md5] = version.snapshot.sound(md5)
        return bool(md5) and known[str(md5)] is False

    how = "in the DVC cache, which 'dvc status' does not see: remove them there, then 'dvc fetch' or 'dvc repro'"
    plain = {path: md5 for path, md5 in version.snapshot.recorded.items() if path not in roles}
    for path, md5 in {**{path: a.md5 for path, a in roles.items() if not a.corrupt}, **plain}.items():
        inside = {p: m for p, m in version.snapshot.members(path).items() if p not in roles}
        members = sorted(p for p, m in inside.items() if broken(m))
        problem = f"{len(members):,} of its {len(inside):,} files have other bytes" if members else "its bytes changed"
        if members or broken(md5):
            yield Artifact(path, md5, None, f"{problem} {how}", corrupt=True), members
