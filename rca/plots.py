"""The figures: the only importer of matplotlib.

They are drawn without a global state, so that any thread and any server can draw them, and the
same investigation gives the same bytes.
"""

from __future__ import annotations

import io
import math
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.font_manager import findfont, get_font
from matplotlib.patches import Patch

from rca.errors import NotApplicable
from rca.words import clean, hurts, interval, nested, number, places, status

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rca.inputs.attribute import Attribution
    from rca.types import Gap, Investigation

#: Colours of the pillars that colour-blind readers tell apart (Okabe and Ito, 2008).
COLOURS = {"integrity": "#0072B2", "evolution": "#D55E00", "inputs": "#009E73", "": "#8A8F98"}
DPI = 110
_LEFT = -0.652  # where the labels begin, in widths of the axes
_FONT = "DejaVu Sans"  # it comes with matplotlib, so it is the same everywhere
_INK, _FAINT = "#1f2328", "#6b7280"


class Drawing(Figure):
    """A figure that shows itself in Jupyter without pyplot."""

    def _repr_png_(self) -> bytes:
        return png(self)


@dataclass(frozen=True, slots=True)
class _Row:
    label: str
    note: str
    pillar: str
    size: float
    low: float = math.nan
    high: float = math.nan
    depth: int = 0


def waterfall(investigation: Investigation) -> Figure:
    """Draw the gap: the reference value, a step for each cause, what is left over, the current value.

    Only the causes on top are steps; those within another are part of its step. The axis does not
    start at zero, so both values are marks and not bars.

    Raises
    ------
    NotApplicable
        If the investigation has no gap, as a check or a diff has none.
    """
    gap = _gap(investigation)
    rows = _rows(investigation, 10, deepest=0)
    starts, value = [], gap.reference
    for row in rows:
        starts.append(value)
        value += row.size if math.isfinite(row.size) else 0.0
    with _style():
        figure, axes = _canvas(len(rows) + 2)
        _mark(axes, 0, gap.reference, "reference", investigation.reference.rev, places(gap.difference))
        for y, (row, start) in enumerate(zip(rows, starts, strict=True), start=1):
            axes.plot([start, start], [y - 1, y], color=_FAINT, lw=0.8, ls=":", zorder=1)
            _bar(axes, y, start, row, gap, places(gap.difference))
        last = len(rows) + 1
        axes.plot([value, value], [last - 1, last], color=_FAINT, lw=0.8, ls=":", zorder=1)
        _mark(axes, last, gap.current, "current", investigation.current.rev, places(gap.difference))
        _finish(figure, axes, rows, gap)
    return figure


def contributions(investigation: Investigation) -> Figure:
    """Draw every cause from zero, those within another indented below it.

    Raises
    ------
    NotApplicable
        If the investigation has no gap.
    """
    return _from_zero(_rows(investigation, 24), _gap(investigation))


def terms(attribution: Attribution) -> Figure:
    """Draw support, covariate and concept from zero, with the groups of inputs indented below their term."""
    frame, gap = attribution.frame(), attribution.gap
    order = [(term, frame[frame["term"] == term]) for term in dict.fromkeys(frame["term"])]
    rows = [
        _Row(
            part.term if part.group is None else str(part.group),
            part.status.replace("_", " "),
            "inputs",
            part.contribution,
            part.low,
            part.high,
            depth=int(part.group is not None),
        )
        for _, parts in order
        for part in parts.itertuples()
    ]
    return _from_zero(rows, gap)


def _from_zero(rows: Sequence[_Row], gap: Gap) -> Figure:
    with _style():
        figure, axes = _canvas(max(1, len(rows)))
        axes.axvline(0, color=_FAINT, lw=0.8, zorder=1)
        for y, row in enumerate(rows):
            _bar(axes, y, 0.0, row, gap, places(gap.difference))
        _finish(figure, axes, rows, gap, "points of ")
    return figure


def png(figure: Figure) -> bytes:
    """Return the figure as PNG; the same figure gives the same bytes."""
    from PIL import Image

    full, small = io.BytesIO(), io.BytesIO()
    with _style():
        figure.savefig(full, format="png", dpi=DPI, metadata={"Software": None})
    # few colours are in it, and a palette of them takes a third of the bytes
    image = Image.open(full).convert("RGB").quantize(128, dither=Image.Dither.NONE)
    image.save(small, format="png", optimize=True, dpi=(DPI, DPI))
    return small.getvalue()


def _gap(investigation: Investigation) -> Gap:
    gap = investigation.gap
    if gap is None or not (math.isfinite(gap.reference) and math.isfinite(gap.current)):
        raise NotApplicable("there is no gap to draw: a check and a diff measure none.")
    return gap


def _rows(investigation: Investigation, most: int, deepest: float = math.inf) -> list[_Row]:
    rows = [
        _Row(c.subject, f"{c.kind.replace('_', ' ')} · {status(c)}", c.pillar, c.contribution, c.low, c.high, depth)
        for c, depth in nested(investigation.causes)
        if depth <= deepest
    ]
    if len(rows) > most:
        total = math.fsum(row.size for row in rows[most - 1 :] if row.depth == 0 and math.isfinite(row.size))
        rows[most - 1 :] = [_Row(f"{len(rows) - most + 1} more causes", "together", "", total)]
    left = investigation.unexplained
    if left is not None:
        rows.append(_Row("unexplained", "what the causes leave", "", left.contribution, left.low, left.high))
    return rows


@contextmanager
def _style() -> Iterator[None]:
    # the reader's own matplotlibrc must not change a report
    settings = {**mpl.rcParamsDefault, "font.family": [_FONT], "font.size": 9, "hatch.linewidth": 1.1}
    settings = {key: value for key, value in settings.items() if key not in ("backend", "backend_fallback")}
    with mpl.rc_context(settings):
        yield


def _canvas(rows: int) -> tuple[Figure, Any]:
    height = 0.43 * rows + 0.95
    figure = Drawing(figsize=(9.4, height), facecolor="white")
    axes = figure.add_axes((0.335, 0.56 / height, 0.50, 1 - 0.95 / height))
    axes.set_ylim(rows - 0.4, -0.6)
    axes.use_sticky_edges = False  # a bar that touches the frame looks cut off
    axes.set_yticks([])
    return figure, axes


def _text(axes: Any, x: float, y: float, text: str, **options: Any) -> None:
    """Write text from data beside the axes: dollar signs are no formulas."""
    options = {"va": "center", "color": _INK, "transform": axes.get_yaxis_transform(), **options}
    axes.text(x, y, _drawable(text), parse_math=False, **options)


@cache
def _glyphs() -> frozenset[str]:
    return frozenset(map(chr, get_font(findfont(_FONT)).get_charmap()))


def _drawable(text: str) -> str:
    return "".join(c if c in _glyphs() else "\u25a1" for c in clean(text))


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most // 2]}…{text[-(most // 2 - 1) :]}"


def _label(axes: Any, y: float, label: str, note: str, depth: int = 0) -> None:
    x = _LEFT + 0.05 * depth
    _text(axes, x, y - 0.17, _short(clean(label), 42 - 3 * depth))
    _text(axes, x, y + 0.22, note, size=7.5, color=_FAINT)


def _mark(axes: Any, y: float, value: float, side: str, rev: str | None, decimals: int) -> None:
    axes.plot([value], [y], marker="D", ms=6, color=_INK, zorder=3)
    _text(axes, 1.03, y, number(value, decimals), weight="bold")
    _text(axes, _LEFT, y, side if not rev else f"{side}  {_short(clean(rev), 26)}", weight="bold")


def _bar(axes: Any, y: int, start: float, row: _Row, gap: Gap, decimals: int) -> None:
    _label(axes, y, row.label, row.note, row.depth)
    if not math.isfinite(row.size):
        _text(axes, 1.03, y, "not identified", color=_FAINT)
        return
    colour, bad = COLOURS[row.pillar], hurts(gap, row.size)
    look = {"facecolor": colour} if bad else {"facecolor": "white", "hatch": "////"}
    axes.barh(y, row.size, left=start, height=0.56 if row.depth == 0 else 0.36, edgecolor=colour, zorder=2, **look)
    if math.isfinite(row.low) and math.isfinite(row.high):
        axes.plot([start + row.low, start + row.high], [y, y], color=_INK, lw=1.2, marker="|", ms=6, zorder=3)
    _text(axes, 1.03, y - 0.17, number(row.size, decimals, True))
    _text(axes, 1.03, y + 0.22, interval(row.low, row.high, decimals), size=7.5, color=_FAINT)


def _finish(figure: Figure, axes: Any, rows: Sequence[_Row], gap: Gap, unit: str = "") -> None:
    from rca.metrics import LOSSES

    axes.margins(x=0.06)
    worse = "right" if gap.metric in LOSSES else "left"
    axes.set_xlabel(_drawable(f"{unit}{gap.metric} ({worse} is worse)"), parse_math=False, color=_FAINT, size=8)
    axes.tick_params(axis="x", colors=_FAINT, labelsize=8, length=3)
    axes.locator_params(axis="x", nbins=6)
    axes.grid(axis="x", color="#e5e7eb", lw=0.7, zorder=0)
    axes.set_axisbelow(True)
    for side in ("top", "left", "right"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color("#d1d5db")
    seen = [pillar for pillar in ("integrity", "evolution", "inputs") if any(row.pillar == pillar for row in rows)]
    keys = [Patch(facecolor=COLOURS[pillar], edgecolor=COLOURS[pillar], label=pillar) for pillar in seen]
    if any(math.isfinite(row.size) and row.size and not hurts(gap, row.size) for row in rows):
        keys.append(Patch(facecolor="white", edgecolor=_FAINT, hatch="////", label="helped"))
    if keys:
        place = {"loc": "upper left", "bbox_to_anchor": (0.0, 1.0), "ncols": 4}
        figure.legend(handles=keys, frameon=False, fontsize=8, labelcolor=_FAINT, **place)
