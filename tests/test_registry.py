from __future__ import annotations

from typing import TYPE_CHECKING
import pytest
from rca.errors import ConfigError, NotApplicable
from rca.registry import Registry, check, run
from rca.types import Case, Finding, Roles

if TYPE_CHECKING:
    from collections.abc import Iterator

CASE = Case((), Roles())
plugins = Registry("rca.integrity")


@plugins("T1", "finds two")
def finds(case: Case) -> Iterator[Finding]:
    yield Finding("T1", "frozen_column", "data.train.a", "a is frozen.")
    yield Finding("T1", "frozen_column", "data.train.b", "b is frozen.")


@plugins("T2", "finds nothing")
def clear(case: Case) -> Iterator[Finding]:
    return iter(())


@plugins("T3", "bows out")
def bows_out(case: Case) -> Iterator[Finding]:
    raise NotApplicable("there is no table.")


@plugins("T4", "fails half way")
def fails(case: Case) -> Iterator[Finding]:
    yield Finding("T4", "frozen_column", "data.train.c", "c is frozen.")
    raise ValueError("the engine stalled")


def test_says_what_each_plug_in_did_and_none_stops_the_others() -> None:
    seen: list[str] = []
    outcomes, findings = run(plugins.entries.values(), CASE, seen.append)
    assert [o.status for o in outcomes] == ["found", "clear", "not_applicable", "failed"]
    assert [o.reason for o in outcomes[2:]] == ["there is no table.", "ValueError: the engine stalled"]
    assert [f.id for f in findings] == ["F1", "F2", "F3"]
    assert outcomes[0].findings == ("F1", "F2")
    assert outcomes[3].findings == ("F3",)
    assert seen == [
        f"looking whether {title}" for title in ("finds two", "finds nothing", "bows out", "fails half way")
    ]


def test_a_code_belongs_to_one_module() -> None:
    def other(case: Case) -> Iterator[Finding]:
        return iter(())

    other.__module__ = "elsewhere"
    with pytest.raises(ConfigError, match="code T1 is taken"):
        plugins("T1", "again")(other)


def test_loading_finds_every_module_of_the_folder() -> None:
    entries = check.load()
    assert {"RCA100", "RCA101", "RCA103", "RCA104", "RCA107", "RCA108", "RCA110"} <= set(entries)
    assert list(entries) == sorted(entries)
    assert check.get("RCA101").function.__module__ == "rca.integrity.values"


def test_names_the_choices() -> None:
    with pytest.raises(ConfigError, match=r"no plug-in 'RCA999' in rca.integrity: choose one of 'RCA100'"):
        check.get("RCA999")
