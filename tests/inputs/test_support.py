from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from rca.inputs.support import by_group, outside


def table(rng: np.random.Generator, n: int) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "amount": rng.lognormal(3, 1, n),
            "city": rng.choice([f"c{i}" for i in range(60)], n, p=np.arange(60, 0, -1) / 1830),
            "client": [f"k{i}" for i in rng.integers(0, 100_000, n)],
            "ok": rng.random(n) < 0.5,
            "gap": np.where(rng.random(n) < 0.2, np.nan, rng.standard_cauchy(n)),
        }
    )


@pytest.mark.parametrize(("n_reference", "n_current"), [(50, 50), (200, 200), (200, 20_000), (5000, 300)])
def test_honest_rows_are_never_peeled_off(n_reference: int, n_current: int) -> None:
    for seed in range(25):
        rng = np.random.default_rng(seed)
        found = outside(table(rng, n_reference), table(rng, n_current))
        assert not found.to_numpy().any(), found.sum()


@pytest.mark.parametrize("damage", ["level", "missing", "range", "present"])
def test_each_kind_of_row_is_found_and_counted(rng: np.random.Generator, damage: str) -> None:
    p, q = table(rng, 2000), table(rng, 2000)
    hit = np.arange(2000) % 4 == 0
    if damage == "level":
        q.loc[hit, "city"] = "new"
    elif damage == "missing":
        q.loc[hit, "city"] = None
    elif damage == "range":
        p["amount"], q["amount"] = rng.normal(50, 5, 2000), rng.normal(50, 5, 2000)
        q.loc[hit, "amount"] *= 100
    else:
        p["amount"] = np.nan
        q.loc[~hit, "amount"] = np.nan
    found = outside(p, q)
    column = "city" if damage in {"level", "missing"} else "amount"
    assert found.sum()[lambda n: n > 0].to_dict() == {column: 500}
    assert (found[column] == hit).all()


def test_many_new_levels_are_found_though_each_is_rare(rng: np.random.Generator) -> None:
    p = pd.DataFrame({"device": [f"d{i}" for i in rng.integers(0, 200, 4000)]})
    q = pd.DataFrame({"device": [f"e{i}" for i in rng.integers(0, 2000, 4000)]})
    assert outside(p, q)["device"].all()


def test_a_row_goes_to_the_group_with_most_columns_outside(rng: np.random.Generator) -> None:
    p = pd.DataFrame(rng.normal(size=(500, 3)), columns=["a", "b", "c"])
    q = pd.DataFrame(rng.normal(size=(500, 3)), columns=["a", "b", "c"])
    q.loc[:99] *= 0
    q.loc[:99] += 1000
    q.loc[100:149, "c"] = 1000
    masks = by_group(outside(p, q), {"one": ["c"], "two": ["a", "b"]})
    assert {name: int(mask.sum()) for name, mask in masks.items()} == {"one": 50, "two": 100}


def test_the_order_of_rows_and_columns_does_not_matter(rng: np.random.Generator) -> None:
    p, q = table(rng, 1000), table(rng, 1000)
    q.loc[:200, "city"] = "new"
    found = outside(p, q)
    order = rng.permutation(1000)
    again = outside(p[p.columns[::-1]], q[q.columns[::-1]].iloc[order].reset_index(drop=True))
    assert found["city"].sum() == 201
    assert again[found.columns].equals(found.iloc[order].reset_index(drop=True))
