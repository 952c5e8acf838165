"""Tables, roles and files that are odd or hostile: a finding, a reason, or one sentence."""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING, Any
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from rca import api
from rca.errors import ConfigError, DataError

if TYPE_CHECKING:
    from pathlib import Path
    from rca.types import Investigation

N = 600
DRAW = np.random.default_rng(0)
WHOLE = pd.DataFrame(
    {
        "id": range(N),
        "x": DRAW.normal(size=N),
        "z": DRAW.normal(size=N),
        "c": DRAW.choice(list("ABC"), N),
        "at": pd.date_range("2024", periods=N, freq="h"),
    }
)


def sound(found: Investigation) -> Investigation:
    assert not [(o.code, o.reason) for o in found.outcomes if o.status == "failed"]
    return found


@pytest.mark.parametrize(
    "table",
    [
        pd.DataFrame({"x": WHOLE["x"], "X": WHOLE["z"]}),
        pd.DataFrame({"x": np.arange(N).astype("float16")}),
        pd.DataFrame({"x": [10**30] * N}),
        pa.table({"a": [1, 2, 3] * 100, "b": [1, 2, 3] * 100}),
        pd.DataFrame({"x": range(3), "f": ["a.json", "b.json", "c.json"]}),
    ],
    ids=["case", "half", "huge", "equal columns", "prints as a file"],
)
def test_odd_tables_are_read(table: Any) -> None:
    assert sound(api.check(table, table)).findings == ()


@pytest.mark.parametrize(
    "roles",
    [
        {"key": ["id"], "time": "at"},
        {"key": ("id", "id")},
        {"key": "id"},
        {"key": None},
        {"target": "at", "time": "at"},
    ],
)
def test_odd_roles_are_understood(roles: dict[str, Any]) -> None:
    assert sound(api.check(WHOLE, WHOLE, **roles)).findings == ()


def test_a_role_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ConfigError, match="no role 'foo'"):
        api.check(WHOLE, WHOLE, foo=1)


@pytest.mark.parametrize("now", [WHOLE.assign(id=WHOLE["id"].astype(str)), WHOLE.assign(id=None)])
def test_a_key_of_another_type_stops_no_check(now: pd.DataFrame) -> None:
    sound(api.check(WHOLE, now, key=("id",), time="at"))
    sound(api.check(now, now, key=("id",), time="at"))


def test_a_time_that_stands_still_and_one_that_is_none() -> None:
    assert sound(api.check(*[WHOLE.assign(at=pd.Timestamp("2024-01-01"))] * 2, time="at")).findings == ()
    odd = [dt.datetime(9999, 12, 31) if i % 5 == 0 else t.to_pydatetime() for i, t in enumerate(WHOLE["at"])]
    found = sound(api.check(WHOLE, WHOLE.assign(at=odd), time="at", key=("id",))).findings
    assert [f.kind for f in found] == ["sentinel_values"]


@pytest.mark.parametrize("x", [WHOLE["x"].where(WHOLE.index % 3 > 0), WHOLE["x"].round(0), 1.0, np.inf])
def test_one_of_two_continuous_columns_is_damaged_and_no_row_repeated(x: Any) -> None:
    found = sound(api.check(WHOLE.drop(columns="at"), WHOLE.drop(columns="at").assign(x=x), key=("id",))).findings
    assert [f.subject for f in found] == ["data.current.x"]


def test_times_that_python_does_not_know(tmp_path: Path) -> None:
    far = pd.Series(np.arange(2**40, 2**40 + N).astype("datetime64[s]"))
    assert sound(api.check(WHOLE.assign(at=far), WHOLE.assign(at=far), time="at")).findings == ()
    path = tmp_path / "i.csv"
    path.write_text("x,w\n" + "".join(f"inf,{w}\n" for w in WHOLE["x"]))
    assert sound(api.check(path, path)).findings == ()


def test_a_nested_column_that_became_text_is_a_change_of_type() -> None:
    before, after = WHOLE.assign(tags=pd.Series([["a"]] * N, dtype="object")), WHOLE.assign(tags="a")
    assert [f.kind for f in sound(api.check(before, after)).findings] == ["type_change"]


@pytest.mark.parametrize("name", ["", "q\0"])
def test_a_name_that_no_engine_knows_is_refused(name: str) -> None:
    table = WHOLE.rename(columns={"x": name})
    with pytest.raises(DataError, match="no engine knows"):
        api.check(table, table)


def test_a_file_that_is_damaged_inside_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    WHOLE.to_parquet(path)
    content = bytearray(path.read_bytes())
    content[100:4000] = np.random.default_rng(0).bytes(3900)
    path.write_bytes(content)
    with pytest.raises(DataError, match="cannot be read"):
        api.check(WHOLE, path)


@pytest.mark.parametrize(
    ("field", "value"),
    [("distinct", "a"), ("rows", 0), ("top", None), ("top", {"A": 10**30}), ("name", "q"), ("min", 5e9)],
)
def test_a_profile_that_contradicts_itself_is_refused(tmp_path: Path, field: str, value: Any) -> None:
    path = tmp_path / "p.json"
    api.check(WHOLE, WHOLE, profile=path)
    told = json.loads(path.read_text())
    told["columns"]["x"][field] = value
    path.write_text(json.dumps(told))
    with pytest.raises(DataError, match="no stored profile"):
        api.check(path, WHOLE)


@pytest.mark.parametrize(
    "column",
    [
        [f"P {i}" for i in range(N)],
        [dt.date(1, 1, 1), dt.date(9999, 1, 1)] * (N // 2),
        pd.Series([pd.NaT] * N, dtype="datetime64[us]"),
    ],
    ids=["names", "far dates", "no times"],
)
def test_every_profile_that_is_written_can_be_read(tmp_path: Path, column: Any) -> None:
    path, table = tmp_path / "p.json", WHOLE.assign(d=column)
    api.check(table, table, profile=path)
    assert sound(api.check(path, table)).findings == ()


def test_names_and_texts_end_no_script_of_the_page(tmp_path: Path) -> None:
    bad = "</script><img src=x onerror=alert(1)>"
    table = WHOLE.rename(columns={"x": bad}).assign(c=np.where(WHOLE["c"] == "A", bad, "v"))
    api.check(table, table, evidently=tmp_path / "e.html")
    assert bad not in (tmp_path / "e.html").read_text()


@pytest.mark.parametrize(
    "text", ["    key: [id, id]", "    rules: [['<=', x, x]]", "    columns: {x: {min: 2, max: 1}}", "["]
)
def test_a_contract_that_makes_no_sense_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(f"schema: rca/contract/1\ntables:\n  current:\n{text}\n" if len(text) > 1 else "[" * 3000)
    with pytest.raises(ConfigError):
        api.check(WHOLE, WHOLE, contract=path)


@pytest.mark.parametrize("rows", [(0, 0), (0, N), (N, 1)])
def test_where_nothing_can_be_looked_at_nothing_is_cleared(rows: tuple[int, int]) -> None:
    found = sound(api.check(WHOLE[: rows[0]], WHOLE[: rows[1]]))
    assert (found.verdict, found.findings) == ("inconclusive", ())
    assert found.summary.startswith("Inconclusive: nothing could be looked at: ")
