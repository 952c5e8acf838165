from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from rca.repairs.category import new_category, renamed_category
from rca.types import Finding

if TYPE_CHECKING:
    import numpy as np

WHOLE = pd.DataFrame({"city": ["Rome", "Oslo"] * 200, "zip": [10, 20] * 200})


def found(kind: str, **mapping: str) -> Finding:
    return Finding("RCA107", kind, "data.train.city", "", evidence={"column": "city", "mapping": mapping})


def test_renamed_categories_get_their_names_back(rng: np.random.Generator) -> None:
    damaged = WHOLE.replace({"Rome": "ROM"})
    pd.testing.assert_frame_equal(renamed_category(damaged, found("renamed_category", ROM="Rome"), WHOLE, rng), WHOLE)


def test_new_categories_are_drawn_and_missing_ones_stay(rng: np.random.Generator) -> None:
    damaged = WHOLE.assign(city=WHOLE["city"].mask(WHOLE.index < 100, "Lima").mask(WHOLE.index > 390))
    expected = WHOLE.assign(city=WHOLE["city"].mask(WHOLE.index > 390))
    pd.testing.assert_frame_equal(new_category(damaged, found("new_category"), WHOLE, rng), expected)
