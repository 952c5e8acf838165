"""The figures, the only importer of matplotlib: drawn without a global state, the same bytes for the same answer."""

import io
import math
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, NamedTuple
import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.font_manager import findfont, get_font
from matplotlib.patches import Patch
from rca.errors import NotApplicable
from rca.inputs.attribute import Attribution
from rca.metrics import lower_is_better
from rca.types import Gap, Investigation
from rca.words import COLOURS, clean, hurts, interval, number, places, status

#: Causes that are drawn one by one; smaller ones share a step.
MOST = 10
_LEFT = -0.652  # where the labels begin, in widths of the axes
#: What can be drawn in the font that comes with matplotlib, so that it is the same everywhere.
_GLYPHS = frozenset(map(chr, get_font(findfont("DejaVu Sans")).get_charmap()))
_INK, _FAINT = "#1f2328", "#6b7280"


class Drawing(Figure):
    """A figure that shows itself in Jupyter without pyplot."""

    def _repr_png_(self) -> bytes:
        return png(self)


class _Row(NamedTuple):
    label: str
    note: str
    pillar: str
    size: float
    low: float = math.nan
    high: float = math.nan
    depth: int = 0


def waterfall(investigation: Investigation) -> Figure:
    """Draw the gap: the reference value, a step for each cause on top, what is left over, the current value."""
    gap = investigation.gap
    if gap is None or not (math.isfinite(gap.reference) and math.isfinite(gap.current)):
        raise NotApplicable("there is no gap to draw: a check and a diff measure none.")
    rows = _steps(investigation)
    levels = np.cumsum([gap.reference, *(row.size if math.isfinite(row.size) else 0.0 for row in rows)])
    with _drawn(len(rows) + 2, rows, gap) as (figure, axes):
        _mark(axes, 0, gap.reference, "reference", investigation.reference.rev, gap)
        for y, value in enumerate(levels):
            axes.plot([value, value], [y, y + 1], color=_FAINT, lw=0.8, ls=":", zorder=1)
        for y, (value, row) in enumerate(zip(levels, rows, strict=False), start=1):
            _bar(axes, y, value, row, gap)
        _mark(axes, len(levels), gap.current, "current", investigation.current.rev, gap)
    return figure


def terms(attribution: Attribution) -> Figure:
    """Draw support, covariate and concept from zero, with the groups of inputs indented below their term."""
    rows = [
        _Row(str(group or term), status.replace("_", " "), "inputs", size, low, high, int(group is not None))
        for term, group, size, low, high, status in attribution.frame().to_numpy().tolist()
    ]
    with _drawn(len(rows), rows, attribution.gap, "points of ") as (figure, axes):
        axes.axvline(0, color=_FAINT, lw=0.8, zorder=1)
        for y, row in enumerate(rows):
            _bar(axes, y, 0.0, row, attribution.gap)
    return figure


def over_time(attribution: Attribution) -> Figure:
    """Draw what a row costs or gains over time, on both sides, with the change points of that and their events."""
    sides = attribution.history.groupby("side", sort=False)
    loss: Any = attribution.change_points.query("series == 'loss'").itertuples()
    with _style():
        figure = Drawing(figsize=(9.4, 3.2))
        axes = figure.add_axes((0.08, 0.14, 0.89, 0.72))
        for (side, part), colour in zip(sides, reversed(COLOURS.values()), strict=False):
            axes.plot(part["time"], part["mean"], marker="o", ms=3, color=colour, label=side)
            axes.fill_between(part["time"], part["low"], part["high"], color=colour, alpha=0.15, lw=0)
        for point in loss:
            axes.axvspan(point.low, point.high, color=_FAINT, alpha=0.2, lw=0)
            axes.axvline(point.time, color=_INK, lw=0.9)
            told = _drawable(f"{point.time:%Y-%m-%d} {point.event or ''}")
            axes.text(point.time, 1.03, told, transform=axes.get_xaxis_transform(), parse_math=False, size=7.5)
        axes.set_ylabel(_drawable(f"a row's part in {attribution.gap.metric}"), parse_math=False)
        axes.legend(loc="upper left")
    return figure


def heat(attribution: Attribution) -> Figure:
    """Draw which source of inputs moved the metric in which term, as a heat map; a term of no source is its own row."""
    frame = attribution.frame()
    frame["whole"] = frame["group"].isna()  # a group may have any name
    frame["contribution"] = frame["contribution"].where(frame["status"] == "identified")
    named = frame.fillna({"group": "(whole term)"}).set_index(["whole", "group", "term"])
    cells: Any = named["contribution"].unstack()[list(frame["term"].unique())]
    most = float(np.abs(np.nan_to_num(cells)).max()) or 1.0
    tone = "RdBu_r" if lower_is_better(attribution.gap.metric) else "RdBu"  # what hurts is red
    with _style():
        figure = Drawing(figsize=(6.4, 0.5 * len(cells) + 0.9))
        axes = figure.add_axes((0.3, 0.05, 0.68, 0.8))
        axes.imshow(cells.to_numpy(float), cmap=tone, vmin=-1.5 * most, vmax=1.5 * most, aspect="auto")
        axes.set_xticks(range(cells.shape[1]), cells.columns)
        axes.set_yticks(range(len(cells)), [_short(_drawable(name), 30) for _, name in cells.index], parse_math=False)
        axes.xaxis.tick_top()
        axes.grid(visible=False)
        for (y, x), value in np.ndenumerate(cells.to_numpy(float)):
            axes.text(x, y, number(value, places(most), True) if np.isfinite(value) else "", ha="center", va="center")
    return figure


def png(figure: Figure) -> bytes:
    """Return the figure as PNG; the same figure gives the same bytes."""
    image = io.BytesIO()
    with _style():
        figure.savefig(image, format="png", dpi=110, metadata={"Software": None})
    return image.getvalue()


def _steps(investigation: Investigation) -> list[_Row]:
    rows = [
        _Row(c.subject, f"{c.kind.replace('_', ' ')} · {status(c)}", c.pillar, c.contribution, c.low, c.high)
        for c in investigation.causes
        if c.within is None
    ]
    if len(rows) > MOST:
        total = math.fsum(row.size for row in rows[MOST - 1 :] if math.isfinite(row.size))
        rows[MOST - 1 :] = [_Row(f"{len(rows) - MOST + 1} more causes", "together", "", total)]
    if (left := investigation.unexplained) is not None:
        rows.append(_Row("unexplained", "what the causes leave", "", left.contribution, left.low, left.high))
    return rows


def _style() -> AbstractContextManager[None]:
    # the reader's own matplotlibrc must not change a report
    settings = mpl.rc_params_from_file(Path(__file__).with_suffix(".mplstyle"))
    return mpl.rc_context({k: v for k, v in settings.items() if k not in ("backend", "backend_fallback")})


@contextmanager
def _drawn(height: int, rows: Sequence[_Row], gap: Gap, unit: str = "") -> Iterator[tuple[Figure, Any]]:
    """Give a figure with axes for so many rows; when they are drawn, label and clear the axes and explain the bars."""
    inches = 0.43 * height + 0.95
    with _style():
        figure = Drawing(figsize=(9.4, inches))
        axes = figure.add_axes((0.335, 0.56 / inches, 0.50, 1 - 0.95 / inches))
        axes.set_ylim(height - 0.4, -0.6)
        axes.use_sticky_edges = False  # a bar that touches the frame looks cut off
        axes.set_yticks([])
        yield figure, axes
        worse = "right" if lower_is_better(gap.metric) else "left"
        axes.set_xlabel(_drawable(f"{unit}{gap.metric} ({worse} is worse)"), parse_math=False)
        axes.locator_params(axis="x", nbins=6)
        seen = {row.pillar for row in rows}
        keys = [Patch(facecolor=c, edgecolor=c, label=name) for name, c in COLOURS.items() if name and name in seen]
        if any(row.size and not hurts(gap, row.size) for row in rows if math.isfinite(row.size)):
            keys.append(Patch(facecolor="white", edgecolor=_FAINT, hatch="////", label="helped"))
        if keys:
            figure.legend(handles=keys, loc="upper left", bbox_to_anchor=(0.0, 1.0), ncols=4)


def _text(axes: Any, x: float, y: float, text: str, **options: Any) -> None:
    options = {"va": "center", "color": _INK, "transform": axes.get_yaxis_transform(), **options}
    axes.text(x, y, _drawable(text), parse_math=False, **options)  # dollar signs are no formulas


def _drawable(text: str) -> str:
    return "".join(c if c in _GLYPHS else "\u25a1" for c in clean(text))


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most // 2]}…{text[-(most // 2 - 1) :]}"


def _mark(axes: Any, y: float, value: float, side: str, rev: str | None, gap: Gap) -> None:
    axes.plot([value], [y], marker="D", ms=6, color=_INK, zorder=3)
    _text(axes, 1.03, y, number(value, places(gap.difference)), weight="bold")
    _text(axes, _LEFT, y, f"{side}  {_short(clean(rev), 26)}" if rev else side, weight="bold")


def _bar(axes: Any, y: int, start: float, row: _Row, gap: Gap) -> None:
    decimals, left, colour = places(gap.difference), _LEFT + 0.05 * row.depth, COLOURS[row.pillar]
    _text(axes, left, y - 0.17, _short(clean(row.label), 42 - 3 * row.depth))
    _text(axes, left, y + 0.22, row.note, size=7.5, color=_FAINT)
    if not math.isfinite(row.size):
        _text(axes, 1.03, y, "not identified", color=_FAINT)
        return
    look = {"facecolor": colour} if hurts(gap, row.size) else {"facecolor": "white", "hatch": "////"}
    axes.barh(y, row.size, left=start, height=0.56 if row.depth == 0 else 0.36, edgecolor=colour, zorder=2, **look)
    axes.plot([start + row.low, start + row.high], [y, y], color=_INK, lw=1.2, marker="|", ms=6, zorder=3)
    _text(axes, 1.03, y - 0.17, number(row.size, decimals, True))
    _text(axes, 1.03, y + 0.22, interval(row.low, row.high, decimals), size=7.5, color=_FAINT)
