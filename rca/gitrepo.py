"""A git repository, asked and never changed: no checkout, no lock, no index refresh."""

import contextlib
import os
import re
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import NamedTuple
from rca.errors import ConfigError, RcaError, VersionError, choices

_COMMENT = re.compile(r"(^\s*(--|//)|(^|\s)#).*")


def git(folder: Path, *arguments: str, stdin: bytes | None = None, problem: RcaError | None = None) -> bytes:
    """Run a git command that reads; where it fails, the `problem` is raised, or what git said."""
    options = ["--no-optional-locks", "-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false"]
    command = ["git", *options, "-C", str(folder), *arguments]
    env = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}  # those of a hook
    try:
        done = subprocess.run(command, input=stdin, capture_output=True, check=False, env=env)
    except FileNotFoundError:
        raise ConfigError("git is not installed, and every version is read with it: install git.") from None
    if done.returncode:
        detail = " ".join(done.stderr.decode(errors="replace").split())
        raise problem or VersionError(f"git {arguments[0]} failed in {folder}: {detail}")
    return done.stdout


class Hunk(NamedTuple):
    """Lines of a file that changed: the first and the last as they are now, and the text before and after."""

    path: str
    start: int
    stop: int
    text: str

    def __str__(self) -> str:
        return f"{self.path}:{self.start}" + (f"-{self.stop}" if self.stop > self.start else "")


@dataclass(frozen=True)
class Repository:
    """The project at `root`, maybe a folder inside a git repository; paths are relative to it, with forward slashes."""

    root: Path
    hashes: dict[tuple[Path, str], str] = field(default_factory=dict, compare=False, repr=False)  # of files, read once

    @cached_property
    def prefix(self) -> str:
        """The project's folder inside the repository: empty, or ending in a slash."""
        hint = "go to the project, or make one with 'git init' and a commit."
        problem = ConfigError(f"{self.root} is in no git repository: {hint}")
        return git(self.root, "rev-parse", "--show-prefix", problem=problem).decode().strip()

    def resolve(self, rev: str) -> str:
        """Return the commit of a revision."""
        _ = self.prefix  # a folder without git deserves its own message
        try:
            return git(self.root, "rev-parse", "--verify", "--end-of-options", f"{rev}^{{commit}}").decode().strip()
        except VersionError:
            names = git(self.root, "for-each-ref", "--format=%(refname:short)", "refs/heads", "refs/tags")
            known = choices(names.decode().split())
            raise VersionError(f"there is no revision '{rev}': choose HEAD, a commit, or one of {known}.") from None

    def files(self, commit: str) -> dict[str, str]:
        """Return every file of the project at a commit with its blob id."""
        listing = git(self.root, "ls-tree", "-r", "-z", commit).decode(errors="surrogateescape")
        entries = [re.split(r"[ \t]", line, maxsplit=3) for line in listing.split("\0") if line]
        return {path: blob for mode, kind, blob, path in entries if kind == "blob" and mode != "120000"}

    def blobs(self, ids: Iterable[str]) -> dict[str, bytes]:
        """Return the contents of many blobs, named by id or as ``commit:path``, through one git process."""
        wanted = [name for name in dict.fromkeys(ids) if "\n" not in name]
        stream = BytesIO(git(self.root, "cat-file", "--batch", stdin="\n".join(wanted).encode() + b"\n"))
        result = {}
        for name in wanted:
            if head := re.fullmatch(rb"[0-9a-f]{40,64} \w+ (\d+)\n", stream.readline()):
                result[name] = stream.read(int(head[1]))
                stream.readline()  # what is missing has no content that follows
        return result

    def hunks(self, old: str, new: str, path: str) -> list[Hunk]:
        """Return the lines of a file that changed between two commits in more than blanks and comments."""
        options = ("--no-ext-diff", "--no-textconv", "--no-color", "--unified=0")
        found, result = git(self.root, "diff", *options, old, new, "--", path).decode(errors="replace"), []
        for part in re.split(r"^@@ -\S+ \+", found, flags=re.MULTILINE)[1:]:
            start = max(int(re.split(r"\D", part, maxsplit=1)[0]), 1)
            before, after = ([x for x in part.split("\n")[1:] if x[:1] == sign] for sign in "-+")
            # neighbouring parameters are changes of their own
            each = len(before) == len(after) and not path.endswith(".py")
            pairs = [([x], [y]) for x, y in zip(before, after, strict=True)] if each else [(before, after)]
            for i, (gone, come) in enumerate(pairs):
                was, now = ([_COMMENT.sub("", x[1:]).strip() for x in side] for side in (gone, come))
                if re.sub(r"\s", "", "".join(was)) != re.sub(r"\s", "", "".join(now)):
                    code = [start + i + k for k, line in enumerate(now) if line] or [start]
                    result.append(Hunk(path, code[0], code[-1], "\n".join([*gone, *come])))
        return result

    def last(self, old: str, new: str, paths: Sequence[str], hunk: Hunk | None = None) -> dict[str, str] | None:
        """Return the last commit after `old`, up to `new`, that touched some lines, or else some files."""
        lines = [f"-L{hunk.start},{hunk.stop}:{hunk.path}"] if hunk else []
        for where in filter(None, (lines, ["--", *paths] if paths else [])):
            with contextlib.suppress(VersionError):
                asked = ("log", "-1", "--no-patch", "--format=%H%x00%cs%x00%s", f"{old}..{new}", *where)
                if found := git(self.root, *asked).decode(errors="replace").strip():
                    return dict(zip(("hash", "date", "subject"), found.split("\0"), strict=True))
        return None

    def history(self, old: str, new: str) -> list[dict[str, str]]:
        """Return the commits after `old` up to `new`, oldest first, on the line of first parents."""
        apart = f"{old[:12]} is no ancestor of {new[:12]}, so no commit lies between: name an older good revision."
        git(self.root, "merge-base", "--is-ancestor", old, new, problem=VersionError(apart))
        asked = ("log", "--first-parent", "--reverse", "--no-patch", "--format=%H%x00%aI%x00%s", f"{old}..{new}")
        lines = git(self.root, *asked).decode(errors="replace").split("\n")  # a title may hold other ends of lines
        return [dict(zip(("hash", "date", "subject"), line.split("\0"), strict=True)) for line in lines if line]

    def changed(self) -> Sequence[str]:
        """Return tracked files whose content in the work tree is not that of HEAD."""
        listing = git(self.root, "status", "--porcelain", "-z", "--untracked-files=no", "--", ".")
        return [line[3:] for line in listing.decode(errors="replace").split("\0") if line]


#: Files in git that hold data or records, and so are no code.
_DATA = {".csv", ".tsv", ".parquet", ".json", ".jsonl", ".feather", ".arrow", ".xlsx", ".txt", ".gz", ".zip", ".npy"}
_DATA |= {".md", ".rst", ".lock", ".dvc", ".png", ".svg", ".jpg", ".pdf", ".html"}


def is_code(path: str) -> bool:
    """Whether a git-tracked file is code rather than data, a lock or a text."""
    name = PurePosixPath(path)
    return name.suffix not in _DATA and name.name not in {"params.yaml", ".gitignore", ".dvcignore", "rca.yaml"}
