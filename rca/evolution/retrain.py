"""Retrain without it: the model that the current version would have had with another training table."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rca.errors import NotApplicable
from rca.evolution._bench import Options, load_model, pull
from rca.evolution._changes import producer, sides, upstream
from rca.gitrepo import Repository
from rca.sandbox import sandbox

if TYPE_CHECKING:
    import pandas as pd

    from rca.types import Case, Model


def retrain(case: Case, path: str, table: pd.DataFrame, options: Options | None = None) -> Model:
    """Run the stages between a training table of the project and the model, with `table` in its place."""
    options = options or Options()
    _, current = sides(case)
    target = producer(current, case.model_path)
    readers = {name for name, stage in current.stages.items() if path in stage.deps}
    order = [name for name in upstream(current, target) if name in readers or readers & set(upstream(current, name))]
    if case.root is None or target is None or not order:
        raise NotApplicable(f"no stage of dvc.lock makes the model from {path}")
    with sandbox(Repository(Path(case.root)), current.commit) as box:
        pull(box, [current], order, options, but=path)
        target_file = box.root / path
        target_file.parent.mkdir(parents=True, exist_ok=True)
        target_file.unlink(missing_ok=True)
        if target_file.suffix == ".parquet":
            table.to_parquet(target_file, index=False)
        elif target_file.suffix in {".csv", ".tsv"}:
            table.to_csv(target_file, index=False, sep="\t" if target_file.suffix == ".tsv" else ",")
        else:
            raise NotApplicable(f"a table cannot be written as {path} here: the formats are parquet and csv")
        # Not the run cache: the table is a hypothesis, and the user's cache need not remember it.
        how = ("--force", "--no-run-cache", "--no-commit", "--single-item", *order)
        box.dvc("repro", *how, timeout=options.timeout)
        return load_model(box, case)
