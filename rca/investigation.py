"""The conductor: load, look (checks and diffs), measure the gap, explain it, say it in one sentence."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rca import case as cases
from rca import metrics
from rca.causes import explain
from rca.config import FILE, Config
from rca.errors import InconclusiveError, ModelError, VersionError
from rca.evolution.replay import Options
from rca.findings import significant
from rca.gitrepo import Repository
from rca.lineage import trace
from rca.registry import Entry, Registry, Say, check, diff, run, silent
from rca.tree import Grid, Setting, is_material, measure
from rca.types import Case, Finding, Gap, Investigation, Remainder, Seen, Side, Verdict
from rca.words import sentence


def investigate(
    reference: str = "HEAD~1",
    current: str = "HEAD",
    *,
    config: str | Path = FILE,
    since: str | None = None,
    seed: int = 0,
    replay: bool = True,
    options: Options | None = None,
    say: Say = silent,
) -> Investigation:
    """Find out why the metric of two versions differs.

    Parameters
    ----------
    reference, current : str
        Git revisions of the project whose `config` is given.
    since : str, optional
        Judge the current version's production rows from this time on against those before it.
    replay : bool
        Whether the pipeline may be run again, in throw-away copies.
    options : Options, optional
        How it is run: repeats, runs at most, side by side.
    """
    say("reading both versions")
    case, settings = cases.of_versions(reference, current, config=config, since=since)
    how = replace(options or Options(), say=say) if replay else None
    metrics.get(settings.metric)  # a metric that does not exist is said before the long look
    return explained(case, settings, look(case, say), how, since, seed, say)


def explained(
    case: Case, settings: Config, looked: Seen, options: Options | None, since: str | None, seed: int, say: Say
) -> Investigation:
    """Measure the gap and explain it, given what :func:`look` saw."""
    start = base(case, settings.system, looked, seed)
    try:
        on = setting(case, metrics.get(settings.metric), start.findings, seed)
        gap, difference = measure(on)
    except (InconclusiveError, ModelError) as missing:
        return conclude(start, "inconclusive", reason=str(missing))
    if not is_material(gap, difference, settings.material):
        return conclude(start, "no_incident", gap)
    say(f"explaining a gap of {gap.difference:+.4g}")
    found = explain(start, on, gap, difference, options, command(case, since, seed))
    return conclude(found, "cause_found" if found.causes else "inconclusive")


def look(case: Case, say: Say, kinds: Sequence[Registry] = (check, diff), more: Sequence[Entry] = ()) -> Seen:
    """Run every check and every diff, and keep the findings that chance does not explain, with where it came in."""
    entries = [*(entry for kind in kinds for entry in kind.load().values()), *more]
    outcomes, findings = significant(case, *run(entries, case, say))
    return outcomes, trace(case, findings)


def setting(case: Case, metric: metrics.Metric, findings: Sequence[Finding], seed: int) -> Setting:
    """Put both models before both exams."""
    exams = cases.exams(case, seed)
    models = []
    for side in (case.reference, case.current):
        if side is None or side.model is None:
            reason = side.model_problem if side else "there is no version"
            raise InconclusiveError(f"the model of {side.rev if side else 'a side'} cannot be asked: {reason}.")
        models.append(side.model)
    found = [side.artifacts.get("model") for side in (case.reference, case.current) if side]
    if len({a.md5 or a.file if a else None for a in found}) == 1 and all(found):
        models[0] = models[1]
    case = replace(case, exams=exams)
    grid = Grid(metric, (models[0], models[1]), exams, case.roles)
    return Setting(case, grid, findings, cases.exam_pair(case).name, seed, (exams[0].rows, exams[1].rows))


def conclude(found: Investigation, verdict: Verdict, gap: Gap | None = None, reason: str = "") -> Investigation:
    """Say the answer in one sentence; a gap that was not explained is left over whole."""
    if gap is not None:
        found = replace(found, gap=gap, unexplained=Remainder(gap.difference, gap.low, gap.high))
    found = replace(found, verdict=verdict)
    return replace(found, summary=sentence(found, reason))


def base(case: Case, system: str, looked: Seen, seed: int) -> Investigation:
    """Return what is known before the gap is measured."""
    try:
        pair = cases.exam_pair(case)
        data = [pair.reference.name or None, pair.current.name or None]
    except VersionError:
        data = [None, None]
    both = zip((case.reference, case.current), data, strict=True)
    reference, current = [Side(side.rev, side.commit, name) if side else Side(None, None, name) for side, name in both]
    return Investigation(
        system=system,
        verdict="inconclusive",
        reference=reference,
        current=current,
        outcomes=looked[0],
        findings=looked[1],
        provenance=_provenance(case, seed),
    )


def _provenance(case: Case, seed: int) -> dict[str, Any]:
    """Return what a reader needs to trust and repeat the numbers; it holds no time, so that runs compare equal."""
    found: dict[str, Any] = {
        "rca": version("rca"),
        "python": platform.python_version(),
        "packages": {name: version(name) for name in ("scikit-learn", "pandas", "numpy", "duckdb", "dvc")},
        "seed": seed,
    }
    if case.root is not None:
        found["uncommitted"] = list(Repository(Path(case.root)).changed())
    for name, side in (("reference", case.reference), ("current", case.current)):
        if side is not None:
            found[name] = {role: a.md5 for role, a in side.artifacts.items()}
    return {**found, "notes": []}


def command(case: Case, since: str | None, seed: int) -> str:
    """Return the command that gives the same numbers again."""
    commits = [side.commit[:12] for side in (case.reference, case.current) if side is not None]
    named = " ".join(f"--{name} {commit}" for name, commit in zip(("reference", "current"), commits, strict=False))
    return f"rca investigate {named}{f' --since {since}' if since else ''} --seed {seed}"
