from __future__ import annotations

from dataclasses import replace
import pytest
from rca import words
from tests.report.example import checked, investigation


def test_causes_that_name_each_other_are_listed_once() -> None:
    a, b, *_ = investigation().causes
    circle = [replace(a, within=b.rank), replace(b, within=a.rank)]
    assert {cause.rank for cause, _ in words.nested(circle)} == {1, 2}
    assert len(words.nested(circle)) == 2


def test_a_cause_within_one_that_is_missing_is_kept() -> None:
    lost = replace(investigation().causes[0], within=99)
    assert words.nested([lost]) == [(lost, 1)]


def test_the_share_is_divided_where_it_is_not_given() -> None:
    cause = replace(investigation().causes[1], share=None)
    assert words.share(cause, investigation().gap) == pytest.approx(0.0105 / 0.181)
    assert words.share(cause, None) is None


@pytest.mark.parametrize(
    ("metric", "contribution", "bad"),
    [("log_loss", 0.1, True), ("neg_log_loss", -0.1, True), ("roc_auc", 0.1, False), ("accuracy", -0.1, True)],
)
def test_worse_depends_on_the_metric(metric: str, contribution: float, bad: bool) -> None:
    gap = investigation().gap
    assert gap is not None
    assert words.hurts(replace(gap, metric=metric), contribution) is bad


def test_a_command_is_quoted() -> None:
    found = checked()
    side = replace(found.reference, rev="$(touch x)")
    assert words.rerun(replace(found, reference=side), found.findings[0]) == [
        "rca check --reference '$(touch x)' --current v2"
    ]
    assert words.rerun(found, found.findings[1]) == ["rca diff v1 v2"]


def test_tables_without_revisions_are_named_by_their_files() -> None:
    found = checked()
    sides = {name: replace(getattr(found, name), rev=None) for name in ("reference", "current")}
    (command,) = words.rerun(replace(found, **sides), found.findings[0])
    assert command.startswith("rca check --reference-data data/features/evaluate.parquet --current-data")


def test_what_commands_a_terminal_is_spelled_out() -> None:
    assert words.clean("a\x1b[31m\tb\u202ec") == r"a\x1b[31m b\u202ec"
    assert words.clean("abc  def", 4) == "abc …"


def test_numbers_are_for_people() -> None:
    shown = [words.number(x) for x in (0.2314, -0.0004, 6204, float("nan"), 1e-9)]
    assert shown == ["0.231", "-0.0004", "6,204", "n/a", "1.00e-09"]
    assert words.number(0.17, sign=True) == "+0.170"
    assert [words.places(x) for x in (0.18, 0.0042, 25.0)] == [3, 5, 2]


def test_the_three_that_are_asked_for_first_are_answered() -> None:
    found = investigation()
    told = words.sentence(found)
    assert "Drifting inputs: " in told
    assert told.endswith("; a misaligned objective: no; a coding flaw: no.")
    moved = replace(found.causes[0], kind="concept_shift", status="likely", within=None)
    code = replace(found.not_testable[0], kind="code_change")
    told = words.sentence(replace(found, causes=(moved,), not_testable=(code,), ruled_out=()))
    assert told.endswith(" Drifting inputs: likely; a misaligned objective: no; a coding flaw: not tested.")


def test_more_than_all_is_not_called_all() -> None:
    found = investigation()
    first = replace(found.causes[0], share=1.72)
    assert "explains more than all of it" in words.sentence(replace(found, causes=(first,)))
