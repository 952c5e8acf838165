"""The work bench of a replay: runs sets of changes in throw-away copies and remembers their worth."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import Any

from rca import models
from rca.errors import ModelError, ReplayError
from rca.evolution._changes import PARAMS, Change, sides
from rca.gitrepo import Repository
from rca.sandbox import Sandbox, sandbox
from rca.stats import Estimate
from rca.types import Case, Model, Version

Coalition = frozenset[str]
Judge = Callable[[Model], Estimate]


@dataclass(frozen=True, slots=True)
class Options:
    """How a replay is run."""

    repeats: int = 5  # paired seeds where the noise decides
    max_runs: int = 96
    jobs: int = 2
    timeout: float = 3600.0
    say: Callable[[str], None] = lambda _: None


@dataclass(frozen=True, slots=True)
class Player:
    """One or several changes that are put back together."""

    changes: tuple[Change, ...]

    @property
    def subject(self) -> str:
        """The subject of the change, or those of a merged player."""
        return " + ".join(c.subject for c in self.changes)

    @property
    def kind(self) -> str:
        """The kind of the change; merged players go by their code."""
        kinds = [c.kind for c in self.changes]
        return next((k for k in ("code_change", "training_data") if k in kinds), kinds[0])


@dataclass(slots=True)
class Bench:
    """Runs coalitions once and remembers what they are worth."""

    case: Case
    players: tuple[Player, ...]
    stages: tuple[str, ...]
    judge: Judge
    options: Options
    worth: dict[tuple[Coalition, int | None], Estimate | None] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    stages_run: int = 0

    @property
    def subjects(self) -> list[str]:
        """The names of the players."""
        return [p.subject for p in self.players]

    @property
    def coalitions(self) -> list[Coalition]:
        """Every set of players."""
        return [frozenset(s) for size in range(len(self.players) + 1) for s in combinations(self.subjects, size)]

    @property
    def corners(self) -> tuple[Coalition, Coalition]:
        """Nothing and everything: the two versions themselves."""
        return frozenset(), frozenset(self.subjects)

    def value(self, coalition: Coalition, seed: int | None = None) -> Estimate:
        """Return what a run with some players gave."""
        worth = self.worth[coalition, seed]
        if worth is None:
            raise ReplayError(f"the run with {', '.join(sorted(coalition))} failed with seed {seed}")
        return worth

    def difference(self, seed: int | None = None) -> Estimate:
        """Return the worth of all players together."""
        none, everyone = self.corners
        return self.value(everyone, seed) - self.value(none, seed)

    def need(self, coalitions: Iterable[Coalition], seed: int | None = None) -> None:
        """Run what is not known yet, side by side."""
        from joblib import Parallel, delayed

        todo = [s for s in dict.fromkeys(coalitions) if (s, seed) not in self.worth]
        if len(self.worth) + len(todo) > self.options.max_runs:
            raise ReplayError(
                f"the replay needs {len(self.worth) + len(todo)} runs and --max-runs is {self.options.max_runs}: "
                "raise it, or name fewer repeats."
            )
        done = Parallel(n_jobs=self.options.jobs, prefer="threads")(delayed(self._run)(s, seed) for s in todo)
        for coalition, (model, ran, failure) in zip(todo, done, strict=True):
            self.stages_run += ran
            if failure is not None:
                self.failures.append(f"{{{', '.join(sorted(coalition))}}}: {failure}")
            self.worth[coalition, seed] = None if model is None else self.judge(model)

    def _run(self, coalition: Coalition, seed: int | None) -> tuple[Model | None, int, str | None]:
        reference, current = sides(self.case)
        self.options.say(f"running with {', '.join(sorted(coalition)) or 'nothing'} from {current.rev}")
        try:
            with sandbox(Repository(Path(str(self.case.root))), reference.commit) as box:
                changes = [c for p in self.players if p.subject in coalition for c in p.changes]
                box.checkout(current.commit, [path for c in changes for path in c.paths])
                for file, key in (key for c in changes for key in c.keys):
                    _set_param(box.root, file, key, current.params)
                if seed is not None and self.case.seed_key:
                    file, colon, key = self.case.seed_key.partition(":")
                    where = (file, key) if colon else (PARAMS, file)
                    _set_param(box.root, *where, {self.case.seed_key: seed})
                return self._reproduce(box, corner=seed is None and len(coalition) in (0, len(self.players)))
        except (ReplayError, ModelError) as problem:
            return None, 0, str(problem)

    def _reproduce(self, box: Sandbox, corner: bool) -> tuple[Model | None, int, str | None]:
        """Run up to the model."""
        how = self.stages[-1:]
        if corner or not all(c.declared for p in self.players for c in p.changes):
            how = ("--force", "--no-run-cache", "--single-item", *self.stages)
            pull(box, sides(self.case), self.stages, self.options)
        printed = box.dvc("repro", "--pull", "--allow-missing", *how, timeout=self.options.timeout)
        return load_model(box, self.case), printed.count("Running stage"), None


def pull(box: Sandbox, versions: Iterable[Version], stages: Iterable[str], options: Options, but: str = "") -> None:
    """Fetch what the stages read, and neither git nor one of them provides."""
    known = [v.stages[name] for v in versions for name in stages if name in v.stages]
    made = {but, *(out for stage in known for out in stage.outs)}
    read = {dep for stage in known for dep in stage.deps}
    inputs = sorted(path for path in read - made if not (box.root / path).exists())
    if inputs:
        box.dvc("pull", "--quiet", "--allow-missing", *inputs, timeout=options.timeout)


def load_model(box: Sandbox, case: Case) -> Model:
    """Read the model that a run made."""
    file = box.root / str(case.model_path)
    if not file.is_file():
        raise ReplayError(f"the run made no {case.model_path}")
    return models.load(str(file), str(case.model_path))


def _set_param(root: Path, file: str, key: str, values: Mapping[str, Any]) -> None:
    """Set a parameter, or all below its key, as `values` has it; a key that they lack is removed."""
    from dvc.utils.serialize import MODIFIERS

    path = root / file
    if path.suffix not in {".json", ".yaml", ".yml"}:
        raise ReplayError(f"{path.name} cannot be set key by key: keep parameters in YAML or JSON.")
    name = key if file == PARAMS else f"{file}:{key}"
    nested = {k[len(name) - len(key) :]: v for k, v in values.items() if k.startswith(f"{name}.")}
    with MODIFIERS[path.suffix](path) as content:
        inner, leaf = _inner(content, key)
        if nested:
            inner[leaf] = {}
            for below, value in nested.items():
                inner, leaf = _inner(content, below)
                inner[leaf] = value
        elif name in values:
            inner[leaf] = values[name]
        else:
            inner.pop(leaf, None)


def _inner(content: dict[str, Any], key: str) -> tuple[dict[str, Any], str]:
    """Return the mapping that holds a dotted key, made where it is missing, and the key's last part."""
    *parents, leaf = key.split(".")
    for part in parents:
        content = content.setdefault(part, {})
    return content, leaf
