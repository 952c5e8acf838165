"""The showcase: a healthy system, then an incident with a decoy, as a real git and DVC repository."""

import ast
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
import numpy as np
import pandas as pd
from rca import plots
from rca.api import investigate
from rca.errors import ConfigError, ReplayError
from rca.evolution._runs import set_param
from rca.registry import Say, fault, silent
from rca.report import share, write
from rca.report.document import dump
from rca.sandbox import environment
from rca.types import Investigation

GOOD, BAD = "good", "bad"
PRODUCTION = "data/production.parquet"
#: What travels from the packaged system into a workspace.
PARTS = f"data/raw data/events.csv {PRODUCTION} pipeline dvc.yaml params.yaml rca.yaml requirements.lock".split()


@dataclass(frozen=True, slots=True)
class Workspace:
    """A git and DVC repository of the demo system."""

    root: Path

    def run(self, *command: str) -> None:
        """Run a command in the workspace; where it fails, what it said is the error."""
        env = environment(GIT_CONFIG_GLOBAL=os.devnull)
        done = subprocess.run(command, cwd=self.root, env=env, capture_output=True, text=True, check=False)
        if done.returncode:
            raise ReplayError(f"'{' '.join(command)}' failed in {self.root}: {(done.stderr or done.stdout)[-600:]}")

    def git(self, *arguments: str) -> None:
        """Run git as nobody in particular."""
        self.run("git", "-c", "user.name=demo", "-c", "user.email=demo@example.org", *arguments)

    def dvc(self, *arguments: str) -> None:
        """Run dvc."""
        self.run(sys.executable, "-m", "dvc", *arguments)

    def commit(self, message: str, tag: str) -> None:
        """Reproduce the pipeline, track the production log, commit everything and tag it."""
        self.dvc("add", "--quiet", PRODUCTION)
        self.dvc("repro", "--quiet")
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", message)
        self.git("tag", tag)


def build(root: Path, *, damage: bool = True, say: Say = silent) -> Workspace:
    """Make the workspace in a new folder: ``good``, then ``bad`` after a retrain and, by `damage`, a broken feed."""
    if root.exists() and any(root.iterdir()):
        raise ConfigError(f"{root} is not empty: name a new folder.")
    root.mkdir(parents=True, exist_ok=True)
    workspace = Workspace(root.resolve())
    say("copying the demo system")
    for part in PARTS:
        source, target = share(part), workspace.root / part
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", ".gitignore"))
        else:
            shutil.copyfile(source, target)
    workspace.run("git", "init", "--quiet", "--initial-branch", "main")
    workspace.dvc("init", "--quiet")
    say("training the good version")
    workspace.commit("Term-deposit propensity model", GOOD)
    say("planting the incident")
    _change(workspace.root, damage)
    workspace.commit("Retrain with a smaller step; tidy train.py", BAD)
    return workspace


def _change(root: Path, damage: bool) -> None:
    """Change hyper-parameters a little and reformat a script, the decoys; and let the feed switch to basis points."""
    for key, value in (("train.learning_rate", 0.08), ("train.max_leaf_nodes", 20)):
        set_param(root, "params.yaml", key, {key: value})
    script = root / "pipeline" / "train.py"
    script.write_text(ast.unparse(ast.parse(script.read_text(encoding="utf-8"))) + "\n", encoding="utf-8")
    if damage:
        log, rng = root / PRODUCTION, np.random.default_rng(0)
        knobs = {"factor": 100.0, "time": "contacted_at", "since": "2009-06-01"}
        damaged, _ = fault.get("unit_change").function(pd.read_parquet(log), "euribor3m", rng, **knobs)
        log.unlink()  # it is a link into the cache
        damaged.to_parquet(log, index=False)


def run(keep: Path | None, *, damage: bool = True, seed: int = 0, say: Say = silent) -> tuple[Investigation, Path]:
    """Make a workspace, to `keep` or not, investigate without being told, write ``reports``; return their page."""
    with tempfile.TemporaryDirectory(prefix="rca-demo-") as folder:
        workspace = build(keep or Path(folder) / "workspace", damage=damage, say=say)
        found = investigate(GOOD, BAD, config=workspace.root / "rca.yaml", seed=seed, say=say)
        home = (keep or Path.cwd()) / "reports"
        say("writing the report")
        dump(found, home / "investigation.json")
        (home / "waterfall.png").write_bytes(plots.png(plots.waterfall(found)))
        return found, Path(write(found, home / "report.html"))
