from __future__ import annotations

import json
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any
import pytest
from rca.report import document, html
from rca.types import Finding, Investigation
from tests.report.example import checked, investigation

HOSTILE = '"><img src=x onerror=alert(1)><script>alert(1)</script>\x1b[31m'


class Tags(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[Any]) -> None:
        self.tags.append((tag, dict(attrs)))


def sections(found: Investigation) -> str:
    parts = [html.heading(found, found.system), html.verdict(found), html.waterfall(found), html.causes(found)]
    parts += [html.findings(found), html.rejected(found.ruled_out), html.rejected(found.not_testable)]
    return "\n".join([*parts, html.outcomes(found), html.provenance(found)])


def everything_named(name: str) -> Investigation:
    """Put a text in the place of every text that the schema leaves free."""
    raw = investigation().to_dict()
    raw["system"] = raw["summary"] = name
    raw["reference"] = raw["current"] = {"rev": name, "commit": name, "data": name}
    raw["gap"]["metric"] = name
    for cause in raw["causes"]:
        texts = dict.fromkeys(("subject", "stage", "summary", "counterfactual", "reproduce"), name)
        cause |= {**texts, "mitigations": [name], "findings": [name]}
    for item in raw["ruled_out"] + raw["not_testable"]:
        item |= {"subject": name, "reason": name, "findings": [name]}
    for outcome in raw["outcomes"]:
        outcome |= {"code": name, "title": name, "reason": name, "findings": [name]}
    for finding in raw["findings"]:
        texts = dict.fromkeys(("id", "code", "kind", "subject", "stage", "text"), name)
        finding |= {
            **texts,
            "evidence": {name: name, "list": [name], "rows": [{name: name}], "deep": {name: {name: [name]}}},
        }
    raw["provenance"] = {name: name, "deep": {name: [name]}}
    return document.parse(json.loads(json.dumps(raw)))


@pytest.mark.parametrize("found", [investigation(), checked()], ids=["investigation", "check"])
def test_every_section_can_be_shown(found: Investigation) -> None:
    tags = Tags(sections(found)).tags
    assert {tag for tag, _ in tags} >= {"h1", "article", "table"}


def test_nothing_of_the_data_becomes_a_tag_or_an_attribute() -> None:
    found = everything_named(HOSTILE)
    with_names, plain = Tags(sections(found)).tags, Tags(sections(everything_named("x"))).tags
    assert [tag for tag, _ in with_names] == [tag for tag, _ in plain]
    known = {"id", "class", "href", "style", "alt", "src"}
    assert {name for _, attributes in with_names for name in attributes} <= known
    assert "\x1b" not in sections(found)


def test_styles_hold_only_what_is_ours() -> None:
    styles = [a["style"] for _, a in Tags(sections(everything_named("url(http://x)"))).tags if "style" in a]
    assert styles
    assert not [style for style in styles if "url" in str(style)]


def test_links_lead_somewhere() -> None:
    tags = Tags(sections(investigation())).tags
    anchors = [a["id"] for _, a in tags if "id" in a]
    assert len(anchors) == len(set(anchors))
    assert {str(a["href"])[1:] for _, a in tags if "href" in a} <= set(anchors)


def test_every_finding_ends_with_a_command() -> None:
    shown = html.findings(investigation())
    assert shown.count("<article") == shown.count('class="command"') == 4
    assert "rca check --reference v1 --current v2" in shown


def test_long_evidence_is_cut() -> None:
    wide = {"values": list(range(1000)), "rows": [{"a": i} for i in range(1000)], **{f"k{i}": i for i in range(100)}}
    findings = tuple(
        Finding("RCA101", "missing_values", f"data.c{i}", "x", evidence=wide, id=f"F{i}") for i in range(900)
    )
    shown = html.findings(replace(investigation(), findings=findings))
    assert len(shown) < 900_000
    assert "And 750 more" in shown


def test_a_verdict_without_a_gap_counts_the_checks() -> None:
    assert "6 checks: 3 found" in html.verdict(checked())
    assert "was measured" in html.waterfall(checked())


def test_no_cause_is_said() -> None:
    assert html.causes(replace(investigation(), causes=())) == "<p>No cause was found.</p>"
