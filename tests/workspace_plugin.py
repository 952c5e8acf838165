"""Real repositories for the tests: the demo system, and a small one whose models are known in advance."""

from __future__ import annotations

import shutil
import subprocess
import sys
from typing import TYPE_CHECKING
import numpy as np
import pandas as pd
import pytest
from rca import case as cases
from rca import drill
from rca.report import share

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from rca.types import Case

PRODUCTION = "data/production.parquet"
HEALTHY = "healthy"


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep what is noted of earlier runs apart from the user's."""
    home = tmp_path_factory.mktemp("noted")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("rca.evolution._runs.user_cache_path", lambda name: home / name)
        yield


@pytest.fixture(scope="session")
def demo_workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's repository with the tags good, bad and healthy (bad without the damage). Read only."""
    workspace = drill.start(tmp_path_factory.mktemp("demo") / "workspace", "demo")
    drill.strike(workspace, drill.drills()[drill.SHOWCASE])
    production = pd.read_parquet(share(PRODUCTION))
    (workspace.root / PRODUCTION).unlink()
    production.to_parquet(workspace.root / PRODUCTION, index=False)
    workspace.repro()
    workspace.commit("Undo the damage", HEALTHY)
    return workspace.root


@pytest.fixture
def copy_of(tmp_path: Path) -> Callable[[Path], drill.Workspace]:
    """Copy a repository, so that a test may change it."""

    def copy(source: Path) -> drill.Workspace:
        target = tmp_path / "copy"
        shutil.copytree(source, target, symlinks=True)
        return drill.Workspace(target)

    return copy


CONFIG = """
system: mini
model: model.skops
data: {train: train.csv, evaluate: exam.parquet}
target: y
metric: neg_log_loss
features: [a, b]
key: [id]
seed: train.seed
environment: requirements.lock
"""
STAGES = """
stages:
  prepare:
    cmd: python prepare.py
    deps: [prepare.py, raw.csv]
    outs: [train.csv]
  train:
    cmd: python train.py
    deps: [train.py, train.csv]
    params: [train.seed, train.weight]
    outs: [model.skops]
"""
PREPARE = """
from pathlib import Path
Path("train.csv").write_text(Path("raw.csv").read_text())
"""
# The "training" chooses among models that were made before, so that a run takes no time and its effect is known.
TRAIN = """
import csv, shutil
SHIFT = 0
params = __import__("yaml").safe_load(open("params.yaml"))["train"]
rows = list(csv.DictReader(open("train.csv")))
damaged = int(sum(float(r["a"]) for r in rows) / len(rows) > 50)
level = params["weight"] + SHIFT + 2 * damaged
shutil.copyfile(f"models/{level}.skops", "model.skops")
"""


def models(folder: Path) -> None:
    """Save logistic models whose weight on `a` shrinks with their number: 0 is right, 4 is useless."""
    import skops.io
    from sklearn.linear_model import LogisticRegression

    frame = pd.DataFrame({"a": [0.0, 1.0], "b": [0.0, 1.0]})
    folder.mkdir()
    for level in range(6):
        model = LogisticRegression().fit(frame, [0, 1])
        model.coef_, model.intercept_ = np.array([[2.0 - 0.5 * level, 1.0]]), np.array([0.0])
        skops.io.dump(model, folder / f"{level}.skops")


def sample(rows: int, seed: int) -> pd.DataFrame:
    """Draw rows of which model 0 is the truth."""
    draw = np.random.default_rng(seed)
    frame = pd.DataFrame({"id": np.arange(rows), "a": draw.normal(size=rows), "b": draw.normal(size=rows)})
    chance = 1 / (1 + np.exp(-2 * frame["a"] - frame["b"]))
    return frame.assign(y=(draw.random(rows) < chance).astype(int))


@pytest.fixture(scope="session")
def mini(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A two-stage project at one commit, tagged good. Read only."""
    root = tmp_path_factory.mktemp("mini") / "project"
    root.mkdir()
    workspace = drill.Workspace(root)
    workspace.run("git", "init", "--quiet", "--initial-branch", "main")
    workspace.dvc("init", "--quiet")
    models(root / "models")
    sample(400, 1).to_csv(root / "raw.csv", index=False)
    sample(4000, 2).to_parquet(root / "exam.parquet", index=False)
    for name, text in {
        "rca.yaml": CONFIG,
        "dvc.yaml": STAGES,
        "prepare.py": PREPARE,
        "train.py": TRAIN,
        "params.yaml": "train:\n  seed: 0\n  weight: 0\n",
        "requirements.lock": "numpy==1.0.0\n",
    }.items():
        (root / name).write_text(text.lstrip())
    workspace.dvc("add", "--quiet", "raw.csv")
    save(workspace, "good")
    return root


def save(workspace: drill.Workspace, tag: str) -> None:
    """Reproduce, commit and tag."""
    workspace.dvc("repro", "--quiet")
    workspace.git("add", "--all")
    workspace.git("commit", "--quiet", "--message", tag)
    workspace.git("tag", tag)


def changed(work: drill.Workspace) -> Case:
    """Commit the changes as bad and return the case of good and bad."""
    save(work, "bad")
    return cases.of_versions("good", "bad", config=work.root / "rca.yaml")[0]


def edit(path: Path, old: str, new: str) -> None:
    """Replace a text that must be there."""
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def state(root: Path) -> dict[str, str]:
    """Return everything in a repository that belongs to its user: work tree, index, refs, hooks, configuration."""
    listing = subprocess.run(
        [sys.executable, "-c", _STATE, str(root)], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    return dict(line.split("\t") for line in listing)


_STATE = """
import hashlib, pathlib, sys
root = pathlib.Path(sys.argv[1])
skip = ("objects", "cache", "tmp")
for path in sorted(p for p in root.rglob("*") if p.is_file()):
    parts = path.relative_to(root).parts
    if parts[0] in (".git", ".dvc") and len(parts) > 1 and parts[1] in skip:
        continue
    stat = path.stat()
    print(f"{path.relative_to(root)}\\t{hashlib.sha256(path.read_bytes()).hexdigest()} {oct(stat.st_mode)}")
"""
