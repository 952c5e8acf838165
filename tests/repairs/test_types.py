from __future__ import annotations

from typing import TYPE_CHECKING
import pandas as pd
import pytest
from rca.errors import NotApplicable
from rca.repairs.values import type_change
from rca.types import Finding

if TYPE_CHECKING:
    import numpy as np
    from tests.conftest import Findings

WHOLE = pd.DataFrame(
    {
        "price": [1.5, 2.25, 3.0],
        "zip": [101, 202, 303],
        "paid": [True, False, True],
        "city": ["1", "2", "3"],
        "at": pd.to_datetime(["2024-01-01", "2024-01-02", "2024-01-03"]),
    }
)


def finding(column: str) -> Finding:
    return Finding("RCA108", "type_change", f"data.train.{column}", "", evidence={"column": column})


@pytest.mark.parametrize("column", ["price", "zip", "at"])
def test_reads_text_as_the_type_it_was(findings: Findings, rng: np.random.Generator, column: str) -> None:
    damaged = WHOLE.assign(**{column: WHOLE[column].astype(str)})
    (found,) = findings("RCA108", WHOLE, damaged)
    repaired = type_change(damaged, found, WHOLE, rng)
    pd.testing.assert_frame_equal(repaired, WHOLE)
    assert findings("RCA108", WHOLE, repaired) == []


@pytest.mark.parametrize(
    ("column", "values"), [("paid", [1, 0, 1]), ("city", [1, 2, 3]), ("price", ["1,5", "2,25", "3"])]
)
def test_reads_what_other_programs_write(rng: np.random.Generator, column: str, values: list[str]) -> None:
    damaged = WHOLE.assign(**{column: values})
    pd.testing.assert_frame_equal(type_change(damaged, finding(column), WHOLE, rng), WHOLE)


def test_leaves_a_column_that_is_something_else(rng: np.random.Generator) -> None:
    with pytest.raises(NotApplicable, match="most values of zip cannot be read as int64"):
        type_change(WHOLE.assign(zip=["a", "b", "3"]), finding("zip"), WHOLE, rng)


def test_lost_decimals_are_lost(rng: np.random.Generator) -> None:
    rounded = Finding("RCA106", "type_change", "data.train.price", "", evidence={"column": "price", "decimals": 0})
    with pytest.raises(NotApplicable, match="the decimals that price lost cannot be known"):
        type_change(WHOLE, rounded, WHOLE, rng)
