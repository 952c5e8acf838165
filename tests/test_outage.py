"""A dependency that fell silent is one cause, named after it, whatever its columns hold instead of their values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
import numpy as np
import pandas as pd
import pytest
import rca
from rca.tree import Damage, outages
from rca.types import Finding
from tests.workspace_plugin import edit, save

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from rca import drill

    Copy = Callable[[Path], drill.Workspace]

SINCE = "2009-06-01"
LOG = "data/production.parquet"


def null(values: pd.Series) -> Any:
    return np.nan


def default(values: pd.Series) -> Any:
    return 999.0


def first(values: pd.Series) -> Any:
    return values.iloc[0]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("group", "columns", "instead"),
    [
        ("feed", ["euribor3m", "cons_price_idx"], null),
        ("feed", ["euribor3m", "cons_price_idx"], default),
        ("api:rates", ["euribor3m"], first),
        ("api:rates", ["euribor3m"], null),
    ],
)
def test_a_silent_source_is_one_cause(
    group: str, columns: list[str], instead: Any, demo_workspace: Path, copy_of: Copy
) -> None:
    found = investigated(copy_of(demo_workspace), group, columns, columns, instead)
    top = found.causes[0]
    assert (top.kind, top.subject, top.pillar) == ("dependency_outage", f"inputs.{group}", "inputs")
    assert top.status == "confirmed"
    named = {c.subject for c in found.causes if c.pillar == "integrity"}
    assert not named & {f"data.production.{name}" for name in columns}


@pytest.mark.slow
def test_one_silent_column_of_several_is_no_outage(demo_workspace: Path, copy_of: Copy) -> None:
    columns = ["euribor3m", "cons_price_idx"]
    found = investigated(copy_of(demo_workspace), "feed", columns, columns[:1], null)
    assert (found.causes[0].kind, found.causes[0].subject) == ("missing_values", "data.production.euribor3m")


def test_a_column_that_is_silent_everywhere_does_not_hide_the_others() -> None:
    whole = pd.DataFrame(np.arange(300.0).reshape(100, 3), columns=["a", "b", "c"])
    out = np.arange(100) >= 60
    struck = whole.assign(a=np.nan, b=whole["b"].mask(out), c=whole["c"].mask(out))

    def damage(name: str) -> Damage:
        finding = Finding("RCA101", "missing_values", f"data.x.{name}", f"{name} is empty.", evidence={"column": name})
        return Damage(finding.subject, finding, (finding,), lambda t: t.assign(**{name: whole[name]}), True, 1)

    found = outages([damage(name) for name in "abc"], struck, {"feed": ["a", "b", "c"]})
    assert [d.subject for d in found] == ["data.x.a", "inputs.feed"]
    assert "in 40% of the rows" in found[1].main.text
    pd.testing.assert_frame_equal(found[1].undo(struck), whole.assign(a=np.nan))


def investigated(work: drill.Workspace, group: str, columns: list[str], struck: list[str], instead: Any) -> Any:
    work.git("checkout", "--quiet", "healthy")
    work.dvc("checkout", "--quiet", "--force")
    edit(work.root / "rca.yaml", '"api:rates": [euribor3m]', f'"{group}": [{", ".join(columns)}]')
    if "cons_price_idx" in columns:
        edit(work.root / "rca.yaml", "environment: [cons_price_idx, cons_conf_idx]", "environment: [cons_conf_idx]")
    table = pd.read_parquet(work.root / LOG)
    since = table["contacted_at"] >= SINCE
    for name in struck:
        table[name] = table[name].astype(float).mask(since, instead(table.loc[~since, name]))
    (work.root / LOG).unlink()
    table.to_parquet(work.root / LOG, index=False)
    work.dvc("add", "--quiet", LOG)
    save(work, "silent")
    return rca.investigate("good", "silent", config=work.root / "rca.yaml", replay=False)
