from __future__ import annotations

from dataclasses import replace
from typing import Any
import numpy as np
import pandas as pd
import pytest
from rca import plots
from rca.errors import NotApplicable
from rca.inputs.attribute import attribute
from tests.report.example import checked, investigation


def texts(figure: Any) -> list[str]:
    return [text.get_text() for axes in figure.axes for text in axes.texts]


def test_a_figure_is_small_and_the_same_again() -> None:
    first, second = plots.png(plots.waterfall(investigation())), plots.png(plots.waterfall(investigation()))
    assert first == second
    assert first.startswith(b"\x89PNG")
    assert len(first) < 60_000


def test_the_waterfall_ends_at_the_current_value() -> None:
    figure: Any = plots.waterfall(investigation())
    shown = texts(figure)
    assert [t for t in shown if t in ("0.231", "0.412")] == ["0.231", "0.412"]
    assert "data.train" in shown
    assert "data.train.campaign" not in shown  # it is part of the step of data.train
    bars = figure.axes[0].patches
    assert len(bars) == 5
    last = bars[-1]
    assert last.get_x() + last.get_width() == pytest.approx(0.412)


def test_what_helped_is_hatched() -> None:
    bars: Any = plots.waterfall(investigation()).axes[0].patches
    assert [bool(bar.get_hatch()) for bar in bars] == [False, False, True, False, False]


@pytest.mark.parametrize("name", ["$x_$ \\frac", "[red]", "\x1b[31m", "日本語 😀", "x" * 500, "\u202e", ""])
def test_any_name_can_be_drawn(name: str) -> None:
    found = investigation()
    causes = tuple(replace(cause, subject=name) for cause in found.causes)
    assert found.gap is not None
    named = replace(
        found, causes=causes, gap=replace(found.gap, metric=name), reference=replace(found.reference, rev=name or None)
    )
    assert len(plots.png(plots.waterfall(named))) < 60_000


def test_there_is_nothing_to_draw_without_a_gap() -> None:
    with pytest.raises(NotApplicable, match="no gap to draw"):
        plots.waterfall(checked())


def test_a_cause_that_is_not_identified_is_said_so() -> None:
    found = investigation()
    nan = float("nan")
    unknown = replace(found.causes[3], contribution=nan, low=nan, high=nan)
    assert "not identified" in texts(plots.waterfall(replace(found, causes=(*found.causes[:3], unknown))))


def test_many_causes_are_drawn_together() -> None:
    found = investigation()
    many = tuple(replace(found.causes[0], rank=i, contribution=0.181 / 40) for i in range(1, 41))
    crowded = replace(found, causes=many, unexplained=None)
    figure: Any = plots.waterfall(crowded)
    assert len(figure.axes[0].patches) == plots.MOST == 10
    assert "31 more causes" in texts(figure)
    assert len(plots.png(figure)) < 120_000


def test_a_figure_shows_itself() -> None:
    figure: Any = investigation().plot()
    assert figure._repr_png_().startswith(b"\x89PNG")


def test_the_settings_of_the_reader_change_nothing() -> None:
    import matplotlib as mpl

    plain = plots.png(plots.waterfall(investigation()))
    with mpl.rc_context({"font.size": 20, "axes.facecolor": "red", "savefig.transparent": True}):
        assert plots.png(plots.waterfall(investigation())) == plain
        assert mpl.rcParams["font.size"] == 20


def test_the_terms_of_an_attribution_are_drawn() -> None:
    draw = np.random.default_rng(0)

    def served(mean: float) -> pd.DataFrame:
        table = pd.DataFrame({"rate": draw.normal(mean, 1, 400), "age": draw.normal(40, 9, 400)})
        return table.assign(y=table["rate"] + draw.normal(size=400))

    found = attribute(served(0), served(1), target="y", groups={"api": ["rate"]})
    figure: Any = found.plot()
    assert {"support", "covariate", "concept", "api"} <= set(texts(figure))
    assert {bar.get_x() for bar in figure.axes[0].patches} == {0.0}


def test_the_course_of_time_and_the_sources_are_drawn() -> None:
    draw = np.random.default_rng(0)
    at = pd.Series(pd.date_range("2024-01-01", periods=1600, freq="h"))
    table = pd.DataFrame(
        {"rate": draw.normal(at >= pd.Timestamp("2024-02-10"), 1), "$a$": draw.normal(size=1600), "at": at}
    )
    table["y"] = table["rate"] + draw.normal(0, 0.3, 1600)
    events = pd.DataFrame({"time": [pd.Timestamp("2024-02-10")], "name": ["$feed$ v2"]})
    found = attribute(
        table[:800], table[800:], target="y", groups={"api": ["rate"], "$": ["$a$"]}, time="at", events=events
    )
    figure = plots.over_time(found)
    assert any("$feed$ v2" in text for text in texts(figure))
    assert plots.png(figure) == plots.png(plots.over_time(found))
    (axes,) = plots.heat(found).axes
    assert {label.get_text() for label in axes.get_yticklabels()} == {"(whole term)", "api", "$"}
    assert plots.png(plots.heat(found)).startswith(b"\x89PNG")
    named = attribute(table[:800], table[800:], target="y", groups={"(whole term)": ["rate"], "$": ["$a$"]})
    assert len(plots.heat(named).axes[0].get_yticklabels()) == 3
    with pytest.raises(NotApplicable, match="no time column"):
        plots.over_time(attribute(table[:800], table[800:], target="y"))


def test_a_term_that_is_not_identified_has_no_number_in_the_heat_map() -> None:
    draw = np.random.default_rng(0)
    p, q = (pd.DataFrame(draw.normal(mean, 1, (800, 4)), columns=list("abcd")) for mean in (0, 2.5))
    found = attribute(*(t.assign(y=t["a"] + draw.normal(size=800)) for t in (p, q)), target="y")
    frame = found.frame()
    assert "not_identified" in set(frame["status"])
    numbers = [text.get_text() for text in plots.heat(found).axes[0].texts]
    assert sum(map(bool, numbers)) == (frame["status"] == "identified").sum()
