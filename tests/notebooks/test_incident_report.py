"""The notebook is run once, on an investigation with every feature and with hostile names in it."""

from __future__ import annotations

import ast
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
import nbformat
import pytest
from rca import report
from rca.report import document, share
from tests.report.example import checked, investigation

HOSTILE = "<img src=x onerror=alert(1)>[red]$x$"
SECTIONS = [
    "Verdict",
    "Where the gap comes from",
    "Causes",
    "Findings",
    "Ruled out",
    "Not testable",
    "What was run",
    "Provenance",
]
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    text = investigation().to_json().replace("campaign", json.dumps(HOSTILE)[1:-1])
    path = tmp_path_factory.mktemp("report") / "report.html"
    report.write(document.parse(json.loads(text)), path)
    return path.read_text(encoding="utf-8")


class Reader(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[Any]) -> None:
        self.tags.append((tag, dict(attrs)))


def test_it_is_one_small_file_that_asks_for_nothing(page: str) -> None:
    assert len(page.encode()) < 1_000_000
    assert "<script" not in page.lower()
    tags = Reader(page).tags
    assert not [tag for tag, _ in tags if tag in {"script", "link", "iframe", "object", "embed", "form", "base"}]
    for _, attributes in tags:
        assert not [name for name in attributes if name.startswith("on")]
        for name in ("src", "href", "srcset", "action"):
            assert (attributes.get(name) or "#").startswith(("#", "data:image/png;base64,"))
    assert "url(" not in page
    assert "@import" not in page
    policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    assert ("meta", {"http-equiv": "Content-Security-Policy", "content": policy}) in tags


def test_it_begins_with_the_verdict(page: str) -> None:
    assert "<title>term-deposit: cause found</title>" in page
    main = page.partition("<main>")[2]
    order = [
        main.index(part) for part in ("<h1>term-deposit", "A broken feed explains", "0.231", "<figure>", "<table>")
    ]
    assert order == sorted(order)


def test_the_contents_list_the_headings(page: str) -> None:
    contents = re.findall(r'<li><a href="#([^"]+)">([^<]+)</a></li>', page.partition("</nav>")[0])
    assert [text for _, text in contents] == SECTIONS
    for anchor, _ in contents:
        assert f'<h2 id="{anchor}">' in page


def test_the_code_is_hidden(page: str) -> None:
    for code in ("from rca.report", "html.verdict", "document.read", "Out[", "In [", "# Parameters"):
        assert code not in page


def test_findings_and_causes_have_anchors_that_links_meet(page: str) -> None:
    tags = Reader(page).tags
    anchors = [attributes["id"] for _, attributes in tags if "id" in attributes]
    assert len(anchors) == len(set(anchors))
    assert {f"finding-{f.id}" for f in investigation().findings} <= set(anchors)
    assert {f"cause-{c.rank}" for c in investigation().causes} <= set(anchors)
    assert {str(a["href"])[1:] for _, a in tags if "href" in a} <= set(anchors)


def test_hostile_names_are_only_text(page: str) -> None:
    assert "<img src=x" not in page
    assert "&lt;img src=x onerror=alert(1)&gt;[red]$x$" in page


def test_failures_and_gaps_are_told(page: str) -> None:
    for text in ("MemoryError", "no key joins both sides", "formatting only", "no events file is named"):
        assert text in page


def test_nothing_of_this_machine_is_in_it(page: str) -> None:
    assert str(Path.cwd()) not in page
    assert "/tmp" not in page


def test_a_check_is_a_report_and_a_notebook_too(tmp_path: Path) -> None:
    path = Path(report.write(checked(), tmp_path / "weekly.ipynb", title="Weekly check"))
    assert sorted(file.name for file in tmp_path.iterdir()) == ["weekly.ipynb", "weekly.json"]
    assert document.read(tmp_path / "weekly.json") == checked()
    ran = nbformat.read(path, 4)
    assert 'investigation = "weekly.json"' in "".join(cell.source for cell in ran.cells)
    assert "Weekly check" in json.dumps(ran)
    assert str(tmp_path) not in json.dumps(ran)


def test_the_source_has_no_outputs_and_only_calls_rca() -> None:
    source = nbformat.read(share("notebooks/incident_report.ipynb"), 4)
    for cell in source.cells:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None
        if cell.cell_type == "code":
            assert len(ast.parse(cell.source).body) <= 4
