"""How often intervals cover the truth: ``python tests/bench/bench_coverage.py [repetitions] [rows ...]``."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING
import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).parents[2]))

from rca.inputs.decompose import decompose
from tests.inputs.conftest import GROUPS, serve

if TYPE_CHECKING:
    from rca.stats import Estimate

SCENARIOS: dict[str, dict[str, float]] = {
    "none": {},
    "covariate": {"rate": 0.5},
    "concept": {"flip": 0.6},
    "both": {"rate": 0.5, "flip": 0.6},
}


def truth(changes: dict[str, float]) -> dict[str, float]:
    """Return the exact terms, but for the noise of a million rows.

    The loss depends on rate and job only, and only rate moves: its group has the whole covariate term.
    """
    moved = {name: by for name, by in changes.items() if name != "flip"}
    laws = [serve(np.random.default_rng(99), 1_000_000, **law).loss.mean() for law in ({}, moved, changes)]
    return {"covariate": laws[1] - laws[0], "concept": laws[2] - laws[1], "api": laws[1] - laws[0], "user": 0, "env": 0}


def repeat(changes: dict[str, float], n: int, repetitions: int) -> pd.DataFrame:
    """Return error, standard error and coverage of each term."""
    known = truth(changes)
    rows = []
    for seed in range(repetitions):
        rng = np.random.default_rng(seed)
        p, q = serve(rng, n), serve(rng, n, **changes)
        found = decompose(p.loss, q.loss, p.inputs, q.inputs, GROUPS, rng=rng)
        parts: dict[str, Estimate] = {"covariate": found.covariate, "concept": found.concept, **found.groups}
        for name, part in parts.items():
            low, high = part.interval()
            rows.append((name, part.value - known[name], part.se, low <= known[name] <= high, found.identified))
    table = pd.DataFrame(rows, columns=["term", "error", "se", "covered", "identified"]).groupby("term", sort=False)
    out = table.agg(bias=("error", "mean"), sd=("error", "std"), se=("se", "mean"), coverage=("covered", "mean"))
    return out.assign(truth=pd.Series(known), identified=table["identified"].mean())


def main() -> None:
    """Print the table."""
    repetitions = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    sizes = [int(text) for text in sys.argv[2:]] or [500, 2000, 5000]
    for n in sizes:
        for name, changes in SCENARIOS.items():
            start = time.process_time()
            table = repeat(changes, n, repetitions)
            print(f"\n{name}, {n} rows a side, {(time.process_time() - start) / repetitions:.2f} CPU-seconds each")
            print(table.round(4).to_string(), flush=True)


if __name__ == "__main__":
    main()
