from __future__ import annotations

from typing import TYPE_CHECKING
import numpy as np
import pandas as pd
import pytest
from rca.integrity.rows import truncation
from rca.tables import open_table
from rca.types import Case, Pair, Roles

if TYPE_CHECKING:
    from tests.conftest import Findings

N = 3001
WHOLE = pd.DataFrame(
    {
        "id": range(N),
        "at": pd.date_range("2024-01-01", periods=N, freq="h"),
        "shop": np.random.default_rng(0).choice(["A", "B", "C"], N),
    }
)
ROLES = {"key": ("id",), "time": "at"}


@pytest.mark.parametrize("share", [0.06, 0.2, 0.5])
@pytest.mark.parametrize("roles", [ROLES, {"time": "at"}])
def test_finds_that_the_newest_rows_are_gone(findings: Findings, share: float, roles: dict[str, object]) -> None:
    kept = WHOLE[: N - round(share * N)]
    (found,) = findings("RCA110", WHOLE, kept, **roles)
    assert (found.kind, found.subject) == ("truncation", "data.train")
    assert found.evidence["newest"]
    assert found.evidence["rows"] == N - len(kept)
    assert found.effect == pytest.approx(share, abs=1e-3)


def test_finds_that_a_category_is_gone(findings: Findings) -> None:
    (found,) = findings("RCA110", WHOLE, WHOLE[WHOLE["shop"] != "B"], **ROLES)
    assert (found.kind, found.evidence["column"], found.evidence["value"]) == ("missing_segment", "shop", "B")


def test_finds_that_a_span_of_time_is_gone(findings: Findings) -> None:
    gap = WHOLE["at"].between("2024-02-01", "2024-02-20")
    (found,) = findings("RCA110", WHOLE, WHOLE[~gap], **ROLES)
    assert found.kind == "missing_segment"
    assert (found.evidence["since"], found.evidence["until"]) == ("2024-01-31T23:00:00", "2024-02-20T01:00:00")


def test_rows_lost_here_and_there(findings: Findings) -> None:
    (found,) = findings("RCA110", WHOLE, WHOLE.sample(frac=0.7, random_state=0), **ROLES)
    assert found.kind == "truncation"
    assert found.text.endswith("which are not one category or span of time.")
    assert found.evidence["missing_keys"] == N - round(0.7 * N)


def test_a_page_of_round_size_is_named(findings: Findings) -> None:
    (found,) = findings("RCA110", WHOLE, WHOLE[:2000])
    assert found.evidence["limit"] == 2000
    assert "ends at 2,000 rows" in found.text


@pytest.mark.parametrize("rows", [65_535, 65_536])
def test_the_limit_of_a_spreadsheet_counts_in_any_role(findings: Findings, rows: int) -> None:
    table = pd.DataFrame({"x": np.zeros(66_000)})
    (found,) = findings("RCA110", table, table[:rows], same_role=False)
    assert found.evidence["limit"] in (65_535, 65_536)
    assert len(findings("RCA110", table, table[:rows])) == 1


def test_tables_of_different_roles_have_different_sizes(findings: Findings) -> None:
    assert findings("RCA110", WHOLE, WHOLE[:100], same_role=False) == []


def test_another_period_has_other_rows(findings: Findings) -> None:
    later = WHOLE[:2500].assign(id=WHOLE["id"] + N, at=WHOLE["at"] + pd.Timedelta(days=365))
    assert findings("RCA110", WHOLE, later, **ROLES) == []


def test_is_silent_up_to_the_floor(findings: Findings) -> None:
    assert findings("RCA110", WHOLE, WHOLE[:2900], **ROLES) == []


def test_the_newest_rows_that_come_late(findings: Findings) -> None:
    served = WHOLE.assign(at=WHOLE["at"] + pd.Timedelta(days=200), id=WHOLE["id"] + N)
    late = served[(served.index < 0.95 * N) | (served.index % 8 == 0)]
    (found,) = findings("RCA110", WHOLE, late, time="at")
    assert (found.kind, found.evidence["onset"][:10]) == ("truncation", "2024-11-14")
    assert found.text == "train lost 130 of 2,870 rows (4.5 %), those after 2024-11-14 in part."
    assert findings("RCA110", WHOLE, served, time="at") == []
    # a table whose rows always thin out at the end is as it was
    assert findings("RCA110", WHOLE[(WHOLE.index < 0.95 * N) | (WHOLE.index % 8 == 0)], late, time="at") == []


def test_a_small_category_that_is_gone_is_a_fact_where_there_is_a_key(findings: Findings) -> None:
    shops = WHOLE.assign(shop=np.where(WHOLE["id"] % 50 == 3, "kiosk", WHOLE["shop"]))
    (found,) = findings("RCA110", shops, shops[shops["shop"] != "kiosk"], **ROLES)
    assert (found.kind, found.evidence["value"], found.p_value) == ("missing_segment", "kiosk", None)
    assert findings("RCA110", shops, shops.sample(frac=0.98, random_state=0), **ROLES) == []


def test_one_of_several_tables_is_empty() -> None:
    whole = pd.DataFrame({"a": np.arange(500.0)})
    pairs = (
        Pair("train", open_table(whole), open_table(whole)),
        Pair("evaluate", open_table(whole), open_table(whole[:0])),
    )
    (found,) = truncation(Case(pairs, Roles()))
    assert (found.kind, found.subject, found.effect) == ("truncation", "data.evaluate", 1.0)
