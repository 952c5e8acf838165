from __future__ import annotations

from typing import TYPE_CHECKING
import pandas as pd
import pytest
from rca.errors import NotApplicable
from rca.repairs.values import schema_change

if TYPE_CHECKING:
    import numpy as np
    from tests.conftest import Findings

WHOLE = pd.DataFrame(
    {
        "age": [30, 40, 50],
        "city": ["A", "B", "A"],
        "at": pd.to_datetime(["2024-01-01", "2024-01-02", "2024-01-03"]),
        "y": [0, 1, 0],
    }
)


def test_finds_a_column_that_is_gone(findings: Findings) -> None:
    (found,) = findings("RCA108", WHOLE, WHOLE.drop(columns="age"))
    assert (found.kind, found.subject, found.text) == ("schema_change", "data.train.age", "age is gone from train.")


@pytest.mark.parametrize("column", ["age", "at"])
def test_finds_a_column_that_became_text(findings: Findings, column: str) -> None:
    (found,) = findings("RCA108", WHOLE, WHOLE.assign(**{column: WHOLE[column].astype(str)}))
    assert (found.kind, found.subject) == ("type_change", f"data.train.{column}")
    assert found.evidence["to"] == "string"


def test_a_wider_number_is_no_change(findings: Findings) -> None:
    assert findings("RCA108", WHOLE, WHOLE.astype({"age": "float32"})) == []


def test_a_column_without_values_has_no_type(findings: Findings) -> None:
    assert findings("RCA108", WHOLE, WHOLE.assign(city=None)) == []


def test_only_features_are_expected_of_another_role(findings: Findings) -> None:
    served = WHOLE[["age"]]
    found = findings("RCA108", WHOLE, served, same_role=False, target="y", features=("age", "city"))
    assert [f.subject for f in found] == ["data.train.city"]


def test_a_lost_column_is_found_under_a_new_name_and_repaired(findings: Findings, rng: np.random.Generator) -> None:
    whole = pd.DataFrame({"heat": rng.normal(20, 5, 1000), "load": rng.random(1000), "shop": ["A", "B"] * 500})
    other = whole.rename(columns={"heat": "heat_c", "shop": "store"})
    first, second = findings("RCA108", whole, other)
    assert (first.text, first.evidence["renamed"]) == ("heat is called heat_c in train.", "heat_c")
    assert second.evidence["renamed"] == "store"
    repaired = schema_change(schema_change(other, first, whole, rng), second, whole, rng)
    assert findings("RCA108", whole, repaired) == []
    (gone,) = findings("RCA108", whole, whole.drop(columns="heat").assign(new=rng.random(1000)))
    assert "renamed" not in gone.evidence
    with pytest.raises(NotApplicable, match="no column holds the values of heat"):
        schema_change(other, gone, whole, rng)
