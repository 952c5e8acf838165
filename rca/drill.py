"""Drills: a system is built and damaged on purpose, the truth is sealed, and an answer is scored against it."""

import base64
import hashlib
import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any
import numpy as np
import pandas as pd
import yaml
from rca import config, metrics, models
from rca.errors import ConfigError, RcaError, ReplayError, VerificationError, choices
from rca.gitrepo import Repository
from rca.registry import Say, fault, silent
from rca.report import share, write
from rca.report.document import dump
from rca.sandbox import environment
from rca.stats import Estimate, shapley
from rca.types import Cause, Investigation
from rca.versions import cache_folder

GOOD, BAD = "good", "bad"
#: The drill that shows it all: an incident with a decoy.
SHOWCASE = "demo-01"
#: Where the sealed truth of a workspace is: not in its tree, so that nobody stumbles on it.
SEAL = Path(".git", "drill")
_HOME = Path(__file__).with_name("drills")
_IGNORED = shutil.ignore_patterns("__pycache__", ".gitignore")
_LONGEST = 1_000_000  # bytes of a truth


@dataclass(frozen=True, slots=True)
class Workspace:
    """A git and DVC repository that a drill is made in."""

    root: Path
    system: Mapping[str, Any] = field(default_factory=dict)  # what is tracked, and what is run after a commit

    def run(self, *command: str) -> None:
        """Run a command in the workspace; where it fails, what it said is the error."""
        env = environment(GIT_CONFIG_GLOBAL=os.devnull)
        done = subprocess.run(command, cwd=self.root, env=env, capture_output=True, text=True, check=False)
        if done.returncode:
            raise ReplayError(f"'{' '.join(command)}' failed in {self.root}: {(done.stderr or done.stdout)[-600:]}")

    def git(self, *arguments: str) -> None:
        """Run git as nobody in particular."""
        self.run("git", "-c", "user.name=demo", "-c", "user.email=demo@example.org", *arguments)

    def dvc(self, *arguments: str) -> None:
        """Run dvc."""
        self.run(sys.executable, "-m", "dvc", *arguments)

    def commit(self, message: str, tag: str) -> None:
        """Commit everything, as :meth:`repro` made it, and tag it."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", message)
        self.git("tag", "--force", tag)
        for command in self.system.get("after", ()):
            self.dvc(*shlex.split(command))

    def repro(self) -> None:
        """Track the tables that no stage makes, and run the pipeline."""
        if tables := self.system.get("track"):
            self.dvc("add", "--quiet", *tables)
        self.dvc("repro", "--quiet")


@dataclass(frozen=True, slots=True)
class Drill:
    """An exercise: what is done to a system, as `causes` that should be found and `decoys` that should not."""

    name: str
    system: str
    level: str
    causes: Sequence[Mapping[str, Any]] = ()
    decoys: Sequence[Mapping[str, Any]] = ()
    config: Mapping[str, Any] | None = None  # fields of rca.yaml that are otherwise in this drill
    message: str = "Update"


@dataclass(frozen=True, slots=True)
class Score:
    """How an answer did; what a drill does not ask is None."""

    drill: str
    verdict: bool
    first: bool | None = None  # whether the first cause is a true one
    three: bool | None = None  # whether all true ones are among the first three
    stage: bool | None = None
    contribution: float | None = None  # the true one of the first cause
    within: bool | None = None  # whether the interval meets what is true, or the answer is within half of it
    onset_days: float | None = None
    false_causes: tuple[str, ...] = ()  # what was called confirmed and is none
    truth: tuple[str, ...] = ()  # what was done, and what it is worth


def system(name: str) -> dict[str, Any]:
    """Return the files, the commands and the drills of a system."""
    return yaml.safe_load((_HOME / f"{name}.yaml").read_text("utf-8"))  # type: ignore[no-any-return]  # a mapping


def drills() -> dict[str, Drill]:
    """Return all drills by name; a name tells the system and nothing of the truth."""
    names = sorted(path.stem for path in _HOME.glob("*.yaml"))
    known = [(name, i, each) for name in names for i, each in enumerate(system(name)["drills"], 1)]
    return {f"{name}-{i:02}": Drill(f"{name}-{i:02}", name, **each) for name, i, each in known}


def make(
    root: str | Path, name: str | None = None, *, own: Path | None = None, rev: str = "HEAD", seed: int = 0
) -> str:
    """Build a drill in a new folder (named, drawn by the seed, or of one's own project); return its truth's hash."""
    if own and name:
        raise ConfigError("a project of one's own and a drill's name were given: choose one of them.")
    if own:
        return strike(*adopt(Path(root), own, rev, seed=seed), seed=seed)
    known = drills()
    if name is not None and name not in known:
        raise ConfigError(f"there is no drill '{name}': choose one of {choices(known, 99)}.")
    chosen = known[name or str(np.random.default_rng(seed).choice(sorted(known)))]
    return strike(start(Path(root), chosen.system, chosen.config), chosen, seed=seed)


def start(root: Path, name: str, changes: Mapping[str, Any] | None = None) -> Workspace:
    """Build a system in a new folder, and commit it as ``good``; `changes` are to its ``rca.yaml``."""
    work = Workspace(_new(root), about := system(name))
    for part in about.get("share", ()):
        source, target = share(part), work.root / part
        target.parent.mkdir(parents=True, exist_ok=True)
        copy: Any = partial(shutil.copytree, ignore=_IGNORED) if source.is_dir() else shutil.copyfile
        copy(source, target)
    for file, text in about.get("files", {}).items():
        (work.root / file).parent.mkdir(parents=True, exist_ok=True)
        (work.root / file).write_text(text, encoding="utf-8")
    if changes:
        settings = yaml.safe_load((work.root / config.FILE).read_text("utf-8"))
        (work.root / config.FILE).write_text(yaml.safe_dump({**settings, **changes}), encoding="utf-8")
    work.run("git", "init", "--quiet", "--initial-branch", "main")
    work.dvc("init", "--quiet")
    for command in about.get("setup", ()):
        work.run(*shlex.split(command))
    work.repro()
    work.commit("The first version", GOOD)
    return work


def adopt(root: Path, source: Path, rev: str = "HEAD", *, seed: int = 0) -> tuple[Workspace, Drill]:
    """Clone a project of one's own at a revision as ``good``, which reads it alone, and draw a damage to its exam.

    It is one that moves the metric by more than is `material`; where none of those that are known does, it is nothing.
    """
    config.load(source / config.FILE)
    commit = Repository(source).resolve(rev)
    if not (source / ".git").exists() or not (source / ".dvc").exists():
        raise ConfigError(f"{source} is not the root of a git and DVC repository: name that folder.")
    work, draw = Workspace(_new(root)), np.random.default_rng(seed)
    Workspace(source).run("git", "clone", "--quiet", "--no-hardlinks", ".", str(work.root))
    work.git("checkout", "--quiet", "-B", "main", commit)
    # the project's own cache is a remote that is read, whatever its settings say
    work.dvc("cache", "dir", "--quiet", "--local", str(work.root / ".dvc" / "cache"))
    work.dvc("remote", "add", "--quiet", "--local", "--force", "--default", "own", str(cache_folder(source.resolve())))
    work.dvc("pull", "--quiet", "--allow-missing")
    known = config.load(work.root / config.FILE)
    role = "production" if known.data.production else "evaluate"
    path = work.root / (file := getattr(known.data, role))
    tracked, kept = path.with_name(f"{path.name}.dvc").exists(), path.resolve().is_relative_to(work.root)
    if not (kept and path.is_file() and (tracked or file in Repository(work.root).files(commit))):
        raise ConfigError(f"damage in {file} would not stay or not be in the clone alone: keep an exam in git or DVC.")
    work = replace(work, system={"track": [file] if tracked else []})
    work.repro()
    work.commit("As it was", GOOD)
    ways = system("own")["ways"]
    exam, whole, usual = _read(path), path.read_bytes(), _measured(work.root)
    if not np.isfinite(usual):
        raise ConfigError(f"the metric of {source} at {rev} cannot be measured: rca investigate says why, mend that.")
    columns = [n for n in exam.select_dtypes("number") if n in known.roles(tuple(exam.columns)).features]
    for at in draw.permutation(len(columns) * len(ways)).tolist():
        step = {**ways[at % len(ways)], "file": file, "column": columns[at // len(ways)]}
        edit(work.root, {"do": [step]}, np.random.default_rng([seed, 0]))
        moved = _measured(work.root) - usual
        path.unlink()
        path.write_bytes(whole)
        if abs(moved) > known.material * abs(usual):
            return work, Drill("own", "own", "middle", [{"do": [step], "subject": f"data.{role}.{step['column']}"}])
    return work, Drill("own", "own", "easy")


def strike(work: Workspace, drill: Drill, *, seed: int = 0) -> str:
    """Damage a good version, commit it as ``bad``, and return the hash of the sealed truth.

    The truth of a contribution is its Shapley value over the versions that have some of the causes alone; where causes
    interact, what one is worth alone and on top of the others are as true, and are its ends.
    """
    onset: list[str | None] = []
    known: dict[frozenset[int], float] = {}

    def worth(chosen: frozenset[int]) -> Estimate:
        if onset:
            work.git("reset", "--quiet", "--hard")
            work.dvc("checkout", "--quiet", "--force")
        done = [*drill.decoys, *(drill.causes[i] for i in sorted(chosen))]
        onset[:] = [edit(work.root, each, np.random.default_rng([seed, i])) for i, each in enumerate(done)]
        if done:
            work.repro()
        known[chosen] = _measured(work.root)
        return Estimate(known[chosen])

    every = frozenset(range(len(drill.causes)))
    value = shapley(worth, sorted(every))  # all causes come last, and stay
    work.commit(drill.message, BAD)
    truth = []
    for i, each in enumerate(drill.causes):
        ends = known[frozenset([i])] - known[frozenset()], known[every] - known[every - {i}]
        measured = {"contribution": value[i].value, "ends": sorted(ends), "onset": onset[len(drill.decoys) + i]}
        kinds = each.get("kinds") or [each["do"][0]["fault"]]
        path = f"{subject.rstrip('.')}." if (subject := each.get("subject", "")) else ""
        truth.append({"kinds": kinds, "subject": subject, "path": path, "stage": each.get("stage"), **measured})
    commit = Repository(work.root).resolve(BAD)
    told = {"drill": drill.name, "commit": commit, "causes": truth, "salt": np.random.default_rng(seed).bytes(8).hex()}
    sealed = base64.b64encode(zlib.compress(json.dumps(told).encode()))
    (work.root / SEAL).write_bytes(sealed)
    return hashlib.sha256(sealed).hexdigest()


def _new(root: Path) -> Path:
    if root.exists() and any(root.iterdir()):
        raise ConfigError(f"{root} is not empty: name a new folder.")
    root.mkdir(parents=True, exist_ok=True)
    return root.resolve()


def edit(root: Path, each: Mapping[str, Any], draw: np.random.Generator) -> str | None:
    """Do what a cause or a decoy does, and return since when, where that is a part of it."""
    since = None
    for step in each["do"]:
        if "run" in step:
            Workspace(root).run(*shlex.split(step["run"]))
            continue
        knobs = {name: value for name, value in step.items() if name not in ("fault", "file", "column")}
        thing = _read(path := root / step["file"])
        damaged, truth = fault.get(step["fault"]).function(thing, step.get("column"), draw, **knobs)
        since = truth.get("since") or since
        _write(path, damaged)
    return since


def _read(path: Path) -> Any:
    if path.suffix in (".csv", ".parquet"):
        return pd.read_csv(path) if path.suffix == ".csv" else pd.read_parquet(path)
    text = path.read_text("utf-8")
    return yaml.safe_load(text) if path.name == "params.yaml" else text


def _write(path: Path, content: Any) -> None:
    path.unlink()  # it may be a link into the cache
    if isinstance(content, pd.DataFrame):
        content.to_csv(path, index=False) if path.suffix == ".csv" else content.to_parquet(path, index=False)
    else:
        path.write_text(yaml.safe_dump(content, sort_keys=False) if isinstance(content, dict) else content, "utf-8")


def _measured(root: Path) -> float:
    """Return the metric of the model on its exam, as both stand in the workspace; NaN where the pipeline gives none."""
    known = config.load(root / config.FILE)
    exam = _read(root / (known.data.production or known.data.evaluate))
    roles = known.roles(tuple(exam.columns))
    metric = metrics.get(known.metric, roles.sensitive)
    try:
        model = models.load(str(root / known.model), known.model, features=roles.features)
        return metric.estimate(metrics.answers(metric, model, exam, known.target, known.positive, "exam")).value
    except RcaError:
        return float("nan")


def score(root: str | Path, answer: Investigation | Iterable[tuple[str, str]], *, seal: str | None = None) -> Score:
    """Open the sealed truth and score an investigation, or what a person names: kinds and subjects, the first first."""
    try:
        sealed = (Path(root) / SEAL).read_bytes()
    except OSError:
        raise ConfigError(f"{root} is no workspace of a drill: make one with rca drill run.") from None
    if seal is not None and hashlib.sha256(sealed).hexdigest() != seal:
        raise VerificationError(f"the truth in {root} does not have the hash {seal}: it has changed since then.")
    try:
        truth = json.loads(zlib.decompressobj().decompress(base64.b64decode(sealed), _LONGEST))
        told = tuple(f"{t['kinds'][0]} {t['subject']} {t['contribution']:+.4g}" for t in truth["causes"])
    except Exception as problem:  # noqa: BLE001  what somebody put there may be anything
        raise VerificationError(f"the truth in {root} is damaged ({type(problem).__name__}): build it again.") from None
    if isinstance(answer, Investigation):
        if answer.gap is None or answer.current.commit != truth["commit"]:
            raise ConfigError(f"the answer is no investigation of {root}: give one of its versions {GOOD} and {BAD}.")
        named, findings, verdict = answer.causes, answer.findings, answer.verdict
    else:
        nan = float("nan")  # a person gives no numbers
        named = tuple(Cause("integrity", *each, nan, nan, nan, "confirmed", "", i) for i, each in enumerate(answer, 1))
        findings, verdict = (), "cause_found" if named else "no_incident"
    true = truth["causes"]
    at = [(c.kind, f"{c.subject}.") for c in named]  # a subject is a true one, or a part of it
    hits = [next((t for t in true if kind in t["kinds"] and path.startswith(t["path"])), None) for kind, path in at]
    first: Any = next(iter(hits), None)
    # what explains a true one further, or is explained by one, is no other cause
    around = {c.within for c, hit in zip(named, hits, strict=True) if hit}
    outer = [c for c, hit in zip(named, hits, strict=True) if not hit and c.within is None and c.rank not in around]
    wrong = tuple(f"{c.kind} {c.subject}" for c in outer if c.status == "confirmed")
    right = verdict == ("cause_found" if true else "no_incident")
    found = Score(truth["drill"], right, false_causes=wrong, truth=told)
    if true:
        found = replace(found, first=bool(first), three=all(each in hits[:3] for each in true))
    if not first:
        return found
    size, best, within = first["contribution"], named[0], None
    if np.isfinite(size) and np.isfinite(best.contribution):
        meets = best.low <= first["ends"][1] and best.high >= first["ends"][0]
        within = bool(meets or abs(best.contribution - size) <= abs(size) / 2)
    since = [f.evidence["onset"] for f in findings if f.id in best.findings and f.evidence.get("onset")]
    days = None
    if first["onset"] and since:
        days = (pd.Timestamp(since[0]).tz_localize(None) - pd.Timestamp(first["onset"])) / pd.Timedelta(days=1)
    stage = best.stage == first["stage"] if first["stage"] and isinstance(answer, Investigation) else None
    return replace(found, stage=stage, contribution=size, within=within, onset_days=days)


def show(keep: Path | None, *, damage: bool = True, seed: int = 0, say: Say = silent) -> tuple[Investigation, Path]:
    """Make the showcase, to `keep` or not, investigate without being told, write ``reports``; return their page."""
    from rca import api, plots

    showcase = drills()[SHOWCASE]
    with tempfile.TemporaryDirectory(prefix="rca-demo-") as folder:
        say("training the good version")
        work = start(keep or Path(folder) / "workspace", showcase.system)
        say("planting the incident")
        strike(work, showcase if damage else replace(showcase, causes=()))
        found = api.investigate(GOOD, BAD, config=work.root / config.FILE, seed=seed, say=say)
        home = (keep or Path.cwd()) / "reports"
        say("writing the report")
        dump(found, home / "investigation.json")
        (home / "waterfall.png").write_bytes(plots.png(plots.waterfall(found)))
        return found, Path(write(found, home / "report.html"))
