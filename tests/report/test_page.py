from __future__ import annotations

from typing import TYPE_CHECKING, Any
import nbformat
from rca.report import notebook

if TYPE_CHECKING:
    from pathlib import Path


def test_what_a_notebook_may_hold_is_shown_without_script(tmp_path: Path) -> None:
    v4: Any = nbformat.v4
    outputs = [
        v4.new_output("display_data", {"application/javascript": "alert(1)"}),
        v4.new_output("display_data", {"application/vnd.jupyter.widget-view+json": {"model_id": "x"}}),
        v4.new_output("stream", name="stdout", text="<script>alert(1)</script>"),
        v4.new_output("stream", name="stderr", text="a library says /home/me"),
        v4.new_output("display_data", {"text/plain": "plain & simple", "application/javascript": "alert(1)"}),
    ]
    code = v4.new_code_cell("secret = 1", outputs=outputs, execution_count=1, id="a")
    file = tmp_path / "x.ipynb"
    nbformat.write(v4.new_notebook(cells=[v4.new_markdown_cell("## One & *two*", id="b"), code]), file)
    shown = notebook.page(file, "a < b")
    assert "<script" not in shown
    assert "secret" not in shown
    assert "/home/me" not in shown
    assert "plain &amp; simple" in shown
    assert "<title>a &lt; b</title>" in shown
    assert '<li><a href="#One-&amp;-two">One &amp; two</a></li>' in shown
