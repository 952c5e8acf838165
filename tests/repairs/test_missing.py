from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from rca.errors import NotApplicable
from rca.repairs.values import missing_values
from rca.types import Finding

FINDING = Finding("RCA101", "missing_values", "data.train.heat", "")


def table() -> pd.DataFrame:
    city = np.tile(["Rome", "Oslo"], 500)
    return pd.DataFrame({"city": city, "heat": np.where(city == "Rome", 20.0, np.nan)})


def test_cells_that_are_empty_by_nature_stay_empty(rng: np.random.Generator) -> None:
    whole = table()
    damaged = whole.assign(heat=whole["heat"].mask(whole.index < 300))
    pd.testing.assert_frame_equal(missing_values(damaged, FINDING, whole, rng), whole)


def test_the_column_comes_from_the_subject_dots_and_all(rng: np.random.Generator) -> None:
    whole = pd.DataFrame({"emp.var.rate": [1.0, 2.0]})
    finding = Finding("RCA101", "missing_values", "data.train.emp.var.rate", "")
    assert missing_values(whole.assign(**{"emp.var.rate": np.nan}), finding, whole, rng).notna().all(axis=None)


def test_a_column_that_is_not_there_cannot_be_repaired(rng: np.random.Generator) -> None:
    with pytest.raises(NotApplicable, match="current table has no column 'heat'"):
        missing_values(table().drop(columns="heat"), FINDING, table(), rng)
