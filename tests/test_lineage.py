"""Which stage, commit and line let a damage in, on pipelines with damages planted on purpose."""

from __future__ import annotations

import contextlib
import runpy
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
import yaml

import rca
from rca import demo
from rca.lineage import trace
from rca.types import Case, Finding, Roles
from tests.workspace_plugin import edit

if TYPE_CHECKING:
    from collections.abc import Callable

    from rca.types import Investigation

Copy = Callable[[Path], demo.Workspace] if TYPE_CHECKING else Any

CONFIG = """
system: chain
model: model.skops
data: {train: data/features/train.parquet, evaluate: data/features/evaluate.parquet, production: data/log.parquet}
target: y
features: [income, age, city, ratio]
key: [id]
time: at
"""
STAGES = """
stages:
  clean:
    cmd: python pipeline/clean.py
    deps: [pipeline/clean.py, data/raw.csv]
    outs: [data/clean]
  features:
    foreach: [train, evaluate]
    do:
      cmd: python pipeline/features.py ${item}
      deps: [pipeline/features.py, data/clean]
      params: [features.cap, features.scale]
      outs: ["data/features/${item}.parquet"]
"""
CLEAN = """
import pathlib
import pandas as pd

calls = pd.read_csv("data/raw.csv", parse_dates=["at"])
calls = calls.rename(columns={"earned": "income"})
calls["age"] = calls["age"].clip(18, 100)
pathlib.Path("data/clean").mkdir(parents=True, exist_ok=True)
calls[calls["id"] % 4 > 0].to_parquet("data/clean/train.parquet", index=False)
calls[calls["id"] % 4 == 0].to_parquet("data/clean/evaluate.parquet", index=False)
"""
FEATURES = """
import pathlib
import sys
import pandas as pd
import yaml

params = yaml.safe_load(pathlib.Path("params.yaml").read_text())["features"]
calls = pd.read_parquet(f"data/clean/{sys.argv[1]}.parquet")
calls["income"] = (
    calls["income"].clip(upper=params["cap"])
    * params["scale"]
)
calls["ratio"] = calls["income"] / calls["age"]
pathlib.Path("data/features").mkdir(parents=True, exist_ok=True)
calls.to_parquet(f"data/features/{sys.argv[1]}.parquet", index=False)
"""


def people(rows: int, seed: int) -> pd.DataFrame:
    draw = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "id": np.arange(rows),
            "at": pd.date_range("2024-01-01", periods=rows, freq="h"),
            "earned": draw.lognormal(8, 0.5, rows).round(2),
            "age": draw.normal(45, 12, rows).round(1),
            "city": draw.choice(["Rome", "Oslo", "Bonn"], rows, p=[0.5, 0.3, 0.2]),
            "y": draw.integers(0, 2, rows),
        }
    )


def save(work: demo.Workspace, message: str, tag: str | None = None) -> None:
    """Run every stage here and let DVC record it: starting an interpreter for each takes long."""
    declared = yaml.safe_load((work.root / "dvc.yaml").read_text())["stages"]
    with contextlib.chdir(work.root):
        for stage in declared.values():
            for item in stage.get("foreach", [None]):
                command = stage.get("do", stage)["cmd"].replace("${item}", str(item)).split()[1:]
                with pytest.MonkeyPatch.context() as patch:
                    patch.setattr("sys.argv", command)
                    runpy.run_path(command[0], run_name="__main__")
    work.dvc("commit", "--quiet", "--force")
    work.git("add", "--all")
    work.git("commit", "--quiet", "--message", message)
    if tag:
        work.git("tag", tag)


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of two stages, one of them foreach, the other with a folder as output, and a log. Read only."""
    root = tmp_path_factory.mktemp("chain") / "project"
    (root / "pipeline").mkdir(parents=True)
    (root / "data").mkdir()
    work = demo.Workspace(root)
    work.run("git", "init", "--quiet", "--initial-branch", "main")
    work.dvc("init", "--quiet")
    raw = people(4000, 0)
    raw.to_csv(root / "data/raw.csv", index=False)
    log = raw.rename(columns={"earned": "income"}).assign(age=raw["age"].clip(18, 100))
    log["ratio"] = log["income"] / log["age"]
    log.to_parquet(root / "data/log.parquet", index=False)
    for name, text in {
        "rca.yaml": CONFIG,
        "dvc.yaml": STAGES,
        "pipeline/clean.py": CLEAN,
        "pipeline/features.py": FEATURES,
        "params.yaml": "features:\n  cap: 1000000\n  scale: 1\nother: 0\n",
        "requirements.lock": "pandas==2.2.0\n",
    }.items():
        (root / name).write_text(text.lstrip())
    work.dvc("add", "--quiet", "data/raw.csv", "data/log.parquet")
    save(work, "Begin", "good")
    return root


def replaced(work: demo.Workspace, path: str, change: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    """Damage a source and track it."""
    csv = path.endswith(".csv")
    frame = pd.read_csv(work.root / path) if csv else pd.read_parquet(work.root / path)
    (work.root / path).unlink()
    damaged = change(frame)
    damaged.to_csv(work.root / path, index=False) if csv else damaged.to_parquet(work.root / path, index=False)


def looked(work: demo.Workspace) -> Investigation:
    return rca.check("good", "HEAD", config=work.root / "rca.yaml")


def of(found: Investigation, kind: str, subject: str) -> Finding:
    (finding,) = [f for f in found.findings if (f.kind, f.subject) == (kind, subject)]
    return finding


def test_explore(chain: Path, copy_of: Copy) -> None:
    work = copy_of(chain)
    edit(work.root / "pipeline/features.py", 'calls["ratio"] =', 'calls["income"] *= 100\ncalls["ratio"] =')
    save(work, "Use cents")
    found = looked(work)
    for f in found.findings:
        print(f.kind, f.subject, f.stage, f.text, f.evidence)
    raise AssertionError
