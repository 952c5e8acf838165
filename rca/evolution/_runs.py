"""Run a project's pipeline in a throw-away copy: as it is, with another parameter, or with another training table."""

import hashlib
import sys
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any
import dpath
import pandas as pd
from dpath.exceptions import PathNotFound
from dvc.utils.serialize import MODIFIERS
from platformdirs import user_cache_path
from rca import models
from rca.errors import NotApplicable, ReplayError
from rca.evolution._changes import PARAMS, between, producer, sides
from rca.registry import Say, silent
from rca.sandbox import Sandbox, sandbox
from rca.stats import Estimate
from rca.types import Case, Model, Version

Judge = Callable[[Model], Estimate]


@dataclass(frozen=True, slots=True)
class Options:
    """How a replay is run."""

    repeats: int = 5  # paired seeds where the noise decides
    max_runs: int = 96
    jobs: int = 2
    timeout: float = 3600.0
    env: bool = False  # whether each side's packages are installed, and are a change like others
    dry: bool = False  # whether it is said what would be run, and nothing is
    say: Say = silent


def pull(box: Sandbox, versions: Iterable[Version], stages: Iterable[str], options: Options, but: str = "") -> None:
    """Fetch what the stages read, and neither git nor one of them provides."""
    known = [v.stages[name] for v in versions for name in stages if name in v.stages]
    made = {but, *(out for stage in known for out in stage.outs)}
    read = {dep for stage in known for dep in stage.deps}
    if inputs := sorted(path for path in read - made if not (box.root / path).exists()):
        box.dvc("pull", "--quiet", "--allow-missing", *inputs, timeout=options.timeout)


def run(box: Sandbox, case: Case, options: Options) -> int:
    """Run the pipeline as it is there; return how many stages ran, the others being known."""
    pull(box, sides(case), list(sides(case)[1].stages), options)
    return box.dvc("repro", "--pull", "--allow-missing", timeout=options.timeout).count("Running stage")


def load_model(box: Sandbox, case: Case) -> Model:
    """Read the model that a run made."""
    file = box.root / str(case.model_path)
    if not file.is_file():  # a stage whose inputs came out as they were is skipped, and its outputs with it
        box.dvc("pull", "--quiet", "--allow-missing", str(case.model_path))
    if not file.is_file():
        raise ReplayError(f"the run made no {case.model_path}")
    return models.load(str(file), str(case.model_path), trust=case.trust, features=case.roles.features)


def proof(case: Case, version: Version) -> Path:
    """Return the file whose being there says that a version, run again here, gave its recorded model bit by bit."""
    here = sorted(f"{d.name}=={d.version}" for d in metadata.distributions())
    told = "\n".join([version.commit, str(case.model_path), sys.version, *here])
    return user_cache_path("rca") / "reproduced" / hashlib.sha256(told.encode()).hexdigest()


def prove(box: Sandbox, case: Case, version: Version) -> None:
    """Note that a run gave a version's recorded model, if it did; without a place to note it, it is run again."""
    made, recorded = box.root / str(case.model_path), version.artifacts["model"].md5
    if recorded and hashlib.md5(made.read_bytes(), usedforsecurity=False).hexdigest() == recorded:
        with suppress(OSError):
            (place := proof(case, version)).parent.mkdir(parents=True, exist_ok=True)
            place.touch()


def set_seed(box: Sandbox, case: Case, seed: int) -> None:
    """Set the seed of a run."""
    file, colon, key = str(case.seed_key).partition(":")
    set_param(box.root, *((file, key) if colon else (PARAMS, file)), {str(case.seed_key): seed})


def set_param(root: Path, file: str, key: str, values: Mapping[str, Any]) -> None:
    """Set a parameter, or all below its key, as `values` has it; a key that they lack is removed."""
    path = root / file
    if path.suffix not in {".json", ".yaml", ".yml"}:
        raise ReplayError(f"{path.name} cannot be set key by key: keep parameters in YAML or JSON.")
    name = key if file == PARAMS else f"{file}:{key}"
    below = {k: v for k, v in values.items() if k == name or k.startswith(f"{name}.")}
    with MODIFIERS[path.suffix](path) as content:
        if name not in below:
            with suppress(PathNotFound):
                dpath.delete(content, key, separator=".")
        for full, value in below.items():
            dpath.new(content, full[len(name) - len(key) :], value, separator=".")


def retrain(case: Case, path: str, table: pd.DataFrame, options: Options | None = None) -> Model:
    """Run the stages between a training table of the project and the model, with `table` in its place."""
    options, current = options or Options(), sides(case)[1]
    readers = {name for name, stage in current.stages.items() if path in stage.deps}
    order = between(current, readers, producer(current, case.model_path))
    if not order:
        raise NotApplicable(f"no stage of dvc.lock makes the model from {path}")
    with sandbox(current.snapshot.repository, current.commit) as box:
        pull(box, [current], order, options, but=path)
        file = box.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.unlink(missing_ok=True)
        writers: dict[str, Callable[..., Any]] = {".parquet": table.to_parquet, ".csv": table.to_csv}
        writers[".tsv"] = partial(table.to_csv, sep="\t")
        if file.suffix not in writers:
            raise NotApplicable(f"a table cannot be written as {path} here: the formats are parquet and csv")
        writers[file.suffix](file, index=False)
        # Not the run cache: the table is a hypothesis, and the user's cache need not remember it.
        how = ("--force", "--no-run-cache", "--no-commit", "--single-item", *order)
        box.dvc("repro", *how, timeout=options.timeout)
        return load_model(box, case)
