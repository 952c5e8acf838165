"""What checks say, word for word, where their docstrings refer to another one's example."""

from __future__ import annotations

from typing import TYPE_CHECKING
import numpy as np
import pandas as pd
import pytest

if TYPE_CHECKING:
    from tests.conftest import Findings

DRAW = np.random.default_rng(0)
FLOWS = pd.DataFrame({"balance": DRAW.normal(0, 5, 3000), "amount": DRAW.lognormal(3, 1, 3000)})
FLOWS = FLOWS.assign(debt=DRAW.normal(0, 1, 3000) - FLOWS["balance"], rent=FLOWS["balance"] + FLOWS["amount"])
HOMES = pd.DataFrame({"age": DRAW.normal(40, 9, 2000), "rooms": DRAW.integers(1, 9, 2000)})
HEAT = pd.DataFrame({"heat": np.random.default_rng(0).normal(20, 5, 2000)})
STAFF = pd.DataFrame({"age": [*range(20, 70)] * 40, "job": ["cook", "clerk"] * 1000})
SAID = [
    (
        "RCA102",
        STAFF,
        STAFF.assign(age=STAFF["age"].mask(STAFF.index % 10 == 0, -1)),
        "age holds '-1' in 10 % of the rows of train.",
    ),
    ("RCA105", HEAT, HEAT.clip(upper=25), "heat ends at 25 in train, with 16 % of the rows there."),
    ("RCA106", HEAT, HEAT.round(0), "heat lost its decimals in 100 % of the rows of train, 0 % in the reference."),
    (
        "RCA121",
        FLOWS,
        FLOWS.assign(balance=-FLOWS["balance"]),
        "balance has the other sign in 100 % of the rows of train.",
    ),
    (
        "RCA121",
        FLOWS,
        FLOWS.assign(amount=FLOWS["amount"].mask(FLOWS.index < 300, -FLOWS["amount"])),
        "amount has the other sign in 10 % of the rows of train.",
    ),
    (
        "RCA122",
        HOMES,
        HOMES.rename(columns={"age": "rooms", "rooms": "age"}),
        "age and rooms are exchanged in 100 % of the rows of train.",
    ),
]


@pytest.mark.parametrize(("code", "whole", "damaged", "text"), SAID, ids=[said[-1] for said in SAID])
def test_says_what_is_wrong_and_nothing_of_a_sound_table(
    findings: Findings, code: str, whole: pd.DataFrame, damaged: pd.DataFrame, text: str
) -> None:
    assert [found.text for found in findings(code, whole, damaged)] == [text]
    assert findings(code, whole, whole) == []
