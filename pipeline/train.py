"""Features to the fitted model."""

import io
import re
import zipfile
from pathlib import Path
from typing import Any
import pandas as pd
import skops.io
import yaml
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder
from threadpoolctl import threadpool_limits

TABLE = Path("data/features/train.parquet")
MODEL = Path("models/model.skops")
TARGET = "y"
NOT_FEATURES = ["client_id", "contacted_at", "age_band", TARGET]


def build(table: pd.DataFrame, params: dict[str, Any]) -> Pipeline:
    """Put the model together for the columns of a table.

    Parameters
    ----------
    table : DataFrame
        The feature columns.
    params : dict
        The section `train` of params.yaml.

    Returns
    -------
    Pipeline
        Not fitted; it takes the columns by name.
    """
    categories = list(table.select_dtypes(exclude="number"))
    numbers = list(table.select_dtypes("number"))
    encoder = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    columns = ColumnTransformer([("categories", encoder, categories), ("numbers", "passthrough", numbers)])
    settings = {name: value for name, value in params.items() if name != "seed"}
    trees = HistGradientBoostingClassifier(early_stopping=True, random_state=params["seed"], **settings)
    return Pipeline([("columns", columns), ("trees", trees)])


def save(model: Pipeline, path: Path) -> None:
    """Write a model so that the same model is the same bytes.

    The skops format names its parts by memory address and stamps them with the clock; here they are numbered in
    the order in which they appear, and the clock is fixed.

    Parameters
    ----------
    model : Pipeline
        The fitted model.
    path : Path
        Where to write it.
    """
    with zipfile.ZipFile(io.BytesIO(skops.io.dumps(model))) as made:
        parts = {name: made.read(name) for name in made.namelist()}
    numbers: dict[str, str] = {}

    def number(found: re.Match[str]) -> str:
        return found[1] + numbers.setdefault(found[2], str(len(numbers)))

    schema = re.sub(r'("(?:__id__|file)": "?)(\d+)', number, parts.pop("schema.json").decode())
    named = {re.sub(r"()(\d+)", number, name): part for name, part in parts.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for name, part in [*named.items(), ("schema.json", schema.encode())]:
            entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            archive.writestr(entry, part)


def main() -> None:
    """Fit the model and save it."""
    params = yaml.safe_load(Path("params.yaml").read_text())["train"]
    table = pd.read_parquet(TABLE)
    features = table.drop(columns=NOT_FEATURES)
    # One thread: the fit takes half a second, and runs side by side do not fight for the cores.
    with threadpool_limits(1):
        model = build(features, params).fit(features, table[TARGET])
    save(model, MODEL)


if __name__ == "__main__":
    main()
