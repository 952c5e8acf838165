"""The conductor: load, look (checks and diffs), measure the gap, explain it, say it in one sentence."""

from __future__ import annotations

import platform
from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rca import case as cases
from rca import metrics, registry
from rca.causes import Explained, explain
from rca.config import FILE, Config
from rca.errors import InconclusiveError, ModelError, VersionError
from rca.evolution._bench import Options
from rca.exam import Grid
from rca.findings import significant
from rca.gitrepo import Repository
from rca.lineage import trace
from rca.tree import Setting, is_material, measure
from rca.types import Case, Finding, Gap, Investigation, Outcome, Remainder, Seen, Side, Verdict
from rca.words import sentence

Say = Callable[[str], None]


def investigate(
    reference: str = "HEAD~1",
    current: str = "HEAD",
    *,
    config: str | Path = FILE,
    since: str | None = None,
    seed: int = 0,
    replay: bool = True,
    options: Options | None = None,
    say: Say = lambda _: None,
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
    run = replace(options or Options(), say=say) if replay else None
    metrics.get(settings.metric)  # a metric that does not exist is said before the long look
    return explained(case, settings, look(case, say), run, since, seed, say)


def explained(
    case: Case, settings: Config, looked: Seen, options: Options | None, since: str | None, seed: int, say: Say
) -> Investigation:
    """Measure the gap and explain it, given what :func:`look` saw."""
    start = base(case, settings.system, *looked, seed)
    try:
        on = setting(case, metrics.get(settings.metric), start.findings, seed)
        gap, difference = measure(on.grid, settings.metric, on.rows)
    except (InconclusiveError, ModelError) as missing:
        return conclude(start, "inconclusive", reason=str(missing))
    if not is_material(gap, difference, settings.material):
        return conclude(start, "no_incident", gap)
    say(f"explaining a gap of {gap.difference:+.4g}")
    found = explain(on, gap, difference, options, command(case, since, seed))
    return conclude(start, "cause_found" if found.causes else "inconclusive", gap, found)


def look(
    case: Case,
    say: Say,
    kinds: Sequence[registry.Registry] = (registry.check, registry.diff),
    more: Sequence[registry.Entry] = (),
) -> Seen:
    """Run every check and every diff, and keep the findings that chance does not explain, with where it came in."""
    entries = [*(entry for kind in kinds for entry in kind.load().values()), *more]
    outcomes, findings = significant(case, *registry.run(entries, case, say))
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
    grid = Grid(metric, (models[0], models[1]), exams, case.roles)
    return Setting(case, grid, findings, cases.exam_pair(case).name, seed, (exams[0].rows, exams[1].rows))


def conclude(
    start: Investigation,
    verdict: Verdict,
    gap: Gap | None = None,
    found: Explained | None = None,
    reason: str = "",
) -> Investigation:
    """Fill in the answer and say it in one sentence."""
    rest = None
    if gap is not None:
        rest = found.unexplained if found else Remainder(gap.difference, gap.low, gap.high)
    provenance = {**start.provenance, "notes": list(found.notes) if found else []}
    done = replace(start, verdict=verdict, gap=gap, unexplained=rest, provenance=provenance)
    if found is not None:
        done = replace(done, causes=found.causes, ruled_out=found.ruled_out, not_testable=found.not_testable)
    return replace(done, summary=sentence(done, reason))


def base(
    case: Case, system: str, outcomes: tuple[Outcome, ...], findings: tuple[Finding, ...], seed: int
) -> Investigation:
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
        outcomes=outcomes,
        findings=findings,
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
    return found


def command(case: Case, since: str | None, seed: int) -> str:
    """Return the command that gives the same numbers again."""
    commits = [side.commit[:12] for side in (case.reference, case.current) if side is not None]
    named = " ".join(f"--{name} {commit}" for name, commit in zip(("reference", "current"), commits, strict=False))
    return f"rca investigate {named}{f' --since {since}' if since else ''} --seed {seed}"
