from __future__ import annotations

from typing import TYPE_CHECKING
import pytest
from rca import report
from rca.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path


def test_a_checkout_has_its_files_at_the_root() -> None:
    assert (report.share("notebooks") / "incident_report.ipynb").is_file()


def test_an_installed_package_has_them_inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inside = tmp_path / "rca" / "_share" / "notebooks"
    inside.mkdir(parents=True)
    monkeypatch.setattr(report, "_HOME", tmp_path / "rca")
    assert report.share("notebooks") == inside


def test_what_lies_beside_an_installed_package_is_not_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "notebooks").mkdir()
    monkeypatch.setattr(report, "_HOME", tmp_path / "rca")
    with pytest.raises(ConfigError, match="has no 'notebooks'"):
        report.share("notebooks")
