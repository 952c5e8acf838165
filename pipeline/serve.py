"""Play the calls of the served clients, and log what the live system saw.

This is no stage: a log is not made again when the pipeline changes.
"""

from pathlib import Path
import pandas as pd
import yaml
from features import make_features
from prepare import RAW, split, tidy

LOG = Path("data/production.parquet")


def main() -> None:
    """Write the production log; outcomes are known, scores were not logged."""
    params = yaml.safe_load(Path("params.yaml").read_text())
    served = split(tidy(pd.read_parquet(RAW)), params["split"]["seed"])["served"]
    log = make_features(served, params["features"]["age_edges"])
    log.to_parquet(LOG, index=False, compression="zstd")


if __name__ == "__main__":
    main()
