"""What chance and the reference's own history explain is no finding."""

from __future__ import annotations

import numpy as np
import pandas as pd
from rca import api


def shops(rows: int, seed: int, opened: float) -> pd.DataFrame:
    """A shop that opens late makes up a tenth of the rows from then on."""
    draw = np.random.default_rng(seed)
    at = pd.date_range("2024-01-01", periods=rows, freq="h")
    shop = pd.Series(draw.choice(["Bonn", "Oslo", "Rome"], rows))
    late = (np.arange(rows) >= opened * rows) & (draw.random(rows) < 0.1)
    return pd.DataFrame({"at": at, "shop": shop.mask(late, "Lima")})


def test_what_is_new_all_the_time_is_no_news() -> None:
    # each half year a shop opens, in the reference as in the current rows
    before = shops(4000, 0, 0.5)
    after = shops(4000, 1, 0.0).assign(at=lambda t: t["at"] + pd.Timedelta(days=200)).replace("Lima", "Kyiv")
    assert api.check(before, after.assign(shop=after["shop"]), time="at").findings == ()


def test_what_never_came_before_is() -> None:
    before = shops(4000, 0, 1.0)
    after = shops(4000, 1, 0.0).assign(at=lambda t: t["at"] + pd.Timedelta(days=200))
    assert [f.kind for f in api.check(before, after, time="at").findings] == ["new_category"]


def test_a_damage_that_began_in_the_reference_is_still_named() -> None:
    before, after = shops(4000, 0, 1.0), shops(4000, 1, 1.0)
    draw = np.random.default_rng(2)
    income = draw.lognormal(10, 0.5, 8000)
    before = before.assign(income=np.where(np.arange(4000) < 3000, income[:4000], income[:4000] / 1000))
    found = api.check(before, after.assign(income=income[4000:] / 1000), time="at").findings
    assert all(f.subject == "data.current.income" for f in found)
