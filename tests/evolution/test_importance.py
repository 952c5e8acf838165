from __future__ import annotations

from typing import Any
import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LinearRegression
from rca.registry import diff, run
from rca.tables import open_table
from rca.types import Case, Finding, Pair, Roles, Version


def frame(seed: int, n: int = 2000) -> pd.DataFrame:
    draw = np.random.default_rng(seed)
    x = pd.DataFrame(draw.normal(size=(n, 3)), columns=["a", "b", "c"])
    return x.assign(y=np.where(draw.random(n) < 1 / (1 + np.exp(-x["a"] - x["b"])), "yes", "no"))


def fit(table: pd.DataFrame, names: list[str], **how: Any) -> Any:
    return HistGradientBoostingClassifier(max_iter=30, **how).fit(table[names], table["y"])


def look(old: Any, new: Any, exam: pd.DataFrame) -> tuple[Finding, ...]:
    table = open_table(exam, "exam")
    roles = Roles(target="y", positive="yes", features=("a", "b", "c"))
    versions = Version("good", "1", model=old), Version("bad", "2", model=new)
    return run([diff.get("RCA211")], Case((Pair("evaluate", table, table),), roles, *versions))[1]


def test_an_input_that_the_model_lost_is_named_first() -> None:
    train = frame(0)
    (finding,) = look(fit(train, ["a", "b", "c"]), fit(train, ["a", "c"]), frame(1))
    assert finding.evidence["moved"][0] == "b"
    assert finding.evidence["importances"]["b"][1] == 0
    assert finding.high is not None
    assert finding.high < 0
    assert "c" not in finding.evidence["moved"]


def test_what_moved_is_said_in_numbers() -> None:
    made = pd.DataFrame(np.random.default_rng(0).normal(size=(500, 2)), columns=["a", "b"]).assign(y=lambda t: t.a)
    old, new = (Version(c, c, model=LinearRegression().fit(made[["a", "b"]], made[c])) for c in ("a", "b"))
    exam = open_table(made, "exam")
    case = Case((Pair("evaluate", exam, exam),), Roles(target="y", features=("a", "b")), old, new)
    (finding,) = diff.get("RCA211").function(case)
    assert finding.text == "inputs are worth otherwise to the model: a 1.07 → 0 (-1.07)"


def test_the_same_model_and_retrains_on_like_rows_are_silent() -> None:
    names = ["a", "b", "c"]
    model = fit(frame(0), names)
    assert look(model, model, frame(1)) == ()
    said = [look(fit(frame(2 * i, 20_000), names), fit(frame(2 * i + 1, 20_000), names), frame(99)) for i in range(10)]
    assert sum(map(bool, said)) <= 1


def test_the_order_of_rows_does_not_matter() -> None:
    train, exam = frame(0), frame(1)
    old, new = fit(train, ["a", "b", "c"]), fit(train, ["a", "c"])
    one, other = (look(old, new, table) for table in (exam, exam.sample(frac=1, random_state=5)))
    assert one[0].evidence["importances"] == other[0].evidence["importances"]
