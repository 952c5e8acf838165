"""A short Markdown version, for a comment below a change.

Text from data must not become markup there, nor mention people or link to issues.
"""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING

from rca import words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rca.types import Investigation, Rejected

_MOST = 15
_SPECIAL = re.compile(r"[\\`*\[\]|~$]|(?<!\w)_|_(?!\w)")
_ADDRESS = re.compile(r"(?i)(https?|ftp|mailto|xmpp)(:)|(www)(\.)")
_START = re.compile(r"^([-+#]|\d+(?=[.)]))")
_TAME = re.compile(r"[\w./:+ -]+", re.ASCII)


def render(investigation: Investigation) -> str:
    """Return the verdict, the causes, what was ruled out and what could not be tested."""
    found, gap, digits = investigation, investigation.gap, words.digits(investigation)
    out = [f"### {words.VERDICTS[found.verdict]}: {escape(found.system)}", "", escape(found.summary), ""]
    if gap is not None:
        out.append(
            f"{code(gap.metric)} {words.number(gap.reference, digits)} → {words.number(gap.current, digits)}, "
            f"difference **{words.number(gap.difference, digits, True)}** {_interval(gap.low, gap.high, digits)} "
            f"({gap.n_reference:,} and {gap.n_current:,} rows)"
            + (f", severity {found.severity} proposed" if found.severity is not None else "")
        )
        out.append("")
    if found.causes:
        out += [*_causes(found, digits), ""]
    if gap is None and found.findings:
        items = [f"- {code(f.code)} {code(f.subject)}: {escape(f.text, 300)}" for f in found.findings]
        out += [*_first(items), ""]
    out += _rejected("Ruled out", found.ruled_out)
    out += _rejected("Not testable", found.not_testable)
    if found.outcomes:
        out.append(words.tally(found.outcomes))
    return "\n".join(out).rstrip() + "\n"


def escape(text: object, limit: int = 600) -> str:
    r"""Return text from data so that Markdown shows it and does not obey it.

    Examples
    --------
    >>> escape("a|b <img> @all see #1")
    'a\\|b &lt;img&gt; @<!-- -->all see #<!-- -->1'
    """
    safe = html.escape(words.clean(text, limit), quote=False)
    safe = _SPECIAL.sub(lambda m: "\\" + m[0], safe)
    safe = _ADDRESS.sub(lambda m: f"{m[1] or m[3]}&#{ord(m[2] or m[4])};", safe)
    safe = _START.sub(lambda m: "".join(f"&#{ord(c)};" for c in m[0]), safe)
    # a mention and a reference are found after the text is read, so they are cut by a comment
    return re.sub(r"(?<!&)([@#])(?=\w)", r"\1<!-- -->", safe)


def code(text: object) -> str:
    r"""Return a name as code; by its tag where it is odd, since a fence ends at a backtick.

    Examples
    --------
    >>> code("data.train.age"), code("a`b|c")
    ('`data.train.age`', '<code>a\\`b\\|c</code>')
    """
    name = words.clean(text, 200)
    return f"`{name}`" if _TAME.fullmatch(name) else f"<code>{escape(name)}</code>"


def _interval(low: float | None, high: float | None, digits: int) -> str:
    return words.interval(low, high, digits).replace("[", "\\[")  # or it might be read as a link


def _causes(found: Investigation, digits: int) -> list[str]:
    rows = []
    for cause, depth in words.nested(found.causes):
        share = words.share(cause, found.gap)
        cells = [
            f"{words.number(cause.contribution, digits, True)} {_interval(cause.low, cause.high, digits)}".rstrip(),
            "" if share is None else f"{share:.0%}",
            escape(cause.kind.replace("_", " ")),
            "↳ " * depth + code(cause.subject),
            escape(words.status(cause)),
        ]
        rows.append(f"| {' | '.join(cells)} |")
    left = found.unexplained
    rows = _first(rows, "| | | | {} | |")
    if left is not None:
        amount = f"{words.number(left.contribution, digits, True)} {_interval(left.low, left.high, digits)}".rstrip()
        rows.append(f"| {amount} | | | unexplained | |")
    return ["| contribution | share | kind | subject | status |", "| --- | ---: | --- | --- | --- |", *rows]


def _rejected(title: str, rejected: Sequence[Rejected]) -> list[str]:
    if not rejected:
        return []
    items = [f"- {code(r.subject)}, {escape(r.kind.replace('_', ' '))}: {escape(r.reason, 300)}" for r in rejected]
    return [f"**{title}**", "", *_first(items), ""]


def _first(items: list[str], form: str = "- {}") -> list[str]:
    more = len(items) - _MOST
    return items if more <= 0 else [*items[:_MOST], form.format(f"and {more} more")]
