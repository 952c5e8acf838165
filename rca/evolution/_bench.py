"""The work bench of a replay: runs sets of changes in throw-away copies and remembers their worth."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rca import models
from rca.errors import ModelError, ReplayError
from rca.evolution._changes import PARAMS, Change, sides
from rca.sandbox import Sandbox, sandbox
from rca.stats import Estimate
from rca.types import Case, Model

if TYPE_CHECKING:
    from pathlib import Path

    from rca.gitrepo import Repository

Coalition = frozenset[str]
Judge = Callable[[Model], Estimate]


@dataclass(frozen=True, slots=True)
class Options:
    """How a replay is run."""

    repeats: int = 5
    """Paired seeds where the noise decides."""
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
    repository: Repository
    worth: dict[tuple[Coalition, int | None], Estimate | None] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    stages_run: int = 0

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
            with sandbox(self.repository, reference.commit) as box:
                changes = [c for p in self.players if p.subject in coalition for c in p.changes]
                box.checkout(current.commit, [path for c in changes for path in c.paths])
                _set_params(box, {key: current.params for c in changes for key in c.keys})
                if seed is not None and self.case.seed_key:
                    _set_params(box, {_split(self.case.seed_key): {self.case.seed_key: seed}})
                return self._reproduce(box, corner=seed is None and len(coalition) in (0, len(self.players)))
        except (ReplayError, ModelError) as problem:
            return None, 0, str(problem)

    def _reproduce(self, box: Sandbox, corner: bool) -> tuple[Model | None, int, str | None]:
        """Run up to the model.

        A pure corner is run for real, since its lock is what is in doubt; and so is everything where a change is
        not declared, since the run cache would hand out what another code made.
        """
        how = self.stages[-1:]
        if corner or not all(c.declared for p in self.players for c in p.changes):
            how = ("--force", "--no-run-cache", "--single-item", *self.stages)
            inputs = self._inputs(box)
            if inputs:
                box.dvc("pull", "--quiet", "--allow-missing", *inputs, timeout=self.options.timeout)
        printed = box.dvc("repro", "--pull", "--allow-missing", *how, timeout=self.options.timeout)
        file = box.root / str(self.case.model_path)
        if not file.is_file():
            raise ReplayError(f"the run made no {self.case.model_path}")
        return models.load(str(file), str(self.case.model_path)), printed.count("Running stage"), None

    def _inputs(self, box: Sandbox) -> list[str]:
        """Return what the stages read and neither git nor one of them provides."""
        versions = sides(self.case)
        made = {out for v in versions for name in self.stages if name in v.stages for out in v.stages[name].outs}
        read = {dep for v in versions for name in self.stages if name in v.stages for dep in v.stages[name].deps}
        return sorted(path for path in read - made if not (box.root / path).exists())


def _split(key: str) -> tuple[str, str]:
    """Return file and dotted key of a parameter's name."""
    file, colon, inner = key.partition(":")
    return (file, inner) if colon else (PARAMS, key)


def _set_params(box: Sandbox, wanted: Mapping[tuple[str, str], Mapping[str, Any]]) -> None:
    """Set parameters by key; a key that the other version lacks is removed."""
    for (file, key), values in wanted.items():
        path = box.root / file
        name = key if file == PARAMS else f"{file}:{key}"
        nested = {k[len(name) + 1 :]: v for k, v in values.items() if k.startswith(f"{name}.")}
        _edit(path, key.split("."), values.get(name), nested, name in values or bool(nested))


def _edit(path: Path, key: Sequence[str], value: Any, nested: Mapping[str, Any], present: bool) -> None:
    from ruamel.yaml import YAML

    yaml = YAML()
    is_json = path.suffix == ".json"
    if path.suffix not in {".json", ".yaml", ".yml"}:
        raise ReplayError(f"{path.name} cannot be set key by key: keep parameters in YAML or JSON.")
    text = path.read_text(encoding="utf-8") if path.exists() else "{}"
    content = (json.loads(text) if is_json else yaml.load(text)) or {}
    inner = content
    for part in key[:-1]:
        inner = inner.setdefault(part, {})
    if present:
        inner[key[-1]] = _nest(nested) if nested else value
    else:
        inner.pop(key[-1], None)
    with path.open("w", encoding="utf-8") as stream:
        if is_json:
            json.dump(content, stream, indent=2)
        else:
            yaml.dump(content, stream)


def _nest(flat: Mapping[str, Any]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, value in flat.items():
        *parents, leaf = key.split(".")
        inner = result
        for part in parents:
            inner = inner.setdefault(part, {})
        inner[leaf] = value
    return result
