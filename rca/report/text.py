"""The terminal view: the verdict first, then how it is known.

Text from data is written as it is: no part of it is read as markup, and commands for the
terminal in it are spelled out.
"""

from __future__ import annotations

import io
import math
import os
import sys
from typing import TYPE_CHECKING, TextIO

from rca import words

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import Console, RenderableType
    from rich.table import Table
    from rich.text import Text

    from rca.types import Cause, Investigation, Rejected, Remainder

_WIDE, _BAR = 130, 20
_MOST = 40
_EIGHTHS = " ▏▎▍▌▋▊▉"
#: What stands for a sign where the stream cannot write it; each as wide as the sign, but for the arrow.
_PLAIN = str.maketrans(dict(zip("█▒✗✓" + _EIGHTHS, "#~xv" + "    ####", strict=True)) | {"→": "->", "…": "..."})
_STYLES = {"confirmed": "bold red", "likely": "yellow", "integrity": "blue", "evolution": "magenta", "inputs": "green"}


def lines(investigation: Investigation, width: int = _WIDE, verbose: bool = False) -> list[str]:
    """Return the view as plain lines."""
    target = io.StringIO()
    render(investigation, target, width=width, colour=False, verbose=verbose)
    return [line.rstrip() for line in target.getvalue().splitlines()]


def render(
    investigation: Investigation,
    stream: TextIO | None = None,
    *,
    width: int | None = None,
    colour: bool | None = None,
    verbose: bool = False,
) -> None:
    """Print the view.

    Parameters
    ----------
    stream : file, default: standard output
    width : int, optional
        Default: that of the terminal, or wide enough for a table where there is none.
    colour : bool, optional
        Default: on a terminal, but not under NO_COLOR or CI.
    verbose : bool
        Whether to list every check with what it did.
    """
    stream = sys.stdout if stream is None else stream
    console = _console(stream, width, colour, os.environ)
    for part in _parts(investigation, verbose, console.width):
        console.print(part, soft_wrap=False, highlight=False)


def _console(stream: TextIO, width: int | None, colour: bool | None, environ: Mapping[str, str]) -> Console:
    from rich.console import Console

    terminal = stream.isatty()
    unicode = (getattr(stream, "encoding", None) or "utf-8").lower().startswith("utf")
    if colour is None:
        colour = terminal and not environ.get("NO_COLOR") and not environ.get("CI")
    return Console(
        file=stream if unicode else _Narrow(stream),  # type: ignore[arg-type]  # rich writes and flushes, no more
        width=width or (None if terminal else _WIDE),
        force_terminal=colour,
        color_system="standard" if colour else None,
        no_color=not colour,
        markup=False,
        emoji=False,
        highlight=False,
        legacy_windows=False,
    )


class _Narrow(io.TextIOBase):
    """A stream that cannot write every character: signs are spelled out, the rest escaped."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        return self._stream.write(text.translate(_PLAIN).encode("ascii", "backslashreplace").decode())

    def flush(self) -> None:
        self._stream.flush()


def _parts(found: Investigation, verbose: bool, width: int) -> list[RenderableType]:
    from rich.padding import Padding
    from rich.text import Text

    parts: list[RenderableType] = [_header(found), "", Text(words.clean(found.summary), style="bold"), ""]
    if found.gap is not None:
        if found.causes or found.unexplained is not None:
            parts += [_causes(found, width), ""]
    elif found.findings:
        parts += [*_findings(found), ""]
    for title, rejected in (("Ruled out", found.ruled_out), ("Not testable", found.not_testable)):
        if rejected:
            parts.append(Text(f"{title}: {'; '.join(_refused(found, r, verbose) for r in rejected)}"))
    for note in found.provenance.get("notes", ()):
        parts.append(Text(f"Note: {words.clean(note, 300)}"))
    if found.outcomes:
        parts.append(Text(words.tally(found.outcomes) + ("" if verbose else " (-v shows them)")))
    if verbose:
        parts += [Padding(_outcomes(found), (0, 0, 0, 2))]
    steps = _next(found)
    return [*parts, "", steps] if steps.plain else parts


def _refused(found: Investigation, rejected: Rejected, verbose: bool) -> str:
    """Name a hypothesis with its number; its reason where there is none, or where all is asked for."""
    subject, size = words.clean(rejected.subject), rejected.contribution
    if size is None or verbose:
        return f"{subject}, {_plain(rejected.kind)} ({words.clean(rejected.reason, 160)})"
    return f"{subject}, {_plain(rejected.kind)} {words.number(size, words.digits(found), sign=True)}"


def _plain(name: str) -> str:
    return words.clean(name.replace("_", " "))


def _header(found: Investigation) -> Text:
    from rich.text import Text

    gap, digits = found.gap, words.digits(found)
    parts = [words.clean(found.system)]
    if gap is None:
        parts.append(
            words.VERDICTS[found.verdict] if not found.findings else words.count(len(found.findings), "finding")
        )
    else:
        values = f"{words.number(gap.reference, digits)} → {words.number(gap.current, digits)}"
        change = words.number(gap.difference, digits, True)
        parts.append(f"{words.clean(gap.metric)} {values}")
        parts.append(f"{change} {words.interval(gap.low, gap.high, digits)}".rstrip())
        parts.append(f"{gap.n_reference:,} and {gap.n_current:,} rows")
    if found.severity is not None:
        parts.append(f"severity {found.severity} proposed")
    return Text("   ".join(parts))


def _grid(*titles: str) -> Table:
    from rich.table import Table

    grid = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=any(titles), header_style="dim")
    for title in titles:
        grid.add_column(title, overflow="fold")
    return grid


def _causes(found: Investigation, width: int) -> RenderableType:
    from rich.padding import Padding
    from rich.text import Text

    wide = width >= 110
    names = ("share of the gap", "pillar", "kind", "subject", "status") if wide else ("subject", "status")
    grid = _grid("contribution", *names)
    grid.columns[0].no_wrap = grid.columns[-1].no_wrap = True
    for cause, depth in words.nested(found.causes):
        indent, kind = "  " * depth, words.clean(cause.kind)
        state = Text(words.status(cause), style=_STYLES.get(words.status(cause), ""))
        amount = Text(indent + _amount(found, cause))
        subject = words.clean(cause.subject, 120)
        if wide:
            share = Text(bar(words.share(cause, found.gap)))
            pillar = Text(cause.pillar, style=_STYLES.get(cause.pillar, ""))
            grid.add_row(amount, share, pillar, Text(kind), Text(indent + subject), state)
        else:
            grid.add_row(amount, Text(f"{indent}{subject}\n{indent}{kind}"), state)
    left, gap = found.unexplained, found.gap
    if left is not None:
        part = bar(left.contribution / gap.difference) if gap and gap.difference else ""
        grid.add_row(Text(_amount(found, left)), *([Text(part)] if wide else []), Text("unexplained"))
    return Padding(grid, (0, 0, 0, 2))


def _amount(found: Investigation, term: Cause | Remainder) -> str:
    digits = words.digits(found)
    interval = words.interval(term.low, term.high, digits) or "[not identified]"
    return f"{words.number(term.contribution, digits, True)} {interval}"


def bar(share: float | None) -> str:
    """Return a bar as long as a share of the gap; a lighter one where it works against the gap.

    Examples
    --------
    >>> bar(0.5), bar(0.03), bar(-0.1), bar(None)
    ('██████████', '▋', '▒▒', '')
    """
    if share is None or not math.isfinite(share):
        return ""
    eighths = round(min(abs(share), 1.0) * _BAR * 8)
    if share < 0:
        return "▒" * max(1, round(eighths / 8))
    return "█" * (eighths // 8) + (_EIGHTHS[eighths % 8].strip() or ("▏" if eighths == 0 else ""))


def _findings(found: Investigation) -> list[RenderableType]:
    from rich.text import Text

    shown: list[RenderableType] = []
    for finding in found.findings[:_MOST]:
        line = Text("✗ ", style="red")
        line.append(f"{words.clean(finding.code)} ", style="bold")
        line.append(f"{words.clean(finding.subject, 120)}: ", style="")
        line.append(words.clean(finding.text, 400), style="")
        if finding.stage:
            line.append(f" (stage {words.clean(finding.stage)})", style="dim")
        shown.append(line)
    more = len(found.findings) - _MOST
    return shown + ([Text(f"  and {more} more in the document")] if more > 0 else [])


def _outcomes(found: Investigation) -> Table:
    from rich.text import Text

    grid = _grid("", "", "", "", "")
    marks = {"found": "✗", "clear": "✓", "not_applicable": "-", "failed": "!"}
    for outcome in words.by_state(found.outcomes):
        cells = (outcome.code, outcome.title, words.STATES[outcome.status], outcome.reason or "")
        grid.add_row(Text(marks[outcome.status]), *[Text(words.clean(cell, 300)) for cell in cells])
    return grid


def _next(found: Investigation) -> Text:
    from rich.text import Text

    steps = []
    first = found.causes[0] if found.causes else None
    if first is not None and first.mitigations:
        steps.append(f"Repair     {words.clean(first.mitigations[0], 200)}")
    if first is not None and first.counterfactual:
        steps.append(f"Then       {words.clean(first.counterfactual, 200)}")
    if found.gap is not None or found.findings:
        steps.append("Next       the same with --format json --output FILE, then: rca report FILE")
    return Text("\n".join(steps))
