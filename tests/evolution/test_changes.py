from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
import pandas as pd
import pytest
from rca import case as cases
from rca import drill, registry
from rca.evolution._changes import kind_of_key, root_changes, same_program
from rca.types import Artifact, Case, Roles, Stage, Version
from tests.workspace_plugin import changed, edit, save

Copy = Callable[[Path], drill.Workspace]


def test_each_change_enters_where_it_enters(mini: Path, copy_of: Copy) -> None:
    work = copy_of(mini)
    edit(work.root / "params.yaml", "weight: 0", "weight: 1")
    edit(work.root / "train.py", "SHIFT = 0", "SHIFT = 1")
    edit(work.root / "prepare.py", "\nPath", "\n# copied as it is\nPath")
    frame = pd.read_csv(work.root / "raw.csv")
    (work.root / "raw.csv").unlink()
    frame.assign(a=frame["a"] + 1).to_csv(work.root / "raw.csv", index=False)
    work.dvc("add", "--quiet", "raw.csv")
    edit(work.root / "requirements.lock", "1.0.0", "1.1.0")
    case = changed(work)
    found = {(c.subject, c.kind, c.stage) for c in root_changes(case)}
    assert found == {
        ("data.train", "training_data", "prepare"),
        ("params.train.weight", "hyperparameter", "train"),
        ("code.train.py", "code_change", "train"),
    }
    _, findings = registry.run(registry.diff.load().values(), case)
    subjects = {f.subject: f for f in findings}
    assert set(subjects) == {
        "params.train.weight",
        "code.train.py",
        "code.prepare.py",
        "env.numpy",
        "model",
        "data.train",
    }
    assert subjects["code.prepare.py"].evidence["same_program"]
    assert subjects["code.train.py"].evidence["functions"] == ["<module>"]


def test_a_file_that_is_imported_and_not_declared_is_seen(mini: Path, copy_of: Copy) -> None:
    work = copy_of(mini)
    (work.root / "helper.py").write_text("EXTRA = 0\n")
    edit(work.root / "train.py", "SHIFT = 0", "from helper import EXTRA as SHIFT")
    save(work, "declared")
    (work.root / "helper.py").write_text("EXTRA = 1\n")
    work.dvc("repro", "--quiet", "--force")
    work.git("add", "--all")
    work.git("commit", "--quiet", "--message", "undeclared")
    work.git("tag", "bad")
    case, _ = cases.of_versions("declared", "bad", config=work.root / "rca.yaml")
    (change,) = root_changes(case)
    assert (change.subject, change.declared) == ("code.helper.py", False)


def test_equal_versions_differ_in_nothing(mini: Path) -> None:
    case, _ = cases.of_versions("good", "HEAD", config=mini / "rca.yaml")
    assert root_changes(case) == ()
    outcomes, findings = registry.run(registry.diff.load().values(), case)
    assert findings == ()
    # nothing was logged that could tell which model answered
    assert {o.code for o in outcomes if o.status != "clear"} == {"RCA209"}


def test_a_key_tells_what_it_governs() -> None:
    keys = ("train.max_depth", "train.seed", "decide.threshold", "train.class_weight", "model")
    assert [kind_of_key(k) for k in keys] == ["hyperparameter", "seed", "threshold", "objective", "algorithm"]
    assert kind_of_key("a.b", "a.b") == "seed"


@pytest.mark.parametrize("other", ["x = (1)\n", "x = 1 # one", "\n\nx=1"])
def test_formatting_is_no_change(other: str) -> None:
    assert same_program("x = 1", other)


@pytest.mark.parametrize("other", ["x = 1.0", "y = 1", "x = '1'", "x = (", None])
def test_anything_else_is(other: str | None) -> None:
    assert not same_program("x = 1", other)


def test_the_functions_that_changed_are_told() -> None:
    old, new = (
        Version(rev, rev, files={"train.py": rev}, code={"train.py": f"A = 1\ndef fit(x):\n    return x {sign} 1\n"})
        for rev, sign in (("good", "+"), ("bad", "-"))
    )
    (finding,) = registry.diff.get("RCA202").function(Case((), Roles(), old, new))
    assert (finding.subject, finding.evidence["functions"]) == ("code.train.py", ["fit"])
    assert finding.text == "train.py changed in fit; no stage declares it"
    assert not finding.evidence["same_program"]


def test_another_model_and_the_metrics_that_moved_are_told() -> None:
    old, new = (
        Version(rev, rev, artifacts={"model": Artifact("m.skops", md5, None)}, metrics={"auc": auc, rev: 1.0})
        for rev, md5, auc in (("good", "aa", 0.81), ("bad", "bb", 0.74))
    )
    outcome = registry.diff.get("RCA204").function
    (finding,) = outcome(Case((), Roles(), old, new))
    assert finding.text == "the model m.skops is another one; recorded auc 0.81 → 0.74"
    assert list(outcome(Case((), Roles(), old, old))) == []


def test_packages_and_sources_that_differ_are_told() -> None:
    old, new = (
        Version(
            rev,
            rev,
            stages={"train": Stage("train", "t", {"raw.csv": rev}, {"m.skops": rev}, {})},
            tracked={"raw.csv": "raw.csv.dvc"},
            environment={"scikit-learn": version},
        )
        for rev, version in (("good", "1.5.2"), ("bad", "1.6.0"))
    )
    case = Case((), Roles(), old, new, model_path="m.skops")
    (package,) = registry.diff.get("RCA203").function(case)
    assert (package.subject, package.evidence["step"]) == ("env.scikit-learn", "minor")
    (source,) = registry.diff.get("RCA205").function(case)
    assert source.text == "raw.csv differs, and enters at stage train"
