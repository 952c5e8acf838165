"""How often the first cause is the true one: ``python tests/bench/bench_drills.py [name of a drill ...]``.

Two systems that have nothing to do with the demo's: a regression on generated measurements, without key or time, its
tables in git; and a classifier of tumours with a key, a time, sensitive groups and three stages. Each drill damages one
thing, or nothing, in a real repository; the investigation is told none of it.
"""

from __future__ import annotations

import contextlib
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
import numpy as np
import pandas as pd
from sklearn.datasets import load_breast_cancer, make_friedman1

sys.path.insert(0, str(Path(__file__).parents[2]))

import rca
from rca.demo import Workspace
from rca.evolution.replay import Options
from rca.registry import fault

if TYPE_CHECKING:
    from collections.abc import Callable

N = 6000

MEASURES = {
    "dvc.yaml": """
stages:
  fit:
    cmd: python fit.py
    deps: [fit.py, train.csv]
    params: [trees, depth, seed]
    outs: [model.skops]
""",
    "params.yaml": "trees: 60\ndepth: 8\nseed: 3\n",
    "fit.py": """
import pandas as pd, skops.io, yaml
from sklearn.ensemble import RandomForestRegressor

how = yaml.safe_load(open("params.yaml"))
table = pd.read_csv("train.csv")
inputs = table.drop(columns="strength")
model = RandomForestRegressor(how["trees"], max_depth=how["depth"], random_state=how["seed"], n_jobs=1)
skops.io.dump(model.fit(inputs, table["strength"]), "model.skops")
""",
    "rca.yaml": """
system: measures
model: model.skops
data: {train: train.csv, evaluate: exam.csv}
target: strength
metric: neg_mean_absolute_error
seed: seed
inputs: {sensors: [heat, load, angle], "api:lab": [grain, humidity]}
""",
}
TUMOURS = {
    "dvc.yaml": """
stages:
  clean:
    cmd: python src/clean.py
    deps: [src/clean.py, raw/cells.parquet]
    outs: [work/clean.parquet]
  split:
    cmd: python src/split.py
    deps: [src/split.py, work/clean.parquet]
    params: [split.share]
    outs: [work/train.parquet, work/exam.parquet]
  fit:
    cmd: python src/fit.py
    deps: [src/fit.py, work/train.parquet]
    params: [fit]
    outs: [work/model.skops]
""",
    "params.yaml": "split: {share: 0.7}\nfit: {C: 1.0, weight: 1.0, seed: 5}\n",
    "src/clean.py": """
import pandas as pd

table = pd.read_parquet("raw/cells.parquet")
table = table.dropna(subset=["benign"])
table.to_parquet("work/clean.parquet", index=False)
""",
    "src/split.py": """
import pandas as pd, yaml

share = yaml.safe_load(open("params.yaml"))["split"]["share"]
table = pd.read_parquet("work/clean.parquet").sort_values("seen")
cut = int(len(table) * share)
table[:cut].to_parquet("work/train.parquet", index=False)
table[cut:].to_parquet("work/exam.parquet", index=False)
""",
    "src/fit.py": """
import pandas as pd, skops.io, yaml
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

how = yaml.safe_load(open("params.yaml"))["fit"]
table = pd.read_parquet("work/train.parquet")
inputs = table[["radius", "texture", "smoothness", "concavity", "symmetry"]]
model = make_pipeline(StandardScaler(), LogisticRegression(C=how["C"], class_weight={"no": how["weight"], "yes": 1.0}))
skops.io.dump(model.fit(inputs, table["benign"]), "work/model.skops")
""",
    "rca.yaml": """
system: tumours
model: work/model.skops
data: {train: work/train.parquet, evaluate: work/exam.parquet, production: live.parquet}
target: benign
positive: "yes"
features: [radius, texture, smoothness, concavity, symmetry]
key: [patient]
time: seen
metric: neg_log_loss
sensitive: [clinic]
seed: fit.seed
inputs: {scanner: [radius, texture, smoothness], pathologist: [concavity, symmetry]}
""",
}


class Drill(NamedTuple):
    """What is done, and what should be named first: kinds that are right, and how the subject begins."""

    name: str
    system: str
    change: Callable[[Path, np.random.Generator], None]
    kinds: tuple[str, ...] = ()  # none: nothing is wrong
    subject: str = ""


def measures(seed: int, n: int = N) -> pd.DataFrame:
    x, y = make_friedman1(n, n_features=7, noise=1.0, random_state=seed)
    names = ["heat", "load", "angle", "grain", "humidity", "batch", "shift"]
    frame = pd.DataFrame(x, columns=names).assign(
        heat=lambda t: 20 + 400 * t["heat"], load=lambda t: 5 + 10 * t["load"]
    )
    return frame.assign(strength=y)


def tumours(seed: int, start: str, n: int = N) -> pd.DataFrame:
    draw, data = np.random.default_rng(seed), load_breast_cancer(as_frame=True)
    frame = data.frame.iloc[draw.integers(0, len(data.frame), n)].reset_index(drop=True)
    columns = {"radius": "mean radius", "texture": "mean texture", "smoothness": "mean smoothness"}
    columns |= {"concavity": "mean concavity", "symmetry": "mean symmetry"}
    found = pd.DataFrame({new: frame[old] * draw.normal(1, 0.06, n) for new, old in columns.items()})
    unsure = draw.random(n) < 0.06
    benign = np.where(frame["target"].to_numpy() ^ unsure, "yes", "no")
    at = pd.Timestamp(start) + pd.to_timedelta(np.sort(draw.uniform(0, 200 * 24, n)), unit="h")
    number = np.arange(n) + seed * 100_000
    return found.assign(benign=benign, seen=at.floor("s"), patient=number, clinic=draw.choice(["north", "south"], n))


def build(root: Path, system: str) -> Workspace:
    work = Workspace(root)
    for name, text in (MEASURES if system == "measures" else TUMOURS).items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    work.run("git", "init", "--quiet", "--initial-branch", "main")
    work.dvc("init", "--quiet")
    if system == "measures":
        measures(1).to_csv(root / "train.csv", index=False)
        measures(2).to_csv(root / "exam.csv", index=False)
    else:
        for folder in ("raw", "work"):
            (root / folder).mkdir()
        tumours(1, "2024-01-01").to_parquet(root / "raw/cells.parquet", index=False)
        tumours(2, "2024-08-01").to_parquet(root / "live.parquet", index=False)
        work.dvc("add", "--quiet", "raw/cells.parquet", "live.parquet")
    commit(work, "good")
    return work


def commit(work: Workspace, tag: str) -> None:
    if (work.root / "live.parquet").exists():
        work.dvc("add", "--quiet", "raw/cells.parquet", "live.parquet")
    work.dvc("repro", "--quiet")
    work.git("add", "--all")
    work.git("commit", "--quiet", "--allow-empty", "--message", tag)
    work.git("tag", tag)


def table(file: str, name: str, column: str | None, **knobs: Any) -> Callable[[Path, np.random.Generator], None]:
    """Damage a table by a fault."""

    def change(root: Path, draw: np.random.Generator) -> None:
        path = root / file
        frame = pd.read_csv(path) if path.suffix == ".csv" else pd.read_parquet(path)
        damaged, _ = fault.get(name).function(frame, column, draw, **knobs)
        path.unlink()
        damaged.to_csv(path, index=False) if path.suffix == ".csv" else damaged.to_parquet(path, index=False)

    return change


def text(file: str, old: str, new: str) -> Callable[[Path, np.random.Generator], None]:
    """Change a script or a parameter."""

    def change(root: Path, draw: np.random.Generator) -> None:
        known = (root / file).read_text()
        assert old in known
        (root / file).write_text(known.replace(old, new))

    return change


def fresh(file: str, make: Callable[[], pd.DataFrame]) -> Callable[[Path, np.random.Generator], None]:
    def change(root: Path, draw: np.random.Generator) -> None:
        (root / file).unlink()
        make().to_csv(root / file, index=False) if file.endswith(".csv") else make().to_parquet(
            root / file, index=False
        )

    return change


def several(*changes: Callable[[Path, np.random.Generator], None]) -> Callable[[Path, np.random.Generator], None]:
    def change(root: Path, draw: np.random.Generator) -> None:
        for one in changes:
            one(root, draw)

    return change


LIVE, SINCE = "live.parquet", {"since": "2024-11-01", "time": "seen"}
DRILLS = [
    Drill("m-nothing", "measures", fresh("exam.csv", lambda: measures(7))),
    Drill("m-retrain", "measures", text("params.yaml", "trees: 60", "trees: 70")),
    Drill(
        "m-unit",
        "measures",
        table("exam.csv", "unit_change", "heat", factor=1.8, offset=32.0),
        ("unit_change",),
        "data.evaluate.heat",
    ),
    Drill(
        "m-part",
        "measures",
        table("exam.csv", "unit_change", "load", factor=10.0, share=0.3),
        ("unit_change",),
        "data.evaluate.load",
    ),
    Drill(
        "m-shuffle",
        "measures",
        table("exam.csv", "broken_relation", "grain"),
        ("broken_relation", "label_noise", "concept_shift"),
        "",
    ),
    Drill(
        "m-missing",
        "measures",
        table("exam.csv", "sentinel_values", "heat", value=-999.0, share=0.3),
        ("sentinel_values",),
        "data.evaluate.heat",
    ),
    Drill("m-sign", "measures", table("exam.csv", "sign_flip", "load"), ("sign_flip",), "data.evaluate.load"),
    Drill(
        "m-swap",
        "measures",
        table("exam.csv", "column_swap", "heat", other="load"),
        ("column_swap",),
        "data.evaluate.heat",
    ),
    Drill(
        "m-range",
        "measures",
        table("exam.csv", "range_violation", "heat", share=0.1),
        ("range_violation", "unit_change"),
        "data.evaluate.heat",
    ),
    Drill(
        "m-train",
        "measures",
        table("train.csv", "unit_change", "heat", factor=0.01, share=0.5),
        ("unit_change", "training_data"),
        "data.train",
    ),
    Drill(
        "m-labels",
        "measures",
        table("train.csv", "label_noise", "strength", share=0.6),
        ("label_noise", "training_data"),
        "data.train",
    ),
    Drill("m-depth", "measures", text("params.yaml", "depth: 8", "depth: 1"), ("hyperparameter",), "params.depth"),
    Drill(
        "m-code",
        "measures",
        text("fit.py", 'drop(columns="strength")', 'drop(columns="strength").assign(load=0.0)'),
        ("code_change",),
        "code.fit.py",
    ),
    Drill(
        "m-covariate",
        "measures",
        fresh("exam.csv", lambda: (t := measures(9, 20_000))[t["heat"] > 250][:N]),
        ("covariate_shift", "missing_segment", "truncation"),
        "",
    ),
    Drill("t-nothing", "tumours", fresh(LIVE, lambda: tumours(8, "2024-08-01"))),
    Drill(
        "t-unit",
        "tumours",
        table(LIVE, "unit_change", "radius", factor=10.0, **SINCE),
        ("unit_change",),
        "data.production.radius",
    ),
    Drill(
        "t-frozen",
        "tumours",
        table(LIVE, "frozen_column", "radius", **SINCE),
        ("frozen_column",),
        "data.production.radius",
    ),
    Drill(
        "t-null",
        "tumours",
        table(LIVE, "sentinel_values", "texture", value=0.0, share=0.4),
        ("sentinel_values",),
        "data.production.texture",
    ),
    Drill(
        "t-clinic",
        "tumours",
        table(LIVE, "unit_change", "radius", factor=2.54, where={"clinic": "north"}),
        ("unit_change",),
        "data.production.radius",
    ),
    Drill(
        "t-outage",
        "tumours",
        several(
            *(
                table(LIVE, "sentinel_values", c, value=-1.0, share=1.0, **SINCE)
                for c in ("radius", "texture", "smoothness")
            )
        ),
        ("dependency_outage",),
        "inputs.scanner",
    ),
    Drill(
        "t-two",
        "tumours",
        several(table(LIVE, "sign_flip", "texture"), text("params.yaml", "C: 1.0", "C: 0.9")),
        ("sign_flip",),
        "data.production.texture",
    ),
    Drill(
        "t-decoys",
        "tumours",
        several(text("params.yaml", "C: 1.0", "C: 1.1"), text("src/split.py", "cut =", "# a comment\ncut =")),
    ),
    Drill(
        "t-flip",
        "tumours",
        table("raw/cells.parquet", "label_noise", "benign", share=0.35),
        ("label_noise", "training_data"),
        "data.train",
    ),
    Drill(
        "t-weight",
        "tumours",
        text("params.yaml", "weight: 1.0", "weight: 30.0"),
        ("objective", "hyperparameter"),
        "params.fit.weight",
    ),
    Drill(
        "t-code",
        "tumours",
        text("src/fit.py", 'table["benign"])', 'table["benign"].sample(frac=1, random_state=0).to_numpy())'),
        ("code_change",),
        "code.src/fit.py",
    ),
    Drill(
        "t-concept",
        "tumours",
        fresh(
            LIVE,
            lambda: tumours(2, "2024-08-01").assign(
                benign=lambda t: np.where((t["clinic"] == "south") & (t["texture"] > 18), "yes", t["benign"])
            ),
        ),
        ("concept_shift", "label_noise", "label_shift"),
        "",
    ),
]


def play(drill: Drill) -> tuple[str, str]:
    """Return how a drill ended, and what was named."""
    with tempfile.TemporaryDirectory() as home, contextlib.chdir(home):
        work = build(Path(home), drill.system)
        drill.change(work.root, np.random.default_rng(0))
        commit(work, "bad")
        found = rca.investigate("good", "bad", config=work.root / "rca.yaml", options=Options(repeats=3))
    named = (
        "; ".join(f"{c.kind} {c.subject} {c.contribution:+.3g} {c.status}" for c in found.causes[:3]) or found.verdict
    )
    hits = [c.kind in drill.kinds and c.subject.startswith(drill.subject) for c in found.causes[:3]]
    if not drill.kinds:
        return ("right" if found.verdict == "no_incident" else "false alarm"), named
    return ("right" if hits[:1] == [True] else "in three" if any(hits) else "missed"), named


def main() -> None:
    """Print each drill and the rates."""
    ended: list[tuple[bool, str]] = []
    for drill in DRILLS:
        if sys.argv[1:] and drill.name not in sys.argv[1:]:
            continue
        start = time.process_time()
        result, named = play(drill)
        ended.append((bool(drill.kinds), result))
        print(f"{drill.name:<12} {result:<11} {time.process_time() - start:5.1f} CPU-s  {named}", flush=True)
    real = [result for wrong, result in ended if wrong]
    quiet = [result for wrong, result in ended if not wrong]
    print(f"first {real.count('right')} of {len(real)}, quiet {quiet.count('right')} of {len(quiet)}")


if __name__ == "__main__":
    main()
