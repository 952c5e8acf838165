"""A notebook that ran as one HTML file: no code, no script, nothing loaded from anywhere."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from rca.report.html import template

#: What of an output is shown; never JavaScript or widgets.
_SHOWN = {"text/html", "image/png", "image/jpeg", "text/markdown", "text/plain"}


def render(notebook: str | Path, title: str) -> str:
    """Return the page of a notebook that was run.

    Parameters
    ----------
    notebook : str or Path
        The notebook with its outputs. Its headings of the second level are the table of contents.
    title : str
        The title of the window.
    """
    import nbformat
    from nbconvert import HTMLExporter

    exporter = HTMLExporter(
        template_name="basic", exclude_input=True, exclude_input_prompt=True, exclude_output_prompt=True
    )
    body, _ = exporter.from_notebook_node(_harmless(nbformat.read(notebook, as_version=4)))
    style = Path(__file__).with_name("page.css").read_text(encoding="utf-8")
    return template("page.html.j2").render(title=title, style=style, headings=headings(body), body=body)


def _harmless(ran: Any) -> Any:
    """Leave of each output only what needs no script, and not what libraries say to who runs them."""
    for cell in ran.cells:
        for output in cell.get("outputs", []):
            if "data" in output:
                output.data = {kind: data for kind, data in output.data.items() if kind in _SHOWN}
        if "outputs" in cell:
            cell.outputs = [o for o in cell.outputs if o.get("data", True) and o.get("name") != "stderr"]
    ran.metadata.pop("widgets", None)
    return ran


def headings(body: str) -> list[tuple[str, str]]:
    """Return anchor and text of each heading of the second level.

    Examples
    --------
    >>> headings('<h2 id="Ruled-out">Ruled <i>out</i><a class="anchor-link" href="#Ruled-out">¶</a></h2><h3>x</h3>')
    [('Ruled-out', 'Ruled out')]
    """
    reader = _Headings()
    reader.feed(body)
    return reader.found


class _Headings(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, str]] = []
        self._anchor: str | None = None
        self._text = ""
        self._link = False

    def handle_starttag(self, tag: str, attrs: list[Any]) -> None:
        if tag == "h2":
            self._anchor, self._text = dict(attrs).get("id"), ""
        self._link = tag == "a" and dict(attrs).get("class") == "anchor-link"

    def handle_data(self, data: str) -> None:
        if not self._link:
            self._text += data

    def handle_endtag(self, tag: str) -> None:
        self._link = False
        if tag == "h2" and self._anchor:
            self.found.append((self._anchor, self._text.strip()))
            self._anchor = None
