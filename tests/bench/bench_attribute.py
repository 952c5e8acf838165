"""What an attribution costs: ``python tests/bench/bench_attribute.py [rows of the parquet files]``.

100,000 x 50 rows of a side with three groups, from memory; then files of many more rows, as a ratio in the same run.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any
import duckdb
import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).parents[2]))

GROUPS = {
    "behaviour": [f"x{i}" for i in range(20)],
    "environment": [f"x{i}" for i in range(20, 35)],
    "api": [f"c{i}" for i in range(15)],
}


def side(seed: int, shift: float, n: int) -> pd.DataFrame:
    draw = np.random.default_rng(seed)
    numbers = {f"x{i}": draw.normal(shift * (i == 0), 1, n) for i in range(35)}
    words = {f"c{i}": draw.choice(list("abcdef"), n) for i in range(15)}
    frame = pd.DataFrame({**numbers, **words})
    y = draw.random(n) < 1 / (1 + np.exp(-frame["x0"] - frame["x1"]))
    return frame.assign(y=y.astype(int), score=1 / (1 + np.exp(-0.8 * frame["x0"])))


def measure(*sides: Any) -> float:
    """Attribute once and return CPU seconds."""
    import rca

    start = time.process_time()
    found = rca.attribute(*sides, target="y", prediction="score", groups=GROUPS)
    found.frame()
    took = time.process_time() - start
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{found.gap.n_reference:>12,} rows used: {took:6.1f} CPU-s, {most:,.0f} MB at most")
    return took


def write(rows: int, files: list[str]) -> None:
    """Write both sides, each row another one."""
    for seed, file in enumerate(files):
        block = side(seed, 0.5 * seed, 100_000)
        noise = ", ".join(f"x{i} + 1e-6 * random() AS x{i}" for i in range(35))
        duckdb.sql(f"COPY (SELECT block.* REPLACE ({noise}) FROM block, range({rows // 100_000})) TO '{file}'")
        del block


def main() -> None:
    """Print both costs and their ratio."""
    if sys.argv[1:2] == ["--write"]:
        write(int(sys.argv[2]), sys.argv[3:])
        return
    if sys.argv[1:2] == ["--files"]:
        measure(*sys.argv[2:])
        return
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000_000
    print("100,000 x 50 rows of each side, from memory")
    base = measure(side(0, 0.0, 100_000), side(1, 0.5, 100_000))
    with tempfile.TemporaryDirectory() as home:
        files = [f"{home}/{seed}.parquet" for seed in (0, 1)]
        # a process counts the memory of the one that started it as its own, so this one stays small
        subprocess.run([sys.executable, __file__, "--write", str(rows), *files], check=True)
        print(f"{rows:,} x 50 rows of each side, from parquet")
        start = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, __file__, "--files", *files], check=True)
        end = resource.getrusage(resource.RUSAGE_CHILDREN)
        took = end.ru_utime + end.ru_stime - start.ru_utime - start.ru_stime
        print(f"with the start of Python {took:.1f} CPU-s: {took / base:.2f} times")


if __name__ == "__main__":
    main()
