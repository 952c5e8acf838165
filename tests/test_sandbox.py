from __future__ import annotations

import os
import subprocess
import sys
import time
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


INTERRUPTED = """
import sys, threading, time
from pathlib import Path
from rca.gitrepo import Repository
from rca.sandbox import sandbox

def run():
    with sandbox(Repository(Path(sys.argv[1])), "good") as box:
        stage = "import os, pathlib, time; pathlib.Path(%r).write_text(str(os.getpid())); time.sleep(60)" % sys.argv[2]
        (box.root / "prepare.py").write_text(stage)
        box.dvc("repro", "--pull", "--allow-missing")

threading.Thread(target=run, daemon=True).start()
while not Path(sys.argv[2]).exists():
    time.sleep(0.1)
raise KeyboardInterrupt
"""


def test_nothing_is_left_where_the_process_ends_in_the_middle_of_a_run(mini: Path, tmp_path: Path) -> None:
    started, temporary = tmp_path / "started", tmp_path / "temporary"
    temporary.mkdir()
    command = [sys.executable, "-c", INTERRUPTED, str(mini), str(started)]
    env = {**os.environ, "TMPDIR": str(temporary)}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert "KeyboardInterrupt" in done.stderr
    assert list(temporary.glob("rca-*")) == []
    deadline = time.monotonic() + 20  # far less than the stage would take
    while is_running(int(started.read_text())):
        assert time.monotonic() < deadline
        time.sleep(0.1)


def is_running(process: int) -> bool:
    """Whether a process does anything; one that ended stays listed until its new parent asks for it."""
    state = subprocess.run(
        ["ps", "-o", "stat=", "-p", str(process)], capture_output=True, text=True, check=False
    ).stdout
    return bool(state.strip()) and not state.startswith("Z")
