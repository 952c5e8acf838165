"""Plug-ins: a function with a decorator in a file of its own, found by loading its folder, run and judged together.

A check, a diff, a repair and a fault are all added the same way: one new file. Nothing else is edited.
"""

from __future__ import annotations

import importlib
import pkgutil
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from rca.errors import ConfigError, NotApplicable, choices
from rca.stats import benjamini_hochberg
from rca.types import Case, Finding, Outcome, Seen, State

Plugin = Callable[..., Any]
#: The share of false findings that is accepted among those that carry a p-value.
FDR = 0.05


@dataclass(frozen=True, slots=True)
class Entry:
    """One registered plug-in."""

    code: str
    title: str
    function: Plugin
    symptom: bool = False  # other damages leave the same trace: its findings give way to one that names the damage
    explains: tuple[str, ...] = ()  # kinds that a column with this damage also looks like: they give way too
    alone: bool = False  # each column is judged by itself, so that a stored profile of the reference is enough


@dataclass(slots=True)
class Registry:
    """The plug-ins of one package, keyed by code."""

    package: str
    entries: dict[str, Entry] = field(default_factory=dict)

    def __call__(self, code: str, title: str, **traits: Any) -> Callable[[Plugin], Plugin]:
        """Return the decorator that registers a function under `code`, with traits of an :class:`Entry`."""

        def register(function: Plugin) -> Plugin:
            other = self.entries.get(code)
            if other is not None and other.function.__module__ != function.__module__:
                raise ConfigError(
                    f"code {code} is taken by {other.function.__module__}, so {function.__module__} needs another."
                )
            self.entries[code] = Entry(code, title, function, **traits)
            return function

        return register

    def load(self) -> dict[str, Entry]:
        """Import every module of the package and return the entries by code."""
        home = importlib.import_module(self.package)
        for module in pkgutil.iter_modules(home.__path__):
            if not module.name.startswith("_"):
                importlib.import_module(f"{self.package}.{module.name}")
        return dict(sorted(self.entries.items()))

    def get(self, code: str) -> Entry:
        """Return one entry; where there is no such code, a ConfigError lists those that exist."""
        entries = self.load()
        if code not in entries:
            raise ConfigError(f"there is no plug-in {code!r} in {self.package}: choose one of {choices(entries)}.")
        return entries[code]


#: Pillar 1: ``@check(code, title, symptom=..., explains=...)`` on ``f(case, *, ...) -> Iterator[Finding]``.
check = Registry("rca.integrity")
#: Pillar 2: ``@diff(code, title)`` on ``f(case, *, ...) -> Iterator[Finding]``.
diff = Registry("rca.evolution")
#: ``@repair(kind, title)`` on ``f(frame, finding, reference, rng) -> DataFrame``: the inverse of a damage.
repair = Registry("rca.repairs")
#: ``@fault(kind, title)`` on ``f(frame, column, rng, ...) -> (DataFrame, truth)``: a damage done on purpose.
fault = Registry("rca.faults")


def run(entries: Iterable[Entry], case: Case, progress: Callable[[str], None] = lambda _: None) -> Seen:
    """Run plug-ins over a case, so that none can stop the others.

    Each entry has one outcome, with the reason where it could not look. The findings are named F1, F2, ...
    in the order of discovery.
    """
    outcomes: list[Outcome] = []
    found: list[Finding] = []
    for entry in entries:
        progress(f"looking whether {entry.title}")
        start, before = time.perf_counter(), len(found)
        status: State = "clear"
        reason = None
        try:
            if not entry.alone and any(getattr(pair.reference, "imagined", False) for pair in case.pairs):
                raise NotApplicable("a stored profile has no rows, which this needs of the reference.")
            for item in entry.function(case):
                found.append(replace(item, code=item.code or entry.code, id=f"F{len(found) + 1}"))
                status = "found"
        except NotApplicable as bow_out:
            status, reason = "not_applicable", str(bow_out)
        except Exception as failure:  # noqa: BLE001  the failure is the outcome; nothing is swallowed
            status, reason = "failed", f"{type(failure).__name__}: {failure}"
        seconds = round(time.perf_counter() - start, 3)
        mine = tuple(item.id for item in found[before:])
        outcomes.append(Outcome(entry.code, entry.title, status, reason, seconds, mine))
    return tuple(outcomes), tuple(found)


def significant(case: Case, outcomes: tuple[Outcome, ...], findings: tuple[Finding, ...]) -> Seen:
    """Adjust the p-values for all tests that were made, drop what does not hold, and rank what does.

    Checks look at every column, so the number of tests is that of columns times checks that ran, whether
    or not they had something to say. Findings without a p-value are facts (a hash, a parameter) and stay.
    A symptom gives way to a finding that names what was done to one of its columns, or to the rows of its
    table, and is told there as `also`. The larger effect comes first.

    Examples
    --------
    >>> from rca.types import Case, Finding, Outcome, Roles
    >>> weak = Finding("RCA101", "missing_values", "data.train.a", "", p_value=0.5, id="F1")
    >>> fact = Finding("RCA201", "hyperparameter", "params.depth", "", id="F2")
    >>> outcomes = (Outcome("RCA101", "", "found", findings=("F1",)), Outcome("RCA201", "", "found", findings=("F2",)))
    >>> outcomes, findings = significant(Case((), Roles()), outcomes, (weak, fact))
    >>> [(f.id, f.subject) for f in findings], [o.status for o in outcomes]
    ([('F1', 'params.depth')], ['clear', 'found'])
    """
    columns = sum(len({*pair.reference.columns} & {*pair.current.columns}) for pair in case.pairs)
    ran = sum(o.code < "RCA2" and o.status in ("found", "clear") for o in outcomes)
    tested = {f.id: f.p_value for f in findings if f.p_value is not None}
    adjusted = benjamini_hochberg(list(tested.values()), columns * ran).tolist()
    by_id = dict(zip(tested, adjusted, strict=True))
    kept = _ranked([f for f in findings if by_id.get(f.id, 0.0) <= FDR])
    names = {f.id: f"F{i + 1}" for i, f in enumerate(kept)}
    renamed = tuple(replace(f, id=names[f.id], p_value=by_id.get(f.id)) for f in kept)
    return tuple(_rename(o, names) for o in outcomes), renamed


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


def _rename(outcome: Outcome, names: dict[str, str]) -> Outcome:
    mine = tuple(names[f] for f in outcome.findings if f in names)
    status = "clear" if outcome.status == "found" and not mine else outcome.status
    return replace(outcome, findings=mine, status=status)
