from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from rca.errors import NotApplicable
from rca.repairs._common import chance_missing, resample


def table(rows: int = 2000) -> pd.DataFrame:
    draw = np.random.default_rng(0)
    city = draw.choice(["Rome", "Oslo"], rows)
    return pd.DataFrame({"city": city, "heat": np.where(city == "Rome", 20.0, 5.0) + draw.normal(0, 1, rows)})


def test_draws_follow_the_other_columns(rng: np.random.Generator) -> None:
    whole = table()
    lost = np.arange(len(whole)) % 3 == 0
    again = resample(whole.assign(heat=whole["heat"].mask(lost)), "heat", lost, whole, rng)
    assert again[lost].groupby(whole["city"][lost]).mean().to_dict() == pytest.approx({"Oslo": 5, "Rome": 20}, abs=0.2)
    assert again[lost].std() == pytest.approx(whole["heat"].std(), rel=0.05)
    pd.testing.assert_series_equal(again[~lost], whole["heat"][~lost])


def test_draws_categories(rng: np.random.Generator) -> None:
    whole = table()
    lost = np.arange(len(whole)) % 3 == 0
    again = resample(whole, "city", lost, whole, rng)
    assert (again == whole["city"]).all()


def test_a_table_of_one_column_has_only_its_own_law(rng: np.random.Generator) -> None:
    whole = table()[["heat"]]
    again = resample(whole, "heat", np.ones(len(whole), dtype=bool), whole, rng)
    assert again.mean() == pytest.approx(whole["heat"].mean(), abs=0.5)


def test_needs_a_value_to_draw_from(rng: np.random.Generator) -> None:
    whole = table()
    with pytest.raises(NotApplicable, match="no value of heat"):
        resample(whole, "heat", np.ones(len(whole), dtype=bool), whole.assign(heat=np.nan), rng)


def test_knows_where_the_reference_is_empty_by_itself() -> None:
    whole = table()
    whole["heat"] = whole["heat"].mask(whole["city"] == "Oslo")
    chance = chance_missing(whole, "heat", np.ones(len(whole), dtype=bool), whole)
    assert (chance == (whole["city"] == "Oslo")).all()
