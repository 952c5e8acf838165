"""Every verb from the shell: exit codes, one sentence for each mistake, and an untouched repository."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner
from rca import drill
from rca.cli import app, exit_code
from tests.report.example import checked, investigation
from tests.workspace_plugin import edit, state

Copy = Callable[[Path], drill.Workspace]


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command in this process, since most of a small command's time is importing."""
    home = Path.cwd()
    os.chdir(folder)
    try:
        done = CliRunner().invoke(app, list(arguments))
    finally:
        os.chdir(home)
    return subprocess.CompletedProcess(arguments, done.exit_code, done.stdout, done.stderr)


def refused(folder: Path, code: int, message: str, *arguments: str) -> None:
    """The command fails with one sentence and changes nothing on disk."""
    before = state(folder)
    done = run(folder, *arguments)
    said = [line for line in done.stderr.splitlines() if not line.startswith("…")]
    assert (done.returncode, len(said)) == (code, 1), done.stderr
    assert message in said[0]
    assert done.stdout == ""
    assert state(folder) == before


SIDES = ("--reference", "good", "--current", "HEAD")


def test_a_configuration_that_is_not_there(tmp_path: Path) -> None:
    refused(tmp_path, 2, "there is no rca.yaml: write one as the README shows", "investigate")


def test_no_git_repository(tmp_path: Path, mini: Path) -> None:
    (tmp_path / "rca.yaml").write_text((mini / "rca.yaml").read_text())
    refused(tmp_path, 2, "is in no git repository", "investigate")


def test_an_unknown_revision(mini: Path) -> None:
    for verb in (("investigate", "--reference"), ("check", "--reference"), ("attribute", "--reference")):
        refused(mini, 2, "there is no revision 'v9'", *verb, "v9")
    refused(mini, 2, "there is no revision 'v9'", "diff", "v9", "good")
    refused(mini, 2, "there is no revision 'v9'", "replay", "v9", "good")


@pytest.mark.parametrize(
    ("old", "new", "code", "message"),
    [
        ("system: mini", "sytem: mini", 2, "system: Field required"),
        ("target: y", "target: outcome", 2, "the column 'outcome', which no table has: choose 'a', 'b', 'id', 'y'"),
        ("features: [a, b]", "features: [a, c]", 2, "names the column 'c', which no table has"),
        ("metric: neg_log_loss", "metric: auc", 2, "there is no metric 'auc': did you mean"),
        ("metric: neg_log_loss", "metric: neg_max_error", 2, "cannot weigh rows"),
        ("seed: train.seed", "seed: train.sead", 2, "is no parameter of either version"),
        ("seed: train.seed", "sensitive: [sex]", 2, "names the column 'sex', which no table has"),
        ("exam.parquet", "absent.parquet", 2, "there is no table data.evaluate at good"),
    ],
)
def test_a_configuration_that_does_not_fit(
    old: str, new: str, code: int, message: str, mini: Path, copy_of: Copy
) -> None:
    work = copy_of(mini)
    edit(work.root / "rca.yaml", old, new)
    refused(work.root, code, message, "investigate", *SIDES, "--no-replay")


def test_a_table_that_is_no_table(mini: Path, copy_of: Copy) -> None:
    work = copy_of(mini)
    (work.root / "exam.parquet").unlink()
    (work.root / "exam.parquet").write_bytes(b"PAR1 cut in the middle")
    work.git("commit", "--quiet", "--all", "--message", "cut")
    refused(work.root, 2, "cannot be read as a table", "investigate", *SIDES)


def test_an_empty_table_is_inconclusive(mini: Path, copy_of: Copy) -> None:
    work = copy_of(mini)
    table = pd.read_parquet(work.root / "exam.parquet")
    (work.root / "exam.parquet").unlink()
    table.head(0).to_parquet(work.root / "exam.parquet", index=False)
    work.git("commit", "--quiet", "--all", "--message", "empty")
    before = state(work.root)
    done = run(work.root, "investigate", *SIDES, "--format", "json", "-q")
    assert done.returncode == 4
    assert "0 labelled rows" in json.loads(done.stdout)["summary"]
    assert state(work.root) == before


def test_a_column_without_a_value_does_not_stop_the_rest(mini: Path, copy_of: Copy) -> None:
    work = copy_of(mini)
    table = pd.read_parquet(work.root / "exam.parquet")
    (work.root / "exam.parquet").unlink()
    table.assign(extra=np.nan, b=table["b"]).to_parquet(work.root / "exam.parquet", index=False)
    work.git("commit", "--quiet", "--all", "--message", "an empty column")
    done = run(work.root, "investigate", *SIDES, "-q", "--no-replay", "--format", "json")
    assert done.returncode == 0, done.stderr
    assert not [o for o in json.loads(done.stdout)["outcomes"] if o["status"] == "failed"]


def test_a_dirty_work_tree_is_noted(mini: Path, copy_of: Copy) -> None:
    work = copy_of(mini)
    edit(work.root / "train.py", "SHIFT = 0", "SHIFT = 2")
    before = state(work.root)
    done = run(work.root, "investigate", *SIDES, "--no-replay")
    assert done.returncode == 0
    assert "1 files have changes that are in no revision (such as train.py)" in done.stderr
    assert state(work.root) == before


@pytest.mark.slow
def test_no_verb_touches_the_repository(mini: Path, copy_of: Copy, tmp_path: Path) -> None:
    work = copy_of(mini)
    edit(work.root / "params.yaml", "weight: 0", "weight: 3")
    work.dvc("repro", "--quiet")
    work.git("commit", "--quiet", "--all", "--message", "worse")
    # Hooks as `dvc install` sets them would run dvc in every checkout.
    work.dvc("install")
    before = state(work.root)
    out = str(tmp_path / "out.json")
    for arguments, code in [
        (("check", *SIDES), 0),
        (("diff", "good", "HEAD"), 0),
        (("replay", "good", "HEAD", "--repeats", "2"), 1),
        (("attribute", *SIDES), 1),
        (("investigate", *SIDES, "--format", "json", "--output", out), 1),
        (("investigate", *SIDES, "--fail-on", "none", "--format", "md"), 0),
        (("report", out, "--output", str(tmp_path / "report.html")), 0),
        (("list",), 0),
    ]:
        done = run(work.root, *arguments)
        assert done.returncode == code, (arguments, done.stderr)
        assert state(work.root) == before, arguments
    assert (tmp_path / "report.html").stat().st_size < 1_000_000


def test_two_tables(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    good = pd.DataFrame({"income": draw.lognormal(10, 0.5, 3000), "age": draw.normal(40, 9, 3000)})
    good.to_parquet(tmp_path / "good.parquet")
    good.assign(income=good["income"] * 1000).to_csv(tmp_path / "bad.csv", index=False)
    sides = ("--reference-data", "good.parquet", "--current-data", "bad.csv")
    done = run(tmp_path, "check", *sides, "--format", "json", "-q")
    assert done.returncode == 1, done.stderr
    assert [f["subject"] for f in json.loads(done.stdout)["findings"]] == ["data.current.income"]
    refused(tmp_path, 2, "two tables need both", "check", "--reference-data", "good.parquet")
    refused(tmp_path, 2, "two tables need --target", "attribute", *sides)
    refused(tmp_path, 2, "there is no file no.csv", "check", *sides[:3], "no.csv")
    done = run(tmp_path, "check", *sides, "--key", "age", "--time", "age", "-q")
    assert "the time column 'age' holds" in done.stderr


def test_the_command_of_a_cause_gives_it_again(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    for name, mean in (("good", 0.0), ("bad", 1.0)):
        table = pd.DataFrame({"rate": draw.normal(mean, 1, 2000)})
        chance = 1 / (1 + np.exp(-table["rate"]))
        table.assign(y=(draw.random(2000) < chance).astype(int), p=chance).to_csv(tmp_path / f"{name}.csv", index=False)
    sides = ("--reference-data", "good.csv", "--current-data", "bad.csv")
    more = ("--target", "y", "--prediction", "p", "--metric", "brier", "--seed", "3", "--format", "json", "-q")
    first = json.loads(run(tmp_path, "attribute", *sides, *more).stdout)
    again = run(tmp_path, *shlex.split(first["causes"][0]["reproduce"])[1:], "--format", "json", "-q")
    assert json.loads(again.stdout)["causes"] == first["causes"]


def test_usage_errors_exit_with_two(tmp_path: Path) -> None:
    for arguments in (("nonsense",), ("check", "--nonsense"), ("diff",), ("check", "--format", "xml")):
        assert run(tmp_path, *arguments).returncode == 2


def test_the_list_names_every_plugin(tmp_path: Path) -> None:
    rows = json.loads(run(tmp_path, "list", "--format", "json").stdout)
    assert {"check", "diff", "repair", "fault"} == {row["type"] for row in rows}
    assert "RCA104" in {row["code"] for row in rows}


def test_fail_on() -> None:
    found = investigation()
    assert exit_code(found, "none") == 0
    assert exit_code(found, "confirmed") == 1
    assert exit_code(checked(), "likely") == 1
    assert exit_code(checked(), "confirmed") == 0


def test_data_go_to_stdout_and_progress_to_stderr(mini: Path) -> None:
    command = [sys.executable, "-m", "rca", "diff", "good", "good", "--format", "json"]
    done = subprocess.run(command, cwd=mini, capture_output=True, text=True, check=False)
    assert json.loads(done.stdout)["findings"] == []
    assert done.stderr.startswith("…")
    assert "\x1b" not in done.stdout + done.stderr


def test_a_production_table_whose_name_leads_nowhere(mini: Path, copy_of: Copy) -> None:
    work = copy_of(mini)
    edit(work.root / "rca.yaml", "evaluate: exam.parquet", "evaluate: exam.parquet, production: prodution.parquet")
    refused(work.root, 2, "there is no table data.production at HEAD", "investigate", *SIDES)


def test_a_check_that_could_look_at_nothing_is_no_clean_bill(tmp_path: Path) -> None:
    pd.DataFrame({"a": [1.0, 2.0, 3.0]}).to_parquet(tmp_path / "good.parquet")
    pd.DataFrame({"a": [1.0]}).to_parquet(tmp_path / "bad.parquet")
    sides = ("--reference-data", "good.parquet", "--current-data", "bad.parquet")
    assert run(tmp_path, "check", *sides, "-q").returncode == 4


def test_attribute_needs_no_sensitive_column(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    for name in ("p", "q"):
        pd.DataFrame({"a": draw.normal(size=200), "y": draw.integers(0, 2, 200), "s": draw.random(200)}).to_csv(
            tmp_path / f"{name}.csv", index=False
        )
    asked = ["--reference-data", str(tmp_path / "p.csv"), "--current-data", str(tmp_path / "q.csv"), "--target", "y"]
    done = subprocess.run(
        [sys.executable, "-m", "rca", "attribute", *asked, "--prediction", "s", "-q"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "No incident" in done.stdout


@pytest.mark.slow
def test_a_drill_is_run_and_scored_by_what_a_person_says(tmp_path: Path) -> None:
    names = [row["name"] for row in json.loads(run(tmp_path, "drill", "list", "--format", "json").stdout)]
    assert "measures-01" in names
    made = run(tmp_path, "drill", "run", "x", "--drill", "measures-01", "-q")
    assert (made.returncode, made.stderr) == (0, "")
    seal = made.stdout.split()[1]
    assert "measures-01" not in made.stdout, "the name is told with the truth"
    right = json.loads(run(tmp_path, "drill", "score", "x", "--seal", seal, "--format", "json").stdout)
    assert (right["drill"], right["verdict"], right["false_causes"]) == ("measures-01", True, [])
    wrong = run(tmp_path, "drill", "score", "x", "--answer", "seed:params.seed").stdout
    assert re.search(r"verdict +False", wrong)
    assert "seed params.seed" in wrong
    refused(tmp_path, 5, "does not have the hash", "drill", "score", "x", "--seal", "0" * 64)
    refused(tmp_path, 2, "a kind and a subject", "drill", "score", "x", "--answer", "seed")
    refused(tmp_path, 2, "is no workspace of a drill", "drill", "score", ".")


def test_verbose_says_what_each_part_took(tmp_path: Path) -> None:
    pd.DataFrame({"a": range(100)}).to_csv(tmp_path / "t.csv", index=False)
    sides = ("--reference-data", "t.csv", "--current-data", "t.csv")
    assert re.search(r"… CPU-seconds: looking \d+\.\d \(100%\)", run(tmp_path, "check", *sides, "-v").stderr)
    assert "CPU-seconds" not in run(tmp_path, "check", *sides).stderr
