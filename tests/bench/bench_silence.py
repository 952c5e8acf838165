"""How often integrity checks speak where nothing is wrong: pairs of samples of one table, of 50 to 100 columns.

    python tests/bench/bench_silence.py [--pairs 200] [--jobs 2]

Tables are made anew for each pair: real ones (digits; bank calls with columns derived from them) and drawn ones, whose
columns are of every sort that tables have (heavy tails, counts, flags, steps, series, categories, texts, times, holes)
and hang together by factors, sums, orderings and dependencies. Rows go to the two sides at random.
"""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path
from typing import Any
import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from sklearn.datasets import load_digits
from rca.api import check

BANK = Path(__file__).parents[2] / "data/raw/bank_marketing.parquet"
ROLES: dict[str, Any] = {"key": ("id",), "time": "at", "target": "y"}


def _near(z: Any, made: dict[str, Any], rng: np.random.Generator) -> Any:
    """Make a number on its own, or the double of another, or one that is never below it."""
    before = [n for n in made if made[n].dtype.kind == "f"]
    if not before or rng.random() < 0.5:
        return z * 10 ** rng.uniform(-3, 4)
    one = made[str(rng.choice(before))].to_numpy()
    return one * 2.0 if rng.random() < 0.5 else one + np.exp(z)


def drawn(rng: np.random.Generator, rows: int, width: int) -> pd.DataFrame:
    """Draw a table whose columns are of all sorts and hang together."""
    factors = rng.normal(size=(rows, 6))
    made: dict[str, Any] = {}
    for i in range(width):
        load = rng.normal(size=6) * (rng.random(6) < 0.4)
        z = factors @ load + rng.normal(size=rows) * rng.choice([0.2, 1.0, 3.0])
        z = (z - z.mean()) / z.std()
        sort = rng.choice(
            ["normal", "lognormal", "count", "flag", "steps", "heavy", "zeros", "share", "category", "rare"]
        )
        if sort == "lognormal":
            values: Any = np.exp(z * rng.uniform(0.3, 1.5) + rng.uniform(-3, 8))
        elif sort == "count":
            values = np.floor(np.exp(z) * rng.uniform(0.5, 20)).astype(int)
        elif sort == "flag":
            values = z > rng.uniform(-1, 2)
        elif sort == "steps":
            values = np.round(z * 2) / 2 * rng.choice([0.01, 1.0, 100.0])
        elif sort == "heavy":
            values = z * np.abs(rng.standard_t(2, rows))
        elif sort == "zeros":
            values = np.where(z > 0.5, np.exp(z), 0.0)
        elif sort == "share":
            values = 1 / (1 + np.exp(-z))
        elif sort == "category":
            values = np.array([f"c{k}" for k in range(60)])[np.clip(np.abs(z) * rng.uniform(1, 20), 0, 59).astype(int)]
        elif sort == "rare":
            values = np.array([f"w{k}" for k in range(3000)])[rng.zipf(1.6, rows) % 3000]
        else:
            values = _near(z, made, rng)
        column = pd.Series(values)
        if rng.random() < 0.3:
            column = column.astype("object" if column.dtype.kind in "bOU" else float)
            column = column.mask(rng.random(rows) < rng.choice([0.001, 0.02, 0.3, 0.9]))
        made[f"{sort}_{i}"] = column
    return pd.DataFrame(made)


def table(seed: int) -> tuple[str, pd.DataFrame]:
    """Return a table of 50 to 100 columns with a key, times and a target, and what it is made of."""
    rng = np.random.default_rng([seed, 77])
    width, rows = int(rng.integers(47, 98)), int(np.exp(rng.uniform(np.log(400), np.log(20_000))))
    kind = ("digits", "bank", "drawn", "drawn", "drawn")[seed % 5]
    if kind == "digits":
        digits = load_digits(as_frame=True).frame
        frame = digits.rename(columns={"target": "y"}).iloc[rng.permutation(len(digits))[: max(rows, 600)]]
    elif kind == "bank":
        bank = pd.read_parquet(BANK)
        frame = bank.iloc[np.sort(rng.permutation(len(bank))[:rows])].reset_index(drop=True)
        numbers = [str(n) for n in frame if frame[n].dtype.kind in "if" and n != "y"]
        while len(frame.columns) < width:
            one, other = rng.choice(numbers, 2)
            size = float(frame[one].std()) or 1.0
            frame[f"{one}_{other}_{len(frame.columns)}"] = frame[one] + frame[other] * rng.normal(0, size, len(frame))
    else:
        frame = drawn(rng, rows, width)
        score = frame.select_dtypes("number").rank(pct=True).iloc[:, :5].mean(axis=1)
        frame = frame.assign(y=(score.fillna(0.5) + rng.normal(0, 0.1, rows) > 0.55).astype(int))
    n = len(frame)
    at = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.sort(rng.uniform(0, 180 * 24 * 3600, n)).round(), unit="s")
    return kind, frame.reset_index(drop=True).assign(id=np.arange(n), at=at)


def spoken(seed: int) -> tuple[str, tuple[int, int], list[str]]:
    """Split a table at random, check one half against the other, and return what was said."""
    kind, whole = table(seed)
    order = np.random.default_rng([seed, 78]).permutation(len(whole))
    sides = [whole.iloc[np.sort(part)].reset_index(drop=True) for part in np.array_split(order, 2)]
    found = check(sides[0], sides[1], **ROLES)
    failed = [f"{o.code} failed: {o.reason}" for o in found.outcomes if o.status == "failed"]
    return kind, whole.shape, [f"{f.code} {f.kind} {f.text}" for f in found.findings] + failed


def main() -> None:
    """Print each pair of which something is said, and how many there are."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--pairs", type=int, default=200)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    seeds = range(options.first, options.first + options.pairs)
    loud: Counter[str] = Counter()
    done = Parallel(n_jobs=options.jobs, return_as="generator")(delayed(spoken)(seed) for seed in seeds)
    for seed, (kind, shape, said) in zip(seeds, done, strict=True):
        loud[kind] += bool(said)
        for text in said:
            print(f"{seed} {kind} {shape}: {text}", flush=True)
    print(f"{sum(loud.values())} of {options.pairs} pairs of samples of the same table have a finding; {dict(loud)}")


if __name__ == "__main__":
    main()
