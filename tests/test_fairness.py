"""The gap may be one between groups: its causes are found like those of any other."""

from __future__ import annotations

from typing import TYPE_CHECKING
import numpy as np
import pandas as pd
import pytest
import rca
from rca.registry import fault
from tests.workspace_plugin import edit, save

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from rca import drill

LOG = "data/production.parquet"


@pytest.mark.slow
def test_a_group_that_is_treated_worse_by_a_damaged_feed(
    demo_workspace: Path, copy_of: Callable[[Path], drill.Workspace]
) -> None:
    work = copy_of(demo_workspace)
    work.git("checkout", "--quiet", "healthy")
    work.dvc("checkout", "--quiet", "--force")
    edit(work.root / "rca.yaml", "metric: roc_auc", "metric: demographic_parity_difference")
    edit(work.root / "rca.yaml", "sensitive: [age_band, marital]", "sensitive: [marital]")
    table, damage = pd.read_parquet(work.root / LOG), fault.get("unit_change").function
    damaged, _ = damage(table, "euribor3m", np.random.default_rng(0), factor=100.0, where={"marital": "single"})
    (work.root / LOG).unlink()
    damaged.to_parquet(work.root / LOG, index=False)
    work.dvc("add", "--quiet", LOG)
    save(work, "unfair")
    found = rca.investigate("good", "unfair", config=work.root / "rca.yaml", replay=False)
    assert found.verdict == "cause_found"
    assert found.gap is not None
    assert found.gap.metric == "demographic_parity_difference"
    assert found.gap.difference > 0
    top = found.causes[0]
    assert (top.subject, top.kind, top.status) == ("data.production.euribor3m", "unit_change", "confirmed")
    assert top.contribution > 0.5 * found.gap.difference
    assert "engage legal or compliance" in top.mitigations
    outer = [c.contribution for c in found.causes if c.within is None]
    left = found.unexplained.contribution if found.unexplained else 0.0
    assert sum(outer) + left == pytest.approx(found.gap.difference, abs=1e-9)
