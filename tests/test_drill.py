"""Drills are built as they are written, hide their truth, and score what is answered."""

from __future__ import annotations

import ast
import base64
import json
import shutil
import subprocess
import zlib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
import numpy as np
import pandas as pd
import pytest
import rca
from rca import drill
from rca.errors import ConfigError, VerificationError
from rca.gitrepo import Repository
from rca.registry import fault
from rca.types import Cause, Investigation
from tests.report.example import investigation
from tests.workspace_plugin import save, state

if TYPE_CHECKING:
    from collections.abc import Callable

KNOWN = drill.drills()


def files(root: Path) -> str:
    return subprocess.run(["git", "status", "--short"], cwd=root, capture_output=True, text=True, check=True).stdout


def test_there_are_fifty_of_all_sorts_on_three_systems() -> None:
    assert len(KNOWN) >= 50
    assert len({each.system for each in KNOWN.values()}) >= 3
    assert {each.level for each in KNOWN.values()} == {"easy", "middle", "hard"}
    assert sum(not each.causes for each in KNOWN.values()) >= 8
    assert sum(len(each.causes) > 1 for each in KNOWN.values()) >= 3
    assert sum(bool(each.decoys and each.causes) for each in KNOWN.values()) >= 10


@pytest.mark.parametrize("name", KNOWN)
def test_what_a_drill_does_can_be_done(name: str) -> None:
    each = KNOWN[name]
    for step in (step for part in (*each.causes, *each.decoys) for step in part["do"]):
        assert "run" in step or step["fault"] in fault.load()
    texts = drill.system(each.system).get("files", {})
    for step in (step for part in each.causes for step in part["do"] if "old" in step):
        file = step["file"]
        text = texts.get(file) or Path(rca.__file__).parents[1].joinpath(file).read_text()
        ast.parse(
            fault.get(step["fault"]).function(
                text, None, np.random.default_rng(0), **{k: step[k] for k in ("old", "new")}
            )[0]
        )


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A drill with two causes and a decoy, and the hash of its truth."""
    root = tmp_path_factory.mktemp("drill") / "work"
    return root, drill.make(root, "measures-18", seed=1)


def answer(root: Path | None, *causes: tuple[str, str, float]) -> Investigation:
    named = tuple(
        Cause("integrity", kind, subject, size, size - 0.01, size + 0.01, "confirmed", "", rank)
        for rank, (kind, subject, size) in enumerate(causes, 1)
    )
    found = replace(investigation(), verdict="cause_found" if causes else "no_incident", causes=named, findings=())
    commit = "b81e6470aa" if root is None else Repository(root).resolve("bad")
    return replace(found, current=replace(found.current, commit=commit))


@pytest.mark.slow
def test_the_truth_is_sealed_and_not_in_the_tree(done: tuple[Path, str]) -> None:
    root, seal = done
    assert files(root) == ""
    message = subprocess.run(["git", "log", "--format=%s"], cwd=root, capture_output=True, text=True, check=True).stdout
    assert message.split("\n")[:2] == ["Update", "The first version"]
    assert drill.score(root, answer(root), seal=seal).verdict is False
    with pytest.raises(VerificationError, match="does not have the hash"):
        drill.score(root, [], seal="0" * 64)
    with pytest.raises(ConfigError, match="is no workspace of a drill"):
        drill.score(root.parent, [])
    with pytest.raises(ConfigError, match="is no investigation of"):
        drill.score(root, answer(None))
    with pytest.raises(ConfigError, match="is no investigation of"):
        drill.score(root, replace(answer(root), gap=None))


@pytest.mark.slow
def test_contributions_are_measured_and_sum_to_what_was_done(done: tuple[Path, str]) -> None:
    root, _ = done
    truth = json.loads(zlib.decompress(base64.b64decode((root / drill.SEAL).read_bytes())))
    found = rca.investigate("good", "bad", config=root / "rca.yaml", replay=False)
    assert found.gap is not None
    # the decoy's part is in the gap as well, and is small
    assert sum(each["contribution"] for each in truth["causes"]) == pytest.approx(found.gap.difference, abs=0.05)


@pytest.mark.slow
def test_an_answer_is_scored(done: tuple[Path, str]) -> None:
    root, _ = done
    truth = json.loads(zlib.decompress(base64.b64decode((root / drill.SEAL).read_bytes())))["causes"]
    right = [
        ("sentinel_values", "data.evaluate.load", truth[0]["contribution"]),
        ("hyperparameter", "params.leaves", -9.0),
    ]
    whole = drill.score(root, answer(root, *right))
    assert (whole.verdict, whole.first, whole.three, whole.within, whole.false_causes) == (True, True, True, True, ())
    assert drill.score(root, answer(root, right[1])).within is False
    half = drill.score(root, answer(root, ("seed", "params.seed", -1.0), right[0]))
    assert (half.first, half.three, half.false_causes) == (False, False, ("seed params.seed",))
    person = drill.score(root, [(kind, subject) for kind, subject, _ in right])
    assert (person.verdict, person.first, person.three, person.within) == (True, True, True, None)


def seal(root: Path, commit: str, kind: str, subject: str, onset: str | None = None) -> None:
    """Write a truth of one cause, worth -1, that came in at a stage."""
    cause = {"kinds": [kind], "subject": subject, "path": f"{subject}.", "stage": "clean", "onset": onset}
    told = {"drill": "x", "commit": commit, "causes": [{**cause, "contribution": -1.0, "ends": [-1.0, -1.0]}]}
    (root / ".git").mkdir()
    (root / drill.SEAL).write_bytes(base64.b64encode(zlib.compress(json.dumps(told).encode())))


def test_what_explains_a_true_cause_is_no_false_one(tmp_path: Path) -> None:
    seal(tmp_path, "b81e6470aa", "label_noise", "data.train.y", "2024-01-01")
    inner, outer = answer(None, ("label_noise", "data.train.y", -1.2), ("training_data", "data.train", -1.3)).causes
    found = replace(
        answer(None), verdict="cause_found", causes=(replace(inner, within=2, stage="clean", findings=("F1",)), outer)
    )
    finding = replace(investigation().findings[0], id="F1", evidence={"onset": "2024-01-03T00:00:00"})
    scored = drill.score(tmp_path, replace(found, findings=(finding,)))
    assert (scored.first, scored.stage, scored.within, scored.onset_days) == (True, True, True, 2.0)
    assert scored.false_causes == ()


@pytest.mark.parametrize("content", [b"", b"no base64", base64.b64encode(zlib.compress(b"[3]")), b"\xff" * 100])
def test_a_truth_that_is_damaged_is_said(tmp_path: Path, content: bytes) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / drill.SEAL).write_bytes(content)
    with pytest.raises(VerificationError, match="is damaged"):
        drill.score(tmp_path, [])


def test_a_subject_is_one_or_a_part_of_it(tmp_path: Path) -> None:
    seal(tmp_path, "", "unit_change", "data.train.heat")
    whole = drill.score(tmp_path, [("unit_change", "data.train.heat")])
    assert (whole.first, whole.stage, whole.truth) == (True, None, ("unit_change data.train.heat -1",))
    assert drill.score(tmp_path, [("unit_change", "data.train.heating")]).first is False


def test_a_name_and_a_folder_that_do_not_fit_are_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no drill 'x': choose one of 'demo-01'"):
        drill.make(tmp_path / "new", "x")
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="is not empty"):
        drill.make(tmp_path, "measures-01")


def test_a_table_is_written_as_it_was_read(tmp_path: Path) -> None:
    table = pd.DataFrame({"a": [1.5, np.nan], "b": ["x", None], "at": pd.to_datetime(["2024-01-01", "2024-01-02"])})
    for name in ("t.csv", "t.parquet"):
        table.to_csv(tmp_path / name, index=False) if name.endswith("csv") else table.to_parquet(tmp_path / name)
        step: Any = {"do": [{"fault": "unit_change", "file": name, "column": "a", "factor": 2.0}]}
        drill.edit(tmp_path, step, np.random.default_rng(0))
        again = pd.read_csv(tmp_path / name) if name.endswith("csv") else pd.read_parquet(tmp_path / name)
        assert again["a"][0] == 3.0
        assert again["b"].tolist()[0] == "x"


@pytest.mark.slow
def test_a_project_of_ones_own_is_damaged_in_a_clone_of_it(
    mini: Path, tmp_path: Path, copy_of: Callable[[Path], drill.Workspace]
) -> None:
    before = state(mini)
    seal = drill.make(tmp_path / "mine", own=mini, rev="good", seed=2)
    assert state(mini) == before
    found = rca.investigate("good", "bad", config=tmp_path / "mine" / "rca.yaml", replay=False)
    scored = drill.score(tmp_path / "mine", found, seal=seal)
    assert (scored.drill, scored.first, scored.within, scored.false_causes) == ("own", True, True, ())
    outside = copy_of(mini)
    (outside.root / "exam.parquet").rename(tmp_path / "real.parquet")
    (outside.root / "exam.parquet").symlink_to(tmp_path / "real.parquet")
    save(outside, "linked")
    real = (tmp_path / "real.parquet").read_bytes()
    with pytest.raises(ConfigError, match="would not stay or not be in the clone alone"):
        drill.make(tmp_path / "other", own=outside.root)
    assert (tmp_path / "real.parquet").read_bytes() == real
    with pytest.raises(ConfigError, match="is not the root of a git and DVC repository"):
        shutil.rmtree(outside.root / ".dvc")
        drill.make(tmp_path / "third", own=outside.root)
    with pytest.raises(ConfigError, match="choose one of them"):
        drill.make(tmp_path / "third", "demo-01", own=outside.root)
