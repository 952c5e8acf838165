from __future__ import annotations

import re
from itertools import permutations
from typing import TYPE_CHECKING, Any
import numpy as np
import pandas as pd
import pytest
from rca.integrity._units import UNITS, Unit
from rca.registry import check, fault, run
from rca.tables import open_table
from rca.types import Case, Pair, Roles

if TYPE_CHECKING:
    from collections.abc import Callable
    from tests.conftest import Findings

DRAW = np.random.default_rng(0)
WHOLE = pd.DataFrame(
    {
        "height": DRAW.normal(170, 9, 4000),
        "income": DRAW.lognormal(10, 0.8, 4000),
        "rate": DRAW.uniform(-0.5, 5, 4000).round(2),
        "at": pd.date_range("2024-01-01", periods=4000, freq="h"),
    }
)
TABLE = open_table(WHOLE)  # profiled once
damage = fault.get("unit_change").function


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_names_the_unit_of_a_whole_column(findings: Findings, unit: Unit) -> None:
    # an offset of 32 is nothing beside an income
    columns = ["height"] if unit.offset else ["height", "income"]
    damaged = WHOLE.assign(**{name: WHOLE[name] * unit.factor + unit.offset for name in columns})
    found = findings("RCA104", TABLE, damaged)
    assert [(f.kind, f.subject, f.effect) for f in found] == [
        ("unit_change", f"data.train.{name}", 1.0) for name in columns
    ]
    for one in found:
        told = {name: one.evidence[name] for name in ("factor", "offset", "low", "high")}
        assert told == {"factor": unit.factor, "offset": unit.offset, "low": None, "high": None}


@pytest.mark.parametrize("share", [0.05, 0.3, 0.8])
@pytest.mark.parametrize(("column", "factor"), [("height", 1 / 2.54), ("height", 100.0), ("rate", 1000.0)])
def test_finds_the_rows_in_another_unit(findings: Findings, column: str, factor: float, share: float) -> None:
    damaged, truth = damage(WHOLE, column, np.random.default_rng(1), factor=factor, share=share)
    (found,) = findings("RCA104", TABLE, damaged)
    assert found.evidence["factor"] == factor
    assert found.evidence["rows"] == pytest.approx(truth["rows"], rel=0.02)


@pytest.mark.parametrize("factor", [0.01, 10.0, 100.0, 2.54])
def test_finds_the_onset(findings: Findings, factor: float) -> None:
    damaged, truth = damage(WHOLE, "height", DRAW, factor=factor, since="2024-03-01", time="at")
    (found,) = findings("RCA104", TABLE, damaged, time="at")
    assert found.evidence["onset"] == "2024-03-01"
    assert found.evidence["all_since"]
    assert found.evidence["rows"] == truth["rows"]
    assert found.text.endswith("all of them since 2024-03-01.")


def test_damaged_values_of_another_season_still_belong(findings: Findings) -> None:
    falling = WHOLE.assign(rate=np.linspace(5, 0.6, 4000).round(3))
    late, _ = damage(falling[2500:], "rate", DRAW, factor=100.0)
    (found,) = findings("RCA104", falling, late, time="at")
    assert found.evidence["factor"] == 100.0


def test_a_column_may_move_on_and_change_its_unit(findings: Findings) -> None:
    # the current values, undone, are lower than any that the reference has
    falling = WHOLE.assign(rate=np.linspace(5, 0.6, 4000).round(3))
    late, truth = damage(falling[2500:], "rate", DRAW, factor=100.0)
    (found,) = findings("RCA104", falling[:2500], late, time="at")
    assert (found.evidence["factor"], found.evidence["rows"]) == (100.0, truth["rows"])
    assert findings("RCA104", falling[:2500], falling[2500:], time="at") == []


def test_a_currency_is_a_constant_factor(findings: Findings) -> None:
    (found,) = findings("RCA104", TABLE, WHOLE.assign(income=WHOLE["income"] * 1.37))
    assert found.evidence["factor"] == pytest.approx(1.37, rel=0.01)
    assert "a constant x1.37" in found.text


MOVES: list[Callable[[pd.Series], pd.Series]] = [
    lambda x: x + 30,
    lambda x: x * 1.2,
    lambda x: 260 - x,
    lambda x: x**2 / 40,
]


@pytest.mark.parametrize("move", MOVES)
def test_a_column_that_moves_by_itself_changes_no_unit(findings: Findings, move: Callable[..., pd.Series]) -> None:
    moved = WHOLE.assign(height=move(WHOLE["height"]), rate=move(WHOLE["rate"]))
    assert findings("RCA104", TABLE, moved) == []


def test_a_count_that_grows_changes_no_unit(findings: Findings) -> None:
    counts = [pd.DataFrame({"clicks": np.random.default_rng(0).poisson(mean, 3000)}) for mean in (20, 200)]
    assert findings("RCA104", *counts) == []


def test_a_longer_tail_changes_no_unit(findings: Findings) -> None:
    older = pd.DataFrame({"age": np.concatenate([DRAW.normal(40, 8, 3000), DRAW.normal(75, 6, 300)])})
    assert findings("RCA104", older[:3000], older) == []


def test_keys_flags_and_the_target_have_no_unit(findings: Findings) -> None:
    table = pd.DataFrame({"id": range(1000, 2000), "flag": [0, 1] * 500, "y": DRAW.normal(5, 1, 1000)})
    assert findings("RCA104", table, table * 100, key=("id",), target="y") == []


def test_the_years_of_a_crisis_change_no_unit(bank: pd.DataFrame) -> None:
    # the three-month rate fell from 4.9 to 0.7 between 2008 and 2009, and the other indicators with it
    years = {year: open_table(part[::4]) for year, part in bank.groupby("year")}
    entries = [check.get("RCA103"), check.get("RCA104")]
    for before, after in permutations(years, 2):
        case = Case((Pair("train", years[before], years[after]),), Roles(target="y"))
        outcomes, _ = run(entries, case)
        assert [outcome.status for outcome in outcomes] == ["clear", "clear"], (before, after)


@pytest.mark.parametrize(("before", "after"), [(0, 10), (3, 16), (4, 1), (5, 15), (5, 19), (14, 3)])
def test_a_month_is_unlike_another_and_changes_no_unit(
    findings: Findings, bank: pd.DataFrame, before: int, after: int
) -> None:
    # longer calls, older clients, more calls to each: pairs that look like a factor at first sight
    start = (bank[["year", "month"]] != bank[["year", "month"]].shift()).any(axis=1).cumsum()
    months = [month for _, month in bank.groupby(start) if len(month) > 200]
    for code in ("RCA103", "RCA104"):
        assert findings(code, months[before], months[after], target="y") == []


flip = fault.get("sign_flip").function


@pytest.fixture(scope="module")
def flows() -> pd.DataFrame:
    draw = np.random.default_rng(0)
    base = draw.normal(0, 1, (4000, 2))
    return pd.DataFrame(
        {
            "balance": base[:, 0] * 100,
            "debt": draw.lognormal(2, 1, 4000),
            "income": base[:, 0] + base[:, 1],
            "rent": base[:, 0] - base[:, 1] + draw.normal(0, 1, 4000),
            "shop": draw.choice(["north", "south"], 4000),
            "at": pd.date_range("2024-01-01", periods=4000, freq="h"),
        }
    )


@pytest.mark.parametrize("knobs", [{}, {"share": 0.05}, {"where": {"shop": "north"}}], ids=str)
def test_a_column_that_was_never_negative(findings: Findings, flows: pd.DataFrame, knobs: dict[str, Any]) -> None:
    damaged, truth = flip(flows, "debt", np.random.default_rng(1), **knobs)
    (found,) = findings("RCA121", flows, damaged, time="at")
    assert (found.subject, found.evidence["rows"]) == ("data.train.debt", truth["rows"])
    assert found.evidence.get("segment") == knobs.get("where")


@pytest.mark.parametrize("since", [None, "2024-04-20"])
def test_a_column_about_zero_is_told_by_its_relations(findings: Findings, flows: pd.DataFrame, since: str) -> None:
    damaged, _ = flip(flows, "balance", np.random.default_rng(1), since=since, time="at")
    (found,) = findings("RCA121", flows, damaged, time="at")
    assert found.subject == "data.train.balance"
    assert (found.evidence.get("onset") is None) == (since is None)


def test_a_loss_after_a_gain_is_no_flip(findings: Findings, flows: pd.DataFrame) -> None:
    moved = flows.assign(balance=flows["balance"] - 300, debt=flows["debt"] - 5)
    assert findings("RCA121", flows, moved) == []


swap = fault.get("column_swap").function


@pytest.fixture(scope="module")
def twins() -> pd.DataFrame:
    draw = np.random.default_rng(0)
    left, right = draw.normal(0, 1, (2, 4000))
    return pd.DataFrame(
        {
            "age": draw.normal(40, 9, 4000),
            "balance": draw.lognormal(7, 1, 4000),
            "left": left,
            "right": right,
            "load": left + draw.normal(0, 0.5, 4000),
            "pull": right + draw.normal(0, 0.5, 4000),
            "turn": left - right + draw.normal(0, 0.5, 4000),
            "home": draw.choice(["Rome", "Oslo", "Bonn"], 4000),
            "work": draw.choice(["bank", "shop", "farm"], 4000),
            "at": pd.date_range("2024-01-01", periods=4000, freq="h"),
        }
    )


@pytest.mark.parametrize(
    ("one", "other", "knobs"),
    [
        ("age", "balance", {}),
        ("age", "balance", {"share": 0.05}),
        ("age", "balance", {"since": "2024-05-01", "time": "at"}),
        ("left", "right", {}),
        ("left", "right", {"since": "2024-04-01", "time": "at"}),
        ("home", "work", {"share": 0.1}),
    ],
    ids=str,
)
def test_names_the_pair(findings: Findings, twins: pd.DataFrame, one: str, other: str, knobs: dict[str, Any]) -> None:
    damaged, truth = swap(twins, one, np.random.default_rng(1), other=other, **knobs)
    (found,) = findings("RCA122", twins, damaged, time="at")
    assert found.evidence["columns"] == [one, other]
    assert found.evidence["rows"] == pytest.approx(truth["rows"], rel=0.2)


def test_columns_that_move_apart_are_not_exchanged(findings: Findings, twins: pd.DataFrame) -> None:
    assert findings("RCA122", twins, twins.assign(age=twins["age"] + 20, balance=twins["balance"] * 0.5)) == []


ADDED: list[tuple[Callable[[pd.Series], pd.Series], str]] = [
    (lambda x: x + 400, r"height is \+400(\.\d+)? in all rows"),
    (lambda x: x - 1000, r"height is -1000(\.\d+)? in all rows"),
    (lambda x: 1000 - x, r"height is 1000(\.\d+)? minus its value in all rows"),
]


@pytest.mark.parametrize(("add", "text"), ADDED)
def test_a_constant_that_was_added_to_all(findings: Findings, add: Callable[..., pd.Series], text: str) -> None:
    draw = np.random.default_rng(1)
    good, bad = (WHOLE.assign(weight=WHOLE["height"] - 100 + draw.normal(0, 6, 4000)) for _ in range(2))
    (found,) = findings("RCA104", good, bad.assign(height=add(bad["height"])))
    assert re.match(text, found.text)
    since = bad.assign(height=bad["height"].where(bad["at"] < "2024-05-01", add(bad["height"])))
    (found,) = findings("RCA104", good, since, time="at")
    assert found.evidence["offset"] == pytest.approx(add(pd.Series([0.0]))[0], abs=3)
    # nothing tells whether a column without a relation was damaged or moved on
    assert findings("RCA104", TABLE, WHOLE.assign(height=add(WHOLE["height"]))) == []


def test_degrees_in_whole_numbers(findings: Findings) -> None:
    good, bad = (pd.DataFrame({"heat": np.round(DRAW.normal(15, 8, 3000))}).astype("int64") for _ in range(2))
    (found,) = findings("RCA104", good, bad + 273)
    assert found.evidence["unit"] == "Celsius to kelvins"


def test_a_sign_that_was_flipped_is_no_constant(findings: Findings) -> None:
    flipped = WHOLE.assign(height=-WHOLE["height"])
    assert findings("RCA104", TABLE, flipped) == []
    assert [f.kind for f in findings("RCA121", TABLE, flipped)] == ["sign_flip"]


def test_numbers_that_go_on_have_no_constant_added(findings: Findings) -> None:
    running = pd.DataFrame({"id": range(5000), "epoch": 1.7e9 + DRAW.uniform(0, 1e5, 5000)})
    assert findings("RCA104", running, running + {"id": 50_000, "epoch": 3e6}) == []
    # two that go on together do not prove each other's constant
    cars = pd.DataFrame({"km": DRAW.normal(5000, 500, 3000)})
    cars["age"] = cars["km"] / 10 + DRAW.normal(0, 10, 3000)
    assert findings("RCA104", cars[:1500], cars[1500:].add([20_000, 2_000])) == []
    steps = pd.DataFrame({"index": np.repeat(np.arange(40.0), 100)})
    assert findings("RCA104", steps, steps + 40) == []
