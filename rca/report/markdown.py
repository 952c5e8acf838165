"""A short Markdown version, for a comment below a change: `comment.md.j2`, in which no text from data is markup."""

import html
import re
from markupsafe import Markup
from rca import words
from rca.report.html import template
from rca.types import Investigation

_SPECIAL = re.compile(r"[\\`*\[\]|~$]|(?<!\w)_|_(?!\w)")
_ADDRESS = re.compile(r"(?i)(https?|ftp|mailto|xmpp)(:)|(www)(\.)")
_START = re.compile(r"^([-+#]|\d+(?=[.)]))")


def render(investigation: Investigation) -> str:
    """Return the verdict, the causes, what was ruled out and what could not be tested."""
    tools = {"escape": escape, "code": code, "MOST": 15, "digits": words.digits(investigation)}
    return template("comment.md.j2").render(found=investigation, gap=investigation.gap, **tools).rstrip() + "\n"


def escape(text: object, limit: int = 600) -> Markup:
    r"""Return text from data so that Markdown shows it and does not obey it."""
    safe = html.escape(words.clean(text, limit), quote=False)
    safe = _SPECIAL.sub(lambda m: "\\" + m[0], safe)
    safe = _ADDRESS.sub(lambda m: f"{m[1] or m[3]}&#{ord(m[2] or m[4])};", safe)
    safe = _START.sub(lambda m: "".join(f"&#{ord(c)};" for c in m[0]), safe)
    # a mention and a reference are found after the text is read, so they are cut by a comment
    return Markup(re.sub(r"(?<!&)([@#])(?=\w)", r"\1<!-- -->", safe))  # noqa: S704  it is escaped above


def code(text: object) -> Markup:
    r"""Return a name as code; by its tag where it is odd, since a fence ends at a backtick."""
    name = words.clean(text, 200)
    tame = re.fullmatch(r"[\w./:+ -]+", name, re.ASCII)
    return Markup(f"`{name}`" if tame else f"<code>{escape(name)}</code>")  # noqa: S704  it is tame or escaped
