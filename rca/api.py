"""The questions, as functions: why did the metric move; and the parts of that which are asked for by themselves."""

import contextlib
import platform
import shlex
from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any
from rca import case as cases
from rca import drift, lineage, metrics, profiles, registry
from rca.causes import SHARE, judge
from rca.config import FILE, MATERIAL, Config
from rca.contract import CODE, TITLE, hold, read, write
from rca.contract import suggest as learn
from rca.errors import InconclusiveError, ModelError, NotApplicable, ReplayError, VersionError
from rca.evolution import bisect as search
from rca.evolution._changes import root_changes, sides
from rca.evolution.replay import Options, plan
from rca.findings import significant
from rca.inputs import slices, timeline
from rca.inputs.attribute import attribute
from rca.parts import broken, model_part, moved, shifted
from rca.registry import Entry, Registry, Say, silent
from rca.stats import Estimate, gap_of, total
from rca.tree import Branch, Grid, Setting, Term, is_material, measure
from rca.types import Case, Finding, Gap, Investigation, Remainder, Seen, Side, Verdict
from rca.words import sentence

#: What an investigation looks at, if not said otherwise.
KINDS = (registry.check, registry.diff)


def investigate(  # noqa: PLR0913  each is one option of the verb
    reference: str = "HEAD~1",
    current: str = "HEAD",
    *,
    config: str | Path = FILE,
    since: str | None = None,
    seed: int = 0,
    replay: bool = True,
    options: Options | None = None,
    trust: bool = False,
    kinds: Sequence[Registry] = KINDS,
    say: Say = silent,
) -> Investigation:
    """Find out why the metric of two versions differs.

    Parameters
    ----------
    reference, current : str
        Git revisions of the project whose `config` is given.
    since : str, optional
        Judge the current version's production rows from this time on against those before it.
    replay, options : bool, Options
        Whether the pipeline may be run again, in throw-away copies, and how: repeats, runs at most, side by side.
    trust : bool
        Whether pickled models may be loaded, by a process apart; without, they are only read like a text.
    kinds : sequence of Registry
        What is looked at: the checks, the diffs, or both.
    """
    say("reading both versions")
    case, settings = cases.of_versions(reference, current, config=config, since=since, trust=trust)
    how = replace(options or Options(), say=say) if replay else None
    metric = metrics.get(settings.metric, settings.sensitive)  # one that does not exist is said before the long look
    start = base(case, settings.system, look(case, say, kinds), seed)
    try:
        on = setting(case, metric, start.findings, seed)
        gap, difference = measure(on)
    except (InconclusiveError, ModelError) as missing:
        return conclude(start, "inconclusive", reason=str(missing))
    if not is_material(gap, difference, settings.material):
        return conclude(start, "no_incident", gap)
    say(f"explaining a gap of {gap.difference:+.4g}")
    damage, healthy = broken(on)
    branches = [damage, moved(healthy), model_part(healthy, SHARE * abs(gap.difference), how)]
    return conclude(judge(start, branches, gap, difference, command(case, since, seed)), "inconclusive")


def check(  # noqa: PLR0913  each is one option of the verb
    reference: Any,
    current: Any,
    *,
    config: str | Path = FILE,
    seed: int = 0,
    contract: str | Path | None = None,
    suggest: str | Path | None = None,
    profile: str | Path | None = None,
    evidently: str | Path | None = None,
    say: Say = silent,
    **roles: Any,
) -> Investigation:
    """Look for corrupted or incomplete data: every integrity check on every pair of tables.

    Parameters
    ----------
    reference, current : str, Path, DataFrame or Ibis table
        Two git revisions of the project of `config`, or two tables; the name of an existing file is a table.
    contract : path, optional
        Hold the current tables to this contract too; by default, unless one is suggested, to that of ``rca.yaml``.
    suggest, profile, evidently : path, optional
        Files to write: a contract that is learned from the reference tables; the profile of the reference exam (JSON,
        without rows), which can stand for it later; evidently's report on the exams (HTML), which is an outcome.
    **roles
        For two tables: ``target``, ``key``, ``time``, ``features``, as in ``rca.yaml``.

    Examples
    --------
    >>> draw = np.random.default_rng(0)
    >>> good = pd.DataFrame({"income": draw.lognormal(10, 0.5, 2000), "age": draw.normal(40, 9, 2000)})
    >>> found = check(good, good.assign(income=good["income"] * 1000))
    >>> [(f.kind, f.subject) for f in found.findings]
    [('unit_change', 'data.current.income')]
    >>> check(good, good.sample(frac=1, random_state=0)).findings
    ()
    """
    if all(not isinstance(s, str) or Path(s).is_file() or "://" in s for s in (reference, current)):
        case, system = cases.of_tables(reference, current, **roles), "two tables"
        case.pairs[0].reference.read()  # type: ignore[attr-defined]  # cases hold rca's own tables
        case.pairs[0].current.read()  # type: ignore[attr-defined]
    else:
        case, settings = cases.of_versions(str(reference), str(current), config=config)
        system = settings.system
        if contract is None and suggest is None and settings.contract is not None:
            contract = Path(config).parent / settings.contract
    more = [] if contract is None else [Entry(CODE, TITLE, partial(hold, read(contract)), alone=True)]
    looked = look(case, say, [registry.check], more)
    if suggest is not None:
        write(learn(case), suggest)
    if profile is not None:
        profiles.store(cases.exam_pair(case).reference.profile, profile, case.roles.key)
    if evidently is not None:
        looked = (*looked[0], drift.evidently(cases.exam_pair(case), case, evidently)), looked[1]
    return _stated(base(case, system, looked, seed))


def diff(
    reference: str = "HEAD~1",
    current: str = "HEAD",
    *,
    config: str | Path = FILE,
    seed: int = 0,
    trust: bool = False,
    say: Say = silent,
) -> Investigation:
    """Tell what changed between two versions; what of it mattered is what :func:`replay` answers."""
    return _changed(*cases.of_versions(reference, current, config=config, trust=trust), seed, say)


def _changed(case: Case, settings: Config, seed: int, say: Say) -> Investigation:
    return _stated(base(case, settings.system, registry.run(registry.diff.load().values(), case, say), seed))


def _stated(found: Investigation) -> Investigation:
    """Conclude from findings alone: they prove no incident; where there is none, something must have been looked at."""
    ran = any(o.status in ("found", "clear") for o in found.outcomes)
    # the reason that most checks give is that of the tables
    reasons = [o.reason for o in found.outcomes if o.reason]
    why = max(reasons, key=reasons.count, default="there is nothing to look at")
    verdict: Verdict = "no_incident" if ran and not found.findings else "inconclusive"
    return conclude(found, verdict, reason="" if ran else f"nothing could be looked at: {why}")


def replay(
    reference: str = "HEAD~1",
    current: str = "HEAD",
    *,
    config: str | Path = FILE,
    seed: int = 0,
    options: Options | None = None,
    trust: bool = False,
    say: Say = silent,
) -> Investigation:
    """Run the pipeline with the changes put back one by one: what of the change between models came from which.

    The causes sum, with the remainder, to the difference between the two models as the mean over both exams,
    of which the current one is repaired first; its own shift is not part of it.
    """
    case, settings = cases.of_versions(reference, current, config=config, trust=trust)
    return _replayed(case, settings, replace(options or Options(), say=say), seed)


def _replayed(case: Case, settings: Config, options: Options, seed: int) -> Investigation:
    if options.dry:
        return replace(_changed(case, settings, seed, options.say), summary=plan(case, options))
    start = base(case, settings.system, look(case, options.say), seed)
    try:
        _, healthy = broken(setting(case, metrics.get(settings.metric, settings.sensitive), start.findings, seed))
        worth = [healthy.grid.both_exams(model) for model in healthy.grid.models]
    except (InconclusiveError, ModelError) as missing:
        return conclude(start, "inconclusive", reason=str(missing))
    branch = model_part(healthy, SHARE * abs((worth[1] - worth[0]).value), options)
    return _weighed(start, healthy, worth, branch, settings.material)


def _weighed(
    start: Investigation, on: Setting, worth: Sequence[Estimate], branch: Branch, material: float
) -> Investigation:
    """Conclude about the difference between two models; one that is not material, and has no cause, is no incident."""
    gap, difference = gap_of(on.grid.metric.name, worth[0], worth[1], on.rows), worth[1] - worth[0]
    found = judge(start, [branch], gap, difference, command(on.case, None, on.seed))
    return conclude(found, "inconclusive" if is_material(gap, difference, material) else "no_incident")


def bisect(
    good: str = "HEAD~1",
    bad: str = "HEAD",
    *,
    config: str | Path = FILE,
    seed: int = 0,
    options: Options | None = None,
    trust: bool = False,
    say: Say = silent,
) -> Investigation:
    """Find the commit between two versions with which the metric moved, and what of that commit it was.

    The commit is the current side of what is returned, and its parent the reference. Where it changed one thing, that
    is the cause; where it changed several, they are told apart by :func:`replay`.
    """
    case, settings = cases.of_versions(good, bad, config=config, trust=trust)
    how = replace(options or Options(), say=say)
    grid: Grid | None = None
    with contextlib.suppress(InconclusiveError, ModelError):
        grid = setting(case, metrics.get(settings.metric, settings.sensitive), (), seed).grid
    try:
        culprit = search.bisect(case, settings.metric, None if grid is None else grid.both_exams, how)
    except NotApplicable as reason:
        return conclude(base(case, settings.system, ((), ()), seed), "inconclusive", reason=f"{reason}.")
    said = culprit.told(settings.metric)
    say(said)
    inner, _ = cases.of_versions(f"{culprit.commit}^", culprit.commit, config=config, trust=trust)
    changes = root_changes(inner)
    try:
        # where runs were needed, what these commits recorded is not what they make
        inner = search.remade(inner, how) if culprit.runs else inner
    except ReplayError as problem:
        said, grid = f"{said} It cannot be compared with its parent: {problem}", None
    several = grid is not None and len(changes) > 1
    found = _replayed(inner, settings, how, seed) if several else _changed(inner, settings, seed, say)
    if grid is not None and len(changes) == 1:
        # all that differs between the models is of the only change
        on, (change,) = setting(inner, grid.metric, found.findings, seed), changes
        worth = [on.grid.both_exams(model) for model in on.grid.models]
        counter = f"the version without it, and all else the same, has {on.grid.metric.name} {worth[0].value:.4g}"
        told = change.kind, change.subject, worth[1] - worth[0], change.text
        ids = tuple(f.id for f in on.findings if f.subject == change.subject)
        branch = Branch([Term("evolution", *told, True, counter, stage=change.stage, findings=ids)])
        found = _weighed(found, on, worth, branch, settings.material)
    if found.gap is not None and found.verdict == "no_incident":
        said += " But between it and its parent the models differ by no more than chance makes them:"
    provenance = {**found.provenance, "culprit": asdict(culprit)}
    return replace(found, summary=f"{said} {found.summary}", provenance=provenance)


def shift_of_tables(
    reference: Any, current: Any, *, target: str, time: str | None = None, seed: int = 0, **how: Any
) -> Investigation:
    """Return what :func:`rca.attribute` finds between two tables, as an investigation."""
    found = attribute(reference, current, target=target, time=time, seed=seed, **how)
    start = base(cases.of_tables(reference, current), "two tables", ((), ()), seed)
    difference = total([found.parts.covariate, found.parts.concept, *found.parts.support_groups.values()])
    difference += found.gap.difference - difference.value
    shift = None
    if not is_material(found.gap, difference, MATERIAL):
        return conclude(start, "no_incident", found.gap)
    since = {} if time is None else timeline.said(found.change_points)
    with contextlib.suppress(NotApplicable):
        shift = found.label_shift()
    asked = {"reference-data": reference, "current-data": current, "target": target, "time": time, **how, "seed": seed}
    words = [(name, one) for name, value in asked.items() for one in (value if isinstance(value, list) else [value])]
    branch = shifted(found.parts, shift, since)
    branch.notes += [*found.notes, *slices.said(found.slices)]
    again = shlex.join(["rca", "attribute", *(w for n, v in words if v is not None for w in (f"--{n}", str(v)))])
    return conclude(judge(start, [branch], found.gap, difference, again), "inconclusive")


def look(case: Case, say: Say, kinds: Sequence[Registry] = KINDS, more: Sequence[Entry] = ()) -> Seen:
    """Run every check and every diff, and keep the findings that chance does not explain, with where it came in."""
    entries = [*(entry for kind in kinds for entry in kind.load().values()), *more]
    outcomes, findings = significant(case, *registry.run(entries, case, say))
    return outcomes, lineage.trace(case, findings)


def setting(case: Case, metric: metrics.Metric, findings: Sequence[Finding], seed: int) -> Setting:
    """Put both models before both exams."""
    (exams, rows), models = cases.exams(case, seed), []
    for side in sides(case):
        if side.model is None:
            raise InconclusiveError(f"the model of {side.rev} cannot be asked: {side.model_problem}.")
        models.append(side.model)
    found = [side.artifacts.get("model") for side in sides(case)]
    if len({a.md5 or a.file if a else None for a in found}) == 1 and all(found):
        models[0] = models[1]
    return Setting(case, Grid(metric, (models[0], models[1]), exams, case.roles), findings, seed, rows)


def conclude(found: Investigation, otherwise: Verdict, gap: Gap | None = None, reason: str = "") -> Investigation:
    """Say in one sentence that causes were found, or what is so `otherwise`; a `gap` given here is left over whole."""
    if gap is not None:
        found = replace(found, gap=gap, unexplained=Remainder(gap.difference, gap.low, gap.high))
    explains = any(found.gap and c.contribution * found.gap.difference > 0 for c in found.causes)
    found = replace(found, verdict="cause_found" if explains else otherwise)
    return replace(found, summary=sentence(found, reason))


def base(case: Case, system: str, looked: Seen, seed: int) -> Investigation:
    """Return what is known before the gap is measured, with what a reader needs to trust and repeat the numbers."""
    tables: dict[str, str] = {}
    with contextlib.suppress(VersionError):
        pair = cases.exam_pair(case)
        tables = {"reference": pair.reference.name, "current": pair.current.name}
    # it holds no time, so that runs compare equal
    packages = {name: version(name) for name in ("scikit-learn", "pandas", "numpy", "duckdb", "dvc")}
    provenance: dict[str, Any] = {"rca": version("rca"), "python": platform.python_version(), "packages": packages}
    provenance["seed"] = seed
    if case.current is not None:
        provenance["uncommitted"] = list(case.current.snapshot.repository.changed())
    known: dict[str, Any] = {"outcomes": looked[0], "findings": looked[1], "provenance": provenance}
    for name, side in (("reference", case.reference), ("current", case.current)):
        table = tables.get(name) or None
        known[name] = Side(side.rev, side.commit, table) if side else Side(None, None, table)
        if side is not None:
            provenance[name] = {role: a.md5 for role, a in side.artifacts.items()}
    provenance["notes"] = []
    return Investigation(system=system, verdict="inconclusive", **known)


def command(case: Case, since: str | None, seed: int) -> str:
    """Return the command that gives the same numbers again."""
    old, new = (side.commit[:12] for side in sides(case))
    return f"rca investigate --reference {old} --current {new}{f' --since {since}' if since else ''} --seed {seed}"
