"""Which stage, commit and line let a damage in, on pipelines with damages planted on purpose."""

from __future__ import annotations

import contextlib
import runpy
import shutil
from collections.abc import Callable
from pathlib import Path
import numpy as np
import pandas as pd
import pytest
import yaml
from rca import case as cases
from rca import drill, lineage, registry
from rca.types import Case, Finding, Roles
from tests.workspace_plugin import edit

Copy = Callable[[Path], drill.Workspace]

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


def save(work: drill.Workspace, message: str, tag: str | None = None) -> None:
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
    work = drill.Workspace(root)
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


def replaced(work: drill.Workspace, path: str, change: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    """Damage a source and track it."""
    csv = path.endswith(".csv")
    frame = pd.read_csv(work.root / path) if csv else pd.read_parquet(work.root / path)
    (work.root / path).unlink()
    damaged = change(frame)
    damaged.to_csv(work.root / path, index=False) if csv else damaged.to_parquet(work.root / path, index=False)


def found(work: drill.Workspace, *codes: str) -> dict[str, Finding]:
    """Run some checks between good and HEAD, and return the findings by subject."""
    case, _ = cases.of_versions("good", "HEAD", config=work.root / "rca.yaml")
    _, findings = registry.run([registry.check.get(code) for code in codes], case)
    return {f.subject: f for f in lineage.trace(case, findings)}


def line(work: drill.Workspace, finding: Finding) -> str:
    """Return the file and the text of the first line that is blamed."""
    path, _, span = finding.evidence["lines"][0].partition(":")
    return f"{path}: {(work.root / path).read_text().splitlines()[int(span.split('-')[0]) - 1].strip()}"


BEFORE_RATIO = 'calls["ratio"] ='


def test_a_bug_in_the_last_stage_among_decoys(chain: Path, copy_of: Copy) -> None:
    work = copy_of(chain)
    features = work.root / "pipeline/features.py"
    edit(features, "import sys", "import sys  # for the name of the part")
    work.git("commit", "--quiet", "--all", "--message", "Decoy before")
    edit(features, BEFORE_RATIO, f'calls["income"] *= 100\n{BEFORE_RATIO}')
    save(work, "Use cents")
    edit(features, BEFORE_RATIO, f"# per year of age\n{BEFORE_RATIO}")
    edit(work.root / "params.yaml", "other: 0", "other: 1")
    work.git("commit", "--quiet", "--all", "--message", "Decoy after")
    by = found(work, "RCA104")
    assert set(by) == {f"data.{part}.{name}" for part in ("train", "evaluate") for name in ("income", "ratio")}
    for subject, finding in by.items():
        assert finding.stage == f"features@{subject.split('.')[1]}"
        assert finding.evidence["commit"]["subject"] == "Use cents"
        assert line(work, finding) == 'pipeline/features.py: calls["income"] *= 100'
        assert finding.evidence["lineage"][-1]["damaged"]
    where, commit = by["data.train.income"].evidence["lines"][0], by["data.train.income"].evidence["commit"]["hash"]
    assert by["data.train.income"].text.endswith(
        f"It first shows in the output of stage 'features@train' ({where}, commit {commit[:7]}), not in its inputs."
    )


def test_bugs_in_an_earlier_stage(chain: Path, copy_of: Copy) -> None:
    work = copy_of(chain)
    clean = work.root / "pipeline/clean.py"
    edit(clean, 'calls["age"] =', 'calls = calls[calls["city"] != "Bonn"]\ncalls["age"] =')
    edit(clean, "pathlib.Path", 'calls.loc[calls["id"] % 5 == 2, "age"] = None\npathlib.Path')
    edit(work.root / "pipeline/features.py", "import sys", "import sys\n\nUNUSED = 1")
    save(work, "Clean more")
    by = found(work, "RCA101", "RCA110")
    assert {subject: f.stage for subject, f in by.items() if "ratio" not in subject} == {
        "data.train": "clean",
        "data.evaluate": "clean",
        "data.train.age": "clean",
        "data.evaluate.age": "clean",
    }
    assert line(work, by["data.train.age"]) == 'pipeline/clean.py: calls.loc[calls["id"] % 5 == 2, "age"] = None'
    assert line(work, by["data.evaluate"]) == 'pipeline/clean.py: calls = calls[calls["city"] != "Bonn"]'
    steps = [(s["path"], s["stage"], s["damaged"]) for s in by["data.train"].evidence["lineage"]]
    assert steps == [
        ("data/clean/train.parquet", "clean", True),
        ("data/features/train.parquet", "features@train", True),
    ]


def test_damage_in_the_raw_data_and_in_the_log(chain: Path, copy_of: Copy) -> None:
    work = copy_of(chain)
    replaced(work, "data/raw.csv", lambda raw: raw.assign(earned=raw["earned"] * 100))
    replaced(work, "data/log.parquet", lambda log: log.assign(income=log["income"] * 1000))
    edit(work.root / "pipeline/features.py", "import sys", "import sys\n\nUNUSED = 1")
    save(work, "New deliveries")
    by = found(work, "RCA104")
    for part in ("train", "evaluate"):
        finding = by[f"data.{part}.income"]
        assert (finding.stage, finding.evidence["source"]) == (None, "data/raw.csv")
        assert finding.evidence["lineage"][0]["column"] == "earned"
        assert finding.evidence["commit"]["subject"] == "New deliveries"
        assert "It came in with data/raw.csv, which no stage makes (commit " in finding.text
    logged = by["data.production.income"]
    assert (logged.stage, logged.evidence["source"]) == (None, "data/log.parquet")
    assert ", which no stage makes (commit " in logged.text


def test_a_parameter_and_the_environment(chain: Path, copy_of: Copy) -> None:
    work = copy_of(chain)
    edit(work.root / "params.yaml", "scale: 1", "scale: 100")
    edit(work.root / "params.yaml", "other: 0", "other: 1")
    save(work, "Rescale")
    finding = found(work, "RCA104")["data.train.income"]
    assert (finding.stage, finding.evidence["commit"]["subject"]) == ("features@train", "Rescale")
    assert line(work, finding) == "params.yaml: scale: 100"


def test_what_is_not_in_the_cache_is_looked_past(chain: Path, copy_of: Copy) -> None:
    work = copy_of(chain)
    clean = work.root / "pipeline/clean.py"
    edit(clean, 'calls["age"] =', 'calls["income"] *= 100\ncalls["age"] =')
    save(work, "Use cents")
    for place in (work.root / ".dvc/cache/files/md5").glob("*/*"):
        content = place.read_bytes()
        if content == (work.root / "data/clean/train.parquet").read_bytes():
            place.unlink()
    (work.root / "data/clean/train.parquet").unlink()
    finding = found(work, "RCA104")["data.train.income"]
    # the other file of the folder shows it; without that, the stage that changed is named
    assert finding.stage == "clean"
    assert finding.evidence["not_looked_at"] == ["data/clean/train.parquet"]
    assert "Not looked at: 'data/clean/train.parquet'." in finding.text
    shutil.rmtree(work.root / "data/clean")
    for listing in (work.root / ".dvc/cache/files/md5").glob("*/*.dir"):
        listing.unlink()
    finding = found(work, "RCA104")["data.train.income"]
    assert (finding.stage, finding.evidence["not_looked_at"]) == ("clean", ["data/clean"])
    assert line(work, finding) == 'pipeline/clean.py: calls["income"] *= 100'


def test_nothing_is_read_without_a_finding(monkeypatch: pytest.MonkeyPatch, chain: Path) -> None:
    case, _ = cases.of_versions("good", "good", config=chain / "rca.yaml")
    monkeypatch.setattr(lineage, "producer", None)
    other = Finding("RCA201", "hyperparameter", "params.a", "a went from 1 to 2")
    corrupt = Finding("RCA100", "corrupt_artifact", "data.train", "it is not what was recorded.")
    assert lineage.trace(case, (other, corrupt)) == (other, corrupt)
    assert lineage.trace(Case((), Roles()), (other,)) == (other,)
