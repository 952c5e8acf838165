"""Counterfactual replay: the reference's pipeline is run with each set of changes taken from the current version."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import combinations
import numpy as np
from joblib import Parallel, delayed
from scipy.stats import t as student
from rca.errors import ModelError, NotApplicable, ReplayError
from rca.evolution._changes import Change, between, producer, repinned, root_changes, sides, upstream
from rca.evolution._runs import Judge, Options, load_model, proof, prove, pull, set_param, set_seed
from rca.sandbox import interpreter, sandbox
from rca.stats import Estimate, quantile, shapley, total
from rca.types import Case, Model

__all__ = ["Options", "Replay", "Share", "plan", "players", "replay"]

Coalition = frozenset[str]
Effects = dict[str, Estimate]
#: A full factorial up to this many players; of more, those that move little alone are joined.
PLAYERS = 4


@dataclass(slots=True)
class Bench:
    """Runs coalitions once and remembers what they are worth."""

    case: Case
    players: dict[str, Change]  # by subject
    stages: tuple[str, ...]
    judge: Judge
    options: Options
    worth: dict[tuple[Coalition, int | None], Estimate | None] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    stages_run: int = 0

    @property
    def coalitions(self) -> list[Coalition]:
        """Every set of players."""
        return [frozenset(s) for size in range(len(self.players) + 1) for s in combinations(self.players, size)]

    @property
    def corners(self) -> tuple[Coalition, Coalition]:
        """Nothing and everything: the two versions themselves."""
        return frozenset(), frozenset(self.players)

    def value(self, coalition: Coalition, seed: int | None = None) -> Estimate:
        """Return what a run with some players gave."""
        worth = self.worth[coalition, seed]
        if worth is None:
            raise ReplayError(f"the run with {', '.join(sorted(coalition))} failed with seed {seed}")
        return worth

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
            with sandbox(reference.snapshot.repository, reference.commit) as box:
                changes = [change for name, change in self.players.items() if name in coalition]
                box.checkout(current.commit, [path for c in changes for path in c.paths])
                if self.options.env:
                    box.python = interpreter((box.root / str(self.case.lock_path)).read_bytes())
                for file, key in (key for c in changes for key in c.keys):
                    set_param(box.root, file, key, current.params)
                if seed is not None:
                    set_seed(box, self.case, seed)
                how = self.stages[-1:]
                known = all(p.declared for p in self.players.values())
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
    contribution: Estimate  # with the recorded seed
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
    if target is None or producer(reference, case.model_path) is None:
        raise NotApplicable(f"no stage of dvc.lock makes {case.model_path}, so nothing can be run again")
    changes = (*root_changes(case), *(packages(case) if env else ()))
    if lost := [c.subject for c in changes if not c.paths and not c.keys]:
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
    names = ", ".join(p.subject for p in found) or "nothing"
    most = f"at most {runs} runs of the stages {', '.join(stages)}, and fewer where the run cache knows them"
    again = f"all that again for up to {options.repeats} seeds if noise decides"
    proved = [side.rev for side in sides(case) if not options.env and proof(case, side).is_file()]
    skipped = f" {' and '.join(proved)} gave the recorded model here before, and would not run." if proved else ""
    return f"A replay would put back {names} in {coalitions} combinations, with {most}; {again}.{skipped}"


def replay(case: Case, judge: Judge, recorded: Estimate, options: Options, material: float = 0.0) -> Replay:
    """Give each change its exact Shapley value of the difference between two versions' models.

    `judge` gives the worth of a model, such as its metric over both exams, and `recorded` is the difference in worth
    between the recorded models. Contributions smaller than `material` in absolute value are not worth more runs.
    """
    found, stages = players(case, env=options.env)
    if not found:
        raise NotApplicable("no declared code, parameter or data differs between the versions")
    bench = Bench(case, {change.subject: change for change in found}, stages, judge, options)
    bench.need(bench.corners)
    if any(bench.worth[corner, None] is None for corner in bench.corners):
        raise ReplayError(f"the pipeline does not run again here: {bench.failures[-1]}")
    _screen(bench, material)
    merged = _complete(bench)
    base = shapley(bench.value, list(bench.players))
    spread, repeats = _repeat(bench, base, material)
    n = len(repeats)
    # few repeats know their own spread badly: widen as Student's t does
    wider = float(student.ppf(0.95, n - 1)) / quantile(0.9) if n > 1 else 0.0
    errors = {name: wider * float(np.std([e[name].value for e in repeats], ddof=min(1, n - 1))) for name in base}
    shares = tuple(Share(p, base[name], errors[name], spread, n) for name, p in bench.players.items())
    residual = recorded - total(s.contribution for s in shares)
    reproducible = abs(residual.value) <= max(1e-6, 0.05 * abs(recorded.value))
    failures, together = tuple(bench.failures), tuple(_together(bench, material))
    return Replay(shares, residual, reproducible, bench.stages_run, len(bench.worth), merged, failures, together)


def _screen(bench: Bench, material: float) -> None:
    """Of too many players, join those that move little alone, put in first or taken out last."""
    _, everyone = bench.corners
    if len(everyone) <= PLAYERS:
        return
    alone = {name: (frozenset({name}), everyone - {name}) for name in bench.players}
    bench.need(coalition for pair in alone.values() for coalition in pair)

    def effect(name: str) -> float:
        pairs = ((bench.worth[s, None], bench.value(end)) for s, end in zip(alone[name], bench.corners, strict=True))
        # what cannot run alone is looked into
        return max(math.inf if e is None else abs(e.value - end.value) for e, end in pairs)

    kept = [name for name in sorted(bench.players, key=effect, reverse=True) if effect(name) >= material / 2]
    if len(small := everyone - set(kept[: PLAYERS + 1])) > 1:
        _join(bench, small)


def _join(bench: Bench, subjects: Coalition) -> str:
    """Make one player of several; what is known of runs that have all or none of them stays known."""
    parts = [bench.players.pop(name) for name in [*bench.players] if name in subjects]
    kinds = [p.kind for p in parts]
    kind = next((k for k in ("code_change", "training_data") if k in kinds), kinds[0])
    paths, keys = (path for p in parts for path in p.paths), (key for p in parts for key in p.keys)
    text, declared = "; ".join(p.text for p in parts), all(p.declared for p in parts)
    name = " + ".join(p.subject for p in parts)
    bench.players[name] = Change(name, kind, parts[0].stage, tuple(paths), tuple(keys), text, declared)
    for coalition, seed in list(bench.worth):
        if len(inside := coalition & subjects) in (0, len(subjects)):
            renamed = coalition - subjects | ({name} if inside else set())
            bench.worth[frozenset(renamed), seed] = bench.worth.pop((coalition, seed))
    return name


def _together(bench: Bench, material: float) -> Iterator[str]:
    """Say which pairs of players do more, or less, together than each alone, put in first."""
    for one, other in combinations(bench.players, 2):
        none, a, b, both = (bench.value(frozenset(s)) for s in ((), (one,), (other,), (one, other)))
        low, high = (extra := both - a - b + none).interval()
        if abs(extra.value) >= max(material, 1e-9) and not low <= 0 <= high:
            yield f"{one} and {other} act together: {extra.value:+.4g} beyond what each does alone"


def _complete(bench: Bench) -> tuple[str, ...]:
    """Run every coalition; merge players that never ran apart until all that is needed is known."""
    merged: list[str] = []

    def apart(pair: Coalition, runs: Sequence[Coalition]) -> int:
        return sum(len(pair & coalition) == 1 for coalition in runs)

    while True:
        bench.need(bench.coalitions)
        ran = [s for s in bench.coalitions if bench.worth[s, None] is not None]
        failed = [s for s in bench.coalitions if s not in ran]
        if not failed:
            return tuple(merged)
        # two that no valid run has apart, or else those most often apart in failed runs
        pairs = map(frozenset, combinations(bench.players, 2))
        merged.append(_join(bench, min(pairs, key=lambda p: (apart(p, ran), -apart(p, failed)))))


def _repeat(bench: Bench, base: Effects, material: float) -> tuple[float, list[Effects]]:
    """Repeat with other seeds, as far as it can change the answer; return the spread, and each seed's effects."""
    (none, everyone), largest = bench.corners, max(abs(e.value) for e in base.values())
    recorded = sides(bench.case)[0].params.get(bench.case.seed_key or "")
    seeds = [recorded + i for i in range(1, bench.options.repeats)] if type(recorded) is int else []
    # What does not fit into the budget is not begun: one seed's answer stands, with less known of its noise.
    seeds = seeds[: (bench.options.max_runs - len(bench.worth)) // len(bench.corners)]
    if not seeds or f"params.{bench.case.seed_key}" in everyone or largest < material:
        return 0.0, [base]
    for seed in seeds:
        bench.need(bench.corners, seed)
    gaps = [bench.value(everyone, seed).value - bench.value(none, seed).value for seed in (None, *seeds)]
    spread = float(np.std(gaps, ddof=1))
    if len(everyone) > 1 and largest < max(1.645 * spread, material):
        return spread, [base]
    left = bench.options.max_runs - len(bench.worth)
    seeds = seeds[: left // max(1, len(bench.coalitions) - len(bench.corners))]
    effects = [base]
    for seed in seeds:
        bench.need(bench.coalitions, seed)
        effects.append(shapley(partial(bench.value, seed=seed), list(bench.players)))
    return spread, effects
