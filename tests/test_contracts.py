"""Contracts; `test_contract` is about the contract of plug-ins."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from rca import api
from rca.contract import Contract, Terms, broken, hold, read, to_pandera
from rca.errors import ConfigError, NotApplicable
from rca.tables import open_table
from tests.conftest import case_of

if TYPE_CHECKING:
    from pathlib import Path

WHOLE = pd.DataFrame({"id": range(2000), "a": [1.0, 2.0] * 1000, "b": [3.0, 4.0] * 1000, "c": ["x", "y"] * 1000})
TERMS = {
    "columns": {
        "a": {"type": "number", "missing": 0.1, "min": 1, "max": 2},
        "b": {"type": "number", "missing": 0},
        "c": {"type": "category", "values": ["x", "y"]},
    },
    "unique": [["id"]],
    "ordered": [["a", "b"]],
    "determines": [["c", "a"]],
}


@pytest.mark.parametrize(
    ("change", "promise", "kind"),
    [
        ({"a": np.nan}, ("missing", ("a",)), "missing_values"),
        ({"a": 2.5}, ("range", ("a",)), "range_violation"),
        ({"b": 1.5}, ("ordered", ("a", "b")), "broken_relation"),
        ({"b": "low"}, ("type", ("b",)), "type_change"),
        ({"c": "z"}, ("values", ("c",)), "new_category"),
        ({"c": "x"}, ("determines", ("c", "a")), "broken_relation"),
        ({"id": 1}, ("unique", ("id",)), "duplicate_rows"),
        ({"b": None}, ("missing", ("b",)), "missing_values"),
    ],
)
def test_each_promise_is_held(change: dict[str, Any], promise: Any, kind: str) -> None:
    contract = Contract(tables={"train": Terms.model_validate(TERMS)})
    assert broken(contract.tables["train"], open_table(WHOLE)) == {}
    found = list(hold(contract, case_of(WHOLE, WHOLE.assign(**change))))
    assert kind in {f.kind for f in found}
    assert promise in broken(contract.tables["train"], open_table(WHOLE.assign(**change)))
    assert all(f.text.endswith(".") for f in found)


def test_one_row_in_a_thousand_is_forgiven() -> None:
    terms = Terms.model_validate(TERMS)
    assert broken(terms, open_table(WHOLE.assign(a=WHOLE["a"].mask(WHOLE.index < 2, 1e9)))) == {}
    assert ("range", ("a",)) in broken(terms, open_table(WHOLE.assign(a=WHOLE["a"].mask(WHOLE.index < 3, 1e9))))
    strict = terms.model_copy(update={"mostly": 1.0})
    assert ("range", ("a",)) in broken(strict, open_table(WHOLE.assign(a=WHOLE["a"].mask(WHOLE.index < 1, 1e9))))


def test_a_lost_column_and_an_unknown_table() -> None:
    contract = Contract(tables={"train": Terms.model_validate(TERMS), "other": Terms()})
    (found,) = hold(contract, case_of(WHOLE, WHOLE.drop(columns="a")))
    assert (found.kind, found.subject) == ("schema_change", "data.train.a")
    with pytest.raises(NotApplicable, match="speaks of 'x', 'z', and the tables are 'train'"):
        list(hold(Contract(tables={"x": Terms(), "z": Terms()}), case_of(WHOLE, WHOLE)))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("tables: {t: {columns: {a: {typ: number}}}}", "tables.t.columns.a.typ: Extra inputs"),
        ("a: [", "cannot be read"),
        ("[]", "no valid contract"),
        (None, "cannot be read"),
    ],
)
def test_says_what_is_wrong_with_a_contract(text: str | None, message: str, tmp_path: Path) -> None:
    if text is not None:
        (tmp_path / "c.yaml").write_text(text)
    with pytest.raises(ConfigError, match=message):
        read(tmp_path / "c.yaml")


def test_a_check_suggests_and_holds(tmp_path: Path) -> None:
    path, profile = tmp_path / "c.yaml", tmp_path / "now.profile.json"
    found = api.check(WHOLE, WHOLE, suggest=path, profile=profile)
    assert found.findings == ()
    bad = api.check(WHOLE, WHOLE.assign(c="z"), contract=path)
    assert "RCA190" in {f.code for f in bad.findings}
    assert len({f.id for f in bad.findings}) == len(bad.findings)
    assert {o.code: o.status for o in bad.outcomes}["RCA190"] == "found"
    stored = api.check(profile, WHOLE, contract=path)
    assert {o.status for o in stored.outcomes} <= {"clear", "not_applicable"}
    assert {o.code: o.status for o in api.check(WHOLE, profile, contract=path).outcomes}["RCA190"] == "not_applicable"


def test_pandera_takes_the_columns() -> None:
    pytest.importorskip("pandera")
    schema = to_pandera(Contract(tables={"train": Terms.model_validate(TERMS)}), "train")
    schema.validate(WHOLE)
    with pytest.raises(Exception, match="a"):
        schema.validate(WHOLE.assign(a=9.0))
    with pytest.raises(ConfigError, match="no table 'x': it has 'train'"):
        to_pandera(Contract(tables={"train": Terms()}), "x")
