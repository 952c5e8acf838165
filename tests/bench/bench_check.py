"""What a whole check costs, beside DuckDB's own SUMMARIZE of the same two files: CPU-seconds and memory.

    python tests/bench/bench_check.py [ROWS] [--evidently]

With evidently, its DataDriftPreset runs on the same files as well, and is stopped at 15 times what the check took.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
import numpy as np
import pandas as pd

CHECK = "import rca; rca.check({0!r}, {1!r}, target='y', prediction='score')"
SUMMARIZE = "import duckdb\nfor f in ({0!r}, {1!r}): duckdb.sql(f\"summarize from '{{f}}'\").fetchall()"
EVIDENTLY = """
import pandas as pd
from evidently import Report
from evidently.presets import DataDriftPreset
Report([DataDriftPreset()]).run(pd.read_parquet({1!r}), pd.read_parquet({0!r})).dict()
"""
MEASURE = """
import resource
used = resource.getrusage(resource.RUSAGE_SELF)
print(round(used.ru_utime + used.ru_stime, 1), used.ru_maxrss // 1024)
"""


def made(seed: int, rows: int) -> pd.DataFrame:
    """Return 30 floats with missing values, 10 counts, 10 categories, a target and a score."""
    draw = np.random.default_rng(seed)
    floats = {
        f"f{i:02}": np.where(draw.random(rows) < 0.02, np.nan, draw.normal(i, 1 + i / 10, rows)) for i in range(30)
    }
    counts = {f"i{i:02}": draw.poisson(3 + 20 * i, rows) for i in range(10)}
    words = {f"c{i:02}": draw.choice([f"v{j}" for j in range(3 + 12 * i)], rows) for i in range(10)}
    return pd.DataFrame({**floats, **counts, **words, "y": draw.integers(0, 2, rows), "score": draw.random(rows)})


def write(seed: int, rows: int, path: str) -> None:
    """Write a table."""
    made(seed, rows).to_parquet(path)


def spend(code: str, limit: float | None = None) -> tuple[float, float]:
    """Run code in a process of its own; return its CPU-seconds and megabytes, or infinity where it was stopped."""
    if limit is not None:
        code = f"import resource\nresource.setrlimit(resource.RLIMIT_CPU, ({int(limit)}, {int(limit)}))\n{code}"
    call = [sys.executable, "-W", "ignore", "-c", code + MEASURE]
    done = subprocess.run(call, capture_output=True, text=True, check=limit is None)
    seconds, memory = map(float, done.stdout.split()[-2:] if done.returncode == 0 else ("inf", "nan"))
    return seconds, memory


def main(rows: int, *, peer: bool) -> None:
    """Print what each costs, and the ratios."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [str(Path(folder) / f"{name}.parquet") for name in ("reference", "current")]
        for seed, path in enumerate(paths):
            # in a process of its own: what this one ever held would count for those that it starts
            with ProcessPoolExecutor(1, get_context("spawn")) as pool:
                pool.submit(write, seed, rows, path).result()
        spent = {}
        for name, code in (("check", CHECK), ("summarize", SUMMARIZE)):
            spent[name], memory = spend(code.format(*paths))
            print(f"{name:<10} {rows:>10,} rows x 52 twice: {spent[name]:6.1f} CPU-s, {memory:5.0f} MB")
        print(f"ratio {spent['check'] / spent['summarize']:.2f}", flush=True)
        if peer:
            seconds, _ = spend(EVIDENTLY.format(*paths), 15 * spent["check"])
            print(
                f"evidently took {seconds:.1f} CPU-s" if seconds < float("inf") else "evidently was stopped at 15 times"
            )


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("rows", type=int, nargs="?", default=1_000_000)
    parser.add_argument("--evidently", action="store_true")
    options = parser.parse_args()
    main(options.rows, peer=options.evidently)
