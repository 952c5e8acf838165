from __future__ import annotations

from typing import TYPE_CHECKING, Any
import numpy as np
import pandas as pd
import pytest
from rca.registry import fault

if TYPE_CHECKING:
    from collections.abc import Callable
    from tests.conftest import Findings

damage = fault.get("label_noise").function


def made(seed: int, concept: float = 1.0, drift: float = 0.0, rows: int = 6000) -> pd.DataFrame:
    draw = np.random.default_rng(seed)
    x = draw.normal(drift, 1, (rows, 4))
    score = concept * x[:, 0] + x[:, 1] + x[:, 2] + draw.normal(0, 0.5, rows)
    table = pd.DataFrame(x, columns=list("abcd")).assign(y=np.where(score > 0, "yes", "no"), value=score)
    return table.assign(shop=draw.choice(["north", "south"], rows), id=np.arange(rows) + seed * rows)


@pytest.mark.parametrize("target", ["y", "value"])
@pytest.mark.parametrize(
    "knobs", [{"share": 0.15}, {"share": 0.35}, {"share": 0.35, "where": {"shop": "north"}}], ids=str
)
def test_labels_of_other_rows(findings: Findings, target: str, knobs: dict[str, Any]) -> None:
    other = "value" if target == "y" else "y"
    good, (bad, _) = (
        made(0).drop(columns=other),
        damage(made(1).drop(columns=other), target, np.random.default_rng(0), **knobs),
    )
    (found,) = findings("RCA124", good, bad, target=target, key=("id",))
    assert (found.kind, found.subject) == ("label_noise", f"data.train.{target}")


def test_labels_of_the_same_rows(findings: Findings) -> None:
    bad, truth = damage(made(0), "y", np.random.default_rng(0), share=0.02)
    (found,) = findings("RCA124", made(0), bad, target="y", key=("id",))
    assert found.evidence["rows"] == truth["rows"]


@pytest.mark.parametrize("other", [lambda: made(1), lambda: made(1, concept=-1.0), lambda: made(1, drift=0.7)])
def test_chance_a_new_concept_and_new_inputs_are_no_wrong_labels(
    findings: Findings, other: Callable[[], pd.DataFrame]
) -> None:
    columns = ["value"]
    assert findings("RCA124", made(0).drop(columns=columns), other().drop(columns=columns), target="y") == []


def test_a_running_number_makes_no_rows_the_same(findings: Findings) -> None:
    good, other = (made(seed).drop(columns="value").assign(id=range(6000)) for seed in (0, 1))
    assert findings("RCA124", good, other, target="y", key=("id",)) == []
