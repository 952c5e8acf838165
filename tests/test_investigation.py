"""The whole thread on real repositories: two versions in, causes that sum to the gap out."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
import numpy as np
import pandas as pd
import pytest
import rca
from rca import drill
from rca.evolution.replay import Options
from rca.report import document
from tests.workspace_plugin import changed, edit, save, state

if TYPE_CHECKING:
    from rca.types import Investigation

Copy = Callable[[Path], drill.Workspace]


def outer_sum(found: Investigation) -> float:
    assert found.unexplained is not None
    return sum(c.contribution for c in found.causes if c.within is None) + found.unexplained.contribution


@pytest.fixture(scope="module")
def incident(demo_workspace: Path) -> Investigation:
    return rca.investigate("good", "bad", config=demo_workspace / "rca.yaml")


@pytest.mark.slow
def test_the_broken_feed_comes_out_first_and_the_decoys_do_not(incident: Investigation) -> None:
    first = incident.causes[0]
    assert incident.verdict == "cause_found"
    assert (first.pillar, first.kind, first.subject) == ("integrity", "unit_change", "data.production.euribor3m")
    assert first.status == "confirmed"
    assert not [c for c in incident.causes if c.pillar == "evolution"]
    refuted = {r.subject for r in incident.ruled_out}
    assert {"params.train.learning_rate", "params.train.max_leaf_nodes", "code.pipeline/train.py"} <= refuted
    assert "2009-06-01" in first.summary


@pytest.mark.slow
def test_the_contribution_is_what_the_damage_did(incident: Investigation, demo_workspace: Path) -> None:
    """The truth is known: the same version with the undamaged table."""
    healthy = rca.investigate("good", "healthy", config=demo_workspace / "rca.yaml", replay=False)
    assert incident.gap is not None
    assert healthy.gap is not None
    truth = incident.gap.current - healthy.gap.current
    assert incident.causes[0].contribution == pytest.approx(truth, abs=1e-9)
    assert incident.causes[0].low < truth < incident.causes[0].high


@pytest.mark.slow
def test_the_document_is_that_of_the_contract(incident: Investigation) -> None:
    content = json.loads(incident.to_json())
    document.parse(content)
    terms = [c["contribution"] for c in content["causes"] if c["within"] is None]
    total = sum(terms) + content["unexplained"]["contribution"]
    assert total == pytest.approx(content["gap"]["difference"], abs=1e-9)
    known = {f["id"] for f in content["findings"]}
    assert {f for c in content["causes"] for f in c["findings"]} <= known
    assert all(c["reproduce"].startswith("rca ") for c in content["causes"])


@pytest.mark.slow
def test_one_seed_gives_one_answer(incident: Investigation, demo_workspace: Path) -> None:
    again = rca.investigate("good", "bad", config=demo_workspace / "rca.yaml")

    def timeless(found: Investigation) -> Investigation:
        return replace(found, outcomes=tuple(replace(o, seconds=0.0) for o in found.outcomes))

    assert timeless(again).to_json() == timeless(incident).to_json()


@pytest.mark.slow
def test_without_the_damage_there_is_no_incident(demo_workspace: Path) -> None:
    found = rca.investigate("good", "healthy", config=demo_workspace / "rca.yaml")
    assert found.verdict == "no_incident"
    assert found.causes == ()
    assert found.gap is not None
    assert found.gap.detectable > 0
    assert outer_sum(found) == pytest.approx(found.gap.difference, abs=1e-9)
    assert "would have shown a gap of" in found.summary


@pytest.mark.slow
@pytest.mark.parametrize("metric", ["neg_log_loss", "average_precision", "f1"])
def test_other_metrics_give_the_same_cause(metric: str, demo_workspace: Path, copy_of: Copy) -> None:
    work = copy_of(demo_workspace)
    edit(work.root / "rca.yaml", "metric: roc_auc", f"metric: {metric}")
    found = rca.investigate("good", "bad", config=work.root / "rca.yaml", replay=False)
    assert found.causes[0].subject == "data.production.euribor3m"
    assert found.gap is not None
    assert outer_sum(found) == pytest.approx(found.gap.difference, abs=1e-9)


@pytest.mark.slow
def test_the_crisis_of_2008_is_external(demo_workspace: Path) -> None:
    found = rca.investigate("good", "good", since="2009-01-01", config=demo_workspace / "rca.yaml", replay=False)
    assert found.verdict == "cause_found"
    assert {c.pillar for c in found.causes} == {"inputs"}
    assert found.gap is not None
    assert found.gap.n_reference + found.gap.n_current == 8238
    assert outer_sum(found) == pytest.approx(found.gap.difference, abs=1e-9)


def test_a_worse_parameter_is_confirmed_by_replay(mini: Path, copy_of: Copy) -> None:
    work = copy_of(mini)
    edit(work.root / "params.yaml", "weight: 0", "weight: 3")
    changed(work)
    before = state(work.root)
    found = rca.investigate("good", "bad", config=work.root / "rca.yaml", options=Options(repeats=2))
    (cause,) = found.causes
    assert (cause.subject, cause.kind, cause.status) == ("params.train.weight", "hyperparameter", "confirmed")
    assert found.gap is not None
    assert cause.contribution == pytest.approx(found.gap.difference, abs=1e-9)
    assert state(work.root) == before


def test_damaged_training_data_are_named_inside_the_change_that_brought_them(mini: Path, copy_of: Copy) -> None:
    work = copy_of(mini)
    frame = pd.read_csv(work.root / "raw.csv")
    (work.root / "raw.csv").unlink()
    frame.assign(a=frame["a"] * 1000 + 500).to_csv(work.root / "raw.csv", index=False)
    work.dvc("add", "--quiet", "raw.csv")
    changed(work)
    found = rca.investigate("good", "bad", config=work.root / "rca.yaml", options=Options(repeats=1))
    outer = next(c for c in found.causes if c.within is None)
    assert (outer.subject, outer.kind, outer.status) == ("data.train", "training_data", "confirmed")
    inner = [c for c in found.causes if c.within == outer.rank]
    assert all(c.subject.startswith("data.train.a") for c in inner)
    assert found.gap is not None
    assert outer_sum(found) == pytest.approx(found.gap.difference, abs=1e-9)


@pytest.mark.parametrize("seed", range(4))
def test_two_samples_of_one_law_are_no_incident(seed: int, mini: Path, copy_of: Copy) -> None:
    from tests.workspace_plugin import sample

    work = copy_of(mini)
    (work.root / "exam.parquet").unlink()
    sample(4000, 100 + seed).to_parquet(work.root / "exam.parquet", index=False)
    work.git("commit", "--quiet", "--all", "--message", "another sample")
    found = rca.investigate("good", "HEAD", config=work.root / "rca.yaml")
    assert found.verdict == "no_incident"
    assert found.findings == ()


def test_too_few_labels_are_inconclusive(mini: Path, copy_of: Copy) -> None:
    work = copy_of(mini)
    table = pd.read_parquet(work.root / "exam.parquet")
    (work.root / "exam.parquet").unlink()
    table.assign(y=table["y"].where(table.index < 20)).to_parquet(work.root / "exam.parquet", index=False)
    work.git("commit", "--quiet", "--all", "--message", "labels are late")
    found = rca.investigate("good", "HEAD", config=work.root / "rca.yaml")
    assert found.verdict == "inconclusive"
    assert "20 labelled rows" in found.summary
    assert found.gap is None


def test_a_model_that_cannot_be_read_is_inconclusive(mini: Path, copy_of: Copy) -> None:
    work = copy_of(mini)
    edit(work.root / "train.py", "shutil.copyfile", "open('model.skops', 'w').write('x') or print")
    work.dvc("repro", "--quiet")
    work.git("commit", "--quiet", "--all", "--message", "no model")
    found = rca.investigate("good", "HEAD", config=work.root / "rca.yaml")
    assert found.verdict == "inconclusive"
    assert "does not load" in found.summary


def test_row_and_column_order_do_not_matter(mini: Path, copy_of: Copy) -> None:
    work = copy_of(mini)
    edit(work.root / "params.yaml", "weight: 0", "weight: 3")
    table = pd.read_parquet(work.root / "exam.parquet")
    shuffled = table.sample(frac=1, random_state=1)[list(reversed(table.columns))]
    changed(work)
    first = rca.investigate("good", "bad", config=work.root / "rca.yaml", replay=False)
    (work.root / "exam.parquet").unlink()
    shuffled.to_parquet(work.root / "exam.parquet", index=False)
    save(work, "shuffled")
    second = rca.investigate("good", "shuffled", config=work.root / "rca.yaml", replay=False)

    def numbers(found: Investigation) -> list[Any]:
        return [(c.subject, np.round(c.contribution, 9)) for c in found.causes]

    assert numbers(first) == numbers(second)
    assert numbers(first)


def test_rows_that_the_exam_lost_are_brought_back(mini: Path, copy_of: Copy) -> None:
    work = copy_of(mini)
    table = pd.read_parquet(work.root / "exam.parquet")
    (work.root / "exam.parquet").unlink()
    table[table["a"].abs() < 0.5].to_parquet(work.root / "exam.parquet", index=False)
    work.git("commit", "--quiet", "--all", "--message", "rows were lost")
    found = rca.investigate("good", "HEAD", config=work.root / "rca.yaml", replay=False)
    assert found.causes[0].subject == "data.evaluate"
    assert found.causes[0].kind in ("truncation", "missing_segment")
    assert found.gap is not None
    assert outer_sum(found) == pytest.approx(found.gap.difference, abs=1e-9)
