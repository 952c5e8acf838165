from __future__ import annotations

from typing import TYPE_CHECKING
import numpy as np
import pandas as pd
import pytest
from rca.faults.tables import WAYS, encoding
from rca.integrity.values import bare, marked, mended, origins

if TYPE_CHECKING:
    from tests.conftest import Findings

DRAW = np.random.default_rng(0)
CITIES = ["Köln", "Malmö", "Besançon", "Łódź", "Москва", "Rome"]
WHOLE = pd.DataFrame({"city": DRAW.choice(CITIES, 2000), "plain": DRAW.choice(["admin.", "blue-collar", "none"], 2000)})
NAMES = pd.DataFrame({"name": [f"person {i}" for i in range(2000)]})


@pytest.mark.parametrize("way", WAYS)
def test_finds_every_way(findings: Findings, rng: np.random.Generator, way: str) -> None:
    damaged, truth = encoding(WHOLE, "city", rng, way=way, share=0.3)
    (found,) = findings("RCA109", WHOLE, damaged)
    assert (found.kind, found.evidence["column"]) == ("encoding", "city")
    assert found.evidence["rows"] == truth["rows"]
    assert set(found.evidence["mapping"].values()) <= set(CITIES)
    assert findings("RCA107", WHOLE, damaged) == findings("RCA111", WHOLE, damaged) == []


def test_says_how_many_rows(findings: Findings) -> None:
    whole = pd.DataFrame({"city": ["Köln", "Bonn", "Bonn", "Oslo"] * 200})
    (found,) = findings("RCA109", whole, whole.replace("Köln", "KÃ¶ln"))
    assert found.text == "city of train has text in a wrong encoding in 25 % of the rows."
    assert findings("RCA109", whole, whole) == []


@pytest.mark.parametrize("way", ["accents", "typed", "lost", "bom"])
def test_plain_text_too(findings: Findings, rng: np.random.Generator, way: str) -> None:
    for whole, column in ((WHOLE, "plain"), (NAMES, "name"))[: 1 if way == "accents" else 2]:
        damaged, truth = encoding(whole, column, rng, way=way)
        (found,) = findings("RCA109", whole, damaged)
        assert found.evidence["rows"] == truth["rows"]


def test_names_in_other_alphabets_are_none(findings: Findings) -> None:
    greek = pd.DataFrame({"name": [f"Αθήνα Ö{i}" for i in range(2000)]})
    assert findings("RCA109", greek, greek) == []
    assert not marked("Αθήνα")
    assert mended("naïve Ärger") == "naïve Ärger"


def test_says_only_what_is_sure() -> None:
    assert bare("Łódź") == "Lodz"
    assert origins(["R?m", "B?nn"], ["Rom", "Ram", "Bonn"]) == {"R?m": None, "B?nn": "Bonn"}
    assert origins(["what?"], ["Rom"]) == {}
