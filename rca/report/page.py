"""A notebook that ran as one HTML file: no code, no script, nothing loaded from anywhere."""

from __future__ import annotations

import html
import re
from pathlib import Path

from markupsafe import Markup

from rca.report.html import template

#: What of an output is shown; never JavaScript or widgets.
_SHOWN = {"text/html", "image/png", "image/jpeg", "text/markdown", "text/plain"}
_HEADING = re.compile(r'<h2 id="([^"]+)">(.*?)(?:<a class="anchor-link".*?)?</h2>', re.S)


def render(notebook: str | Path, title: str) -> str:
    """Return the page of a notebook that was run; its headings of the second level are the table of contents."""
    import nbformat
    from nbconvert import HTMLExporter

    ran = nbformat.read(notebook, as_version=4)
    ran.metadata.pop("widgets", None)
    for cell in ran.cells:
        for output in cell.get("outputs", []):
            if "data" in output:
                output.data = {kind: data for kind, data in output.data.items() if kind in _SHOWN}
        if "outputs" in cell:
            # and not what libraries say to who runs them
            cell.outputs = [o for o in cell.outputs if o.get("data", True) and o.get("name") != "stderr"]
    hidden = dict.fromkeys(("exclude_input", "exclude_input_prompt", "exclude_output_prompt"), True)
    body, _ = HTMLExporter(template_name="basic", **hidden).from_notebook_node(ran)
    style = Path(__file__).with_name("page.css").read_text(encoding="utf-8")
    plain = [(html.unescape(anchor), Markup(text).striptags()) for anchor, text in _HEADING.findall(body)]  # noqa: S704
    return template("page.html.j2").render(title=title, style=style, headings=plain, body=body)
