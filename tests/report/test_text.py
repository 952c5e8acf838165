from __future__ import annotations

import io
import json
from dataclasses import replace
import pytest
from rca.report import document, text
from rca.types import Finding, Investigation
from tests.report.example import checked, investigation

HOSTILE = "[red]x[/red]\x1b[31m\x9b2J\u202e<img src=x onerror=alert(1)>"


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


def hostile() -> Investigation:
    return document.parse(json.loads(investigation().to_json().replace("euribor3m", json.dumps(HOSTILE)[1:-1])))


def lines(found: Investigation, width: int = 130, verbose: bool = False) -> list[str]:
    view = io.StringIO()
    text.render(found, view, width=width, verbose=verbose)
    return [line.rstrip() for line in view.getvalue().splitlines()]


def test_the_view_says_the_verdict_first() -> None:
    view = lines(investigation())
    assert view[0].startswith("term-deposit   log_loss 0.231 → 0.412   +0.181 [+0.169, +0.194]   4,119 and 6,204 rows")
    assert view[0].endswith("severity 2 proposed")
    assert view[2].startswith("A broken feed explains 94 % of the loss")


def test_every_part_is_there_in_order() -> None:
    view = "\n".join(lines(investigation()))
    parts = [
        "contribution",
        "data.production.euribor3m",
        "  data.train.campaign",
        "below the noise",
        "unexplained",
        "Ruled out: code.pipeline/train.py, code change",
        "Not testable: data.train.y, label noise",
        "6 checks: 3 found, 1 clear, 1 not applicable, 1 failed",
        "Repair     divide data.production.euribor3m by 100",
        "rca report FILE",
    ]
    places = [view.index(part) for part in parts]
    assert places == sorted(places)


def test_a_check_lists_what_it_found() -> None:
    view = lines(checked())
    assert "✗ RCA104 data.production.euribor3m: the ratio of the quantiles is 100 in every row after 2009-06-03" in view
    assert not [line for line in view if "contribution" in line]


def test_many_findings_are_cut() -> None:
    many = tuple(Finding("RCA101", "missing_values", f"data.c{i}", "empty", id=f"F{i}") for i in range(100))
    view = lines(replace(checked(), findings=many))
    assert len(view) < 60
    assert "  and 60 more in the document" in view


def test_verbose_lists_every_check_with_its_reason() -> None:
    view = "\n".join(lines(investigation(), verbose=True))
    assert "MemoryError: the key has 9 million pairs" in view
    assert "missing values" in view
    assert "missing values" not in "\n".join(lines(checked()))


@pytest.mark.parametrize("width", [60, 80, 109, 130, 200])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    assert max(map(len, lines(investigation(), width=width))) <= width


def test_text_from_data_cannot_command_the_terminal() -> None:
    view = "\n".join(lines(hostile(), width=400, verbose=True))
    assert not {"\x1b", "\x9b", "\u202e"} & set(view)
    assert r"[red]x[/red]\x1b[31m\x9b2J\u202e<img src=x onerror=alert(1)>" in view


@pytest.mark.parametrize("name", ["NO_COLOR", "CI", None])
def test_colour_is_for_terminals(monkeypatch: pytest.MonkeyPatch, name: str | None) -> None:
    for other in ("NO_COLOR", "CI", "FORCE_COLOR"):
        monkeypatch.delenv(other, raising=False)
    if name:
        monkeypatch.setenv(name, "1")
    monkeypatch.setenv("TERM", "xterm")
    terminal, pipe = Terminal(), io.StringIO()
    text.render(investigation(), terminal)
    text.render(investigation(), pipe)
    assert ("\x1b[" in terminal.getvalue()) is (name is None)
    assert "\x1b[" not in pipe.getvalue()


def test_a_stream_of_plain_characters_is_enough() -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    text.render(replace(investigation(), system="überweisung"), stream, width=130)
    stream.flush()
    view = raw.getvalue().decode("ascii")
    assert "0.231 -> 0.412" in view
    assert "\\xfcberweisung" in view
    assert "##################" in view


def test_a_cause_without_a_number_is_said_not_to_be_identified() -> None:
    first = replace(investigation().causes[0], low=float("nan"), high=float("nan"), share=None)
    view = "\n".join(lines(replace(investigation(), causes=(first,))))
    assert "+0.171 [not identified]" in view


def test_a_bar_is_as_long_as_the_share() -> None:
    assert [text.bar(share) for share in (0.5, 0.03, -0.1, None)] == ["██████████", "▋", "▒▒", ""]
