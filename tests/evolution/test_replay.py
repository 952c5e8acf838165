from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING
import pandas as pd
import pytest
import skops.io
from rca import case as cases
from rca import drill, metrics
from rca.errors import NotApplicable, ReplayError
from rca.evolution._runs import retrain
from rca.evolution.replay import Options, Replay, plan, replay
from rca.metrics import answers
from rca.stats import Estimate, shapley
from tests.workspace_plugin import changed, edit, save, state

if TYPE_CHECKING:
    from rca.types import Case, Model

Copy = Callable[[Path], drill.Workspace]
METRIC = metrics.get("neg_log_loss")


def judge_on(root: Path) -> Callable[[Model], Estimate]:
    exam = pd.read_parquet(root / "exam.parquet")
    return lambda model: METRIC.estimate(answers(METRIC, model, exam, "y", 1, "exam"))


def run(case: Case, root: Path, repeats: int = 5, max_runs: int = 64) -> Replay:
    judge = judge_on(root)
    assert case.reference is not None
    assert case.current is not None
    assert case.reference.model is not None
    assert case.current.model is not None
    recorded = judge(case.current.model) - judge(case.reference.model)
    return replay(case, judge, recorded, Options(repeats=repeats, max_runs=max_runs, jobs=1))


def level(root: Path, number: int) -> Estimate:
    file = root / "models" / f"{number}.skops"
    return judge_on(root)(skops.io.load(file, trusted=skops.io.get_untrusted_types(file=file)))


def test_three_changes_get_their_exact_shapley_values(mini: Path, copy_of: Copy) -> None:
    work = copy_of(mini)
    edit(work.root / "params.yaml", "weight: 0", "weight: 1")
    edit(work.root / "train.py", "SHIFT = 0", "SHIFT = 1")
    frame = pd.read_csv(work.root / "raw.csv")
    (work.root / "raw.csv").unlink()
    frame.assign(a=frame["a"] + 100).to_csv(work.root / "raw.csv", index=False)
    work.dvc("add", "--quiet", "raw.csv")
    case = changed(work)
    before = state(work.root)
    done = run(case, work.root, repeats=1)
    steps = {"params.train.weight": 1, "code.train.py": 1, "data.train": 2}
    truth = shapley(lambda s: level(work.root, sum(steps[p] for p in s)), list(steps))
    found = {s.player.subject: s.contribution.value for s in done.shares}
    assert found == pytest.approx({name: e.value for name, e in truth.items()}, abs=1e-12)
    assert done.residual.value == pytest.approx(0, abs=1e-12)
    assert done.reproducible
    assert done.coalitions == 8
    # Two corners for real, of two stages each; the six mixtures need no more than their distinct stage inputs.
    assert done.stages_run <= 4 + 6 + 1
    assert state(work.root) == before
    again = run(case, work.root, repeats=1)
    assert again.stages_run == 0
    assert {s.player.subject: s.contribution.value for s in again.shares} == found


def test_four_changes_cost_no_more_runs_than_there_are_inputs(
    mini: Path, copy_of: Copy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rca.evolution._runs.user_cache_path", lambda name: tmp_path / "nothing-is-known-here" / name)
    work = copy_of(mini)
    edit(work.root / "params.yaml", "weight: 0", "weight: 1")
    edit(work.root / "train.py", "SHIFT = 0", "SHIFT = 1")
    edit(work.root / "prepare.py", ".read_text())", '.read_text().replace(",0.", ",900."))')
    raw = pd.read_csv(work.root / "raw.csv")
    (work.root / "raw.csv").unlink()
    raw.assign(a=raw["a"] + 100).to_csv(work.root / "raw.csv", index=False)
    work.dvc("add", "--quiet", "raw.csv")
    case = changed(work)
    told = plan(case, Options())
    assert "in 16 combinations, with at most 24 runs of the stages prepare, train" in told
    assert "before" not in told
    done = run(case, work.root, repeats=1)
    assert (len(done.shares), done.coalitions) == (4, 16)
    # two tables times two scripts to prepare, and each of the four with two parameters times two scripts to train
    assert done.stages_run <= 4 + 16
    assert run(case, work.root, repeats=1).stages_run == 0
    assert "good and bad gave the recorded model here before, and would not run." in plan(case, Options())


def test_changes_that_cannot_run_apart_are_one(mini: Path, copy_of: Copy) -> None:
    work = copy_of(mini)
    edit(work.root / "train.py", "SHIFT = 0", 'SHIFT = params["extra"]')
    text = (work.root / "train.py").read_text().splitlines()
    text.append(text.pop(next(i for i, line in enumerate(text) if line.startswith("SHIFT"))))
    body = [line for line in text if not line.startswith("SHIFT")]
    body.insert(next(i for i, line in enumerate(body) if line.startswith("params")) + 1, 'SHIFT = params["extra"]')
    (work.root / "train.py").write_text("\n".join(body) + "\n")
    edit(work.root / "params.yaml", "weight: 0", "weight: 1\n  extra: 1")
    edit(work.root / "dvc.yaml", "train.weight]", "train.weight, train.extra]")
    done = run(changed(work), work.root, repeats=1)
    assert len(done.merged) == 1
    together = next(s for s in done.shares if "code.train.py" in s.player.subject)
    assert "params.train.extra" in together.player.subject
    assert sum(s.contribution.value for s in done.shares) == pytest.approx(
        level(work.root, 2).value - level(work.root, 0).value, abs=1e-12
    )
    assert done.failures


def test_a_model_that_the_lock_does_not_explain_is_told(mini: Path, copy_of: Copy) -> None:
    work = copy_of(mini)
    edit(work.root / "params.yaml", "weight: 0", "weight: 1")
    save(work, "honest")
    (work.root / "model.skops").unlink()
    (work.root / "model.skops").write_bytes((work.root / "models" / "4.skops").read_bytes())
    work.dvc("commit", "--quiet", "--force", "train")
    work.git("add", "--all")
    work.git("commit", "--quiet", "--message", "swapped")
    work.git("tag", "bad")
    case, _ = cases.of_versions("good", "bad", config=work.root / "rca.yaml")
    done = run(case, work.root, repeats=1)
    assert not done.reproducible
    expected = level(work.root, 4).value - level(work.root, 1).value
    assert done.residual.value == pytest.approx(expected, abs=1e-12)


def test_nothing_to_replay_is_said(mini: Path) -> None:
    case, _ = cases.of_versions("good", "HEAD", config=mini / "rca.yaml")
    with pytest.raises(NotApplicable, match="no declared code, parameter or data differs"):
        run(case, mini)


def test_a_pipeline_that_fails_and_a_budget_that_is_too_small(mini: Path, copy_of: Copy) -> None:
    work = copy_of(mini)
    edit(work.root / "params.yaml", "weight: 0", "weight: 1")
    case = changed(work)
    with pytest.raises(ReplayError, match="the replay needs 2 runs and --max-runs is 1"):
        run(case, work.root, repeats=1, max_runs=1)
    edit(work.root / "train.py", "SHIFT = 0", "raise SystemExit('no licence')")
    work.git("commit", "--quiet", "--all", "--message", "broken")
    broken, _ = cases.of_versions("good", "HEAD", config=work.root / "rca.yaml")
    # The lock was not renewed, and yet the edit is seen.
    with pytest.raises(ReplayError, match="the pipeline does not run again here"):
        run(broken, work.root, repeats=1)


def test_the_table_is_put_in_place_of_the_recorded_one(mini: Path) -> None:
    case, _ = cases.of_versions("good", "HEAD", config=mini / "rca.yaml")
    table = pd.read_csv(mini / "train.csv")
    before = state(mini)
    model = retrain(case, "train.csv", table.assign(a=table["a"] + 100))
    assert judge_on(mini)(model).value == level(mini, 2).value
    assert state(mini) == before
    with pytest.raises(NotApplicable, match=r"no stage of dvc\.lock makes the model from other\.csv"):
        retrain(case, "other.csv", table)
