"""What a whole check costs, beside DuckDB's own SUMMARIZE of the same two files: CPU-seconds and memory.

python tests/bench/bench_check.py [ROWS]
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

CHECK = "import rca; rca.check({0!r}, {1!r}, target='y', prediction='score')"
SUMMARIZE = "import duckdb\nfor f in ({0!r}, {1!r}): duckdb.sql(f\"summarize from '{{f}}'\").fetchall()"
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


def main(rows: int) -> None:
    """Print both, and the ratio."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [str(Path(folder) / f"{name}.parquet") for name in ("reference", "current")]
        for seed, path in enumerate(paths):
            made(seed, rows).to_parquet(path)
        spent = {}
        for name, code in (("check", CHECK), ("summarize", SUMMARIZE)):
            done = subprocess.run(
                [sys.executable, "-c", code.format(*paths) + MEASURE], capture_output=True, text=True, check=True
            )
            spent[name], memory = map(float, done.stdout.split())
            print(f"{name:<10} {rows:>10,} rows x 52 twice: {spent[name]:6.1f} CPU-s, {memory:5.0f} MB")
        print(f"ratio {spent['check'] / spent['summarize']:.2f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
