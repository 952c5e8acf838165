from __future__ import annotations

from pathlib import Path
import pytest
from rca import report
from rca.errors import ConfigError
from tests.report.example import checked, investigation


@pytest.mark.parametrize("name", ["x.docx", "x", "x.html.zip"])
def test_an_unknown_extension_names_the_choices(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match=r"choose one of the extensions '\.html', '\.ipynb', '\.md'"):
        report.write(investigation(), tmp_path / name)


def test_pdf_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"write x\.html and print it from a browser"):
        report.write(investigation(), tmp_path / "x.PDF")


def test_an_unknown_notebook_names_the_choices(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"there is no notebook 'nosuch': choose one of .*'incident_report'"):
        report.write(investigation(), tmp_path / "x.html", notebook="nosuch")


def test_markdown_needs_no_notebook(tmp_path: Path) -> None:
    path = report.write(checked(), tmp_path / "new" / "x.md")
    assert Path(path).read_text(encoding="utf-8").startswith("### 4 findings: term-deposit")


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="choose another place"):
        report.write(investigation(), tmp_path / "file" / "x.md")
