"""A profile stands for the reference when its rows are not at hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
import numpy as np
import pandas as pd
import pytest
from rca import api
from rca.errors import ConfigError, DataError
from rca.profiles import load
from rca.tables import open_table

if TYPE_CHECKING:
    from pathlib import Path


def calls(rng: np.random.Generator, rows: int = 4000) -> pd.DataFrame:
    """Columns of every kind, with holes, spikes, rare names and a key."""
    income = pd.Series(rng.lognormal(10, 0.6, rows)).mask(rng.random(rows) < 0.1)
    return pd.DataFrame(
        {
            "id": [f"n{i}" for i in range(rows)],
            "income": income,
            "children": rng.poisson(1.2, rows),
            "debt": np.where(rng.random(rows) < 0.4, 0.0, rng.lognormal(3, 1, rows)),
            "city": rng.choice(["Köln", "Roma", "Oslo"], rows, p=[0.5, 0.3, 0.2]),
            "name": np.array([f"w{k}" for k in range(500)])[rng.zipf(1.6, rows) % 500],
            "at": pd.date_range("2024-01-01", periods=rows, freq="h"),
        }
    )


@pytest.fixture
def stored(tmp_path: Path, rng: np.random.Generator) -> Path:
    path = tmp_path / "train.profile.json"
    whole = calls(rng)
    api.check(whole, whole, profile=path, key=("id",))
    return path


def found(stored: Path, current: Any) -> list[tuple[str, str]]:
    done = api.check(stored, current, key=("id",), time="at")
    assert not [o.reason for o in done.outcomes if o.status == "failed"]
    return [(f.kind, f.subject.rsplit(".", 1)[-1]) for f in done.findings]


def test_another_sample_of_the_same_data_is_silent(stored: Path) -> None:
    for seed in range(5):
        assert found(stored, calls(np.random.default_rng(seed))) == []


@pytest.mark.parametrize(
    ("kind", "column", "change"),
    [
        ("missing_values", "income", lambda c: c.mask(c.index % 4 == 0)),
        ("unit_change", "income", lambda c: c / 1000),
        ("sign_flip", "debt", lambda c: -c),
        ("range_violation", "income", lambda c: c.mask(c.index % 20 == 0, -1e5 - c * 7)),
        ("renamed_category", "city", lambda c: c.replace("Oslo", "oslo")),
        ("encoding", "city", lambda c: c.replace("Köln", "KÃ¶ln")),
        ("new_category", "city", lambda c: c.mask(c.index % 10 == 0, "Lima")),
        ("type_change", "children", lambda c: c.map({0: "none"}).fillna("some")),
    ],
)
def test_a_damage_is_found_without_the_reference_rows(
    stored: Path, rng: np.random.Generator, kind: str, column: str, change: Any
) -> None:
    current = calls(rng)
    assert found(stored, current.assign(**{column: change(current[column])}))[0] == (kind, column)


def test_a_lost_column_is_found_and_what_needs_rows_says_so(stored: Path, rng: np.random.Generator) -> None:
    done = api.check(stored, calls(rng).drop(columns="debt"), key=("id",))
    assert [f.text for f in done.findings] == ["debt is gone from current."]
    outcome = next(o for o in done.outcomes if o.code == "RCA112")
    assert (outcome.status, "stored profile" in str(outcome.reason)) == ("not_applicable", True)


def test_the_file_holds_nobody(stored: Path) -> None:
    text = stored.read_text()
    assert '"n17"' not in text
    profile = load(stored)
    assert min(n for column in profile.columns.values() for n in column.top.values()) >= 10
    assert profile.columns["at"].min == pd.Timestamp("2024-01-01").to_pydatetime()


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema": "other"}', '{"schema": "rca/profile/1", "rows": "x"}'])
def test_what_is_no_profile_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "odd.json"
    path.write_text(text)
    with pytest.raises(DataError, match="no stored profile"):
        open_table(path)


def test_a_profile_stands_for_the_reference_alone(tmp_path: Path) -> None:
    whole = pd.DataFrame({"a": np.arange(500.0)})
    api.check(whole, whole, profile=tmp_path / "p.json")
    with pytest.raises(ConfigError, match="the reference only"):
        api.check(whole, tmp_path / "p.json")
