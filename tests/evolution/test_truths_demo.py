"""The demo system with real changes, whose effects are known without rca: the scripts are run by themselves."""

from __future__ import annotations

import importlib.metadata
import runpy
import shutil
from functools import cache
from typing import TYPE_CHECKING, Any
import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.metrics import get_scorer
import rca
from rca import drill
from rca.evolution.replay import Options
from rca.report import share
from rca.stats import Estimate, shapley
from tests.workspace_plugin import edit, save

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TRAIN, PREPARE = "pipeline/train.py", "pipeline/prepare.py"
RAW = "data/raw/bank_marketing.parquet"
#: The packages that the stages import, as they are here; the last one is of no use to them.
NEEDED = ("pandas", "pyarrow", "numpy", "scikit-learn", "skops", "threadpoolctl", "pyyaml")
PINS = "".join(f"{name}=={importlib.metadata.version(name)}\n" for name in NEEDED) + "packaging==24.1\n"
#: A model that is otherwise with another package: with the newer one it learns less.
NEWER = 'params["max_iter"] = 4 if __import__("packaging").__version__ == "24.2" else params["max_iter"]\n'


def relabel(root: Path, part: float, seed: int) -> None:
    """Turn labels of training clients round; the exam stays."""
    parts = runpy.run_path(str(share(PREPARE)))  # as it was, whatever else changes
    raw = pd.read_parquet(root / RAW)
    clients = parts["split"](parts["tidy"](raw), 0)["train"].index
    struck = clients[np.random.default_rng(seed).random(len(clients)) < part]
    raw.loc[struck, "y"] = raw.loc[struck, "y"].map({"yes": "no", "no": "yes"})
    (root / RAW).unlink()
    raw.to_parquet(root / RAW, index=False)


def swap(path: str, old: str, new: str) -> Callable[[Path], None]:
    return lambda root: edit(root / path, old, new)


#: What may change, by the subject that it has in rca: its kind, and how it is done.
CHANGES: dict[str, dict[str, tuple[str, Callable[[Path], None]]]] = {
    "data.train": {
        "labels": ("training_data", lambda root: relabel(root, 0.4, 1)),
        "more labels": ("training_data", lambda root: relabel(root, 0.6, 2)),
    },
    "params.train.max_leaf_nodes": {"stumps": ("hyperparameter", swap("params.yaml", "nodes: 15", "nodes: 2"))},
    "params.train.learning_rate": {"wild": ("hyperparameter", swap("params.yaml", "rate: 0.1", "rate: 3.0"))},
    "params.train.min_samples_leaf": {"lazy": ("hyperparameter", swap("params.yaml", "leaf: 40", "leaf: 900"))},
    "code.pipeline/train.py": {
        "blind": ("code_change", swap(TRAIN, '"age_band", TARGET', '"age_band", "euribor3m", TARGET')),
        "turned": ("code_change", swap(TRAIN, "table[TARGET])\n    save", "table[TARGET].iloc[::-1])\n    save")),
    },
    "code.pipeline/prepare.py": {
        "fewer": ("code_change", swap(PREPARE, '"train": calls[place > 1]', '"train": calls[place > 1][::12]')),
    },
    "env.packaging": {"newer": ("environment_change", swap("requirements.lock", "packaging==24.1", "packaging==24.2"))},
}
NAMED = {name: (subject, *how) for subject, ways in CHANGES.items() for name, how in ways.items()}


def copied(root: Path) -> None:
    """Copy the demo system, with an eighth of its clients, and without what it served."""
    for part in ("pipeline", "dvc.yaml", "params.yaml", "rca.yaml", "data/events.csv"):
        source, target = share(part), root / part
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)
    (root / RAW).parent.mkdir(parents=True)
    pd.read_parquet(share(RAW))[::8].reset_index(drop=True).to_parquet(root / RAW, index=False)
    (root / "requirements.lock").write_text(PINS)
    edit(root / "rca.yaml", "  production: data/production.parquet\n", "")
    # how the model is scored is of no interest here
    stages = (root / "dvc.yaml").read_text()
    (root / "dvc.yaml").write_text(stages[: stages.index("  evaluate:")])
    edit(root / "dvc.yaml", "- features.age_edges", "- features.age_edges\n      - features.note")
    edit(root / "params.yaml", "features:", "features:\n  note: 0")
    edit(root / "pipeline/train.py", '["train"]\n', '["train"]\n    ' + NEWER)


@pytest.fixture(scope="session")
def system(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return the good version in a shape, made once; all share one DVC cache, and its memory of runs."""
    home = tmp_path_factory.mktemp("systems")

    @cache
    def get(shape: str) -> Path:
        top = home / shape
        root = top / "deep/down" if shape == "subfolder" else top
        copied(root)
        drill.Workspace(top).run("git", "init", "--quiet", "--initial-branch", "main")
        work = drill.Workspace(root)
        work.dvc("init", "--quiet", *(["--subdir"] if shape == "subfolder" else []))
        work.dvc("cache", "dir", "--quiet", str(home / "cache"))
        if shape != "git":
            work.dvc("add", "--quiet", RAW)
        save(work, "good")
        return root

    return get


@pytest.fixture(scope="session")
def worth(tmp_path_factory: pytest.TempPathFactory) -> Callable[[frozenset[str]], Estimate]:
    """Return what the system is worth with some changes: its scripts are run one after the other, without DVC."""
    home = tmp_path_factory.mktemp("truths")

    @cache
    def run(present: frozenset[str]) -> Estimate:
        root = home / ("-".join(sorted(present)) or "nothing")
        copied(root)
        for name in sorted(present - {"newer"}):
            NAMED[name][2](root)
        newer = "True" if "newer" in present else "False"
        edit(root / "pipeline/train.py", '__import__("packaging").__version__ == "24.2"', newer)
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(root)
            for script in ("prepare", "features", "train"):
                runpy.run_path(f"pipeline/{script}.py", run_name="__main__")
        file = root / "models/model.skops"
        model = skops.io.load(file, trusted=skops.io.get_untrusted_types(file=file))
        exam = pd.read_parquet(root / "data/features/evaluate.parquet")
        return Estimate(float(get_scorer("roc_auc")(model, exam[model.feature_names_in_], exam["y"])))

    return run


#: Four changes at once with the packages among them; then three, two and one, drawn so that all come.
FIRST = [["labels", "stumps", "fewer", "newer"], ["more labels", "wild", "blind"], ["labels", "lazy", "turned"]]


def drawn(seed: int) -> list[str]:
    """Choose what changes, of each subject one thing at most."""
    if seed < len(FIRST):
        return FIRST[seed]
    draw = np.random.default_rng(seed)
    subjects = draw.choice([s for s in CHANGES if s != "env.packaging"], 1 + seed % 2, replace=False)
    return [str(draw.choice(list(CHANGES[subject]))) for subject in subjects]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(20))
def test_changes_of_the_demo_system_weigh_what_they_do(
    system: Callable[[str], Path], worth: Callable[[frozenset[str]], Estimate], tmp_path: Path, seed: int
) -> None:
    changes, shape = drawn(seed), ("plain", "git", "subfolder")[seed % 3]
    good = system(shape)
    top = good.parents[1] if shape == "subfolder" else good
    shutil.copytree(top, tmp_path / "copy", symlinks=True)
    work = drill.Workspace(tmp_path / "copy" / good.relative_to(top))
    for name in changes:
        NAMED[name][2](work.root)
    if "data.train" in (NAMED[name][0] for name in changes) and shape != "git":
        work.dvc("add", "--quiet", RAW)
    # two decoys: a parameter that no script reads, and a script in another form
    edit(work.root / "params.yaml", "note: 0", "note: 1")
    edit(work.root / "pipeline/features.py", "    # the target last\n", "")
    save(work, "bad")
    how = Options(repeats=1, jobs=2, env="newer" in changes)
    found = rca.replay("good", "bad", config=work.root / "rca.yaml", options=how)
    kinds = {f.subject: f.kind for f in found.findings if f.code.startswith("RCA2")}
    weighed: list[Any] = [*found.ruled_out, *found.causes]
    told = {c.subject: c for c in weighed if c.contribution is not None}
    for name, true in shapley(worth, changes).items():
        subject, kind, _ = NAMED[name]
        assert kinds[subject] == kind
        assert told[subject].contribution == pytest.approx(true.value, abs=1e-9)
        assert told[subject].low <= true.value <= told[subject].high
    # rows that a changed script left out are lost rows too, inside of that change or, where it is too small, beside it
    known = {NAMED[name][0] for name in changes} | ({"data.train"} if "fewer" in changes else set())
    assert {c.subject for c in found.causes if c.within is None} <= known
    assert "params.features.note" in kinds
