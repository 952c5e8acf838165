from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rca.errors import ReplayError
from rca.gitrepo import Repository
from rca.sandbox import sandbox
from tests.workspace_plugin import state

if TYPE_CHECKING:
    from pathlib import Path


def test_a_sandbox_is_gone_afterwards_and_the_project_untouched(mini: Path) -> None:
    repository = Repository(mini)
    before = state(mini)
    with pytest.raises(ReplayError, match="dvc repro failed"), sandbox(repository, repository.resolve("good")) as box:
        (box.root / "train.py").write_text("raise SystemExit(3)")
        box.dvc("repro", "--pull", "--allow-missing")
    assert not box.root.exists()
    assert state(mini) == before


def test_a_run_that_does_not_end_is_given_up(mini: Path) -> None:
    repository = Repository(mini)
    with (
        pytest.raises(ReplayError, match="did not end within 3 s: raise --timeout"),
        sandbox(repository, repository.resolve("good")) as box,
    ):
        (box.root / "prepare.py").write_text("import time; time.sleep(60)")
        box.dvc("repro", "--pull", "--allow-missing", timeout=3)
