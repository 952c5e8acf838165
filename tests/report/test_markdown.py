from __future__ import annotations

import json
import re
from dataclasses import replace
import pytest
from rca.report import document, markdown
from rca.types import Finding
from tests.report.example import checked, investigation

HOSTILE = "a|b`c`<img src=x onerror=alert(1)>@everyone #12 [x](http://evil.example)\n# big"


def test_it_has_the_verdict_the_table_and_what_is_no_cause() -> None:
    view = markdown.render(investigation())
    for part in ("### Cause found", "| contribution |", "↳ `data.train.campaign`", "**Ruled out**", "**Not testable**"):
        assert part in view
    assert len(view) < 4000


def test_every_row_has_as_many_cells() -> None:
    hostile = document.parse(json.loads(investigation().to_json().replace("euribor3m", json.dumps(HOSTILE)[1:-1])))
    rows = [line for line in markdown.render(hostile).splitlines() if line.startswith("|")]
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {6}


@pytest.mark.parametrize(
    "found", [replace(investigation(), summary=HOSTILE, system=HOSTILE), replace(checked(), summary=HOSTILE)]
)
def test_text_from_data_stays_text(found: object) -> None:
    view = markdown.render(found)  # type: ignore[arg-type]  # an Investigation, which the parameter list hides
    assert "<img" not in view
    assert "@everyone" not in view
    assert "http://" not in view
    assert "\n# big" not in view


def test_a_comment_has_room_for_it() -> None:
    many = tuple(Finding("RCA101", "missing_values", f"data.c{i}", "empty " * 1000, id=f"F{i}") for i in range(500))
    view = markdown.render(replace(checked(), findings=many))
    assert len(view.encode()) < 60_000
    assert "and 485 more" in view


def test_text_from_data_is_shown_and_not_obeyed() -> None:
    assert markdown.escape("a|b <img> @all see #1") == r"a\|b &lt;img&gt; @<!-- -->all see #<!-- -->1"
    assert markdown.code("data.train.age") == "`data.train.age`"
    assert markdown.code("a`b|c") == r"<code>a\`b\|c</code>"
