"""The system at one git revision, read without checkout."""

import contextlib
import hashlib
import json
import posixpath
import re
import tempfile
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from pathlib import Path, PurePosixPath
from typing import Any
from dvc.config import Config as DvcConfig
from dvc_data.hashfile import hash as hashing
from ruamel.yaml import YAML, YAMLError
from rca import models
from rca.config import Config
from rca.errors import DataError, InconclusiveError, ModelError, VersionError
from rca.gitrepo import Repository, is_code
from rca.tables import Table, open_table
from rca.types import Artifact, Stage, Version, flatten


@dataclass(frozen=True)
class Snapshot:
    """A commit of a project: its files, its locks and where its artifacts are."""

    repository: Repository
    rev: str
    commit: str
    fetch: Callable[["Snapshot", str], Path | None] | None = None  # brings a path into a cache, and returns its folder
    _listed: dict[str, dict[str, str]] = field(default_factory=dict)

    @cached_property
    def files(self) -> dict[str, str]:
        """Git-tracked paths and blob ids."""
        return self.repository.files(self.commit)

    def text(self, path: str) -> bytes | None:
        """Return a git-tracked file, or None if there is no such file."""
        blob = self.files.get(path)
        return None if blob is None else self.repository.blobs([blob])[blob]

    def content(self, path: str) -> Any:
        """Return what a git-tracked file of YAML, JSON or TOML holds; an empty mapping where there is no such file."""
        text = self.text(path) or b""
        if _is_toml(path):
            return tomllib.loads(text.decode())
        try:
            return YAML(typ="safe").load(text) or {}  # of YAML 1.2, the dialect of DVC's own files
        except YAMLError as problem:
            raise VersionError(f"{path} is not YAML ({' '.join(str(problem).split())}): correct it.") from None

    @cached_property
    def stages(self) -> dict[str, Stage]:
        """The stages of every dvc.lock, with paths relative to the project."""
        result = {}
        for path in (p for p in self.files if PurePosixPath(p).name == "dvc.lock"):
            folder = PurePosixPath(path).parent
            declared = self.content(str(folder / "dvc.yaml")).get("stages", {})
            for name, entry in self.content(path).get("stages", {}).items():
                plain = declared.get(name.split("@")[0]) or {}
                wdir = folder / str((plain.get("do") or plain).get("wdir", "."))
                full = name if str(folder) == "." else f"{folder}/dvc.yaml:{name}"
                result[full] = _stage(full, entry, wdir)
        return result

    @cached_property
    def sources(self) -> dict[str, tuple[str, str]]:
        """Path of each source that a .dvc file tracks, to that file and the recorded hash."""
        result = {}
        for path in (p for p in self.files if p.endswith(".dvc")):
            content = self.content(path)
            if isinstance(content, Mapping):
                home = PurePosixPath(path).parent / str(content.get("wdir", "."))
                for out in content.get("outs") or []:
                    result[posixpath.normpath(home / out["path"])] = (path, str(out.get("md5") or ""))
        return result

    @cached_property
    def recorded(self) -> dict[str, str]:
        """Path to hash for everything that DVC tracks; a directory's hash ends in ``.dir``."""
        sources = {path: recorded for path, (_, recorded) in self.sources.items()}
        return sources | {path: recorded for stage in self.stages.values() for path, recorded in stage.outs.items()}

    @cached_property
    def params(self) -> dict[str, Any]:
        """Dotted keys of every parameter file; keys outside params.yaml are prefixed with their file."""
        result: dict[str, Any] = {}
        for name in sorted({"params.yaml", *(file for stage in self.stages.values() for file in stage.params)}):
            if name in self.files:
                content = self.content(name) if name.endswith((".yaml", ".yml", ".json", ".toml")) else {}
            else:  # what the lock recorded of it is known
                content = {k: v for stage in self.stages.values() for k, v in stage.params.get(name, {}).items()}
            lead = "" if name == "params.yaml" else f"{name}:"
            result |= {lead + key: value for key, value in flatten(content).items()}
        return result

    @cached_property
    def metric_files(self) -> list[str]:
        """The metrics files that are kept in git."""
        declared = self.content("dvc.yaml")
        homes = [declared, *(stage.get("do") or stage for stage in (declared.get("stages") or {}).values())]
        names = [str(next(iter(e)) if isinstance(e, Mapping) else e) for home in homes for e in home.get("metrics", [])]
        return [name for name in names if name in self.files and name.endswith((".json", ".yaml", ".yml"))]

    @cached_property
    def metrics(self) -> dict[str, float]:
        """Numbers of the metrics files that are kept in git."""
        found = [item for name in self.metric_files for item in flatten(self.content(name)).items()]
        return {key: float(value) for key, value in found if type(value) in (int, float)}

    def environment(self, path: str | None) -> dict[str, str]:
        """Return the packages that a lock file pins, by normalised name."""
        if path is None or (text := self.text(path)) is None:
            return {}
        if _is_toml(path):
            return {p["name"].lower(): str(p.get("version", "")) for p in self.content(path).get("package", [])}
        pins = re.findall(r"^\s*-?\s*([A-Za-z0-9._-]+)\s*={1,3}\s*([^\s;#]+)", text.decode(errors="replace"), re.M)
        return {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in pins}

    def artifact(self, path: str, *, fetch: bool = True) -> Artifact:
        """Find a file's bytes and hold them to the recorded hash, as DVC does not; problems are told, not raised."""
        clean = str(PurePosixPath(path))
        inside = (self.members(str(folder)).get(clean) for folder in PurePosixPath(clean).parents)
        recorded = self.recorded.get(clean, next(filter(None, inside), None))
        if recorded is None:
            if (text := self.text(clean)) is None:
                return Artifact(clean, None, None, f"{clean} is neither in dvc.lock nor in git at {self.rev}")
            return Artifact(clean, None, str(_keep(text, clean)))
        if not recorded:
            return Artifact(clean, None, None, f"{clean} has no recorded hash at {self.rev}: run 'dvc commit'")
        wrong: list[Path] = []
        for place in filter(Path.is_file, self._places(clean, recorded, fetch)):
            if self._matches(place, recorded):
                return Artifact(clean, recorded, str(place))
            if place != self.repository.root / clean:  # the work tree may be ahead of the revision
                wrong.append(place)
        if wrong:
            problem = f"{clean} at {self.rev} is not what was recorded (hash {recorded}): the cached bytes were changed"
            return Artifact(clean, recorded, str(wrong[0]), problem, corrupt=True)
        problem = f"{clean} at {self.rev} is in no cache (hash {recorded}): run 'dvc fetch' there, or 'dvc repro'"
        return Artifact(clean, recorded, None, problem)

    def sound(self, recorded: str) -> bool | None:
        """Whether an object of the cache has the bytes that its hash says; None where the cache lacks it."""
        places = [place for place in _objects(self.cache, recorded) if place.is_file()]
        return all(self._matches(place, recorded) for place in places) if places else None

    def members(self, folder: str) -> dict[str, str]:
        """Return the files of a recorded folder and their hashes; none where its listing cannot be read."""
        if folder not in self._listed:
            found, listing = {}, self.recorded.get(folder, "")
            for place in _objects(self.cache, listing) if listing.endswith(".dir") else ():
                with contextlib.suppress(OSError, ValueError, TypeError, KeyError):
                    found = {f"{folder}/{m['relpath']}": str(m["md5"]) for m in json.loads(place.read_bytes())}
            self._listed[folder] = found
        return self._listed[folder]

    def _places(self, path: str, recorded: str, fetch: bool) -> Iterator[Path]:
        """Say where a file's bytes may be; the remote is asked only when the others are used up."""
        yield from _objects(self.cache, recorded)
        yield self.repository.root / path
        if (kept := self.text(path)) is not None:  # an output with "cache: false" may be in git
            yield _keep(kept, path)
        if fetch and self.fetch and (fetched := self.fetch(self, path)):
            yield from _objects(fetched, recorded)

    def _matches(self, path: Path, recorded: str) -> bool:
        """Whether a file has the recorded md5, or that of DVC 2, which took Windows line ends for Unix ones."""
        known = self.repository.hashes
        for kind in ("md5", "md5-dos2unix"):
            if (path, kind) not in known:
                known[path, kind] = hashing.file_md5(str(path), name=kind)
            if known[path, kind] == recorded.removesuffix(".dir"):
                return True
        return False

    @cached_property
    def cache(self) -> Path:
        """The folder of the local DVC cache."""
        return cache_folder(self.repository.root)


def dvc_config(root: Path) -> Any:
    """Return DVC's configuration of a project, from its folder or one above; None where there is none."""
    home = next((p / ".dvc" for p in (root, *root.parents) if (p / ".dvc").is_dir()), None)
    return None if home is None else DvcConfig(dvc_dir=str(home))


def cache_folder(root: Path) -> Path:
    """Return where a project's DVC cache is, as its configuration says."""
    known = dvc_config(root)
    if known is None:
        return root / ".dvc" / "cache"
    return Path(known.get("cache", {}).get("dir") or f"{known.dvc_dir}/cache")


def read(repository: Repository, rev: str, config: Config, fetch: Any = None, *, trust: bool = False) -> Version:
    """Read a version; a table or model that could not be read is absent from it, and its artifact tells why."""
    snap = Snapshot(repository, rev, repository.resolve(rev), fetch)
    artifacts, tables = {}, {}
    for role, path in config.data.model_dump(exclude_none=True).items():
        artifact = Artifact(path, None, path) if "://" in path else snap.artifact(path)
        if artifact.file is not None and not artifact.corrupt:
            try:
                tables[role] = open_table(artifact.file, f"{path} at {rev}", like=path)
            except DataError as problem:
                artifact = Artifact(path, artifact.md5, None, str(problem).rstrip("."))
        artifacts[f"data.{role}"] = artifact
    artifacts["model"] = found = snap.artifact(config.model)
    model, model_problem = None, found.problem
    if found.file is not None and not found.corrupt:
        try:
            model = models.load(found.file, config.model, trust=trust, features=config.features)
        except ModelError as problem:
            model_problem = str(problem).rstrip(".")
    known: dict[str, Any] = {name: getattr(snap, name) for name in ("stages", "files", "params", "metrics")}
    known |= {"tracked": {path: file for path, (file, _) in snap.sources.items()}, "model_problem": model_problem}
    known |= {"environment": snap.environment(config.environment), "artifacts": artifacts, "tables": tables}
    return Version(rev, snap.commit, **known, model=model, snapshot=snap)


def _stage(name: str, entry: Mapping[str, Any], wdir: PurePosixPath) -> Stage:
    def hashes(items: Any) -> dict[str, str]:
        return {posixpath.normpath(wdir / item["path"]): str(item.get("md5") or "") for item in items or []}

    command, params = entry.get("cmd", ""), entry.get("params") or {}
    line = " && ".join(command) if isinstance(command, list) else str(command)
    keys = {posixpath.normpath(wdir / file): dict(values or {}) for file, values in params.items()}
    return Stage(name, line, hashes(entry.get("deps")), hashes(entry.get("outs")), keys)


def _is_toml(path: str) -> bool:
    return path.endswith(".toml") or PurePosixPath(path).name in {"uv.lock", "poetry.lock"}


def _objects(cache: Path, recorded: str) -> list[Path]:
    head, tail = recorded[:2], recorded[2:]
    return [cache / "files" / "md5" / head / tail, cache / head / tail]


@cache
def scratch() -> tempfile.TemporaryDirectory[str]:
    """Return a folder for the life of the process."""
    return tempfile.TemporaryDirectory(prefix="rca-")


def _keep(content: bytes, path: str) -> Path:
    name = hashlib.sha256(content).hexdigest()[:16] + "".join(PurePosixPath(path).suffixes[-2:])
    target = Path(scratch().name) / name
    target.write_bytes(content)
    return target


def require(version: Version, role: str) -> Table:
    """Return a version's table."""
    if role in version.tables:
        return version.tables[role]  # type: ignore[return-value]  # versions hold rca's own tables
    artifact = version.artifacts.get(f"data.{role}") or Artifact("", None, None)
    reason, have = artifact.problem or f"rca.yaml names no data.{role}", ", ".join(version.tables) or "none"
    problem = InconclusiveError if artifact.md5 is not None and artifact.file is None else VersionError
    raise problem(f"there is no table data.{role} at {version.rev}: {reason} (readable tables: {have}).")


def code(repository: Repository, reference: Version, current: Version) -> tuple[Version, Version]:
    """Return the versions with the text of their Python files, and of other code that differs."""

    def text(side: Version, other: Version) -> Version:
        wanted = {p: b for p, b in side.files.items() if p.endswith(".py") or (other.files.get(p) != b and is_code(p))}
        found = repository.blobs(wanted.values())
        return replace(side, code={p: found[b].decode(errors="replace") for p, b in wanted.items()})

    return text(reference, current), text(current, reference)
