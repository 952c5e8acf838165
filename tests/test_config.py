from __future__ import annotations

from typing import TYPE_CHECKING
import pytest
from rca import config
from rca.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

GOOD = "system: s\nmodel: m.skops\ndata: {train: a.csv, evaluate: b.csv}\ntarget: y\n"


def test_features_are_what_no_other_field_names() -> None:
    text = GOOD + "key: id\ntime: at\nsensitive: [sex]\ninputs: {env: [rate], person: [sex]}\n"
    roles = config.parse(text).roles(("id", "at", "y", "rate", "sex", "age"))
    assert roles.features == ("rate", "sex", "age")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "holds no mapping"),
        ("- a", "holds no mapping"),
        ("a: [", "is not YAML"),
        (GOOD + "metrics: x", "metrics: Extra inputs are not permitted"),
        (GOOD + "features: [y]", "target 'y' is listed as a feature"),
        (GOOD + "inputs: {a: [x], b: [x]}", "column 'x' is in the inputs 'a' and 'b'"),
        (GOOD.replace("m.skops", "/etc/passwd"), "must be a path inside the project"),
        (GOOD.replace("m.skops", "../m.skops"), "must be a path inside the project"),
    ],
)
def test_what_is_wrong_is_named(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        config.parse(text)


def test_a_missing_file_and_a_binary_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"there is no .*rca\.yaml"):
        config.load(tmp_path / "rca.yaml")
    (tmp_path / "rca.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="cannot be read"):
        config.load(tmp_path / "rca.yaml")
