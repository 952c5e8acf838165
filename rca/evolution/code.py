"""Which code changed, and whether it is still the same program."""

from __future__ import annotations

import ast
import difflib
from typing import TYPE_CHECKING

from rca.evolution._changes import same_program, sides, texts
from rca.gitrepo import is_code
from rca.registry import diff
from rca.types import Case, Finding, Stage

if TYPE_CHECKING:
    from collections.abc import Iterator


@diff("RCA202", "code changed")
def code(case: Case) -> Iterator[Finding]:
    r"""Compare the source files and the commands of the stages.

    A Python file whose syntax tree is unchanged differs in formatting and comments alone; that is a proof
    that it matters not, and the finding says so.

    Yields
    ------
    Finding
        One for each file; `effect` is the share of lines that changed, evidence holds the functions.

    Examples
    --------
    >>> from rca.types import Case, Roles, Version
    >>> old = Version("good", "1", files={"train.py": "a"}, code={"train.py": "def fit(x):\n    return x + 1\n"})
    >>> new = Version("bad", "2", files={"train.py": "b"}, code={"train.py": "def fit(x):\n    return x - 1\n"})
    >>> found = next(code(Case((), Roles(), old, new)))
    >>> found.subject, found.evidence["functions"], found.evidence["same_program"]
    ('code.train.py', ['fit'], False)
    >>> list(code(Case((), Roles(), old, old)))
    []
    """
    reference, current = sides(case)
    paths = dict.fromkeys([*reference.files, *current.files])
    for path in (p for p in paths if is_code(p) and reference.files.get(p) != current.files.get(p)):
        before, after = texts(case, path)
        same = same_program(before, after)
        functions = [] if same else _functions(before or "", after or "")
        stages = _stages(path, [*current.stages.values(), *reference.stages.values()])
        what = "is new" if before is None else "is gone" if after is None else "changed"
        detail = ", in formatting and comments only" if same else f" in {', '.join(functions)}" if functions else ""
        yield Finding(
            code="RCA202",
            kind="code_change",
            subject=f"code.{path}",
            stage=stages[0] if stages else None,
            effect=_share(before or "", after or ""),
            text=f"{path} {what}{detail}" + ("" if stages else "; no stage declares it"),
            evidence={"same_program": same, "functions": functions, "stages": stages},
        )


def _stages(path: str, stages: list[Stage]) -> list[str]:
    names = [s.name for s in stages if any(path == d or path.startswith(f"{d}/") for d in s.deps)]
    if path.rsplit("/", 1)[-1] == "dvc.yaml":
        names = [s.name for s in stages]
    return list(dict.fromkeys(names))


def _share(before: str, after: str) -> float:
    matcher = difflib.SequenceMatcher(None, before.splitlines(), after.splitlines(), autojunk=False)
    return round(1.0 - matcher.ratio(), 4)


def _functions(before: str, after: str) -> list[str]:
    """Name the functions and classes whose trees differ; ``<module>`` for code outside them."""
    try:
        old, new = _definitions(before), _definitions(after)
    except (SyntaxError, ValueError, RecursionError):
        return []
    return sorted(name for name in {**old, **new} if old.get(name) != new.get(name))


def _definitions(source: str) -> dict[str, str]:
    parts: dict[str, str] = {}
    outside: list[str] = []
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            parts[node.name] = ast.dump(node)
        else:
            outside.append(ast.dump(node))
    return {**parts, "<module>": "\n".join(outside)}
