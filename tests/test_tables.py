from __future__ import annotations

import time
from decimal import Decimal
from typing import TYPE_CHECKING, Any
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from rca.errors import DataError
from rca.tables import GRID, Table, open_table

if TYPE_CHECKING:
    from pathlib import Path

FRAME = pd.DataFrame(
    {
        "x": [1.0, 2.0, np.nan, np.inf],
        "city": ["A", "B", "B", None],
        "at": pd.to_datetime(pd.Series(["2024-01-01", "2024-01-02", None, "2024-01-04"])),
    }
)


@pytest.mark.parametrize("ending", ["parquet", "csv", "tsv", "csv.gz"])
def test_reads_files_by_their_ending(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"table.{ending}"
    if ending == "parquet":
        FRAME.to_parquet(path)
    else:
        FRAME.to_csv(path, index=False, sep="\t" if ending == "tsv" else ",")
    profile = open_table(path).profile
    assert (profile.rows, list(profile.columns)) == (4, ["x", "city", "at"])
    assert [column.kind for column in profile.columns.values()] == ["number", "category", "time"]


def test_a_profile_counts_missing_infinite_and_distinct() -> None:
    x, city, at = open_table(FRAME).profile.columns.values()
    assert (x.rows, x.missing, x.infinite, x.distinct, x.present) == (4, 1, 1, 2, 3)
    assert (x.min, x.max, x.mean, x.std) == (1.0, 2.0, 1.5, 0.5)
    assert (city.missing, dict(city.top)) == (1, {"B": 2, "A": 1})
    assert (at.missing, at.distinct) == (1, 3)


def test_quantiles_are_those_of_numpy(rng: np.random.Generator) -> None:
    values = rng.normal(size=1001)
    column = open_table(pd.DataFrame({"x": values})).profile.columns["x"]
    assert column.quantiles == pytest.approx(np.quantile(values, GRID))
    assert column.at(0.5) == np.median(values)


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([1, "x", None], "category"),
        ([None, None, None], "other"),
        ([np.nan] * 3, "number"),
        ([np.inf, -np.inf, np.nan], "number"),
        ([1e308, -1e308, 1.0], "number"),
        ([2**63, 1, 2], "number"),
        ([[1], [2, 3], None], "other"),
        ([{"a": 1}, None, {"a": 2}], "other"),
        ([1, [2], "x"], "category"),
        ([True, None, False], "category"),
        ([Decimal("1.5"), None, Decimal(2)], "number"),
        ([1j, 2, 3], "category"),
        (pd.period_range("2024", periods=3, freq="M"), "category"),
        (pd.Categorical(["a", "b", None]), "category"),
        (pd.to_timedelta([1, 2, 3], unit="s"), "other"),
        (pd.date_range("2024", periods=3, tz="UTC"), "time"),
    ],
)
def test_any_column_has_a_profile(values: Any, kind: str) -> None:
    table = open_table(pd.DataFrame({"x": values}))
    assert table.profile.columns["x"].kind == kind
    assert len(table.frame()) == 3


def test_an_empty_table_has_a_profile() -> None:
    profile = open_table(FRAME[:0]).profile
    assert profile.rows == 0
    assert all(column.missing == 0 and not column.quantiles for column in profile.columns.values())


def test_a_sample_keeps_to_its_limit_and_its_seed() -> None:
    table = open_table(pd.DataFrame({"x": range(10_000)}))
    sample = table.frame(limit=1000)
    assert 800 < len(sample) < 1200
    pd.testing.assert_frame_equal(sample, table.frame(limit=1000))
    assert len(table.frame()) == 10_000


def test_a_table_is_opened_once() -> None:
    table = open_table(FRAME)
    assert open_table(table) is table
    assert isinstance(open_table(table.expr), Table)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("nowhere.parquet", "no file nowhere.parquet"),
        (pd.DataFrame(), "has no columns"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "column 'a' more than once"),
        (object(), "is a object, and no table"),
    ],
)
def test_says_why_it_cannot_be_opened(source: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        open_table(source)


def test_names_the_columns_there_are() -> None:
    with pytest.raises(DataError, match=r"has no column 'y': it has 'at', 'city', 'x'"):
        open_table(FRAME).require("x", None, "y")


def test_a_csv_that_is_not_utf8_is_read(tmp_path: Path) -> None:
    (tmp_path / "old.csv").write_bytes("city,n\nZürich,1\nGenève,2\n".encode("latin-1"))
    assert set(open_table(tmp_path / "old.csv").profile.columns["city"].top) == {"Zürich", "Genève"}


def test_a_file_cut_in_the_middle_is_one_sentence(tmp_path: Path) -> None:
    FRAME.to_parquet(tmp_path / "whole.parquet")
    whole = (tmp_path / "whole.parquet").read_bytes()
    (tmp_path / "cut.parquet").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match="cannot be read as a table") as caught:
        open_table(tmp_path / "cut.parquet")
    assert "\n" not in str(caught.value)


def test_columns_of_one_name_in_a_file_stay_apart(tmp_path: Path) -> None:
    (tmp_path / "twice.csv").write_text("a,a,b\n1,2,3\n4,5,6\n")
    profile = open_table(tmp_path / "twice.csv").profile
    assert (profile.rows, len(profile.columns)) == (2, 3)
    pq.write_table(pa.Table.from_arrays([pa.array([1, 2]), pa.array([3, 4])], ["a", "a"]), tmp_path / "twice.parquet")
    profile = open_table(tmp_path / "twice.parquet").profile
    assert (profile.rows, len(profile.columns)) == (2, 2)


def test_zones_are_told_in_utc() -> None:
    utc = pd.date_range("2024-01-01", periods=3, freq="h", tz="UTC")
    first, second = (open_table(pd.DataFrame({"at": at})) for at in (utc, utc.tz_convert("Asia/Tokyo")))
    assert first.sample["at"].tolist() == second.sample["at"].tolist()
    assert first.profile.columns["at"].max == second.profile.columns["at"].max


def test_nested_and_binary_columns_are_left_alone() -> None:
    frame = pd.DataFrame({"raw": [b"a", b"b", None], "deep": [{"a": [1]}, {"a": [2]}, None], "x": [1, 2, 3]})
    table = open_table(frame)
    assert {name: column.kind for name, column in table.profile.columns.items()} == {
        "raw": "other",
        "deep": "other",
        "x": "number",
    }
    assert list(table.sample) == ["x"]
    assert len(table.hashes) == 3


def test_many_columns_and_many_categories(rng: np.random.Generator) -> None:
    start = time.process_time()
    wide = pd.DataFrame(rng.normal(size=(300, 1000)), columns=[f"c{i}" for i in range(1000)])
    assert len(open_table(wide).profile.columns) == 1000
    tall = pd.DataFrame({"name": np.arange(1_000_000).astype(str)})
    assert len(open_table(tall).profile.columns["name"].top) == 1000
    assert time.process_time() - start < 60
