from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any
import pytest
from rca.errors import ConfigError
from rca.report import document
from tests.report.example import checked, investigation

if TYPE_CHECKING:
    from pathlib import Path
    from rca.types import Investigation


@pytest.mark.parametrize("example", [investigation(), checked()], ids=["investigation", "check"])
def test_a_document_is_read_as_it_was_written(tmp_path: Path, example: Investigation) -> None:
    path = document.dump(example, tmp_path / "new" / "investigation.json")
    assert document.read(path) == example
    assert document.read(path).to_dict() == example.to_dict()


def test_a_number_that_is_not_finite_is_null_and_comes_back() -> None:
    raw = investigation().to_dict()
    raw["causes"][0]["low"] = raw["gap"]["detectable"] = None
    again = document.parse(raw)
    assert again.causes[0].low != again.causes[0].low
    assert again.to_dict() == raw


def test_the_schema_is_a_schema() -> None:
    from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # it comes without types

    Draft202012Validator.check_schema(document.schema())


@pytest.mark.parametrize(
    ("path", "value", "place"),
    [
        (("verdict",), "perhaps", "at verdict, 'perhaps' is not one of"),
        (("causes", 0, "kind"), "gremlins", "at causes.0.kind, 'gremlins'"),
        (("causes", 1, "status"), "certain", "at causes.1.status"),
        (("ruled_out", 0, "pillar"), "weather", "at ruled_out.0.pillar"),
        (("gap", "n_current"), "many", "at gap"),
        (("extra",), 1, "at the top, Additional properties are not allowed"),
        (("findings", 0, "text"), 7, "at findings.0.text"),
    ],
)
def test_an_error_names_the_place(path: tuple[Any, ...], value: object, place: str) -> None:
    raw = copy.deepcopy(investigation().to_dict())
    inside: Any = raw
    for part in path[:-1]:
        inside = inside[part]
    inside[path[-1]] = value
    with pytest.raises(ConfigError) as problem:
        document.parse(raw, "x.json")
    assert str(problem.value).startswith("x.json is no investigation: ")
    assert place in str(problem.value)
    assert problem.value.exit_code == 2


@pytest.mark.parametrize("text", ["", "{", "\x00", "[" * 100_000])
def test_what_is_no_json_is_said_to_be_none(tmp_path: Path, text: str) -> None:
    file = tmp_path / "x.json"
    file.write_text(text)
    with pytest.raises(ConfigError, match="is not JSON"):
        document.read(file)


def test_bytes_that_are_no_text_are_no_json(tmp_path: Path) -> None:
    file = tmp_path / "x.json"
    file.write_bytes(b"\xff\xfe\xfa")
    with pytest.raises(ConfigError, match="is not JSON"):
        document.read(file)


def test_a_folder_is_no_document(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot read"):
        document.read(tmp_path)
    with pytest.raises(ConfigError, match="cannot write"):
        document.dump(investigation(), tmp_path)


def test_every_kind_of_the_document_can_be_said() -> None:
    kinds = document.schema()["$defs"]["kind"]["enum"]
    raw = json.loads(investigation().to_json())
    for kind in kinds:
        raw["causes"][0]["kind"] = kind
        assert document.parse(raw).causes[0].kind == kind
