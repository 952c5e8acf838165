from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path
import dvc_data.hashfile.hash as hashing
import pytest
import rca
from rca import case as cases
from rca import drill
from rca.errors import NotApplicable
from rca.integrity.schema import corrupt_artifact
from rca.types import Artifact, Case, Finding, Roles, Version

Copy = Callable[[Path], drill.Workspace]

SOUND = Artifact("data/train.parquet", "aa11", "train.parquet")
CUT = Artifact("model.skops", "bb22", None, "it has 10 of 2,000 bytes.", corrupt=True)
LOST = Artifact("data/old.parquet", "cc33", None, "it is not in the cache")


def version(**artifacts: Artifact) -> Version:
    return Version("HEAD", "1f", artifacts={role.replace("_", "."): artifact for role, artifact in artifacts.items()})


def test_names_role_path_hash_and_side() -> None:
    case = Case((), Roles(), version(data_train=SOUND), version(data_train=SOUND, model=CUT))
    (found,) = corrupt_artifact(case)
    assert (found.kind, found.subject) == ("corrupt_artifact", "model")
    assert found.text == (
        "model.skops of the current version is not the file that was recorded (hash bb22): it has 10 of 2,000 bytes."
    )
    assert found.evidence["side"] == "current"


def test_both_sides_are_verified() -> None:
    found = list(corrupt_artifact(Case((), Roles(), version(model=CUT), version(model=CUT))))
    assert [f.evidence["side"] for f in found] == ["reference", "current"]


def test_a_file_that_cannot_be_had_is_not_corrupt() -> None:
    assert list(corrupt_artifact(Case((), Roles(), version(data_train=LOST), version(data_train=SOUND)))) == []


def test_two_tables_have_no_recorded_files() -> None:
    with pytest.raises(NotApplicable, match="no recorded files"):
        list(corrupt_artifact(Case((), Roles())))


RCA_YAML = """
system: store
model: model.skops
data: {train: out/train.csv, evaluate: raw/b.csv}
target: y
"""
DVC_YAML = """
stages:
  copy:
    cmd: mkdir -p mid && cp raw/a.csv mid/table.csv
    deps: [raw]
    outs: [mid/table.csv]
  last:
    cmd: mkdir -p out && cp mid/table.csv out/train.csv && echo 9,1 >> out/train.csv
    deps: [mid/table.csv]
    outs: [out]
"""


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a tracked folder, an intermediate table and a folder as output, twice. Read only."""
    work = drill.Workspace(tmp_path_factory.mktemp("stored") / "project")
    (work.root / "raw").mkdir(parents=True)
    for name in "abc":
        (work.root / f"raw/{name}.csv").write_text("x,y\n" + f"{ord(name)},1\n" * 80)
    (work.root / "rca.yaml").write_text(RCA_YAML)
    (work.root / "dvc.yaml").write_text(DVC_YAML)
    work.run("git", "init", "--quiet", "--initial-branch", "main")
    work.dvc("init", "--quiet")
    work.dvc("add", "--quiet", "raw")
    work.dvc("repro", "--quiet")
    for tag in ("good", "bad"):
        (work.root / "note").write_text(tag)
        work.git("add", "--all")
        work.git("commit", "--quiet", "--message", tag)
        work.git("tag", tag)
    return work.root


def flip(root: Path, path: str, at: int = 20) -> None:
    """Flip a byte of a file's object in the cache, and of nothing else."""
    md5 = hashlib.md5((root / path).read_bytes(), usedforsecurity=False).hexdigest()
    place = root / ".dvc/cache/files/md5" / md5[:2] / md5[2:]
    place.chmod(0o644)
    content = bytearray(place.read_bytes())
    content[at] ^= 1
    place.write_bytes(content)


def verified(root: Path) -> list[Finding]:
    case, _ = cases.of_versions("good", "bad", config=root / "rca.yaml")
    return list(corrupt_artifact(case))


def test_whole_stores_are_silent(stored: Path) -> None:
    assert verified(stored) == []


def test_each_object_is_hashed_once(stored: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hashed: list[str] = []
    real = hashing.file_md5

    def counted(path: str, name: str) -> str:
        hashed.append(path)
        return str(real(path, name=name))

    monkeypatch.setattr(hashing, "file_md5", counted)
    assert verified(stored) == []
    # three raw files and the listing, the intermediate table (equal to raw/a.csv), the output and its listing
    assert len(hashed) == len(set(hashed)) == 6


def test_a_flipped_byte_of_an_intermediate_output(stored: Path, copy_of: Copy) -> None:
    work = copy_of(stored)
    (work.root / "mid/table.csv").write_text("edited, which is no damage of the cache")
    flip(work.root, "raw/a.csv")
    found = verified(work.root)
    assert [(f.subject, f.evidence["side"]) for f in found] == [
        ("data.raw", "reference"),
        ("data.mid/table.csv", "reference"),
        ("data.raw", "current"),
        ("data.mid/table.csv", "current"),
    ]
    assert found[0].evidence["members"] == ["raw/a.csv"]
    assert "1 of its 2 files have other bytes in the DVC cache, which 'dvc status' does not see" in found[0].text


def test_a_flipped_byte_of_a_member_that_plays_a_role(stored: Path, copy_of: Copy) -> None:
    work = copy_of(stored)
    flip(work.root, "raw/b.csv")
    assert {f.subject for f in verified(work.root)} == {"data.evaluate"}
    (work.root / "raw/b.csv").unlink()
    assert {f.subject for f in verified(work.root)} == {"data.evaluate"}
    found = rca.check("good", "bad", config=work.root / "rca.yaml")
    assert {f.subject for f in found.findings} == {"data.evaluate"}


@pytest.mark.parametrize("at", [0, 20], ids=["no JSON any more", "another name or hash"])
def test_a_flipped_byte_of_a_listing(at: int, stored: Path, copy_of: Copy) -> None:
    work = copy_of(stored)
    (listing,) = [p for p in (work.root / ".dvc/cache/files/md5").glob("*/*.dir") if b"c.csv" in p.read_bytes()]
    listing.chmod(0o644)
    content = bytearray(listing.read_bytes())
    content[at] ^= 1
    listing.write_bytes(content)
    assert "data.raw" in {f.subject for f in verified(work.root)}


def test_an_empty_cache_is_told(stored: Path, copy_of: Copy) -> None:
    work = copy_of(stored)
    for place in (".dvc/cache", "out", "mid", "raw"):
        shutil.rmtree(work.root / place)
    with pytest.raises(NotApplicable, match="none of the 3 recorded files is in the local cache"):
        verified(work.root)


def test_a_cut_production_table_is_a_finding_and_no_crash(stored: Path, copy_of: Copy) -> None:
    work = copy_of(stored)
    config = work.root / "rca.yaml"
    config.write_text(RCA_YAML.replace("raw/b.csv}", "raw/b.csv, production: raw/c.csv}"))
    flip(work.root, "raw/c.csv")
    (work.root / "raw/c.csv").unlink()
    for verb in (rca.check, rca.investigate):
        found = verb("good", "bad", config=config)
        assert {f.subject for f in found.findings} >= {"data.production"}
        assert found.verdict == "inconclusive"
