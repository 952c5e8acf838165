"""All drills, for rca and two things that a user would do instead: ``python tests/bench/bench_drills.py [name ...]``.

The others are the column that evidently finds drifted most, of the training tables or the exams, and the last file that
``git diff --name-only good bad`` lists, but for what DVC writes itself. They name no kind and no interval, so they are
right where they name the column, or the file, of a true cause; where nothing is wrong, if they name nothing.
"""

from __future__ import annotations

import resource
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any
from joblib import Parallel, delayed

sys.path.insert(0, str(Path(__file__).parents[2]))

import rca
from rca import config, drill
from rca.evolution.replay import Options
from rca.tables import open_table
from tests.bench.bench_integrity import drifts_most

if TYPE_CHECKING:
    import pandas as pd
    from rca.types import Investigation


def cpu() -> float:
    """Return the CPU seconds of this process and of what it ran."""
    known = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in known)


def tables(root: Path, rev: str, files: set[str]) -> dict[str, pd.DataFrame]:
    """Return the tables of a version."""
    work = drill.Workspace(root)
    work.git("checkout", "--quiet", "--force", rev)
    work.dvc("checkout", "--quiet", "--force")
    return {file: open_table(str(root / file)).frame() for file in files if (root / file).exists()}


def drifted(root: Path) -> tuple[str, str] | None:
    """Return the table and the column that evidently finds drifted most."""
    known = config.load(root / "rca.yaml")
    good, bad = (
        tables(root, rev, {known.data.train, known.data.production or known.data.evaluate}) for rev in ("good", "bad")
    )
    for file in good:
        skipped = [n for n in (*known.key, known.time) if n in good[file]]
        if column := drifts_most(good[file].drop(columns=skipped), bad[file].drop(columns=skipped, errors="ignore")):
            return (
                "train" if file == known.data.train else "production" if known.data.production else "evaluate"
            ), column
    return None


def last_file(root: Path) -> str | None:
    """Return the last file that changed."""
    told = subprocess.run(
        ["git", "diff", "--name-only", "good", "bad"], cwd=root, capture_output=True, text=True, check=True
    )
    mine = [name for name in told.stdout.split() if name not in ("dvc.lock", "metrics.json")]
    return mine[-1].removesuffix(".dvc") if mine else None


def others(root: Path, done: drill.Drill) -> tuple[bool, bool]:
    """Return whether evidently's column and the last file are right."""
    named, file = drifted(root), last_file(root)
    if not done.causes:
        return named is None, file is None
    steps = [step for each in done.causes for step in each["do"] if "file" in step]
    subjects = [str(each.get("subject", "")) for each in done.causes]
    columns = {name for step in steps for name in (step.get("column"), step.get("other"), *step.get("columns", ()))}
    right = (
        named is not None and named[1] in columns and any(s.startswith(("data", "inputs")) or not s for s in subjects)
    )
    return right, file in {step["file"] for step in steps}


def key(done: drill.Drill) -> str:
    """Return what of a drill tells its good version."""
    return f"{done.system} {sorted((done.config or {}).items())}"


def play(name: str, good: Path) -> tuple[str, drill.Score, list[str], tuple[bool, bool], float]:
    """Build a drill, investigate and score it; return the decoys that were confirmed too."""
    done = drill.drills()[name]
    with tempfile.TemporaryDirectory() as home:
        shutil.copytree(good, Path(home) / "work", symlinks=True)
        work = drill.Workspace(Path(home) / "work", drill.system(done.system))
        seal = drill.strike(work, done)
        before = cpu()
        found: Investigation = rca.investigate("good", "bad", config=work.root / "rca.yaml", options=Options(repeats=3))
        spent = cpu() - before
        named = [f"{c.kind} {c.subject} {c.contribution:+.3g} {c.status}" for c in found.causes[:3]] or [found.verdict]
        decoys = {str(each.get("subject", "-")) for each in done.decoys}
        fooled = [c.subject for c in found.causes if c.subject in decoys and c.status == "confirmed"]
        return "; ".join(named), drill.score(work.root, found, seal=seal), fooled, others(work.root, done), spent


def main() -> None:
    """Print each drill and the rates."""
    names = sys.argv[1:] or list(drill.drills())
    print("drill          level  | rca verdict top1 top3 size stage onset | evidently last file | CPU-s | named")
    with tempfile.TemporaryDirectory() as home:
        known = {key(done): done for done in (drill.drills()[name] for name in names)}
        places = {text: Path(home) / str(i) for i, text in enumerate(known)}
        Parallel(n_jobs=2)(delayed(drill.start)(places[k], d.system, d.config) for k, d in known.items())
        work = ((name, places[key(drill.drills()[name])]) for name in names)
        tell(names, Parallel(n_jobs=2, return_as="generator")(delayed(play)(*each) for each in work))


def tell(names: list[str], all_played: Any) -> None:
    """Print how each drill ended, and the rates."""
    count: Counter[str] = Counter()
    for name, played in zip(names, all_played, strict=True):
        told, score, fooled, peers, spent = played
        asked = bool(drill.drills()[name].causes)
        marks: dict[str, Any] = {
            "verdict": score.verdict,
            "top1": score.first,
            "top3": score.three,
            "size": score.within,
        }
        marks |= {"stage": score.stage, "onset": None if score.onset_days is None else abs(score.onset_days) <= 3}
        marks |= {"evidently": peers[0], "last file": peers[1]}
        for what, right in marks.items():
            kind = f"{what} {'cause' if asked else 'nothing'}"
            count[f"{kind} asked"] += right is not None
            count[kind] += bool(right)
        count["decoys confirmed"] += len(fooled)
        count["false causes"] += len(score.false_causes)
        shown = " ".join({True: "yes", False: "NO", None: "-"}[right].ljust(4) for right in marks.values())
        wrong = f" FALSE {', '.join(score.false_causes)}" if score.false_causes else ""
        print(f"{name:<14} {drill.drills()[name].level:<6} | {shown} | {spent:5.1f} | {told}{wrong}", flush=True)
    for what in sorted(kind for kind in count if not kind.endswith("asked") and count.get(f"{kind} asked", 1)):
        whole = f" of {count[f'{what} asked']}" if f"{what} asked" in count else ""
        print(f"{what}: {count[what]}{whole}")


if __name__ == "__main__":
    main()
