"""The sections of a report as HTML: each takes an investigation and returns a string.

Everything from data goes through ``Markup.format``, which escapes it, and through `words.clean`.
Colours and widths are written at the element, so that a section looks right in Jupyter too.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from markupsafe import Markup

from rca import words
from rca.types import Cause, Finding, Investigation, Rejected, plain

_FINDINGS, _ROWS, _CELL = 150, 12, 240
_MINUS = "\u2212"  # as wide as a plus


def heading(found: Investigation, title: str = "") -> str:
    """Return the title with the verdict and the severity as badges.

    Examples
    --------
    >>> from rca.report.example import investigation
    >>> print(heading(investigation(), "<b>").splitlines()[0])
    <h1>&lt;b&gt;</h1>
    """
    badges = [Markup('<span class="badge {}">{}</span>').format(found.verdict, words.VERDICTS[found.verdict])]
    if found.severity is not None:
        badges.append(Markup('<span class="badge">severity {} proposed</span>').format(found.severity))
    if title:
        badges.append(Markup('<span class="badge">{}</span>').format(_say(found.system)))
    return Markup('<h1>{}</h1>\n<p class="badges">{}</p>').format(_say(title or found.system), Markup(" ").join(badges))


def verdict(found: Investigation) -> str:
    """Return the verdict: one sentence, and the numbers it rests on.

    Examples
    --------
    >>> from rca.report.example import investigation
    >>> print(verdict(investigation())[:36])
    <p class="verdict">A broken feed exp
    """
    sentence = Markup('<p class="verdict">{}</p>').format(_say(found.summary))
    gap, digits = found.gap, words.digits(found)
    if gap is None:
        return sentence + Markup('\n<p class="numbers"><span>{}</span></p>').format(words.tally(found.outcomes))
    values = f"{_number(gap.reference, digits)} → {_number(gap.current, digits)}"
    parts = [
        (_say(gap.metric), values, f"{_side(found.reference.rev)} → {_side(found.current.rev)}"),
        (
            "difference",
            _number(gap.difference, digits, True),
            f"{_interval(gap.low, gap.high, digits)} {words.LEVEL} interval",
        ),
        (
            "rows",
            f"{gap.n_reference:,} and {gap.n_current:,}",
            f"enough to see {_number(gap.detectable, digits)}",
        ),
    ]
    tiles = Markup("\n").join(
        Markup("<span>{} <b>{}</b> <small>{}</small></span>").format(name, value, note) for name, value, note in parts
    )
    return sentence + Markup('\n<p class="numbers">{}</p>').format(tiles)


def waterfall(found: Investigation) -> str:
    """Return the figure of the gap, with what it shows in words for who cannot see it."""
    from rca import plots

    if found.gap is None:
        return Markup("<p>No gap was measured, so there is none to draw.</p>")
    digits = words.digits(found)
    steps = [f"{c.subject} {words.number(c.contribution, digits, True)}" for c in found.causes if c.within is None]
    spoken = f"From {words.number(found.gap.reference, digits)} to {words.number(found.gap.current, digits)}: "
    source = base64.b64encode(plots.png(plots.waterfall(found))).decode()
    return Markup('<figure><img alt="{}" src="data:image/png;base64,{}"></figure>').format(
        words.clean(spoken + "; ".join(steps), 600), source
    )


def causes(found: Investigation) -> str:
    """Return the table of causes, then each with its counterfactual, what to do, and its command.

    Examples
    --------
    >>> from rca.report.example import investigation
    >>> causes(investigation()).count("<article")
    5
    """
    if not found.causes:
        none = "Facts were looked for, not causes." if found.gap is None else "No cause was found."
        return Markup("<p>{}</p>").format(none)
    digits = words.digits(found)
    rows = [_cause_row(found, cause, depth, digits) for cause, depth in words.nested(found.causes)]
    left = found.unexplained
    if left is not None:
        rows.append(("", "unexplained", "", _amount(left.contribution, left.low, left.high, digits), "", ""))
    table = _table(("", "subject", "kind", f"contribution, {words.LEVEL} interval", "share of the gap", "status"), rows)
    return table + Markup("\n").join(_cause(cause, depth) for cause, depth in words.nested(found.causes))


def findings(found: Investigation) -> str:
    """Return each finding with its evidence and the command that shows it again; those of causes first.

    Examples
    --------
    >>> from rca.report.example import investigation
    >>> 'id="finding-F1"' in findings(investigation())
    True
    """
    if not found.findings:
        return Markup("<p>Nothing was found.</p>")
    cited = {name for cause in found.causes for name in cause.findings}
    ordered = sorted(found.findings, key=lambda finding: finding.id not in cited)
    shown = Markup("\n").join(_finding(found, finding) for finding in ordered[:_FINDINGS])
    more = len(ordered) - _FINDINGS
    return shown + (Markup("<p>And {} more in the JSON document.</p>").format(more) if more > 0 else "")


def rejected(items: Sequence[Rejected], none: str = "Nothing.") -> str:
    """Return the hypotheses that were ruled out, or could not be tested, each with its reason.

    Examples
    --------
    >>> print(rejected(()))
    <p>Nothing.</p>
    """
    if not items:
        return Markup("<p>{}</p>").format(none)
    # only the columns that say something
    columns: list[tuple[str, Callable[[Rejected], object]]] = [
        ("subject", lambda r: Markup("<code>{}</code>").format(_say(r.subject))),
        ("kind", lambda r: _kind(r.kind)),
        ("reason", lambda r: _say(r.reason)),
    ]
    if any(r.contribution is not None for r in items):
        columns.append(
            ("contribution", lambda r: "" if r.contribution is None else _amount(r.contribution, r.low, r.high, 3))
        )
    if any(r.findings for r in items):
        columns.append(("findings", lambda r: _links(r.findings)))
    rows = [[cell(r) for _, cell in columns] for r in items[:_FINDINGS]]
    return _table([name for name, _ in columns], rows)


def outcomes(found: Investigation) -> str:
    """Return what every plug-in did, failures first.

    Examples
    --------
    >>> from rca.report.example import investigation
    >>> outcomes(investigation()).index("RCA112") < outcomes(investigation()).index("RCA104")
    True
    """
    order = list(words.STATES)
    rows = [
        (
            _say(o.code),
            _say(o.title),
            Markup('<span class="state {}">{}</span>').format(o.status, words.STATES[o.status]),
            Markup("{}{}").format(_say(o.reason or ""), _links(o.findings)),
            f"{o.seconds:.2f}",
        )
        for o in sorted(found.outcomes, key=lambda o: (order.index(o.status), o.code))
    ]
    head = Markup("<p>{}.</p>").format(words.tally(found.outcomes))
    return head + (_table(("code", "check", "", "reason or findings", "seconds"), rows) if rows else "")


def provenance(found: Investigation) -> str:
    """Return where the numbers come from: both sides, versions, seeds, hashes.

    Examples
    --------
    >>> from rca.report.example import investigation
    >>> "locks.v1" in provenance(investigation())
    True
    """
    sides = {"reference": plain(found.reference), "current": plain(found.current)}
    flat = _flat({**sides, **plain(found.provenance)})
    rows = [(_say(name), Markup("<code>{}</code>").format(_say(value))) for name, value in flat if value is not None]
    return _table(("", ""), rows[:200])


def _say(text: object) -> str:
    return words.clean(text, 600)


def _kind(kind: str) -> str:
    return _say(kind.replace("_", " "))


def _number(value: float | None, digits: int, sign: bool = False) -> str:
    return words.number(value, digits, sign).replace("-", _MINUS)


def _interval(low: float | None, high: float | None, digits: int) -> str:
    return words.interval(low, high, digits).replace("-", _MINUS)


def _side(rev: str | None) -> str:
    return words.clean(rev or "data", 24)


def _amount(size: float, low: float | None, high: float | None, digits: int) -> Markup:
    interval = _interval(low, high, digits) or "not identified"
    return Markup("<b>{}</b> <small>{}</small>").format(_number(size, digits, True), interval)


def _cause_row(found: Investigation, cause: Cause, depth: int, digits: int) -> tuple[object, ...]:
    from rca.plots import COLOURS

    share = words.share(cause, found.gap)
    bar = Markup("")
    if share is not None:
        # the width is a number of ours, so nothing of the data can be a style
        bar = Markup(
            '<span class="bar" style="display:inline-block;height:.7em;width:{:.1f}em;{}:{}"></span> {:.0%}'
        ).format(
            max(0.15, 6 * min(1.0, abs(share))),
            "background" if share > 0 else "outline:1px solid;color",
            COLOURS.get(cause.pillar, COLOURS[""]),
            share,
        )
    state = words.status(cause)
    return (
        Markup('<a href="#cause-{0}">{0}</a>').format(cause.rank),
        Markup('<span style="padding-left:{}em"><code>{}</code></span>').format(1.4 * depth, _say(cause.subject)),
        _kind(cause.kind),
        _amount(cause.contribution, cause.low, cause.high, digits),
        bar,
        Markup('<span class="state {}">{}</span>').format(cause.status if state == cause.status else "noise", state),
    )


def _cause(cause: Cause, depth: int) -> Markup:
    within = Markup("")
    if cause.within is not None:
        within = Markup(' <small>within <a href="#cause-{0}">{0}</a></small>').format(cause.within)
    stage = f" in stage {_say(cause.stage)}" if cause.stage else ""
    lines = [
        Markup('<article id="cause-{}" class="{}"><h3>{}. {} <small>{}{}</small>{}</h3>').format(
            cause.rank,
            "inner" if depth else "outer",
            cause.rank,
            _say(cause.subject),
            _kind(cause.kind),
            stage,
            within,
        ),
        Markup("<p>{}</p>").format(_say(cause.summary)),
    ]
    if cause.counterfactual:
        lines.append(Markup("<p><b>Without it:</b> {}</p>").format(_say(cause.counterfactual)))
    if cause.mitigations:
        items = Markup("").join(Markup("<li>{}</li>").format(_say(item)) for item in cause.mitigations)
        lines.append(Markup("<p><b>What to do:</b></p><ul>{}</ul>").format(items))
    if cause.findings:
        lines.append(Markup("<p><b>Seen in:</b>{}</p>").format(_links(cause.findings)))
    if cause.reproduce:
        lines.append(_command(cause.reproduce))
    return Markup("").join(lines) + Markup("</article>")


def _finding(found: Investigation, finding: Finding) -> Markup:
    facts = [_say(finding.code)] + ([f"stage {_say(finding.stage)}"] if finding.stage else [])
    if finding.effect is not None:
        ends = (
            "" if finding.low is None or finding.high is None else f" [{_plain(finding.low)}, {_plain(finding.high)}]"
        )
        facts.append(f"effect {_plain(finding.effect)}{ends}")
    if finding.p_value is not None:
        small = finding.p_value < 0.001
        facts.append("adjusted p < 0.001" if small else f"adjusted p = {finding.p_value:.3f}")
    ranks = [cause.rank for cause in found.causes if finding.id in cause.findings]
    of = Markup(", ").join(Markup('<a href="#cause-{0}">cause {0}</a>').format(rank) for rank in ranks)
    lines = [
        Markup('<article id="finding-{}"><h3>{} {} <small>{}</small></h3>').format(
            slug(finding.id), _say(finding.id), _say(finding.subject), _kind(finding.kind)
        ),
        Markup("<p>{}</p>").format(_say(finding.text)),
        Markup('<p class="facts">{}{}</p>').format(" · ".join(facts), Markup(" · evidence of ") + of if ranks else ""),
    ]
    if finding.evidence:
        lines.append(_value(plain(finding.evidence)))
    lines += [_command(command) for command in words.rerun(found, finding)]
    return Markup("").join(lines) + Markup("</article>")


def slug(name: str) -> str:
    """Return an identifier as a part of an anchor.

    Examples
    --------
    >>> slug("F1"), slug('" onclick=')
    ('F1', '--onclick-')
    """
    return re.sub(r"[^A-Za-z0-9_-]", "-", name)[:60]


def _command(command: str) -> Markup:
    return Markup('<pre class="command"><code>{}</code></pre>').format(words.clean(command))


def _links(ids: Iterable[str]) -> Markup:
    return Markup("").join(Markup(' <a href="#finding-{}">{}</a>').format(slug(i), _say(i)) for i in list(ids)[:_ROWS])


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> Markup:
    row_of = (Markup("").join(Markup("<td>{}</td>").format(cell) for cell in row) for row in rows)
    body = Markup("\n").join(Markup("<tr>{}</tr>").format(row) for row in row_of)
    cells = Markup("").join(Markup("<th>{}</th>").format(name) for name in head)
    top = Markup("<thead><tr>{}</tr></thead>").format(cells) if any(head) else ""
    return Markup('<div class="wide"><table>{}<tbody>{}</tbody></table></div>').format(top, body)


def _value(value: Any) -> Markup:
    """Show a piece of evidence: a mapping, a list of mappings and a list each as a small table."""
    if isinstance(value, Mapping):
        pairs = [(words.clean(key, _CELL), _value(item)) for key, item in list(value.items())[:_ROWS]]
        return _table(("", ""), pairs) + _more(value)
    if isinstance(value, list) and value and all(isinstance(item, Mapping) for item in value):
        names = list(dict.fromkeys(name for item in value[:_ROWS] for name in item))[:8]
        rows = [[_value(item.get(name)) for name in names] for item in value[:_ROWS]]
        return _table([words.clean(name, _CELL) for name in names], rows) + _more(value)
    if isinstance(value, list):
        return Markup("{}{}").format(", ".join(str(_plain(item)) for item in value[:_ROWS]), _more(value))
    return Markup("{}").format(_plain(value))


def _plain(value: object) -> str:
    return (
        "n/a"
        if value is None
        else f"{value:.5g}".replace("-", _MINUS)
        if isinstance(value, float)
        else words.clean(value, _CELL)
    )


def _more(value: Any) -> Markup:
    left = len(value) - _ROWS
    return Markup(" <small>and {} more</small>").format(left) if left > 0 else Markup("")


def _flat(value: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    pairs: list[tuple[str, Any]] = []
    for key, item in value.items():
        if isinstance(item, Mapping):
            pairs += _flat(item, f"{prefix}{key}.")
        else:
            pairs.append((prefix + key, ", ".join(map(_plain, item)) if isinstance(item, list) else item))
    return pairs
