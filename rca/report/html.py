"""The sections of a report as HTML, macros of ``sections.html.j2``; what is put into them is cleaned and escaped."""

import base64
import functools
import re
from pathlib import Path
from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup
from rca import words
from rca.types import Investigation, flatten, plain


def _wide(text: str) -> str:
    return text.replace("-", "\u2212")  # a minus as wide as a plus


def _cell(value: object) -> str:
    return "n/a" if value is None else _wide(f"{value:.5g}") if isinstance(value, float) else words.clean(value, 240)


@functools.cache
def template(name: str) -> Template:
    """Return a template of this folder in which no text is markup unless it says so."""
    made = Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined)
    made.trim_blocks = made.lstrip_blocks = True
    made.finalize = lambda value: value if isinstance(value, Markup) else words.clean(value, 600)
    made.filters.update(clean=words.clean, cell=_cell, data=plain, wide=_wide)
    made.filters["slug"] = lambda name: re.sub(r"[^A-Za-z0-9_-]", "-", name)[:60]  # a part of an anchor
    made.globals.update(words=words, MOST=150, ROWS=12)
    return made.get_template(name)


def _section(name: str, *values: object) -> str:
    macro = getattr(template("sections.html.j2").module, name)
    return Markup(macro(*values).strip())  # noqa: S704  the macro has escaped what it was given


#: The sections that are their macro, which says what it shows, and nothing else.
heading, verdict, causes, rejected, outcomes = (
    functools.partial(_section, name) for name in ("heading", "verdict", "causes", "rejected", "outcomes")
)


def waterfall(found: Investigation) -> str:
    """Return the figure of the gap, with what it shows in words for who cannot see it."""
    from rca import plots

    if found.gap is None:
        return Markup("<p>No gap was measured, so there is none to draw.</p>")
    picture = base64.b64encode(plots.png(plots.waterfall(found))).decode()
    return _section("waterfall", found, Markup(picture))  # noqa: S704  it is base64


def findings(found: Investigation) -> str:
    """Return each finding with its evidence and the command that shows it again; those of causes first."""
    cited = {name for cause in found.causes for name in cause.findings}
    return _section("findings", found, sorted(found.findings, key=lambda finding: finding.id not in cited))


def provenance(found: Investigation) -> str:
    """Return where the numbers come from: both sides, versions, seeds, hashes."""
    flat = flatten(plain({"reference": found.reference, "current": found.current, **found.provenance})).items()
    return _section("provenance", [(key, item) for key, item in flat if item is not None][:200])
