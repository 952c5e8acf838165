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


def test_finds_renamed_categories(findings: Findings) -> None:
    renamed = WHOLE.replace({"Rome": "ROM", "Bonn": "BNN"})
    (found,) = findings("RCA107", WHOLE, renamed)
    assert found.kind == "renamed_category"
    assert found.evidence["mapping"] == {"ROM": "Rome", "BNN": "Bonn"}


def test_another_spelling_is_a_new_name_even_where_the_old_one_is_still_used(findings: Findings) -> None:
    (found,) = findings("RCA107", WHOLE, WHOLE.assign(city=WHOLE["city"].where(WHOLE.index % 2 > 0, " rome")))
    assert found.evidence["mapping"] == {" rome": "Rome"}


def test_is_silent_up_to_the_floor(findings: Findings) -> None:
    assert findings("RCA107", WHOLE, WHOLE.assign(city=WHOLE["city"].where(WHOLE.index > 2, "Lima"))) == []


def test_names_are_no_categories(findings: Findings) -> None:
    assert findings("RCA107", WHOLE, WHOLE.assign(id=WHOLE["id"] + "x")) == []


def test_rare_words_that_a_sample_misses_are_expected(findings: Findings) -> None:
    draw = np.random.default_rng(0)
    words = [pd.DataFrame({"word": [f"w{n}" for n in draw.zipf(2.0, 3000)]}) for _ in range(2)]
    assert findings("RCA107", *words) == []
