"""A throw-away copy of a project in which pipelines may run, on the user's DVC cache; it leaves no trace there."""

import atexit
import functools
import os
import shutil
import signal
import sys
import tempfile
import threading
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from subprocess import PIPE, Popen, TimeoutExpired, run
from rca.errors import ReplayError, VersionError
from rca.gitrepo import Repository, git
from rca.versions import Snapshot, cache_folder, dvc_config, scratch

_ENDED = threading.Event()
atexit.register(_ENDED.set)  # no run begins while the process ends


def _end(child: Popen[str]) -> None:
    if child.poll() is None:
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()  # whoever started it reads what it printed


def _abort(child: Popen[str]) -> None:
    """Stop a run in the middle of which the process ends, before its folder is removed; no other begins then."""
    _ENDED.set()
    _end(child)


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
        done = run([uv, *asked], cwd=home, env=environment(), capture_output=True, text=True, check=False)
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
        command = [sys.executable, "-m", "dvc", *arguments]
        env = environment(self.python, DVC_SITE_CACHE_DIR=str(self.site), PYTHONHASHSEED="0")
        # in a session of its own, so that a stage's own children end with it
        with Popen(
            command, cwd=self.root, env=env, stdout=PIPE, stderr=PIPE, errors="replace", start_new_session=True
        ) as child:
            left = weakref.finalize(child, _abort, child)
            try:
                out, err = child.communicate(timeout=timeout)
            except TimeoutExpired:
                raise ReplayError(f"dvc {arguments[0]} did not end within {timeout:.0f} s: raise --timeout.") from None
            finally:
                left.detach()
                _end(child)
        if child.returncode:
            tail = " | ".join((out + err).strip().splitlines()[-4:])
            raise ReplayError(f"dvc {arguments[0]} failed: {tail[-600:]}")
        return out


@contextmanager
def sandbox(repository: Repository, commit: str, cache: Path | None = None) -> Iterator[Sandbox]:
    """Make a copy of the project at a commit, on the user's DVC cache or another, and remove it afterwards."""
    with tempfile.TemporaryDirectory(prefix="rca-sandbox-", ignore_cleanup_errors=True) as folder:
        home, clone = Path(folder), Path(folder) / "project"
        top = git(repository.root, "rev-parse", "--show-toplevel").decode().strip()
        git(home, "clone", "--quiet", "--shared", "--no-checkout", "--", top, str(clone))
        git(clone, "checkout", "--quiet", "--detach", commit)
        copied, known = dvc_config(clone / repository.prefix), dvc_config(repository.root)
        if copied is not None and known is not None:
            # the copy has the user's remotes, by absolute address, and the shared cache
            remotes, default = dict(known.get("remote", {})), known.get("core", {}).get("remote")
            if not remotes or default is None:
                (home / "remote").mkdir()
                remotes["rca-empty"], default = {"url": str(home / "remote")}, "rca-empty"
            cache = cache or cache_folder(repository.root)
            if not str(cache).isascii():  # DVC writes its configuration in ASCII
                (home / "cache").symlink_to(cache)
                cache = home / "cache"
            with copied.edit("local") as local:
                local["core"] = {"remote": default, "analytics": False}
                local["cache"] = {"dir": str(cache), "type": "reflink,copy"}
                local["remote"] = {name: {k: str(v) for k, v in options.items()} for name, options in remotes.items()}
        yield Sandbox(clone / repository.prefix, home / "site")


def fetch(snap: Snapshot, path: str) -> Path | None:
    """Bring an artifact from the project's DVC remote into a cache apart and return that; None where there is none."""
    if not (dvc_config(snap.repository.root) or {}).get("remote"):
        return None
    cache = Path(scratch().name) / "cache"
    with suppress(ReplayError), sandbox(snap.repository, snap.commit, cache) as box:
        box.dvc("fetch", "--quiet", path)
        return cache
    return None
