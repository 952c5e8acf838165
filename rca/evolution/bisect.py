"""Which commit between a good and a bad version moved the metric: by reading as far as that goes, then by running."""

import functools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
import numpy as np
from ruamel.yaml import YAML, YAMLError
from rca.errors import NotApplicable, ReplayError
from rca.evolution._changes import producer, same_program, sides, tracker, undeclared, upstream
from rca.evolution._runs import Judge, Options, load_model, run, set_seed
from rca.sandbox import sandbox
from rca.stats import Floats
from rca.types import Artifact, Case, flatten

#: A culprit is named when it is this probable.
SURE = 0.95
#: The noise of one run, as a share of the step, before anything is known of it.
NOISE = 1 / 6


@dataclass(frozen=True, slots=True)
class Culprit:
    """The commit that moved the metric, and how that is known."""

    commit: str
    date: str  # the author's
    title: str
    step: tuple[float, float]  # the metric before and after it
    probability: float
    among: tuple[str, ...]  # the commits that cannot be told apart from it, itself included
    commits: int  # on the way from good to bad
    runs: int  # of the pipeline
    stages_run: int

    def told(self, metric: str) -> str:
        """Return this as a sentence."""
        others = f", or one of {len(self.among)} that cannot be told apart" if len(self.among) > 1 else ""
        moved = f"{metric} from {self.step[0]:.4g} to {self.step[1]:.4g} (probability {self.probability:.3g})"
        search = f"to find it {self.commits} commits were read and {self.runs} run."
        return f"Commit {self.commit[:7]} of {self.date[:10]} ('{self.title}'){others} moved {moved}: {search}"


@dataclass(slots=True)
class _Line:
    """The commits from good (the first) to bad, what each recorded and which inputs it has."""

    case: Case
    commits: list[dict[str, str]]
    values: list[float | None] = field(default_factory=list)  # of the recorded metric; None where it is out of date
    changed: list[bool] = field(default_factory=list)  # whether the commit changed what the pipeline reads

    def culprit(self, likely: Sequence[int], step: tuple[float, float], sure: float, *runs: int) -> Culprit:
        """Return the first of the likely commits, and what is known of it."""
        commit, among = self.commits[likely[0]], tuple(self.commits[i]["hash"] for i in sorted(likely))
        known = commit["hash"], commit["date"], commit["subject"], step, sure, among, len(self.commits) - 1
        return Culprit(*known, *(runs or (0, 0)))


def bisect(case: Case, metric: str, judge: Judge | None, options: Options) -> Culprit:
    """Find the commit with which the metric moved.

    Metrics that are kept in git are read at every commit, and the step is the change point of the series. Commits
    whose recorded metric is missing or older than their code, parameters or data are run, halving what is left by
    the probability of each to be the culprit, given what was seen (as Henderson et al., "Flake Aware Culprit
    Finding", 2023); another seed is spent where one run says too little.

    `judge` gives the worth of a model on exams that stay the same; without it, runs are judged by the metric that they
    record. Where nothing moved, or nothing between the versions can be read or run, NotApplicable says so.
    """
    old, new = sides(case)
    first = {"hash": old.commit, "date": "", "subject": ""}
    line = _Line(case, [first, *new.snapshot.repository.history(old.commit, new.commit)])
    if len(line.commits) < 2:
        raise NotApplicable(f"{old.rev} and {new.rev} are one commit")
    _read(line, metric)
    ends = line.values[0], line.values[-1]
    low, high = 0, len(line.commits) - 1
    if ends[0] is not None and ends[1] is not None and ends[0] != ends[1]:
        low, high, probability = _step(line.values)
        within = [i for i in range(low + 1, high + 1) if line.changed[i]]
        if len(within) <= 1:
            at = within[0] if within else high
            return line.culprit([at], (float(line.values[low] or 0), float(line.values[high] or 0)), probability)
    return _search(line, metric, low, high, judge, options)


def _read(line: _Line, metric: str) -> None:
    """Read the metrics, and whether what the pipeline reads has changed, at every commit with one git process."""
    versions, repository = sides(line.case), sides(line.case)[1].snapshot.repository
    files = {name for v in versions for name in v.snapshot.metric_files}
    recorded = {*files, "dvc.lock"}
    inputs = {"dvc.yaml"}
    for version in versions:
        for name in upstream(version, producer(version, line.case.model_path)):
            stage = version.stages[name]
            inputs |= {*stage.params, *(tracker(version, dep) or dep for dep in stage.deps), *undeclared(version, name)}
    below = tuple(f"{path}/" for path in inputs)
    inputs |= {path for v in versions for path in v.files if path.startswith(below)}
    names = [{p: f"{c['hash']}:{repository.prefix}{p}" for p in recorded | inputs} for c in line.commits]
    blobs = repository.blobs(name for places in names for name in places.values())
    contents = [{path: blobs.get(name) for path, name in places.items()} for places in names]
    fresh = True
    for before, after in pairwise([contents[0], *contents]):
        differ = {path for path in after if before[path] != after[path]}
        # formatting and comments are no changes of a program
        moved = [p for p in differ & inputs if not (p.endswith(".py") and same_program(before[p], after[p]))]
        fresh = before is after or bool(differ & recorded) or (fresh and not moved)
        values = [_named(after[file] or b"", metric) for file in sorted(files) if fresh]
        line.values.append(next((v for v in values if v is not None), None))
        line.changed.append(bool(moved))


@functools.cache
def _named(text: bytes, metric: str) -> float | None:
    """Return the metric of a file of metrics, by its name or the last part of it, in scikit-learn's orientation."""
    try:
        found = flatten(YAML(typ="safe").load(text))  # which reads JSON as well
    except YAMLError:
        return None
    for name, sign in ((metric, 1.0), (metric.removeprefix("neg_"), -1.0)):
        hits = [v for k, v in found.items() if name in (k, k.rsplit(".", 1)[-1]) and type(v) in (int, float)]
        if hits and math.isfinite(hits[0]):
            return sign * float(hits[0])
    return None


def _step(values: Sequence[float | None]) -> tuple[int, int, float]:
    """Return the last commit before the change point, the first after it, and how probable that place is."""
    at = [i for i, v in enumerate(values) if v is not None]
    series = np.array([values[i] for i in at], dtype=float)
    loss = np.array([sum(((s - s.mean()) ** 2).sum() for s in (series[:k], series[k:])) for k in range(1, len(at))])
    best = int(loss.argmin())
    noise = loss[best] / max(len(at) - 2, 1)
    chance = np.exp(-(loss - loss[best]) / (2 * noise)) if noise > 0 else (loss == loss[best]).astype(float)
    return at[best], at[best + 1], float(chance[best] / chance.sum())


def _search(line: _Line, metric: str, low: int, high: int, judge: Judge | None, options: Options) -> Culprit:
    """Run commits between `low`, which is good, and `high`, which is bad."""
    old, new = sides(line.case)
    places = [i for i in range(low + 1, high + 1) if line.changed[i]]
    if not places:
        raise NotApplicable("no commit between changes what the pipeline reads; suspect the exam, or the environment")
    good, bad = line.values[low], line.values[high]
    if judge is not None and old.model is not None and new.model is not None:
        good, bad = judge(old.model).value, judge(new.model).value
    if good is None or bad is None:
        raise NotApplicable(f"{old.rev} or {new.rev} has neither a model that can be asked nor a recorded {metric}")
    if math.isclose(good, bad, rel_tol=1e-9, abs_tol=1e-12):
        raise NotApplicable(f"the models of {old.rev} and {new.rev} are of the same worth ({good:.4g})")
    chance = np.full(len(places), 1 / len(places))  # of each place to be the first bad one
    seeds: dict[int, int] = {}
    runs = stages = 0
    budget = min(options.max_runs, math.ceil(math.log2(len(places))) + 2)
    while chance.max() < SURE and runs < budget:
        pick = _next(chance, seeds, repeat=line.case.seed_key is not None)
        if pick is None:
            break
        seed = seeds[pick] = seeds.get(pick, -1) + 1
        commit = line.commits[places[pick]]
        options.say(f"running commit {commit['hash'][:7]}, {int((chance > 1e-3).sum())} are left")
        runs += 1
        try:
            value, ran = _run(line, commit["hash"], seed, metric, judge, options)
        except ReplayError:
            seeds[pick] = options.max_runs  # what does not build is looked past
            continue
        stages += ran
        scale = 2 * (NOISE * (bad - good)) ** 2
        like_bad, like_good = (math.exp(-((value - level) ** 2) / scale) + 1e-9 for level in (bad, good))
        chance[: pick + 1] *= like_bad
        chance[pick + 1 :] *= like_good
        chance /= chance.sum()
    order = np.argsort(-chance)
    needed = int(np.searchsorted(np.cumsum(chance[order]), SURE)) + 1
    return line.culprit([places[i] for i in order[:needed]], (good, bad), float(chance.max()), runs, stages)


def _next(chance: Floats, seeds: Mapping[int, int], *, repeat: bool) -> int | None:
    """Return the place whose run halves the probability best; one that was run serves again with another seed."""
    before = np.cumsum(chance)[:-1]  # that the first bad one is not after each place
    # the last place is bad, as is known
    options = [i for i in range(len(before)) if (i not in seeds or (repeat and seeds[i] < 4)) and before[i] > 0.0]
    useful = [i for i in options if 1 - SURE < before[i] < SURE] or options
    return min(useful, key=lambda i: abs(before[i] - 0.5), default=None)


def _run(line: _Line, commit: str, seed: int, metric: str, judge: Judge | None, options: Options) -> tuple[float, int]:
    """Run the pipeline at a commit and return what it is worth, and how many stages ran."""
    case, versions = line.case, sides(line.case)
    with sandbox(versions[1].snapshot.repository, commit) as box:
        recorded = versions[0].params.get(case.seed_key or "")
        if seed and type(recorded) is int:
            set_seed(box, case, recorded + seed)
        ran = run(box, case, options)
        if judge is not None:
            return judge(load_model(box, case)).value, ran
        for name in versions[1].snapshot.metric_files:
            file = box.root / name
            if file.is_file() and (value := _named(file.read_bytes(), metric)) is not None:
                return value, ran
    raise ReplayError(f"the run of {commit[:12]} recorded no {metric}")


def remade(case: Case, options: Options) -> Case:
    """Return the case with the models that the two commits give when they are run, whatever they recorded."""
    made = []
    for side in sides(case):
        with sandbox(side.snapshot.repository, side.commit) as box:
            run(box, case, options)
            found = Artifact(str(case.model_path), f"made by {side.commit}", None)
            made.append(replace(side, model=load_model(box, case), artifacts={**side.artifacts, "model": found}))
    return replace(case, reference=made[0], current=made[1])
