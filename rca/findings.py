"""Which findings chance does not explain, over everything that was looked at, the one that names the damage first."""

from collections import defaultdict
from dataclasses import replace
from typing import Any
from rca.registry import check, run
from rca.stats import benjamini_hochberg
from rca.tables import Table
from rca.types import Case, Finding, Outcome, Pair, Seen

#: The share of false findings that is accepted among those that carry a p-value.
FDR = 0.05
#: A reference with fewer rows has no history to speak of.
_HISTORY = 400


def significant(case: Case, outcomes: tuple[Outcome, ...], findings: tuple[Finding, ...]) -> Seen:
    """Adjust the p-values for all tests that were made, drop what does not hold, and rank what does by its effect.

    Every check that ran looked at every column. Findings without a p-value are facts (a hash, a parameter) and stay.
    A symptom gives way to a finding that names what was done to one of its columns, or to the rows of its table, and
    is told there as `also`; one that the reference showed half as much in the course of its own time is no news.

    Examples
    --------
    >>> weak = Finding("RCA101", "missing_values", "data.train.a", "", p_value=0.5, id="F1")
    >>> fact = Finding("RCA201", "hyperparameter", "params.depth", "", id="F2")
    >>> outcomes = (Outcome("RCA101", "", "found", findings=("F1",)), Outcome("RCA201", "", "found", findings=("F2",)))
    >>> outcomes, findings = significant(Case((), Roles()), outcomes, (weak, fact))
    >>> [(f.id, f.subject) for f in findings], [o.status for o in outcomes]
    ([('F1', 'params.depth')], ['clear', 'found'])
    """
    columns = sum(len(set(pair.reference.columns) & set(pair.current.columns)) for pair in case.pairs)
    ran = sum(o.code < "RCA2" and o.status in ("found", "clear") for o in outcomes)
    tested = {f.id: f.p_value for f in findings if f.p_value is not None}
    by_id = dict(zip(tested, benjamini_hochberg(list(tested.values()), columns * ran).tolist(), strict=True))
    kept = _ranked(_unprecedented(case, [f for f in findings if by_id.get(f.id, 0.0) <= FDR]))
    names = {f.id: f"F{i + 1}" for i, f in enumerate(kept)}
    renamed = tuple(replace(f, id=names[f.id], p_value=by_id.get(f.id)) for f in kept)
    told = []
    for o in outcomes:
        mine = tuple(names[f] for f in o.findings if f in names)
        told.append(replace(o, findings=mine, status="clear" if o.status == "found" and not mine else o.status))
    return tuple(told), renamed


def _unprecedented(case: Case, findings: list[Finding]) -> list[Finding]:
    """Leave out the symptoms that the newer half of the reference shows about as much beside the older half."""
    symptoms = {f.code for f in findings if f.code in check.entries and check.entries[f.code].symptom}
    time, pairs = case.roles.time, []
    for pair in case.pairs if symptoms and time else ():
        table: Any = pair.reference
        if table.kinds.get(time) == "time" and not table.imagined and table.rows >= _HISTORY:
            moment, middle = table.expr[time], table.sample[time].median().to_pydatetime()
            older, newer = (Table(table.expr.filter(half), pair.name) for half in (moment < middle, moment >= middle))
            pairs.append(Pair(pair.name, older, newer, same_role=False))
    entries = [check.entries[code] for code in sorted(symptoms)] if pairs else []
    past = run(entries, replace(case, pairs=tuple(pairs)))[1]
    known = {(f.code, f.kind, f.subject): abs(f.effect or 0.0) for f in past}
    return [f for f in findings if abs(f.effect or 0.0) >= 2 * known.get((f.code, f.kind, f.subject), 0.0)]


def _ranked(findings: list[Finding]) -> list[Finding]:
    """Return damages before other facts, those that are named before symptoms, without symptoms of what is named."""
    entries = check.entries
    symptoms = {code for code, entry in entries.items() if entry.symptom}
    named = [f for f in findings if f.code < "RCA2" and f.code not in symptoms]
    also: defaultdict[str, set[str]] = defaultdict(set)
    left = []
    for f in findings:
        told = [g for g in named if f.code in symptoms or (g.code in entries and f.kind in entries[g.code].explains)]
        cause = next((g for g in told if g.id != f.id and _together(g, f)), None)
        if cause is not None and f.code < "RCA2":
            also[cause.id].add(f.kind)
        else:
            left.append(f)
    left = [replace(f, evidence={**f.evidence, "also": sorted(also[f.id])}) if f.id in also else f for f in left]
    return sorted(left, key=lambda f: (f.code >= "RCA2", f.code in symptoms, -abs(f.effect or 0) * (f.code < "RCA2")))


def _together(cause: Finding, symptom: Finding) -> bool:
    """Say whether a finding is about a column of the other, or about the rows of its table."""
    if cause.subject.split(".")[1:2] != symptom.subject.split(".")[1:2]:
        return False
    mine, other = (set(f.evidence.get("columns") or [f.evidence.get("column")]) for f in (cause, symptom))
    return cause.subject.count(".") < 2 or bool(mine & (other | {symptom.evidence.get("column")}))
