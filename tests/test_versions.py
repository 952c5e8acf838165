from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any
import joblib
import pytest
import skops.io
import rca
from rca import config, drill, versions
from rca.errors import InconclusiveError, VersionError
from rca.evolution.replay import Options
from rca.gitrepo import Repository
from rca.sandbox import fetch
from tests.workspace_plugin import edit, save

if TYPE_CHECKING:
    from rca.types import Version

Copy = Callable[[Path], drill.Workspace]


def read(root: Path, rev: str = "good", text: str | None = None) -> Version:
    settings = config.parse(text) if text else config.load(root / "rca.yaml")
    return versions.read(Repository(root), rev, settings, fetch)


def test_a_version_is_read_without_checkout(mini: Path, copy_of: Copy) -> None:
    work = copy_of(mini)
    for name in ("train.csv", "model.skops", "params.yaml"):
        (work.root / name).unlink()
    version = read(work.root)
    assert version.params == {"train.seed": 0, "train.weight": 0}
    assert version.environment == {"numpy": "1.0.0"}
    assert list(version.stages) == ["prepare", "train"]
    assert version.tracked == {"raw.csv": "raw.csv.dvc"}
    assert {name: table.profile.rows for name, table in version.tables.items()} == {"train": 400, "evaluate": 4000}
    assert version.model is not None
    assert not (work.root / "model.skops").exists()


def test_a_flipped_byte_is_noticed_where_dvc_sees_none(mini: Path, copy_of: Copy) -> None:
    work = copy_of(mini)
    good = read(work.root)
    cached = Path(str(good.artifacts["model"].file))
    os.chmod(cached, 0o644)
    content = bytearray(cached.read_bytes())
    content[100] ^= 1
    cached.write_bytes(content)
    (work.root / "model.skops").unlink()
    damaged = read(work.root)
    assert damaged.artifacts["model"].corrupt
    assert damaged.model is None
    assert "is not what was recorded" in str(damaged.model_problem)


def test_the_work_tree_stands_in_for_a_lost_cache_object(mini: Path, copy_of: Copy) -> None:
    work = copy_of(mini)
    shutil.rmtree(work.root / ".dvc" / "cache")
    assert read(work.root).model is not None


def test_a_lost_object_comes_from_the_remote_and_the_cache_stays_as_it_is(
    mini: Path, copy_of: Copy, tmp_path: Path
) -> None:
    work = copy_of(mini)
    work.dvc("remote", "add", "--default", "--local", "store", str(tmp_path / "store"))
    work.dvc("push", "--quiet")
    shutil.rmtree(work.root / ".dvc" / "cache")
    (work.root / "model.skops").unlink()
    assert read(work.root).model is not None
    assert not (work.root / ".dvc" / "cache").exists()


def test_what_is_nowhere_is_told(mini: Path, copy_of: Copy) -> None:
    work = copy_of(mini)
    shutil.rmtree(work.root / ".dvc" / "cache")
    (work.root / "train.csv").unlink()
    version = read(work.root)
    assert "train" not in version.tables
    assert "is in no cache" in str(version.artifacts["data.train"].problem)
    with pytest.raises(InconclusiveError, match=r"no table data.train at good: .* \(readable tables: evaluate\)"):
        versions.require(version, "train")


def test_a_project_in_a_subfolder(mini: Path, tmp_path: Path) -> None:
    top = tmp_path / "mono"
    shutil.copytree(mini, top / "services" / "score", ignore=shutil.ignore_patterns(".git"))
    work = drill.Workspace(top)
    work.run("git", "init", "--quiet")
    work.git("add", "--all")
    work.git("commit", "--quiet", "--message", "all")
    version = read(top / "services" / "score", "HEAD")
    assert version.model is not None
    assert "train.py" in version.files


def test_an_unknown_revision_names_the_choices(mini: Path) -> None:
    with pytest.raises(VersionError, match="no revision 'v9': choose HEAD, a commit, or one of 'good', 'main'"):
        read(mini, "v9")


@pytest.mark.parametrize("hostile", ["--help", "-C/tmp", "good; rm -rf .", "$(touch x)", ""])
def test_a_revision_is_never_an_option_or_a_command(mini: Path, hostile: str) -> None:
    with pytest.raises(VersionError, match="there is no revision"):
        read(mini, hostile)


def test_locks_of_other_shapes(tmp_path: Path) -> None:
    work = drill.Workspace(tmp_path)
    work.run("git", "init", "--quiet")
    (tmp_path / "dvc.yaml").write_text(
        "stages:\n"
        "  split:\n    foreach: [a, b]\n    do:\n      cmd: echo ${item}\n      wdir: sub\n"
        "      outs: ['${item}.csv']\n"
        "  many:\n    cmd: [one, two]\n    metrics: [m.json: {cache: false}]\n"
    )
    (tmp_path / "dvc.lock").write_text(
        "schema: '2.0'\nstages:\n"
        "  split@a:\n    cmd: echo a\n    outs:\n    - {path: a.csv, hash: md5, md5: aa}\n"
        "  many:\n    cmd: [one, two]\n    deps:\n    - {path: sub/a.csv, md5: aa}\n"
    )
    (tmp_path / "m.json").write_text('{"auc": {"test": 0.5}, "note": "x"}')
    work.git("add", "--all")
    work.git("commit", "--quiet", "--message", "all")
    snap = versions.Snapshot(Repository(tmp_path), "HEAD", Repository(tmp_path).resolve("HEAD"))
    assert snap.stages["split@a"].outs == {"sub/a.csv": "aa"}
    assert snap.stages["many"].cmd == "one && two"
    assert snap.metrics == {"auc.test": 0.5}


def test_a_pickled_model_is_run_by_no_verb_unless_it_is_trusted(mini: Path, copy_of: Copy) -> None:
    work = copy_of(mini)
    mark = work.root.parent / "mark"
    for file in ("rca.yaml", "dvc.yaml", "train.py"):
        edit(work.root / file, "model.skops", "model.joblib")
    edit(work.root / "train.py", 'shutil.copyfile(f"models/{level}.skops"', 'shutil.copyfile(f"models/{level}.pkl"')
    for level in range(6):
        path = work.root / "models" / f"{level}.skops"
        model = skops.io.load(path, trusted=skops.io.get_untrusted_types(file=path))
        joblib.dump([Mark(str(mark)), model] if level == 3 else model, path.with_suffix(".pkl"), compress=3)
    save(work, "old")
    edit(work.root / "params.yaml", "weight: 0", "weight: 2")
    save(work, "new")
    settings = work.root / "rca.yaml"
    once = Options(repeats=1)
    trusted = rca.replay("old", "new", config=settings, trust=True, options=once)
    assert [c.subject for c in trusted.causes] == ["params.train.weight"]
    edit(work.root / "params.yaml", "weight: 2", "weight: 3")
    save(work, "evil")
    for verb in (rca.investigate, rca.diff, rca.check):
        verb("old", "evil", config=settings)
    found = rca.replay("old", "evil", config=settings, options=once)
    assert "is a pickle" in found.summary
    assert not mark.exists()


class Mark:
    """Leaves a mark where it is unpickled."""

    def __init__(self, mark: str) -> None:
        self.mark = mark

    def __reduce__(self) -> Any:
        return os.system, (f"touch {self.mark}",)
