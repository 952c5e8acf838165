"""Plug-ins: a function with a decorator in a file of its own, found by loading its folder; nothing else is edited."""

import importlib
import pkgutil
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any
from threadpoolctl import threadpool_limits
from rca.errors import ConfigError, NotApplicable, choices
from rca.types import Case, Finding, Outcome, Seen, State

Plugin = Callable[..., Any]
Say = Callable[[str], None]


def silent(text: str) -> None:
    """Tell nobody what is going on."""


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
            owner = self.entries[code].function.__module__ if code in self.entries else function.__module__
            if owner != function.__module__:
                raise ConfigError(f"code {code} is taken by {owner}, so {function.__module__} needs another.")
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


def run(entries: Iterable[Entry], case: Case, say: Say = silent) -> Seen:
    """Run plug-ins over a case, so that none stops the others: an outcome each, and findings F1, F2, ... in order."""
    outcomes: list[Outcome] = []
    found: list[Finding] = []
    for entry in entries:
        say(f"looking whether {entry.title}")
        start, before = time.perf_counter(), len(found)
        status: State = "clear"
        reason = None
        try:
            if not entry.alone and any(getattr(pair.reference, "imagined", False) for pair in case.pairs):
                raise NotApplicable("a stored profile has no rows, which this needs of the reference.")
            with threadpool_limits(1):  # a few cores gain nothing from more, and lose by waiting for each other
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
