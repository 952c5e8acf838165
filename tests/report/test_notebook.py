from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any
import nbformat
import pytest
from rca import report
from rca.errors import ConfigError, ReportError
from rca.report import notebook
from tests.report.example import investigation

if TYPE_CHECKING:
    from pathlib import Path

PARAMETERS = (
    'data: str = "x.json"  # file: what is read\nn: int = 3\nrate: float = 0.5\ndeep: bool = False\nfree = None'
)


def make(path: Path, *cells: str) -> Path:
    v4: Any = nbformat.v4
    first = v4.new_code_cell(PARAMETERS, metadata={"tags": ["parameters"]}, id="p")
    rest = [v4.new_code_cell(text, id=f"c{i}") for i, text in enumerate(cells)]
    nbformat.write(v4.new_notebook(cells=[first, *rest]), path)
    return path


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"nosuch": 1}, r"x.ipynb has no parameter 'nosuch': choose one of 'data', 'deep', 'free', 'n', 'rate'\."),
        ({"n": "many"}, r"the parameter 'n' of x.ipynb is of type int, not 'many'\."),
        ({"n": True}, r"'n' of x.ipynb is of type int, not True"),
        ({"n": 0.5}, r"type int, not 0\.5"),
        ({"deep": 1}, r"type bool, not 1"),
        ({"data": 3}, r"type str, not 3"),
        ({"data": "nowhere.json"}, r"the parameter 'data' of x.ipynb names no file: there is no nowhere\.json\."),
    ],
)
def test_parameters_are_checked_before_a_kernel_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: dict[str, object], text: str
) -> None:
    monkeypatch.setattr("papermill.execute.execute_notebook", lambda *_, **__: pytest.fail("it was run"))
    with pytest.raises(ConfigError, match=text):
        notebook.execute(make(tmp_path / "x.ipynb"), tmp_path / "out.ipynb", given)
    assert not (tmp_path / "out.ipynb").exists()


def test_what_fits_is_passed_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    monkeypatch.setattr("papermill.execute.execute_notebook", lambda *given, **_: seen.append(given[2]))
    data = tmp_path / "x.json"
    data.write_text("{}")
    given = {"data": str(data), "n": 4, "rate": 1, "deep": True, "free": "anything"}
    notebook.execute(make(tmp_path / "x.ipynb"), tmp_path / "out.ipynb", given)
    notebook.execute(make(tmp_path / "x.ipynb"), tmp_path / "away" / "out.ipynb", given)
    assert seen == [{**given, "data": "x.json"}, given]


@pytest.mark.parametrize("text", [None, "{", "[]", '{"cells": 1}'])
def test_what_is_no_notebook_is_said_to_be_none(tmp_path: Path, text: str | None) -> None:
    file = tmp_path / "x.ipynb"
    if text is not None:
        file.write_text(text)
    with pytest.raises(ConfigError, match=r"name an \.ipynb file"):
        notebook.execute(file, tmp_path / "out.ipynb", {})


@pytest.mark.slow
def test_a_cell_that_fails_keeps_what_was_done(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    cells = ['print("before <b>")', 'raise KeyError("<script>")', 'print("after")']
    source = tmp_path / "failing.ipynb"
    v4: Any = nbformat.v4
    first = v4.new_code_cell('investigation: str = ""\ntitle: str = ""', metadata={"tags": ["parameters"]}, id="p")
    rest = [v4.new_code_cell(text, id=f"c{i}") for i, text in enumerate(cells)]
    nbformat.write(v4.new_notebook(cells=[first, *rest]), source)
    page = tmp_path / "page.html"
    with pytest.raises(ReportError, match=r"of failing\.ipynb failed \(KeyError: '<script>'\)\. What had") as problem:
        report.write(investigation(), page, notebook=source)
    assert str(page) in str(problem.value)
    assert problem.value.exit_code == 3
    shown = page.read_text()
    assert "before &lt;b&gt;" in shown
    assert "KeyError" in shown
    assert "An Exception was encountered" in shown
    assert "after" not in shown.replace("break-after", "")
    assert "<script" not in shown
    out, err = capfd.readouterr()
    assert out == ""
    assert "TCP" not in err


@pytest.mark.slow
def test_a_kernel_that_dies_is_an_error_of_the_report(tmp_path: Path) -> None:
    source = make(tmp_path / "x.ipynb", "import os", "os._exit(1)")
    with pytest.raises(ReportError, match=r"the kernel that ran x\.ipynb failed"):
        notebook.execute(source, tmp_path / "out.ipynb", {})
    assert (tmp_path / "out.ipynb").exists()


@pytest.mark.slow
def test_the_kernel_is_this_interpreter_with_nothing_of_the_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # another kernel that calls itself python3 and a startup file, as users have them
    spec = tmp_path / "jupyter" / "kernels" / "python3"
    spec.mkdir(parents=True)
    (spec / "kernel.json").write_text(json.dumps({"argv": ["false"], "display_name": "x", "language": "python"}))
    startup = tmp_path / "ipython" / "profile_default" / "startup"
    startup.mkdir(parents=True)
    (startup / "x.py").write_text("print('hello from startup')")
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    folder = tmp_path / "with {braces}"
    folder.mkdir()
    source = make(folder / "x.ipynb", "import sys, rca", "print(sys.executable, rca.__file__, n)")
    ran = notebook.execute(source, folder / "out.ipynb", {"n": 7})
    import rca

    outputs = [o for cell in nbformat.read(ran, 4).cells for o in cell.get("outputs", [])]
    assert [o["text"].strip() for o in outputs] == [f"{sys.executable} {rca.__file__} 7"]
    assert str(tmp_path) not in json.dumps(nbformat.read(ran, 4).metadata)


def test_reports_are_cheap_to_import() -> None:
    code = (
        "import sys, rca.report, rca.report.text, rca.report.markdown, rca.report.document, rca.report.html\n"
        "heavy = ('matplotlib', 'papermill', 'nbconvert', 'pandas', 'jsonschema', 'rich')\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
