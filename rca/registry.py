"""Plug-ins: a function with a decorator in a file of its own, found by loading its folder.

A check, a diff, a repair and a fault are all added the same way: one new file. Nothing else is edited.
"""

from __future__ import annotations

import importlib
import pkgutil
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from rca.errors import ConfigError, NotApplicable, choices
from rca.types import Case, Finding, Outcome

Plugin = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Entry:
    """One registered plug-in."""

    code: str
    title: str
    function: Plugin
    symptom: bool = False
    """Whether other damages leave the same trace; its findings give way to one that names the damage."""
    explains: tuple[str, ...] = ()
    """Kinds that a column with this damage also looks like; such findings give way too."""


@dataclass(slots=True)
class Registry:
    """The plug-ins of one package, keyed by code."""

    package: str
    entries: dict[str, Entry] = field(default_factory=dict)

    def __call__(
        self, code: str, title: str, *, symptom: bool = False, explains: tuple[str, ...] = ()
    ) -> Callable[[Plugin], Plugin]:
        """Return the decorator that registers a function under `code`; several may stand on one function."""

        def register(function: Plugin) -> Plugin:
            other = self.entries.get(code)
            if other is not None and other.function.__module__ != function.__module__:
                raise ConfigError(
                    f"code {code} is taken by {other.function.__module__}, so {function.__module__} needs another."
                )
            self.entries[code] = Entry(code, title, function, symptom, explains)
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
        """Return one entry.

        Raises
        ------
        ConfigError
            If there is no such code; the message lists those that exist.
        """
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


def run(
    entries: Iterable[Entry], case: Case, progress: Callable[[str], None] | None = None, first: int = 1
) -> tuple[tuple[Outcome, ...], tuple[Finding, ...]]:
    """Run plug-ins over a case, so that none can stop the others.

    Returns
    -------
    outcomes, findings
        One outcome for each entry, with the reason where it found nothing because it could not
        look; the findings carry identifiers F1, F2, ... in the order of discovery, from `first` on.
    """
    outcomes: list[Outcome] = []
    found: list[Finding] = []
    for entry in entries:
        if progress is not None:
            progress(f"looking whether {entry.title}")
        start, reason, status = time.perf_counter(), None, "clear"
        mine: list[Finding] = []
        try:
            for item in _findings(entry, case):
                mine.append(replace(item, code=item.code or entry.code, id=f"F{first + len(found) + len(mine)}"))
            status = "found" if mine else "clear"
        except NotApplicable as bow_out:
            status, reason = "not_applicable", str(bow_out)
        except Exception as failure:  # noqa: BLE001  the failure is the outcome; nothing is swallowed
            status, reason = "failed", f"{type(failure).__name__}: {failure}"
        found.extend(mine)
        outcomes.append(
            Outcome(
                entry.code,
                entry.title,
                status,  # type: ignore[arg-type]  # one of the four words above
                reason,
                round(time.perf_counter() - start, 3),
                tuple(item.id for item in mine),
            )
        )
    return tuple(outcomes), tuple(found)


def _findings(entry: Entry, case: Case) -> Iterator[Finding]:
    yield from entry.function(case)
