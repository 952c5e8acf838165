from __future__ import annotations

import pytest

from rca.errors import NotApplicable
from rca.integrity.artifacts import corrupt_artifact
from rca.types import Artifact, Case, Roles, Version

SOUND = Artifact("data/train.parquet", "aa11", "train.parquet")
CUT = Artifact("model.skops", "bb22", None, "it has 10 of 2,000 bytes.", corrupt=True)
LOST = Artifact("data/old.parquet", "cc33", None, "it is not in the cache")


def version(**artifacts: Artifact) -> Version:
    return Version("HEAD", "1f", artifacts={role.replace("_", "."): artifact for role, artifact in artifacts.items()})


def test_names_role_path_hash_and_side() -> None:
    case = Case((), Roles(), version(data_train=SOUND), version(data_train=SOUND, model=CUT))
    (found,) = corrupt_artifact(case)
    assert (found.kind, found.subject) == ("corrupt_artifact", "model")
    assert found.text == (
        "model.skops of the current version is not the file that was recorded (hash bb22): it has 10 of 2,000 bytes."
    )
    assert found.evidence["side"] == "current"


def test_both_sides_are_verified() -> None:
    found = list(corrupt_artifact(Case((), Roles(), version(model=CUT), version(model=CUT))))
    assert [f.evidence["side"] for f in found] == ["reference", "current"]


def test_a_file_that_cannot_be_had_is_not_corrupt() -> None:
    assert list(corrupt_artifact(Case((), Roles(), version(data_train=LOST), version(data_train=SOUND)))) == []


def test_two_tables_have_no_recorded_files() -> None:
    with pytest.raises(NotApplicable, match="no recorded files"):
        list(corrupt_artifact(Case((), Roles())))
