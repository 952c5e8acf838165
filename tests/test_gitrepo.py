from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING
import pytest
from rca.errors import ConfigError
from rca.gitrepo import Repository

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from rca import drill


def test_a_folder_without_git_is_told_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is in no git repository: go to the project"):
        Repository(tmp_path).resolve("HEAD")


def test_files_and_blobs(mini: Path) -> None:
    repository = Repository(mini)
    files = repository.files(repository.resolve("good"))
    blobs = repository.blobs([files["params.yaml"], files["requirements.lock"]])
    assert blobs[files["requirements.lock"]] == b"numpy==1.0.0\n"
    assert repository.blobs([]) == {}


def test_a_title_with_odd_line_ends_is_one_title(mini: Path, copy_of: Callable[[Path], drill.Workspace]) -> None:
    work = copy_of(mini)
    work.git("commit", "--quiet", "--allow-empty", "--message", "one\u2028two\x0bthree")
    repository = Repository(work.root)
    (commit,) = repository.history(repository.resolve("good"), repository.resolve("HEAD"))
    assert commit["subject"] == "one\u2028two\x0bthree"


def test_changes_that_are_in_no_revision(mini: Path) -> None:
    assert Repository(mini).changed() == []


def test_the_variables_of_a_hook_name_no_other_repository(
    mini: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = Repository(mini).resolve("good")
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    monkeypatch.setenv("GIT_DIR", str(tmp_path / ".git"))
    assert Repository(mini).resolve("good") == known
