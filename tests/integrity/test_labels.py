from __future__ import annotations

from typing import TYPE_CHECKING, Any
import numpy as np
import pandas as pd
import pytest
import rca
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


def weak(seed: int) -> pd.DataFrame:
    draw = np.random.default_rng(seed)
    x = draw.normal(0, 1, (4000, 4))
    x[:, 1:3] += 0.6 * x[:, :2]
    y = (x.sum(axis=1) / 2 + draw.logistic(0, 2, 4000) > 0).astype(int)
    days = pd.date_range("2024-01-01", periods=4000, freq="h")
    return pd.DataFrame(x, columns=list("abcd")).assign(at=days, y=y)


WRONG: dict[str, Callable[[pd.DataFrame], Any]] = {
    "turned round": lambda t: 1 - t["y"],
    "shuffled": lambda t: t["y"].sample(frac=1, random_state=0).to_numpy(),
    "one class since a moment": lambda t: t["y"].where(t.index < 2500, 0),
    "missing since a moment": lambda t: t["y"].where(t.index < 2500),
}


@pytest.mark.parametrize("how", WRONG)
def test_labels_without_a_common_row_that_are_wrong_altogether(how: str) -> None:
    bad = weak(1).assign(y=WRONG[how])
    found = rca.check(weak(0), bad, target="y", time="at").findings
    kinds = {"one class since a moment": "frozen_column", "missing since a moment": "missing_values"}
    assert [(f.kind, f.subject) for f in found] == [(kinds.get(how, "label_noise"), "data.current.y")]
    assert (found[0].evidence.get("onset", "")[:7] == "2024-04") == ("moment" in how)


def test_another_concept_is_no_noise(findings: Findings) -> None:
    draw = np.random.default_rng(2)
    other = weak(1)
    other["y"] = (other["a"] - other["b"] + other["d"] + draw.logistic(0, 1, 4000) > 0).astype(int)
    assert findings("RCA124", weak(0), other, target="y", time="at") == []


def test_a_class_that_became_rare_is_no_noise(findings: Findings) -> None:
    good, many = made(0, rows=3000), made(3, rows=12_000)
    rare = many.groupby("y").sample(frac=1, random_state=0)
    rare = pd.concat([rare[rare["y"] == "yes"][:400], rare[rare["y"] == "no"][:3000]]).sample(frac=1, random_state=0)
    for code in ("RCA124", "RCA114"):
        assert findings(code, good.drop(columns="value"), rare.drop(columns="value"), target="y") == []


def test_targets_that_grew_were_not_lost(findings: Findings) -> None:
    grown = made(1).assign(value=made(1)["value"] + 1)
    assert findings("RCA114", made(0).drop(columns="y"), grown.drop(columns="y"), target="value") == []


def test_labels_that_were_turned_round_accuse_no_input(findings: Findings) -> None:
    turned = made(1).drop(columns="value").assign(y=lambda t: t["y"].map({"yes": "no", "no": "yes"}))
    good = made(0).drop(columns="value")
    assert findings("RCA121", good, turned, target="y") == []
    assert len(findings("RCA124", good, turned, target="y")) == 1
