"""Since when, and up to when: damages of spans of time of any length."""

import numpy as np
import pandas as pd
import pytest
import rca
from rca.types import Finding

ROWS, DAYS = 4000, 90
START = pd.Timestamp("2024-01-01")


def calls(seed: int, rows: int = ROWS) -> pd.DataFrame:
    """A table whose columns hang together, over some weeks."""
    draw = np.random.default_rng(seed)
    age, mood = draw.normal(40, 10, rows), draw.normal(size=rows)
    income = draw.lognormal(10, 0.6, rows) * (1 + age / 100)
    odds = 2 * (np.log(income) - 10.3) + 1.5 * mood
    return pd.DataFrame(
        {
            "at": pd.date_range(START, periods=rows, freq=pd.Timedelta(days=DAYS) / rows),
            "age": age.round(),
            "income": income,
            "balance": 100 * mood,
            "spend": 0.2 * income * draw.lognormal(0, 0.3, rows),
            "height": draw.normal(170, 9, rows) + 4 * mood,
            "y": (draw.random(rows) < 1 / (1 + np.exp(-odds))).astype(int),
        }
    )


def found(kind: str, first: float, last: float) -> list[Finding]:
    """What is said of a table that is damaged between two shares of its time."""
    table, draw = calls(2), np.random.default_rng(3)
    place = np.arange(ROWS) / ROWS
    hit = (place >= first) & (place < last)
    if kind == "unit_change":
        table["income"] = table["income"].mask(hit, table["income"] * 10)
    elif kind == "sign_flip":
        table["balance"] = table["balance"].mask(hit, -table["balance"])
    elif kind == "column_swap":
        table.loc[hit, ["age", "height"]] = table.loc[hit, ["height", "age"]].to_numpy(copy=True)
    elif kind == "broken_relation":
        table.loc[hit, "income"] = draw.permutation(table.loc[hit, "income"])
    else:
        wrong = hit & (draw.random(ROWS) < 0.35)
        table["y"] = table["y"].mask(wrong, 1 - table["y"])
    return list(rca.check(calls(1), table, time="at", target="y").findings)


def days(moment: str | None) -> float:
    return (pd.Timestamp(moment) - START) / pd.Timedelta(days=DAYS) if moment else float("nan")


@pytest.mark.parametrize("kind", ["unit_change", "sign_flip", "column_swap", "broken_relation", "label_noise"])
@pytest.mark.parametrize("first", [0.83, 0.637, 0.24])
def test_the_onset_is_where_the_damage_begins(kind: str, first: float) -> None:
    finding = found(kind, first, 1.0)[0]
    assert finding.kind == kind
    # what single rows do not show is known less sharply
    slack = {"broken_relation": 0.1, "label_noise": 0.06}.get(kind, 0.03)
    assert days(finding.evidence["onset"]) == pytest.approx(first, abs=slack)
    if "share" in finding.evidence:
        assert finding.evidence["share"] == pytest.approx(1 - first, abs=0.03)


@pytest.mark.parametrize("kind", ["unit_change", "sign_flip", "column_swap"])
def test_a_damage_that_ended_has_both_ends(kind: str) -> None:
    finding = found(kind, 0.31, 0.58)[0]
    assert finding.kind == kind
    assert [days(finding.evidence[end]) for end in ("onset", "until")] == pytest.approx([0.31, 0.58], abs=0.03)
    assert finding.evidence["share"] == pytest.approx(0.27, abs=0.03)


def test_a_damage_of_the_oldest_rows_has_an_end() -> None:
    finding = found("unit_change", 0.0, 0.37)[0]
    assert finding.evidence.get("onset") is None
    assert days(finding.evidence["until"]) == pytest.approx(0.37, abs=0.03)
    assert ", up to 2024-02-0" in finding.text


@pytest.mark.parametrize("kind", ["unit_change", "sign_flip", "column_swap", "label_noise"])
def test_a_damage_of_all_rows_has_no_onset(kind: str) -> None:
    finding = found(kind, 0.0, 1.0)[0]
    assert finding.kind == kind
    assert not finding.evidence.get("onset")


@pytest.mark.parametrize("seed", range(6))
def test_spans_of_sound_tables_are_silent(seed: int) -> None:
    assert list(rca.check(calls(10 + seed), calls(30 + seed), time="at", target="y").findings) == []


@pytest.mark.parametrize("timed", [False, True])
def test_tables_of_other_rows_have_lost_none(timed: bool) -> None:
    both = calls(1, 3000), calls(2, 2500)
    time = "at" if timed else None
    first, second = both if timed else (t.drop(columns="at") for t in both)
    assert [f.kind for f in rca.check(first, second, time=time).findings] == []
    kept = first.sample(2500, random_state=0)
    assert [f.kind for f in rca.check(first, kept, time=time).findings] == ["truncation"]
