from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rca.errors import ConfigError
from rca.gitrepo import Repository

if TYPE_CHECKING:
    from pathlib import Path


def test_a_folder_without_git_is_told_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is in no git repository: go to the project"):
        Repository(tmp_path).resolve("HEAD")


def test_files_and_blobs(mini: Path) -> None:
    repository = Repository(mini)
    files = repository.files(repository.resolve("good"))
    blobs = repository.blobs([files["params.yaml"], files["requirements.lock"]])
    assert blobs[files["requirements.lock"]] == b"numpy==1.0.0\n"
    assert repository.blobs([]) == {}


def test_changes_that_are_in_no_revision(mini: Path) -> None:
    assert Repository(mini).changed() == []
