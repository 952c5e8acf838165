"""Checks, diffs and replays by themselves: the parts of an investigation that are asked for alone."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from rca import case as cases
from rca import metrics, registry
from rca.causes import SHARE, judge
from rca.config import FILE, MATERIAL
from rca.contract import hold, read, write
from rca.contract import suggest as learn
from rca.datapart import broken, shifted
from rca.errors import InconclusiveError, ModelError
from rca.evolution._bench import Options
from rca.inputs.attribute import attribute
from rca.investigation import Say, base, command, conclude, explained, look, setting
from rca.modelpart import model_part
from rca.profiles import store
from rca.stats import gap_of, total
from rca.tree import ALARM, is_material
from rca.types import Investigation, Verdict


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
    say: Say = lambda _: None,
    **roles: Any,
) -> Investigation:
    """Look for corrupted or incomplete data: every integrity check on every pair of tables.

    Parameters
    ----------
    reference, current : str, Path, DataFrame or Ibis table
        Two git revisions of the project whose `config` is given, or two tables. A string that is the name
        of an existing file is a table.
    contract : path, optional
        Hold the current tables to this contract too; by default to the one that ``rca.yaml`` names,
        unless one is suggested.
    suggest, profile, evidently : path, optional
        Files to write: a contract that is learned from the reference tables; the profile of the reference exam (JSON,
        without rows), which can stand for it later; evidently's report on the exams (HTML), which is an outcome.
    **roles
        For two tables: ``target``, ``key``, ``time``, ``features``, as in ``rca.yaml``.

    Examples
    --------
    >>> import numpy as np, pandas as pd
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
    else:
        case, settings = cases.of_versions(str(reference), str(current), config=config)
        system = settings.system
        if contract is None and suggest is None and settings.contract is not None:
            contract = Path(config).parent / settings.contract
    more: list[registry.Entry] = []
    if contract is not None:
        held = partial(hold, read(contract))
        more.append(registry.Entry("RCA190", "a promise of the contract is broken", held, alone=True))
    looked = look(case, say, [registry.check], more)
    if suggest is not None:
        write(learn(case), suggest)
    if profile is not None:
        store(cases.exam_pair(case).reference.profile, profile, case.roles.key)
    if evidently is not None:
        from rca import drift

        looked = (*looked[0], drift.evidently(cases.exam_pair(case), case, evidently)), looked[1]
    start = base(case, system, *looked, seed)
    # Findings alone prove no incident, and their absence shows none.
    return conclude(start, "inconclusive" if start.findings else "no_incident")


def diff(
    reference: str = "HEAD~1",
    current: str = "HEAD",
    *,
    config: str | Path = FILE,
    seed: int = 0,
    say: Say = lambda _: None,
) -> Investigation:
    """Tell what changed between two versions; what of it mattered is what :func:`replay` answers."""
    case, settings = cases.of_versions(reference, current, config=config)
    start = base(case, settings.system, *registry.run(registry.diff.load().values(), case, say), seed)
    return conclude(start, "inconclusive" if start.findings else "no_incident")


def replay(
    reference: str = "HEAD~1",
    current: str = "HEAD",
    *,
    config: str | Path = FILE,
    seed: int = 0,
    options: Options | None = None,
    say: Say = lambda _: None,
) -> Investigation:
    """Run the pipeline with the changes put back one by one: what of the change between models came from which.

    The causes sum, with the remainder, to the difference between the two models as the mean over both exams,
    of which the current one is repaired first; its own shift is not part of it.
    """
    case, settings = cases.of_versions(reference, current, config=config)
    outcomes, findings = look(case, say)
    start = base(case, settings.system, outcomes, findings, seed)
    try:
        _, healthy = broken(setting(case, metrics.get(settings.metric), findings, seed))
        worth = [healthy.grid.both_exams(model) for model in healthy.grid.models]
    except (InconclusiveError, ModelError) as missing:
        return conclude(start, "inconclusive", reason=str(missing))
    difference = worth[1] - worth[0]
    gap = gap_of(settings.metric, worth[0], worth[1], healthy.rows, ALARM)
    branch = model_part(healthy, SHARE * abs(gap.difference), replace(options or Options(), say=say))
    found = judge([branch], gap, difference, command(case, None, seed))
    moved = is_material(gap, difference, settings.material)
    verdict: Verdict = "cause_found" if found.causes else "inconclusive" if moved else "no_incident"
    return conclude(start, verdict, gap, found)


def shift(
    reference: str = "HEAD~1",
    current: str = "HEAD",
    *,
    config: str | Path = FILE,
    since: str | None = None,
    seed: int = 0,
    say: Say = lambda _: None,
) -> Investigation:
    """Attribute the gap between two versions to external inputs, once what is broken is repaired; nothing is run."""
    case, settings = cases.of_versions(reference, current, config=config, since=since)
    return explained(case, settings, look(case, say, [registry.check]), None, since, seed, say)


def shift_of_tables(
    reference: Any, current: Any, *, target: str, prediction: str | None = None, metric: str = "log_loss", seed: int = 0
) -> Investigation:
    """Return what :func:`rca.attribute` finds between two tables, as an investigation."""
    found = attribute(reference, current, target=target, prediction=prediction, metric=metric, seed=seed)
    start = base(cases.of_tables(reference, current, target=target), "two tables", (), (), seed)
    parts = [found.parts.covariate, found.parts.concept, *found.parts.support_groups.values()]
    difference = total(parts)
    difference += found.gap.difference - difference.value
    if not is_material(found.gap, difference, MATERIAL):
        return conclude(start, "no_incident", found.gap)
    said = f"rca attribute --reference-data {reference} --current-data {current} --target {target}"
    causes = judge([shifted(found.parts, found.label_shift())], found.gap, difference, said)
    return conclude(start, "cause_found" if causes.causes else "inconclusive", found.gap, causes)
