"""Root changes, the players of a replay: what differs between two versions and no upstream output explains."""

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Any
from rca.errors import NotApplicable
from rca.gitrepo import is_code
from rca.types import Case, Model, Stage, Version, flatten

PARAMS = "params.yaml"


@dataclass(frozen=True, slots=True)
class Change:
    """One root change, that can be put back alone."""

    subject: str
    kind: str
    stage: str  # the first stage that it enters
    paths: tuple[str, ...] = ()  # git-tracked files that carry it
    keys: tuple[tuple[str, str], ...] = ()  # parameter file and dotted key
    text: str = ""
    declared: bool = True  # whether DVC knows of it; if not, its run cache does not either


def sides(case: Case) -> tuple[Version, Version]:
    """Return both versions of a case."""
    if case.reference is None or case.current is None:
        raise NotApplicable("two tables were given, and this compares two versions of a system")
    return case.reference, case.current


def repinned(reference: Version, current: Version) -> dict[str, str]:
    """Return the packages whose pinned version changed, by name, each with what it was and is."""
    before, after = reference.environment, current.environment
    names = sorted({name for name, _ in before.items() ^ after.items()})
    return {n: f"{n} {before.get(n, 'absent')} → {after.get(n, 'absent')}" for n in names}


def asked(case: Case) -> tuple[Model, Model]:
    """Return both models, which must be readable."""
    old, new = sides(case)
    if old.model is None or new.model is None:
        side = old if old.model is None else new
        raise NotApplicable(f"the model of {side.rev} cannot be asked: {side.model_problem or 'there is none'}")
    return old.model, new.model


def relative(before: Any, after: Any) -> float | None:
    """Return the relative change between two numbers, None between other values."""
    numbers = [float(value) for value in (before, after) if type(value) in (int, float)]
    return (numbers[1] - numbers[0]) / abs(numbers[0]) if len(numbers) == 2 and numbers[0] else None


def producer(version: Version, path: str | None) -> str | None:
    """Return the stage that makes a file."""
    folders = {path, *map(str, PurePosixPath(path or "").parents)}
    return next((s.name for s in version.stages.values() if folders & set(s.outs)), None)


def tracker(version: Version, path: str) -> str | None:
    """Return the .dvc file that tracks a source, or the folder that it is in."""
    above = (path, *map(str, PurePosixPath(path).parents))
    return next((version.tracked[p] for p in above if p in version.tracked), None)


def upstream(version: Version, stage: str | None) -> list[str]:
    """Return the stages that lead to one, inputs first, itself last."""
    if stage is None or stage not in version.stages:
        return []
    makers = dict.fromkeys(producer(version, dep) for dep in version.stages[stage].deps)
    return [*dict.fromkeys(name for maker in makers for name in upstream(version, maker)), stage]


def between(version: Version, first: Iterable[str], last: str | None) -> tuple[str, ...]:
    """Return the stages on the way from some to another, inputs first, both ends included."""
    return tuple(name for name in upstream(version, last) if not set(upstream(version, name)).isdisjoint(first))


def root_changes(case: Case) -> tuple[Change, ...]:
    """Return what changed on the way to the model, in pipeline order; formatting and comments are no changes."""
    reference, current = sides(case)
    order = dict.fromkeys(s for v in (current, reference) for s in upstream(v, producer(v, case.model_path)))
    found: dict[str, Change] = {}
    for change in (change for name in order for change in of_stage(case, name)):
        found.setdefault(change.subject, change)
    # One changed source is "the training data"; several keep their paths.
    data = [c for c in found.values() if c.kind == "training_data"]
    return tuple(replace(c, subject="data.train") if data == [c] else c for c in found.values())


def of_stage(case: Case, name: str) -> Iterator[Change]:
    """Return what of one stage changed that no other stage made: command, parameters, code, sources."""
    reference, current = sides(case)
    before, after = (side.stages.get(name) or Stage(name, "", {}, {}, {}) for side in (reference, current))
    if before.cmd != after.cmd or set(before.outs) != set(after.outs):
        home = name.split(":", maxsplit=1)[0] if ":" in name else "dvc.yaml"
        gone = "is gone" if name not in current.stages else "has another command or other outputs"
        text = f"stage {name} {'is new' if name not in reference.stages else gone}"
        yield Change(f"code.{home}", "code_change", name, paths=(home,), text=text)
    yield from _params(case, before, after)
    for path in {**before.deps, **after.deps}:
        # A lock that was not renewed after an edit hides it, so files in git are compared as well.
        same = before.deps.get(path) == after.deps.get(path) and reference.files.get(path) == current.files.get(path)
        if not (same or producer(reference, path) or producer(current, path)):
            yield from (replace(c, declared=path in before.deps) for c in _dependency(case, name, path))
    for path in undeclared(current, name):
        if not same_program(reference.code.get(path), current.code.get(path)):
            text = f"{path} changed, and no stage declares it"
            yield Change(f"code.{path}", "code_change", name, (path,), text=text, declared=False)


def _params(case: Case, before: Stage, after: Stage) -> Iterator[Change]:
    for file in {**before.params, **after.params}:
        groups = before.params.get(file, {})
        old, new = flatten(groups), flatten(after.params.get(file, {}))
        for key in {**old, **new}:
            if (key in old, old.get(key)) != (key in new, new.get(key)):
                name = key if file == PARAMS else f"{file}:{key}"
                text = f"{name} {old.get(key, 'unset')!s} → {new.get(key, 'unset')!s}"
                kind = kind_of_key(key, case.seed_key)
                # the reference's dvc.yaml is the one that runs, and may declare all of a group
                known = any(f"{key}.".startswith(f"{group}.") for group in groups)
                yield Change(f"params.{name}", kind, after.name, (), ((file, key),), text, declared=known)


def _dependency(case: Case, name: str, path: str) -> Iterator[Change]:
    reference, current = sides(case)
    home = tracker(current, path) or tracker(reference, path)
    if home is not None:
        yield Change(f"data.{path}", "training_data", name, (home,), text=f"{path} differs")
        return
    inside = {p for v in (reference, current) for p in v.files if p == path or p.startswith(f"{path}/")}
    for file in sorted(p for p in inside if reference.files.get(p) != current.files.get(p)):
        if not is_code(file):
            yield Change(f"data.{file}", "training_data", name, (file,), text=f"{file} differs")
        elif not same_program(reference.code.get(file), current.code.get(file)):
            yield Change(f"code.{file}", "code_change", name, (file,), text=f"{file} differs")
    if not inside:
        text = f"{path} differs and is in neither git nor DVC, so it cannot be put back"
        yield Change(f"data.{path}", "training_data", name, text=text)


def same_program(before: str | bytes | None, after: str | bytes | None) -> bool:
    """Whether two Python sources are one program: their syntax trees are equal."""
    if before is None or after is None or before == after:
        return before == after
    try:
        return ast.dump(ast.parse(before)) == ast.dump(ast.parse(after))
    except (SyntaxError, ValueError, RecursionError):
        return before == after


def undeclared(version: Version, stage: str) -> Iterable[str]:
    """Files of the project that the stage's code imports and that DVC was not told of."""
    deps = version.stages[stage].deps if stage in version.stages else {}
    declared = {p for p in version.files if any(p == d or p.startswith(f"{d}/") for d in deps)}
    queue, seen = [p for p in declared if p.endswith(".py")], set(declared)
    while queue:
        path = queue.pop()
        for module in _imports(version.code.get(path, "")):
            tail = module.replace(".", "/")
            bases = (str(PurePosixPath(path).parent / tail), tail, f"src/{tail}")
            for candidate in (base + end for base in bases for end in (".py", "/__init__.py")):
                if candidate in version.files and candidate not in seen:
                    seen.add(candidate)
                    queue.append(candidate)
                    yield candidate


def _imports(source: str) -> Iterator[str]:
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


_WORDS = {
    "seed": "seed|random_state",
    "threshold": "threshold|cutoff|cut_off",
    "objective": "objective|loss|criterion|target|label|metric|scoring|class_weight|eval",
    # short words of an algorithm's name count only when they are the whole key
    "algorithm": r"\A(algorithm|model|estimator|kind|type|name|classifier|regressor)\Z",
    "preprocessing": "impute|scale|encod|features|columns|bins|edges|normal|clip",
}


def kind_of_key(key: str, seed_key: str | None = None) -> str:
    """Return what a parameter governs, by its name; without a hint it is a hyper-parameter."""
    if key == seed_key:
        return "seed"
    leaf = key.rsplit(".", 1)[-1].lower()
    return next((kind for kind, words in _WORDS.items() if re.search(words, leaf)), "hyperparameter")
