"""Repositories with real changes of known effect and with decoys: each is named, and weighs what it does."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING
import numpy as np
import pandas as pd
import pytest
import skops.io
import rca
from rca import drill, metrics
from rca.evolution.replay import Options
from rca.metrics import answers
from rca.stats import Estimate, shapley
from tests.workspace_plugin import edit, save

if TYPE_CHECKING:
    from collections.abc import Callable

METRIC = metrics.get("neg_log_loss")
SHAPES = ("plain", "subfolder", "foreach", "folder", "git")
REAL = ("data", "params", "code", "prepare")
KINDS = {
    "data": "training_data",
    "params": "hyperparameter",
    "code": "code_change",
    "prepare": "code_change",
    "env": "environment_change",
}
SUBJECTS = {
    "data": "data.train",
    "params": "params.train.weight",
    "code": "code.train.py",
    "prepare": "code.prepare.py",
    "env": "env.packaging",
}
PINS = "pyyaml==6.0.2\npackaging=={}\n"
#: What each change adds to the number of the model; the two that damage the same column do not add.
STEPS = {"params": 1, "code": 1, "env": 1}


def shaped(mini: Path, root: Path, shape: str) -> drill.Workspace:
    """Make a variant of the small project: another layout of the same system."""
    home = root / "sub" if shape == "subfolder" else root
    root.mkdir()
    work = drill.Workspace(root)
    work.run("git", "init", "--quiet", "--initial-branch", "main")
    for item in mini.iterdir():
        if item.name not in {".git", ".dvc", ".dvcignore", "dvc.lock", "model.skops", "train.csv", "raw.csv.dvc"}:
            copy = shutil.copytree if item.is_dir() else shutil.copy
            home.mkdir(exist_ok=True)
            copy(item, home / item.name)
    work = drill.Workspace(home)
    work.dvc("init", "--quiet", *(["--subdir"] if shape == "subfolder" else []))
    (home / ".gitignore").write_text("")
    edit(home / "dvc.yaml", "train.weight]", "train.weight, train.note]")
    edit(home / "params.yaml", "weight: 0", "weight: 0\n  note: 0")
    (home / "requirements.lock").write_text(PINS.format("24.1"))
    # A package's version moves the model as well, for a pipeline that runs with the packages that are pinned.
    edit(home / "train.py", 'params["weight"]', 'params["weight"] + newer')
    edit(home / "train.py", "SHIFT = 0\n", 'SHIFT = 0\nnewer = int(__import__("packaging").__version__ == "24.2")\n')
    if shape == "foreach":
        edit(home / "dvc.yaml", "  prepare:\n    cmd", "  prepare:\n    foreach: [one]\n    do:\n      cmd")
        edit(
            home / "dvc.yaml",
            "    deps: [prepare.py, raw.csv]\n    outs",
            "      deps: [prepare.py, raw.csv]\n      outs",
        )
    if shape == "folder":
        (home / "raw").mkdir()
        shutil.move(home / "raw.csv", home / "raw" / "raw.csv")
        edit(home / "dvc.yaml", "raw.csv", "raw")
        edit(home / "prepare.py", '"raw.csv"', '"raw/raw.csv"')
        work.dvc("add", "--quiet", "raw")
    elif shape != "git":
        work.dvc("add", "--quiet", "raw.csv")
    save(work, "good")
    return work


@pytest.fixture(scope="session")
def shapes(mini: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return the good version of each shape, made once."""
    home, made = tmp_path_factory.mktemp("shapes"), dict[str, Path]()

    def get(shape: str) -> Path:
        if shape not in made:
            made[shape] = shaped(mini, home / shape, shape).root
        return made[shape]

    return get


def plant(work: drill.Workspace, changes: list[str], shape: str) -> None:
    """Make the bad version: the changes, and two decoys that do nothing."""
    root = work.root
    if "data" in changes:
        table = root / ("raw/raw.csv" if shape == "folder" else "raw.csv")
        frame = pd.read_csv(table)
        table.unlink()
        frame.assign(a=frame["a"] + 100).to_csv(table, index=False)
        if shape != "git":
            work.dvc("add", "--quiet", "raw" if shape == "folder" else "raw.csv")
    if "params" in changes:
        edit(root / "params.yaml", "weight: 0", "weight: 1")
    if "code" in changes:
        edit(root / "train.py", "SHIFT = 0", "SHIFT = 1")
    if "prepare" in changes:
        edit(root / "prepare.py", ".read_text())", '.read_text().replace(",0.", ",900."))')
    if "env" in changes:
        (root / "requirements.lock").write_text(PINS.format("24.2"))
    if len(changes) > 2:
        edit(root / "params.yaml", "note: 0", "note: 1")  # declared, and read by nobody
    (root / "notes.md").write_text("Tidied.")
    edit(root / "train.py", "import csv, shutil", "import csv\nimport shutil  # tidied")
    save(work, "bad")


def truth(changes: list[str], value: Callable[[int], float]) -> dict[str, float]:
    def worth(present: frozenset[str]) -> Estimate:
        damaged = bool(present & {"data", "prepare"})
        return Estimate(value(sum(STEPS.get(p, 0) for p in present) + 2 * damaged))

    return {name: e.value for name, e in shapley(worth, changes).items()}


def levels(root: Path) -> Callable[[int], float]:
    exam = pd.read_parquet(root / "exam.parquet")

    def value(number: int) -> float:
        file = root / "models" / f"{number}.skops"
        model = skops.io.load(file, trusted=skops.io.get_untrusted_types(file=file))
        return METRIC.estimate(answers(METRIC, model, exam, "y", 1, "exam")).value

    return value


def drawn(seed: int) -> list[str]:
    """Choose what changes: four things at once in the first, then three, then fewer; the packages in some."""
    if seed == 0:
        return ["params", "data", "code", "prepare"]
    if seed == 1:
        return ["params", "data", "env"]
    draw = np.random.default_rng(seed)
    return draw.choice(REAL, 3 if seed < 4 else 1 + seed % 2, replace=False).tolist()  # type: ignore[no-any-return]


@pytest.mark.parametrize("seed", range(20))
def test_real_changes_weigh_what_they_do_and_decoys_nothing(
    shapes: Callable[[str], Path], tmp_path: Path, seed: int
) -> None:
    shape, changes = SHAPES[(seed - 1) % len(SHAPES)], drawn(seed)
    good = shapes(shape)
    top = good.parent if shape == "subfolder" else good
    shutil.copytree(top, tmp_path / "copy", symlinks=True)
    root = tmp_path / "copy" / good.relative_to(top)
    plant(drill.Workspace(root), changes, shape)
    how = Options(repeats=1, jobs=2, env="env" in changes)
    runs = root / ".dvc/cache/runs"
    known = set(runs.rglob("*"))
    found = rca.replay("good", "bad", config=root / "rca.yaml", options=how)
    assert not how.env or set(runs.rglob("*")) == known, "DVC knows nothing of other packages"
    named = {f.subject: f.kind for f in found.findings if f.code.startswith("RCA2")}
    expected = truth(changes, levels(root))
    causes = {c.subject: c for c in found.causes if c.within is None}
    for change in changes:
        subject = SUBJECTS[change]
        assert named[subject] == KINDS[change]
        if abs(expected[change]) > 1e-6:
            assert causes[subject].contribution == pytest.approx(expected[change], abs=1e-9)
            assert causes[subject].low <= expected[change] <= causes[subject].high
    assert set(causes) <= {SUBJECTS[change] for change in changes}
