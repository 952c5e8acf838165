"""A throw-away copy of a project in which pipelines may run, on the user's DVC cache; it leaves no trace there."""

import atexit
import functools
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from rca.errors import ReplayError, VersionError
from rca.gitrepo import Repository, git
from rca.versions import Snapshot, cache_folder, dvc_config, scratch

_CHILDREN: set[subprocess.Popen[str]] = set()
_HOMES: set[Path] = set()
_ENDED = threading.Event()


def _end(child: subprocess.Popen[str]) -> None:
    """Stop a run that is still going, with all that it started."""
    _CHILDREN.discard(child)
    if child.poll() is None:
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()  # whoever started it reads what it printed


@atexit.register
def _clean() -> None:
    """Leave nothing behind when the process ends in the middle of a run, and let no other run begin."""
    _ENDED.set()
    for child in list(_CHILDREN):
        _end(child)
    for home in list(_HOMES):
        shutil.rmtree(home, ignore_errors=True)


def environment(python: Path | None = None, **more: str) -> dict[str, str]:
    """Return the variables of a command: a Python first, nothing of the caller's git, and no usage sent anywhere."""
    found = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    path = os.pathsep.join([str(python or Path(sys.executable).parent), found.get("PATH", "")])
    return {**found, "PATH": path, "DVC_NO_ANALYTICS": "1", "DO_NOT_TRACK": "1", **more}


@functools.cache
def interpreter(pins: bytes) -> Path:
    """Return the folder of a Python with the packages that a requirements file pins, built by uv for this process."""
    uv = shutil.which("uv", path=environment()["PATH"])
    if uv is None:
        raise ReplayError("environments are built with uv, which is not here: install it, or replay without --env.")
    home = Path(tempfile.mkdtemp(prefix="environment-", dir=scratch().name))
    (home / "requirements.txt").write_bytes(pins)
    install = ("pip", "install", "--quiet", "--python", str(home / "venv"), "-r", str(home / "requirements.txt"))
    for asked in (("venv", "--quiet", "--python", sys.executable, str(home / "venv")), install):
        done = subprocess.run([uv, *asked], cwd=home, env=environment(), capture_output=True, text=True, check=False)
        if done.returncode:
            raise ReplayError(f"uv {asked[0]} failed for the environment: {done.stderr.strip()[-600:]}")
    return home / "venv" / "bin"


@dataclass(slots=True)
class Sandbox:
    """A project folder that may be changed."""

    root: Path
    site: Path  # where DVC keeps its locks, away from those of the user
    python: Path | None = None  # the folder of the interpreter that stages run with; None for this one

    def checkout(self, commit: str, paths: Sequence[str]) -> None:
        """Take files from another commit; a file that is absent there is removed."""
        for path in paths:
            (self.root / path).unlink(missing_ok=True)
            with suppress(VersionError):  # absent at that commit is an answer
                git(self.root, "--literal-pathspecs", "checkout", "--quiet", commit, "--", path)

    def dvc(self, *arguments: str, timeout: float | None = None) -> str:
        """Run dvc here and return what it printed."""
        if _ENDED.is_set():
            raise ReplayError("the process is ending.")
        with subprocess.Popen(
            [sys.executable, "-m", "dvc", *arguments],
            cwd=self.root,
            env=environment(self.python, DVC_SITE_CACHE_DIR=str(self.site), PYTHONHASHSEED="0"),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,  # so that a stage's own children end with it
        ) as child:
            _CHILDREN.add(child)
            try:
                out, err = child.communicate(timeout=timeout)
            except subprocess.TimeoutExpired:
                raise ReplayError(f"dvc {arguments[0]} did not end within {timeout:.0f} s: raise --timeout.") from None
            finally:
                _end(child)
        if child.returncode:
            tail = " | ".join((out + err).strip().splitlines()[-4:])
            raise ReplayError(f"dvc {arguments[0]} failed: {tail[-600:]}")
        return out


@contextmanager
def sandbox(repository: Repository, commit: str, cache: Path | None = None) -> Iterator[Sandbox]:
    """Make a copy of the project at a commit, on the user's DVC cache or another, and remove it afterwards."""
    home = Path(tempfile.mkdtemp(prefix="rca-sandbox-"))
    _HOMES.add(home)
    try:
        clone = home / "project"
        top = git(repository.root, "rev-parse", "--show-toplevel").decode().strip()
        git(home, "clone", "--quiet", "--shared", "--no-checkout", "--", top, str(clone))
        git(clone, "checkout", "--quiet", "--detach", commit)
        project = clone / repository.prefix
        _configure(repository.root, project, cache or cache_folder(repository.root), home)
        yield Sandbox(project, home / "site")
    finally:
        shutil.rmtree(home, ignore_errors=True)
        _HOMES.discard(home)


def _configure(root: Path, project: Path, cache: Path, home: Path) -> None:
    """Give the copy the user's remotes, by absolute address, and the shared cache."""
    copied, known = dvc_config(project), dvc_config(root)
    if copied is None or known is None:
        return
    remotes: dict[str, Mapping[str, Any]] = dict(known.get("remote", {}))
    default = known.get("core", {}).get("remote")
    if not remotes or default is None:
        empty = home / "remote"
        empty.mkdir()
        remotes["rca-empty"], default = {"url": str(empty)}, "rca-empty"
    if not str(cache).isascii():  # DVC writes its configuration in ASCII
        (home / "cache").symlink_to(cache)
        cache = home / "cache"
    with copied.edit("local") as local:
        local["core"] = {"remote": default, "analytics": False}
        local["cache"] = {"dir": str(cache), "type": "reflink,copy"}
        local["remote"] = {name: {k: str(v) for k, v in options.items()} for name, options in remotes.items()}


def fetch(snap: Snapshot, path: str) -> Path | None:
    """Bring an artifact from the project's DVC remote into a cache apart and return that; None where there is none."""
    if not (dvc_config(snap.repository.root) or {}).get("remote"):
        return None
    cache = Path(scratch().name) / "cache"
    with suppress(ReplayError), sandbox(snap.repository, snap.commit, cache) as box:
        box.dvc("fetch", "--quiet", path)
        return cache
    return None
