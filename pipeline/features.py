"""Prepared calls to the columns that the model sees."""

from itertools import pairwise
from pathlib import Path
import numpy as np
import pandas as pd
import yaml

SOURCE = Path("data/prepared")
FOLDER = Path("data/features")
NEVER_CONTACTED = 999
# Not known when the call is made: how long it takes, and the figures of a quarter that is not over.
NOT_KNOWN_YET = ["duration", "emp_var_rate", "nr_employed"]


def age_band(age: pd.Series, edges: list[int]) -> pd.Series:
    """Name the age group of each client.

    Parameters
    ----------
    age : Series
        Age in years.
    edges : list of int
        The first age of every group but the youngest.

    Returns
    -------
    Series
        Names such as "under 30", "30 to 44" and "60 and over".
    """
    middle = [f"{low} to {high - 1}" for low, high in pairwise(edges)]
    names = np.array([f"under {edges[0]}", *middle, f"{edges[-1]} and over"])
    return pd.Series(names[np.searchsorted(edges, age, side="right")], index=age.index, dtype="str")


def make_features(calls: pd.DataFrame, edges: list[int]) -> pd.DataFrame:
    """Compute the features; training and serving both come through here.

    Parameters
    ----------
    calls : DataFrame
        Prepared calls.
    edges : list of int
        The edges of the age groups.

    Returns
    -------
    DataFrame
        Key, time, features, the sensitive `age_band` (no feature) and the target.
    """
    table = calls.drop(columns=NOT_KNOWN_YET)
    before = calls["pdays"] != NEVER_CONTACTED
    table["pdays"] = calls["pdays"].where(before).astype("float64")
    table["contacted_before"] = before.astype("int64")
    table["age_band"] = age_band(calls["age"], edges)
    # the target last
    table["y"] = table.pop("y")
    return table


def main() -> None:
    """Write the features of the training and the evaluation clients."""
    edges = yaml.safe_load(Path("params.yaml").read_text())["features"]["age_edges"]
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name in ("train", "evaluate"):
        table = make_features(pd.read_parquet(SOURCE / f"{name}.parquet"), edges)
        table.to_parquet(FOLDER / f"{name}.parquet", index=False, compression="zstd")


if __name__ == "__main__":
    main()
