from __future__ import annotations

from typing import Any
import numpy as np
import pandas as pd
import pytest
from rca.inputs.slices import said, slices


def table(draw: np.random.Generator, n: int = 6000) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "job": draw.choice(["cook", "clerk", "nurse", "smith"], n),
            "city": draw.choice(["Oslo", "Rome"], n, p=[0.7, 0.3]),
            "age": draw.normal(40, 10, n),
            "zip": [f"z{i % 1000}" for i in range(n)],
            "sex": draw.choice(["f", "m"], n),
        }
    )


def look(seed: int, harm: Any, sensitive: tuple[str, ...] = (), n: int = 6000) -> pd.DataFrame:
    draw = np.random.default_rng(seed)
    p, q = table(draw, n), table(draw, n)
    before, after = (np.asarray(draw.random(n) < 0.2 + extra, dtype=float) for extra in (0.0, harm(q)))
    return slices((before, after), (p, q), np.random.default_rng(0), sensitive)


def confirmed(found: pd.DataFrame) -> list[str]:
    return list(found.loc[found["confirmed"], "slice"])


@pytest.mark.parametrize("seed", range(5))
def test_the_slice_that_suffers_is_named_alone(seed: int) -> None:
    found = look(seed, lambda q: 0.2 * (q["job"] == "nurse"))
    assert confirmed(found)[0] == "job = 'nurse'"
    assert len(confirmed(found)) <= 2
    top = found.iloc[0]
    assert abs(top["beyond"] - 0.2) < 0.06
    assert top["rate"] == pytest.approx(0.2 / 4, abs=0.015)


def test_the_rate_is_the_slice_s_part_of_the_gap() -> None:
    draw = np.random.default_rng(0)
    p, q = (pd.DataFrame({"job": draw.choice(list("abcd"), 4000), "age": draw.normal(size=4000)}) for _ in "pq")
    loss = draw.normal(size=4000), draw.normal(size=4000) + (q["job"] == "c")
    found = slices(loss, (p, q), draw)
    assert (found["slice"].tolist(), found["rate"].round(1).tolist()) == (["job = 'c'"], [0.3])


def test_two_conditions_are_named_where_neither_tells_it_alone() -> None:
    names = [
        confirmed(look(seed, lambda q: 0.4 * ((q["job"] == "nurse") & (q["city"] == "Rome"))))[:1] for seed in range(5)
    ]
    pair = {"city = 'Rome' and job = 'nurse'", "job = 'nurse' and city = 'Rome'"}
    assert sum(bool(pair & set(name)) for name in names) >= 4


def test_mix_and_rate_are_apart() -> None:
    draw = np.random.default_rng(0)
    p, q = table(draw, 8000), table(draw, 8000)
    q = pd.concat([q, q[q["job"] == "cook"]], ignore_index=True)
    before, after = (np.asarray(draw.random(len(t)) < 0.1 + 0.3 * (t["job"] == "cook"), float) for t in (p, q))
    found = slices((before, after), (p, q), draw, ["job"]).set_index("slice")
    cook = found.loc["job = 'cook'"]
    assert cook["mix"] == pytest.approx((0.4 - 0.25) * 0.3, abs=0.01)
    assert abs(cook["rate"]) < 0.015
    assert not cook["confirmed"]


def test_sensitive_groups_are_listed_whatever_they_show() -> None:
    found = look(0, lambda q: 0.0, ("sex",))
    assert set(found["slice"]) == {"sex = 'f'", "sex = 'm'"}
    assert found["sensitive"].all()
    assert not found["confirmed"].any()
    assert said(found) == []


def test_nobody_is_named_where_nothing_differs() -> None:
    spoke = [bool(confirmed(look(seed, lambda q: 0.1, n=3000))) for seed in range(100)]
    assert sum(spoke) <= 7


def test_few_rows_are_masked_and_order_does_not_matter() -> None:
    draw = np.random.default_rng(1)
    p, q = table(draw, 2000), table(draw, 2000)
    q.loc[:7, "job"] = p.loc[:7, "job"] = "earl"
    values = draw.random(2000), draw.random(2000) + (q["job"] == "nurse").to_numpy()
    found = slices(values, (p, q), np.random.default_rng(0), ["job"])
    assert "job = 'earl'" not in set(found["slice"])
    mixed = draw.permutation(2000)
    columns = list(reversed(q.columns))
    again = slices((values[0], values[1][mixed]), (p, q.iloc[mixed][columns]), np.random.default_rng(0), ["job"])
    pd.testing.assert_frame_equal(found, again)


def test_nothing_to_look_at_is_nobody() -> None:
    table = pd.DataFrame({"a": np.ones(100)})
    found = slices((np.zeros(100), np.ones(100)), (table, table), np.random.default_rng(0))
    assert len(found) == 0
    assert said(found) == []


def test_rare_events_on_sides_of_other_sizes_name_nobody() -> None:
    spoke = 0
    for seed in range(40):
        draw = np.random.default_rng(seed)
        p, q = table(draw, 20_000), table(draw, 1000)
        values = (draw.random(20_000) < 0.05).astype(float), (draw.random(1000) < 0.05).astype(float)
        spoke += bool(confirmed(slices(values, (p, q), np.random.default_rng(0))))
    assert spoke <= 2


def test_numbers_whose_bounds_read_alike_are_apart() -> None:
    draw = np.random.default_rng(0)
    p, q = (pd.DataFrame({"id": 1_000_000 + draw.integers(0, 60, 3000)}) for _ in "pq")
    values = draw.normal(size=3000), draw.normal(size=3000) + q["id"].between(1_000_016, 1_000_029).to_numpy()
    assert confirmed(slices(values, (p, q), np.random.default_rng(0), ["id"]))


def test_numbers_without_a_bound_are_cut_where_the_others_are(rng: Any) -> None:
    table = pd.DataFrame({"x": np.where(np.arange(4000) % 5 == 0, np.inf, np.arange(4000.0))})
    found = slices((np.zeros(4000), np.zeros(4000)), (table, table), rng, ["x"])
    assert found["sensitive"].all()
    assert "inf" not in "".join(found["slice"])
