"""Which stage let a damage in: the pipeline is walked upstream until no input shows the damage any more."""

import ast
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import PurePosixPath
from rca import registry
from rca.errors import DataError
from rca.evolution._changes import Change, of_stage, producer, repinned, tracker
from rca.gitrepo import Hunk, is_code
from rca.integrity._common import listed
from rca.tables import open_table
from rca.types import Case, Finding, Pair, Version

_TABLES = (".parquet", ".pq", ".csv", ".tsv", ".txt", ".csv.gz", ".tsv.gz")
_FILES = 20  # of a folder that are looked into at most


def trace(case: Case, findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Return the findings, those on recorded tables with where the damage came in: a stage, and evidence of it."""
    old, new = case.reference, case.current
    if old is None or new is None or old.snapshot is None or new.snapshot is None:
        return tuple(findings)
    walk = _Walk(case, old, new)
    return tuple(walk.trace(f) if "RCA100" < f.code < "RCA2" else f for f in findings)


@dataclass(frozen=True)
class _Step:
    """One file on the way, and whether it is damaged; None where the check could not look."""

    path: str
    stage: str | None
    column: str | None = None
    damaged: bool | None = None


@dataclass(frozen=True)
class _Walk:
    case: Case
    old: Version
    new: Version
    pairs: dict[tuple[str, str], Pair | None] = field(default_factory=dict)
    found: dict[tuple[str, str, str], tuple[Finding, ...] | None] = field(default_factory=dict)

    @cached_property
    def differing(self) -> list[str]:
        """The paths where the versions have another file, the files of recorded folders one by one."""
        old, new = dict(self.old.files), dict(self.new.files)
        for hashes, version in ((old, self.old), (new, self.new)):
            for path, recorded in version.snapshot.recorded.items():
                hashes.update(version.snapshot.members(path) or {path: recorded})
        return sorted(path for path in {**old, **new} if old.get(path) != new.get(path))

    def trace(self, finding: Finding) -> Finding:
        """Follow one damage to the stage or the source that it came in with."""
        role, column = (*finding.subject.split(".", 2)[1:], None, None)[:2]
        pair = next((p for p in self.case.pairs if p.name == role), None)
        artifact = self.new.artifacts.get(f"data.{role}")
        if pair is None or artifact is None or "://" in artifact.path:
            return finding
        last = _Step(artifact.path, producer(self.new, artifact.path), column, damaged=True)
        if last.stage is not None and last.path not in self.differing:
            return finding
        at: _Step | None = last
        steps = [last]
        while at is not None:
            last = at
            found = of_stage(self.case, last.stage) if last.stage is not None else ()
            changes = [change for change in found if change.kind != "training_data"]
            at = self._onward(finding, pair, last, bool(changes), steps)
        return self._told(finding, pair, last, changes, steps)

    def _onward(self, finding: Finding, pair: Pair, at: _Step, changed: bool, steps: list[_Step]) -> _Step | None:
        """Return the input through which the damage came, if it did; what cannot be read is looked past."""
        inputs = self._inputs(finding, pair, at)
        queue = list(inputs)
        for item in queue:
            steps += [item] if item not in steps else []
            if item.damaged:
                return item
            queue += [s for s in self._inputs(finding, pair, item) if s not in queue] if item.damaged is None else []
        # a stage that did not change passes on what came in, also where the check does not see it there
        blind = [item for item in inputs if item.damaged is None]
        passed = [] if changed else blind if repinned(self.old, self.new) else [*blind, *inputs]
        return passed[0] if passed else None

    def _inputs(self, finding: Finding, pair: Pair, at: _Step) -> list[_Step]:
        """Look at the files that a stage reads and that differ, its code aside, those of the same name first."""
        found: list[str] = []
        for dep in self.new.stages[at.stage].deps if at.stage is not None else ():
            under = (p for p in self.differing if p == dep or p.startswith(f"{dep}/"))
            found += [p for p in under if not (p in self.new.files and is_code(p))][:_FILES]
        found.sort(key=lambda path: PurePosixPath(path).name != PurePosixPath(at.path).name)
        return [self._look(finding, pair, path, at.column) for path in dict.fromkeys(found)]

    def _look(self, finding: Finding, pair: Pair, path: str, column: str | None) -> _Step:
        """Run the check of a finding again on an earlier table, and look for the damage in the column's origin."""
        step, earlier = _Step(path, producer(self.new, path), column), self._pair(pair, path)
        key = finding.code, pair.name, path
        if earlier is not None and key not in self.found:
            (outcome,), hits = registry.run([registry.check.get(finding.code)], replace(self.case, pairs=(earlier,)))
            self.found[key] = hits if outcome.status in ("found", "clear") else None
        found = self.found.get(key)
        if earlier is None or found is None:
            return step
        hit = {f.subject.split(".", 2)[2] if f.subject.count(".") > 1 else None: f for f in found}
        if finding.subject.count(".") > 1 and column not in {*earlier.reference.columns, *earlier.current.columns}:
            # renamed or derived: the same kind of damage shows in about as many rows
            size = abs(finding.effect or 0)
            far = {n: abs(abs(f.effect or 0) - size) for n, f in hit.items() if n and f.kind == finding.kind}
            column = min((n for n in far if far[n] <= size / 2), key=lambda name: (far[name], name), default="")
        return replace(step, column=column or None, damaged=column in hit)

    def _pair(self, pair: Pair, path: str) -> Pair | None:
        key = pair.name, path
        if key not in self.pairs:
            tables = []
            for version in (self.old, self.new) if path.endswith(_TABLES) else ():
                found = version.snapshot.artifact(path, fetch=False)
                with suppress(DataError):
                    tables += [open_table(found.file, path, like=path)] if found.file and not found.corrupt else []
            self.pairs[key] = Pair(pair.name, tables[0], tables[1], pair.same_role) if len(tables) == 2 else None
        return self.pairs[key]

    def _told(self, finding: Finding, pair: Pair, last: _Step, changes: list[Change], steps: list[_Step]) -> Finding:
        files = [*(path for c in changes for path in c.paths), *(file for c in changes for file, _ in c.keys)]
        names = {s.column for s in steps if s.damaged} | {k.rsplit(".", 1)[-1] for c in changes for _, k in c.keys}
        names |= {v for k, v in finding.evidence.items() if k != "time" and v in list(pair.reference.columns)}
        git, span = self.new.snapshot.repository, (self.old.commit, self.new.commit)
        hunks = [hunk for path in dict.fromkeys(files) for hunk in git.hunks(*span, path)]
        ranks = {hunk: self._rank(hunk, {str(n) for n in names if n}, pair) for hunk in hunks}
        hunks = sorted((h for h in hunks if ranks[h] < 3 or min(ranks.values()) == 3), key=ranks.__getitem__)
        what = [str(hunk) for hunk in hunks[:1]] or [change.text for change in changes[:2]]
        what = what or (list(repinned(self.old, self.new).values())[:3] if last.stage else [])
        if last.stage is None:
            files = [tracker(self.new, last.path) or last.path]
        commit = git.last(*span, files, *hunks[:1])
        what += [f"commit {commit['hash'][:7]}"] if commit else []
        first, rest = ("first shows in", ", not in its inputs") if last.damaged else ("came in, unseen, with", "")
        said = f"It {first} the output of stage '{last.stage}' ({', '.join(what) or 'it did not change'}){rest}."
        if last.stage is None:
            said = f"It came in with {last.path}, which no stage makes{f' ({what[0]})' if what else ''}."
        blind = [step.path for step in steps if step.damaged is None]
        text = f"{finding.text} {said}" + (f" Not looked at: {listed(blind)}." if blind else "")
        place = {"lines": [str(hunk) for hunk in hunks[:5]]} if last.stage else {"source": last.path}
        way = {"lineage": [asdict(step) for step in reversed(steps)], "commit": commit}
        way |= {"not_looked_at": blind} if blind else {}
        return replace(finding, stage=last.stage, text=text, evidence={**finding.evidence, **place, **way})

    def _rank(self, hunk: Hunk, names: set[str], pair: Pair) -> int:
        """Return 0 where changed lines name the column, 1 or 2 where what they change has to do with it, 3 for form."""
        now, before = (_statements(version.code.get(hunk.path, "")) for version in (self.new, self.old))
        named = re.compile("|".join(rf"(?<!\w){re.escape(name)}(?!\w)" for name in sorted(names)) or "(?!)")
        around, syntax = next((s[2:] for s in now if s[0] <= hunk.start and hunk.stop <= s[1]), ("", None))
        if around.startswith(('"""', "'''")) or syntax in [s[3] for s in before]:
            return 3
        # what stands in one statement with the column may be what it is made of
        near = {word for s in now if named.search(s[2]) for word in re.findall(r"\w+", s[2])}
        words = {*re.findall(r"\w+", hunk.text + around)} & {*pair.reference.columns}
        return 0 if named.search(hunk.text) else 1 if named.search(around) or near & words else 2


def _statements(source: str) -> list[tuple[int, int, str, str]]:
    """Return the first and last line, the text and the syntax of each simple Python statement."""
    try:
        nodes = [n for n in ast.walk(ast.parse(source)) if isinstance(n, ast.stmt) and not hasattr(n, "body")]
    except (SyntaxError, ValueError, RecursionError):
        return []
    return [(n.lineno, n.end_lineno or 0, ast.get_source_segment(source, n) or "", ast.dump(n)) for n in nodes]
