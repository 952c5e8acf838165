from __future__ import annotations

import json
import math
import subprocess
from collections.abc import Callable
from pathlib import Path
import pytest
import rca
from rca import case as cases
from rca import drill
from rca.errors import NotApplicable, VersionError
from rca.evolution.bisect import bisect
from rca.evolution.replay import Options
from tests.workspace_plugin import edit, save, state

Copy = Callable[[Path], drill.Workspace]
ONCE = Options(repeats=1, jobs=1)


def fast(root: Path, commits: list[tuple[str, dict[str, str]]]) -> None:
    """Add commits, of a message and whole files, through git's own importer; the time moves on by an hour."""
    lines: list[str] = []
    for i, (message, files) in enumerate(commits):
        lines += ["commit refs/heads/main", f"author a <a@b.c> {1_700_000_000 + 3600 * i} +0000"]
        lines += [f"committer a <a@b.c> {1_700_000_000 + 3600 * i} +0000", f"data {len(message)}", message]
        lines += ["from refs/heads/main^0"] if i == 0 else []
        for path, text in files.items():
            lines += [f"M 100644 inline {path}", f"data {len(text.encode())}", text]
    stream = "\n".join([*lines, "done", ""]).encode()
    subprocess.run(["git", "fast-import", "--quiet", "--done"], cwd=root, input=stream, check=True)
    subprocess.run(["git", "reset", "--quiet", "--hard", "main"], cwd=root, check=True)


def with_metrics(work: drill.Workspace) -> None:
    """Let the project record its metric in git."""
    edit(
        work.root / "dvc.yaml",
        "    outs: [model.skops]\n",
        "    outs: [model.skops]\n    metrics: [metrics.json: {cache: false}]\n",
    )
    text = (work.root / "train.py").read_text()
    text += 'open("metrics.json", "w").write(__import__("json").dumps({"test": {"log_loss": 0.5 + 0.1 * level}}))\n'
    (work.root / "train.py").write_text(text)
    save(work, "measured")


def test_two_hundred_commits_are_read_and_none_is_run(mini: Path, copy_of: Copy) -> None:
    work = copy_of(mini)
    with_metrics(work)
    params, lock = ((work.root / name).read_text() for name in ("params.yaml", "dvc.lock"))
    edit(work.root / "params.yaml", "weight: 0", "weight: 2")
    save(work, "aside")
    bad = {name: (work.root / name).read_text() for name in ("params.yaml", "dvc.lock", "metrics.json")}
    work.git("reset", "--quiet", "--hard", "measured")
    good = {"params.yaml": params, "dvc.lock": lock, "metrics.json": json.dumps({"test": {"log_loss": 0.5}})}
    commits = [
        (f"Commit {i}", {"notes.md": f"{i}", **((good if i < 137 else bad) if i % 3 == 0 or i == 137 else {})})
        for i in range(200)
    ]
    fast(work.root, commits)
    before = state(work.root)
    case, _ = cases.of_versions("measured", "HEAD", config=work.root / "rca.yaml")
    found = bisect(case, "neg_log_loss", None, ONCE)
    assert (found.title, found.runs, found.stages_run, found.commits) == ("Commit 137", 0, 0, 200)
    assert found.date.startswith("2023-11-20T")
    assert found.step == pytest.approx((-0.5, -0.7))
    assert found.probability == 1.0
    told = rca.bisect("measured", "HEAD", config=work.root / "rca.yaml", options=ONCE)
    assert [(c.subject, c.status) for c in told.causes] == [("params.train.weight", "confirmed")]
    assert "200 commits were read and 0 run" in told.summary
    assert told.summary.startswith(f"Commit {found.commit[:7]} of 2023-11-20 ('Commit 137') moved neg_log_loss")
    assert sum(c.contribution for c in told.causes) == pytest.approx(told.gap.difference if told.gap else 0)
    assert state(work.root) == before


def test_without_metrics_what_is_undecided_is_run(mini: Path, copy_of: Copy) -> None:
    work = copy_of(mini)
    script = (work.root / "train.py").read_text()
    size, culprit = 10, 6
    commits = []
    for i in range(size):
        shift = "SHIFT = 3" if i >= culprit else "SHIFT = 0"
        # Every commit touches the script; comments alone are no change.
        text = script.replace("SHIFT = 0", shift) + (f"unused = {i}\n" if i % 2 == 0 else f"# {i}\n")
        commits.append((f"Commit {i}", {"train.py": text}))
    fast(work.root, commits)
    save(work, "bad")
    found = rca.bisect("good", "bad", config=work.root / "rca.yaml", options=ONCE)
    facts = found.provenance["culprit"]
    assert facts["title"] == f"Commit {culprit}"
    assert facts["runs"] <= math.log2(size) + 2
    assert [c.subject for c in found.causes] == ["code.train.py"]


def test_a_commit_that_does_not_build_is_looked_past(mini: Path, copy_of: Copy) -> None:
    work = copy_of(mini)
    script = (work.root / "train.py").read_text()
    broken = script + "raise SystemExit(3)\n"
    late = script.replace("SHIFT = 0", "SHIFT = 3")
    fast(
        work.root,
        [("one", {"train.py": script + "a = 1\n"}), ("two", {"train.py": broken}), ("three", {"train.py": late})],
    )
    save(work, "bad")
    answer = rca.bisect("good", "bad", config=work.root / "rca.yaml", options=ONCE)
    assert "cannot be compared with its parent" in answer.summary
    found = answer.provenance["culprit"]
    commits = {found["commit"], *found["among"]}
    titles = {
        subprocess.check_output(["git", "log", "-1", "--format=%s", c], cwd=work.root, text=True).strip()
        for c in commits
    }
    assert titles == {"two", "three"}


def test_what_cannot_be_searched_is_said(mini: Path, copy_of: Copy) -> None:
    work = copy_of(mini)
    fast(work.root, [("Notes", {"notes.md": "x"})])
    case, _ = cases.of_versions("good", "HEAD", config=work.root / "rca.yaml")
    with pytest.raises(NotApplicable, match="no commit between changes what the pipeline reads"):
        bisect(case, "neg_log_loss", None, ONCE)
    back, _ = cases.of_versions("HEAD", "good", config=work.root / "rca.yaml")
    with pytest.raises(VersionError, match="is no ancestor of"):
        bisect(back, "neg_log_loss", None, ONCE)
    found = rca.bisect("good", "HEAD", config=work.root / "rca.yaml")
    assert found.verdict == "inconclusive"


def test_a_recorded_step_that_the_models_do_not_show_is_said_to_be_chance(mini: Path, copy_of: Copy) -> None:
    work = copy_of(mini)
    with_metrics(work)
    edit(work.root / "train.py", "SHIFT = 0", "SHIFT = 0\nUNUSED = 1")
    save(work, "aside")
    bad = {name: (work.root / name).read_text() for name in ("train.py", "dvc.lock")}
    bad["metrics.json"] = json.dumps({"test": {"log_loss": 0.7}})
    work.git("reset", "--quiet", "--hard", "measured")
    fast(work.root, [("Nothing", {"notes.md": "1"}), ("Hardly anything", bad)])
    found = rca.bisect("measured", "HEAD", config=work.root / "rca.yaml", options=ONCE)
    assert (found.verdict, found.causes) == ("no_incident", ())
    assert "'Hardly anything'" in found.summary
    assert "by no more than chance makes them: No incident: " in found.summary
