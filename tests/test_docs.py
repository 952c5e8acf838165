"""The README is run: its commands and Python blocks in the demo's workspace, its map against the package."""

from __future__ import annotations

import doctest
import os
import re
import shlex
import types
from collections.abc import Callable, Iterator
from pathlib import Path
import pandas as pd
import pytest
from typer.testing import CliRunner
import rca
from rca import config, drill, registry
from rca.case import of_tables
from rca.cli import app

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
Copy = Callable[[Path], drill.Workspace]


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.S)


def commands() -> Iterator[str]:
    for block in blocks("sh"):
        for line in block.splitlines():
            command = line.split("#")[0].strip()
            if command:
                yield command


#: What a command may exit with; the incident is there to be found.
CODES = {"check": 1, "diff": 0, "investigate": 1, "report": 0, "demo": 0, "drill": 0}
#: These are run by the continuous integration, one of them being this very test run.
MAKE = {"make demo", "make test"}


@pytest.mark.slow
def test_every_command_runs(demo_workspace: Path, copy_of: Copy, monkeypatch: pytest.MonkeyPatch) -> None:
    work = copy_of(demo_workspace)
    work.git("checkout", "--quiet", "bad")  # where the reader's own workspace is
    work.dvc("checkout", "--quiet", "--force")
    monkeypatch.chdir(work.root)
    for command in commands():
        if command in MAKE or command.startswith("cd "):
            continue
        program, verb, *arguments = shlex.split(command)
        assert program == "rca"
        if verb == "demo":
            continue  # run below, and by the continuous integration
        done = CliRunner().invoke(app, [verb, *arguments])
        assert done.exit_code == CODES[verb], (command, done.stderr)
    assert "term-deposit" in Path("postmortem.html").read_text()


@pytest.mark.slow
def test_the_demo_ends_with_a_verdict_and_a_report(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["demo", "--keep", str(tmp_path / "workspace"), "-q"])
    assert done.exit_code == 0, done.stderr
    assert "data.production.euribor3m" in done.stdout
    report = tmp_path / "workspace" / "reports" / "report.html"
    assert f"report: {report}" in done.stdout
    page = report.read_text()
    assert report.stat().st_size < 1_000_000
    assert not re.search(r"<script|(src|href)=[\"']?https?:", page)
    picture = tmp_path / "workspace" / "reports" / "waterfall.png"
    assert picture.stat().st_size < 100_000


def test_make_targets_are_run_by_the_continuous_integration() -> None:
    ran = (ROOT / ".ci" / "run").read_text()
    assert all(re.search(rf"^{target}\b", ran, re.M) for target in MAKE)
    assert ".ci/run" in (ROOT / ".github" / "workflows" / "ci.yml").read_text()


@pytest.mark.slow
def test_the_python_blocks_run(demo_workspace: Path, copy_of: Copy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(copy_of(demo_workspace).root)
    for block in blocks("python")[:2]:
        exec(compile(block, "README.md", "exec"), {})
    assert Path("postmortem.html").exists()


def test_the_example_of_a_check_works_and_keeps_its_own_promise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry.check, "entries", dict(registry.check.entries))
    module = types.ModuleType("readme")
    exec(compile(blocks("python")[-1], "README.md", "exec"), module.__dict__)
    assert doctest.testmod(module).attempted == 4
    assert doctest.testmod(module).failed == 0
    empty = pd.DataFrame({"a": []})
    outcomes, _ = registry.run([registry.check.entries["RCA199"]], of_tables(empty, empty))
    assert outcomes[0].status == "not_applicable"


def test_the_configuration_in_the_readme_is_valid() -> None:
    (text,) = blocks("yaml")
    fields = set(config.parse(text).model_fields_set)
    assert fields >= set(config.Config.model_fields) - {"prediction", "events"}


def test_the_map_is_the_package() -> None:
    home = Path(rca.__file__).parent
    real = {p.stem for p in home.glob("*.py") if not p.stem.startswith("_")} - {"conftest"}
    real |= {p.parent.name for p in home.glob("*/__init__.py")}
    table = README[README.index("## The map") : README.index("## Adding a check")]
    assert set(re.findall(r"`rca\.(\w+)`", table)) - {"yaml"} == real


def test_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", README):
        assert (ROOT / target).exists(), target


def test_the_lock_names_no_address() -> None:
    assert not re.search(r"https?://|file://", (ROOT / "requirements.lock").read_text())


@pytest.fixture(autouse=True)
def home() -> Iterator[None]:
    before = Path.cwd()
    yield
    os.chdir(before)
