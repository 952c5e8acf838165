"""What differs between two versions: parameters, code, packages, the model with its metrics, data and their rows."""

import ast
import difflib
from collections.abc import Iterator
from typing import Any
import ibis
from packaging.version import InvalidVersion, Version
from rca.errors import NotApplicable, choices
from rca.evolution._changes import PARAMS, kind_of_key, producer, relative, repinned, root_changes, same_program, sides
from rca.gitrepo import is_code
from rca.registry import diff
from rca.tables import Table, fetch
from rca.types import Case, Finding, Pair

_MOST = 5  # columns that the text names


@diff("RCA201", "parameters changed")
def parameters(case: Case) -> Iterator[Finding]:
    """Compare every parameter file key by key; a key that no stage declares is said to be so.

    Of the kind that the key's name tells; `effect` is the relative change where both values are numbers.

    Examples
    --------
    >>> old = Version("good", "1", params={"train.max_depth": 4, "train.seed": 0})
    >>> new = Version("bad", "2", params={"train.max_depth": 8, "train.seed": 0})
    >>> [(f.subject, f.kind, f.effect) for f in parameters(Case((), Roles(), old, new))]
    [('params.train.max_depth', 'hyperparameter', 1.0)]
    >>> list(parameters(Case((), Roles(), old, old)))
    []
    """
    reference, current = sides(case)
    stages = (*reference.stages.values(), *current.stages.values())
    known = [(file, key, stage.name) for stage in stages for file, values in stage.params.items() for key in values]
    declared = {key if file == PARAMS else f"{file}:{key}": name for file, key, name in known}
    for key in {**reference.params, **current.params}:
        old, new = (side.params.get(key, "unset") for side in (reference, current))
        if old == new and type(old) is type(new):
            continue
        stage = declared.get(key) or next((s for k, s in declared.items() if key.startswith(f"{k}.")), None)
        text = f"{key} went from {old} to {new}{'' if stage else ', and no stage declares it'}"
        facts = {"reference": str(old), "current": str(new), "declared": stage is not None}
        kind = kind_of_key(key, case.seed_key)
        yield Finding("RCA201", kind, f"params.{key}", text, stage, relative(old, new), evidence=facts)


@diff("RCA202", "code changed")
def code(case: Case) -> Iterator[Finding]:
    """Compare the source files and the commands of the stages; see :func:`parameters`.

    A Python file whose syntax tree is unchanged differs in formatting and comments alone: a proof that it
    matters not.

    One finding for each file; `effect` is the share of lines that changed, evidence holds the functions.
    """
    reference, current = sides(case)
    declared = [*current.stages.values(), *reference.stages.values()]
    paths = dict.fromkeys([*reference.files, *current.files])
    for path in (p for p in paths if is_code(p) and reference.files.get(p) != current.files.get(p)):
        before, after = reference.code.get(path), current.code.get(path)
        same = same_program(before, after)
        functions = [] if same else _functions(before or "", after or "")
        every = path.rsplit("/", 1)[-1] == "dvc.yaml"
        readers = [s.name for s in declared if every or any(path == d or path.startswith(f"{d}/") for d in s.deps)]
        stages = list(dict.fromkeys(readers))
        what = "is new" if before is None else "is gone" if after is None else "changed"
        detail = ", in formatting and comments only" if same else f" in {', '.join(functions)}" if functions else ""
        lines = difflib.SequenceMatcher(None, (before or "").splitlines(), (after or "").splitlines(), autojunk=False)
        text = f"{path} {what}{detail}" + ("" if stages else "; no stage declares it")
        facts = {"same_program": same, "functions": functions, "stages": stages}
        first, effect = next(iter(stages), None), round(1.0 - lines.ratio(), 4)
        yield Finding("RCA202", "code_change", f"code.{path}", text, first, effect, evidence=facts)


def _functions(before: str, after: str) -> list[str]:
    """Name the functions and classes whose trees differ; ``<module>`` for code outside them."""
    try:
        trees = [ast.parse(source) for source in (before, after)]
    except (SyntaxError, ValueError, RecursionError):
        return []
    parts: dict[str, list[str]] = {}  # by name, what it is before and after
    for side, tree in enumerate(trees):
        for node in tree.body:
            name = node.name if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) else "<module>"
            parts.setdefault(name, ["", ""])[side] += ast.dump(node)
    return sorted(name for name, (old, new) in parts.items() if old != new)


@diff("RCA203", "environment changed")
def environment(case: Case) -> Iterator[Finding]:
    """Compare the packages that the environment file pins; see :func:`parameters`.

    One finding for each package; the evidence says whether a major, minor or patch release lies between.
    """
    reference, current = sides(case)
    if not reference.environment and not current.environment:
        raise NotApplicable("no version pins an environment: name the lock file as 'environment' in rca.yaml")
    for name in repinned(reference, current):
        before, after = reference.environment.get(name), current.environment.get(name)
        text = f"{name} went from {before or 'absent'} to {after or 'absent'}"
        facts = {"reference": before, "current": after, "step": _step(before, after)}
        yield Finding("RCA203", "environment_change", f"env.{name}", text, evidence=facts)


def _step(before: str | None, after: str | None) -> str:
    if before is None or after is None:
        return "added" if before is None else "removed"
    try:
        old, new = Version(before), Version(after)
    except InvalidVersion:
        return "other"
    if Version(old.base_version) == Version(new.base_version):
        return "other"
    return "major" if old.major != new.major else "minor" if old.minor != new.minor else "patch"


@diff("RCA204", "model and recorded metrics changed")
def outcome(case: Case) -> Iterator[Finding]:
    """Compare the model's hash and the metrics that both versions recorded; see :func:`parameters`.

    At most one, with the metrics before and after; these carry no interval, so an investigation measures its own.
    """
    reference, current = sides(case)
    models = reference.artifacts.get("model"), current.artifacts.get("model")
    hashes = [m.md5 or m.file if m else None for m in models]
    now = current.metrics
    moved = {name: [old, now[name]] for name, old in reference.metrics.items() if name in now and old != now[name]}
    if hashes[0] == hashes[1] and not moved:
        return
    path = models[1].path if models[1] else case.model_path
    changes = ", ".join(f"{name} {a:g} → {b:g}" for name, (a, b) in moved.items())
    text = f"the model {path} is {'another one' if hashes[0] != hashes[1] else 'the same'}"
    text += f"; recorded {changes}" if changes else ""
    facts = {"metrics": moved, "md5": hashes}
    yield Finding("RCA204", "weights", "model", text, producer(current, path), evidence=facts)


@diff("RCA205", "training data changed")
def training_data(case: Case) -> Iterator[Finding]:
    """Compare the hashes of the data that no stage made and that the model descends from; see :func:`parameters`.

    One finding for each file or folder; what is different inside is the integrity checks' answer.
    """
    for change in root_changes(case):
        if change.kind == "training_data":
            text = f"{change.text}, and enters at stage {change.stage}"
            facts = {"files": list(change.paths)}
            yield Finding("RCA205", change.kind, change.subject, text, change.stage, evidence=facts)


@diff("RCA210", "rows of the training table changed")
def training_rows(case: Case) -> Iterator[Finding]:
    """Join both training tables on the key: rows that came or went, cells that changed; see :func:`parameters`.

    At most one finding, with the number of rows and the target's mean or shares on both sides; without a key, it is
    these alone that are told. `effect` is the share of the current rows that are new or changed; of the rows that the
    table grew by where they have no key.
    """
    pair = next((p for p in case.pairs if p.name == "train"), None)
    if pair is None:
        raise NotApplicable("there is no training table on both sides")
    before, after = pair.reference.profile.rows, pair.current.profile.rows
    facts: dict[str, Any] = {"rows": [before, after], **_label(pair, case)}
    key, moved = list(dict.fromkeys(case.roles.key)), after - before
    text = f"train went from {before:,} to {after:,} rows"
    if key and all(set(key) <= set(table.columns) for table in (pair.reference, pair.current)):
        facts |= _joined(pair, key)
        cells = dict(sorted(facts["cells"].items(), key=lambda item: -item[1])[:_MOST])
        named = f" ({', '.join(f'{name} in {count:,}' for name, count in cells.items())})" if cells else ""
        text += f": {facts['came']:,} came, {facts['went']:,} went, and {facts['changed']:,} have other values{named}"
        moved = facts["came"] + facts["changed"]
    if "target" in facts:
        text += "; {} from {:.4g} to {:.4g}".format(facts["target"], *facts["rate"])
    if moved or before != after:
        yield Finding("RCA210", "training_data", "data.train", text, None, moved / max(after, 1), evidence=facts)


def _joined(pair: Pair, key: list[str]) -> dict[str, Any]:
    """Count keys on one side alone, and of the others the rows and cells that differ."""
    sides = pair.reference.expr, pair.current.expr
    types = [side.schema() for side in sides]
    kinds = [{n: "number" if t[n].is_numeric() else type(t[n]) for n in key} for t in types]
    if odd := [n for n in key if kinds[0][n] != kinds[1][n]]:
        raise NotApplicable(f"the key {choices(odd)} has another type on the other side, so rows cannot be joined")
    # a column of another type is a change of its own, that the checks tell
    shared = [n for n in types[0] if types[0][n] == types[1].get(n) and n not in key]
    for table in (pair.reference, pair.current):
        if (repeated := table.profile.rows - Table(table.expr.select(*key).distinct()).rows) > 0:
            raise NotApplicable(f"{repeated:,} rows of {table.name} have the key of another")
        if any(table.profile.columns[name].missing for name in key):
            raise NotApplicable(f"rows of {table.name} have no key")
    # names may be anything, so the join is told numbers
    keys = {f"k{i}": ibis._[name] for i, name in enumerate(key)}
    old, new = ({f"{side}{i}": ibis._[name] for i, name in enumerate(shared)} for side in "ab")
    both = sides[0].select(**keys, **old).inner_join(sides[1].select(**keys, **new), [*keys])
    other = {f"c{i}": ~both[f"a{i}"].identical_to(both[f"b{i}"]) for i in range(len(shared))}
    if other:
        other["changed"] = ibis.or_(*other.values())
    (found,) = fetch(both.aggregate(n=both.count(), **{name: hit.sum() for name, hit in other.items()})).to_pylist()
    cells = {name: found[f"c{i}"] for i, name in enumerate(shared) if found[f"c{i}"]}
    came, went = (table.profile.rows - found["n"] for table in (pair.current, pair.reference))
    # the sum of no rows is null
    return {"came": came, "went": went, "changed": found.get("changed") or 0, "cells": cells}


def _label(pair: Pair, case: Case) -> dict[str, Any]:
    """Return the mean of a target that is a number, or the share of its positive class."""
    target, positive = case.roles.target or "", str(case.roles.positive).lower()
    columns = [c for t in (pair.reference, pair.current) if (c := t.profile.columns.get(target)) and c.present]
    if len(columns) == 2 and all(c.mean is not None for c in columns):
        return {"target": f"mean {target}", "rate": [c.mean for c in columns]}
    known = sorted({name for c in columns for name in c.top}, key=lambda name: (name.lower() == positive, name))
    if len(columns) < 2 or not known:
        return {}
    rates = [c.top.get(known[-1], 0) / c.present for c in columns]
    return {"target": f"the share of {target} '{known[-1]}'", "rate": rates}
