from __future__ import annotations

from typing import TYPE_CHECKING
import pandas as pd
from rca.repairs.values import new_category
from rca.types import Finding

if TYPE_CHECKING:
    import numpy as np

WHOLE = pd.DataFrame({"city": ["Rome", "Oslo"] * 200, "zip": [10, 20] * 200})


def found(kind: str, **mapping: str) -> Finding:
    return Finding("RCA107", kind, "data.train.city", "", evidence={"column": "city", "mapping": mapping})


def test_renamed_categories_get_their_names_back(rng: np.random.Generator) -> None:
    damaged = WHOLE.replace({"Rome": "ROM"})
    pd.testing.assert_frame_equal(new_category(damaged, found("renamed_category", ROM="Rome"), WHOLE, rng), WHOLE)


def test_new_categories_are_drawn_and_missing_ones_stay(rng: np.random.Generator) -> None:
    damaged = WHOLE.assign(city=WHOLE["city"].mask(WHOLE.index < 100, "Lima").mask(WHOLE.index > 390))
    expected = WHOLE.assign(city=WHOLE["city"].mask(WHOLE.index > 390))
    pd.testing.assert_frame_equal(new_category(damaged, found("new_category"), WHOLE, rng), expected)


def test_long_lists_of_names_are_mended_where_they_are_damaged_only(rng: np.random.Generator) -> None:
    whole = pd.DataFrame({"name": [f"Jörg {i}" for i in range(400)]})
    damaged = pd.DataFrame({"name": ["JÃ¶rg 7", "JÃ¶rg 900", "Jörg 901"]})
    fixed = new_category(damaged, Finding("RCA109", "encoding", "data.train.name", ""), whole, rng)
    assert fixed["name"].tolist() == ["Jörg 7", "Jörg 900", "Jörg 901"]
