"""Fixtures for all tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any
import numpy as np
import pandas as pd
import pytest
from threadpoolctl import threadpool_limits
from rca.registry import Entry, check, run
from rca.tables import open_table
from rca.types import Case, Finding, Outcome, Pair, Roles

pytest_plugins = ["tests.workspace_plugin"]

RAW = Path(__file__).parents[1] / "data/raw/bank_marketing.parquet"
Findings = Callable[..., list[Finding]]


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    """Keep the numerical libraries to one thread: the tests are small, and run beside each other."""
    with threadpool_limits(1):
        yield


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture(scope="session")
def bank() -> pd.DataFrame:
    """The 41,188 calls with their 20 columns and the target, in date order; do not change it."""
    return pd.read_parquet(RAW)


@pytest.fixture(scope="session")
def calls(bank: pd.DataFrame) -> pd.DataFrame:
    """Every tenth call, with a key and a time; do not change it."""
    some = bank.iloc[::10].reset_index(drop=True)
    return some.assign(client=np.arange(len(some)), at=pd.date_range("2008-05-01", periods=len(some), freq="5h"))


@pytest.fixture(scope="session")
def mixed() -> Callable[[int, int], pd.DataFrame]:
    """Make a table with every kind of column, some of them hostile, from a seed and a number of rows."""

    def make(seed: int, rows: int) -> pd.DataFrame:
        draw = np.random.default_rng(seed)
        normal = draw.normal(50, 10, rows)
        return pd.DataFrame(
            {
                "normal": normal,
                "skewed": draw.lognormal(3, 1, rows),
                "wild": draw.standard_cauchy(rows),
                "count": draw.poisson(2, rows),
                "whole": draw.integers(-1000, 1000, rows),
                "flag": draw.integers(0, 2, rows),
                "holes": np.where(draw.random(rows) < 0.2, np.nan, normal),
                "infinite": np.where(draw.random(rows) < 0.01, np.inf, normal),
                "constant": 1.0,
                "empty": None,
                "nan": np.nan,
                "yes": draw.random(rows) < 0.3,
                "city": draw.choice(["Rome", "Oslo", "Bonn", "Lima"], rows, p=[0.5, 0.3, 0.199, 0.001]),
                "zipf": [f"w{n}" for n in np.minimum(draw.zipf(1.8, rows), 150)],
                "name": [f"{seed}-{n}" for n in range(rows)],
                "odd": pd.Series(draw.choice(np.array([1, "x", 2.5], dtype=object), rows), dtype=object),
                "list": [[int(n)] for n in draw.integers(0, 5, rows)],
                "at": pd.Timestamp("2024-01-01") + pd.to_timedelta(draw.integers(0, 10**6, rows), unit="s"),
            }
        )

    return make


def case_of(reference: Any, current: Any, *, same_role: bool = True, **roles: Any) -> Case:
    """Wrap two tables as the pair "train" of a case."""
    pair = Pair("train", open_table(reference, "reference"), open_table(current, "current"), same_role)
    return Case((pair,), Roles(**roles))


@pytest.fixture(scope="session")
def make_case() -> Callable[..., Case]:
    return case_of


@pytest.fixture(scope="session")
def outcome() -> Callable[[str, Case], tuple[Outcome, list[Finding]]]:
    """Run one check by its code, as the conductor does."""

    def look(code: str, case: Case) -> tuple[Outcome, list[Finding]]:
        outcomes, findings = run([check.get(code)], case)
        return outcomes[0], list(findings)

    return look


@pytest.fixture(scope="session")
def findings(outcome: Callable[[str, Case], tuple[Outcome, list[Finding]]]) -> Findings:
    """Return what one check finds between two tables; it must not fail."""

    def look(code: str, reference: Any, current: Any, **options: Any) -> list[Finding]:
        done, found = outcome(code, case_of(reference, current, **options))
        assert done.status in ("found", "clear"), done.reason
        return found

    return look


@pytest.fixture(scope="session")
def checks() -> Sequence[Entry]:
    return list(check.load().values())
