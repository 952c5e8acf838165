"""What tables promise is learned, read back, and held to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
import numpy as np
import pandas as pd
import pytest
import yaml
from sklearn.datasets import load_breast_cancer, load_diabetes
from rca import api
from rca.case import of_tables
from rca.contract import Contract, Promise, Terms, hold, read, suggest, to_pandera, write
from rca.errors import ConfigError, NotApplicable
from tests.conftest import RAW, case_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from rca import drill
    from rca.types import Finding

    Copy = Callable[[Path], drill.Workspace]


def held(reference: pd.DataFrame, current: pd.DataFrame, **roles: Any) -> list[Finding]:
    return list(hold(suggest(case_of(reference, reference, **roles)), case_of(reference, current, **roles)))


def bank() -> pd.DataFrame:
    return pd.read_parquet(RAW).drop(columns="year")


TABLES: dict[str, Callable[[], pd.DataFrame]] = {
    "bank": bank,
    "cancer": lambda: load_breast_cancer(as_frame=True).frame,
    "diabetes": lambda: load_diabetes(as_frame=True, scaled=False).frame,
}


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("seed", range(3))
def test_the_data_it_came_from_and_a_part_held_out_keep_it(name: str, seed: int) -> None:
    table = TABLES[name]()
    rows = np.random.default_rng(seed).permutation(len(table))[:20_000]
    halves = table.iloc[rows[: len(rows) // 2]], table.iloc[rows[len(rows) // 2 :]]
    assert [f.text for half in halves for f in held(halves[0], half)] == []


def shop(rows: int = 3000) -> pd.DataFrame:
    draw = np.random.default_rng(0)
    net, city = draw.lognormal(3, 1, rows), draw.choice(["Rome", "Oslo", "Bonn"], rows)
    return pd.DataFrame(
        {
            "id": np.arange(rows),
            "net": net,
            "tax": net * draw.choice([0.1, 0.2], rows),
            "city": city,
            "country": pd.Series(city).map({"Rome": "IT", "Oslo": "NO", "Bonn": "DE"}),
            "a {b} %s": draw.normal(size=rows),
        }
    ).assign(gross=lambda t: t["net"] + t["tax"])


DAMAGES: dict[str, tuple[Callable[[pd.DataFrame], pd.DataFrame], str, str]] = {
    "column": (lambda t: t.drop(columns="tax"), "schema_change", "data.train.tax"),
    "type": (lambda t: t.assign(net=t["net"].astype(str)), "type_change", "data.train.net"),
    "missing": (lambda t: t.assign(city=t["city"].where(t["id"] > 90)), "missing_values", "data.train.city"),
    "range": (lambda t: t.assign(**{"a {b} %s": 1e3}), "range_violation", "data.train.a {b} %s"),
    "values": (lambda t: t.assign(city=t["city"].mask(t["id"] < 99, "Pisa")), "new_category", "data.train.city"),
    "key": (lambda t: t.assign(id=t["id"] // 2), "duplicate_rows", "data.train"),
    "sum": (lambda t: t.assign(gross=t["gross"] + 0.01), "broken_relation", "data.train.gross"),
    "settled": (
        lambda t: t.assign(country=t["country"].mask(t["id"] < 99, "NO")),
        "broken_relation",
        "data.train.country",
    ),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_a_promise_that_is_broken_is_a_finding(name: str) -> None:
    damage, kind, subject = DAMAGES[name]
    found = held(shop(), damage(shop()), key=("id",))
    assert (kind, subject) in [(f.kind, f.subject) for f in found], [f.text for f in found]
    assert all(0 < (f.effect or 0) <= 1 and f.text.endswith(".") for f in found)
    assert held(shop(), shop(), key=("id",)) == []


def test_what_breaks_a_promise_is_said_in_a_sentence() -> None:
    draw = np.random.default_rng(0)
    net = draw.lognormal(3, 1, 2000)
    whole = pd.DataFrame({"net": net, "gross": net * draw.uniform(1, 1.2, 2000), "city": ["A", "B"] * 1000})
    case = case_of(whole, whole.assign(city="C", gross=net / 2))
    contract = suggest(case)
    assert contract.tables["train"].rules == (("<=", "net", "gross"),)
    assert [(f.kind, f.text) for f in hold(contract, case)] == [
        ("new_category", "city of train has other values than 'A', 'B' in 100 % of the rows."),
        ("broken_relation", "net <= gross is broken in 100 % of the rows of train."),
    ]


def test_what_is_written_is_read_back_and_a_person_can_read_it(tmp_path: Path) -> None:
    contract = suggest(case_of(shop(), shop(), key=("id",)))
    write(contract, tmp_path / "deep" / "contract.yaml")
    assert read(tmp_path / "deep" / "contract.yaml") == contract
    told = yaml.safe_load((tmp_path / "deep" / "contract.yaml").read_text())
    assert told["tables"]["train"]["columns"]["city"]["values"] == ["Bonn", "Oslo", "Rome"]
    assert ["+", "gross", "net", "tax"] in told["tables"]["train"]["rules"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("tables: [", "cannot be read"),
        ("tables: {train: {colums: {}}}", "Extra inputs are not permitted"),
        ("schema: other\ntables: {}", "rca/contract/1"),
        ("tables: {train: {columns: {a: {missing: 2}}}}", "less than or equal to 1"),
        ("tables: {train: {rules: [['<', a, b]]}}", "rules"),
        ("!!python/object/apply:os.system ['true']", "cannot be read"),
    ],
)
def test_a_file_that_is_no_contract(text: str, problem: str, tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(text)
    with pytest.raises(ConfigError, match=problem):
        read(tmp_path / "c.yaml")


def test_a_contract_for_other_tables(mixed: Callable[[int, int], pd.DataFrame]) -> None:
    contract = suggest(case_of(mixed(0, 50), mixed(1, 50)))
    other = Contract(tables={"evaluate": contract.tables["train"], "production": contract.tables["train"]})
    with pytest.raises(NotApplicable, match="speaks of 'evaluate', 'production'"):
        list(hold(other, case_of(mixed(0, 50), mixed(1, 50))))


@pytest.mark.parametrize("rows", [0, 1, 2, 300])
def test_odd_tables_have_a_contract_too(rows: int, mixed: Callable[[int, int], pd.DataFrame]) -> None:
    # a table without rows keeps nothing of what it promised
    assert [f.kind for f in held(mixed(0, rows), mixed(0, rows), key=("name",))] == ["truncation"] * (not rows)
    # a mixed column may hold one type only in so few rows, and one null is all rows of one
    known = {"type_change", "missing_values"} if rows else {"truncation"}
    assert {f.kind for f in held(mixed(0, 300), mixed(0, rows), key=("name",))} <= known


def test_a_check_learns_a_contract_and_holds_a_table_to_it(tmp_path: Path) -> None:
    path, good = tmp_path / "contract.yaml", shop()
    assert api.check(good[:1500], good[1500:], suggest=path, key=("id",)).findings == ()
    # the damage is on both sides, so that only the contract can tell
    bad = DAMAGES["values"][0](good)
    found = api.check(bad, bad, contract=path)
    assert [(f.id, f.code, f.kind, f.subject) for f in found.findings] == [
        ("F1", "RCA190", "new_category", "data.current.city"),
        ("F2", "RCA190", "broken_relation", "data.current.country"),
    ]
    outcome = next(o for o in found.outcomes if o.code == "RCA190")
    assert (outcome.status, outcome.findings) == ("found", ("F1", "F2"))


def test_a_project_names_its_contract_and_can_have_it_written_first(mini: Path, copy_of: Copy) -> None:
    root = copy_of(mini).root
    config, path = root / "rca.yaml", root / "contract.yaml"
    config.write_text(config.read_text() + "\ncontract: contract.yaml\n")
    with pytest.raises(ConfigError, match="rca check --suggest writes a contract"):
        api.check("good", "good", config=config)
    api.check("good", "good", config=config, suggest=path)
    outcomes = {o.code: o.status for o in api.check("good", "good", config=config).outcomes}
    assert outcomes["RCA190"] == "clear"
    write(Contract(tables={"train": Terms(columns={"gone": Promise()})}), path)
    found = api.check("good", "good", config=config).findings
    assert {(f.code, f.kind) for f in found} == {("RCA190", "schema_change")}


def test_a_schema_of_pandera_accepts_the_table_it_came_from(rng: np.random.Generator) -> None:
    errors = pytest.importorskip("pandera.errors")
    whole = pd.DataFrame(
        {
            "id": range(500),
            "paid": rng.random(500) < 0.5,
            "age": rng.normal(40, 9, 500).clip(18),
            "city": rng.choice(["Bonn", "Rome"], 500),
        }
    )
    case = of_tables(whole, whole, key=("id",))
    schema = to_pandera(suggest(case).tables["current"])
    schema.validate(whole)
    for damaged in (whole.assign(age=-whole["age"]), whole.assign(city="Oslo"), whole.assign(id=1)):
        with pytest.raises(errors.SchemaError):
            schema.validate(damaged)


def test_infinite_and_rare_values_are_no_promise(rng: np.random.Generator) -> None:
    whole = pd.DataFrame(
        {"x": np.where(rng.random(400) < 0.5, np.inf, 1.0), "big": rng.normal(size=400) * 1e300, "y": range(400)}
    ).assign(mail=[f"p{i // 8}@example.org" for i in range(400)])
    case = of_tables(whole, whole)
    contract = suggest(case)
    assert contract.tables["current"].columns["mail"].values == ()
    assert list(hold(contract, case)) == []
