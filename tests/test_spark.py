"""The same check on Spark as on DuckDB."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any
import numpy as np
import pandas as pd
import pytest
from rca import api, tables
from rca.tables import open_table

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("java") is None, reason="Spark needs Java, and there is none on the PATH"),
    # of pyspark 4.0 itself, with pandas 3 and with what it leaves to the garbage collector
    pytest.mark.filterwarnings("ignore:The copy keyword is deprecated"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore:Exception ignored in.*socket:pytest.PytestUnraisableExceptionWarning"),
]
ROLES: dict[str, Any] = {"key": ("client",), "time": "at", "target": "bought"}
EXPECTED = {
    ("unit_change", "data.current.income"),
    ("missing_values", "data.current.age"),
    ("new_category", "data.current.city"),
    ("schema_change", "data.current.score"),
    ("duplicate_rows", "data.current"),
}


@pytest.fixture(scope="module")
def spark() -> Iterator[Any]:
    pyspark = pytest.importorskip("pyspark.sql")
    import ibis

    options = {"ui.enabled": "false", "driver.memory": "1g", "sql.shuffle.partitions": "2"}
    options |= {"sql.session.timeZone": "UTC", "ui.showConsoleProgress": "false", "driver.bindAddress": "127.0.0.1"}
    builder = pyspark.SparkSession.builder.master("local[2]").config("spark.driver.host", "127.0.0.1")
    for name, value in options.items():
        builder = builder.config(f"spark.{name}", value)
    session = builder.getOrCreate()
    yield ibis.pyspark.connect(session)
    session.stop()


def made(seed: int, rows: int = 20_000) -> pd.DataFrame:
    draw = np.random.default_rng(seed)
    income = draw.lognormal(10, 0.5, rows)
    return pd.DataFrame(
        {
            "client": np.arange(rows) + seed * rows,
            "at": pd.Timestamp("2024-01-01") + pd.to_timedelta(draw.integers(0, 10**7, rows), unit="s"),
            "income": income,
            "tax": income * draw.uniform(0.5, 0.9, rows),
            "age": draw.integers(18, 90, rows),
            "visits": draw.poisson(3, rows),
            "score": draw.normal(0, 1, rows),
            "rate": np.where(draw.random(rows) < 0.1, np.nan, draw.random(rows)),
            "city": draw.choice(["Rome", "Oslo", "Bonn", "Lima"], rows),
            "plan": draw.choice(["free", "paid"], rows, p=[0.9, 0.1]),
            "member": draw.random(rows) < 0.3,
            "bought": draw.integers(0, 2, rows),
        }
    )


def damaged(frame: pd.DataFrame) -> pd.DataFrame:
    draw = np.random.default_rng(9)
    broken = frame.assign(
        income=frame["income"] * 1000,
        age=frame["age"].where(draw.random(len(frame)) > 0.2),
        city=frame["city"].mask(draw.random(len(frame)) < 0.1, "Bern"),
    )
    return pd.concat([broken, broken.sample(frac=0.1, random_state=0)]).drop(columns="score")


def opened(folder: Path, spark: Any, **frames: pd.DataFrame) -> dict[str, Any]:
    """Each table as a file and as a table of Spark."""
    found = {}
    for name, frame in frames.items():
        path = folder / f"{name}.parquet"
        frame.to_parquet(path, index=False, coerce_timestamps="us")
        found[name] = path, spark.read_parquet(str(path))
    return found


def facts(reference: Any, current: Any) -> set[tuple[str, str]]:
    found = api.check(reference, current, **ROLES)
    assert [o for o in found.outcomes if o.status == "failed"] == []
    return {(f.kind, f.subject) for f in found.findings}


@pytest.mark.parametrize("sample", [50_000, 4000])
def test_finds_the_same_as_on_duckdb(spark: Any, tmp_path: Path, sample: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "SAMPLE", sample)
    healthy = opened(tmp_path, spark, reference=made(0), twin=made(1), damaged=damaged(made(0)))
    reference, twin, broken_ = (healthy[name] for name in ("reference", "twin", "damaged"))
    on_file, on_spark = (facts(reference[i], broken_[i]) for i in (0, 1))
    assert on_spark == on_file
    assert on_spark >= EXPECTED & on_file
    assert len(on_spark & EXPECTED) >= 4
    assert facts(reference[1], twin[1]) == facts(reference[0], twin[0]) == set()


def test_profiles_agree(spark: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "SAMPLE", 4000)
    odd = made(0, 9000).assign(wild=lambda t: t["score"].mask(t.index % 7 == 0, np.inf).mask(t.index % 5 == 0, np.nan))
    ((file, table),) = opened(tmp_path, spark, odd=odd).values()
    first, second = open_table(file).profile.columns, open_table(table).profile.columns
    for name, column in first.items():
        other = second[name]
        facts = ("kind", "rows", "missing", "infinite", "min", "max", "top")
        assert [getattr(column, f) for f in facts] == [getattr(other, f) for f in facts], name


def test_equal_rows_share_their_hash_and_nulls_have_a_place(spark: Any, tmp_path: Path) -> None:
    frame = pd.DataFrame({"a": [1.0, None, 1.0, None], "b": [None, 1.0, None, 2.0]})
    ((_, table),) = opened(tmp_path, spark, small=frame).values()
    assert len(set(open_table(table).hashes.tolist())) == 3
