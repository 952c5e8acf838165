from __future__ import annotations

from typing import TYPE_CHECKING
import numpy as np
import pandas as pd
import pytest

if TYPE_CHECKING:
    from tests.conftest import Findings

WHOLE = pd.DataFrame({"city": ["Rome"] * 500 + ["Oslo"] * 300 + ["Bonn"] * 200, "id": [f"c{i}" for i in range(1000)]})


def with_new(rows: int) -> pd.DataFrame:
    return WHOLE.assign(city=np.where(WHOLE.index % 100 < rows / 10, "Lima", WHOLE["city"]))


@pytest.mark.parametrize("rows", [20, 100, 400])
def test_finds_a_category_that_never_was(findings: Findings, rows: int) -> None:
    (found,) = findings("RCA107", WHOLE, with_new(rows))
    assert (found.kind, found.subject) == ("new_category", "data.train.city")
    assert found.effect == pytest.approx(rows / 1000)
    assert found.evidence["new"] == {"Lima": rows}
    assert findings("RCA111", WHOLE, with_new(rows)) == []


@pytest.mark.parametrize(
    "names",
    [
        {"Rome": "ROM", "Bonn": "BNN"},
        {"Rome": "alpha"},
        {"Rome": "alpha", "Bonn": "beta"},
        {"Rome": "2", "Oslo": "1", "Bonn": "0"},
        {"Rome": "city: Rome"},
    ],
    ids=str,
)
def test_finds_renamed_categories(findings: Findings, names: dict[str, str]) -> None:
    renamed = WHOLE.replace(names)
    (found,) = findings("RCA111", WHOLE, renamed)
    assert found.kind == "renamed_category"
    assert found.evidence["mapping"] == {new: old for old, new in names.items()}
    assert findings("RCA107", WHOLE, renamed) == []


def test_says_which_name_became_which(findings: Findings) -> None:
    whole = pd.DataFrame({"city": ["Rome", "Bonn", "Bonn", "Oslo"] * 200})
    (found,) = findings("RCA111", whole, whole.replace("Rome", "Roma"))
    assert found.text == "city of train has 'Roma' where the reference has 'Rome', in 25 % of the rows."
    assert findings("RCA111", whole, whole) == []


def test_another_spelling_is_a_new_name_even_where_the_old_one_is_still_used(findings: Findings) -> None:
    (found,) = findings("RCA111", WHOLE, WHOLE.assign(city=WHOLE["city"].where(WHOLE.index % 2 > 0, " rome")))
    assert found.evidence["mapping"] == {" rome": "Rome"}


def test_a_name_of_half_the_rows_is_found_by_the_share_that_is_gone(findings: Findings) -> None:
    half = WHOLE.assign(city=WHOLE["city"].mask((WHOLE["city"] == "Rome") & (WHOLE.index % 2 > 0), "alpha"))
    (found,) = findings("RCA111", WHOLE, half)
    assert found.evidence["mapping"] == {"alpha": "Rome"}


def test_what_could_be_either_is_new(findings: Findings) -> None:
    whole = pd.DataFrame({"city": ["Rome", "Oslo", "Bonn", "Bern"] * 250})
    renamed = whole.replace({"Rome": "alpha", "Oslo": "beta"})
    assert findings("RCA111", whole, renamed) == []
    assert len(findings("RCA107", whole, renamed)) == 1


def test_names_of_one_share_are_told_apart_by_the_other_columns(findings: Findings, rng: np.random.Generator) -> None:
    level = rng.integers(0, 4, 2000)
    whole = pd.DataFrame({"city": np.array(["Rome", "Oslo", "Bonn", "Bern"])[level], "heat": 9.0 * level})
    whole = whole.assign(heat=whole["heat"] + rng.normal(0, 1, 2000))
    names = {"Rome": "z", "Oslo": "w", "Bonn": "y", "Bern": "x"}
    (found,) = findings("RCA111", whole, whole.replace(names))
    assert found.evidence["mapping"] == {new: old for old, new in names.items()}


def test_where_all_names_changed_and_nothing_tells_which_is_which_no_mapping_is_claimed(findings: Findings) -> None:
    whole = pd.DataFrame({"city": ["Rome", "Oslo", "Bonn", "Bern"] * 250})
    (found,) = findings("RCA111", whole, whole.replace({"Rome": "z", "Oslo": "w", "Bonn": "y", "Bern": "x"}))
    assert (found.effect, found.evidence["mapping"]) == (1.0, {})
    assert "where the reference has 'Bern', 'Bonn', 'Oslo' and 1 more" in found.text


def test_another_population_is_no_new_name(findings: Findings) -> None:
    other = pd.DataFrame({"city": ["Lima"] * 500 + ["Oslo"] * 100 + ["Bonn"] * 400})
    assert findings("RCA111", WHOLE[["city"]], other) == []


def test_words_for_null_and_damaged_text_are_left_to_others(findings: Findings) -> None:
    for value in ("n/a", "R\ufffdme", "Róme"):
        damaged = WHOLE.assign(city=WHOLE["city"].mask(WHOLE.index % 10 == 0, value))
        assert [*findings("RCA107", WHOLE, damaged), *findings("RCA111", WHOLE, damaged)] == []


def test_is_silent_up_to_the_floor(findings: Findings) -> None:
    assert findings("RCA107", WHOLE, WHOLE.assign(city=WHOLE["city"].where(WHOLE.index > 2, "Lima"))) == []


def test_names_are_no_categories(findings: Findings) -> None:
    assert findings("RCA107", WHOLE, WHOLE.assign(id=WHOLE["id"] + "x")) == []


def test_rare_words_that_a_sample_misses_are_expected(findings: Findings) -> None:
    draw = np.random.default_rng(0)
    words = [pd.DataFrame({"word": [f"w{n}" for n in draw.zipf(2.0, 3000)]}) for _ in range(2)]
    assert findings("RCA107", *words) == []
