"""A fault that nobody thought of is three new files: what does it, what sees it, and what undoes it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING
import numpy as np
import pandas as pd
import pytest
import rca
import rca.faults
import rca.integrity
import rca.repairs
from rca.registry import check, fault, repair
from tests.workspace_plugin import save

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from rca import drill

FILES = {
    "faults": '''
from rca.faults._common import cells

@cells("cubed", "cube a column")
def cubed(values, rows, rng):
    """Write the third power."""
    return values.mask(rows, values**3)
''',
    "integrity": '''
import numpy as np
from rca.registry import check
from rca.types import Finding

@check("RCA188", "a column was cubed", explains=("unit_change", "range_violation", "type_change"))
def cubed(case):
    """Find numbers whose cube root has the law that they had."""
    for pair in case.pairs:
        before, after = pair.reference.frame(), pair.current.frame()
        for name in before.select_dtypes("float"):
            at = np.linspace(0.1, 0.9, 9)
            was, now = np.nanquantile(before[name], at), np.nanquantile(after[name], at)
            if np.abs(np.cbrt(now) - was).max() < 0.1 * np.ptp(was) < np.abs(now - was).max():
                text, subject = f"{name} holds the third power of its {len(after)} values.", f"data.{pair.name}.{name}"
                yield Finding("RCA188", "cubed", subject, text, evidence={"column": name})
''',
    "repairs": '''
import numpy as np
from rca.registry import repair

@repair("cubed", "take the cube root")
def uncubed(frame, finding, reference, rng):
    """Take the root."""
    name = finding.evidence["column"]
    return frame.assign(**{name: np.cbrt(frame[name])})
''',
}


@pytest.fixture
def three_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    registries = {"faults": fault, "integrity": check, "repairs": repair}
    for registry in registries.values():
        monkeypatch.setattr(registry, "entries", dict(registry.load()))
    for folder, text in FILES.items():
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "cubed.py").write_text(text)
        package = sys.modules[f"rca.{folder}"]
        monkeypatch.setattr(package, "__path__", [*package.__path__, str(tmp_path / folder)])
    yield
    for folder in FILES:
        sys.modules.pop(f"rca.{folder}.cubed", None)


@pytest.mark.slow
def test_it_is_a_confirmed_cause_without_another_line(
    three_files: None, mini: Path, copy_of: Callable[[Path], drill.Workspace]
) -> None:
    work = copy_of(mini)
    file = work.root / "exam.parquet"
    damaged, truth = fault.get("cubed").function(pd.read_parquet(file), "a", np.random.default_rng(0))
    assert truth["kind"] == "cubed"
    file.unlink()
    damaged.to_parquet(file, index=False)
    save(work, "bad")
    found = rca.investigate("good", "bad", config=work.root / "rca.yaml", replay=False)
    first = found.causes[0]
    assert (first.kind, first.subject, first.status) == ("cubed", "data.evaluate.a", "confirmed")
    assert found.gap is not None
    assert first.contribution == pytest.approx(found.gap.difference, rel=0.2)
