"""Counterfactual replay: the reference's pipeline is run with each set of changes taken from the current version."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import combinations
from pathlib import Path
import numpy as np
from joblib import Parallel, delayed
from scipy.stats import t as student
from rca.errors import ModelError, NotApplicable, ReplayError
from rca.evolution._changes import Change, between, producer, repinned, root_changes, sides, upstream
from rca.evolution._runs import Judge, Options, load_model, proof, prove, pull, set_param, set_seed
from rca.gitrepo import Repository
from rca.sandbox import interpreter, sandbox
from rca.stats import Estimate, quantile, shapley, total
from rca.types import Case, Model

__all__ = ["Options", "Replay", "Share", "plan", "players", "replay"]

Coalition = frozenset[str]
#: A full factorial up to this many players; of more, those that move little alone are joined.
PLAYERS = 4


@dataclass(slots=True)
class Bench:
    """Runs coalitions once and remembers what they are worth."""

    case: Case
    players: tuple[Change, ...]
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
        todo = [s for s in dict.fromkeys(coalitions) if (s, seed) not in self.worth]
        runs, most = len(self.worth) + len(todo), self.options.max_runs
        if runs > most:
            raise ReplayError(f"the replay needs {runs} runs and --max-runs is {most}: raise it, or repeat less.")
        done = Parallel(n_jobs=self.options.jobs, prefer="threads")(delayed(self._run)(s, seed) for s in todo)
        for coalition, (model, ran, failure) in zip(todo, done, strict=True):
            self.stages_run += ran
            if failure is not None:
                self.failures.append(f"{{{', '.join(sorted(coalition))}}}: {failure}")
            self.worth[coalition, seed] = None if model is None else self.judge(model)

    def _run(self, coalition: Coalition, seed: int | None) -> tuple[Model | None, int, str | None]:
        reference, current = sides(self.case)
        corner = dict(zip(self.corners, (reference, current), strict=True)).get(coalition) if seed is None else None
        if corner and corner.model and not self.options.env and proof(self.case, corner).is_file():
            return corner.model, 0, None
        self.options.say(f"running with {', '.join(sorted(coalition)) or 'nothing'} from {current.rev}")
        try:
            with sandbox(Repository(Path(str(self.case.root))), reference.commit) as box:
                changes = [p for p in self.players if p.subject in coalition]
                box.checkout(current.commit, [path for c in changes for path in c.paths])
                if self.options.env:
                    box.python = interpreter((box.root / str(self.case.lock_path)).read_bytes())
                for file, key in (key for c in changes for key in c.keys):
                    set_param(box.root, file, key, current.params)
                if seed is not None:
                    set_seed(box, self.case, seed)
                how = self.stages[-1:]
                known = all(p.declared for p in self.players)
                if corner or not known:
                    # what DVC does not see must not enter its run cache under the name of something else
                    apart = () if known else ("--no-commit",)
                    how = ("--force", "--no-run-cache", *apart, "--single-item", *self.stages)
                    pull(box, (reference, current), self.stages, self.options)
                printed = box.dvc("repro", "--pull", "--allow-missing", *how, timeout=self.options.timeout)
                model = load_model(box, self.case)
                if corner and not self.options.env:
                    prove(box, self.case, corner)
                return model, printed.count("Running stage"), None
        except (ReplayError, ModelError) as problem:
            return None, 0, str(problem)


@dataclass(frozen=True, slots=True)
class Share:
    """What one player contributes to the difference between the models."""

    player: Change
    contribution: Estimate
    seed_se: float  # standard error from repeating with other seeds; 0 where one run was enough to judge
    noise: float  # the spread over seeds below which a single run says nothing
    repeats: int


@dataclass(frozen=True, slots=True)
class Replay:
    """What was run and what it says."""

    shares: tuple[Share, ...]
    residual: Estimate  # the recorded difference between the models minus the one that was reproduced
    reproducible: bool
    stages_run: int
    coalitions: int
    merged: tuple[str, ...] = ()
    failures: tuple[str, ...] = ()
    together: tuple[str, ...] = ()  # pairs of changes whose effects do not add


def packages(case: Case) -> Iterator[Change]:
    """Return the environment as one change, which DVC knows nothing of."""
    reference, current = sides(case)
    if case.lock_path is None or not (reference.environment and current.environment):
        raise NotApplicable("--env needs the file that pins the packages of both versions: name it in rca.yaml")
    if not case.lock_path.endswith((".txt", ".lock", ".in")) or case.lock_path.endswith(("uv.lock", "poetry.lock")):
        raise NotApplicable(f"an environment is built from a requirements file, and {case.lock_path} is none")
    if moved := repinned(reference, current):
        first, text = upstream(current, producer(current, case.model_path))[0], ", ".join(moved.values())
        subject = f"env.{next(iter(moved))}" if len(moved) == 1 else "env"
        yield Change(subject, "environment_change", first, (case.lock_path,), text=text, declared=False)


def players(case: Case, *, env: bool = False) -> tuple[tuple[Change, ...], tuple[str, ...]]:
    """Return the players of a replay and the stages that they reach, in order."""
    reference, current = sides(case)
    target = producer(current, case.model_path)
    if case.root is None or target is None or producer(reference, case.model_path) is None:
        raise NotApplicable(f"no stage of dvc.lock makes {case.model_path}, so nothing can be run again")
    changes = (*root_changes(case), *(packages(case) if env else ()))
    lost = [c.subject for c in changes if not c.paths and not c.keys]
    if lost:
        raise NotApplicable(f"{', '.join(lost)} is in neither git nor DVC, so it cannot be put back")
    return changes, between(current, [c.stage for c in changes], target)


def plan(case: Case, options: Options) -> str:
    """Say what a replay would run."""
    found, stages = players(case, env=options.env)
    k, many = len(found), len(found) > PLAYERS
    coalitions = 2 * k + 2 + 2 ** (PLAYERS + 2) if many else 2**k
    # a stage runs once for each set of the changes that reach it, where DVC knows of all of them
    reach = [sum(p.stage in upstream(sides(case)[1], s) for p in found) for s in stages]
    known = all(p.declared for p in found)
    runs = 2 * len(stages) + sum(2 ** min(n, PLAYERS + 2) for n in reach) if known else coalitions * len(stages)
    return (
        f"A replay would put back {', '.join(p.subject for p in found) or 'nothing'} in {coalitions} combinations, "
        f"with at most {runs} runs of the stages {', '.join(stages)}, and fewer where the run cache knows them; all "
        f"that again for up to {options.repeats} seeds if noise decides."
    )


def replay(case: Case, judge: Judge, recorded: Estimate, options: Options, material: float = 0.0) -> Replay:
    """Give each change its exact Shapley value of the difference between two versions' models.

    `judge` gives the worth of a model, such as its metric over both exams, and `recorded` is the difference in worth
    between the recorded models. Contributions smaller than `material` in absolute value are not worth more runs.
    """
    found, stages = players(case, env=options.env)
    if not found:
        raise NotApplicable("no declared code, parameter or data differs between the versions")
    bench = Bench(case, found, stages, judge, options)
    bench.need(bench.corners)
    if any(bench.worth[corner, None] is None for corner in bench.corners):
        raise ReplayError(f"the pipeline does not run again here: {bench.failures[-1]}")
    _screen(bench, material)
    merged = _complete(bench)
    base = shapley(bench.value, bench.subjects)
    spread, effects = _repeat(bench, base, material)
    shares = tuple(_share(p, base[p.subject], spread, effects.get(p.subject, [])) for p in bench.players)
    return Replay(
        shares=shares,
        residual=recorded - total(s.contribution for s in shares),
        reproducible=abs((recorded - bench.difference()).value) <= max(1e-6, 0.05 * abs(recorded.value)),
        stages_run=bench.stages_run,
        coalitions=len(bench.worth),
        merged=merged,
        failures=tuple(bench.failures),
        together=_together(bench, material),
    )


def _screen(bench: Bench, material: float) -> None:
    """Of too many players, join those that move little alone, put in first or taken out last."""
    none, everyone = bench.corners
    if len(everyone) <= PLAYERS:
        return
    alone = {name: (frozenset({name}), everyone - {name}) for name in bench.subjects}
    bench.need(coalition for pair in alone.values() for coalition in pair)

    def effect(name: str) -> float:
        moved = [bench.worth[s, None] for s in alone[name]]
        ends = bench.value(none).value, bench.value(everyone).value
        # what cannot run alone is looked into
        return max(math.inf if e is None else abs(e.value - end) for e, end in zip(moved, ends, strict=True))

    ranked = sorted(bench.subjects, key=effect, reverse=True)
    kept = [name for name in ranked if effect(name) >= material / 2]
    if len(small := set(ranked) - set(kept[: PLAYERS + 1])) > 1:
        _join(bench, small)


def _join(bench: Bench, subjects: set[str]) -> str:
    """Make one player of several; what is known of runs that have all or none of them stays known."""
    parts = [p for p in bench.players if p.subject in subjects]
    kinds = [p.kind for p in parts]
    kind = next((k for k in ("code_change", "training_data") if k in kinds), kinds[0])
    paths, keys = (path for p in parts for path in p.paths), (key for p in parts for key in p.keys)
    text, declared = "; ".join(p.text for p in parts), all(p.declared for p in parts)
    name = " + ".join(p.subject for p in parts)
    joined = Change(name, kind, parts[0].stage, tuple(paths), tuple(keys), text, declared)
    bench.players = (*(p for p in bench.players if p.subject not in subjects), joined)
    for coalition, seed in list(bench.worth):
        if len(inside := coalition & subjects) in (0, len(subjects)):
            renamed = coalition - subjects | ({joined.subject} if inside else set())
            bench.worth[frozenset(renamed), seed] = bench.worth.pop((coalition, seed))
    return joined.subject


def _together(bench: Bench, material: float) -> tuple[str, ...]:
    """Say which pairs of players do more, or less, together than each alone, put in first."""
    found = []
    for one, other in combinations(bench.subjects, 2):
        none, a, b, both = (bench.value(frozenset(s)) for s in ((), (one,), (other,), (one, other)))
        low, high = (extra := both - a - b + none).interval()
        if abs(extra.value) >= max(material, 1e-9) and not low <= 0 <= high:
            found.append(f"{one} and {other} act together: {extra.value:+.4g} beyond what each does alone")
    return tuple(found)


def _complete(bench: Bench) -> tuple[str, ...]:
    """Run every coalition; merge players that never ran apart until all that is needed is known."""
    merged: list[str] = []

    def apart(pair: tuple[str, str], *, ran: bool) -> int:
        runs = [s for s in bench.coalitions if (bench.worth[s, None] is not None) == ran]
        return sum((pair[0] in s) != (pair[1] in s) for s in runs)

    while True:
        bench.need(bench.coalitions)
        if all(bench.worth[s, None] is not None for s in bench.coalitions):
            return tuple(merged)
        # two that no valid run has apart, or else those most often apart in failed runs
        pairs = list(combinations(bench.subjects, 2))
        one, other = min(pairs, key=lambda p: (apart(p, ran=True), -apart(p, ran=False)))
        merged.append(_join(bench, {one, other}))


def _repeat(bench: Bench, base: Mapping[str, Estimate], material: float) -> tuple[float, dict[str, list[Estimate]]]:
    """Repeat with other seeds, as far as it can change the answer."""
    subjects, largest = bench.subjects, max(abs(e.value) for e in base.values())
    recorded = sides(bench.case)[0].params.get(bench.case.seed_key or "")
    seeds = [recorded + i for i in range(1, bench.options.repeats)] if type(recorded) is int else []
    # What does not fit into the budget is not begun: one seed's answer stands, with less known of its noise.
    seeds = seeds[: (bench.options.max_runs - len(bench.worth)) // len(bench.corners)]
    if not seeds or f"params.{bench.case.seed_key}" in subjects or largest < material:
        return 0.0, {}
    for seed in seeds:
        bench.need(bench.corners, seed)
    spread = float(np.std([bench.difference(seed).value for seed in (None, *seeds)], ddof=1))
    if len(subjects) > 1 and largest < max(1.645 * spread, material):
        return spread, {}
    left = bench.options.max_runs - len(bench.worth)
    seeds = seeds[: left // max(1, len(bench.coalitions) - len(bench.corners))]
    effects: dict[str, list[Estimate]] = {name: [base[name]] for name in subjects}
    for seed in seeds:
        bench.need(bench.coalitions, seed)
        for name, effect in shapley(partial(bench.value, seed=seed), subjects).items():
            effects[name].append(effect)
    return spread, effects


def _share(player: Change, base: Estimate, spread: float, effects: Sequence[Estimate]) -> Share:
    """Return a change's contribution with the recorded seed; the other seeds tell how far to trust it."""
    if len(effects) < 2:
        return Share(player, base, 0.0, spread, 1)
    # Few repeats know their own spread badly: widen as Student's t does.
    wider = float(student.ppf(0.95, len(effects) - 1)) / quantile(0.9)
    return Share(player, base, wider * float(np.std([e.value for e in effects], ddof=1)), spread, len(effects))
