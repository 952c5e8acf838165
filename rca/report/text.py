"""The terminal view: the verdict first, then how it is known; text from data is no markup and no command in it."""

import io
import math
import os
import shutil
from collections.abc import Iterator
from typing import Any, TextIO
from markupsafe import Markup
from rca import words
from rca.report.html import template
from rca.types import Cause, Investigation, Remainder

_WIDE, _BAR, _MOST = 130, 20, 40
_EIGHTHS = " ▏▎▍▌▋▊▉"
#: What stands for a sign where the stream cannot write it; each as wide as the sign, but for the arrow.
_PLAIN = str.maketrans(dict(zip("█▒✗✓" + _EIGHTHS, "#~xv" + "    ####", strict=True)) | {"→": "->", "…": "..."})
_STYLES = {"confirmed": "bold red", "likely": "yellow", "integrity": "blue", "evolution": "magenta", "inputs": "green"}
_MARKS = {"found": "✗", "clear": "✓", "not_applicable": "-", "failed": "!"}


def render(investigation: Investigation, stream: TextIO, *, width: int | None = None, verbose: bool = False) -> None:
    """Print the view, every check with what it did where `verbose`; in colour on a terminal, but not in CI."""
    from rich.console import Console

    colour = stream.isatty() and not os.environ.get("NO_COLOR") and not os.environ.get("CI")
    width = width or (shutil.get_terminal_size().columns if stream.isatty() else _WIDE)
    view = io.StringIO()
    tone = {"force_terminal": colour, "color_system": "standard" if colour else None}
    console = Console(file=view, width=width, markup=False, emoji=False, highlight=False, **tone)  # type: ignore[arg-type]
    for part in filter(None, _parts(investigation, verbose, width >= 110)):
        console.print(part)
    text = view.getvalue()
    if not (getattr(stream, "encoding", None) or "utf-8").lower().startswith("utf"):
        text = text.translate(_PLAIN).encode("ascii", "backslashreplace").decode()
    print(text, end="", file=stream, flush=True)


def _parts(found: Investigation, verbose: bool, wide: bool) -> Iterator[Any]:
    from rich.padding import Padding
    from rich.text import Text

    known = {"found": found, "gap": found.gap, "digits": words.digits(found), "verbose": verbose, "MOST": _MOST}
    view = template("terminal.txt.j2").make_module({**known, "show": _show})
    parts = (str(getattr(view, part)()).removesuffix("\n") for part in ("top", "middle", "bottom"))
    top, middle, bottom = (Text.from_markup(part, emoji=False) for part in parts)
    yield top
    if found.gap is not None and (found.causes or found.unexplained is not None):
        yield Padding(_causes(found, wide), (0, 0, 0, 2))
    yield middle
    if verbose:
        grid = _grid(*[""] * 5)
        for o in words.by_state(found.outcomes):
            cells = (o.code, o.title, words.STATES[o.status], o.reason or "")
            grid.add_row(_MARKS[o.status], *[words.clean(cell, 300) for cell in cells])
        yield Padding(grid, (0, 0, 0, 2))
    yield bottom


def _show(text: object, limit: int = 2000) -> Markup:
    from rich.markup import escape

    return Markup(escape(words.clean(text, limit)))  # noqa: S704  a terminal reads no HTML


def _grid(*titles: str) -> Any:
    from rich.table import Column, Table

    columns = [Column(title, overflow="fold") for title in titles]
    return Table(*columns, box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=any(titles), header_style="dim")


def _causes(found: Investigation, wide: bool) -> Any:
    from rich.text import Text

    grid = _grid("contribution", *(("share of the gap", "pillar", "kind") if wide else ()), "subject", "status")
    grid.columns[0].no_wrap = grid.columns[-1].no_wrap = True
    for cause, depth in words.nested(found.causes):
        indent, kind, status = "  " * depth, words.clean(cause.kind), words.status(cause)
        subject = indent + words.clean(cause.subject, 120)
        pillar = Text(cause.pillar, style=_STYLES.get(cause.pillar, ""))
        cells = (bar(words.share(cause, found.gap)), pillar, kind, subject) if wide else (f"{subject}\n{indent}{kind}",)
        grid.add_row(indent + _amount(found, cause), *cells, Text(status, style=_STYLES.get(status, "")))
    left, gap = found.unexplained, found.gap
    if left is not None:
        part = bar(left.contribution / gap.difference) if gap and gap.difference else ""
        grid.add_row(_amount(found, left), *([part] if wide else []), "unexplained")
    return grid


def _amount(found: Investigation, term: Cause | Remainder) -> str:
    digits = words.digits(found)
    interval = words.interval(term.low, term.high, digits) or "[not identified]"
    return f"{words.number(term.contribution, digits, True)} {interval}"


def bar(share: float | None) -> str:
    """Return a bar as long as a share of the gap; a lighter one where it works against the gap."""
    if share is None or not math.isfinite(share):
        return ""
    eighths = round(min(abs(share), 1.0) * _BAR * 8)
    if share < 0:
        return "▒" * max(1, round(eighths / 8))
    return "█" * (eighths // 8) + (_EIGHTHS[eighths % 8].strip() or ("▏" if eighths == 0 else ""))
