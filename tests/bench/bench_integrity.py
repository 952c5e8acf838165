"""How well the integrity checks name a damage: every fault on real tables, beside what evidently says of them.

    python tests/bench/bench_integrity.py [--seeds 5] [--stages 1] [--only KIND ...] [--no-evidently]

A damage is found where the first finding has its kind and its column. Evidently has no kinds: it has found a
damage where the column is the one that drifts most. The stage is judged in a repository of two stages: the damage
is in its raw table, or done by a line of one of its scripts, and the finding must say where it came in.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import itertools
import runpy
import tempfile
import textwrap
import warnings
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from sklearn.datasets import load_breast_cancer, load_diabetes
from rca import drill, registry
from rca.api import check

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Choose = Callable[[pd.DataFrame, np.random.Generator], str | None]

BANK = Path(__file__).parents[2] / "data/raw/bank_marketing.parquet"
ROLES: dict[str, Any] = {"key": ("id",), "time": "at", "target": "y"}
LEVELS = ("low", "middle", "high")


def framed(table: pd.DataFrame, target: str) -> pd.DataFrame:
    """Give a table a key, times at office hours, a place of work and a group, as production logs have them."""
    draw = np.random.default_rng(0)
    n = len(table)
    hours = np.clip(draw.normal(11, 2.5, n), 7, 20)
    at = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.sort(draw.integers(0, 180, n)) * 24 + hours, unit="h")
    first = next(c for c in table.columns if c != target and table[c].dtype.kind == "f")
    band = pd.qcut(table[first].rank(method="first"), 4, labels=["älter", "größer", "mittel", "klein"]).astype("object")
    city = draw.choice(["Zürich", "Genève", "Roma", "Málaga"], n, p=[0.4, 0.3, 0.2, 0.1])
    named = table.rename(columns={target: "y"})
    return named.assign(id=np.arange(n), at=at.floor("s"), city=city, band=band.astype(str)).reset_index(drop=True)


def tables() -> dict[str, pd.DataFrame]:
    """Return the tables: the demo's and two of scikit-learn's."""
    bank = pd.read_parquet(BANK).drop(columns="year")
    bank = bank.iloc[np.random.default_rng(1).permutation(len(bank))[:8000]].reset_index(drop=True)
    bank = bank.assign(balance=bank["duration"] * 1.5 + np.random.default_rng(2).normal(0, 50, len(bank)))
    cancer = load_breast_cancer(as_frame=True).frame
    return {
        "bank": framed(bank, "y"),
        "breast_cancer": framed(cancer, "target"),
        "diabetes": framed(load_diabetes(as_frame=True, scaled=False).frame, "target"),
    }


def _of(*tests: Callable[[pd.Series], bool], skip: tuple[str, ...] = ("id", "y")) -> Choose:
    def choose(table: pd.DataFrame, rng: np.random.Generator) -> str | None:
        fit = [c for c in table.columns if c not in skip and all(test(table[c]) for test in tests)]
        return str(rng.choice(fit)) if fit else None

    return choose


def continuous(column: pd.Series) -> bool:
    """Whether a column is a number with many values, none of them frequent."""
    return column.dtype.kind in "if" and column.nunique() > 40 and column.value_counts(normalize=True).iloc[0] < 0.2


def decimal(column: pd.Series) -> bool:
    """Whether a column has decimals in nearly all values, and more than them."""
    return column.dtype.kind == "f" and float((column % 1 != 0).mean()) > 0.8 and column.round().nunique() > 5


def text(column: pd.Series) -> bool:
    """Whether a column is text of few values."""
    return column.dtype.kind in "OT" or str(column.dtype) in ("str", "category")


def accented(column: pd.Series) -> bool:
    """Whether a column has text beyond ASCII."""
    return text(column) and not all(str(v).isascii() for v in column.unique())


number, place, numeric = _of(continuous), _of(text), _of(lambda c: c.dtype.kind in "if" and c.nunique() > 10)
target: Choose = lambda table, rng: "y"  # noqa: E731  a constant choice
whole: Choose = lambda table, rng: None  # noqa: E731  rows have no column
clock: Choose = lambda table, rng: "at"  # noqa: E731  likewise
LATE = {"since": "2024-04-01", "time": "at"}


@dataclass(frozen=True)
class Damage:
    """A fault, on which column, how hard, and between which tables."""

    kind: str
    choose: Choose
    knobs: tuple[Mapping[str, Any], ...]
    same_rows: bool = False
    fault: str = ""
    roles: Mapping[str, Any] = field(default_factory=dict)


def shares(low: float, middle: float, high: float, **more: Any) -> Any:
    """Return three severities by share of rows."""
    return tuple({"share": share, **more} for share in (low, middle, high))


DAMAGES = [
    Damage("missing_values", _of(skip=("id", "y", "at")), shares(0.05, 0.15, 0.4)),
    Damage("sentinel_values", number, shares(0.03, 0.1, 0.3)),
    Damage("unit_change", number, tuple({"factor": f} for f in (2.54, 100.0, 0.001))),
    Damage("unit_change", number, shares(0.05, 0.2, 0.5, factor=1000.0)),
    Damage("unit_change", number, tuple({"factor": f, **LATE} for f in (10.0, 100.0, 0.001))),
    Damage("sign_flip", number, shares(0.05, 0.3, 1.0)),
    Damage("type_change", number, shares(1.0, 1.0, 1.0)),
    Damage("new_category", place, shares(0.03, 0.1, 0.3)),
    Damage("renamed_category", place, shares(0.3, 1.0, 1.0)),
    Damage("encoding", _of(accented), shares(0.1, 0.5, 1.0)),
    Damage("column_swap", number, ({"share": 1.0, **LATE}, {"share": 1.0}, {"share": 1.0})),
    Damage("frozen_column", number, ({"since": "2024-05-15", "time": "at"}, LATE, {})),
    Damage("stale_column", number, tuple({"lag": k, "time": "at"} for k in (1, 3, 7))),
    Damage("time_shift", clock, tuple({"hours": h} for h in (1.0, 2.0, 6.0))),
    Damage("truncation", clock, shares(0.1, 0.3, 0.5), same_rows=True),
    Damage("missing_segment", place, ({}, {}, {}), same_rows=True),
    Damage("duplicate_rows", whole, shares(0.05, 0.15, 0.4)),
    Damage("join_fanout", place, ({}, {}, {})),
    Damage("label_noise", target, shares(0.1, 0.2, 0.35), same_rows=True),
    Damage("label_noise", target, shares(0.15, 0.25, 0.35)),
    Damage("leakage", number, ({}, {}, {})),
    Damage("schema_change", number, ({}, {}, {})),
    Damage("range_violation", number, shares(0.01, 0.05, 0.15)),
    Damage("range_violation", number, tuple({"quantile": q} for q in (0.95, 0.9, 0.8)), fault="clipped"),
    Damage("type_change", _of(decimal), ({}, {}, {}), fault="rounded"),
    Damage("broken_relation", number, shares(0.5, 0.8, 1.0)),
    Damage("selection_bias", target, shares(0.3, 0.5, 0.8), same_rows=True),
]


def sides(damage: Damage, table: pd.DataFrame, rng: np.random.Generator) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the rows of the reference, and those that will be damaged."""
    order = rng.permutation(len(table))
    half = len(table) // 2
    both = (table, table) if damage.same_rows else (table.iloc[order[:half]], table.iloc[order[half:]])
    return both[0].reset_index(drop=True), both[1].reset_index(drop=True)


def one(damage: Damage, table: pd.DataFrame, level: int, seed: int) -> tuple[Any, Any, pd.DataFrame, pd.DataFrame]:
    """Damage a table and check it; return the truth, what was found, and both tables."""
    rng = np.random.default_rng([seed, level])
    good, other = sides(damage, table, rng)
    column = damage.choose(table, rng)
    function = registry.fault.get(damage.fault or damage.kind).function
    bad, truth = function(other, column, rng, **damage.knobs[level])
    found = check(good, bad.reset_index(drop=True), **{**ROLES, **damage.roles})
    return truth, found, good, bad


PROJECT = {
    "rca.yaml": """
        system: staged
        model: model.skops
        data: {train: data/features.parquet, evaluate: data/features.parquet}
        target: y
        key: [id]
        time: at
        """,
    "dvc.yaml": """
        stages:
          clean:
            cmd: python clean.py
            deps: [clean.py, data/raw.parquet]
            outs: [data/clean.parquet]
          features:
            cmd: python features.py
            deps: [features.py, data/clean.parquet]
            outs: [data/features.parquet]
        """,
}
SCRIPT = """
import numpy as np
import pandas as pd
from rca import registry

table = pd.read_parquet("data/{source}.parquet")
table = table.sort_values("id", ignore_index=True)
{bug}
table.to_parquet("data/{target}.parquet", index=False)
"""
PLACES = ("raw", "clean", "features")


def staged(damage: Damage, table: pd.DataFrame, seed: int, place: str) -> bool | None:
    """Say whether the finding names the place where the damage came in; None where the damage is not found."""
    rng = np.random.default_rng([seed, 1])
    good, other = sides(damage, table, rng)
    column, knobs = damage.choose(table, rng), dict(damage.knobs[1])
    fault = damage.fault or damage.kind
    bad, truth = registry.fault.get(fault).function(other, column, np.random.default_rng(seed), **knobs)
    call = f"registry.fault.get({fault!r}).function(table, {column!r}, np.random.default_rng({seed}), **{knobs!r})[0]"
    with tempfile.TemporaryDirectory() as folder:
        work = drill.Workspace(Path(folder))
        work.git("init", "--quiet")
        work.dvc("init", "--quiet")
        (work.root / "data").mkdir()
        for name, text in PROJECT.items():
            (work.root / name).write_text(textwrap.dedent(text).lstrip())
        for tag, raw in (("good", good), ("bad", bad if place == "raw" else other)):
            path = work.root / "data/raw.parquet"
            path.unlink(missing_ok=True)
            raw.to_parquet(path, index=False)
            work.dvc("add", "--quiet", str(path))
            with contextlib.chdir(work.root):
                for source, target in itertools.pairwise(PLACES):
                    bug = f"table = {call}" if (tag, target) == ("bad", place) else ""
                    Path(f"{target}.py").write_text(SCRIPT.format(source=source, target=target, bug=bug))
                    Path(f"data/{target}.parquet").unlink(missing_ok=True)
                    runpy.run_path(f"{target}.py")
            work.dvc("commit", "--quiet", "--force")
            work.git("add", "--all")
            work.git("commit", "--quiet", "--message", tag)
            work.git("tag", tag)
        found = check("good", "bad", config=work.root / "rca.yaml").findings
    named = next((f for f in found if hit(truth, f)), None)
    if named is None:
        return None
    return bool(named.evidence.get("source") == "data/raw.parquet") if place == "raw" else named.stage == place


def hit(truth: Mapping[str, Any], finding: Any) -> bool:
    """Whether a finding names the damage: its kind and, where it has one, its column."""
    columns = finding.evidence.get("columns") or [finding.evidence.get("column")]
    if finding.subject.count(".") == 1:
        return bool(finding.kind == truth["kind"])
    return bool(finding.kind == truth["kind"] and (truth.get("column") in columns or truth.get("column") is None))


def drifts_most(good: pd.DataFrame, bad: pd.DataFrame) -> str | None:
    """Return the column that evidently finds drifted most."""
    from evidently import Report
    from evidently.presets import DataDriftPreset

    kept = [c for c in good.columns if c in bad.columns and c != "id" and bad[c].notna().any()]
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        try:
            done = Report([DataDriftPreset()]).run(bad[kept], good[kept]).dict()
        except Exception:  # noqa: BLE001  a report that fails has found nothing
            return None
    scores: dict[str, float] = {}
    for metric in done["metrics"]:
        config = metric.get("config", {})
        if "column" in config and "method" in config:
            value, bar = float(metric["value"]), float(config.get("threshold") or 0.05)
            over = bar / max(value, 1e-12) if "p_value" in config["method"] else value / bar
            if over > 1:
                scores[config["column"]] = over
    return max(scores, key=lambda c: scores[c]) if scores else None


def row_of(
    damage: Damage, name: str, seeds: int, stages: int, *, peers: bool, verbose: bool
) -> tuple[Counter[str], list[str]]:
    """Plant a damage in a table at every severity and seed; return the counts and what to print."""
    row: Counter[str] = Counter()
    said: list[str] = []
    table = tables()[name]
    for level, seed in ((lv, s) for lv in range(3) for s in range(seeds)):
        try:
            truth, found, good, bad = one(damage, table, level, seed)
        except Exception as problem:  # noqa: BLE001  said, and counted as not found
            said.append(f"! {damage.kind} {name} {LEVELS[level]} {type(problem).__name__} {str(problem)[:150]}")
            continue
        hits = [hit(truth, f) for f in found.findings]
        row[f"first{level}"] += bool(hits and hits[0])
        row["any"] += any(hits)
        row["findings"] += len(hits)
        row["true"] += sum(hits)
        if verbose and not (hits and hits[0]):
            told = [(f.kind, f.subject) for f in found.findings[:4]]
            failed = [(o.code, o.reason) for o in found.outcomes if o.status == "failed"]
            said.append(f"  missed: {name} {LEVELS[level]} {seed} {damage.knobs[level]} {truth} {told} {failed}")
        if peers and level == 1 and seed == 0 and truth.get("column"):
            row["peer"] += drifts_most(good, bad) == truth["column"]
            row["peers"] += 1
    for seed in range(stages):
        place = PLACES[(DAMAGES.index(damage) + list(tables()).index(name) + seed) % 3]
        right = staged(damage, table, seed, place)
        row["stages"] += right is not None
        row["stage"] += bool(right)
        if verbose and not right:
            said.append(f"  stage: {damage.kind} {name} {seed} {place} {'not found' if right is None else 'missed'}")
    first = [row[f"first{level}"] / seeds for level in range(3)]
    precision = row["true"] / row["findings"] if row["findings"] else float("nan")
    stage = f"{row['stage']}/{row['stages']}"
    peer = f"{row['peer']}/{row['peers']}" if row["peers"] else "-"
    said.append(
        f"{damage.fault or damage.kind:<18} {name:<14} {first[0]:5.2f} {first[1]:5.2f} {first[2]:5.2f} "
        f"{row['any'] / (3 * seeds):7.2f} {precision:9.2f} {stage:>6} {peer:>9}"
    )
    row["runs"] = seeds
    return row, said


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--stages", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--no-evidently", action="store_true")
    parser.add_argument("--verbose", action="store_true")
    options = parser.parse_args()
    chosen = [d for d in DAMAGES if not options.only or {d.kind, d.fault} & set(options.only)]
    work = [(damage, name) for damage in chosen for name in tables()]
    print("damage             table            low   mid  high  recall precision  stage evidently", flush=True)
    done = Parallel(n_jobs=options.jobs, return_as="generator")(
        delayed(row_of)(d, name, options.seeds, options.stages, peers=not options.no_evidently, verbose=options.verbose)
        for d, name in work
    )
    total: Counter[str] = Counter()
    for row, said in done:
        print("\n".join(said), flush=True)
        total += row
    n = total["runs"]
    levels = " ".join(f"{LEVELS[i]} {total[f'first{i}'] / n:.3f}" for i in range(3))
    print(f"first finding has kind and column: {levels}; recall {total['any'] / (3 * n):.3f}; ", end="")
    print(
        f"precision {total['true'] / max(total['findings'], 1):.3f}; stage {total['stage']}/{total['stages']}; ", end=""
    )
    print(f"evidently {total['peer']}/{total['peers']}")


if __name__ == "__main__":
    main()
